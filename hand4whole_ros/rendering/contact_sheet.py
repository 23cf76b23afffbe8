"""Contact sheets, videos and animated GIFs. RGB uint8 throughout."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np

from ..system.output_files import FILE_MARK

_BACKGROUND = (250, 250, 248)
_TEXT_COLOR = (40, 44, 52)


def contact_sheet(images: Sequence[np.ndarray], captions: Sequence[str] | None = None,
                  columns: int | None = None, tile_width: int = 400, *, gap: int = 10) -> np.ndarray:
    """One image of many: (H, W, 3) tiles in reading order, each with its caption below.

    Tiles are scaled to `tile_width` and keep their proportions. `columns` None makes the sheet about 3:2.
    Raises ValueError without images, or if the number of captions differs from that of images.
    """
    if not len(images):
        raise ValueError('a contact sheet needs at least one picture, found none')
    if captions is not None and len(captions) != len(images):
        raise ValueError(f'each of the {len(images)} pictures needs one caption, found {len(captions)}')
    tiles = [_scale_to_width(_check_image(image), tile_width) for image in images]
    tallest = max(tile.shape[0] for tile in tiles)
    caption_height = 28 if captions is not None else 0
    if columns is None:
        columns = round(math.sqrt(1.5 * len(tiles) * (tallest + caption_height) / tile_width))
    columns = max(1, min(columns, len(tiles)))
    rows = -(-len(tiles) // columns)
    step_x, step_y = tile_width + gap, tallest + caption_height + gap
    sheet = np.full((rows * step_y + gap, columns * step_x + gap, 3), _BACKGROUND, np.uint8)
    for k, tile in enumerate(tiles):
        x, y = gap + (k % columns) * step_x, gap + (k // columns) * step_y
        sheet[y:y + tile.shape[0], x:x + tile_width] = tile
        if captions is not None:
            _write_caption(sheet[y + tallest:y + tallest + caption_height, x:x + tile_width], captions[k])
    return sheet


def write_video(path: Path, frames: Iterable[np.ndarray], fps: float):
    """Write an .mp4 of frames of one size. Raises OSError if it cannot be written."""
    from ..media.videos.writer import VideoWriter

    _check_fps(fps)
    path, size = Path(path), None
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with VideoWriter(path, fps) as video:
            for number, frame in enumerate(frames):
                frame = _check_image(frame)
                size = size or frame.shape
                if frame.shape != size:
                    raise ValueError(f'the frames of a video must be of one size: {size[1]} x {size[0]} first, '
                                     f'then {frame.shape[1]} x {frame.shape[0]}')
                video.write(frame, number / fps)
    except OSError as error:
        raise OSError(f'{path}: the video cannot be written: {error.strerror or error}') from None
    if size is None:
        raise ValueError('a video needs at least one frame, found none')


def write_gif(path: Path, frames: Sequence[np.ndarray], fps: float, width: int = 480, *, colors: int = 256):
    """Write an endless animated GIF, small enough for a README.

    Frames wider than `width` are scaled down; all share one palette of `colors`, so that nothing flickers.
    """
    from PIL import Image

    _check_fps(fps)
    if not len(frames):
        raise ValueError('an animation needs at least one frame, found none')
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = [Image.fromarray(_scale_to_width(_check_image(f), min(width, f.shape[1]))) for f in frames]
    palette = Image.fromarray(_palette_samples(pictures)[None]).quantize(colors)
    indexed = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    indexed[0].save(path, save_all=True, append_images=indexed[1:], duration=round(1000 / fps), loop=0,
                    comment=FILE_MARK)


def _palette_samples(pictures):
    """(N, 3) colours to compute a palette from: some whole frames, their vivid pixels a third as often as all.

    Bones and hands are few pixels; without that weight they would fade into the background's colours.
    """
    chosen = [pictures[k] for k in np.linspace(0, len(pictures) - 1, 6).astype(int)]
    samples = np.concatenate([np.asarray(picture).reshape(-1, 3) for picture in chosen])
    vivid = samples[np.ptp(samples, axis=1) > 70]
    repeats = len(samples) // (3 * max(len(vivid), 1))
    return np.concatenate([samples, np.tile(vivid, (repeats, 1))])


def _check_image(image):
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise ValueError(f'a picture must be (height, width, 3) uint8, found {image.shape} {image.dtype}')
    return image


def _check_fps(fps):
    if not (math.isfinite(fps) and fps > 0):
        raise ValueError(f'frames per second must be positive, found {fps}')


def _scale_to_width(image, width):
    """Scaled to `width` pixels, proportions kept."""
    if image.shape[1] == width:
        return image
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    smooth = cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_CUBIC
    return cv2.resize(image, (width, height), interpolation=smooth)


def _write_caption(strip, text):
    size = 0.5
    (wide, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
    size *= min(1.0, (strip.shape[1] - 4) / max(wide, 1))
    part = np.ascontiguousarray(strip)
    cv2.putText(part, text, (2, 19), cv2.FONT_HERSHEY_SIMPLEX, size, _TEXT_COLOR, 1, cv2.LINE_AA)
    strip[:] = part
