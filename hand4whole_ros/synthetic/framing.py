"""Camera placement: the visible part of a person, the view direction and the lens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from .. import skeleton
from ..geometry.camera import Intrinsics

#: What an image of the whole person shows, and how often. Below is the lowest joint that has to be in the image.
BODY_FRAMES = {'full': 0.32, 'knees': 0.14, 'hips': 0.26, 'chest': 0.18, 'sitting': 0.10}
_LOWEST = {'full': ('left_foot', 'right_foot'), 'knees': ('left_knee', 'right_knee'), 'hips': ('pelvis',),
           'chest': ('spine2',), 'sitting': ('left_hip', 'right_hip')}

#: From the SMPL-X axes of a person who faces the camera to the camera optical frame.
FRONT_VIEW = np.diag([1.0, -1.0, -1.0])

FIELDS_OF_VIEW = (35.0, 90.0)
_CLOSE_UP_FIELDS = (18.0, 60.0)
_SHOULDERS = [skeleton.JOINT[f'{side}_shoulder'] for side in skeleton.SIDES]
_VIEWS = 12             # directions tried for a close-up
_NEAREST = 0.18         # m from the camera to the nearest point


@dataclass(frozen=True)
class ViewDirection:
    """View of a person: rotated about the vertical by `turn`, the camera pitched down and rolled, radians."""

    turn: float
    pitch: float
    roll: float

    @classmethod
    def sample(cls, rng: np.random.Generator) -> ViewDirection:
        """Mostly from the front, within 70 degrees, at eye level to a little above."""
        turn = rng.normal(0, 25) if rng.random() < 0.8 else rng.uniform(-70, 70)
        pitch = rng.normal(6, 9) if rng.random() < 0.85 else rng.uniform(-20, 40)
        return cls(*np.radians((np.clip(turn, -70, 70), np.clip(pitch, -25, 45), rng.normal(0, 3.0))))

    @classmethod
    def sample_frontal_upright(cls, rng: np.random.Generator) -> ViewDirection:
        """Of a person in a frontal upright pose."""
        return cls(*np.radians((rng.uniform(-40, 40), rng.normal(0, 5), rng.normal(0, 2))))

    @classmethod
    def sample_close(cls, rng: np.random.Generator) -> ViewDirection:
        """Of hands: from a much wider range of directions."""
        turn, pitch = rng.normal(0, 45), rng.normal(12, 25)
        roll = rng.uniform(-180, 180) if rng.random() < 0.1 else rng.normal(0, 15)
        return cls(*np.radians((np.clip(turn, -110, 110), np.clip(pitch, -55, 75), roll)))

    def matrix(self) -> np.ndarray:
        """(3, 3) from the person's axes to the camera optical frame."""
        view = Rotation.from_euler('zx', (self.roll, self.pitch)).as_matrix()
        return view @ FRONT_VIEW @ Rotation.from_rotvec((0, self.turn, 0)).as_matrix()


def sample_intrinsics(rng: np.random.Generator, width: int, height: int, *, close_up: bool = False,
                      fields: tuple[float, float] = FIELDS_OF_VIEW) -> Intrinsics:
    """A pinhole camera of some field of view, its centre sometimes a little off the middle.

    fields: least and largest field of view, degrees, unless it is a close-up.
    """
    low, high = _CLOSE_UP_FIELDS if close_up else fields
    camera = Intrinsics.from_fov(width, height, rng.uniform(low, high))
    shift = rng.normal(0, 0.01, 2) * (rng.random() < 0.5) * camera.width
    return Intrinsics(camera.fx, camera.fy, camera.cx + shift[0], camera.cy + shift[1], width, height)


def body_points(frame: str, rng: np.random.Generator, *, joints: np.ndarray, hands: np.ndarray, head: np.ndarray,
                feet: np.ndarray) -> np.ndarray:
    """(N, 3) points that have to be in the image; hands (2, 21, 3), and points of the skin of head and feet."""
    shown = [head, joints[_SHOULDERS], joints[[skeleton.JOINT[name] for name in _LOWEST[frame]]]]
    if frame == 'full':
        shown.append(feet)
    for hand in hands:
        # Both hands are mostly in the image, hanging ones too.
        if rng.random() < (0.85 if frame in ('full', 'knees', 'hips') else 0.75):
            shown.append(hand)
    return np.concatenate(shown)


def framing_translation(points: np.ndarray, everything: np.ndarray, intrinsics: Intrinsics, *, fill: float,
                        shift: np.ndarray) -> np.ndarray:
    """(3,) translation of points (N, 3) with which their box fills this part of the image.

    everything (M, 3) stays in front of the camera. shift (2,), -1 to 1: position within the remaining room.
    """
    size = np.array([intrinsics.width, intrinsics.height]) / intrinsics.fx
    room = fill * size
    depth, nearest = 1.5, _NEAREST - everything[:, 2].min()
    columns = np.ascontiguousarray(points.T)
    centre = (columns.min(1) + columns.max(1))[:2] / 2
    across, ahead = columns[:2] - centre[:, None], columns[2]
    for _ in range(8):      # the box grows as its nearest point approaches: step until it fits
        rays = across / np.maximum(ahead + depth, 0.1)
        depth = max(depth * (np.ptp(rays, axis=1) / room).max(), nearest)
    place = np.append(-centre, depth)
    off = np.array([intrinsics.cx, intrinsics.cy]) / intrinsics.fx - size / 2       # of the principal point
    for _ in range(3):      # near points move farther across the image than far ones
        moved = columns + place[:, None]
        rays = moved[:2] / np.maximum(moved[2], 0.1)
        low, high = rays.min(1), rays.max(1)
        target = shift * np.maximum(size - (high - low), 0) / 2 - off
        place[:2] += (target - (low + high) / 2) * moved[2].mean()
    return place


def sample_close_up(rng: np.random.Generator, hand: np.ndarray, everything: np.ndarray) -> ViewDirection:
    """The direction, of some candidates, with the clearest view of hand keypoints (K, 3) past skin points (M, 3)."""
    best, least = None, np.inf
    for _ in range(_VIEWS):
        direction = ViewDirection.sample_close(rng)
        matrix = direction.matrix()
        seen, others = hand @ matrix.T, everything @ matrix.T
        low, high = seen.min(0), seen.max(0)
        margin = 0.04
        before = ((others[:, :2] > low[:2] - margin) & (others[:, :2] < high[:2] + margin)).all(1)
        blocked = (before & (others[:, 2] < (low[2] + high[2]) / 2)).mean()
        if best is None or blocked < least:
            best, least = direction, blocked
        if least == 0:
            break
    assert best is not None     # of at least one view
    return best
