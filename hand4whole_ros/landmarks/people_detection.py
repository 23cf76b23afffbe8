"""All people in an image: detection in squares at several scales and angles, landmarks, and rejection.

The detector's input is 224 x 224 px, and it detects mostly upright people. Squares at several scales are for far people
and wide images; rotated squares are for people who lie, and for a camera that is not upright.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from .face import FaceDetector, pose_face_region
from .indices import LIMBS, PoseLandmark
from .measures import torso_length
from .person_evidence import evidence, evidence_and_clarity, face_evidence, same_person, similarity
from .pose import PoseDetector, PoseLandmarker, PoseLandmarks, person_region, with_disagreement
from .regions import Region
from .runtime import Runtime
from .tiles import SCALES, at_angle, tiles

#: Detections with a lower score are no candidates. The landmarks decide.
MIN_SCORE = 0.25

#: A first pose with a lower presence is not estimated again; a final pose with a lower presence is rejected.
_MIN_FIRST_PRESENCE, _MIN_PRESENCE = 0.1, 0.5

#: A pose of one way with less evidence is not estimated again: of 653 candidates on people 8 begin so, and a sixth of
#: the work of a search ends there.
_MIN_FIRST_EVIDENCE = -8.0

#: Detected regions nearer than this, in sides, of about the same side and rotation, are of the same person.
_SAME_CENTRE, _SAME_SIDE, _SAME_ROTATION = 0.12, 1.3, np.radians(30)

#: A pose is estimated again in its own region at most this often, until two successive poses are this similar.
_LOOKS, _CONVERGED = 2, 0.7

#: Poses with less evidence are no people.
_MIN_EVIDENCE = -0.5

#: Evidence between these is in doubt.
_DOUBTFUL = (-2.7, 2.0)

#: A pose with less evidence than the first is doubtful. It is rejected beside a person who exceeds it by the second if
#: it is upside down, and by the third if the last share of it lies on that person.
_MAX_DOUBTFUL_EVIDENCE, _MORE_EVIDENT, _MUCH_MORE_EVIDENT, _SHARE_OF_PART = 4.4, 3.5, 6.0, 0.6

#: Angles at which unrelated images are searched.
RIGHT_ANGLES = (0.0, np.pi / 2, np.pi, -np.pi / 2)


@dataclass(frozen=True, eq=False)
class Candidate:
    """A region in which a person may be, with the detector's score."""

    region: Region
    score: float


@dataclass(frozen=True, eq=False)
class PersonPose:
    """The pose of one person."""

    pose: PoseLandmarks
    evidence: float         # log-odds that it is a person
    score: float            # the detector's, 0 to 1
    clarity: float          # of several poses of one person the clearest is taken

    @property
    def size(self) -> float:
        """Length of the torso, px."""
        return torso_length(self.pose.landmarks)


class CandidateEvaluation:
    """The evaluation of a candidate in steps of one run of the landmark network."""

    def __init__(self, candidate: Candidate, steps: Generator[None, None, PersonPose | None]):
        self.candidate = candidate
        self.finished = False
        self.person: PersonPose | None = None     # once it is finished; None: the candidate is not a person
        self._steps = steps

    def step(self) -> None:
        """The next step; there is none once it is finished."""
        try:
            next(self._steps)
        except StopIteration as end:
            self.finished, self.person = True, end.value


