"""Parameter files that nest, grow or repeat themselves: one line and exit code 2, in bounded time."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bag_maker import write
from fault_figures import note
from scripted_replay import replay

from hand4whole_ros.cli import main
from hand4whole_ros.ros.node import params_file
from hand4whole_ros.ros.node.parameter_table import MAX_TEXT_LENGTH, ParameterError, check_value
from hand4whole_ros.ros.node.parameters import NodeParameters

HEAD = '/**:\n  ros__parameters:\n'
OWN = 'parameter_files:\n  hand4whole:\n   ros__parameters:\n'
LAUGHS = 'a: &a [x, x, x, x, x, x, x, x, x]\n' + ''.join(
    f'{name}: &{name} [{", ".join(["*" + before] * 9)}]\n' for before, name in zip('abcdefgh', 'bcdefghi'))

#: name -> (what is in the file, what is said)
HOSTILE = {
    'references to references': (LAUGHS, r'line 2 repeats another part \(\*a\)'),
    'a reference': (HEAD + '    hold_time: &a 0.5\n    max_rate: *a\n', r'line 4 repeats another part \(\*a\)'),
    '100,000 braces': ('/**: {ros__parameters: ' + '{a: ' * 100_000 + '1' + '}' * 100_000 + '}',
                       'nested deeper than 20'),
    '100,000 brackets': ('[' * 100_000, 'nested deeper than 20'),
    'a staircase': (''.join(' ' * k + f'a{k}:\n' for k in range(800)), 'line 21 is nested deeper than 20'),
    'dashes': ('- ' * 50_000, 'nested deeper than 20'),
    'question marks': ('? ' * 50_000, 'nested deeper than 20'),
    '3 MB of parameters': (HEAD + ''.join(f'    p{k}: {k}\n' for k in range(200_000)), 'larger than 1 MB'),
    'an array of 200,000': (HEAD + f'    a: [{",".join("1" * 200_000)}]\n', 'more than 10000 names and values'),
    'documents': ('---\n' + HEAD + '    hold_time: 0.5\n---\n', 'found another document'),
    '50 MB of comment': ('#' * 50_000_000, 'larger than 1 MB'),
    'zeros': (bytes(100_000), 'no YAML: .*not allowed'),
    'every byte': (bytes(range(256)) * 100, 'no YAML: .*invalid'),
    'a picture': (b'\x89PNG\r\n\x1a\n' + bytes(range(1, 255)), 'no YAML'),
    'a word': ('hello', "'hello', expected '/\\*\\*:' or the name of a node"),
    'ros__parameters of no node': ('ros__parameters:\n  hold_time: 0.5\n', "ros__parameters of no node, expected '/"),
    'a list': ('- 1\n- 2\n', 'a list, expected'),
    'parameters of no node': ('hold_time: 0.5\n', "hold_time holds '0.5', expected"),
    'no ros__parameters': ('/**:\n  hold_time: 0.5\n', "hold_time holds '0.5', expected"),
    'empty ros__parameters': ('/**:\n  ros__parameters:\n', r'ros__parameters of /\*\* holds no parameters'),
    'a star': ('*:\n  ros__parameters:\n    hold_time: 0.5\n', r'line 1, column 2: .*that of every node is /\*\*'),
    'a tab': (HEAD + '\thold_time: 0.5\n', 'line 3, column 1: .*token'),
    'an open bracket': (HEAD + '    a: [1, 2\n', 'line 4, column 1: '),
}


def written(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize('name', HOSTILE)
def test_a_hostile_file_is_refused_before_ros_sees_it(tmp_path, name):
    content, said = HOSTILE[name]
    path = written(tmp_path / 'p.yaml', content)
    before = time.perf_counter()
    with pytest.raises(ParameterError, match=said) as error:
        params_file.check_params_file(path)
    assert time.perf_counter() - before < 5
    assert len(str(error.value)) < 300 + len(str(path)) and str(error.value).isprintable()


def test_what_is_no_file_is_named(tmp_path):
    for path, said in ((tmp_path, 'no file, but a folder or a device'), (Path('/dev/zero'), 'no file, but'),
                       (tmp_path / 'none.yaml', 'cannot be read: No such file')):
        with pytest.raises(ParameterError, match=said):
            params_file.check_params_file(path)


@pytest.mark.parametrize('content', [
    '', '# nothing but a comment\n', HEAD + '    hold_time: 0.5\n',
    'robot:\n  hand4whole:\n    ros__parameters: {a: 1}\n',
    HEAD + ''.join(f'    p{k}: [1, 2, 3]\n' for k in range(2000))])
def test_what_ros_takes_is_taken(tmp_path, content):
    params_file.check_params_file(written(tmp_path / 'p.yaml', content))


def test_texts_have_a_length_and_can_be_printed():
    assert check_value('body_model', 'ä' * MAX_TEXT_LENGTH, NodeParameters.settings())
    for text in ('x' * (MAX_TEXT_LENGTH + 1), 'a\nb', '\x1b[2J', 'a\0'):
        with pytest.raises(ParameterError, match='parameter body_model: expected at most 4096 printable characters'):
            check_value('body_model', text, NodeParameters.settings())


#: For the node itself; with the largest files that pass the look, which rcl takes the longest for.
FOR_THE_NODE = {
    'braces': HOSTILE['100,000 braces'], 'laughs': (LAUGHS, 'repeats another part'), 'bytes': HOSTILE['every byte'],
    'nothing': (HEAD + '    hold_time:\n', 'wrong arguments: '),
    'nested': (HEAD + '    hold_time: [[1, 2], [3]]\n', 'wrong arguments: '),
    'mixed': (HEAD + '    hold_time: [1, a, 2.0]\n', 'wrong arguments: '),
    'type': (HEAD + '    hold_time: yes please\n', 'parameter hold_time: expected a number'),
    'call': (HEAD + '    device: !!python/object/apply:os.mkdir [PROOF]\n', 'parameter device: expected a string'),
    'digits': (HEAD + '    hold_time: 1' + '0' * 100_000 + '\n', 'parameter hold_time: expected a number'),
    'escapes': (HEAD + '    device: "\\e[2J"\n', 'parameter device: expected at most'),
    'many': (OWN + ''.join(f'    p{k}: {k}\n' for k in range(4990)), 'unknown parameter p0'),
    'long': (HEAD + f'    device: "{"x" * 990_000}"\n', 'parameter device: expected at most'),
    'array': (HEAD + f'    device: [{", ".join("1" * 9990)}]\n', r'parameter device: expected .* found \[1, 1'),
}
EACH = """
import sys, time
from hand4whole_ros.ros.node import main as node
for path in sys.argv[1:]:
    started = time.perf_counter()
    code = node.run(['--ros-args', '-r', '__ns:=/parameter_files', '--params-file', path])
    print('finished', code, time.perf_counter() - started, file=sys.stderr, flush=True)
