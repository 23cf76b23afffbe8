"""Adults by the thousand: anny's shapes as a small linear space, from which a figure takes a millisecond.

anny blends its shapes linearly, so rest vertices, joints and finger tips of every adult are the mean adult's plus a
few dozen directions. Each adult also has the `betas` of the closest open body.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .. import skeleton
from ..body import anny_rig
from ..body.model import BodyModel
from ..geometry.kinematics import attached_points, kinematic_tree
from .figure import PosableBody, joint_weights, shared_anny_model, t_pose_rotations

#: How many different adults there are, and the seed of their phenotypes: far from any seed of evaluation.
NUM_ADULTS = 4096
_SEED = 1 << 48

_DIRECTIONS = 40          # omit 0.02 mm of the vertices' variation
_JOINT_WEIGHT = 40.0      # weight of a joint in the betas, in vertices, as in the open body's components


@dataclass(frozen=True)
class Adult:
    """An adult that can be posed."""

    figure: PosableBody
    betas: np.ndarray | None    # (10,) of the open body of nearest T-pose; None for a person outside this space


def sample_adult(index: int) -> Adult:
    """Adult `index`, 0 to NUM_ADULTS - 1."""
    return _adult_space().adult(index)


@lru_cache(maxsize=1)
def _adult_space():
    return _AdultSpace()


class _AdultSpace:
    def __init__(self):
        model = shared_anny_model()
        self._phenotypes = anny_rig.sample_adults(NUM_ADULTS, _SEED)
        coefficients = anny_rig.blendshape_coefficients(model, self._phenotypes)
        mean = coefficients.mean(axis=0)
        shapes = model.blendshapes.numpy()
        flat = shapes.reshape(len(shapes), -1)
        directions = _principal_components(coefficients - mean, flat)
        self._scores = (coefficients - mean) @ _pseudo_inverse(directions, flat)

        def span(template, blendshapes):
            rows = blendshapes.numpy().reshape(len(flat), -1)
            rows = np.concatenate([template.numpy().reshape(1, -1) + mean @ rows, directions @ rows])
            return rows.reshape(-1, *template.shape) @ anny_rig.SMPLX_FROM_ANNY.T

        vertices = span(model.template_vertices, model.blendshapes)
        heads = span(model.template_bone_heads, model.bone_heads_blendshapes)
        tails = span(model.template_bone_tails, model.bone_tails_blendshapes)
        joints = heads[:, [model.bone_labels.index(anny_rig.JOINT_HEADS[name]) for name in skeleton.JOINT_NAMES]]
        tips = tails[:, [model.bone_labels.index(bone) for bone in anny_rig.TIP_BONES]]
        t_joints, t_tips = _move_to_t_pose(joints, tips)
        self._betas, self._mean_betas = self._fit_betas(model, vertices, joints, t_joints, mean=mean)
        # The points of rest and T-pose are adjacent, so that a figure is two products.
        self._points = np.concatenate([joints, t_joints, t_tips], axis=1).reshape(len(joints), -1)
        # Column by column, as skinning needs.
        self._vertices = np.swapaxes(vertices, 1, 2).astype(np.float32).reshape(len(vertices), -1)

    def adult(self, index):
        scores = self._scores[index]
        rows = np.append(1.0, scores)
        vertices = (rows.astype(np.float32) @ self._vertices).reshape(3, -1).T
        joints, t_joints, t_tips = np.split((rows @ self._points).reshape(-1, 3), (55, 110))
        phenotype = {name: values[index:index + 1] for name, values in self._phenotypes.items()}
        figure = PosableBody.from_arrays(phenotype, joints=t_joints, tips=t_tips, rest_vertices=vertices,
                                         rest_joints=joints)
        return Adult(figure, self._mean_betas + scores @ self._betas)

    def _fit_betas(self, model, vertices, joints, t_joints, *, mean):
        """(K, 10) and (10,): betas are linear in the scores, by least squares over the T-pose.

        Only differences from the open body's mean adult are compared: its template differs slightly from anny's
        T-pose at the armpits, which is not a difference in shape.
        """
        body = BodyModel.load()
        shapes = body.shape_directions.astype(np.float64)
        joint_shapes = body.kinematics.rest_joints_betas
        columns = np.concatenate([(shapes - joint_shapes[0]).reshape(-1, 10),       # the pelvis at the origin
                                  np.sqrt(_JOINT_WEIGHT) * (joint_shapes - joint_shapes[0]).reshape(-1, 10)])
        inverse = np.linalg.pinv(columns)
        t_vertices = np.stack([_skinned_t_pose(v, j, t) for v, j, t in zip(vertices, joints, t_joints)])
        rows = np.concatenate([t_vertices.reshape(len(vertices), -1),
                               np.sqrt(_JOINT_WEIGHT) * t_joints.reshape(len(vertices), -1)], axis=1)
        betas = rows[1:] @ inverse.T
        return betas, self._mean_scores(model, mean, vertices) @ betas

    def _mean_scores(self, model, mean, vertices):
        """Scores of these adults' mean against the mean of the adults that the open body was made from."""
        other = anny_rig.blendshape_coefficients(model, anny_rig.sample_adults(2000, 0)).mean(axis=0)
        moved = ((mean - other) @ model.blendshapes.numpy().reshape(len(other), -1)).reshape(-1, 3)
        directions = vertices[1:].reshape(len(vertices) - 1, -1)
        return np.linalg.lstsq(directions.T, (moved @ anny_rig.SMPLX_FROM_ANNY.T).ravel(), rcond=None)[0]


def _principal_components(centred, flat):
    """(D, K) orthonormal in the coefficients' variation of the mesh: the leading components."""
    amplitudes = anny_rig.principal_scores(centred, flat, _DIRECTIONS)
    return np.linalg.lstsq(amplitudes, centred, rcond=None)[0]


def _pseudo_inverse(directions, flat):
    """(K, D): coefficients -> scores of nearest mesh."""
    gram = flat @ flat.T
    return gram @ directions.T @ np.linalg.inv(directions @ gram @ directions.T)


def _move_to_t_pose(joints, tips):
    """Rest joints (K, 55, 3) and tips (K, 10, 3) -> those of the T-pose, the pelvis at the origin."""
    turns = t_pose_rotations()
    tree, bases = kinematic_tree(), list(skeleton.TIP_JOINTS)
    placed = tree.places(turns, tree.bones(joints))
    return placed, attached_points(placed, turns, bases, tips - joints[:, bases])


def _skinned_t_pose(vertices, joints, t_joints):
    turns = t_pose_rotations()
    offsets = t_joints - np.einsum('jab,jb->ja', turns, joints)
    blended = joint_weights() @ np.concatenate([turns.reshape(-1, 9), offsets], axis=1)
    return np.einsum('vab,vb->va', blended[:, :9].reshape(-1, 3, 3), vertices) + blended[:, 9:]
