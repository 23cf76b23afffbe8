"""The open body and the model that poses it, judged against anny itself and against the smplx library."""

import contextlib
import copy
import io
import pickle
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import roma
import smplx
import torch
from scipy.spatial import cKDTree

from hand4whole_ros import skeleton
from hand4whole_ros.body import anny_rig, open_body, open_body_builder
from hand4whole_ros.body.model import BodyModel
from hand4whole_ros.geometry.kinematics import forward_kinematics
from hand4whole_ros.skeleton import JOINT, MIRROR, POSE_SLICES, SIDES
from hand4whole_ros.system.requirements import MissingLibrary

MIRROR_AXES = np.array([-1.0, 1.0, 1.0])


@pytest.fixture(scope='module')
def anny():
    return anny_rig.create_anny(torch.float32)


def _random_poses(count, spread, seed):
    """(count, 55, 3) axis-angle float64."""
    return np.random.default_rng(seed).normal(0, spread, (count, skeleton.NUM_JOINTS, 3))


def _parameters(axis_angles):
    return {name: torch.from_numpy(axis_angles[:, span]).float() for name, span in POSE_SLICES.items()}


def _estimate(axis_angles, seed=0):
    """What `vertices` reads of an estimate."""
    rng = np.random.default_rng(seed)
    return SimpleNamespace(local_rotations=axis_angles[0].astype(np.float32),
                           betas=rng.normal(0, 1, 10).astype(np.float32),
                           expression=rng.normal(0, 1, 10).astype(np.float32),
                           transl=rng.normal(0, 2, 3).astype(np.float32))


def _as_batch(estimate):
    """Arguments of the layer."""
    shapes = {name: torch.from_numpy(getattr(estimate, name))[None] for name in ('betas', 'expression', 'transl')}
    return _parameters(estimate.local_rotations[None]) | shapes


def _betas(anny, body, phenotypes):
    """(N, 10) least-squares betas of anny's people, found from anny's own T-posed meshes."""
    count = len(phenotypes['age'])
    upright = torch.eye(3).expand(count, skeleton.NUM_JOINTS, 3, 3)
    posed = anny(anny_rig.pose_to_anny(anny, upright), phenotypes)['vertices']
    zero = body.layer().vertices[0].double()
    steps = body.layer(betas=torch.eye(10)).vertices.double() - zero
    wanted = (anny_rig.to_smplx(posed).double() - zero).reshape(count, -1)
    return torch.linalg.lstsq(steps.reshape(10, -1).T, wanted.T).solution.T.float()


@pytest.fixture(scope='module')
def adults(anny, body):
    """Forty adults the shape components were not learnt from, with their betas."""
    phenotypes = anny_rig.sample_adults(40, seed=1234)
    return phenotypes, _betas(anny, body, phenotypes)


# The zero pose


def test_zero_pose_is_smplx_t_pose(body):
    joints = body.layer().joints[0].double()

    def degrees_from(a, b, axis):
        direction = torch.nn.functional.normalize(joints[JOINT[b]] - joints[JOINT[a]], dim=0)
        return torch.rad2deg(torch.acos((direction @ torch.tensor(axis).double()).clamp(-1, 1))).item()

    for side, x in (('left', 1.0), ('right', -1.0)):
        assert degrees_from(f'{side}_shoulder', f'{side}_elbow', [x, 0, 0]) < 1
        assert degrees_from(f'{side}_elbow', f'{side}_wrist', [x, 0, 0]) < 1
        assert degrees_from(f'{side}_wrist', f'{side}_middle1', [x, 0, 0]) < 1
        assert degrees_from(f'{side}_hip', f'{side}_knee', [0, -1, 0]) < 1
        assert degrees_from(f'{side}_knee', f'{side}_ankle', [0, -1, 0]) < 1
        assert joints[JOINT[f'{side}_hip'], 0] * x > 0
        assert joints[JOINT[f'{side}_foot'], 2] > joints[JOINT[f'{side}_ankle'], 2] + 0.05
    assert joints[JOINT['head'], 1] > joints[JOINT['neck'], 1] > joints[JOINT['pelvis'], 1]
    assert joints[JOINT['left_eye'], 2] > joints[JOINT['head'], 2] + 0.05


