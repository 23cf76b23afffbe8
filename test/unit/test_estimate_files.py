"""`hand4whole estimate` among a user's files: nothing that somebody else made is lost, and nothing that was done is."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest
from fault_figures import note
from locations import TESTS
from scripted_estimate import estimate, write_picture, write_video
from scripted_node import NOT_FINITE, RAISE, SLOW
from scripted_replay import QuickEstimator

from hand4whole_ros.apps.estimate import results_file
from hand4whole_ros.apps.estimate.results_file import ResultsFile, is_results_file
from hand4whole_ros.cli import main
from hand4whole_ros.estimate import LooseHandEstimate
from hand4whole_ros.media import image_files
from hand4whole_ros.system import output_files

SCRIPT = [sys.executable, str(TESTS.joinpath('scripted_estimate.py'))]


def contents(folder):
    """{path: bytes, or where a link leads} of everything in a folder."""
    return {str(path.relative_to(folder)): os.readlink(path) if path.is_symlink() else path.read_bytes()
            for path in sorted(folder.rglob('*')) if path.is_symlink() or path.is_file()}


def last_line(capfd):
    return capfd.readouterr().err.strip().splitlines()[-1]


# What is refused before the work.

@pytest.fixture
def photos(tmp_path):
    """Two photographs, a link and a hard link to them, and somebody's JSON and notes."""
    folder = tmp_path / 'photos'
    write_picture(folder / 'a.png')
    write_picture(folder / 'b.jpg')
    (tmp_path / 'link.json').symlink_to(folder / 'a.png')
    os.link(folder / 'a.png', tmp_path / 'hard.json')
    (tmp_path / 'labels.json').write_text('{"a.png": [{"label": "cat"}], "b.jpg": []}')
    (tmp_path / 'list.json').write_text('{"items": []}')
    (tmp_path / 'notes').write_text('do not lose me')
    return folder


@pytest.mark.parametrize('words, says', [
    (('photos', '--overlay', 'photos'), 'what is drawn would be read the next time; name another folder'),
    (('photos', '--overlay', 'photos/../photos/'), 'name another folder'),
    (('photos/a.png', '--overlay', 'photos'), 'photos/a.png is read as an input, and inputs are never written on'),
    (('photos/b.jpg', '--overlay', 'photos', '--json', 'photos/b.jpg'), 'is read as an input'),
    (('photos', '--json', 'photos/a.png'), 'is read as an input'),
    (('photos', '--json', 'link.json'), 'is read as an input'),
    (('photos', '--json', 'hard.json'), 'is read as an input'),
    (('photos/b.jpg', '--json', 'photos/a.png'), 'is there already, and hand4whole did not write it'),
    (('photos/b.jpg', '--json', 'labels.json'), 'hand4whole did not write it: it is not replaced'),
    (('photos', '--json', 'list.json'), 'hand4whole did not write it: it is not replaced'),
    (('photos', '--json', 'notes'), 'hand4whole did not write it'),
    (('photos', '--json', 'photos'), '--json photos is a folder; name a file'),
    (('photos', '--json', '.'), '--json . is a folder; name a file'),
    (('photos', '--json', 'notes/x.json'), 'notes is no folder'),
    (('photos', '--json', 'notes/x/y.json'), 'notes is no folder'),
    (('photos', '--json', '/proc/x.json'), '--json /proc/x.json cannot be written'),
    (('photos', '--json', f'{"x" * 300}.json'), 'cannot be written: File name too long'),
    (('photos', '--overlay', 'notes'), '--overlay notes is a file; name a folder'),
    (('photos', '--overlay', 'notes/x'), 'notes is no folder'),
    (('photos', '--overlay', '/proc/x'), '--overlay /proc/x cannot be written'),
    (('photos', '--json', 'out', '--overlay', 'out'), '--overlay makes it a folder'),
    (('photos', '--json', 'out', '--overlay', 'out/x'), '--overlay makes it a folder'),
    (('photos', '--json', 'out/a.png', '--overlay', 'out'), 'is where an overlay goes'),
    (('photos', '--hands-json', 'labels.json'), 'hand4whole did not write it: it is not replaced'),
    (('photos', '--hands-json', 'out.json', '--json', './out.json'), 'is where --json goes; name another file'),
    (('photos', '--hands-json', 'out', '--overlay', 'out'), '--hands-json out cannot be a file'),
    (('photos', '--hands-json', 'out/a.png', '--overlay', 'out'), 'is where an overlay goes'),
    (('photos', '--hands-json', 'x.json', '--no-people', '--estimator', 'hand4whole_pp'), '--no-people: estimator'),
    (('photos', '--hands-json', 'x.json', '--hand-length', '0'), '--hand-length must be a positive number'),
    (('photos', '--hands-json', 'x.json', '--object-size', '0', '0', '1'), 'object_size: expected sides of'),
    (('photos', '--hands-json', 'x.json', '--object-mesh', 'x.obj'), 'object_mesh x.obj: no such file')])
