"""Objects between the camera and the person: tables, bars, boxes and blobs, drawn over the image."""

from __future__ import annotations

import cv2
import numpy as np

from ..geometry.camera import Intrinsics
from . import backdrops

OBSTACLE_PROBABILITY = 0.35        # share of the images with an obstacle
_MAX_OBSTACLES = 0.6         # of an image; people who are covered more are left out


def draw_obstacles(rng: np.random.Generator, image: np.ndarray, view: Intrinsics, *, joints: np.ndarray,
                   hands: np.ndarray) -> np.ndarray | None:
    """Draw them into image (H, W, 3) uint8, in place; -> (H, W) bool, their mask, or None.

    joints (N, 3) m of the person and keypoints of the hands (2, 21, 3) m: in the frame of `view`.
    """
    if rng.random() >= OBSTACLE_PROBABILITY:
        return None
    mask = np.zeros(image.shape[:2], np.uint8)
    points, hands = (np.clip(np.nan_to_num(view.project(part), nan=-1e4), -1e4, 1e4) for part in (joints, hands))
    points = np.clip(points, 0, (view.width, view.height))
    low, high = points.min(0), points.max(0)
    size = float(np.clip(np.linalg.norm(high - low), 20, 3 * max(view.width, view.height)))
    for _ in range(rng.integers(1, 3)):
        kind = rng.random()
        if kind < 0.3:      # at a hand
            hand = hands[rng.integers(2)]
            centre, reach = hand[rng.integers(21)], np.ptp(hand, axis=0).max() * rng.uniform(0.1, 0.45)
        elif kind < 0.5:    # a table, a sofa's back, the edge of a screen: all below some line
            line = low[1] + (high[1] - low[1]) * rng.uniform(0.5, 0.95)
            tilt = rng.normal(0, 0.03) * view.width
            left, right, bottom = -9, view.width + 9, view.height + 9 + abs(line)
            edge = np.array([(left, line - tilt), (right, line + tilt), (right, bottom), (left, bottom)])
            _fill_polygon(mask, edge)
            continue
        else:
            centre, reach = rng.uniform(low, high), size * rng.uniform(0.02, 0.12)
        _fill_polygon(mask, _obstacle_corners(rng, centre, reach, size))
    covered = mask > 0
    if not 0 < covered.mean() < _MAX_OBSTACLES:
        return None
    h, w = mask.shape
    if rng.random() < 0.5:
        np.copyto(image, backdrops.sample_texture(rng, w, h), where=covered[..., None])
    else:
        image[covered] = rng.integers(0, 256, 3).astype(np.uint8)
    return covered


def _obstacle_corners(rng, centre, reach, size):
    """Corners of a long bar, a box or a blob."""
    kind = rng.random()
    if kind < 0.25:
        half = np.array([size, max(2.0, size * rng.uniform(0.008, 0.03))])
    elif kind < 0.6:
        half = reach * rng.uniform(0.4, 1.3, 2)
    else:
        angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        radii = reach * rng.uniform(0.6, 1.2, 12)
        return centre + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    angle = rng.uniform(0, np.pi)
    turn = np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    return centre + (np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half) @ turn.T


def _fill_polygon(mask, corners):
    corners = np.clip(np.nan_to_num(corners), -20000, 20000)
    cv2.fillPoly(mask, [np.round(corners * 16).astype(np.int32)], (255,), shift=4)
