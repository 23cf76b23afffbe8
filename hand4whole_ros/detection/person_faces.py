"""The faces of people with given poses: landmarks of face and irises, tracked from image to image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..landmarks import LandmarksUnavailable
from ..landmarks.face import (
    MIN_PRESENCE,
    FaceDetector,
    FaceLandmarker,
    FaceLandmarks,
    IrisLandmarker,
    face_region,
    pose_face_region,
)
from ..landmarks.indices import EYE_CONTOUR, POSE_FACE
from ..landmarks.runtime import Runtime
from ..skeleton import SIDES
from . import DetectorUnavailable
from .holistic_landmarks import HolisticLandmarks

#: px, the side of a face's region: below the first no expression is visible; up to the second confidence rises.
MIN_SIZE, FULL_SIZE = 40.0, 80.0

#: A face is the person's if its centre is within this many of its sides from the centre of the pose's face.
_MAX_DISTANCE = 0.35


@dataclass(frozen=True, eq=False)
class PersonFace:
    """One person's face in one image."""

    #: (468, 3) px, px, depth in px (smaller is nearer); lids are those that the network of irises gives.
    landmarks: np.ndarray
    irises: np.ndarray          # (2, 2) px, the middles of the left and the right one
    confidence: float           # 0 to 1: that it is a face; lower for small ones


class PersonFaces:
    """Estimates the faces of people. Raises DetectorUnavailable if the networks cannot be run.

    A person with a track id is tracked: the detector runs only if the last image's landmarks do not lead to a face.
    """

    def __init__(self):
        try:
            runtime = Runtime(workers=2)
            self._detector = FaceDetector(runtime=runtime)
            self._landmarker = FaceLandmarker(runtime)
            self._irises = IrisLandmarker(runtime)
        except LandmarksUnavailable as error:
            raise DetectorUnavailable(str(error)) from error
        self._last: dict[int, FaceLandmarks] = {}   # by track id

    def detect(self, image: np.ndarray, person: HolisticLandmarks) -> PersonFace | None:
        """The face of a person in an RGB image (H, W, 3) uint8; None if none is visible or it is too small."""
        last = self._last.pop(person.track_id, None)
        face = None if last is None else self._landmarks(image, person, last.next_region)
        if face is None:
            search = pose_face_region(person.pose)
            if search.side < MIN_SIZE:
                return None
            found = self._detector.detect(image, search)
            face = self._landmarks(image, person, face_region(found[0])) if found else None
        if face is None:
            return None
        if person.track_id >= 0:
            self._last[person.track_id] = face
        eyes = dict(zip(SIDES, self._irises.eyes(image, face)))
        landmarks = face.landmarks.copy()
        for side, eye in eyes.items():
            landmarks[list(EYE_CONTOUR[side]), :2] = eye.contour[:len(EYE_CONTOUR[side]), :2]
        size = np.clip((face.region.side - MIN_SIZE / 2) / (FULL_SIZE - MIN_SIZE / 2), 0, 1)
        return PersonFace(landmarks, np.array([eyes[side].iris[0, :2] for side in SIDES]), float(face.presence * size))

    def forget(self, but: set[int]) -> None:
        """Track only the faces of these track ids."""
        self._last = {track: face for track, face in self._last.items() if track in but}

    def _landmarks(self, image, person, region):
        """The landmarks of the face in a region if it is this person's."""
        if region.side < MIN_SIZE:
            return None
        face = self._landmarker.landmarks(image, region)
        middle = person.pose[list(POSE_FACE)].mean(axis=0)
        away = np.linalg.norm(face.landmarks[:, :2].mean(axis=0) - middle)
        return face if face.presence > MIN_PRESENCE and away < _MAX_DISTANCE * face.region.side else None
