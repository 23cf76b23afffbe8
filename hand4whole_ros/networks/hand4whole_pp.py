"""Hand4Whole++ (Moon, CVPR 2026): a body expert conditioned on the features of a hand expert. The whole forward.

Both experts are frozen; only CHAM between them was trained. Wrists come from the body expert, fingers and the
hands' shape from the hand expert, whose meshes are aligned to the body. Names of modules are those of the published
checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .. import keypoints, skeleton
from .._vendor_patches.roma_import import roma
from ..body.hand_transfer import PosedHands
from ..body.mano import Mano, pose_right_topology
from ..body.published import PublishedBody
from ..config import Expert, WristSource
from ..geometry.crops import resize_body_image, roi_align
from ..geometry.hand_boxes import BOX_MARGIN
from ..geometry.kinematics import kinematic_tree
from .cham import CHAM, CHAM_HAND4WHOLE_PP, CHAMConfig, HandFeatures
from .face import PATCH_SCALE, FacePose, FaceRegressor, FaceRoI, face_box
from .fusion_policy import PUBLISHED_POLICY, FusionPolicy
from .prompts import Prompt, Prompts, concatenate_prompts
from .smpler_x import (
    SMPLER_X_L,
    SMPLER_X_TINY,
    BodyEncoder,
    BodyPose,
    BodyPositionNet,
    BodyRegressor,
    SMPLerXConfig,
    regress_body,
)
from .vit import VIT_TINY
from .wilor import WILOR, WILOR_TINY, PlacedHands, WiLoR, WiLoRConfig, place_hands, prepare_crops

#: Right hands come first in the hand expert's batch.
SIDES = ('right', 'left')


@dataclass(frozen=True)
class Hand4WholePPConfig:
    """Dimensions of the parts."""

    body: SMPLerXConfig
    hand: WiLoRConfig
    cham: CHAMConfig
    #: Whether expression and jaw are estimated; else the face is at rest.
    face: bool = True
    #: Room around a hand's keypoints in its picture, see geometry.hand_boxes.
    hand_room: float = BOX_MARGIN


HAND4WHOLE_PP = Hand4WholePPConfig(SMPLER_X_L, WILOR, CHAM_HAND4WHOLE_PP)
#: Small enough for a test to run in milliseconds.
HAND4WHOLE_PP_TINY = Hand4WholePPConfig(
    SMPLER_X_TINY, WILOR_TINY, CHAMConfig(VIT_TINY.embed_dim, VIT_TINY.embed_dim, VIT_TINY.depth))


class HandBoxes(NamedTuple):
    """Boxes of the hands of one side, for B people."""

    boxes: Tensor   #: (B, 4) square boxes xyxy, pixels of the body picture (256 rows, 192 columns)
    exists: Tensor  #: (B,) bool; the boxes of other hands are ignored

    def take(self, rows) -> HandBoxes:
        """Those of these people."""
        return HandBoxes(*(values[rows] for values in self))


@dataclass(frozen=True)
class WholeBodyOutput:
    """B people. Frame of the virtual camera of the body picture (geometry.crops.virtual_camera), metres."""

    body: BodyPose                  #: rotations, betas, transl
    face: FacePose                  #: expression, jaw
    hand_pose: dict[str, Tensor]    #: side -> (B, 15, 3) axis-angle, flat-hand zero; SMPL-X's mean where not visible
    hands: dict[str, PlacedHands]   #: side -> outputs of the hand expert, of hands that exist
    heatmap_keypoints: Tensor       #: (B, 25, 3) body keypoints in heat-map pixels
    joints: Tensor                  #: (B, 144, 3) SMPL-X's, before hands are aligned
    vertices: Tensor                #: (B, V, 3)
    keypoints: Tensor               #: (B, 137, 3) in keypoints.KEYPOINT_NAMES order
    aligned_hands: dict[str, Tensor]         #: side -> (N, 3, 3): from the hand expert's hands to the aligned ones
    #: side -> (N, 21, 3) the hand expert's own keypoints of hands that exist, in
    #: skeleton.HAND_KEYPOINT_NAMES order
    expert_hand_keypoints: dict[str, Tensor]


class ExpertOutputs(NamedTuple):
    """The outputs of the experts for B people, see WholeBody."""

    body: BodyPose
    face: FacePose
    heatmap_keypoints: Tensor
    hands: dict[str, PlacedHands]


class HandExpert(nn.Module):
    """The hand expert alone, with the conversion of its hands to a body: Hand4WholePP without the body."""

    def __init__(self, config: Hand4WholePPConfig, body: PublishedBody):
        super().__init__()
        self.config = config
        self._add_body_expert(config, body)     # first, so that a seed gives the same weights for all parts
        self.wilor = WiLoR(config.hand, body.mano['right'])
        for side in SIDES:
            self.register_buffer(f'{side}_mean_pose', body.mano[side].hands_mean, persistent=False)

    def _add_body_expert(self, config, body):
        """Parts beside the hand expert; none here."""

    def run_hand_expert(self, patches: Tensor, boxes: Mapping[str, HandBoxes], prompts: Prompts | None = None
                      ) -> dict[str, PlacedHands]:
        """Outputs of the hand expert: side -> PlacedHands of those that exist."""
        people = {side: boxes[side].exists.nonzero()[:, 0] for side in SIDES}
        where = torch.cat([boxes[side].boxes[people[side]] for side in SIDES])
        left = torch.arange(len(where), device=where.device) >= len(people['right'])
        side = self.wilor.backbone.config.image_size[0]
        crops = roi_align(patches[torch.cat(list(people.values()))], where * PATCH_SCALE, (side, side))
        prompt = None if prompts is None else concatenate_hand_prompts(prompts.hands, people)
        placed = place_hands(self.wilor(prepare_crops(crops, left), prompt), left, where)
        return {side: PlacedHands(*(values[left == (side == 'left')] for values in vars(placed).values()))
                for side in SIDES}

    def to_precision(self, dtype: torch.dtype) -> HandExpert:
        """Convert the transformers to `dtype`; heads, rotations and meshes stay in float32."""
        self.wilor.to_precision(dtype)
        return self

    def finger_pose(
        self, side: str, hands: PlacedHands, exists: Tensor, strategy: FusionPolicy = PUBLISHED_POLICY
    ) -> Tensor:
        """(B, 15, 3): the hand expert's where the hand exists and the policy selects it, else the mean hand."""
        mean = getattr(self, f'{side}_mean_pose').expand(len(exists), -1, -1)
        if strategy.fingers == Expert.BODY:
            return mean
        return mean.index_put((exists.nonzero()[:, 0],), hands.hand_pose)


