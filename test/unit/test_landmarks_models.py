"""The networks' files: they are those of the table, and nothing else is loaded; and how they are run."""

import hashlib
import shutil
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest

from hand4whole_ros.landmarks import LandmarksUnavailable, model_files
from hand4whole_ros.landmarks.graph_outputs import keep_outputs
from hand4whole_ros.landmarks.model_files import FOLDER, HAND_RECROP, MODEL_FILES, POSE_LANDMARK_FULL, read
from hand4whole_ros.landmarks.network import Network
from hand4whole_ros.landmarks.regions import Region
from hand4whole_ros.landmarks.runtime import Runtime

interpreters = pytest.importorskip('ai_edge_litert.interpreter')


def noise(size):
    return np.random.default_rng(size).integers(0, 256, (size, size, 3), np.uint8)


@pytest.fixture
def interpreter():
    """A function that makes an interpreter of a file's content."""
    def make(content):
        made = interpreters.Interpreter(model_content=content, num_threads=1)
        made.allocate_tensors()
        return made
    return make


def outputs_of(interpreter, picture):
    details = interpreter.get_input_details()[0]
    interpreter.set_tensor(details['index'], picture[None].astype(np.float32) / 255)
    interpreter.invoke()
    return [interpreter.get_tensor(output['index']) for output in interpreter.get_output_details()]


# Files

def test_the_folder_holds_the_table_with_its_licence():
    assert {path.name for path in FOLDER.iterdir()} == {model.file_name for model in MODEL_FILES} | {
        'LICENSE', 'NOTICE'}
    assert 'Apache License' in (FOLDER / 'LICENSE').read_text()
    assert 'mediapipe 0.10.21' in (FOLDER / 'NOTICE').read_text()


@pytest.mark.parametrize('model', MODEL_FILES, ids=lambda model: model.file_name)
def test_a_file_is_the_one_of_the_table_and_takes_what_the_table_says(model, interpreter):
    content = read(model)
    assert len(content) == model.size and hashlib.sha256(content).hexdigest() == model.sha256
    details, = interpreter(content).get_input_details()
    assert tuple(details['shape']) == (1, model.input_size, model.input_size, 3) and details['dtype'] is np.float32


@pytest.mark.parametrize('damage, says', [
    (lambda path: path.unlink(), 'cannot be read'),
    (lambda path: path.write_bytes(path.read_bytes()[:-1]), 'is damaged'),
    (lambda path: path.write_bytes(path.read_bytes() + b'x'), 'is damaged'),
    (lambda path: path.write_bytes(b''), 'is damaged'),
    (lambda path: path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:]), 'is damaged')],
    ids=['missing', 'short', 'long', 'empty', 'one bit'])
def test_a_file_that_is_not_the_one_of_the_table_is_refused(tmp_path, damage, says):
    path = tmp_path / HAND_RECROP.file_name
    shutil.copy(FOLDER / HAND_RECROP.file_name, path)
    assert read(HAND_RECROP, tmp_path)
    damage(path)
    with pytest.raises(LandmarksUnavailable) as caught:
        read(HAND_RECROP, tmp_path)
    message = str(caught.value)
    assert says in message and str(path) in message and 'install' in message and '\n' not in message


def test_without_litert_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, 'ai_edge_litert.interpreter', None)
    with pytest.raises(LandmarksUnavailable, match='pip install ai-edge-litert'):
        Network(HAND_RECROP, Runtime())


# Outputs that are not used

def test_without_unused_outputs_the_others_stay_the_same_to_the_bit(interpreter):
    content = read(POSE_LANDMARK_FULL)
    fewer = keep_outputs(content, POSE_LANDMARK_FULL.outputs)
    assert len(fewer) == len(content) and read(POSE_LANDMARK_FULL) == content
    picture = noise(POSE_LANDMARK_FULL.input_size)
    everything, kept = outputs_of(interpreter(content), picture), outputs_of(interpreter(fewer), picture)
    assert len(kept) == len(POSE_LANDMARK_FULL.outputs) < len(everything)
    for number, output in zip(POSE_LANDMARK_FULL.outputs, kept):
        assert np.array_equal(output, everything[number])


def test_operators_that_only_the_unused_output_needs_are_gone(interpreter):
    content = read(POSE_LANDMARK_FULL)
    counts = [len(interpreter(one)._get_ops_details()) for one in (
        content, keep_outputs(content, (0, 1, 3, 4)), keep_outputs(content, (0, 1)), keep_outputs(content, range(5)))]
    assert counts[0] == counts[3] > counts[1] > counts[2] > 0


# Running

