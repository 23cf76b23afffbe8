"""Cameras and clocks that do not keep time, over the wire: said in diagnostics, and nothing old is kept alive."""

import time

import pytest
from fault_figures import note
from ros_peer import LATCHED, NodeProcess, Peer, camera_info, namespace
from scripted_node import BEHIND, LEFT_LOST, picture
from sensor_msgs.msg import CameraInfo

from hand4whole_ros.msg import HandPose

HAND, WRIST = 'operator/left_hand', 'operator/left_wrist'
HOUR = 3600


@pytest.fixture(scope='module')
def node(tmp_path_factory):
    process = NodeProcess(tmp_path_factory.mktemp('node'), namespace(), diagnostics_period=0.2)
    yield process
    code, _ = process.stop()
    assert code == 0 and 'Traceback' not in process.log(), process.log()


@pytest.fixture(scope='module')
def camera(node):
    peer = Peer(node.namespace, topics=('poses', HAND, WRIST), diagnostics=True)
    peer.publisher(CameraInfo, 'camera_info', LATCHED).publish(camera_info())
    assert node.says('waiting for images'), node.log()
    peer.answer(picture(1))
    assert peer.until(lambda: reported(peer, 'in view'))
    yield peer
    peer.close()


def reported(peer, words, level=None):
    """Whether the newest diagnostics message says this."""
    return any(words in status.message and level in (None, int.from_bytes(status.level, 'little'))
               for _, status in peer.reports()[:1])


def warned(peer, words, show, timeout=20.0):
    """Show images with `show()` until diagnostics warn in these words; whether they did."""
    end = time.monotonic() + timeout
    while not reported(peer, words, 1):
        if time.monotonic() > end:
            return False
        show()
        peer.spin(1 / 30)
    return True


def new_run(peer):
    """Nobody, from now on and by real time."""
    peer.answer(picture(0))
    peer.answer(picture(1))


def test_a_stamp_that_stands_still_keeps_no_hand_alive(node, camera):
    """Thirty wrists came in three seconds, of nobody."""
    new_run(camera)
    standing = camera.stamp()
    camera.answer(picture(1, LEFT_LOST), stamp=standing)
    camera.spin(0.2)
    poses, wrists = len(camera.got['poses']), len(camera.got[WRIST])
    before = int(camera.fresh_value('frames dropped: duplicate stamp'))
    assert warned(camera, 'every image bears the stamp', lambda: camera.show(picture(1, LEFT_LOST), stamp=standing))
    dropped = int(camera.fresh_value('frames dropped: duplicate stamp')) - before
    assert len(camera.got['poses']) == poses and len(camera.got[WRIST]) == wrists and dropped > 1
    # Time goes on: what was seen before is not held any more.
    lost = camera.answer(picture(1, LEFT_LOST))
    assert camera.until(lambda: any(m.header == lost.header and m.state == HandPose.LOST for m in camera.got[HAND]))
    assert node.log().count('bears the stamp of the one before') == 1
    note('a driver whose stamp stands still', 'images of one stamp, without the hand that was seen before', dropped,
         'each dropped and counted, no pose and no wrist published; a warning with the cure in diagnostics, one line '
         'in the log')


def test_when_images_stop_nothing_is_repeated(camera):
    new_run(camera)
    held = camera.answer(picture(1, LEFT_LOST))
    assert camera.until(lambda: any(m.header == held.header and m.state == HandPose.HELD for m in camera.got[HAND]))
    camera.spin(0.2)
    before = {key: len(camera.got[key]) for key in ('poses', HAND, WRIST)}
    assert camera.until(lambda: reported(camera, 'no image for'))
    assert before == {key: len(camera.got[key]) for key in before}
    note('images stop while a hand is HELD', 'no image until diagnostics say so', 1,
         'nothing is published after the last image')


