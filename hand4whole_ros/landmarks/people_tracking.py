"""All people and hands in the images of a video: from the regions of the last image, with detectors at intervals.

A track continues from image to image by its region: `track_id` comes from the regions alone. The cost of an image is
bounded, whoever is in it: the full search of an unrelated image is spread over several images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import cycle
from typing import NamedTuple

import numpy as np

from ..skeleton import SIDES
from .detection import Detection
from .hand_detection import (
    ARM_REGIONS,
    HandFound,
    HandsDetector,
    distinct_hands,
    is_folded_fingers,
    other_palms,
    same_hand,
)
from .hand_detection import SCALES as PALM_SCALES
from .hand_evidence import MIN_HAND_EVIDENCE, hand_evidence
from .hands import MIN_PRESENCE as MIN_HAND_PRESENCE
from .measures import hand_distance, is_hand_inside
from .mirror_memory import MirrorMemory, pose_both_ways
from .people import ImageLandmarks, assembled
from .people_detection import (
    RIGHT_ANGLES,
    Candidate,
    CandidateEvaluation,
    PeopleDetector,
    PersonPose,
    distinct,
    is_outweighed,
    same_region,
)
from .person_evidence import same_person, similarity
from .pose import MIN_PRESENCE, PoseLandmarker, PoseLandmarks
from .regions import Region
from .runtime import Runtime
from .tiles import SCALES, at_angle, tiles

#: While a person is tracked, a detector runs in one square of every so-many-th image. Where people may be missing, in a
#: new video and after somebody was lost, the first round of squares takes an image for each.
DETECT_EVERY = 5

#: Maximum number of candidates evaluated in one image, the best; the others wait for the next image. Candidates that
#: are not people are skipped for so many images.
_MAX_CANDIDATES, _REFUSED_IMAGES = 2, 15

#: So many images after somebody was lost candidates are evaluated at once: who was lost may return.
_RETURN_IMAGES = 15

#: A tracked pose with less evidence is lost; a new one needs more than the detector's min_evidence.
_MIN_EVIDENCE = -2.5

#: The mirror image of a person who hardly moves is evaluated in every so-many-th image, and in every one while there is
#: less evidence than this.
MIRROR_EVERY, _SURE_EVIDENCE = 5, 4.4

#: Images between two attempts to locate the hand of an arm.
_HAND_EVERY = 3

#: A hand of an arm of less confidence is searched as if it were missing, and replaced by one of so much more evidence.
_SURE_HAND, _MORE_EVIDENT = 0.9, 0.5

#: Of two tracks on one person the younger is kept if it is more similar to its last pose by this much.
_STEADIER = 0.2

#: A tracked hand and that of the last image are the same if they differ by less than this many palms.
_MAX_HAND_STEP = 2.0


@dataclass(eq=False)
class _Track:
    track_id: int
    person: PersonPose
    mirror: MirrorMemory | None = None
    # Images until the hand of an arm is searched again: not that of the other arm in the same image.
    wait: dict[str, int] = field(default_factory=lambda: dict(zip(SIDES, (_HAND_EVERY, _HAND_EVERY // 2))))
    #: The region, beside the pose's, in which the hand of an arm is searched next: each in turn.
    region: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SIDES, 1))


@dataclass(eq=False)
class _HandTrack:
    track_id: int
    found: HandFound


class _Search(NamedTuple):
    """The evaluation of a candidate that a detector has found while people are tracked."""

    evaluation: CandidateEvaluation
    known: list[PoseLandmarks]      # of the tracked people in the candidate's image


class PeopleTracker:
    """Tracks all people and hands of the images of one video, in their order.

    max_people, people, hands, lite_hands: as PeopleLandmarker. detect_every: images from one run of a detector to the
    next while a person is tracked. both_ways: poses are the means of those estimated in regions and in their mirror
    images: they are more accurate, and have a better confidence. mirror_every: images from one mirror image to the next
    of a person who hardly moves: see mirror_memory; 1: in all images. Raises ValueError for numbers below 1,
    LandmarksUnavailable as the networks do.
    """

    def __init__(self, max_people: int = 10, *, people: bool = True, hands: bool = True, lite_hands: bool = False,
                 detect_every: int = DETECT_EVERY, both_ways: bool = False, mirror_every: int = MIRROR_EVERY,
                 runtime: Runtime | None = None):
        if min(max_people, detect_every, mirror_every) < 1:
            raise ValueError(f'max_people, detect_every and mirror_every must be 1 or more, found {max_people}, '
                             f'{detect_every} and {mirror_every}')
        self.max_people, self.detect_every, self.mirror_every = max_people, detect_every, mirror_every
        self._runtime = runtime or Runtime(workers=2)
        self._people = PeopleDetector(self._runtime) if people else None
        self._hands = HandsDetector(lite_hands, self._runtime)
        self._loose_hands, self._both_ways = hands, both_ways
        self.restart()

    def reset(self) -> None:
        """Forget all tracks; track ids continue."""
        self._tracks: list[_Track] = []
        self._hand_tracks: list[_HandTrack] = []
        self._searches: list[_Search] = []
        #: (track id, side) -> confidence of the hand, of those arms that had one in the last image.
        self._arms_with_hands: dict[tuple[int, str], float] = {}
        self._refused: list[tuple[Region, int]] = []    # regions without a person, skipped until that image
        self._urgent: Region | None = None      # the region that the people detector runs in next
        self._shape = None
        self._images = self._hurry_until = 0

    def restart(self) -> None:
        """Forget all tracks, and restart at track id 0, for another video."""
        self._next_id = self._next_hand_id = 0
        self.reset()

    def track(self, image: np.ndarray) -> ImageLandmarks:
        """All people and hands of the next RGB image (H, W, 3) uint8; an image of another size begins a new video.

        Raises ValueError if `image` is not an image.
        """
        whole = Region.of_image(image)
        if image.shape != self._shape:
            self.reset()
            self._shape = image.shape
            self._search_beside_people(image)
            self._of_nobody = cycle(_regions_of_nobody(image))
            self._palm_regions = cycle(tiles(image, PALM_SCALES))
        searched, palms_searched, first_new = self._people_region(), self._palm_region(), self._next_id
        (lost, finished, hands), (candidates, palms) = self._runtime.both(
            partial(self._follow, image), partial(self._detect, image, searched, palms_searched))
        self._add_hands(hands)
        if self._people is not None:
            self._add_searched(self._people, image, finished)
            if lost:    # and maybe still present
                self._hurry_until = self._images + _RETURN_IMAGES
                self._search_beside_people(image)
                searched, candidates = whole, self._people.candidates(image, [whole])
            if searched is not None:
                self._add_people(self._people, image, searched, candidates)
        found = self._result()
        added = self._locate_hands(image, found, first_new)
        added |= self._add_palms(image, palms)
        self._images += 1
        found = self._result() if added else found
        self._arms_with_hands = _arms_with_hands(found)
        return found

    def _people_region(self) -> Region | None:
        """Where people are searched in this image."""
        if self._searches:
            return None
        if self._urgent is not None:
            return self._urgent
        if not self._tracks:
            return next(self._of_nobody)
        first_round = self._unsearched > 0 and len(self._tracks) < self.max_people
        if not first_round and not self._due(self._tracks, 0):
            return None
        self._unsearched -= first_round
        return next(self._beside_people)

    def _search_beside_people(self, image):
        """Begins the search beside people who are tracked anew."""
        squares = _regions_beside_people(image)
        self._beside_people, self._unsearched = cycle(squares), len(squares)

    def _palm_region(self) -> Region | None:
        """Where hands without an arm are searched in this image; those of people are located by their arms."""
        due = self._loose_hands and self._due(len(self._hand_tracks) + len(self._tracks), self.detect_every // 2)
        return next(self._palm_regions) if due else None

    def _due(self, tracked, phase):
        return not tracked or self._images % self.detect_every == phase

    def _detect(self, image, people_region: Region | None, palm_region: Region | None
                ) -> tuple[list[Candidate], list[Detection]]:
        """Candidates for people in one region and the palms in another."""
        return (self._people.candidates(image, [people_region]) if self._people and people_region else [],
                self._hands.palms(image, [palm_region]) if palm_region else [])

    def _follow(self, image) -> tuple[bool, list[_Search], list[HandFound]]:
        """Tracks all people and hands of the last image, and continues the searches beside them, all in parallel.

        Returns whether a person was lost, the searches that are finished, and new hands of arms.
        """
        people = [] if self._people is None else [
            partial(self._follow_person, self._people, image, track) for track in self._tracks]
        hands = [partial(self._follow_hand, image, track) for track in self._hand_tracks]
        searches = [search.evaluation.step for search in self._searches]
        arms = [partial(self._hands.of_arm, image, pose, side, regions) for pose, side, regions in self._arms_due()]
        work: list[Callable[[], _Track | _HandTrack | HandFound | None]] = [*people, *hands, *searches, *arms]
        results = [one for one in self._runtime.map(lambda call: call(), work) if one is not None]
        followed = [track for track in results if isinstance(track, _Track)]
        lost = len(followed) < len(self._tracks)
        self._tracks = _one_each(followed, {track.track_id: track.person.pose for track in self._tracks})
        self._hand_tracks = []
        for track in (track for track in results if isinstance(track, _HandTrack)):
            if not any(same_hand(track.found.hand, other.found.hand) for other in self._hand_tracks):
                self._hand_tracks.append(track)
        self._hand_tracks = [track for track in self._hand_tracks if self._is_evident(track.found)]
        finished = [search for search in self._searches if search.evaluation.finished]
        self._searches = [search for search in self._searches if not search.evaluation.finished]
        return lost, finished, [hand for hand in results if isinstance(hand, HandFound)]

    def _is_evident(self, found: HandFound) -> bool:
        """Whether a hand is that of an arm or, of no arm, was confirmed by a palm: otherwise it is searched anew."""
        return found.palm_score > 0 or self._evidence(found) > MIN_HAND_EVIDENCE

    def _evidence(self, found: HandFound) -> float:
        """The evidence of a hand for the arm for which it has most; -inf if nobody is tracked."""
        return max((hand_evidence(found, track.person.pose, side) for track in self._tracks for side in SIDES),
                   default=-np.inf)

    def _arms_due(self) -> list[tuple[PoseLandmarks, str, tuple[int, ...]]]:
        """The arms whose hands are searched in this image, at intervals: pose of the last image, side, and regions."""
        due = []
        for track in self._tracks:
            for side in track.wait:
                if self._arms_with_hands.get((track.track_id, side), 0.0) >= _SURE_HAND:
                    track.wait[side], track.region[side] = 0, 1
                elif track.wait[side] > 0:
                    track.wait[side] -= 1
                else:
                    track.wait[side] = _HAND_EVERY
                    due.append((track.person.pose, side, (0, track.region[side])))
                    track.region[side] = track.region[side] % (ARM_REGIONS - 1) + 1
        return due

    def _follow_person(self, people: PeopleDetector, image, track: _Track) -> _Track | None:
        """The track in the next image; None if the person is lost there."""
        followed = self._follow_pose(people, image, track)
        if track.mirror is not None and (followed is None or followed.person.evidence < _SURE_EVIDENCE):
            # In doubt nothing that is remembered counts.
            followed = self._follow_pose(people, image, replace(track, mirror=None))
        return followed

    def _follow_pose(self, people: PeopleDetector, image, track: _Track) -> _Track | None:
        seen, memory = self._pose(people.landmarker, image, track)
        if seen.presence < MIN_PRESENCE:
            return None
        person = people.judged(image, track.person.score, seen)
        if person.evidence < _SURE_EVIDENCE:
            memory = None
        return replace(track, person=person, mirror=memory) if person.evidence > _MIN_EVIDENCE else None

    def _follow_hand(self, image, track: _HandTrack) -> _HandTrack | None:
        """The track in the next image; None if the hand is lost there."""
        seen = self._hands.landmarker.landmarks(image, track.found.hand.next_region)
        lost = (seen.presence < MIN_HAND_PRESENCE or not is_hand_inside(seen.landmarks, image)
                or hand_distance(seen.landmarks, track.found.hand.landmarks) > _MAX_HAND_STEP)
        return None if lost else replace(track, found=HandFound(seen, 0.0, track.found.palm_score))

    def _pose(self, landmarker: PoseLandmarker, image, track: _Track) -> tuple[PoseLandmarks, MirrorMemory | None]:
        region = track.person.pose.next_region
        if not self._both_ways:
            return landmarker.landmarks(image, region), None
        # At intervals: of several people in different images, and of the first ones where no detector runs.
        due = self._images % self.mirror_every == (-1 - track.track_id) % self.mirror_every
        pose, memory = pose_both_ways(landmarker, image, region, track.mirror, mirror=due)
        return pose, None if self.mirror_every == 1 else memory

    def _add_people(self, people: PeopleDetector, image, region: Region, candidates: Sequence[Candidate]):
        """Evaluates candidates of this image, now or, if there is no hurry, beside other people in the next images."""
        self._refused = [(other, until) for other, until in self._refused if self._images < until]
        done = [track.person.pose.next_region for track in self._tracks] + [other for other, _ in self._refused]
        done += [search.evaluation.candidate.region for search in self._searches]
        candidates = [candidate for candidate in candidates
                      if not any(same_region(candidate.region, other) for other in done)]
        tracked = self._tracks or self._hand_tracks
        hurry = not tracked or self._urgent is not None or self._images < self._hurry_until
        self._urgent = region if len(candidates) > _MAX_CANDIDATES else None
        candidates = candidates[:_MAX_CANDIDATES]
        if not hurry and self._urgent is None:
            image, known = image.copy(), [track.person.pose for track in self._tracks]
            self._searches += [_Search(people.evaluation(image, candidate), known) for candidate in candidates]
            return
        judged = people.judge_candidates(image, candidates)
        for candidate, person in zip(candidates, judged):
            if person is None:
                self._refuse(candidate)
        self._add_tracks(distinct(person for person in judged if person is not None))

    def _add_searched(self, people: PeopleDetector, image, finished: Sequence[_Search]):
        """Tracks the people of finished searches, in this image."""
        for search in finished:
            person = search.evaluation.person
            if person is None:
                self._refuse(search.evaluation.candidate)
            elif not any(same_person(person.pose, pose) for pose in search.known):
                track = self._follow_person(people, image, _Track(-1, person))
                self._add_tracks([] if track is None else [track.person])

    def _refuse(self, candidate: Candidate):
        self._refused.append((candidate.region, self._images + _REFUSED_IMAGES))

    def _add_tracks(self, found: Sequence[PersonPose]):
        """Tracks people who are not tracked yet."""
        known = [track.person for track in self._tracks]
        for person in found:
            if not any(same_person(person.pose, other.pose) or is_outweighed(person, other) for other in known):
                self._tracks.append(_Track(self._next_id, person))
                self._next_id += 1
        self._tracks = sorted(self._tracks, key=lambda track: -track.person.size)[:2 * self.max_people]
        self._tracks.sort(key=lambda track: track.track_id)

    def _locate_hands(self, image, found: ImageLandmarks, first_new: int) -> bool:
        """Searches the hands of new people, and of arms that have just lost theirs; returns whether there are any.

        first_new: the least track id of new people.
        """
        known = _arms_with_hands(found)
        arms = [(track.person.pose, side) for track in self._tracks for side in SIDES
                if (track.track_id, side) not in known
                and (track.track_id >= first_new or (track.track_id, side) in self._arms_with_hands)]
        hands = self._runtime.map(lambda one: self._hands.of_arm(image, *one), arms)
        return self._add_hands([hand for hand in hands if hand is not None])

    def _add_palms(self, image, palms: Sequence[Detection]) -> bool:
        """Adds the hands of detected palms; returns whether there are any."""
        # Palms of tracked hands would add nothing to those that a palm has confirmed.
        confirmed = [track.found.hand for track in self._hand_tracks if track.found.palm_score > 0]
        hands = self._runtime.map(lambda palm: self._hands.of_palm(image, palm), other_palms(palms, confirmed))
        return self._add_hands([hand for hand in hands if hand is not None])

    def _add_hands(self, found: Sequence[HandFound]) -> bool:
        """Adds hands to those that are tracked; returns whether there are any."""
        tracked = list(self._hand_tracks)
        for hand in distinct_hands(found):
            same = next((track for track in tracked if same_hand(hand.hand, track.found.hand)), None)
            if same is not None:
                palm_score = max(same.found.palm_score, hand.palm_score)
                better = hand if self._evidence(hand) > self._evidence(same.found) + _MORE_EVIDENT else same.found
                same.found = replace(better, palm_score=palm_score)
            elif not any(is_folded_fingers(hand, track.found) for track in tracked):
                self._hand_tracks.append(_HandTrack(self._next_hand_id, hand))
                self._next_hand_id += 1
        return bool(found)

    def _result(self) -> ImageLandmarks:
        return assembled([track.person for track in self._tracks], [track.found for track in self._hand_tracks],
                         self.max_people, loose_hands=self._loose_hands, ids=[track.track_id for track in self._tracks],
                         hand_ids=[track.track_id for track in self._hand_tracks])


def _arms_with_hands(found: ImageLandmarks) -> dict[tuple[int, str], float]:
    """(track id, side) -> confidence of the hand, of those arms that have one."""
    return {(person.track_id, side): confidence for person in found.people
            for side, confidence in person.hand_confidence.items()}


def _one_each(tracks: Sequence[_Track], last: dict[int, PoseLandmarks]) -> list[_Track]:
    """Of several tracks that are on one person now, that whose pose has changed least since the last image.

    Somebody who passes before another draws the other's region to himself: he stays himself, and the other is lost.
    If they have changed alike, the older track is kept. tracks: the oldest first; last: their last poses, by track id.
    """
    kept: list[_Track] = []
    for track in tracks:
        same = next((other for other in kept if same_person(track.person.pose, other.person.pose)), None)
        if same is None:
            kept.append(track)
            continue
        steady, other = (similarity(last[one.track_id], one.person.pose) for one in (track, same))
        if steady > other + _STEADIER:
            kept[kept.index(same)] = track
    return sorted(kept, key=lambda track: track.track_id)


def _regions_beside_people(image) -> list[Region]:
    """Regions for the people detector while a person is tracked, in turn: upright squares, then the other angles."""
    whole, *parts = tiles(image, SCALES)
    return [whole, *parts, *(at_angle(whole, angle) for angle in RIGHT_ANGLES[1:])]


def _regions_of_nobody(image) -> list[Region]:
    """Regions while no person is tracked: the upright image, for people who enter, before each of the others."""
    whole, *parts = tiles(image, SCALES)
    others = [*(at_angle(whole, angle) for angle in RIGHT_ANGLES[1:]), *parts]
    return [region for other in others for region in (whole, other)]
