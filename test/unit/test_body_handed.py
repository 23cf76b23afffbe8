"""Hands of their own shape on the body: parameters lead to what the network gives, whoever changed them meanwhile."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import roma
import smplx
import torch
from posed_layer import pose_with_layer
from test_parity_hand4whole_pp import filled, scene

from hand4whole_ros import skeleton
from hand4whole_ros.apps.estimate import estimate_json
from hand4whole_ros.body.hand_transfer import PosedHands
from hand4whole_ros.body.mano import pose_right_topology
from hand4whole_ros.body.model import BodyModel
from hand4whole_ros.body.posing import ObservedHand, estimate_from_parameters, repose_estimate, rest_joints
from hand4whole_ros.body.smplx_mano_body import SmplxManoBody
from hand4whole_ros.geometry.camera import Intrinsics
from hand4whole_ros.keypoints import HAND_KEYPOINTS, KEYPOINT_JOINTS
from hand4whole_ros.networks.hand4whole_pp import HAND4WHOLE_PP_TINY
from hand4whole_ros.skeleton import HELD, LOST, OK, SIDES
from hand4whole_ros.tracking import Tracker, TrackerConfig

CAMERA = Intrinsics.from_fov(640, 480)
NOWHERE = np.zeros(4)


@pytest.fixture(scope='module')
def handed(published_body):
    return SmplxManoBody(published_body)


def somebody(body, seed=0, sides=SIDES, **changes):
    """Somebody 3 m away in a random pose, with a face and hands of some other shape."""
    rng = np.random.default_rng(seed)
    local = rng.normal(0, 0.35, (55, 3))
    local[0, 0] += math.pi
    betas, expression, left, right = rng.normal(0, 1, (4, 10))
    hands = {side: ObservedHand(OK, 0.8, shape, bbox_xyxy=[10.0, 20, 60, 80])
             for side, shape in (('left', left), ('right', right)) if side in sides}
    given = {'pelvis': [0.2, 0.1, 3.0], 'hands': hands, 'bbox_xyxy': NOWHERE, 'confidence': 0.9}
    return estimate_from_parameters(body, local, betas, expression, intrinsics=CAMERA, **{**given, **changes})


@pytest.fixture(scope='module')
def layers(published_body):
    """What the network is made of."""
    return (published_body.smplx(flat_hand_mean=True, use_face_contour=True), published_body.mano['right'],
            published_body.transfer())


def as_rows(estimate):
    """Arguments of a layer of the smplx library."""
    return {name: torch.from_numpy(getattr(estimate, name)).reshape(1, -1)
            for name in (*skeleton.POSE_SLICES, 'betas', 'expression', 'transl')}


def distance(points, others):
    """The largest, m."""
    return np.linalg.norm(points - np.asarray(others), axis=-1).max()


def as_the_network_does(layers, estimate):
    """Mesh (V, 3), 55 joints and side -> keypoints (21, 3), by the network's layers: SMPL-X, MANO and transfer."""
    smplx_layer, right, transfer = layers
    rows = as_rows(estimate)
    with torch.no_grad():
        body = smplx_layer(**rows)
        hands = {}
        for hand in estimate.hands:
            exists = torch.tensor([hand.has_own_shape])
            fingers = torch.from_numpy(getattr(estimate, f'{hand.side}_hand_pose'))[None][exists]
            shape = torch.from_numpy(hand.betas)[None] if hand.betas is not None else torch.zeros(1, 10)
            mesh = pose_right_topology(right, fingers, shape[exists], hand.side)
            hands[hand.side] = PosedHands(mesh, right.regress_keypoints(mesh), exists)
        laid = transfer(body.vertices, body.joints[:, list(KEYPOINT_JOINTS)], hands)
        vertices = transfer.smooth(laid.vertices, {side: hand.exists for side, hand in hands.items()})
    keypoints = {side: laid.keypoints[0, list(HAND_KEYPOINTS[side])].numpy() for side in SIDES}
    return vertices[0].numpy(), body.joints[0, :55].numpy(), keypoints


def check(layers, body, estimate):
    """Everything about `estimate` is what its parameters lead to."""
    vertices, joints, keypoints = as_the_network_does(layers, estimate)
    assert distance(body.vertices(estimate), vertices) < 1e-5
    joints = joints.copy()
    for hand in estimate.hands:
        if hand.has_own_shape:
            assert distance(hand.keypoints_3d, keypoints[hand.side]) < 1e-5
            for point, joint in zip(keypoints[hand.side][1:], skeleton.HAND_KEYPOINT_JOINTS[hand.side][1:]):
                if joint is not None:
                    joints[joint] = point
    assert distance(estimate.joints, joints) < 1e-5
    assert estimate.is_finite()


