"""Hand4Whole (Moon et al., CVPRW 2022): body, hands and face from three ResNets. The whole forward.

Pose2Pose is its module: 3D positions of joints by soft-argmax, features of the image at those positions, rotations from
both. Wrists are regressed from features of the body's joints and of the knuckles (MCP) of both hands. Module names are
those of the published checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .. import keypoints, skeleton
from .._vendor_patches.roma_import import roma
from ..geometry import crops
from ..geometry.crops import BODY_SIZE, box_around, roi_align
from ..geometry.rotations import rotation_from_6d_rows
from ..geometry.sampling import sample_bilinear
from .face import FACE_MARGIN, PATCH_SCALE, FacePose, FaceRegressor, FaceRoI
from .resnet import ResNet50
from .smpler_x import BodyPose, expected_position, heatmap_probabilities, translation_from_camera

#: Body-picture pixels a pixel of the body's feature; pixels of hand and face crops a pixel of theirs.
STRIDE = 32
#: (height, width) of hand and face crops.
HAND_CROP, FACE_CROP = (256, 256), (192, 192)
#: Room around a hand in its crop. The face's is face.FACE_MARGIN.
HAND_MARGIN = 2.0

#: Keypoints of the position networks: the first 25 of keypoints.KEYPOINT_NAMES, and hands without their wrists in
#: skeleton.HAND_KEYPOINT_NAMES order.
NUM_BODY_KEYPOINTS, NUM_HAND_KEYPOINTS = 25, 20
#: Of the 20, the four knuckles that wrists are regressed from: index, middle, ring and little finger.
MCP_ROWS = tuple(k - 1 for k in skeleton.PALM_KEYPOINTS[1:])
NUM_FINGER_JOINTS = 15

#: Order of the sides in the hand network's batch and in the body network's input.
SIDES = ('left', 'right')


@dataclass(frozen=True)
class Pose2PoseConfig:
    """Dimensions of Hand4Whole."""

    #: Channels of the ResNet-50s' first stage; their features have 32 times as many.
    width: int = 64
    #: Of every heat map's depth axis.
    depth_bins: int = 8
    #: Channels of a joint's feature.
    joint_dim: int = 512
    #: Channels of the features that boxes are regressed from.
    box_dim: int = 256
    num_body_joints: int = skeleton.NUM_BODY_JOINTS - 1
    num_betas: int = 10

    @property
    def feature_dim(self) -> int:
        """Channels of a ResNet-50's feature."""
        return 32 * self.width


#: As published.
POSE2POSE = Pose2PoseConfig()
#: Small enough for a test to run in milliseconds.
POSE2POSE_TINY = Pose2PoseConfig(width=4, joint_dim=16, box_dim=16)


@dataclass(frozen=True)
class HandsOutput:
    """Both hands of B people, each as a right hand in its crop: left hands mirrored. Positions in feature pixels."""

    feature: Tensor       #: (2, B, C, 8, 8), left first
    positions: Tensor     #: (2, B, 20, 3) x, y, z
    pose: Tensor          #: (2, B, 15, 3, 3), measured from SMPL-X's mean hand


@dataclass(frozen=True)
class PartBoxes:
    """Square boxes xyxy (B, 4) in pixels of the body picture (256 rows, 192 columns)."""

    left_hand: Tensor
    right_hand: Tensor
    face: Tensor


@dataclass(frozen=True)
class Pose2PoseOutput:
    """B people. Frame of the virtual camera of the body picture (geometry.crops.virtual_camera), metres."""

    body: BodyPose                    #: rotations, betas, transl
    face: FacePose                    #: expression, jaw
    hand_pose: dict[str, Tensor]      #: side -> (B, 15, 3) axis-angle, flat-hand zero
    boxes: PartBoxes                  #: of hands and face
    body_positions: Tensor            #: (B, 25, 3) in pixels of the body's feature, see STRIDE; z over 2 m
    hand_positions: dict[str, Tensor]  #: side -> (B, 20, 3): x, y in pixels of the body's feature; z 0 to 7 over 0.3 m
    joints: Tensor                    #: (B, 144, 3) SMPL-X's
    vertices: Tensor                  #: (B, V, 3)
    keypoints: Tensor                 #: (B, 137, 3) in keypoints.KEYPOINT_NAMES order


class PositionNet(nn.Module):
    """Places of keypoints, as heat maps over columns, rows and depth."""

    def __init__(self, config: Pose2PoseConfig, num_keypoints: int):
        super().__init__()
        self.depth_bins = config.depth_bins
        self.conv = nn.Sequential(nn.Conv2d(config.feature_dim, num_keypoints * config.depth_bins, 1))

    def forward(self, feature: Tensor) -> Tensor:
        """Feature (B, C, h, w) -> (B, K, depth, h, w): the probability of each keypoint's place."""
        return heatmap_probabilities(self.conv(feature).unflatten(1, (-1, self.depth_bins)))