class Hand4WholePP(HandExpert):
    """The experts, CHAM between them, and the bodies they pose. One pass serves all people and all their hands."""

    def _add_body_expert(self, config: Hand4WholePPConfig, body: PublishedBody) -> None:
        self.encoder = BodyEncoder(config.body)
        self.body_position_net = BodyPositionNet(config.body)
        self.body_regressor = BodyRegressor(config.body)
        if config.face:
            self.face_roi_net = FaceRoI()
            self.face_regressor = FaceRegressor()
        self.hand_control_net = CHAM(config.cham)
        self.smplx_layer = body.smplx(flat_hand_mean=True, use_face_contour=True)
        self.transfer = body.transfer()

    @property
    def _right_hand(self) -> Mano:
        mano = self.wilor.mano
        assert isinstance(mano, Mano)   # WiLoR alone takes other layers with its signature
        return mano

    def freeze_experts(self) -> None:
        """Make CHAM alone trainable: no other part requires gradients, and all are in evaluation mode."""
        self.eval()
        for name, part in self.named_children():
            part.requires_grad_(name == 'hand_control_net')

    def forward(self, patches: Tensor, boxes: Mapping[str, HandBoxes], strategy: FusionPolicy = PUBLISHED_POLICY,
                prompts: Prompts | None = None) -> WholeBodyOutput:
        """Patches (B, 3, 512, 384) of people, RGB in [0, 1], and boxes of their hands: side -> HandBoxes.

        prompts: known values of the people, for a network that takes them.
        """
        return self.assemble(*self.run_experts(patches, boxes, strategy, prompts), boxes=boxes, strategy=strategy)

    def run_experts(self, patches: Tensor, boxes: Mapping[str, HandBoxes], strategy: FusionPolicy = PUBLISHED_POLICY,
            prompts: Prompts | None = None) -> ExpertOutputs:
        """The outputs of the experts, as inputs of `assemble`, before any body is posed."""
        hands = self.run_hand_expert(patches, boxes, prompts)
        cond = self.condition(hands, boxes) if strategy.wrist == WristSource.CHAM else None
        feature, tokens = self.encoder(
            resize_body_image(patches).to(_dtype(self.encoder)), cond, prompts and prompts.body
        )
        # Half precision ends here: rotations need more.
        feature, tokens = feature.to(_dtype(self.body_regressor)), tokens.to(_dtype(self.body_regressor))
        body, where, _ = regress_body(self.body_position_net, self.body_regressor, feature, tokens,
                                   prompt=prompts and prompts.body)
        face = self.run_face_expert(patches, where)
        if strategy.wrist == WristSource.COPY:
            body = copy_wrists(body, hands, boxes)
        return ExpertOutputs(body, face, where, hands)

    def run_face_expert(self, patches: Tensor, where: Tensor) -> FacePose:
        """Expression and jaw of B people with these body keypoints (B, 25, 3), in heat-map pixels."""
        if self.config.face:
            return self.face_regressor(self.face_roi_net(patches, face_box(where)))
        return FacePose(where.new_zeros(len(where), 10), torch.eye(3).to(where).expand(len(where), 3, 3))

    def condition(self, hands: Mapping[str, PlacedHands], boxes: Mapping[str, HandBoxes]) -> list[Tensor] | None:
        """CHAM's conditions for every block of the body expert: (B, C, 16, 12) each; None without hands."""
        seen = (HandFeatures(hands[side].feature.to(_dtype(self.hand_control_net)),
                             boxes[side].boxes[boxes[side].exists], boxes[side].exists) for side in SIDES)
        return self.hand_control_net(*seen)

    def assemble(self, body: BodyPose, face: FacePose, where: Tensor, hands: Mapping[str, PlacedHands],
                 *, boxes: Mapping[str, HandBoxes], strategy: FusionPolicy = PUBLISHED_POLICY) -> WholeBodyOutput:
        """Pose SMPL-X with the outputs of all experts, and align the hands to it."""
        people = len(where)
        pose = {side: self.finger_pose(side, hands[side], boxes[side].exists, strategy) for side in SIDES}
        eyes = where.new_zeros(people, 3)
        mesh = self.smplx_layer(
            global_orient=roma.rotmat_to_rotvec(body.global_orient), body_pose=_axis_angles(body.body_pose),
            jaw_pose=roma.rotmat_to_rotvec(face.jaw_pose), leye_pose=eyes, reye_pose=eyes,
            left_hand_pose=pose['left'].flatten(1), right_hand_pose=pose['right'].flatten(1),
            betas=body.betas, expression=face.expression, transl=body.transl)
        vertices, points, laid = mesh.vertices, mesh.joints[:, list(keypoints.KEYPOINT_JOINTS)], {}
        if strategy.hand_shape == Expert.HAND:
            meshes = {side: self._hand_mesh(side, hands[side], pose[side], boxes[side].exists, strategy=strategy)
                      for side in SIDES}
            vertices, points, laid = self.transfer(vertices, points, meshes)
            vertices = self.transfer.smooth(vertices, {side: boxes[side].exists for side in SIDES})
        seen = {side: self._right_hand.regress_keypoints(hands[side].vertices) for side in SIDES}
        return WholeBodyOutput(body, face, pose, dict(hands), where, mesh.joints, vertices, points, laid, seen)

    def to_precision(self, dtype: torch.dtype) -> Hand4WholePP:
        """Convert the transformers and CHAM to `dtype`; the small face, heads, rotations and meshes stay in float32."""
        for part in (self.encoder, self.hand_control_net):
            part.to(dtype)
        super().to_precision(dtype)
        return self

    def _hand_mesh(self, side, hands, pose, exists, *, strategy):
        """PosedHands of one side, of the hand expert's shape."""
        vertices = hands.vertices
        if strategy.fingers == Expert.BODY:
            vertices = pose_right_topology(self._right_hand, pose[exists], hands.betas, side)
        return PosedHands(vertices, self._right_hand.regress_keypoints(vertices), exists)


def concatenate_hand_prompts(prompts: Mapping[str, Prompt], people: Mapping[str, Tensor]) -> Prompt:
    """Prompts of the hands of `people` (side -> indices), right ones first."""
    return concatenate_prompts(prompts[side].take(people[side]) for side in SIDES)


def copy_wrists(body: BodyPose, hands: Mapping[str, PlacedHands], boxes: Mapping[str, HandBoxes]) -> BodyPose:
    """The body with the hand expert's orientation of every hand that exists in place of its own."""
    local = body.local_rotations
    for side in SIDES:
        people = boxes[side].exists.nonzero()[:, 0]
        forearm = kinematic_tree().joint_rotation(local[people], skeleton.PARENTS[skeleton.WRIST[side]])
        wrist = forearm.transpose(-1, -2) @ roma.rotvec_to_rotmat(hands[side].global_orient)
        local = local.index_put((people, people.new_tensor(skeleton.WRIST[side])), wrist)
    return body._replace(body_pose=local[:, 1:])


def _axis_angles(rotations):
    return roma.rotmat_to_rotvec(rotations).flatten(1)


def _dtype(module):
    return next(module.parameters()).dtype
