"""Everybody in an image and every hand: many people, far ones, turned images, what is refused, and videos."""

from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import pytest

pytest.importorskip('ai_edge_litert')

from detection_scenes import passing, side_by_side  # noqa: E402

from hand4whole_ros import skeleton  # noqa: E402
from hand4whole_ros.landmarks import (  # noqa: E402
    hand_assignment,
    hand_detection,
    indices,
    measures,
    people,
    people_detection,
    people_tracking,
    person_evidence,
    tiles,
)
from hand4whole_ros.landmarks.people import PeopleLandmarker  # noqa: E402
from hand4whole_ros.landmarks.people_tracking import PeopleTracker  # noqa: E402
from hand4whole_ros.landmarks.regions import Region  # noqa: E402
from hand4whole_ros.landmarks.whole_body import MultiHandLandmarker  # noqa: E402
from hand4whole_ros.synthetic import backdrops, backgrounds, dataset, hand_patches  # noqa: E402

_JOINTS = {f'{side}_{joint}': indices.PoseLandmark[f'{side}_{joint}'.upper()]
           for side in skeleton.SIDES for joint in ('shoulder', 'elbow', 'wrist')}
_TRUNK = [indices.PoseLandmark[f'{side}_{joint}'.upper()] for side in skeleton.SIDES for joint in ('shoulder', 'hip')]


@pytest.fixture(scope='module')
def landmarker():
    return PeopleLandmarker()


@pytest.fixture(scope='module')
def drawn():
    """[(image, truth)] of one person with both hands in the image."""
    return [dataset.render_person(72, k) for k in range(3)]


@pytest.fixture(scope='module')
def alone(landmarker, drawn):
    """The one person of the first of them."""
    person, = landmarker.people.detect(drawn[0][0])
    return person


def shrunk(image, factor, width, height, corner, background):
    """An image, smaller, in a larger one."""
    small = cv2.resize(image, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA)
    out = background.copy()
    x, y = corner
    out[y:y + small.shape[0], x:x + small.shape[1]] = small
    return out


def torso_errors(pose, truth_px):
    """Of shoulders, elbows and wrists, in the breadth of the shoulders."""
    size = np.linalg.norm(truth_px['left_shoulder'] - truth_px['right_shoulder'])
    return [np.linalg.norm(pose.landmarks[row, :2] - truth_px[name]) / size for name, row in _JOINTS.items()]


def true_joints(truth):
    return {name: truth.joints_2d[skeleton.JOINT[name]] for name in _JOINTS}


def test_tiles_cover_the_image_at_every_scale():
    image = np.zeros((480, 1500, 3), np.uint8)
    for scale in tiles.SCALES:
        covered = np.zeros(image.shape[:2], int)
        for tile in tiles.tiles(image, [scale]):
            low, high = (np.clip(tile.centre + sign * tile.side / 2 + 0.5, 0, (1500, 480)).round().astype(int)
                         for sign in (-1, 1))
            covered[low[1]:high[1], low[0]:high[0]] += 1
        assert covered.min() >= 1
    assert len(tiles.tiles(np.zeros((100, 100, 3), np.uint8))) == 1


@pytest.mark.parametrize('quarter_turns', [0, 1, 2, 3])
def test_one_person_is_found_once_however_the_camera_is_turned(landmarker, drawn, quarter_turns):
    for image, truth in drawn[:1]:
        height, width = image.shape[:2]
        found = landmarker.detect(np.ascontiguousarray(np.rot90(image, quarter_turns)))
        assert len(found.people) == 1
        joints = true_joints(truth)
        for _ in range(quarter_turns):      # np.rot90 turns against the clock
            joints = {name: np.array([y, width - 1 - x]) for name, (x, y) in joints.items()}
            width, height = height, width
        assert np.median(torso_errors(found.people[0].pose, joints)) < 0.25


def test_far_people_in_a_wide_image_are_found(landmarker, drawn):
    background = np.clip(backgrounds.draw_background(np.random.default_rng(5), 1600, 400), 0, 255).astype(np.uint8)
    image = background
    for (picture, _), x in zip(drawn, (40, 700, 1350)):
        image = shrunk(picture, 4, 1600, 400, (x, 100), image)
    whole = Region.of_image(image)
    alone = people_detection.PeopleDetector().detect_in(image, [whole])
    found = landmarker.detect(image)
    assert len(found.people) == 3 > len(alone)
    for (_, truth), x in zip(drawn, (40, 700, 1350)):
        joints = {name: point / 4 + (x, 100) for name, point in true_joints(truth).items()}
        assert min(np.median(torso_errors(person.pose, joints)) for person in found.people) < 0.3


