"""The view of the lifting network: the same numbers however a camera is rolled, turned or zoomed; a mirror mirrors."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hand4whole_ros.fitting.lifter import features
from hand4whole_ros.fitting.person_view import person_views, roll_of
from hand4whole_ros.landmarks.indices import MIRRORED_POSE

FLIP = np.array([-1.0, 1, 1])


@pytest.fixture
def people():
    """Points of landmarks (8, 33, 3) m in front of a camera, and how visible they are."""
    rng = np.random.default_rng(2)
    points = rng.normal(0, 0.35, (8, 33, 3)) + (0.4, -0.2, 3)
    points[:, [11, 12], 1] -= 0.4
    return points, rng.random((8, 33))


def views_of(points, visibility, turn=None):
    """Of a camera that is turned; MediaPipe's world landmarks follow its roll alone."""
    seen = points if turn is None else points @ turn.T
    world = points - points[:, [23, 24]].mean(axis=1, keepdims=True)
    return person_views(seen[..., :2] / seen[..., 2:], visibility, world)


def test_landmarks_lie_in_the_view_where_its_rotation_takes_them(people):
    points, visibility = people
    views = views_of(*people)
    turned = points @ np.swapaxes(views.rotation, -1, -2)
    assert np.allclose(turned[..., :2] / turned[..., 2:] / views.size[:, None, None], views.points)
    assert np.allclose(views.rotation @ np.swapaxes(views.rotation, -1, -2), np.eye(3))
    assert np.allclose(np.linalg.det(views.rotation), 1)
    middle = views.points[:, [11, 12, 23, 24]].mean(axis=1)
    assert (np.linalg.norm(middle, axis=1) < 0.05).all()
    up = views.points[:, [11, 12]].mean(axis=1) - views.points[:, [23, 24]].mean(axis=1)
    assert (up[:, 1] < 0).all()


@pytest.mark.parametrize('degrees', (10, 90, 180, -135))
def test_a_rolled_camera_sees_the_same(people, degrees):
    points, visibility = people
    turn = Rotation.from_euler('z', degrees, degrees=True).as_matrix()
    one = views_of(points, visibility)
    other = views_of(points @ turn.T, visibility)     # the picture is rolled, and with it the world landmarks
    assert np.allclose(one.points, other.points) and np.allclose(one.size, other.size)
    assert np.allclose(one.world, other.world)
    assert np.allclose(other.rotation, one.rotation @ turn.T)


def test_a_camera_that_looks_aside_sees_the_same_points(people):
    points, visibility = people
    one = views_of(points, visibility)
    other = views_of(points, visibility, Rotation.from_euler('yx', (25, -15), degrees=True).as_matrix())
    assert np.allclose(one.points, other.points) and np.allclose(one.size, other.size)


def test_another_lens_or_distance_changes_the_size_alone(people):
    points, visibility = people
    far = points.copy()
    far[..., 2] = 3
    rays = far[..., :2] / far[..., 2:]
    rays -= rays[:, [11, 12, 23, 24]].mean(axis=1, keepdims=True)
    one, other = (person_views(scale * rays, visibility, points) for scale in (0.02, 0.01))
    assert np.allclose(one.size, 2 * other.size, rtol=1e-3)
    assert np.allclose(one.points, other.points, atol=2e-3)


def test_a_mirror_mirrors(people):
    points, visibility = people
    order = list(MIRRORED_POSE)
    one = views_of(points, visibility)
    other = views_of(points[:, order] * FLIP, visibility[:, order])
    assert np.allclose(other.points, one.points[:, order] * FLIP[:2])
    assert np.allclose(other.world, one.world[:, order] * FLIP)
    assert np.allclose(other.size, one.size)
    assert np.allclose(other.rotation, one.rotation * np.outer(FLIP, FLIP))


def test_the_roll_in_a_view_is_what_turns_the_world_landmarks(people):
    points, visibility = people
    views = views_of(*people)
    world = points - points[:, [23, 24]].mean(axis=1, keepdims=True)
    assert np.allclose(world @ np.swapaxes(roll_of(views.rotation), -1, -2), views.world)


@pytest.mark.parametrize('rays', (np.zeros((1, 33, 2)), np.full((1, 33, 2), 1e6), -np.full((1, 33, 2), 1e-12)))
def test_what_is_no_body_gives_finite_numbers(rays):
    views = person_views(rays, np.zeros((1, 33)), np.zeros((1, 33, 3)))
    assert np.isfinite(features(views, np.zeros((1, 33)))).all()
