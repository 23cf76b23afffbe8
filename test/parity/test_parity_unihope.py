"""UniHOPE gives the numbers measured on its authors' code."""

import json
from dataclasses import replace

import numpy as np
import pytest
import roma
import torch
from locations import DATA

from hand4whole_ros import skeleton
from hand4whole_ros.body.mano import Mano
from hand4whole_ros.geometry.rotations import rotation_from_6d_columns
from hand4whole_ros.networks.unihope import TIP_VERTICES, UNIHOPE, UNIHOPE_HO3D, UNIHOPE_TINY, UniHOPE, crop_region
from parity import deterministic as D
from parity import fixtures, weights2

KEYS = json.loads((DATA / 'parity/keys_unihope.json').read_text())


@pytest.fixture(autouse=True)
def _no_gradients():
    assert D.selfcheck(), 'this numpy draws another stream of random numbers than the fixtures were made with'
    with torch.no_grad():
        yield


@pytest.fixture(scope='module')
def mano(published_folder):
    return Mano.load(published_folder / 'mano/MANO_RIGHT.npz')


def make(config, mano):
    """The network with weights that anyone can generate from names."""
    network = UniHOPE(config, mano)
    weights2.fill(network)
    return network.eval()


@pytest.fixture(scope='module')
def full(mano):
    return make(UNIHOPE, mano)


@pytest.fixture(scope='module')
def tiny(mano):
    return make(UNIHOPE_TINY, mano)


@pytest.fixture(scope='module')
def image():
    return D.image('unihope.img', 128, 128, batch=2)


def boxes_of(fixture, object_key='bbox_obj'):
    return torch.from_numpy(fixture['bbox_hand']), torch.from_numpy(fixture[object_key])


def test_rotations_and_mano(mano):
    f = fixtures.load('uni_functions')
    rotations = rotation_from_6d_columns(torch.from_numpy(f['d6']))
    fixtures.check(f, 'd6_mat', rotations, 1e-5)
    torch.testing.assert_close(roma.rotvec_to_rotmat(torch.from_numpy(f['axis_angle'])), rotations, rtol=0, atol=1e-5)
    pose = roma.rotvec_to_rotmat(torch.from_numpy(f['pose']).view(-1, 16, 3))
    mesh = mano(pose[:, :1], pose[:, 1:], torch.from_numpy(f['betas']))
    fixtures.check(f, 'verts_mm', 1000 * mesh.vertices, 1e-5)
    keypoints = mesh.keypoints.clone()
    keypoints[:, list(skeleton.FINGERTIP_KEYPOINTS)] = mesh.vertices[:, list(TIP_VERTICES)]
    fixtures.check(f, 'joints_mm', 1000 * keypoints, 1e-5)


@pytest.mark.parametrize('config, changed', [(UNIHOPE, {'changed_or_new': {}, 'absent': []}),
                                             (UNIHOPE_HO3D, KEYS['_ho3d_differences'])])
def test_names_and_shapes_are_the_published_ones(config, changed):
    with torch.device('meta'):
        network = UniHOPE(config, torch.nn.Identity())
    published = {name: shape for component, names in KEYS.items() if not component.startswith('_')
                 for name, shape in names.items()}
    published.update(changed['changed_or_new'])
    unused = ('fpn_feature_mapper', 'hand_feature_mapper', 'mano_feature_mapper')
    published = {name: shape for name, shape in published.items() if name not in (*KEYS['_not_weights'],
                 *changed['absent']) and not name.startswith(unused)}
    assert {name: list(value.shape) for name, value in network.state_dict().items()} == published


@pytest.mark.parity_full
def test_pyramid_and_switches(full, image):
    f = fixtures.load('uni_backbone')
    net, found = full.base_net, {}
    found['c1'] = net.layer0_h(image)
    found['c2'] = net.layer1_h(found['c1'])
    for stream, last in (('h', 'c5'), ('o', 'c5_o')):
        found[f'c3_{stream}'] = getattr(net, f'layer2_{stream}')(found['c2'])
        found[f'c4_{stream}'] = getattr(net, f'layer3_{stream}')(found[f'c3_{stream}'])
        found[last] = net.layer4_h(found[f'c4_{stream}'])
    found['P2_h'], found['P2_o'] = pyramid = net(image)
    found['pred_obj_conf'] = full.obj_conf_layer(pyramid.object)
    found['pred_hand_occ'] = full.occ_cls_layer(pyramid.hand)
    assert {*found, 'bbox_hand', 'bbox_obj'} == set(f.names())
    for key, value in found.items():
        fixtures.check(f, key, value, 1e-5)


