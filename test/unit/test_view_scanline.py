"""What draws for people's eyes: the same surfaces as the rasteriser of training pictures, much the same colours."""

import re

import cv2
import forked_process
import numpy as np
import pytest
from test_view_overlay import person
from test_view_raster import PIXELS, covered, on_pixels, strictly

from hand4whole_ros.geometry.camera import Intrinsics
from hand4whole_ros.media import image_files
from hand4whole_ros.rendering.rasterizer import Rasterizer
from hand4whole_ros.rendering.scanline import ScanlineRenderer
from hand4whole_ros.synthetic import people

#: Wide, with a lens; from close by; the person half outside.
CAMERAS = [
    (Intrinsics.from_focal(320, 240, 260), (0.0, 0.1, 2.6)), (Intrinsics.from_focal(160, 120, 130), (0.1, 0.5, 0.7)),
    (Intrinsics(250.0, 240.0, 150.0, 130.0, 300, 260, distortion=(-0.2, 0.05, 0.001, 0.0, 0.0)), (1.2, 0.1, 2.0))]


@pytest.mark.parametrize('camera, pelvis', CAMERAS)
@pytest.mark.parametrize('supersample', [1, 2, 3])
def test_it_sees_what_the_rasteriser_sees(body, camera, pelvis, supersample):
    mesh = body.vertices(person(body, pelvis))
    meshes, colors = np.stack([mesh, mesh + np.float32([0.2, 0.05, 0.4])]), np.float32([0.6, 0.7, 0.8])
    drawn, expected = (kind(body.faces).render(meshes, camera, colors, supersample=supersample)
                       for kind in (ScanlineRenderer, Rasterizer))
    assert (expected.alpha > 0).sum() > 500
    assert (drawn.ids == expected.ids).mean() > 0.999 and (drawn.alpha == expected.alpha).mean() > 0.999
    same = (drawn.ids == expected.ids) & (expected.ids >= 0)
    np.testing.assert_allclose(drawn.depth[same], expected.depth[same], rtol=1e-4)
    inner = same & (expected.alpha == 1)
    assert np.abs(drawn.rgb[inner].astype(int) - expected.rgb[inner]).mean() < 6
    assert not drawn.rgb[expected.alpha == 0].any()


@pytest.mark.parametrize('cull', [True, False])
def test_triangles_seen_from_behind(body, cull):
    mesh = body.vertices(person(body))
    drawn, expected = (kind(body.faces[:, ::-1], cull=cull).render(mesh, CAMERAS[0][0], [0.6, 0.7, 0.8])
                       for kind in (ScanlineRenderer, Rasterizer))
    assert (drawn.ids == expected.ids).mean() > 0.998
    inner = (expected.alpha == 1) & (drawn.ids == expected.ids)
    assert np.abs(drawn.rgb[inner].astype(int) - expected.rgb[inner]).mean() < 6


def test_every_triangle_is_covered_to_the_last_pixel():
    rng = np.random.default_rng(0)
    for a, b, c in rng.integers((-20, -20), (60, 50), (200, 3, 2)).tolist():
        if (b[0] - a[0]) * (c[1] - a[1]) == (b[1] - a[1]) * (c[0] - a[0]):
            continue
        drawn = ScanlineRenderer(np.array([[0, 1, 2]]), cull=False).render(
            on_pixels([(*a, 1.0), (*b, 1.5), (*c, 2.0)]), PIXELS, [1.0, 1.0, 1.0], supersample=1)
        assert ((drawn.ids == 0) == covered(a, b, c))[strictly(a, b, c)].all()


@pytest.mark.parametrize('points', [
    [(np.nan, 0, 1), (1, 0, 1), (0, 1, 1)], [(0, 0, -1), (1, 0, -1), (0, 1, -1)], [(0, 0, 1), (0, 0, 1), (0, 0, 1)],
    [(1e9, 0, 1), (1e9, 1, 1), (0, 1e9, 1)], [(0, 0, 1), (1, 1, 1), (2, 2, 1 + 1e-7)]])
def test_what_cannot_be_drawn_leaves_an_empty_picture(points):
    drawn = ScanlineRenderer(np.array([[0, 1, 2]]), cull=False).render(np.float32(points), CAMERAS[0][0], [1, 1, 1])
    assert drawn.alpha.sum() < 300 and np.isfinite(drawn.alpha).all()


def without_synthetic(*words):
    """A command where neither anny nor warp is installed."""
    return forked_process.run("""
sys.modules['warp'] = sys.modules['anny'] = None
from hand4whole_ros.cli.main import main
from hand4whole_ros.teleop import simulation
sys.exit(main(arguments))
""", *words)


@pytest.mark.parametrize('words', [('evaluate', 'synthetic', '--count', '1'), ('bench', '--only', 'mediapipe')])
def test_drawn_people_name_the_extra_that_they_need(words):
    done = without_synthetic(*words)
    assert re.search(r'drawn people need the extra synthetic: \w+ is not installed; run: pip install anny==0.6.2 '
                     'warp-lang', done.stdout), done.stdout
    assert 'Traceback' not in done.stdout


@pytest.mark.parametrize('estimator', ['mediapipe', 'open'])
def test_estimators_and_the_overlay_need_no_extra_synthetic(tmp_path, estimator):
    image, _ = people.render_person(people.sample_person(1))
    small = cv2.resize(image, (192, 192), interpolation=cv2.INTER_AREA)     # is searched in few squares
    image_files.write_image(tmp_path / 'person.png', small)
    done = without_synthetic('estimate', tmp_path / 'person.png', '--estimator', estimator, '--overlay',
                             tmp_path / 'out')
    assert done.returncode == 0, done.stdout
    assert '1 people in 1 frames' in done.stdout and len(list((tmp_path / 'out').iterdir())) == 1
