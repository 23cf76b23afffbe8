"""Crops of hand and object, votes and the poses solved from them: the authors' numbers, and what is promised beyond."""

import numpy as np
import pytest
from parity import deterministic as D
from parity import fixtures
from scipy.spatial.transform import Rotation

from hand4whole_ros.geometry.camera import Intrinsics
from hand4whole_ros.geometry.hand_object_crop import cut_crop, hand_object_crop, mirror_box
from hand4whole_ros.geometry.object_box import BOX_EDGES, BOX_POINTS, box_points
from hand4whole_ros.geometry.object_pose import Votes, fit_box, select_votes, solve_pose, votes_to_image


def tight(points):
    return np.concatenate([points.min(0), points.max(0)])


@pytest.mark.parametrize('around_both', [True, False], ids=['fuse', 'hand'])
@pytest.mark.parametrize('mirrored', [False, True], ids=['plain', 'flip'])
@pytest.mark.parametrize('scene', ['a', 'b'])
def test_crops(scene, mirrored, around_both):
    f = fixtures.load('uni_preprocess')
    picture = (255 * D.image('unihope.picture', 480, 640)[0]).round().numpy().transpose(1, 2, 0).astype(np.uint8)
    hand, object_ = tight(f[f'{scene}.joints_uv']), tight(f[f'{scene}.obj_p2d'])
    if mirrored:
        picture, hand, object_ = picture[:, ::-1], mirror_box(hand, 640), mirror_box(object_, 640)
    crop = hand_object_crop(hand, object_, around_both, (480, 640))
    key = f'{scene}.{"flip" if mirrored else "plain"}.{"fuse" if around_both else "hand"}'
    fixtures.check(f, f'{key}.affine', crop.affine, 1e-6)
    fixtures.check(f, f'{key}.K', crop.intrinsics(f['K']), 1e-6)
    for name, box in (('bbox_hand', crop.hand_box), ('bbox_obj', crop.object_box)):
        assert fixtures.diff(f, f'{key}.{name}', box)[0] < 1e-4     # pixels
    cut = cut_crop(picture, crop.affine).astype(np.float32).transpose(2, 0, 1) / 255
    assert fixtures.diff(f, f'{key}.img', cut)[0] == 0


def test_a_hand_outside_the_picture_is_named():
    with pytest.raises(ValueError, match=r'the hand .* is outside the picture of 640 x 480 pixels'):
        hand_object_crop(np.array([700., 10, 760, 60]), np.array([0., 0, 10, 10]), False, (480, 640))


def test_the_points_of_a_box():
    f = fixtures.load('uni_preprocess')
    cloud = D.tensor('unihope.cloud', (500, 3)).numpy() * np.float32([.03, .05, .02])
    np.testing.assert_allclose(box_points(cloud), f['box21'], atol=1e-7)


PNP = fixtures.load('uni_pnp')


def votes_of(key):
    case = PNP.meta['cases'][key]
    confidence = D.tensor(f'pnp.conf.{key}', (32, 32, 21), 'uniform', .02, .98).numpy().copy()
    confidence[..., case['low']] *= np.float32(.4)
    noise = np.float32(case['sigma']) * (np.float32(1.02) - confidence)
    x, y = (PNP[f'{key}.target'][:, axis] + noise * D.tensor(f'pnp.n{name}.{key}', (32, 32, 21)).numpy()
            for axis, name in enumerate('xy'))
    return votes_to_image(select_votes(x, y, confidence), PNP[f'{key}.bbox_obj'], PNP[f'{key}.affine'],
                      640 if case['flip'] else None)


@pytest.mark.parametrize('key', list(PNP.meta['cases']))
def test_votes_and_poses(key):
    votes, published = votes_of(key), PNP[f'{key}.rt']
    assert votes.pixels.shape == PNP[f'{key}.p2d'].shape
    if not len(votes.pixels):
        # The authors report a made-up pose there; here there is none.
        np.testing.assert_array_equal(published, np.eye(3, 4) + [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]])
        assert solve_pose(PNP['box21'], votes, PNP['K']) is None
        return
    assert np.abs(votes.pixels - PNP[f'{key}.p2d']).max() < 5e-4     # pixels
    stored = Votes(PNP[f'{key}.p2d'], votes.points, votes.confidence)
    same = solve_pose(PNP['box21'], stored, PNP['K'], published=True)
    np.testing.assert_allclose(np.column_stack([same.rotation, same.translation]), published, atol=1e-5)
    # All votes together come nearer to the truth than the published way.
    ours, truth = solve_pose(PNP['box21'], votes, PNP['K']), PNP[f'{key}.rt_true']
    errors = [(Rotation.from_matrix(rotation.T @ truth[:, :3]).magnitude(), np.linalg.norm(shift - truth[:, 3]))
              for rotation, shift in ((ours.rotation, ours.translation), (published[:, :3], published[:, 3]))]
    assert errors[0][0] < errors[1][0] and errors[0][1] < errors[1][1]
    assert errors[0][0] < np.radians(1) and errors[0][1] < 0.005


