"""The overlay: hands in their colours at the right places, occlusion, and input that must not break it."""

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from scripted_node import grasped_object

from hand4whole_ros import skeleton
from hand4whole_ros.body.posing import ObservedHand, estimate_from_parameters
from hand4whole_ros.estimate import LooseHandEstimate
from hand4whole_ros.geometry.camera import Intrinsics
from hand4whole_ros.geometry.object_box import BOX_EDGES
from hand4whole_ros.rendering.colors import BONE_COLORS
from hand4whole_ros.rendering.overlay import HAND_COLORS, Overlay, hand_color

CAMERA = Intrinsics.from_focal(320, 240, 260)
BLACK = np.zeros((240, 320, 3), np.uint8)


def person(body, pelvis=(0.0, 0.1, 2.6), states=(skeleton.OK, skeleton.OK), track_id=0, camera=CAMERA):
    """Facing the camera in the T-pose, forearms raised a little; the mesh is left to be made."""
    pose = np.zeros((55, 3), np.float32)
    pose[0, 0] = math.pi
    pose[skeleton.JOINT['left_elbow'], 2], pose[skeleton.JOINT['right_elbow'], 2] = 0.5, -0.5
    hands = {side: ObservedHand(state, 0.9) for side, state in zip(skeleton.SIDES, states)}
    return estimate_from_parameters(body, pose, np.zeros(10), np.zeros(10), intrinsics=camera, pelvis=pelvis,
                                    bbox_xyxy=np.zeros(4), confidence=0.9, hands=hands, track_id=track_id)


def hand_pixels(picture, body, estimate, side):
    """(N, 3) colours of the picture where the inner part of a hand projects."""
    wrist, middle = estimate.hand(side).keypoints_3d[[0, 9]]
    points = wrist + np.linspace(0.35, 0.9, 8)[:, None] * (middle - wrist)
    x, y = np.rint(CAMERA.project(points)).astype(int).T
    return picture[y, x].astype(float)


def hue(color):
    color = np.asarray(color, np.float32).reshape(-1, 1, 3)
    return cv2.cvtColor(color / max(color.max(), 1), cv2.COLOR_RGB2HSV)[:, 0, :2]


@pytest.fixture(scope='module')
def mesh_only(body):
    return Overlay(body, bones=False, labels=False)


def test_each_hand_has_its_colour_and_left_is_the_persons_left(body, mesh_only):
    estimate = person(body)
    assert estimate.left_hand.keypoints_3d[0, 0] > 0.3  # the person's left is on the picture's right
    picture = mesh_only.draw(BLACK, [estimate], CAMERA)
    for side in skeleton.SIDES:
        seen = hue(hand_pixels(picture, body, estimate, side))
        np.testing.assert_allclose(np.median(seen[:, 0]), hue(HAND_COLORS[side])[0, 0], atol=12)
        assert np.median(seen[:, 1]) > 0.4
    chest = picture[tuple(np.rint(CAMERA.project(estimate.joints[9])).astype(int)[::-1])]
    assert hue(chest)[0, 1] < 0.3 < chest.max() / 255


def test_a_lost_hand_is_grey_and_a_held_one_in_between(body, mesh_only):
    saturation = {}
    for state in (skeleton.OK, skeleton.HELD, skeleton.LOST):
        estimate = person(body, states=(state, skeleton.OK))
        saturation[state] = np.median(hue(hand_pixels(
            mesh_only.draw(BLACK, [estimate], CAMERA), body, estimate, 'left'))[:, 1])
    assert saturation[skeleton.OK] > 2 * saturation[skeleton.LOST] + 0.2
    assert saturation[skeleton.LOST] < saturation[skeleton.HELD] < saturation[skeleton.OK]
    np.testing.assert_allclose(hand_color('left', skeleton.OK), HAND_COLORS['left'])


def test_no_keypoints_are_drawn_of_a_lost_hand(body):
    skeleton_only = Overlay(body, mesh=False, labels=False)
    lost = person(body, states=(skeleton.LOST, skeleton.OK))
    picture = skeleton_only.draw(BLACK, [lost], CAMERA)
    for side, shown in (('left', False), ('right', True)):
        x, y = np.rint(CAMERA.project(lost.hand(side).keypoints_3d[12])).astype(int)
        assert picture[y - 1:y + 2, x - 1:x + 2].any() == shown


