"""Steadier poses of one person, as the camera shows them: what an image shows follows fast, what it hides slowly.

An image shows where a person is across the view, and how limbs turn within it. The distance, and how limbs tilt towards
the camera or away from it, are estimated from less, and tremble more.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from .. import skeleton
from ..body.posing import move_estimate
from ..estimate import WholeBodyEstimate
from ..geometry.directions import normalize_vector
from ..geometry.kinematics import kinematic_tree, local_from_global
from ..geometry.one_euro import OneEuroPoints, OneEuroRotations, OneEuroSeenRotations

#: The trunk's and limbs' joints, from the pelvis to the elbows. Wrists and fingers are filtered against the forearm: a
#: hand that is held must not turn on it. Jaw and eyes are filtered against the head.
_LIMBS, _OTHERS = slice(skeleton.NUM_BODY_JOINTS - 2), slice(skeleton.NUM_BODY_JOINTS - 2, None)
_PARENTS = skeleton.PARENTS[_LIMBS]
_TREE = kinematic_tree(_PARENTS)

#: Weight, beside its confidence, of a joint in where a person is across the view.
_LEAST_WEIGHT = 1e-3


class PersonFilter:
    """The 1 euro filters of one person."""

    def __init__(self, min_cutoff: float, beta: float):
        """`min_cutoff` in Hz at rest; `beta` in Hz per (rad/s) or (m/s)."""
        self._limbs = OneEuroSeenRotations(min_cutoff, beta)
        self._others, self._distance = OneEuroRotations(min_cutoff, beta), OneEuroPoints(min_cutoff, beta)

    def configure(self, min_cutoff: float, beta: float) -> None:
        """Filter with other settings from now on."""
        for part in (self._limbs, self._others, self._distance):
            part.min_cutoff, part.beta = min_cutoff, beta

    def __call__(self, estimate: WholeBodyEstimate, local_rotations: np.ndarray, dt: float
                 ) -> tuple[np.ndarray, np.ndarray]:
        """Filtered rotations (55, 3) axis-angle and pelvis (3,) m, float32, `dt` seconds after the last ones.

        local_rotations: those of the estimate, maybe with hands of an earlier one. `placed` then moves the person.
        """
        limbs = _TREE.global_rotations(Rotation.from_rotvec(local_rotations[_LIMBS]).as_matrix())
        limbs = local_from_global(self._limbs(limbs, normalize_vector(estimate.joints[_LIMBS]), dt), _PARENTS)
        others = self._others(local_rotations[_OTHERS], dt)
        rotations = np.concatenate([Rotation.from_matrix(limbs).as_rotvec(), others], dtype=np.float32)
        pelvis = estimate.joints[0].copy()
        pelvis[2:] = self._distance(pelvis[None, 2:], dt)[0]
        return rotations, pelvis


def placed(filtered: WholeBodyEstimate, estimate: WholeBodyEstimate) -> WholeBodyEstimate:
    """The filtered person moved across the view, so that joints project in the mean where those of the estimate do.

    A filter of the position would trail behind somebody who walks by.
    """
    rows = slice(skeleton.NUM_BODY_JOINTS)
    joints, seen = filtered.joints[rows], estimate.joints[rows]
    away = seen * (joints[:, 2:] / seen[:, 2:]) - joints
    weight = None if estimate.joint_confidence is None else estimate.joint_confidence[rows] + _LEAST_WEIGHT
    return move_estimate(filtered, np.average(away, axis=0, weights=weight))
