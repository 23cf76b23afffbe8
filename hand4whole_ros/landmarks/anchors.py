"""The anchors of MediaPipe's detectors: the positions that their outputs are relative to."""

from __future__ import annotations

import numpy as np


def anchors(input_size: int, strides: tuple[int, ...]) -> np.ndarray:
    """Centres (N, 2), 0 and 1 at the edges of the network's input: grid after grid, row by row.

    strides: px, one for each layer of the detector. A layer has two anchors in each cell. Consecutive layers of the
    same stride share a grid: the anchors of all of them in one cell follow each other.
    """
    grids, layer = [], 0
    while layer < len(strides):
        end = layer
        while end < len(strides) and strides[end] == strides[layer]:
            end += 1
        cells = -(-input_size // strides[layer])
        y, x = np.divmod(np.arange(cells * cells), cells)
        centres = (np.stack([x, y], axis=1) + 0.5) / cells
        grids.append(np.repeat(centres, 2 * (end - layer), axis=0))
        layer = end
    return np.concatenate(grids)
