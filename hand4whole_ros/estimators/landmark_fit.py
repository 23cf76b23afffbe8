"""Landmarks of all people in an image, and a body fitted to each: the first stage of the open estimators.

Nothing here needs a licence form: MediaPipe's networks are Apache-2.0 and the open body CC0. Runs on the CPU.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import ThreadpoolController

from ..body.model import BodyModel
from ..body.smplx_file import NUM_EXPRESSION
from ..config import HAND_LENGTH, EstimatorConfig, Quality
from ..detection.hand_filter import filter_hands
from ..detection.holistic_landmarks import HolisticLandmarks
from ..detection.landmark_people import LandmarkPeople
from ..estimate import NO_FIT, LooseHandEstimate
from ..fitting.body_fitter import LandmarkFitter
from ..fitting.confidence import joint_confidence
from ..fitting.face_fitter import FaceFit, FaceFitter
from ..fitting.pose_prior import PoseHistory
from ..fitting.prior_body_fitter import BodyFit, BodyFitter
from ..geometry.camera import Intrinsics
from ..skeleton import JOINT
from .base import EstimatorUnavailable
from .loose_hands import place_loose_hand
from .person_face import FacePipeline

#: The joints of the face, left before right.
_FACE_JOINTS = [JOINT['jaw'], JOINT['left_eye'], JOINT['right_eye']]

#: Below this a person is not reported.
MIN_CONFIDENCE = 0.2


@dataclass(frozen=True)
class LandmarkFit:
    """One person in one image."""

    landmarks: HolisticLandmarks
    hands: dict[str, np.ndarray]        # side -> (21, 3) px as in HolisticLandmarks, of the accepted hands
    hand_confidence: dict[str, float]   # side -> 0 to 1, of the same hands
    fitted: BodyFit
    confidence: float                   # 0 to 1
    stage_times: dict[str, float]       # seconds
    face: FaceFit | None = None         # None: not detected
    face_wanted: bool = False           # whether faces are estimated

    @property
    def expression(self) -> np.ndarray:
        """(10,) zeros if no face was detected."""
        return np.zeros(NUM_EXPRESSION) if self.face is None else self.face.expression

    @property
    def joint_confidence(self) -> np.ndarray:
        """(55,) 0 to 1, as WholeBodyEstimate has it."""
        found = joint_confidence(self.landmarks, self.hand_confidence, self.fitted.spread)
        if self.face_wanted:
            # Jaw and eyes were estimated: the confidence of their places does not apply to their rotations.
            found[_FACE_JOINTS] = 0.0 if self.face is None else [self.face.confidence, *self.face.eye_confidence]
        return found

    def with_fit(self, fitted: BodyFit) -> LandmarkFit:
        """The same person with another fit, and the hands of that fit."""
        return replace(self, fitted=fitted, hands={side: self.hands[side] for side in fitted.hands},
                       hand_confidence={side: self.hand_confidence[side] for side in fitted.hands})

    def hand_box(self, side: str) -> np.ndarray:
        """xyxy (4,) px around the landmarks of a hand."""
        points = self.hands[side][:, :2]
        return np.concatenate([points.min(0), points.max(0)])

    def body_box(self, width: int, height: int) -> np.ndarray:
        """xyxy (4,) px around the visible pose landmarks, within the image."""
        seen = self.landmarks.visibility > 0.5
        corners = self.landmarks.pose[seen] if seen.any() else self.landmarks.pose
        return np.concatenate([np.clip(corner, 0, (width, height)) for corner in (corners.min(0), corners.max(0))])


class LandmarkPipeline:
    """Estimates the people in successive images. Raises DetectorUnavailable if the landmark networks cannot be run.

    fitter: of the body that is fitted. static_images: every image stands alone; otherwise people are tracked from image
    to image. mirror: people are also detected in the mirrored image. max_people: the largest so many.
    people: whether people are detected, or hands only. lite_hands: the smaller network for hands.
    refused: counts people who have landmarks that no body fits, as Estimator.refused; refused_hands: likewise loose
    hands. hand_length: m, of loose hands. face_fitter: of the same body; None: faces are not estimated.
    """

    def __init__(self, fitter: BodyFitter | LandmarkFitter, static_images: bool, mirror: bool = True, *,
                 refused: Counter | None = None, refused_hands: Counter | None = None, max_people: int = 1,
                 people: bool = True, lite_hands: bool = False, hand_length: float = HAND_LENGTH,
                 face_fitter: FaceFitter | None = None):
        if not 0 < hand_length < np.inf:
            raise ValueError(f'hand_length must be a positive number of metres, found {hand_length}')
        self._hand_length = hand_length
        #: Of the last image: see Estimator.loose_hands.
        self.loose_hands: list[LooseHandEstimate] = []
        self._histories: dict[int, PoseHistory] = {}    # by track id
        self._refused = Counter() if refused is None else refused
        self._refused_hands = Counter() if refused_hands is None else refused_hands
        self._detector = LandmarkPeople(static_images, mirror=mirror, max_people=max_people, people=people,
                                        lite_hands=lite_hands)
        self._fitter = fitter
        self._faces = None if face_fitter is None else FacePipeline(face_fitter)
        self._threads = ThreadpoolController()

    @classmethod
    def from_config(cls, config: EstimatorConfig, fitter: BodyFitter | LandmarkFitter, *,
                    refused: Counter, refused_hands: Counter, body: BodyModel) -> LandmarkPipeline:
        """From the settings of an estimator.

        Raises ValueError for an unknown quality, EstimatorUnavailable for faces of a body without landmarks there.
        """
        if config.face and body.face is None:
            raise EstimatorUnavailable('faces are fitted to the open body alone, whose landmarks are known: leave out '
                                       'the body model, or face')
        if config.quality not in tuple(Quality):
            raise ValueError(f'unknown quality {config.quality!r}; known are {", ".join(Quality)}')
        fast = config.quality == Quality.FAST
        return cls(fitter, config.static_images, mirror=not fast, refused=refused, refused_hands=refused_hands,
                   max_people=config.max_people, people=config.people, lite_hands=fast, hand_length=config.hand_length,
                   face_fitter=FaceFitter(body.face, body.kinematics) if config.face and body.face else None)

    def fit_all(self, image: np.ndarray, intrinsics: Intrinsics, stamp: float | None = None) -> list[LandmarkFit]:
        """The people in an RGB image (H, W, 3) uint8, the largest first; those that no body fits are left out.

        stamp: as Estimator.estimate.
        """
        start = time.perf_counter()
        self.loose_hands = []
        people = self._detector.detect(image)
        detected = (time.perf_counter() - start) / max(len(people), 1)
        found = [self._fit(landmarks, image, intrinsics, detector_seconds=detected, stamp=stamp)
                 for landmarks in people]
        seen = {landmarks.track_id for landmarks in people}
        self._histories = {track: history for track, history in self._histories.items() if track in seen}
        if self._faces is not None:
            self._faces.forget(seen)
        # Includes the hands of people that no body fits, and hands far from their arm.
        released = [hand for person, fit in zip(self._detector.people, found)
                    for hand in person.hands_without(() if fit is None else fit.hands)]
        for loose in sorted([*self._detector.loose_hands, *released], key=lambda hand: -hand.confidence):
            hand = place_loose_hand(loose, intrinsics, self._hand_length)
            reason = hand.rejection_reason()
            if reason:
                self._refused_hands[reason] += 1
            else:
                self.loose_hands.append(hand)
        return [one for one in found if one is not None]

    def fit(self, image: np.ndarray, intrinsics: Intrinsics) -> LandmarkFit | None:
        """The largest person; None if nobody is detected or fitted."""
        return next(iter(self.fit_all(image, intrinsics)), None)

    def _fit(self, landmarks, image, intrinsics, *, detector_seconds, stamp):
        start = time.perf_counter()
        confidence = landmarks.confidence
        if confidence < MIN_CONFIDENCE:
            return None
        hands = filter_hands(landmarks, image.shape[1], image.shape[0])
        # Matrices and networks are small: a second thread of BLAS or of OpenMP, which torch uses, mostly waits for the
        # first one; if other programs use the cores as well, the fit takes four times as long.
        with self._threads.limit(limits=1):
            fitted = self._fit_body(landmarks, intrinsics, {side: points for side, (points, _) in hands.items()}, stamp)
        if fitted is None:
            self._refused[NO_FIT] += 1
            return None
        if fitted.confidence is not None:
            confidence = fitted.confidence
        times = {'detector': detector_seconds, 'fit': time.perf_counter() - start}
        face = None
        if self._faces is not None:
            start = time.perf_counter()
            with self._threads.limit(limits=1):
                face = self._faces.fit(image, landmarks, intrinsics, body=fitted, stamp=stamp)
            times['face'] = time.perf_counter() - start
        return LandmarkFit(
            landmarks, {side: hands[side][0] for side in fitted.hands}, {side: hands[side][1] for side in fitted.hands},
            fitted, confidence, times, face, self._faces is not None)

    def _fit_body(self, landmarks, intrinsics, hands, stamp):
        """The fit; with a track id it continues those of the earlier images."""
        if stamp is None or landmarks.track_id < 0 or not isinstance(self._fitter, LandmarkFitter):
            return self._fitter.fit(landmarks, intrinsics, hands)
        history = self._histories.setdefault(landmarks.track_id, PoseHistory())
        fitted = self._fitter.fit(landmarks, intrinsics, hands, history.predict(stamp))
        if fitted is not None:
            history.add(fitted, stamp)
        return fitted

    def reset(self) -> None:
        """Forget the tracked people."""
        self.loose_hands, self._histories = [], {}
        if self._faces is not None:
            self._faces.forget(set())
        self._detector.reset()

    def close(self) -> None:
        """Free the networks."""
        self._detector.close()
