"""SMPL-X as a layer of torch: the `smplx` library's own, made from arrays already in memory."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import smplx
import torch
from smplx.vertex_ids import vertex_ids
from torch import Tensor

from .. import skeleton
from .npz_file import BodyModelError
from .smplx_file import CONTOUR_KEYS, NUM_BETAS, NUM_EXPRESSION, expression_start, without_pose_offsets

#: The joint at which the head's rotation is measured, from the pelvis up.
_NECK = skeleton.JOINT['neck']

#: Functions that torch copies a tensor with: for an expanded one they would write out every number.
_COPIES = (torch.clone, Tensor.clone, Tensor.to, Tensor.cpu, Tensor.cuda, Tensor.float, Tensor.double, Tensor.half,
           Tensor.bfloat16)


class ZeroPoseOffsets(Tensor):
    """posedirs (486, 3 V) of a body whose pose moves no vertex besides skinning: one zero in place of 76 MB of them.

    A product with it is zero, and is not computed; a copy, of another kind or elsewhere, is one zero again.
    """

    @staticmethod
    def __new__(cls, num_vertices: int, num_columns: int):
        return torch.zeros(1, 1).expand(num_columns, 3 * num_vertices).as_subclass(cls)

    def __deepcopy__(self, memo):
        return self     # it is never written to

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if function in (torch.matmul, Tensor.matmul, Tensor.__matmul__) and isinstance(args[1], cls):
            features, offsets = args
            return features.new_zeros(*features.shape[:-1], offsets.shape[1])
        if function in _COPIES and isinstance(args[0], cls):
            zero = function(args[0].as_subclass(Tensor)[:1, :1], *args[1:], **(kwargs or {}))
            return zero.expand(args[0].shape).as_subclass(cls)
        return super().__torch_function__(function, types, args, kwargs or {})


class SmplxModel(smplx.SMPLX):
    """smplx.SMPLX made from arrays already in memory.

    The library's own constructor takes a path only, and unpickles the whole file; this one runs the
    same constructors from SMPL-H upwards and adds the parts of SMPL-X. Ten shape and ten expression components,
    finger poses as plain rotations, no pose stored in the module.

    flat_hand_mean: a finger pose of zero is the flat hand; otherwise the mean hand of the file, as published
    networks regress it. use_face_contour: 17 more points, the outline of the face, hence 144 joints. skin_points:
    see PublishedBody.
    """

    SHAPE_SPACE_DIM = NUM_BETAS

    v_template: Tensor
    shapedirs: Tensor
    expr_dirs: Tensor
    posedirs: Tensor
    J_regressor: Tensor
    parents: Tensor
    lbs_weights: Tensor
    faces_tensor: Tensor
    lmk_faces_idx: Tensor
    lmk_bary_coords: Tensor

    def __init__(self, arrays: dict[str, np.ndarray], flat_hand_mean: bool = True,
                 use_face_contour: bool = False, skin_points: dict[str, int] | None = None):
        missing = [key for key in CONTOUR_KEYS if key not in arrays]
        if use_face_contour and missing:
            raise BodyModelError(f'the outline of the face needs {" and ".join(missing)}, which this body model '
                                 f'lacks; use the SMPL-X file as published (SMPLX_NEUTRAL.npz)')
        shapedirs = arrays['shapedirs']
        start = expression_start(shapedirs)
        posedirs, rigid = arrays['posedirs'], without_pose_offsets(arrays['posedirs'])
        # The library copies its arguments: a row of zeros is enough, until they are set below.
        data = SimpleNamespace(**{**arrays, 'shapedirs': shapedirs[..., :NUM_BETAS],
                                  'posedirs': posedirs[:1] if rigid else posedirs})
        super(smplx.SMPLX, self).__init__(
            model_path='', data_struct=data,    # pyright: ignore[reportArgumentType]  # it only reads attributes
            num_betas=NUM_BETAS, use_pca=False,
            flat_hand_mean=flat_hand_mean, vertex_ids=skin_points or vertex_ids['smplx'], create_betas=False,
            create_global_orient=False, create_body_pose=False, create_transl=False,
            create_left_hand_pose=False, create_right_hand_pose=False)
        if rigid:
            self.posedirs = ZeroPoseOffsets(len(posedirs), posedirs.shape[-1])
        self.use_face_contour = use_face_contour
        self._num_expression_coeffs = NUM_EXPRESSION
        buffers = {'expr_dirs': shapedirs[..., start:start + NUM_EXPRESSION],
                   'lmk_faces_idx': arrays['lmk_faces_idx'], 'lmk_bary_coords': arrays['lmk_bary_coords']}
        if use_face_contour:
            chain = [_NECK]
            while chain[-1]:
                chain.append(skeleton.PARENTS[chain[-1]])
            buffers.update({key: arrays[key] for key in CONTOUR_KEYS}, neck_kin_chain=chain)
        for name, values in buffers.items():
            index = name.endswith(('_idx', '_chain'))
            self.register_buffer(name, torch.as_tensor(np.asarray(values).astype(
                np.int64 if index else np.float32)))
