"""The faces of people whose bodies were fitted: detected, fitted, and held for a moment when not detected."""

from __future__ import annotations

import numpy as np

from ..detection.holistic_landmarks import HolisticLandmarks
from ..detection.person_faces import PersonFaces
from ..fitting.face_fitter import FaceFit, FaceFitter, LastFace
from ..fitting.kinematic_chain import exp_so3, log_so3
from ..fitting.prior_body_fitter import BodyFit
from ..geometry.camera import Intrinsics
from ..skeleton import JOINT, PARENTS

_HEAD = JOINT['head']

#: s: a tracked face that is not detected returns to rest in this time.
HOLD_TIME = 0.4

#: A face determines the head's rotation above the second confidence, not at all below the first, and in part between.
_HEAD_CONFIDENCE = (0.2, 0.6)


class FacePipeline:
    """Estimates the faces of people in successive images. Raises DetectorUnavailable as PersonFaces."""

    def __init__(self, fitter: FaceFitter):
        self._fitter = fitter
        self._detector = PersonFaces()
        self._last: dict[int, tuple[FaceFit, float]] = {}   # by track id, with the time of the image

    def fit(self, image: np.ndarray, landmarks: HolisticLandmarks, intrinsics: Intrinsics, *, body: BodyFit,
            stamp: float | None) -> FaceFit | None:
        """The face of a person in an RGB image (H, W, 3) uint8; None if none is detected, nor was a moment ago.

        stamp: as Estimator.estimate.
        """
        track, last = landmarks.track_id, None
        if stamp is not None and track in self._last:
            fit, before = self._last[track]
            last = LastFace(fit, stamp - before)
        face, seen = None, self._detector.detect(image, landmarks)
        if seen is not None:
            face = self._fitter.fit(seen, intrinsics, head_rotation=body.placed.rotations[0, _HEAD],
                                    betas=body.pose.betas[0], last=last)
        if face is None:
            return _held(last)
        if stamp is not None and track >= 0:
            self._last[track] = face, stamp
        return face

    def forget(self, but: set[int]) -> None:
        """Track only the faces of these track ids."""
        self._last = {track: last for track, last in self._last.items() if track in but}
        self._detector.forget(but)


def _held(last):
    if last is None or not 0 <= last.age < HOLD_TIME:
        return None
    return last.fit.faded(1 - last.age / HOLD_TIME)


def with_face(local: np.ndarray, body: BodyFit, face: FaceFit | None) -> np.ndarray:
    """(55, 3, 3) a copy of rotations against the parents, with head, jaw and eyes from the face."""
    rotations = local.copy()
    if face is None:
        return rotations
    low, high = _HEAD_CONFIDENCE
    share = np.clip((face.confidence - low) / (high - low), 0, 1)
    if face.head_rotation is not None and share > 0:
        from_face = body.placed.rotations[0, PARENTS[_HEAD]].T @ face.head_rotation
        turn = log_so3((rotations[_HEAD].T @ from_face)[None])[0]
        rotations[_HEAD] = rotations[_HEAD] @ exp_so3(share * turn)
    for name, pose in (('jaw', face.jaw_pose), ('left_eye', face.eye_poses[0]), ('right_eye', face.eye_poses[1])):
        rotations[JOINT[name]] = exp_so3(pose)
    return rotations
