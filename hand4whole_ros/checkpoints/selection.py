"""Which tensors of a published checkpoint belong to which part of the network, and whether they all fit.

Everything is checked by name, shape and kind of number. What a checkpoint is known to carry besides, and the
network does not use, is named in the table here and passed over; everything else that does not fit is an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from . import CheckpointError
from .files import HAND4WHOLE, SMPLER_X, SNAPSHOT, UNIHOPE, WILOR, WILOR_DETECTOR, PublishedFile
from .mapped_weights import release_pages
from .safe_pickle import torch_files

#: Names shown of each kind of problem.
_SHOWN = 3


@dataclass(frozen=True)
class Contents:
    """What one published checkpoint holds."""

    file: PublishedFile
    #: The entry of the file's dictionary that holds the tensors by name.
    section: str
    #: What names begin with, a trace of the way it was trained; files saved without it are read as well.
    prefix: str
    #: Part of the network -> how its names begin here.
    parts: dict[str, str]
    #: Names known to be there and not used; matched from the beginning.
    unused: str


#: Its trainer leaves the body model, the hand expert and the keypoint detector out; whatever is there of them is not
#: what the network uses.
_NOT_SAVED = r'.*(smplx_layer|wilor|dwpose)'


def _own(*parts):
    return {part: f'{part}.' for part in parts}


HAND4WHOLE_PP_CONTENTS = Contents(
    SNAPSHOT, 'network', 'module.',
    _own('encoder', 'body_position_net', 'body_regressor', 'face_roi_net', 'face_regressor', 'hand_control_net'),
    _NOT_SAVED)

WILOR_CONTENTS = Contents(
    WILOR, 'state_dict', '', {'wilor.backbone': 'backbone.', 'wilor.refine_net': 'refine_net.'},
    r'(mano|discriminator)\.|initialized$')

#: The expert that CHAM is trained on. Its own face and hands give way to Hand4Whole's face and to WiLoR.
SMPLER_X_CONTENTS = Contents(
    SMPLER_X, 'network', 'module.', _own('encoder', 'body_position_net', 'body_regressor'),
    r'(face_regressor|box_net|hand_roi_net|hand_position_net|hand_regressor)\.|' + _NOT_SAVED)

#: Its face alone; its body is a smaller network with parts of the same names.
HAND4WHOLE_CONTENTS = Contents(
    HAND4WHOLE, 'network', 'module.', _own('face_roi_net', 'face_regressor'), r'(?!face_roi_net\.|face_regressor\.)')

#: All of it.
POSE2POSE_CONTENTS = Contents(
    HAND4WHOLE, 'network', 'module.',
    _own('backbone', 'body_position_net', 'body_rotation_net', 'box_net', 'hand_roi_net', 'hand_position_net',
         'hand_rotation_net', 'face_roi_net', 'face_regressor'), r'smplx_layer\.')

#: A whole network in a pickle (pickled_model), whose layers all lie in one dictionary.
WILOR_DETECTOR_CONTENTS = Contents(WILOR_DETECTOR, 'model', '', _own('model'), r'(?!)')

#: What serves its training alone, the hand model and the grids of its heat maps are not used.
UNIHOPE_CONTENTS = Contents(
    UNIHOPE, 'state_dict', 'module.',
    _own('base_net', 'obj_conf_layer', 'occ_cls_layer', 'transformer_hand', 'transformer_obj', 'hand_head',
         'hand_encoder', 'mano_branch', 'obj_head'),
    r'(fpn|hand|mano)_feature_mapper\.|mano_branch\.mano_layer\.|hand_head\.(uu|vv)$')


@dataclass
class Misfits:
    """What does not fit, by kind; names with an explanation where one helps."""

    missing: list[str] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)
    other_shape: list[str] = field(default_factory=list)
    other_kind: list[str] = field(default_factory=list)
    not_finite: list[str] = field(default_factory=list)

    def __str__(self):
        """One line: how many of each kind, and the first names."""
        return '; '.join(f'{len(names)} {kind.replace("_", " ")}: {", ".join(names[:_SHOWN])}'
                         + (', ...' if len(names) > _SHOWN else '') for kind, names in vars(self).items() if names)

    def __bool__(self):
        return any(vars(self).values())


def read(contents: Contents, path: Path, expected: Mapping[str, Mapping[str, Tensor]]) -> dict[str, dict[str, Tensor]]:
    """Part -> its state dict, from the file at `path`; every tensor fits its name in `expected` and is finite.

    expected: part -> state dict of a network of the right dimensions, on the meta device. Raises CheckpointError.
    """
    file = torch_files.load(path)
    tensors = file.get(contents.section)
    if not isinstance(tensors, dict) or not all(isinstance(name, str) for name in tensors):
        raise CheckpointError(f"{path} is not {contents.file.purpose}: it lacks '{contents.section}'; "
                              f'found {", ".join(map(str, list(file)[:8])) or "nothing"}')
    return fit(contents, path, tensors, expected)


def fit(contents: Contents, path: Path, tensors: Mapping[str, Tensor], expected: Mapping[str, Mapping[str, Tensor]]
        ) -> dict[str, dict[str, Tensor]]:
    """As read, of tensors that were read from `path` already. Raises CheckpointError."""
    selected, misfits = select(contents, tensors, expected)
    for part, state in selected.items():
        misfits.not_finite += [contents.parts[part] + name for name, value in state.items() if not _is_finite(value)]
    if misfits:
        raise CheckpointError(f'{path} does not fit {contents.file.purpose}: {misfits}; fetch it anew')
    return selected


def select(contents: Contents, tensors: Mapping[str, Tensor], expected: Mapping[str, Mapping[str, Tensor]]
           ) -> tuple[dict[str, dict[str, Tensor]], Misfits]:
    """Part -> its state dict, and what does not fit. Values are not looked at."""
    misfits = Misfits()
    prefix = contents.prefix if any(name.startswith(contents.prefix) for name in tensors) else ''
    tensors = {name.removeprefix(prefix): value for name, value in tensors.items()}
    selected = {}
    for part, begin in contents.parts.items():
        selected[part] = {}
        for name, wanted in expected[part].items():
            value = tensors.pop(begin + name, None)
            if value is None:
                misfits.missing.append(begin + name)
            elif _fits(begin + name, value, wanted, misfits):
                selected[part][name] = value
    misfits.left_over += [name for name in tensors if not re.match(contents.unused, name)]
    return selected, misfits


def _fits(name, value, wanted, misfits):
    if not isinstance(value, Tensor) or value.layout is not torch.strided or value.is_quantized:
        misfits.other_kind.append(f'{name} (no plain tensor)')
    elif value.shape != wanted.shape:
        misfits.other_shape.append(f'{name} (expected {tuple(wanted.shape)}, found {tuple(value.shape)})')
    elif value.is_floating_point() != wanted.is_floating_point() or value.is_complex():
        misfits.other_kind.append(f'{name} (expected {_number(wanted)}, found {_number(value)})')
    else:
        return True
    return False


def _number(tensor):
    return str(tensor.dtype).removeprefix('torch.')


def _is_finite(tensor):
    if tensor.is_meta:  # a file of shapes without numbers
        return False
    if not tensor.is_floating_point() or not tensor.numel():
        return True
    # Both ends at once, without a copy of the tensor; NaN comes through to either.
    ends = torch.stack(tensor.aminmax())
    release_pages(tensor)
    return bool(ends.isfinite().all())
