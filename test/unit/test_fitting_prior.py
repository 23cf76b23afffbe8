"""What earlier images of a video say of a pose: where it is likely to be, and what a fit makes of that."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

pytest.importorskip('anny')

from hand4whole_ros.checkpoints.lifting import load_lifting_networks  # noqa: E402
from hand4whole_ros.detection.holistic_landmarks import HolisticLandmarks  # noqa: E402
from hand4whole_ros.fitting import body_fitter  # noqa: E402
from hand4whole_ros.fitting.body_fitter import LandmarkFitter  # noqa: E402
from hand4whole_ros.fitting.hand_lifter import HandLifter  # noqa: E402
from hand4whole_ros.fitting.kinematic_chain import ChainPose, exp_so3, log_so3  # noqa: E402
from hand4whole_ros.fitting.lifted_chain import FIRST_HAND, NUM_LANDMARKS, LiftedChains  # noqa: E402
from hand4whole_ros.fitting.lifter import LiftedBody, Lifter  # noqa: E402
from hand4whole_ros.fitting.observed_person import ObservedPerson, Widths  # noqa: E402
from hand4whole_ros.fitting.pose_prior import MAX_AGE, PoseHistory  # noqa: E402
from hand4whole_ros.fitting.prior_body_fitter import BodyFit  # noqa: E402
from hand4whole_ros.fitting.solver import solve  # noqa: E402
from hand4whole_ros.geometry.camera import Intrinsics  # noqa: E402
from hand4whole_ros.landmarks.indices import ARM, HIPS  # noqa: E402
from hand4whole_ros.skeleton import JOINT, NUM_JOINTS, SIDES, WRIST  # noqa: E402
from hand4whole_ros.synthetic.motion import PersonMotion  # noqa: E402

CAMERA = Intrinsics.from_focal(640, 480, 560.0)


def fit_of(rotations, root=(0.0, 0.0, 3.0)):
    return BodyFit(ChainPose(np.array([root]), rotations[None], np.zeros((1, 10))), None, {})


def turned(joint, angle):
    rotations = np.tile(np.eye(3), (NUM_JOINTS, 1, 1))
    rotations[joint] = Rotation.from_rotvec([0, angle, 0]).as_matrix()
    return rotations


def test_nothing_is_known_before_the_first_image_after_a_long_time_and_of_an_earlier_time():
    history = PoseHistory()
    assert history.predict(1.0) is None
    history.add(fit_of(turned(JOINT['left_elbow'], 0.2)), 1.0)
    assert history.predict(1.1) is not None
    assert history.predict(0.9) is None
    assert history.predict(1.0 + MAX_AGE + 0.01) is None


def test_a_joint_that_turns_is_expected_to_turn_on_a_little_and_the_less_surely_the_later():
    history, elbow = PoseHistory(), JOINT['left_elbow']
    for k in range(6):
        history.add(fit_of(turned(elbow, 0.1 * k), (0.05 * k, 0.0, 3.0)), 0.1 * k)
    soon, late = history.predict(0.6), history.predict(1.0)
    ahead = Rotation.from_matrix(soon.rotations[elbow]).as_rotvec()[1]
    assert 0.52 < ahead < 0.6, 'neither where it was nor as far as it would come at this rate'
    assert 0.255 < soon.root[0] < 0.3
    assert (late.turn_sigma > soon.turn_sigma).all()
    assert (late.root_sigma > soon.root_sigma).all()


def test_the_shape_is_known_the_better_the_more_images_have_shown_it():
    history, spreads = PoseHistory(), []
    for k in range(100):
        history.add(fit_of(turned(0, 0.0)), 0.05 * k)
        spreads.append(history.predict(0.05 * k).betas_sigma)
    assert spreads == sorted(spreads, reverse=True)
    assert 0 < spreads[-1] < spreads[0]


def test_time_that_jumps_back_begins_anew():
    history, elbow = PoseHistory(), JOINT['left_elbow']
    for k in range(4):
        history.add(fit_of(turned(elbow, 0.2 * k)), 10 + 0.1 * k)
    history.add(fit_of(turned(elbow, 0.0)), 2.0)
    found = history.predict(2.1)
    assert np.allclose(found.rotations[elbow], np.eye(3)), 'a velocity from before the jump is left'


@pytest.fixture(scope='module')
def fitter(body):
    return LandmarkFitter(body.kinematics, Lifter(load_lifting_networks().body))


@pytest.fixture(scope='module')
def moving(body):
    """Landmarks, with noise, of somebody who moves both arms, 15 images a second; and the joints."""
    chain = LiftedChains(body.kinematics).whole[()]
    motion, rng, found = PersonMotion(), np.random.default_rng(4), []
    for k in range(24):
        truth = motion.truth(5 + k / 15)
        placed = chain.place(ChainPose(truth.joints[None, 0], truth.local_rotations[None], np.zeros((1, 10))))
        points = placed.points[0, :NUM_LANDMARKS]
        pixels = CAMERA.project(points) + rng.normal(0, 3, (NUM_LANDMARKS, 2))
        world = points - points[list(HIPS)].mean(axis=0) + rng.normal(0, 0.03, points.shape)
        found.append((HolisticLandmarks(pixels, np.full(NUM_LANDMARKS, 0.99), world, None, None, False),
                      placed.joints[0]))
    return found


def followed(fitter, moving, remember):
    history, found = PoseHistory(), []
    for k, (landmarks, _) in enumerate(moving):
        fit = fitter.fit(landmarks, CAMERA, {}, history.predict(k / 15) if remember else None)
        history.add(fit, k / 15)
        found.append(fit.placed.joints[0, :22])
    return np.array(found)


def test_earlier_images_make_a_pose_steadier_and_no_worse(fitter, moving):
    truth = np.array([joints[:22] for _, joints in moving])

    def measured(found):
        away, true = found - found[:, :1], truth - truth[:, :1]
        jerks = np.diff(away, n=2, axis=0) - np.diff(true, n=2, axis=0)
        return np.linalg.norm(away - true, axis=-1)[5:].mean(), np.linalg.norm(jerks, axis=-1)[5:].mean()
    error, jitter = measured(followed(fitter, moving, True))
    alone, alone_jitter = measured(followed(fitter, moving, False))
    assert jitter < 0.9 * alone_jitter, (jitter, alone_jitter)
    assert error < 1.02 * alone, (error, alone)


def test_an_arm_that_is_hidden_stays_where_it_was(fitter, moving):
    history = PoseHistory()
    for k, (landmarks, _) in enumerate(moving[:10]):
        fit = fitter.fit(landmarks, CAMERA, {}, history.predict(k / 15))
        history.add(fit, k / 15)
    wrist, landmarks = JOINT['left_wrist'], moving[9][0]
    shoulder, *arm = ARM['left']
    pose, world, visibility = landmarks.pose.copy(), landmarks.world.copy(), landmarks.visibility.copy()
    pose[arm] = pose[shoulder] + [(10.0, 60.0), (15.0, 120.0)]      # a guess: it hangs
    world[arm] = world[shoulder] + [(0.05, 0.28, 0.0), (0.08, 0.53, 0.0)]
    visibility[arm] = 0.1
    hidden = replace(landmarks, pose=pose, world=world, visibility=visibility)
    before = fit.placed.joints[0, wrist] - fit.placed.joints[0, 0]

    def moved(prior):
        joints = fitter.fit(hidden, CAMERA, {}, prior).placed.joints[0]
        return np.linalg.norm(joints[wrist] - joints[0] - before)
    with_earlier, alone = moved(history.predict(10 / 15)), moved(None)
    assert with_earlier < 0.6 * alone, (with_earlier, alone)


def hand_of(points):
    """Landmarks (21, 3) px of a hand (21, 3) m, as HolisticLandmarks has them."""
    depth = (points[:, 2] - points[0, 2]) * CAMERA.fx / points[0, 2]
    return np.concatenate([CAMERA.project(points), depth[:, None]], axis=1)


@pytest.fixture(scope='module')
def gesturing(body):
    """The same motion as `moving`, of a body with both hands: landmarks, side -> those of hands, points in space."""
    chain = LiftedChains(body.kinematics).whole[SIDES]
    motion, rng, found = PersonMotion(), np.random.default_rng(4), []
    for k in range(12):
        scene = motion.scene(9 + k / 15)
        points = chain.place(ChainPose(scene.joints[None, 0], scene.local_rotations[None], np.zeros((1, 10)))).points[0]
        marks = points[:NUM_LANDMARKS]
        landmarks = HolisticLandmarks(
            CAMERA.project(marks) + rng.normal(0, 2, (NUM_LANDMARKS, 2)), np.full(NUM_LANDMARKS, 0.99),
            marks - marks[list(HIPS)].mean(axis=0), None, None, False)
        found.append((landmarks, {side: hand_of(points[FIRST_HAND + 21 * number:][:21])
                                  for number, side in enumerate(SIDES)}, points))
    return found


@pytest.fixture(scope='module')
def hand_fitter(body):
    networks = load_lifting_networks()
    return LandmarkFitter(body.kinematics, Lifter(networks.body), HandLifter(networks.hand))


def continued(fitter, gesturing, count):
    """The history of the first `count` images, and the last fit."""
    history = PoseHistory()
    for k, (landmarks, hands, _) in enumerate(gesturing[:count]):
        fit = fitter.fit(landmarks, CAMERA, hands, history.predict(k / 15))
        history.add(fit, k / 15)
    return history, fit


def test_with_both_hands_in_the_last_image_body_and_hands_are_fitted_at_once(hand_fitter, gesturing, monkeypatch):
    history, _ = continued(hand_fitter, gesturing, 5)
    landmarks, hands, _ = gesturing[5]
    prior, steps = history.predict(5 / 15), []

    def counted(chain, pose, observations, iterations, **settings):
        steps.append(iterations)
        return solve(chain, pose, observations, iterations, **settings)
    monkeypatch.setattr(body_fitter, 'solve', counted)
    fit = hand_fitter.fit(landmarks, CAMERA, hands, prior)
    at_once, steps[:] = list(steps), []
    assert set(fit.hands) == set(SIDES)
    hand_fitter.fit(landmarks, CAMERA, hands, replace(prior, hands=frozenset({'left'})))
    assert sum(at_once) < sum(steps) / 2, (at_once, steps)


def test_fits_at_once_are_as_near_and_steadier_than_each_image_alone(hand_fitter, gesturing):
    def measured(remember):
        history, found = PoseHistory(), []
        for k, (landmarks, hands, _) in enumerate(gesturing):
            fit = hand_fitter.fit(landmarks, CAMERA, hands, history.predict(k / 15) if remember else None)
            history.add(fit, k / 15)
            assert set(fit.hands) == set(SIDES)
            found.append(fit.placed.points[0, NUM_LANDMARKS:])
        away = np.array(found) - np.array([points[NUM_LANDMARKS:] for _, _, points in gesturing])
        away = away - away[:, :1]
        return np.linalg.norm(away, axis=-1)[3:].mean(), np.linalg.norm(np.diff(away, n=2, axis=0), axis=-1)[3:].mean()
    (error, jitter), (alone, alone_jitter) = measured(True), measured(False)
    assert error < 1.05 * alone, (error, alone)
    assert jitter < 0.9 * alone_jitter, (jitter, alone_jitter)


@pytest.mark.parametrize('behind', (0.1, -3.0))
def test_a_last_pose_behind_the_camera_is_no_start(hand_fitter, gesturing, behind):
    """Or with parts of the body behind it: then the fit begins with the network's body."""
    history, _ = continued(hand_fitter, gesturing, 3)
    landmarks, hands, points = gesturing[3]
    prior = history.predict(3 / 15)
    prior = replace(prior, root=np.array([*prior.root[:2], behind]), root_sigma=np.full(3, 10.0))
    fit = hand_fitter.fit(landmarks, CAMERA, hands, prior)
    assert abs(fit.placed.joints[0, 0, 2] / points[NUM_LANDMARKS, 2] - 1) < 0.3


