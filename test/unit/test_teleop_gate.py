"""When a hand may drive a robot: agreement after DaHyF, HELD, LOST, and sources that are broken."""

import math
from dataclasses import replace

import numpy as np
import pytest
from teleop_hands import placed, right_hand, seen

from hand4whole_ros.geometry.camera import Intrinsics
from hand4whole_ros.geometry.keypoint_agreement import keypoint_agreement, measure_agreement
from hand4whole_ros.teleop.hand_gate import HELD, LOST, OK, HandGate, HandGateConfig

DT = 1 / 30
CAMERA = Intrinsics.from_fov(640, 480)


def trusted_gate(config=None, count=5):
    """A gate whose hand is OK, and the time of the next image."""
    gate = HandGate(config or HandGateConfig())
    for k in range(count):
        result = gate.update(seen(k * DT), k * DT)
    assert result.state == OK and result.fresh and result.reason == ''
    return gate, count * DT


# Agreement

def test_agreement_is_the_papers():
    rng = np.random.default_rng(0)
    patch, crop = 180.0, 224.0      # sizes of the box in the image and of the network's input
    center = np.array([300.0, 200.0])
    in_crop, projected = rng.uniform(0, crop, (21, 2)), center + rng.normal(0, 40, (21, 2))
    v = ((in_crop * (patch / crop) - patch / 2) / patch).ravel()            # equation 8
    v_projected = ((projected - center) / patch).ravel()                    # equation 9
    expected = v @ v_projected / np.linalg.norm(v) / np.linalg.norm(v_projected)
    seen_in_image = in_crop * (patch / crop) + center - patch / 2
    assert keypoint_agreement(seen_in_image, projected, center, patch) == pytest.approx(expected)


def test_agreement_of_equal_turned_and_absurd_keypoints():
    pixels = CAMERA.project(placed(right_hand()))
    assert keypoint_agreement(pixels, pixels) == pytest.approx(1.0)
    assert keypoint_agreement(pixels, pixels.min(0) + pixels.max(0) - pixels) == pytest.approx(-1.0)
    assert keypoint_agreement(pixels, np.full_like(pixels, np.nan)) == 0.0
    assert keypoint_agreement(np.zeros((21, 2)), pixels) == 0.0


def test_a_hand_is_measured_with_the_keypoints_that_were_detected():
    hand = placed(right_hand())
    pixels = CAMERA.project(hand)
    assert measure_agreement(pixels, hand, CAMERA) == pytest.approx(1.0)
    assert measure_agreement(2 * pixels.mean(0) - pixels, hand, CAMERA) == 0.0      # the other way round
    assert measure_agreement(pixels, hand * (1, 1, -1), CAMERA) == 0.0              # behind the camera
    assert measure_agreement(np.full((21, 2), np.nan), hand, CAMERA) == 0.0
    aside = pixels + (0.25 * np.ptp(pixels, axis=0).max(), 0)
    without_wrist = np.where(np.arange(21)[:, None] == 0, np.nan, aside)
    assert measure_agreement(without_wrist, hand, CAMERA) == pytest.approx(keypoint_agreement(aside[1:], pixels[1:]))
    assert measure_agreement(without_wrist, hand, CAMERA) < 0.9


# States

def test_a_hand_has_to_be_seen_in_several_images_first():
    gate = HandGate(HandGateConfig(confirm_images=3))
    states = [gate.update(seen(k * DT), k * DT).state for k in range(4)]
    assert states == [LOST, LOST, OK, OK]


def test_a_hand_that_leaves_is_held_with_its_age_and_then_lost():
    gate, now = trusted_gate(HandGateConfig(hold_time=0.5))
    first = gate.update(None, now)
    assert first.state == HELD and first.age == pytest.approx(DT) and 'not in the image' in first.reason
    ages = []
    while (result := gate.update(None, now)).state == HELD:
        ages.append(result.age)
        now += DT
    assert ages == sorted(ages) and ages[-1] <= 0.5 < result.age
    assert result.state == LOST and result.confidence == 0.0


def test_silence_holds_and_loses_without_any_image():
    gate, now = trusted_gate(HandGateConfig(max_silence=0.2, hold_time=0.5))
    last = now - DT
    assert gate.check(last + 0.19).state == OK
    held = gate.check(last + 0.3)
    assert held.state == HELD and held.age == pytest.approx(0.3) and 'no image' in held.reason
    assert gate.check(last + 0.51).state == LOST


def test_one_lost_image_does_not_have_to_be_confirmed():
    gate, now = trusted_gate()
    assert gate.update(None, now).state == HELD
    assert gate.update(seen(now + DT), now + DT).state == OK


