"""The body expert and the face give the numbers measured on the authors' code."""

import json

import pytest
import roma
import torch
from locations import DATA

from hand4whole_ros.networks import face, smpler_x, vit
from parity import deterministic as D
from parity import fixtures

KEYS = DATA / 'parity' / 'keys.json'


@pytest.fixture(autouse=True)
def _no_gradients():
    assert D.selfcheck(), 'this numpy draws another stream of random numbers than the fixtures were made with'
    with torch.no_grad():
        yield


def filled(module, prefix, std=D.STD):
    D.fill(module, std=std, prefix=prefix)
    return module.eval()


@pytest.mark.parametrize('name, config', [
    ('small', smpler_x.SMPLER_X_TINY),
    pytest.param('full', smpler_x.SMPLER_X_L, marks=pytest.mark.parity_full)])
def test_encoder(name, config):
    fixture = fixtures.load(f'body_encoder_{name}')
    encoder = filled(smpler_x.BodyEncoder(config), 'encoder.', fixture.meta['std'])
    picture = D.image('body_encoder.img', 256, 192, batch=2)
    cond = [D.tensor(f'body_encoder.{name}.cond.{i}', (2, config.vit.embed_dim, 16, 12), scale=0.5)
            for i in range(config.vit.depth)]

    feature, tokens = encoder(picture)
    fixtures.check(fixture, 'img_feat', feature, 1e-5)
    fixtures.check(fixture, 'task_tokens', tokens, 1e-5)

    feature, tokens = encoder(picture, cond)
    fixtures.check(fixture, 'img_feat_cond', feature, 1e-5)
    fixtures.check(fixture, 'task_tokens_cond', tokens, 1e-5)


def test_zero_condition_changes_nothing():
    encoder = filled(smpler_x.BodyEncoder(smpler_x.SMPLER_X_TINY), 'encoder.', 0.12)
    picture = D.image('body_encoder.img', 256, 192, batch=2)
    without = encoder(picture)
    for cond in (torch.zeros(3, 2, 64, 16, 12), [None, torch.zeros(2, 64, 16, 12), None]):
        for expected, found in zip(without, encoder(picture, cond)):
            assert torch.equal(expected, found)


def test_gradients_reach_every_condition_through_a_frozen_encoder():
    encoder = filled(smpler_x.BodyEncoder(smpler_x.SMPLER_X_TINY), 'encoder.', 0.12).requires_grad_(False)
    with torch.enable_grad():
        cond = torch.zeros(3, 1, 64, 16, 12, requires_grad=True)
        feature, tokens = encoder(D.image('body_encoder.img', 256, 192), cond)
        (feature.square().mean() + tokens.square().mean()).backward()
    assert torch.isfinite(cond.grad).all()
    assert (cond.grad.abs().amax((1, 2, 3, 4)) > 0).all()


def test_encoder_refuses_what_does_not_fit():
    encoder = smpler_x.BodyEncoder(smpler_x.SMPLER_X_TINY)
    with pytest.raises(ValueError, match=r'\(256, 192\).*found \(192, 256\)'):
        encoder(torch.zeros(1, 3, 192, 256))
    with pytest.raises(ValueError, match='3 blocks take as many conditions, found 2'):
        encoder(torch.zeros(1, 3, 256, 192), torch.zeros(2, 1, 64, 16, 12))


def test_body_heads():
    fixture = fixtures.load('heads')
    position_net = filled(smpler_x.BodyPositionNet(smpler_x.SMPLER_X_L), 'body_position_net.')
    regressor = filled(smpler_x.BodyRegressor(smpler_x.SMPLER_X_L), 'body_regressor.')

    keypoints = position_net(D.tensor('heads.img_feat', (2, 1024, 16, 12)))
    pose = regressor(D.tensor('heads.task_tokens', (2, 31, 1024)), keypoints)

    fixtures.check(fixture, 'kpt_img', keypoints, 1e-5)
    fixtures.check(fixture, 'root_mat', pose.global_orient, 1e-5)
    fixtures.check(fixture, 'body_mat', pose.body_pose, 1e-5)
    fixtures.check(fixture, 'root_pose', roma.rotmat_to_rotvec(pose.global_orient), 1e-5)
    fixtures.check(fixture, 'body_pose', roma.rotmat_to_rotvec(pose.body_pose).flatten(1), 1e-5)
    fixtures.check(fixture, 'shape', pose.betas, 1e-5)
    fixtures.check(fixture, 'cam_trans', pose.transl, 1e-5)


def test_three_people_are_each_what_they_are_alone():
    # The authors' code crosses three rotations along the wrong axis.
    regressor = filled(smpler_x.BodyRegressor(smpler_x.SMPLER_X_L), 'body_regressor.')
    tokens = D.tensor('three.task_tokens', (3, 31, 1024))
    keypoints = D.tensor('three.keypoints', (3, 25, 3), 'uniform', 0, 11)
    together = regressor(tokens, keypoints)
    for i in range(3):
        alone = regressor(tokens[i:i + 1], keypoints[i:i + 1])
        for one, many in zip(alone, together):
            torch.testing.assert_close(many[i:i + 1], one, rtol=1e-5, atol=1e-5)


def test_face():
    fixture = fixtures.load('heads')
    roi_net = filled(face.FaceRoI(), 'face_roi_net.')
    regressor = filled(face.FaceRegressor(), 'face_regressor.')
    patches = D.image('heads.img', 512, 384, batch=2)
    found = face.face_box(torch.from_numpy(fixture['kpt_img']))

    fixtures.check(fixture, 'face_bbox', found, 1e-5)
    for suffix, boxes in (('', found), ('2', torch.from_numpy(fixture['face_bbox2']))):
        feature = roi_net(patches, boxes)
        pose = regressor(feature)
        fixtures.check(fixture, f'face_img{suffix}', face.face_crop(patches, boxes), 1e-5)
        fixtures.check(fixture, f'face_feat{suffix}', feature, 1e-5)
        fixtures.check(fixture, f'expr{suffix}', pose.expression, 1e-5)
        fixtures.check(fixture, f'jaw_pose{suffix}', roma.rotmat_to_rotvec(pose.jaw_pose), 1e-5)


def test_names_and_shapes_are_the_published_ones():
    published = json.loads(KEYS.read_text())['hand4whole_pp']
    config = smpler_x.SMPLER_X_L
    with torch.device('meta'):
        modules = {'encoder': smpler_x.BodyEncoder(config),
                   'body_position_net': smpler_x.BodyPositionNet(config),
                   'body_regressor': smpler_x.BodyRegressor(config),
                   'face_roi_net': face.FaceRoI(),
                   'face_regressor': face.FaceRegressor()}
    for component, module in modules.items():
        ours = {f'module.{component}.{key}': list(value.shape) for key, value in module.state_dict().items()}
        assert ours == published[component]


@pytest.mark.parametrize('dtype, tolerance', [
    (torch.float64, 1e-5), (torch.float16, 0.02), (torch.bfloat16, 0.15)])
def test_any_floating_type(dtype, tolerance):
    encoder = filled(smpler_x.BodyEncoder(smpler_x.SMPLER_X_TINY), 'encoder.', 0.12)
    picture = D.image('body_encoder.img', 256, 192)
    expected, _ = encoder(picture)
    found, _ = encoder.to(dtype)(picture.to(dtype))
    assert found.dtype == dtype
    torch.testing.assert_close(found.float(), expected, rtol=0, atol=tolerance)


def test_grid_of_the_published_sizes():
    assert vit.VIT_L.grid == vit.VIT_H.grid == (16, 12)
