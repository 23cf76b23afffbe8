"""The topics of REP-155 below /humans/bodies: tracked bodies, each with a region and a skeleton in the image."""

from __future__ import annotations

from typing import Any

from tf2_msgs.msg import TFMessage

from .. import topics
from ..conversions import humans_messages
from ..conversions.result_messages import ImageResult
from . import qos


class HumansPublishers:
    """Publishers created and destroyed with tracked people. `publish` and `destroy` are not called at the same time."""

    def __init__(self, node, hri_msgs: Any, frame_prefix: str):
        """hri_msgs: its module `msg`, see compat.load_hri_msgs. frame_prefix: of the node's frames."""
        self._node, self._hri_msgs, self._frame_prefix = node, hri_msgs, frame_prefix
        self._tracked = self._create(hri_msgs.IdsList, topics.HUMANS_BODIES_TRACKED)
        self._frames = node.create_publisher(TFMessage, topics.TF, qos.TF)
        #: Message of each body -> its topic below that of the body, and its builder.
        self._kinds = {
            hri_msgs.NormalizedRegionOfInterest2D: (topics.HUMANS_ROI, humans_messages.make_region),
            hri_msgs.Skeleton2D: (topics.HUMANS_SKELETON, humans_messages.make_skeleton)}
        self._bodies: dict[str, dict] = {}      # id -> message -> publisher

    def publish(self, result: ImageResult, publish_tf: bool) -> None:
        """Publish all people in one image, HELD ones included; an empty list without people."""
        people = {humans_messages.body_id(person): person for person in result.people}
        for name in self._bodies.keys() - people:
            self._destroy_body(name)
        for name, person in people.items():
            if name not in self._bodies:
                self._bodies[name] = {kind: self._create(kind, topics.humans_body_topic(name, topic))
                                      for kind, (topic, _) in self._kinds.items()}
            for kind, (_, make) in self._kinds.items():
                publisher = self._bodies[name][kind]
                if publisher.get_subscription_count() > 0:
                    publisher.publish(make(self._hri_msgs, person, result.header, result.intrinsics))
        if publish_tf and people:
            self._frames.publish(humans_messages.make_frames(result.people, result.header, self._frame_prefix))
        self._tracked.publish(humans_messages.make_ids(self._hri_msgs, result.people, result.header))

    def destroy(self) -> None:
        """Remove all publishers."""
        for name in list(self._bodies):
            self._destroy_body(name)
        self._node.destroy_publisher(self._tracked)
        self._node.destroy_publisher(self._frames)

    def _create(self, message_type, topic):
        return self._node.create_publisher(message_type, topic, qos.POSES)

    def _destroy_body(self, name):
        for publisher in self._bodies.pop(name).values():
            self._node.destroy_publisher(publisher)
