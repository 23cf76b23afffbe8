"""Backgrounds from a bank of drawn images: a random part, mirrored, tinted and scaled, well under a millisecond."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from . import backgrounds

NUM_BACKDROPS, _SIZE = 96, 384


def sample_backdrop(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """(height, width, 3) uint8 RGB: mostly similar to a room, sometimes one colour or a gradient."""
    kind = rng.random()
    if kind < 0.10:
        level = rng.choice([0.0, 255.0, rng.uniform(0, 255)])
        colour = np.full(3, level) if rng.random() < 0.6 else rng.uniform(0, 255, 3)
        image = np.empty((height, width, 3), np.uint8)
        image[:] = colour.astype(np.uint8)
        return image
    if kind < 0.18:
        corners = rng.uniform(0, 255, (2, 2, 3)) if rng.random() < 0.5 else rng.uniform(0, 255, (2, 2, 1)).repeat(3, 2)
        return cv2.resize(corners.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    return sample_texture(rng, width, height)


def sample_texture(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """A part of one picture of the bank."""
    picture = backdrop_bank()[rng.integers(NUM_BACKDROPS)]
    share = rng.uniform(0.4, 1.0)
    scale = share * _SIZE / max(width, height)
    w, h = max(2, int(width * scale)), max(2, int(height * scale))
    x, y = rng.integers(_SIZE - w + 1), rng.integers(_SIZE - h + 1)
    image = cv2.resize(picture[y:y + h, x:x + w], (width, height), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.5:
        image = image[:, ::-1]
    gain = rng.uniform(0.5, 1.25) * rng.uniform(0.85, 1.15, 3)
    table = np.clip(np.arange(256)[:, None] * gain + rng.uniform(-25, 25), 0, 255).astype(np.uint8)
    return cv2.LUT(np.ascontiguousarray(image), table[None])


@lru_cache(maxsize=1)
def backdrop_bank() -> list[np.ndarray]:
    """COUNT pictures, (384, 384, 3) uint8."""
    return [_draw_backdrop(np.random.default_rng((0xBACD, k))) for k in range(NUM_BACKDROPS)]


def _draw_backdrop(rng):
    image = backgrounds.draw_background(rng, _SIZE, _SIZE)
    if rng.random() < 0.4:      # shelves, blinds, tiles, foliage: fine and repeated detail
        image = _draw_pattern(rng, image)
    if rng.random() < 0.3:
        image = _draw_distractor_limbs(rng, image)
    return image


def _draw_pattern(rng, image):
    y, x = np.mgrid[:_SIZE, :_SIZE].astype(np.float32)
    angle, period = rng.uniform(0, np.pi), rng.uniform(5, 60)
    wave = np.sin((np.cos(angle) * x + np.sin(angle) * y) * (2 * np.pi / period))
    if rng.random() < 0.5:
        wave = wave * np.sin((np.cos(angle + 1.57) * x + np.sin(angle + 1.57) * y) * (2 * np.pi / rng.uniform(5, 60)))
    if rng.random() < 0.6:
        wave = np.sign(wave)
    x0, y0 = rng.integers(0, _SIZE // 2, 2)
    w, h = rng.integers(_SIZE // 4, _SIZE, 2)
    part = image[y0:y0 + h, x0:x0 + w].astype(np.float32) + rng.uniform(8, 45) * wave[y0:y0 + h, x0:x0 + w, None]
    image[y0:y0 + h, x0:x0 + w] = np.clip(part, 0, 255)
    return image


def _draw_distractor_limbs(rng, image):
    """Objects of skin colour other than skin."""
    for _ in range(rng.integers(1, 6)):
        skin = np.array((0.85, 0.65, 0.5)) * rng.uniform(80, 250) * rng.uniform(0.9, 1.1, 3)
        centre = tuple(int(v) for v in rng.integers(0, _SIZE, 2))
        axes = tuple(int(v) for v in rng.uniform(4, 60, 2))
        angle, colour = float(rng.uniform(0, 180)), np.clip(skin, 0, 255).tolist()
        cv2.ellipse(image, centre, axes, angle, 0, 360, colour, -1, cv2.LINE_AA)
    return image
