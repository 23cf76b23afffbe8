"""The rasteriser: exact pixels and depth, occlusion, agreement with projection, odd inputs."""

import cv2
import numpy as np
import pytest
import torch

from hand4whole_ros.geometry.camera import Intrinsics
from hand4whole_ros.rendering.rasterizer import Lighting, Rasterizer, visible_points

PIXELS = Intrinsics(1.0, 1.0, 0.0, 0.0, 40, 30)  # a point (x z, y z, z) falls on pixel (x, y)


def on_pixels(corners):
    """(x, y, z) rows in pixels and metres -> points in the camera frame."""
    corners = np.asarray(corners, float)
    return np.column_stack([corners[:, :2] * corners[:, 2:], corners[:, 2]])


def covered(a, b, c, height=30, width=40):
    """Pixels whose centre lies in the triangle, edges included, in exact arithmetic on integers."""
    y, x = np.mgrid[:height, :width]

    def side(p, q):
        return (p[0] - x) * (q[1] - y) - (p[1] - y) * (q[0] - x)
    sides = np.stack([side(a, b), side(b, c), side(c, a)])
    return (sides >= 0).all(0) | (sides <= 0).all(0)


def strictly(a, b, c, height=30, width=40):
    """Pixels whose centre lies on none of the lines through the triangle's sides."""
    y, x = np.mgrid[:height, :width]
    return np.all([(p[0] - x) * (q[1] - y) != (p[1] - y) * (q[0] - x) for p, q in ((a, b), (b, c), (c, a))], axis=0)


def test_covers_exactly_the_pixel_centres_inside_and_interpolates_depth_with_perspective():
    a, b, c = (3, 4, 2.0), (9, 27, 4.0), (35, 10, 1.0)
    ids, depth = Rasterizer([[0, 1, 2]]).ids_and_depth(on_pixels([a, b, c]), PIXELS)
    expected = covered(a, b, c)
    np.testing.assert_array_equal(ids == 0, expected)
    assert (ids[~expected] == -1).all() and np.isinf(depth[~expected]).all()
    y, x = np.nonzero(expected)
    plane = np.linalg.solve([[p[0], p[1], 1] for p in (a, b, c)], [1 / p[2] for p in (a, b, c)])
    exact = 1 / (np.column_stack([x, y, np.ones_like(x)]) @ plane)
    np.testing.assert_allclose(depth[expected], exact, rtol=1e-5)


def test_slivers_and_large_triangles_are_covered_to_the_last_pixel():
    rng = np.random.default_rng(0)
    for a, b, c in rng.integers((-20, -20), (60, 50), (200, 3, 2)).tolist():
        if (b[0] - a[0]) * (c[1] - a[1]) == (b[1] - a[1]) * (c[0] - a[0]):
            continue
        rasterizer = Rasterizer([[0, 1, 2]], cull=False)
        corners = on_pixels([(*a, 1.0), (*b, 1.5), (*c, 2.0)])
        ids = rasterizer.face_ids(corners, PIXELS)
        # Corners go through metres: a centre on an edge may fall on either side of it.
        assert ((ids == 0) == covered(a, b, c))[strictly(a, b, c)].all()
        assert rasterizer.coverage(corners, PIXELS) == (ids == 0).sum()


def test_triangles_that_share_an_edge_leave_no_gap_and_the_first_owns_it():
    corners = on_pixels([(2, 2, 1), (2, 22, 1), (32, 22, 1), (32, 2, 1)])
    ids = Rasterizer([[0, 1, 2], [0, 2, 3]]).face_ids(corners, PIXELS)
    assert (ids >= 0).sum() == 31 * 21
    np.testing.assert_array_equal(ids == 0, covered((2, 2), (2, 22), (32, 22)))


def test_the_nearer_triangle_hides_the_other_whatever_their_order():
    corners = on_pixels([(2, 2, 3), (2, 28, 3), (38, 2, 3), (5, 5, 2), (5, 12, 2), (12, 5, 2)])
    for faces, near in (([[0, 1, 2], [3, 4, 5]], 1), ([[3, 4, 5], [0, 1, 2]], 0)):
        ids, depth = Rasterizer(faces).ids_and_depth(corners, PIXELS)
        inside = covered((5, 5), (5, 12), (12, 5))
        np.testing.assert_array_equal(ids == near, inside)
        np.testing.assert_allclose(depth[inside], 2, rtol=1e-6)


