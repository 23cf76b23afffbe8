"""The page on reliability: every fault that has to be survived has its row, and every row its test."""

import ast
import json
import re

import fault_figures
import pytest
from fault_figures import COLUMNS, PAGE, tables
from locations import TESTS

#: What has to be survived -> how its row begins.
WANTED = {
    'camera unplugged and back': 'the camera is unplugged and comes back',
    'publisher restarted with other QoS or resolution': 'the camera comes back otherwise',
    'resolution changing in mid-stream': 'the resolution changes in mid-stream',
    'camera_info changing': 'camera_info changes in mid-stream',
    'encoding changing': 'the encoding changes in mid-stream',
    'random bytes through the real deserialiser': 'images of random bytes, lengths and headers',
    'estimator raising on one frame': 'the estimator raises',
    'GPU out of memory': 'the GPU has no memory left',
    'weights vanishing after start': 'weights vanish after the start',
    'body model vanishing after start': 'the body model vanishes after the start',
    'disk full while recording': 'the disk is full while a bag is written',
    'disk full while replaying': 'the disk is full during a replay',
    'SIGINT and SIGTERM at any moment': 'SIGINT or SIGTERM at any moment',
    'SIGKILL and restart': 'SIGKILL and a new start',
    'two nodes of one name in two namespaces': 'two nodes of one name',
    'lifecycle transitions': 'lifecycle transitions in any order',
    'parameters changed while running': 'parameters change while running',
    'no NaN ever published': 'the estimator says nonsense',
    'a replay that is killed': 'a replay is killed',
    'time that jumps back': 'a bag starts over',
    'time that stands still': 'a driver whose stamp stands still',
    'time of another clock': 'stamps of another clock',
    'simulated time that does not come': 'use_sim_time without /clock',
    'two cameras on one topic': 'two cameras on one topic',
    'bags that unpack to more than there is room for': 'a message in a bag that unpacks to 4 GB',
    'a camera for a while': '20 s of a camera',
    'half an hour of a camera': '30 minutes of a camera'}


def rows_of_the_page():
    found = []
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in re.split(r'(?<!\\)\|', line)[1:-1]]
        if len(cells) == len(COLUMNS) and cells[-1].startswith('`'):
            found.append(dict(zip(COLUMNS, cells)))
    return found


ROWS = rows_of_the_page()


@pytest.mark.parametrize('fault', WANTED)
def test_every_fault_has_its_row(fault):
    assert any(row['fault'].startswith(WANTED[fault]) for row in ROWS), f'no row for: {fault}'


def test_every_row_has_its_test_and_figures():
    assert len(ROWS) > 50
    for row in ROWS:
        file, name = re.fullmatch(r'`(test_\w+\.py)::(\w+)(?:\[.*\])?`', row['test']).groups()
        assert f'def {name}(' in next(TESTS.rglob(file)).read_text(), row['test']
        assert row['injected how'] and row['result'] and int(re.match(r'[\d,]+', row['times'])[0].replace(',', ''))


def test_every_test_that_notes_something_is_in_the_page():
    known = {re.split(r'[`\[]', row['test'])[1] for row in ROWS}
    for path in sorted(TESTS.rglob('test_*.py')):
        for function in ast.parse(path.read_text()).body:
            if isinstance(function, ast.FunctionDef) and function.name.startswith('test_') and any(
                    isinstance(part, ast.Call) and getattr(part.func, 'id', '') == 'note'
                    for part in ast.walk(function)):
                assert f'{path.name}::{function.name}' in known


def test_random_messages_are_as_many_as_promised():
    counts = [int(row['times']) for row in ROWS if row['fault'] == WANTED['random bytes through the real deserialiser']]
    assert counts and min(counts) >= 5000
    assert all(int(row['times']) >= 200 for row in ROWS if row['fault'] == WANTED['lifecycle transitions'])


def test_a_page_is_made_of_what_tests_noted(tmp_path, monkeypatch, capsys):
    kept, page = tmp_path / 'figures.json', tmp_path / 'page.md'
    monkeypatch.setenv('HAND4WHOLE_FIGURES', str(kept))
    monkeypatch.setenv('PYTEST_CURRENT_TEST', 'test/faults/test_soak.py::test_a (call)')
    fault_figures.note('a fault', 'once | twice', 2, 'nothing happens')
    fault_figures.note('a fault', 'once | twice', 3, 'nothing happens')
    assert 'a fault | once | twice | 3 | nothing happens' in capsys.readouterr().out
    page.write_text('before\n<!-- measured -->\nold\n<!-- /measured -->\nafter\n')
    monkeypatch.setattr(fault_figures, 'PAGE', page)
    fault_figures.main(kept)
    text = page.read_text()
    assert text.startswith('before\n<!-- measured -->\nMeasured on ') and text.endswith('<!-- /measured -->\nafter\n')
    assert '| a fault | once \\| twice | 3 | nothing happens | `test_soak.py::test_a` |\n' in text and 'old' not in text
    (row,) = json.loads(kept.read_text()).values()
    with pytest.raises(AssertionError, match='no chapter holds test_other'):
        tables([{**row, 'test': 'test_other.py::test_b'}])