def test_max_people_gives_the_largest(drawn):
    image = np.clip(backgrounds.draw_background(np.random.default_rng(6), 1100, 720), 0, 255).astype(np.uint8)
    image[:, :720] = drawn[0][0]
    image = shrunk(drawn[1][0], 3, 1100, 720, (800, 200), image)
    both, one = PeopleLandmarker().detect(image).people, PeopleLandmarker(max_people=1).detect(image).people
    assert len(both) == 2 and len(one) == 1
    assert one[0].pose.landmarks[0, 0] < 720 < both[1].pose.landmarks[0, 0]
    with pytest.raises(ValueError, match='max_people'):
        PeopleLandmarker(max_people=0)


def test_hands_are_on_their_own_arms(landmarker):
    image, seen = side_by_side([dataset.person_seed(73, k) for k in range(2)], 420)
    found = landmarker.detect(image)
    assert len(found.people) == 2
    right = total = 0
    for person in found.people:
        for side in skeleton.SIDES:
            hand = person.hand(side)
            if hand is not None:
                distances = {(k, other): np.linalg.norm(hand.landmarks[:, :2] - one.hands[other], axis=1).mean()
                             for k, one in enumerate(seen) for other in skeleton.SIDES}
                nearest = min(distances, key=distances.get)
                owner = np.argmin([abs(person.pose.landmarks[11:13, 0].mean() - one.box[0] - one.box[2] / 2)
                                   for one in seen])
                total += 1
                right += nearest == (owner, side)
    assert total >= 2 and right == total


def test_a_hand_on_the_arm_of_somebody_else_is_not_given(landmarker, drawn, alone):
    image, _ = drawn[0]
    pose = alone.pose
    hands = landmarker.hands.detect(image, [pose])
    given = hand_assignment.assign(hands, [pose])
    assert given
    (_, side), number = next(iter(given.items()))
    # The same arm, its wrist a torso away: the hand is nobody's.
    landmarks = pose.landmarks.copy()
    landmarks[15:23, :2] += (alone.size, alone.size)
    moved = replace(pose, landmarks=landmarks)
    assert number not in hand_assignment.assign(hands, [moved]).values()
    # Where both are there, each hand goes to the arm that it is on.
    both = hand_assignment.assign(hands, [moved, pose])
    assert both[1, side] == number and not any(person == 0 for person, _ in both)


def test_a_hand_that_is_seen_shows_the_wrist_that_the_pose_does_not(landmarker, drawn, alone):
    image, _ = drawn[0]
    pose = alone.pose
    hands = landmarker.hands.detect(image, [pose])
    (_, side), number = next(iter(hand_assignment.assign(hands, [pose]).items()))
    found = replace(hands[number], palm_score=0.9)
    rows = list(indices.POSE_HAND[side])
    visibility = pose.visibility.copy()
    visibility[rows] = 0.1
    unseen = replace(pose, visibility=visibility)
    assert hand_assignment.assign([found], [unseen]) == {(0, side): 0}
    # Without a palm and in doubt, at some distance, or of the other side it is not given to such a wrist.
    sure = replace(found, palm_score=0.0)
    assert hand_assignment.assign([sure], [unseen]) == {(0, side): 0}
    unsure = replace(sure, hand=replace(found.hand, presence=0.6), mirrored_presence=0.6)
    assert not hand_assignment.assign([unsure], [unseen]) and hand_assignment.assign([unsure], [pose])
    gap = 0.8 * min(hand_assignment.MAX_GAP_TORSOS * measures.torso_length(pose.landmarks),
                    hand_assignment.MAX_GAP_PALMS * measures.palm_length(found.hand.landmarks))
    beside = pose.landmarks.copy()
    beside[rows, :2] = found.hand.landmarks[0, :2] + (0, gap)
    assert not hand_assignment.assign([found], [replace(unseen, landmarks=beside)])
    other = replace(found, hand=replace(found.hand, right_score=1 - found.hand.right_score))
    assert not hand_assignment.assign([other], [unseen])
    # Then the wrist is where the hand's is, and as visible as the hand is sure; a visible one stays.
    shown = hand_assignment.with_wrist_of(found.hand, unseen, side, 0.9)
    assert np.allclose(shown.landmarks[rows[0], :2], found.hand.landmarks[0, :2])
    assert np.allclose(shown.visibility[rows], 0.9)
    rest = np.setdiff1d(np.arange(33), rows)
    assert np.array_equal(shown.landmarks[rest], pose.landmarks[rest])
    assert hand_assignment.with_wrist_of(found.hand, pose, side, 0.9) is pose