@pytest.mark.parametrize('sides', [SIDES, ('left',), ('right',), ()], ids=lambda sides: '-'.join(sides) or 'none')
def test_hands_of_their_own_shape_are_the_networks(published_body, layers, handed, sides):
    for seed in range(3):
        estimate = somebody(handed, seed, sides)
        assert set(estimate.hand_betas) == set(sides)
        check(layers, handed, estimate)
        moved = np.linalg.norm(handed.vertices(estimate) - BodyModel.vertices(handed, estimate), axis=-1)
        for side in SIDES:   # such a hand is quite another than SMPL-X's own
            assert (moved[published_body.hand_vertices[side]].max() > 5e-3) == (side in sides)


def test_the_network_itself(published_body, handed):
    """Estimates of what the whole forward says have its meshes and keypoints; the third person has no hands."""
    network = filled(HAND4WHOLE_PP_TINY, published_body).requires_grad_(False)
    patches, boxes = scene()
    with torch.no_grad():
        said = network(patches, boxes)
    for k in range(3):
        rotations = torch.cat([said.body.global_orient[k, None], said.body.body_pose[k], said.face.jaw_pose[k, None]])
        local = torch.cat([roma.rotmat_to_rotvec(rotations), torch.zeros(2, 3), said.hand_pose['left'][k],
                           said.hand_pose['right'][k]])
        hands = {side: ObservedHand(OK, 1.0, said.hands[side].betas[int(boxes[side].exists[:k].sum())])
                 for side in SIDES if boxes[side].exists[k]}
        estimate = estimate_from_parameters(handed, local, said.body.betas[k], said.face.expression[k],
                                            intrinsics=CAMERA,
                             transl=said.body.transl[k], hands=hands, bbox_xyxy=NOWHERE, confidence=1.0)
        assert distance(handed.vertices(estimate), said.vertices[k]) < 1e-4
        for hand in estimate.hands:
            assert hand.state == (OK if hand.side in hands else LOST)
            if hand.visible:
                theirs = said.keypoints[k, list(HAND_KEYPOINTS[hand.side])]
                assert distance(hand.keypoints_3d, theirs) < 1e-4


def test_what_is_described_is_one_pose(handed):
    """The wrist, all rotations and the body are SMPL-X's; 2D keypoints are where the 3D ones are seen."""
    estimate = somebody(handed)
    output = pose_with_layer(handed, estimate)
    body = slice(0, skeleton.HAND_SLICE['left'].start)
    np.testing.assert_allclose(estimate.joints[body], output.joints[body], atol=1e-5)
    np.testing.assert_allclose(estimate.joint_rotations, output.joint_rotations, atol=1e-5)
    np.testing.assert_allclose(estimate.joints[0], [0.2, 0.1, 3.0], atol=1e-6)
    for hand in estimate.hands:
        np.testing.assert_allclose(hand.keypoints_2d, CAMERA.project(hand.keypoints_3d), atol=1e-3)
        assert hand.bbox_xyxy.tolist() == [10, 20, 60, 80]
    placed = somebody(handed, pelvis=None, transl=estimate.transl)
    np.testing.assert_allclose(placed.joints, estimate.joints, atol=1e-6)
    again = repose_estimate(handed, estimate, estimate.local_rotations, betas=estimate.betas, pelvis=estimate.joints[0])
    np.testing.assert_allclose(again.joints, estimate.joints, atol=1e-6)
    np.testing.assert_allclose(again.right_hand.keypoints_3d, estimate.right_hand.keypoints_3d, atol=1e-6)
    for place in ({}, {'transl': estimate.transl, 'pelvis': estimate.transl}):
        with pytest.raises(ValueError, match='either pelvis or transl'):
            somebody(handed, **{'pelvis': None, **place})


