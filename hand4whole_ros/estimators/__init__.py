"""Estimators: an image and its camera in, people out. `create` makes one by name."""

from __future__ import annotations

import logging

from .base import Estimator, EstimatorConfig, EstimatorUnavailable

__all__ = ['NAMES', 'Estimator', 'EstimatorConfig', 'EstimatorUnavailable', 'create']

#: What EstimatorConfig.estimator may be, besides 'auto'.
NAMES = ('mediapipe',)

_logger = logging.getLogger(__name__)


def create(config: EstimatorConfig | None = None) -> Estimator:
    """The estimator a configuration names; 'auto' takes the best one whose parts are there.

    Raises ValueError for an unknown name and EstimatorUnavailable, saying what to run, where parts of it
    are missing.
    """
    config = config or EstimatorConfig()
    if config.estimator not in ('auto', *NAMES):
        raise ValueError(f'unknown estimator {config.estimator!r}; known are auto, {", ".join(NAMES)}')
    from .mediapipe import MediaPipeEstimator

    estimator = MediaPipeEstimator(config)
    if config.estimator == 'auto':
        _logger.info('estimator auto: mediapipe on the open body, which needs no licensed files; '
                     'a licensed SMPL-X file is used with body_model: PATH')
    return estimator
