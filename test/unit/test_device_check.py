"""scripts/gpu_check.sh on the processor, from a checkout as it lies there: everything runs, whatever a GPU is worth."""

import json
import os
import shutil
import subprocess
import sys

import pytest
import torch
from locations import ROOT
from parity import device_parity

from hand4whole_ros.benchmarks import device_check, device_networks
from hand4whole_ros.benchmarks.graphed_forward import GraphedForward
from hand4whole_ros.estimators.devices import PRECISIONS

SCRIPT = ROOT / 'scripts/gpu_check.sh'


def run(*words, **options):
    return subprocess.run([SCRIPT, *words], capture_output=True, text=True, timeout=280,
                          env={**os.environ, 'PYTHON': sys.executable, **options})


def test_all_of_it_on_a_processor(tmp_path):
    """From a checkout without what a build makes, of one person: four have a test of their own."""
    bare = tmp_path / 'checkout'
    for part in ('hand4whole_ros', 'test/parity', 'test/data/parity', 'scripts'):
        shutil.copytree(ROOT / part, bare / part, ignore=shutil.ignore_patterns('msg', '*.so', '__pycache__', 'models'))
    for file, line, shorter in (('device_check', 'PEOPLE = (1, 4)', 'PEOPLE = (1,)'),
                                ('training_steps', '_BATCH = 4', '_BATCH = 1')):
        path = bare / f'hand4whole_ros/benchmarks/{file}.py'
        path.write_text(path.read_text().replace(line, shorter))
    found = subprocess.run([bare / 'scripts/gpu_check.sh', '--device', 'cpu', '--output', tmp_path / 'out'],
                           capture_output=True, text=True, timeout=290, cwd=tmp_path,
                           env={**os.environ, 'PYTHON': sys.executable})
    assert found.returncode == 0, found.stderr
    figures = json.loads((tmp_path / 'out/figures.json').read_text())
    assert figures['size'] == 'tiny' and figures['device'] == 'cpu'
    rows = {(row['network'], row['people'], row['way']): row for row in figures['forward']}
    assert {key[:2] for key in rows} == {(name, 1) for name in device_networks.NETWORKS}
    for (_, _, way), row in rows.items():
        assert row['ms'] > 0 and row['difference'] <= (1e-4 if 'fp32' in way else 0.3), row
    assert figures['training']['steps'] == 4 and figures['training']['batch'] == 1
    assert figures['training']['last_loss'] < figures['training']['first_loss']
    table = (tmp_path / 'out/tables.md').read_text()
    assert '| unihope | 1 | eager fp32 |' in table and '4 steps of CHAM' in table and table in found.stdout


@pytest.mark.parametrize('words, says', [(['--device', 'cuda:99'], 'device cuda:99: torch'),
                                         (['--speed', '1'], '--speed'), (['--device'], 'and a value')])
def test_wrong_arguments_are_one_line_and_exit_2(tmp_path, words, says):
    found = run('--output', str(tmp_path / 'out'), *words)
    assert found.returncode == 2 and says in found.stderr.strip().splitlines()[-1]


def test_a_python_without_the_libraries_is_told_what_it_lacks(tmp_path):
    bare = tmp_path / 'python'
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    bare.chmod(0o755)
    found = run('--device', 'cpu', '--output', str(tmp_path / 'out'), PYTHON=str(bare))
    assert found.returncode == 2 and 'lacks torch' in found.stderr and '--wheels' in found.stderr


def test_parity_at_full_size_as_a_program(published_folder, tmp_path, capsys, monkeypatch):
    """With the network that is done soonest; the others' parity has tests of its own."""
    monkeypatch.setattr(device_parity.fake_models, 'write_all', lambda folder: shutil.copytree(
        published_folder, folder, dirs_exist_ok=True))      # written by the same function
    words = ['--device', 'cpu', '--only', 'unihope', '--json', str(tmp_path / 'parity.json')]
    compare, measured = device_parity.compare, []
    monkeypatch.setattr(device_parity, 'compare', lambda *given: measured.append(compare(*given)) or measured[-1])
    assert device_parity.main(words) == 0
    exact, half = json.loads((tmp_path / 'parity.json').read_text())
    assert exact['precision'] == 'float32' and exact['difference'] <= exact['tolerance'] < half['difference']
    assert '| unihope | float32 |' in capsys.readouterr().out
    # The same figures, where nothing may differ.
    again = iter([{**measured[0], 'tolerance': 0.0}, measured[1]])
    monkeypatch.setattr(device_parity, 'compare', lambda *given: next(again))
    assert device_parity.main(words) == 1 and 'unihope differs by' in capsys.readouterr().err


def test_one_way_that_fails_costs_no_other_figure(monkeypatch):
    network = device_networks.NETWORKS['wilor']

    def load(body, size, device, precision):
        if precision == PRECISIONS['bf16']:
            raise RuntimeError('no such kernel')
        return network.load(body, size, device, precision)
    monkeypatch.setattr(device_check, 'NETWORKS', {'wilor': network._replace(load=load)})
    monkeypatch.setattr(device_check, 'train_steps', lambda *given: {'why': 'not today'})
    found = device_check.check(torch.device('cpu'), 'tiny')
    assert device_check.failures(found) == [
        'wilor, 1 people, bf16: RuntimeError: no such kernel', 'wilor, 4 people, bf16: RuntimeError: no such kernel',
        'training: not today']
    assert all(row['ms'] > 0 for row in found['forward'] if row['way'] != 'bf16')
    assert 'no such kernel' in device_check.format_table(found)


def test_where_graphs_fail_what_is_compiled_is_measured_beside_eager(monkeypatch):
    monkeypatch.setattr(device_check, 'NETWORKS', {'wilor': device_networks.NETWORKS['wilor']})
    monkeypatch.setattr(device_check, 'PEOPLE', (1,))
    monkeypatch.setattr(device_check, '_ways', lambda device: ('fp32', 'fp32 graphs'))     # a processor has no graphs
    monkeypatch.setattr(device_check, 'train_steps', lambda *given: {'why': 'not today'})
    compiled, compile_part = [], torch.compile
    monkeypatch.setattr(torch, 'compile', lambda part, **options: compiled.append(part) or compile_part(
        part, backend='eager', **options))      # without a C++ compiler
    found = device_check.check(torch.device('cpu'), 'tiny')
    rows = {row['way']: row for row in found['forward']}
    assert list(rows) == ['eager fp32', 'fp32', 'fp32 graphs', 'fp32 compiled'] and len(compiled) == 1
    assert 'why' in rows['fp32 graphs'] and rows['fp32 compiled']['difference'] <= 1e-4
    assert rows['fp32 compiled']['ms'] > 0 and rows['fp32 compiled']['times_eager'] > 0
    assert '| wilor | 1 | fp32 compiled |' in device_check.format_table(found)


def test_numbers_that_are_not_finite_are_no_result():
    whole = {'a': torch.ones(3)}
    assert device_networks.relative_difference({'a': torch.tensor([1, 1, 1.5])}, whole) == pytest.approx(0.5)
    with pytest.raises(ValueError, match='a is not finite'):
        device_networks.relative_difference({'a': torch.tensor([1, float('nan'), 1])}, whole)


@pytest.mark.skipif(not torch.cuda.is_available(), reason='no GPU')
def test_a_graph_gives_what_the_part_gives():
    layer = torch.nn.Linear(4, 4).cuda().requires_grad_(False)
    graphed = GraphedForward(layer.forward)
    for _ in range(3):
        x = torch.randn(2, 4, device='cuda')
        torch.testing.assert_close(graphed(x), layer(x))
