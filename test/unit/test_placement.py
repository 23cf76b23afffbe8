"""People seen in a crop, put in front of the real camera."""

import numpy as np
import pytest
import torch
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from hand4whole_ros.geometry import crops
from hand4whole_ros.geometry.camera import Intrinsics
from hand4whole_ros.geometry.placement import MIN_DEPTH, place_in_camera, root_translation


def random_person(body, generator):
    """(22, 3) joints of a standing person in a random pose, from the pelvis, as a camera sees them."""
    upright = Rotation.from_rotvec([np.pi, 0, 0]) * Rotation.from_rotvec(generator.normal(size=3) * 0.4)
    pose = body.layer(global_orient=torch.from_numpy(upright.as_rotvec()[None]),
                body_pose=torch.from_numpy(generator.normal(size=(1, 63)) * 0.25))
    joints = pose.joints[0, :22].double().numpy()
    return joints - joints[0]


def seen_in_a_crop(joints, intrinsics, generator, distance):
    """A person box at a random place in the picture, and where its virtual camera sees the joints: pixels."""
    size = np.array([intrinsics.width, intrinsics.height])
    centre = generator.uniform(0.3, 0.7, 2) * size
    height = 2.0 * intrinsics.fy / distance
    box = crops.person_box(torch.tensor([*(centre - (0.2 * height, height / 2)), 0.4 * height, height]).double())
    fx, fy, cx, cy = crops.virtual_camera(box).numpy()
    there = joints + generator.normal(size=3) * 0.05 + (0, 0, fy / intrinsics.fy * distance)
    return there[:, :2] / there[:, 2:] * (fx, fy) + (cx, cy), np.array([cx, cy])


CAMERAS = {'webcam': Intrinsics(554.0, 560.0, 322.5, 237.0, 640, 480),
           'industrial': Intrinsics(936.0, 936.0, 359.5, 359.5, 720, 720),
           'bent': Intrinsics(610.0, 612.0, 318.0, 243.0, 640, 480, (-0.28, 0.07, 0.0005, -0.0003, 0.0)),
           'fisheye': Intrinsics(420.0, 420.0, 400.0, 300.0, 800, 600, (0.02, -0.01, 0.003, -0.0005), 'equidistant')}


@pytest.mark.parametrize('camera', CAMERAS)
def test_points_a_real_camera_sees_are_found_where_they_are(body, camera):
    """Where one rigid motion explains every pixel it is found, through any lens."""
    intrinsics, generator = CAMERAS[camera], np.random.default_rng(1)
    for _ in range(10):
        place = generator.uniform((-0.5, -0.3, 2), (0.5, 0.3, 6))
        joints = random_person(body, generator)
        box_centre = intrinsics.project(place)
        turn, _ = place_in_camera(joints, intrinsics.project(joints + place), box_centre, intrinsics)
        virtual = joints @ turn
        turn, transl = place_in_camera(virtual, intrinsics.project(joints + place), box_centre, intrinsics)
        np.testing.assert_allclose(transl, place, atol=1e-5)
        again = intrinsics.project(virtual @ turn.T + transl)
        assert np.abs(again - intrinsics.project(joints + place)).max() < 0.1


def test_where_perspective_agrees_every_joint_coincides_with_the_networks_projection(body):
    """Random poses and boxes before a lens as long as the virtual camera's."""
    generator = np.random.default_rng(2)
    for _ in range(20):
        tall = generator.uniform(200, 450)
        intrinsics = Intrinsics.from_focal(1280, 960, crops.VIRTUAL_FOCAL / 256 * tall * crops.PERSON_MARGIN)
        distance = intrinsics.fy * 2.0 / tall
        joints = random_person(body, generator)
        pixels, centre = seen_in_a_crop(joints, intrinsics, generator, distance)
        turn, transl = place_in_camera(joints, pixels, centre, intrinsics)
        assert np.linalg.norm(transl) == pytest.approx(distance, rel=0.01)
        assert np.abs(intrinsics.project(joints @ turn.T + transl) - pixels).max() < 0.1


@pytest.mark.parametrize('turn', [(0, 0, np.pi), (0, np.pi, 0), (0, 0, 2.0), (0, 0, np.pi / 2)],
                         ids=['upside down', 'mirrored', 'turned far', 'lying'])
@pytest.mark.parametrize('camera', CAMERAS)
def test_people_who_contradict_their_pixels_are_put_in_front_about_as_large_as_they_are_seen(body, camera, turn):
    """Least squares puts an upside down person behind the camera, where the picture is upside down as well."""
    intrinsics, generator = CAMERAS[camera], np.random.default_rng(4)
    for _ in range(5):
        place = generator.uniform((-0.3, -0.2, 3), (0.3, 0.2, 5))
        joints = random_person(body, generator)
        pixels = intrinsics.project(joints + place)
        view, transl = place_in_camera(joints @ Rotation.from_rotvec(turn).as_matrix().T, pixels,
                                       intrinsics.project(place), intrinsics)
        found = joints @ Rotation.from_rotvec(turn).as_matrix().T @ view.T + transl
        assert found[:, 2].min() >= MIN_DEPTH
        assert 0.48 < found[:, 2].mean() / (joints + place)[:, 2].mean() < 1.6
        assert np.linalg.norm(intrinsics.project(found).mean(0) - pixels.mean(0)) < 0.2 * np.ptp(pixels, axis=0).max()


def test_no_point_is_put_behind_the_camera_however_large_it_is_seen():
    generator = np.random.default_rng(5)
    for _ in range(200):
        points, rays = generator.normal(size=(8, 3)), generator.normal(size=(8, 2)) * 10 ** generator.uniform(-2, 2)
        found = root_translation(points, rays, generator.uniform(0.1, 2, 8))
        assert (points[:, 2] + found[2]).min() >= MIN_DEPTH - 1e-9


def missed(transl, joints, pixels, intrinsics):
    """How far joints (J, 3) moved by transl are from their pixels, (2 J,)."""
    return (intrinsics.project(joints + transl) - pixels).ravel()


@pytest.mark.parametrize('distance, most', [(2.0, 0.03), (4.0, 0.015)])
def test_near_the_camera_no_translation_lands_better(body, distance, most):
    """A rigid body cannot coincide with a projection of other perspective; what is left is small, and least."""
    generator = np.random.default_rng(3)
    intrinsics, left = CAMERAS['industrial'], []
    for _ in range(15):
        joints = random_person(body, generator)
        pixels, centre = seen_in_a_crop(joints, intrinsics, generator, distance)
        turn, transl = place_in_camera(joints, pixels, centre, intrinsics)
        seen = joints @ turn.T, pixels, intrinsics
        found = missed(transl, *seen)
        assert (found ** 2).sum() / 2 < 1.1 * least_squares(missed, transl, args=seen).cost
        left.append(np.linalg.norm(found.reshape(-1, 2), axis=1).mean())
    assert np.median(left) < most * 2.0 * intrinsics.fy / distance
