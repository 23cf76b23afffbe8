"""Accuracy of people and hands in annotated photographs, with MediaPipe's own landmarks for comparison.

Measures only positions of joints in the image. people_matching defines who counts as found and the unit of
lengths. Errors are of joints that are labelled and visible; rows named 'common' are of the people whom all
compared systems found, so that no system gains by missing difficult people.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from ..datasets.coco_wholebody import AnnotatedImage, AnnotatedPerson
from ..estimate import WholeBodyEstimate
from ..estimators.base import Estimator
from ..geometry.camera import Intrinsics
from ..landmarks.indices import PoseLandmark
from ..skeleton import JOINT
from ..system.progress import ProgressBar
from ..system.requirements import install_command
from .mediapipe_solutions import MediaPipeSolutions
from .people_matching import (
    JOINTS,
    PeopleCounts,
    counted_hands,
    counted_people,
    exchange_sides,
    joint_errors,
    match_hands,
)

#: Of PCK, torsos.
PCK_THRESHOLDS = (0.1, 0.2, 0.5)

#: A hand within this part of its box is near; a person whose mean error is at most this many torsos, and a joint.
NEAR_HAND, NEAR_PERSON = 0.2, 0.2

#: Lower ends of the intervals of confidence whose people, joints and hands are counted, the highest first.
CONFIDENCE_FROM = (0.9, 0.5, 0.0)

#: A person whose error exceeds the first, and is below the second share of it with left and right exchanged, has
#: the sides exchanged.
_SWAP_ERROR, _SWAP_SHARE = 0.2, 0.6

#: COCO's standard deviations of annotated joints, of the square root of the area, in the order of JOINTS.
_OKS_SIGMAS = np.repeat([0.079, 0.072, 0.062, 0.107, 0.087, 0.089], 2)


@dataclass(frozen=True, eq=False)
class GivenPerson:
    """One person estimated by a system in an image."""

    joints: dict[str, np.ndarray]       # JOINTS -> (2,) px
    confidence: float                   # 0 to 1
    hands: dict[str, np.ndarray]        # side -> (21, 2) px, of visible hands
    joint_confidence: dict[str, float] = field(default_factory=dict)    # JOINTS -> 0 to 1, if the system gives it
    hand_confidence: dict[str, float] = field(default_factory=dict)     # side -> 0 to 1, likewise


@dataclass(frozen=True, eq=False)
class GivenImage:
    """Output of a system for one image. loose_hands: (side, (21, 2) px) of hands without a person."""

    people: list[GivenPerson]
    loose_hands: list[tuple[str, np.ndarray]] = field(default_factory=list)


#: RGB image (H, W, 3) uint8 -> people and hands.
System = Callable[[np.ndarray], GivenImage]


@dataclass
class Measures(PeopleCounts):
    """Measures of one system over all images."""

    #: (image, person) of the annotations -> joint -> error in torsos, of visible joints.
    errors: dict[tuple[int, int], dict[str, float]] = field(default_factory=dict)
    confidence: dict[tuple[int, int], float] = field(default_factory=dict)
    #: (confidence, error in torsos) of visible joints.
    joints: list[tuple[float, float]] = field(default_factory=list)
    #: (confidence, error in boxes) of hands of people who are annotated there; infinite where no hand is.
    arm_hands: list[tuple[float, float]] = field(default_factory=list)
    swapped: set[tuple[int, int]] = field(default_factory=set)
    hands: int = 0
    hand_errors: list[float] = field(default_factory=list)
    hands_wrong_side: int = 0
    hands_invented: int = 0
    #: Of COCO's keypoint evaluation.
    detections: list[dict] = field(default_factory=list)

    def add(self, number: int, image: AnnotatedImage, given: GivenImage) -> None:
        """Count one image, the `number`-th."""
        true = counted_people(image)
        found = self.add_people([person.joints for person in given.people], image)
        for k, row in found.items():
            self._add_person((number, row), given.people[k], true[row])
        self._add_hands(image, given, {k: true[row] for k, row in found.items()})
        self.detections += [_detection(number, person) for person in given.people]

    def _add_person(self, key, person, true):
        errors = {name: error for name, error in joint_errors(person.joints, true).items() if name not in true.hidden}
        if not errors:
            return
        self.errors[key], self.confidence[key] = errors, person.confidence
        self.joints += [(person.joint_confidence[name], error) for name, error in errors.items()
                        if name in person.joint_confidence]
        exchanged = joint_errors(exchange_sides(person.joints), true)
        error = np.mean(list(errors.values()))
        if error > _SWAP_ERROR and np.mean([exchanged[name] for name in errors]) < _SWAP_SHARE * error:
            self.swapped.add(key)

    def _add_hands(self, image, given, owners):
        hands = [(k, side, points) for k, person in enumerate(given.people) for side, points in person.hands.items()]
        hands += [(-1, side, points) for side, points in given.loose_hands]
        true = counted_hands(image)
        matched = match_hands([points for _, _, points in hands], true)
        self.hands += len(true)
        self.hand_errors += [error for _, error in matched.values()]
        self.hands_wrong_side += sum(true[row][0] != hands[k][1] for k, (row, _) in matched.items())
        for k, (owner, side, _) in enumerate(hands):
            person = owners.get(owner)
            if person is None:
                continue
            unseen = k not in matched and side in person.sides_without_hand
            self.hands_invented += unseen
            sure = given.people[owner].hand_confidence.get(side)
            if sure is not None and (k in matched or unseen or side in person.hands):
                self.arm_hands.append((sure, matched[k][1] if k in matched else np.inf))

    def summary(self, common: set[tuple[int, int]], true: Sequence[dict]) -> dict:
        """Plain numbers, for JSON; None if there is nothing to measure."""
        result = {'people': self.people, 'people_found': self.people_found, 'people_invented': self.people_invented,
                  'sides_exchanged': len(self.swapped), **_error_figures(self.errors)}
        result.update({f'common_{key}': value for key, value in _error_figures(
            {key: errors for key, errors in self.errors.items() if key in common}).items()})
        result['ap'], result['ap50'] = average_precision(true, self.detections)
        confidence = [self.confidence[key] for key in self.errors]
        means = [np.mean(list(errors.values())) for errors in self.errors.values()]
        correlation: Any = spearmanr(confidence, means) if len(set(confidence)) > 2 else None
        result['confidence_rank_correlation'] = None if correlation is None else float(correlation.statistic)
        result.update(_reliability('people', list(zip(confidence, means))), **_reliability('joints', self.joints),
                      **_reliability('hands', self.arm_hands, NEAR_HAND))
        result.update(hands=self.hands, hands_found=len(self.hand_errors), hands_wrong_side=self.hands_wrong_side,
                      hands_near=sum(error < NEAR_HAND for error in self.hand_errors),
                      hands_invented=self.hands_invented, hand_error_median=_median(self.hand_errors))
        return result


def run(images: Iterable[tuple[np.ndarray, AnnotatedImage]], total: int, estimator: Estimator,
        fov_degrees: float, *, progress: bool = True) -> dict:
    """{'images', 'estimator', 'people_found_by_all', 'rows': {name: Measures.summary}}.

    estimator: of independent images. fov_degrees: of the longer side of every image, as no intrinsics are given.
    """
    systems: dict[str, System] = {estimator.name: lambda image: estimated(estimator, image, fov_degrees)}
    solutions = MediaPipeSolutions.create()
    if solutions is not None:
        systems['MediaPipe'] = lambda image: mediapipe_image(solutions, image)
    measures = {name: Measures() for name in systems}
    true: list[dict] = []
    try:
        for number, (image, truth) in enumerate(ProgressBar(images, 'measuring', total=total, unit='image',
                                                            enabled=progress)):
            true += [_annotation(number, person) for person in counted_people(truth)]
            for name, measure in measures.items():
                measure.add(number, truth, systems[name](image))
    finally:
        if solutions is not None:
            solutions.close()
    common = set.intersection(*(set(measure.errors) for measure in measures.values()))
    return {'images': total, 'estimator': estimator.name, 'people_found_by_all': len(common),
            'rows': {name: measure.summary(common, true) for name, measure in measures.items()}}


def estimated(estimator: Estimator, image: np.ndarray, fov_degrees: float) -> GivenImage:
    """Output of an estimator for an image (H, W, 3) uint8 RGB, projected into it."""
    intrinsics = Intrinsics.from_fov(image.shape[1], image.shape[0], fov_degrees)
    people = [_estimated_person(person, intrinsics) for person in estimator.estimate(image, intrinsics)]
    return GivenImage(people, [(hand.side, hand.keypoints_2d.astype(float)) for hand in estimator.loose_hands])


def _estimated_person(person: WholeBodyEstimate, intrinsics: Intrinsics) -> GivenPerson:
    joints = person.joints.astype(float)
    pixels = joints[:, :2] / joints[:, 2:] * (intrinsics.fx, intrinsics.fy) + (intrinsics.cx, intrinsics.cy)
    sure = person.joint_confidence
    return GivenPerson({name: pixels[JOINT[name]] for name in JOINTS}, person.confidence,
                       {hand.side: hand.keypoints_2d.astype(float) for hand in person.hands if hand.visible},
                       {} if sure is None else {name: float(sure[JOINT[name]]) for name in JOINTS},
                       {hand.side: float(hand.confidence) for hand in person.hands if hand.visible})


def mediapipe_image(solutions: MediaPipeSolutions, image: np.ndarray) -> GivenImage:
    """Output of MediaPipe for an image (H, W, 3) uint8 RGB: Holistic's person, and the hands of Hands."""
    body = solutions.body(image)
    people = [] if body is None else [
        GivenPerson({name: body.pose[PoseLandmark[name.upper()]] for name in JOINTS}, body.confidence, {})]
    return GivenImage(people, [(hand.side, hand.points) for hand in solutions.hands(image)])


