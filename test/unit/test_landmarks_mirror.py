"""Poses of tracked people both ways: the mirror image is evaluated where somebody moved, and at intervals."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip('ai_edge_litert')

from hand4whole_ros.landmarks import people_tracking  # noqa: E402
from hand4whole_ros.landmarks.indices import LIMBS  # noqa: E402
from hand4whole_ros.landmarks.measures import torso_length  # noqa: E402
from hand4whole_ros.landmarks.people_tracking import MIRROR_EVERY, PeopleTracker  # noqa: E402
from hand4whole_ros.landmarks.pose import PoseLandmarker, mean_pose  # noqa: E402
from hand4whole_ros.landmarks.pose_correction import PoseCorrection  # noqa: E402
from hand4whole_ros.landmarks.regions import Region, rotated  # noqa: E402
from hand4whole_ros.synthetic import dataset  # noqa: E402

FIELDS = ('landmarks', 'world_landmarks', 'visibility', 'landmark_presence', 'keypoint_score', 'auxiliary', 'presence',
          'disagreement')


@pytest.fixture(scope='module')
def image():
    return dataset.render_person(3, 0)[0]


class Runs:
    """Counts the straight and the mirrored evaluations of a tracker's pose network."""

    def __init__(self, tracker, monkeypatch):
        self.straight = self.mirrored = 0
        network = tracker._people.landmarker._network
        run = network.run_crop

        def counted(crop, mirrored=False):
            self.mirrored, self.straight = self.mirrored + mirrored, self.straight + (not mirrored)
            return run(crop, mirrored)
        monkeypatch.setattr(network, 'run_crop', counted)

    def take(self):
        """(straight, mirrored) since the last call."""
        counts, self.straight, self.mirrored = (self.straight, self.mirrored), 0, 0
        return counts


def made(image, monkeypatch, max_people=1, **options):
    """A tracker without hands that searches nobody else in a hurry, and its runs."""
    tracker = PeopleTracker(max_people, hands=False, both_ways=True, **options)
    for _ in range(4):
        tracker.track(image)
    runs = Runs(tracker, monkeypatch)
    return tracker, runs


def shifted(image, x):
    return np.roll(image, x, axis=1)


def test_of_a_still_person_the_mirror_image_is_evaluated_at_intervals(image, monkeypatch):
    tracker, runs = made(image, monkeypatch)
    counts = []
    for _ in range(2 * MIRROR_EVERY):
        assert len(tracker.track(image).people) == 1
        counts.append(runs.take())
    assert [mirrored for _, mirrored in counts].count(1) == 2 and sum(mirrored for _, mirrored in counts) == 2
    assert all(straight == 1 for straight, _ in counts)
    gap, = np.diff([k for k, (_, mirrored) in enumerate(counts) if mirrored])
    assert gap == MIRROR_EVERY


def test_of_somebody_who_moves_it_is_evaluated_in_every_image(image, monkeypatch):
    tracker, runs = made(image, monkeypatch)
    step = int(0.1 * torso_length(tracker.track(image).people[0].pose.landmarks))
    runs.take()
    for k in range(1, 6):
        assert len(tracker.track(shifted(image, k * step)).people) == 1
    assert runs.take() == (5, 5)


def test_of_several_people_the_mirror_images_are_evaluated_in_different_images(image, monkeypatch):
    tracker, runs = made(np.concatenate([image, image], axis=1), monkeypatch, max_people=2)
    counts = []
    for _ in range(2 * MIRROR_EVERY):
        assert len(tracker.track(np.concatenate([image, image], axis=1)).people) == 2
        counts.append(runs.take())
    mirrored = [count for _, count in counts]
    assert max(mirrored) == 1 and sum(mirrored) == 4


def test_in_doubt_it_is_evaluated_in_every_image(image, monkeypatch):
    monkeypatch.setattr(people_tracking, '_SURE_EVIDENCE', 100.0)
    tracker, runs = made(image, monkeypatch)
    for _ in range(5):
        assert len(tracker.track(image).people) == 1
    assert runs.take() == (5, 5)


