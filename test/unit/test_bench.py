"""`hand4whole bench`: what it measures is what it says, and what cannot be measured says why."""

import functools
import json
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from hand4whole_ros.benchmarks import frame_stages, network, result_rows, run, subprocess_measurement, timing
from hand4whole_ros.benchmarks.benchmark_files import BenchmarkFiles
from hand4whole_ros.benchmarks.dummy_body import dummy_body
from hand4whole_ros.benchmarks.timing import MIN_ROUNDS, time_interleaved
from hand4whole_ros.body.smplx_file import check_arrays
from hand4whole_ros.checkpoints import CheckpointError
from hand4whole_ros.checkpoints.hand4whole_pp import load_hand4whole_pp
from hand4whole_ros.checkpoints.store import Store
from hand4whole_ros.checkpoints.verify import run_test_image
from hand4whole_ros.cli import main
from hand4whole_ros.geometry.mesh import boundary_loop
from hand4whole_ros.networks.hand4whole_pp import HAND4WHOLE_PP_TINY


def test_rounds_do_everything_equally_often_and_the_device_is_waited_for():
    done, waits = [], []
    found = time_interleaved({'a': lambda: done.append('a'), 'b': lambda: done.append('b')},
                        synchronise=lambda: waits.append(len(done)), seconds=0.0)
    assert done == ['a', 'b'] * (MIN_ROUNDS + 1) and set(found) == {'a', 'b'}
    # Before and after each: nothing that is under way is counted to the next.
    assert waits == [count for k in range(len(done)) for count in (k, k + 1)]


def test_the_median_without_the_first_round(monkeypatch):
    now, lasts = [0.0], iter([100.0, 0.001, 0.007, 0.002])

    def work():
        now[0] += next(lasts)
    monkeypatch.setattr('hand4whole_ros.benchmarks.timing.time.perf_counter', lambda: now[0])
    assert time_interleaved({'a': work}, seconds=0.0)['a'] == pytest.approx(2.0)


def test_the_stand_in_has_the_numbers_of_the_licensed_files():
    body = dummy_body()
    check_arrays(body.arrays, 'the stand-in')
    assert body.arrays['v_template'].shape == (10475, 3) and body.arrays['f'].shape == (20908, 3)
    assert len(np.unique(body.arrays['f'])) == 10475
    for side, layer in body.mano.items():
        assert layer.v_template.shape == (778, 3) and layer.faces.shape == (1538, 3)
        assert len(boundary_loop(layer.faces.astype(np.int64))) == 16
        assert len(np.unique(body.hand_vertices[side])) == 778
    again = dummy_body()
    assert all(np.array_equal(values, again.arrays[name]) for name, values in body.arrays.items())


def test_one_stage_that_breaks_costs_no_other_figure(monkeypatch):
    def stage(name, **_):
        if name == 'node':
            raise ZeroDivisionError('by chance')
        if name == 'markers':
            raise result_rows.BenchmarkSkipped('no feathers here: fly to a machine with some')
        return {'figures': {'detector_ms': 12.0, 'fit_ms': None}, 'why_null': {'fit_ms': 'nobody was there'}}
    monkeypatch.setattr(run, '_run_stage', stage)
    result = run.run(('node', 'markers', 'mediapipe'), device='cpu')
    assert result['failed'] == ['node'] and result['detector_ms'] == 12.0
    assert set(result_rows.ROWS) <= set(result)
    assert result['why_null']['node_overhead_ms_p50'] == 'failed: ZeroDivisionError: by chance'
    assert result['why_null']['forward_fp32_ms'] == 'not requested' and 'detector_ms' not in result['why_null']
    table = result_rows.format_table(result)
    assert '| MediaPipe on a rendered person, 640 x 480 | ms | 12 | - |' in table
    assert 'fly to a machine' in table and 'nobody was there' in table and 'not requested' not in table
    assert all(result['why_null'][key] for key in result_rows.ROWS if result[key] is None)
    json.dumps(result)


@pytest.mark.parametrize('words, says', [
    (['--only', 'everything'], 'everything: unknown; known are network, frame, mediapipe'),
    (['--seconds', '0'], '--seconds must be from 1'), (['--body-files', 'no/such'], 'no/such: no such folder'),
    (['--device', 'cuda:99'], 'device cuda:99'), (['--only', 'node', '--picture', 'p.svg'], 'name them in --only')])
def test_wrong_arguments_are_one_line_and_exit_2(words, says, capfd):
    assert main.main(['bench', *words]) == main.EXIT_USAGE
    error = capfd.readouterr().err.strip().splitlines()[-1]
    assert error.startswith('hand4whole: ') and says in error


