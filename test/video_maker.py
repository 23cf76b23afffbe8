"""Videos of every kind, made by FFmpeg's encoders, and what phones, browsers and broken disks do to them."""

import contextlib
import os
import struct
from fractions import Fraction

import av
import cv2
import numpy as np

RATE = 25
#: For movie containers: the table of frames at the beginning, as cameras that stream have it.
FAST = {'movflags': 'faststart'}


def scene(width=160, height=120):
    """(H, W, 3) uint8 RGB, smooth, none of its eight orientations like another."""
    noise = np.random.default_rng(8).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


def numbered(count, width=160, height=120):
    """Pictures, each of which tells its number, below 64: see `number`."""
    pictures = []
    for k in range(count):
        image = scene(width, height)
        for bit in range(6):
            image[:height // 3, bit * width // 6:(bit + 1) * width // 6] = 210 if k >> bit & 1 else 45
        pictures.append(image)
    return pictures


def number(image):
    """Of the picture that this was before it was encoded."""
    height, width = image.shape[:2]
    middles = [image[height // 12:height // 4, (4 * bit + 1) * width // 24:(4 * bit + 3) * width // 24]
               for bit in range(6)]
    return sum(int(middle.mean() > 128) << bit for bit, middle in enumerate(middles))


@contextlib.contextmanager
def _scheduling_kept():
    """SVT-AV1 gives whoever calls it real-time priority if it may: no other program would run beside the tests."""
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)


def write(path, pictures, codec='libx264', times=None, container=None, format=None, pixels='yuv420p', options=None,
          aspect=None, first=0.0, native=None):
    """A video file, the path. times: s, else RATE frames a second; first: added to them.

    native: pictures are in this format of FFmpeg already, as from_ndarray takes them.
    """
    tick = Fraction(1, 1000)
    with _scheduling_kept(), av.open(path, 'w', format=format, container_options=container or {}) as output:
        stream = output.add_stream(codec, rate=RATE, options=options or {})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixels
        stream.codec_context.gop_size = 12
        if codec == 'libx264' and not options:
            stream.options = {'crf': '16'}
        if aspect:
            stream.codec_context.sample_aspect_ratio = Fraction(aspect)
        if times is not None or first:
            times = [k / RATE for k in range(len(pictures))] if times is None else times
            stream.codec_context.time_base = tick
        for k, image in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format=native or 'rgb24')
            if times is not None:
                frame.pts, frame.time_base = round((times[k] + first) / tick), tick
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def write_sound(path, seconds=1.0, codec='aac', picture=False):
    """A file of sound alone; picture: with one of the album."""
    with av.open(path, 'w') as output:
        stream = output.add_stream(codec, rate=48_000)
        cover = None
        if picture:
            cover = output.add_stream('mjpeg', rate=1)
            cover.width, cover.height, cover.pix_fmt = 64, 48, 'yuvj420p'
            cover.disposition = av.stream.Disposition.attached_pic
        wave = np.sin(np.arange(int(48_000 * seconds)) / 20).astype(np.float32)
        for at in range(0, len(wave) - 1024, 1024):
            frame = av.AudioFrame.from_ndarray(wave[None, at:at + 1024], format='fltp', layout='mono')
            frame.sample_rate, frame.pts = 48_000, at
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if cover is not None:
            output.mux(cover.encode(av.VideoFrame.from_ndarray(scene(64, 48), format='rgb24')))
            output.mux(cover.encode(None))
    return path


def without_end(data):
    """A sink for what a browser records: it cannot go back to fill in a duration."""
    class Sink:
        def write(self, some):
            data.extend(some)
            return len(some)
    return Sink()


def set_display_matrix(path, a, b, c, d):
    """Sets the display matrix in an .mp4: where a stored pixel (x, y) goes is (a x + c y, b x + d y), in units."""
    data = bytearray(path.read_bytes())
    at = data.index(b'tkhd') + 4
    at += 52 if data[at] else 40    # its version
    one = 1 << 16
    data[at:at + 36] = struct.pack('>9i', a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def damaged(data, kind):
    """The bytes of a video after something has happened to them, past their first half."""
    data, start, end = bytearray(data), len(data) // 2, len(data) * 6 // 10
    if kind == 'cut':
        del data[end:]
    elif kind == 'zeros':
        data[start:end] = bytes(end - start)
    elif kind == 'noise':
        data[start:end] = np.random.default_rng(1).bytes(end - start)
    elif kind == 'hole':
        del data[start:end]
    return bytes(data)
