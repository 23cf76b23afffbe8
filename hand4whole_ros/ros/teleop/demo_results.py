"""Results of the teleoperation demo's recording: figures, a video and a sheet."""

from __future__ import annotations

import bisect
from pathlib import Path

import cv2
import numpy as np

from ... import skeleton
from ...media import image_files
from ...msg import TeleopState
from ...rendering import contact_sheet
from ...rendering.teleop_panel import PanelState, draw_panel
from ...synthetic.operator import OUT_OF_VIEW, PINCHED
from ...system.output_files import mark_video, replacement_path
from ...system.progress import ProgressBar
from ...teleop.joints import reordered
from ...teleop.retargeting import create, pinch_distance
from ...teleop.robot_hand import load_robot_hand
from ...teleop.simulation import SimulatedHand
from ..conversions.messages import to_nanoseconds
from . import demo_topics as topics

#: m: above this an operator's fingers are clearly apart.
APART = 0.06

#: Seconds for which fingers have touched before the robot's are measured.
SETTLING = 0.2

#: First of the 21 keypoints of each hand on the ground truth topic: the joints come first.
_TRUTH_START = {'left': skeleton.NUM_JOINTS, 'right': skeleton.NUM_JOINTS + skeleton.NUM_HAND_KEYPOINTS}
_THUMB, _INDEX = skeleton.FINGERTIP_KEYPOINTS[:2]


def _stamp(message):
    return to_nanoseconds(message.header.stamp)


def _distance(one, other):
    """m, between two geometry_msgs/Point."""
    return float(np.linalg.norm(np.subtract((one.x, one.y, one.z), (other.x, other.y, other.z))))


def _percentiles(seconds):
    """Median and 95th percentile, ms; None without any."""
    if not len(seconds):
        return None
    return {f'p{p}': round(1000 * float(np.percentile(seconds, p)), 1) for p in (50, 95)}


class _Track:
    """Messages of one topic over time, by their stamps, ns."""

    def __init__(self, messages):
        self.messages = sorted(messages, key=_stamp)
        self.stamps = [_stamp(message) for message in self.messages]

    def at(self, stamp):
        """The newest message that is not newer than `stamp`; None before the first."""
        k = bisect.bisect_right(self.stamps, stamp)
        return self.messages[k - 1] if k else None