def test_bodies_of_a_batch_hide_each_other():
    near, far = on_pixels([(5, 5, 1), (5, 20, 1), (20, 5, 1)]), on_pixels([(2, 2, 2), (2, 28, 2), (38, 2, 2)])
    ids = Rasterizer([[0, 1, 2]]).face_ids(np.stack([far, near]), PIXELS)
    np.testing.assert_array_equal(ids == 1, covered((5, 5), (5, 20), (20, 5)))
    assert (ids == 0).any()


def test_back_faces_are_culled_on_demand():
    corners = on_pixels([(3, 4, 2), (9, 27, 2), (35, 10, 2)])
    assert (Rasterizer([[0, 2, 1]]).face_ids(corners, PIXELS) == -1).all()
    both = [Rasterizer([face], cull=False).render(corners, PIXELS, [1, 1, 1])
            for face in ([0, 2, 1], [0, 1, 2])]
    assert both[0].alpha.any()
    np.testing.assert_array_equal(both[0].rgb, both[1].rgb)


def test_what_cannot_be_projected_is_left_out_and_the_rest_is_drawn():
    good = on_pixels([(3, 4, 2), (9, 27, 2), (35, 10, 2)])
    for bad in (np.nan, np.inf, -1.0, 0.0, 0.01, -np.inf):
        broken = good.copy()
        broken[0, 2] = bad
        faces = [[3, 4, 5], [0, 1, 2]]
        ids = Rasterizer(faces).face_ids(np.concatenate([good, broken]), PIXELS)
        np.testing.assert_array_equal(ids == 1, covered((3, 4), (9, 27), (35, 10)))
        assert not (ids == 0).any()


def test_a_triangle_far_larger_than_the_picture_fills_it():
    corners = on_pixels([(-90000, -50000, 2), (-90000, 150000, 2), (200000, -50000, 2)])
    picture = Rasterizer([[0, 1, 2]]).render(corners, PIXELS, [0.5, 0.5, 0.5], lighting=Lighting(specular=0, rim=0))
    assert (picture.alpha == 1).all() and np.ptp(picture.rgb.reshape(-1, 3), axis=0).max() <= 2


def test_faces_the_key_light_brightly_and_turns_dark_away_from_it():
    light = Lighting(key_direction=(0, 0, -1), key=(1, 1, 1), sky=(0, 0, 0), ground=(0, 0, 0), specular=0,
                     rim=0)
    flat = on_pixels([(3, 4, 2), (9, 27, 2), (35, 10, 2)])
    picture = Rasterizer([[0, 1, 2]]).render(flat, PIXELS, [1, 0.5, 0], lighting=light)
    full = picture.rgb[picture.alpha == 1]
    np.testing.assert_allclose(full, [[255, 128, 0]] * len(full), atol=1)
    away = Lighting(**{**vars(light), 'key_direction': (0, 0, 1)})
    assert Rasterizer([[0, 1, 2]]).render(flat, PIXELS, [1, 1, 1], lighting=away).rgb.max() == 0


def test_supersampling_measures_coverage():
    corners = on_pixels([(3.3, 4.1, 2), (9.2, 27.7, 2), (35.6, 10.4, 2)])
    (a, b, c) = corners[:, :2] / 2
    area = abs((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])) / 2
    for factor, tolerance in ((1, 0.03), (2, 0.015), (4, 0.008)):
        alpha = Rasterizer([[0, 1, 2]]).render(corners, PIXELS, [1, 1, 1], supersample=factor).alpha
        assert alpha.sum() == pytest.approx(area, rel=tolerance)
        assert set(np.unique(alpha * factor ** 2)) <= set(range(factor ** 2 + 1))


@pytest.fixture(scope='module')
def posed(body):
    """The body in front of a camera, arms bent: (V, 3) m, camera frame."""
    pose = torch.zeros(1, 21, 3)
    pose[0, 15, 2], pose[0, 16, 2], pose[0, 17, 1] = -1.0, 0.7, -1.2
    turn = torch.tensor([[np.pi, 0, 0]], dtype=torch.float32)
    output = body.layer(global_orient=turn, body_pose=pose)
    vertices = output.vertices[0].numpy()
    return vertices - output.joints[0, 0].numpy() + np.float32([0.1, 0.1, 2.6])


