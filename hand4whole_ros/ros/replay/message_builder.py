"""From the results of each image, in order, to the messages of the new bag: as in the node, without a clock."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage

from ...apps.replay.journal import Journal
from ...body.model import BodyModel
from .. import topics
from ..bag.types import zero_padding
from ..conversions import images, messages
from ..conversions.raw_image import RawImage, decode_image_message
from ..conversions.result_messages import (
    MESSAGE_TYPES,
    ImageResult,
    PoseMessageBuilder,
    VisualizationMessageBuilder,
    make_body_skeleton_message,
)
from ..node.frame_guard import FrameGuard
from ..node.parameters import NodeParameters
from ..node.person_tracking import SKIP_VERDICTS, PersonTracking

_OVERLAY = topics.OVERLAY + topics.COMPRESSED


class ReplayMessageBuilder:
    """The node's messages. The image's own time replaces the times of the node's work."""

    def __init__(self, body: BodyModel, estimator_name: str, parameters: NodeParameters, markers: bool = False,
                 *, overlays: Journal | None = None, two_clocks: bool = False,
                 objects: bool = False):
        """overlays: stores the overlays drawn, each some tenths of a second of work; None: no overlays.

        two_clocks: the times of arrival are not of the clock that stamps the images, and are not published, as they
        would give wrong ages of images. objects: whether the estimator gives grasped objects.
        """
        self._two_clocks, self._objects = two_clocks, objects
        self._body, self._parameters = body, parameters
        self._person_tracking = PersonTracking(
            body, parameters, FrameGuard(0.0, 1)
        )  # the input selects the camera
        self._poses = PoseMessageBuilder(estimator_name, parameters.frame_prefix, parameters.wrist_axes,
                                         parameters.frames, objects=objects)
        self._visualizations = VisualizationMessageBuilder(body)
        self._markers, self._overlays = markers, overlays
        #: One of SKIP_VERDICTS -> number of images without messages.
        self.skipped: Counter = Counter()

    @property
    def refused(self) -> Counter:
        """Reason -> people rejected by the tracker; those rejected by the estimator are in `result_data`."""
        return self._person_tracking.refused

    @property
    def refused_hands(self) -> Counter:
        """The same for loose hands."""
        return self._person_tracking.refused_hands

    @property
    def types(self) -> dict[str, type]:
        """Topic, absolute -> message class of all possible messages."""
        kinds = {name: kind for name, kind in MESSAGE_TYPES.items() if name not in (topics.MARKERS, topics.OVERLAY)}
        if not self._objects:
            kinds.pop(topics.OBJECTS, None)
        if self._markers:
            kinds[topics.MARKERS] = MESSAGE_TYPES[topics.MARKERS]
        if self._overlays is not None:
            kinds[_OVERLAY] = CompressedImage
        return {topics.absolute_topic(name): kind for name, kind in kinds.items()}

    def build_initial(self) -> list[tuple[str, bytes]]:
        """(topic, serialised message) of messages sent once, latched."""
        skeleton = make_body_skeleton_message(self._body)
        return [(topics.absolute_topic(topics.SKELETON), zero_padding(serialize_message(skeleton), type(skeleton)))]

    def about(self, number: int, item: RawImage, result_data: dict[str, Any]) -> list[tuple[str, bytes]] | None:
        """The same about one image; `number` is its own, `result_data` is FrameEstimator's.

        None: it is skipped, and `skipped` counts the reason.
        """
        arrival = item.received * 1e-9
        verdict = self._person_tracking.classify(result_data['stamp'], result_data['frame_id'], arrival)
        if verdict in SKIP_VERDICTS:
            self.skipped[verdict] += 1
            return None
        if verdict in ('jump', 'changed'):
            self._poses.reset()
            self._visualizations.reset_markers()
        people, operator, hands = self._person_tracking.update(
            result_data['people'], result_data['stamp'], arrival, self._parameters,
            loose_hands=result_data['loose_hands']
        )
        received = messages.to_time_message(0 if self._two_clocks else item.received)
        result = ImageResult(
            messages.make_header(messages.to_time_message(result_data['stamp']), result_data['frame_id']),
            np.zeros((0, 0, 3), np.uint8),
            result_data['intrinsics'],
            people,
            operator,
            messages.Timing(received, received, 0.0),
            hands,
        )
        serialised = list(self._poses.of(result, self._parameters.publish_tf))
        serialised += self._build_visualizations(number, item, result)
        return [(topics.absolute_topic(topic), data) for topic, data in serialised]

    def _build_visualizations(self, number, item, result):
        overlay = None if self._overlays is None else self._overlays.get(number)
        drawn = self._overlays if overlay is None else None     # store of a new one
        if self._markers or drawn is not None:
            result = self._visualizations.add_meshes(result)
        if self._markers:
            yield topics.MARKERS, self._visualizations.markers(result)
        if drawn is not None:
            overlay = self._draw_overlay(item, result)
            drawn.put(number, overlay)
        if overlay is not None:
            yield _OVERLAY, overlay

    def _draw_overlay(self, item, result):
        """A serialised CompressedImage."""
        _, image = decode_image_message(item, lambda remark: None)
        picture = self._visualizations.overlay(result._replace(image=image))
        message = images.jpeg_message(picture, result.header)
        return zero_padding(serialize_message(message), type(message))
