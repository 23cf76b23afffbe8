"""The result type of all estimators: a person in one image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from . import skeleton
from .geometry.object_box import box_points
from .geometry.placement import MIN_DEPTH

#: Reasons for which an estimated person is refused; diagnostics count them by these names.
NOT_FINITE, BEHIND, IMPOSSIBLE, NO_FIT = 'not finite', 'behind the camera', 'impossible numbers', 'no body fits'
#: The same of a grasped object.
NO_BOX = 'no box fits'

#: HandEstimate.grasp_probability above which a hand grasps.
MIN_GRASP_PROBABILITY = 0.5


def format_refusals(refused: Mapping[str, int]) -> str:
    """Counts of refused people as words: '3 behind the camera, 1 not finite'."""
    return ', '.join(f'{count} {why}' for why, count in sorted(refused.items()))


@dataclass(frozen=True)
class ObjectEstimate:
    """A grasped object, as a box of known size. Camera optical frame, metres; every array float32."""

    rotation: np.ndarray            # (3, 3) of the object's own axes
    translation: np.ndarray         # (3,) m of the origin of the object's own frame
    box: np.ndarray                 # (2, 3) m: low and high corner of its box in its own frame
    corners_2d: np.ndarray          # (8, 2) px of the full image, x of the object's own frame changes fastest
    confidence: float           # 0 to 1
    reprojection_error: float   # px, between the network's points and the projected pose

    @property
    def size(self) -> np.ndarray:
        """(3,) m, along the object's own axes."""
        return self.box[1] - self.box[0]

    @property
    def center(self) -> np.ndarray:
        """(3,) m, of the box."""
        return self.rotation @ self.box.mean(0) + self.translation

    @property
    def corners(self) -> np.ndarray:
        """(8, 3) m, in the order of corners_2d."""
        return np.float32(box_points(self.box)[:8]) @ self.rotation.T + self.translation


@dataclass(frozen=True)
class HandEstimate:
    """One hand. Camera optical frame, metres and radians; every array float32.

    If `state` is LOST nothing here was observed: the keypoints are those of a relaxed hand on the
    estimated arm and must not be taken for a measurement.
    """

    side: str                   # 'left' or 'right': the person's own
    state: int                  # skeleton.OK, HELD or LOST
    confidence: float           # 0 to 1
    keypoints_3d: np.ndarray        # (21, 3) m
    keypoints_2d: np.ndarray        # (21, 2) px in the full image
    betas: np.ndarray | None        # (10,) MANO shape of this hand; None: its shape follows from the body's betas
    bbox_xyxy: np.ndarray           # (4,) px; zeros where no box is known
    #: 0 to 1: that it grasps something; None if the estimator does not estimate it.
    grasp_probability: float | None = field(default=None, kw_only=True)
    #: The grasped object; None if it is unknown, or the hand was not detected in this very image.
    object: ObjectEstimate | None = field(default=None, kw_only=True)
    #: 0 to 1: how well the projected 3D keypoints agree with those that were detected in this very image, as the
    #: estimator gave both (geometry.keypoint_agreement, negative cosines as 0). None where the estimator detects no 2D
    #: keypoints of its own, or the hand was not detected in this very image.
    agreement: float | None = field(default=None, kw_only=True)
    #: Whether its distance comes from a depth image, and not from an assumed size.
    depth_measured: bool = field(default=False, kw_only=True)

    @property
    def visible(self) -> bool:
        """Whether the hand was detected in this very image."""
        return self.state == skeleton.OK

    @property
    def has_own_shape(self) -> bool:
        """Whether the shape is that of `betas`, not the body's; false for every LOST hand."""
        return self.betas is not None and self.state != skeleton.LOST


@dataclass(frozen=True)
class LooseHandEstimate(HandEstimate):
    """A hand without a person's arm. Its size is an adult's, or the configured one."""

    track_id: int = -1          # the same in all images of a video; -1 in an image that stands alone
    side_confidence: float = 1.0    # 0 to 1: that its side is this one
    #: (3, 3) of the wrist in the camera frame, and (15, 3) axis-angle of the fingers against their parents, in SMPL-X's
    #: axes and order; None if the estimator gives keypoints alone.
    wrist_rotation: np.ndarray | None = None
    finger_pose: np.ndarray | None = None

    def rejection_reason(self) -> str:
        """As WholeBodyEstimate.rejection_reason."""
        numbers = np.concatenate([*(value.ravel() for value in vars(self).values() if isinstance(value, np.ndarray)),
                                  [self.confidence, self.side_confidence, self.grasp_probability or 0.0,
                                   self.agreement or 0.0]])
        if not np.isfinite(numbers).all():
            return NOT_FINITE
        return BEHIND if float(self.keypoints_3d[:, 2].min()) < MIN_DEPTH else ''