@pytest.mark.parity_full
def test_every_stage_behind_the_pyramid(full, image):
    f = fixtures.load('uni_heads')
    found = {}

    def keep(name, module, part=lambda given, out: out):
        return module.register_forward_hook(
            lambda module, given, out: found.update({name: part(given, out)}))

    handles = [keep('hand_obj_in', full.transformer_hand, lambda given, out: given[0]),
               keep('hand_obj_out', full.transformer_hand), keep('obj_roi', full.transformer_obj, lambda g, o: g[0]),
               keep('inter_roi', full.transformer_obj, lambda given, out: given[1]),
               keep('obj_attended', full.transformer_obj), keep('obj_head_out', full.obj_head.out_conv),
               keep('hourglass', full.hand_head.hg[0]), keep('hand_encoding', full.hand_head.fc[0]),
               keep('hand_latents', full.hand_head.score[0]),
               keep('hand_heatmaps', full.hand_head, lambda given, out: out[1]),
               keep('mano_encoding', full.hand_encoder), keep('mano_features', full.mano_branch.mano_base_layer),
               keep('pose6d', full.mano_branch.pose_reg), keep('betas', full.mano_branch.shape_reg)]
    try:
        output = full(image, *boxes_of(f))
    finally:
        for handle in handles:
            handle.remove()
    found['rotmat'] = torch.cat(output.pose[:2], dim=1)
    found['pose_aa'] = roma.rotmat_to_rotvec(found['rotmat']).flatten(1)
    assert {*found, 'bbox_hand', 'bbox_obj'} == set(f.names())
    for key, value in found.items():
        fixtures.check(f, key, value, 5e-5 if key in ('rotmat', 'pose_aa') else 2e-5)


CASES = ('natural', 'no_grasp', 'grasp_occluded', 'grasp_visible', 'mixed', 'no_overlap')


def check_case(f, network, image, case):
    change = f.meta['cases'][case]
    biases = {'grasp': network.obj_conf_layer[-1].bias, 'occ': network.occ_cls_layer[-1].bias}
    for name, bias in biases.items():
        bias += torch.tensor(change.get(name, [0., 0.]))
    found = {}
    handles = [network.transformer_hand.register_forward_hook(
                   lambda module, given, out: found.update(second_half=given[0][:, 256:])),
               network.transformer_obj.register_forward_hook(
                   lambda module, given, out: found.update(obj_attended=out))]
    try:
        output = network(image, *boxes_of(f, change.get('obj', 'bbox_obj')))
    finally:
        for name, bias in biases.items():
            bias -= torch.tensor(change.get(name, [0., 0.]))
        for handle in handles:
            handle.remove()
    found.update({
        'preds_joints2d': output.keypoints_2d, 'preds_obj_0': output.votes.x, 'preds_obj_1': output.votes.y,
        'preds_obj_2': output.votes.confidence, 'pred_obj_conf': output.grasp_logits,
        'pred_hand_occ': output.occlusion_logits, 'pred_grasping': output.grasping.float(),
        'rotmat': torch.cat(output.pose[:2], dim=1), 'betas': output.pose.betas})
    for key, value in found.items():
        fixtures.check(f, f'{case}.{key}', value, 5e-5 if key == 'rotmat' else 2e-5)
    for key, value in (('pred_verts3d_cam', output.vertices), ('pred_joints3d_cam', output.keypoints)):
        assert fixtures.diff(f, f'{case}.{key}', value)[0] < 2e-6    # metres


@pytest.mark.parity_full
@pytest.mark.parametrize('case', CASES)
def test_end_to_end(full, image, case):
    check_case(fixtures.load('uni_end_to_end'), full, image, case)


def test_end_to_end_with_the_merged_switch(mano, image):
    """Two linear layers without an activation between are one: the whole network without half of its weights."""
    f = fixtures.load('uni_end_to_end')
    network = UniHOPE(replace(UNIHOPE, switch_dim=None), mano)
    weights2.fill(network)
    rows = {name: torch.from_numpy(weights2.value(name, tuple(shape)))
            for name, shape in KEYS['obj_conf_layer'].items()}
    first, second = ({kind: rows[f'obj_conf_layer.{k}.{kind}'] for kind in ('weight', 'bias')} for k in (2, 3))
    merged = network.obj_conf_layer[-1]
    merged.weight.copy_(second['weight'] @ first['weight'])
    merged.bias.copy_(second['weight'] @ first['bias'] + second['bias'])
    for case in ('natural', 'mixed'):
        check_case(f, network.eval(), image, case)


