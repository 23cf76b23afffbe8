"""The whole way from a camera to a simulated hand: camera, node, retargeting and simulation, each a process of its own.

The operator is drawn, and all that is known of the hands is exact.
"""

import os
import re
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import teleop_drawn
from ros_peer import LATCHED, NodeProcess, camera_info, namespace
from sensor_msgs.msg import CameraInfo
from teleop_peer import DT, Operator, holds, start

from hand4whole_ros.msg import TeleopState
from hand4whole_ros.synthetic.operator import OUT_OF_VIEW, PINCHED
from hand4whole_ros.teleop.retargeting import create, pinch_distance
from hand4whole_ros.teleop.robot_hand import load_robot_hand

HAND = 'allegro'


class Camera(Operator):
    """Shows the drawn operator from one moment on, and stays at the last."""

    def __init__(self, namespace):
        super().__init__(namespace)
        self.publisher(CameraInfo, 'camera_info', LATCHED).publish(camera_info(64, 48, 60.0))
        self.listen('poses')
        self.moment = self.until_moment = 1.0
        self.shown = teleop_drawn.ALONE
        self._of_step = []          # stamps of the images of this step of somebody who walks by
        self.robot = load_robot_hand(HAND, 'right')
        self._retargeter = create(self.robot)

    def image(self, *people):
        """One image, DT later in the operator's motion."""
        self.moment = min(self.moment + DT, self.until_moment)
        seconds, rest = self.stamp()
        crossing = teleop_drawn.CROSSING <= self.shown < teleop_drawn.CROSSED
        if crossing and self._is_answered():
            self.shown += 1
            self._of_step.clear()
        shown = self.show(teleop_drawn.picture(self.moment, self.shown), stamp=(seconds + int(self.stamp_offset), rest))
        if crossing:
            self._of_step.append(shown.header.stamp)

    def _is_answered(self):
        """Whether the node has seen this step. If a busy machine leaves images out, somebody may have gone further in
        between than a hand of the operator could move."""
        return any(message.header.stamp in self._of_step for message in self.got['poses'][-20:])

    def shows(self, condition, until, begin=None, timeout=25.0):
        """Play the motion from `begin`, or on, to the moment `until`, s, and stay there until the condition is true."""
        self.moment = self.moment if begin is None else begin
        self.until_moment = until
        return self.plays(lambda: self.moment >= until and condition(), timeout=timeout)

    def simulated_gap(self):
        """Thumb to index finger of the simulated hand, m."""
        tips = self.last('tips').poses
        return pinch_distance(np.array([(p.position.x, p.position.y, p.position.z) for p in tips]),
                              tuple(self.robot.tip_links))

    def commanded_gap(self):
        """The same of the command."""
        positions = self.joints('command')
        tips = self._retargeter.tip_positions(np.array([positions[name] for name in self.robot.joint_names]))
        return pinch_distance(tips, tuple(self.robot.tip_links))


@pytest.fixture(scope='module')
def processes(tmp_path_factory):
    folder, name = tmp_path_factory.mktemp('graph'), namespace()
    os.environ[teleop_drawn.VARIABLE] = str(folder / 'hands.npz')
    teleop_drawn.write(folder / 'hands.npz')
    command = [sys.executable, str(Path(teleop_drawn.__file__))]
    nodes = {'node': NodeProcess(folder, name, command=command, smoothing=False, camera_info_timeout=60.0),
             'retarget': start(folder, name, 'retarget', hand=HAND, diagnostics_period=0.2),
             'wrist_teleop': start(folder, name, 'wrist_teleop', start='parameters'),
             'sim': start(folder, name, 'sim', hand=HAND)}
    assert nodes['node'].says('waiting for images', 60.0), nodes['node'].log()
    yield nodes
    for one in nodes.values():
        one.stop()


@pytest.fixture(scope='module')
def camera(processes):
    peer = Camera(processes['node'].namespace)
    ready = peer.plays(lambda: peer.last('joints') and peer.is_state('fingers', state=TeleopState.OK))
    assert ready, [one.log() for one in processes.values()]
    yield peer
    peer.close()


def test_a_drawn_pinch_closes_the_simulated_hand(camera):
    camera.engage('fingers', 'wrist')
    begin, end = PINCHED[0]
    assert camera.shows(lambda: camera.commanded_gap() < 0.004 and camera.simulated_gap() < 0.006,
                        (begin + end) / 2, begin - 0.5), (camera.commanded_gap(), camera.simulated_gap())
    assert camera.shows(lambda: camera.commanded_gap() > 0.06 and camera.simulated_gap() > 0.06, end + 0.5)
    commands = np.array([command.position for command in camera.got['command']])
    assert list(camera.last('command').name) == list(camera.robot.joint_names)
    assert camera.robot.limits.excess(commands) <= 1e-6
    assert camera.plays(lambda: camera.value_of('retarget', 'image to command: p50 (ms)') not in (None, 'none yet'))
    assert int(camera.value_of('retarget', 'images followed')) > 10


def test_an_operator_who_leaves_and_comes_back_has_to_engage_again(camera):
    camera.engage('fingers', 'wrist')
    begin, end = OUT_OF_VIEW
    assert camera.shows(lambda: camera.is_state('fingers', state=TeleopState.LOST, engaged=False)
                        and camera.is_state('wrist', state=TeleopState.LOST, engaged=False), begin + 0.5, begin - 0.3)
    assert holds(camera, None) < 0.02 or holds(camera, None) < 0.02
    assert camera.shows(lambda: camera.is_state('fingers', 'lost', state=TeleopState.OK, engaged=False), end + 0.8)
    assert holds(camera, None) < 0.02
    camera.engage('fingers', 'wrist')
    begin, end = PINCHED[-1]
    assert camera.shows(lambda: camera.simulated_gap() < 0.006, (begin + end) / 2, begin - 0.4)


