"""Jaw, gaze, expression and the rotation of the head, by damped least squares, from the landmarks of a face.

The rows are reprojection through the calibrated camera, weak differences of depth, and priors: a face at rest, that of
the last image, and limits. All are in units of their own standard deviation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..body.body_face import BodyFace
from ..body.face_shapes import EXPRESSION_NAMES
from ..body.model import BodyKinematics
from ..detection.person_faces import PersonFace
from ..geometry.camera import Intrinsics
from ..geometry.placement import MIN_DEPTH
from ..landmarks.indices import FACE_PAIRS
from ..skeleton import SIDES
from .face_model import EXPRESSION, GAZE, JAW, NUM_EXPRESSION, ROTATION, FaceModel, FacePose
from .kinematic_chain import log_so3

#: Standard deviations, m: of landmarks across the view by part, of their depths, and of the middles of irises.
_SIGMA = {'lips': 0.0015, 'lids': 0.0010, 'brows': 0.0022, 'nose': 0.0018, 'cheeks': 0.0035, 'forehead': 0.004,
          'jaw': 0.003}
_DEPTH_SIGMA, _IRIS_SIGMA = 0.010, 0.0006

#: Landmarks on skin facing away are unreliable: their standard deviations grow with the inverse of the cosine, down to
#: this one.
_MIN_FACING = 0.15

#: Residual, in standard deviations, beyond which a landmark is treated as an outlier.
_ROBUST = 6.0

#: Standard deviations of a face at rest: radians of the jaw about its own axes, and of gaze (down, left, inwards).
_JAW_SIGMA, _GAZE_SIGMA = np.array([0.40, 0.03, 0.02]), np.array([0.15, 0.25, 0.02])
_EXPRESSION_SIGMA = 0.6

#: Standard deviations of the difference between both lids, for a head that faces the camera and for one that is turned
#: away, whose far eye closes with the other one.
_LIDS_SIGMA = (0.6, 0.12)

#: Sines of the angle by which a head is turned aside: up to which the eye on the far side is fully visible, and from
#: which it is hidden.
_ASIDE = (0.35, 0.75)

#: Share of the movement of lids in the iris network's output: lashes of closed eyes appear as a slit. Its output for a
#: gaze straight ahead, radians (down, left, inwards). Of drawn faces and of photographs.
LID_RESPONSE, GAZE_AT_REST = 0.45, np.array([0.11, 0.0, 0.0])

#: Standard deviation of the head's rotation from that of the body's fit, radians.
_HEAD_SIGMA = 0.35

#: Lowest and highest jaw, radians, gaze and expressions, and the standard deviation of going beyond.
_JAW_LIMITS, _JAW_LIMIT_SIGMA = (-0.01, 0.6), 0.01
_EXPRESSION_LIMITS = {'mouth_left': (-1.2, 1.2)}
_LIMITS, _LIMIT_SIGMA = (-0.1, 1.2), 0.05

#: Rates of change of a face, per second, and standard deviations of the last image: jaw (radians), expressions, lids.
_JAW_RATE, _EXPRESSION_RATE, _LID_RATE = 3.0, 4.0, 12.0
_JAW_SPREAD, _EXPRESSION_SPREAD = 0.03, 0.08

#: s; older faces are not used.
MAX_AGE = 0.5

#: Minimum number of landmarks of a face.
_MIN_LANDMARKS = 60

#: An eye closed by more hides its iris.
_CLOSED = 0.5

_ITERATIONS, _TOLERANCE, _DAMPING = 8, 0.01, 1e-3

#: Mean distance of landmarks from the fitted ones, in standard deviations, above which it is another face, or none.
_MAX_MISFIT = 4.0


@dataclass(frozen=True)
class FaceFit:
    """One face, in the camera optical frame."""

    head_rotation: np.ndarray | None    # (3, 3) out of the T-pose; None for a held face
    jaw_pose: np.ndarray        # (3,) axis-angle against the head
    eye_poses: np.ndarray       # (2, 3) likewise, left and right
    expression: np.ndarray      # (10,), see body.face_shapes.EXPRESSIONS
    misfit: float               # mean distance of landmarks from the fitted ones, in their standard deviations
    confidence: float           # 0 to 1, of jaw and expression
    eye_confidence: np.ndarray  # (2,) 0 to 1, left and right
    solution: FacePose          # the result, from which the next fit starts

    def faded(self, share: float) -> FaceFit:
        """The face fading to rest after it was lost; share: 0 to 1, the remaining part of it."""
        return FaceFit(None, share * self.jaw_pose, share * self.eye_poses, share * self.expression, self.misfit,
                       share * self.confidence, share * self.eye_confidence, self.solution)


@dataclass(frozen=True)
class LastFace:
    """The face of an earlier image of the same person, `age` seconds ago."""

    fit: FaceFit
    age: float


def _limits():
    low, high = np.transpose([_EXPRESSION_LIMITS.get(name, _LIMITS) for name in EXPRESSION_NAMES])
    return low, high


class FaceFitter:
    """Fits faces of one body. face, kinematics: BodyModel.face and BodyModel.kinematics."""

    def __init__(self, face: BodyFace, kinematics: BodyKinematics):
        lids = [EXPRESSION_NAMES.index(f'{side}_eye_closed') for side in SIDES]
        response = np.ones(NUM_EXPRESSION)
        response[lids] = LID_RESPONSE
        self._model = FaceModel(replace(face, rest_expression=face.rest_expression * response), kinematics)
        sigma = {row: _SIGMA[part] for part, pairs in FACE_PAIRS.items() for pair in pairs for row in pair}
        self._sigma = np.array([sigma[row] for row in face.landmarks.tolist()])
        self._low, self._high = _limits()
        self._lids = np.array(lids)

    def fit(self, seen: PersonFace, intrinsics: Intrinsics, *, head_rotation: np.ndarray, betas: np.ndarray,
            last: LastFace | None = None) -> FaceFit | None:
        """The fitted face; None if the landmarks are not those of this face.

        head_rotation (3, 3) out of the T-pose, in the camera frame, and betas (10,): of the body's fit.
        """
        self._model.shape(np.asarray(betas, np.float64)[:10])
        pixels = np.concatenate([seen.landmarks[self._model.landmarks, :2], seen.irises])
        rays = intrinsics.normalize(pixels)
        if np.isfinite(rays).all(axis=1).sum() < _MIN_LANDMARKS:
            return None
        depths = seen.landmarks[self._model.landmarks, 2] / intrinsics.fx
        prior = self._prior(last)
        pose = self._start(head_rotation, rays, last)
        equations = self._equations(pose, rays, depths, head_rotation=head_rotation, prior=prior)
        if equations is None or not np.isfinite(equations[0]):
            return None
        factor = _DAMPING
        for _ in range(_ITERATIONS):
            cost, hessian, gradient, _ = equations
            step = -np.linalg.solve(hessian + np.diag(factor * np.diag(hessian) + 1e-6), gradient)
            step[ROTATION] *= min(1.0, 0.5 / max(float(np.abs(step[ROTATION]).max()), 1e-9))
            trial = pose.moved(step)
            after = self._equations(trial, rays, depths, head_rotation=head_rotation, prior=prior)
            if after is None or not after[0] < cost:
                factor *= 10
                continue
            pose, equations, factor = trial, after, factor * 0.3
            if cost - after[0] < _TOLERANCE * after[0]:
                break
        misfit = equations[3]
        if misfit > _MAX_MISFIT:
            return None
        return self._result(pose, misfit, seen.confidence)

    def _start(self, rotation, rays, last):
        """The initial face: at rest or that of the last image, at the position of the landmarks."""
        at_rest = self._model.start(rotation, self._place(rotation, rays))
        if last is None or not 0 <= last.age <= MAX_AGE:
            return at_rest
        return replace(last.fit.solution, rotation=rotation, place=at_rest.place)

    def _place(self, rotation, rays):
        """Position (3,) m of the head joint for which the face lies on its landmarks, at about their size."""
        points, _ = self._model.points(self._model.start(rotation, np.zeros(3)))
        known = np.isfinite(rays).all(axis=1)
        points, seen = points[known], rays[known]
        size = np.linalg.norm(points[:, :2] - points[:, :2].mean(0), axis=1).mean()
        spread = np.linalg.norm(seen - seen.mean(0), axis=1).mean()
        depth = max(size / max(spread, 1e-6), MIN_DEPTH - points[:, 2].min())
        return np.append(seen.mean(0) * depth - points[:, :2].mean(0), depth - points[:, 2].mean())

    def _prior(self, last):
        """Mean and standard deviation (U,) of the unknowns; infinite without a prior."""
        mean, sigma = np.zeros(self._model.num_unknowns), np.ones(self._model.num_unknowns)
        sigma[:JAW.start] = np.inf
        sigma[JAW], sigma[GAZE], sigma[EXPRESSION] = _JAW_SIGMA, _GAZE_SIGMA, _EXPRESSION_SIGMA
        mean[GAZE] = GAZE_AT_REST
        if last is not None and 0 <= last.age <= MAX_AGE:
            rate = np.full(NUM_EXPRESSION, _EXPRESSION_RATE)
            rate[self._lids] = _LID_RATE
            for columns, value, spread in (
                    (JAW, last.fit.jaw_pose, np.hypot(_JAW_SPREAD, _JAW_RATE * last.age)),
                    (EXPRESSION, last.fit.expression, np.hypot(_EXPRESSION_SPREAD, rate * last.age))):
                weight, new = 1 / sigma[columns] ** 2, 1 / spread ** 2
                mean[columns] = value * new / (weight + new)
                sigma[columns] = 1 / np.sqrt(weight + new)
        return mean, sigma

    def _equations(self, pose, rays, depths, *, head_rotation, prior):
        """Cost, Hessian (U, U), gradient (U,) and misfit; None if the face is not in front of the camera."""
        points, moved = self._model.points(pose)
        z = points[:, 2]
        if not np.isfinite(points).all() or z.min() < MIN_DEPTH:
            return None
        view = points[:-2] / np.linalg.norm(points[:-2], axis=1, keepdims=True)
        facing = np.clip(-(self._model.normals(pose) * view).sum(1), _MIN_FACING, 1)
        closed = np.clip(pose.expression[self._lids] - _CLOSED, 0, None)
        sigma = np.concatenate([self._sigma / facing, _IRIS_SIGMA * (1 + 20 * closed)]) / z.mean()
        sigma[~np.isfinite(rays).all(axis=1)] = np.inf      # outside the lens model
        seen = points[:, :2] / z[:, None]
        off = (seen - np.nan_to_num(rays, posinf=0.0, neginf=0.0)) / sigma[:, None]
        squared = (off ** 2).sum(1)
        shrink = 1 / (1 + squared / _ROBUST ** 2)
        weight = shrink / sigma
        rows = (moved[:, :2] - seen[..., None] * moved[:, 2:]) * (weight / z)[:, None, None]
        values = off * shrink[:, None]

        behind = depths * z.mean() / _DEPTH_SIGMA
        along, slope = points[:-2, 2] / _DEPTH_SIGMA, moved[:-2, 2] / _DEPTH_SIGMA
        deep = (along - along.mean() - behind + behind.mean()) * facing
        slope = (slope - slope.mean(0)) * facing[:, None]
        rows = np.concatenate([rows.reshape(-1, rows.shape[-1]), slope])
        values = np.concatenate([values.ravel(), deep])
        hessian, gradient = rows.T @ rows, rows.T @ values
        cost = float((squared * shrink).sum() + (deep ** 2).sum())

        unknowns = np.concatenate([np.zeros(6), pose.jaw, pose.gaze, pose.expression, pose.identity])
        mean, spread = prior
        natural = (unknowns - mean) / spread
        turned = log_so3((pose.rotation @ head_rotation.T)[None])[0] / _HEAD_SIGMA
        natural[ROTATION] = turned
        scale = 1 / spread
        scale[ROTATION] = 1 / _HEAD_SIGMA
        beyond = np.zeros_like(unknowns)
        beyond[JAW.start] = _outside(pose.jaw[0], *_JAW_LIMITS) / _JAW_LIMIT_SIGMA
        beyond[EXPRESSION] = _outside(pose.expression, self._low, self._high) / _LIMIT_SIGMA
        limit_scale = np.zeros_like(unknowns)
        limit_scale[JAW.start], limit_scale[EXPRESSION] = 1 / _JAW_LIMIT_SIGMA, 1 / _LIMIT_SIGMA
        limit_scale[beyond == 0] = 0
        diagonal = np.arange(len(unknowns))
        hessian[diagonal, diagonal] += scale ** 2 + limit_scale ** 2 + 1e-9
        gradient += natural * scale + beyond * limit_scale
        left, right = EXPRESSION.start + self._lids
        scale = np.interp(abs(_turned_aside(pose)), _ASIDE, np.reciprocal(_LIDS_SIGMA))
        apart = scale * (unknowns[left] - unknowns[right])
        hessian[np.ix_((left, right), (left, right))] += scale ** 2 * np.array([[1, -1], [-1, 1]])
        gradient[[left, right]] += scale * apart * np.array([1, -1])
        cost += float((natural ** 2).sum() + (beyond ** 2).sum() + apart ** 2)
        misfit = float(np.sqrt(squared[:-2] / 2).mean())
        return cost, hessian, gradient, misfit

    def _result(self, pose, misfit, seen_confidence):
        expression = np.clip(pose.expression, self._low, self._high)
        confidence = float(seen_confidence * np.clip(2 - 2 * misfit / _MAX_MISFIT, 0, 1))
        eyes = replace(pose, gaze=pose.gaze - GAZE_AT_REST).eyes
        # The gaze of an eye on the far side of a turned head, and of a closed one, is uncertain.
        shown = 1 - np.interp(_turned_aside(pose) * np.array([1, -1]), _ASIDE, (0, 1))
        opened = 1 - np.clip((expression[self._lids] - _CLOSED) / 0.4, 0, 1)
        return FaceFit(pose.rotation, pose.jaw, eyes, expression, misfit, confidence,
                       confidence * shown * opened, pose)


def _turned_aside(pose):
    """The sine of the angle by which the head's left side is turned away from the camera."""
    return float(pose.rotation[:, 0] @ pose.place / np.linalg.norm(pose.place))


def _outside(values, low, high):
    """Distance of values outside limits."""
    return np.minimum(values - low, 0) + np.maximum(values - high, 0)
