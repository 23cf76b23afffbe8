"""Depth images of the colour images: paired, used for distances of people and hands, failures counted."""

from __future__ import annotations

import numpy as np
from std_msgs.msg import Header

from ...body.model import BodyModel
from ...geometry.camera import Intrinsics
from ...tracking.depth_correction import CorrectedImage, DepthCorrection
from ..conversions import messages
from ..conversions.depth_images import decode_depth
from ..conversions.images import ImageMessageError
from .depth_buffer import DepthBuffer
from .diagnostics import Health


class DepthInput:
    """`add` is called by the executor's thread, everything else by the inference thread."""

    def __init__(self, body: BodyModel, topic: str, health: Health):
        """topic: its full name, for diagnostics."""
        self._buffer, self._correction, self._health = DepthBuffer(), DepthCorrection(body), health
        health.depth_topic = topic

    def add(self, data: bytes) -> None:
        """A serialised sensor_msgs/Image has arrived."""
        self._buffer.add(data)

    def reset(self) -> None:
        """Start a new run: discard the corrections of earlier images."""
        self._correction.reset()

    def expect(self, header: Header) -> None:
        """The image of this header is about to be estimated."""
        self._buffer.expect(messages.to_nanoseconds(header.stamp))

    def correct(self, people, loose_hands, header: Header, image: np.ndarray, *, intrinsics: Intrinsics,
                timeout: float) -> CorrectedImage:
        """The people and hands that were estimated in an image (H, W, 3), corrected by DepthCorrection.

        timeout: s for which a depth image that may still come is waited for.
        """
        counters, depth = self._health.counters, None
        data = self._buffer.take(timeout)
        if data is None:
            counters.depth_missing += 1
        else:
            try:
                depth = decode_depth(data, header.frame_id, image.shape[1], image.shape[0])
            except ImageMessageError as error:
                self._health.depth_problem = str(error)
                counters.depth_unusable += 1
        corrected = self._correction(people, loose_hands, depth, intrinsics,
                                     stamp=messages.to_nanoseconds(header.stamp) * 1e-9)
        if depth is None:
            return corrected
        if corrected.implausible:
            counters.depth_implausible += 1
        elif corrected.unmeasured:
            counters.depth_holes += 1
        else:
            counters.depth_used += 1
        return corrected
