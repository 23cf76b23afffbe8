"""Recordings that the demo camera plays: a drawn person, as a video, with the true positions of its joints.

The files are shipped, so that a demonstration draws nothing. scripts/make_demo_recordings.py makes them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...geometry.camera import Intrinsics
from ...media.videos.reader import VideoReader

#: NAME.mp4 and NAME.npz of every recording.
FOLDER = Path(__file__).parent / 'recordings'

#: The recordings: a person who moves all parts, and one who drives a robot hand.
NAMES = ('demonstration', 'operator')

#: Images a second.
RATE = 20.0

#: Unit, m, of the integers that positions of joints are stored as.
STEP = 1e-4


class Recording:
    """One round of a motion that repeats.

    points: (N, 97, 3) float64 m, of each image the 55 SMPL-X joints, then 21 keypoints of the left hand and 21 of the
    right.
    """

    def __init__(self, name: str):
        self._video = FOLDER / f'{name}.mp4'
        with np.load(FOLDER / f'{name}.npz', allow_pickle=False) as stored:
            self.points = stored['points'] * STEP
            fx, fy, cx, cy = stored['intrinsics'].tolist()
            width, height = stored['size'].tolist()
        self.intrinsics = Intrinsics(fx, fy, cx, cy, width, height)

    def frames(self, count: int, rate: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """`count` images (H, W, 3) uint8 RGB of a camera of `rate` Hz, from the beginning, each with its points."""
        numbers = [round(k / rate * RATE) % len(self.points) for k in range(count)]
        wanted, images = set(numbers), {}
        with VideoReader(self._video) as video:
            for number, frame in enumerate(video.frames()):
                if number in wanted:
                    images[number] = frame.image
                if len(images) == len(wanted):
                    break
        for number in numbers:
            yield images[number], self.points[number]

    def image(self, seconds: float) -> np.ndarray:
        """The image at a time."""
        with VideoReader(self._video) as video:
            return next(itertools.islice(video.frames(), round(seconds * RATE), None)).image
