"""All hands of an image, of any person, in one form: by WiLoR's own detector, or by palms and landmarks."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from ..checkpoints.files import WILOR_DETECTOR as DETECTOR_FILE
from ..checkpoints.store import Store
from ..checkpoints.wilor_detector import load_random_wilor_detector, load_wilor_detector
from ..config import DetectorName, WeightsSource
from ..geometry.hand_boxes import SOFT_TISSUE_MARGIN
from ..networks.wilor_detector import WILOR_DETECTOR, WILOR_DETECTOR_TINY
from .landmark_people import LandmarkPeople
from .person_boxes import check_image
from .wilor_hands import WiLoRHands

log = logging.getLogger(__name__)

#: Random weights -> dimensions of the detector.
_RANDOM = {WeightsSource.RANDOM: WILOR_DETECTOR, WeightsSource.RANDOM_TINY: WILOR_DETECTOR_TINY}


@dataclass(frozen=True)
class HandBox:
    """One hand. Pixel centres are at integer coordinates."""

    side: str                   # 'left' or 'right', the person's own
    side_confidence: float      # 0 to 1: confidence in the side
    confidence: float           # 0 to 1
    box_xyxy: np.ndarray        # (4,) px, around the whole hand
    keypoints: np.ndarray       # (21, 2) px, in the detector's own order
    track_id: int = -1          # the same in all images of a video; -1 if the detector does not track


class HandDetector(Protocol):
    """Detects hands. Not thread-safe: one thread calls one detector."""

    def detect(self, image: np.ndarray) -> list[HandBox]:
        """Hands in an RGB image (H, W, 3) uint8, the most certain first; [] if there are none."""
        ...

    def reset(self) -> None:
        """Forget all tracks."""
        ...

    def close(self) -> None:
        """Free the networks. The detector cannot be used afterwards."""
        ...


class WiLoRHandDetector:
    """WiLoR's own detector, on each image independently."""

    def __init__(self, hands: WiLoRHands):
        self._hands = hands

    def detect(self, image: np.ndarray) -> list[HandBox]:
        """As HandDetector."""
        # The network's coordinates are those of pixel edges.
        return [HandBox(hand.side, hand.side_score, hand.score, hand.box_xyxy - 0.5, hand.keypoints - 0.5)
                for hand in self._hands.detect(image)]

    def reset(self) -> None:
        """Does nothing: this detector does not track."""

    def close(self) -> None:
        """Free the network."""
        self._hands.close()


class LandmarkHandDetector:
    """Hands by the palm detector and their landmarks, tracked in a video.

    Raises DetectorUnavailable if the landmark networks cannot be run.
    """

    def __init__(self, static_images: bool = False):
        self._landmarks = LandmarkPeople(static_images, mirror=False, people=False)

    def detect(self, image: np.ndarray) -> list[HandBox]:
        """As HandDetector."""
        self._landmarks.detect(check_image(image))
        return [_box_of_landmarks(loose) for loose in self._landmarks.loose_hands]

    def reset(self) -> None:
        """Forget the tracked hands."""
        self._landmarks.reset()

    def close(self) -> None:
        """Free the networks."""
        self._landmarks.close()


def _box_of_landmarks(loose):
    points = loose.hand.landmarks[:, :2]
    middle, half = (points.min(0) + points.max(0)) / 2, SOFT_TISSUE_MARGIN * np.ptp(points, axis=0) / 2
    return HandBox(loose.hand.side, float(loose.hand.side_score), float(loose.confidence),
                   np.concatenate([middle - half, middle + half]), points, loose.track_id)


def create_hand_detector(name: DetectorName, store: Store, weights: WeightsSource, device: torch.device,
                         *, static_images: bool = False) -> HandDetector:
    """Creates a hand detector; AUTO is WiLoR's if its file is stored and published weights are requested.

    Otherwise AUTO is that of landmarks. weights: of WiLoR's own. Raises ValueError for an unknown name,
    CheckpointError for its file, and DetectorUnavailable if the landmark networks cannot be run.
    """
    if name not in tuple(DetectorName):
        raise ValueError(f'unknown detector {name!r}; known are {", ".join(DetectorName)}')
    if name == DetectorName.AUTO:
        published = weights == WeightsSource.PUBLISHED and store.find(DETECTOR_FILE) is not None
        name = DetectorName.WILOR if published else DetectorName.MEDIAPIPE
        log.info('detector auto: %s', "WiLoR's own" if published else
                 f'the palms of mediapipe; hand4whole weights fetch {DETECTOR_FILE.name} gets WiLoR\'s own')
    if name == DetectorName.MEDIAPIPE:
        return LandmarkHandDetector(static_images)
    found = (load_random_wilor_detector(_RANDOM[weights], device, torch.float32) if weights in _RANDOM else
             load_wilor_detector(store, device, torch.float32))
    return WiLoRHandDetector(WiLoRHands(*found))
