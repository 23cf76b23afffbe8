"""A replay that is killed, goes on and ends as if nothing had been; whoever does the work, the bytes are the same."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
import video_maker as maker
import yaml
from bag_maker import files, messages, write
from fault_figures import note
from locations import TESTS
from scripted_node import SLOW, picture
from scripted_replay import QuickEstimator, replay

from hand4whole_ros.apps.replay import journal as journals
from hand4whole_ros.apps.replay.journal import Journal
from hand4whole_ros.cli import main

SCRIPT = [sys.executable, str(TESTS.joinpath('scripted_replay.py'))]
COUNT = 16


@pytest.fixture(scope='module')
def slow(tmp_path_factory):
    """A bag whose images take 0.3 s each, and the new bag that comes of it without an interruption."""
    folder = tmp_path_factory.mktemp('slow')
    pictures = [picture(1 + k % 2, SLOW) for k in range(COUNT)]
    source = write(folder / 'in', messages(pictures))
    (folder / 'whole').mkdir()
    assert replay(source, '--output', folder / 'whole' / 'out') == 0
    return source, files(folder / 'whole' / 'out')


def start(source, output, *words):
    """The command in a process of its own; it has done some images when this returns."""
    journal = output.with_name(output.name + '.partial') / 'estimates'
    before = records(journal)
    process = subprocess.Popen([*SCRIPT, str(source), '--output', str(output), *words], stderr=subprocess.PIPE,
                               start_new_session=True)
    grown(process, journal, before)
    return process


def records(journal):
    """How many images are in the journal of a process that goes on."""
    if not journal.exists():
        return 0
    with contextlib.closing(sqlite3.connect(f'file:{journal}?mode=ro', uri=True)) as database:
        try:
            return database.execute('SELECT COUNT(*) FROM records').fetchone()[0]
        except sqlite3.OperationalError:    # its table is not there yet
            return 0


def grown(process, journal, before):
    """Wait until another image is in the journal."""
    end = time.monotonic() + 60
    while records(journal) <= before:
        assert process.poll() is None and time.monotonic() < end, process.stderr.read().decode()
        time.sleep(0.02)


def test_killed_and_the_same_in_the_end(slow, tmp_path, caplog):
    caplog.set_level('INFO')
    source, whole = slow
    output, partial = tmp_path / 'out', tmp_path / 'out.partial'
    process = start(source, output)
    process.send_signal(signal.SIGSTOP)     # or it would be done before this process comes to ask
    with pytest.raises(ValueError, match='another process is working on'):
        replay(source, '--output', output)
    process.send_signal(signal.SIGCONT)
    for _ in range(3):
        grown(process, partial / 'estimates', records(partial / 'estimates'))
    process.kill()
    process.wait()
    assert not output.exists()
    for words in ((source, '--focal', 300), (write(tmp_path / 'other'),)):
        with pytest.raises(ValueError, match='unfinished work of another input or other arguments'):
            replay(*words, '--output', output)

    journal = partial / 'estimates'
    kept = Journal(journal)
    done = len(kept)
    kept.close()
    assert 0 < done < COUNT
    assert replay(source, '--output', output) == 0
    assert 'going on with' in caplog.text
    assert files(output) == whole and not partial.exists()
    note('a replay is killed', 'SIGKILL in the middle of an image', 1,
         f'{done} of {COUNT} images were kept; the same command ends with the bytes of a replay that was not killed')


def test_processes_that_are_killed(slow, tmp_path):
    source, whole = slow
    output = tmp_path / 'out'
    process = start(source, output, '--workers', '2')
    journal = tmp_path / 'out.partial' / 'estimates'
    workers = [pid for pid in children(process.pid) if 'spawn_main' in command(pid)]
    assert len(workers) == 2
    done = records(journal)
    os.kill(workers[0], signal.SIGKILL)
    # Those in the pipe may have been done already: wait for more than could have been.
    for _ in range(3):
        grown(process, journal, done)
        done = records(journal)
    workers = children(process.pid)
    process.kill()
    process.wait()
    end = time.monotonic() + 60
    while any('spawn_main' in command(pid) for pid in workers):
        assert time.monotonic() < end, 'workers outlive the one they work for'
        time.sleep(0.05)
    assert replay(source, '--output', output) == 0
    assert files(output) == whole
    note('a worker of a replay is killed, then all of it', 'SIGKILL to one of two processes, then to the one they '
         'work for', 2, 'others do its images again; no process stays behind; the same bytes in the end')


def children(pid):
    return [int(word) for word in Path(f'/proc/{pid}/task/{pid}/children').read_text().split()]


def command(pid):
    try:
        return Path(f'/proc/{pid}/cmdline').read_text()
    except FileNotFoundError:
        return ''


class Interrupted(QuickEstimator):
    """Ctrl-C at the third image."""

    left = 2

    def estimate(self, image, intrinsics, stamp=None):
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        return super().estimate(image, intrinsics)


def test_a_damaged_video_that_is_killed_and_the_same_in_the_end(tmp_path, caplog):
    pictures = maker.numbered(24)
    for image in pictures:
        image[:16, :16] = picture(1, SLOW)[0, 0]
    times = [0.04 * k + 0.01 * (k % 3) for k in range(24)]
    clip = maker.write(tmp_path / 'clip.mp4', pictures, times=times, container=maker.FAST)
    clip.write_bytes(maker.damaged(clip.read_bytes(), 'zeros'))
    results = []
    for folder in ('whole', 'killed'):
        output = tmp_path / folder / 'out'
        output.parent.mkdir()
        if folder == 'killed':
            process = start(clip, output)
            process.kill()
            process.wait()
        assert replay(clip, '--output', output) == 2
        results.append(files(output))
    assert results[0] == results[1] and caplog.text.count('frames are missing: it is damaged') == 2


def test_ctrl_c_says_how_to_go_on_and_pictures_that_are_drawn_are_kept_too(tmp_path, caplog):
    caplog.set_level('INFO')
    source = write(tmp_path / 'in', messages([picture(1)] * 4))
    words = '--overlay', '--markers'
    results = []
    for name in ('whole', 'broken'):
        (tmp_path / name).mkdir()
        output = tmp_path / name / 'out'
        if name == 'broken':
            with pytest.raises(KeyboardInterrupt):
                replay(source, '--output', output, *words, create=Interrupted)
            assert '2 images are done and kept in' in caplog.text
            assert (tmp_path / name / 'out.partial' / 'overlays').stat().st_size > 10_000
        assert replay(source, '--output', output, *words) == 0
        results.append(files(output))
    assert results[0] == results[1]
    note('Ctrl-C during a replay', 'at the third image, overlays and markers asked for', 1,
         'two images are kept, and said; the same bytes in the end')


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_the_command_with_a_line_that_says_how_much_is_kept(slow, tmp_path, number):
    source, whole = slow
    output, journal = tmp_path / 'out', tmp_path / 'out.partial' / 'estimates'
    code = ('import sys, scripted_replay\nfrom hand4whole_ros import estimators\nfrom hand4whole_ros.cli import main\n'
            'estimators.create = scripted_replay.QuickEstimator\nsys.exit(main.main(sys.argv[1:]))')
    process = subprocess.Popen([sys.executable, '-c', code, 'replay', str(source), '--output', str(output)],
                               cwd=TESTS, stderr=subprocess.PIPE, start_new_session=True)
    grown(process, journal, 0)
    process.send_signal(number)
    said = process.communicate(timeout=60)[1].decode().splitlines()
    assert process.returncode == main.EXIT_FAILURE and said[-1] == 'hand4whole: interrupted'
    assert said[-2] == (f'{len(Journal(journal))} images are done and kept in {output}.partial: the same command '
                        'resumes')
    assert not output.exists() and not any('Traceback' in line for line in said)
    assert replay(source, '--output', output) == 0
    assert files(output) == whole


def test_a_full_disk_is_one_line_and_costs_nothing(slow, tmp_path, monkeypatch):
    source, whole = slow
    output, opened = tmp_path / 'out', journals._open_database

    def small(path):
        database = opened(path)
        database.execute('PRAGMA max_page_count=8')
        return database
    with monkeypatch.context() as patched, pytest.raises(RuntimeError) as error:
        patched.setattr(journals, '_open_database', small)
        replay(source, '--output', output)
    assert str(error.value) == f'no space left for {output}: free some and repeat the command'
    assert not output.exists() and records(tmp_path / 'out.partial' / 'estimates') > 0
    assert replay(source, '--output', output) == 0
    assert files(output) == whole
    note('the disk is full during a replay', 'its journal may have 8 pages', 1,
         'one line, no output; once there is room the same command ends with the same bytes')


def test_force_takes_the_place_of_an_output_and_of_other_work(tmp_path):
    source, output = write(tmp_path / 'in'), tmp_path / 'out'
    assert replay(source, '--output', output) == 0
    before = files(output)
    with pytest.raises(ValueError, match='exists already: choose another output, or give --force'):
        replay(source, '--output', output)
    (tmp_path / 'out.partial').mkdir()
    (tmp_path / 'out.partial' / 'plan.json').write_text('{"input": "another"}')
    assert replay(source, '--output', output, '--force') == 0
    assert files(output) == before


@pytest.mark.parametrize('kind, says', [
    ('text', 'neither a rosbag2 bag'), ('nothing', 'no such bag, video or folder'),
    ('empty folder', 'neither a rosbag2'),
    ('cut mcap', 'damaged or cut off while it was recorded'), ('cut sqlite3', 'damaged or cut off'),
    ('no images', 'it holds no images (sensor_msgs/Image or CompressedImage)'),
    ('two cameras', 'it holds images on /cam/image_raw, /other; choose one with --image-topic'),
    ('wrong topic', 'no images on /nowhere; it holds images on /cam/image_raw'),
    ('late start', 'it ends after 0.2 s, before --start 5'), ('no video', 'no video that can be decoded')])
def test_what_cannot_be_replayed_is_named(tmp_path, kind, says):
    source, words = tmp_path / 'in', []
    rows = list(messages([picture(1)] * 3))
    if kind == 'text':
        source.write_text('no bag')
    elif kind == 'empty folder':
        source.mkdir()
    elif kind.startswith('cut'):
        write(source, rows, kind.split()[1])
        (file,) = [path for path in source.iterdir() if path.suffix != '.yaml']
        file.write_bytes(file.read_bytes()[:-200_000])
    elif kind == 'no images':
        write(source, [row for row in rows if row[0] == '/chatter'])
    elif kind == 'two cameras':
        write(source, rows + [('/other', *row[1:]) for row in rows if row[0] == '/cam/image_raw'])
    elif kind == 'no video':
        source = tmp_path / 'in.mp4'
        source.write_bytes(b'this is no video')
    elif kind != 'nothing':
        write(source, rows)
        words = ['--image-topic', '/nowhere'] if kind == 'wrong topic' else ['--start', 5]
    with pytest.raises(ValueError) as error:
        replay(source, '--output', tmp_path / 'out', *words)
    assert says in str(error.value) and '\n' not in str(error.value)
    assert not (tmp_path / 'out').exists()


def test_a_bag_is_not_replaced_by_what_is_made_of_it(tmp_path):
    source = write(tmp_path / 'in')
    before = files(source)
    with pytest.raises(ValueError, match='the output cannot be the input'):
        replay(source, '--output', tmp_path / 'x' / '..' / 'in', '--force')
    assert files(source) == before


def test_the_command_tells_errors_in_one_line(tmp_path, capfd):
    (tmp_path / 'in').write_text('no bag')
    assert main.main(['replay', str(tmp_path / 'in'), '--output', str(tmp_path / 'out')]) == main.EXIT_USAGE
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f'hand4whole: {tmp_path}/in: neither a rosbag2 bag')


def test_the_bag_says_what_made_it(slow):
    metadata = yaml.safe_load(slow[1]['metadata.yaml'])['rosbag2_bagfile_information']
    about = json.loads(metadata['custom_data']['hand4whole replay'])
    assert (about['estimator'], about['input'], about['static_images']) == ('scripted', 'in', True)
