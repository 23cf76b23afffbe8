"""The full pipeline: Hand4Whole++ on boxes from a detector, in front of a real camera.

Every number of the network is that of the authors' implementation; what is added here is where the person stands
before the real camera, and boxes that follow people so that the detector runs only now and then.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace

import numpy as np
import torch

from .. import detection, skeleton
from .._vendor_patches.roma_import import roma
from ..body.npz_file import BodyModelError
from ..body.posing import ObservedHand, estimate_from_parameters
from ..body.smplx_mano_body import SmplxManoBody
from ..checkpoints import CheckpointError
from ..checkpoints.hand4whole_pp import load_body, load_hand4whole_pp
from ..checkpoints.random_weights import load_random
from ..checkpoints.store import Store
from ..config import EstimatorConfig, Expert, WeightsSource, WristSource
from ..detection import DetectorUnavailable
from ..detection.box_tracker import DETECTION_INTERVAL, BoxTracker, HandResult, PersonResult
from ..estimate import NOT_FINITE, WholeBodyEstimate
from ..geometry.camera import Intrinsics
from ..geometry.crops import BODY_SIZE, cut_patches, patch_affine, person_box, virtual_camera
from ..geometry.hand_boxes import hand_boxes
from ..geometry.placement import place_in_camera
from ..networks.fusion_policy import FusionPolicy
from ..networks.hand4whole_pp import HAND4WHOLE_PP, HAND4WHOLE_PP_TINY, SIDES, Hand4WholePP, HandBoxes
from .base import Estimator, EstimatorUnavailable
from .devices import pick_device, pick_precision, precision_name
from .experts import Experts
from .network_outputs import outputs_to_cpu

log = logging.getLogger(__name__)

#: EstimatorConfig.weights that are made up -> dimensions of the network.
_RANDOM = {WeightsSource.RANDOM: HAND4WHOLE_PP, WeightsSource.RANDOM_TINY: HAND4WHOLE_PP_TINY}

#: Said of somebody whom no camera can have seen as the network describes them: the detector is asked again.
_NO_CONFIDENCE = PersonResult(np.full((1, 2), np.nan))



class Hand4WholePPEstimator(Estimator):
    """See the module. Raises EstimatorUnavailable, saying what to run, where files or libraries are missing."""

    name = 'hand4whole_pp'
    network: Hand4WholePP

    def __init__(self, config: EstimatorConfig):
        if not config.people:
            raise EstimatorUnavailable('estimator hand4whole_pp gives no hands without their people: leave people at '
                                       'true, or use estimator mediapipe or open')
        try:
            self._strategy = FusionPolicy.from_config(config, WristSource.CHAM)
            self._device = pick_device(config.device)
            precision = pick_precision(config.precision, self._device)
            store = Store(config.weights_folder)
            published = load_body(store, config.body_model)
            self.network = self._load(config, store, published, precision)
            self.body = SmplxManoBody(published)
            detector = detection.create(config.detector, max_people=config.max_people)
        except (CheckpointError, BodyModelError, DetectorUnavailable, ValueError) as error:
            raise EstimatorUnavailable(str(error)) from error
        # Unrelated pictures have nothing to be followed.
        self._boxes = BoxTracker(detector, every=1 if config.static_images else DETECTION_INTERVAL)
        #: People in one pass of the network.
        self._at_once = config.max_people
        #: What products are computed in, by the names of devices.PRECISIONS.
        self.precision = precision_name(precision)
        self.device = f'{self._device} {self.precision}'

    def _load(self, config, store, published, precision):
        if config.weights in _RANDOM:
            log.warning('weights %s: made up from names; the people this finds are no people', config.weights)
            return load_random(published, _RANDOM[config.weights], self._device, precision)
        if config.weights != WeightsSource.PUBLISHED:
            raise EstimatorUnavailable(f'weights {config.weights!r}: expected one of published, {", ".join(_RANDOM)}')
        return load_hand4whole_pp(store, body=published, device=self._device, precision=precision)

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
        boxes = person_box(torch.from_numpy(np.stack([person.bbox_xywh for person in people])).double())
        hands = {side: self._hand_boxes(people, boxes, side) for side in SIDES}
        picture = torch.from_numpy(np.ascontiguousarray(image)).to(self._device).permute(2, 0, 1).float() / 255
        seen = self._run_network(picture, boxes, hands)
        looked = time.perf_counter()
        estimates, followed = [], []
        for k, person in enumerate(people):
            row = {name: values[k] for name, values in seen.items()}
            if not all(np.isfinite(values).all() for values in row.values()):
                self.refused[NOT_FINITE] += 1
                followed.append(_NO_CONFIDENCE)
                continue
            view = _CropCamera(virtual_camera(boxes[k]).numpy())
            estimate = self._make_estimate(row, view, person, {side: bool(hands[side].exists[k]) for side in SIDES},
                                      intrinsics)
            kept = self.filter_estimates([estimate])
            followed.append(self._tracking_result(row, view, person, estimate) if kept else _NO_CONFIDENCE)
            estimates += kept
        self._boxes.update(followed)
        times = {'boxes': found - started, 'network': looked - found, 'describe': time.perf_counter() - looked}
        return [replace(estimate, stage_times=times) for estimate in estimates]

    @property
    def experts(self) -> Experts:
        """The network, which takes any boxes."""
        return Experts(self.network, in_crop_axes=False)

    def _run_network(self, picture, boxes, hands):
        """What the network finds, a row for each person; in one pass, or in several where memory is short."""
        passes = []
        for start in range(0, len(boxes), self._at_once):
            some = slice(start, start + self._at_once)
            part = {side: box.take(some) for side, box in hands.items()}
            result = self.network(cut_patches(picture, boxes[some]), {
                side: HandBoxes(*(values.to(self._device) for values in box)) for side, box in part.items()},
                self._strategy)
            passes.append(outputs_to_cpu(result, part))
        return {name: np.concatenate([one[name] for one in passes]) for name in passes[0]}

    def reduce_memory(self) -> bool:
        """Half as many people in one pass of the network."""
        if self._device.type == 'cuda':
            torch.cuda.empty_cache()
        could = self._at_once > 1
        self._at_once = max(self._at_once // 2, 1)
        return could

    def reset(self) -> None:
        """Forget who was followed."""
        self._boxes.reset()

    def close(self) -> None:
        """Free the detector and the network."""
        self._boxes.close()
        self.network = None     # pyright: ignore[reportAttributeAccessIssue]  # not used afterwards

    @staticmethod
    def _hand_boxes(people, boxes, side):
        """HandBoxes of one side, on the CPU, in pixels of every person's body picture."""
        points = np.zeros((len(people), skeleton.NUM_HAND_KEYPOINTS, 2))
        scores = np.zeros(points.shape[:2])
        for k, person in enumerate(people):
            hand = person.hand(side)
            if hand is not None:
                points[k], scores[k] = hand.keypoints, hand.scores
        affine = patch_affine(boxes, BODY_SIZE)
        there = torch.from_numpy(points) @ affine[..., :2].mT + affine[:, None, :, 2]
        square, exists = hand_boxes(there.float(), torch.from_numpy(scores))
        return HandBoxes(square, exists)

    def _make_estimate(self, row, view, person, exists, intrinsics):
        """One person's row of numbers -> the estimate, in the real camera's frame."""
        local = row['local_rotations'].reshape(skeleton.NUM_JOINTS, 3)
        joints = row['joints'].reshape(skeleton.NUM_BODY_JOINTS, 3)
        turn, transl = place_in_camera(joints, view.pixels(joints), view.centre, intrinsics)
        local[0] = roma.rotmat_to_rotvec(torch.from_numpy(turn) @ roma.rotvec_to_rotmat(torch.from_numpy(local[0])))
        hands = {}
        for side in SIDES:
            if exists[side]:
                pixels = view.pixels(row[f'{side}_keypoints'].reshape(-1, 3))
                hands[side] = ObservedHand(
                    skeleton.OK, float(person.hand(side).scores.mean()),
                    row[f'{side}_betas'] if self._strategy.hand_shape == Expert.HAND else None, pixels,
                    np.concatenate([pixels.min(0), pixels.max(0)]))
        size = np.array([intrinsics.width, intrinsics.height] * 2)
        box = np.concatenate([person.bbox_xywh[:2], person.bbox_xywh[:2] + person.bbox_xywh[2:]])
        return estimate_from_parameters(
            self.body,
            local,
            row['betas'],
            row['expression'],
            intrinsics,
            bbox_xyxy=np.clip(box, 0, size),
            confidence=person.confidence,
            hands=hands,
            pelvis=turn @ joints[0] + transl,
            track_id=person.track_id,
        )

    def _tracking_result(self, row, view, person, estimate):
        """What the next image's boxes are made from."""
        hands = {}
        for side in SIDES:
            if estimate.hand(side).visible:
                palm = list(skeleton.PALM_KEYPOINTS)
                own = view.pixels(row[f'{side}_seen_keypoints'].reshape(-1, 3))
                laid = estimate.hand(side).keypoints_2d.numpy()
                size = max(np.ptp(laid, axis=0).max(), 1.0)
                hands[side] = HandResult(laid, float(np.linalg.norm(own[palm] - laid[palm], axis=1).mean() / size))
        return PersonResult(view.pixels(row['joints'].reshape(skeleton.NUM_BODY_JOINTS, 3)), hands)


class _CropCamera:
    """A crop's virtual camera, in pixels of the whole picture."""

    def __init__(self, camera: np.ndarray):
        self._focal, self.centre = camera[:2], camera[2:]

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """(..., 3) m in its frame -> (..., 2) px."""
        return points[..., :2] / points[..., 2:] * self._focal + self.centre