def test_votes_for_a_wrong_place_are_left_out():
    rng = np.random.default_rng(3)
    rotation, shift = Rotation.from_rotvec([0.4, -0.7, 0.2]).as_matrix(), np.array([0.05, -0.02, 0.6])
    points = box_points(BOX_POINTS[:8] * [.1, .06, .04] - [.05, .03, .02])
    camera = np.array([[600., 0, 320], [0, 600, 240], [0, 0, 1]])
    seen = (points @ rotation.T + shift) @ camera.T
    pixels = np.repeat(seen[:, :2] / seen[:, 2:], 5, axis=0) + rng.normal(0, 0.2, (105, 2))
    wrong = rng.choice(105, 20, replace=False)
    pixels[wrong] += rng.uniform(40, 80, (20, 2))
    pose = solve_pose(points, Votes(pixels, np.repeat(np.arange(21), 5), np.ones(105)), camera)
    assert Rotation.from_matrix(pose.rotation.T @ rotation).magnitude() < np.radians(0.5)
    assert np.linalg.norm(pose.translation - shift) < 0.003


@pytest.mark.parametrize('pixels', [np.zeros((12, 2)), np.full((12, 2), 1e30)])
def test_votes_that_make_no_pose(pixels):
    pose = solve_pose(box_points(BOX_POINTS[:8] * .1), Votes(pixels, np.arange(12), np.ones(12)), np.eye(3))
    assert pose is None or (np.isfinite(pose.rotation).all() and np.isfinite(pose.translation).all())


#: A camera whose lens bends what is near the border by some ten pixels.
CAMERA = Intrinsics(600., 590., 322., 238., 640, 480, (-0.2, 0.05, 0.001, -0.001, 0.0))
BOX = box_points(np.array([[-.02, .01, 0], [.08, .07, .04]]))


def placed_box(rotvec=(0.4, -0.7, 0.2), shift=(0.15, 0.1, 0.55)):
    rotation = Rotation.from_rotvec(rotvec).as_matrix()
    return rotation, np.array(shift), BOX @ rotation.T + shift


ALL_POINTS = np.arange(21)


def votes_for(pixels, points=ALL_POINTS, noise=0.0, each=5):
    rng = np.random.default_rng(5)
    pixels = np.repeat(pixels, each, axis=0)
    return Votes(pixels + rng.normal(0, noise, pixels.shape), np.repeat(points, each), np.full(len(pixels), 0.8))


def test_edges_join_corners_that_differ_in_one_coordinate():
    lengths = [np.ptp(BOX_POINTS[list(edge)], axis=0).sum() for edge in BOX_EDGES]
    assert len(set(BOX_EDGES)) == 12 and lengths == [1] * 12
    assert [sum(corner in edge for edge in BOX_EDGES) for corner in range(8)] == [3] * 8


@pytest.mark.parametrize('points', [np.arange(21), np.arange(8), np.array([0, 3, 9, 12, 16, 20])], ids=len)
def test_the_corners_of_a_known_box_give_its_pose_back_through_a_lens(points):
    rotation, shift, placed = placed_box()
    fit = fit_box(BOX, votes_for(CAMERA.project(placed)[points], points), CAMERA)
    np.testing.assert_allclose(fit.pose.rotation, rotation, atol=1e-5)
    np.testing.assert_allclose(fit.pose.translation, shift, atol=1e-5)
    assert fit.reprojection_error < 1e-2 and fit.confidence == pytest.approx(0.8)


def test_noise_and_a_point_that_is_wrong_are_borne_and_told():
    rotation, shift, placed = placed_box()
    pixels = CAMERA.project(placed)
    pixels[3] += (40, -25)
    fit = fit_box(BOX, votes_for(pixels, noise=0.5), CAMERA)
    assert Rotation.from_matrix(fit.pose.rotation.T @ rotation).magnitude() < np.radians(1.5)
    assert np.linalg.norm(fit.pose.translation - shift) < 0.006 and 0.05 < fit.reprojection_error < 1


def test_votes_that_agree_on_no_box_give_none():
    rng = np.random.default_rng(2)
    for _ in range(100):
        assert fit_box(BOX, votes_for(rng.uniform(200, 300, (21, 2)), noise=3), CAMERA) is None
    pixels = CAMERA.project(placed_box()[2])
    assert fit_box(BOX, votes_for(pixels[:5], np.arange(5), each=10), CAMERA) is None    # fifty votes, five points
    wrong = pixels.copy()
    wrong[:8] += rng.uniform(60, 120, (8, 2)) * rng.choice([-1, 1], (8, 2))
    assert fit_box(BOX, votes_for(wrong), CAMERA) is None
    assert fit_box(BOX, votes_for(np.full((21, 2), np.nan)), CAMERA) is None
    assert fit_box(BOX, votes_for(np.full((21, 2), 100.0)), CAMERA) is None


def test_a_box_that_reaches_behind_the_camera_is_none():
    _, _, placed = placed_box(shift=(0.0, -0.02, 0.06))
    assert 0 < placed[:, 2].min() < 0.05
    camera = Intrinsics.from_focal(640, 480, 300.)
    assert fit_box(BOX, votes_for(camera.project(placed)), camera) is None
