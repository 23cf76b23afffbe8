"""Finding people and hands in images. `create` makes a detector of people by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..config import DetectorName

if TYPE_CHECKING:
    from .person_boxes import PersonDetector


class DetectorUnavailable(RuntimeError):
    """A detector cannot be made here. The message names what is missing and the command to run."""


def create(name: DetectorName = DetectorName.AUTO, max_people: int = 4) -> PersonDetector:
    """A detector of people and their hands.

    max_people: how many it gives at most. Raises ValueError for an unknown name and DetectorUnavailable, saying what
    to do, where parts are missing.
    """
    if name == DetectorName.WILOR:
        raise DetectorUnavailable('detector wilor finds hands alone: use detector auto or mediapipe, or estimator '
                                  'wilor')
    if name in (DetectorName.AUTO, DetectorName.MEDIAPIPE):
        from .mediapipe_people import MediaPipePeople
        return MediaPipePeople(max_people)
    raise ValueError(f'unknown detector {name!r}; known are {", ".join(DetectorName)}')
