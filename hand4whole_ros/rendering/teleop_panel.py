"""An operator beside the robot hand that follows, in one image, with the reason why the robot holds."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .. import skeleton
from .colors import FINGER_COLORS

#: Height of the strip below the images, px.
STRIP = 64

_INK, _PALE, _PAPER = (40, 44, 52), (120, 124, 132), (250, 250, 248)
_GREEN, _AMBER, _RED = (34, 139, 84), (214, 140, 20), (190, 52, 48)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True, eq=False)
class PanelState:
    """The text below the images."""

    engaged: bool
    hand: int                           # state of the operator's hand: OK, HELD or LOST
    reason: str                         # the reason why the robot holds; '' while it follows
    delay: float | None                 # s, from the image to the command
    operator_gap: float | None          # m, between the tips of thumb and index finger
    robot_gap: float | None
    keypoints: np.ndarray | None        # (21, 2) px of the operator's hand in the image; None: unknown


def draw_panel(image: np.ndarray, hand_image: np.ndarray, state: PanelState) -> np.ndarray:
    """(H, W, 3) and (H, V, 3) uint8 RGB -> (H + STRIP, W + V, 3)."""
    image = image.copy()
    if state.keypoints is not None and np.isfinite(state.keypoints).all():
        _draw_hand(image, state.keypoints)
    panel = np.vstack([np.hstack([image, hand_image]),
                       np.full((STRIP, image.shape[1] + hand_image.shape[1], 3), _PAPER, np.uint8)])
    strip = panel[image.shape[0]:]
    following = state.engaged and state.hand == skeleton.OK
    color, word = (_GREEN, 'ENGAGED') if following else (_AMBER, 'HELD') if state.engaged else (_RED, 'DISENGAGED')
    cv2.rectangle(strip, (10, 8), (168, 32), color, cv2.FILLED)
    _write(strip, word, (18, 26), color=(255, 255, 255), thickness=2)
    _write(strip, '' if following else state.reason, (180, 26), color=_INK)
    _write(strip, f'image to command {_text(state.delay, 1000, "ms")}', (12, 54), color=_INK)
    _write(strip, f'thumb to index finger: operator {_text(state.operator_gap, 1000, "mm")}, '
                  f'robot {_text(state.robot_gap, 1000, "mm")}', (image.shape[1] // 2 + 20, 54), color=_INK)
    return panel


def _text(value, factor, unit):
    return '-' if value is None or not np.isfinite(value) else f'{factor * value:.0f} {unit}'


def _write(strip, text, place, *, color, thickness=1):
    cv2.putText(strip, text, place, _FONT, 0.52, color, thickness, cv2.LINE_AA)


def _draw_hand(image, keypoints):
    points = [tuple(int(v) for v in np.clip(point, -10000, 10000).round()) for point in keypoints]
    for k, parent in enumerate(skeleton.HAND_KEYPOINT_PARENTS):
        if k:
            cv2.line(image, points[parent], points[k], FINGER_COLORS[(k - 1) // 4], 2, cv2.LINE_AA)
    for point in points:
        cv2.circle(image, point, 2, (255, 255, 255), cv2.FILLED, cv2.LINE_AA)
