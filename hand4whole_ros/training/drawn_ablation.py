"""Shared by the ablations on drawn hands: command line, drawn data, and the table beside a paper's."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..synthetic.hand_patches import PatchRows

_Rows = TypeVar('_Rows', bound=PatchRows)


@dataclass(frozen=True)
class AblationSize:
    """The training budget of every row of a table."""

    steps: int
    hands: int   #: drawn, to train on
    batch: int   #: images per step


def parse_arguments(description: str, rows: Sequence[str], defaults: AblationSize, arguments: Sequence[str] | None
                    ) -> argparse.Namespace:
    """folder, steps, hands, batch, upright, seed, rows, json. Exits with 2 and one line for invalid values."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('folder', type=Path, help='where drawn hands, logs and weights are kept')
    parser.add_argument('--steps', type=positive, default=defaults.steps, help='of training, for every row')
    parser.add_argument('--hands', type=positive, default=defaults.hands, help='drawn hands to learn from')
    parser.add_argument('--batch', type=positive, default=defaults.batch, help='pictures of a step')
    parser.add_argument('--upright', action='store_true',
                        help='hands point up, palms to the camera: a short training learns that')
    parser.add_argument('--seed', type=int, default=0, help='of weights and of the order of hands')
    parser.add_argument('--rows', nargs='+', choices=tuple(rows), default=list(rows), metavar='ROW',
                        help='rows of the table: %(choices)s')
    parser.add_argument('--json', type=Path, help='write the figures there')
    return parse_with_paths(parser, arguments)


def parse_with_paths(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """The arguments of a parser with `folder` and `--json`. Exits with 2 and one line for unusable paths."""
    given = parser.parse_args(arguments)
    if given.folder.exists() and not given.folder.is_dir():
        parser.error(f'{given.folder} is a file; name a folder')
    if given.json is not None and not given.json.absolute().parent.is_dir():
        parser.error(f'--json {given.json}: no such folder')
    return given


def positive(text: str) -> int:
    """An argument's number. Raises ArgumentTypeError if it is below 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f'must be at least 1, found {value}')
    return value


def load_or_draw(path: Path, kind: type[_Rows], draw: Callable[[], _Rows]) -> _Rows:
    """The contents of the file; if it does not exist, the data is drawn and saved there."""
    if path.exists():
        return kind.load(path)
    data = draw()
    data.save(path)
    return data


def write_figures(path: Path | None, found: Mapping[str, Mapping[str, float]],
                  published: Mapping[str, Sequence[float | None] | Mapping[str, float]]) -> None:
    """Row -> measured metrics, and the paper's, as JSON; nothing is written without a path."""
    if path is not None:
        both = {row: {'here': figures, 'paper': published[row]} for row, figures in found.items()}
        path.write_text(json.dumps(both, indent=1))
