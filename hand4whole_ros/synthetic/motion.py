"""One person moving arms and fingers before a background: a camera for demonstrations, with ground truth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.spatial.transform import Rotation

from .. import skeleton
from ..geometry.camera import Intrinsics
from . import appearance, backgrounds, hands
from .drawing import Studio, undrawn_truth
from .figure import PosableBody
from .gestures import set_arm
from .people import sample_phenotype
from .scene import Scene
from .truth import PersonTruth

#: Seconds after which the motion repeats.
PERIOD = 24.0

#: An arm: the wrist's position (see gestures), roll, flexion and deviation of the wrist.
ARMS = {
    'low': (0.30, -0.66, 0.40, -0.9, 0.0, 0.05), 'front': (0.22, -0.10, 0.50, 0.1, -0.35, 0.0),
    'raised': (0.42, 0.10, 0.45, 0.15, -0.25, 0.0), 'reach': (0.25, 0.0, 0.80, 0.15, -0.75, 0.0),
    'show': (0.28, 0.02, 0.48, 0.2, -0.4, 0.0), 'palm': (0.30, 0.08, 0.48, 0.2, -0.35, 0.0),
    'back': (0.30, 0.08, 0.48, -1.9, 0.0, 0.0), 'side': (0.50, -0.08, 0.50, -0.4, -0.1, 0.0),
    'high': (0.55, 0.38, 0.32, 0.0, -0.2, 0.0), 'away': (0.24, -0.96, 0.10, -1.2, 0.0, 0.0),
    'drive': (0.10, -0.02, 0.46, 0.2, -0.4, 0.0), 'drive_aside': (0.20, -0.14, 0.50, 0.1, -0.3, 0.0)}

#: Seconds, left arm and hand shape, right arm and hand shape. Motion between them is smooth.
_DEFAULT_SCRIPT = (
    (0.0, 'low', 'relaxed', 'low', 'relaxed'), (1.0, 'low', 'relaxed', 'raised', 'open'),
    (3.2, 'low', 'relaxed', 'raised', 'open'),
    (4.2, 'front', 'relaxed', 'front', 'relaxed'), (5.4, 'reach', 'open', 'front', 'half'),
    (6.2, 'reach', 'grasp', 'front', 'half'), (7.2, 'front', 'half', 'reach', 'open'),
    (8.0, 'front', 'half', 'reach', 'grasp'),
    (9.0, 'show', 'open', 'show', 'open'), (9.7, 'show', 'fist', 'show', 'fist'),
    (10.4, 'show', 'open', 'show', 'open'), (11.1, 'show', 'fist', 'show', 'fist'),
    (11.8, 'show', 'open', 'show', 'fist'), (12.6, 'low', 'relaxed', 'show', 'point'),
    (13.0, 'low', 'relaxed', 'show', 'point'), (13.4, 'low', 'relaxed', 'show', 'two'),
    (13.9, 'low', 'relaxed', 'show', 'two'), (14.3, 'low', 'relaxed', 'show', 'three'),
    (14.8, 'low', 'relaxed', 'show', 'three'), (15.2, 'low', 'relaxed', 'show', 'four'),
    (15.7, 'low', 'relaxed', 'show', 'four'), (16.1, 'low', 'relaxed', 'show', 'open'),
    (17.0, 'palm', 'open', 'palm', 'open'), (18.0, 'back', 'open', 'back', 'open'),
    (18.6, 'back', 'relaxed', 'back', 'relaxed'), (19.5, 'palm', 'open', 'palm', 'open'),
    (20.6, 'side', 'open', 'side', 'open'), (21.2, 'side', 'open', 'side', 'open'),
    (22.3, 'high', 'open', 'high', 'open'), (22.8, 'high', 'open', 'high', 'open'))

_POLE = np.array([0.6, -1.0, -0.4])
_SPREAD = 0.12


@dataclass(frozen=True)
class MotionScript:
    """A person's periodic motion."""

    #: Seconds, left arm and hand shape, right arm and hand shape. An arm is one of ARMS; a hand shape one of
    #: hands.HAND_SHAPES, or five numbers as there.
    keys: tuple[tuple, ...]
    #: Seconds after which it repeats.
    period: float
    #: From the camera to the pelvis, in lengths of the stretched arm.
    distance: float
    #: Start and end of the waving of the right hand, in seconds.
    waving: tuple[float, float] = (0.0, 0.0)


#: A full range of motions of arms and hands, always within the image.
DEMO_SCRIPT = MotionScript(_DEFAULT_SCRIPT, PERIOD, 2.75, (1.2, 3.1))


