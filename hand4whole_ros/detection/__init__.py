"""Finding people and hands in images. `create` makes a detector of people by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .people import Detector

#: What `create` knows.
NAMES = ('mediapipe', 'ultralytics')


class DetectorUnavailable(RuntimeError):
    """A detector cannot be made here. The message says what is missing and what to run."""


def create(name: str = 'mediapipe', max_people: int = 4, weights: Path | str | None = None,
           device: str = 'cpu') -> Detector:
    """A detector of people and their hands.

    max_people: how many it gives at most. weights, device: of the ultralytics detector; mediapipe has its own
    networks and runs on the CPU. Raises ValueError for an unknown name and DetectorUnavailable, saying what to do,
    where parts are missing.
    """
    if name == 'mediapipe':
        from .mediapipe_people import MediaPipePeople
        if weights is not None:
            raise ValueError(f'the mediapipe detector has its own networks and takes no weights, found {weights}')
        return MediaPipePeople(max_people)
    if name == 'ultralytics':
        from .ultralytics_people import UltralyticsPeople
        return UltralyticsPeople(weights, max_people, device)
    raise ValueError(f'unknown detector {name!r}; known are {", ".join(NAMES)}')
