"""Background images: soft noise, walls, furniture-like shapes, all made from a seed."""

from __future__ import annotations

import cv2
import numpy as np


def draw_background(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """A textured background, (height, width, 3) uint8 RGB."""
    image = _draw_gradient(rng, width, height)
    if rng.random() < 0.7:
        image = _draw_floor(rng, image)
    image = _draw_shapes(rng, image, rng.integers(3, 14))
    image *= 1 + rng.uniform(0.04, 0.22) * _multiscale_noise(rng, width, height)[..., None]
    blur = rng.uniform(0.3, 4.0)
    image = cv2.GaussianBlur(image, (0, 0), blur)
    image += rng.normal(0, 3.0, image.shape[:2])[..., None]
    return np.clip(image, 0, 255).astype(np.uint8)


def _sample_color(rng):
    grey = rng.uniform(40, 225)
    return np.clip(grey + rng.normal(0, 25, 3), 10, 245)


def _draw_gradient(rng, width, height):
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[:height, :width] / max(width, height)
    ramp = np.cos(angle) * x + np.sin(angle) * y
    ramp = (ramp - ramp.min()) / np.ptp(ramp)
    a = _sample_color(rng)
    b = np.clip(a + rng.normal(0, 35, 3), 10, 245)
    return (a + ramp[..., None] * (b - a)).astype(np.float32)


def _draw_floor(rng, image):
    height, width = image.shape[:2]
    line = int(height * rng.uniform(0.6, 0.9))
    fade = np.linspace(0.85, 1.1, height - line)[:, None, None]
    image[line:] = _sample_color(rng) * fade
    if rng.random() < 0.6:
        cv2.line(image, (0, line), (width, line), (image[line, 0] * 0.5).tolist(), int(rng.integers(2, 8)))
    return image


def _draw_shapes(rng, image, count):
    height, width = image.shape[:2]
    for _ in range(count):
        colour = _sample_color(rng).tolist()
        x, y = int(rng.uniform(-0.1, 1) * width), int(rng.uniform(-0.1, 1) * height)
        w, h = int(rng.uniform(0.05, 0.4) * width), int(rng.uniform(0.05, 0.4) * height)
        kind = rng.integers(4)
        if kind <= 1:
            cv2.rectangle(image, (x, y), (x + w, y + h), colour, -1)
            if rng.random() < 0.5:      # a frame, a shelf
                cv2.rectangle(image, (x, y), (x + w, y + h), _sample_color(rng).tolist(), int(rng.integers(2, 9)))
        elif kind == 2:
            cv2.ellipse(image, (x, y), (w // 2, h // 2), float(rng.uniform(0, 180)), 0, 360, colour, -1)
        else:
            end = x + w, y + int(rng.normal(0, 0.3) * height)
            cv2.line(image, (x, y), end, colour, int(rng.integers(2, 14)))
    return image


def _multiscale_noise(rng, width, height):
    """Noise at several scales, about -1 to 1."""
    clouds = np.zeros((height, width), np.float32)
    for octave in range(2, 8):
        cells = rng.normal(0, 1, (2 ** octave, 2 ** octave)).astype(np.float32)
        clouds += cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC) * 0.65 ** octave
    return clouds / (np.abs(clouds).max() + 1e-6)
