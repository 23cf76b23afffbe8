"""How likely a hand in an image is that of an arm, and how sure its landmarks are of being right."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip('ai_edge_litert')

from hand4whole_ros.detection.hand_filter import filter_hands  # noqa: E402
from hand4whole_ros.detection.landmark_people import LandmarkPeople  # noqa: E402
from hand4whole_ros.landmarks.hand_assignment import assign  # noqa: E402
from hand4whole_ros.landmarks.hand_evidence import MIN_HAND_EVIDENCE, hand_evidence, is_shown  # noqa: E402
from hand4whole_ros.landmarks.indices import POSE_HAND, HandLandmark  # noqa: E402
from hand4whole_ros.landmarks.measures import hand_distance, torso_length  # noqa: E402
from hand4whole_ros.landmarks.people import PeopleLandmarker  # noqa: E402
from hand4whole_ros.landmarks.people_tracking import PeopleTracker  # noqa: E402
from hand4whole_ros.synthetic import dataset  # noqa: E402


@pytest.fixture(scope='module')
def image():
    return dataset.render_person(3, 0)[0]


@pytest.fixture(scope='module')
def seen(image):
    """A pose, the hand of one of its arms, and the side."""
    landmarker = PeopleLandmarker()
    pose = landmarker.people.detect(image)[0].pose
    found, side = next((hand, side) for side in POSE_HAND
                       if (hand := landmarker.hands.of_arm(image, pose, side)) is not None)
    return pose, found, side


def moved(found, offset):
    return replace(found, hand=replace(found.hand, landmarks=found.hand.landmarks + (*offset, 0)))


def scaled(found, scale):
    points = found.hand.landmarks
    return replace(found, hand=replace(found.hand, landmarks=points[HandLandmark.WRIST] + scale * (
        points - points[HandLandmark.WRIST])))


def unsure(found, presence):
    return replace(found, hand=replace(found.hand, presence=presence), mirrored_presence=presence)


def test_a_hand_at_its_wrist_is_more_likely_than_one_beside_it_of_another_size_or_in_doubt(seen):
    pose, found, side = seen
    sure = hand_evidence(found, pose, side)
    assert sure > 2
    torso = torso_length(pose.landmarks)
    gaps = [hand_evidence(moved(found, (gap * torso, 0)), pose, side) for gap in (0.1, 0.2, 0.7)]
    assert sure > gaps[0] > gaps[1] > gaps[2] and gaps[2] < 0
    for scale in (0.3, 3.5):
        assert hand_evidence(scaled(found, scale), pose, side) < sure - 2
    presences = [hand_evidence(unsure(found, presence), pose, side) for presence in (0.9, 0.6, 0.3)]
    assert presences == sorted(presences, reverse=True) and presences[2] < 0


def test_what_the_mirror_image_says_counts_as_much(seen):
    pose, found, side = seen
    both = [hand_evidence(replace(unsure(found, 0.9), mirrored_presence=other), pose, side)
            for other in (0.99, None, 0.5)]
    assert both[0] > both[1] > both[2]
    assert hand_evidence(replace(found, mirrored_presence=0.0), pose, side) > -50   # and is finite


def test_at_a_wrist_that_is_not_seen_a_palm_shows_where_it_is(seen):
    pose, found, side = seen
    hidden = replace(pose, visibility=np.zeros_like(pose.visibility))
    beside = moved(found, (0.3 * torso_length(pose.landmarks), 0))
    assert hand_evidence(replace(beside, palm_score=0.9), hidden, side) > hand_evidence(beside, hidden, side) + 2
    assert is_shown(found, hidden, side) and is_shown(replace(unsure(found, 0.5), palm_score=0.9), hidden, side)
    assert not is_shown(unsure(found, 0.5), hidden, side)


def test_an_unlikely_hand_leaves_the_arm_to_the_next_one(seen):
    pose, found, side = seen
    beside = moved(found, (0.05 * torso_length(pose.landmarks), 0))
    unlikely = scaled(unsure(found, 0.3), 0.7)      # nearer to the wrist
    assert hand_evidence(unlikely, pose, side) < MIN_HAND_EVIDENCE < hand_evidence(beside, pose, side)
    assert assign([unlikely, beside], [pose]) == {(0, side): 1} and assign([unlikely], [pose]) == {}


def test_a_tracked_hand_that_leaves_its_arm_is_lost_and_searched_anew(image, seen):
    tracker = PeopleTracker(hands=False)
    for _ in range(6):
        found = tracker.track(image)
    with_hands = {side for side in POSE_HAND if found.people[0].hand(side) is not None}
    assert with_hands and all(0.5 < found.people[0].hand_confidence[side] <= 1 for side in with_hands)
    for track in tracker._hand_tracks:      # as if it had drifted to the elbow, and no palm had been seen
        track.found = moved(replace(track.found, palm_score=0.0), (torso_length(seen[0].landmarks), 0))
        assert not tracker._is_evident(track.found)
    ids = {track.track_id for track in tracker._hand_tracks}
    for _ in range(9):
        found = tracker.track(image)
    assert {side for side in POSE_HAND if found.people[0].hand(side) is not None} == with_hands
    assert not ids & {track.track_id for track in tracker._hand_tracks}


def test_a_tracked_hand_in_doubt_is_replaced_by_a_likelier_one_of_the_same_arm(image, monkeypatch):
    tracker = PeopleTracker(hands=False)
    for _ in range(6):
        found = tracker.track(image)
    side = next(side for side in POSE_HAND if found.people[0].hand(side) is not None)
    right = found.people[0].hand(side).landmarks
    monkeypatch.setattr(tracker, '_follow_hand', lambda image, track: track)      # it stays where it has drifted to
    for track in tracker._hand_tracks:
        track.found = scaled(unsure(track.found, 0.55), 0.6)
    ids = {track.track_id for track in tracker._hand_tracks}
    wrong = tracker.track(image).people[0]
    assert MIN_HAND_EVIDENCE < np.log(wrong.hand_confidence[side] / (1 - wrong.hand_confidence[side])) < 2
    for _ in range(10):
        found = tracker.track(image).people[0]
    assert hand_distance(found.hand(side).landmarks, right) < 0.2 < hand_distance(wrong.hand(side).landmarks, right)
    assert found.hand_confidence[side] > 0.9 and {track.track_id for track in tracker._hand_tracks} == ids


def test_how_sure_a_hand_is_reaches_whoever_takes_the_landmarks(image):
    detector = LandmarkPeople(static_images=True)
    person, = detector.detect(image)
    taken = filter_hands(person, image.shape[1], image.shape[0])
    assert taken and all(confidence == pytest.approx(person.hand_confidence[side]) and 0.5 < confidence < 1
                         for side, (_, confidence) in taken.items())
    doubted = replace(person, hand_confidence={side: 0.3 for side in taken})
    assert {confidence for _, confidence in filter_hands(doubted, *image.shape[1::-1]).values()} == {0.3}
    detector.close()