class DemoRecording:
    """Everything by stamps of one clock; the robot's state is taken at the stamp of an image."""

    def __init__(self, recorder, hand: str, side: str, seconds: float):
        """recorder: of topics.TOPICS. seconds: of the motion that were played."""
        self._seconds = seconds
        self.side, self.robot = side, load_robot_hand(hand, side)
        self._retargeter = create(self.robot)
        tracks = {topic: _Track(recorder.of(topic)) for topic in topics.TOPICS if topic != topics.DIAGNOSTICS}
        self._images, self._truth, self._poses = tracks[topics.IMAGE], tracks[topics.TRUTH], tracks[topics.POSES]
        self._fingers, self._commands = tracks[topics.FINGERS], tracks[topics.COMMAND]
        self._tips, self._joints = tracks[topics.TIPS], tracks[topics.JOINTS]
        self._values = _diagnostics(recorder.of(topics.DIAGNOSTICS))
        self._begin = self._images.stamps[0] if self._images.stamps else 0     # ns, of the motion
        self.states = [state for state in self._fingers.messages if state.image_stamp.sec]

    # Figures

    def _gap_of_tips(self, message):
        tips = np.array([(p.position.x, p.position.y, p.position.z) for p in message.poses])
        return pinch_distance(tips, tuple(self.robot.tip_links))

    def _gap_of_command(self, message):
        positions = reordered(message.name, np.array(message.position), self.robot.joint_names)
        return pinch_distance(self._retargeter.tip_positions(positions), tuple(self.robot.tip_links))

    def _gap_of_truth(self, message):
        start = _TRUTH_START[self.side]
        ends = [message.poses[start + k].position for k in (_THUMB, _INDEX)]
        return _distance(*ends)

    def _within(self, track, begin, end):
        """Messages of the seconds `begin` to `end` of the motion."""
        low, high = (self._begin + int(1e9 * t) for t in (begin, end))
        return track.messages[bisect.bisect_left(track.stamps, low):bisect.bisect_right(track.stamps, high)]

    def summary(self) -> dict:
        """Counts, delays in ms, distances in mm, angles in rad."""
        delays = list({to_nanoseconds(s.image_stamp): s.delay for s in self.states}.values())
        delay = float(np.median(delays))
        followed = [s.moving for s in self._fingers.messages if s.image_stamp.sec]
        engaged = [s.engaged for s in self._fingers.messages]
        return {
            'hand': self.robot.name, 'side': self.side, 'images_published': len(self._images.messages),
            'pose_messages': len(self._poses.messages), 'images_followed': len(delays),
            'commands': len(self._commands.messages),
            'times_engaged': sum(b and not a for a, b in zip([False, *engaged], engaged)),
            'share_of_time_following': round(float(np.mean(followed)), 3),
            'image_to_command_ms': _percentiles(delays),
            'added_by_retarget_ms': _added(self._values, 'retarget'),
            'added_by_wrist_teleop_ms': _added(self._values, 'wrist_teleop'),
            'pinches': [self._pinch(begin, end, delay) for begin, end in PINCHED if end <= self._seconds],
            'apart': self._apart(delay), 'away': self._away() if OUT_OF_VIEW[1] < self._seconds else None}

    def _pinch(self, begin, end, delay):
        """One pinch, once it has lasted for SETTLING, later by the delay."""
        late = (begin + SETTLING + delay, end + delay)
        tips, commands = self._within(self._tips, *late), self._within(self._commands, *late)
        truth = [self._gap_of_truth(message) for message in self._within(self._truth, begin, end)]
        seen = [self._gap_of_hand(message) for message in self._within(self._poses, begin + SETTLING, end)]
        rows = {'operator_mm': truth, 'estimated_mm': [gap for gap in seen if gap is not None],
                'commanded_mm': [self._gap_of_command(message) for message in commands],
                'simulated_mm': [self._gap_of_tips(message) for message in tips]}
        return {'seconds': [begin, end], **{name: round(1000 * float(np.median(gaps)), 1) if gaps else None
                                            for name, gaps in rows.items()}}

    def _gap_of_hand(self, message):
        for person in message.poses:
            hand = getattr(person, f'{self.side}_hand')
            if person.is_operator and hand.state == TeleopState.OK:
                ends = [hand.keypoints[k] for k in (_THUMB, _INDEX)]
                return _distance(*ends)
        return None

    def _apart(self, delay):
        """The simulated fingers while the operator's are clearly apart and the robot follows."""
        gaps = []
        for truth, stamp in zip(self._truth.messages, self._truth.stamps):
            later = stamp + int(1e9 * (delay + SETTLING))
            state, tips = self._fingers.at(later), self._tips.at(later)
            if tips is not None and state is not None and state.moving and self._gap_of_truth(truth) > APART:
                gaps.append(1000 * self._gap_of_tips(tips))
        return {'simulated_mm_median': round(float(np.median(gaps)), 1)} if gaps else None

    def _away(self):
        """The robot's motion while the operator's hands were not visible, and when they came back."""
        states = self._within(self._fingers, OUT_OF_VIEW[0] + 1.0, OUT_OF_VIEW[1])
        commands = self._within(self._commands, *OUT_OF_VIEW)
        positions = np.array([command.position for command in commands])
        lost = [s for s in states if s.state == TeleopState.LOST]
        joints = np.array([m.position for m in self._within(self._joints, OUT_OF_VIEW[0] + 1.0, OUT_OF_VIEW[1])])
        back = [s for s in self._within(self._fingers, OUT_OF_VIEW[1], OUT_OF_VIEW[1] + 3.0) if s.moving]
        return {
            'lost': bool(lost), 'reason': lost[-1].reason if lost else '',
            'commands_while_lost': sum(state is not None and state.state == TeleopState.LOST
                                       for state in (self._fingers.at(_stamp(c)) for c in commands)),
            'largest_step_of_a_command_rad': round(float(np.abs(np.diff(positions, axis=0)).max()), 4)
            if len(positions) > 1 else 0.0,
            'simulated_hand_moved_rad': round(float(np.ptp(joints, axis=0).max()), 4) if len(joints) else None,
            'engaged_again': bool(back)}

    # Pictures

    def write(self, video: Path, sheet_path: Path, rate: float) -> None:
        """The video, and a sheet of some of its images."""
        drawer, panels = SimulatedHandImages(self.robot), []
        for message in ProgressBar(self._images.messages, desc='drawing', unit='image'):
            panels.append(self._panel(message, drawer))
        with replacement_path(video) as part:
            contact_sheet.write_video(part, panels, rate)
            mark_video(part)
        moments = [
            0.8,
            *(begin + 0.6 for begin, _ in PINCHED[:3]),
            7.4,
            OUT_OF_VIEW[0] + 0.05,
            OUT_OF_VIEW[0] + 0.6,
            OUT_OF_VIEW[1] - 0.3,
            OUT_OF_VIEW[1] + 0.6,
            OUT_OF_VIEW[1] + 2.0,
            PINCHED[-1][0] + 0.6,
            14.4,
        ]
        moments = [t for t in moments if t < self._seconds] or [0.0]
        chosen = [panels[min(bisect.bisect_left(self._images.stamps, self._begin + int(1e9 * t)), len(panels) - 1)]
                  for t in moments]
        image_files.write_image(
            sheet_path, contact_sheet.contact_sheet(chosen, [f'{t:.1f} s' for t in moments], columns=3, tile_width=560)
        )

    def _panel(self, message, drawer):
        """The scene at the time of one image."""
        image = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)
        stamp = _stamp(message)
        state, tips, joints = (track.at(stamp) for track in (self._fingers, self._tips, self._joints))
        poses, truth = self._poses.at(stamp), self._truth.at(stamp)
        keypoints = None
        if poses is not None and _stamp(poses) == stamp:
            for person in poses.poses:
                hand = getattr(person, f'{self.side}_hand')
                if person.is_operator and hand.state == TeleopState.OK:
                    keypoints = np.array(hand.keypoints_2d).reshape(-1, 2)
        hand_image = drawer.draw(joints, message.height)
        return draw_panel(image, hand_image, PanelState(
            engaged=state is not None and state.engaged, hand=TeleopState.LOST if state is None else state.state,
            reason='no state yet' if state is None else state.reason,
            delay=None if state is None or not state.moving else state.delay,
            operator_gap=None if truth is None else self._gap_of_truth(truth),
            robot_gap=None if tips is None else self._gap_of_tips(tips), keypoints=keypoints))


class SimulatedHandImages:
    """Images of a simulated hand at measured joint positions."""

    def __init__(self, robot):
        self._robot, self._simulated, self._last = robot, SimulatedHand(robot), None

    def draw(self, joints, size: int) -> np.ndarray:
        """(size, size, 3) uint8 RGB; joints: a JointState, or None for the hand at rest."""
        positions = None if joints is None else reordered(joints.name, np.array(joints.position),
                                                          self._robot.joint_names)
        if self._last is not None and self._last[0] is not None and positions is not None \
                and np.abs(positions - self._last[0]).max() < 1e-3:
            return self._last[1]
        self._simulated.reset(positions)
        half = self._simulated.render(size // 2, size // 2)
        self._last = positions, cv2.resize(half, (size, size), interpolation=cv2.INTER_CUBIC)
        return self._last[1]


def _diagnostics(arrays):
    """Node -> values of its last message."""
    found = {}
    for array in arrays:
        for status in array.status:
            found[status.hardware_id.strip('/')] = {value.key: value.value for value in status.values}
    return found


def _added(values, node):
    """ms, as measured by the node itself."""
    try:
        return {p: float(values[node][f'added by this node: {p} (ms)']) for p in ('p50', 'p95')}
    except (KeyError, ValueError):
        return None
