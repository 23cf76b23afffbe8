"""UniHOPE as an estimator: hands alone, whether they grasp, with small weights made from names."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from mirrored_hands import check_mirrored
from scipy.spatial.transform import Rotation
from test_estimator_wilor import SIZE, Given, camera, mirrored

from hand4whole_ros import estimators
from hand4whole_ros.apps.estimate.estimate_json import loose_hand_to_json
from hand4whole_ros.body.mano import Mano
from hand4whole_ros.checkpoints.files import MANO_RIGHT
from hand4whole_ros.checkpoints.store import Store
from hand4whole_ros.checkpoints.unihope import load_random_unihope
from hand4whole_ros.detection.hand_detectors import HandBox
from hand4whole_ros.estimate import NO_BOX
from hand4whole_ros.estimators import EstimatorConfig, EstimatorUnavailable
from hand4whole_ros.estimators.object_model import load_object_box
from hand4whole_ros.geometry.keypoint_agreement import measure_agreement
from hand4whole_ros.geometry.object_box import box_points
from hand4whole_ros.networks.unihope import UNIHOPE_TINY

pytest.importorskip('ai_edge_litert')

#: Sums of corners are even: a box's centre is truncated to an integer, and its mirror image's, too.
TIGHT = np.array([100.0, 80, 181, 190])


@pytest.fixture(scope='module')
def config(published_folder):
    return EstimatorConfig('unihope', device='cpu', weights_folder=published_folder, weights='random-tiny',
                           precision='fp32', static_images=True)


@pytest.fixture(scope='module')
def image():
    # Blocks: a crop takes the nearest pixels, and rounds both ways in a mirror image.
    small = np.random.default_rng(1).integers(0, 255, (SIZE // 32, SIZE // 32, 3), np.uint8)
    return small.repeat(32, 0).repeat(32, 1)


def box(side, tight=TIGHT, confidence=0.8):
    points = np.linspace(tight[:2], tight[2:], 21)
    return HandBox(side, 0.9, confidence, np.asarray(tight), points, 3)


def seen(estimator, monkeypatch, image, *hands, grasp=None):
    """The hands, and the boxes and the grasp switch's logits of each pass; grasp: whether hands do, None: as it is."""
    passes = []

    def record(module, given, result):
        if grasp is not None:
            logits = result.grasp_logits.new_tensor([[0.0, 9.0] if grasp else [9.0, 0.0]]).expand(len(given[0]), -1)
            result = replace(result, grasp_logits=logits)
        passes.append((given, result))
        return result
    monkeypatch.setattr(estimator, '_detector', Given(*hands))
    handle = estimator.network.register_forward_hook(record)
    assert estimator.estimate(image, camera()) == []
    handle.remove()
    return estimator.loose_hands, passes


def test_a_hand_is_seen_once_and_one_that_grasps_again_with_its_object(estimator, monkeypatch, image):
    (empty,), passes = seen(estimator, monkeypatch, image, box('right'), grasp=False)
    assert len(passes) == 1 and empty.grasp_probability < 0.01 and empty.rejection_reason() == ''
    agreement = measure_agreement(empty.keypoints_2d, empty.keypoints_3d, camera())
    assert empty.agreement == pytest.approx(agreement, abs=1e-4)
    (picture, hand, _), _ = passes[0]
    assert picture.shape == (1, 3, 128, 128) and 0 <= picture.min() and picture.max() <= 1
    side = (hand[0, 2:] - hand[0, :2]).numpy()
    np.testing.assert_allclose(side, [81 * 1.1 * 128 / 165, 110 * 1.1 * 128 / 165], rtol=0.01)     # 1.5 times the hand
    (grasping,), passes = seen(estimator, monkeypatch, image, box('right'), grasp=True)
    assert grasping.grasp_probability > 0.99
    (_, first_hand, first_object), first = passes[0]
    assert (first.votes.confidence > 0.5).flatten(0, 2).any(0).sum() >= 6 and len(passes) == 2
    (_, second_hand, second_object), _ = passes[1]
    assert not torch.allclose(first_object, second_object)
    # The picture holds what is grasped, too, and the hand in it is no larger.
    assert (second_hand[0, 2:] - second_hand[0, :2] <= first_hand[0, 2:] - first_hand[0, :2] + 1e-3).all()
    assert loose_hand_to_json(grasping)['grasp_probability'] == grasping.grasp_probability


