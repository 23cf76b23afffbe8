"""Boxes, crops, projection and rotation codes give the numbers measured on the authors' code."""

import numpy as np
import pytest
import roma
import torch

from hand4whole_ros.geometry import crops
from hand4whole_ros.geometry.rotations import rotation_from_6d_columns, rotation_from_6d_rows
from hand4whole_ros.networks.smpler_x import project_to_heatmap, soft_argmax
from parity import deterministic as D
from parity import fixtures


@pytest.fixture(scope='module')
def functions():
    return fixtures.load('functions')


def given(fixture, key):
    return torch.from_numpy(fixture[key])


def test_rotations_from_6d(functions):
    rotations = rotation_from_6d_rows(given(functions, 'd6'))
    fixtures.check(functions, 'aa_mat', rotations, 1e-5)
    fixtures.check(functions, 'aa', roma.rotmat_to_rotvec(rotations), 1e-5)


def test_rotations_from_6d_at_half_turns_and_short_codes(functions):
    rotations = rotation_from_6d_rows(given(functions, 'd6_special'))
    fixtures.check(functions, 'aa_special_mat', rotations, 1e-5)
    # An axis and its opposite are the same half turn.
    again = roma.rotvec_to_rotmat(given(functions, 'aa_special'))
    torch.testing.assert_close(rotations, again, rtol=0, atol=1e-6)


def test_the_two_layouts_of_6d_hold_the_same_rotation(functions):
    rotations = given(functions, 'aa_mat')
    columns = rotations[..., :2].transpose(-1, -2).flatten(-2)
    rows = rotations[..., :2].flatten(-2)
    torch.testing.assert_close(rotation_from_6d_columns(columns), rotations, rtol=0, atol=1e-6)
    torch.testing.assert_close(rotation_from_6d_rows(rows), rotations, rtol=0, atol=1e-6)


def test_soft_argmax(functions):
    heatmap = D.tensor('func.hm', (2, 5, 8, 16, 12), scale=4)
    fixtures.check(functions, 'soft_argmax', soft_argmax(heatmap), 1e-5)


def test_projection(functions):
    points = D.tensor('func.xyz', (2, 137, 3), scale=.6)
    points[..., 2] += 8
    fixtures.check(functions, 'xyz', points, 1e-6)
    fixtures.check(functions, 'project', project_to_heatmap(points), 1e-5)


@pytest.mark.parametrize('aspect', [1.0, 0.75])
@pytest.mark.parametrize('extension', [2.0, 1.5])
def test_box_around(functions, aspect, extension):
    centre = D.tensor('func.centre', (6, 2), 'uniform', 20, 180)
    size = D.tensor('func.size', (6, 2), 'uniform', 5, 90)
    box = crops.box_around(centre, size, aspect, extension)
    fixtures.check(functions, f'restore_{aspect}_{extension}', box, 1e-5)


def test_person_box_and_patch(functions):
    box = crops.person_box(given(functions, 'bbox_in'))
    fixtures.check(functions, 'bbox_aspect', box, 1e-6)
    affine = crops.patch_affine(box)
    fixtures.check(functions, 'trans', affine, 1e-6)
    square = torch.cat([affine, torch.tensor([0., 0., 1.]).expand(len(affine), 1, 3)], dim=1)
    fixtures.check(functions, 'inv_trans', torch.linalg.inv(square)[:, :2], 1e-6)

    photo = (D.image('func.photo', 480, 640)[0] * 255).to(torch.uint8).float()
    patches = crops.cut_patches(photo, box).round()
    # OpenCV, which the authors use, cuts in fixed point: one grey level.
    assert fixtures.diff(functions, 'patches', patches.permute(0, 2, 3, 1))[0] <= 1
    fixtures.check(functions, 'body256', crops.resize_body_image(patches / 255), 4e-3)


@pytest.mark.parametrize('hand', ['rhand', 'lhand'])
def test_hand_crops(hand):
    fixture = fixtures.load('hand_roi')
    patches = D.image('hand_roi.img', 512, 384, batch=4)
    pictures = crops.roi_align(patches, 2 * given(fixture, f'{hand}_bbox'))
    fixtures.check(fixture, f'{hand}_img', pictures, 1e-5)


def test_the_virtual_camera_sees_points_where_the_patch_shows_them():
    boxes = torch.tensor([[10., 20., 150., 200.], [-40.5, 33.25, 300., 400.]], dtype=torch.float64)
    points = D.tensor('virtual_camera.points', (2, 20, 3), scale=0.4).double() + torch.tensor([0, 0, 25.])
    fx, fy, cx, cy = crops.virtual_camera(boxes)[:, None].unbind(-1)
    seen = torch.stack([points[..., 0] / points[..., 2] * fx + cx, points[..., 1] / points[..., 2] * fy + cy,
                        torch.ones_like(cx).expand(2, 20)], dim=-1)
    in_body_picture = seen @ crops.patch_affine(boxes, crops.BODY_SIZE).transpose(-1, -2)
    expected = points[..., :2] / points[..., 2:] * crops.VIRTUAL_FOCAL + torch.tensor([96., 128.])
    np.testing.assert_allclose(in_body_picture, expected, atol=1e-9)


def test_no_boxes_make_no_crops():
    assert crops.roi_align(torch.zeros(0, 3, 64, 48), torch.zeros(0, 4)).shape == (0, 3, 256, 256)
    assert crops.cut_patches(torch.zeros(3, 48, 64), torch.zeros(0, 4)).shape == (0, 3, 512, 384)
