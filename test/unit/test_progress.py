"""Progress: a bar on a terminal, a line for each stage elsewhere."""

import ast
import io
import logging
import sys
from pathlib import Path

import pytest

import hand4whole_ros
from hand4whole_ros.system import progress
from hand4whole_ros.system.progress import ProgressBar, ProgressLogHandler

PACKAGE = Path(hand4whole_ros.__file__).parent


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def log_file(monkeypatch, caplog):
    """stderr is no terminal; what is written to it."""
    caplog.set_level('INFO')
    stream = io.StringIO()
    monkeypatch.setattr(sys, 'stderr', stream)
    return stream


def test_elsewhere_a_stage_is_a_line(log_file, caplog):
    assert list(ProgressBar(range(1000), 'drawing', unit='person')) == list(range(1000))
    with ProgressBar(desc='loading', total=3, unit='step', initial=1) as bar:
        bar.update()
        bar.set_description('loading')
        bar.set_description('running')
        assert bar.n == 2
    list(ProgressBar(range(3), 'silent', enabled=False))
    list(ProgressBar(range(3)))
    assert caplog.messages == ['drawing: 1000 people', 'loading: 3 steps', 'running'] and log_file.getvalue() == ''


def test_elsewhere_long_work_is_a_line_a_minute(log_file, caplog, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, 'monotonic', lambda: now[0])
    with ProgressBar(desc='training', total=100, unit='step') as bar:
        for _ in range(100):
            now[0] += 1.0
            bar.update()
    assert caplog.messages == ['training: 100 steps', 'training: 60 of 100 steps']


def test_on_a_terminal_it_is_a_bar_with_the_log_above_it(monkeypatch, caplog):
    caplog.set_level('INFO')
    stream = Terminal()
    monkeypatch.setattr(sys, 'stderr', stream)
    handler = ProgressLogHandler()
    handler.setFormatter(logging.Formatter('%(message)s'))
    with ProgressBar(desc='estimating', total=3, unit='frame', mininterval=0) as bar:
        for k in range(3):
            bar.update()
            handler.emit(logging.makeLogRecord({'msg': f'line {k}', 'levelno': logging.INFO}))
    shown = stream.getvalue()
    assert '3/3' in shown and caplog.messages == []
    # Each line stands alone: the bar was wiped before it.
    assert all(f'\rline {k}\n' in shown for k in range(3))


def test_a_log_that_cannot_be_written_ends_nothing(monkeypatch):
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(28, 'No space left on device')
    monkeypatch.setattr(sys, 'stderr', Full())
    ProgressLogHandler().emit(logging.makeLogRecord({'msg': 'a line', 'levelno': logging.INFO}))


def test_no_bar_of_the_package_writes_into_a_log_file():
    """Every bar is a Bar, or told to be silent where there is no terminal."""
    loud = []
    for path in PACKAGE.rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split('.')[-1] in ('tqdm', 'trange'):
                silent = [word for word in node.keywords if word.arg == 'disable' and ast.unparse(word.value) == 'None']
                if not silent:
                    loud.append(f'{path.name}:{node.lineno}')
    assert loud == []