def test_the_network_stage_at_the_size_of_tests(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr('hand4whole_ros.benchmarks.network.SUFFIXES', {'fp32': ''})  # a process each
    out, drawn = tmp_path / 'made' / 'figures.json', tmp_path / 'drawn' / 'profile.svg'
    assert main.main(['bench', '--only', 'network', '--size', 'tiny', '--device', 'cpu', '--json', str(out),
                     '--picture', str(drawn)]) == main.EXIT_SUCCESS
    found = json.loads(out.read_text())
    for key in ('encoder_ms', 'cham_ms', 'wilor_two_hands_ms', 'wilor_one_hand_ms', 'forward_fp32_ms',
                'products_fp32_gflops'):
        assert 0 < found[key] < 10_000, key
    parts = found['profile']['fp32']
    assert parts['body expert']['ms'] == found['encoder_ms']
    assert 0.3 < sum(part['ms'] for part in parts.values()) / found['forward_fp32_ms'] < 3
    assert 100 < found['peak_memory_mb'] < 10_000 and found['device'] == 'cpu'
    assert found['machine']['cores'] >= 1 and found['versions']['torch'] == torch.__version__
    table = capfd.readouterr().out
    assert 'fp32: whole forward, two hands' in table and 'a tiny network' in table
    assert 'whole forward' not in table.partition('| fp32')[0]
    assert ElementTree.parse(drawn).getroot().tag.endswith('svg') and 'The networks alone' in drawn.read_text()


def test_what_is_not_multiplied_here_says_why(monkeypatch):
    monkeypatch.setattr(network.packed_layers, 'can_pack', lambda precision: False)
    monkeypatch.setattr(
        network.subprocess_measurement,
        'measure_in_subprocess',
        lambda module, **words: {'figures': {'did': words['precision']}},
    )
    found = network.measure(SimpleNamespace(folder=lambda: 'here', remark='made up'))
    assert found['figures'] == {'did': 'fp32'}
    why = found['why_null']
    for key, word in {'forward_bf16_ms': 'AVX-512 BF16', 'cham_int8_ms': 'VNNI', 'forward_fp16_ms': 'GPU'}.items():
        assert word in why[key]
    assert set(why) == {key for name in ('bf16', 'fp16', 'int8') for key in result_rows.precision_keys(name)}


def test_files_of_the_form_of_the_published_ones_are_made_and_go(tmp_path, monkeypatch):
    with BenchmarkFiles(size='tiny') as files:
        folder = files.folder()
        assert files.folder() is folder and 'stand-in' in files.remark
        found = load_hand4whole_pp(Store(folder), HAND4WHOLE_PP_TINY)
        assert torch.isfinite(run_test_image(found)['vertices']).all()
    assert not folder.exists()
    monkeypatch.setattr(
        'hand4whole_ros.benchmarks.benchmark_files.shutil.disk_usage', lambda _: SimpleNamespace(free=1000)
    )
    with BenchmarkFiles(tmp_path / 'no weights here') as files, pytest.raises(CheckpointError, match='SMPLX_NEUTRAL'):
        files.folder()
    monkeypatch.setenv('HAND4WHOLE_WEIGHTS', str(tmp_path))
    with BenchmarkFiles() as files, pytest.raises(result_rows.BenchmarkSkipped, match='lacks 5 GB; set TMPDIR'):
        files.folder()


def test_a_process_says_why_it_measured_nothing(tmp_path, monkeypatch):
    def unwilling(**words):
        raise result_rows.BenchmarkSkipped(f'not on a {words["day"]}')
    monkeypatch.setattr('sys.argv', ['child', str(tmp_path / 'out'), 'day=Sunday'])
    subprocess_measurement.main(unwilling)
    assert json.loads((tmp_path / 'out').read_text()) == {'unmeasured': 'not on a Sunday'}
    monkeypatch.setattr(subprocess_measurement.subprocess, 'run', lambda words: SimpleNamespace(returncode=-9))
    with pytest.raises(result_rows.BenchmarkSkipped, match='lack of memory'):
        subprocess_measurement.measure_in_subprocess('no.module', device='cpu')


def test_a_frame_at_the_size_of_tests(published_folder, monkeypatch):
    pytest.importorskip('mediapipe')
    monkeypatch.setattr(frame_stages, '_IMAGES', 3)
    monkeypatch.setattr(frame_stages, '_WARM_UP', 1)
    found = frame_stages.measure_in_process('cpu', 'tiny', str(published_folder))
    figures, parts = found['figures'], found['profile']['frame']
    assert set(figures) == set(result_rows.stage_keys('frame')) and all(ms > 0 for ms in figures.values())
    assert figures['frame_ms'] > figures['frame_network_ms'] > parts['body expert']['ms']
    assert parts['hand expert']['gflop'] > 0 and 'gflop' not in parts['detector']
    assert found['remarks']['frame'].startswith('2 images, 2.0 hands each')


def test_an_interruption_keeps_the_stages_that_are_measured(tmp_path, monkeypatch, capfd):
    def measure(stage, **_):
        if stage == 'mediapipe':
            raise KeyboardInterrupt
        return {'figures': {'encoder_ms': 12.0}}
    monkeypatch.setattr(run, '_measure_stage', measure)
    out = tmp_path / 'figures.json'
    assert main.main(['bench', '--only', 'network', 'mediapipe', 'node', '--json', str(out)]) == main.EXIT_FAILURE
    found = json.loads(out.read_text())
    assert found['encoder_ms'] == 12.0 and found['interrupted'] == ['mediapipe', 'node']
    assert {found['why_null'][key] for key in result_rows.stage_keys('mediapipe')} == {'interrupted'}
    assert capfd.readouterr().err.strip().splitlines()[-1] == (
        'hand4whole: interrupted: without mediapipe, node; the other stages are above')


@pytest.fixture
def one_round(monkeypatch):
    """Where more would only make figures steadier."""
    monkeypatch.setattr(timing, 'time_interleaved', functools.partial(time_interleaved, min_rounds=1))


def test_the_networks_for_landmarks(one_round, monkeypatch):
    pytest.importorskip('ai_edge_litert')
    from hand4whole_ros.benchmarks import landmarks
    monkeypatch.setattr(landmarks, 'WARM_UP', 2)
    found = landmarks.measure(seconds=0)
    assert {*found['figures'], *found['why_null']} == set(result_rows.stage_keys('landmarks'))
    assert all(0 < figure < 1e5 for figure in found['figures'].values())


def test_the_open_estimators_on_a_video(monkeypatch):
    pytest.importorskip('ai_edge_litert')
    from hand4whole_ros.benchmarks import video
    monkeypatch.setattr(video, '_WARM_UP', 10)
    found = video.measure(seconds=0)
    assert {*found['figures'], *found['why_null']} == set(result_rows.stage_keys('video'))
    # In all others everybody is detected with both hands.
    assert set(found['why_null']) <= {'video_holistic_ms', 'video_holistic_processor_ms'}
    first, both = (found['figures'][f'video_mediapipe_{people}_processor_ms'] for people in (1, 2))
    assert 1.1 < both / first < 4


_ESTIMATOR_PAIRS = (('hand4whole_pp', 'hand4whole'), ('wilor', 'unihope'), ('open', 'mediapipe'))


def _estimator_keys(names):
    return {f'estimate_{name}_{people}_people{part}_ms' for people in (1, 4) for part in ('', '_network')
            for name in names}


def test_every_estimator_has_its_rows():
    assert set(result_rows.stage_keys('estimators')) == _estimator_keys(sum(_ESTIMATOR_PAIRS, ()))


@pytest.mark.parametrize('names', _ESTIMATOR_PAIRS)
def test_estimators_side_by_side_at_the_size_of_tests(names, published_folder, one_thread, monkeypatch):
    pytest.importorskip('ai_edge_litert')
    from hand4whole_ros.benchmarks import estimator_rows
    monkeypatch.setattr(estimator_rows, 'ESTIMATORS', names)
    found = estimator_rows.measure_in_process('cpu', 'tiny', str(published_folder))
    assert {*found['figures'], *found['why_null']} == _estimator_keys(names)
    for key, figure in found['figures'].items():
        if key.endswith('_network_ms') and ('_open_' in key or '_mediapipe_' in key):
            assert figure is None and 'no network of its own' in found['why_null'][key]
        else:
            assert figure > 0, key
    if 'hand4whole' in names:
        assert found['figures']['estimate_hand4whole_1_people_ms'] > found['figures'][
            'estimate_hand4whole_1_people_network_ms']
        assert found['remarks']['estimators'].count(': 1 people, 0 other hands; 4 people') == 2
    remarks = found['remarks']['estimators'].split(' | ')
    assert all(remark.startswith(f'{name} on cpu') for name, remark in zip(names, remarks, strict=True))


def test_an_estimator_that_is_not_there_costs_its_own_rows_alone(published_folder, one_thread, monkeypatch):
    from hand4whole_ros.benchmarks import estimator_rows
    from hand4whole_ros.estimators import EstimatorUnavailable

    class Nothing:
        name, device, loose_hands, network = 'wilor', 'cpu', [], torch.nn.Identity()

        def estimate(self, image, intrinsics):
            return [self.network(0)]

        def close(self):
            pass

    def create(config):
        if config.estimator != 'wilor':
            raise EstimatorUnavailable('no weights: fetch them')
        return Nothing()
    monkeypatch.setattr('hand4whole_ros.estimators.create', create)
    found = estimator_rows.measure_in_process('cpu', 'tiny', str(published_folder))
    assert found['figures']['estimate_wilor_4_people_ms'] > 0
    assert found['why_null']['estimate_open_1_people_ms'] == 'no weights: fetch them' and len(found['why_null']) == 20


def test_a_folder_of_body_files_alone():
    with BenchmarkFiles(size='full') as files:
        folder = files.body_folder()
        assert files.body_folder() == folder and 'stand-in' in files.body_remark
        assert {path.suffix for path in folder.iterdir()} == {'.npz'} and len(list(folder.iterdir())) == 4
    assert not folder.exists()
