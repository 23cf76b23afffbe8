"""Cutting a region out of an image."""

from __future__ import annotations

import cv2
import numpy as np

from .regions import Region, rotated

#: px along a side; OpenCV's limit.
MAX_SIZE = 32766


def checked(image: np.ndarray) -> np.ndarray:
    """Returns the image. Raises ValueError if it is not an image."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        found = f'{image.dtype} {image.shape}' if isinstance(image, np.ndarray) else type(image).__name__
        raise ValueError(f'an image is an RGB array (H, W, 3) of uint8, found {found}')
    if not 1 <= min(image.shape[:2]) <= max(image.shape[:2]) <= MAX_SIZE:
        raise ValueError(f'an image has 1 to {MAX_SIZE} pixels along a side, found {image.shape[1]} x {image.shape[0]}')
    return image


def matrix(region: Region, size: int, exact: bool = False) -> np.ndarray:
    """(2, 3): maps pixels of a crop, `size` px wide and high, to pixels of the image.

    exact: the edges of the crop are the edges of the region. Otherwise as in MediaPipe on the CPU: OpenCV expects
    coordinates of pixel centres, MediaPipe passes those of pixel edges, so the content is shifted left and up by half
    a pixel of the image, and right and down by half a pixel of the crop.
    """
    linear = region.side / size * rotated(np.eye(2), region.rotation).T
    if exact:
        return np.column_stack([linear, region.centre - linear @ np.full(2, (size - 1) / 2)])
    return np.column_stack([linear, region.centre + 0.5 - linear @ np.full(2, size / 2)])


def crop(image: np.ndarray, region: Region, size: int, *, exact: bool = False,
         black_outside: bool = False) -> np.ndarray:
    """The content of a region, upright: (size, size, 3) uint8, interpolated linearly.

    exact: see `matrix`. black_outside: pixels beyond the image are black; otherwise the border pixels are repeated.
    Raises ValueError if `image` is not an image.
    """
    border = cv2.BORDER_CONSTANT if black_outside else cv2.BORDER_REPLICATE
    return cv2.warpAffine(np.ascontiguousarray(checked(image)), matrix(region, size, exact), (size, size),
                          flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=border)
