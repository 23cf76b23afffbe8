"""People: detection, and the 33 landmarks of one person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .detection import Detection, Detector
from .indices import MIRRORED_POSE, NUM_POSE_LANDMARKS, AuxiliaryPoseLandmark, PoseKeypoint
from .landmark_values import image_landmarks, sigmoid, world_landmarks
from .measures import torso_length
from .model_files import POSE_DETECTION, POSE_LANDMARK_FULL
from .network import Network
from .regions import UP, Region, around_circle
from .runtime import Runtime

#: px, of the detector's layers.
_STRIDES = (8, 16, 32, 32, 32)

#: The side of a person's region, in diameters of the circle around the body.
_SCALE = 1.25

#: A pose with a lower presence is not a person.
MIN_PRESENCE = 0.5

#: Landmarks are refined on the cells of the heat maps within this distance, if one of them has this probability.
#: MediaPipe's graph specifies a distance of 3; its library, at 0.10.21, uses 4.
_REACH, _MIN_CONFIDENCE = 4, 0.5

#: Of a landmark without a keypoint score, in a mean of poses.
_MIN_WEIGHT = 1e-3

#: Fields of PoseLandmarks that are numbers of one pose, of which means can be taken: its landmarks, and the others.
_POINTS = ('landmarks', 'world_landmarks')
_OTHERS = ('visibility', 'landmark_presence', 'keypoint_score', 'auxiliary', 'presence')
_ESTIMATED = (*_POINTS, *_OTHERS)


class PoseDetector(Detector):
    """Detects people. Keypoints: indices.PoseKeypoint."""

    def __init__(self, min_score: float = 0.5, runtime: Runtime | None = None):
        super().__init__(POSE_DETECTION, _STRIDES, min_score, runtime)


def person_region(person: Detection) -> Region:
    """The region of a detected person for PoseLandmarker."""
    points = person.keypoints
    return around_circle(points[PoseKeypoint.HIP_CENTRE], points[PoseKeypoint.BODY_CIRCLE], UP, scale=_SCALE)


@dataclass(frozen=True, eq=False)
class PoseLandmarks:
    """One person. Rows: indices.PoseLandmark."""

    landmarks: np.ndarray           # (33, 3) px, px, depth in px from the middle of the hips (smaller is nearer)
    world_landmarks: np.ndarray     # (33, 3) m from the middle of the hips; x right, y down, z away from the camera
    visibility: np.ndarray          # (33,) probability: in the image and not hidden
    landmark_presence: np.ndarray   # (33,) probability: in the image
    keypoint_score: np.ndarray      # (33,) 0 to 1: maximum of the heat map at the landmark; 0 outside the region
    auxiliary: np.ndarray           # (2, 2) px; rows: indices.AuxiliaryPoseLandmark
    presence: float                 # probability: the region shows a person; see MIN_PRESENCE
    region: Region                  # that contains these landmarks
    #: (33,) torsos, distance of those of regions and of their mirror images from their mean; None: one way only.
    disagreement: np.ndarray | None = None

    @cached_property
    def next_region(self) -> Region:
        """The region of the same person for the next image."""
        points = self.auxiliary
        return around_circle(points[AuxiliaryPoseLandmark.HIP_CENTRE], points[AuxiliaryPoseLandmark.BODY_CIRCLE], UP,
                             scale=_SCALE)


class PoseLandmarker:
    """Gives the landmarks of the person in a region."""

    def __init__(self, runtime: Runtime | None = None):
        self._runtime = runtime or Runtime()
        self._network = Network(POSE_LANDMARK_FULL, self._runtime)

    def landmarks(self, image: np.ndarray, region: Region, mirrored: bool = False) -> PoseLandmarks:
        """Always returns landmarks for an RGB image (H, W, 3) uint8; `presence` is the probability of a person.

        mirrored: estimated in the mirror image of the region. Raises ValueError if `image` is not an image.
        """
        return self._landmarks(self._network.crop(image, region), region, mirrored)

    def _landmarks(self, crop, region, mirrored):
        values, presence, heat_maps, world = self._network.run_crop(crop, mirrored)
        values, world = values.reshape(-1, 5).astype(float), world.reshape(-1, 3).astype(float)
        points = values[:, :3] / self._network.model.input_size
        points[:, :2], score = refine(points[:, :2], heat_maps[0])
        auxiliary = points[NUM_POSE_LANDMARKS:NUM_POSE_LANDMARKS + len(AuxiliaryPoseLandmark)]
        points, world, probabilities = (part[:NUM_POSE_LANDMARKS] for part in (
            points, world, np.column_stack([sigmoid(values[:, 3:]), score])))
        if mirrored:
            order = list(MIRRORED_POSE)
            points, world, probabilities = (part[order] for part in (points, world, probabilities))
            points[:, 0], auxiliary[:, 0], world[:, 0] = 1 - points[:, 0], 1 - auxiliary[:, 0], -world[:, 0]
        return PoseLandmarks(
            image_landmarks(points, region), world_landmarks(world, region), probabilities[:, 0], probabilities[:, 1],
            probabilities[:, 2], image_landmarks(auxiliary, region)[:, :2], float(presence[0, 0]), region)

    def landmarks_both_ways(self, image: np.ndarray, region: Region) -> tuple[PoseLandmarks, PoseLandmarks]:
        """Landmarks of a region and of its mirror image: their errors are in part independent."""
        crop = self._network.crop(image, region)
        one, other = self._runtime.map(lambda mirrored: self._landmarks(crop, region, mirrored), (False, True))
        return one, other

    def landmarks_batch(self, image: np.ndarray, regions: Sequence[Region]) -> list[PoseLandmarks]:
        """The landmarks of several regions of one image."""
        return self._runtime.map(lambda region: self.landmarks(image, region), regions)


def mean_pose(*poses: PoseLandmarks) -> PoseLandmarks:
    """The mean of several poses of one person, in the region of the first, with their disagreement.

    Each landmark is the mean weighted with the squares of its keypoint scores: where one pose sees an arm and the other
    does not, the arm is where it was seen.
    """
    weights = np.stack([pose.keypoint_score for pose in poses]) ** 2 + _MIN_WEIGHT
    weights = (weights / weights.sum(axis=0))[..., None]
    mean = replace(
        poses[0], **{name: sum(getattr(pose, name) for pose in poses) / len(poses) for name in _OTHERS},
        **{name: sum(weight * getattr(pose, name) for weight, pose in zip(weights, poses)) for name in _POINTS})
    return replace(mean, disagreement=disagreement(poses, mean))


def weighted_pose(one: PoseLandmarks, other: PoseLandmarks, weight: float) -> PoseLandmarks:
    """The weighted mean of two poses of one person; weight: of the first, which gives region and disagreement."""
    return replace(one, **{name: weight * getattr(one, name) + (1 - weight) * getattr(other, name)
                           for name in _ESTIMATED})


def with_disagreement(pose: PoseLandmarks, mirrored: PoseLandmarks) -> PoseLandmarks:
    """A pose with its disagreement from that of the mirror image of its region."""
    return replace(pose, disagreement=disagreement([pose, mirrored], pose))


def disagreement(poses: Sequence[PoseLandmarks], person: PoseLandmarks) -> np.ndarray:
    """(33,) distance of several poses from their mean, root mean square, in torsos of `person`."""
    points = np.stack([pose.landmarks[:, :2] for pose in poses])
    apart = np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=-1).mean(axis=0))
    return apart / torso_length(person.landmarks)


def refine(points: np.ndarray, heat_maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 2), 0 and 1 at the edges of the heat maps (H, W, N) of logits, moved towards the nearest maxima.

    A point becomes the mean of the cells within _REACH of its own, weighted with their probabilities; it stays if none
    of them reaches _MIN_CONFIDENCE or if it is outside. The second result is the highest of these probabilities, (N,).
    """
    rows, columns, count = heat_maps.shape
    cell = np.trunc(points * (columns, rows)).astype(int)
    steps = np.arange(-_REACH, _REACH + 1)
    x, y = cell[:, 0, None] + steps, cell[:, 1, None] + steps
    in_map = ((y >= 0) & (y < rows))[:, :, None] & ((x >= 0) & (x < columns))[:, None, :]
    logits = heat_maps[np.clip(y, 0, rows - 1)[:, :, None], np.clip(x, 0, columns - 1)[:, None, :],
                       np.arange(count)[:, None, None]]
    weights = np.where(in_map, sigmoid(logits), 0)
    total = weights.sum((1, 2))
    means = np.stack([(weights.sum(1) * x).sum(1) / columns, (weights.sum(2) * y).sum(1) / rows], axis=1)
    highest = weights.max((1, 2))
    moved = (highest >= _MIN_CONFIDENCE) & ((cell >= 0) & (cell < (columns, rows))).all(1)
    return np.where(moved[:, None], means / np.where(moved, total, 1)[:, None], points), highest
