"""Hand4Whole++ measured as in the papers: with the annotated boxes of person and hands, in its crop's own frame.

Boxes come from the sample, not from a detector; the open model, which starts from a detector's landmarks, gets
those of its own landmark fit. The papers compare the network's output, along the axes of the crop's virtual
camera, with a truth along those of the real one; the rotation between them, which the estimator adds, is applied only
on request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .. import keypoints, skeleton
from .._vendor_patches.roma_import import roma
from ..datasets.sample import Sample
from ..estimators.base import Estimator
from ..estimators.experts import NetworkInputs
from ..geometry.boxes import inside
from ..geometry.camera import Intrinsics
from ..geometry.crops import BODY_SIZE, cut_patches, patch_affine, person_box
from ..geometry.hand_boxes import hand_boxes
from ..geometry.kinematics import kinematic_tree
from ..geometry.placement import view_rotation
from ..networks.fusion_policy import FusionPolicy
from ..networks.hand4whole_pp import Hand4WholePP, HandBoxes, WholeBodyOutput
from ..networks.prompts import Prompts
from ..networks.wilor import PlacedHands
from .prediction import PredictedHand, Prediction


class PersonInputs(NamedTuple):
    """The inputs of a network for one person besides the image."""

    box: Tensor                             #: (1, 4) xywh px, of the crop
    boxes: Mapping[str, HandBoxes]          #: in pixels of the body crop
    prompts: Prompts | None = None          #: for a network that takes them


#: Image and sample -> inputs of the network; None if no person is in the image.
InputSource = Callable[[np.ndarray, Sample], PersonInputs | None]


def inputs_from_boxes(image: np.ndarray, sample: Sample) -> PersonInputs | None:
    """The sample's box, and boxes around the true keypoints inside the image."""
    box = person_box(torch.from_numpy(np.asarray(sample.bbox_xywh, np.float64))[None])
    if not (box[0, 2:] > 0).all():
        return None
    return PersonInputs(
        box, {side: hand_boxes_in_crop(box, *visible_hand_keypoints(sample, side)) for side in skeleton.SIDES}
    )


def visible_hand_keypoints(sample: Sample, side: str) -> tuple[np.ndarray, np.ndarray]:
    """A hand's keypoints (21, 2) px, and scores (21,): 1 for those inside the image, 0 for others."""
    hand, points, scores = sample.hand(side), np.zeros((21, 2)), np.zeros(21)
    if hand is not None:
        pixels = sample.intrinsics.project(hand.keypoints_3d)
        seen = inside(pixels, sample.intrinsics.width, sample.intrinsics.height)
        points[seen], scores[seen] = pixels[seen], 1
    return points, scores


def hand_boxes_in_crop(box: Tensor, points: np.ndarray, scores: np.ndarray) -> HandBoxes:
    """The box of one hand whose keypoints (21, 2) px have these scores (21,), in a person's box (1, 4) xywh px."""
    affine = patch_affine(box, BODY_SIZE)[0]
    there = torch.from_numpy(points) @ affine[:, :2].mT + affine[:, 2]
    return HandBoxes(*hand_boxes(there.float()[None], torch.from_numpy(scores)[None]))


def inputs_from_estimator(
    prepare_inputs: Callable[[np.ndarray, Intrinsics], NetworkInputs | None]
) -> InputSource:
    """Inputs from the estimator's own landmarks, also of person and hands. An image is processed once for all rows."""
    last: list = [None, None]

    def input_source(image: np.ndarray, sample: Sample) -> PersonInputs | None:
        if last[0] is not image:
            seen = prepare_inputs(image, sample.intrinsics)
            person = seen and PersonInputs(torch.from_numpy(seen.evidence.box), seen.boxes, seen.prompts)
            last[:] = image, person
        return last[1]
    return input_source


