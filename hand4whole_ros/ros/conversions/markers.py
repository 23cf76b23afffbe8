"""visualization_msgs/MarkerArray of people and of loose hands, written straight to CDR.

A mesh of 27,000 triangles has 82,000 corners; as Python objects they take a quarter of a second, as one
array a few milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from visualization_msgs.msg import Marker

from ... import skeleton
from ...estimate import WholeBodyEstimate
from ...geometry.mesh import submesh_faces
from ...geometry.object_box import BOX_EDGES
from ...msg import WholeBodyPose
from ...rendering.colors import OBJECT_COLOR
from ...tracking import TrackedHand
from .cdr import CdrWriter

#: Seconds after which a viewer removes a marker that is not renewed: the node may have stopped.
MARKER_LIFETIME = 1.0

_HELD_OPACITY = 0.45
_LOST_COLOUR = (0.55, 0.55, 0.55)

#: Share of grey in joints that are inferred instead of visible.
_INFERRED_GREY, _GREY = 0.65, np.array([0.75, 0.75, 0.75, 1.0], np.float32)
_HAND_BONES = np.array([(parent, point) for point, parent in enumerate(skeleton.HAND_KEYPOINT_PARENTS)
                        if parent >= 0]).reshape(-1)
_BONES = np.array([(parent, joint) for joint, parent in enumerate(skeleton.PARENTS) if parent >= 0]).reshape(-1)


class _MarkerKind(NamedTuple):
    """One marker of each person."""

    namespace: str
    type: int
    scale: tuple[float, float, float]
    colour: tuple[float, float, float]


_UNIT_SCALE = (1.0, 1.0, 1.0)
_MARKER_KINDS = (
    _MarkerKind('body', Marker.TRIANGLE_LIST, _UNIT_SCALE, (0.62, 0.72, 0.84)),
    _MarkerKind('left_hand', Marker.TRIANGLE_LIST, _UNIT_SCALE, (0.95, 0.55, 0.20)),
    _MarkerKind('right_hand', Marker.TRIANGLE_LIST, _UNIT_SCALE, (0.20, 0.65, 0.45)),
    _MarkerKind('skeleton', Marker.LINE_LIST, (0.006, 0.0, 0.0), (0.95, 0.95, 0.30)),
    _MarkerKind('joints', Marker.SPHERE_LIST, (0.014, 0.014, 0.014), (0.90, 0.25, 0.25)),
)

#: side -> markers of a loose hand, which belongs to no person.
_HAND_MARKER_KINDS = {
    kind.namespace.partition('_')[0]: (
        _MarkerKind('hands', Marker.LINE_LIST, (0.004, 0.0, 0.0), kind.colour),
        _MarkerKind('hand_keypoints', Marker.SPHERE_LIST, (0.009, 0.009, 0.009), kind.colour))
    for kind in _MARKER_KINDS[1:3]}


#: Edges of the box of the object that such a hand grasps.
_OBJECT_KIND = _MarkerKind('objects', Marker.LINE_LIST, (0.003, 0.0, 0.0),
                           (OBJECT_COLOR[0] / 255, OBJECT_COLOR[1] / 255, OBJECT_COLOR[2] / 255))
_OBJECT_EDGES = np.array(BOX_EDGES).reshape(-1)


class MarkerBuilder:
    """Makes the bytes of MarkerArray messages; keeps the ids of those shown, to delete those that have left."""

    def __init__(self, body):
        """`body` gives `faces` (F, 3) and `hand_vertices[side]`, the ids of each hand's vertices."""
        self._triangles = _split_triangles(body)
        self._shown_ids: set[int] = set()
        self._shown_hands: set[int] = set()
        self._shown_objects: set[int] = set()
        self._delete_all = True

    def reset(self) -> None:
        """Begin the next message with DELETEALL: time has jumped, or the node was inactive."""
        self._delete_all = True
        self._shown_ids.clear()
        self._shown_hands.clear()
        self._shown_objects.clear()

    def build(self, estimates: list[WholeBodyEstimate], frame_id: str, nanoseconds: int,
              hands: Sequence[TrackedHand] = ()) -> bytes:
        """One MarkerArray. Each estimate has its `vertices`; people and hands that have left are deleted.

        hands: loose ones; the box of the object they grasp has their track id.
        """
        objects = {tracked.track_id: tracked.hand.object for tracked in hands if tracked.hand.object is not None}
        objects_gone = sorted(self._shown_objects - objects.keys())
        present, hands_present = {e.track_id for e in estimates}, {tracked.track_id for tracked in hands}
        gone, hands_gone = sorted(self._shown_ids - present), sorted(self._shown_hands - hands_present)
        stamp = divmod(nanoseconds, 1_000_000_000)
        out = CdrWriter()
        out.numbers('I', int(self._delete_all) + len(_MARKER_KINDS) * (len(gone) + len(estimates))
                    + len(_HAND_MARKER_KINDS['left']) * (len(hands_gone) + len(hands))
                    + len(objects_gone) + len(objects))
        if self._delete_all:
            _write_marker(out, stamp, frame_id, kind=_MARKER_KINDS[0], track_id=0, action=Marker.DELETEALL,
                          colour=(0, 0, 0, 0), points=_EMPTY)
        for track_id in gone:
            for kind in _MARKER_KINDS:
                _write_marker(out, stamp, frame_id, kind=kind, track_id=track_id, action=Marker.DELETE,
                              colour=(0, 0, 0, 0), points=_EMPTY)
        for track_id in hands_gone:
            for kind in _HAND_MARKER_KINDS['left']:
                _write_marker(out, stamp, frame_id, kind=kind, track_id=track_id, action=Marker.DELETE,
                              colour=(0, 0, 0, 0), points=_EMPTY)
        for track_id in objects_gone:
            _write_marker(out, stamp, frame_id, kind=_OBJECT_KIND, track_id=track_id, action=Marker.DELETE,
                          colour=(0, 0, 0, 0), points=_EMPTY)
        for estimate in estimates:
            inferred = _inferred_joints(estimate)
            for kind, points in zip(_MARKER_KINDS, self._points(estimate)):
                colour = _marker_colour(kind, estimate)
                _write_marker(out, stamp, frame_id, kind=kind, track_id=estimate.track_id, action=Marker.ADD,
                              colour=colour, points=points,
                              colours=_point_colours(kind, colour, inferred))
        for tracked in hands:
            keypoints = tracked.hand.keypoints_3d.astype(np.float64)
            opacity = _HELD_OPACITY if tracked.hand.state == skeleton.HELD else 1.0
            for kind, points in zip(_HAND_MARKER_KINDS[tracked.hand.side], (keypoints.take(_HAND_BONES, 0), keypoints)):
                _write_marker(out, stamp, frame_id, kind=kind, track_id=tracked.track_id, action=Marker.ADD,
                              colour=(*kind.colour, opacity), points=points)
        for track_id, thing in objects.items():
            corners = thing.corners.astype(np.float64).take(_OBJECT_EDGES, 0)
            _write_marker(out, stamp, frame_id, kind=_OBJECT_KIND, track_id=track_id, action=Marker.ADD,
                          colour=(*_OBJECT_KIND.colour, 1.0), points=corners)
        self._shown_ids, self._shown_hands, self._delete_all = present, hands_present, False
        self._shown_objects = set(objects)
        return out.getvalue()

    def _points(self, estimate):
        vertices = estimate.vertices.astype(np.float64)
        joints = estimate.joints.astype(np.float64)
        return [vertices.take(corners, axis=0) for corners in self._triangles] + [joints.take(_BONES, axis=0), joints]


