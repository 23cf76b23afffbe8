"""Behaviour under faults: the gate on good hands and on wrong ones, the clutch, and prediction."""

from __future__ import annotations

import math

import numpy as np
from scipy.spatial.transform import Rotation

from .. import skeleton
from ..geometry.camera import Intrinsics
from ..geometry.keypoint_agreement import box_of, keypoint_agreement
from ..geometry.one_euro import OneEuroPoints
from ..teleop.hand_frame import to_hand_frame
from ..teleop.hand_gate import HandGateConfig, HandObservation
from ..teleop.hand_teleop import HandTeleopConfig
from ..teleop.pose_limiter import PoseLimiterConfig
from ..teleop.poses import Pose
from ..teleop.prediction import PointPrediction
from ..teleop.wrist_teleop import WristTeleop, WristTeleopConfig
from .teleop import FRAME_RATE, HandRecording

#: Seconds of delay for which prediction is measured: two images and three.
DELAYS = (2 / FRAME_RATE, 3 / FRAME_RATE)

#: Errors of a good estimate, as of the open model: of each keypoint and of the wrist, m; of the palm's
#: orientation, rad; of a keypoint in the image, in sizes of the hand's box.
_MAX_KEYPOINT_ERROR, _MAX_ROTATION_ERROR, _MAX_PIXEL_ERROR = 0.005, math.radians(5), 0.02


def random_hands(count: int, seed: int = 0) -> np.ndarray:
    """(count, 21, 3) m: right hands of one drawn adult in any shape and orientation, 0.6 to 1.6 m from a camera."""
    from ..synthetic import hands, people
    from ..synthetic.figure import PosableBody, hand_keypoints, place_skeleton
    rng = np.random.default_rng(seed)
    figure, made = PosableBody(people.sample_phenotype(seed)), []
    # rng=seed would give other rotations.
    turns = Rotation.random(count, random_state=seed)   # pyright: ignore[reportCallIssue]
    for turn in turns.as_matrix():
        local = np.tile(np.eye(3), (skeleton.NUM_JOINTS, 1, 1))
        local[skeleton.HAND_SLICE['right']] = hands.finger_rotations(
            'right', *hands.sample_hand_shape(rng), rest_joints=figure.joints, rest_tips=figure.tips)
        _, joints, tips = place_skeleton(local, figure.joints, figure.tips)
        points = hand_keypoints(joints, tips)[skeleton.SIDES.index('right')]
        made.append((points - points[0]) @ turn.T + rng.uniform((-0.3, -0.2, 0.6), (0.3, 0.2, 1.6)))
    return np.stack(made)


def gate_figures(count: int = 2000, seed: int = 0) -> dict[str, float]:
    """Shares of hands, each in one image, whose agreement lets them become OK, and stay so.

    Good: with the errors of a good estimate. Wrong: another hand in the same box, the mirror image, and half a box of
    shift.
    """
    config, camera = HandGateConfig(), Intrinsics.from_fov(640, 480)
    rng = np.random.default_rng((seed, 1))
    hands = random_hands(count, seed)
    found = {'good': [], 'another hand': [], 'mirrored': [], 'half a box aside': []}
    for k, hand in enumerate(hands):
        seen = camera.project(hand)
        center, size = box_of(seen)
        turn = Rotation.from_rotvec(rng.normal(0, _MAX_ROTATION_ERROR / math.sqrt(3), 3)).as_matrix()
        estimate = (hand - hand[0]) @ turn.T + hand[0]
        estimate = estimate + rng.normal(0, _MAX_KEYPOINT_ERROR / math.sqrt(3), (21, 3)) \
            + rng.normal(0, _MAX_KEYPOINT_ERROR / math.sqrt(3), 3)
        seen = seen + rng.normal(0, _MAX_PIXEL_ERROR * size, seen.shape)
        found['good'].append(keypoint_agreement(seen, camera.project(estimate)))
        other = camera.project(hands[k - 1])
        other_center, other_size = box_of(other)
        found['another hand'].append(keypoint_agreement(seen, (other - other_center) * size / other_size + center))
        found['mirrored'].append(keypoint_agreement(seen, seen * (-1, 1) + (2 * center[0], 0)))
        angle = rng.uniform(0, 2 * math.pi)
        aside = 0.5 * size * np.array([math.cos(angle), math.sin(angle)])
        found['half a box aside'].append(keypoint_agreement(seen, seen + aside))
    figures = {}
    for name, values in found.items():
        values = np.array(values)
        figures[f'{name}: become OK'] = float((values >= config.trust_agreement).mean())
        figures[f'{name}: stay OK'] = float((values >= config.hold_agreement).mean())
    return figures


