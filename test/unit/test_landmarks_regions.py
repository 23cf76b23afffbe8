"""Regions of an image and the crops made of them: there and back, and against a warp done pixel by pixel."""

import ast
from pathlib import Path

import cv2
import numpy as np
import pytest
from mirrored_regions import mirrored_region

from hand4whole_ros.landmarks import crops, hands, indices, regions
from hand4whole_ros.landmarks.regions import DOWN, RIGHT, UP, Region, RegionTolerance


def some_region(seed=0, side=120.0):
    rng = np.random.default_rng(seed)
    return Region(rng.uniform(50, 150, 2), side, rng.uniform(-np.pi, np.pi))


def noise(height=180, width=240, blur=3.0):
    picture = np.random.default_rng(3).uniform(0, 255, (height, width, 3)).astype(np.float32)
    return np.clip(127 + 4 * (cv2.GaussianBlur(picture, (0, 0), blur) - 127), 0, 255).astype(np.uint8)


@pytest.mark.parametrize('seed', range(4))
def test_points_survive_the_way_to_the_image_and_back(seed):
    region, points = some_region(seed), np.random.default_rng(seed).uniform(-1, 2, (30, 2))
    assert region.from_image(region.to_image(points)) == pytest.approx(points)
    assert region.to_image(np.array([0.5, 0.5])) == pytest.approx(region.centre)


def test_a_rotation_is_clockwise_in_the_image():
    region = Region(np.array([10.0, 20.0]), 8.0, np.pi / 2)
    # Its upper edge is on the right.
    assert region.to_image(np.array([[0.5, 0.0], [0.0, 0.5]])) == pytest.approx(np.array([[14.0, 20], [10, 16]]))


@pytest.mark.parametrize('direction, end', [(UP, (0, -5)), (DOWN, (0, 5)), (RIGHT, (5, 0))])
def test_rotations_bring_a_vector_into_its_direction(direction, end):
    start, end = np.array([3.0, 4.0]), np.array([3.0, 4.0]) + end
    assert regions.rotation_of(start, end, direction) == pytest.approx(0)
    for angle in (0.3, -2.8):
        turned = start + regions.rotated(end - start, angle)
        assert regions.rotation_of(start, turned, direction) == pytest.approx(angle)


def test_a_region_around_a_circle_turns_and_moves_with_it():
    centre, point = np.array([50.0, 40.0]), np.array([50.0, 10.0])
    upright = regions.around_circle(centre, point, UP, scale=1.25, shift=-0.1)
    assert upright.rotation == pytest.approx(0) and upright.side == pytest.approx(75)
    assert upright.centre == pytest.approx((50, 34))
    turned = regions.around_circle(centre, centre + regions.rotated(point - centre, 0.7), UP, scale=1.25, shift=-0.1)
    assert turned.rotation == pytest.approx(0.7)
    assert turned.centre - centre == pytest.approx(regions.rotated(upright.centre - centre, 0.7))


def test_the_region_of_turned_points_is_the_turned_region():
    points = np.random.default_rng(1).uniform(0, 100, (12, 2))
    one = regions.around_rotated_points(points, 0.4, 2.0, shift=-0.1)
    other = regions.around_rotated_points(regions.rotated(points, 0.9), 1.3, 2.0, shift=-0.1)
    assert other.side == pytest.approx(one.side)
    assert other.centre == pytest.approx(regions.rotated(one.centre, 0.9))


def test_the_longer_side_of_a_rectangle_counts_and_its_height_for_the_shift():
    region = regions.square(np.array([0.0, 0.0]), np.array([30.0, 10.0]), 0.0, scale=2.0, shift=-0.5)
    assert region.side == 60 and region.centre == pytest.approx((0, -5))


def test_points_in_one_place_make_a_small_region():
    region = regions.around_circle(np.array([5.0, 5]), np.array([5.0, 5]), UP, scale=1.25)
    assert region.side == regions.MIN_SIDE


@pytest.mark.parametrize('centre, side, rotation', [
    ((1, 2), 0, 0), ((1, 2), -3, 0), ((1, np.nan), 5, 0), ((1, 2), np.inf, 0), ((1, 2), 5, np.nan), ((1, 2, 3), 5, 0)])
def test_what_is_no_square_is_refused(centre, side, rotation):
    with pytest.raises(ValueError, match='a region has a centre'):
        Region(np.array(centre), side, rotation)