def test_palms_face_down_and_fingers_are_straight(body):
    output = body.layer()
    joints = output.joints[0].double()
    for side in SIDES:
        hand = body.layer.hand_keypoints(side, output.joints, output.joint_rotations)[0].double()
        forward = hand[9] - hand[0]
        across = hand[5] - hand[17]                       # pinky to index
        normal = torch.nn.functional.normalize(torch.linalg.cross(forward, across), dim=0)
        assert normal[1].abs() > np.cos(np.radians(2))
        assert across[2] > 0.04                           # the index side is in front: palms are down
        assert hand[4, 1] < hand[0, 1]                    # the thumb hangs towards the palm's side
        for finger in range(5):
            bones = torch.diff(hand[1 + 4 * finger:5 + 4 * finger], dim=0)
            bones = bones / bones.norm(dim=1, keepdim=True)
            bend = torch.rad2deg(torch.acos((bones[:-1] * bones[1:]).sum(1).clamp(-1, 1)))
            assert bend[0] < 1 and bend[1] < 8            # the tip is on the skin, beside the bone's axis
            if finger:
                assert bones[0, 1].abs() < np.sin(np.radians(1))
        assert (joints[JOINT[f'{side}_wrist']] - hand[0]).norm() == 0


def test_the_body_is_of_human_size(body):
    vertices = body.layer().vertices[0]
    height, span = (vertices.amax(0) - vertices.amin(0))[[1, 0]].tolist()
    assert 1.6 < height < 1.8 and 0.9 < span / height < 1.1
    assert body.num_vertices == 13718 and body.faces.shape == (27420, 3) and body.faces.dtype == np.int32
    volume = torch.linalg.det(vertices[torch.from_numpy(body.faces).long()].double()).sum() / 6
    assert 0.045 < volume < 0.09                          # positive: the faces wind outward


# Against anny


@pytest.mark.parametrize('hanging', [False, True], ids=['around the T-pose', 'arms hanging'])
def test_posed_mesh_is_annys_within_five_millimetres(anny, body, adults, hanging):
    phenotypes, betas = adults
    errors, joint_errors, tip_errors = [], [], []
    for batch in range(5 if not hanging else 1):          # 5 x 40 = 200 poses
        axis_angles = _random_poses(40, 0.3, seed=batch)
        if hanging:
            axis_angles[:, JOINT['left_shoulder'], 2] -= 1.1
            axis_angles[:, JOINT['right_shoulder'], 2] += 1.1
        local = roma.rotvec_to_rotmat(torch.from_numpy(axis_angles)).float()
        ours = body.layer(**_parameters(axis_angles), betas=betas)
        deltas = anny_rig.pose_to_anny(anny, local, ours.joints[:, 0], phenotypes)
        truth = anny(deltas, phenotypes, return_bone_ends=True)
        errors.append((anny_rig.to_smplx(truth['vertices']) - ours.vertices).norm(dim=-1))
        joint_errors.append((anny_rig.joint_positions(anny, truth) - ours.joints).norm(dim=-1))
        tips = torch.cat([body.layer.hand_keypoints(side, ours.joints, ours.joint_rotations, betas)[
            :, list(skeleton.FINGERTIP_KEYPOINTS)] for side in SIDES], dim=1)
        tip_errors.append((anny_rig.tip_positions(anny, truth) - tips).norm(dim=-1))
        torch.testing.assert_close(anny_rig.joint_rotations(anny, truth), ours.joint_rotations,
                                   atol=1e-5, rtol=0)
    errors = torch.cat(errors)
    assert errors.mean() < 0.003
    assert errors.mean(dim=1).max() < 0.007
    assert torch.cat(joint_errors).mean() < 0.002
    assert torch.cat(tip_errors).mean() < 0.004


def test_regressed_joints_are_annys_bone_heads(anny, body, adults):
    phenotypes, betas = adults
    local = torch.eye(3).expand(40, skeleton.NUM_JOINTS, 3, 3)
    ours = body.layer(betas=betas).joints
    truth = anny(anny_rig.pose_to_anny(anny, local, ours[:, 0], phenotypes), phenotypes)
    errors = (anny_rig.joint_positions(anny, truth) - ours).norm(dim=-1)
    assert errors.mean() < 0.0015 and errors.max() < 0.012


def test_betas_have_the_unit_variance_of_adults(adults):
    _, betas = adults
    assert (betas.std(0) > 0.5).all() and (betas.std(0) < 1.9).all()
    assert (betas.mean(0).abs() < 0.5).all()