def hand_shape_betas(hands: Iterable[HandEstimate]) -> dict[str, np.ndarray]:
    """side -> MANO betas (10,) of the hands that have a shape of their own."""
    return {hand.side: hand.betas for hand in hands if hand.has_own_shape and hand.betas is not None}


@dataclass(frozen=True)
class WholeBodyEstimate:
    """One person in one image, in SMPL-X's parameters.

    Camera optical frame (x right, y down, z forward), metres, radians. Rotations are axis-angle
    relative to the parent joint, zero in the T-pose with flat hands, in SMPL-X joint order.
    Every array is float32.
    """

    global_orient: np.ndarray       # (3,) of the pelvis, in the camera frame
    body_pose: np.ndarray           # (21, 3)
    jaw_pose: np.ndarray            # (3,)
    leye_pose: np.ndarray           # (3,)
    reye_pose: np.ndarray           # (3,)
    left_hand_pose: np.ndarray      # (15, 3)
    right_hand_pose: np.ndarray     # (15, 3)
    betas: np.ndarray               # (10,)
    expression: np.ndarray          # (10,)
    transl: np.ndarray              # (3,) m, SMPL-X's `transl`: added to the posed model
    joints: np.ndarray              # (55, 3) m; the fingers' are the hand's own where it has a shape of its own
    joint_rotations: np.ndarray     # (55, 3, 3) in the camera frame
    left_hand: HandEstimate
    right_hand: HandEstimate
    bbox_xyxy: np.ndarray           # (4,) px in the full image
    confidence: float           # 0 to 1
    track_id: int = -1          # the same in all images of a video; -1 while the person is not tracked
    held: bool = False               # not found in this image: the last pose is repeated
    #: (55,) 0 to 1: probability that each joint is at its estimated position in the image; low where it was only
    #: inferred, 0 where it is unknown. None if the estimator does not estimate it.
    joint_confidence: np.ndarray | None = None
    vertices: np.ndarray | None = None   # (V, 3) m; None until the mesh is computed
    stage_times: dict[str, float] = field(default_factory=dict)  # stage -> seconds

    @property
    def local_rotations(self) -> np.ndarray:
        """(55, 3) axis-angle of every joint relative to its parent, in the order of the joints."""
        return np.concatenate([getattr(self, name).reshape(-1, 3) for name in skeleton.POSE_SLICES])

    def hand(self, side: str) -> HandEstimate:
        """The hand of `side`, 'left' or 'right'."""
        return self.left_hand if side == 'left' else self.right_hand

    @property
    def hands(self) -> tuple[HandEstimate, HandEstimate]:
        """Left, right."""
        return self.left_hand, self.right_hand

    @property
    def hand_betas(self) -> dict[str, np.ndarray]:
        """side -> MANO betas (10,) of the hands that have a shape of their own."""
        return hand_shape_betas(self.hands)

    def is_finite(self) -> bool:
        """Whether all numbers are finite."""
        numbers = [value.ravel() for part in (self, *self.hands) for value in vars(part).values()
                   if isinstance(value, np.ndarray)]
        numbers.append(np.array([self.confidence, *(number for hand in self.hands
                                                    for number in (hand.confidence, hand.agreement or 0.0))]))
        # Concatenated: each call costs more than testing some hundred numbers.
        return bool(np.isfinite(np.concatenate(numbers)).all())

    def nearest_depth(self) -> float:
        """Least z of the joints and of both hands' keypoints, m: negative behind the camera."""
        points = np.concatenate([self.joints, *(hand.keypoints_3d for hand in self.hands)])
        return float(points[:, 2].min())

    def rejection_reason(self) -> str:
        """BEHIND if a joint or keypoint is behind the camera or nearer than MIN_DEPTH, NOT_FINITE, or ''."""
        if self.nearest_depth() < MIN_DEPTH:
            return BEHIND
        return '' if self.is_finite() else NOT_FINITE