def test_a_hand_that_left_its_last_pose_is_fitted_anew(hand_fitter, gesturing):
    """Upside down in the last image: a few steps do not lead back."""
    history, _ = continued(hand_fitter, gesturing, 3)
    landmarks, hands, points = gesturing[3]
    prior = history.predict(3 / 15)
    rotations = prior.rotations.copy()
    rotations[WRIST['left']] = rotations[WRIST['left']] @ exp_so3(np.array([0.0, 3.0, 0.0]))
    fit = hand_fitter.fit(landmarks, CAMERA, hands, replace(prior, rotations=rotations))
    left = fit.placed.points[0, FIRST_HAND:][:21]
    away = np.linalg.norm(CAMERA.project(left) - CAMERA.project(points[FIRST_HAND:][:21]), axis=1).mean()
    assert away < 0.25 * np.ptp(hands['left'][:, :2], axis=0).max()


def test_the_expected_pose_lies_nearer_to_the_source_of_less_spread(gesturing, hand_fitter):
    history, _ = continued(hand_fitter, gesturing, 3)
    prior, network = history.predict(3 / 15), np.tile(exp_so3(np.array([0.3, 0.2, 0.1])), (1, 22, 1, 1))

    def expected(spread):
        lifted = LiftedBody(np.eye(3), np.zeros((1, 22, 3)), network, np.ones((1, 10)), np.ones((1, 21, 3)),
                            np.full((1, 22, 3), spread), np.ones(1))
        seen = ObservedPerson(np.zeros((33, 2)), np.ones(33), np.ones(33), np.zeros((33, 3)), lifted, prior, Widths())
        return seen.expected_pose()
    sure, unsure, between = expected(1e-6), expected(1e6), expected(prior.turn_sigma[0, 0] / Widths().turns)
    assert np.allclose(sure.rotations, network, atol=1e-6)
    assert np.allclose(unsure.rotations[0], prior.rotations[:22], atol=1e-6)
    halves = [log_so3(np.swapaxes(one, -1, -2) @ between.rotations[0, 0])
              for one in (network[0, 0], prior.rotations[0])]
    assert np.allclose(np.linalg.norm(halves[0]), np.linalg.norm(halves[1]))
    assert np.allclose(between.root[0], prior.root)
    assert (np.abs(between.betas - prior.betas) < np.abs(1 - prior.betas)).all()