def test_the_palm_of_a_hand_that_the_pose_s_region_misses_is_searched_around_the_wrist(landmarker, drawn, alone,
                                                                                       monkeypatch):
    image, _ = drawn[0]
    pose, hands = alone.pose, landmarker.hands
    side = next(side for side in skeleton.SIDES if hands.of_arm(image, pose, side) is not None)
    away = Region(np.zeros(2), 20.0, 0.0)      # a corner of the room
    monkeypatch.setattr(hands.recropper, 'recrop', lambda *_: away)
    assert hands.of_arm(image, pose, side) is None
    # A region at the end of the forearm shows it as well.
    assert hands.of_arm(image, pose, side, range(1, hand_detection.ARM_REGIONS)).palm_score == 0
    monkeypatch.setattr(hand_detection, '_forearm_region', lambda *_: away)
    found = hands.of_arms(image, [pose])[0]
    assert found.palm_score > 0
    wrist = pose.landmarks[indices.POSE_HAND[side][0], :2]
    assert np.linalg.norm(found.hand.landmarks[0, :2] - wrist) < measures.palm_length(found.hand.landmarks)


def test_a_hand_of_no_arm_that_lies_on_a_foot_and_points_as_it_does_is_none(landmarker, drawn, alone):
    image, _ = drawn[0]
    found = replace(landmarker.hands.detect(image, [alone.pose])[0], palm_score=0.9)
    points = found.hand.landmarks[:, :2]
    middle, fingers = points.mean(0), points[9] - points[0]
    across = fingers[::-1] * (-1, 1)
    foot = list(indices.LOWER_LEG['left'])

    def hands_beside(foot_direction, shank, at=middle, visible=1.0):
        """The hands of an image of this one and a person without arms, whose foot is at a point."""
        landmarks, visibility = alone.pose.landmarks.copy(), alone.pose.visibility.copy()
        landmarks[15:23, :2], visibility[15:23] = -1e3, 0.0
        landmarks[foot[1:], :2] = at + np.array([-0.5, -0.5, 1.0])[:, None] * foot_direction
        landmarks[foot[0], :2] = landmarks[foot[1], :2] - 2 * shank
        visibility[foot] = visible
        person = replace(alone, pose=replace(alone.pose, landmarks=landmarks, visibility=visibility))
        return people.assembled([person], [found], 1).hands

    assert not hands_beside(fingers, across) and not hands_beside(across, fingers)
    # Another's hand in front of the foot, a hand beside it, and one where a foot is not seen remain.
    assert len(hands_beside(across, fingers + across)) == 1
    assert len(hands_beside(fingers, across, at=middle + 2 * fingers)) == 1
    assert len(hands_beside(fingers, across, visible=0.1)) == 1


def test_a_palm_of_a_known_hand_is_no_other_palm(landmarker, drawn, alone):
    image, _ = drawn[0]
    hands, pose = landmarker.hands, alone.pose
    side = next(side for side in skeleton.SIDES if hands.of_arm(image, pose, side) is not None)
    hand = hands.of_arm(image, pose, side).hand
    palms = hands.palms(image, [Region(hand.region.centre, 2 * hand.region.side, 0.0)])
    left = hand_detection.other_palms(palms, [hand])
    assert palms and len(left) == len(palms) - 1
    # One palm a hand: a second one at the same place stays.
    assert len(hand_detection.other_palms([*palms, *palms], [hand])) == 2 * len(palms) - 1
    assert hand_detection.other_palms(palms, []) == palms