class BoxNet(nn.Module):
    """Centres and sizes of left hand, right hand and face."""

    def __init__(self, config: Pose2PoseConfig):
        super().__init__()
        dim = config.box_dim
        channels = (config.feature_dim + NUM_BODY_KEYPOINTS * config.depth_bins, dim, dim, dim)
        self.deconv = nn.Sequential(*(layer for before, after in zip(channels, channels[1:]) for layer in (
            nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU())))
        self.bbox_center = nn.Sequential(nn.Conv2d(dim, 3, 1))
        self.lhand_size, self.rhand_size, self.face_size = (
            nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, 2)) for _ in range(3))

    def forward(self, feature: Tensor, heatmap: Tensor) -> tuple[Tensor, Tensor]:
        """Feature (B, C, 8, 6) and heat maps (B, 25, 8, 8, 6) -> centres and sizes (B, 3, 2), in feature pixels.

        Sizes are not bounded: they may be negative.
        """
        feature = self.deconv(torch.cat([feature, heatmap.flatten(1, 2).to(feature.dtype)], dim=1))
        centres = expected_position(heatmap_probabilities(self.bbox_center(feature).unsqueeze(2)))[..., :2]
        local = sample_bilinear(feature, centres)
        sizes = [net(local[:, k]) for k, net in enumerate((self.lhand_size, self.rhand_size, self.face_size))]
        return centres / 2 ** 3, torch.stack(sizes, dim=1)    # three layers double the size


def part_boxes(centres: Tensor, sizes: Tensor) -> PartBoxes:
    """Centres and sizes (B, 3, 2) in feature pixels -> square boxes in body-picture pixels, without gradients."""
    left, right, face = zip((centres.detach() * STRIDE).unbind(1), (sizes.detach() * STRIDE).unbind(1))
    return PartBoxes(box_around(*left, extension=HAND_MARGIN), box_around(*right, extension=HAND_MARGIN),
                     box_around(*face, extension=FACE_MARGIN))


def joint_conv(config: Pose2PoseConfig) -> nn.Sequential:
    """The 1x1 convolution that features of joints are sampled from."""
    return nn.Sequential(nn.Conv2d(config.feature_dim, config.joint_dim, 1), nn.BatchNorm2d(config.joint_dim),
                         nn.ReLU())


def joint_features(feature: Tensor, positions: Tensor, coordinates: Tensor | None = None) -> Tensor:
    """Positional pose-guided pooling: (B, C, h, w) sampled at positions (B, J, 3), joined by them -> (B, J, C + 3).

    coordinates: joined to the features instead of the positions.
    """
    coordinates = positions if coordinates is None else coordinates
    return torch.cat([sample_bilinear(feature, positions[..., :2]), coordinates.to(feature.dtype)], dim=-1)


class HandRoI(nn.Module):
    """Features of both hands."""

    def __init__(self, config: Pose2PoseConfig):
        super().__init__()
        self.backbone = ResNet50(config.width)

    def forward(self, patches: Tensor, boxes: PartBoxes) -> Tensor:
        """Patches (B, 3, 512, 384) -> features (2B, C, 8, 8), the mirrored left hands first."""
        return self.backbone(hand_crops(patches, boxes))


def hand_crops(patches: Tensor, boxes: PartBoxes) -> Tensor:
    """Patches (B, 3, 512, 384) -> pictures (2B, 3, 256, 256): left hands, mirrored, then right ones."""
    left, right = (roi_align(patches, box * PATCH_SCALE, HAND_CROP) for box in (boxes.left_hand, boxes.right_hand))
    return torch.cat([left.flip(-1), right])


class HandRotationNet(nn.Module):
    """Rotations of the finger joints from features of the hand's keypoints."""

    def __init__(self, config: Pose2PoseConfig):
        super().__init__()
        self.hand_conv = joint_conv(config)
        self.hand_pose_out = nn.Sequential(
            nn.Linear(NUM_HAND_KEYPOINTS * (config.joint_dim + 3), NUM_FINGER_JOINTS * 6))

    def forward(self, feature: Tensor, positions: Tensor) -> Tensor:
        """Features (N, C, 8, 8) and keypoints (N, 20, 3) in their pixels -> rotations (N, 15, 3, 3)."""
        joined = joint_features(self.hand_conv(feature), positions).flatten(1)
        return rotation_from_6d_rows(self.hand_pose_out(joined).unflatten(1, (NUM_FINGER_JOINTS, 6)))


