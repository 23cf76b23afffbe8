"""Faces: detection, the 468 landmarks of a face, and the landmarks of its eyes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .detection import Detection, Detector
from .indices import EYE_CORNERS, POSE_FACE, FaceKeypoint, FaceLandmark, PoseLandmark
from .landmark_values import image_landmarks, sigmoid
from .model_files import FACE_DETECTION_SHORT_RANGE, FACE_LANDMARK, IRIS_LANDMARK
from .network import Network
from .regions import RIGHT, Region, around_points, rotation_of
from .runtime import Runtime

#: px, of the detector's layers.
_STRIDES = (8, 16, 16, 16)

#: Landmarks with a lower presence are not a face.
MIN_PRESENCE = 0.5


class FaceDetector(Detector):
    """Detects faces near the camera, or in a region of an image. Keypoints: indices.FaceKeypoint."""

    def __init__(self, min_score: float = 0.5, runtime: Runtime | None = None):
        super().__init__(FACE_DETECTION_SHORT_RANGE, _STRIDES, min_score, runtime)


def pose_face_region(landmarks: np.ndarray) -> Region:
    """The region of a face for FaceDetector, from the landmarks (33, ...) px of a pose."""
    points = landmarks[:, :2]
    rotation = rotation_of(points[PoseLandmark.RIGHT_EYE], points[PoseLandmark.LEFT_EYE], RIGHT)
    return around_points(points[list(POSE_FACE)], rotation, scale=3.0)


def face_region(face: Detection) -> Region:
    """The region of a detected face for FaceLandmarker."""
    points = face.keypoints
    rotation = rotation_of(points[FaceKeypoint.RIGHT_EYE], points[FaceKeypoint.LEFT_EYE], RIGHT)
    return around_points(points, rotation, scale=2.0, shift=-0.1)


@dataclass(frozen=True, eq=False)
class FaceLandmarks:
    """One face. Rows: MediaPipe's face mesh; indices.FaceLandmark names some."""

    landmarks: np.ndarray           # (468, 3) px, px, depth in px from the middle of the head (smaller is nearer)
    presence: float                 # probability: the region shows a face; see MIN_PRESENCE
    region: Region                  # that contains these landmarks

    @property
    def next_region(self) -> Region:
        """The region of the same face for the next image."""
        points = self.landmarks[:, :2]
        rotation = rotation_of(points[FaceLandmark.RIGHT_EYE_OUTER], points[FaceLandmark.LEFT_EYE_OUTER], RIGHT)
        return around_points(points, rotation, scale=1.5)


class FaceLandmarker:
    """Gives the landmarks of the face in a region."""

    def __init__(self, runtime: Runtime | None = None):
        self._runtime = runtime or Runtime()
        self._network = Network(FACE_LANDMARK, self._runtime)

    def landmarks(self, image: np.ndarray, region: Region) -> FaceLandmarks:
        """Always returns landmarks for an RGB image (H, W, 3) uint8; `presence` is the probability of a face.

        Raises ValueError if `image` is not an image.
        """
        values, presence = self._network.run(image, region)
        points = values.reshape(-1, 3).astype(float) / self._network.model.input_size
        return FaceLandmarks(image_landmarks(points, region), float(sigmoid(presence).item()), region)

    def landmarks_batch(self, image: np.ndarray, regions: Sequence[Region]) -> list[FaceLandmarks]:
        """The landmarks of several regions of one image."""
        return self._runtime.map(lambda region: self.landmarks(image, region), regions)


@dataclass(frozen=True, eq=False)
class EyeLandmarks:
    """One eye."""

    side: str                       # 'left' or 'right', the person's own
    contour: np.ndarray             # (71, 3) px, px, depth in px: eyelids and brow
    iris: np.ndarray                # (5, 3) px, px, depth in px: centre, then its edge at nose, brow, temple and cheek
    region: Region                  # that contains these landmarks


def eye_region(landmarks: np.ndarray, side: str) -> Region:
    """The region of an eye, from the landmarks (468, ...) px of a face; side: 'left' or 'right', the person's own."""
    corners = landmarks[list(EYE_CORNERS[side]), :2]
    return around_points(corners, rotation_of(corners[0], corners[1], RIGHT), scale=2.3)


class IrisLandmarker:
    """Gives the landmarks of the eyes of a face."""

    def __init__(self, runtime: Runtime | None = None):
        self._runtime = runtime or Runtime()
        self._network = Network(IRIS_LANDMARK, self._runtime)

    def eyes(self, image: np.ndarray, face: FaceLandmarks) -> tuple[EyeLandmarks, EyeLandmarks]:
        """The left and the right eye of a face in an RGB image (H, W, 3) uint8.

        Raises ValueError if `image` is not an image.
        """
        left, right = self._runtime.map(lambda side: self._eye(image, face, side), ('left', 'right'))
        return left, right

    def _eye(self, image, face, side):
        region = eye_region(face.landmarks, side)
        # The network was trained on right eyes; the mirror image of a left eye is one.
        mirrored = side == 'left'
        contour, iris = (output.reshape(-1, 3).astype(float) / self._network.model.input_size
                         for output in self._network.run(image, region, mirrored))
        if mirrored:
            contour[:, 0], iris[:, 0] = 1 - contour[:, 0], 1 - iris[:, 0]
        return EyeLandmarks(side, image_landmarks(contour, region), image_landmarks(iris, region), region)