def test_nobody_is_seen_in_rooms_patterns_noise_and_furniture(landmarker):
    rng = np.random.default_rng(8)
    furniture = np.full((480, 640, 3), 190, np.uint8)
    for x, y, w, h, tone in ((60, 200, 160, 260, 90), (90, 120, 100, 90, 120), (380, 260, 200, 30, 60),
                             (390, 290, 20, 170, 60), (550, 290, 20, 170, 60)):
        furniture[y:y + h, x:x + w] = tone
    images = [furniture, np.zeros((480, 640, 3), np.uint8), rng.integers(0, 256, (480, 640, 3), dtype=np.uint8)]
    images += [
        backdrops.sample_backdrop(rng, 640, 480),
        np.clip(backgrounds.draw_background(rng, 640, 480), 0, 255).astype(np.uint8),
    ]
    for image in images:
        found = landmarker.detect(image)
        assert not found.people and not found.hands


def test_a_pose_that_its_mirror_image_contradicts_is_less_evident(drawn, alone):
    image, _ = drawn[0]
    height, width = image.shape[:2]
    person = alone
    assert person.pose.disagreement is not None     # candidates are seen both ways

    def evidence(disagreement):
        pose = replace(person.pose, disagreement=disagreement)
        return person_evidence.evidence(person.score, pose, width=width, height=height)
    rising = [evidence(np.full(33, apart)) for apart in (0.5, 0.2, 0.1, 0.03)]
    assert rising[0] < rising[1] < rising[2] < rising[3] and rising[3] - rising[0] > 2
    assert rising[0] < evidence(None) and evidence(person.pose.disagreement) > 2


def test_a_doubtful_pose_on_or_upside_down_beside_a_more_evident_person_is_no_person(alone):
    person = alone
    upside_down = person.pose.landmarks.copy()
    rows = [indices.PoseLandmark.NOSE, *indices.LIMBS]
    upside_down[:, 1] = upside_down[rows, 1].min() + upside_down[rows, 1].max() - upside_down[:, 1]
    doubtful = replace(person, pose=replace(person.pose, landmarks=upside_down), evidence=0.5)
    distinct = people_detection.distinct
    assert not people_detection.same_person(doubtful.pose, person.pose)
    assert distinct([doubtful, person]) == [person]
    beside = upside_down + np.array([2 * person.size, 0, 0])
    assert len(distinct([replace(doubtful, pose=replace(person.pose, landmarks=beside)), person])) == 2
    assert len(distinct([replace(doubtful, evidence=5.0), person])) == 2
    turned = replace(person.pose.region, rotation=person.pose.region.rotation + np.pi)
    on_its_head = replace(person.pose, landmarks=beside, region=turned)
    assert distinct([replace(doubtful, pose=on_its_head), person]) == [person]
    assert len(distinct([replace(doubtful, pose=on_its_head, evidence=5.0), person])) == 2


def test_hands_alone_are_hands_and_nobody(landmarker):
    patches = hand_patches.draw_patches(6, 3, 320)
    clear = [image for image, visible in zip(patches.images, patches.visible) if visible > 0.95][:4]
    assert len(clear) == 4
    # Two large enough for the smallest squares, and two that are not.
    clear[1:3] = [cv2.resize(image, (200, 200), interpolation=cv2.INTER_AREA) for image in clear[1:3]]
    found = [landmarker.detect(image) for image in clear]
    assert not any(one.people for one in found)
    # No fewer than the graph of MediaPipe's solution for hands finds, and no hand twice.
    as_mediapipe = [MultiHandLandmarker().detect(image) for image in clear]
    assert sum(map(bool, as_mediapipe)) <= sum(len(one.hands) for one in found) <= len(clear)
    only_hands = PeopleLandmarker(people=False)
    again = [only_hands.detect(image) for image in clear]
    assert [len(one.hands) for one in again] == [len(one.hands) for one in found]


