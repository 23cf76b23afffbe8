"""Bones, joints, hands and labels of one person, drawn anti-aliased at sub-pixel positions."""

from __future__ import annotations

import cv2
import numpy as np

from .. import skeleton
from ..estimate import LooseHandEstimate, ObjectEstimate, WholeBodyEstimate
from ..geometry.camera import Intrinsics
from ..geometry.object_box import BOX_EDGES
from .colors import BONE_COLORS, FINGER_COLORS, OBJECT_COLOR

_SHIFT = 4  # fractional bits of OpenCV's drawing coordinates

_OUTLINE_COLOR = (28, 31, 38)
_BODY_BONES = [(joint, parent) for joint, parent in enumerate(skeleton.PARENTS[:22]) if parent >= 0]
_STATE_WORDS = {skeleton.OK: 'ok', skeleton.HELD: 'held', skeleton.LOST: 'lost'}


def draw_skeleton(picture: np.ndarray, person: WholeBodyEstimate, intrinsics: Intrinsics):
    """Draw into `picture`, (H, W, 3) uint8 RGB: the body's 22 joints, and each hand that is not lost."""
    joints = intrinsics.project(person.joints[:22])
    scale = pixels_per_metre(person, intrinsics)
    if scale <= 0:
        return
    thickness = int(np.clip(round(scale * 0.008), 1, 6))
    radius = float(np.clip(scale * 0.010, 2.4, 7))
    sides = [name.partition('_')[0] if '_' in name else '' for name in skeleton.JOINT_NAMES[:22]]
    _draw_bones(picture, joints, _BODY_BONES, [BONE_COLORS[sides[j]] for j, _ in _BODY_BONES], thickness=thickness)
    _draw_dots(picture, joints, [BONE_COLORS[side] for side in sides], radius)
    for hand in person.hands:
        if hand.state != skeleton.LOST:
            keypoints = intrinsics.project(hand.keypoints_3d)
            _draw_hand(picture, keypoints, scale, dimmed=hand.state == skeleton.HELD)


def draw_loose_hand(picture: np.ndarray, hand: LooseHandEstimate, intrinsics: Intrinsics):
    """Draw a loose hand into `picture`, with a plate of its track id and side, and the object in it."""
    depth = float(np.median(hand.keypoints_3d[:, 2]))
    if hand.rejection_reason() or depth <= 0:
        return
    keypoints = hand.keypoints_2d.astype(float)
    _draw_hand(picture, keypoints, intrinsics.fy / depth, dimmed=hand.state == skeleton.HELD)
    if hand.object is not None:
        draw_object(picture, hand.object)
    number = '' if hand.track_id < 0 else f'#{hand.track_id}  '
    words = [(f'{number}{hand.side[0].upper()}  {round(100 * hand.confidence)}%', BONE_COLORS[hand.side])]
    _draw_plate(picture, words, keypoints[:, 0].mean(), keypoints[:, 1].min() - 8)


def draw_object(picture: np.ndarray, thing: ObjectEstimate):
    """Draw the edges of an object's box into `picture`, (H, W, 3) uint8 RGB."""
    thickness = int(np.clip(round(min(picture.shape[:2]) / 300), 1, 6))
    _draw_bones(picture, thing.corners_2d.astype(float), BOX_EDGES, [OBJECT_COLOR] * len(BOX_EDGES),
                thickness=thickness)


