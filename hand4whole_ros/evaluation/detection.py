"""Detected people and hands, false positives and sides: on drawn people or annotated images, with MediaPipe's own.

people_matching defines who counts as found. In images in which all people are annotated, a detection without an
annotated person is a false positive.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from ..datasets.coco_wholebody import AnnotatedImage, AnnotatedPerson
from ..landmarks.indices import PoseLandmark
from ..landmarks.people import PeopleLandmarker
from ..media import image_files
from ..skeleton import JOINT, SIDES
from ..synthetic import dataset
from ..system.progress import ProgressBar
from ..system.requirements import install_command
from .mediapipe_solutions import MediaPipeSolutions
from .people_matching import JOINTS, PeopleCounts, counted_hands, match_hands

_LANDMARK = {name: PoseLandmark[name.upper()] for name in JOINTS}


@dataclass(frozen=True, eq=False)
class Seen:
    """Output of a detector for one image."""

    people: list[np.ndarray]                    # (33, 2) px each
    hands: list[tuple[np.ndarray, str]]         # (21, 2) px and the side, of people and loose


#: RGB image (H, W, 3) uint8 -> its detections, and the seconds that this takes once everything is loaded.
Detector = Callable[[np.ndarray], tuple[Seen, float]]


@dataclass
class Counts(PeopleCounts):
    """Counts over all images."""

    hands: int = 0
    hands_found: int = 0
    hands_right_side: int = 0
    seconds: list[float] = field(default_factory=list)

    def add(self, image: AnnotatedImage, seen: Seen, seconds: float) -> None:
        """Count one image."""
        self.seconds.append(seconds)
        self.add_people([{name: pose[row] for name, row in _LANDMARK.items()} for pose in seen.people], image)
        hands = counted_hands(image)
        matched = match_hands([points for points, _ in seen.hands], hands)
        self.hands += len(hands)
        self.hands_found += len(matched)
        self.hands_right_side += sum(hands[row][0] == seen.hands[k][1] for k, (row, _) in matched.items())

    def summary(self) -> dict:
        """Plain numbers, for JSON; milliseconds of an image, median."""
        return {'people': self.people, 'people_found': self.people_found, 'people_invented': self.people_invented,
                'hands': self.hands, 'hands_found': self.hands_found, 'hands_right_side': self.hands_right_side,
                'time_ms': 1e3 * float(np.median(self.seconds)) if self.seconds else None}


def drawn(count: int, seed: int) -> Iterable[tuple[np.ndarray, AnnotatedImage]]:
    """Images (H, W, 3) uint8 of one drawn person each, and the truth."""
    for k in range(count):
        image, truth = dataset.render_person(seed, k)
        joints = {name: truth.joints_2d[JOINT[name]] for name in JOINTS if not name.endswith(('knee', 'ankle'))}
        hands = {side: (truth.hand(side).keypoints_2d, np.arange(21)) for side in SIDES}
        yield image, AnnotatedImage(None, [AnnotatedPerson(joints, hands, np.zeros(4))], True)


def run(images: Iterable[tuple[np.ndarray, AnnotatedImage]], total: int, *, quarter_turns: int = 0,
        max_people: int = 20, progress: bool = True) -> dict:
    """{'images', 'quarter_turns', 'rows': {'landmarks': Counts.summary, 'mediapipe': the same or None}}.

    quarter_turns: number of rotations of the images by 90 degrees, counter-clockwise.
    """
    landmarker, solutions = PeopleLandmarker(max_people), MediaPipeSolutions.create()
    detectors: dict[str, Detector] = {'landmarks': lambda image: _landmarks(landmarker, image)}
    if solutions is not None:
        detectors['mediapipe'] = lambda image: _mediapipe(solutions, image)
    counts = {name: Counts() for name in detectors}
    try:
        for image, truth in ProgressBar(images, 'detecting', total=total, unit='image', enabled=progress):
            size = image.shape[1], image.shape[0]
            image = np.ascontiguousarray(np.rot90(image, quarter_turns))
            for name, detector in detectors.items():
                seen, seconds = detector(image)
                people = [_turned_back(points, quarter_turns, *size) for points in seen.people]
                hands = [(_turned_back(points, quarter_turns, *size), side) for points, side in seen.hands]
                counts[name].add(truth, Seen(people, hands), seconds)
    finally:
        if solutions is not None:
            solutions.close()
    return {'images': total, 'quarter_turns': quarter_turns % 4,
            'rows': {name: counts[name].summary() if name in counts else None for name in ('landmarks', 'mediapipe')}}


def read(images: Iterable[AnnotatedImage]) -> Iterable[tuple[np.ndarray, AnnotatedImage]]:
    """Each with its pixels (H, W, 3) uint8 RGB. Raises ImageFileError."""
    for image in images:
        assert image.path is not None       # of images of a folder
        yield image_files.read_image(image.path), image


def format_table(result: dict) -> str:
    """Text for the user."""
    rows = {name: row for name, row in result['rows'].items() if row is not None}
    lines = [f'{result["images"]} images' + (f', turned by {90 * result["quarter_turns"]} degrees'
                                             if result['quarter_turns'] else ''),
             f'{"":28s}' + ''.join(f'{name:>14s}' for name in rows)]
    for label, of, key in (('people found', 'people', 'people_found'), ('people invented', None, 'people_invented'),
                           ('hands found', 'hands', 'hands_found'),
                           ('  of the right side', 'hands_found', 'hands_right_side')):
        cells = (f'{row[key]}' + (f' of {row[of]}' if of else '') for row in rows.values())
        lines.append(f'{label:28s}' + ''.join(f'{cell:>14s}' for cell in cells))
    lines.append(f'{"time an image, ms":28s}' + ''.join(
        f'{"-" if row["time_ms"] is None else round(row["time_ms"]):>14}' for row in rows.values()))
    if 'mediapipe' not in rows:
        lines.append(f'mediapipe is not installed: {install_command("mediapipe")} to compare with it')
    return '\n'.join(lines)


def _landmarks(landmarker: PeopleLandmarker, image: np.ndarray) -> tuple[Seen, float]:
    start = time.perf_counter()
    found = landmarker.detect(image)
    seconds = time.perf_counter() - start
    hands = [(hand.landmarks[:, :2], side) for person in found.people for side in SIDES
             if (hand := person.hand(side)) is not None]
    hands += [(loose.hand.landmarks[:, :2], loose.hand.side) for loose in found.hands]
    return Seen([person.pose.landmarks[:, :2] for person in found.people], hands), seconds


def _mediapipe(solutions: MediaPipeSolutions, image: np.ndarray) -> tuple[Seen, float]:
    """MediaPipe's Holistic for people and its Hands for hands."""
    body = solutions.body(image)
    start = time.perf_counter()
    hands = solutions.hands(image)
    seconds = time.perf_counter() - start + solutions.body_time(image)
    return Seen([] if body is None else [body.pose], [(hand.points, hand.side) for hand in hands]), seconds


def _turned_back(points, quarter_turns, width, height):
    """Points in an image rotated by np.rot90 -> in the original image of width x height."""
    x, y = points[:, 0], points[:, 1]
    return [points, np.stack([width - 1 - y, x], 1), np.stack([width - 1 - x, height - 1 - y], 1),
            np.stack([y, height - 1 - x], 1)][quarter_turns % 4]
