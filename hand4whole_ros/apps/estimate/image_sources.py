"""Inputs of `hand4whole estimate`: images, folders of images, videos, cameras and streams, frame by frame."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...media import folder_listing, image_files
from ...media.image_files import ImageFileError
from ...media.live_address import check_device, parse_live_address, printable_address
from ...system.output_files import printable_path

log = logging.getLogger(__name__)

VIDEO_SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v')


@dataclass(frozen=True)
class Frame:
    """One image, or the reason why there is none."""

    name: str                           # file name; videos add '#' and the number of the frame
    image: np.ndarray | None = None     # (H, W, 3) uint8 RGB
    stamp: float = 0.0                  # seconds from a video's first frame, by its own times; 0 for images
    duration: float = 0.0               # for which a video shows it, s; 0 if unknown
    error: str | None = None
    missing: int = 0                    # number of frames the error is about, of a damaged or truncated video


@dataclass(frozen=True)
class ImageSource:
    """One file to read from."""

    path: Path
    name: str       # name of its results: the file name, or the path if that would be ambiguous
    stem: str       # the same for output files, without suffix and slashes
    folder: Path | None = None      # that was listed to find it; None if the file itself was given

    @property
    def is_video(self) -> bool:
        return self.path.suffix.lower() in VIDEO_SUFFIXES

    @property
    def is_live(self) -> bool:
        """Whether it comes from a camera and has no end."""
        return False

    def __len__(self) -> int:
        """Approximate number of frames, from the header of a video; at least 1."""
        if not self.is_video:
            return 1
        from ...media.videos.reader import VideoError, VideoReader  # FFmpeg's libraries
        try:
            with VideoReader(self.path) as video:
                return video.expected
        except VideoError:
            return 1

    def frames(self) -> Iterator[Frame]:
        """Every frame, in order. An unreadable one is a Frame with an error."""
        if self.is_video:
            yield from self._video_frames()
            return
        try:
            yield Frame(self.name, image_files.read_image(self.path))
        except ImageFileError as error:
            yield Frame(self.name, error=str(error))

    def _video_frames(self):
        from ...media.videos.reader import VideoError, VideoReader
        try:
            video = VideoReader(self.path)
        except VideoError as error:
            yield Frame(self.name, error=str(error))
            return
        count = 0
        with video:
            for count, frame in enumerate(video.frames(), 1):
                yield Frame(f'{self.name}#{count - 1:06d}', frame.image, frame.stamp, frame.duration)
        missing, reason = video.losses.missing, video.losses.reason
        if not count:
            yield Frame(self.name, error=f'{self.path}: no video that can be decoded'
                        + (f': {reason}, and none of its frames is left' if missing else ': there is no frame in it'))
        elif missing:
            yield Frame(self.name, error=f'{self.path}: {missing} of {count + missing} frames are missing: {reason}',
                        missing=missing)


@dataclass(frozen=True)
class LiveSource(ImageSource):
    """A camera or a stream, which ends when it is interrupted, or by itself."""

    address: str = ''

    @property
    def is_video(self) -> bool:
        return True

    @property
    def is_live(self) -> bool:
        return True

    def __len__(self) -> int:
        """1: the number of images is unknown."""
        return 1

    def _video_frames(self):
        from ...media.videos.live import LiveReader, VideoError  # FFmpeg's libraries
        try:
            with LiveReader(self.address) as reader:
                log.info('%s: images come; Ctrl-C ends it, and keeps what was found', self.name)
                try:
                    for count, frame in enumerate(reader.frames()):
                        yield Frame(f'{self.name}#{count:06d}', frame.image, frame.stamp)
                finally:
                    if reader.left_out:
                        log.info('%s: %d images were left out, as they came faster than they could be estimated',
                                 self.name, reader.left_out)
        except VideoError as error:
            yield Frame(self.name, error=str(error))


def make_live_source(address: str) -> LiveSource:
    """Source of a result of media.live_address.parse_live_address. Raises FileNotFoundError for a missing camera."""
    check_device(address)
    name = printable_address(address).removeprefix('/dev/')
    return LiveSource(Path(address), name, _flatten_path(Path(name.replace('://', '_')), False), address=address)


def collect_inputs(inputs: Sequence[str]) -> list[ImageSource]:
    """Words of a command that name files, folders, cameras and streams -> sources, files first. Raises as
    collect_sources does.
    """
    addresses = [parse_live_address(word) for word in inputs]
    live = [make_live_source(address) for address in dict.fromkeys(addresses) if address]
    files = [Path(word) for word, address in zip(inputs, addresses) if not address]
    return [*(collect_sources(files) if files else ()), *live]


def collect_sources(inputs: list[Path]) -> list[ImageSource]:
    """Files and folders -> sources in order. Names are file names, or paths if those would be ambiguous.

    Files in a folder that are neither images nor videos are counted in one line of the log. Raises FileNotFoundError or
    ValueError with one line that names the fault.
    """
    known = image_files.readable_suffixes() + VIDEO_SUFFIXES
    paths = folder_listing.list_files(inputs, lambda path: path.suffix.lower() in known, 'pictures or videos')
    names = Counter(path.name for path in paths)
    called = [printable_path(path.name if names[path.name] == 1 else path) for path in paths]
    stems = folder_listing.make_distinct_names(
        [path.stem for path in paths], [_flatten_path(path, names[path.name] == 1) for path in paths]
    )
    folders = {Path(entry) for entry in inputs}
    return [ImageSource(path, name, stem, path.parent if path not in folders and path.parent in folders else None)
            for path, name, stem in zip(paths, called, stems)]


#: Maximum bytes of a name made from a path; file systems have 255 in all.
_MAX_NAME_BYTES = 200


def _flatten_path(path, alone):
    """A path as one name, without suffixes; `alone`: the file's name is enough."""
    name = (path.name if alone else str(path)).strip('/').replace('/', '_').replace('.', '_')
    return name if len(os.fsencode(name)) <= _MAX_NAME_BYTES else path.stem
