"""WiLoR and MANO against the authors' numbers."""

import json

import numpy as np
import pytest
import roma
import torch
from locations import DATA

from hand4whole_ros.body.mano import Mano, load_hands
from hand4whole_ros.body.npz_file import BodyModelError
from hand4whole_ros.networks.wilor import (
    WILOR,
    WILOR_TINY,
    HandPrediction,
    RefineNet,
    WiLoR,
    _lookup_pixels,
    _sample_feature,
    crop_translation,
    place_hands,
    prepare_crops,
    project_to_crop,
)
from parity import deterministic as D
from parity import fake_models, fixtures


@pytest.fixture(scope='module')
def mano(tmp_path_factory):
    """side -> Mano of the stand-in files."""
    folder = tmp_path_factory.mktemp('mano')
    right, left, _ = fake_models.mano_models()
    np.savez(folder / 'MANO_RIGHT.npz', **right)
    np.savez(folder / 'MANO_LEFT.npz', **left)
    return load_hands(folder / 'MANO_RIGHT.npz', folder / 'MANO_LEFT.npz')


@pytest.mark.parametrize('side', ['right', 'left'])
def test_mano(mano, side):
    f = fixtures.load('body_models')
    layer = mano[side]
    pose = D.tensor('h.pose', (3, 45), scale=0.35).view(3, 15, 3) + layer.hands_mean
    root = D.tensor('h.root', (3, 3), scale=0.35)[:, None]
    out = layer(roma.rotvec_to_rotmat(root), roma.rotvec_to_rotmat(pose), D.tensor('h.betas', (3, 10)))
    transl = D.tensor('h.transl', (3, 3))[:, None]
    fixtures.check(f, f'mano_{side}_vertices', out.vertices + transl, 1e-6)
    fixtures.check(f, f'mano_{side}_joints', out.joints + transl, 1e-6)


def _check_network(name, config, mano):
    f = fixtures.load(name)
    network = WiLoR(config, mano['right']).eval()
    D.fill(network, std=f.meta['std'])
    picture = D.image('wilor.img', 256, 256, batch=2)
    crops = prepare_crops(picture, torch.zeros(2, dtype=torch.bool))
    with torch.inference_mode():
        coarse, feature = network.backbone(crops[..., 32:-32])
        coarse_orient, coarse_pose = coarse.rotations()
        mesh = network.mano(coarse_orient, coarse_pose, coarse.betas)
        maps = network.refine_net.deconv(feature)
        sampled = network.refine_net.sample(feature, mesh.vertices, coarse.camera)
        hands = network(crops)
    found = {
        'img_feat': hands.feature, 'coarse_pose6d': coarse.pose_6d, 'coarse_betas': coarse.betas,
        'coarse_cam': coarse.camera, 'coarse_global_orient': coarse_orient, 'coarse_hand_pose': coarse_pose,
        'coarse_vertices': mesh.vertices, 'deconv0': maps[0], 'deconv1': maps[1], 'deconv2': maps[2],
        'refine_feats': sampled,
        'global_orient': hands.global_orient, 'hand_pose': hands.hand_pose, 'betas': hands.betas,
        'pred_cam': hands.camera, 'pred_cam_t': crop_translation(hands.camera),
        'pred_vertices': hands.vertices, 'pred_keypoints_3d': hands.keypoints,
        'pred_keypoints_2d': project_to_crop(hands.keypoints, hands.camera)}
    assert sorted(found) == f.names()
    for key, value in found.items():
        fixtures.check(f, key, value, 1e-5)


def test_small_network(mano):
    _check_network('wilor_small', WILOR_TINY, mano)


@pytest.mark.parity_full
def test_full_network(mano):
    _check_network('wilor_full', WILOR, mano)


