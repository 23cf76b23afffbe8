"""Several poses of one person become one: from behind if left and right are exchanged in some of them."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from hand4whole_ros.landmarks.indices import LIMBS, MIRRORED_POSE, PoseLandmark
from hand4whole_ros.landmarks.mirror_memory import pose_both_ways
from hand4whole_ros.landmarks.pose import PoseLandmarks
from hand4whole_ros.landmarks.pose_consensus import consensus, is_facing, is_near, with_sides_exchanged
from hand4whole_ros.landmarks.regions import Region

#: x of the left joint, y, in m, of a person who faces the camera; the right one is opposite.
_LEFT = {'EYE': (0.03, -0.68), 'EAR': (0.07, -0.68), 'SHOULDER': (0.18, -0.5), 'ELBOW': (0.25, -0.22),
         'WRIST': (0.27, 0.03), 'HIP': (0.11, 0.0), 'KNEE': (0.12, 0.42), 'ANKLE': (0.13, 0.85)}


def facing_person(roll=0.0, noise=0.0, seed=0):
    """A person who faces the camera, 200 px a metre."""
    world = np.zeros((33, 3))
    for name, (x, y) in _LEFT.items():
        world[PoseLandmark[f'LEFT_{name}'], :2], world[PoseLandmark[f'RIGHT_{name}'], :2] = (x, y), (-x, y)
    c, s = np.cos(roll), np.sin(roll)
    world[:, :2] = world[:, :2] @ [[c, s], [-s, c]]
    points = 200 * world + (300, 250, 0) + np.random.default_rng(seed).normal(0, noise, (33, 3))
    return PoseLandmarks(points, world, np.full(33, 0.9), np.ones(33), np.full(33, 0.8), np.zeros((2, 2)), 1.0,
                         Region(np.array([300, 250]), 400, roll))


@pytest.mark.parametrize('roll', np.radians([0, 50, 180, -100]))
def test_the_front_of_the_trunk_is_known_at_any_roll(roll):
    person = facing_person(roll)
    assert is_facing(person) and not is_facing(with_sides_exchanged(person))
    assert is_near(person, with_sides_exchanged(person))
    assert not is_near(person, replace(person, landmarks=person.landmarks + (200, 0, 0)))


def test_poses_that_agree_are_averaged_whichever_side_is_seen():
    seen = [facing_person(noise=3, seed=k) for k in range(4)]
    for poses in (seen, [with_sides_exchanged(pose) for pose in seen]):
        found = consensus(poses)
        np.testing.assert_allclose(found.landmarks, np.mean([pose.landmarks for pose in poses], axis=0))
        assert 0 < found.disagreement[list(LIMBS)].mean() < 0.05


@pytest.mark.parametrize('count', [1, 2, 3])
def test_of_poses_with_left_and_right_exchanged_those_from_behind_are_taken_and_are_not_sure(count):
    behind = [with_sides_exchanged(facing_person(noise=2, seed=k)) for k in range(count)]
    facing = [facing_person(noise=2, seed=10 + k) for k in range(4 - count)]
    found = consensus([*facing, *behind])
    np.testing.assert_allclose(found.landmarks, np.mean([pose.landmarks for pose in behind], axis=0))
    assert not is_facing(found) and found.disagreement[list(LIMBS)].mean() > 0.1


def test_exchanging_sides_twice_changes_nothing():
    person = facing_person(noise=5)
    again = with_sides_exchanged(with_sides_exchanged(person))
    np.testing.assert_array_equal(again.landmarks, person.landmarks)
    np.testing.assert_array_equal(with_sides_exchanged(person).visibility, person.visibility[list(MIRRORED_POSE)])


def test_a_pose_whose_trunk_alone_is_exchanged_does_not_turn_the_person():
    poses = [facing_person(noise=1, seed=k) for k in range(3)]
    trunk = [PoseLandmark[f'{side}_{name}'] for name in ('SHOULDER', 'HIP') for side in ('LEFT', 'RIGHT')]
    mixed = facing_person(noise=1, seed=5)
    world = mixed.world_landmarks.copy()
    world[trunk] = world[[MIRRORED_POSE[row] for row in trunk]]
    mixed = replace(mixed, world_landmarks=world)
    assert not is_facing(mixed)
    assert is_facing(consensus([*poses, mixed]))


def test_a_tracked_person_whose_sides_the_mirror_image_exchanges_is_seen_from_behind():
    facing, behind = facing_person(noise=2), with_sides_exchanged(facing_person(noise=2, seed=1))
    for straight, mirrored in ((facing, behind), (behind, facing)):
        landmarker = SimpleNamespace(
            landmarks=lambda image, region, straight=straight: straight,
            landmarks_both_ways=lambda image, region, poses=(straight, mirrored): poses)
        seen, memory = pose_both_ways(landmarker, None, facing.region)
        np.testing.assert_allclose(seen.landmarks, behind.landmarks)
        assert memory is not None and not is_facing(seen)
        # The next image, without its mirror image.
        again, _ = pose_both_ways(landmarker, None, facing.region, memory, mirror=False)
        np.testing.assert_allclose(again.landmarks, behind.landmarks, atol=1e-9)