def test_a_person_is_not_lost_by_what_is_remembered(image, monkeypatch):
    """Presence and evidence of a pose with a remembered correction decide nothing alone."""
    tracker, _ = made(image, monkeypatch)
    person = tracker.track(image).people[0]
    memory = tracker._tracks[0].mirror
    tracker._tracks[0].mirror = replace(memory, correction=replace(memory.correction, presence=-1.0),
                                        last=replace(memory.last, presence=0.0))
    found, = tracker.track(image).people
    assert found.track_id == person.track_id and found.pose.presence > 0.9


def test_without_intervals_poses_are_the_means_of_both(image, monkeypatch):
    tracker, runs = made(image, monkeypatch, mirror_every=1)
    region = tracker._tracks[0].person.pose.next_region
    found, = tracker.track(image).people
    assert runs.take() == (1, 1)
    wanted = mean_pose(*(tracker._people.landmarker.landmarks(image, region, mirrored) for mirrored in (False, True)))
    for name in FIELDS:
        assert np.array_equal(getattr(found.pose, name), getattr(wanted, name)), name


def test_a_nearly_still_person_is_as_steady_and_in_the_same_place(image):
    rng = np.random.default_rng(2)
    noisy = [np.clip(shifted(image, k // 2) + rng.normal(0, 4, image.shape), 0, 255).astype(np.uint8)
             for k in range(4 * MIRROR_EVERY)]
    found = {}
    for every in (1, MIRROR_EVERY):
        tracker = PeopleTracker(hands=False, both_ways=True, mirror_every=every)
        poses = [tracker.track(one).people[0].pose for one in noisy]
        found[every] = np.stack([pose.landmarks[list(LIMBS), :2] for pose in poses[1:]]) / torso_length(
            poses[0].landmarks)
    jitter = {every: np.linalg.norm(np.diff(points, 2, axis=0), axis=-1).mean() for every, points in found.items()}
    assert jitter[MIRROR_EVERY] < 1.05 * jitter[1]
    assert np.linalg.norm(found[MIRROR_EVERY] - found[1], axis=-1).mean() < 0.02


def test_a_correction_moves_with_the_region(image):
    landmarker = PoseLandmarker()
    region = Region.of_image(image)
    one, other = landmarker.landmarks_both_ways(image, region)
    mean = mean_pose(one, other)
    correction = PoseCorrection.between(one, mean)
    again = correction.applied(one)
    for name in FIELDS:
        assert np.allclose(getattr(again, name), getattr(mean, name), atol=1e-9), name
    turned = replace(one, region=replace(region, side=2 * region.side, rotation=region.rotation + 0.7))
    moved = correction.applied(turned)
    shift = (mean.landmarks - one.landmarks)[:, :2]
    assert np.allclose((moved.landmarks - one.landmarks)[:, :2], 2 * rotated(shift, 0.7))
    assert np.allclose((moved.auxiliary - one.auxiliary), 2 * rotated(mean.auxiliary - one.auxiliary, 0.7))
    world = (mean.world_landmarks - one.world_landmarks)
    assert np.allclose((moved.world_landmarks - one.world_landmarks)[:, :2], rotated(world[:, :2], 0.7))
    assert np.allclose((moved.world_landmarks - one.world_landmarks)[:, 2], world[:, 2])


def test_both_ways_at_once_give_the_same_to_the_byte(image):
    landmarker = PoseLandmarker()
    region = replace(Region.of_image(image), rotation=0.1)
    for mirrored, pose in zip((False, True), landmarker.landmarks_both_ways(image, region)):
        alone = landmarker.landmarks(image, region, mirrored)
        for name in FIELDS[:-1]:
            assert np.array_equal(getattr(pose, name), getattr(alone, name)), name


def test_an_interval_below_one_is_refused():
    with pytest.raises(ValueError, match='mirror_every'):
        PeopleTracker(mirror_every=0)
