"""Whether a lens fits its image: detects calibrations whose coefficients are in the wrong order."""

from __future__ import annotations

import functools

import numpy as np

from .camera import Intrinsics

#: Number of checked pixels, columns and rows, from edge to edge.
_GRID = (41, 31)

#: Maximum error of a pixel projected back from its ray, in pixels.
MAX_ERROR = 0.5

#: Shares of the image that lie where the model folds back. The polynomials of wide lenses are fitted where the
#: calibration board was, which is rarely the corners; most of these lenses fold there, and are right everywhere else.
#: Up to the first share there is no warning; beyond the second the lens is rejected.
COMMON_FOLD, MAX_FOLD = 0.08, 0.15

#: Maximum difference of the distances from the centre of two opposite rays' pixels, relative to the distance. Lenses
#: are decentred by some hundredths at most; radial coefficients read as tangential ones give far more.
MAX_ASYMMETRY = 0.1

_COEFFICIENT_ORDER_HINT = {'equidistant': 'k1, k2, k3, k4', 'plumb_bob': 'k1, k2, p1, p2, k3',
          'rational_polynomial': 'k1, k2, p1, p2, k3, k4, k5, k6'}


@functools.lru_cache(maxsize=64)    # it takes some ten milliseconds, and camera_info arrives with every image
def check_lens(camera: Intrinsics) -> tuple[bool, str | None]:
    """Whether the lens may be used for this image, and the reason for an error or a warning.

    Every pixel has to be reprojected from its ray; the model has to cover most of the image without folding back; and
    the pixels of opposite rays have to be about equally far from the centre.
    """
    lens = camera.lens
    if lens.is_ideal:
        return True, None
    pixels = np.stack(np.meshgrid(np.linspace(0, camera.width - 1, _GRID[0]),
                                  np.linspace(0, camera.height - 1, _GRID[1])), -1).reshape(-1, 2)
    with np.errstate(all='ignore'):
        rays = camera.normalize(pixels)
        error = np.linalg.norm(camera.project(np.concatenate([rays, np.ones((len(rays), 1))], 1)) - pixels, axis=1)
        places = (pixels - (camera.cx, camera.cy)) / (camera.fx, camera.fy)
        fold = 1 - lens.covered(places).mean() if lens.has_fold else 0.0
        lopsided = _asymmetry(lens, rays, places)
    order = f'are they in the order {_COEFFICIENT_ORDER_HINT[camera.distortion_model]}?'
    if fold > MAX_FOLD:
        return False, f'fold back within the image, {fold:.0%} of which has no ray: {order}'
    if not lopsided < MAX_ASYMMETRY:
        return False, f'are lopsided, by {lopsided:.0%} of the distance from the centre: {order}'
    if not error.max() < MAX_ERROR:
        return False, f'lead from a pixel to its ray and back {error.max():.3g} pixels beside it: {order}'
    if fold > COMMON_FOLD:
        return True, (f'fold back in the corners, {fold:.0%} of the image: there the lens is continued as at its edge; '
                      f'calibrate with the board in the corners, too')
    return True, None


def _asymmetry(lens, rays, places):
    distance = np.linalg.norm(places, axis=1)
    far = distance > 0.1 * distance.max()
    return (np.linalg.norm(places + lens.distort(-rays), axis=1)[far] / 2 / distance[far]).max()