def test_first_beta_makes_taller(body):
    tall, small = (body.layer(betas=torch.eye(10)[:1] * k).vertices[0] for k in (2, -2))
    assert (tall[:, 1].max() - tall[:, 1].min()) - (small[:, 1].max() - small[:, 1].min()) > 0.25


def test_every_bone_and_joint_is_in_the_tables(anny):
    assert set(anny_rig.JOINT_HEADS) == set(skeleton.JOINT_NAMES)
    joints = anny_rig.bone_to_joint(anny)
    assert set(joints) == set(range(skeleton.NUM_JOINTS))
    bones = dict(zip(anny.bone_labels, joints))
    assert bones['upperarm02.L'] == JOINT['left_shoulder'] and bones['metacarpal3.R'] == JOINT['right_wrist']
    assert bones['tongue02'] == JOINT['jaw'] and bones['toe5-3.L'] == JOINT['left_foot']
    assert bones['pelvis.L'] == JOINT['pelvis'] and bones['levator05.R'] == JOINT['head']


def test_statures_of_sampled_adults(anny):
    people = anny_rig.sample_adults(60, seed=5)
    vertices = torch.cat([anny(None, {name: value[k:k + 20] for name, value in people.items()})['vertices']
                          for k in (0, 20, 40)])
    heights = vertices[..., 2].amax(1) - vertices[..., 2].amin(1)
    assert heights.min() > 1.35 and heights.max() < 2.05 and 1.6 < heights.mean() < 1.8


# Symmetry


def test_left_and_right_are_mirror_images(body):
    axis_angles = _random_poses(3, 0.4, seed=7)
    mirrored = axis_angles[:, list(MIRROR)] * (1, -1, -1)
    here, there = body.layer(**_parameters(axis_angles)), body.layer(**_parameters(mirrored))
    # anny's template may be mirrored vertex by vertex: find the map at rest, then hold every pose to it.
    rest = body.layer().vertices[0].numpy()
    _, mirror = cKDTree(rest).query(rest * MIRROR_AXES)
    assert np.array_equal(mirror[mirror], np.arange(len(rest)))
    joints = there.joints[:, list(MIRROR)]
    for ours, theirs in ((here.vertices, there.vertices[:, mirror]), (here.joints, joints)):
        np.testing.assert_allclose(theirs.numpy() * MIRROR_AXES, ours.numpy(), atol=2e-5)


def test_hands_are_mirrored_submeshes_with_one_ring(body):
    shaped = body.layer(betas=torch.randn(1, 10, generator=torch.Generator().manual_seed(3))).vertices[0].numpy()
    left, right = (shaped[body.hand_vertices[side]] for side in SIDES)
    np.testing.assert_allclose(left * MIRROR_AXES, right, atol=1e-5)
    for side in SIDES:
        ids, ring = body.hand_vertices[side], body.wrist_rings[side]
        assert ids.dtype == np.int64 and set(body.faces[body.hand_faces[side]].ravel()) == set(ids)
        assert set(ring) <= set(ids) and 10 < len(ring) < 60
        to_wrist = np.linalg.norm(shaped[ring] - body.kinematics.rest_joints[skeleton.WRIST[side]], axis=1)
        assert to_wrist.max() < 0.09
        assert set(body.fingertips[side]) <= set(ids)
    left, right = (shaped[body.wrist_rings[side]] for side in SIDES)
    np.testing.assert_allclose(left * MIRROR_AXES, right, atol=1e-5)


# Posing


def test_fast_vertices_equal_the_full_path(body):
    for seed in range(3):
        estimate = _estimate(_random_poses(1, 0.5, seed), seed)
        full = body.layer(**_as_batch(estimate)).vertices[0].numpy()
        fast = body.vertices(estimate)
        assert fast.dtype == np.float32 and fast.shape == (body.num_vertices, 3)
        assert np.abs(fast - full).max() < 1e-5
        mesh = body.mesh(estimate.local_rotations, estimate.betas, estimate.expression, estimate.transl)
        assert np.array_equal(mesh, fast)


def test_missing_parameters_are_zero_and_one_serves_all(body):
    poses = torch.randn(4, 21, 3, generator=torch.Generator().manual_seed(0)) * 0.2
    betas = torch.ones(1, 10)
    together = body.layer(body_pose=poses, betas=betas, transl=torch.tensor([[0.0, 0.0, 3.0]]))
    alone = body.layer(body_pose=poses[2:3].reshape(1, 63), betas=betas)
    torch.testing.assert_close(together.vertices[2], alone.vertices[0] + torch.tensor([0.0, 0, 3]), atol=1e-5,
                               rtol=0)
    assert together.joints.shape == (4, 55, 3) and together.joint_rotations.shape == (4, 55, 3, 3)


