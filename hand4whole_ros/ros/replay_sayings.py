"""From what was seen in each image, in order, to the messages of the new bag: the node's own work, without a clock."""

from __future__ import annotations

from typing import Any

import numpy as np
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage

from ..body.model import BodyModel
from . import images, messages, topics
from .bag_types import normalised
from .following import Following
from .parameters import NodeParameters
from .received import ReceivedImage, opened
from .result_messages import TYPES, PictureMessages, PoseMessages, Result, skeleton_message

_OVERLAY = topics.OVERLAY + topics.COMPRESSED


class Sayings:
    """What the node would say. The image's own time stands where the node has that of its work."""

    def __init__(self, body: BodyModel, estimator_name: str, parameters: NodeParameters, markers: bool, overlay: bool):
        self._body, self._parameters = body, parameters
        self._following = Following(body, parameters)
        self._poses = PoseMessages(estimator_name)
        self._pictures = PictureMessages(body)
        self._markers, self._overlay = markers, overlay

    @property
    def types(self) -> dict[str, type]:
        """Topic, absolute -> message class of all that may be said."""
        kinds = {name: kind for name, kind in TYPES.items() if name not in (topics.MARKERS, topics.OVERLAY)}
        if self._markers:
            kinds[topics.MARKERS] = TYPES[topics.MARKERS]
        if self._overlay:
            kinds[_OVERLAY] = CompressedImage
        return {topics.absolute(name): kind for name, kind in kinds.items()}

    def at_first(self) -> list[tuple[str, bytes]]:
        """(topic, serialised message) of what is said once, latched."""
        skeleton = skeleton_message(self._body)
        return [(topics.absolute(topics.SKELETON), normalised(serialize_message(skeleton), type(skeleton)))]

    def about(self, item: ReceivedImage, seen: dict[str, Any]) -> list[tuple[str, bytes]] | None:
        """The same about one image; `seen` as FrameWork has it. None: it came too late to be put in order."""
        verdict = self._following.judge(seen['stamp'])
        if verdict == 'late':
            return None
        if verdict == 'jump':
            self._poses.reset()
            self._pictures.reset_markers()
        people, operator = self._following.update(seen['people'], seen['stamp'], self._parameters)
        received = messages.time(item.received)
        result = Result(messages.header(messages.time(seen['stamp']), seen['frame_id']), np.zeros((0, 0, 3), np.uint8),
                        seen['intrinsics'], people, operator, messages.Timing(received, received, 0.0))
        said = list(self._poses.of(result, self._parameters.publish_tf))
        if self._markers or self._overlay:
            said += self._drawn(item, self._pictures.meshes(result))
        return [(topics.absolute(topic), data) for topic, data in said]

    def _drawn(self, item, result):
        if self._markers:
            yield topics.MARKERS, self._pictures.markers(result)
        if self._overlay:
            _, image = opened(item, lambda remark: None)
            picture = self._pictures.overlay(result._replace(image=image))
            message = images.jpeg_message(picture, result.header)
            yield _OVERLAY, normalised(serialize_message(message), CompressedImage)