def test_passes_are_batches_and_each_hand_keeps_its_own(estimator, monkeypatch, image):
    hands = [box('right', TIGHT + 20 * k, 0.9 - 0.1 * k) for k in range(3)]
    together, passes = seen(estimator, monkeypatch, image, *hands)
    alone = [seen(estimator, monkeypatch, image, hand)[0][0] for hand in hands]
    assert len(passes[0][0][0]) == 3 and [hand.track_id for hand in together] == [3, 3, 3]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.keypoints_3d, other.keypoints_3d, atol=1e-4)
        assert one.grasp_probability == pytest.approx(other.grasp_probability, abs=1e-4)


@pytest.mark.parametrize('grasp', [True, False])
def test_a_left_hand_is_the_mirror_image_of_a_right_one(estimator, monkeypatch, image, grasp):
    (right,), _ = seen(estimator, monkeypatch, image, box('right'), grasp=grasp)
    (left,), _ = seen(estimator, monkeypatch, np.ascontiguousarray(image[:, ::-1]), box('left', mirrored(TIGHT)),
                      grasp=grasp)
    check_mirrored(left, right, SIZE)


def test_the_hand_is_moved_to_its_pixels_in_the_cameras_own_axes(estimator, monkeypatch, image):
    (hand,), passes = seen(estimator, monkeypatch, image, box('right'), grasp=False)
    (given, result), = passes
    own = result.keypoints[0] - result.keypoints[0, :1]
    np.testing.assert_allclose(hand.keypoints_3d - hand.keypoints_3d[:1], own, atol=1e-5)
    # 2D keypoints are in units of the hand's box, which is in the crop.
    crop, tight = given[1][0].numpy(), TIGHT
    middle, half = np.trunc((tight[:2] + tight[2:]) / 2), 1.1 * (tight[2:] - tight[:2]) / 2
    wanted = middle - half + result.keypoints_2d[0].numpy() * 2 * half
    np.testing.assert_allclose(hand.keypoints_2d, wanted, atol=1e-2)
    assert np.isfinite(crop).all()


def test_hands_outside_the_picture_and_specks_are_left_out(estimator, monkeypatch, image):
    speck, outside = TIGHT * 0 + [10, 10, 11, 11], TIGHT + 5000
    hands, _ = seen(estimator, monkeypatch, image, box('right', speck), box('left', outside), box('right', TIGHT))
    assert len(hands) == 1
    assert seen(estimator, monkeypatch, image, box('right', speck)) == ([], [])


OBJECT_SIZE = (0.06, 0.1, 0.04)


@pytest.fixture(scope='module')
def with_object(config):
    """The estimator that is told the size of what is grasped."""
    made = estimators.create(replace(config, object_size=OBJECT_SIZE))
    yield made
    made.close()


def vote_for(estimator, monkeypatch, pixels):
    """Have the network vote for points (21, 2) px of the image, with confidence."""
    run_pass = estimator._run_pass

    def vote(images, views):
        rows = run_pass(images, views)
        for view, row in zip(views, rows):
            x, y = pixels.T if view.hand.side == 'right' else (SIZE - 1 - pixels[:, 0], pixels[:, 1])
            in_crop = np.stack([x, y], axis=-1) * view.crop.affine[[0, 1], [0, 1]] + view.crop.affine[:2, 2]
            corner, side = view.crop.object_box[:2], view.crop.object_box[2:] - view.crop.object_box[:2]
            shape = row['votes'][0].shape
            row['votes'] = [np.broadcast_to(one, shape) for one in (*((in_crop - corner) / side).T, np.full(21, 0.7))]
        return rows
    monkeypatch.setattr(estimator, '_run_pass', vote)


@pytest.mark.parametrize('side', ['right', 'left'])
def test_the_votes_of_a_grasping_hand_give_the_pose_of_what_it_grasps(with_object, monkeypatch, image, side):
    rotation, place = Rotation.from_rotvec([0.4, -0.7, 0.2]).as_matrix(), np.array([-0.07, -0.03, 0.6])
    corners = (box_points(load_object_box(EstimatorConfig(object_size=OBJECT_SIZE))) @ rotation.T + place)
    pixels = camera().project(corners)
    assert ((pixels > 60) & (pixels < 240)).all()
    vote_for(with_object, monkeypatch, pixels)
    (hand,), _ = seen(with_object, monkeypatch, image, box(side), grasp=True)
    thing = hand.object
    np.testing.assert_allclose(thing.rotation, rotation, atol=1e-3)
    np.testing.assert_allclose(thing.translation, place, atol=1e-3)
    np.testing.assert_allclose(thing.center, place, atol=1e-3)
    np.testing.assert_allclose(thing.corners, corners[:8], atol=1e-3)
    np.testing.assert_allclose(thing.corners_2d, pixels[:8], atol=0.05)
    np.testing.assert_allclose(thing.size, OBJECT_SIZE, atol=1e-6)
    assert thing.confidence == pytest.approx(0.7) and thing.reprojection_error < 0.05
    (empty,), _ = seen(with_object, monkeypatch, image, box(side), grasp=False)
    assert empty.object is None
    written = loose_hand_to_json(hand)['object']
    assert written['size'] == pytest.approx(OBJECT_SIZE) and len(written['corners_3d']) == 8
    np.testing.assert_allclose(Rotation.from_quat(written['quaternion_xyzw']).as_matrix(), rotation, atol=1e-3)


