"""Hand4Whole gives the numbers measured on its authors' code, for any number of people."""

import json

import pytest
import roma
import torch
from locations import DATA

from hand4whole_ros.geometry import crops
from hand4whole_ros.geometry.rotations import rotation_from_6d_rows
from hand4whole_ros.geometry.sampling import sample_bilinear
from hand4whole_ros.networks import pose2pose
from hand4whole_ros.networks.pose2pose import POSE2POSE, POSE2POSE_TINY, STRIDE, PartBoxes, Pose2Pose
from hand4whole_ros.networks.smpler_x import project_to_heatmap, soft_argmax, translation_from_camera
from parity import deterministic as D
from parity import fixtures, weights2

KEYS = DATA / 'parity/keys_pose2pose.json'
COMPONENTS = ('backbone', 'body_position_net', 'body_rotation_net', 'box_net', 'hand_roi_net', 'hand_position_net',
              'hand_rotation_net', 'face_roi_net', 'face_regressor')


@pytest.fixture(autouse=True)
def _no_gradients():
    assert D.selfcheck(), 'this numpy draws another stream of random numbers than the fixtures were made with'
    with torch.no_grad():
        yield


def make(config, published_body):
    """The network with weights that anyone can generate from names."""
    network = Pose2Pose(config, published_body.smplx(flat_hand_mean=False, use_face_contour=True))
    weights2.fill(network)
    return network.eval()


@pytest.fixture(scope='module')
def full(published_body):
    return make(POSE2POSE, published_body)


@pytest.fixture(scope='module')
def tiny(published_body):
    return make(POSE2POSE_TINY, published_body)


@pytest.fixture(scope='module')
def patches():
    return D.image('pose2pose.img', 512, 384, batch=2)


@pytest.fixture(scope='module')
def functions():
    return fixtures.load('p2p_functions')


def given(fixture, key):
    return torch.from_numpy(fixture[key])


def test_rotations_from_6d(functions):
    rotations = rotation_from_6d_rows(given(functions, 'd6'))
    fixtures.check(functions, 'd6_mat', rotations, 1e-5)
    # An axis and its opposite are the same half turn.
    again = roma.rotvec_to_rotmat(given(functions, 'axis_angle'))
    torch.testing.assert_close(rotations, again, rtol=0, atol=1e-5)


def test_sampling_and_soft_argmax(functions):
    feature = D.tensor('p2p.feat', (2, 5, 8, 6))
    fixtures.check(functions, 'sampled', sample_bilinear(feature, given(functions, 'xy')), 1e-5)
    flat = soft_argmax(D.tensor('p2p.hm2', (2, 3, 64, 48), scale=4).unsqueeze(2))[..., :2]
    fixtures.check(functions, 'softarg2', flat, 1e-5)
    fixtures.check(functions, 'softarg3', soft_argmax(D.tensor('p2p.hm3', (2, 5, 8, 8, 6), scale=4)), 1e-5)


def test_boxes_camera_and_face_crop(functions):
    centres, sizes = (given(functions, key).unsqueeze(1).expand(-1, 3, -1) for key in ('center', 'size'))
    boxes = pose2pose.part_boxes(centres, sizes)
    fixtures.check(functions, 'box_hand', boxes.left_hand, 1e-5)
    fixtures.check(functions, 'box_hand', boxes.right_hand, 1e-5)
    fixtures.check(functions, 'box_face', boxes.face, 1e-5)
    fixtures.check(functions, 'cam_trans', translation_from_camera(given(functions, 'cam_param')), 1e-5)
    face = PartBoxes(None, None, given(functions, 'face_box'))
    fixtures.check(functions, 'face_crop', pose2pose.crop_face(D.image('p2p.face', 512, 384, batch=2), face), 1e-5)


def test_person_boxes_and_patches():
    f = fixtures.load('p2p_preprocess')
    given_boxes = given(f, 'boxes')
    assert (given_boxes[:, :2] < 0).any() and (given_boxes[:, 0] + given_boxes[:, 2] > 640).any()
    boxes = pose2pose.clamped_person_box(given_boxes, (480, 640))
    fixtures.check(f, 'processed', boxes, 1e-5)
    fixtures.check(f, 'trans', crops.patch_affine(boxes), 1e-5)
    picture = torch.round(255 * D.image('unihope.picture', 480, 640)[0])
    found = crops.cut_patches(picture, boxes).permute(0, 2, 3, 1)
    assert fixtures.diff(f, 'patch', found)[0] < 0.02    # grey levels


