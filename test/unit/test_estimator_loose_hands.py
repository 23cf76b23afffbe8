"""Hands that belong to nobody, from the estimators that need no licence: where they are, and when they are given."""

import cv2
import numpy as np
import pytest

from hand4whole_ros import estimators
from hand4whole_ros.estimators import EstimatorConfig, EstimatorUnavailable
from hand4whole_ros.estimators.loose_hands import place_loose_hand
from hand4whole_ros.geometry.camera import Intrinsics
from hand4whole_ros.geometry.placement import view_rotation
from hand4whole_ros.landmarks.hands import HandLandmarks
from hand4whole_ros.landmarks.model_files import HAND_LANDMARK_LITE
from hand4whole_ros.landmarks.people import LooseHand
from hand4whole_ros.landmarks.regions import Region
from hand4whole_ros.skeleton import SIDES

pytest.importorskip('ai_edge_litert')

pytestmark = pytest.mark.usefixtures('searched_once')


def test_a_hand_of_nobody_is_as_far_away_as_its_length_says(hands_alone):
    for _, points, pixels, camera in hands_alone:
        # As the network would give it: turned as its crop shows it, from its middle, of any size.
        crop = Region((pixels.min(0) + pixels.max(0)) / 2, 300.0, 0.0)
        world = (points - points.mean(0)) @ view_rotation(camera.normalize(crop.centre)) * 1.3
        extent_px, extent = (np.linalg.norm(xy - xy.mean(0)) for xy in (pixels, world[:, :2]))
        depths = (world[:, 2] - world[0, 2]) * extent_px / extent
        hand = HandLandmarks(np.column_stack([pixels, depths]), world, 0.9, 1.0, crop)
        length = np.linalg.norm(np.diff(points[[0, 9, 10, 11, 12]], axis=0), axis=1).sum()
        placed, larger = (place_loose_hand(LooseHand(hand, 0.8, 3), camera, factor * length) for factor in (1, 2))
        np.testing.assert_allclose(placed.keypoints_3d, points, atol=0.002)
        np.testing.assert_allclose(larger.keypoints_3d, 2 * points, atol=0.004)
        np.testing.assert_allclose(placed.keypoints_2d, pixels, atol=1e-3)
        np.testing.assert_allclose(camera.project(placed.keypoints_3d.astype(float)), pixels, atol=0.01)
        assert (placed.side, placed.track_id, placed.confidence, placed.rejection_reason()) == ('right', 3, 0.8, '')
        assert placed.agreement > 0.999
        # Without depths in the image: half of them.
        without = HandLandmarks(np.column_stack([pixels, np.zeros(21)]), world, 0.9, 1.0, crop)
        axis = view_rotation(camera.normalize(crop.centre))[:, 2]
        half, true = (keypoints @ axis / (keypoints @ axis).mean() - 1 for keypoints in (
            place_loose_hand(LooseHand(without, 0.8, 3), camera, length).keypoints_3d, points))
        np.testing.assert_allclose(half, true / 2, atol=0.005)
        assert np.abs(true).max() > 0.03
        flat = HandLandmarks(hand.landmarks, world * (1, 0.2, 1), 0.9, 1.0, crop)     # not the hand in the picture
        assert place_loose_hand(LooseHand(flat, 0.8, 3), camera, length).agreement < 0.99


def test_hands_of_nobody_are_given_beside_people_and_forgotten_with_the_image(estimator, hands_alone):
    size = 200      # is searched in few squares

    def gives_a_hand(row):
        small = cv2.resize(row[0], (size, size), interpolation=cv2.INTER_AREA)
        assert not estimator.estimate(small, row[3].resized(size, size))
        return estimator.loose_hands
    _, points, _, camera = next(filter(gives_a_hand, hands_alone))
    pixels = camera.resized(size, size).project(points)
    (hand,) = estimator.loose_hands
    distance = np.linalg.norm(hand.keypoints_2d - pixels, axis=1)
    assert np.median(distance) < 0.25 * np.ptp(pixels, axis=0).max()
    assert hand.visible and 0 < hand.confidence <= 1 and hand.track_id == -1
    assert 0.5 < float(hand.keypoints_3d[:, 2].mean()) / points[:, 2].mean() < 2
    estimator.estimate(np.full((64, 64, 3), 128, np.uint8), Intrinsics.from_fov(64, 64))
    assert estimator.loose_hands == []


def test_hands_alone_are_looked_for_without_people_and_with_the_smaller_network(hands_alone, people_seen):
    made = estimators.create(EstimatorConfig('auto', static_images=True, people=False, quality='fast', hand_length=0.1))
    try:
        assert made.name == 'mediapipe'
        networks = made._landmark_pipeline._detector._static
        assert networks.people is None and networks.hands.landmarker._network.model is HAND_LANDMARK_LITE
        given = [made.loose_hands for image, _, _, camera in hands_alone if made.estimate(image, camera) == []]
        given = [hand for hands in given for hand in hands]
        assert given and all(
            np.linalg.norm(np.diff(hand.keypoints_3d[[0, 9, 10, 11, 12]], axis=0), axis=1).sum()
            == pytest.approx(0.1, rel=1e-4) for hand in given)
        # The hands of people are nobody's then.
        beside = [len(made.loose_hands) for image, truth in people_seen if made.estimate(image, truth.intrinsics) == []]
        assert len(beside) == len(people_seen) and sum(beside) >= 1
    finally:
        made.close()


def test_hands_of_somebody_whom_no_body_fits_are_nobodys(estimator, people_seen, monkeypatch):
    for image, truth in people_seen:
        (person,) = estimator.estimate(image, truth.intrinsics)
        seen = estimator._landmark_pipeline._detector.people[0].palms
        if all(person.hand(side).visible for side in SIDES) and set(seen) == set(SIDES):
            break
    assert set(seen) == set(SIDES) and not estimator.loose_hands
    monkeypatch.setattr(estimator._landmark_pipeline._fitter, 'fit', lambda *given: None)
    assert estimator.estimate(image, truth.intrinsics) == []
    loose = {hand.side: hand for hand in estimator.loose_hands}
    assert set(loose) == set(SIDES)
    for side in SIDES:
        assert loose[side].confidence == pytest.approx(seen[side])      # that it is a hand, not that of an arm
        off = np.linalg.norm(loose[side].keypoints_2d - truth.hand(side).keypoints_2d, axis=1)
        assert np.median(off) < 8


def test_wrong_options_of_hands_are_refused_by_name():
    with pytest.raises(EstimatorUnavailable, match='hand4whole_pp detects no hands without their people'):
        estimators.create(EstimatorConfig('hand4whole_pp', people=False))
    with pytest.raises(ValueError, match="unknown quality 'best'; known are full, fast"):
        estimators.create(EstimatorConfig('mediapipe', quality='best'))


def test_hand_length_is_checked():
    with pytest.raises(ValueError, match='hand_length must be a positive number of metres, found 0'):
        estimators.create(EstimatorConfig('mediapipe', hand_length=0))
