"""sensor_msgs/Image with depth to DepthImage, and whether it belongs to the colour image."""

from __future__ import annotations

from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image

from ...geometry.depth_image import DepthImage
from ...media import image_files
from ...media.image_files import ImageFileError
from . import images
from .images import ImageMessageError, quote_text
from .raw_image import MIN_MESSAGE_BYTES
from .serialised_header import read_frame_id

#: Encoding of REP-118 -> metres of one unit.
DEPTH_UNITS = {'16UC1': 0.001, '32FC1': 1.0}

_ALIGN_ADVICE = 'take the depth that is aligned to the colour image (realsense2_camera: align_depth.enable:=true)'


def decode_depth(data: bytes, frame: str, width: int, height: int) -> DepthImage:
    """A serialised sensor_msgs/Image as the depth of a colour image of this frame and size.

    Raises ImageMessageError with a one-line reason.
    """
    no_message = f'{len(data)} bytes that are no Image message'
    if len(data) < MIN_MESSAGE_BYTES:
        raise ImageMessageError(f'{no_message} (too short)')
    own_frame = read_frame_id(data)
    if own_frame and own_frame != frame:
        raise ImageMessageError(
            f'depth of frame {quote_text(own_frame)}, colour of frame {quote_text(frame)}: {_ALIGN_ADVICE}')
    try:
        message = deserialize_message(data, Image)
    except Exception as error:  # RMWError, and MemoryError for a wrong length
        raise ImageMessageError(f'{no_message} ({type(error).__name__})') from None
    if message.encoding not in DEPTH_UNITS:
        raise ImageMessageError(f'depth of encoding {quote_text(message.encoding)}, expected 16UC1 (millimetres) or '
                                '32FC1 (metres)')
    if (message.width, message.height) != (width, height):
        raise ImageMessageError(f'depth of {message.width} x {message.height}, colour of {width} x {height} pixels: '
                                f'{_ALIGN_ADVICE}')
    try:
        image_files.check_size(message.width, message.height, 'depth image')
    except ImageFileError as error:
        raise ImageMessageError(str(error)) from None
    values = images.view_pixels(message, images.ENCODINGS[message.encoding])
    return DepthImage(values, DEPTH_UNITS[message.encoding])