class PeopleDetector:
    """Estimates the poses of all people in an unrelated image.

    max_candidates: maximum number of regions that are evaluated, those of the highest scores. min_evidence: of the
    people who are returned.
    """

    def __init__(self, runtime: Runtime | None = None, scales: Sequence[float] = SCALES, max_candidates: int = 40,
                 min_evidence: float = _MIN_EVIDENCE):
        self._runtime = runtime or Runtime(workers=2)
        self.scales, self.max_candidates, self.min_evidence = tuple(scales), max_candidates, min_evidence
        self._detector = PoseDetector(MIN_SCORE, self._runtime)
        self._faces = FaceDetector(runtime=self._runtime)
        self.landmarker = PoseLandmarker(self._runtime)

    def detect(self, image: np.ndarray) -> list[PersonPose]:
        """All people in an RGB image (H, W, 3) uint8, each once, the most evident first.

        Raises ValueError if `image` is not an image.
        """
        whole = Region.of_image(image)
        found = self.detect_in(image, [at_angle(whole, angle) for angle in RIGHT_ANGLES])
        # The rotation of the most evident person is the first angle for the smaller squares.
        angles = [_nearest_right_angle(found[0].pose.region.rotation)] if found else [0.0]
        parts = tiles(image, [scale for scale in self.scales if scale < 1])
        while True:
            found = self.detect_in(image, [at_angle(part, angles[-1]) for part in parts], found)
            rest = [angle for angle in RIGHT_ANGLES if angle not in angles]
            if found or not rest:
                return found
            angles.append(rest[0])

    def detect_in(self, image: np.ndarray, regions: Iterable[Region], known: Sequence[PersonPose] = ()
                  ) -> list[PersonPose]:
        """`known` people and those detected in regions of an image, each once, the most evident first."""
        return distinct([*known, *self.poses(image, self.candidates(image, regions))])

    def candidates(self, image: np.ndarray, regions: Iterable[Region]) -> list[Candidate]:
        """Regions of people detected in regions of an image, without duplicates, highest score first."""
        detections = self._runtime.map(lambda region: self._detector.detect(image, region), regions)
        kept: list[Candidate] = []
        for detection in sorted((one for some in detections for one in some), key=lambda one: -one.score):
            region = person_region(detection)
            if not any(same_region(region, other.region) for other in kept):
                kept.append(Candidate(region, detection.score))
        return kept[:self.max_candidates]

    def poses(self, image: np.ndarray, candidates: Sequence[Candidate]) -> list[PersonPose]:
        """The poses of those candidates who are people."""
        return [one for one in self.judge_candidates(image, candidates) if one is not None]

    def judge_candidates(self, image: np.ndarray, candidates: Sequence[Candidate]) -> list[PersonPose | None]:
        """The pose of each candidate; None for candidates that are not people."""
        return self._runtime.map(lambda candidate: self.pose(image, candidate), candidates)

    def pose(self, image: np.ndarray, candidate: Candidate) -> PersonPose | None:
        """The pose of one candidate; None if it is not a person."""
        evaluation = self.evaluation(image, candidate)
        while not evaluation.finished:
            evaluation.step()
        return evaluation.person

    def evaluation(self, image: np.ndarray, candidate: Candidate) -> CandidateEvaluation:
        """`pose`, in steps."""
        return CandidateEvaluation(candidate, self._evaluate(image, candidate))

    def _evaluate(self, image, candidate: Candidate) -> Generator[None, None, PersonPose | None]:
        """The pose in a region, estimated again in the region of its landmarks, and its mirror disagreement."""
        height, width = image.shape[:2]
        pose = self.landmarker.landmarks(image, candidate.region)
        for _ in range(_LOOKS):
            one_way = evidence(candidate.score, pose, width=width, height=height)
            if pose.presence < _MIN_FIRST_PRESENCE or one_way < _MIN_FIRST_EVIDENCE:
                return None
            yield
            last, pose = pose, self.landmarker.landmarks(image, pose.next_region)
            if similarity(last, pose) > _CONVERGED:
                break
        if pose.presence < _MIN_PRESENCE:
            return None
        yield
        mirrored = self.landmarker.landmarks(image, pose.region, mirrored=True)
        person = self.judged(image, candidate.score, with_disagreement(pose, mirrored))
        return person if person.evidence > self.min_evidence else None

    def judged(self, image: np.ndarray, score: float, pose: PoseLandmarks) -> PersonPose:
        """A pose with its evidence. If that is in doubt, a face detected at the pose's head is added to it."""
        height, width = image.shape[:2]
        found, clarity = evidence_and_clarity(score, pose, width=width, height=height)
        if _DOUBTFUL[0] < found < _DOUBTFUL[1]:
            faces = self._faces.detect(image, pose_face_region(pose.landmarks))
            found += face_evidence(faces[0] if faces else None, pose)
        return PersonPose(pose, found, score, clarity)


def distinct(people: Iterable[PersonPose]) -> list[PersonPose]:
    """Each person once, with the clearest pose; the most evident first.

    Doubtful poses that others outweigh are left out: see is_outweighed.
    """
    groups: list[list[PersonPose]] = []
    for person in sorted(people, key=lambda one: -one.evidence):
        group = next((group for group in groups if same_person(person.pose, group[0].pose)), None)
        if group is None:
            groups.append([person])
        else:
            group.append(person)
    clearest = [max(group, key=lambda one: one.clarity) for group in groups]
    return [one for k, one in enumerate(clearest) if not any(is_outweighed(one, other) for other in clearest[:k])]


def is_outweighed(person: PersonPose, other: PersonPose) -> bool:
    """Whether a doubtful pose is likely a false detection beside one that is much more evident.

    It lies on a part of that person, or is upside down relative to it.
    """
    more = other.evidence - person.evidence
    if person.evidence > _MAX_DOUBTFUL_EVIDENCE or more < _MORE_EVIDENT:
        return False
    turn = person.pose.region.rotation - other.pose.region.rotation
    if np.cos(turn) < 0:
        return True
    (low, high), (other_low, other_high) = (_extent(one.pose) for one in (person, other))
    common = np.maximum(np.minimum(high, other_high) - np.maximum(low, other_low), 0)
    return bool(more > _MUCH_MORE_EVIDENT and common.prod() > _SHARE_OF_PART * (high - low).prod())


def _extent(pose):
    """The corners of the box around nose and limbs, px."""
    points = pose.landmarks[[PoseLandmark.NOSE, *LIMBS], :2]
    return points.min(axis=0), points.max(axis=0)


def same_region(one: Region, other: Region) -> bool:
    """Whether two regions are about the same: their landmarks would be those of the same person."""
    side = min(one.side, other.side)
    return bool(np.linalg.norm(one.centre - other.centre) < _SAME_CENTRE * side
                and max(one.side, other.side) < _SAME_SIDE * side
                and abs(np.angle(np.exp(1j * (one.rotation - other.rotation)))) < _SAME_ROTATION)


def _nearest_right_angle(rotation):
    return min(RIGHT_ANGLES, key=lambda angle: abs(np.angle(np.exp(1j * (rotation - angle)))))
