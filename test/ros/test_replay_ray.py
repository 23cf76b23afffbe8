"""The work of a replay on a Ray cluster: the same bytes, and a worker that is killed loses nothing."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from bag_maker import files, messages, write
from fault_figures import note
from locations import TESTS
from scripted_node import SLOW, picture
from scripted_replay import replay

pytest.importorskip('ray', reason="Ray is not installed: pip install 'ray>=2.40'")


@pytest.fixture(autouse=True)
def scripts_are_found_by_workers(monkeypatch):
    folders = [str(TESTS), *os.environ.get('PYTHONPATH', '').split(os.pathsep)]
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join(filter(None, folders)))


def parent(pid):
    return int(Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[1])


def busy_workers():
    """Pids of the workers of this process's own cluster that have a task in hand."""
    found = []
    for folder in Path('/proc').glob('[0-9]*'):
        try:
            if (folder / 'cmdline').read_text().startswith('ray::work') and parent(parent(folder.name)) == os.getpid():
                found.append(int(folder.name))
        except OSError:     # It has ended meanwhile.
            continue
    return found


def test_a_cluster_gives_the_same_though_a_worker_is_killed(tmp_path):
    source = write(tmp_path / 'in', messages([picture(1 + k % 2, SLOW) for k in range(12)]))
    for name in ('one', 'many'):
        (tmp_path / name).mkdir()
    assert replay(source, '--output', tmp_path / 'one' / 'out') == 0
    journal, killed, ended = tmp_path / 'many' / 'out.partial' / 'estimates', [], threading.Event()

    def kill_one():
        # Ray's workers give way to everything else: on a busy machine it takes minutes until they begin.
        while not killed and not ended.is_set():
            if journal.exists() and journal.stat().st_size > 10_000:
                for pid in busy_workers()[:1]:
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)
            time.sleep(0.05)
    killer = threading.Thread(target=kill_one)
    killer.start()
    try:
        assert replay(source, '--output', tmp_path / 'many' / 'out', '--ray', 'local') == 0
    finally:
        ended.set()
        killer.join()
    assert killed
    assert files(tmp_path / 'many' / 'out') == files(tmp_path / 'one' / 'out')
    note('a worker of a Ray cluster is killed', 'SIGKILL to one that has an image in hand, on a cluster of one machine',
         1, 'the new bag is that of one process, byte for byte')


def test_no_cluster_is_one_line(tmp_path):
    with pytest.raises(ValueError, match='no Ray cluster at auto'):
        replay(write(tmp_path / 'in'), '--output', tmp_path / 'out', '--ray', 'auto')
