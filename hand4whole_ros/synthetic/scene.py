"""A scene: one person in one pose before one camera, from which an image and its truth are drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .. import skeleton
from ..geometry.camera import Intrinsics
from .appearance import Appearance
from .figure import PosableBody, hand_keypoints, place_skeleton

#: First word of the random streams of scenes, which no other module's streams begin with.
SCENE_STREAM = 0x7A11


def scene_rng(seed: int, part: int) -> np.random.Generator:
    """The random numbers of one part of the scene `seed`."""
    return np.random.default_rng((SCENE_STREAM, part, seed))


@dataclass(frozen=True, eq=False)
class Scene:
    """Person, pose and camera. Frame: camera optical, metres."""

    seed: int
    kind: str                       # 'body', or 'hands' for a close-up
    frame: str                      # of framing.BODY_FRAMES, or 'left', 'right', 'both'
    figure: PosableBody
    betas: np.ndarray | None        # (10,) of the open body, of the adults of `adults`
    local_rotations: np.ndarray     # (55, 3, 3), the pelvis in the camera frame
    joints: np.ndarray              # (55, 3)
    joint_rotations: np.ndarray     # (55, 3, 3) out of the T-pose
    hand_keypoints: np.ndarray      # (2, 21, 3) left and right
    intrinsics: Intrinsics
    appearance: Appearance | None = None  # of people in a studio (drawing.Studio); None: any clothes

    @classmethod
    def of_pose(cls, seed: int, frame: str, figure: PosableBody, local_rotations: np.ndarray, *, pelvis: np.ndarray,
                intrinsics: Intrinsics, appearance: Appearance | None = None) -> Scene:
        """Of a figure whose pelvis (3,) m is already placed."""
        rotations, joints, tips = place_skeleton(local_rotations, figure.joints, figure.tips, pelvis)
        return cls(seed, 'body', frame, figure, None, local_rotations, joints, rotations, hand_keypoints(joints, tips),
                   intrinsics, appearance)

    def with_pose(self, local_rotations: np.ndarray) -> Scene:
        """The same scene of another pose (55, 3, 3), about the same pelvis."""
        rotations, joints, tips = place_skeleton(local_rotations, self.figure.joints, self.figure.tips, self.pelvis)
        return replace(self, local_rotations=local_rotations, joints=joints, joint_rotations=rotations,
                       hand_keypoints=hand_keypoints(joints, tips))

    @property
    def phenotype(self) -> dict[str, float]:
        """Of the person, as anny takes it."""
        return {name: float(value) for name, value in self.figure.phenotype.items()}

    @property
    def pelvis(self) -> np.ndarray:
        """(3,) m."""
        return self.joints[0]

    @cached_property
    def vertices(self) -> np.ndarray:
        """(V, 3) float32, the skin under the clothes, anny's topology."""
        if self.appearance is not None:
            # Several times slower, with other last bits, which the frozen images depend on.
            return self.figure.pose(self.local_rotations, self.pelvis).vertices
        return self.figure.skin(self.joint_rotations, self.joints)

    def box(self, margin: float = 1.25, aspect: float = 0.75, jitter: float = 0.0) -> tuple[float, float, float, float]:
        """xywh px around joints and hands within the image, of width / height `aspect`: for a crop of the person.

        jitter moves and scales it at random, 0.1 by about a tenth of its size.
        """
        points = np.concatenate([self.joints, self.hand_keypoints.reshape(-1, 3)])
        return self._box(points, margin, aspect, jitter)

    def hand_box(self, side: str, margin: float = 1.6, jitter: float = 0.0) -> tuple[float, float, float, float]:
        """xywh px, square, around one hand."""
        return self._box(self.hand_keypoints[skeleton.SIDES.index(side)], margin, 1.0, jitter)

    def _box(self, points, margin, aspect, jitter):
        k = self.intrinsics
        pixels = np.clip(np.nan_to_num(k.project(points), nan=-1), (0, 0), (k.width - 1, k.height - 1))
        low, high = pixels.min(0), pixels.max(0)
        rng = scene_rng(self.seed, 9)
        size = high - low
        centre = (low + high) / 2 + jitter * rng.normal(0, 1, 2) * size
        height = max(size[1], size[0] / aspect, 8.0) * margin * np.exp(jitter * rng.normal())
        width = height * aspect
        return (float(centre[0] - width / 2), float(centre[1] - height / 2), float(width), float(height))

    def crop(self, box: tuple[float, float, float, float], width: int, height: int) -> Intrinsics:
        """The camera of this box xywh of the image as width x height pixels."""
        x, y, w, h = box
        k = self.intrinsics
        sx, sy = width / w, height / h
        return Intrinsics(k.fx * sx, k.fy * sy, (k.cx - x + 0.5) * sx - 0.5, (k.cy - y + 0.5) * sy - 0.5, width, height)
