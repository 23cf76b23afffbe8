"""The 3D scene: the camera, and the bones and joints of people and hands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import skeleton
from ..rendering.colors import BONE_COLORS, FINGER_COLORS
from .people import ViewedHand, ViewedImage, ViewedPerson

#: Thickness of bones and size of joints, m: of bodies, of hands.
_BODY_SIZES, _HAND_SIZES = (0.016, 0.036), (0.006, 0.011)

#: Share of grey of inferred joints.
_GREY, _PALE_SHARE = np.array([120, 124, 132]), 0.7

#: Initial position and target of the browser's camera, m, in the camera's optical frame.
_FIRST_POSITION, _FIRST_TARGET = (-1.55, -0.75, -0.5), (0.0, 0.1, 1.5)

#: The grid moves if the feet are farther from it than this, m.
_GRID_TOLERANCE = 0.3
_FEET = [skeleton.JOINT[name] for name in ('left_foot', 'right_foot', 'left_ankle', 'right_ankle')]

_BODY_BONES = np.array([(parent, joint) for joint, parent in enumerate(skeleton.PARENTS[:skeleton.NUM_BODY_JOINTS])
                        if parent >= 0])
_BODY_COLORS = np.array([BONE_COLORS[name.partition('_')[0] if '_' in name else '']
                         for name in skeleton.BODY_JOINT_NAMES])
_HAND_BONES = np.array([(parent, point) for point, parent in enumerate(skeleton.HAND_KEYPOINT_PARENTS)
                        if parent >= 0])
_HAND_COLORS = np.array([BONE_COLORS[''], *(FINGER_COLORS[(k - 1) // 4] for k in range(1, 21))])


@dataclass(frozen=True)
class _Figure:
    """Bones and joints of one body or hand, as nodes of the scene."""

    bones: Any
    joints: Any

    def move(self, points, pairs, colors):
        """Points (N, 3), pairs (M, 2) of them, colours (N, 3); a bone has the colour of its second point."""
        self.bones.points, self.joints.points = points[pairs].astype(np.float32), points.astype(np.float32)
        self.bones.colors = _bone_colors(pairs, colors)
        self.joints.colors = colors

    def remove(self):
        self.bones.remove()
        self.joints.remove()


class Scene:
    """People and hands on a viser server. Not thread-safe."""

    def __init__(self, server: Any):
        """server: a viser.ViserServer."""
        self._server, self._scene = server, server.scene
        self._scene.set_up_direction('-y')
        self._scene.configure_default_lights(True)
        self._scene.add_frame('/camera', axes_length=0.2, axes_radius=0.006, origin_radius=0.02)
        self._scene.add_label('/camera/name', 'camera')
        self._grid = self._scene.add_grid('/grid', width=12.0, height=12.0, plane='xz', cell_color=(70, 74, 82),
                                          section_color=(96, 100, 110), position=(0.0, 1.2, 3.0))
        server.initial_camera.up = (0.0, -1.0, 0.0)
        server.initial_camera.position = _FIRST_POSITION
        server.initial_camera.look_at = _FIRST_TARGET
        self._figures: dict[str, _Figure] = {}
        self._labels: dict[str, Any] = {}

    def show(self, image: ViewedImage) -> None:
        """Show only these people and hands."""
        with self._server.atomic():
            shown = set()
            for person in image.people:
                shown |= self._show_person(person)
            for hand in image.loose_hands:
                shown |= self._show_hand(f'/hands/{hand.track_id}', hand, f'#{hand.track_id} {hand.side}')
            for name in self._figures.keys() - shown:
                self._figures.pop(name).remove()
            for name in self._labels.keys() - shown:
                self._labels.pop(name).remove()
            self._move_grid(image)

    def _show_person(self, person: ViewedPerson):
        name, count = f'/people/{person.track_id}', skeleton.NUM_BODY_JOINTS
        pale = person.inferred[:count] | person.held
        self._draw(name, person.joints[:count], _BODY_BONES, colors=_dim(_BODY_COLORS, pale), sizes=_BODY_SIZES)
        words = f'#{person.track_id}' + ('  operator' if person.is_operator else '') + ('  held' if person.held else '')
        self._write(name, words, person.joints[skeleton.JOINT['head']] + (0.0, -0.28, 0.0))
        shown = {name}
        for hand in person.hands:
            if hand.state != skeleton.LOST:
                shown |= self._show_hand(f'{name}/{hand.side}', hand)
        return shown

    def _show_hand(self, name, hand: ViewedHand, words=''):
        pale = np.full(skeleton.NUM_HAND_KEYPOINTS, hand.state == skeleton.HELD)
        self._draw(name, hand.keypoints, _HAND_BONES, colors=_dim(_HAND_COLORS, pale), sizes=_HAND_SIZES)
        if words:
            self._write(name, words, hand.keypoints[0])
        return {name}

    def _draw(self, name, points, pairs, *, colors, sizes):
        figure = self._figures.get(name)
        if figure is not None:
            figure.move(points, pairs, colors)
            return
        self._figures[name] = _Figure(
            self._scene.add_line_segments(f'{name}/bones', points[pairs].astype(np.float32),
                                          _bone_colors(pairs, colors), thickness=sizes[0]),
            self._scene.add_point_cloud(f'{name}/joints', points.astype(np.float32), colors, point_size=sizes[1],
                                        point_shape='circle', precision='float32'))

    def _write(self, name, words, place):
        label = self._labels.get(name)
        if label is None:
            label = self._labels[name] = self._scene.add_label(f'{name}/label', words, anchor='bottom-center')
        if label.text != words:
            label.text = words
        label.position = place

    def _move_grid(self, image):
        """Move it to the lowest foot. It is level with the camera, which may be tilted: it is no floor."""
        if image.people:
            lowest = max(float(person.joints[_FEET, 1].max()) for person in image.people)
            if abs(lowest - self._grid.position[1]) > _GRID_TOLERANCE:
                self._grid.position = (0.0, lowest, 3.0)


def _dim(colors, pale):
    """(N, 3) uint8 colours, those of `pale` (N,) mixed with grey."""
    return np.where(pale[:, None], (1 - _PALE_SHARE) * colors + _PALE_SHARE * _GREY, colors).astype(np.uint8)


def _bone_colors(pairs, colors):
    """(M, 2, 3): both ends of a bone have the colour of its second point."""
    return np.repeat(colors[pairs[:, 1]][:, None], 2, axis=1)
