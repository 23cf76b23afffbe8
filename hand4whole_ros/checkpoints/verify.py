"""Verification that all existing files fit, and that the network runs with them."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ..geometry.crops import BODY_SIZE
from ..networks.face import PATCH_SCALE
from ..networks.hand4whole_pp import HAND4WHOLE_PP, Hand4WholePP, Hand4WholePPConfig, HandBoxes, WholeBodyOutput
from . import files, pose2pose, selection, unihope, wilor_detector
from .body_files import READERS
from .files import PublishedFile
from .hand4whole_pp import expected_state
from .store import Store, sha256

#: File -> its contents, and the expected state of each part, by the dimensions of Hand4Whole++.
_CONTENTS = {
    **{contents.file: (contents, expected_state) for contents in (
        selection.HAND4WHOLE_PP_CONTENTS, selection.WILOR_CONTENTS, selection.SMPLER_X_CONTENTS)},
    files.HAND4WHOLE: (selection.POSE2POSE_CONTENTS, lambda config: pose2pose.expected_state()),
    files.UNIHOPE: (selection.UNIHOPE_CONTENTS, lambda config: unihope.expected_state())}


def verify_file(store: Store, file: PublishedFile, path: Path, config: Hand4WholePPConfig = HAND4WHOLE_PP,
                *, renew: bool = False) -> str:
    """A summary of a valid file. Raises CheckpointError or BodyModelError for an invalid one.

    The whole file is read. Its checksum must be the recorded one; if none is recorded, or `renew`, it is recorded.
    """
    if file in READERS:
        READERS[file](path)
        summary = 'fits'
    elif file is files.WILOR_DETECTOR:
        network, sides = wilor_detector.read_wilor_detector(path)
        summary = f'fits, {len(network.state_dict())} tensors; its classes are {" and ".join(sides)}'
    else:
        contents, expected = _CONTENTS[file]
        parts = selection.read_parts(contents, path, expected(config))
        summary = f'fits, {sum(map(len, parts.values()))} tensors'
    checksum = None if renew else store.check(path, thorough=True)
    if checksum is None:
        checksum = sha256(path)
        kept = 'recorded' if store.record(path, checksum) else 'not recorded, the folder cannot be written'
        summary += f'; SHA-256 {checksum[:12]}... {kept}'
    else:
        summary += f'; SHA-256 {checksum[:12]}... as recorded'
    if file.sha256 and checksum != file.sha256:
        summary += f', though {file.sha256[:12]}... was the published one when this package was written'
    return summary


def run_test_image(network: Hand4WholePP) -> dict[str, Tensor]:
    """Outputs by name for a fixed picture of one person with two hands. None of them is checked."""
    height, width = (PATCH_SCALE * side for side in BODY_SIZE)
    down, across = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing='ij')
    waves = [torch.sin(turns * (down + shift * across)) for turns, shift in ((20, 0.5), (33, -1.0), (47, 2.0))]
    device = next(network.parameters()).device
    patches = (0.5 + 0.5 * torch.stack(waves))[None].to(device)
    there = torch.tensor([True], device=device)
    boxes = {side: HandBoxes(torch.tensor([[left, 90.0, left + 64.0, 154.0]], device=device), there)
             for side, left in (('right', 20.0), ('left', 110.0))}
    with torch.inference_mode():
        return _named_outputs(network(patches, boxes))


def _named_outputs(person: WholeBodyOutput):
    hands = {f'{side} hand {name}': value for side, hand in person.hands.items() for name, value in vars(hand).items()}
    return {**person.body._asdict(), **person.face._asdict(), **hands, 'joints': person.joints,
            'vertices': person.vertices, 'keypoints': person.keypoints}
