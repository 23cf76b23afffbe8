"""An image as it arrived, by the middleware or from a bag, and its decoding."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from ...media import bit_depth
from . import images, messages

#: Frame of images that name none: TF needs a name.
DEFAULT_FRAME_ID = 'camera_optical_frame'

#: Minimum bytes of a serialised message: its header, a stamp, and the lengths of two texts. Fast CDR reads
#: beyond the end of a shorter one, which crashes the process.
MIN_MESSAGE_BYTES = 4 + 8 + 2 * 4

#: Maximum characters of a frame's name: every message about the image repeats it, several times for each person.
MAX_FRAME_ID_LENGTH = 255


#: Remark about an image without content, in which no person can be detected.
BLANK_IMAGE_REMARK = (
    'images show nothing: all pixels have nearly the same value; is the lens covered, or the exposure wrong?'
)


class RawImage(NamedTuple):
    """An image as it arrived, not yet deserialised: most dropped images never are."""

    data: bytes
    compressed: bool
    received: int       # ns on the node's clock, or the bag's time; 0 while simulated time has not begun
    #: The same as time.monotonic_ns(), which never jumps; not used where the clock cannot jump.
    arrived: float = math.inf
    #: The camera's other images have stamps: one without is invalid, as its arrival is no time of their clock.
    stamped: bool = False


def decode_image_message(raw_image: RawImage, remark: Callable[[str], None]) -> tuple[Header, np.ndarray]:
    """Stamp and frame, and the pixels (H, W, 3) uint8 RGB. Raises images.ImageMessageError.

    An image without a stamp gets the time of its arrival, one without a frame DEFAULT_FRAME_ID; `remark` is
    called with a line that reports it, and with BLANK for an image without content.
    """
    kind, decode = (
        (CompressedImage, images.decode_compressed_image) if raw_image.compressed else (Image, images.decode_image)
    )
    no_message = f'{len(raw_image.data)} bytes that are no {kind.__name__} message'
    if len(raw_image.data) < MIN_MESSAGE_BYTES:
        raise images.ImageMessageError(f'{no_message} (too short)')
    try:
        msg = deserialize_message(raw_image.data, kind)
    except Exception as error:  # RMWError, and MemoryError for a wrong length
        raise images.ImageMessageError(f'{no_message} ({type(error).__name__})') from None
    stamp, frame = msg.header.stamp, msg.header.frame_id.lstrip('/')
    if not (stamp.sec >= 0 and stamp.nanosec < 1_000_000_000):
        raise images.ImageMessageError(f'an impossible stamp: {stamp.sec} s and {stamp.nanosec} ns')
    if len(frame) > MAX_FRAME_ID_LENGTH:
        raise images.ImageMessageError(f'a frame_id of {len(frame)} characters, at most {MAX_FRAME_ID_LENGTH}: '
                              f'{images.quote_text(frame)}')
    if messages.to_nanoseconds(stamp) == 0:
        if raw_image.stamped:
            raise images.ImageMessageError('no stamp, where the camera\'s other images bear one')
        if raw_image.received <= 0:
            raise images.ImageMessageError(
                'no stamp, and no time of arrival either: use_sim_time is set and there is no /clock'
            )
    image = decode(msg)
    if messages.to_nanoseconds(stamp) == 0:
        remark('images carry no stamp: the time of arrival is used instead')
        stamp = messages.to_time_message(raw_image.received)
    if not frame:
        remark(f'images carry no frame_id: {DEFAULT_FRAME_ID} is used instead')
        frame = DEFAULT_FRAME_ID
    if bit_depth.is_uniform(image):
        remark(BLANK_IMAGE_REMARK)
    return messages.make_header(stamp, frame), image