def test_refused_in_a_line_before_the_work(photos, tmp_path, monkeypatch, capfd, words, says):
    monkeypatch.chdir(tmp_path)
    before = contents(tmp_path)
    assert estimate(*words, create=None) == main.EXIT_USAGE     # an estimator would be a TypeError
    line = last_line(capfd)
    assert line.startswith('hand4whole: ') and says in line
    assert contents(tmp_path) == before and not (tmp_path / 'out').exists()


def test_an_overlay_of_somebody_else_is_not_replaced_and_one_of_ours_is(photos, tmp_path, capfd):
    out = tmp_path / 'out'
    theirs = write_picture(out / 'a.png', people=3)
    before = contents(tmp_path)
    assert estimate(photos, '--overlay', out, create=None) == main.EXIT_USAGE
    assert 'out/a.png is there already, and hand4whole did not write it' in last_line(capfd)
    assert contents(tmp_path) == before
    theirs.unlink()
    for _ in range(2):
        assert estimate(photos, '--overlay', out, '--json', out / 'x.json') == main.EXIT_SUCCESS
        assert sorted(contents(out)) == ['a.png', 'b.png', 'x.json']
        assert json.loads((out / 'x.json').read_text()).keys() == {'a.png', 'b.jpg'}
    (out / 'clip_overlay.mp4').write_bytes(b'a video of somebody')
    assert estimate(write_video(tmp_path / 'clip.avi'), '--overlay', out, create=None) == main.EXIT_USAGE
    assert 'clip_overlay.mp4 is there already' in last_line(capfd)


def test_the_overlay_of_a_video_bears_its_mark_and_can_be_made_again(tmp_path):
    video = write_video(tmp_path / 'clip.avi')
    for _ in range(2):
        assert estimate(video, '--overlay', tmp_path) == main.EXIT_SUCCESS
    made = tmp_path / 'clip_overlay.mp4'
    assert output_files.is_marked(made) and not output_files.is_marked(video)
    capture = cv2.VideoCapture(str(made))
    assert sum(capture.read()[0] for _ in range(5)) == 3
    assert sorted(contents(tmp_path)) == ['clip.avi', 'clip_overlay.mp4']


def test_a_name_beside_the_photograph_is_fine_and_a_file_of_no_bytes_is_nobodys(photos, tmp_path):
    (tmp_path / 'x.json').touch(0o640)
    assert estimate(photos / 'b.jpg', '--overlay', photos, '--json', tmp_path / 'x.json') == main.EXIT_SUCCESS
    assert sorted(contents(photos)) == ['a.png', 'b.jpg', 'b.png']
    assert (tmp_path / 'x.json').stat().st_mode & 0o777 == 0o640
    assert estimate(photos, '--json', '/dev/null') == main.EXIT_SUCCESS and Path('/dev/null').is_char_device()