"""


def test_the_node_says_one_line_and_ends_with_2(tmp_path):
    proof = tmp_path / 'it_was_run'
    paths = []
    for name, (content, _) in FOR_THE_NODE.items():
        content = content.replace('PROOF', str(proof)) if isinstance(content, str) else content
        paths.append(written(tmp_path / f'{name}.yaml', content))
    done = subprocess.run([sys.executable, '-c', EACH, *map(str, paths)], text=True, capture_output=True, timeout=240,
                          env={**os.environ, 'OMP_NUM_THREADS': '1'})
    assert done.returncode == 0, done.stderr[-3000:]
    lines, slowest = done.stderr.splitlines(), 0.0
    assert len(lines) == 2 * len(paths), done.stderr[-3000:]
    for (name, (_, said)), line, end in zip(FOR_THE_NODE.items(), lines[::2], lines[1::2]):
        word, code, seconds = end.split()
        assert (word, code) == ('finished', '2'), (name, line, end)
        assert re.search(said, line), f'{name}: {line}'
        assert len(line) < 700
        slowest = max(slowest, float(seconds))
    assert slowest < 20 and not proof.exists()
    note('a parameter file that nests, grows or repeats itself', f'{len(HOSTILE)} kinds up to 50 MB: references, '
         f'braces, arrays, bytes, wrong forms; {len(FOR_THE_NODE)} into the real node',
         len(HOSTILE) + len(FOR_THE_NODE),
         f'one line each; the node ends with exit code 2, {slowest:.1f} s at most from reading its arguments on')


def test_run_and_replay_refuse_it_too(tmp_path, capfd):
    path = written(tmp_path / 'p.yaml', LAUGHS)
    assert main.main(['run', f'params_file:={path}']) == main.EXIT_USAGE
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f'hand4whole: parameter file {path}: line 2 repeats')
    source = write(tmp_path / 'in')
    for content, said in ((LAUGHS, 'line 2 repeats'), (HEAD + '    hold_time: 1' + '0' * 5000, 'Exceeds the limit'),
                          (HEAD + '    device: !!python/object/apply:os.mkdir [x]\n', 'not determine a constructor'),
                          ('hand4whole:\n  ros__parameters:\n    1: 2\n', 'unknown parameter 1')):
        with pytest.raises(ValueError, match=said) as error:
            replay(source, '--output', tmp_path / 'out', '--params-file', written(path, content))
        assert '\n' not in str(error.value)