class NetworkPredictor:
    """A network with one strategy.

    strategy: which expert determines which part; None for the hand expert alone, which has no body input
    and places each hand separately. input_source: of the network. in_camera_axes: compare along the axes of
    the real camera, for a network that was trained along those of the virtual one.
    """

    def __init__(
        self,
        network: Hand4WholePP,
        strategy: FusionPolicy | None,
        input_source: InputSource = inputs_from_boxes,
        in_camera_axes: bool = False,
    ):
        self._network, self._strategy, self._input_source, self._in_camera_axes = (
            network,
            strategy,
            input_source,
            in_camera_axes,
        )
        self._device = next(network.parameters()).device

    @torch.inference_mode()
    def __call__(self, image: np.ndarray, sample: Sample) -> Prediction | None:
        person = self._input_source(image, sample)
        if person is None:
            return None
        boxes = {side: HandBoxes(*(values.to(self._device) for values in person.boxes[side]))
                 for side in skeleton.SIDES}
        picture = torch.from_numpy(np.ascontiguousarray(image)).to(self._device).permute(2, 0, 1).float() / 255
        patches = cut_patches(picture, person.box)
        if self._strategy is None:
            outputs = self._predict_hands(self._network.run_hand_expert(patches, boxes, person.prompts))
        else:
            outputs = self._predict_body(self._run_network(patches, boxes, person, sample))
        if outputs is None or not self._in_camera_axes:
            return outputs
        middle = person.box[0, :2] + person.box[0, 2:] / 2
        return _rotate_outputs(outputs, view_rotation(sample.intrinsics.normalize(middle.numpy())))

    def _run_network(self, patches: Tensor, boxes: Mapping[str, HandBoxes], person: PersonInputs, sample: Sample
                     ) -> WholeBodyOutput:
        assert self._strategy is not None   # else the hand expert runs alone
        return self._network(patches, boxes, self._strategy, person.prompts)

    def _predict_body(self, outputs: WholeBodyOutput) -> Prediction:
        vertices, points = _numpy(outputs.vertices[0]), _numpy(outputs.keypoints[0])
        joints = _numpy(outputs.joints[0, :skeleton.NUM_JOINTS])
        local = torch.cat(
            [outputs.body.global_orient.reshape(-1, 3, 3), outputs.body.body_pose.reshape(-1, 3, 3)]
        ).double()
        turns = kinematic_tree(skeleton.PARENTS[:len(local)]).global_rotations(local)
        hands = {}
        for side in skeleton.SIDES:
            ids = getattr(self._network.transfer, f'{side}_vertices').cpu().numpy()
            hands[side] = PredictedHand(points[list(keypoints.HAND_KEYPOINTS[side])],
                                        _numpy(turns[skeleton.WRIST[side]]), vertices[ids])
        return Prediction(hands, joints, vertices)

    def _predict_hands(self, placed: Mapping[str, PlacedHands]) -> Prediction | None:
        hands = {}
        for side, hand in placed.items():
            if len(hand.vertices):
                points = self._network.wilor.mano.regress_keypoints(hand.vertices)
                hands[side] = PredictedHand(_numpy(points[0]), _numpy(roma.rotvec_to_rotmat(hand.global_orient[0])),
                                            _numpy(hand.vertices[0]))
        return Prediction(hands) if hands else None


def _rotate_outputs(outputs, rotation):
    def points(values):
        return None if values is None else values @ rotation.T
    hands = {side: PredictedHand(hand.keypoints_3d @ rotation.T, rotation @ hand.wrist_rotation, points(hand.vertices))
             for side, hand in outputs.hands.items()}
    return Prediction(hands, points(outputs.joints), points(outputs.vertices))


class ExpertSetup(NamedTuple):
    """The network of an estimator, and its measurement."""

    network: Hand4WholePP
    input_source: InputSource
    in_camera_axes: bool    #: trained along the axes of the crop's camera; the published weights were not
    given: bool         #: whether it accepts boxes of person and hands


def make_expert_setup(estimator: Estimator) -> ExpertSetup | None:
    """Setup of an estimator that consists of experts; None for others."""
    experts = estimator.experts
    if experts is None:
        return None
    prepare = experts.prepare_inputs
    source = inputs_from_boxes if prepare is None else inputs_from_estimator(prepare)
    return ExpertSetup(experts.network, source, experts.in_crop_axes, given=prepare is None)


def _numpy(values):
    return values.double().cpu().numpy()
