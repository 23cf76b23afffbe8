"""A picture and its mirror image are the same person, sides exchanged."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip('ai_edge_litert')

from hand4whole_ros.detection.landmark_people import LandmarkPeople  # noqa: E402
from hand4whole_ros.landmarks.indices import LIMBS, MIRRORED_POSE  # noqa: E402
from hand4whole_ros.landmarks.measures import torso_length  # noqa: E402
from hand4whole_ros.landmarks.pose import PoseLandmarker  # noqa: E402
from hand4whole_ros.landmarks.pose_consensus import consensus_of_regions, with_sides_exchanged  # noqa: E402
from hand4whole_ros.synthetic import dataset  # noqa: E402

# The search is made once: what is looked at is what averaging makes of its landmarks.
pytestmark = pytest.mark.usefixtures('searched_once')


@pytest.fixture(scope='module')
def detector():
    made = LandmarkPeople(static_images=True)
    yield made
    made.close()


@pytest.fixture(scope='module')
def image():
    return dataset.render_person(3, 0)[0]


def test_a_picture_and_its_mirror_image_give_the_same_person(detector, image):
    plain, = detector.detect(image)
    turned, = detector.detect(np.ascontiguousarray(image[:, ::-1]))
    back = turned.pose[list(MIRRORED_POSE)] * (-1, 1) + (image.shape[1] - 1, 0)
    limbs = list(LIMBS)
    torso = torso_length(plain.pose)
    assert np.linalg.norm(back - plain.pose, axis=1)[limbs].mean() < 0.02 * torso
    assert (turned.disagreement is not None) and (plain.disagreement[limbs] < 0.2).all()


@pytest.fixture
def pose(detector, image):
    detector.detect(image)
    return detector.people[0].pose


def with_mirrored(monkeypatch, change):
    """A pose network for which the pose of every mirror image is `change` of it."""
    landmarker = PoseLandmarker()
    real = landmarker.landmarks_both_ways

    def changed(picture, region):
        one, other = real(picture, region)
        return one, change(other)
    monkeypatch.setattr(landmarker, 'landmarks_both_ways', changed)
    return landmarker


def test_who_is_somebody_else_in_the_mirror_is_not_averaged_and_not_sure(pose, image, monkeypatch):
    seen = consensus_of_regions(PoseLandmarker(), image, pose)
    other = with_mirrored(monkeypatch, lambda other: replace(other, landmarks=other.landmarks + (300, 0, 0)))
    alone = consensus_of_regions(other, image, pose)
    limbs = list(LIMBS)
    assert np.linalg.norm(alone.landmarks - seen.landmarks, axis=1)[limbs].mean() < 0.1 * torso_length(seen.landmarks)
    assert alone.disagreement[limbs].mean() > 3 * seen.disagreement[limbs].mean() + 0.2


def test_who_is_seen_from_behind_in_one_estimate_only_is_seen_from_behind(pose, image, monkeypatch):
    seen = consensus_of_regions(PoseLandmarker(), image, pose)
    turned = consensus_of_regions(with_mirrored(monkeypatch, with_sides_exchanged), image, pose)
    limbs, apart = [MIRRORED_POSE[row] for row in LIMBS], turned.landmarks[list(LIMBS), :2]
    apart = np.linalg.norm(apart - seen.landmarks[limbs, :2], axis=1)
    assert apart.mean() < 0.1 * torso_length(seen.landmarks)
    assert turned.disagreement[limbs].mean() > 2 * seen.disagreement[limbs].mean()


@pytest.mark.parametrize('mirror', [False, True])
def test_people_of_a_video_are_seen_in_a_mirror_too_unless_time_is_short(image, mirror):
    detector = LandmarkPeople(static_images=False, mirror=mirror)
    try:
        found = [person for _ in range(4) for person in detector.detect(image)]
    finally:
        detector.close()
    assert len(found) >= 3 and (found[-1].disagreement is not None) == mirror