def test_the_json_goes_where_a_link_leads_and_into_a_pipe(photos, tmp_path):
    (tmp_path / 'real').mkdir()
    (tmp_path / 'x.json').symlink_to('real/y.json')
    assert estimate(photos, '--json', tmp_path / 'x.json') == main.EXIT_SUCCESS
    assert (tmp_path / 'x.json').is_symlink() and len(json.loads((tmp_path / 'real/y.json').read_text())) == 2
    done = subprocess.run([*SCRIPT, str(photos), '--json', '/dev/stdout'], capture_output=True, timeout=120)
    assert done.returncode == 0 and len(json.loads(done.stdout)) == 2


def test_no_two_overlays_have_one_name(tmp_path):
    names = ('a.jpg', 'a.png', 'A.jpg', 'a_jpg.bmp', 'a_png.jpg', 'sub/a.jpg', 'Ä.png', 'ä.png')
    paths = [write_picture(tmp_path / 'in' / name, people=k % 3) for k, name in enumerate(names)]
    paths += [paths[0], tmp_path / 'in' / '..' / 'in' / 'a.jpg']      # named again, and again in another way
    assert estimate(*paths, '--overlay', tmp_path / 'out', '--json', tmp_path / 'x.json') == main.EXIT_SUCCESS
    made = [path.name for path in (tmp_path / 'out').iterdir()]
    assert len(made) == len({name.lower() for name in made}) == len(names)
    found = json.loads((tmp_path / 'x.json').read_text())
    assert [len(people) for people in found.values()] == [k % 3 for k in range(len(names))]


# What is kept.

class Interrupted(QuickEstimator):
    """Ctrl-C at the third picture."""

    left = 2
    error = KeyboardInterrupt

    def estimate(self, image, intrinsics, stamp=None):
        if self.left == 0:
            raise self.error
        self.left -= 1
        return super().estimate(image, intrinsics)


def test_ctrl_c_keeps_what_is_done(tmp_path, capfd):
    for k in range(5):
        write_picture(tmp_path / 'in' / f'{k}.png')
    out = tmp_path / 'out'
    assert (
        estimate(tmp_path / 'in', '--json', out / 'x.json', '--overlay', out, create=Interrupted) == main.EXIT_FAILURE
    )
    assert last_line(capfd) == (f'hand4whole: interrupted: 2 of 5 frames are done, 2 are in {out}/x.json, '
                                f'2 are drawn in {out}')
    assert list(json.loads((out / 'x.json').read_text())) == ['0.png', '1.png']
    assert sorted(contents(out)) == ['0.png', '1.png', 'x.json']
    # The video that was being drawn is one, as far as it goes.
    assert estimate(write_video(tmp_path / 'clip.avi', 5), '--overlay', out, create=Interrupted) == main.EXIT_FAILURE
    capture = cv2.VideoCapture(str(out / 'clip_overlay.mp4'))
    assert sum(capture.read()[0] for _ in range(5)) == 2
    # Nothing is done: an earlier result stays.
    Interrupted.left = 0
    try:
        assert estimate(tmp_path / 'in', '--json', out / 'x.json', create=Interrupted) == main.EXIT_FAILURE
    finally:
        Interrupted.left = 2
    assert 'interrupted: 0 of 5 frames are done' in last_line(capfd)
    assert list(json.loads((out / 'x.json').read_text())) == ['0.png', '1.png']


