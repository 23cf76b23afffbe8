"""Drawn grasps: the truth is true, and the two pictures of a pair differ in the object alone."""

import numpy as np
import pytest
import torch

from hand4whole_ros.synthetic.grasps import SHAPES, UNSEEN_SHAPES, GraspPatches, draw_grasps
from hand4whole_ros.synthetic.hand_patches import hand_layer

SIZE = 64


@pytest.fixture(scope='module')
def drawn():
    return draw_grasps(80, 5, SIZE)


def test_the_truth_is_that_of_the_picture(drawn):
    rotations = torch.from_numpy(drawn.rotations)
    mesh = hand_layer()(rotations[:, :1], rotations[:, 1:], torch.from_numpy(drawn.betas))
    relative = mesh.keypoints.numpy() - mesh.keypoints.numpy()[:, :1]
    np.testing.assert_allclose(drawn.keypoints - drawn.keypoints[:, :1], relative, atol=1e-5)
    middle, half = (drawn.hand_box[:, :2] + drawn.hand_box[:, 2:]) / 2, np.ptp(drawn.keypoints_2d, axis=1) / 2 * 1.1
    np.testing.assert_allclose(np.concatenate([middle - half, middle + half], axis=1), drawn.hand_box, atol=1e-3)
    # One camera sees keypoints and patch: a zoom for each patch lays the one onto the other.
    seen = drawn.keypoints[..., :2] / drawn.keypoints[..., 2:]
    zoom = np.ptp(drawn.keypoints_2d, axis=1) / np.ptp(seen, axis=1)
    np.testing.assert_allclose(zoom[:, 0], zoom[:, 1], rtol=1e-3)


def test_half_of_the_hands_grasp_and_half_of_the_others_have_an_object_behind_them(drawn):
    assert 0.35 < drawn.grasping.mean() < 0.65 and (drawn.has_object | ~drawn.grasping).all()
    assert 0.25 < drawn.has_object[~drawn.grasping].mean() < 0.75
    assert (drawn.occlusion[~drawn.grasping] == 0).all(), 'what is behind a hand hides nothing'
    hidden = drawn.occlusion[drawn.grasping]
    assert (hidden > 0).mean() > 0.8 and hidden.max() < 0.8 and (hidden > 0.1).mean() > 0.25


def test_what_is_grasped_is_at_the_fingers(drawn):
    """The middle of its box is at the hand's, and its box overlaps the hand's; what is behind may be anywhere."""
    away = np.linalg.norm(drawn.object_points[:, 20] - drawn.keypoints_2d.mean(1), axis=1)
    share = away / np.ptp(drawn.keypoints_2d, axis=1).max(1)
    assert np.median(share[drawn.grasping]) < 0.25 and share[drawn.grasping].max() < 0.75
    low, high = np.maximum(drawn.hand_box, drawn.object_box)[:, :2], np.minimum(drawn.hand_box, drawn.object_box)[:, 2:]
    assert (high > low).all(1)[drawn.grasping].all()
    shown = drawn.has_object
    tight = np.concatenate([drawn.object_points.min(1), drawn.object_points.max(1)], axis=1)
    np.testing.assert_allclose(drawn.object_box[shown], tight[shown], atol=1e-3)
    assert (drawn.object_points[~shown] == 0).all()
    assert (drawn.object_box[~shown, 2:] > drawn.hand_box[~shown, 2:]).all()


def test_the_pictures_of_a_pair_differ_in_the_object_alone(drawn):
    difference = np.abs(drawn.images.astype(int) - drawn.bare_images).sum(-1)
    assert (difference[~drawn.has_object] == 0).all()
    for k in np.flatnonzero(drawn.grasping):
        near, far = (_within(drawn.object_box[k], margin) for margin in (3, 18))
        assert difference[k][~near].sum() <= 0.25 * difference[k].sum(), k    # JPEG and blur spread it
        assert (difference[k][~far] == 0).all(), k
    # A closed hand may hide what it grasps from a camera behind it.
    assert (difference[drawn.grasping].max((1, 2)) > 20).mean() > 0.75


def _within(box, margin):
    """(SIZE, SIZE) bool: pixels in a box, and so many more around it."""
    (left, top), (right, bottom), at = box[:2] - margin, box[2:] + margin, np.arange(SIZE)
    return ((at > top) & (at < bottom))[:, None] & ((at > left) & (at < right))


def test_a_grasp_follows_from_its_seed_alone(drawn, tmp_path):
    again = draw_grasps(80, 5, SIZE)
    assert all(np.array_equal(getattr(again, name), getattr(drawn, name)) for name in vars(drawn))
    assert not np.array_equal(draw_grasps(8, 6, SIZE).images, drawn.images[:8])
    drawn.save(tmp_path / 'grasps.npz')
    loaded = GraspPatches.load(tmp_path / 'grasps.npz')
    assert all(np.array_equal(getattr(loaded, name), getattr(drawn, name)) for name in vars(drawn))


@pytest.mark.parametrize('shape', SHAPES + UNSEEN_SHAPES)
def test_every_shape_can_be_grasped(shape):
    """It is drawn as it is told, its box is a box, and it is as thick as what fits a hand."""
    grasps = draw_grasps(16, 9, SIZE, shapes=(shape,), upright=True)
    some = grasps.take(grasps.grasping)
    assert len(some) > 3 and np.isfinite(some.object_points).all()
    extent = np.ptp(some.object_points, axis=1).min(1) / np.ptp(some.keypoints_2d, axis=1).max(1)
    assert (0.05 < extent).all() and (extent < 1.2).all()
    up = some.keypoints_2d[:, 9, 1] < some.keypoints_2d[:, 0, 1]
    assert up.all()
