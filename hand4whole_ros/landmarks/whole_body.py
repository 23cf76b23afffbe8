"""Whole people: body, both hands and the face; and all hands of an image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import face as faces
from . import hands
from .face import FaceDetector, FaceLandmarker, FaceLandmarks
from .hands import HandLandmarker, HandLandmarks, HandRecropper, PalmDetector
from .indices import POSE_HAND
from .pose import PoseLandmarker, PoseLandmarks
from .regions import Region, RegionTolerance, suppress_overlaps
from .runtime import Runtime

#: A hand is returned only if the pose's wrist has a higher visibility.
MIN_WRIST_VISIBILITY = 0.1

#: Within these, a hand or a face is tracked: its region is that of the last image's landmarks.
HAND_TOLERANCE = RegionTolerance(rotation=np.radians(40), distance=0.2, scale=0.4, margin=-0.1)
FACE_TOLERANCE = RegionTolerance(rotation=np.radians(15), distance=0.1, scale=0.3, margin=-0.2)


@dataclass(frozen=True)
class WholeBodyRegions:
    """The regions of one person's parts; None: not to be evaluated."""

    pose: Region
    left_hand: Region | None = None
    right_hand: Region | None = None
    face: Region | None = None


@dataclass(frozen=True, eq=False)
class WholeBodyLandmarks:
    """One person. The hands are those of the person's own left and right arm. None: not in the image."""

    pose: PoseLandmarks
    left_hand: HandLandmarks | None = None
    right_hand: HandLandmarks | None = None
    face: FaceLandmarks | None = None

    def hand(self, side: str) -> HandLandmarks | None:
        """The hand of `side`, 'left' or 'right'."""
        return {'left': self.left_hand, 'right': self.right_hand}[side]

    @property
    def next_regions(self) -> WholeBodyRegions:
        """The regions of the same person for the next image."""
        return WholeBodyRegions(self.pose.next_region, *(
            None if part is None else part.next_region for part in (self.left_hand, self.right_hand, self.face)))


class WholeBodyLandmarker:
    """Estimates the landmarks of one person. with_face: of the face, too. lite_hands: see HandLandmarker."""

    def __init__(self, with_face: bool = True, lite_hands: bool = False, runtime: Runtime | None = None):
        self._runtime = runtime or Runtime(workers=2)
        self.pose = PoseLandmarker(self._runtime)
        self.recropper = HandRecropper(self._runtime)
        self.hands = HandLandmarker(lite_hands, self._runtime)
        self.face_detector = FaceDetector(runtime=self._runtime) if with_face else None
        self.face = FaceLandmarker(self._runtime) if with_face else None

    def landmarks(self, image: np.ndarray, region: Region, last: WholeBodyLandmarks | None = None
                  ) -> WholeBodyLandmarks:
        """Landmarks in a region of an RGB image (H, W, 3) uint8; pose.presence is the probability of a person there.

        As in MediaPipe Holistic, hands and face are located by the pose. last: the person's landmarks in the previous
        image; hands and face are tracked from them. Raises ValueError if `image` is not an image.
        """
        pose = self.pose.landmarks(image, region)
        parts: list[Callable[[], Any]] = [      # each gives what its field is
            lambda: self._hand(image, pose, 'left', last and last.left_hand),
            lambda: self._hand(image, pose, 'right', last and last.right_hand)]
        if self.face is not None:
            parts.append(lambda: self._face(image, pose, last and last.face))
        return WholeBodyLandmarks(pose, *self._runtime.map(lambda part: part(), parts))

    def landmarks_in(self, image: np.ndarray, regions: WholeBodyRegions) -> WholeBodyLandmarks:
        """Landmarks of the person whose parts are in given regions of an RGB image (H, W, 3) uint8, in parallel.

        This is the fastest for the images of a video: nothing is located. Raises ValueError if `image` is not an image.
        """
        face = None if self.face is None else regions.face
        # The pose takes longest and comes first.
        parts = [(self.pose, regions.pose), (self.hands, regions.left_hand), (self.hands, regions.right_hand),
                 (self.face, face)]

        def evaluate(part: tuple[Any, Region | None]) -> Any:
            landmarker, region = part
            return None if region is None else landmarker.landmarks(image, region)

        pose, left, right, face = self._runtime.map(evaluate, parts)
        return WholeBodyLandmarks(pose, _if_present(left, hands.MIN_PRESENCE), _if_present(right, hands.MIN_PRESENCE),
                                  _if_present(face, faces.MIN_PRESENCE))

    def _hand(self, image, pose, side, last):
        if pose.visibility[POSE_HAND[side][0]] <= MIN_WRIST_VISIBILITY:
            return None
        suggested = self.recropper.recrop(image, hands.pose_hand_region(pose.landmarks, side))
        return _if_present(self.hands.landmarks(image, tracked_region(last, suggested, HAND_TOLERANCE)),
                           hands.MIN_PRESENCE)

    def _face(self, image, pose, last):
        assert self.face_detector is not None and self.face is not None     # with_face
        detections = self.face_detector.detect(image, faces.pose_face_region(pose.landmarks))
        if not detections:
            return None
        suggested = faces.face_region(detections[0])
        return _if_present(self.face.landmarks(image, tracked_region(last, suggested, FACE_TOLERANCE)),
                           faces.MIN_PRESENCE)


def tracked_region(last: HandLandmarks | FaceLandmarks | None, suggested: Region, tolerance: RegionTolerance) -> Region:
    """The region of the last image's landmarks if it is near the suggested one, otherwise the suggested one."""
    if last is None:
        return suggested
    tracked = last.next_region
    return tracked if tolerance.accepts(tracked, last.landmarks[:, :2], suggested) else suggested


class MultiHandLandmarker:
    """Estimates the landmarks of all hands in an image, as MediaPipe Hands does. lite: see HandLandmarker."""

    def __init__(self, max_hands: int = 4, lite: bool = False, runtime: Runtime | None = None):
        if max_hands < 1:
            raise ValueError(f'max_hands must be 1 or more, found {max_hands}')
        self.max_hands = max_hands
        runtime = runtime or Runtime(workers=2)
        self.palms = PalmDetector(runtime=runtime)
        self.hands = HandLandmarker(lite, runtime)

    def detect(self, image: np.ndarray) -> list[HandLandmarks]:
        """At most max_hands hands of an RGB image (H, W, 3) uint8. Raises ValueError if `image` is not an image."""
        palms = self.palms.detect(image)[:self.max_hands]
        regions = suppress_overlaps([hands.palm_region(palm) for palm in palms])
        return [hand for hand in self.hands.landmarks_batch(image, regions) if hand.presence > hands.MIN_PRESENCE]


def _if_present(part, min_presence):
    return part if part is not None and part.presence > min_presence else None
