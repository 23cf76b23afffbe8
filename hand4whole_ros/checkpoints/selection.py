"""Which tensors of a published checkpoint belong to which part of the network, and whether all of them fit.

Everything is checked by name, shape and kind of number. Known contents of a checkpoint that the
network does not use are listed in the table here and ignored; everything else that does not fit is an error.
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
_MAX_LISTED = 3


@dataclass(frozen=True)
class CheckpointLayout:
    """The contents of one published checkpoint."""

    file: PublishedFile
    #: The entry of the file's dictionary that holds the tensors by name.
    section: str
    #: Prefix of the names, from the way it was trained; files saved without it are read as well.
    prefix: str
    #: Part of the network -> the prefix of its names here.
    parts: dict[str, str]
    #: Prefixes of names that are known and not used.
    unused: str


#: Its trainer omits the body model, the hand expert and the keypoint detector; whatever the file contains of them is
#: not used by the network.
_UNSAVED_PARTS = r'.*(smplx_layer|wilor|dwpose)'


def _same_prefixes(*parts):
    return {part: f'{part}.' for part in parts}


HAND4WHOLE_PP_CONTENTS = CheckpointLayout(
    SNAPSHOT,
    'network',
    'module.',
    _same_prefixes(
        'encoder', 'body_position_net', 'body_regressor', 'face_roi_net', 'face_regressor', 'hand_control_net'
    ),
    _UNSAVED_PARTS,
)

WILOR_CONTENTS = CheckpointLayout(
    WILOR, 'state_dict', '', {'wilor.backbone': 'backbone.', 'wilor.refine_net': 'refine_net.'},
    r'(mano|discriminator)\.|initialized$')

#: The expert that CHAM is trained on. Its own face and hands are replaced by Hand4Whole's face and by WiLoR.
SMPLER_X_CONTENTS = CheckpointLayout(
    SMPLER_X, 'network', 'module.', _same_prefixes('encoder', 'body_position_net', 'body_regressor'),
    r'(face_regressor|box_net|hand_roi_net|hand_position_net|hand_regressor)\.|' + _UNSAVED_PARTS)

#: Its face alone; its body is a smaller network with parts of the same names.
HAND4WHOLE_CONTENTS = CheckpointLayout(
    HAND4WHOLE,
    'network',
    'module.',
    _same_prefixes('face_roi_net', 'face_regressor'),
    r'(?!face_roi_net\.|face_regressor\.)',
)

#: All of it.
POSE2POSE_CONTENTS = CheckpointLayout(
    HAND4WHOLE, 'network', 'module.',
    _same_prefixes('backbone', 'body_position_net', 'body_rotation_net', 'box_net', 'hand_roi_net', 'hand_position_net',
         'hand_rotation_net', 'face_roi_net', 'face_regressor'), r'smplx_layer\.')

#: A whole network in a pickle (pickled_model), whose layers are all in one dictionary.
WILOR_DETECTOR_CONTENTS = CheckpointLayout(WILOR_DETECTOR, 'model', '', _same_prefixes('model'), r'(?!)')

#: Parts for its training alone, the hand model and the grids of its heat maps are not used.
UNIHOPE_CONTENTS = CheckpointLayout(
    UNIHOPE, 'state_dict', 'module.',
    _same_prefixes('base_net', 'obj_conf_layer', 'occ_cls_layer', 'transformer_hand', 'transformer_obj', 'hand_head',
         'hand_encoder', 'mano_branch', 'obj_head'),
    r'(fpn|hand|mano)_feature_mapper\.|mano_branch\.mano_layer\.|hand_head\.(uu|vv)$')


@dataclass
class TensorMismatches:
    """The mismatches, by kind; names with an explanation where one helps."""

    missing: list[str] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)
    other_shape: list[str] = field(default_factory=list)
    other_kind: list[str] = field(default_factory=list)
    not_finite: list[str] = field(default_factory=list)

    def __str__(self):
        """One line: how many of each kind, and the first names."""
        return '; '.join(f'{len(names)} {kind.replace("_", " ")}: {", ".join(names[:_MAX_LISTED])}'
                         + (', ...' if len(names) > _MAX_LISTED else '') for kind, names in vars(self).items() if names)

    def __bool__(self):
        return any(vars(self).values())


def read_parts(
    contents: CheckpointLayout, path: Path, expected: Mapping[str, Mapping[str, Tensor]]
) -> dict[str, dict[str, Tensor]]:
    """Part -> its state dict, from the file at `path`; every tensor fits its name in `expected` and is finite.

    expected: part -> state dict of a network of the right dimensions, on the meta device. Raises CheckpointError.
    """
    file = torch_files.load_checkpoint(path)
    tensors = file.get(contents.section)
    if not isinstance(tensors, dict) or not all(isinstance(name, str) for name in tensors):
        raise CheckpointError(f"{path} is not {contents.file.purpose}: it lacks '{contents.section}'; "
                              f'found {", ".join(map(str, list(file)[:8])) or "nothing"}')
    return match_parts(contents, path, tensors, expected)


def match_parts(
    contents: CheckpointLayout, path: Path, tensors: Mapping[str, Tensor], expected: Mapping[str, Mapping[str, Tensor]]
) -> dict[str, dict[str, Tensor]]:
    """As read_parts, of tensors that were already read from `path`. Raises CheckpointError."""
    selected, mismatches = select_parts(contents, tensors, expected)
    for part, state in selected.items():
        mismatches.not_finite += [contents.parts[part] + name for name, value in state.items() if not _is_finite(value)]
    if mismatches:
        raise CheckpointError(f'{path} does not fit {contents.file.purpose}: {mismatches}; fetch it anew')
    return selected


def select_parts(contents: CheckpointLayout, tensors: Mapping[str, Tensor], expected: Mapping[str, Mapping[str, Tensor]]
           ) -> tuple[dict[str, dict[str, Tensor]], TensorMismatches]:
    """Part -> its state dict, and the mismatches. Values are not checked."""
    mismatches = TensorMismatches()
    prefix = contents.prefix if any(name.startswith(contents.prefix) for name in tensors) else ''
    tensors = {name.removeprefix(prefix): value for name, value in tensors.items()}
    selected = {}
    for part, begin in contents.parts.items():
        selected[part] = {}
        for name, wanted in expected[part].items():
            value = tensors.pop(begin + name, None)
            if value is None:
                mismatches.missing.append(begin + name)
            elif _matches(begin + name, value, wanted, mismatches):
                selected[part][name] = value
    mismatches.left_over += [name for name in tensors if not re.match(contents.unused, name)]
    return selected, mismatches


def _matches(name, value, wanted, mismatches):
    if not isinstance(value, Tensor) or value.layout is not torch.strided or value.is_quantized:
        mismatches.other_kind.append(f'{name} (no plain tensor)')
    elif value.shape != wanted.shape:
        mismatches.other_shape.append(f'{name} (expected {tuple(wanted.shape)}, found {tuple(value.shape)})')
    elif value.is_floating_point() != wanted.is_floating_point() or value.is_complex():
        mismatches.other_kind.append(f'{name} (expected {_dtype_name(wanted)}, found {_dtype_name(value)})')
    else:
        return True
    return False


def _dtype_name(tensor):
    return str(tensor.dtype).removeprefix('torch.')


def _is_finite(tensor):
    if tensor.is_meta:  # a file of shapes without numbers
        return False
    if not tensor.is_floating_point() or not tensor.numel():
        return True
    # Both extremes at once, without a copy of the tensor; NaN propagates to either.
    ends = torch.stack(tensor.aminmax())
    release_pages(tensor)
    return bool(ends.isfinite().all())
