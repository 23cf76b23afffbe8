"""What `hand4whole estimate` reads: pictures, folders of pictures and videos, one frame after another."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from .. import pictures
from ..output_files import printable
from ..pictures import PictureError
from . import listing

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
    folder: Path | None = None      # that was listed to find it; None where the file itself was named

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

    What in a folder is neither picture nor video is counted in one line of the log. Raises FileNotFoundError or
    ValueError with one line that says what is wrong.
    """
    known = pictures.suffixes() + VIDEO_SUFFIXES
    paths = listing.files(inputs, lambda path: path.suffix.lower() in known, 'pictures or videos')
    names = Counter(path.name for path in paths)
    called = [printable(path.name if names[path.name] == 1 else path) for path in paths]
    stems = listing.distinct([path.stem for path in paths], [_flat(path, names[path.name] == 1) for path in paths])
    folders = {Path(entry) for entry in inputs}
    return [Source(path, name, stem, path.parent if path not in folders and path.parent in folders else None)
            for path, name, stem in zip(paths, called, stems)]


#: Bytes of a name that is made of a path; file systems have 255 in all.
_MOST_BYTES = 200


def _flat(path, alone):
    """A path as one name, without suffixes; `alone`: the file's name is enough."""
    name = (path.name if alone else str(path)).strip('/').replace('/', '_').replace('.', '_')
    return name if len(os.fsencode(name)) <= _MOST_BYTES else path.stem