def held_still(camera):
    """What is simulated stays, or settles, where it is, and no command has a number that is none."""
    assert any(holds(camera, None) < 0.02 for _ in range(3))
    assert all(np.isfinite(command.position).all() for command in camera.got['command'])


def closing(camera):
    """The simulated hand follows, on its way to a pinch."""
    camera.shown, camera.stamp_offset = teleop_drawn.ALONE, 0
    begin = PINCHED[0][0]

    def follows():
        camera.moment = camera.until_moment = begin - 0.5
        camera.engage('fingers', 'wrist')
        return camera.shows(lambda: camera.drives('fingers', 'wrist'), begin, begin - 0.5, timeout=10.0)
    # A machine that stands still for half a second loses the hand, and the operator has to engage again.
    assert any(follows() for _ in range(3)), [camera.last(key) for key in ('fingers', 'wrist')]


def test_a_released_switch_holds_the_robot(camera):
    closing(camera)
    camera.pressed = False
    assert camera.plays(lambda: all(camera.is_state(key, 'not pressed', engaged=False) for key in ('fingers', 'wrist')))
    camera.spin(0.5)    # what was sent before may still be on its way
    sent = len(camera.got['command']), len(camera.got['pose'])
    assert camera.shows(lambda: True, PINCHED[0][1] + 0.4)      # the operator opens the hand again
    held_still(camera)
    assert (len(camera.got['command']), len(camera.got['pose'])) == sent


# An hour later the node hand4whole takes the operator for somebody who has just come.
@pytest.mark.parametrize('offset, reason', [(-30, 'old'), (3600, 'in the future|has track id')])
def test_a_clock_that_jumps_holds_the_robot(camera, offset, reason):
    closing(camera)
    states = len(camera.got['fingers'])
    camera.stamp_offset = offset

    def reasons():
        return {state.reason for state in camera.got['fingers'][states:]}
    # On a busy machine images are late, too, and the robot holds for that before the next one arrives.
    assert camera.plays(lambda: any(re.search(reason, one) for one in reasons())), reasons()
    assert camera.plays(lambda: all(camera.is_state(key, state=TeleopState.LOST, engaged=False)
                                    for key in ('fingers', 'wrist')))
    held_still(camera)
    # The clock is right again, and nothing moves before the switch has been released.
    camera.stamp_offset = 0
    assert camera.plays(lambda: camera.is_state('fingers', state=TeleopState.OK, engaged=False)), camera.last('fingers')
    held_still(camera)
    camera.engage('fingers', 'wrist')


def test_hands_that_are_not_finite_hold_the_robot(camera, processes):
    closing(camera)
    camera.shown = teleop_drawn.NOT_FINITE
    assert camera.plays(lambda: all(camera.is_state(key, state=TeleopState.LOST, engaged=False)
                                    for key in ('fingers', 'wrist')))
    held_still(camera)
    assert 'Traceback' not in processes['node'].log() + processes['retarget'].log()
    camera.shown = teleop_drawn.ALONE
    camera.engage('fingers', 'wrist')


def test_somebody_who_walks_by_in_front_takes_no_robot_over(camera):
    """The pinch of a nearer person, who hides the operator for a while, closes no robot hand."""
    camera.shown, camera.stamp_offset, camera.moment = teleop_drawn.ALONE, 0, 1.0
    camera.until_moment = camera.moment
    camera.engage('fingers', 'wrist')
    assert camera.plays(lambda: all(camera.last(key) for key in ('command', 'tips', 'pose'))
                        and camera.commanded_gap() > 0.06 and camera.simulated_gap() > 0.06)
    who, states, commands = camera.last('fingers').person, len(camera.got['fingers']), len(camera.got['command'])
    place = camera.last('pose').pose.position
    camera.shown, nearest = teleop_drawn.CROSSING, []

    def passed():
        nearest.append(min(camera.commanded_gap(), camera.simulated_gap()))
        return camera.shown == teleop_drawn.CROSSED
    assert camera.plays(passed)
    assert min(nearest) > 0.06, min(nearest)
    during = camera.got['fingers'][states:]
    assert {state.person for state in during if state.moving} == {who}
    assert any(state.state != TeleopState.OK for state in during), 'the operator was never hidden'
    assert camera.last('pose').pose.position == place or np.allclose(
        [getattr(camera.last('pose').pose.position, axis) - getattr(place, axis) for axis in 'xyz'], 0, atol=0.01)
    assert len(camera.got['command']) > commands
    camera.shown = teleop_drawn.ALONE
    camera.engage('fingers', 'wrist')


def test_a_node_that_is_killed_holds_the_robot(camera, processes):
    camera.engage('fingers', 'wrist')
    states = len(camera.got['fingers'])
    processes['node'].stop(signal.SIGKILL)
    assert camera.plays(lambda: all(camera.is_state(key, 'no image', state=TeleopState.LOST, engaged=False)
                                    for key in ('fingers', 'wrist')))
    assert any(state.state == TeleopState.HELD for state in camera.got['fingers'][states:])
    commands = len(camera.got['command'])
    assert holds(camera, None) < 0.02
    assert len(camera.got['command']) == commands
    end = time.monotonic() + 20
    while camera.value_of('retarget', 'engaged') != 'false' and time.monotonic() < end:
        camera.spin(0.1)
    assert camera.value_of('retarget', 'engaged') == 'false'
