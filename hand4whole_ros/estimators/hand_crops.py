"""Base of estimators whose network processes crops of single hands: any number of hands, and no bodies.

A detector finds hands. The network takes a crop of each, left ones mirrored, and gives MANO's parameters. Each hand is
then placed before the real camera, at the size that MANO's shape gives it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ..body.mano import Mano
from ..body.model import BodyModel, BodyModelError, OpenBodyUnavailable
from ..checkpoints import CheckpointError
from ..checkpoints.files import MANO_RIGHT
from ..checkpoints.store import Store
from ..config import EstimatorConfig
from ..detection import DetectorUnavailable
from ..detection.hand_detectors import HandBox, create_hand_detector
from ..estimate import LooseHandEstimate, WholeBodyEstimate
from ..geometry.camera import Intrinsics
from .base import Estimator, EstimatorUnavailable
from .devices import pick_device, precision_name

#: A left hand is a right one mirrored in x: factors for points, and for axis-angles, of the mirror image.
MIRROR_POINTS, MIRROR_TURNS = np.array([-1.0, 1, 1]), np.array([1.0, -1, -1])


class HandCropEstimator(Estimator):
    """See the module. Raises EstimatorUnavailable, with the remedy, if files or libraries are missing."""

    network: nn.Module
    #: Precision of the products, by the names of devices.PRECISIONS.
    precision: str

    def __init__(self, config: EstimatorConfig):
        try:
            self._device = pick_device(config.device)
            precision = self._pick_precision(config, self._device)
            store = Store(config.weights_folder)
            mano = Mano.load(store.require(MANO_RIGHT))
            self.network = self._load(config, store, mano, precision)
            self.body = BodyModel.load(config.body_model)
            self._detector = create_hand_detector(config.detector, store, config.weights, self._device,
                                                  static_images=config.static_images)
        except (CheckpointError, BodyModelError, OpenBodyUnavailable, DetectorUnavailable, ValueError) as error:
            raise EstimatorUnavailable(str(error)) from error
        self._max_hands = config.max_hands
        #: Hands in one pass of the network.
        self._at_once = config.max_hands
        self._hands: list[LooseHandEstimate] = []
        self.precision = precision_name(precision)
        self.device = f'{self._device} {self.precision}'

    @abstractmethod
    def _pick_precision(self, config: EstimatorConfig, device: torch.device) -> torch.dtype:
        """The configured detector; raises EstimatorUnavailable."""

    @abstractmethod
    def _load(self, config: EstimatorConfig, store: Store, mano: Mano, precision: torch.dtype) -> nn.Module:
        """The network. Raises CheckpointError, BodyModelError, or ValueError for weights or a precision."""

    @abstractmethod
    def _run_network(self, image: np.ndarray, picture: Tensor, hands: Sequence[HandBox], intrinsics: Intrinsics
                     ) -> list[LooseHandEstimate]:
        """The network's output for these hands of an image, in one pass, before the real camera.

        picture (3, H, W): the image on the device, from 0 to 1.
        """

    @torch.inference_mode()
    def estimate(self, image: np.ndarray, intrinsics: Intrinsics,
                 stamp: float | None = None) -> list[WholeBodyEstimate]:
        """[]: no people are detected. `loose_hands` are the hands of an RGB image (H, W, 3) uint8."""
        self.check_input(image, intrinsics)
        self._hands = []
        boxes = self._detector.detect(image)[:self._max_hands]
        if boxes:
            picture = torch.from_numpy(np.ascontiguousarray(image)).to(self._device).permute(2, 0, 1).float() / 255
            for start in range(0, len(boxes), self._at_once):
                found = self._run_network(image, picture, boxes[start:start + self._at_once], intrinsics)
                self._hands += [hand for hand in found if self._is_possible(hand)]
        return []

    @property
    def loose_hands(self) -> list[LooseHandEstimate]:
        """The hands of the last image, the surest first."""
        return self._hands

    def _is_possible(self, hand):
        reason = hand.rejection_reason()
        if reason:
            self.refused_hands[reason] += 1
        return not reason

    def reduce_memory(self) -> bool:
        """Half as many hands in one pass of the network."""
        if self._device.type == 'cuda':
            torch.cuda.empty_cache()
        could = self._at_once > 1
        self._at_once = max(self._at_once // 2, 1)
        return could

    def reset(self) -> None:
        """Forget the tracked hands."""
        self._hands = []
        self._detector.reset()

    def close(self) -> None:
        """Free the detector and the network."""
        self._detector.close()
        self.network = None     # pyright: ignore[reportAttributeAccessIssue]  # not used afterwards


def box_within(points: np.ndarray, intrinsics: Intrinsics) -> np.ndarray:
    """xyxy (4,) px around points (N, 2), within the image."""
    return np.concatenate([np.clip(corner, 0, (intrinsics.width, intrinsics.height))
                           for corner in (points.min(0), points.max(0))])


def float32(values: np.ndarray) -> np.ndarray:
    """A copy in single precision."""
    return np.array(values, np.float32)
