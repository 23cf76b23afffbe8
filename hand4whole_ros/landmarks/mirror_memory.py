"""The pose of a tracked person both ways, at less than the time of both ways.

The mean of a pose and that of the mirror image of its region is more accurate than either. By how much it differs from
the former hardly changes while a person is nearly still. So the mirror image is evaluated where the person has moved,
and at intervals; in other images the last difference is added. What the second pose takes from the noise of single
images is made up for by a weighted mean with the last image, which a nearly still person does not notice. Where the two
exchange left and right, the pose from behind is taken (pose_consensus).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .indices import LIMBS
from .measures import torso_length
from .pose import PoseLandmarker, PoseLandmarks, weighted_pose, with_disagreement
from .pose_consensus import consensus, is_near
from .pose_correction import PoseCorrection
from .regions import Region

#: Torsos: a person has moved if the limbs' landmarks have, by more than this since the mirror image was evaluated.
_MAX_MOTION = 0.04

#: A pose of lower presence is estimated both ways.
_MIN_PRESENCE = 0.9

#: Weight of the pose of an image against that of the last one, of a person who has not moved.
_WEIGHT = 0.65

#: Minimum weight of a landmark that is not visible.
_MIN_VISIBILITY = 0.05

_LIMB_ROWS = list(LIMBS)


@dataclass(frozen=True, eq=False)
class MirrorMemory:
    """What is kept of a person from image to image."""

    mirrored: PoseLandmarks         # one way, of the image in which the mirror image was evaluated, too
    correction: PoseCorrection      # of that pose
    last: PoseLandmarks             # the result in the last image


def pose_both_ways(landmarker: PoseLandmarker, image: np.ndarray, region: Region, memory: MirrorMemory | None = None,
                   *, mirror: bool = True) -> tuple[PoseLandmarks, MirrorMemory | None]:
    """The pose in a region of an RGB image (H, W, 3) uint8, and the memory for the next image.

    memory: of the same person in the last image, or None; mirror: whether the mirror image is evaluated in any case.
    Where it shows another person than the region it is not averaged, and nothing is kept. Raises ValueError if `image`
    is not an image.
    """
    other: PoseLandmarks | None
    if mirror or memory is None:
        one, other = landmarker.landmarks_both_ways(image, region)
    else:
        one, other = landmarker.landmarks(image, region), None
    still = memory is not None and one.presence > _MIN_PRESENCE and _motion(one, memory.mirrored) < _MAX_MOTION
    if memory is not None and still and other is None:
        pose = weighted_pose(memory.correction.applied(one), memory.last, _WEIGHT)
        return pose, MirrorMemory(memory.mirrored, memory.correction, pose)
    if other is None:
        other = landmarker.landmarks(image, region, mirrored=True)
    if not is_near(one, other):
        return with_disagreement(one, other), None
    pose = mean = consensus([one, other])
    if memory is not None and still:
        pose = weighted_pose(mean, memory.last, _WEIGHT)
    return pose, MirrorMemory(one, PoseCorrection.between(one, mean), pose)


def _motion(pose: PoseLandmarks, other: PoseLandmarks) -> float:
    """Mean distance of the limbs' landmarks, weighted with visibility, in torsos."""
    distance = np.linalg.norm(pose.landmarks[_LIMB_ROWS, :2] - other.landmarks[_LIMB_ROWS, :2], axis=1)
    weights = np.maximum(pose.visibility[_LIMB_ROWS], _MIN_VISIBILITY)
    return float(weights @ distance / weights.sum()) / torso_length(pose.landmarks)