def test_measured_keypoints_stay_and_a_hand_not_seen_is_lost(handed):
    measured = np.random.default_rng(0).uniform(0, 100, (21, 2))
    estimate = somebody(handed, hands={'left': ObservedHand(OK, 0.7, np.ones(10), measured)})
    np.testing.assert_allclose(estimate.left_hand.keypoints_2d, measured, rtol=1e-6)
    right = estimate.right_hand
    assert (right.state, right.confidence, right.betas, right.has_own_shape) == (LOST, 0.0, None, False)
    assert right.keypoints_2d.any() and right.bbox_xyxy.tolist() == [0, 0, 0, 0]
    assert (estimate.left_hand.agreement, right.agreement) == (None, None)
    lost = somebody(handed, hands={'left': ObservedHand(LOST, 0.0, np.ones(10))})   # nothing was seen: no shape either
    assert not lost.hand_betas
    np.testing.assert_array_equal(lost.left_hand.keypoints_3d, somebody(handed, hands={}).left_hand.keypoints_3d)


def test_detected_keypoints_say_how_well_a_hand_agrees_and_move_nothing(handed):
    plain = somebody(handed, hands={'left': ObservedHand(OK, 0.7), 'right': ObservedHand(OK, 0.7)})
    pixels = plain.left_hand.keypoints_2d
    others = pixels[::-1].copy(), 2 * pixels.mean(0) - pixels       # in another order, the other way round
    for detected, low, high in ((pixels, 0.9999, 1), (others[0], 0, 0.9), (others[1], 0, 0)):
        found = somebody(handed, hands={'left': ObservedHand(OK, 0.7, detected_2d=detected),
                                        'right': ObservedHand(OK, 0.7)})
        assert low <= found.left_hand.agreement <= high and found.right_hand.agreement is None
        np.testing.assert_array_equal(found.left_hand.keypoints_2d, plain.left_hand.keypoints_2d)
        np.testing.assert_array_equal(found.left_hand.keypoints_3d, plain.left_hand.keypoints_3d)
        assert found.is_finite()


def test_joints_move_with_the_expression_as_the_smplx_library_says(published_folder, published_body):
    """Of a lone SMPL-X file, too; jaw, eyes and head move by millimetres."""
    path = published_folder / 'smplx/SMPLX_NEUTRAL.npz'
    body = BodyModel.load(path)
    theirs = smplx.SMPLX(str(path), use_pca=False, flat_hand_mean=True, num_betas=10, num_expression_coeffs=10)
    estimate = somebody(body, seed=4)
    rows = as_rows(estimate)
    reference = theirs(**rows).joints[0, :55].detach()
    np.testing.assert_allclose(estimate.joints, reference, atol=1e-5)
    calm = repose_estimate(
        body,
        replace(estimate, expression=np.zeros(10, np.float32)),
        estimate.local_rotations,
        betas=estimate.betas,
        pelvis=estimate.joints[0],
    )
    assert 1e-3 < np.linalg.norm((calm.joints - estimate.joints)[skeleton.JOINT['jaw']]) < 0.05
    at_rest = theirs(betas=rows['betas'], expression=rows['expression']).joints[0, :55].detach()
    np.testing.assert_allclose(rest_joints(body, estimate.betas, estimate.expression), at_rest, atol=1e-5)
    # It has no MANO: hands are its own, whatever shape the estimate says they have.
    expected = published_body.smplx(flat_hand_mean=True)(**rows).vertices[0]
    assert distance(body.vertices(estimate), expected) < 1e-5


@pytest.mark.parametrize('smoothing', [True, False])
def test_tracked_hands_keep_their_shape_and_stay_one_with_the_mesh(layers, handed, smoothing):
    tracker = Tracker(handed, TrackerConfig(smoothing=smoothing, hold_time=0.5))
    rng = np.random.default_rng(0)
    shapes = {side: rng.normal(0, 1, 10) for side in SIDES}

    for k in range(60):
        measured = somebody(handed, hands={
            side: ObservedHand(OK, 0.8, shape + rng.normal(0, 1, 10)) for side, shape in shapes.items()})
        (found,) = tracker.update([measured], k / 30)
        if k in (0, 59):
            check(layers, handed, found)
        if k == 0:
            assert np.array_equal(found.left_hand.betas, measured.left_hand.betas)
    for side in SIDES:
        off = np.linalg.norm(found.hand(side).betas - shapes[side])
        assert off < 1.5 if smoothing else np.array_equal(found.hand(side).betas, measured.hand(side).betas)

    left, right = (hand.betas for hand in found.hands)
    (one,) = tracker.update([somebody(handed, hands={'right': ObservedHand(OK, 0.8, right)})], 2.1)
    assert [hand.state for hand in one.hands] == [HELD, OK] and np.array_equal(one.left_hand.betas, left)
    check(layers, handed, one)
    (gone,) = tracker.update([], 2.3)                                   # the person is not found
    assert [hand.state for hand in gone.hands] == [HELD, HELD] and np.array_equal(gone.left_hand.betas, left)
    check(layers, handed, gone)
    (lost,) = tracker.update([somebody(handed, hands={'right': ObservedHand(OK, 0.8, right)})], 2.6)
    assert lost.left_hand.state == LOST and set(lost.hand_betas) == {'right'}
    check(layers, handed, lost)
    (back,) = tracker.update([somebody(handed, hands={'left': ObservedHand(OK, 0.8, left + 1)})], 2.63)
    moved = (back.left_hand.betas - left).mean()
    assert moved < 0.2 if smoothing else moved == pytest.approx(1, abs=1e-5)


