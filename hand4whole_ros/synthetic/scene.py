"""People without end: `scene(seed)` chooses an adult, a pose, a camera and the light of a picture for training.

Where `people` makes a small set for measuring, with both hands in sight and in one frame, this makes all that a
camera may see, dozens a second. Everything follows from the seed alone; no seed gives a person of the evaluation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .. import skeleton
from ..geometry.camera import Intrinsics
from . import adults, clearance, framing, poses
from .figure import PosableBody, hand_keypoints, place_skeleton
from .gestures import Gesture
from .gestures import sample_gesture_poses as sample_poses

#: First word of every random stream here, which no other module's streams begin with.
TRAINING = 0x7A11

#: Default part of the scenes that are close-ups of hands.
CLOSE_UPS = 0.35

_CANDIDATES, _ROUNDS = 4, 6

_HEAD, _FEET = skeleton.JOINT['head'], [skeleton.JOINT[f'{side}_{part}'] for side in skeleton.SIDES
                                        for part in ('ankle', 'foot')]


def scene_rng(seed: int, part: int) -> np.random.Generator:
    """The random numbers of one part of the scene `seed`."""
    return np.random.default_rng((TRAINING, part, seed))


@dataclass(frozen=True)
class Scene:
    """Who is where before which camera. Frame: camera optical, metres."""

    seed: int
    kind: str                       # 'body', or 'hands' for a close-up
    frame: str                      # of framing.BODY_FRAMES, or 'left', 'right', 'both'
    figure: PosableBody
    phenotype: dict[str, float]
    betas: np.ndarray               # (10,) of the open body
    local_rotations: np.ndarray     # (55, 3, 3), the pelvis in the camera frame
    joints: np.ndarray              # (55, 3)
    joint_rotations: np.ndarray     # (55, 3, 3) out of the T-pose
    hand_keypoints: np.ndarray      # (2, 21, 3) left and right
    intrinsics: Intrinsics

    @property
    def pelvis(self) -> np.ndarray:
        """(3,) m."""
        return self.joints[0]

    @cached_property
    def vertices(self) -> np.ndarray:
        """(V, 3) float32, the skin under the clothes, anny's topology."""
        return self.figure.skin(self.joint_rotations, self.joints)

    def box(self, margin: float = 1.25, aspect: float = 0.75, jitter: float = 0.0) -> tuple[float, float, float, float]:
        """xywh px around joints and hands within the picture, of width / height `aspect`: for a crop of the person.

        jitter moves and scales it at random, 0.1 by about a tenth of its size.
        """
        points = np.concatenate([self.joints, self.hand_keypoints.reshape(-1, 3)])
        return self._box(points, margin, aspect, jitter)

    def hand_box(self, side: str, margin: float = 1.6, jitter: float = 0.0) -> tuple[float, float, float, float]:
        """xywh px, square, around one hand."""
        return self._box(self.hand_keypoints[skeleton.SIDES.index(side)], margin, 1.0, jitter)

    def _box(self, points, margin, aspect, jitter):
        k = self.intrinsics
        pixels = np.clip(np.nan_to_num(k.project(points), nan=-1), (0, 0), (k.width - 1, k.height - 1))
        low, high = pixels.min(0), pixels.max(0)
        rng = scene_rng(self.seed, 9)
        size = high - low
        centre = (low + high) / 2 + jitter * rng.normal(0, 1, 2) * size
        height = max(size[1], size[0] / aspect, 8.0) * margin * np.exp(jitter * rng.normal())
        width = height * aspect
        return (float(centre[0] - width / 2), float(centre[1] - height / 2), float(width), float(height))

    def crop(self, box: tuple[float, float, float, float], width: int, height: int) -> Intrinsics:
        """The camera that sees this box xywh of the picture as width x height pixels."""
        x, y, w, h = box
        k = self.intrinsics
        sx, sy = width / w, height / h
        return Intrinsics(k.fx * sx, k.fy * sy, (k.cx - x + 0.5) * sx - 0.5, (k.cy - y + 0.5) * sy - 0.5, width, height)


def sample_scene(
    seed: int, width: int = 640, height: int = 480, close_ups: float = CLOSE_UPS, at_ease: float = 0.0
) -> Scene:
    """Scene `seed` before a camera of width x height pixels.

    close_ups: how often only hands are shown. at_ease: of the others, how often somebody stands before the camera and
    does what people do there (poses.sample), not anything that a body can.
    """
    rng = scene_rng(seed, 0)
    who = adults.sample_adult(int(rng.integers(adults.NUM_ADULTS)))
    if rng.random() < close_ups:
        return _hands_scene(seed, rng, who, width, height)
    return _body_scene(seed, rng, who, width, height, at_ease > 0 and rng.random() < at_ease)