def test_gradients_reach_every_parameter(body):
    given = {'global_orient': torch.zeros(1, 3), 'body_pose': torch.zeros(1, 21, 3),
             'left_hand_pose': torch.zeros(1, 15, 3), 'betas': torch.zeros(1, 10),
             'transl': torch.zeros(1, 3)}
    given = {name: value.requires_grad_() for name, value in given.items()}
    output = body.layer(**given)
    target = torch.randn(output.vertices.shape, generator=torch.Generator().manual_seed(1))
    (output.vertices * target).sum().backward()
    for name, value in given.items():
        assert value.grad.isfinite().all() and value.grad.abs().max() > 0, name


def test_kinematics_give_the_models_joints_and_tips(body):
    axis_angles = _random_poses(1, 0.4, seed=11)
    estimate = _estimate(axis_angles, seed=4)
    estimate.expression[:] = 0
    output = body.layer(**_as_batch(estimate))
    table, betas = body.kinematics, estimate.betas.astype(np.float64)
    rest = torch.from_numpy(table.rest_joints + table.rest_joints_betas @ betas)
    places, turns = forward_kinematics(roma.rotvec_to_rotmat(torch.from_numpy(axis_angles[0])), rest,
                                       rest[0] + torch.from_numpy(estimate.transl).double())
    torch.testing.assert_close(places.float(), output.joints[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(turns.float(), output.joint_rotations[0], atol=1e-5, rtol=0)
    last = list(table.tip_joints)
    bones = torch.from_numpy(table.rest_tips + table.rest_tips_betas @ betas) - rest[last]
    tips = places[last] + (turns[last] @ bones[..., None])[..., 0]
    hands = [body.layer.hand_keypoints(side, output.joints, output.joint_rotations,
                                       torch.from_numpy(estimate.betas)[None])[0]
             for side in SIDES]
    keypoints = torch.cat([hand[list(skeleton.FINGERTIP_KEYPOINTS)] for hand in hands])
    torch.testing.assert_close(tips.float(), keypoints, atol=1e-5, rtol=0)
    skin = output.vertices[0, np.concatenate([body.fingertips[side] for side in SIDES])]
    assert (skin - keypoints).norm(dim=1).max() < 1e-4    # the tips' skin is the last joint's alone


# The file


def test_the_smplx_library_reads_the_file_by_itself(body):
    path = open_body.BUNDLED
    with contextlib.redirect_stdout(io.StringIO()):       # it says that there are ten components only
        theirs = smplx.SMPLX(str(path), use_pca=False, flat_hand_mean=True, num_betas=10,
                             num_expression_coeffs=10)
    estimate = _as_batch(_estimate(_random_poses(1, 0.4, seed=2)))
    estimate['global_orient'] = estimate['global_orient'].reshape(1, 3)
    flat = {name: value.reshape(1, -1) for name, value in estimate.items()}
    output = theirs(**flat)
    ours = body.layer(**estimate)
    torch.testing.assert_close(output.vertices, ours.vertices, atol=1e-6, rtol=0)
    torch.testing.assert_close(output.joints[:, :55], ours.joints, atol=1e-6, rtol=0)


def test_what_is_shipped_is_what_is_made_of_anny():
    """A change of what is made has to be followed by scripts/make_open_body.py."""
    made, shipped = open_body_builder.build_open_body(), open_body.load_arrays()
    assert set(made) == set(shipped)
    for key, values in shipped.items():
        assert values.dtype == made[key].dtype, key
        np.testing.assert_allclose(made[key], values, atol=1e-4, err_msg=key)


@pytest.mark.parametrize('damage', [
    lambda content: b'', lambda content: b'no archive at all', lambda content: content[:200_000],
    lambda content: content[:700_000] + bytes([content[700_000] ^ 0x10]) + content[700_001:]])
def test_a_damaged_file_is_one_clear_line(tmp_path, damage):
    path = tmp_path / 'open_body.npz'
    path.write_bytes(damage(open_body.BUNDLED.read_bytes()))
    with pytest.raises(open_body.OpenBodyUnavailable, match=r'npz cannot be read .*; install hand4whole_ros'):
        open_body.load_arrays(path)


def test_no_file_is_one_clear_line(tmp_path):
    with pytest.raises(open_body.OpenBodyUnavailable, match='none.npz cannot be read'):
        open_body.load_arrays(tmp_path / 'none.npz')


def test_no_anny_is_one_clear_line(monkeypatch):
    for module in [name for name in sys.modules if name.partition('.')[0] == 'anny'] + ['anny']:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingLibrary, match=r'the extra synthetic: anny.* is not installed; run: pip install anny=='):
        open_body_builder.build_open_body()


def test_skin_points_lie_where_their_names_say(body):
    arrays = open_body.load_arrays()
    at = dict(zip(open_body.SKIN_NAMES, arrays[open_body.SKIN_KEY]))
    where = {name: arrays['v_template'][vertex] for name, vertex in at.items()}
    joints = body.kinematics.rest_joints
    for side, sign in (('left', 1), ('right', -1)):
        eye, ankle = joints[skeleton.JOINT[f'{side}_eye']], joints[skeleton.JOINT[f'{side}_ankle']]
        assert np.linalg.norm(where[f'{side}_eye'] - eye) < 0.03
        ear, heel = where[f'{side}_ear'], where[f'{side}_heel']
        assert 0.07 < sign * ear[0] < 0.1 and abs(ear[1] - eye[1]) < 0.05
        assert heel[2] < ankle[2] < where[f'{side}_small_toe'][2] < where[f'{side}_big_toe'][2]
        assert sign * where[f'{side}_small_toe'][0] > sign * where[f'{side}_big_toe'][0]
        assert heel[1] < ankle[1]
    assert where['nose'][2] > where['left_eye'][2] and where['nose'][1] < where['left_eye'][1]
    mirrored = [at[skeleton.mirror_joint_name(name)] for name in open_body.SKIN_NAMES]
    np.testing.assert_allclose(arrays['v_template'][mirrored] * (-1, 1, 1), list(where.values()), atol=1e-6)


def test_the_layer_of_the_library_is_made_when_it_is_asked_for(published_body):
    """Nodes pose by numpy alone, the open body and licensed files."""
    for body in (BodyModel.load(), BodyModel('smplx', published_body.arrays, published_body.fingertips)):
        estimate = _estimate(_random_poses(1, 0.3, 0))
        fast = body.vertices(estimate)
        body.skeleton(np.zeros((55, 3)), np.zeros(10))
        assert 'layer' not in vars(body)
        assert torch.equal(body.layer.smplx.v_template, torch.from_numpy(body.v_template))
        np.testing.assert_allclose(fast, body.layer(**_as_batch(estimate)).vertices[0], atol=1e-5)


def test_zeros_for_pose_offsets_take_no_memory_and_change_nothing(body):
    """The open body has none. A copy with the zeros written out, as the library has them, is the measure."""
    offsets = body.layer.smplx.posedirs
    assert offsets.shape == (486, 3 * body.num_vertices) and offsets.untyped_storage().nbytes() == 4
    written_out = copy.deepcopy(body.layer.smplx)
    written_out.posedirs = torch.zeros(offsets.shape)
    turns = 0.3 * torch.randn(2, 63, generator=torch.Generator().manual_seed(0))
    pose = {'body_pose': turns, 'betas': torch.ones(2, 10)}
    parts = {'global_orient': 3, 'jaw_pose': 3, 'leye_pose': 3, 'reye_pose': 3, 'left_hand_pose': 45,
             'right_hand_pose': 45, 'expression': 10, 'transl': 3}
    pose |= {name: torch.zeros(2, size) for name, size in parts.items()}
    expected = written_out(**pose).vertices
    for model in (body.layer.smplx, copy.deepcopy(body.layer.smplx), pickle.loads(pickle.dumps(body.layer.smplx))):
        assert torch.equal(model(**pose).vertices, expected) and type(model(**pose).vertices) is torch.Tensor
    for other in (offsets.clone(), offsets.data.clone(), torch.clone(offsets), offsets.to(torch.float64),
                  offsets.bfloat16()):
        assert other.shape == offsets.shape and other.untyped_storage().nbytes() <= 8 and not other[5, 7]
    double = copy.deepcopy(body.layer.smplx).double()
    torch.testing.assert_close(double(**{k: v.double() for k, v in pose.items()}).vertices.float(), expected)
