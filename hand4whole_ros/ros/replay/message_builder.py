"""From what was seen in each image, in order, to the messages of the new bag: the node's own work, without a clock."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage

from ...apps.replay.journal import Journal
from ...body.model import BodyModel
from .. import topics
from ..bag.types import normalised
from ..conversions import images, messages
from ..conversions.raw_image import RawImage, decode_image_message
from ..conversions.result_messages import TYPES, PictureMessages, PoseMessages, Result, skeleton_message
from ..node.frame_guard import FrameGuard
from ..node.parameters import NodeParameters
from ..node.person_tracking import LEFT_ALONE, PersonTracking

_OVERLAY = topics.OVERLAY + topics.COMPRESSED


class ReplayMessageBuilder:
    """What the node would say. The image's own time stands where the node has that of its work."""

    def __init__(self, body: BodyModel, estimator_name: str, parameters: NodeParameters, markers: bool = False,
                 overlays: Journal | None = None, two_clocks: bool = False):
        """overlays: keeps the pictures drawn, each some tenths of a second of work; None: none are wanted.

        two_clocks: the times of arrival are not of the clock that stamps the images, and are not published: they would
        only seem to say how old an image was.
        """
        self._two_clocks = two_clocks
        self._body, self._parameters = body, parameters
        self._following = PersonTracking(body, parameters, FrameGuard(0.0, 1))    # the input chooses between cameras
        self._poses = PoseMessages(estimator_name)
        self._pictures = PictureMessages(body)
        self._markers, self._overlays = markers, overlays
        #: One of LEFT_ALONE -> how many images nothing is said about.
        self.left_alone: Counter = Counter()

    @property
    def refused(self) -> Counter:
        """Why -> people refused by the tracker; those refused by the estimator are in `seen`."""
        return self._following.refused

    @property
    def types(self) -> dict[str, type]:
        """Topic, absolute -> message class of all that may be said."""
        kinds = {name: kind for name, kind in TYPES.items() if name not in (topics.MARKERS, topics.OVERLAY)}
        if self._markers:
            kinds[topics.MARKERS] = TYPES[topics.MARKERS]
        if self._overlays is not None:
            kinds[_OVERLAY] = CompressedImage
        return {topics.absolute(name): kind for name, kind in kinds.items()}

    def at_first(self) -> list[tuple[str, bytes]]:
        """(topic, serialised message) of what is said once, latched."""
        skeleton = skeleton_message(self._body)
        return [(topics.absolute(topics.SKELETON), normalised(serialize_message(skeleton), type(skeleton)))]

    def about(self, number: int, item: RawImage, seen: dict[str, Any]) -> list[tuple[str, bytes]] | None:
        """The same about one image; `number` is its own, `seen` as FrameEstimator has it.

        None: it is left alone, and `left_alone` says why.
        """
        arrival = item.received * 1e-9
        verdict = self._following.judge(seen['stamp'], seen['frame_id'], arrival)
        if verdict in LEFT_ALONE:
            self.left_alone[verdict] += 1
            return None
        if verdict in ('jump', 'changed'):
            self._poses.reset()
            self._pictures.reset_markers()
        people, operator = self._following.update(seen['people'], seen['stamp'], arrival, self._parameters)
        received = messages.time(0 if self._two_clocks else item.received)
        result = Result(messages.header(messages.time(seen['stamp']), seen['frame_id']), np.zeros((0, 0, 3), np.uint8),
                        seen['intrinsics'], people, operator, messages.Timing(received, received, 0.0))
        said = list(self._poses.of(result, self._parameters.publish_tf))
        said += self._drawn(number, item, result)
        return [(topics.absolute(topic), data) for topic, data in said]

    def _drawn(self, number, item, result):
        overlay = None if self._overlays is None else self._overlays.get(number)
        to_draw = self._overlays is not None and overlay is None
        if self._markers or to_draw:
            result = self._pictures.meshes(result)
        if self._markers:
            yield topics.MARKERS, self._pictures.markers(result)
        if to_draw:
            overlay = self._draw(item, result)
            self._overlays.put(number, overlay)
        if overlay is not None:
            yield _OVERLAY, overlay

    def _draw(self, item, result):
        """A serialised CompressedImage."""
        _, image = decode_image_message(item, lambda remark: None)
        picture = self._pictures.overlay(result._replace(image=image))
        message = images.jpeg_message(picture, result.header)
        return normalised(serialize_message(message), type(message))