def test_ctrl_c_that_a_library_swallows_is_heard_at_the_next_frame(tmp_path, capfd):
    class Swallowing(QuickEstimator):
        def estimate(self, image, intrinsics, stamp=None):
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(10)
            except KeyboardInterrupt:
                pass
            return super().estimate(image, intrinsics)
    for k in range(3):
        write_picture(tmp_path / 'in' / f'{k}.png')
    assert estimate(tmp_path / 'in', '--json', tmp_path / 'x.json', create=Swallowing) == main.EXIT_FAILURE
    assert '1 of 3 frames are done' in last_line(capfd)
    assert list(json.loads((tmp_path / 'x.json').read_text())) == ['0.png']


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_at_any_moment_leaves_complete_json(tmp_path, number):
    total = 40
    for k in range(total):
        write_picture(tmp_path / 'in' / f'{k:02}.png', behaviour=SLOW)
    result = tmp_path / 'x.json'
    process = subprocess.Popen([*SCRIPT, str(tmp_path / 'in'), '--json', str(result)], stderr=subprocess.PIPE)
    end = time.monotonic() + 120
    while not result.exists() or len(json.loads(result.read_text())) < 3:
        assert process.poll() is None and time.monotonic() < end, process.stderr.read().decode()
        time.sleep(0.01)
    process.send_signal(number)
    if number == signal.SIGINT:     # pressed by somebody who is in a hurry
        while process.poll() is None:
            process.send_signal(number)
            time.sleep(0.05)
    said = process.communicate(timeout=60)[1].decode().splitlines()
    found = json.loads(result.read_text())
    assert 3 <= len(found) < total and list(found) == [f'{k:02}.png' for k in range(len(found))]
    if number == signal.SIGKILL:
        assert process.returncode == -number
        note('hand4whole estimate is killed', 'SIGKILL after the third picture', 1,
             'the JSON is complete; nothing else is left')
    else:
        note(f'{number.name} during hand4whole estimate', 'after the third picture', 1,
             'one line with what is done and where, exit code 1; the JSON holds it')
        assert process.returncode == main.EXIT_FAILURE
        assert said[-1] == (f'hand4whole: interrupted: {len(found)} of {total} frames are done, '
                            f'{len(found)} are in {result}')
        assert not any('Traceback' in line for line in said)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['in', 'x.json']


def test_a_frame_on_which_the_estimator_fails_costs_itself(tmp_path, caplog):
    caplog.set_level('INFO')
    for k, behaviour in enumerate((0, RAISE, NOT_FINITE, 0)):
        write_picture(tmp_path / 'in' / f'{k}.png', behaviour=behaviour)
    assert estimate(tmp_path / 'in', '--json', tmp_path / 'x.json') == main.EXIT_FAILURE
    assert '1.png: the estimator failed: RuntimeError: the script says so' in caplog.text
    assert '2.png: a person is rejected: transl is not finite' in caplog.text
    assert '2 people in 3 frames; 1 left out: the estimator failed; people refused: 1 impossible numbers' in caplog.text
    found = json.loads((tmp_path / 'x.json').read_text())
    assert {name: len(people) for name, people in found.items()} == {'0.png': 1, '2.png': 0, '3.png': 1}


def test_an_estimator_that_fails_always_is_given_up_and_what_is_done_is_kept(tmp_path, capfd):
    class Broken(Interrupted):
        error = RuntimeError('no more')
    for k in range(20):
        write_picture(tmp_path / 'in' / f'{k:02}.png')
    assert estimate(tmp_path / 'in', '--json', tmp_path / 'x.json', create=Broken) == main.EXIT_FAILURE
    assert 'it failed 10 times in a row; 11.png: the estimator failed: RuntimeError: no more; 2 of 20 frames are ' \
        'done, 2 are in' in last_line(capfd)
    assert len(json.loads((tmp_path / 'x.json').read_text())) == 2


@pytest.mark.parametrize('what', ['json', 'overlay'])
def test_a_full_disk_in_the_middle_keeps_what_fitted(tmp_path, monkeypatch, capfd, what):
    for k in range(5):
        write_picture(tmp_path / 'in' / f'{k}.png')
    out, real, left = tmp_path / 'out', output_files.open_replacement, [3]

    def full(path, durable=True):
        left[0] -= (what == 'json') == (path.suffix == '.json')
        if left[0] <= 0:
            raise OSError(errno.ENOSPC, 'No space left on device')
        return real(path, durable)
    monkeypatch.setattr(output_files, 'open_replacement', full)
    assert estimate(tmp_path / 'in', '--json', out / 'x.json', '--overlay', out) == main.EXIT_FAILURE
    line = last_line(capfd)
    assert f'no space left for {out}/{"x.json" if what == "json" else "2.png"}: free some and repeat' in line
    assert 'of 5 frames are done, ' in line and ' are in ' in line
    found = json.loads((out / 'x.json').read_text())
    assert 2 <= len(found) <= 3 and not [name for name in contents(out) if name.startswith('.')]


