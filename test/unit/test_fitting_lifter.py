"""Bodies lifted from landmarks: people in a mirror are lifted to mirrored bodies, whatever the network has learnt."""

import numpy as np
import pytest

from hand4whole_ros import skeleton
from hand4whole_ros.fitting.lifter import MIRRORED_FEATURES, MIRRORED_SIGNS, Lifter, features
from hand4whole_ros.fitting.person_view import person_views
from hand4whole_ros.landmarks.indices import MIRRORED_POSE
from hand4whole_ros.networks.lifting_inference import LiftingPredictor
from hand4whole_ros.networks.lifting_layout import LiftingConfig

MIRROR = np.array([-1.0, 1, 1])
POSE, JOINTS = list(MIRRORED_POSE), list(skeleton.MIRROR[:22])


def untaught(hypotheses):
    config, rng = LiftingConfig(width=64, num_blocks=1, num_hypotheses=hypotheses), np.random.default_rng(0)
    return LiftingPredictor(config, {
        name: np.ones(shape) if name == 'deviation' or 'norm.weight' in name else
        rng.uniform(-1, 1, shape) / np.sqrt(shape[-1]) for name, shape in config.weight_shapes.items()})


@pytest.fixture
def person():
    """rays, visibility, world landmarks, and hands, of which the left one was not seen."""
    rng = np.random.default_rng(1)
    hands = 0.1 * rng.normal(size=(2, 21, 3))
    hands[0] = np.nan
    return 0.3 + 0.2 * rng.normal(size=(33, 2)), rng.random(33), 0.4 * rng.normal(size=(33, 3)), hands


def mirrored(rays, visibility, world, hands):
    return rays[POSE] * MIRROR[:2], visibility[POSE], world[POSE] * MIRROR, hands[::-1] * MIRROR


def test_features_in_a_mirror_are_those_of_the_mirrored_person(person):
    own, other = (features(person_views(*(part[None] for part in one)), one[1][None])
                  for one in (person, mirrored(*person)))
    np.testing.assert_allclose(own[:, MIRRORED_FEATURES] * MIRRORED_SIGNS, other, atol=1e-6)
    assert np.abs(own - other).max() > 0.1


def test_a_person_in_a_mirror_is_lifted_to_the_mirrored_body(person):
    lifter = Lifter(untaught(1))
    own, other = lifter(*person), lifter(*mirrored(*person))
    np.testing.assert_allclose(own.points[:, JOINTS] * MIRROR, other.points, atol=1e-5)
    np.testing.assert_allclose(own.rotations[:, JOINTS] * np.outer(MIRROR, MIRROR), other.rotations, atol=1e-5)
    np.testing.assert_allclose(own.betas, other.betas, atol=1e-5)
    products = own.rotations @ np.swapaxes(own.rotations, -1, -2)
    np.testing.assert_allclose(products, np.broadcast_to(np.eye(3), products.shape), atol=1e-9)


def test_spreads_are_those_of_the_person_alone(person):
    network = untaught(1)
    expected = network(features(person_views(*(part[None] for part in person)), person[1][None]))
    found = Lifter(network)(*person)
    np.testing.assert_allclose(found.bone_spread, np.exp(expected.bone_spread[0]), rtol=1e-5)
    np.testing.assert_allclose(found.turn_spread, np.exp(expected.turn_spread[0]), rtol=1e-5)


def test_several_hypotheses_are_those_of_the_person_alone(person):
    network = untaught(3)
    seen = features(person_views(*(part[None] for part in person)), person[1][None])
    found, expected = Lifter(network)(*person), network(seen)
    np.testing.assert_allclose(found.points, expected.points[0], atol=1e-6)
    np.testing.assert_allclose(found.bone_spread, np.exp(expected.bone_spread[0]), rtol=1e-5)
    assert len(found.odds) == 3 and np.isclose(found.odds.sum(), 1)
