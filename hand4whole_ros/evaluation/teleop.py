"""Accuracy and safety of teleoperated robot hands: on a drawn operator with full ground truth, or on a recorded
hand."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import skeleton
from ..teleop import hand_frame, openxr
from ..teleop.hand_gate import HandObservation
from ..teleop.hand_teleop import HandTeleop, HandTeleopConfig
from ..teleop.retargeting import HandRetargeter, create, pinch_distance
from ..teleop.robot_hand import RobotHand, load_robot_hand

#: Images a second of the drawn operator.
FRAME_RATE = 30.0

#: m. A person's fingertips touch if the ends of their last bones are nearer than the first, DexPilot's threshold, and
#: are clearly apart beyond the second.
MAX_PINCH_GAP, MIN_OPEN_GAP = 0.03, 0.06

#: Seconds for which fingers have touched, or been apart, before a robot's are measured.
SETTLING_TIME = 0.2

#: Images without the hand, in the middle of a motion.
LOST_IMAGE_COUNT = 45

_THUMB_TIP, _INDEX_TIP = skeleton.FINGERTIP_KEYPOINTS[:2]


@dataclass(frozen=True, eq=False)
class HandRecording:
    """One hand over time."""

    side: str
    stamps: np.ndarray          # (T,) s, rising
    keypoints: np.ndarray       # (T, 21, 3) m, camera optical frame

    @property
    def gaps(self) -> np.ndarray:
        """(T,) m, between the tips of thumb and index finger."""
        return np.linalg.norm(self.keypoints[:, _THUMB_TIP] - self.keypoints[:, _INDEX_TIP], axis=1)

    def with_noise(self, deviation: float, seed: int = 0) -> HandRecording:
        """Every coordinate with a normal error of `deviation` m, independent in each image."""
        noise = np.random.default_rng(seed).normal(0, deviation, self.keypoints.shape)
        return HandRecording(self.side, self.stamps, self.keypoints + noise)

    def mirrored(self) -> HandRecording:
        """The same motion of the other hand."""
        other = skeleton.SIDES[1 - skeleton.SIDES.index(self.side)]
        return HandRecording(other, self.stamps, self.keypoints * (-1.0, 1.0, 1.0))


def operator_recording(side: str, seed: int = 10) -> HandRecording:
    """The exact hand of a drawn operator while it is in the image. Needs anny."""
    from ..synthetic.motion import PersonMotion
    from ..synthetic.operator import OPERATOR_SCRIPT, OUT_OF_VIEW
    return _record_motion(PersonMotion(seed, score=OPERATOR_SCRIPT), side, OUT_OF_VIEW[0] - 0.5)


def fast_motion_recording(side: str, seed: int = 10) -> HandRecording:
    """The hand of a drawn person whose arms move faster and farther than those of drawn_operator. Needs anny."""
    from ..synthetic.motion import PERIOD, PersonMotion
    return _record_motion(PersonMotion(seed), side, PERIOD)


def _record_motion(motion, side, seconds):
    stamps = np.arange(0, seconds, 1 / FRAME_RATE)
    return HandRecording(side, stamps, np.stack([motion.hand_keypoints(t)[side] for t in stamps]))


def load_recording(path: Path) -> HandRecording:
    """From an .npz file with keypoints_3d (T, 21, 3) m, stamps (T,) s and side. ValueError if it is none."""
    try:
        with np.load(path, allow_pickle=False) as file:
            keypoints, stamps, side = (file[name] for name in ('keypoints_3d', 'stamps', 'side'))
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f'{path}: expected an .npz file with keypoints_3d, stamps and side: {error}') from None
    count = len(stamps)
    if keypoints.shape != (count, 21, 3) or count < 2 or str(side) not in skeleton.SIDES:
        raise ValueError(f'{path}: expected keypoints_3d (T, 21, 3), stamps (T,) and side left or right; found '
                         f'{keypoints.shape}, {stamps.shape} and {side}')
    if not (np.isfinite(keypoints).all() and (np.diff(stamps) > 0).all()):
        raise ValueError(f'{path}: expected finite keypoints and rising stamps')
    return HandRecording(str(side), stamps, keypoints)


@dataclass(frozen=True, eq=False)
class RobotHandTrajectory:
    """Motion of a robot hand."""

    positions: np.ndarray       # (T, J) rad, commanded
    tips: np.ndarray            # (T, F, 3) m, of the commanded hand
    simulated_gaps: np.ndarray | None   # (T,) m, thumb to index finger in simulation
    seconds: np.ndarray         # (T,) of computing, per image

    def gaps(self, hand: RobotHand) -> np.ndarray:
        """(T,) m, thumb to index finger of the commanded hand."""
        return np.array([pinch_distance(tips, tuple(hand.tip_links)) for tips in self.tips])


def simulate_robot_hand(recording: HandRecording, retargeter: HandRetargeter, config: HandTeleopConfig | None = None,
           lost: slice | None = None, *, simulated=None) -> RobotHandTrajectory:
    """A robot hand follows a recording. lost: images without the hand; simulated: a SimulatedHand or None."""
    teleop = HandTeleop(retargeter, config or HandTeleopConfig())
    missing = np.zeros(len(recording.stamps), bool)
    missing[lost or slice(0)] = True
    positions, tips, gaps, seconds = [], [], [], []
    last = recording.stamps[0]
    for stamp, keypoints, gone in zip(recording.stamps, recording.keypoints, missing):
        observation = None if gone else HandObservation(float(stamp), keypoints)
        start = time.perf_counter()
        command = teleop.update(observation, float(stamp))
        seconds.append(time.perf_counter() - start)
        positions.append(command.positions)
        tips.append(retargeter.tip_positions(command.positions))
        if simulated is not None:
            simulated.command(command.names, command.positions)
            simulated.step(float(stamp - last) if stamp > last else 1 / FRAME_RATE)
            gaps.append(simulated.pinch_distance())
        last = stamp
    return RobotHandTrajectory(np.array(positions), np.array(tips), np.array(gaps) if gaps else None, np.array(seconds))


def settled_mask(stamps: np.ndarray, true: np.ndarray, seconds: float = SETTLING_TIME) -> np.ndarray:
    """(T,) bool: where `true` (T,) has lasted for so long."""
    since, result = None, np.zeros(len(true), bool)
    for k, (stamp, now) in enumerate(zip(stamps, true)):
        since = (stamp if since is None else since) if now else None
        result[k] = since is not None and stamp - since >= seconds - 1e-9
    return result


def estimate_delay(signal: np.ndarray, reference: np.ndarray, rate: float, longest: float = 0.3) -> float:
    """Seconds by which (T, J) signal is behind (T, J) reference: the shift with the least difference."""
    times = np.arange(len(reference)) / rate
    inner = (times >= longest) & (times <= times[-1] - longest)
    shifts = np.arange(-0.1, longest, 0.001)
    errors = []
    for shift in shifts:
        moved = np.stack([np.interp(times[inner] - shift, times, column) for column in reference.T], axis=1)
        errors.append(np.square(signal[inner] - moved).mean())
    return float(shifts[int(np.argmin(errors))])


def unfiltered_positions(recording: HandRecording, retargeter: HandRetargeter) -> np.ndarray:
    """(T, J) rad: joints from retargeting alone, neither filtered nor limited."""
    retargeter.reset()
    return np.array([retargeter.retarget(hand_frame.to_hand_frame(keypoints, recording.side))
                     for keypoints in recording.keypoints])


def finger_figures(recording: HandRecording, hand_name: str, simulate: bool = True,
                   config: HandTeleopConfig | None = None) -> dict[str, float]:
    """All figures of one robot hand: name -> figure, in mm, rad, rad/s, ms or images."""
    hand = load_robot_hand(hand_name, recording.side)
    retargeter = create(hand)
    simulated = None
    if simulate:
        from ..teleop.simulation import SimulatedHand
        simulated = SimulatedHand(hand)
    following = simulate_robot_hand(recording, retargeter, config, simulated=simulated)
    gaps, human = 1000 * following.gaps(hand), recording.gaps
    touching = settled_mask(recording.stamps, human < MAX_PINCH_GAP)
    steps = np.diff(recording.stamps)
    figures = {}
    if touching.any():
        figures['touching, mm at most'] = float(gaps[touching].max())
        if following.simulated_gaps is not None:
            figures['touching in simulation, mm at most'] = float(1000 * following.simulated_gaps[touching].max())
    apart = settled_mask(recording.stamps, human > MIN_OPEN_GAP, 0.0)
    # The first seconds are those of the slow start.
    apart &= recording.stamps > recording.stamps[0] + 1.0
    if apart.any():
        figures['apart, mm at p5'] = float(np.percentile(gaps[apart], 5))
    figures['beyond limits, rad'] = hand.limits.excess(following.positions)
    figures['speed, rad/s at most'] = float((np.abs(np.diff(following.positions, axis=0)).max(axis=1) / steps).max())
    bare = unfiltered_positions(recording, retargeter)
    rate = 1 / float(np.median(steps))
    figures['lag, images'] = rate * estimate_delay(following.positions, bare, rate)
    figures['time, ms median'] = float(1000 * np.median(following.seconds))
    figures['time, ms p95'] = float(1000 * np.percentile(following.seconds, 95))
    return figures


def mirror_figure(recording: HandRecording, hand_name: str) -> float:
    """mm: distance of fingertips of the other hand, which follows the mirrored motion, from the mirrored fingertips."""
    tips = {}
    for one in (recording, recording.mirrored()):
        tips[one.side] = simulate_robot_hand(one, create(load_robot_hand(hand_name, one.side))).tips
    return float(1000 * np.abs(hand_frame.mirrored(tips['left']) - tips['right']).max())


def loss_figures(recording: HandRecording, hand_name: str) -> dict[str, float]:
    """rad: motion of joints while the hand is lost in the middle of a motion, and in the first image after."""
    retargeter = create(load_robot_hand(hand_name, recording.side))
    # At the highest speed of the robot hand, where it would continue longest.
    bare = unfiltered_positions(recording, retargeter)
    begin = 40 + int(np.abs(np.diff(bare, axis=0)).max(axis=1)[40:-2 * LOST_IMAGE_COUNT].argmax())
    retargeter.reset()
    end = begin + LOST_IMAGE_COUNT
    positions = simulate_robot_hand(recording, retargeter, lost=slice(begin, end)).positions
    return {'moves while lost, rad': float(np.abs(positions[begin:end] - positions[begin - 1]).max()),
            'first step after, rad': float(np.abs(positions[end] - positions[end - 1]).max()),
            'largest step after, rad': float(np.abs(np.diff(positions[end - 1:], axis=0)).max())}


def openxr_figures(recording: HandRecording) -> dict[str, float]:
    """Minimum cosine between -Z and the bone; difference of the other hand from the mirror image; largest step, rad."""
    hands = [openxr.to_openxr(keypoints, recording.side) for keypoints in recording.keypoints]
    others = [openxr.to_openxr(keypoints, recording.mirrored().side) for keypoints in recording.mirrored().keypoints]
    tip = np.array([name.endswith('TIP') for name in openxr.JOINT_NAMES])
    along = np.flatnonzero(~tip)[1:]
    rotations = np.stack([hand.rotations for hand in hands])
    bones = np.stack([hand.positions for hand in hands])
    bones = bones[:, along + 1] - bones[:, along]
    cosines = -(rotations[:, along][..., 2] * bones).sum(-1) / np.linalg.norm(bones, axis=-1)
    # The mirror image negates x once more: the frames stay right-handed.
    flip = np.diag([-1.0, 1.0, 1.0])
    mirror = max(max(np.abs(flip @ a.rotations @ flip - b.rotations).max(),
                     np.abs(a.positions @ flip - b.positions).max()) for a, b in zip(hands, others))
    turns = np.einsum('tjba,tjbc->tjac', rotations[:-1], rotations[1:])
    angles = np.arccos(np.clip((np.trace(turns, axis1=-2, axis2=-1) - 1) / 2, -1, 1))
    bone_turns = np.arccos(np.clip((rotations[1:, ..., 2] * rotations[:-1, ..., 2]).sum(-1), -1, 1))
    # Twist: the part of a rotation about the bone, z.
    twists = np.abs(2 * np.arctan2(turns[..., 1, 0] - turns[..., 0, 1], 1 + np.trace(turns, axis1=-2, axis2=-1)))
    return {'-Z along the bone, cosine at least': float(cosines.min()), 'from the mirror, at most': float(mirror),
            'largest step, rad': float(angles.max()), 'largest step of a bone itself, rad': float(bone_turns.max()),
            'largest twist, rad': float(twists.max())}
