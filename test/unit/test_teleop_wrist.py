"""Wrists that follow: the button, the clutch, the workspace, speeds, and whatever may go wrong."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from teleop_hands import placed, right_hand, seen

from hand4whole_ros.evaluation.teleop_safety import clutch_figures
from hand4whole_ros.teleop.engagement import Engagement, EngagementConfig
from hand4whole_ros.teleop.hand_gate import HELD, LOST, OK, GateResult, HandObservation
from hand4whole_ros.teleop.pose_limiter import PoseLimiter, PoseLimiterConfig
from hand4whole_ros.teleop.poses import Pose
from hand4whole_ros.teleop.wrist_teleop import WristTeleop, WristTeleopConfig

DT = 1 / 30
FAST = PoseLimiterConfig(max_speed=1e3, max_acceleration=1e7, max_angular_speed=1e3, max_angular_acceleration=1e7)
START = Pose.from_xyz_rpy((0.5, 0.1, 0.4), (0.0, 1.0, 0.0))

#: A camera 0.8 m in front of the base and 0.6 m above it that looks back at the operator behind the robot's base: its
#: z is the base's -x, its x the base's y, its y (down) the base's -z.
CAMERA = Pose(np.array([0.8, 0.0, 0.6]), np.array([[0, 0, -1], [1, 0, 0], [0, -1, 0]], float))


def gate(state, reason='a reason'):
    return GateResult(state, 0.0, 1.0, '' if state == OK else reason, state == OK)


class Operator:
    """Somebody who presses the button and moves a hand; time goes on with every image."""

    def __init__(self, config=None):
        self.teleop = WristTeleop(CAMERA, START, 'right', config or WristTeleopConfig(limiter=FAST))
        self.now, self.pressed = 0.0, False

    def image(self, position=(0.0, 0.0, 0.9), turn=(0, 0, 0), hidden=False, **fields):
        self.now += DT
        if self.pressed:
            self.teleop.engagement.press(self.now)
        rotation = Rotation.from_rotvec(turn).as_matrix()
        keypoints = placed(right_hand(), position, rotation @ np.diag([-1.0, 1.0, -1.0]))
        observation = None if hidden else HandObservation(self.now, keypoints, wrist_rotation=rotation)
        return self.teleop.update(replace(observation, **fields) if fields else observation, self.now)

    def images(self, count, **kwargs):
        for _ in range(count):
            command = self.image(**kwargs)
        return command

    def press(self):
        self.pressed = True
        return self

    def release(self):
        self.pressed = False
        self.teleop.engagement.release()
        return self


# Poses

def test_rpy_is_the_one_of_urdf():
    yaw = Pose.from_xyz_rpy((1, 2, 3), (0, 0, math.pi / 2))
    assert np.allclose(yaw.rotation @ (1, 0, 0), (0, 1, 0)) and yaw.position.tolist() == [1, 2, 3]
    roll, pitch, turn = 0.3, -0.5, 1.2
    cr, sr, cp, sp, cy, sy = (f(a) for a in (roll, pitch, turn) for f in (math.cos, math.sin))
    expected = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]]) @ [[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]] @ \
        np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
    assert np.allclose(Pose.from_xyz_rpy((0, 0, 0), (roll, pitch, turn)).rotation, expected)


@pytest.mark.parametrize('xyz, rpy', [((0, 0), (0, 0, 0)), ((0, 0, math.nan), (0, 0, 0)),
                                      ((0, 0, 0), (0, math.inf, 0))])
def test_an_extrinsic_that_is_none_is_refused(xyz, rpy):
    with pytest.raises(ValueError, match='three finite numbers'):
        Pose.from_xyz_rpy(xyz, rpy)


@pytest.mark.parametrize('quaternion', [(0, 0, 0, 0), (math.nan, 0, 0, 1), (0, 0, 0, 3)])
def test_a_quaternion_that_is_none_is_refused(quaternion):
    with pytest.raises(ValueError, match='unit quaternion'):
        Pose.from_quaternion((0, 0, 0), quaternion)
    assert Pose.from_quaternion((0, 0, 0), (0, 0, 0, 1)).is_valid()


# The button

def test_the_button_counts_for_its_timeout():
    engagement = Engagement(EngagementConfig(timeout=0.5))
    assert engagement.update(gate(OK), 0.0).reason == 'not pressed'
    engagement.press(1.0)
    first, second = engagement.update(gate(OK), 1.0), engagement.update(gate(OK), 1.5)
    assert first.engaged and first.started and second.engaged and not second.started
    late = engagement.update(gate(OK), 1.51)
    assert not late.engaged and late.reason == 'not pressed'


def test_releasing_lets_go_at_once():
    engagement = Engagement()
    engagement.press(1.0)
    assert engagement.update(gate(OK), 1.0).engaged
    engagement.release()
    assert not engagement.update(gate(OK), 1.01).engaged


def test_a_held_hand_keeps_the_robot_and_does_not_take_it():
    engagement = Engagement()
    engagement.press(0.0)
    assert not engagement.update(gate(HELD), 0.0).engaged
    assert engagement.update(gate(OK), 0.1).started
    assert engagement.update(gate(HELD), 0.2).engaged


@pytest.mark.parametrize('explicit', [True, False])
def test_after_a_loss_the_button_has_to_be_released_first(explicit):
    engagement = Engagement(EngagementConfig(explicit_return=explicit))
    for now, state in ((0.0, OK), (0.1, LOST), (0.2, OK)):
        engagement.press(now)
        result = engagement.update(gate(state), now)
    assert result.engaged is not explicit
    if explicit:
        assert 'lost' in result.reason
        engagement.release()
        engagement.press(0.3)
        assert engagement.update(gate(OK), 0.3).started


def test_a_long_silence_releases_as_a_hand_does_and_a_short_one_does_not():
    engagement = Engagement(EngagementConfig(timeout=0.5))
    engagement.press(0.0)
    engagement.update(gate(OK), 0.0)
    engagement.update(gate(LOST), 0.1)
    assert not engagement.update(gate(OK), 0.2).engaged
    assert engagement.update(gate(OK), 0.7).reason == 'not pressed'
    engagement.press(2.4)       # a message that came late
    assert 'lost' in engagement.update(gate(OK), 2.4).reason
    assert engagement.update(gate(OK), 5.0).reason == 'not pressed'
    engagement.press(5.1)
    assert engagement.update(gate(OK), 5.1).engaged


def test_whoever_appears_while_the_switch_is_silent_takes_no_robot_over():
    engagement = Engagement(EngagementConfig(timeout=0.5))
    engagement.press(0.0)
    assert engagement.update(gate(OK), 0.0, person=3).engaged
    assert engagement.update(gate(OK), 0.7, person=4).reason == 'not pressed'
    engagement.press(0.8)
    assert 'track id 4, not 3' in engagement.update(gate(OK), 0.8, person=4).reason
    assert engagement.update(gate(OK), 0.9, person=3).started
    engagement.release()
    engagement.press(1.0)
    assert engagement.update(gate(OK), 1.0, person=4).engaged


def test_somebody_elses_hand_takes_no_robot_over():
    engagement = Engagement()
    engagement.press(0.0)
    assert engagement.update(gate(OK), 0.0, person=3).engaged
    engagement.press(0.1)
    other = engagement.update(gate(OK), 0.1, person=4)
    assert not other.engaged and 'track id 4' in other.reason
    engagement.press(0.2)
    assert not engagement.update(gate(OK), 0.2, person=3).engaged       # nor does the first one's get it back so
    engagement.release()
    engagement.press(0.3)
    assert engagement.update(gate(OK), 0.3, person=4).engaged


def test_only_the_same_persons_hand_engages_again_by_itself():
    engagement = Engagement(EngagementConfig(explicit_return=False))
    for now, state, person in ((0.0, OK, 3), (0.1, LOST, 3), (0.2, OK, 4)):
        engagement.press(now)
        result = engagement.update(gate(state), now, person)
    assert not result.engaged and 'track id 4, not 3' in result.reason
    engagement.press(0.3)
    assert engagement.update(gate(OK), 0.3, person=3).started


def test_a_chosen_operator_is_the_only_one():
    engagement = Engagement()
    engagement.press(0.0)
    assert engagement.update(gate(OK), 0.0, person=3).engaged
    engagement.take_over(4)
    engagement.press(0.1)
    assert 'another operator' in engagement.update(gate(OK), 0.1, person=4).reason
    engagement.release()
    engagement.press(0.2)
    assert not engagement.update(gate(OK), 0.2, person=3).engaged
    assert engagement.update(gate(OK), 0.3, person=4).engaged


@pytest.mark.parametrize('jump', [-10.0, math.nan])
def test_a_clock_that_jumps_lets_go_until_the_button_is_released(jump):
    engagement = Engagement()
    engagement.press(100.0)
    assert engagement.update(gate(OK), 100.0).engaged
    now = 100.0 + jump
    result = engagement.update(gate(OK), now)
    assert not result.engaged
    now = 90.0 if math.isnan(now) else now
    for k in range(1, 30):
        engagement.press(now + 0.1 * k)
        assert not engagement.update(gate(OK), now + 0.1 * k).engaged
    engagement.release()
    engagement.press(now + 3.1)
    assert engagement.update(gate(OK), now + 3.1).engaged


def test_a_press_from_the_future_counts_no_longer_than_any_other():
    engagement = Engagement(EngagementConfig(timeout=0.5))
    engagement.press(1000.0)
    assert engagement.update(gate(OK), 1.0).engaged
    assert not engagement.update(gate(OK), 1.6).engaged


def test_a_press_at_no_time_is_none():
    engagement = Engagement()
    engagement.press(math.nan)
    assert engagement.update(gate(OK), 1.0).reason == 'not pressed'


@pytest.mark.parametrize('timeout', [0, -1, math.inf, math.nan])
def test_a_timeout_that_never_ends_is_refused(timeout):
    with pytest.raises(ValueError, match='timeout'):
        EngagementConfig(timeout=timeout)


# The clutch

def test_the_robot_moves_as_the_operator_in_the_frame_of_the_base():
    operator = Operator().press()
    operator.images(3)
    command = operator.image(position=(0.03, -0.04, 0.85))
    # Right in the picture is the base's y, up its z, nearer to the camera its x.
    assert np.allclose(command.pose.position - START.position, (0.05, 0.03, 0.04), atol=1e-9)
    assert command.engaged and command.state == OK and command.reason == '' and command.stamp == operator.now


def test_the_robot_turns_as_the_operator_in_the_frame_of_the_base():
    operator = Operator().press()
    operator.images(3, turn=(0.4, 0.2, 0.0))
    # A turn about the camera's axis of view, that is the base's -x.
    more = (Rotation.from_rotvec((0, 0, 0.3)) * Rotation.from_rotvec((0.4, 0.2, 0.0))).as_rotvec()
    command = operator.image(turn=more)
    turned = Rotation.from_matrix(command.pose.rotation @ START.rotation.T).as_rotvec()
    assert np.allclose(turned, (-0.3, 0, 0), atol=1e-9)


def test_scale_and_orientation_are_settings():
    operator = Operator(WristTeleopConfig(limiter=FAST, scale=0.5, orientation=False)).press()
    operator.images(3)
    command = operator.image(position=(0.1, 0.0, 0.9), turn=(0, 0, 0.3))
    assert np.allclose(command.pose.position - START.position, (0, 0.05, 0), atol=1e-9)
    assert np.allclose(command.pose.rotation, START.rotation)


def test_what_the_operator_does_while_disengaged_moves_nothing():
    operator = Operator()
    operator.images(5)
    for position in ((0.3, 0, 0.9), (-0.3, 0.2, 1.4)):
        before = operator.press().images(5).pose
        operator.release().images(2)
        moved = operator.images(30, position=position, turn=(0, 0.5, 0))
        assert np.array_equal(moved.pose.position, before.position) and not moved.engaged
        again = operator.press().images(3, position=position, turn=(0, 0.5, 0))
        assert again.engaged
        assert np.allclose(again.pose.position, before.position, atol=1e-12)
        assert np.allclose(again.pose.rotation, before.rotation, atol=1e-9)
        operator.release().images(25)


def test_where_the_robot_really_is_counts_while_disengaged():
    operator = Operator()
    operator.images(5)
    elsewhere = Pose.from_xyz_rpy((0.3, -0.2, 0.5), (0, 0, 1))
    assert operator.teleop.set_robot_pose(elsewhere)
    command = operator.press().images(2)
    assert np.allclose(command.pose.position, elsewhere.position)
    assert not operator.teleop.set_robot_pose(START)        # not while the operator has it
    operator.release().images(1)
    assert operator.teleop.set_robot_pose(START)
    assert not operator.teleop.set_robot_pose(Pose(np.full(3, np.nan), np.eye(3)))


def test_a_lost_hand_stops_the_robot_and_has_to_engage_again():
    operator = Operator().press()
    operator.images(5)
    before = operator.image(position=(0.05, 0, 0.9))
    for _ in range(45):
        command = operator.image(hidden=True)
        assert np.array_equal(command.pose.position, before.pose.position)
        assert command.velocity.tolist() == [0, 0, 0] and command.reason
        assert command.state == (HELD if command.age <= 0.5 else LOST)
    command = operator.images(20, position=(0.4, 0.2, 1.0))
    assert not command.engaged and np.array_equal(command.pose.position, before.pose.position)
    operator.release().images(1, position=(0.4, 0.2, 1.0))
    command = operator.press().images(3, position=(0.4, 0.2, 1.0))
    assert command.engaged and np.allclose(command.pose.position, before.pose.position, atol=1e-12)


def test_a_hand_that_is_held_stops_the_robot_on_its_way():
    operator = Operator(WristTeleopConfig()).press()
    operator.images(5)
    moving = operator.images(5, position=(0.1, 0.0, 0.9))
    assert np.linalg.norm(moving.velocity) > 0.3
    for _ in range(5):
        held = operator.image(hidden=True)
        assert held.state == HELD and held.engaged and held.velocity.tolist() == [0, 0, 0]
        assert np.array_equal(held.pose.position, moving.pose.position)
    assert operator.images(30, position=(0.1, 0.0, 0.9)).pose.position[1] == pytest.approx(START.position[1] + 0.1)


def test_without_a_rotation_the_palm_is_what_turns():
    operator = Operator().press()
    operator.images(3, wrist_rotation=None)
    command = operator.image(turn=(0, 0, 0.2), wrist_rotation=None)
    turned = Rotation.from_matrix(command.pose.rotation @ START.rotation.T).as_rotvec()
    assert np.allclose(turned, (-0.2, 0, 0), atol=1e-9)


@pytest.mark.parametrize('fields', [{'keypoints': np.full((21, 3), np.nan)},
                                    {'wrist_rotation': np.full((3, 3), np.nan)}, {'wrist_rotation': np.zeros((3, 3))},
                                    {'wrist_rotation': np.diag([1.0, 1.0, -1.0])}, {'stamp': math.nan},
                                    {'confidence': math.nan}])
def test_a_broken_source_stops_the_robot(fields):
    operator = Operator().press()
    operator.images(5)
    before = operator.image(position=(0.02, 0, 0.9)).pose
    for _ in range(20):
        command = operator.image(position=(0.3, 0, 0.9), **fields)
        assert np.array_equal(command.pose.position, before.position) and command.pose.is_valid()
    assert command.state == LOST


def test_a_side_that_is_none_is_named():
    with pytest.raises(ValueError, match="side is 'both', expected one of left, right"):
        WristTeleop(CAMERA, START, 'both')


@pytest.mark.parametrize('pose', ['base_from_camera', 'start'])
def test_a_pose_that_is_none_is_named(pose):
    broken = {'base_from_camera': CAMERA, 'start': START, pose: Pose(np.full(3, np.nan), np.eye(3))}
    with pytest.raises(ValueError, match=pose):
        WristTeleop(side='right', **broken)


# Limits

def test_the_wrist_stays_in_its_workspace_and_comes_back_at_once():
    config = replace(FAST, workspace_low=(0.4, 0.0, 0.3), workspace_high=(0.6, 0.15, 0.5))
    operator = Operator(WristTeleopConfig(limiter=config)).press()
    operator.images(3)
    for k in range(60):
        command = operator.image(position=(0.01 * k, 0.0, 0.9))
        assert (command.pose.position <= np.add(config.workspace_high, 1e-12)).all()
    assert command.pose.position[1] == pytest.approx(0.15)
    assert operator.image(position=(0.55, 0.0, 0.9)).pose.position[1] == pytest.approx(0.15)
    for k in range(60):
        command = operator.image(position=(0.59 - 0.01 * k, 0.0, 0.9))
    assert command.pose.position[1] == pytest.approx(0.1)


def test_a_robot_outside_the_workspace_comes_in_at_its_limited_speed():
    config = PoseLimiterConfig(workspace_low=(0, 0, 0), workspace_high=(0.3, 0.3, 0.3))
    limiter = PoseLimiter(config, Pose(np.array([0.8, 0.1, 0.1]), np.eye(3)))
    target = Pose(np.array([0.2, 0.1, 0.1]), np.eye(3))
    places = np.array([limiter.step(target, DT).position for _ in range(120)])
    assert np.linalg.norm(np.diff(places, axis=0), axis=1).max() <= 0.4 * DT + 1e-9
    assert (np.diff(places[:, 0]) <= 1e-12).all() and np.allclose(places[-1], target.position, atol=1e-4)


def test_the_wrist_brakes_before_the_wall_of_its_workspace():
    config = PoseLimiterConfig(workspace_low=(-1, -1, -1), workspace_high=(0.3, 1, 1))
    limiter, target = PoseLimiter(config, Pose.identity()), Pose.from_xyz_rpy((2, 0, 0), (0, 0, 0))
    speeds = [limiter.velocity[0]]
    for _ in range(150):
        limiter.step(target, 0.01)
        speeds.append(limiter.velocity[0])
    assert max(speeds) == pytest.approx(0.4) and limiter.pose.position[0] == pytest.approx(0.3, abs=1e-6)
    assert np.abs(np.diff(speeds)).max() <= config.max_acceleration * 0.01 + 1e-9


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(st.lists(st.tuples(st.floats(-2, 2), st.floats(-2, 2), st.floats(-3, 3), st.floats(0, 0.3)), min_size=2,
                max_size=60))
def test_speed_and_acceleration_are_limited_whatever_the_target(targets):
    config = PoseLimiterConfig(workspace_low=(-1, -1, -1), workspace_high=(1, 1, 1))
    limiter = PoseLimiter(config, Pose.identity())
    for x, y, angle, dt in targets:
        before, velocity = limiter.pose, limiter.velocity
        after = limiter.step(Pose.from_xyz_rpy((x, y, 0), (0, 0, angle)), dt)
        counted = min(dt, config.max_dt)
        assert np.linalg.norm(after.position - before.position) <= config.max_speed * counted + 1e-9
        assert (np.abs(after.position) <= 1 + 1e-12).all() and after.is_valid()
        turn = (Rotation.from_matrix(after.rotation) * Rotation.from_matrix(before.rotation).inv()).magnitude()
        assert turn <= config.max_angular_speed * counted + 1e-9
        if (np.abs(after.position) < 1 - 1e-9).all() and counted > 0:
            assert np.linalg.norm(limiter.velocity - velocity) <= config.max_acceleration * counted + 1e-6


def test_the_wrist_stops_where_it_shall_without_going_past_it():
    limiter = PoseLimiter(PoseLimiterConfig(), Pose.identity())
    target = Pose.from_xyz_rpy((0.2, 0, 0), (0, 0, 0.5))
    path = [limiter.step(target, 0.01) for _ in range(200)]
    places = np.array([pose.position[0] for pose in path])
    assert (np.diff(places) >= -1e-12).all() and places.max() <= 0.2 + 1e-9
    assert places[-1] == pytest.approx(0.2, abs=1e-5)
    assert Rotation.from_matrix(path[-1].rotation).magnitude() == pytest.approx(0.5, abs=1e-4)
    assert np.allclose(limiter.velocity, 0, atol=1e-3)


def test_a_target_that_is_no_pose_stops_the_wrist():
    limiter = PoseLimiter(PoseLimiterConfig(), Pose.identity())
    for _ in range(10):
        limiter.step(Pose.from_xyz_rpy((1, 0, 0), (0, 0, 0)), DT)
    before = limiter.pose
    for bad in (Pose(np.full(3, np.nan), np.eye(3)), Pose(np.zeros(3), np.full((3, 3), np.nan))):
        assert limiter.step(bad, DT) is before
    assert limiter.velocity.tolist() == [0, 0, 0]


@pytest.mark.parametrize('fields', [{'max_speed': 0}, {'max_dt': -1}, {'max_acceleration': math.nan},
                                    {'workspace_low': (0, 0, 0), 'workspace_high': (1, 0, 1)}])
def test_limits_that_make_no_sense_are_refused(fields):
    with pytest.raises(ValueError, match='limits|workspace'):
        PoseLimiterConfig(**fields)


# Everything together

@pytest.mark.parametrize('seed', range(2))
def test_three_thousand_images_with_jumps_and_dropouts(seed):
    figures = clutch_figures(right_hand(), seed=seed)
    assert figures['largest step, m'] <= 0.015 and figures['moves while disengaged, m'] == 0
    assert figures['jumps'] > 30 and 0.2 < figures['share of images engaged'] < 0.8


def test_it_is_the_clutch_that_takes_out_jumps_not_the_limit_of_speed():
    figures = clutch_figures(right_hand(), seed=0, limiter=FAST)
    assert figures['largest step, m'] < 0.05 and figures['moves while disengaged, m'] == 0


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(st.lists(st.tuples(st.sampled_from(('move', 'hide', 'jump', 'press', 'release', 'nan', 'wait', 'back')),
                          st.floats(-1, 1)), min_size=10, max_size=80))
def test_whatever_happens_no_step_is_larger_than_the_limits(events):
    """Any order of moving, hiding, jumping, pressing, releasing, NaN, silence and clocks that go back."""
    teleop = WristTeleop(CAMERA, START, 'right')
    place, now, stamp = np.array([0.0, 0.0, 0.9]), 0.0, 0.0
    last = teleop.limiter.pose
    for what, amount in events:
        observation, dt = None, DT
        if what == 'press':
            teleop.engagement.press(now)
        elif what == 'release':
            teleop.engagement.release()
        elif what == 'jump':
            place = place + (0.5 * amount, 0.0, 0.1)
        elif what == 'wait':
            dt = abs(amount)
        elif what == 'back':
            now, stamp = now - abs(amount), stamp - abs(amount)
        elif what == 'move':
            place = place + (0.02 * amount, 0.0, 0.0)
        now, stamp = now + dt, stamp + dt
        if what not in ('hide', 'wait'):
            observation = seen(stamp, position=np.full(3, np.nan) if what == 'nan' else place)
        command = teleop.check(now) if what == 'wait' else teleop.update(observation, now)
        assert command.pose.is_valid()
        step = np.linalg.norm(command.pose.position - last.position)
        assert step <= 0.015 and (command.engaged or step == 0)
        last = command.pose