def average_precision(true: Sequence[dict], detections: Sequence[dict]) -> tuple[float | None, float | None]:
    """COCO's AP of the twelve joints, over OKS 0.50 to 0.95 and at 0.50; None if pycocotools is not installed.

    true, detections: COCO annotations and results of category 1 with 12 keypoints, in the order of JOINTS.
    """
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError:
        return None, None
    if not true or not detections:
        return (0.0, 0.0) if true else (None, None)
    with contextlib.redirect_stdout(io.StringIO()):
        coco: Any = COCO()      # its attributes are created dynamically
        coco.dataset = {'images': [{'id': k} for k in sorted({one['image_id'] for one in [*true, *detections]})],
                        'categories': [{'id': 1, 'name': 'person'}], 'info': {},
                        'annotations': [{**one, 'id': 1 + k} for k, one in enumerate(true)]}
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(list(detections)), 'keypoints')
        evaluation.params.kpt_oks_sigmas = _OKS_SIGMAS
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[0]), float(evaluation.stats[1])


def _annotation(number: int, person: AnnotatedPerson) -> dict:
    points = np.array([(*person.joints[name], 1 if name in person.hidden else 2) if name in person.joints
                       else (0, 0, 0) for name in JOINTS], float)
    area = person.area or float(0.5 * person.box_xywh[2:].prod())
    return {'image_id': number, 'category_id': 1, 'iscrowd': 0, 'bbox': person.box_xywh.tolist(),
            'area': max(area, 1.0), 'keypoints': points.ravel().tolist(),
            'num_keypoints': int((points[:, 2] > 0).sum())}