def test_stamps_of_another_clock_are_named(camera):
    said = {}
    for offset, words in ((HOUR, '1.0 h after they arrive'), (-HOUR, '1.0 h before they arrive'),
                          (-time.time() + 5000, 'count from the start of the camera')):
        new_run(camera)
        shown = []

        def show(offset=offset, shown=shown):
            shown.append(camera.show(picture(1), stamp=divmod(time.time_ns() + round(offset * 1e9), 10**9)))
        assert warned(camera, words, show)
        said[words] = len(shown)
    new_run(camera)
    assert camera.until(lambda: reported(camera, 'in view', 0))
    note('stamps of another clock', 'an hour ahead, an hour behind, since the start of the camera', sum(said.values()),
         'a warning in diagnostics with the difference and its likely cause')


def test_stamps_of_two_clocks_do_not_fill_the_log(node, camera):
    new_run(camera)
    before, count = len(node.log().splitlines()), [0]

    def show():
        count[0] += 1
        camera.show(picture(1), stamp=divmod(time.time_ns() - HOUR * (count[0] % 2) * 10**9, 10**9))
    assert warned(camera, 'times: stamps of two clocks on one topic', show)
    for _ in range(30):
        show()
        camera.spin(0.02)
    lines = len(node.log().splitlines()) - before
    assert lines <= 3
    new_run(camera)
    note('stamps of two clocks in turn', 'every second image an hour older', count[0],
         f'a warning in diagnostics, {lines} line(s) in the log')


def test_two_cameras_on_one_topic(node, camera):
    new_run(camera)
    before, count = len(camera.got['poses']), [0]

    def show():
        count[0] += 1
        camera.show(picture(1), frame='other_camera' if count[0] % 2 else None)
    assert warned(camera, 'images of two frames on one topic', show)
    while len(camera.got['poses']) < before + 5:
        show()
        camera.spin(1 / 30)
    assert {m.header.frame_id for m in camera.got['poses'][before:]} == {camera.frame}
    assert node.log().count('images of two frames') == 1
    dropped = int(camera.fresh_value('frames dropped: another frame'))
    # Where the first one falls silent the other one is followed.
    other = camera.answer(picture(1), frame='other_camera')
    assert other.header.frame_id == 'other_camera'
    camera.answer(picture(1))
    note('two cameras on one topic', 'images of two frames in turn, then of one alone', count[0],
         f'one is followed, {dropped} images of the other dropped and counted, and followed once the first is silent')


def test_people_who_are_refused_are_counted(camera):
    new_run(camera)
    before = int(camera.fresh_value('people refused'))
    assert all(pose.state != pose.OK for pose in camera.answer(picture(1, BEHIND)).poses)
    assert camera.until(lambda: int(camera.value('people refused') or 0) > before)
    assert int(camera.value('people refused: behind the camera')) >= 1


def test_simulated_time_without_a_clock(tmp_path):
    process = NodeProcess(tmp_path, namespace(), '-r', f'/clock:=/{namespace()}/clock', use_sim_time=True,
                          diagnostics_period=0.2, camera_info_timeout=0.0)
    peer = Peer(process.namespace, diagnostics=True)
    try:
        assert peer.until(lambda: reported(peer, 'nothing comes on /clock', 1), 60), process.log()
        got = [peer.answer(picture(1)) for _ in range(3)]
        assert {(p.received.sec, p.received.nanosec) for m in got for p in m.poses} == {(0, 0)}
        assert all(m.header.stamp.sec > 1_000_000_000 for m in got)
        assert process.says('nothing comes on /clock') and reported(peer, 'set use_sim_time to false', 1)
        assert peer.value('age of the last image at publishing (s)') == 'none yet'
        peer.show(picture(1), stamp=(0, 0))
        for _ in range(8):
            peer.show(picture(1), stamp=(0, 0))
            peer.spin(0.05)
        assert process.says('no stamp')
        assert process.log().count('nothing comes on /clock') == 1
        note('use_sim_time without /clock', 'images with stamps, and without', len(got) + 9,
             'poses of those with stamps, `received` zero and not a negative time; a warning in diagnostics with the '
             'cure, one line in the log')
    finally:
        peer.close()
        code, _ = process.stop()
    assert code == 0 and 'Traceback' not in process.log(), process.log()
