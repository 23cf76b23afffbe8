"""People and hands of an image moved to where a depth image sees them.

An image alone does not distinguish a large person from a near one, and says little about how far an arm reaches. Where
depth is measured, a person is moved along the viewing ray and keeps body shape and pose; then the elbows and shoulders
are turned until each wrist is as far away as its hand is seen to be, in the same pixel. A hand of nobody is moved as it
is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from .. import skeleton
from ..body.model import BodyModel
from ..body.posing import repose_estimate
from ..estimate import LooseHandEstimate, WholeBodyEstimate
from ..geometry.arm_aiming import reach_wrists
from ..geometry.camera import Intrinsics
from ..geometry.depth_image import DepthImage, depth_offset
from ..geometry.kinematics import local_from_global

#: Joint -> how far it lies behind the skin that a camera sees, m: medians of 45 drawn people in any posture and of ten
#: who face the camera, without clothes. Arms and legs are given once for both sides.
_UNDER_SKIN = {'pelvis': 0.130, 'hip': 0.122, 'knee': 0.061, 'ankle': 0.048, 'foot': 0.006, 'spine1': 0.160,
               'spine2': 0.168, 'spine3': 0.158, 'neck': 0.070, 'collar': 0.065, 'head': 0.103, 'shoulder': 0.058,
               'elbow': 0.047, 'wrist': 0.029}
_BODY_UNDER_SKIN = np.array([_UNDER_SKIN[name.removeprefix('left_').removeprefix('right_')]
                             for name in skeleton.BODY_JOINT_NAMES])

#: The same of the 21 keypoints of a hand: wrist, thumb, and the four fingers, which are alike.
_HAND_UNDER_SKIN = np.array([0.029, 0.029, 0.017, 0.013, 0.002] + [0.013, 0.009, 0.008, 0.001] * 4)

#: Joints less sure than this are not where depth is looked up.
_MIN_CONFIDENCE = 0.5

#: How far points may be from the distance that they agree on, m: of a body, whose pose is estimated, and of a hand.
_BODY_DEVIATION, _HAND_DEVIATION = 0.12, 0.06

#: What a distance is multiplied by, at least and at most: more is something else that the depth camera sees, or depth
#: in another unit.
MIN_FACTOR, MAX_FACTOR = 0.5, 2.0

#: Seconds for which the last correction of the same person stands in where an image has no depth, so that one image
#: that is missing moves no robot.
MEMORY = 0.5

_NOBODY = -1


class CorrectedImage(NamedTuple):
    """The people and hands of one image."""

    people: list[WholeBodyEstimate]
    loose_hands: list[LooseHandEstimate]
    measured: int           # people and loose hands whose distance was measured in this image
    implausible: int        # those of whom depth says that they are twice as far, or half
    unmeasured: int         # the others


@dataclass(frozen=True)
class _View:
    """One image."""

    depth: DepthImage | None
    intrinsics: Intrinsics
    stamp: float


class DepthCorrection:
    """Remembers the last correction of each person that the estimator numbers. Not thread-safe."""

    def __init__(self, body: BodyModel):
        self._body = body
        self.reset()

    def reset(self) -> None:
        """The next image comes from elsewhere, or from another time."""
        self._factors: dict[tuple, tuple[float, float]] = {}    # (kind, track id, part) -> stamp, factor
        self._measured = self._implausible = False              # of the person or hand that is being corrected

    def __call__(self, people: Sequence[WholeBodyEstimate], loose_hands: Sequence[LooseHandEstimate],
                 depth: DepthImage | None, intrinsics: Intrinsics, *, stamp: float) -> CorrectedImage:
        """The people and hands of an estimator in the image taken at `stamp`, s, before they are tracked.

        depth: of the same pixels; None: there is none, and what was measured at most MEMORY seconds ago counts.
        """
        view = _View(depth, intrinsics, stamp)
        self._factors = {key: known for key, known in self._factors.items() if 0 <= stamp - known[0] <= MEMORY}
        counts: Counter = Counter()
        people = [self._count(counts, self._correct_person(one, view)) for one in people]
        hands = [self._count(counts, self._correct_hand(hand, view)) for hand in loose_hands]
        return CorrectedImage(people, hands, counts['measured'], counts['implausible'], counts['unmeasured'])

    def _count(self, counts, corrected):
        """The same, after the person or hand was counted by what its parts were found to be."""
        counts['measured' if self._measured else 'implausible' if self._implausible else 'unmeasured'] += 1
        self._measured = self._implausible = False
        return corrected

    def _correct_person(self, person, view):
        joints = person.joints.double().numpy()
        confidence = person.joint_confidence
        seen = np.arange(skeleton.NUM_BODY_JOINTS)
        if confidence is not None:
            seen = seen[confidence.numpy()[seen] >= _MIN_CONFIDENCE]
        key = 'person', person.track_id
        of_body = self._factor((*key, 'body'), joints[seen], under_skin=_BODY_UNDER_SKIN[seen],
                               deviation=_BODY_DEVIATION, view=view)
        of_hands = {hand.side: self._hand_factor((*key, hand.side), hand, view) for hand in person.hands
                    if hand.state == skeleton.OK}
        of_hands = {side: factor for side, factor in of_hands.items() if factor is not None}
        if of_body is None and not of_hands:
            return person
        if of_body is None:     # a face and hands alone, as above a desk
            of_body = float(np.mean(list(of_hands.values())))
        centre = joints[seen].mean(axis=0) if len(seen) else joints[0]
        moved = _translate(person, centre * (of_body - 1))
        if of_hands:
            wrists = {side: joints[skeleton.WRIST[side]] * factor for side, factor in of_hands.items()}
            moved = self._reach(moved, wrists)
        # A hand whose own distance is not measured is as far as the arm of a body whose distance is.
        moved = replace(moved, **{f'{hand.side}_hand': replace(hand, depth_measured=True) for hand in moved.hands})
        return person if moved.rejection_reason() else moved

    def _reach(self, person, wrists):
        """The person with wrists at these places, side -> (3,) m."""
        before = person.joint_rotations.double().numpy()
        turned = reach_wrists(before, person.joints.double().numpy(), wrists)
        rotations, local = local_from_global(turned), person.local_rotations.clone()
        changed = [skeleton.JOINT[f'{side}_{name}'] for side in wrists for name in ('shoulder', 'elbow', 'wrist')]
        local[changed] = torch.from_numpy(Rotation.from_matrix(rotations[changed]).as_rotvec()).float()
        return repose_estimate(self._body, person, local, betas=person.betas, pelvis=person.joints[0])

    def _correct_hand(self, hand, view):
        factor = self._hand_factor(('hand', hand.track_id, ''), hand, view)
        if factor is None:
            return hand
        shift = hand.keypoints_3d.mean(dim=0) * (factor - 1)
        moved = replace(hand, keypoints_3d=hand.keypoints_3d + shift, depth_measured=True)
        return hand if moved.rejection_reason() else moved

    def _hand_factor(self, key, hand, view):
        return self._factor(key, hand.keypoints_3d.double().numpy(), under_skin=_HAND_UNDER_SKIN,
                            deviation=_HAND_DEVIATION, view=view)

    def _factor(self, key, points, *, under_skin, deviation, view):
        """What the distance of points is to be multiplied by; None if unknown."""
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


def _translate(person, shift):
    """The same person elsewhere; what was measured in the picture stays."""
    step = torch.from_numpy(shift).float()
    hands = {f'{hand.side}_hand': replace(hand, keypoints_3d=hand.keypoints_3d + step) for hand in person.hands}
    return replace(person, transl=person.transl + step, joints=person.joints + step,
                   vertices=None if person.vertices is None else person.vertices + step, **hands)