class BodyRotationNet(nn.Module):
    """Rotations of the body's joints, wrists included, from features of its keypoints and of both hands' knuckles."""

    def __init__(self, config: Pose2PoseConfig):
        super().__init__()
        joined = (NUM_BODY_KEYPOINTS + 2 * len(MCP_ROWS)) * (config.joint_dim + 3)
        self.body_conv, self.lhand_conv, self.rhand_conv = (joint_conv(config) for _ in range(3))
        self.root_pose_out = nn.Sequential(nn.Linear(joined, 6))
        self.body_pose_out = nn.Sequential(nn.Linear(joined, config.num_body_joints * 6))
        self.shape_out = nn.Sequential(nn.Linear(config.feature_dim, config.num_betas))
        self.cam_out = nn.Sequential(nn.Linear(config.feature_dim, 3))

    def forward(self, feature: Tensor, positions: Tensor, hands: HandsOutput) -> BodyPose:
        """The body's feature (B, C, 8, 6) and keypoints (B, 25, 3) in its pixels -> BodyPose."""
        joined = self.concatenate_features(feature, positions, hands)
        code = torch.cat([self.root_pose_out(joined), self.body_pose_out(joined)], dim=1)
        rotations = rotation_from_6d_rows(code.unflatten(1, (-1, 6)))
        mean = feature.mean((2, 3))
        return BodyPose(rotations[:, 0], rotations[:, 1:], self.shape_out(mean),
                        translation_from_camera(self.cam_out(mean)))

    def concatenate_features(self, feature: Tensor, positions: Tensor, hands: HandsOutput) -> Tensor:
        """The input of the rotation regression, (B, 33 * (joint_dim + 3)): the body, left and right knuckles."""
        left, right = hands.positions[:, :, list(MCP_ROWS)]
        parts = [joint_features(self.body_conv(feature), positions),
                 # The left hand's feature is sampled unchanged, mirrored, at mirrored places. Its coordinates alone are
                 # mirrored back, in pixel indices: the published weights were trained with that.
                 joint_features(self.lhand_conv(hands.feature[0]), left, mirror_positions(left, feature_width(hands))),
                 joint_features(self.rhand_conv(hands.feature[1]), right)]
        return torch.cat(parts, dim=1).flatten(1)


def feature_width(hands: HandsOutput) -> int:
    """Columns of the hands' features."""
    return hands.feature.shape[-1]


def mirror_positions(positions: Tensor, width: int) -> Tensor:
    """Positions (..., 3) of pixel indices on a feature of `width` columns, on its mirror image."""
    return torch.cat([width - 1 - positions[..., :1], positions[..., 1:]], dim=-1)


def crop_face(patches: Tensor, boxes: PartBoxes) -> Tensor:
    """Patches (B, 3, 512, 384) -> pictures (B, 3, 192, 192)."""
    return roi_align(patches, boxes.face * PATCH_SCALE, FACE_CROP)