def test_a_folder_that_vanishes_is_made_again(tmp_path):
    import shutil

    class Vandal(QuickEstimator):
        def estimate(self, image, intrinsics, stamp=None):
            shutil.rmtree(tmp_path / 'out', ignore_errors=True)
            return super().estimate(image, intrinsics)
    for k in range(3):
        write_picture(tmp_path / 'in' / f'{k}.png')
    out = tmp_path / 'out'
    assert estimate(tmp_path / 'in', '--json', out / 'x.json', '--overlay', out, create=Vandal) == main.EXIT_SUCCESS
    assert len(json.loads((out / 'x.json').read_text())) == 3 and (out / '2.png').exists()


# Names that are no UTF-8.

def test_names_of_any_bytes(tmp_path, caplog, capfd):
    caplog.set_level('INFO')
    folder = Path(os.fsdecode(os.fsencode(tmp_path / 'in') + b'\xff'))
    good = write_picture(folder / 'good.png')
    odd = write_picture(folder / os.fsdecode(b'caf\xe9.png'), people=2)
    broken = folder / os.fsdecode(b'broken\xe9.png')
    broken.write_bytes(b'no picture')
    out, result = Path(os.fsdecode(os.fsencode(tmp_path / 'out') + b'\xfe')), tmp_path / 'x.json'
    assert estimate(folder, '--overlay', out, '--json', result) == main.EXIT_USAGE
    assert 'broken\\xe9.png: not a picture' in caplog.text
    found = json.loads(result.read_bytes().decode('utf-8'))
    assert {name: len(people) for name, people in found.items()} == {'caf\\xe9.png': 2, 'good.png': 1}
    assert {os.fsencode(path.name) for path in out.iterdir()} == {b'caf\xe9.png', b'good.png'}
    note('file names of any bytes', 'pictures, a broken picture, folders and outputs whose names are no UTF-8', 6,
         'read, drawn and written under their own bytes; in JSON and in the log such a byte is \\xe9')
    assert image_files.read_image(out / odd.name).shape == image_files.read_image(good).shape == (240, 320, 3)
    named = tmp_path / os.fsdecode(b'\xe9.json')
    assert estimate(good, '--json', named) == main.EXIT_SUCCESS and is_results_file(named)
    assert estimate(odd, '--json', odd) == main.EXIT_USAGE
    assert 'caf\\xe9.png is read as an input' in last_line(capfd)


def test_videos_of_any_name(tmp_path):
    pytest.importorskip('hand4whole_ros.media.videos.reader', reason='OpenCV opens no such path')
    odd = write_video(tmp_path / 'x.avi').rename(tmp_path / os.fsdecode(b'caf\xe9.avi'))
    assert estimate(odd, '--overlay', tmp_path / 'out', '--json', tmp_path / 'x.json') == main.EXIT_SUCCESS
    assert list(json.loads((tmp_path / 'x.json').read_text())) == [f'caf\\xe9.avi#{k:06}' for k in range(3)]
    assert [os.fsencode(path.name) for path in (tmp_path / 'out').iterdir()] == [b'caf\xe9_overlay.mp4']


class _HandsBeside(QuickEstimator):
    """One loose hand in every frame with two people."""

    loose_hands = ()

    def estimate(self, image, intrinsics, stamp=None):
        people = super().estimate(image, intrinsics)
        hand = people[0].left_hand
        self.loose_hands = [LooseHandEstimate(
            hand.side, hand.state, 0.7, hand.keypoints_3d, hand.keypoints_2d, None, hand.bbox_xyxy, 5)
        ] if len(people) == 2 else []
        return people


