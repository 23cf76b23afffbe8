"""Square regions of an image, rotated about their centre: the input of a network, and the computation of the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Directions in the image, as angles from x towards up.
UP, DOWN, RIGHT = np.pi / 2, -np.pi / 2, 0.0

#: px; the side of a region around points that all coincide.
MIN_SIDE = 1.0


@dataclass(frozen=True, eq=False)
class Region:
    """A square in the plane of the image; it may reach beyond the image. Raises ValueError if it is not a square."""

    centre: np.ndarray      # (2,) px
    side: float             # px
    rotation: float         # radians, clockwise in the image: rotated back by it, the content is upright

    def __post_init__(self):
        centre = np.asarray(self.centre, float)
        if centre.shape != (2,) or not np.isfinite([*centre, self.side, self.rotation]).all() or self.side <= 0:
            raise ValueError(f'a region has a centre (x, y), a side above 0 and a rotation, all finite; found '
                             f'{self.centre}, {self.side}, {self.rotation}')
        object.__setattr__(self, 'centre', centre)
        object.__setattr__(self, 'side', float(self.side))
        object.__setattr__(self, 'rotation', float(self.rotation))

    @staticmethod
    def of_image(image: np.ndarray) -> Region:
        """The smallest upright region that contains an image (H, W, ...)."""
        height, width = image.shape[:2]
        return Region(np.array([width - 1, height - 1]) / 2, max(width, height), 0.0)

    def to_image(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 2), 0 and 1 at the edges of the region -> px."""
        return self.centre + self.side * rotated(np.asarray(points) - 0.5, self.rotation)

    def from_image(self, points: np.ndarray) -> np.ndarray:
        """The inverse of to_image."""
        return rotated(np.asarray(points) - self.centre, -self.rotation) / self.side + 0.5


def rotated(points: np.ndarray, angle: float) -> np.ndarray:
    """Points (..., 2) rotated about 0, clockwise in the image."""
    c, s = np.cos(angle), np.sin(angle)
    return points @ np.array([[c, s], [-s, c]])


def rotation_of(start: np.ndarray, end: np.ndarray, direction: float) -> float:
    """The rotation, -pi to pi, of a region in which the vector from start to end, (2,) px, has this direction."""
    x, y = end - start
    angle = direction - np.arctan2(-y, x)
    return float(angle - 2 * np.pi * np.floor((angle + np.pi) / (2 * np.pi)))


def square(centre: np.ndarray, size: np.ndarray, rotation: float, *, scale: float, shift: float = 0.0) -> Region:
    """The region around a rectangle with this centre (2,) px, width and height (2,) px, and rotation.

    Its side is `scale` times the longer side of the rectangle; shift: down the rectangle's vertical axis, in heights
    of the rectangle.
    """
    centre = centre + rotated(np.array([0.0, shift * size[1]]), rotation)
    return Region(centre, max(scale * float(np.max(size)), MIN_SIDE), rotation)


def around_circle(centre: np.ndarray, point: np.ndarray, direction: float, *, scale: float,
                  shift: float = 0.0) -> Region:
    """The region around a circle with this centre through this point, (2,) px; direction: from centre to point."""
    diameter = 2 * float(np.linalg.norm(point - centre))
    return square(centre, np.array([diameter, diameter]), rotation_of(centre, point, direction), scale=scale,
                  shift=shift)


def around_points(points: np.ndarray, rotation: float, scale: float, shift: float = 0.0) -> Region:
    """The region around points (N, 2) px: around their upright bounding box."""
    low, high = points.min(0), points.max(0)
    return square((low + high) / 2, high - low, rotation, scale=scale, shift=shift)


def around_rotated_points(points: np.ndarray, rotation: float, scale: float, shift: float = 0.0) -> Region:
    """The region around points (N, 2) px: around their bounding box with this rotation."""
    aligned = rotated(points, -rotation)
    low, high = aligned.min(0), aligned.max(0)
    return square(rotated((low + high) / 2, rotation), high - low, rotation, scale=scale, shift=shift)


def overlap(one: Region, other: Region) -> float:
    """Intersection over union of two regions, both taken as upright."""
    size = np.minimum(one.centre + one.side / 2, other.centre + other.side / 2) - np.maximum(
        one.centre - one.side / 2, other.centre - other.side / 2)
    intersection = float(np.prod(np.maximum(size, 0)))
    return intersection / (one.side ** 2 + other.side ** 2 - intersection)


def suppress_overlaps(regions: Sequence[Region], max_overlap: float = 0.5) -> list[Region]:
    """The regions without those that overlap a later one by more than max_overlap."""
    kept: list[Region] = []
    for region in regions:
        kept = [other for other in kept if overlap(region, other) <= max_overlap] + [region]
    return kept


@dataclass(frozen=True)
class RegionTolerance:
    """Maximum difference of a tracked region, from the last image's landmarks, to the one suggested by this image."""

    rotation: float     # radians
    distance: float     # along each axis of the suggested region, in its sides
    scale: float        # difference of the sides, in sides of the suggested region
    margin: float       # all landmarks are in the suggested region after it has grown by this share of its side

    def accepts(self, tracked: Region, points: np.ndarray, suggested: Region) -> bool:
        """points: the last image's landmarks (N, 2) px."""
        angle = abs(np.angle(np.exp(1j * (tracked.rotation - suggested.rotation))))
        offset = np.abs(suggested.from_image(tracked.centre) - 0.5)
        inside = np.abs(suggested.from_image(points) - 0.5) < (1 + self.margin) / 2
        return bool(angle <= self.rotation and (offset <= self.distance).all() and inside.all()
                    and abs(tracked.side - suggested.side) <= self.scale * suggested.side)
