"""The type that all data set readers return: a person or a pair of hands in a picture, with annotations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..geometry.camera import Intrinsics
from ..media import image_files


@dataclass(frozen=True)
class HandAnnotation:
    """One hand. Camera optical frame, metres, axis-angle. None: not annotated."""

    keypoints_3d: np.ndarray                    # (21, 3) in skeleton.HAND_KEYPOINT_NAMES order
    vertices: np.ndarray | None = None          # (778, 3) in MANO's topology
    global_orient: np.ndarray | None = None     # (3,) of MANO's root, which is SMPL-X's wrist, in the camera frame
    hand_pose: np.ndarray | None = None         # (15, 3) flat-hand zero, SMPL-X's order of fingers
    betas: np.ndarray | None = None             # (10,) of MANO


@dataclass(frozen=True)
class BodyAnnotation:
    """A whole body in SMPL-X's parameters. Camera optical frame, metres, axis-angle. None: not annotated.

    If `known` is false the numbers of a keypoint are meaningless. If `expression` is None the face is not annotated:
    jaw and eyes are then unknown, too.
    """

    joints: np.ndarray                          # (55, 3)
    keypoints_3d: np.ndarray                    # (137, 3) in keypoints.KEYPOINT_NAMES order
    known: np.ndarray                           # (137,) bool
    vertices: np.ndarray | None = None          # (10475, 3) SMPL-X's
    local_rotations: np.ndarray | None = None   # (55, 3) relative to the parent, flat-hand zero; pelvis in the camera
    betas: np.ndarray | None = None             # (10,) of the neutral body
    expression: np.ndarray | None = None        # (10,)


@dataclass(frozen=True)
class Sample:
    """One person, or the hands of one, in one picture. Left and right are the person's own.

    A body set has `body` and, as parts of it, both hands; a hand set has hands alone.
    """

    key: str                                    # unique within the data set, for display
    picture: Path | np.ndarray                  # a file, or RGB (H, W, 3) uint8
    intrinsics: Intrinsics
    bbox_xywh: np.ndarray                       # (4,) px around the person; the whole picture in hand sets. Of no size
                                                # if nothing that counts is visible: not to be used
    body: BodyAnnotation | None = None
    left_hand: HandAnnotation | None = None
    right_hand: HandAnnotation | None = None
    related: bool = False                       # the hands are near each other: their relation is trained
    up: np.ndarray | None = None                # (3,) unit vector against gravity, camera frame; None: unknown

    def image(self) -> np.ndarray:
        """The picture, RGB (H, W, 3) uint8. Raises ImageFileError if the file is not an image."""
        return self.picture if isinstance(self.picture, np.ndarray) else image_files.read_image(self.picture)

    def hand(self, side: str) -> HandAnnotation | None:
        """The hand of `side`, 'left' or 'right'."""
        return self.left_hand if side == 'left' else self.right_hand

    @property
    def hands_only(self) -> bool:
        """Whether the body is not annotated: a network's estimate of it can only be kept plausible."""
        return self.body is None