def test_of_regions_that_overlap_the_last_is_kept():
    first, far, last = (Region(np.array([x, 0.0]), 10.0, 0.0) for x in (0.0, 50.0, 2.0))
    assert regions.overlap(first, last) == pytest.approx(80 / 120)
    assert regions.suppress_overlaps([first, far, last]) == [far, last]
    assert regions.suppress_overlaps([]) == []


@pytest.mark.parametrize('change, accepted', [
    ({}, True), ({'rotation': 0.5}, True), ({'rotation': 0.8}, False), ({'x': 15.0}, True), ({'x': 25.0}, False),
    ({'side': 130.0}, True), ({'side': 150.0}, False), ({'spread': 44.0}, True), ({'spread': 46.0}, False)])
def test_a_region_is_tracked_while_it_is_near_the_suggested_one(change, accepted):
    change = {'rotation': 0.0, 'x': 0.0, 'side': 100.0, 'spread': 10.0, **change}
    tolerance = RegionTolerance(rotation=0.7, distance=0.2, scale=0.4, margin=-0.1)
    suggested = Region(np.array([200.0, 200.0]), 100.0, 3.0)
    tracked = Region(suggested.centre + regions.rotated(np.array([change['x'], 0]), 3.0), change['side'],
                     3.0 + change['rotation'])    # beyond pi, where angles begin again
    points = suggested.centre + regions.rotated(np.array([[change['spread'], 0], [0, -change['spread']]]), 3.0)
    assert tolerance.accepts(tracked, points, suggested) is accepted


# Crops

def brute_force(image, region, size, black_outside):
    """Each pixel of the crop by itself: where its centre is in the image, and what is there."""
    picture = np.zeros((size, size, 3))
    height, width = image.shape[:2]
    for row in range(size):
        for column in range(size):
            x, y = region.to_image((np.array([column, row]) + 0.5) / size)
            left, top = int(np.floor(x)), int(np.floor(y))
            for j, i in ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)):
                weight = (1 - abs(y - j)) * (1 - abs(x - i))
                if 0 <= j < height and 0 <= i < width:
                    picture[row, column] += weight * image[j, i]
                elif not black_outside:
                    picture[row, column] += weight * image[np.clip(j, 0, height - 1), np.clip(i, 0, width - 1)]
    return picture


@pytest.mark.parametrize('black_outside', [False, True])
@pytest.mark.parametrize('seed, side', [(0, 60.0), (1, 300.0), (2, 25.0)])
def test_a_crop_is_what_a_warp_by_hand_gives(seed, side, black_outside):
    image, region = noise(), some_region(seed, side)
    picture = crops.crop(image, region, 48, exact=True, black_outside=black_outside)
    assert picture.shape == (48, 48, 3) and picture.dtype == np.uint8
    # OpenCV interpolates between places 1/32 px apart.
    assert np.abs(picture - brute_force(image, region, 48, black_outside)).max() < 6


@pytest.mark.parametrize('quarter', range(4))
def test_turned_by_quarters_the_crop_stays_the_same(quarter):
    image = noise(200, 200)
    region = Region(np.array([80.0, 120.0]), 64.0, 0.0)
    turned = Region(99.5 + regions.rotated(region.centre - 99.5, -quarter * np.pi / 2), 64.0, -quarter * np.pi / 2)
    picture = crops.crop(np.rot90(image, quarter), turned, 64, exact=True)
    assert np.abs(picture.astype(int) - crops.crop(image, region, 64, exact=True)).max() <= 1


def test_the_exact_crop_of_whole_pixels_is_the_image():
    image = noise()
    region = Region(np.array([47.5, 59.5]), 32.0, 0.0)
    assert np.array_equal(crops.crop(image, region, 32, exact=True), image[44:76, 32:64])


def test_the_crop_of_mediapipe_is_off_by_half_a_pixel_of_image_and_crop():
    region = some_region()
    exact, usual = (crops.matrix(region, 40, exact) for exact in (True, False))
    off = region.side / 40 * regions.rotated(np.array([-0.5, -0.5]), region.rotation) + 0.5
    assert usual[:, :2] == pytest.approx(exact[:, :2]) and usual[:, 2] - exact[:, 2] == pytest.approx(off)
    # At the size of the image itself the two halves cancel each other.
    same = Region(region.centre, 40.0, 0.0)
    assert crops.matrix(same, 40) == pytest.approx(crops.matrix(same, 40, exact=True))


