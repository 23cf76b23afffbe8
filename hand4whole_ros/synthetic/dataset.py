"""A folder of rendered people: pictures and one truth.json."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ..media import image_files
from ..system import output_files
from ..system.progress import ProgressBar
from . import people
from .truth import PersonTruth


def write_dataset(folder: Path | str, count: int, seed: int, progress: bool = True) -> None:
    """Write person_0000.png ... and truth.json: {"<file name>": PersonTruth.as_dict()}.

    Person i is render_person(seed, i). The folder is created if it does not exist.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    truths = {}
    for i in ProgressBar(range(count), 'rendering people', unit='person', enabled=progress):
        image, truth = render_person(seed, i)
        name = f'person_{i:04d}.png'
        image_files.write_image(folder / name, image)
        truths[name] = truth.as_dict()
    output_files.write_file(folder / 'truth.json', json.dumps(truths).encode())


def render_person(seed: int, index: int) -> tuple[np.ndarray, PersonTruth]:
    """Image (H, W, 3) uint8 RGB and truth of person `index` of the set `seed`."""
    return people.render_person(people.sample_person(person_seed(seed, index)))


def person_seed(seed: int, index: int) -> int:
    """Seed of person `index` of the set `seed`: sets of different seeds have no person in common."""
    return seed * 1_000_000 + index
