"""The difference of two poses of one region, to be added to a pose of another region of the same person."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .pose import PoseLandmarks
from .regions import rotated


@dataclass(frozen=True, eq=False)
class PoseCorrection:
    """Differences of what PoseLandmarks has, in the axes of the region; in its sides instead of px."""

    landmarks: np.ndarray           # (33, 3) sides
    world_landmarks: np.ndarray     # (33, 3) m
    visibility: np.ndarray          # (33,)
    landmark_presence: np.ndarray   # (33,)
    keypoint_score: np.ndarray      # (33,)
    auxiliary: np.ndarray           # (2, 2) sides
    presence: float
    disagreement: np.ndarray | None     # not a difference: of the second pose, which a corrected pose gets

    @classmethod
    def between(cls, pose: PoseLandmarks, other: PoseLandmarks) -> PoseCorrection:
        """`other` minus `pose`, both of one region."""
        side, rotation = pose.region.side, pose.region.rotation
        return cls(_rotated_vectors(other.landmarks - pose.landmarks, -rotation) / side,
                   _rotated_vectors(other.world_landmarks - pose.world_landmarks, -rotation),
                   other.visibility - pose.visibility, other.landmark_presence - pose.landmark_presence,
                   other.keypoint_score - pose.keypoint_score,
                   _rotated_vectors(other.auxiliary - pose.auxiliary, -rotation) / side,
                   other.presence - pose.presence, other.disagreement)

    def applied(self, pose: PoseLandmarks) -> PoseLandmarks:
        """The pose with this difference added to it."""
        side, rotation = pose.region.side, pose.region.rotation
        return replace(
            pose, landmarks=pose.landmarks + _rotated_vectors(self.landmarks * side, rotation),
            world_landmarks=pose.world_landmarks + _rotated_vectors(self.world_landmarks, rotation),
            visibility=np.clip(pose.visibility + self.visibility, 0, 1),
            landmark_presence=np.clip(pose.landmark_presence + self.landmark_presence, 0, 1),
            keypoint_score=np.clip(pose.keypoint_score + self.keypoint_score, 0, 1),
            auxiliary=pose.auxiliary + _rotated_vectors(self.auxiliary * side, rotation),
            presence=float(np.clip(pose.presence + self.presence, 0, 1)), disagreement=self.disagreement)


def _rotated_vectors(vectors: np.ndarray, angle: float) -> np.ndarray:
    """Vectors (N, 2 or 3), rotated about 0 clockwise in the image; depth stays."""
    return np.concatenate([rotated(vectors[:, :2], angle), vectors[:, 2:]], axis=1)
