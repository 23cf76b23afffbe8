"""Estimators: from an image and its camera to people. `create` makes one by name."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ..config import EstimatorConfig, EstimatorName
from ..system.requirements import NETWORKS, missing_networks
from .base import Estimator, EstimatorUnavailable

__all__ = ['NAMES', 'Estimator', 'EstimatorConfig', 'EstimatorUnavailable', 'create']

#: What EstimatorConfig.estimator may be, besides AUTO.
NAMES = tuple(name for name in EstimatorName if name is not EstimatorName.AUTO)

_logger = logging.getLogger(__name__)


def create(config: EstimatorConfig | None = None) -> Estimator:
    """The estimator of a configuration; 'auto' selects the full pipeline if its files are found, else the fit to
    landmarks, or the open model if its weights are given.

    Raises ValueError for an unknown name and EstimatorUnavailable, with the command to run, if parts of it
    are missing.
    """
    config = config or EstimatorConfig()
    if config.estimator not in tuple(EstimatorName):
        raise ValueError(f'unknown estimator {config.estimator!r}; known are {", ".join(EstimatorName)}')
    name = EstimatorName(config.estimator)
    if name is EstimatorName.AUTO:
        name = _resolve_auto(config)
    try:
        return _find_class(name)(config)
    except ModuleNotFoundError as error:
        if error.name not in NETWORKS:
            raise
        raise EstimatorUnavailable(str(missing_networks(error, f'estimator {name}'))) from None


def _find_class(name: EstimatorName) -> Callable[[EstimatorConfig], Estimator]:
    # Each is imported on demand: their libraries are large, and not all of them are installed everywhere.
    if name is EstimatorName.HAND4WHOLE_PP:
        from .hand4whole_pp import Hand4WholePPEstimator
        return Hand4WholePPEstimator
    if name is EstimatorName.HAND4WHOLE:
        from .hand4whole import Hand4WholeEstimator
        return Hand4WholeEstimator
    if name is EstimatorName.WILOR:
        from .wilor import WiLoREstimator
        return WiLoREstimator
    if name is EstimatorName.UNIHOPE:
        from .unihope import UniHOPEEstimator
        return UniHOPEEstimator
    if name is EstimatorName.OPEN:
        from .open import OpenEstimator
        return OpenEstimator
    from .mediapipe import MediaPipeEstimator
    return MediaPipeEstimator


def _resolve_auto(config):
    """The estimator that 'auto' selects, logged in one line."""
    from ..checkpoints import CheckpointError, files
    from ..checkpoints.store import Store
    # The other two give the same bodies. The hands of open take more time, and are better on drawn people and worse
    # on photographs: docs/concepts/estimator_open.md.
    name = EstimatorName.MEDIAPIPE if config.open_model is None else EstimatorName.OPEN
    if not config.people:
        _logger.info('estimator auto: %s, as hand4whole_pp detects no hands without their people', name)
        return name
    try:
        store = Store(config.weights_folder)
        missing = len(list(store.missing(files.ESTIMATOR)))
    except CheckpointError as error:
        raise EstimatorUnavailable(str(error)) from error
    if not missing:
        _logger.info('estimator auto: hand4whole_pp, with the files in %s', store.folder)
        return EstimatorName.HAND4WHOLE_PP
    _logger.info('estimator auto: %s, which needs no licensed weights; hand4whole_pp lacks %d files: hand4whole '
                 'weights list', name, missing)
    return name
