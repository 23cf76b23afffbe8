"""The landmarks of a face as a function of its unknowns, with the derivatives for a fit.

Unknowns, in this order: the head's rotation and position in the camera, the jaw, the gaze of both eyes, the expression,
and the identity. The latter is a smooth, symmetric displacement of the landmarks (a Gaussian process over the mean
face): people's faces differ by some millimetres, and without it a high brow would be fitted as a raised one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..body.body_face import BodyFace
from ..body.model import BodyKinematics
from ..skeleton import JOINT, SIDES
from .kinematic_chain import cross_matrix, exp_so3

NUM_EXPRESSION = 10

#: Columns of the unknowns.
ROTATION, PLACE, JAW, GAZE = slice(0, 3), slice(3, 6), slice(6, 9), slice(9, 12)
EXPRESSION = slice(12, 12 + NUM_EXPRESSION)

#: Of the displacement of a face: standard deviation and length over which it changes, m, broad and fine; components.
_DISPLACEMENTS = ((0.0020, 0.045), (0.0010, 0.015))
_NUM_COMPONENTS = 24

#: m, from the middle of an eye to its iris. The open body's eyeballs are larger, and turn about a point farther back.
IRIS_RADIUS = 0.0115

_EYES = [JOINT[f'{side}_eye'] for side in SIDES]


@dataclass
class FacePose:
    """One face. Rotations of jaw and eyes against the head, axis-angle with zero at rest."""

    rotation: np.ndarray        # (3, 3) of the head, from the T-pose to the camera
    place: np.ndarray           # (3,) m, of the head joint in the camera frame
    jaw: np.ndarray             # (3,)
    gaze: np.ndarray            # (3,) radians: down, to the person's left, and how far each eye turns inwards
    expression: np.ndarray      # (10,)
    identity: np.ndarray        # (C,) standard deviations

    @property
    def eyes(self) -> np.ndarray:
        """(2, 3) axis-angle of the left and the right eye."""
        down, left, inwards = self.gaze
        return np.array([[down, left - inwards, 0.0], [down, left + inwards, 0.0]])

    def moved(self, step: np.ndarray) -> FacePose:
        """With the unknowns changed by `step`."""
        return FacePose(exp_so3(step[ROTATION]) @ self.rotation, self.place + step[PLACE], self.jaw + step[JAW],
                        self.gaze + step[GAZE], self.expression + step[EXPRESSION],
                        self.identity + step[EXPRESSION.stop:])


class FaceModel:
    """The landmarks and both pupils of a face of one shape. betas: (10,) of the body."""

    def __init__(self, face: BodyFace, kinematics: BodyKinematics):
        self.landmarks = face.landmarks
        self._pupil = np.array([0.0, 0.0, IRIS_RADIUS])        # the gaze at rest is straight ahead
        self._centre = np.array([0.0, 0.0, face.eye_radius - IRIS_RADIUS])     # from the joint
        self._face = face
        self._joints, self._joints_betas = kinematics.rest_joints, kinematics.rest_joints_betas
        self._weights = face.jaw_weights[:, None]
        everywhere = np.concatenate([face.rest, self._joints[_EYES]])
        displacements = _symmetric_displacements(everywhere)
        self.num_unknowns = EXPRESSION.stop + displacements.shape[-1]
        self._skin_identity, self._eye_identity = displacements[:-2], displacements[-2:]
        self.shape(np.zeros(10))

    def shape(self, betas: np.ndarray) -> None:
        """Take the shape of a body."""
        joints = self._joints + self._joints_betas @ betas
        head = joints[JOINT['head']]
        self._rest = self._face.rest + self._face.rest_betas @ betas - head
        self._jaw = joints[JOINT['jaw']] - head
        self._eyes = joints[_EYES] - head + self._centre

    def start(self, rotation: np.ndarray, place: np.ndarray) -> FacePose:
        """A face at rest."""
        zero = np.zeros(3)
        return FacePose(rotation, place, zero, zero, np.zeros(NUM_EXPRESSION),
                        np.zeros(self.num_unknowns - EXPRESSION.stop))

    def normals(self, pose: FacePose) -> np.ndarray:
        """(L, 3) unit, of the skin in the camera frame."""
        return self._face.normals @ pose.rotation.T

    def points(self, pose: FacePose) -> tuple[np.ndarray, np.ndarray]:
        """(L + 2, 3) m in the camera frame, landmarks and pupils, and their derivatives (L + 2, 3, U)."""
        jaw = exp_so3(pose.jaw)
        shaped = self._rest + self._face.rest_expression @ pose.expression + self._skin_identity @ pose.identity
        lever = (shaped - self._jaw) @ jaw.T
        skin = shaped + self._weights * (lever - (shaped - self._jaw))
        blend = np.eye(3) + self._weights[..., None] * (jaw - np.eye(3))
        eyes = exp_so3(pose.eyes)
        axes = eyes @ self._pupil
        pupils = self._eyes + self._eye_identity @ pose.identity + axes

        moved = np.zeros((len(skin) + 2, 3, self.num_unknowns))     # in the head's frame, but for ROTATION and PLACE
        moved[:-2, :, JAW] = -self._weights[..., None] * cross_matrix(lever)
        moved[:-2, :, EXPRESSION] = blend @ self._face.rest_expression
        moved[:-2, :, EXPRESSION.stop:] = blend @ self._skin_identity
        turn = -cross_matrix(axes)
        moved[-2:, :, GAZE] = np.stack([turn[..., 0], turn[..., 1], turn[..., 1] * [[-1.0], [1.0]]], axis=-1)
        moved[-2:, :, EXPRESSION.stop:] = self._eye_identity
        moved = pose.rotation @ moved
        from_head = np.concatenate([skin, pupils]) @ pose.rotation.T
        moved[:, :, ROTATION] = -cross_matrix(from_head)
        moved[:, :, PLACE] = np.eye(3)
        return from_head + pose.place, moved


def _symmetric_displacements(points):
    """(P, 3, C) m: displacements of points (P, 3) of a symmetric face, of unit variance, the largest first."""
    flipped = points * [-1.0, 1.0, 1.0]

    def kernel(other):
        squared = ((points[:, None] - other[None]) ** 2).sum(-1)
        return sum(sigma ** 2 * np.exp(-squared / (2 * length ** 2)) for sigma, length in _DISPLACEMENTS)

    same, across = kernel(points), kernel(flipped)
    found = []
    for axis in range(3):
        # What is displaced to the left on one side is displaced to the right on the other.
        values, vectors = np.linalg.eigh((same - across if axis == 0 else same + across) / 2)
        found += [(value, axis, vector) for value, vector in zip(values, vectors.T)]
    found.sort(key=lambda one: -one[0])
    displacements = np.zeros((len(points), 3, _NUM_COMPONENTS))
    for k, (value, axis, vector) in enumerate(found[:_NUM_COMPONENTS]):
        displacements[:, axis, k] = np.sqrt(value) * vector
    return displacements
