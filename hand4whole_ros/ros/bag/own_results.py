"""Results of an earlier run of the node or of a replay in a bag, which must not be mixed with those of a new run."""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Collection
from typing import Any

from ... import skeleton
from ...config import FrameConvention
from .. import topics
from ..conversions import result_messages
from ..conversions.raw_image import DEFAULT_FRAME_ID
from .errors import sanitise_line
from .reader import Entry
from .types import OWN_PACKAGE, load_type_store, ros_type_name

log = logging.getLogger(__name__)

#: Part after the node's name in the topics of its results: '/poses' and so on.
_SUFFIXES = tuple(
    suffix + form
    for suffix in (topic[1:] for topic in {*result_messages.MESSAGE_TYPES, topics.OBJECTS} if topic.startswith('~'))
    for form in ('', topics.COMPRESSED)
)


def _unnumbered(joint, convention):
    return skeleton.frame_name(joint, 0, convention).removesuffix('_0')


def _parent_frames():
    found = defaultdict(set)
    for convention in FrameConvention:
        for joint, parent in zip(skeleton.JOINT_NAMES + skeleton.TIP_NAMES, skeleton.PARENTS + skeleton.TIP_JOINTS):
            above = set() if parent < 0 else {_unnumbered(skeleton.JOINT_NAMES[parent], convention)}
            found[_unnumbered(joint, convention)] |= above
    return dict(found)


#: Frame of a joint or finger tip without prefix and number -> its possible parents; none for the pelvis, which is in
#: the image's frame.
_PARENT_FRAMES = _parent_frames()

#: Frames of loose hands, without their numbers.
_HAND_FRAMES = frozenset(skeleton.hand_frame_name(side, 0).removesuffix('_0') for side in skeleton.SIDES)

def _frame_pattern(names):
    """Prefix of the node that published it, name and number of a frame; the longest matching name."""
    longest_first = '|'.join(sorted(names, key=len, reverse=True))
    return re.compile(rf'(.*?)({longest_first})_([0-9]+)', re.DOTALL)


_JOINT_FRAME, _HAND_FRAME = _frame_pattern(_PARENT_FRAMES), _frame_pattern(_HAND_FRAMES)
_FACE_FRAME = _frame_pattern(skeleton.FACE_FRAME_NAMES)

#: Such a name in a serialised message.
_ANY_FRAME = re.compile(rb'(?:%s)_[0-9]+\0' % '|'.join([*_PARENT_FRAMES, *_HAND_FRAMES]).encode())

_TF_TYPE = ros_type_name(result_messages.MESSAGE_TYPES[topics.TF])


class OwnResults:
    """The topics and transforms that come from this package, under any name of its node."""

    def __init__(self, connections: Collection[Any], image_frames: Collection[str] = (), exclude: Collection[str] = ()):
        """connections: rosbags' of the bag; image_frames: frame_id of its cameras; `exclude` are topics to keep
        nevertheless.
        """
        self._image_frames = {frame or DEFAULT_FRAME_ID for frame in image_frames}
        self._logged_topics: set[str] = set()
        names = {connection.topic for connection in connections}
        typed = {c.topic for c in connections if c.msgtype.startswith(OWN_PACKAGE)}
        # A node that was renamed, or is in a namespace, is recognised by topics with types of its own.
        nodes = {topic.removesuffix(suffix) for topic in names for suffix in _SUFFIXES if topic.endswith(suffix)}
        nodes = {node for node in nodes if node.rpartition('/')[2] == topics.NODE_NAME
                 or node and any(node + suffix in typed for suffix in _SUFFIXES)}
        #: Topics that contain nothing else.
        self.topics = (typed | {node + suffix for node in nodes for suffix in _SUFFIXES} & names) - set(exclude)

    def without(self, entry: Entry) -> Entry | None:
        """The entry without results of an earlier run; None if nothing else is in it."""
        connection = entry.connection
        if connection.topic in self.topics:
            return None
        if connection.msgtype != _TF_TYPE or not _ANY_FRAME.search(entry.data):
            return entry
        try:
            message: Any = load_type_store().deserialize_cdr(entry.data, _TF_TYPE)
        except Exception:       # Damaged, or of other fields: its content is unknown.
            return entry
        kept = self._foreign_transforms(message.transforms)
        if len(kept) == len(message.transforms):
            return entry
        if connection.topic not in self._logged_topics:
            self._logged_topics.add(connection.topic)
            log.info('left out of %s: the people of an earlier run', sanitise_line(connection.topic))
        if not kept:
            return None
        message.transforms = kept
        return entry._replace(data=bytes(load_type_store().serialize_cdr(message, _TF_TYPE)))

    def _foreign_transforms(self, transforms):
        """Transforms other than those of people's joints, each below its own parent, and of loose hands."""
        frames = [(_split_joint_frame(t.child_frame_id), t.header.frame_id.lstrip('/')) for t in transforms]
        joints = {frame for frame, parent in frames if frame is not None
                  and (above := _split_joint_frame(parent)) is not None
                  and above[0] in _PARENT_FRAMES[frame[0]] and above[1] == frame[1]}
        # A robot, too, may have a body_0: that of a person is in the image's frame, and its joints come with it.
        # Without them, a frame that ends in body_0 may be any.
        people = {person for _, person in joints}
        bodies = {frame for frame, parent in frames if frame is not None and not _PARENT_FRAMES[frame[0]]
                  and (frame[1] in people or not frame[1][0] and parent in self._image_frames)}
        hands = {t.child_frame_id for t, (_, parent) in zip(transforms, frames) if parent in self._image_frames
                 and _split_frame(t.child_frame_id, _HAND_FRAME) is not None}
        # Other programs, too, publish face_0: that of a person comes with its joints.
        faces = {t.child_frame_id for t in transforms
                 if (face := _split_frame(t.child_frame_id, _FACE_FRAME)) is not None and face[1] in people}
        return [t for t, (frame, _) in zip(transforms, frames)
                if frame not in joints | bodies and t.child_frame_id not in hands | faces]


def _split_joint_frame(frame):
    """'left/l_wrist_0' -> ('l_wrist', ('left/', '0')); None if it is no joint's frame."""
    return _split_frame(frame, _JOINT_FRAME)


def _split_frame(frame, pattern):
    found = pattern.fullmatch(frame.lstrip('/'))
    return None if found is None else (found[2], (found[1], found[3]))
