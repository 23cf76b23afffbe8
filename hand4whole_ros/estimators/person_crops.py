"""Base of estimators whose network processes crops of single people, before a virtual camera.

A detector detects boxes of people and their hands; boxes are tracked, so that it runs only now and then. The
network takes a patch of each person and gives SMPL-X's parameters. Each person is then placed before the real camera.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from .. import detection, skeleton
from .._vendor_patches.roma_import import roma
from ..body.model import BodyModel
from ..body.posing import ObservedHand, estimate_from_parameters
from ..config import EstimatorConfig
from ..detection.box_tracker import DETECTION_INTERVAL, BoxTracker, HandResult, PersonResult
from ..detection.person_boxes import HandPoints, PersonBoxes
from ..estimate import NOT_FINITE, WholeBodyEstimate
from ..geometry.camera import Intrinsics
from ..geometry.crops import BODY_SIZE, VIRTUAL_FOCAL, cut_patches, virtual_camera
from ..geometry.placement import place_in_camera
from .base import Estimator, EstimatorUnavailable
from .devices import precision_name

#: The result for a person whose estimate no camera can have observed: the detector runs again.
_NO_CONFIDENCE = PersonResult(np.full((1, 2), np.nan))

#: Name -> numbers of one person, (n,) float64; see network_outputs.
Row = Mapping[str, np.ndarray]


class CropCamera:
    """A crop's virtual camera, in pixels of the whole picture. camera: fx, fy, cx, cy (4,)."""

    def __init__(self, camera: np.ndarray):
        self._focal, self.centre = camera[:2], camera[2:]

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """(..., 3) m in its frame -> (..., 2) px."""
        return points[..., :2] / points[..., 2:] * self._focal + self.centre

    def from_body_picture(self, pixels: np.ndarray) -> np.ndarray:
        """(..., 2) px of the body picture, which is the crop in 256 rows and 192 columns -> px of the whole picture."""
        return self.centre + (pixels - np.array(BODY_SIZE[::-1]) / 2) * self._focal / VIRTUAL_FOCAL