def _body_scene(seed, rng, who, width, height, at_ease):
    if at_ease:
        frame = 'full' if rng.random() < 0.3 else 'hips'
        direction = framing.ViewDirection.sample_frontal_upright(rng)
        posed = _sample_frontal_upright_pose(rng, who.figure, direction.turn)
    else:
        frame = list(framing.BODY_FRAMES)[rng.choice(len(framing.BODY_FRAMES), p=list(framing.BODY_FRAMES.values()))]
        direction = framing.ViewDirection.sample(rng)
        gesture = Gesture.sample(rng, legs='sit' if frame == 'sitting' else None)
        posed = _sample_clear_pose(rng, who.figure, gesture, direction.turn)
    local, rotations, joints, tips = posed
    intrinsics = framing.sample_intrinsics(rng, width, height, False)
    matrix = direction.matrix()
    joints, rotations, hands = joints @ matrix.T, matrix @ rotations, hand_keypoints(joints, tips) @ matrix.T
    skin, follows = clearance.posed_skin_points(who.figure, rotations, joints)[0], clearance.skin_points()[2]
    shown = framing.body_points(frame, rng, joints, hands, skin[follows == _HEAD], skin[np.isin(follows, _FEET)])
    fill = rng.uniform(0.6, 0.97) if frame == 'full' else rng.uniform(0.7, 1.12)
    place = framing.framing_translation(shown, np.concatenate([skin, hands.reshape(-1, 3)]), intrinsics, fill,
                           rng.uniform(-0.8, 0.8, 2))
    return _make_scene(seed, 'body', frame, who, local, rotations, joints + place, hands + place, intrinsics)


def _hands_scene(seed, rng, who, width, height):
    gesture = Gesture.sample(rng, near=0.65)
    local, rotations, joints, tips = _sample_clear_pose(rng, who.figure, gesture, 0.0)
    hands = hand_keypoints(joints, tips)
    apart = np.linalg.norm(hands[0].mean(0) - hands[1].mean(0))
    frame = 'both' if apart < 0.32 and rng.random() < 0.85 else skeleton.SIDES[rng.integers(2)]
    shown = hands.reshape(-1, 3) if frame == 'both' else hands[skeleton.SIDES.index(frame)]
    skin = clearance.posed_skin_points(who.figure, rotations, joints)[0]
    direction = framing.sample_close_up(rng, shown, skin)
    matrix = direction.matrix()
    joints, rotations, hands, skin, shown = (joints @ matrix.T, matrix @ rotations, hands @ matrix.T, skin @ matrix.T,
                                             shown @ matrix.T)
    intrinsics = framing.sample_intrinsics(rng, width, height, True)
    place = framing.framing_translation(
        shown,
        np.concatenate([skin, hands.reshape(-1, 3)]),
        intrinsics,
        rng.uniform(0.35, 0.95),
        rng.uniform(-0.8, 0.8, 2),
    )
    return _make_scene(seed, 'hands', frame, who, local, rotations, joints + place, hands + place, intrinsics)


def _sample_clear_pose(rng, figure, gesture, turn):
    """A pose that does not run into itself: local and global rotations, joints and tips, in the person's axes."""
    for _ in range(_ROUNDS):
        found = _place_first_clear(figure, sample_poses(gesture, rng, _CANDIDATES, figure.joints, figure.tips, turn))
        if found is not None:
            return found
    # No pose of this gesture suits the figure: another one will.
    return _sample_clear_pose(rng, figure, Gesture.sample(rng), turn)


def _sample_frontal_upright_pose(rng, figure, turn):
    """The same of somebody at ease."""
    for _ in range(_CANDIDATES * _ROUNDS):
        found = _place_first_clear(figure, poses.sample_pose(figure, rng, turn)[None])
        if found is not None:
            return found
    return _sample_clear_pose(rng, figure, Gesture.sample(rng), turn)


def _place_first_clear(figure, local):
    """The first of the poses (N, 55, 3, 3) that does not run into itself, placed; None where all do."""
    rotations, joints, tips = place_skeleton(local, figure.joints, figure.tips)
    chosen = clearance.first_collision_free(figure, rotations, joints, tips)
    return None if chosen is None else (local[chosen], rotations[chosen], joints[chosen], tips[chosen])


def _make_scene(seed, kind, frame, who, local, rotations, joints, hands, intrinsics):
    local = local.copy()
    local[0] = rotations[0]
    return Scene(seed, kind, frame, who.figure, who.phenotype, who.betas, local, joints, rotations, hands, intrinsics)