def _detection(number: int, person: GivenPerson) -> dict:
    points = np.array([(*person.joints[name], 1.0) for name in JOINTS])
    return {'image_id': number, 'category_id': 1, 'keypoints': points.ravel().tolist(), 'score': person.confidence}


def _error_figures(errors):
    means = [float(np.mean(list(person.values()))) for person in errors.values()]
    joints = np.array([error for person in errors.values() for error in person.values()])
    return {'error_mean': float(np.mean(means)) if means else None, 'error_median': _median(means),
            **{f'pck_{threshold}': float((joints < threshold).mean()) if means else None
               for threshold in PCK_THRESHOLDS}}


def _reliability(name, rows, near=NEAR_PERSON):
    """How many (confidence, error) are of each interval of confidence, and how many of those are near."""
    result, below = {}, np.inf
    for low in CONFIDENCE_FROM:
        inside = [error <= near for confidence, error in rows if low <= confidence < below]
        result[f'{name}_confident_{low}'], result[f'{name}_confident_{low}_near'] = len(inside), sum(map(int, inside))
        below = low
    return result


def _median(values):
    return float(np.median(values)) if len(values) else None


#: Label -> key of Measures.summary, and its format: a number of decimals, '%', or the key of its total.
_ROWS = (('people found', 'people_found', 'people'), ('people invented', 'people_invented', 0),
         ('left and right exchanged', 'sides_exchanged', 0),
         ('joint error, torsos, mean', 'error_mean', 3), ('  median', 'error_median', 3),
         *((f'PCK@{threshold}, %', f'pck_{threshold}', '%') for threshold in PCK_THRESHOLDS),
         ('found by all: error, mean', 'common_error_mean', 3), ('  median', 'common_error_median', 3),
         *((f'  PCK@{threshold}, %', f'common_pck_{threshold}', '%') for threshold in PCK_THRESHOLDS),
         ('AP of 12 joints, %', 'ap', '%'), ('AP at OKS 0.5, %', 'ap50', '%'),
         ('confidence and error, rank corr.', 'confidence_rank_correlation', 2),
         *((f'{name} of confidence {low} to {high}: near', f'{name}_confident_{low}_near', f'{name}_confident_{low}')
           for name in ('people', 'joints', 'hands') for low, high in zip(CONFIDENCE_FROM, (1.0, *CONFIDENCE_FROM))),
         ('hands found', 'hands_found', 'hands'), (f'  within {NEAR_HAND} of their box', 'hands_near', 'hands'),
         ('  of the wrong side', 'hands_wrong_side', 0), ('  error, boxes, median', 'hand_error_median', 3),
         ('hands given where none is seen', 'hands_invented', 0))


def format_table(result: dict) -> str:
    """Text for the user."""
    rows = result['rows']
    lines = [f'{result["images"]} photographs; {result["people_found_by_all"]} people found by all',
             f'{"":36s}' + ''.join(f'{name:>16s}' for name in rows)]
    for label, key, style in _ROWS:
        lines.append(f'{label:36s}' + ''.join(f'{_cell(row, key, style):>16s}' for row in rows.values()))
    if 'MediaPipe' not in rows:
        lines.append(f'MediaPipe is not installed: {install_command("mediapipe")} to compare with it')
    if all(row['ap'] is None for row in rows.values()):
        lines.append(f'AP needs pycocotools: {install_command("pycocotools")}')
    return '\n'.join(lines)


def _cell(row, key, style):
    value = row[key]
    if value is None:
        return '-'
    if style == '%':
        return f'{100 * value:.1f}'
    return f'{value} of {row[style]}' if isinstance(style, str) else f'{value:.{style}f}'