def test_votes_that_fit_no_box_give_a_hand_alone_and_are_counted(with_object, estimator, monkeypatch, image):
    (hand,), _ = seen(with_object, monkeypatch, image, box('right'), grasp=True)
    assert with_object.gives_objects and hand.object is None and hand.grasp_probability > 0.99
    assert with_object.refused_objects[NO_BOX] >= 1
    (hand,), _ = seen(estimator, monkeypatch, image, box('right'), grasp=True)
    assert not estimator.gives_objects and hand.object is None and not estimator.refused_objects


@pytest.mark.parametrize('suffix', ['obj', 'ply', 'stl', 'glb'])
def test_the_box_of_a_mesh_is_that_along_its_own_axes(tmp_path, suffix):
    trimesh = pytest.importorskip('trimesh')
    mesh = trimesh.creation.icosphere(radius=0.03)
    mesh.apply_translation([0.1, 0, 0.02])
    path = tmp_path / f'thing.{suffix}'
    trimesh.Scene([mesh]).export(path) if suffix == 'glb' else mesh.export(path)
    found = load_object_box(EstimatorConfig(object_mesh=path))
    np.testing.assert_allclose(found, [[.07, -.03, -.01], [.13, .03, .05]], atol=1e-3)


def test_an_object_that_cannot_be_is_one_line(tmp_path, config):
    trimesh = pytest.importorskip('trimesh')
    (tmp_path / 'words.obj').write_text('words')
    (tmp_path / 'broken.ply').write_bytes(b'ply\nformat ascii 1.0\nelement vertex 9')
    trimesh.creation.box((60.0, 40, 20)).export(tmp_path / 'millimetres.stl')
    for given, said in (
            ({'object_size': (0.1, 0.0, 0.1)}, 'object_size: expected sides of 0.001 to 2 m, found 0.1 x 0 x 0.1'),
            ({'object_mesh': tmp_path / 'none.obj'}, 'none.obj: no such file'),
            ({'object_mesh': tmp_path / 'words.obj'}, 'words.obj has no vertices'),
            ({'object_mesh': tmp_path / 'broken.ply'}, 'broken.ply cannot be read as a mesh'),
            ({'object_mesh': tmp_path / 'millimetres.stl'}, 'found 60 x 40 x 20; is it in metres'),
            ({'object_mesh': tmp_path / 'words.obj', 'object_size': (.1, .1, .1)}, 'give one of them')):
        with pytest.raises(EstimatorUnavailable, match=said) as error:
            estimators.create(replace(config, **given))
        assert '\n' not in str(error.value)


def test_a_checkpoint_in_the_published_form_is_read(tmp_path, published_folder, config, monkeypatch, image):
    network = load_random_unihope(Mano.load(Store(published_folder).require(MANO_RIGHT)), UNIHOPE_TINY)
    torch.save({'state_dict': network.state_dict()}, tmp_path / 'unihope_dexycb.pth')
    (tmp_path / 'MANO_RIGHT.npz').symlink_to(published_folder / 'mano/MANO_RIGHT.npz')
    monkeypatch.setattr('hand4whole_ros.checkpoints.unihope.load_unihope.__defaults__', (None, UNIHOPE_TINY, 'cpu'))
    found = []
    for wanted in (replace(config, weights='published', weights_folder=tmp_path), config):
        made = estimators.create(wanted)
        found += seen(made, monkeypatch, image, box('right'))[0]
        made.close()
    assert np.array_equal(found[0].keypoints_3d, found[1].keypoints_3d)


def test_what_is_missing_is_said(tmp_path, config):
    with pytest.raises(EstimatorUnavailable, match='MANO_RIGHT.npz is not in .*hand4whole weights fetch'):
        estimators.create(replace(config, weights_folder=tmp_path))
    with pytest.raises(EstimatorUnavailable, match='unihope_dexycb.pth is not in .*hand4whole weights fetch'):
        estimators.create(replace(config, weights='published'))
    with pytest.raises(EstimatorUnavailable, match='int8 is for transformers'):
        estimators.create(replace(config, precision='int8'))
