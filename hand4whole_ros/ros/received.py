"""An image as it came, from the wire or from a bag, and what it says once it is opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from . import images, messages

#: Frame of images that name none: TF needs a name.
NAMELESS_FRAME = 'camera_optical_frame'


class ReceivedImage(NamedTuple):
    """An image as it arrived, not yet turned into a message: most of the dropped ones never are."""

    data: bytes
    compressed: bool
    received: int       # ns on the node's clock, or the bag's time


def opened(item: ReceivedImage, remark: Callable[[str], None]) -> tuple[Header, np.ndarray]:
    """Stamp and frame, and the picture (H, W, 3) uint8 RGB. Raises images.BadImage.

    An image without a stamp gets the time of its arrival, one without a frame NAMELESS_FRAME; `remark` is
    called with a line that says so.
    """
    kind, decode = (CompressedImage, images.decode_compressed) if item.compressed else (Image, images.decode)
    msg = deserialize_message(item.data, kind)
    image = decode(msg)
    stamp, frame = msg.header.stamp, msg.header.frame_id.lstrip('/')
    if messages.nanoseconds(stamp) == 0:
        remark('images carry no stamp: the time of arrival is used instead')
        stamp = messages.time(item.received)
    if not frame:
        remark(f'images carry no frame_id: {NAMELESS_FRAME} is used instead')
        frame = NAMELESS_FRAME
    return messages.header(stamp, frame), image
