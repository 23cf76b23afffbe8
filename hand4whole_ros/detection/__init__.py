"""Finding people and hands in images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .people import Detector

#: What `create` knows.
NAMES = ('mediapipe', 'ultralytics')


class DetectorUnavailable(RuntimeError):
    """A detector cannot be made here. The message says what is missing and what to run."""


def create(name: str = 'mediapipe', *, max_people: int = 4, weights: Path | None = None) -> Detector:
    """The detector of that name; weights: the file of one that needs it.

    Raises DetectorUnavailable, saying what to run, where a library or a file is missing, and ValueError for an
    unknown name.
    """
    if name == 'mediapipe':
        from .mediapipe_people import MediaPipePeople
        return MediaPipePeople(max_people)
    if name == 'ultralytics':
        from .ultralytics_people import UltralyticsPeople
        return UltralyticsPeople(weights, max_people)
    raise ValueError(f'unknown detector {name!r}; known are {", ".join(NAMES)}')
