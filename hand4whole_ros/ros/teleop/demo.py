"""`hand4whole teleop --demo`: a drawn operator drives a simulated hand through the real nodes; a video of both."""

from __future__ import annotations

import json
import logging
import os
import subprocess
from pathlib import Path

import rclpy
from rclpy.executors import ExternalShutdownException
from std_msgs.msg import Bool

from ...media.image_files import ImageFileError
from ...msg import TeleopState
from ...synthetic.operator import OPERATOR_SCRIPT
from ...system import signals
from ...system.output_files import OutputError, printable_path, write_json
from ..bag.recorder import Recorder, spin_until
from ..compat import share_directory
from ..demo.programs import CAMERA, NODE, check_demo_folder, record_camera, start_program, stop_programs
from ..node.companions import module_command
from . import demo_results, launch_arguments
from .demo_topics import IMAGE, TOPICS, WRIST

log = logging.getLogger(__name__)

RATE = 20.0

#: Everything runs on one processor here, possibly at only five images a second: hands are therefore
#: trusted a little longer than for a robot.
PATIENT = {'max_silence': 0.4, 'hold_time': 1.0}

#: Files of the output.
VIDEO, SHEET, SUMMARY = 'video.mp4', 'sheet.png', 'summary.json'


class Pedal:
    """A simulated pedal: presses the switch, and releases and presses it again once the lost hand is back."""

    PERIOD = 0.1
    #: Periods for which a hand that is back is left disengaged, and for which the switch is released then.
    PATIENCE, RELEASED = 6, 3

    def __init__(self, node):
        self._publisher = node.create_publisher(Bool, '/wrist_teleop/engage', 1)
        self._state, self._waited, self._released = None, 0, 0
        node.create_subscription(TeleopState, WRIST, self._received, 1)
        node.create_timer(self.PERIOD, self._press)

    def _received(self, message):
        self._state = message

    def _press(self):
        back = self._state is not None and self._state.state == TeleopState.OK and not self._state.engaged
        self._waited = self._waited + 1 if back else 0
        if self._waited > self.PATIENCE:
            self._waited, self._released = 0, self.RELEASED
        self._publisher.publish(Bool(data=self._released == 0))
        self._released = max(self._released - 1, 0)


def run(output: Path, hand: str, side: str, *, estimator: str = 'auto',
        seconds: float = OPERATOR_SCRIPT.period) -> bool:
    """Play `seconds` of the drawn operator and write video.mp4, sheet.png and summary.json to `output`.

    False, with a line that gives the reason, if no hand came from the node or the folder cannot be written. Raises
    OutputError before anything else if a file there is not this demo's, ValueError if the hand is unknown.
    """
    check_output(output)
    starts = launch_arguments.plan({**launch_arguments.parse([]), 'hand': hand, 'side': side, 'sim': 'true'},
                                   share_directory())
    check_hand(hand, side)
    # The demo must not reach any robot on the network.
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    small_messages = dict(os.environ)
    os.environ.setdefault('FASTDDS_DEFAULT_PROFILES_FILE',
                          str(share_directory() / 'config' / 'fastdds_large_images.xml'))
    rclpy.init()
    recorder = Recorder(TOPICS)
    Pedal(recorder)
    children, interrupted = [], False
    try:
        log.info('starting camera, node and teleoperation: some seconds until the first image')
        children.append(start_program(CAMERA, '-r', '__ns:=/demo_camera', '-p', f'rate:={RATE}', '-p',
                                      f'seconds:={float(seconds)}', '-p', 'score:=operator', '-p', 'rounds:=1',
                                      '-p', 'wait_for:=2'))
        children.append(start_program(NODE, '-r', f'image:={IMAGE}', '-p', f'estimator:={estimator}'))
        for one in starts:
            words = [*one.ros_arguments]
            words += ['-p', 'rate:=30.0']
            if one.program != 'sim':
                words += [word for name, value in PATIENT.items() for word in ('-p', f'{name}:={value}')]
            if one.program == 'wrist_teleop':
                words += ['-p', 'start:=parameters']
            children.append(subprocess.Popen(
                module_command(f'{__package__}.programs', one.program, *words), env=small_messages))
        _record(recorder, children, seconds)
    except (KeyboardInterrupt, ExternalShutdownException):
        interrupted = True
    finally:
        with signals.defer_signals(ending=interrupted):
            stop_programs(children)
            rclpy.try_shutdown()
    if interrupted:
        raise KeyboardInterrupt('interrupted: nothing was written')
    return _write(recorder, output, hand, side, seconds=seconds)


def check_hand(hand: str, side: str) -> None:
    """ValueError, one line, if the hand cannot be retargeted to or simulated."""
    from ...teleop import robot_hand, simulation
    from ...teleop.retargeting import RetargetingUnavailable, create
    try:
        robot = robot_hand.load_robot_hand(hand, side)
        create(robot)
        simulation.SimulatedHand(robot)
    except (robot_hand.HandFilesMissing, RetargetingUnavailable, simulation.SimulationUnavailable) as error:
        raise ValueError(str(error)) from None


def check_output(output: Path) -> None:
    """Raises OutputError unless the demo can write to the folder without overwriting other files."""
    check_demo_folder(output, (VIDEO, SHEET, SUMMARY))


def _record(recorder, children, seconds):
    """Record until the camera has played to its end, or one of the programs has ended."""
    camera = children[0]
    record_camera(recorder, children, IMAGE, int(seconds * RATE), description='operator playing',
                  timeout=180 + 3 * seconds)
    ended = [child for child in children[1:] if child.poll() is not None]
    if ended and camera.poll() is None:
        log.error('one of the programs has ended: see its own lines above for the reason')
    # The last diagnostics message includes all images.
    spin_until(recorder, lambda: False, 1.5)


def _write(recorder, output, hand, side, *, seconds):
    """Write everything to the output folder; False if there is nothing, or no space."""
    recording = demo_results.DemoRecording(recorder, hand, side, seconds)
    if not recording.states:
        log.error('no hand reached the robot: see the lines of the programs above for the reason')
        return False
    summary = recording.summary()
    try:
        log.info('drawing the operator beside the robot hand')
        recording.write(output / VIDEO, output / SHEET, RATE)
        write_json(output / SUMMARY, summary)
    except (OSError, OutputError, ImageFileError) as error:
        log.error('%s cannot be filled: %s', printable_path(output), getattr(error, 'strerror', None) or error)
        return False
    log.info('%s', json.dumps(summary, indent=1))
    log.info('in %s: %s', printable_path(output), f'{VIDEO} {SHEET} {SUMMARY}')
    return True