def scene(people):
    boxes = torch.tensor([[20., 30, 80, 90], [40., 20, 110, 100], [10., 10, 70, 60], [30., 30, 90, 90]])[:people]
    return D.image('scene', 128, 128, batch=people), boxes, boxes.flip(0) + 5


@pytest.mark.parametrize('people', [1, 3, 4])
def test_hands_of_a_batch_are_each_what_they_are_alone(tiny, people):
    image, hands, objects = scene(people)
    together = tiny(image, hands, objects)
    for k in range(people):
        alone = tiny(image[k:k + 1], hands[k:k + 1], objects[k:k + 1])
        for one, many in ((alone.vertices, together.vertices), (alone.votes.x, together.votes.x),
                          (alone.grasp_logits, together.grasp_logits)):
            torch.testing.assert_close(many[k:k + 1], one, rtol=1e-4, atol=1e-5)


def test_an_object_changes_the_hand_where_it_is_grasped_and_the_hand_is_visible_alone(tiny):
    image, hands, objects = scene(2)
    pyramid = tiny.base_net(image)
    yes, no = torch.tensor([[0., 5]]).expand(2, -1), torch.tensor([[5., 0]]).expand(2, -1)
    found = {name: tiny.fuse(pyramid, hands, objects, grasp=grasp, occlusion=occluded)[0] for name, grasp, occluded in (
        ('open', no, no), ('hidden', yes, yes), ('held', yes, no))}
    assert torch.equal(found['open'], found['hidden'])
    assert not torch.allclose(found['open'], found['held'], atol=1e-3)
    far = torch.tensor([[100., 100, 120, 120], [0., 0, 5, 5]])
    tokens = []
    handle = tiny.transformer_obj.register_forward_pre_hook(lambda module, given: tokens.append(given[1]))
    tiny.fuse(pyramid, hands, far, grasp=yes, occlusion=no)
    handle.remove()
    assert not tokens[0].any()
    torch.testing.assert_close(crop_region(pyramid.hand, hands).shape, torch.Size([2, 16, 32, 32]))


def test_the_features_of_a_training_are_those_of_the_forward(tiny):
    image, hands, objects = scene(2)
    output, features = tiny.forward_with_features(image, hands, objects)
    assert torch.equal(output.vertices, tiny(image, hands, objects).vertices)
    assert torch.equal(features.region, crop_region(tiny.base_net(image).hand, hands))
    assert torch.equal(tiny.mano_branch(features.mano).hand_pose, output.pose.hand_pose)


def test_smaller_regions_and_the_finger_tips_of_another_hand(mano):
    network = UniHOPE(replace(UNIHOPE_TINY, roi_size=16), mano, tips=None).eval()
    output, features = network.forward_with_features(*scene(2))
    assert output.votes.x.shape == (2, 16, 16, 21) and features.mano.shape == (2, 16)
    assert torch.equal(output.keypoints, mano(*output.pose).keypoints)
    assert not torch.equal(output.keypoints, UniHOPE(UNIHOPE_TINY, mano).eval()(*scene(2)).keypoints)


def test_gradients_reach_every_parameter_of_the_parts_that_are_used(mano):
    network = make(UNIHOPE_TINY, mano)
    network.obj_conf_layer[-1].bias += torch.tensor([0., 10])
    network.occ_cls_layer[-1].bias += torch.tensor([10., 0])
    with torch.enable_grad():
        output = network(*scene(2))
        (output.vertices.square().sum() + output.keypoints_2d.sum() + sum(v.square().sum() for v in output.votes)
         + output.grasp_logits.sum() + output.occlusion_logits.sum()).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.any() or 'transformer_hand' in name or 'encode_key.bias' in name, name


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision(mano, tiny, dtype):
    exact = tiny(*scene(2))
    found = make(UNIHOPE_TINY, mano).to_precision(dtype)(*scene(2))
    assert found.vertices.dtype == torch.float32
    assert (exact.vertices - found.vertices).norm(dim=-1).mean() < 0.02
    np.testing.assert_allclose(found.grasp_probability, exact.grasp_probability, atol=0.1)