_EMPTY = np.zeros((0, 3))
_NO_COLOURS = np.zeros((0, 4), np.float32)


def _split_triangles(body):
    """Corner indices of the body without hands, the left hand, the right hand.

    A triangle belongs to a hand if all its corners do, so that no part is drawn twice.
    """
    faces = np.asarray(body.faces, np.int64)
    hands, rest = [], np.ones(len(faces), bool)
    for side in skeleton.SIDES:
        belongs = np.zeros(faces.max() + 1, bool)
        belongs[body.hand_vertices[side]] = True
        inside = submesh_faces(faces, belongs)
        hands.append(faces[inside].reshape(-1))
        rest[inside] = False
    return [faces[rest].reshape(-1), *hands]


def _marker_colour(kind, estimate):
    colour = kind.colour
    for side in skeleton.SIDES:
        if kind.namespace == f'{side}_hand' and estimate.hand(side).state == skeleton.LOST:
            colour = _LOST_COLOUR
    return (*colour, _HELD_OPACITY if estimate.held else 1.0)


def _inferred_joints(estimate):
    """(55,) bool: joints that are inferred; None where there are none, or the estimator does not report it."""
    if estimate.joint_confidence is None:
        return None
    inferred = estimate.joint_confidence < WholeBodyPose.INFERRED
    return inferred if inferred.any() else None


def _point_colours(kind, colour, inferred):
    """(N, 4) colours of the points of a marker of bones or joints, paler for inferred joints; else none: one colour."""
    if inferred is None or kind.type == Marker.TRIANGLE_LIST:
        return _NO_COLOURS
    seen = np.array(colour, np.float32)
    pale = (1 - _INFERRED_GREY) * seen + _INFERRED_GREY * _GREY
    pale[3] = seen[3]
    # A bone has the colour of its lower joint: its points are the parent and the joint itself.
    pale_points = inferred if kind.type == Marker.SPHERE_LIST else inferred[_BONES.reshape(-1, 2)[:, 1]].repeat(2)
    return np.where(pale_points[:, None], pale, seen)


def _write_marker(out, stamp, frame_id, *, kind, track_id, action, colour, points, colours=_NO_COLOURS):
    """One visualization_msgs/Marker, field by field in the order of its definition."""
    out.numbers('i', stamp[0])
    out.numbers('I', stamp[1])
    out.string(frame_id)
    out.string(kind.namespace)
    out.numbers('i', track_id, kind.type, action)
    out.numbers('d', 0, 0, 0, 0, 0, 0, 1)                   # pose: points are in the frame itself
    out.numbers('d', *kind.scale)
    out.numbers('f', *colour)
    out.numbers('i', int(MARKER_LIFETIME))
    out.numbers('I', int(MARKER_LIFETIME % 1 * 1e9))
    out.numbers('?', False)                                 # frame_locked
    out.sequence(points)
    out.sequence(colours)
    out.string('')                                          # texture_resource
    out.numbers('i', 0)                                     # texture: header, format, data
    out.numbers('I', 0)
    out.string('')
    out.string('')
    out.numbers('I', 0)
    out.numbers('I', 0)                                     # uv_coordinates
    out.string('')                                          # text
    out.string('')                                          # mesh_resource
    out.string('')                                          # mesh_file: filename, data
    out.numbers('I', 0)
    out.numbers('?', False)                                 # mesh_use_embedded_materials