def test_a_hand_that_fills_the_image_is_found_and_its_folded_fingers_are_none_of_their_own():
    hands = PeopleLandmarker(people=False)
    image = hand_patches.draw_patches(6, 14, 320).images[0]
    whole, = hands.detect(image).hands
    points = whole.hand.landmarks[:, :2]
    low, side = points.min(0), np.ptp(points, axis=0).max()
    x, y = np.maximum((low + points.max(0) - side) / 2, 0).astype(int)
    near = cv2.resize(image[y:y + int(side), x:x + int(side)], (320, 320))
    assert len(hands.detect(near).hands) == 1
    found = hand_detection.HandFound(whole.hand, 0.0, 0.9)

    def another(size, moved=0.0, sure=0.9):
        """A hand like that one, upside down, smaller, less certain, and moved to the side."""
        landmarks = whole.hand.landmarks.copy()
        landmarks[:, :2] = points.mean(0) - size * (points - points.mean(0)) + (moved * side, 0)
        hand = replace(whole.hand, landmarks=landmarks, presence=sure * whole.hand.presence,
                       right_score=1 - whole.hand.right_score)
        return hand_detection.HandFound(hand, 0.0, 0.9)

    fingers = another(0.5)
    assert not hand_detection.same_hand(fingers.hand, found.hand)
    assert hand_detection.distinct_hands([fingers, found]) == [found]
    for other in (another(0.5, moved=0.6), another(0.8, moved=0.5)):
        assert len(hand_detection.distinct_hands([other, found])) == 2
    assert not hand_detection.is_folded_fingers(another(0.5, sure=1.1), found)


def test_a_palm_whose_mirror_image_is_no_hand_is_none(landmarker, monkeypatch):
    patches = hand_patches.draw_patches(6, 3, 320)
    images = [image for image, visible in zip(patches.images, patches.visible) if visible > 0.95]
    network = landmarker.hands.landmarker

    def found():
        return [hand for image in images for hand in landmarker.hands.of_palms(image, [Region.of_image(image)])]
    assert found()
    real = network.landmarks

    def landmarks(picture, region, mirrored=False):
        hand = real(picture, region, mirrored)
        return replace(hand, presence=0.4) if mirrored else hand
    monkeypatch.setattr(network, 'landmarks', landmarks)
    assert not found()


def test_identity_comes_from_regions(drawn):
    """Two people who move apart and past an image in which one of them is not to be seen."""
    left, right = drawn[0][0], drawn[1][0]
    tracker = PeopleTracker(detect_every=2)
    ids = []
    for step in range(8):
        image = np.full((720, 1500, 3), 128, np.uint8)
        image[:, 6 * step:720 + 6 * step] = left
        if step != 4:
            image[:, 780 - 6 * step:1500 - 6 * step] = right
        found = tracker.track(image)
        ids.append({person.track_id: person.pose.landmarks[0, 0] < 750 for person in found.people})
    assert all(len(one) == 2 for one in ids[3:4]) and len(ids[-1]) == 2
    on_left = {k for one in ids for k, left_side in one.items() if left_side}
    on_right = [k for one in ids for k, left_side in one.items() if not left_side]
    assert len(on_left) == 1 and len(set(on_right)) == 2 and on_right == sorted(on_right)


@pytest.mark.parametrize('behind, before', [(3, 8), (11, 14)])
def test_who_passes_before_another_stays_himself_and_the_other_is_lost(behind, before):
    """The region of who is hidden follows whom the network sees there: the one in front."""
    tracker, offsets = PeopleTracker(detect_every=2), [None] * 2 + list(range(-240, 220, 20))
    found = [{person.track_id: person.pose.landmarks[_TRUNK, 0].mean() for person in tracker.track(image).people}
             for image in passing(behind, before, offsets)]
    ((hidden, middle),) = found[0].items()
    places = found[offsets.index(-100):]
    assert len(places[0]) == 2 and hidden in places[0]
    (passer,) = places[0].keys() - {hidden}
    steps = np.diff([one[passer] for one in places])
    assert (np.abs(steps - 20) < 15).all(), steps
    assert all(abs(one[hidden] - middle) < 40 for one in places if hidden in one)
    assert any(hidden not in one for one in places), 'nobody was ever hidden'


def test_a_tracker_sees_what_a_single_image_shows(drawn):
    image, truth = drawn[0]
    tracker = PeopleTracker()
    for _ in range(6):
        found = tracker.track(image)
    assert len(found.people) == 1 and np.median(torso_errors(found.people[0].pose, true_joints(truth))) < 0.25
    alone = PeopleLandmarker().detect(image).people[0]
    for side in skeleton.SIDES:
        assert (found.people[0].hand(side) is None) <= (alone.hand(side) is None)
    tracker.reset()
    assert tracker.track(image).people[0].track_id > found.people[0].track_id
    tracker.restart()
    assert tracker.track(image).people[0].track_id == 0
    assert not PeopleTracker(people=False).track(image).people


