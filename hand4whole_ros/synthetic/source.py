"""An endless source of images for training, with the truth about each; see `people` and `drawing`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..media import image_files
from ..rendering.contact_sheet import contact_sheet
from ..system import output_files
from .drawing import draw_scene
from .people import CLOSE_UPS, ScenePreset, sample_scene
from .scene import Scene
from .truth import PersonTruth


class SyntheticImages:
    """Images of width x height pixels. Item k of equal sources is the same image, to the byte.

    seed: of the source; sources of different seeds share no scene. close_ups, at_ease: shares of people.ScenePreset.
    Several processes share a source by taking different items of it.
    """

    def __init__(self, seed: int = 0, width: int = 640, height: int = 480, close_ups: float = CLOSE_UPS,
                 *, at_ease: float = 0.0):
        self.seed = seed
        self.preset = ScenePreset(width=width, height=height, close_ups=close_ups, at_ease=at_ease)

    def scene(self, index: int) -> Scene:
        """Scene `index`, not yet drawn."""
        return sample_scene((self.seed << 40) + index, self.preset)

    def __getitem__(self, index: int) -> tuple[np.ndarray, PersonTruth]:
        """The image (height, width, 3) uint8 RGB and its truth."""
        return draw_scene(self.scene(index))

    def __iter__(self) -> Iterator[tuple[np.ndarray, PersonTruth]]:
        """All images, without end."""
        index = 0
        while True:
            yield self[index]
            index += 1


def render_contact_sheet(
    count: int = 24, seed: int = 0, columns: int = 6, close_ups: float = CLOSE_UPS, *, at_ease: float = 0.0
) -> np.ndarray:
    """An image of the first `count` images of a source."""
    source = SyntheticImages(seed, close_ups=close_ups, at_ease=at_ease)
    return contact_sheet([source[k][0] for k in range(count)], columns=columns, tile_width=280, gap=4)


def main(arguments: list[str] | None = None) -> int:
    """Write a contact sheet."""
    parser = argparse.ArgumentParser(prog='python -m hand4whole_ros.synthetic.source',
                                     description='Write a contact sheet of the people that networks are trained on.')
    parser.add_argument('output', type=Path, help='a .jpg or .png file')
    parser.add_argument('--count', type=int, default=24, help='how many pictures (24)')
    parser.add_argument('--seed', type=int, default=0, help='of the source (0)')
    parser.add_argument('--close-ups', type=float, default=CLOSE_UPS, metavar='SHARE',
                        help=f'how many show hands only, 0 to 1 ({CLOSE_UPS})')
    parser.add_argument('--at-ease', type=float, default=0.0, metavar='SHARE',
                        help='of the others, how many stand at ease before the camera, 0 to 1 (0)')
    options = parser.parse_args(arguments)
    try:
        output_files.check_output_file(options.output)
    except output_files.OutputError as error:
        parser.exit(2, f'{error}\n')
    picture = render_contact_sheet(options.count, options.seed, close_ups=options.close_ups, at_ease=options.at_ease)
    try:
        image_files.write_image(options.output, picture, quality=80)
    except image_files.ImageFileError as error:
        parser.exit(1, f'{error}\n')
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