def test_thresholds_have_hysteresis():
    config = HandGateConfig(hold_confidence=0.4, trust_confidence=0.6)
    gate, now = trusted_gate(config)
    states = []
    for k, confidence in enumerate((0.5, 0.45, 0.39, 0.5, 0.59, 0.61, 0.5)):
        states.append(gate.update(seen(now + k * DT, confidence=confidence), now + k * DT).state)
    assert states == [OK, OK, HELD, HELD, HELD, OK, OK]


def test_agreement_has_hysteresis_of_its_own_and_does_not_count_where_it_is_not_known():
    gate, now = trusted_gate(HandGateConfig(hold_agreement=0.7, trust_agreement=0.8))
    states = []
    for k, agreement in enumerate((0.79, 0.71, 0.69, 0.79, 0.81, None, 0.69, None)):
        states.append(gate.update(seen(now + k * DT, agreement=agreement), now + k * DT).state)
    assert states == [OK, OK, HELD, HELD, OK, OK, HELD, OK]


def test_a_pose_that_projects_elsewhere_is_held():
    gate, now = trusted_gate()
    pixels = CAMERA.project(placed(right_hand()))
    good = seen(now, agreement=keypoint_agreement(pixels, pixels + 3))
    assert gate.update(good, now).state == OK
    mirrored = pixels * (-1, 1) + (pixels[:, 0].min() + pixels[:, 0].max(), 0)
    result = gate.update(seen(now + DT, agreement=keypoint_agreement(pixels, mirrored)), now + DT)
    assert result.state == HELD and 'agreement' in result.reason


# Broken sources

@pytest.mark.parametrize('broken, words', [
    (lambda good: replace(good, keypoints=good.keypoints * np.nan), 'not finite'),
    (lambda good: replace(good, keypoints=np.zeros((21, 3))), 'palm is 0 mm'),
    (lambda good: replace(good, keypoints=good.keypoints[:5]), 'shape'),
    (lambda good: replace(good, confidence=math.nan), 'confidence'),
    (lambda good: replace(good, stamp=math.nan), 'stamp'),
    (lambda good: replace(good, agreement=math.nan), 'agreement'),
    (lambda good: replace(good, agreement=0.0), 'agreement 0.00 is below 0.'),
    (lambda good: replace(good, keypoints=good.keypoints + (0.5, 0, 0)), 'jumped'),
    (lambda good: replace(good, person=7), 'has track id 7')])
def test_what_is_no_measurement_holds_and_goes_on_to_be_lost(broken, words):
    gate, now = trusted_gate()
    trusted_at = now - DT
    while (result := gate.update(broken(seen(now)), now)).state != LOST:
        assert result.state == HELD and words in result.reason and not result.fresh
        assert result.age == pytest.approx(now - trusted_at)
        now += DT
    assert now - trusted_at > gate.config.hold_time and not result.fresh


def test_a_hand_that_stays_elsewhere_is_lost_before_it_is_another_hand():
    """Two people cross, and their hands are exchanged."""
    gate, now = trusted_gate()
    states = []
    for _ in range(30):
        states.append(gate.update(seen(now, position=(0.6, 0.0, 0.7)), now).state)
        now += DT
    assert states[0] == HELD and LOST in states
    assert OK not in states[:states.index(LOST)] and states[-1] == OK


def test_repeated_images_keep_no_hand_alive():
    gate, now = trusted_gate()
    frozen = seen(now)
    assert gate.update(frozen, now).state == OK
    states = [gate.update(frozen, now + k * DT).state for k in range(1, 20)]
    assert states[0] == HELD and states[-1] == LOST


def test_a_stamp_that_goes_back_loses_the_hand_at_once():
    gate, now = trusted_gate()
    assert gate.update(seen(now - 100), now).state == LOST
    assert gate.update(seen(now - 100 + DT), now + DT).state == LOST      # and it has to be confirmed again


def test_a_clock_that_goes_back_loses_the_hand_at_once():
    gate, now = trusted_gate()
    result = gate.check(now - 10)
    assert result.state == LOST and 'clock' in result.reason


def test_bursts_of_late_images_are_no_jumps():
    gate, now = trusted_gate()
    # Three images in a row arrive within a millisecond; the hand moves at 1.5 m/s.
    for k in range(3):
        result = gate.update(seen(now + k * DT, position=(0.1 + 0.05 * (k + 1), -0.05, 0.7)), now + 3 * DT + k * 3e-4)
        assert result.state == OK, result.reason


@pytest.mark.parametrize('fields', [{'hold_agreement': 0.9, 'trust_agreement': 0.8}, {'confirm_images': 0},
                                    {'hold_time': 0.1}, {'max_wrist_speed': 0}, {'hold_time': math.inf}])
def test_settings_that_contradict_each_other_are_refused(fields):
    with pytest.raises(ValueError, match='expected'):
        HandGateConfig(**fields)