def test_names_and_shapes_are_the_published_ones(published_body):
    published = json.loads(KEYS.read_text())
    with torch.device('meta'):
        network = Pose2Pose(POSE2POSE, torch.nn.Identity())
    ours = {f'module.{name}': list(value.shape) for name, value in network.state_dict().items()}
    assert ours == {name: shape for component in COMPONENTS for name, shape in published[component].items()}


def record(network, patches):
    """Everything that happens to the patches, by the fixtures' names."""
    found = {'body_img': pose2pose.subsample_body_image(patches)}

    def keep(module, name):
        return module.register_forward_hook(lambda module, given, out: found.update({name: out}))

    handles = [keep(getattr(network.backbone, f'layer{k}'), f'backbone_layer{k}') for k in (1, 2, 3, 4)] + [
        keep(network.body_position_net, 'body_joint_hm'), keep(network.box_net.deconv, 'box_deconv'),
        keep(network.box_net.bbox_center, 'box_center_hm'), keep(network.box_net, 'boxes'),
        keep(network.hand_roi_net.backbone, 'hand_feat'), keep(network.hand_position_net, 'hand_joint_hm'),
        keep(network.hand_rotation_net.hand_pose_out, 'hand_pose6d'),
        keep(network.body_rotation_net.root_pose_out, 'root_pose6d'),
        keep(network.body_rotation_net.body_pose_out, 'body_pose6d'),
        keep(network.body_rotation_net.cam_out, 'cam_param'), keep(network.face_roi_net.backbone, 'face_feat'),
        keep(network.face_regressor.jaw_pose_out, 'jaw6d'),
        network.hand_rotation_net.hand_pose_out.register_forward_pre_hook(
            lambda module, given: found.update(hand_rot_feat=given[0])),
        network.body_rotation_net.root_pose_out.register_forward_pre_hook(
            lambda module, given: found.update(body_rot_feat=given[0])),
        network.hand_roi_net.backbone.register_forward_pre_hook(lambda module, given: found.update(hand_img=given[0])),
        network.face_roi_net.backbone.register_forward_pre_hook(lambda module, given: found.update(face_img=given[0]))]
    try:
        output = network(patches)
    finally:
        for handle in handles:
            handle.remove()
    return found, output


def test_every_stage(full, patches):
    found, output = record(full, patches)
    centres, sizes = found.pop('boxes')
    for k, name in enumerate(('lhand', 'rhand', 'face')):
        found.update({f'{name}_center': centres[:, k], f'{name}_size': sizes[:, k]})
    hand_positions = pose2pose.expected_position(found['hand_joint_hm'])
    left, right = hand_positions.unflatten(0, (2, -1))[:, :, list(pose2pose.MCP_ROWS)]
    found.update(body_joint_img=output.body_positions, hand_joint_img=hand_positions,
                 lhand_box=output.boxes.left_hand, rhand_box=output.boxes.right_hand, face_box=output.boxes.face,
                 lhand_mcp=pose2pose.mirror_positions(left, 8), rhand_mcp=right, shape=output.body.betas,
                 expr=output.face.expression, lhand_feat_back=found['hand_feat'][:2].flip(-1))
    tolerances = {'p2p_body': 1e-5, 'p2p_box': 2e-4, 'p2p_hand': 3e-4, 'p2p_body_rotation': 3e-4}
    special = {'body_joint_hm': 5e-5, 'hand_img': 1e-3, 'face_img': 1e-3}
    for name, tolerance in tolerances.items():
        f = fixtures.load(name)
        assert set(f.names()) <= set(found)
        for key in f.names():
            fixtures.check(f, key, found[key], special.get(key, tolerance))


