"""People in every posture, seen from everywhere: scenes for training and measuring what finds bodies in pictures.

Where `scene` has people before a camera they know of, here they stand, sit, kneel, crawl or lie (`postures`), or move
as somebody did who was recorded; the camera is anywhere around them, above or below, upright or not.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from .. import skeleton
from . import adults, capsules, clearance, framing, grips, postures
from .figure import hand_keypoints, place_skeleton
from .scene import Scene

#: First words of the random streams here: of people to train on and of people to measure on, who share nobody.
TRAINING, MEASURING = 0x7A12, 0x7A13

#: What the picture shows, and how often (framing.BODY_FRAMES).
FRAMES = {'full': 0.62, 'knees': 0.12, 'hips': 0.14, 'chest': 0.05, 'sitting': 0.07}

#: Width and height of pictures, px, and how often.
SIZES = {(640, 480): 0.45, (480, 640): 0.3, (560, 560): 0.25}

#: How often a pose is a recorded one, where there are any; and how far its joints are turned beside it, radians.
RECORDED, _JITTER = 0.4, 0.06

FIELDS_OF_VIEW = (28.0, 90.0)
_FILL = (0.45, 0.98)        # of the picture by the part of the person that it shows
_SKIN_JOINTS = skeleton.JOINT['head'], [skeleton.JOINT[f'{side}_{part}'] for side in skeleton.SIDES
                                        for part in ('ankle', 'foot')]


def sample_direction(rng: np.random.Generator) -> framing.ViewDirection:
    """Any heading; mostly at eye level or above it, from 30 degrees below to 70 above; a fifth rolled anyhow."""
    pitch = np.clip(rng.normal(8, 13), -30, 70) if rng.random() < 0.6 else rng.uniform(-30, 70)
    roll = rng.uniform(-180, 180) if rng.random() < 0.2 else rng.normal(0, 5)
    return framing.ViewDirection(*np.radians((rng.uniform(-180, 180), pitch, roll)))


def scene(seed: int, recorded: np.ndarray | None = None, purpose: int = TRAINING) -> Scene:
    """Scene `seed`; its `frame` is of FRAMES. recorded (N, 22, 3, 3): poses of datasets.motions, or None."""
    rng = np.random.default_rng((purpose, seed))
    who = adults.sample_adult(int(rng.integers(adults.NUM_ADULTS)))
    local = sample_pose(rng, who.figure.joints, who.figure.tips, recorded)
    matrix = sample_direction(rng).matrix()
    rotations, joints, tips = place_skeleton(local, who.figure.joints, who.figure.tips)
    rotations, joints, tips = matrix @ rotations, joints @ matrix.T, tips @ matrix.T
    hands = hand_keypoints(joints, tips)
    width, height = list(SIZES)[rng.choice(len(SIZES), p=list(SIZES.values()))]
    frame = list(FRAMES)[rng.choice(len(FRAMES), p=list(FRAMES.values()))]
    intrinsics = framing.sample_intrinsics(rng, width, height, False, FIELDS_OF_VIEW)
    skin, follows = clearance.posed_skin_points(who.figure, rotations, joints)[0], clearance.skin_points()[2]
    head, feet = _SKIN_JOINTS
    shown = framing.body_points(frame, rng, joints, hands, skin[follows == head], skin[np.isin(follows, feet)])
    if frame == 'full':
        shown = np.concatenate([shown, joints[:skeleton.NUM_BODY_JOINTS]])
    place = framing.framing_translation(
        shown, np.concatenate([skin, hands.reshape(-1, 3)]), intrinsics, rng.uniform(*_FILL), rng.uniform(-1, 1, 2)
    )
    local[0] = rotations[0]
    return Scene(seed, 'body', frame, who.figure, who.phenotype, who.betas, local, joints + place, rotations,
                 hands + place, intrinsics)


def sample_pose(rng: np.random.Generator, joints: np.ndarray, tips: np.ndarray,
                recorded: np.ndarray | None = None) -> np.ndarray:
    """(55, 3, 3) rotations of a pose that does not run into itself, y up; joints (55, 3), tips (10, 3) at rest."""
    if recorded is not None and rng.random() < RECORDED:
        found = recorded_poses(rng, recorded, 8, joints, tips)
        if len(found):
            return found[0]
    return postures.sample(rng, postures.sample_name(rng), 1, joints, tips)[0]


def recorded_poses(rng: np.random.Generator, recorded: np.ndarray, count: int, joints: np.ndarray,
                   tips: np.ndarray) -> np.ndarray:
    """(M, 55, 3, 3): those of `count` poses drawn from recorded (N, 22, 3, 3) that do not run into themselves.

    Every joint is turned a little beside what was recorded, half of the poses are mirrored, and fingers are made up.
    """
    drawn = recorded[rng.integers(len(recorded), size=count)]
    local = np.tile(np.eye(3), (count, skeleton.NUM_JOINTS, 1, 1))
    local[:, :skeleton.NUM_BODY_JOINTS] = drawn @ _turns(rng, drawn.shape[:2])
    fingers = grips.sample_finger_poses(rng, count, joints, tips, 0.0)
    mirror = np.diag([-1.0, 1.0, 1.0])
    local[:, skeleton.HAND_SLICE['left']] = fingers[0]
    local[:, skeleton.HAND_SLICE['right']] = mirror @ fingers[1] @ mirror
    swapped = mirror @ local[:, list(skeleton.MIRROR)] @ mirror
    local = np.where((rng.random(count) < 0.5)[:, None, None, None], swapped, local)
    return local[capsules.clear(place_skeleton(local, joints, tips)[1])]


def _turns(rng, shape):
    vectors = rng.normal(0, _JITTER, (*shape, 3))
    return Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix().reshape(*shape, 3, 3)