class _Runs:
    """Counts what a tracker's networks run in each image."""

    def __init__(self, tracker, monkeypatch):
        self.counts = Counter()
        for name, part, method in (('people', tracker._people._detector, 'detect'),
                                   ('poses', tracker._people.landmarker, 'landmarks'),
                                   ('palms', tracker._hands._palms, 'detect')):
            monkeypatch.setattr(part, method, self._counting(name, getattr(part, method)))

    def _counting(self, name, function):
        def counted(*arguments, **options):
            self.counts[name] += 1
            return function(*arguments, **options)
        return counted

    def take(self):
        """Of the images since the last call."""
        counts, self.counts = self.counts, Counter()
        return counts


def test_no_image_of_a_video_takes_the_search_of_one_that_stands_alone(drawn, monkeypatch):
    tracker = PeopleTracker(max_people=4)
    runs = _Runs(tracker, monkeypatch)
    rng = np.random.default_rng(9)
    for nobody in (backdrops.sample_backdrop(rng, 960, 540), backdrops.sample_backdrop(rng, 960, 540)):
        poses = []
        for _ in range(12):
            assert not tracker.track(nobody).people
            counts = runs.take()
            assert counts['people'] <= 1 and counts['palms'] <= 1
            poses.append(counts['poses'])
        assert max(poses) <= 2 * 4      # two candidates, three looks and one at the mirror image
        tracker.reset()
    tracker.track(drawn[0][0])
    runs.take()
    first_round = 0
    while tracker._unsearched:
        tracker.track(drawn[0][0])
        assert runs.take()['people'] <= 1
        first_round += 1
    assert len(tiles.tiles(drawn[0][0])) <= first_round < 90
    images = 20
    for _ in range(images):
        assert len(tracker.track(drawn[0][0]).people) == 1
    counts = runs.take()
    assert counts['people'] == counts['palms'] == images // people_tracking.DETECT_EVERY
    assert images <= counts['poses'] <= 2 * images


def test_candidates_that_were_nobody_are_left_alone_for_a_while(landmarker, monkeypatch):
    tracker = PeopleTracker()
    runs = _Runs(tracker, monkeypatch)
    nowhere = people_detection.Candidate(Region(np.array([200.0, 200.0]), 150.0, 0.0), 0.9)
    monkeypatch.setattr(tracker._people, 'candidates', lambda image, regions: [nowhere])
    image, poses = np.full((480, 640, 3), 128, np.uint8), []
    for _ in range(20):
        assert not tracker.track(image).people
        poses.append(runs.take()['poses'])
    assert poses[0] > 0 and poses[1:15] == [0] * 14 and poses[15] > 0


def test_who_enters_beside_a_tracked_person_is_tracked_soon_and_no_image_waits_for_it(drawn, monkeypatch):
    alone = np.full((720, 1500, 3), 128, np.uint8)
    alone[:, :720] = drawn[0][0]
    both = alone.copy()
    both[:, 780:] = drawn[1][0]
    tracker = PeopleTracker(max_people=4)
    runs = _Runs(tracker, monkeypatch)
    for _ in range(people_tracking.DETECT_EVERY):
        assert len(tracker.track(alone).people) == 1
    runs.take()
    found = []
    while len(found) < 3 * people_tracking.DETECT_EVERY and (not found or found[-1] == 1):
        found.append(len(tracker.track(both).people))
        # The tracked person, and one run for the other; where that one is accepted, one more in the same image.
        assert runs.take()['poses'] <= 3
    # Several squares may come before the one that shows the other.
    assert found[-1] == 2 and len(found) > 3


def test_a_group_in_one_square_is_tracked_within_as_many_images_as_its_candidates_need(drawn):
    image = np.full((800, 800, 3), 128, np.uint8)
    for k in range(4):
        image = shrunk(drawn[k % 3][0], 2, 800, 800, (20 + 400 * (k % 2), 20 + 400 * (k // 2)), image)
    alone = len(people_detection.PeopleDetector().detect_in(image, [Region.of_image(image)]))
    tracker = PeopleTracker(detect_every=50)
    found = [len(tracker.track(image).people) for _ in range(4)]
    assert found[0] <= 2 < alone == found[-1]
