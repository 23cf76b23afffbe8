"""Effects of lens, sensor and transmission on an image: blur, exposure, noise, JPEG."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

_TILE = 512


def apply_camera_effects(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 RGB -> the same, as from a camera of some quality."""
    longest = max(image.shape[:2])
    kind = rng.random()
    if kind < 0.12:
        image = _motion_blur(rng, image, longest)
    elif kind < 0.40:
        sigma = rng.uniform(0.3, 1.0) * longest / 400 + 0.25
        image = cv2.GaussianBlur(image, (0, 0), sigma)
    if rng.random() < 0.7:
        image = cv2.LUT(image, _tone_curve(rng)[None])
    if rng.random() < 0.08:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if rng.random() < 0.75:
        image = _add_noise(rng, image)
    if rng.random() < 0.4:
        quality = int(rng.uniform(25, 95))
        image = cv2.imdecode(cv2.imencode('.jpg', image, (cv2.IMWRITE_JPEG_QUALITY, quality))[1], cv2.IMREAD_COLOR)
    return image


def _motion_blur(rng, image, longest):
    """Blurred along a line."""
    length = rng.uniform(0.008, 0.025) * longest
    size = int(length) | 1
    if size < 3:
        return image
    kernel = np.zeros((size, size), np.float32)
    angle, middle = rng.uniform(0, np.pi), size // 2
    step = np.array([np.cos(angle), np.sin(angle)]) * middle
    start, end = ([int(round(middle + sign * v)) for v in step] for sign in (-1, 1))
    cv2.line(kernel, start, end, (1.0,), 1, cv2.LINE_AA)
    return cv2.filter2D(image, -1, kernel / kernel.sum())


def _tone_curve(rng):
    """(256, 3) uint8: gamma, contrast, brightness and white balance."""
    x = (np.arange(256) / 255.0)[:, None] ** np.exp(rng.normal(0, 0.25))
    warmth = rng.normal(0, 0.06)
    x = x * np.exp(rng.normal(0, 0.12)) * np.array((1 + warmth, 1 + rng.normal(0, 0.02), 1 - warmth))
    contrast = np.exp(rng.normal(0, 0.12))
    return np.clip(255 * ((x - 0.5) * contrast + 0.5 + rng.normal(0, 0.03)), 0, 255).astype(np.uint8)


def _add_noise(rng, image):
    height, width = image.shape[:2]
    level = rng.uniform(1, 9) if rng.random() < 0.85 else rng.uniform(9, 22)
    x, y = rng.integers(_TILE, size=2)
    noise = _noise_tile(height, width)[y:y + height, x:x + width]
    if rng.random() < 0.5:
        noise = cv2.cvtColor(noise[..., 0], cv2.COLOR_GRAY2RGB)
    return cv2.addWeighted(image, 1.0, noise, level / 32.0, -128 * level / 32.0)


@lru_cache(maxsize=4)
def _noise_tile(height, width):
    """(512 + height, 512 + width, 3) uint8: mean 128, deviation 32, repeated after 512 pixels."""
    rng = np.random.default_rng(0)
    tile = np.clip(rng.normal(128, 32, (_TILE, _TILE, 3)), 0, 255).astype(np.uint8)
    return np.pad(tile, ((0, height), (0, width), (0, 0)), mode='wrap')
