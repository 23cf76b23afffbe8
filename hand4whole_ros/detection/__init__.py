"""Detection of people and hands in images. `create` makes a person detector by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..config import DetectorName

if TYPE_CHECKING:
    from .person_boxes import PersonDetector


class DetectorUnavailable(RuntimeError):
    """A detector cannot be made here. The message names what is missing and the command to run."""


def create(name: DetectorName = DetectorName.AUTO, max_people: int = 4) -> PersonDetector:
    """Creates a detector of people and their hands.

    max_people: maximum number of people. Raises ValueError for an unknown name, and DetectorUnavailable with the remedy
    if parts are missing.
    """
    if name == DetectorName.WILOR:
        raise DetectorUnavailable('detector wilor finds hands alone: use detector auto or mediapipe, or estimator '
                                  'wilor')
    if name in (DetectorName.AUTO, DetectorName.MEDIAPIPE):
        from .mediapipe_people import MediaPipePeople
        return MediaPipePeople(max_people)
    raise ValueError(f'unknown detector {name!r}; known are {", ".join(DetectorName)}')
