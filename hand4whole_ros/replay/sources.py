"""What `hand4whole estimate` reads: pictures, folders of pictures and videos, one frame after another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from .. import pictures
from ..pictures import PictureError

VIDEO_SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v')


@dataclass(frozen=True)
class Frame:
    """One picture, or why there is none."""

    name: str                           # file name; videos add '#' and the number of the frame
    image: np.ndarray | None = None     # (H, W, 3) uint8 RGB
    stamp: float = 0.0                  # seconds from the start of a video; 0 for pictures
    error: str | None = None


@dataclass(frozen=True)
class Source:
    """One file to read from."""

    path: Path
    name: str       # what its results are called: the file name, or the path where that would clash
    stem: str       # the same for files made from it, without suffix and slashes

    @property
    def is_video(self) -> bool:
        return self.path.suffix.lower() in VIDEO_SUFFIXES

    def __len__(self) -> int:
        """Frames in it; what a video's header says of itself, at least 1."""
        if not self.is_video:
            return 1
        capture = cv2.VideoCapture(str(self.path))
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        capture.release()
        return max(count, 1)

    def frames(self) -> Iterator[Frame]:
        """Every frame, in order. What cannot be read comes as a Frame with an error."""
        if self.is_video:
            yield from self._video_frames()
            return
        try:
            yield Frame(self.name, pictures.read(self.path))
        except PictureError as error:
            yield Frame(self.name, error=str(error))

    def _video_frames(self):
        capture = cv2.VideoCapture(str(self.path))
        rate = capture.get(cv2.CAP_PROP_FPS) or 30.0
        size = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        if min(size) > 0:   # else FFmpeg refuses it by itself
            try:
                pictures.check_size(*size, str(self.path))
            except PictureError as error:
                capture.release()
                yield Frame(self.name, error=str(error))
                return
        index = 0
        while True:
            good, image = capture.read()
            if not good:
                break
            yield Frame(f'{self.name}#{index:06d}', cv2.cvtColor(image, cv2.COLOR_BGR2RGB), index / rate)
            index += 1
        capture.release()
        if index == 0:
            yield Frame(self.name, error=f'{self.path}: no video that can be decoded')


def find(inputs: list[Path]) -> list[Source]:
    """Files and folders -> sources in order. Names are file names, or paths where those would clash.

    Raises FileNotFoundError or ValueError with one line that says what is wrong.
    """
    paths = []
    for entry in map(Path, inputs):
        if entry.is_dir():
            known = pictures.SUFFIXES + VIDEO_SUFFIXES
            inside = sorted(p for p in entry.iterdir() if p.is_file() and p.suffix.lower() in known)
            if not inside:
                raise ValueError(f'{entry}: no pictures or videos in this folder; looked for '
                                 + ' '.join(known))
            paths += inside
        elif entry.exists():
            paths.append(entry)
        else:
            raise FileNotFoundError(f'{entry}: no such file or folder')
    names, stems = [path.name for path in paths], [path.stem for path in paths]
    sources = []
    for path in paths:
        name = path.name if names.count(path.name) == 1 else str(path)
        stem = path.stem if stems.count(path.stem) == 1 else name.strip('/').replace('/', '_').replace('.', '_')
        sources.append(Source(path, name, stem))
    return sources
