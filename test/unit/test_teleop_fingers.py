"""Fingers that follow: speed, limits, holding, a slow beginning, and no surprise after any gap."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from teleop_hands import placed, right_hand, seen

from hand4whole_ros.teleop.hand_gate import HELD, LOST, OK, HandObservation
from hand4whole_ros.teleop.hand_teleop import HandTeleop, HandTeleopConfig
from hand4whole_ros.teleop.joint_limiter import JointLimiter, JointLimiterConfig
from hand4whole_ros.teleop.joints import JointLimits
from hand4whole_ros.teleop.retargeting import HandRetargeter

DT = 1 / 30
LIMITS = JointLimits(('a', 'b'), np.array([-1.0, 0.2]), np.array([1.0, 1.5]))


class BendRetargeter(HandRetargeter):
    """A robot hand of two joints that bend with the index and the middle finger: exact, and no library."""

    hand = SimpleNamespace(limits=LIMITS, side='right')

    def __init__(self):
        self.resets = 0

    def retarget(self, keypoints):
        bends = [math.atan2(*(keypoints[k + 1] - keypoints[k])[[0, 2]]) for k in (5, 9)]
        return LIMITS.clip(np.array(bends))

    def tip_positions(self, positions):
        return np.zeros((2, 3))

    def reset(self):
        self.resets += 1


def follower(**fields):
    return HandTeleop(BendRetargeter(), HandTeleopConfig(**{'smoothing': False, **fields}))


def run(teleop, flexions, begin=0.0, engaged=True):
    """The commands after images of a hand with these flexions; None: an image without a hand."""
    commands = []
    for k, flexion in enumerate(flexions):
        now = begin + k * DT
        commands.append(teleop.update(None if flexion is None else seen(now, right_hand(flexion)), now, engaged))
    return commands


# The limiter alone

@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.lists(st.tuples(st.floats(-20, 20), st.floats(-20, 20), st.floats(-1, 5)), min_size=1, max_size=60))
def test_no_joint_leaves_its_limits_or_is_too_fast(targets):
    limiter = JointLimiter(LIMITS)
    for a, b, dt in targets:
        before = limiter.positions
        after = limiter.step(np.array([a, b]), dt)
        assert LIMITS.excess(after) == 0
        assert np.abs(after - before).max() <= 10 * min(max(dt, 0), 0.05) + 1e-12


@pytest.mark.parametrize('bad', [math.nan, math.inf, -math.inf])
def test_a_target_that_is_not_finite_moves_nothing(bad):
    limiter = JointLimiter(LIMITS, JointLimiterConfig(start_time=0))
    limiter.step(np.array([0.5, 0.5]), 0.05)
    before = limiter.positions
    assert np.array_equal(limiter.step(np.array([bad, bad]), 0.05), before)
    assert np.array_equal(limiter.step(np.array([0.0, 0.0]), bad), before)


def test_rest_is_inside_the_limits():
    assert JointLimiter(LIMITS).positions.tolist() == [0.0, 0.2]


def test_motion_begins_slowly_after_a_restart():
    limiter = JointLimiter(LIMITS, JointLimiterConfig(max_speed=10, start_speed=2, start_time=0.5))
    steps = np.diff([limiter.positions[0]] + [limiter.step(np.array([1.0, 0.2]), 0.01)[0] for _ in range(20)])
    assert steps[0] == pytest.approx(0.01 * (2 + 8 * 0.01 / 0.5)) and (np.diff(steps) > 0).all()


@pytest.mark.parametrize('fields', [{'max_speed': 0}, {'start_speed': 11}, {'start_time': -1}, {'max_dt': 0},
                                    {'max_speed': math.inf}, {'start_speed': math.nan}])
def test_speeds_that_make_no_sense_are_refused(fields):
    with pytest.raises(ValueError, match='speed'):
        JointLimiterConfig(**fields)


# Following

def test_fingers_follow_and_their_stamp_says_which_image():
    commands = run(follower(), [0.6] * 40)
    assert commands[0].state == LOST and commands[0].stamp is None and commands[0].positions.tolist() == [0.0, 0.2]
    assert commands[-1].state == OK and commands[-1].reason == '' and commands[-1].stamp == pytest.approx(39 * DT)
    assert commands[-1].names == ('a', 'b') and np.allclose(commands[-1].positions, [0.6, 0.6])


def test_between_images_commands_go_on_to_where_the_last_one_leads():
    teleop = follower(limiter=JointLimiterConfig(start_time=0, max_speed=2, start_speed=2))
    now = 0.0
    for _ in range(3):
        teleop.update(seen(now, right_hand(0.9)), now)
        now += DT
    first = teleop.check(now).positions
    second = teleop.check(now + 0.01).positions
    assert second[0] - first[0] == pytest.approx(0.02)
    for k in range(19):
        last = teleop.check(now + 0.02 + 0.01 * k)
    assert last.state == HELD       # and there it ends: an old image leads nowhere
    assert np.array_equal(teleop.check(now + 0.25).positions, last.positions) and last.positions[0] < 0.9


@pytest.mark.parametrize('lost', [1, 5, 45, 300])
def test_a_lost_hand_moves_nothing_and_comes_back_no_faster_than_joints_may(lost):
    teleop = follower()
    run(teleop, [0.2] * 10 + list(np.linspace(0.2, 0.9, 5)))
    before = teleop.limiter.positions.copy()
    gone = run(teleop, [None] * lost, begin=15 * DT)
    assert all(np.array_equal(command.positions, before) for command in gone)
    assert gone[-1].state == (HELD if lost <= 14 else LOST)
    assert gone[-1].age == pytest.approx(lost * DT) and gone[-1].reason
    back = run(teleop, [0.0] * 40, begin=(15 + lost) * DT)
    steps = np.abs(np.diff([before] + [command.positions for command in back], axis=0)).max(axis=1)
    assert steps.max() <= 10 * DT + 1e-9 and np.allclose(back[-1].positions, [0.0, 0.2])
    if lost > 15:
        assert steps[:5].max() < 4 * DT     # a slow beginning


def test_silence_moves_nothing():
    teleop = follower()
    before = run(teleop, [0.5] * 20)[-1]
    for age in (0.3, 0.6, 3600.0):
        command = teleop.check(19 * DT + age)
        assert np.array_equal(command.positions, before.positions) and command.age == pytest.approx(age)
    assert command.state == LOST


def test_nothing_moves_while_not_engaged_and_engaging_begins_slowly():
    teleop = follower()
    start = teleop.limiter.positions.copy()
    for command in run(teleop, [0.9] * 20, engaged=False):
        assert np.array_equal(command.positions, start) and command.reason == 'not engaged'
    first = run(teleop, [0.9] * 3, begin=20 * DT)
    assert 0 < np.abs(first[0].positions - start).max() < 3.5 * DT


def test_the_joints_of_the_robot_are_where_the_motion_begins():
    teleop = HandTeleop(BendRetargeter(), HandTeleopConfig(smoothing=False), start=np.array([-0.8, 1.4]))
    commands = run(teleop, [0.3] * 4)
    assert commands[1].positions.tolist() == [-0.8, 1.4]
    assert np.abs(commands[-1].positions - (-0.8, 1.4)).max() < 0.3


@pytest.mark.parametrize('bad', [math.nan, math.inf])
def test_joints_of_the_robot_that_are_not_finite_are_not_believed(bad):
    limiter = JointLimiter(LIMITS, start=np.array([0.5, bad]))
    assert limiter.positions.tolist() == [0.5, 0.2]
    limiter.restart(np.array([bad, 1.0]))
    assert limiter.positions.tolist() == [0.5, 1.0]


def test_after_a_loss_nothing_is_left_of_what_was_measured_before():
    teleop = follower(smoothing=True, min_cutoff=0.01, beta=0.0)
    run(teleop, [0.2] * 30)
    resets = teleop.retargeter.resets
    run(teleop, [None] * 30, begin=30 * DT)
    assert teleop.retargeter.resets == resets + 1
    last = run(teleop, [0.9] * 60, begin=60 * DT)[-1]
    assert np.allclose(last.positions, 0.9, atol=1e-3)      # a filter that remembered would hardly have moved


def test_a_broken_source_holds_the_hand():
    """NaN, zeros, stamps and clocks that jump: every command is finite, inside the limits and no faster than may be."""
    teleop = follower()
    run(teleop, [0.5] * 10)
    rng = np.random.default_rng(0)
    now, before = 10 * DT, teleop.limiter.positions.copy()
    for _ in range(300):
        keypoints = placed(right_hand(rng.uniform(0, 1.2)))
        kind = rng.integers(6)
        if kind == 0:
            keypoints = keypoints * np.nan
        elif kind == 1:
            keypoints = keypoints * 0
        elif kind == 2:
            keypoints = keypoints + rng.normal(0, 1, 3)
        stamp = now + (rng.choice([-1e9, math.nan, math.inf, 5.0]) if kind == 3 else 0.0)
        after = teleop.update(HandObservation(stamp, keypoints, rng.choice([0.9, math.nan, -1.0, 0.0])), now).positions
        assert np.isfinite(after).all() and LIMITS.excess(after) == 0
        assert np.abs(after - before).max() <= 10 * 0.05 + 1e-9
        before, now = after.copy(), now + (DT if kind != 4 else rng.uniform(-1, 1))


def test_the_maths_needs_neither_ros_nor_torch():
    """A node that follows a hand beside a small computer's other work is not to load a gigabyte."""
    import subprocess
    import sys
    code = ('import sys, hand4whole_ros.teleop.wrist_teleop, hand4whole_ros.teleop.hand_teleop, '
            'hand4whole_ros.teleop.openxr, hand4whole_ros.teleop.dexpilot, hand4whole_ros.teleop.simulation\n'
            'print(sorted({"torch", "rclpy", "warp", "cv2", "mujoco", "dexi_rs"} & set(sys.modules)))')
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == '[]'