class PersonCropEstimator(Estimator):
    """See the module. A subclass makes the network and the body, and defines inputs and outputs of the network."""

    network: nn.Module
    #: What products are computed in, by the names of devices.PRECISIONS.
    precision: str

    def __init__(self, config: EstimatorConfig, network: nn.Module, body: BodyModel, *, device: torch.device,
                 precision: torch.dtype):
        """Raises DetectorUnavailable, or ValueError for a detector without people."""
        self.network, self.body, self._device = network, body, device
        detector = detection.create(config.detector, max_people=config.max_people)
        # People in unrelated images are not tracked.
        self._boxes = BoxTracker(detector, every=1 if config.static_images else DETECTION_INTERVAL)
        #: People in one pass of the network.
        self._at_once = config.max_people
        self.precision = precision_name(precision)
        self.device = f'{device} {self.precision}'

    @classmethod
    def require_people(cls, config: EstimatorConfig) -> None:
        """EstimatorUnavailable if only hands are requested."""
        if not config.people:
            raise EstimatorUnavailable(f'estimator {cls.name} detects no hands without their people: leave people at '
                                       'true, or use estimator mediapipe or open')

    @abstractmethod
    def _crop_boxes(self, boxes_xywh: Tensor, size: tuple[int, int]) -> Tensor:
        """Detected boxes (B, 4) in a picture of (height, width) -> boxes xywh (B, 4) that patches are cut from."""

    @abstractmethod
    def _run_network(self, patches: Tensor, people: Sequence[PersonBoxes], boxes: Tensor) -> dict[str, np.ndarray]:
        """Patches (B, 3, 512, 384) on the device -> rows (B, n) of network_outputs, in one pass."""

    @abstractmethod
    def _observe_hand(self, row: Row, side: str, hand: HandPoints, view: CropCamera) -> ObservedHand | None:
        """The network's estimate of a detected hand; None if it does not accept it as one."""

    @abstractmethod
    def _hand_mismatch(self, row: Row, side: str, view: CropCamera, palm: np.ndarray) -> float:
        """Mean px from the network's own palm keypoints to the body's, (5, 2) px."""

    @torch.inference_mode()
    def estimate(self, image: np.ndarray, intrinsics: Intrinsics,
                 stamp: float | None = None) -> list[WholeBodyEstimate]:
        """People in an RGB image (H, W, 3) uint8, all in one pass of the network."""
        self.check_input(image, intrinsics)
        started = time.perf_counter()
        people = self._boxes.find(image)
        found = time.perf_counter()
        if not people:
            return []
        detected = torch.from_numpy(np.stack([person.bbox_xywh for person in people])).double()
        boxes = self._crop_boxes(detected, (image.shape[0], image.shape[1]))
        rows = self._run_passes(image, people, boxes)
        computed = time.perf_counter()
        estimates, followed = [], []
        for k, person in enumerate(people):
            row = {name: values[k] for name, values in rows.items()}
            if not all(np.isfinite(values).all() for values in row.values()):
                self.refused[NOT_FINITE] += 1
                followed.append(_NO_CONFIDENCE)
                continue
            view = CropCamera(virtual_camera(boxes[k]).numpy())
            estimate = self._make_estimate(row, view, person, intrinsics)
            kept = self.filter_estimates([estimate])
            followed.append(self._tracking_result(row, view, estimate) if kept else _NO_CONFIDENCE)
            estimates += kept
        self._boxes.update(followed)
        times = {'boxes': found - started, 'network': computed - found, 'describe': time.perf_counter() - computed}
        return [replace(estimate, stage_times=times) for estimate in estimates]

    def _run_passes(self, image, people, boxes):
        """Outputs of the network, a row for each person; in one pass, or in several if memory is short."""
        picture = torch.from_numpy(np.ascontiguousarray(image)).to(self._device).permute(2, 0, 1).float() / 255
        passes = []
        for start in range(0, len(boxes), self._at_once):
            some = slice(start, start + self._at_once)
            passes.append(self._run_network(cut_patches(picture, boxes[some]), people[some], boxes[some]))
        return {name: np.concatenate([one[name] for one in passes]) for name in passes[0]}

    def reduce_memory(self) -> bool:
        """Half as many people in one pass of the network."""
        if self._device.type == 'cuda':
            torch.cuda.empty_cache()
        could = self._at_once > 1
        self._at_once = max(self._at_once // 2, 1)
        return could

    def reset(self) -> None:
        """Forget the tracked people."""
        self._boxes.reset()

    def close(self) -> None:
        """Free the detector and the network."""
        self._boxes.close()
        self.network = None     # pyright: ignore[reportAttributeAccessIssue]  # not used afterwards

    def _make_estimate(self, row, view, person, intrinsics):
        """One person's row of numbers -> the estimate, in the real camera's frame."""
        local = row['local_rotations'].reshape(skeleton.NUM_JOINTS, 3)
        joints = row['joints'].reshape(skeleton.NUM_BODY_JOINTS, 3)
        turn, transl = place_in_camera(joints, view.pixels(joints), view.centre, intrinsics)
        local[0] = roma.rotmat_to_rotvec(torch.from_numpy(turn) @ roma.rotvec_to_rotmat(torch.from_numpy(local[0])))
        hands = {}
        for side in skeleton.SIDES:
            points = person.hand(side)
            hand = None if points is None else self._observe_hand(row, side, points, view)
            if hand is not None:
                hands[side] = hand
        size = np.array([intrinsics.width, intrinsics.height] * 2)
        box = np.concatenate([person.bbox_xywh[:2], person.bbox_xywh[:2] + person.bbox_xywh[2:]])
        return estimate_from_parameters(
            self.body,
            local,
            row['betas'],
            row['expression'],
            intrinsics=intrinsics,
            bbox_xyxy=np.clip(box, 0, size),
            confidence=person.confidence,
            hands=hands,
            pelvis=turn @ joints[0] + transl,
            track_id=person.track_id,
        )

    def _tracking_result(self, row, view, estimate):
        """The data from which the next image's boxes are made."""
        hands = {}
        for side in skeleton.SIDES:
            if estimate.hand(side).visible:
                points = estimate.hand(side).keypoints_2d
                size = max(np.ptp(points, axis=0).max(), 1.0)
                mismatch = self._hand_mismatch(row, side, view, points[list(skeleton.PALM_KEYPOINTS)])
                hands[side] = HandResult(points, mismatch / size)
        return PersonResult(view.pixels(row['joints'].reshape(skeleton.NUM_BODY_JOINTS, 3)), hands)


def keypoints_in_view(row: Row, side: str, view: CropCamera) -> np.ndarray:
    """(21, 2) px of a hand's keypoints, projected from the network's body."""
    return view.pixels(row[f'{side}_keypoints'].reshape(-1, 3))


def box_of_points(points: np.ndarray) -> np.ndarray:
    """xyxy (4,) around points (N, 2)."""
    return np.concatenate([points.min(0), points.max(0)])
