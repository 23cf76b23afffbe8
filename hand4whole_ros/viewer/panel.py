"""The panel next to the scene: the camera's image, the node's status, and the people with their states."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import skeleton
from .people import ViewedImage

#: Maximum pixels of the image's longer side: the panel is not larger.
MAX_PICTURE_SIZE = 800

_JPEG_QUALITY = 80
_NOTHING_YET = np.full((240, 320, 3), 40, np.uint8)


@dataclass(frozen=True)
class NodeStatus:
    """The node's reported status."""

    level: str = 'waiting'      # 'ok', 'warning' or 'error'; 'waiting' before the first report
    message: str = ''           # one line
    estimator: str = '-'
    device: str = '-'
    rate: float | None = None       # images with a pose, Hz
    delay: float | None = None      # s from an image's stamp to the publication of its poses
    dropped: str = '-'


class Panel:
    """The panel of a viser server. Not thread-safe."""

    def __init__(self, server: Any, *, picture: bool, mesh: bool = False):
        """server: a viser.ViserServer. picture: whether the camera's image can be shown; mesh: whether bodies
        can be shown as meshes.
        """
        self._server, gui = server, server.gui
        gui.configure_theme(control_width='large', dark_mode=True, show_logo=False, show_share_button=False)
        gui.main_panel.dock_right()
        self._picture = self._switch = None
        if picture:
            self._picture = gui.add_image(_NOTHING_YET, label='camera', format='jpeg', jpeg_quality=_JPEG_QUALITY)
            self._switch = gui.add_checkbox('camera picture', True,
                                            hint='Off: the node draws and sends no picture, which spares time.')
        self._mesh = gui.add_checkbox('body mesh', False, hint='On: the viewer computes the skin of people, with the '
                                      'body model of its machine.') if mesh else None
        self._status = gui.add_markdown('')
        self._people = gui.add_markdown('')
        self.show_status(NodeStatus())
        self.show_silence()

    @property
    def wants_picture(self) -> bool:
        """Whether a client shows the camera's image."""
        return self._switch is not None and bool(self._switch.value) and bool(self._server.get_clients())

    @property
    def wants_mesh(self) -> bool:
        """Whether a client shows people's meshes."""
        return self._mesh is not None and bool(self._mesh.value) and bool(self._server.get_clients())

    def refuse_mesh(self) -> None:
        """Untick the mesh option, as there is no mesh."""
        if self._mesh is not None:
            self._mesh.value = False

    def show_picture(self, rgb: np.ndarray) -> None:
        """(H, W, 3) uint8 RGB."""
        if self._picture is not None:
            step = -(-max(rgb.shape[:2]) // MAX_PICTURE_SIZE)
            self._picture.image = np.ascontiguousarray(rgb[::step, ::step])

    def show_status(self, status: NodeStatus) -> None:
        """Show the node's reported status."""
        self._set(self._status, '\n'.join([
            f'**{status.level}** {escape_markdown(status.message)}', '',
            '| | |', '|---|---|',
            f'| estimator | {escape_markdown(status.estimator)} on {escape_markdown(status.device)} |',
            f'| rate | {_format(status.rate, "{:.1f} Hz")} |',
            f'| delay, image to pose | {_format(status.delay, "{:.0f} ms", 1000)} |',
            f'| images dropped | {escape_markdown(status.dropped)} |']))

    def show_silence(self) -> None:
        """Show that no poses come and people are unknown."""
        self._set(self._people, 'No poses come.')

    def show_people(self, image: ViewedImage) -> None:
        """Show the people and their states."""
        lines = [*_person_rows(image), *_hand_rows(image)]
        table = ['| who | distance | left hand | right hand |', '|---|---:|---|---|', *lines]
        self._set(self._people, '\n'.join(table) if lines else 'No person in view.')

    @staticmethod
    def _set(markdown, content):
        if markdown.content != content:
            markdown.content = content


def escape_markdown(text: str) -> str:
    """Escape text of others: names of topics and frames may contain Markdown or MDX."""
    return ''.join(f'&#{ord(c)};' if c in '\\`*_{}[]<>()#|!&~$@:/' else c for c in text if c.isprintable())


def _person_rows(image) -> Iterable[str]:
    for person in image.people:
        hands = ' | '.join(_hand_words(hand) for hand in person.hands)
        who = f'person {person.track_id}' + (' (operator)' if person.is_operator else '')
        yield (f'| {who} {"HELD" if person.held else "OK"} {person.confidence:.0%} | {person.joints[0, 2]:.2f} m '
               f'| {hands} |')


def _hand_rows(image) -> Iterable[str]:
    for hand in image.loose_hands:
        places = {'left': '', 'right': '', hand.side: _hand_words(hand)}
        yield f'| hand {hand.track_id} | {hand.keypoints[0, 2]:.2f} m | {places["left"]} | {places["right"]} |'


def _hand_words(hand):
    words = skeleton.HAND_STATES[hand.state]
    return words if hand.state == skeleton.LOST else f'{words} {hand.confidence:.0%}'


def _format(value, pattern, scale=1.0):
    return '-' if value is None else pattern.format(value * scale)
