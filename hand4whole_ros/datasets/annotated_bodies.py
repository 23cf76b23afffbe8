"""Truths that data sets give as parameters of licensed body models, posed into meshes, joints and keypoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from smplx.lbs import vertices2landmarks
from torch import Tensor

from .. import keypoints, skeleton
from ..body.mano import Mano, load_hands
from ..body.npz_file import BodyModelError
from ..body.published import read_vertex_ids
from ..body.smplx_file import NUM_BETAS, NUM_EXPRESSION, read_smplx_npz
from ..body.smplx_layer import SmplxModel
from ..checkpoints import CheckpointError
from ..checkpoints.files import MANO_LEFT, MANO_RIGHT, SMPLX, SMPLX_FEMALE, SMPLX_MALE, VERTEX_IDS
from ..checkpoints.store import Store
from ..geometry.kinematics import kinematic_tree
from . import DatasetError
from .sample import BodyAnnotation, HandAnnotation

#: smplx annotates it with a tensor type of its own, which no tensor has.
_vertices_to_landmarks: Callable[..., Tensor] = vertices2landmarks

NUM_VERTICES = 10475
#: SMPL-X's 55 joints, points on the skin and landmarks, without the outline of the face.
NUM_SMPLX_POINTS = 127

_FILES = {'neutral': SMPLX, 'male': SMPLX_MALE, 'female': SMPLX_FEMALE}
_KEYPOINT_JOINTS = np.array(keypoints.KEYPOINT_JOINTS)
_WITHOUT_CONTOUR = _KEYPOINT_JOINTS < NUM_SMPLX_POINTS


@dataclass(frozen=True)
class RigidTransform:
    """x -> rotation @ x + translation, from the world, or the truth's own frame, to the camera. Metres."""

    rotation: np.ndarray        # (3, 3)
    translation: np.ndarray     # (3,)

    def points(self, points: np.ndarray) -> np.ndarray:
        """(..., 3) m -> (..., 3) m."""
        return points @ self.rotation.T + self.translation

    def turn(self, axis_angle: np.ndarray) -> np.ndarray:
        """Axis-angle (3,) in the world -> in the camera."""
        return (Rotation.from_matrix(self.rotation) * Rotation.from_rotvec(axis_angle)).as_rotvec()