class Pose2Pose(nn.Module):
    """The body network, the hand network, the face network, and the body they pose, for any number of people at once.

    smplx: the SMPL-X layer (PublishedBody.smplx) with flat_hand_mean=False, for hands are regressed about the mean, and
    with the contour of the face, whose points belong to the keypoints.
    """

    def __init__(self, config: Pose2PoseConfig, smplx: nn.Module):
        super().__init__()
        self.config = config
        self.backbone = ResNet50(config.width)
        self.body_position_net = PositionNet(config, NUM_BODY_KEYPOINTS)
        self.body_rotation_net = BodyRotationNet(config)
        self.box_net = BoxNet(config)
        self.hand_roi_net = HandRoI(config)
        self.hand_position_net = PositionNet(config, NUM_HAND_KEYPOINTS)
        self.hand_rotation_net = HandRotationNet(config)
        self.face_roi_net = FaceRoI()
        self.face_regressor = FaceRegressor()
        self.smplx_layer = smplx

    def forward(self, patches: Tensor) -> Pose2PoseOutput:
        """Patches (B, 3, 512, 384) of people, RGB in [0, 1] -> the people."""
        feature = self.features(self.backbone, subsample_body_image(patches))
        heatmap = self.body_position_net(feature)
        positions = expected_position(heatmap)
        boxes = part_boxes(*self.box_net(feature, heatmap))
        hands = self.hands(patches, boxes)
        body = self.body_rotation_net(feature, positions, hands)
        face = self.face_regressor(self.features(self.face_roi_net.backbone, crop_face(patches, boxes)))
        return self.pose(body, face, hands, positions, boxes=boxes)

    def hands(self, patches: Tensor, boxes: PartBoxes) -> HandsOutput:
        """Both hands, whether they are visible or not: the network does not estimate visibility."""
        feature = self.features(self.hand_roi_net.backbone, hand_crops(patches, boxes))
        positions = expected_position(self.hand_position_net(feature))
        pose = self.hand_rotation_net(feature, positions)
        return HandsOutput(*(values.unflatten(0, (2, -1)) for values in (feature, positions, pose)))

    def pose(self, body: BodyPose, face: FacePose, hands: HandsOutput, positions: Tensor,
             *, boxes: PartBoxes) -> Pose2PoseOutput:
        """Pose SMPL-X; arguments as the parts of the network return them."""
        mirror = hands.pose.new_tensor([1, -1, -1])    # of axis-angles
        about_mean = dict(zip(SIDES, (roma.rotmat_to_rotvec(hands.pose[0]) * mirror,
                                      roma.rotmat_to_rotvec(hands.pose[1]))))
        eyes = positions.new_zeros(len(positions), 3)
        mesh = self.smplx_layer(
            global_orient=roma.rotmat_to_rotvec(body.global_orient),
            body_pose=roma.rotmat_to_rotvec(body.body_pose).flatten(1), jaw_pose=roma.rotmat_to_rotvec(face.jaw_pose),
            leye_pose=eyes, reye_pose=eyes, left_hand_pose=about_mean['left'].flatten(1),
            right_hand_pose=about_mean['right'].flatten(1), betas=body.betas, expression=face.expression,
            transl=body.transl)
        mean = {side: getattr(self.smplx_layer, f'{side}_hand_mean').view(NUM_FINGER_JOINTS, 3) for side in SIDES}
        return Pose2PoseOutput(
            body, face, {side: about_mean[side] + mean[side] for side in SIDES}, boxes, positions,
            hand_positions_in_body(hands, boxes), mesh.joints, mesh.vertices,
            mesh.joints[:, list(keypoints.KEYPOINT_JOINTS)])

    def features(self, backbone: nn.Module, picture: Tensor) -> Tensor:
        """A backbone's feature of an image, in the dtype of the heads."""
        precision = next(backbone.parameters()).dtype
        return backbone(picture.to(precision)).to(next(self.body_rotation_net.parameters()).dtype)

    def to_precision(self, dtype: torch.dtype) -> Pose2Pose:
        """Convert the three ResNets to `dtype`; heads, rotations and meshes stay in float32."""
        for backbone in (self.backbone, self.hand_roi_net.backbone, self.face_roi_net.backbone):
            backbone.to(dtype)
        return self


def subsample_body_image(patches: Tensor) -> Tensor:
    """Patches (B, 3, 512, 384) -> every second pixel of every second row, (B, 3, 256, 192), as published."""
    rows, columns = (whole // part for whole, part in zip(patches.shape[-2:], BODY_SIZE))
    return patches[..., ::rows, ::columns]


def hand_positions_in_body(hands: HandsOutput, boxes: PartBoxes) -> dict[str, Tensor]:
    """Side -> keypoints (B, 20, 3): x and y in pixels of the body's feature, z as in the crop.

    A position is a distance from the crop's edge, in pixels of its feature. The mirror image of x is therefore
    255 / 32 - x; the published code reports 7 - x, which is an eighth of the box too far left.
    """
    found = {}
    for side, positions, box in zip(SIDES, hands.positions, (boxes.left_hand, boxes.right_hand)):
        x, y, z = positions.unbind(-1)
        if side == 'left':
            x = (HAND_CROP[1] - 1) / STRIDE - x
        corner, size = box[:, :2] / STRIDE, (box[:, 2:] - box[:, :2]) / HAND_CROP[0]
        found[side] = torch.stack([x * size[:, :1] + corner[:, :1], y * size[:, 1:] + corner[:, 1:], z], dim=-1)
    return found


def clamped_person_box(box_xywh: Tensor, picture_size: tuple[int, int]) -> Tensor:
    """A detected person's box xywh (..., 4) in an image of (height, width) -> the box xywh of the crop.

    As published: the box is clipped to the image, without its last pixel, before it is enlarged.
    """
    height, width = picture_size
    last = box_xywh.new_tensor([width - 1, height - 1])
    corner = box_xywh[..., :2].clamp(min=0)
    end = torch.minimum(last, corner + (box_xywh[..., 2:] - 1).clamp(min=0))
    return crops.person_box(torch.cat([corner, end - corner], dim=-1))
