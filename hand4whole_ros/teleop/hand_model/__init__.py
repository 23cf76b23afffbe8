"""The capsule hand as URDF and MJCF: a robot hand of this package, without any third-party licence.

The files are made from one table, capsule_hand.py, and are shipped because robot_state_publisher, MoveIt and MuJoCo
read files.
"""

from __future__ import annotations

from pathlib import Path

from ... import skeleton
from .capsule_hand import capsule_hand
from .mjcf import to_mjcf
from .urdf import to_urdf

FOLDER = Path(__file__).resolve().parent


def urdf_path(side: str) -> Path:
    """The URDF of the hand of `side`, 'left' or 'right'."""
    return FOLDER / f'capsule_hand_{side}.urdf'


def mjcf_path(side: str) -> Path:
    """The MJCF of the hand of `side`, 'left' or 'right'."""
    return FOLDER / f'capsule_hand_{side}.xml'


def file_texts() -> dict[Path, str]:
    """Path -> content of every shipped file."""
    texts = {}
    for side in skeleton.SIDES:
        hand = capsule_hand(side)
        texts[urdf_path(side)], texts[mjcf_path(side)] = to_urdf(hand), to_mjcf(hand)
    return texts


def write_files() -> list[Path]:
    """Write the shipped files, after a change of the table."""
    texts = file_texts()
    for path, text in texts.items():
        path.write_text(text)
    return list(texts)