class GroundTruthBodies:
    """SMPL-X and MANO from a store, each file read on first use.

    Methods raise DatasetError, with the command to run, if a file is missing.
    """

    def __init__(self, store: Store | None = None):
        self._store = store or Store()
        self._smplx: dict[str, SmplxModel] = {}
        self._hand_means: dict[str, dict[str, np.ndarray]] = {}

    def smplx(self, gender: str = 'neutral') -> SmplxModel:
        """The layer of 'neutral', 'male' or 'female'; flat-hand zero, with the outline of the face."""
        if gender not in _FILES:
            raise DatasetError(f'a body is neutral, male or female, found {gender!r}')
        if gender not in self._smplx:
            arrays = self._read(read_smplx_npz, _FILES[gender])
            self._smplx[gender] = SmplxModel(arrays, flat_hand_mean=True, use_face_contour=True).requires_grad_(False)
            self._hand_means[gender] = {side: np.asarray(arrays[f'hands_mean{side[0]}'], np.float64).reshape(15, 3)
                                        for side in skeleton.SIDES}
        return self._smplx[gender]

    def hand_means(self, gender: str = 'neutral') -> dict[str, np.ndarray]:
        """side -> (15, 3) axis-angle, the resting hand that published finger poses may be measured from."""
        self.smplx(gender)
        return self._hand_means[gender]

    @cached_property
    def mano(self) -> dict[str, Mano]:
        """side -> the layer."""
        return self._read(load_hands, MANO_RIGHT, MANO_LEFT)

    @cached_property
    def hand_vertices(self) -> dict[str, np.ndarray]:
        """side -> (778,) SMPL-X vertex of every MANO vertex."""
        return self._read(lambda path: read_vertex_ids(path, NUM_VERTICES), VERTEX_IDS)

    def has_genders(self, *genders: str) -> bool:
        """Whether the SMPL-X files of these genders exist."""
        found = self._store.locate_all()
        return all(_FILES[gender].file_names[0] in found for gender in genders)

    def _read(self, reader, *files):
        try:
            return reader(*(self._store.require(file) for file in files))
        except (CheckpointError, BodyModelError) as error:
            raise DatasetError(f'the truth of this data set needs a licensed file: {error}') from None

    @torch.inference_mode()
    def body(self, local_rotations: np.ndarray, betas: np.ndarray, expression: np.ndarray | None, transl: np.ndarray,
             *, motion: RigidTransform, gender: str = 'neutral', template: np.ndarray | None = None) -> BodyAnnotation:
        """Pose SMPL-X and transform it to the camera.

        local_rotations (55, 3) axis-angle, flat-hand zero; betas (10,); expression (10,), None if the face is not
        annotated; transl (3,) m, SMPL-X's; motion: to the camera. template (10475, 3): the shape of one person in place
        of the model's mean. The betas of the result are the neutral body's, None if that is missing.
        """
        layer = self.smplx(gender)
        pose = {name: _tensor(local_rotations[rows]).reshape(1, -1) for name, rows in skeleton.POSE_SLICES.items()}
        face = np.zeros(NUM_EXPRESSION) if expression is None else expression
        given = {**pose, 'betas': _tensor(betas)[None], 'expression': _tensor(face)[None],
                 'transl': _tensor(transl)[None], 'return_shaped': False}
        buffers = {} if template is None else {'v_template': _tensor(template)}
        found = torch.func.functional_call(layer, buffers, (), given)
        points = motion.points(found.joints[0].double().numpy())
        local = np.array(local_rotations, np.float64)
        local[0] = motion.turn(local[0])
        shape: np.ndarray | None = betas
        if gender != 'neutral' or template is not None:
            shape = self.neutral_betas(gender, betas, template)
        known = np.ones(keypoints.NUM_KEYPOINTS, bool)
        known[keypoints.FACE_KEYPOINTS] = expression is not None
        return BodyAnnotation(points[:skeleton.NUM_JOINTS], points[_KEYPOINT_JOINTS], known,
                        motion.points(found.vertices[0].double().numpy()), local, shape, expression)

    @torch.inference_mode()
    def body_from_mesh(self, vertices: np.ndarray) -> BodyAnnotation:
        """The body of a posed mesh (10475, 3) m in the camera frame, of unknown parameters.

        Joints are regressed from the posed mesh, as for the papers' errors.
        """
        layer, mesh = self.smplx(), _tensor(vertices)[None]
        skin = mesh[:, layer.vertex_joint_selector.get_buffer('extra_joints_idxs')]
        landmarks = _vertices_to_landmarks(mesh, layer.faces_tensor, layer.lmk_faces_idx[None],
                                           layer.lmk_bary_coords[None])
        joints = (layer.J_regressor @ mesh)[:, :skeleton.NUM_JOINTS]
        return body_from_points(torch.cat([joints, skin, landmarks], dim=1)[0].double().numpy(), vertices)

    def neutral_betas(self, gender: str, betas: np.ndarray, template: np.ndarray | None = None) -> np.ndarray | None:
        """(10,) of the neutral body whose T-pose is closest to that of a body of another gender or template.

        By least squares over all vertices; None if the neutral file is missing.
        """
        if not self.has_genders('neutral'):
            return None
        layer = self.smplx(gender)
        mean = layer.v_template.double().numpy() if template is None else template
        mesh = mean + layer.shapedirs[..., :NUM_BETAS].double().numpy() @ np.asarray(betas, np.float64)
        centre, directions = self._neutral_shape
        return directions @ (mesh - mesh.mean(0) - centre).reshape(-1)

    @cached_property
    def _neutral_shape(self):
        """The neutral T-pose around its middle (V, 3), and the matrix from differences to it (3 V,) to betas."""
        layer = self.smplx()
        template, shapes = layer.v_template.double().numpy(), layer.shapedirs[..., :NUM_BETAS].double().numpy()
        shapes = shapes - shapes.mean(0)    # the body's position is not part of its shape
        return template - template.mean(0), np.linalg.pinv(shapes.reshape(-1, NUM_BETAS))

    def hands_from_body(self, body: BodyAnnotation) -> dict[str, HandAnnotation]:
        """side -> the hand of a body, with all that is known of the body's hand, except MANO's betas."""
        hands = {}
        turns = None if body.local_rotations is None else _global_rotations(body.local_rotations)
        for side in skeleton.SIDES:
            vertices = None if body.vertices is None else body.vertices[self.hand_vertices[side]]
            rows = skeleton.HAND_SLICE[side]
            hands[side] = HandAnnotation(
                body.keypoints_3d[list(keypoints.HAND_KEYPOINTS[side])], vertices,
                None if turns is None else turns[skeleton.WRIST[side]].as_rotvec(),
                None if body.local_rotations is None else body.local_rotations[rows])
        return hands

    @torch.inference_mode()
    def hand(
        self, side: str, pose: np.ndarray, betas: np.ndarray, transl: np.ndarray, *, motion: RigidTransform
    ) -> HandAnnotation:
        """Pose MANO as its files are published and transform it to the camera.

        pose (48,) axis-angle, the root's first, the fingers' around MANO's mean; betas (10,); transl (3,) m.
        """
        layer = self.mano[side]
        fingers = pose[3:].reshape(15, 3) + layer.hands_mean.double().numpy()
        rotations = _tensor(Rotation.from_rotvec(np.concatenate([pose[None, :3], fingers])).as_matrix())[None]
        mesh = layer(rotations[:, :1], rotations[:, 1:], _tensor(betas)[None]).vertices
        points = motion.points(layer.regress_keypoints(mesh)[0].double().numpy() + transl)
        vertices = motion.points(mesh[0].double().numpy() + transl)
        return HandAnnotation(points, vertices, motion.turn(pose[:3]), fingers, np.asarray(betas, np.float64))

    @torch.inference_mode()
    def hand_from_mesh(self, side: str, vertices: np.ndarray) -> HandAnnotation:
        """The hand of a posed MANO mesh (778, 3) m in the camera frame."""
        points = self.mano[side].regress_keypoints(_tensor(vertices)[None])[0].double().numpy()
        return HandAnnotation(points, vertices)


def body_from_points(points: np.ndarray, vertices: np.ndarray | None = None) -> BodyAnnotation:
    """The body of SMPL-X's 127 points (127, 3) m in the camera frame; the outline of the face is unknown."""
    spread = points[np.where(_WITHOUT_CONTOUR, _KEYPOINT_JOINTS, 0)]
    return BodyAnnotation(points[:skeleton.NUM_JOINTS], spread, _WITHOUT_CONTOUR.copy(), vertices)


def are_hands_close(hands: Mapping[str, HandAnnotation | None], within: float = 0.2) -> bool:
    """Whether both hands exist, the middles of their keypoints at most `within` m apart (Hand4Whole++'s rule)."""
    left, right = (hands.get(side) for side in skeleton.SIDES)
    if left is None or right is None:
        return False
    return bool(np.linalg.norm(left.keypoints_3d.mean(0) - right.keypoints_3d.mean(0)) < within)


def _global_rotations(local):
    tree = kinematic_tree(skeleton.PARENTS[:len(local)])
    return Rotation.from_matrix(tree.global_rotations(Rotation.from_rotvec(local).as_matrix()))


def _tensor(values):
    return torch.tensor(np.asarray(values), dtype=torch.float32)
