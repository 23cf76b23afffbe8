"""Hand4Whole (Pose2Pose on ResNet-50) with its published weights, or with random ones, ready to run."""

from __future__ import annotations

from pathlib import Path

import torch

from ..body.smplx_file import read_smplx_npz
from ..body.smplx_layer import SmplxModel
from ..networks.folding import prepare_for_inference
from ..networks.pose2pose import POSE2POSE, Pose2Pose, Pose2PoseConfig
from .files import SMPLX
from .parts import Weights, assign_parts, expected_parts
from .random_weights import fan_in_std, random_parts
from .selection import POSE2POSE_CONTENTS, read_parts
from .store import Store


def load_pose2pose(store: Store, smplx: SmplxModel | None = None, config: Pose2PoseConfig = POSE2POSE,
                   device: torch.device | str = 'cpu', *, precision: torch.dtype | None = None) -> Pose2Pose:
    """The published network, in evaluation mode and without gradients.

    smplx: see load_smplx_layer, which reads it from the store by default. precision: None for float32 with every
    parameter under its name; else the network is prepared for inference, its convolutions in that dtype.
    Raises MissingFileError, CheckpointError or BodyModelError.
    """
    weights = read_parts(POSE2POSE_CONTENTS, store.require(POSE2POSE_CONTENTS.file), expected_state(config))
    return _assemble(config, smplx or load_smplx_layer(store), weights, device=device, precision=precision)


def load_random_pose2pose(smplx: SmplxModel, config: Pose2PoseConfig = POSE2POSE, device: torch.device | str = 'cpu',
                          precision: torch.dtype | None = None, *, seed: int = 0) -> Pose2Pose:
    """As load_pose2pose, with weights generated from names; seed chooses among them."""
    return _assemble(config, smplx, random_parts(expected_state(config), seed, fan_in_std), device=device,
                     precision=precision)


def load_smplx_layer(store: Store, path: Path | None = None) -> SmplxModel:
    """SMPL-X as Hand4Whole poses it, from the store or from another .npz. Raises MissingFileError or BodyModelError."""
    return SmplxModel(read_smplx_npz(path or store.require(SMPLX)), flat_hand_mean=False, use_face_contour=True)


def expected_state(config: Pose2PoseConfig = POSE2POSE) -> Weights:
    """Part of the network -> its state dict on the meta device."""
    with torch.device('meta'):
        return expected_parts(Pose2Pose(config, torch.nn.Identity()), POSE2POSE_CONTENTS.parts)


def _assemble(config, smplx, weights, *, device, precision):
    with torch.device('meta'):
        network = Pose2Pose(config, smplx)
    assign_parts(network, weights).eval().requires_grad_(False)
    if precision is not None:
        prepare_for_inference(network).to_precision(precision)
    return network.to(device)