def test_a_hand_that_turns_out_to_have_no_shape_of_its_own_has_none(handed):
    tracker = Tracker(handed)
    tracker.update([somebody(handed)], 0.0)
    (found,) = tracker.update([somebody(handed, hands={side: ObservedHand(OK, 0.8) for side in SIDES})], 0.03)
    assert not found.hand_betas
    (held,) = tracker.update([somebody(handed, hands={})], 0.06)
    assert held.left_hand.state == HELD and held.left_hand.betas is None


@pytest.mark.parametrize('name', ['betas', 'pose', 'left hand', 'pelvis'])
def test_what_is_not_finite_makes_an_estimate_that_is_not(handed, name):
    local, betas, shape, pelvis = np.zeros((55, 3)), np.zeros(10), np.zeros(10), np.array([0.0, 0, 2])
    {'betas': betas, 'pose': local[30], 'left hand': shape, 'pelvis': pelvis}[name][0] = float('nan')
    estimate = estimate_from_parameters(handed, local, betas, np.zeros(10), intrinsics=CAMERA, pelvis=pelvis,
                                        bbox_xyxy=NOWHERE,
                         confidence=1.0, hands={'left': ObservedHand(OK, 1.0, shape)})
    assert not estimate.is_finite()


def test_numbers_of_any_kind(handed):
    """float64, half precision, lists and tensors give what float32 arrays give."""
    estimate = somebody(handed)
    hands = {hand.side: ObservedHand(OK, hand.confidence, hand.betas.astype(np.float64), None, hand.bbox_xyxy.tolist())
             for hand in estimate.hands}
    again = estimate_from_parameters(
        handed, estimate.local_rotations.astype(np.float64), torch.from_numpy(estimate.betas).double(),
        estimate.expression.astype(np.float16), intrinsics=CAMERA, transl=estimate.transl.tolist(), hands=hands,
        bbox_xyxy=np.zeros(4), confidence=np.float64(0.9))
    values = [value for one in (again, *again.hands) for value in vars(one).values()]
    assert {value.dtype for value in values if isinstance(value, np.ndarray)} == {np.dtype(np.float32)}
    assert not any(isinstance(value, torch.Tensor) for value in values)
    assert isinstance(again.confidence, float)
    np.testing.assert_allclose(again.right_hand.keypoints_3d, estimate.right_hand.keypoints_3d, atol=1e-6)


def test_json_says_whose_shape_a_hand_has(handed):
    written = json.loads(json.dumps(estimate_json.person_to_json(somebody(handed, sides=('left',)))))
    assert written['hands']['right']['betas'] is None
    np.testing.assert_allclose(written['hands']['left']['betas'], somebody(handed).left_hand.betas, rtol=1e-6)


def test_messages_carry_the_shape_of_hands(handed):
    messages = pytest.importorskip('hand4whole_ros.ros.conversions.messages')
    from builtin_interfaces.msg import Time
    from rclpy.serialization import deserialize_message
    from std_msgs.msg import Header

    from hand4whole_ros.msg import WholeBodyPoseArray
    estimate = somebody(handed, sides=('left',))
    timing = messages.Timing(Time(), Time(), 0.1)
    poses = {estimate.track_id: messages.joint_poses(estimate)}
    written = messages.serialise_pose_array([estimate], poses, Header(), estimator='x', operator_id=None, timing=timing,
                                            hand_ids={})
    sent = deserialize_message(written, WholeBodyPoseArray).poses[0]
    np.testing.assert_allclose(sent.left_hand.betas, estimate.left_hand.betas, rtol=1e-6)
    assert not np.any(sent.right_hand.betas)
    keypoints = [(point.x, point.y, point.z) for point in sent.left_hand.keypoints]
    np.testing.assert_allclose(keypoints, estimate.left_hand.keypoints_3d, rtol=1e-6)
