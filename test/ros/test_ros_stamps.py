"""What is wrong with stamps, in words, and which images of a topic are followed."""

import time

import pytest

from hand4whole_ros.ros.compat import wrap_timed_callback
from hand4whole_ros.ros.node.frame_guard import FrameGuard
from hand4whole_ros.ros.node.stamp_guard import (
    MAX_UNSTAMPED_IMAGES,
    StampGuard,
    StampPresence,
    age_warning,
    format_duration,
    stamp_rate_warning,
)

NOW = 1_750_000_000.0


@pytest.mark.parametrize('age', [-0.5, -0.01, 0.0, 0.05, 1.9])
def test_usual_ages_are_right(age):
    assert age_warning(age, NOW - age, False) == age_warning(age, 100.0, True) == ''


@pytest.mark.parametrize('age, stamp, simulated, said', [
    (-3600.0, NOW + 3600, False, 'images are stamped 1.0 h after they arrive: synchronise the clocks'),
    (-0.8, NOW + 0.8, False, 'images are stamped 0.8 s after they arrive: synchronise the clocks'),
    (3.0, NOW - 3, False, 'images are stamped 3.0 s before they arrive: synchronise the clocks'),
    (86400 * 12.0, NOW - 86400 * 12, False, 'images are stamped 12.0 days before they arrive: synchronise'),
    (86400 * 12.0, NOW - 86400 * 12, False, 'for a bag set use_sim_time'),
    (NOW - 5000, 5000.0, False, '55.5 years before they arrive: the stamps count from the start of the camera'),
    (100 - NOW, NOW, True, '55.5 years after they arrive: they bear real time, and this node goes by /clock'),
    (90.0, 10.0, True, 'images are stamped 90.0 s before they arrive: the camera and /clock are not of one simulation'),
    (-90.0, 100.0, True, 'images are stamped 90.0 s after they arrive: the camera and /clock are not of one simul'),
    (-90.0, NOW, True, 'set use_sim_time to false')])
def test_a_wrong_age_is_named_with_its_likely_cause(age, stamp, simulated, said):
    assert said in age_warning(age, stamp, simulated)


def test_durations():
    assert [format_duration(s) for s in (0.04, 90, 150, 3700, 7200, 200000, 1e9)] == [
        '0.0 s', '90.0 s', '2.5 min', '1.0 h', '2.0 h', '2.3 days', '31.7 years']


def test_pace():
    assert stamp_rate_warning(None) == stamp_rate_warning(1.0) == stamp_rate_warning(2.0) == ''
    assert stamp_rate_warning(0.5).startswith('stamps go 0.50 s while images arrive for 1 s') and stamp_rate_warning(
        0.0
    )


def test_a_stamp_that_stands_still_is_a_duplicate_until_it_goes_on():
    guard = StampGuard()
    assert [guard.classify(t) for t in (5, 5, 5, 6, 6, 5)] == [
        'next', 'duplicate', 'duplicate', 'next', 'duplicate', 'late']
    assert guard.classify(0) == 'late' and guard.classify(6) == 'duplicate'
    guard.reset()
    assert guard.classify(6) == 'next'


def test_an_image_without_a_stamp_is_a_fault_only_where_others_have_one():
    presence = StampPresence()
    assert [presence.note(False) for _ in range(3)] == [False] * 3
    assert presence.note(True) and presence.note(False) and presence.note(True)
    # A camera that does not stamp has taken the place of the one that did.
    assert [presence.note(False) for _ in range(MAX_UNSTAMPED_IMAGES + 2)] == [True] * MAX_UNSTAMPED_IMAGES + [
        False
    ] * 2


def test_one_of_two_cameras_is_followed_while_it_lives():
    guard = FrameGuard()
    verdicts = [guard.classify('left' if k % 2 == 0 else 'right', k / 60) for k in range(600)]
    assert verdicts == ['same', 'other'] * 300
    # The left one falls silent.
    last = 598 / 60
    taken = next(k for k in range(600, 2000) if guard.classify('right', k / 60) == 'changed')
    assert 2.0 <= taken / 60 - last < 2.05 and guard.frame == 'right'
    assert guard.classify('left', taken / 60 + 0.01) == 'other' and guard.classify('right', taken / 60 + 0.02) == 'same'


def test_two_slow_cameras_do_not_take_turns():
    guard = FrameGuard()
    assert [guard.classify('left' if k % 2 == 0 else 'right', 5.0 * k) for k in range(20)] == ['same', 'other'] * 10


@pytest.mark.parametrize('before, least, most', [
    (0.5, 0.5, 30.0), (-3600.0, 0.0, 0.0), (3600.0, 0.0, 0.0), (None, 0.0, 0.0)],
    ids=['half a second', 'the clock was set back', 'the clock was set forward', 'of another clock'])
def test_how_long_a_message_lay_in_the_middleware_is_never_made_up(before, least, most):
    waits = []
    arrived = 12345 if before is None else time.time_ns() - round(before * 1e9)
    wrap_timed_callback(lambda message, waited: waits.append(waited * 1e-9))(b'', {'received_timestamp': arrived})
    assert least <= waits[0] <= most