@pytest.mark.parametrize('model', MODEL_FILES, ids=lambda model: model.file_name)
def test_xnnpack_runs_all_operators_of_a_network(model, interpreter):
    made = interpreter(read(model))
    delegated, = (operator for operator in made._get_ops_details() if operator['op_name'] == 'DELEGATE')
    assert set(delegated['outputs']) == {output['index'] for output in made.get_output_details()}


def test_a_network_gives_what_its_file_says(interpreter):
    picture = noise(HAND_RECROP.input_size)
    given = Network(HAND_RECROP, Runtime()).run(picture, Region.of_image(picture))
    wanted = outputs_of(interpreter(read(HAND_RECROP)), picture)
    assert [output.shape for output in given] == [output.shape for output in wanted]
    assert given[0] == pytest.approx(wanted[0], abs=1e-3)


def test_the_range_of_values_reaches_the_network(interpreter):
    picture = noise(HAND_RECROP.input_size)
    other = Network(replace(HAND_RECROP, value_range=(-1.0, 1.0)), Runtime()).run(picture, Region.of_image(picture))
    made = interpreter(read(HAND_RECROP))
    made.set_tensor(made.get_input_details()[0]['index'], picture[None].astype(np.float32) / 127.5 - 1)
    made.invoke()
    assert other[0] == pytest.approx(made.get_tensor(made.get_output_details()[0]['index']), abs=1e-3)


def test_several_threads_may_run_a_network_at_once():
    network = Network(HAND_RECROP, Runtime())
    pictures = [noise(100 + k) for k in range(6)]
    wanted = [network.run(picture, Region.of_image(picture))[0] for picture in pictures]
    given = [None] * len(pictures)
    start = threading.Barrier(len(pictures))

    def run(k):
        start.wait()
        for _ in range(5):
            given[k] = network.run(pictures[k], Region.of_image(pictures[k]))[0]
    threads = [threading.Thread(target=run, args=(k,)) for k in range(len(pictures))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(one, other) for one, other in zip(wanted, given))


def test_what_a_network_gives_stays_after_its_next_run():
    network = Network(HAND_RECROP, Runtime())
    first, second = noise(50), noise(60)
    before = network.run(first, Region.of_image(first))[0]
    kept = before.copy()
    assert not np.array_equal(network.run(second, Region.of_image(second))[0], before)
    assert np.array_equal(before, kept)


def test_loading_a_network_is_quiet():
    # In a process of its own: LiteRT reports its delegate once.
    code = ('from hand4whole_ros.landmarks import model_files, network, runtime; '
            'network.Network(model_files.HAND_RECROP, runtime.Runtime())')
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ('', '')


# Runtime

@pytest.mark.parametrize('workers', [1, 2, 4])
def test_results_are_in_the_order_of_the_items(workers):
    runtime = Runtime(workers)
    assert runtime.map(lambda x: 2 * x, range(9)) == list(range(0, 18, 2))
    assert runtime.map(abs, []) == []


def test_two_workers_work_at_the_same_time():
    meeting = threading.Barrier(2, timeout=60)     # broken, and an error, if one came after the other
    assert sorted(Runtime(2).map(lambda _: meeting.wait(), range(2))) == [0, 1]


def test_calls_may_use_the_workers_themselves():
    runtime = Runtime(2)
    assert runtime.map(lambda x: sum(runtime.map(lambda y: runtime.map(abs, [x * y, 1])[0], range(4))), range(5)) == [
        6 * x for x in range(5)]


@pytest.mark.parametrize('failing', [0, 1, 4])
def test_an_exception_comes_out_once_nothing_runs_any_more(failing):
    running = []

    def call(k):
        running.append(k)
        try:
            if k == failing:
                raise KeyError(k)
        finally:
            running.remove(k)
    with pytest.raises(KeyError):
        Runtime(3).map(call, range(5))
    assert running == []


@pytest.mark.parametrize('numbers', [{'workers': 0}, {'threads': 0}])
def test_fewer_than_one_worker_or_thread_is_refused(numbers):
    with pytest.raises(ValueError, match='1 or more'):
        Runtime(**numbers)


def test_files_are_declared_for_both_ways_to_install():
    import configparser
    root = FOLDER.parents[2]
    if not (root / 'setup.cfg').is_file():
        pytest.skip('not in the source tree')
    config = configparser.ConfigParser()
    config.read(root / 'setup.cfg')
    assert 'landmarks/models/*' in config['options.package_data']['hand4whole_ros']
    assert all((root / name).is_file() for name in config['metadata']['license_files'].split())
    assert model_files.FOLDER.is_dir()
