"""A video as input of `hand4whole replay`: its frames as messages, at the container's own times."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage

from ...apps.estimate import image_sources
from ...geometry.camera import Intrinsics
from .. import topics
from ..bag.reader import BagError, Entry
from ..bag.types import ros_type_name, zero_padding
from ..conversions import images, messages
from ..conversions.raw_image import DEFAULT_FRAME_ID, RawImage
from .bag_source import InputImage, InputOptions

#: Topics of a video's frames.
IMAGE = '/video/image' + topics.COMPRESSED
CAMERA_INFO = '/video/camera_info'

#: Stamp of the first frame, ns. Zero would mean no stamp.
_FIRST_STAMP = 1_000_000_000

_JPEG_QUALITY = 95


class VideoSource:
    """See ReplaySource. The bag contains the frames as JPEG; the frames themselves are estimated."""

    image_topic, rectified = IMAGE, False
    left_out: list[str] = []
    missing, two_clocks = None, False

    def __init__(self, path: Path, options: InputOptions):
        (self._source,) = image_sources.collect_sources([path])
        self._options = options
        self.files = [Path(path)]
        self.images = len(self._source)
        self.missing: str | None = None
        self.connections = [_connection(1, IMAGE, CompressedImage)]
        if options.focal is not None:
            self.connections.append(_connection(2, CAMERA_INFO, CameraInfo))

    def entries(self) -> Iterator[tuple[Entry, InputImage | None]]:
        """See ReplaySource."""
        options, wanted = self._options, 0
        for frame in self._source.frames():
            if frame.missing:
                self.missing = frame.error
                continue
            if frame.error is not None or frame.image is None:
                raise BagError(str(frame.error))
            if frame.stamp < options.start:
                continue
            if options.duration is not None and frame.stamp >= options.start + options.duration:
                break
            wanted += 1
            time = _FIRST_STAMP + round(frame.stamp * 1e9)
            head = messages.make_header(messages.to_time_message(time), DEFAULT_FRAME_ID)
            if options.focal is not None:
                yield Entry(self.connections[1], time, _camera_info(frame.image, options.focal, head)), None
            small = images.jpeg_message(frame.image, head, _JPEG_QUALITY)
            whole = bytes(serialize_message(images.image_message(frame.image, head)))
            yield (Entry(self.connections[0], time, zero_padding(serialize_message(small), CompressedImage)),
                   InputImage(RawImage(whole, False, time), time, None))
        if not wanted:
            raise BagError(f'{self._source.path}: it ends before --start {options.start:g}')

    def close(self) -> None:
        """Nothing is open."""


def _camera_info(image, focal, head):
    height, width = image.shape[:2]
    matrix = Intrinsics.from_focal(width, height, focal).matrix
    info = CameraInfo(header=head, height=height, width=width, distortion_model='plumb_bob', d=[0.0] * 5,
                      k=matrix.ravel(), r=np.eye(3).ravel(), p=np.hstack([matrix, np.zeros((3, 1))]).ravel())
    return zero_padding(serialize_message(info), CameraInfo)


def _connection(number, topic, kind):
    from rosbags.interfaces import Connection, ConnectionExtRosbag2, MessageDefinition, MessageDefinitionFormat
    return Connection(number, topic, ros_type_name(kind), MessageDefinition(MessageDefinitionFormat.NONE, ''), '', 0,
                      ConnectionExtRosbag2('cdr', []), None)