@pytest.mark.parametrize('camera', [
    Intrinsics.from_focal(320, 240, 260),
    Intrinsics(255, 262, 150, 128, 320, 240, (-0.28, 0.07, 0.001, -0.002, 0.0)),
    Intrinsics(240, 240, 160, 120, 320, 240, (0.02, -0.01, 0.003, 0.0), 'equidistant'),
], ids=['pinhole', 'lens', 'fisheye'])
def test_the_silhouette_is_where_the_vertices_project(body, posed, camera):
    rasterizer = Rasterizer(body.faces)
    mask = rasterizer.face_ids(posed, camera) >= 0
    pixels = np.rint(camera.project(posed)).astype(int)
    inside = (pixels >= 0).all(1) & (pixels < (320, 240)).all(1)
    hits = np.zeros_like(mask)
    hits[pixels[inside, 1], pixels[inside, 0]] = True
    grown = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert grown[hits].mean() > 0.999
    assert inside.mean() > 0.9 and 0.5 < mask.sum() / hits.sum() < 2
    front = rasterizer.visible_vertices(posed, camera)
    assert 0.3 < front[inside].mean() < 0.7 and not front[~inside].any()


def test_a_part_of_the_picture_is_the_part_of_the_whole(body, posed):
    camera = Intrinsics.from_focal(320, 240, 260)
    rasterizer = Rasterizer(body.faces)
    whole = rasterizer.render(posed, camera, [0.6, 0.7, 0.8])
    crop = rasterizer.render(posed, camera.cropped(130, 60, 64, 80), [0.6, 0.7, 0.8])
    for a, b in zip(whole, crop):
        np.testing.assert_allclose(a[60:140, 130:194].astype(float), b.astype(float), atol=2)


def test_the_same_input_gives_the_same_picture(body, posed):
    camera = Intrinsics.from_focal(160, 120, 130)
    first, second = (Rasterizer(body.faces).render(posed, camera, [0.6, 0.7, 0.8]) for _ in range(2))
    for a, b in zip(first, second):
        np.testing.assert_array_equal(a, b)


def test_pictures_already_given_stay_as_they_are(body, posed):
    camera = Intrinsics.from_focal(160, 120, 130)
    rasterizer = Rasterizer(body.faces)
    first = rasterizer.render(posed, camera, [0.6, 0.7, 0.8])
    copies = [array.copy() for array in first]
    rasterizer.render(posed + np.float32([0.3, 0.1, 0]), camera, [1, 0, 0])
    for a, b in zip(first, copies):
        np.testing.assert_array_equal(a, b)


def test_points_inside_the_body_are_hidden_unless_tolerated(body, posed):
    camera = Intrinsics.from_focal(320, 240, 260)
    _, depth = Rasterizer(body.faces).ids_and_depth(posed, camera)
    inside = np.array([0.1, 0.1, 2.6])
    assert not visible_points(inside, depth, camera) and visible_points(inside, depth, camera, tolerance=0.3)
    assert visible_points(inside - (0, 0, 0.5), depth, camera)
    assert not visible_points([[np.nan, 0, 1], [0, 0, -1], [9, 0, 1]], depth, camera).any()


@pytest.mark.parametrize('size', [(1, 1), (1, 200), (333, 1), (7680, 17)])
def test_pictures_of_any_shape(body, posed, size):
    camera = Intrinsics.from_fov(*size)
    picture = Rasterizer(body.faces).render(posed, camera, [0.6, 0.7, 0.8], supersample=3)
    assert picture.alpha.shape == size[::-1] and picture.alpha.max() > 0


def test_nothing_to_draw():
    picture = Rasterizer(np.zeros((0, 3), int)).render(np.zeros((0, 3)), PIXELS, np.zeros((0, 3)))
    assert not picture.alpha.any() and np.isinf(picture.depth).all()
    corner, part = Rasterizer([[0, 1, 2]]).render_part(np.full((3, 3), -1.0), PIXELS, [1, 1, 1])
    assert part.alpha.size == 0 and corner == (0, 0)


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match=r'faces must be \(F, 3\)'):
        Rasterizer([[0, 1]])
    with pytest.raises(ValueError, match='negative'):
        Rasterizer([[0, 1, -1]])
    with pytest.raises(ValueError, match='V >= 3'):
        Rasterizer([[0, 1, 2]]).face_ids(np.zeros((2, 3)), PIXELS)
