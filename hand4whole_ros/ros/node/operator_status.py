"""Whether there is an operator, as OperatorStatus: kept from image to image, available at any time."""

from __future__ import annotations

import math
from typing import NamedTuple

from builtin_interfaces.msg import Time

from ... import skeleton
from ...msg import OperatorStatus
from ..conversions.result_messages import ImageResult


class _LastImage(NamedTuple):
    """The state in the newest image. Replaced as a whole, so that any thread may read it; times in s, of one clock."""

    arrival: float = -math.inf
    published: float = -math.inf    # when its poses were published
    expiry_time: float = 0.0        # s after that for which they are valid
    state: int = skeleton.LOST      # of the operator, as the rest
    track_id: int = -1
    confidence: float = 0.0
    hand_states: tuple[int, int] = (skeleton.LOST, skeleton.LOST)


class _LastPose(NamedTuple):
    """The image in which an operator was last OK."""

    arrival: float = -math.inf
    stamp: Time = Time()
    frame_id: str = ''


class OperatorStatusBuilder:
    """`note` is called by one thread, everything else by any."""

    def __init__(self):
        self.reset()

    def reset(self) -> None:
        """Start a new run: discard the state of earlier images."""
        self._last = _LastImage(), _LastPose()

    def note(self, result: ImageResult, arrival: float, published: float, expiry_time: float) -> None:
        """Add an image. arrival: s, when it came; published: by the same clock, when its poses were published, which
        are valid for `expiry_time` s more.
        """
        operator, pose = result.operator, self._last[1]
        if operator is None:
            self._last = _LastImage(arrival, published, expiry_time), pose
            return
        state = skeleton.HELD if operator.held else skeleton.OK
        if state == skeleton.OK:
            pose = _LastPose(arrival, result.header.stamp, result.header.frame_id)
        image = _LastImage(arrival, published, expiry_time, state, operator.track_id, float(operator.confidence),
                           (operator.left_hand.state, operator.right_hand.state))
        self._last = image, pose

    def build(self, now: float, stamp: Time) -> OperatorStatus:
        """The message at `now`, s, by the clock of the images' arrival; stamp: of the message."""
        image, pose = self._last
        status = OperatorStatus(age=max(now - pose.arrival, 0.0), image_age=max(now - image.arrival, 0.0), track_id=-1,
                                image_stamp=pose.stamp)
        status.header.stamp, status.header.frame_id = stamp, pose.frame_id
        if image.state != skeleton.LOST and now - image.published <= image.expiry_time:
            status.valid, status.track_id, status.state = True, image.track_id, image.state
            status.confidence = image.confidence
            status.left_hand, status.right_hand = image.hand_states
        return status
