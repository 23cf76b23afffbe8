"""Rotation and mirroring of stored pixels to upright ones: the tags of images and of videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Orientation:
    """A transposition, then mirror flips; every multiple of 90 degrees and every mirror image is one of these eight."""

    transpose: bool = False
    flip_rows: bool = False         # swap top and bottom
    flip_columns: bool = False      # swap left and right

    def apply(self, image: np.ndarray) -> np.ndarray:
        """(H, W, ...) as stored -> upright, (W, H, ...) if transposed; contiguous."""
        if self.transpose:
            image = image.swapaxes(0, 1)
        if self.flip_rows:
            image = image[::-1]
        if self.flip_columns:
            image = image[:, ::-1]
        return np.ascontiguousarray(image)


#: By the value of tag 274 of EXIF and TIFF.
_EXIF = {1: Orientation(), 2: Orientation(flip_columns=True), 3: Orientation(flip_rows=True, flip_columns=True),
         4: Orientation(flip_rows=True), 5: Orientation(transpose=True),
         6: Orientation(transpose=True, flip_columns=True), 7: Orientation(True, True, True),
         8: Orientation(transpose=True, flip_rows=True)}


def from_exif(value: object) -> Orientation:
    """Tag 274, Orientation. Any other value than its eight means upright, as in viewers."""
    return _EXIF.get(value, Orientation()) if isinstance(value, int) else Orientation()


def from_display_matrix(matrix: Sequence[int]) -> Orientation:
    """A video's 3x3 display matrix, row by row: (x, y, 1) M is where the stored pixel (x, y) is shown.

    Its scale and position are ignored; angles between multiples of 90 degrees are rounded to the nearest.
    """
    a, b, _, c, d = (int(value) for value in matrix[:5])
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(flip_rows=d < 0, flip_columns=a < 0)
    return Orientation(transpose=True, flip_rows=b < 0, flip_columns=c < 0)