def random_walk_wrist(steps: int, rng: np.random.Generator, speed: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """A wrist on a random walk at up to `speed` m/s: positions (steps, 3) m and rotations (steps, 3, 3)."""
    walk, turns = np.zeros((steps, 3)), np.zeros((steps, 3))
    velocity, rate = np.zeros(3), np.zeros(3)
    for k in range(1, steps):
        velocity = 0.9 * velocity + rng.normal(0, 0.15, 3)
        velocity *= min(1.0, speed / max(float(np.linalg.norm(velocity)), 1e-9))
        rate = 0.9 * rate + rng.normal(0, 0.3, 3)
        walk[k] = 0.98 * walk[k - 1] + velocity / FRAME_RATE
        turns[k] = 0.98 * turns[k - 1] + rate / FRAME_RATE
    return walk, Rotation.from_rotvec(turns).as_matrix()


def clutch_figures(hand: np.ndarray, steps: int = 3000, seed: int = 0, dropouts: float = 0.03, *, jump: float = 0.5,
                   limiter: PoseLimiterConfig | None = None) -> dict[str, float]:
    """A wrist teleoperated with the button pressed and released at random; while it is released the operator's hand
    jumps.

    hand: (21, 3) m, any; dropouts: share of images without the hand; jump: m. Steps in m and rad.
    """
    rng = np.random.default_rng(seed)
    walk, rotations = random_walk_wrist(steps, rng)
    base_from_camera, start = (Pose.from_xyz_rpy((0.8, 0.1, 0.6), (-1.7, 0.1, 1.5)),
                               Pose.from_xyz_rpy((0.4, 0, 0.3), (0, 1, 0)))
    teleop = WristTeleop(base_from_camera, start, 'right', WristTeleopConfig(limiter=limiter or PoseLimiterConfig()))
    place, pressed, jumps, largest, turned, moved_off = np.array([0.0, 0.0, 1.0]), False, 0, 0.0, 0.0, 0.0
    last, engaged_for = teleop.limiter.pose, 0
    for k in range(steps):
        now = k / FRAME_RATE
        if rng.random() < 0.02:
            pressed = not pressed
            if not pressed:
                teleop.engagement.release()
        elif not pressed and not teleop.check(now).engaged and rng.random() < 0.05:
            direction = rng.normal(size=3)
            place = place + jump * direction / np.linalg.norm(direction) * (1, 1, 0.3)
            place[2] = max(place[2], 0.5)
            jumps += 1
        if pressed:
            teleop.engagement.press(now)
        wrist = place + walk[k]
        keypoints = (hand - hand[0]) @ rotations[k].T + wrist
        seen = None if rng.random() < dropouts else HandObservation(now, keypoints, wrist_rotation=rotations[k])
        command = teleop.update(seen, now)
        step = float(np.linalg.norm(command.pose.position - last.position))
        largest = max(largest, step)
        turned = max(turned, float((Rotation.from_matrix(command.pose.rotation)
                                    * Rotation.from_matrix(last.rotation).inv()).magnitude()))
        if not command.engaged:
            moved_off = max(moved_off, step)
        engaged_for += command.engaged
        last = command.pose
    return {'largest step, m': largest, 'largest turn, rad': turned, 'moves while disengaged, m': moved_off,
            'jumps': jumps, 'share of images engaged': engaged_for / steps}


def prediction_figures(recording: HandRecording, noise: float = 0.0, seed: int = 0) -> dict[str, float]:
    """mm, root mean square: distance of wrist and fingertips from their measurements a delay ago, and from their
    predictions.

    The wrist is in the camera's frame, fingertips are in the frame of the hand and filtered as in HandTeleop. noise: m,
    of every coordinate.
    """
    rate = 1 / float(np.median(np.diff(recording.stamps)))
    noisy, config = recording.with_noise(noise, seed), HandTeleopConfig()
    smooth, tips = OneEuroPoints(config.min_cutoff, config.beta), list(skeleton.FINGERTIP_KEYPOINTS)
    true_tips, noisy_tips = (
        np.stack([to_hand_frame(keypoints, recording.side) for keypoints in one.keypoints])[:, tips]
        for one in (recording, noisy))
    filtered_tips = np.stack([smooth(points, 1 / rate) for points in noisy_tips])
    figures = {}
    for name, measured, true in (('wrist', noisy.keypoints[:, :1], recording.keypoints[:, :1]),
                                 ('fingertips', filtered_tips, true_tips)):
        for delay in DELAYS:
            shift = round(delay * rate)
            predict = PointPrediction(shift / rate)
            predicted = np.stack([predict(points, 1 / rate) for points in measured])
            for how, points in (('as measured', measured), ('predicted', predicted)):
                error = np.linalg.norm(points[:-shift] - true[shift:], axis=-1)
                figures[f'{name}, {1000 * shift / rate:.0f} ms, {how}, mm'] = float(
                    1000 * np.sqrt(np.square(error).mean()))
    return figures
