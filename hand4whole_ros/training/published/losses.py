"""What is wrong with what Hand4Whole++ says of people of whom all, or only hands, is known.

The losses that the paper names (section "Loss & Training"): rotations, shape, keypoints in 2D and 3D from the pelvis
and from the wrists, the vector between related hands, and, for data sets of hands, a body that stands upright. Each is
a mean over what is known of one person, 0 where nothing is: what is not known has no part in it, and who else is in a
batch does not matter. All but the shape of unknown bodies are L1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ... import keypoints, skeleton
from ..._vendor_patches.roma_import import roma
from ...datasets.targets import Targets
from ...geometry.kinematics import kinematic_tree
from ...networks.face import HEATMAP_STRIDE
from ...networks.hand4whole_pp import WholeBodyOutput
from ...networks.smpler_x import project_to_heatmap
from .batches import ViewBatch

#: Loss -> its share, by which they come out about alike; the paper does not name its own.
WEIGHTS = {
    'rotations': 1.0,       #: entries of rotation matrices, body joints relative to their parents
    'wrists': 1.0,          #: the same of wrists in the camera frame, where only hands are known
    'betas': 0.1,
    'small_betas': 0.01,    #: their squares, where they are not known
    'body_3d': 10.0,        #: decimetres, from the pelvis
    'hands_3d': 10.0,       #: decimetres, from their wrists
    'between': 10.0,        #: decimetres, of the vector from wrist to wrist
    'points_2d': 1.0,       #: cells of the heat map, 16 px of the body picture
    'upright': 1.0}         #: of the unit vector along the trunk's own vertical

_NUM_BODY = skeleton.NUM_BODY_JOINTS
_WRISTS = [skeleton.WRIST[side] for side in skeleton.SIDES]
_PELVIS = keypoints.KEYPOINT['pelvis']


def compute_losses(outputs: WholeBodyOutput, batch: ViewBatch) -> dict[str, Tensor]:
    """Loss -> (B,), not weighted: all that WEIGHTS names."""
    truth = batch.truth
    local = outputs.body.local_rotations
    true_local = roma.rotvec_to_rotmat(truth.rotations[:, :_NUM_BODY])
    wrists = global_wrists(local)
    counted = truth.keypoints_known & _predictable_keypoints(batch)
    from_pelvis = counted & truth.keypoints_known[:, _PELVIS, None]
    hands, hands_known = hand_differences(outputs, truth, counted)
    between, both = wrist_vector_difference(outputs, truth)
    cells = project_to_heatmap(outputs.keypoints, HEATMAP_STRIDE) - truth.keypoints_2d / HEATMAP_STRIDE
    up = outputs.body.global_orient[..., 1]
    return {
        'rotations': _masked_mean(local - true_local, truth.rotations_known[:, :_NUM_BODY]),
        'wrists': _masked_mean(wrists - roma.rotvec_to_rotmat(truth.wrists), truth.wrists_known),
        'betas': _masked_mean((outputs.body.betas - truth.betas)[:, None], truth.betas_known[:, None]),
        'small_betas': outputs.body.betas.square().mean(1) * ~truth.betas_known,
        'body_3d': _masked_mean(pelvis_differences(outputs, truth), from_pelvis),
        'hands_3d': _masked_mean(hands, hands_known),
        'between': _masked_mean(between[:, None], (both & truth.related)[:, None]),
        'points_2d': _masked_mean(cells, truth.pixels_known & counted),
        'upright': _masked_mean((up - truth.up)[:, None], truth.upright[:, None])}


def global_wrists(local: Tensor) -> Tensor:
    """(B, 22, 3, 3) relative to the parent -> (B, 2, 3, 3) of the wrists in the frame that the pelvis is turned in."""
    return kinematic_tree(skeleton.PARENTS[:_NUM_BODY]).global_rotations(local)[:, _WRISTS]


def pelvis_differences(outputs: WholeBodyOutput, truth: Targets[Tensor]) -> Tensor:
    """(B, 137, 3) m: what is said minus what is true, both from the pelvis."""
    return _subtract_origin(outputs.keypoints, _PELVIS) - _subtract_origin(truth.keypoints_3d, _PELVIS)


def hand_differences(outputs: WholeBodyOutput, truth: Targets[Tensor], counted: Tensor) -> tuple[Tensor, Tensor]:
    """(B, 40, 3) m of the keypoints of both hands, from their wrists, and which are known, (B, 40)."""
    found, known = [], []
    for side in skeleton.SIDES:
        wrist, *points = keypoints.HAND_KEYPOINTS[side]
        found.append(
            _subtract_origin(outputs.keypoints, wrist)[:, points]
            - _subtract_origin(truth.keypoints_3d, wrist)[:, points]
        )
        known.append(counted[:, points] & truth.keypoints_known[:, wrist, None])
    return torch.cat(found, dim=1), torch.cat(known, dim=1)


def wrist_vector_difference(outputs: WholeBodyOutput, truth: Targets[Tensor]) -> tuple[Tensor, Tensor]:
    """(B, 3) m of the vector from the left wrist to the right one, and whether both are known, (B,)."""
    left, right = (keypoints.HAND_KEYPOINTS[side][0] for side in skeleton.SIDES)

    def vector(points):
        return points[:, right] - points[:, left]
    return (vector(outputs.keypoints) - vector(truth.keypoints_3d),
            truth.keypoints_known[:, left] & truth.keypoints_known[:, right])


def _predictable_keypoints(batch):
    """(B, 137): not the fingers of hands that are not looked at, nor a face that nobody knows."""
    can = torch.ones_like(batch.truth.keypoints_known)
    for side in skeleton.SIDES:
        can[:, list(keypoints.HAND_KEYPOINTS[side][1:])] = batch.boxes[side].exists[:, None]
    can[:, keypoints.FACE_KEYPOINTS] = batch.truth.expression_known[:, None]
    return can


def _subtract_origin(points, origin):
    return points - points[:, origin, None]


def _masked_mean(difference, known):
    """Differences (B, N, ...) of which some are known (B, N) -> (B,): the mean size of those."""
    size = difference.abs().flatten(2).mean(2)
    return torch.where(known, size, 0).sum(1) / known.sum(1).clamp(min=1)