def test_the_skeleton_alone_is_where_the_joints_are(body):
    estimate = person(body)
    picture = Overlay(body, mesh=False, labels=False).draw(BLACK, [estimate], CAMERA)
    for name, side in (('left_elbow', 'left'), ('right_knee', 'right'), ('spine2', '')):
        x, y = np.rint(CAMERA.project(estimate.joints[skeleton.JOINT[name]])).astype(int)
        np.testing.assert_allclose(picture[y, x], BONE_COLORS[side], atol=30)
    assert 0.002 < picture.any(2).mean() < 0.1


def test_a_hand_of_nobody_is_drawn_where_it_was_seen(body):
    hand = person(body).left_hand
    loose = LooseHandEstimate(hand.side, hand.state, hand.confidence, hand.keypoints_3d, hand.keypoints_2d, None,
                              np.zeros(4, np.float32), track_id=3)
    broken = replace(loose, keypoints_3d=loose.keypoints_3d * float('nan'))
    overlay = Overlay(body)
    picture = overlay.draw(BLACK, [], CAMERA, [loose])
    for x, y in np.rint(hand.keypoints_2d).astype(int):
        assert picture[y - 1:y + 2, x - 1:x + 2].any()
    assert not overlay.draw(BLACK, [], CAMERA, [broken]).any() and not overlay.draw(BLACK, [], CAMERA).any()


def test_the_box_of_what_a_hand_grasps_is_drawn(body):
    hand, thing = person(body).left_hand, grasped_object(CAMERA, place=(-0.5, -0.2, 2.0))
    loose = LooseHandEstimate(hand.side, hand.state, hand.confidence, hand.keypoints_3d, hand.keypoints_2d, None,
                              np.zeros(4, np.float32), object=thing)
    overlay = Overlay(body)
    picture, without = (overlay.draw(BLACK, [], CAMERA, [one]) for one in (loose, replace(loose, object=None)))
    corners = thing.corners_2d
    middles = np.stack([corners[list(edge)].mean(0) for edge in BOX_EDGES])
    for x, y in np.rint(np.concatenate([corners, middles])).astype(int):
        assert picture[y - 1:y + 2, x - 1:x + 2].any() and not without[y - 1:y + 2, x - 1:x + 2].any()


def test_the_nearer_person_is_in_front_in_any_order(body, mesh_only):
    near, far = person(body, (0.1, 0.1, 2.2), track_id=0), person(body, (0.0, 0.1, 3.2), track_id=2)
    one, other = (mesh_only.draw(BLACK, people, CAMERA) for people in ([near, far], [far, near]))
    np.testing.assert_array_equal(one, other)
    alone = mesh_only.draw(BLACK, [near], CAMERA)
    x, y = np.rint(CAMERA.project(near.joints[9])).astype(int)
    np.testing.assert_allclose(one[y - 5:y + 5, x - 5:x + 5], alone[y - 5:y + 5, x - 5:x + 5], atol=1)
    assert (one != mesh_only.draw(BLACK, [far], CAMERA)).any()


def test_the_mesh_covers_the_joints_and_lets_the_picture_through(body):
    estimate = person(body)
    for value in (0, 255):
        image = np.full_like(BLACK, value)
        hidden = Overlay(body, opacity=1.0, bones=False, labels=False).draw(image, [estimate], CAMERA)
        x, y = np.rint(CAMERA.project(estimate.joints[:22])).astype(int).T
        assert (hidden[y, x] != value).any(1).all()
    light, dark = (Overlay(body, bones=False, labels=False).draw(np.full_like(BLACK, v), [estimate], CAMERA)
                   for v in (255, 0))
    x, y = np.rint(CAMERA.project(estimate.joints[9])).astype(int)
    np.testing.assert_allclose(light[y, x].astype(int) - dark[y, x], 0.15 * 255, atol=3)