def test_hands_in_the_body_picture(mano):
    f = fixtures.load('wilor_post')
    left = torch.arange(6) >= 3
    pictures = torch.cat([D.image('wp.rimg', 256, 256, batch=3), D.image('wp.limg', 256, 256, batch=3)])
    fixtures.check(f, 'net_input', prepare_crops(pictures, left), 1e-6)

    axis_angles = D.tensor('wp.aa', (6, 16, 3), scale=0.6)
    axis_angles[0, 0] = torch.tensor([2.2, -1.5, 0.9])
    axis_angles[4, 3] = torch.tensor([-1, 2.6, 1.2])
    rotations = roma.rotvec_to_rotmat(axis_angles)
    camera = D.tensor('wp.cam', (6, 3), scale=0.05) + torch.tensor([0.9, 0, 0])
    vertices = D.tensor('wp.vert', (6, 778, 3), scale=0.05)
    hands = HandPrediction(rotations[:, :1], rotations[:, 1:], D.tensor('wp.betas', (6, 10)), camera, vertices,
                           vertices[:, :21], D.tensor('wp.feat', (6, 32, 16, 12)))
    boxes = torch.from_numpy(np.concatenate([f['rhand_bbox'], f['lhand_bbox']]))
    placed = place_hands(hands, left, boxes)
    for side, rows in (('right', slice(0, 3)), ('left', slice(3, 6))):
        about_mean = placed.hand_pose[rows] - mano[side].hands_mean
        found = {'root_pose': placed.global_orient[rows], 'pose': about_mean.flatten(1),
                 'shape': placed.betas[rows], 'transl': placed.transl[rows], 'vert_cam': placed.vertices[rows],
                 'kpt_cam': mano['right'].regress_keypoints(placed.vertices[rows]),
                 'img_feat': placed.feature[rows]}
        for key, value in found.items():
            fixtures.check(f, f'{side[0]}hand_{key}', value, 1e-6)


def test_names_and_shapes_of_the_published_checkpoint(mano):
    path = DATA / 'parity' / 'keys.json'
    published = json.loads(path.read_text())['wilor_final_ckpt']
    with torch.device('meta'):
        network = WiLoR(WILOR, torch.nn.Identity())
    found = {key: list(value.shape) for key, value in network.state_dict().items()}
    assert found == {**published['backbone'], **published['refine_net']}
    assert not mano['right'].state_dict()


def test_no_hands_cost_nothing_and_break_nothing(mano):
    network = WiLoR(WILOR_TINY, mano['right']).eval()
    none = torch.zeros(0, dtype=torch.bool)
    hands = network(prepare_crops(torch.zeros(0, 3, 256, 256), none))
    assert place_hands(hands, none, torch.zeros(0, 4)).vertices.shape == (0, 778, 3)


def test_gradients_reach_both_stages(mano):
    network = WiLoR(WILOR_TINY, mano['right']).eval()
    D.fill(network, std=0.12)
    network(D.image('wilor.img', 256, 256)).vertices.square().sum().backward()
    assert network.backbone.decpose.weight.grad.abs().sum() > 0
    assert network.refine_net.dec_pose.weight.grad.abs().sum() > 0


@pytest.mark.parametrize('pixels', [0.1, 0.8, 1.2, 4.7, 30.0, float('nan')])
def test_refinement_makes_no_more_of_its_maps_than_is_looked_at(pixels):
    refine = RefineNet(WILOR_TINY).eval()
    D.fill(refine, std=0.12)
    feature = D.tensor('feature', (2, WILOR_TINY.vit.embed_dim, 16, 12))
    vertices, camera = D.tensor('vertices', (2, 30, 3), scale=0.1), torch.tensor([[1.0, 0, 0], [2.0, 0, -pixels]])
    made = []
    refine.deconv.register_forward_pre_hook(lambda module, given: made.append(given[0].shape[-2:]))
    with torch.no_grad():
        found = refine.sample(feature, vertices, camera)
        whole = refine.deconv(feature)
        places = [_lookup_pixels(vertices, camera, height=level.shape[-2], width=level.shape[-1], at_mesh=False)
                  for level in whole]
        wanted = torch.cat([_sample_feature(level, place).amax(-1) for level, place in zip(whole, places)], dim=1)
    torch.testing.assert_close(found, wanted, rtol=0, atol=2e-6, equal_nan=True)
    size = {0.1: 2, 0.8: 2, 1.2: 3, 4.7: 6}.get(pixels, 16)
    assert made[0] == (size, min(size, 12))


def test_a_file_that_is_no_mano(tmp_path):
    right, _, _ = fake_models.mano_models()
    path = tmp_path / 'MANO_RIGHT.npz'
    for change, word in (({'weights': right['weights'][:, :5]}, 'weights'), ({'v_template': right['v_template']
                                                                             * np.nan}, 'not finite')):
        np.savez(path, **{**right, **change})
        with pytest.raises(BodyModelError, match=word):
            Mano.load(path)
