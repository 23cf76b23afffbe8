"""Writing a trained Hand4Whole++ in the form of its authors' snapshot_6.pth, for all readers of that format."""

from __future__ import annotations

from pathlib import Path

import torch

from ..networks.hand4whole_pp import Hand4WholePP
from ..system.output_files import replacement_path
from .selection import HAND4WHOLE_PP_CONTENTS


def save_snapshot(network: Hand4WholePP, path: Path, steps: int) -> None:
    """Body expert, face and CHAM under the published names, float32 as trained; whole or not at all.

    The hand expert, the body model and an optimiser are not included, the first two as in the authors' own. steps: the
    length of CHAM's training, for information. The file contains published weights, and their licences apply to it.
    """
    contents = HAND4WHOLE_PP_CONTENTS
    tensors = {f'{contents.prefix}{start}{name}': value.detach().cpu().clone()
               for part, start in contents.parts.items()
               for name, value in network.get_submodule(part).state_dict().items()}
    with replacement_path(path) as part:
        torch.save({'epoch': 0, 'steps': steps, contents.section: tensors}, part)