def test_a_mesh_given_is_the_mesh_made(body, mesh_only):
    estimate = person(body)
    given = replace(estimate, vertices=body.vertices(estimate))
    foreign = replace(estimate, vertices=np.zeros((7, 3), np.float32))
    pictures = [mesh_only.draw(BLACK, [e], CAMERA) for e in (estimate, given, foreign)]
    np.testing.assert_array_equal(pictures[0], pictures[1])
    np.testing.assert_array_equal(pictures[0], pictures[2])


def test_the_label_stands_above_the_head_and_stays_in_the_picture(body):
    overlay, grey = Overlay(body, mesh=False, bones=False), np.full_like(BLACK, 128)
    for place in ((0.0, 0.4, 2.6), (0.0, -0.9, 2.6), (-1.4, 0.1, 2.6)):
        estimate = person(body, place, track_id=12)
        y, x = np.nonzero((overlay.draw(grey, [estimate], CAMERA) != 128).any(2))
        head = CAMERA.project(estimate.joints[15])
        assert y.max() < max(head[1], 40) and 100 < x.max() - x.min() < 319
        assert y.max() - y.min() > 10


def test_the_camera_picture_is_not_touched_and_the_result_is_repeatable(body):
    image = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    before, overlay = image.copy(), Overlay(body)
    first = overlay.draw(image, [person(body)], CAMERA)
    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(first, overlay.draw(image, [person(body)], CAMERA))
    np.testing.assert_array_equal(overlay.draw(image, [], CAMERA), image)


def broken(body):
    good = person(body)
    nan = np.full((55, 3), np.nan, np.float32)
    yield replace(good, joints=nan)
    yield replace(good, vertices=np.full((body.num_vertices, 3), np.inf, np.float32))
    yield replace(good, confidence=float('nan'))
    yield person(body, (0.0, 0.1, -2.6))
    yield person(body, (500.0, 0.1, 2.0))


def test_what_cannot_be_seen_is_left_out(body):
    overlay = Overlay(body, labels=False)
    for estimate in broken(body):
        np.testing.assert_array_equal(overlay.draw(BLACK, [estimate], CAMERA), BLACK)
    good = person(body)
    np.testing.assert_array_equal(overlay.draw(BLACK, [*broken(body), good], CAMERA),
                                  overlay.draw(BLACK, [good], CAMERA))


@pytest.mark.parametrize('pelvis', [(0, 0, 0), (0, 0.2, 0.25), (0, 0, 1e6), (0, 0, 0.06)])
def test_a_body_around_the_camera_or_very_far_does_not_break_it(body, pelvis):
    assert Overlay(body).draw(BLACK, [person(body, [float(v) for v in pelvis])], CAMERA).shape == BLACK.shape


@pytest.mark.parametrize('size', [(1, 1), (3, 500), (500, 2), (7680, 4320)])
def test_pictures_of_any_size(body, size):
    camera = Intrinsics.from_fov(*size)
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    drawn = Overlay(body).draw(picture, [person(body, camera=camera)], camera)
    assert drawn.shape == picture.shape and drawn.any()


def test_a_large_picture_looks_like_a_small_one_enlarged(body, mesh_only):
    large = Intrinsics.from_focal(2560, 1920, 2080)
    drawn = mesh_only.draw(np.zeros((1920, 2560, 3), np.uint8), [person(body)], large)
    small = mesh_only.draw(BLACK, [person(body)], CAMERA)
    shrunk = cv2.resize(drawn, (320, 240), interpolation=cv2.INTER_AREA)
    assert np.abs(shrunk.astype(int) - small).mean() < 1.0


def test_a_picture_and_a_camera_that_do_not_fit_are_refused(body):
    overlay = Overlay(body)
    with pytest.raises(ValueError, match='the image is 320 x 240, its camera 640 x 480'):
        overlay.draw(BLACK, [], Intrinsics.from_focal(640, 480, 500))
    with pytest.raises(ValueError, match='uint8'):
        overlay.draw(BLACK.astype(np.float32), [], CAMERA)
    with pytest.raises(ValueError, match='opacity'):
        Overlay(body, opacity=1.5)
