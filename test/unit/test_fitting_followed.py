"""A fit that starts from the last image's: as accurate, and begun anew where that leads nowhere."""

import numpy as np
import pytest

pytest.importorskip('ai_edge_litert')
pytest.importorskip('anny')

from hand4whole_ros import estimators  # noqa: E402
from hand4whole_ros.detection.hand_filter import filter_hands  # noqa: E402
from hand4whole_ros.detection.landmark_people import LandmarkPeople  # noqa: E402
from hand4whole_ros.estimators import EstimatorConfig  # noqa: E402
from hand4whole_ros.evaluation.metrics import mpjpe, pa_mpjpe  # noqa: E402
from hand4whole_ros.fitting.prior_body_fitter import BodyFitter  # noqa: E402
from hand4whole_ros.skeleton import SIDES, WRIST  # noqa: E402
from hand4whole_ros.synthetic.motion import PersonMotion  # noqa: E402

RATE, BEGIN = 15.0, 9.0


@pytest.fixture(scope='module')
def motion():
    return PersonMotion()


@pytest.fixture(scope='module')
def detected(motion):
    """Landmarks and hands of six images of a video."""
    detector = LandmarkPeople(static_images=True)
    try:
        people = [detector.detect(motion.frame(BEGIN + k / RATE))[0] for k in range(6)]
    finally:
        detector.close()
    size = motion.intrinsics.width, motion.intrinsics.height
    return [(landmarks, {side: points for side, (points, _) in filter_hands(landmarks, *size).items()})
            for landmarks in people]


@pytest.fixture
def fitter(body):
    return BodyFitter(body.kinematics)


def hand_points(fit):
    return fit.placed.points[0, -42:].reshape(2, 21, 3)


def same(one, other):
    return np.array_equal(one.placed.points, other.placed.points)


def test_from_the_last_image_it_is_as_accurate_without_the_earlier_stages(fitter, detected, motion, monkeypatch):
    fresh = [fitter.fit(landmarks, motion.intrinsics, hands) for landmarks, hands in detected]

    def begin(_):
        raise AssertionError('begun anew')
    monkeypatch.setattr(fitter, '_fit_body', begin)
    last, errors = fresh[0], []
    for k, (landmarks, hands) in enumerate(detected[1:], 1):
        last = fitter.fit(landmarks, motion.intrinsics, hands, last)
        assert set(last.hands) == set(SIDES)
        assert all(np.array_equal(last.hands[side].wrist_rotation, last.pose.rotations[0, WRIST[side]])
                   for side in SIDES)
        true = motion.truth(BEGIN + k / RATE)
        errors += [[pa_mpjpe(fit_hand, true.hand(side).keypoints_3d) for fit_hand in (new, old)]
                   for side, new, old in zip(SIDES, hand_points(last), hand_points(fresh[k]))]
        assert mpjpe(hand_points(last)[0] - hand_points(last)[0, 0],
                     hand_points(fresh[k])[0] - hand_points(fresh[k])[0, 0]) < 0.01
    followed, anew = np.mean(errors, axis=0)
    assert followed < anew + 0.001, (followed, anew)


def test_other_hands_and_hands_elsewhere_begin_anew(fitter, detected, motion):
    camera = motion.intrinsics
    (landmarks, hands), (after, hands_after) = detected[:2]
    last = fitter.fit(landmarks, camera, hands)
    alone = {'left': hands_after['left']}
    assert same(fitter.fit(after, camera, alone, last), fitter.fit(after, camera, alone))
    assert not same(fitter.fit(after, camera, hands_after, last), fitter.fit(after, camera, hands_after))
    # Both hands have exchanged places and shapes: from there the last pose leads to neither.
    for side, other in zip(SIDES, SIDES[::-1]):
        moved = hands[side][0, :2] - hands_after[other][0, :2]
        alone[side] = hands_after[other] * (1, -1, 1) + (0, 2 * hands_after[other][0, 1], 0) + (*moved, 0)
    assert same(fitter.fit(after, camera, alone, last), fitter.fit(after, camera, alone))


def test_open_follows_a_person_for_four_images_and_begins_anew_after_a_pause(motion, monkeypatch):
    made, begun = estimators.create(EstimatorConfig('open')), []
    fit = made._prompt_fitter.fit
    monkeypatch.setattr(made._prompt_fitter, 'fit',
                        lambda *arguments: begun.append(arguments[3] is None) or fit(*arguments))
    image = motion.frame(BEGIN)

    def estimate(stamp):
        (found,) = made.estimate(image, motion.intrinsics, stamp)
        assert all(hand.visible for hand in found.hands)
    try:
        for k in range(7):
            estimate(k / RATE)
        assert begun == [True, False, False, False, False, True, False]
        begun.clear()
        for stamp in (2.0, 2.0 + 1 / RATE, None, 3.0, 3.0 + 1 / RATE, 2.9):    # a pause, no time, an earlier time
            estimate(stamp)
        assert begun == [True, False, True, True, False, True]
        made.reset()
        begun.clear()
        estimate(2.9 + 1 / RATE)
        assert begun == [True]
    finally:
        made.close()
