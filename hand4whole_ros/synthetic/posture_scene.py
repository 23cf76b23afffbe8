"""People in every posture, viewed from everywhere: scenes to train and evaluate detectors of bodies in images.

While `people` has people who face a camera, here they stand, sit, kneel, crawl or lie (`postures`), or have a
recorded pose; the camera is anywhere around them, above or below, upright or not.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from .. import skeleton
from . import adults, collisions, framing, hands, people, postures
from .figure import place_skeleton
from .scene import Scene

#: First words of the random streams here: of people for training and of people for evaluation, who are disjoint.
TRAINING, MEASURING = 0x7A12, 0x7A13

#: What the image shows, and how often (framing.BODY_FRAMES).
FRAMES = {'full': 0.62, 'knees': 0.12, 'hips': 0.14, 'chest': 0.05, 'sitting': 0.07}

#: Width and height of images, px, and how often.
SIZES = {(640, 480): 0.45, (480, 640): 0.3, (560, 560): 0.25}

#: How often a pose is a recorded one, if there are any; and the random rotation added to its joints, radians.
RECORDED, _JITTER = 0.4, 0.06

FIELDS_OF_VIEW = (28.0, 90.0)
_FILL = (0.45, 0.98)        # of the image by the visible part of the person


def sample_direction(rng: np.random.Generator) -> framing.ViewDirection:
    """Any heading; mostly at eye level or above it, from 30 degrees below to 70 above; a fifth with arbitrary roll."""
    pitch = np.clip(rng.normal(8, 13), -30, 70) if rng.random() < 0.6 else rng.uniform(-30, 70)
    roll = rng.uniform(-180, 180) if rng.random() < 0.2 else rng.normal(0, 5)
    return framing.ViewDirection(*np.radians((rng.uniform(-180, 180), pitch, roll)))


def scene(seed: int, recorded: np.ndarray | None = None, purpose: int = TRAINING) -> Scene:
    """Scene `seed`; its `frame` is of FRAMES. recorded (N, 22, 3, 3): poses of datasets.motions, or None."""
    rng = np.random.default_rng((purpose, seed))
    adult = adults.sample_adult(int(rng.integers(adults.NUM_ADULTS)))
    local = sample_pose(rng, adult.figure.joints, adult.figure.tips, recorded)
    direction = sample_direction(rng)
    placed = list(place_skeleton(local, adult.figure.joints, adult.figure.tips))
    width, height = list(SIZES)[rng.choice(len(SIZES), p=list(SIZES.values()))]
    frame = list(FRAMES)[rng.choice(len(FRAMES), p=list(FRAMES.values()))]
    intrinsics = framing.sample_intrinsics(rng, width, height, fields=FIELDS_OF_VIEW)
    return people.framed_scene(seed, rng, adult, local, placed=placed, direction=direction, frame=frame,
                               intrinsics=intrinsics, fill=_FILL, shift=1.0, whole=True)


def sample_pose(rng: np.random.Generator, joints: np.ndarray, tips: np.ndarray,
                recorded: np.ndarray | None = None) -> np.ndarray:
    """(55, 3, 3) rotations of a pose free of self-collision, y up; joints (55, 3), tips (10, 3) at rest."""
    if recorded is not None and rng.random() < RECORDED:
        found = recorded_poses(rng, recorded, 8, joints=joints, tips=tips)
        if len(found):
            return found[0]
    return postures.sample(rng, postures.sample_name(rng), 1, joints=joints, tips=tips)[0]


def recorded_poses(rng: np.random.Generator, recorded: np.ndarray, count: int, *, joints: np.ndarray,
                   tips: np.ndarray) -> np.ndarray:
    """(M, 55, 3, 3): those of `count` poses drawn from recorded (N, 22, 3, 3) that are free of self-collision.

    A small rotation is added to every recorded joint, half of the poses are mirrored, and fingers are sampled.
    """
    drawn = recorded[rng.integers(len(recorded), size=count)]
    local = np.tile(np.eye(3), (count, skeleton.NUM_JOINTS, 1, 1))
    local[:, :skeleton.NUM_BODY_JOINTS] = drawn @ _turns(rng, drawn.shape[:2])
    fingers = hands.sample_finger_poses(rng, count, joints=joints, tips=tips, alike=0.0)
    mirror = np.diag([-1.0, 1.0, 1.0])
    local[:, skeleton.HAND_SLICE['left']] = fingers[0]
    local[:, skeleton.HAND_SLICE['right']] = mirror @ fingers[1] @ mirror
    swapped = mirror @ local[:, list(skeleton.MIRROR)] @ mirror
    local = np.where((rng.random(count) < 0.5)[:, None, None, None], swapped, local)
    return local[collisions.limbs_clear(place_skeleton(local, joints, tips)[1])]


def _turns(rng, shape):
    vectors = rng.normal(0, _JITTER, (*shape, 3))
    return Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix().reshape(*shape, 3, 3)
