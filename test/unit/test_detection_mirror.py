"""A picture and its mirror image are the same person, sides exchanged."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip('ai_edge_litert')

from hand4whole_ros.detection.landmark_people import LandmarkPeople  # noqa: E402
from hand4whole_ros.landmarks.indices import LIMBS, MIRRORED_POSE  # noqa: E402
from hand4whole_ros.landmarks.measures import torso_length  # noqa: E402
from hand4whole_ros.landmarks.pose_consensus import with_sides_exchanged  # noqa: E402
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


def with_mirrored(detector, monkeypatch, change):
    """From now on the pose of every mirror image is `change` of it."""
    landmarker = detector._both_ways.people.landmarker
    real = landmarker.landmarks_both_ways

    def changed(picture, region):
        one, other = real(picture, region)
        return one, change(other)
    monkeypatch.setattr(landmarker, 'landmarks_both_ways', changed)


def test_who_is_somebody_else_in_the_mirror_is_not_averaged_and_not_sure(detector, image, monkeypatch):
    seen, = detector.detect(image)
    with_mirrored(detector, monkeypatch, lambda other: replace(other, landmarks=other.landmarks + (300, 0, 0)))
    alone, = detector.detect(image)
    limbs = list(LIMBS)
    assert np.linalg.norm(alone.pose - seen.pose, axis=1)[limbs].mean() < 0.1 * torso_length(seen.pose)
    assert alone.disagreement[limbs].mean() > 3 * seen.disagreement[limbs].mean() + 0.2


def test_who_is_seen_from_behind_in_one_estimate_only_is_seen_from_behind(detector, image, monkeypatch):
    seen, = detector.detect(image)
    with_mirrored(detector, monkeypatch, with_sides_exchanged)
    turned, = detector.detect(image)
    limbs = [MIRRORED_POSE[row] for row in LIMBS]
    assert np.linalg.norm(turned.pose[list(LIMBS)] - seen.pose[limbs], axis=1).mean() < 0.1 * torso_length(seen.pose)
    assert turned.disagreement[limbs].mean() > 2 * seen.disagreement[limbs].mean()


@pytest.mark.parametrize('mirror', [False, True])
def test_people_of_a_video_are_seen_in_a_mirror_too_unless_time_is_short(image, mirror):
    detector = LandmarkPeople(static_images=False, mirror=mirror)
    try:
        found = [person for _ in range(4) for person in detector.detect(image)]
    finally:
        detector.close()
    assert len(found) >= 3 and (found[-1].disagreement is not None) == mirror
