"""`hand4whole bench`: what it measures is what it says, and what cannot be measured says why."""

import json

import numpy as np
import pytest
import torch

from hand4whole_ros import cli
from hand4whole_ros.bench import rows, run
from hand4whole_ros.bench.stand_in_body import stand_in_body
from hand4whole_ros.bench.timing import LEAST, interleaved
from hand4whole_ros.body.smplx_file import check_arrays
from hand4whole_ros.geometry.mesh import boundary_ring


def test_rounds_do_everything_equally_often_and_the_device_is_waited_for():
    done, waits = [], []
    found = interleaved({'a': lambda: done.append('a'), 'b': lambda: done.append('b')},
                        synchronise=lambda: waits.append(len(done)), seconds=0.0)
    assert done == ['a', 'b'] * (LEAST + 1) and set(found) == {'a', 'b'}
    # Before and after each: nothing that is under way is counted to the next.
    assert waits == [count for k in range(len(done)) for count in (k, k + 1)]


def test_the_median_without_the_first_round(monkeypatch):
    now, lasts = [0.0], iter([100.0, 0.001, 0.007, 0.002])

    def work():
        now[0] += next(lasts)
    monkeypatch.setattr('hand4whole_ros.bench.timing.time.perf_counter', lambda: now[0])
    assert interleaved({'a': work}, seconds=0.0)['a'] == pytest.approx(2.0)


def test_the_stand_in_has_the_numbers_of_the_licensed_files():
    body = stand_in_body()
    check_arrays(body.arrays, 'the stand-in')
    assert body.arrays['v_template'].shape == (10475, 3) and body.arrays['f'].shape == (20908, 3)
    assert len(np.unique(body.arrays['f'])) == 10475
    for side, layer in body.mano.items():
        assert layer.v_template.shape == (778, 3) and layer.faces.shape == (1538, 3)
        assert len(boundary_ring(layer.faces.astype(np.int64))) == 16
        assert len(np.unique(body.hand_vertices[side])) == 778
    again = stand_in_body()
    assert all(np.array_equal(values, again.arrays[name]) for name, values in body.arrays.items())


def test_one_stage_that_breaks_costs_no_other_figure(monkeypatch):
    def stage(name, *_):
        if name == 'node':
            raise ZeroDivisionError('by chance')
        if name == 'markers':
            raise rows.Unmeasured('no feathers here: fly to a machine with some')
        return {'figures': {'detector_ms': 12.0, 'fit_ms': None}, 'why_null': {'fit_ms': 'nobody was there'}}
    monkeypatch.setattr(run, '_stage', stage)
    result = run.run(('node', 'markers', 'mediapipe'), device='cpu')
    assert result['failed'] == ['node'] and result['detector_ms'] == 12.0
    assert set(rows.ROWS) <= set(result)
    assert result['why_null']['node_overhead_ms_p50'] == 'failed: ZeroDivisionError: by chance'
    assert result['why_null']['forward_fp32_ms'] == 'not asked for' and 'detector_ms' not in result['why_null']
    table = rows.format_table(result)
    assert '| MediaPipe on a rendered person, 640 x 480 | ms | 12 | - |' in table
    assert 'fly to a machine' in table and 'nobody was there' in table and 'not asked for' not in table
    assert all(result['why_null'][key] for key in rows.ROWS if result[key] is None)
    json.dumps(result)


@pytest.mark.parametrize('words, says', [
    (['--only', 'everything'], 'everything: unknown; known are network, mediapipe'),
    (['--seconds', '0'], '--seconds must be from 1'), (['--body-files', 'no/such'], 'no/such: no such folder'),
    (['--device', 'cuda:99'], 'device cuda:99')])
def test_wrong_arguments_are_one_line_and_exit_2(words, says, capfd):
    assert cli.main(['bench', *words]) == cli.WRONG_INPUT
    error = capfd.readouterr().err.strip().splitlines()[-1]
    assert error.startswith('hand4whole: ') and says in error


def test_the_network_stage_at_the_size_of_tests(tmp_path, capfd):
    out = tmp_path / 'made' / 'figures.json'
    assert cli.main(['bench', '--only', 'network', '--size', 'tiny', '--device', 'cpu', '--json', str(out)]) == cli.DONE
    found = json.loads(out.read_text())
    for key in ('encoder_ms', 'cham_ms', 'wilor_two_hands_ms', 'wilor_one_hand_ms', 'forward_fp32_ms'):
        assert 0 < found[key] < 10_000, key
    assert found['forward_fp32_ms'] > found['encoder_ms']
    assert 100 < found['peak_memory_mb'] < 10_000 and found['device'] == 'cpu'
    assert found['machine']['cores'] >= 1 and found['versions']['torch'] == torch.__version__
    assert found['forward_fp16_ms'] is None and 'GPU' in found['why_null']['forward_fp16_ms']
    table = capfd.readouterr().out
    assert 'whole forward, two hands, float32' in table and 'tiny network' in table