class PersonMotion:
    """A person in front of a textured background, as a function of time. Equal seeds, equal images."""

    def __init__(self, seed: int = 10, width: int = 640, height: int = 480, score: MotionScript = DEMO_SCRIPT):
        self.score = score
        from ..rendering.rasterizer import Lighting
        self._seed = seed
        rng = np.random.default_rng((seed, 2))
        # A field of view fixes the focal length; the camera is then known exactly.
        self.intrinsics = Intrinsics.from_focal(width, height, Intrinsics.from_fov(width, height, 60.0).fx)
        self.figure = PosableBody(sample_phenotype(seed))
        self._appearance = appearance.Appearance.sample(rng)
        background = backgrounds.draw_background(rng, width, height)
        self._studio = Studio(self._appearance.colors(), Lighting(), background, None)
        self._phase = rng.uniform(0, 2 * np.pi, 6)
        self._track = _track(score)
        at = {name: self.figure.joints[index] for name, index in skeleton.JOINT.items()}
        arm = at['left_wrist'][0] - at['left_shoulder'][0]
        self._pelvis = np.array([0.0, at['spine3'][1] + 0.1 * arm, score.distance * arm])

    def frame(self, t: float) -> np.ndarray:
        """The image at `t` seconds: (height, width, 3) uint8 RGB."""
        return self._studio.draw(self.scene(t).vertices, self.intrinsics).image

    def truth(self, t: float) -> PersonTruth:
        """The truth at `t` seconds."""
        return undrawn_truth(self.scene(t))

    def hand_keypoints(self, t: float) -> dict[str, np.ndarray]:
        """side -> (21, 3) m at `t` seconds, the same as truth's, without the mesh."""
        return dict(zip(skeleton.SIDES, self.scene(t).hand_keypoints))

    def scene(self, t: float) -> Scene:
        """The person at `t` seconds."""
        return Scene.of_pose(self._seed, 'hips', self.figure, self._local_rotations(t), pelvis=self._pelvis,
                             intrinsics=self.intrinsics, appearance=self._appearance)

    def _local_rotations(self, t):
        local = np.tile(np.eye(3), (skeleton.NUM_JOINTS, 1, 1))
        t = t % self.score.period
        sway = np.sin(2 * np.pi * np.arange(1, 7) * t / self.score.period + self._phase)

        def put(name, x, y, z):
            local[skeleton.JOINT[name]] = Rotation.from_rotvec((x, y, z)).as_matrix()

        turn = 0.12 * sway[0] + 0.05 * sway[2]
        local[0] = np.diag([1.0, -1.0, -1.0]) @ Rotation.from_rotvec((0.02, turn, 0.01 * sway[1])).as_matrix()
        for name in ('spine1', 'spine2', 'spine3'):
            put(name, 0.02 + 0.008 * sway[3], 0.02 * sway[1], 0.01 * sway[2])
        put('neck', 0.02 * sway[4], -0.3 * turn, 0.02 * sway[3])
        put('head', 0.03 * sway[5], -0.3 * turn, 0.02 * sway[2])
        for side, row in zip(skeleton.SIDES, self._track(t).reshape(2, -1)):
            place, roll, flexion, deviation, closed = row[:3], row[3], row[4], row[5], row[6:]
            begin, end = self.score.waving
            if side == 'right' and begin < t < end:
                beat = 2 * np.pi * 3 * (t - begin) / (end - begin)
                place = place + (0.10 * np.sin(beat), 0, 0)
                deviation = deviation + 0.2 * np.sin(beat)
            set_arm(local, self.figure.joints, side, place, roll=roll, pole=_POLE, flexion=flexion, deviation=deviation)
            local[skeleton.HAND_SLICE[side]] = hands.finger_rotations(
                side, np.clip(closed, 0, 1), _SPREAD, rest_joints=self.figure.joints, rest_tips=self.figure.tips)
        return local


@lru_cache(maxsize=4)
def _track(score):
    """The score as a smooth function of time, over one period and its ends: (22,), left arm first."""
    rows = [np.r_[ARMS[left], _hand_shape(left_hand), ARMS[right], _hand_shape(right_hand)]
            for _, left, left_hand, right, right_hand in score.keys]
    times = [row[0] for row in score.keys]
    # One key before and one after the period make the repetition smooth.
    times = [times[-1] - score.period, *times, score.period, score.period + times[1]]
    return PchipInterpolator(times, np.stack([rows[-1], *rows, rows[0], rows[1]]))


def _hand_shape(shape):
    return hands.HAND_SHAPES[shape] if isinstance(shape, str) else shape