def test_end_to_end(full, patches):
    f = fixtures.load('p2p_end_to_end')
    output = full(patches)
    smplx = full.smplx_layer
    rotvec = roma.rotmat_to_rotvec
    hand_pose = {side: pose.flatten(1) - getattr(smplx, f'{side}_hand_mean')
                 for side, pose in output.hand_pose.items()}
    found = {
        'out_smplx_root_pose': rotvec(output.body.global_orient),
        'out_smplx_body_pose': rotvec(output.body.body_pose).flatten(1),
        'out_smplx_lhand_pose': hand_pose['left'], 'out_smplx_rhand_pose': hand_pose['right'],
        'out_smplx_jaw_pose': rotvec(output.face.jaw_pose), 'out_smplx_shape': output.body.betas,
        'out_smplx_expr': output.face.expression, 'out_cam_trans': output.body.transl,
        'out_smplx_joint_proj': project_to_heatmap(output.keypoints, STRIDE),
        'out_lhand_bbox': output.boxes.left_hand * 2, 'out_rhand_bbox': output.boxes.right_hand * 2,
        'out_face_bbox': output.boxes.face * 2, 'root_mat': output.body.global_orient,
        'body_mat': output.body.body_pose, 'jaw_mat': output.face.jaw_pose}
    for key, value in found.items():
        fixtures.check(f, key, value, 5e-5)
    assert fixtures.diff(f, 'out_smplx_mesh_cam', output.vertices)[0] < 1e-4    # metres
    mirror = torch.diag(torch.tensor([-1., 1, 1]))
    mean = smplx.left_hand_mean.view(15, 3)
    left = mirror @ roma.rotvec_to_rotmat(output.hand_pose['left'] - mean) @ mirror
    right = roma.rotvec_to_rotmat(output.hand_pose['right'] - smplx.right_hand_mean.view(15, 3))
    fixtures.check(f, 'hand_mat', torch.cat([left, right]), 5e-5)

    # The published code turns pixel indices back where distances from the edge are meant: its left hands are an
    # eighth of the box too far left.
    left = output.hand_positions['left'].clone()
    width = output.boxes.left_hand[:, 2] - output.boxes.left_hand[:, 0]
    left[..., 0] -= (255 / 32 - 7) * (width / STRIDE / 8)[:, None]
    fixtures.check(f, 'out_joint_img', torch.cat([output.body_positions, left, output.hand_positions['right']], dim=1),
                   5e-5)


def test_a_left_hand_is_reported_where_it_is_seen(tiny):
    """Hands of a symmetric picture are mirror images of each other, and so are the positions reported of them."""
    patches = D.image('symmetric', 512, 384)
    patches = torch.cat([patches[..., :192], patches[..., :192].flip(-1)], dim=-1)
    left = torch.tensor([[20., 60, 84, 124]])
    last = (384 - 1) / 2    # pixel centres are at integers: this is the mirror image of the body picture's zero
    right = torch.stack([last - left[:, 2], left[:, 1], last - left[:, 0], left[:, 3]], dim=-1)
    boxes = PartBoxes(left, right, left)
    hands = tiny.hands(patches, boxes)
    torch.testing.assert_close(hands.positions[0], hands.positions[1], rtol=0, atol=1e-3)
    found = pose2pose.hand_positions_in_body(hands, boxes)
    middle = (found['left'][..., 0] + found['right'][..., 0]) / 2
    # RoIAlign samples half a crop's pixel further right than a position says.
    torch.testing.assert_close(middle, torch.full_like(middle, last / 2 / STRIDE), rtol=0, atol=0.005)


@pytest.mark.parametrize('people', [1, 3, 4])
def test_people_of_a_batch_are_each_what_they_are_alone(tiny, people):
    # The authors' code crosses three rotations along the wrong axis.
    patches = D.image('people', 512, 384, batch=people)
    together = tiny(patches)
    for k in range(people):
        alone = tiny(patches[k:k + 1])
        for one, many in ((alone.vertices, together.vertices), (alone.keypoints, together.keypoints),
                          (alone.hand_pose['left'], together.hand_pose['left']),
                          (alone.body.body_pose, together.body.body_pose)):
            torch.testing.assert_close(many[k:k + 1], one, rtol=0, atol=1e-4)


def test_gradients_reach_every_parameter(published_body):
    network = make(POSE2POSE_TINY, published_body)
    with torch.enable_grad():
        output = network(D.image('people', 512, 384))
        centres, sizes = network.box_net(*box_inputs(network))
        loss = output.vertices.square().mean() + output.body_positions.square().mean() + sum(
            positions.square().mean() for positions in output.hand_positions.values()) + centres.sum() + sizes.sum()
        loss.backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
    touched = [name for name, parameter in network.named_parameters() if parameter.grad.any()]
    assert {name.split('.')[0] for name in touched} == set(COMPONENTS)


def box_inputs(network):
    feature = network.backbone(pose2pose.subsample_body_image(D.image('people', 512, 384)))
    return feature, network.body_position_net(feature)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision(published_body, tiny, dtype):
    patches = D.image('people', 512, 384)
    output = make(POSE2POSE_TINY, published_body).to_precision(dtype)(patches)
    assert output.vertices.dtype == torch.float32
    exact = tiny(patches)
    there, here = (value.vertices - value.joints[:, :1] for value in (exact, output))
    assert (there - here).norm(dim=-1).mean() < 0.05
