"""Assignment of estimated people and hands to the annotated ones of an image, and their errors.

Lengths of people are in torsos: the mean of the two diagonals from a shoulder to the opposite hip, but at least a fifth
of the person's box; those of hands in the longer side of their box.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..datasets.coco_wholebody import AnnotatedImage, AnnotatedPerson
from ..geometry.assignment import assign_pairs
from ..skeleton import SIDES

#: Joints that are compared.
JOINTS = tuple(f'{side}_{joint}' for joint in ('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle') for side in SIDES)

#: A person with fewer labelled joints is not counted, nor a hand with fewer labelled points.
MIN_JOINTS, MIN_HAND_POINTS = 4, 10

#: A person whose error exceeds this, each joint counted up to one torso, also with left and right exchanged, is not
#: the annotated one; a hand likewise.
MAX_ERROR, MAX_HAND_ERROR = 0.75, 1.0

#: A pose is of a person with fewer labelled joints if at least this share of its joints lies in the person's box.
_SHARE_IN_BOX = 0.5

#: Shares of a box's longer side: minimum length of a torso, and its length if shoulders or hips are not labelled.
_LEAST_TORSO, _USUAL_TORSO = 0.2, 0.35


def counted_people(image: AnnotatedImage) -> list[AnnotatedPerson]:
    """The people of an image who have enough labelled joints."""
    return [person for person in image.people if _is_counted(person)]


def _is_counted(person):
    return sum(name in person.joints for name in JOINTS) >= MIN_JOINTS


def counted_hands(image: AnnotatedImage) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """(side, points (N, 2) px, rows (N,) of the 21) of the hands of an image that have enough labelled points."""
    return [(side, *hand) for person in image.people for side, hand in person.hands.items()
            if len(hand[0]) >= MIN_HAND_POINTS]


def joint_errors(joints: Mapping[str, np.ndarray], person: AnnotatedPerson) -> dict[str, float]:
    """Joint -> its error in torsos, of joints name -> (2,) px, if it is labelled."""
    torso = torso_length(person)
    return {name: float(np.linalg.norm(joints[name] - person.joints[name]) / torso) for name in JOINTS
            if name in person.joints}


def torso_length(person: AnnotatedPerson) -> float:
    """px; see the module."""
    joints = person.joints
    labelled = np.array([joints[name] for name in JOINTS if name in joints])
    size = max(person.box_xywh[2:].max(), np.ptp(labelled, axis=0).max(), 1.0)
    if all(f'{side}_{name}' in joints for side in SIDES for name in ('shoulder', 'hip')):
        diagonals = [np.linalg.norm(joints[f'{one}_shoulder'] - joints[f'{other}_hip'])
                     for one, other in (SIDES, SIDES[::-1])]
        return max(float(np.mean(diagonals)), _LEAST_TORSO * size)
    return _USUAL_TORSO * size


def match_people(given: Sequence[Mapping[str, np.ndarray]], true: Sequence[AnnotatedPerson]) -> dict[int, int]:
    """Row of `given`, joints name -> (2,) px -> row of `true`: the pairs of least total error."""
    errors = np.array([[min(_mean_error(joints, person), _mean_error(exchange_sides(joints), person))
                        for person in true] for joints in given]).reshape(len(given), len(true))
    return dict(assign_pairs(errors, MAX_ERROR))


def invented_people(given: Sequence[Mapping[str, np.ndarray]], found: Container[int], image: AnnotatedImage) -> int:
    """How many of `given`, as for match_people, which returned `found`, are on nobody.

    0 in an image in which not all people are annotated. A pose of a person with too few labelled joints is not
    invented.
    """
    if not image.complete:
        return 0
    uncounted = [person.box_xywh for person in image.people if not _is_counted(person)]
    return sum(k not in found and not any(_lies_in_box(joints, box) for box in uncounted)
               for k, joints in enumerate(given))


def _lies_in_box(joints, box_xywh):
    points = np.array([joints[name] for name in JOINTS]) - box_xywh[:2]
    return ((points >= 0) & (points <= box_xywh[2:])).all(1).mean() >= _SHARE_IN_BOX


@dataclass
class PeopleCounts:
    """Counts of people over images."""

    people: int = 0
    people_found: int = 0
    people_invented: int = 0

    def add_people(self, given: Sequence[Mapping[str, np.ndarray]], image: AnnotatedImage) -> dict[int, int]:
        """Count those given, each joints name -> (2,) px, for one image.

        Returns match_people of them and counted_people.
        """
        true = counted_people(image)
        found = match_people(given, true)
        self.people += len(true)
        self.people_found += len(found)
        self.people_invented += invented_people(given, found, image)
        return found


def exchange_sides(joints: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same points with left and right exchanged."""
    names = dict(zip(JOINTS, (name for pair in zip(JOINTS[1::2], JOINTS[::2]) for name in pair)))
    return {names[name]: point for name, point in joints.items()}


def _mean_error(joints, person):
    return float(np.mean([min(error, 1) for error in joint_errors(joints, person).values()]))


def match_hands(given: Sequence[np.ndarray], true: Sequence[tuple[str, np.ndarray, np.ndarray]],
                sizes: Sequence[float] | None = None) -> dict[int, tuple[int, float]]:
    """Row of `given`, (21, 2) px -> (row of `true`, error in sizes): the pairs of least total error.

    true: see counted_hands; sizes: px, of those; by default the longer sides of their boxes.
    """
    if sizes is None:
        sizes = [max(float(np.ptp(points, axis=0).max()), 1e-6) for _, points, _ in true]
    errors = np.array([[float(np.linalg.norm(points[rows] - true_points, axis=1).mean()) / size
                        for size, (_, true_points, rows) in zip(sizes, true)]
                       for points in given]).reshape(len(given), len(true))
    return {row: (column, float(errors[row, column])) for row, column in assign_pairs(errors, MAX_HAND_ERROR)}
