"""The open body's hands in MANO's form: the same hands as the body's own."""

import numpy as np
import pytest
import roma
import torch

from hand4whole_ros import skeleton
from hand4whole_ros.body import open_hands
from hand4whole_ros.body.mano import pose_right_topology
from hand4whole_ros.body.open_body import load_arrays
from hand4whole_ros.body.posing import ObservedHand, estimate_from_parameters
from hand4whole_ros.body.smplx_mano_body import SmplxManoBody
from hand4whole_ros.geometry.camera import Intrinsics

COUNT = 16


@pytest.fixture(scope='module')
def published():
    return open_hands.load_open_body()


@pytest.fixture(scope='module')
def people(body):
    """betas (COUNT, 10) of bodies, poses (COUNT, 15, 3) of fingers, betas of the hands."""
    rng = torch.Generator().manual_seed(3)
    betas = torch.randn(COUNT, 10, generator=rng)
    turn = torch.from_numpy(open_hands.hand_shape_components(body, load_arrays()).copy()).float()
    return betas, 0.3 * torch.randn(COUNT, 15, 3, generator=rng), betas @ turn


@pytest.mark.parametrize('side', skeleton.SIDES)
def test_layer_and_regressed_keypoints_are_the_bodys(body, published, people, side):
    betas, pose, hand_betas = people
    whole = body.layer(betas=betas, **{f'{side}_hand_pose': pose})
    layer = published.mano[side]
    hand = layer(torch.eye(3).expand(COUNT, 1, 3, 3), roma.rotvec_to_rotmat(pose), hand_betas)
    shift = whole.joints[:, skeleton.WRIST[side], None]
    keypoints = body.layer.hand_keypoints(side, whole.joints, whole.joint_rotations, betas)
    for found, wanted in ((hand.vertices, whole.vertices[:, published.hand_vertices[side]]),
                          (hand.keypoints, keypoints), (layer.regress_keypoints(hand.vertices), keypoints)):
        error = (found + shift - hand.joints[:, :1] - wanted).norm(dim=-1)
        assert error.mean() < 0.6e-3 and error.max() < 3e-3


def test_left_hand_is_the_right_one_mirrored(published, people):
    _, pose, hand_betas = people
    left = published.mano['left'](torch.eye(3).expand(COUNT, 1, 3, 3), roma.rotvec_to_rotmat(pose), hand_betas)
    mirrored = pose_right_topology(published.mano['right'], pose, hand_betas, 'left')
    assert (left.vertices - mirrored).norm(dim=-1).max() < 2e-3


def test_shapes_have_unit_variance_and_the_first_is_length(body, published, people):
    betas, _, hand_betas = people
    np.testing.assert_allclose(betas.norm(dim=1), hand_betas.norm(dim=1), rtol=1e-5)
    rest = published.mano['right']
    longer = rest(torch.eye(3)[None, None], torch.eye(3).expand(1, 15, 3, 3), torch.eye(10)[:1])
    plain = rest(torch.eye(3)[None, None], torch.eye(3).expand(1, 15, 3, 3), torch.zeros(1, 10))
    length = [(x.keypoints[0, 12] - x.keypoints[0, 0]).norm() for x in (plain, longer)]
    assert 0.004 < length[1] - length[0] < 0.02


def test_hands_laid_onto_their_own_body_change_nothing(body, published, people):
    betas, pose, hand_betas = people
    handed = SmplxManoBody(published)
    camera = Intrinsics.from_fov(640, 480)
    rotations = np.zeros((55, 3))
    rotations[skeleton.HAND_SLICE['left']] = pose[0]
    hands = {'left': ObservedHand(skeleton.OK, 1.0, betas=hand_betas[0])}
    box = np.array([0, 0, 10, 10])
    estimate = estimate_from_parameters(
        handed,
        rotations,
        betas[0],
        np.zeros(10),
        intrinsics=camera,
        bbox_xyxy=box,
        confidence=1,
        hands=hands,
        pelvis=np.array([0, 0, 3.0]),
    )
    plain = estimate_from_parameters(body, rotations, betas[0], np.zeros(10), intrinsics=camera, bbox_xyxy=box,
                                     confidence=1,
                      pelvis=np.array([0, 0, 3.0]))
    assert handed.name == body.name
    moved = np.linalg.norm(handed.vertices(estimate) - body.vertices(plain), axis=1)
    # Fingers are the body's own; the smoothed seam is a little thinner.
    assert moved.mean() < 0.5e-3 and moved.max() < 8e-3
    assert np.linalg.norm(estimate.joints - plain.joints, axis=1).max() < 1.5e-3