def test_a_mirror_image_of_image_and_region_gives_the_mirror_image_of_the_crop():
    image, region = noise(), some_region()
    picture = crops.crop(image[:, ::-1], mirrored_region(region, image.shape[1]), 40, exact=True)
    assert np.abs(picture[:, ::-1].astype(int) - crops.crop(image, region, 40, exact=True)).max() <= 6


def test_a_region_far_from_the_image_shows_its_border():
    image = np.full((20, 30, 3), 90, np.uint8)
    far = Region(np.array([1e6, -1e6]), 50.0, 0.3)
    assert (crops.crop(image, far, 16) == 90).all() and (crops.crop(image, far, 16, black_outside=True) == 0).all()


@pytest.mark.parametrize('image, found', [
    (np.zeros((4, 5), np.uint8), r'uint8 \(4, 5\)'), (np.zeros((4, 5, 4), np.uint8), r'uint8 \(4, 5, 4\)'),
    (np.zeros((4, 5, 3)), 'float64'), (None, 'NoneType'), (np.zeros((0, 5, 3), np.uint8), '5 x 0'),
    (np.zeros((1, 40000, 3), np.uint8), '40000 x 1')])
def test_what_is_no_image_is_refused(image, found):
    with pytest.raises(ValueError, match=found):
        crops.checked(image)


# Numbers of landmarks

def test_mirrored_pose_landmarks_exchange_left_and_right_and_nothing_else():
    order = np.array(indices.MIRRORED_POSE)
    assert sorted(order) == list(range(33)) and np.array_equal(order[order], np.arange(33)) and order[0] == 0
    for landmark in indices.PoseLandmark:
        other = indices.PoseLandmark(order[landmark]).name
        assert sorted(landmark.name.replace('LEFT', 'RIGHT')) == sorted(other.replace('LEFT', 'RIGHT'))
        assert ('LEFT' in landmark.name) == ('RIGHT' in other)


def test_both_sides_come_left_before_right():
    assert indices.UPPER_BODY == (11, 12, 13, 14, 15, 16, 23, 24) and indices.WRISTS == (15, 16)
    assert indices.ARM == {'left': (11, 13, 15), 'right': (12, 14, 16)} and indices.WRIST['right'] == 16


def _row_numbers(tree):
    """Where source has numbers of arms, trunk and legs as an index or a list: (line, text)."""
    def is_row(node):
        return isinstance(node, ast.Constant) and type(node.value) is int and node.value in range(11, 33)
    for node in ast.walk(tree):
        rows = node.elts if isinstance(node, ast.List | ast.Tuple) else [node.slice] * 2 \
            if isinstance(node, ast.Subscript) else []
        if len(rows) > 1 and all(is_row(row) for row in rows):
            yield node.lineno, ast.unparse(node)


def test_pose_landmarks_have_names_wherever_they_are_used():
    package = Path(indices.__file__).parents[1]
    found = {str(path.relative_to(package)): rows
             for folder in ('detection', 'estimators', 'evaluation', 'fitting', 'landmarks', 'training/lifting')
             for path in (package / folder).glob('*.py') if path.name != 'indices.py'
             if (rows := list(_row_numbers(ast.parse(path.read_text(encoding='utf-8')))))}
    assert not found, 'landmarks are named in landmarks/indices.py'


def test_hand_landmarks_are_in_the_order_of_the_keypoints_of_a_hand():
    from hand4whole_ros import skeleton
    assert indices.NUM_HAND_LANDMARKS == skeleton.NUM_HAND_KEYPOINTS
    for landmark, name in zip(indices.HandLandmark, skeleton.HAND_KEYPOINT_NAMES):
        assert landmark.name.partition('_')[0].lower() == name.rstrip('123').replace('_tip', '')
    tips = [landmark for landmark in indices.HandLandmark if landmark.name.endswith('TIP')]
    assert tuple(tips) == skeleton.FINGERTIP_KEYPOINTS


def test_the_hand_of_a_pose_is_looked_for_between_index_and_little_finger():
    landmarks = np.zeros((33, 3))
    landmarks[[15, 17, 19], :2] = (100, 100), (97, 70), (103, 70)   # left wrist, little and index finger: upwards
    region = hands.pose_hand_region(landmarks, 'left')
    assert abs(region.rotation) < 0.05 and region.side == pytest.approx(2.7 * 2 * np.hypot(1, 30))
    assert region.centre[1] < 70 and region.centre[0] == pytest.approx(101, abs=1)