def test_hands_of_nobody_go_to_a_file_of_their_own(tmp_path):
    first, second = write_picture(tmp_path / 'a.png', people=2), write_picture(tmp_path / 'b.png', people=1)
    people, hands = tmp_path / 'people.json', tmp_path / 'hands.json'
    assert estimate(first, second, '--json', people, '--hands-json', hands, create=_HandsBeside) == main.EXIT_SUCCESS
    found = json.loads(hands.read_text())
    assert list(found) == ['a.png', 'b.png'] and not found['b.png'] and len(found['a.png']) == 1
    hand = found['a.png'][0]
    assert (hand['track_id'], hand['side'], hand['confidence'], hand['side_confidence']) == (5, 'left', 0.7, 1.0)
    assert len(hand['keypoints_3d']) == len(hand['keypoints_2d']) == 21 and len(hand['bbox_xyxy']) == 4
    assert {name: len(rows) for name, rows in json.loads(people.read_text()).items()} == {'a.png': 2, 'b.png': 1}
    assert is_results_file(hands)
    # Alone, in the place of the last one; by an estimator that finds no such hands too.
    assert estimate(first, '--hands-json', hands) == main.EXIT_SUCCESS
    assert json.loads(hands.read_text()) == {'a.png': []}


# The file itself.

def test_the_file_is_complete_at_every_moment_and_is_not_written_too_often(tmp_path, monkeypatch):
    path, written = tmp_path / 'x.json', []
    real = output_files.commit_part
    monkeypatch.setattr(
        output_files, 'commit_part', lambda part, end: written.append(part.stat().st_size) or real(part, end)
    )
    results, lost = ResultsFile(path), []
    for k in range(3000):
        results.add(f'{k}.png', [{'track_id': 0, 'joints': [0.1] * (k % 50)}])
        found = json.loads(path.read_text()) if k % 100 == 0 else None
        if found is not None:
            lost.append(k + 1 - len(found))
            assert list(found) == [f'{j}.png' for j in range(len(found))]
    results.close(True)
    assert len(json.loads(path.read_text())) == 3000 and is_results_file(path)
    assert max(lost) <= 3000 / results_file.REWRITE_DIVISOR
    assert sum(written) < (results_file.REWRITE_DIVISOR + 2) * path.stat().st_size


@pytest.mark.parametrize('text, ours', [
    ('{}', True), ('{\n}\n', True), ('{"a.png": []}', True), ('{"clip.mp4#000000": [], "clip.mp4#000001": []}', True),
    ('{"a": [{"track_id": -1, "confidence": 0.5}]}', True), ('{"a.png": [], "b.png": [{"track_id": 0}]}', True),
    ('{\n"photo": [],\n"photo2": []\n}\n', True),
    ('{\n' + ',\n'.join(f'"{k}": []' for k in range(20000)) + '\n}', True),
    ('', False), ('[]', False), ('{"items": []}', False), ('{"a.png": [1]}', False), ('{"a.png": [{"id": 1}]}', False),
    ('{"a.png": []} and more', False), ('{"a.png": {}}', False), ('{"a.png": [', False), ('\x89PNG\r\n', False),
    ('{"images": [], "annotations": []}', False), ('{' + ' ' * 100_000 + '}', False)])
def test_what_is_known_as_its_own(tmp_path, text, ours):
    (tmp_path / 'x.json').write_text(text)
    assert is_results_file(tmp_path / 'x.json') == ours


def test_a_disk_that_is_full_indeed(tmp_path):
    """No file may grow beyond 40 kB; three of these people have more than that."""
    from test_faults_process import limited
    for k in range(8):
        write_picture(tmp_path / 'in' / f'{k}.png')
    result = tmp_path / 'x.json'
    done = subprocess.run([*SCRIPT, str(tmp_path / 'in'), '--json', str(result)], capture_output=True, text=True,
                          preexec_fn=limited(), timeout=120)
    assert done.returncode == main.EXIT_FAILURE, done.stderr
    line = done.stderr.strip().splitlines()[-1]
    found = json.loads(result.read_text())
    assert 1 <= len(found) < 8 and sorted(path.name for path in tmp_path.iterdir()) == ['in', 'x.json']
    assert line == (f'hand4whole: no space left for {result}: free some and repeat the command; {len(found)} of 8 '
                    f'frames are done, {len(found)} are in {result}')
    note('the disk is full while hand4whole estimate writes', 'no file may grow beyond 40 kB', 1,
         'one line with what is done and where; the JSON is complete and holds it')
