"""The command as a user meets it: help, one-line errors, exit codes."""

import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from hand4whole_ros.cli import main
from hand4whole_ros.system.standard_streams import EXIT_READER_CLOSED


def hand4whole(*words, timeout=120):
    return subprocess.run([sys.executable, '-m', 'hand4whole_ros.cli.main', *map(str, words)],
                          capture_output=True, text=True, timeout=timeout)


@pytest.mark.parametrize('words', [[], ['demo'], ['estimate'], ['run'], ['evaluate', 'synthetic'], ['doctor']])
def test_help_teaches_with_examples(words, capsys):
    with pytest.raises(SystemExit) as end:
        main.main([*words, '--help'])
    text = capsys.readouterr().out
    assert end.value.code == 0
    assert 'hand4whole ' + ' '.join(words) in text.split('start here' if not words else 'examples:')[1]


def test_help_answers_without_importing_torch():
    code = ('import sys; from hand4whole_ros.cli import main; main.create_parser(); '
            'print([m for m in ("torch", "cv2", "rclpy") if m in sys.modules])')
    answer = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert answer.stdout.strip() == '[]', answer.stdout + answer.stderr


@pytest.mark.parametrize('words, says', [
    (['estimate', 'no/such/file.png', '--json', 'out.json'], 'no/such/file.png: no such file or folder'),
    (['estimate', '.', '--focal', '-3', '--json', 'out.json'], '--focal must be a positive number'),
    (['estimate', '.', '--focal', 'nan', '--json', 'out.json'], '--focal must be a positive number'),
    (['estimate', '.'], 'nothing to write'),
    (['estimate', 'EMPTY', '--json', 'out.json'], 'no pictures or videos in this folder'),
    (['estimate', 'PICTURE', '--json', 'out.json', '--estimator', 'magic'], 'magic: unknown; known are'),
    (['estimate', 'PICTURE', '--json', 'out.json', '--body-model', 'no.npz'], 'no.npz: no such file'),
    (['evaluate', 'synthetic', '--count', '0'], '--count must be at least 1'),
    (['demo', '--seconds', '0'], '--seconds must be positive'),
    (['run', 'image_topic=/camera'], 'not of the form name:=value'),
    (['run', 'colour:=red'], 'colour: unknown argument')])
def test_wrong_arguments_are_one_line_and_exit_2(words, says, tmp_path, capfd):
    (tmp_path / 'empty').mkdir()
    cv2.imwrite(str(tmp_path / 'x.png'), np.zeros((8, 8, 3), np.uint8))
    places = {'EMPTY': str(tmp_path / 'empty'), 'PICTURE': str(tmp_path / 'x.png')}
    assert main.main([places.get(word, word) for word in words]) == main.EXIT_USAGE
    error = capfd.readouterr().err.strip().splitlines()[-1]
    assert error.startswith('hand4whole: ') and says in error


def test_a_folder_with_one_broken_picture_does_the_rest_and_exits_2(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.full((120, 160, 3), 90, np.uint8))
    (tmp_path / 'b.png').write_bytes(b'this is no picture')
    answer = hand4whole('estimate', tmp_path, '--json', tmp_path / 'out' / 'poses.json', '--focal', 200,
                        '--estimator', 'mediapipe')
    assert answer.returncode == main.EXIT_USAGE, answer.stderr
    assert 'b.png: not a picture' in answer.stderr and 'Traceback' not in answer.stderr
    assert json.loads((tmp_path / 'out' / 'poses.json').read_text()) == {'a.png': []}


def test_everybody_of_a_crowd_is_given(people_seen, tmp_path):
    image = np.concatenate([people_seen[0][0]] * 6, axis=1)
    cv2.imwrite(str(tmp_path / 'crowd.png'), image[:, :, ::-1])
    assert main.main(['estimate', str(tmp_path / 'crowd.png'), '--json', str(tmp_path / 'poses.json'),
                      '--estimator', 'mediapipe']) == main.EXIT_SUCCESS
    people = json.loads((tmp_path / 'poses.json').read_text())['crowd.png']
    assert len(people) == 6


@pytest.mark.parametrize('unbuffered', ['', '1'])
@pytest.mark.parametrize('words', [
    [], ['--help'], ['weights', 'list'], ['weights', '--help'], ['run', '--show-args'], ['train', 'cham', '--help'],
    ['evaluate', 'ehf', '--help'], ['bench', '--help'], ['doctor'], ['estimate', 'NONE', '--json', 'x']])
def test_output_that_nobody_reads_ends_it_quietly(words, unbuffered):
    """As before `| head` and `| true`: no traceback, and the exit code of those that SIGPIPE ends, if any."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run([sys.executable, '-m', 'hand4whole_ros.cli.main', *words], stdout=writing,
                              stderr=subprocess.PIPE, text=True, timeout=300,
                              env={**os.environ, 'PYTHONUNBUFFERED': unbuffered})
    finally:
        os.close(writing)
    usage_is_wrong = not words or words[0] == 'estimate'
    assert done.returncode in ((2,) if usage_is_wrong else (0, EXIT_READER_CLOSED)), done.stderr
    assert 'Traceback' not in done.stderr and 'BrokenPipe' not in done.stderr
    assert usage_is_wrong or done.stderr == ''


def test_both_streams_may_be_read_by_nobody():
    shell = f'{sys.executable} -m hand4whole_ros.cli.main weights list 2>&1 | head -1; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(['bash', '-c', shell], capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, EXIT_READER_CLOSED) and len(done.stdout.splitlines()) == 1 and done.stderr == ''


def test_a_full_disk_under_stdout_is_one_line_and_exit_1():
    with open('/dev/full', 'w') as full:
        done = subprocess.run([sys.executable, '-m', 'hand4whole_ros.cli.main', 'weights', 'list'], stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=120)
    assert (
        done.returncode == main.EXIT_FAILURE and len(done.stderr.splitlines()) == 1 and 'No space left' in done.stderr
    )


def test_doctor_names_what_is_there():
    answer = hand4whole('doctor')
    assert answer.returncode == 0 and 'ai_edge_litert' in answer.stdout
    assert 'open estimator can run here' in answer.stdout
    assert 'BROKEN' not in answer.stdout and 'hand4whole demo' in answer.stdout


def test_the_node_imports_only_what_it_needs():
    """Readers of bags and videos, drawing, and what makes the open body: seconds and dozens of megabytes."""
    heavy = ['rosbags', 'av', 'anny', 'warp', 'mediapipe', 'matplotlib', 'viser', 'pandas', 'numba']
    found = subprocess.run([sys.executable, '-c', 'import sys, hand4whole_ros.ros.node.lifecycle_node\n'
                            f'print([name for name in {heavy} if name in sys.modules])'],
                           capture_output=True, text=True, timeout=120)
    assert found.stdout.strip() == '[]', found.stdout + found.stderr
