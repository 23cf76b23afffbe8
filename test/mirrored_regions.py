"""Regions of mirror images: what flipping a region's own crop is compared with."""

import numpy as np

from hand4whole_ros.landmarks.regions import Region


def mirrored_region(region, width):
    """The same content in the mirror image of an image `width` px wide."""
    return Region(np.array([width - 1 - region.centre[0], region.centre[1]]), region.side, -region.rotation)