def _draw_hand(picture, keypoints, scale, dimmed):
    bones = list(enumerate(skeleton.HAND_KEYPOINT_PARENTS))[1:]
    fingers = [FINGER_COLORS[(k - 1) // 4] for k, _ in bones]
    if dimmed:
        fingers = [tuple(int(0.5 * (value + 150)) for value in color) for color in fingers]
    thickness = int(np.clip(round(scale * 0.0035), 1, 4))
    radius = float(np.clip(scale * 0.0035, 1.0, 5))
    _draw_bones(picture, keypoints, bones, fingers, thickness=thickness)
    _draw_dots(picture, keypoints, [BONE_COLORS['']] + fingers, radius)


def _draw_bones(picture, points, bones, colors, *, thickness):
    """Lines with a thin dark rim, so that they are visible on any background."""
    fixed, good = _to_fixed_point(points, picture)
    shown = [(fixed[a], fixed[b], color) for (a, b), color in zip(bones, colors) if good[a] and good[b]]
    if thickness > 1:
        for a, b, _ in shown:
            cv2.line(picture, a, b, _OUTLINE_COLOR, thickness + 2, cv2.LINE_AA, _SHIFT)
    for a, b, color in shown:
        cv2.line(picture, a, b, color, thickness, cv2.LINE_AA, _SHIFT)


def _draw_dots(picture, points, colors, radius):
    fixed, good = _to_fixed_point(points, picture)
    for point, color, shown in zip(fixed, colors, good):
        if shown:
            for r, c in ((radius + 1, _OUTLINE_COLOR), (radius, color)) if radius >= 2 else ((radius, color),):
                cv2.circle(picture, point, int(r * (1 << _SHIFT)), c, -1, cv2.LINE_AA, _SHIFT)


def _to_fixed_point(points, picture):
    """(N, 2) px -> pairs of integers for OpenCV's shift; and which are finite and not too far away."""
    reach = 4 * max(picture.shape[:2]) + 100
    good = np.isfinite(points).all(1) & (np.abs(np.nan_to_num(points, posinf=0, neginf=0)) < reach).all(1)
    fixed = np.rint(np.where(good[:, None], points, 0) * (1 << _SHIFT)).astype(int)
    return [tuple(point) for point in fixed.tolist()], good


def pixels_per_metre(person: WholeBodyEstimate, intrinsics: Intrinsics) -> float:
    """Pixels per metre at the distance of the person's pelvis; 0 if that is not in front of the camera."""
    depth = float(np.median(person.joints[:22, 2]))
    return intrinsics.fy / depth if depth > 0.05 else 0.0


def draw_label(picture: np.ndarray, person: WholeBodyEstimate, intrinsics: Intrinsics):
    """Track id, confidence and the state of both hands on a small dark plate above the head."""
    points = intrinsics.project(person.joints[:22])
    points = points[np.isfinite(points).all(1)]
    if not len(points) or pixels_per_metre(person, intrinsics) <= 0:
        return
    words = [(f'#{person.track_id}  {round(100 * person.confidence)}%', BONE_COLORS['']),
             *((f'{hand.side[0].upper()} {_STATE_WORDS.get(hand.state, "?")}',
                (160, 162, 168) if hand.state == skeleton.LOST else BONE_COLORS[hand.side])
               for hand in person.hands)]
    crown = points[:, 1].min() - 0.26 * pixels_per_metre(person, intrinsics)
    _draw_plate(picture, words, np.median(points[:, 0]), crown)


def _draw_plate(picture, words, x, bottom):
    """(text, color) side by side on a small dark plate, its middle at x, above `bottom`; within the image."""
    height, width = picture.shape[:2]
    size = float(np.clip(min(height, width) / 1100, 0.38, 2.0))
    thickness = max(1, round(size * 1.4))
    font, gap = cv2.FONT_HERSHEY_SIMPLEX, int(round(24 * size))
    widths = [cv2.getTextSize(text, font, size, thickness)[0][0] for text, _ in words]
    pad, line = int(round(12 * size)), int(round(24 * size))
    box = np.array([sum(widths) + gap * (len(words) - 1) + 2 * pad, line + 2 * pad * 2 // 3])
    corner = np.array([x - box[0] / 2, bottom - box[1]])
    x, y = np.clip(corner, 2, np.maximum(np.array([width, height]) - box - 2, 2)).astype(int).tolist()
    plate = picture[y:y + int(box[1]), x:x + int(box[0])]
    plate[:] = plate * 0.3 + np.array(_OUTLINE_COLOR) * 0.7
    x, y = x + pad, y + int(box[1]) - pad * 2 // 3 - line // 6
    for (text, color), advance in zip(words, widths):
        cv2.putText(picture, text, (x, y), font, size, color, thickness, cv2.LINE_AA)
        x += advance + gap
