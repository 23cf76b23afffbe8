"""The weights of an estimator with published networks: its authors', or weights that are generated from names."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TypeVar

from ..config import WeightsSource

log = logging.getLogger(__name__)

_Config = TypeVar('_Config')


def random_config(weights: WeightsSource, random: Mapping[WeightsSource, _Config]) -> _Config | None:
    """The dimensions of a network whose weights are generated; None for published ones.

    random: choice of generated weights -> dimensions. Raises ValueError for an unknown choice.
    """
    if weights in random:
        log.warning('weights %s: made up from names; what this finds means nothing', weights)
        return random[weights]
    if weights != WeightsSource.PUBLISHED:
        raise ValueError(f'weights {weights!r}: expected one of {", ".join([WeightsSource.PUBLISHED, *random])}')
    return None
