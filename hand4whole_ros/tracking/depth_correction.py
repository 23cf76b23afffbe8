"""Moves the people and hands of an image to the distances measured by a depth image.

An image alone does not distinguish a large person from a near one, and determines the depth of an arm poorly. Where
depth is measured, a person is moved along the viewing ray and keeps body shape and pose; then the elbows and shoulders
are rotated until each wrist is at the measured distance of its hand, in the same pixel. A loose hand is moved
rigidly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from .. import skeleton
from ..body.model import BodyModel
from ..body.posing import move_estimate, repose_estimate
from ..estimate import LooseHandEstimate, WholeBodyEstimate
from ..geometry.arm_aiming import reach_wrists
from ..geometry.camera import Intrinsics
from ..geometry.depth_image import DepthImage, depth_offset
from ..geometry.kinematics import local_from_global

#: Joint -> its distance behind the skin that faces the camera, m: medians of 45 drawn people in any posture and of ten
#: who face the camera, without clothes. Arms and legs are listed once for both sides.
_UNDER_SKIN = {'pelvis': 0.130, 'hip': 0.122, 'knee': 0.061, 'ankle': 0.048, 'foot': 0.006, 'spine1': 0.160,
               'spine2': 0.168, 'spine3': 0.158, 'neck': 0.070, 'collar': 0.065, 'head': 0.103, 'shoulder': 0.058,
               'elbow': 0.047, 'wrist': 0.029}
_BODY_UNDER_SKIN = np.array([_UNDER_SKIN[name.removeprefix('left_').removeprefix('right_')]
                             for name in skeleton.BODY_JOINT_NAMES])

#: The same of the 21 keypoints of a hand: wrist, thumb, and the four fingers, which are alike.
_HAND_UNDER_SKIN = np.array([0.029, 0.029, 0.017, 0.013, 0.002] + [0.013, 0.009, 0.008, 0.001] * 4)

#: Minimum confidence of joints at which depth is measured.
_MIN_CONFIDENCE = 0.5

#: Maximum deviation of points from their common distance, m: of a body, whose pose is estimated, and of a hand.
_BODY_DEVIATION, _HAND_DEVIATION = 0.12, 0.06

#: Minimum and maximum factor of a distance: beyond them the depth is of another object, or in another unit.
MIN_FACTOR, MAX_FACTOR = 0.5, 2.0

#: Seconds for which the last correction of the same person is used for images without depth, so that one missing depth
#: image moves no robot.
MEMORY = 0.5

_NOBODY = -1


class CorrectedImage(NamedTuple):
    """The people and hands of one image."""

    people: list[WholeBodyEstimate]
    loose_hands: list[LooseHandEstimate]
    measured: int           # people and loose hands whose distance was measured in this image
    implausible: int        # those whose measured distance is more than twice the estimate, or less than half
    unmeasured: int         # the others


@dataclass(frozen=True)
class _View:
    """One image."""

    depth: DepthImage | None
    intrinsics: Intrinsics
    stamp: float


class DepthCorrection:
    """Keeps the last correction of each person with a track id. Not thread-safe."""

    def __init__(self, body: BodyModel):
        self._body = body
        self.reset()

    def reset(self) -> None:
        """Forget all corrections: the next image is unrelated."""
        self._factors: dict[tuple, tuple[float, float]] = {}    # (kind, track id, part) -> stamp, factor
        self._measured = self._implausible = False              # of the person or hand in progress

    def __call__(self, people: Sequence[WholeBodyEstimate], loose_hands: Sequence[LooseHandEstimate],
                 depth: DepthImage | None, intrinsics: Intrinsics, *, stamp: float) -> CorrectedImage:
        """Corrects an estimator's people and hands in the image taken at `stamp`, s, before they are tracked.

        depth: of the same pixels; None: not available, and corrections at most MEMORY seconds old are used.
        """
        view = _View(depth, intrinsics, stamp)
        self._factors = {key: known for key, known in self._factors.items() if 0 <= stamp - known[0] <= MEMORY}
        counts: Counter = Counter()
        people = [self._count(counts, self._correct_person(one, view)) for one in people]
        hands = [self._count(counts, self._correct_hand(hand, view)) for hand in loose_hands]
        return CorrectedImage(people, hands, counts['measured'], counts['implausible'], counts['unmeasured'])

    def _count(self, counts, corrected):
        """Returns `corrected`, after counting the person or hand by the outcome of its parts."""
        counts['measured' if self._measured else 'implausible' if self._implausible else 'unmeasured'] += 1
        self._measured = self._implausible = False
        return corrected

    def _correct_person(self, person, view):
        joints = person.joints.astype(np.float64)
        confidence = person.joint_confidence
        seen = np.arange(skeleton.NUM_BODY_JOINTS)
        if confidence is not None:
            seen = seen[confidence[seen] >= _MIN_CONFIDENCE]
        key = 'person', person.track_id
        of_body = self._factor((*key, 'body'), joints[seen], under_skin=_BODY_UNDER_SKIN[seen],
                               deviation=_BODY_DEVIATION, view=view)
        of_hands = {hand.side: self._hand_factor((*key, hand.side), hand, view) for hand in person.hands
                    if hand.state == skeleton.OK}
        of_hands = {side: factor for side, factor in of_hands.items() if factor is not None}
        if of_body is None and not of_hands:
            return person
        if of_body is None:     # only a face and hands, as above a desk
            of_body = float(np.mean(list(of_hands.values())))
        centre = joints[seen].mean(axis=0) if len(seen) else joints[0]
        moved = move_estimate(person, centre * (of_body - 1))
        if of_hands:
            wrists = {side: joints[skeleton.WRIST[side]] * factor for side, factor in of_hands.items()}
            moved = self._reach(moved, wrists)
        # A hand without its own measurement has the distance of its arm on a measured body.
        moved = replace(moved, **{f'{hand.side}_hand': replace(hand, depth_measured=True) for hand in moved.hands})
        return person if moved.rejection_reason() else moved

    def _reach(self, person, wrists):
        """The person with wrists at these positions, side -> (3,) m."""
        before = person.joint_rotations.astype(np.float64)
        turned = reach_wrists(before, person.joints.astype(np.float64), wrists)
        rotations, local = local_from_global(turned), person.local_rotations
        changed = [skeleton.JOINT[f'{side}_{name}'] for side in wrists for name in ('shoulder', 'elbow', 'wrist')]
        local[changed] = Rotation.from_matrix(rotations[changed]).as_rotvec()
        return repose_estimate(self._body, person, local, betas=person.betas, pelvis=person.joints[0])

    def _correct_hand(self, hand, view):
        factor = self._hand_factor(('hand', hand.track_id, ''), hand, view)
        if factor is None:
            return hand
        shift = np.float32(hand.keypoints_3d.mean(axis=0) * (factor - 1))
        moved = replace(hand, keypoints_3d=hand.keypoints_3d + shift, depth_measured=True)
        return hand if moved.rejection_reason() else moved

    def _hand_factor(self, key, hand, view):
        return self._factor(key, hand.keypoints_3d.astype(np.float64), under_skin=_HAND_UNDER_SKIN,
                            deviation=_HAND_DEVIATION, view=view)

    def _factor(self, key, points, *, under_skin, deviation, view):
        """The factor of the distance of points; None if unknown."""
        if view.depth is not None and len(points):
            offset = depth_offset(points, view.depth.at(view.intrinsics.project(points)), under_skin, deviation)
            if offset is not None:
                factor = 1 + offset / points[:, 2].mean()
                if MIN_FACTOR <= factor <= MAX_FACTOR:
                    self._measured = True
                    if key[1] != _NOBODY:
                        self._factors[key] = view.stamp, factor
                    return factor
                self._implausible = True
        return self._factors.get(key, (0.0, None))[1]
