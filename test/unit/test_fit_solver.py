"""The least-squares fit: exact where the picture is, within joint limits, never worse than its start."""

import numpy as np
import pytest

from hand4whole_ros.detection.holistic_landmarks import HolisticLandmarks
from hand4whole_ros.fitting.kinematic_chain import ChainPose, exp_so3
from hand4whole_ros.fitting.landmark_offsets import POSE_INDEX
from hand4whole_ros.fitting.prior_body_fitter import BodyFitter
from hand4whole_ros.fitting.solver import (
    LIMIT_SIGMA,
    DepthPairs,
    Observations,
    PointVectors,
    RootAnchor,
    Turns,
    _NormalEquations,
    solve,
)
from hand4whole_ros.geometry.camera import Intrinsics
from hand4whole_ros.geometry.placement import MIN_DEPTH
from hand4whole_ros.skeleton import HAND_SLICE, JOINT, SIDES, WRIST

CAMERA = Intrinsics.from_focal(720, 720, 936.0)
FACING = np.diag((1.0, -1.0, -1.0))     # a person upright before the camera, facing it


@pytest.fixture(scope='module')
def fitter(body):
    return BodyFitter(body.kinematics)


def natural(fitter, seed):
    """A person 2 m away whose joints are somewhere within the angle prior."""
    rng = np.random.default_rng(seed)
    chain, prior = fitter.person.whole[SIDES], fitter.person.prior
    angles = np.zeros((55, 3))
    joint, axis = chain.dofs.T
    drawn = prior.mean[0] + 0.6 * np.minimum(prior.sigma[0], 1) * rng.normal(size=(55, 3))
    angles[joint, axis] = np.clip(drawn, prior.low[0], prior.high[0])[joint, axis]
    rotations = exp_so3((chain.axes @ angles[..., None])[..., 0])
    rotations[0] = FACING @ exp_so3(np.array([0.05, 0.3, 0.02]))
    return ChainPose(np.array([[0.1, 0.2, 2.1]]), rotations[None], np.zeros((1, 10)))


def picture(fitter, pose, camera=CAMERA):
    """Landmarks as MediaPipe would give them if it made no error; both hands."""
    points = fitter.person.whole[SIDES].place(pose).points[0]
    pixels = camera.project(points)
    body, world = np.zeros((33, 2)), np.zeros((33, 3))
    rows = len(POSE_INDEX)
    body[POSE_INDEX], world[POSE_INDEX] = pixels[:rows], points[:rows]
    hands = {}
    for k, side in enumerate(SIDES):
        part = slice(rows + 21 * k, rows + 21 * (k + 1))
        depth = (points[part, 2] - points[part, 2][0]) * camera.fx / points[part, 2][0]
        hands[side] = np.concatenate([pixels[part], depth[:, None]], 1)
    return HolisticLandmarks(body, np.ones(33), world, hands['left'], hands['right'], True), hands


@pytest.mark.parametrize('seed', range(4))
def test_a_pose_is_found_again_from_exact_evidence(fitter, seed):
    chain = fitter.person.whole[SIDES]
    truth = natural(fitter, seed)
    points = chain.place(truth).points
    rng = np.random.default_rng(seed)
    step = np.concatenate([rng.normal(0, 0.05, 3), rng.normal(0, 0.15, len(chain.dofs)), np.zeros(10)])
    pairs = np.stack([np.arange(1, points.shape[1]), np.zeros(points.shape[1] - 1, int)], 1)
    toward = np.array([[0, 0, 1.0]])
    evidence = Observations(
        rays=points[..., :2] / points[..., 2:], ray_sigma=np.full(points.shape[:2], 1e-5),
        angles=fitter.person.prior, robust=1e6,
        depths=DepthPairs(pairs, points[:, 1:, 2] - points[:, :1, 2], np.full((1, len(pairs)), 1e-4), toward))
    pose, placed, cost = solve(chain, chain.turned(truth, step[None]), evidence, 30)
    assert np.abs(placed.points - points).max() < 2e-3
    assert np.isfinite(cost).all()


@pytest.mark.parametrize('distance', [0.3, 0.4, 0.5])
def test_arms_that_nobody_saw_are_not_behind_the_camera(fitter, distance):
    """A portrait: the face fills the picture, and arms and legs are made up."""
    truth = natural(fitter, 0)
    truth.rotations[:, 1:] = fitter.person.relaxed[1:]
    truth.rotations[0, 0] = FACING @ exp_so3(np.array([0.2, 0.0, 0.0]))
    for side, sign in (('left', -1), ('right', 1)):     # forearms towards the camera, as MediaPipe would guess them
        truth.rotations[0, JOINT[f'{side}_elbow']] = exp_so3(np.array([0, sign * 1.6, 0]))
    truth.root[0] = 0.0, 0.0, 0.0
    head = fitter.person.whole[SIDES].place(truth).joints[0, JOINT['head']]
    truth.root[0] = np.array([0.0, 0.0, distance]) - head
    camera = Intrinsics.from_fov(600, 600, 60.0)
    landmarks, _ = picture(fitter, truth, camera)
    landmarks.visibility[13:] = 0.0
    found = fitter.fit(landmarks, camera, {})
    assert found is not None and found.placed.joints[0, :, 2].min() > MIN_DEPTH
    hands = [*WRIST.values(), *(k for rows in HAND_SLICE.values() for k in range(rows.start, rows.stop))]
    assert found.placed.joints[0, hands, 2].min() > MIN_DEPTH
    seen = np.flatnonzero(landmarks.visibility[POSE_INDEX] > 0.5)
    error = camera.project(found.placed.points[0, seen]) - landmarks.pose[POSE_INDEX[seen]]
    assert np.linalg.norm(error, axis=1).max() < 30


@pytest.mark.parametrize('seed', range(4))
def test_a_person_is_found_from_a_perfect_picture(fitter, seed):
    truth = natural(fitter, seed)
    landmarks, hands = picture(fitter, truth)
    found = fitter.fit(landmarks, CAMERA, hands)
    true = fitter.person.whole[SIDES].place(truth)
    pixels, seen = CAMERA.project(found.placed.points[0]), CAMERA.project(true.points[0])
    assert np.median(np.linalg.norm(pixels - seen, axis=1)) < 4
    upper = [JOINT[f'{side}_{name}'] for side in SIDES for name in ('shoulder', 'elbow', 'wrist', 'hip')]
    error = (found.placed.joints[0] - found.placed.joints[0, 0]) - (true.joints[0] - true.joints[0, 0])
    assert np.median(np.linalg.norm(error[upper], axis=1)) < 0.06
    assert abs(found.pose.root[0, 2] / 2.1 - 1) < 0.05


def test_lens_distortion_is_removed(fitter):
    truth = natural(fitter, 1)
    barrel = Intrinsics(936.0, 936.0, 359.5, 359.5, 720, 720, (-0.25, 0.08, 0.001, 0.0))
    straight = fitter.fit(picture(fitter, truth)[0], CAMERA, picture(fitter, truth)[1])
    landmarks, hands = picture(fitter, truth, barrel)
    bent = fitter.fit(landmarks, barrel, hands)
    assert np.abs(bent.placed.joints - straight.placed.joints).max() < 2e-3


def test_joint_limits_hold_against_the_picture(fitter):
    truth = natural(fitter, 0)
    rotations = truth.rotations.copy()
    rotations[0, JOINT['left_elbow']] = exp_so3(np.array([0, 0.9, 0]))     # bent backwards
    landmarks, hands = picture(fitter, ChainPose(truth.root, rotations, truth.betas))
    found = fitter.fit(landmarks, CAMERA, hands)
    angles = fitter.person.whole[SIDES].angles(found.pose.rotations)
    prior = fitter.person.prior
    joint, axis = fitter.person.whole[SIDES].dofs[3:].T
    beyond = np.maximum(angles - prior.high, 0) + np.maximum(prior.low - angles, 0)
    assert beyond[0, joint, axis].max() < 3 * LIMIT_SIGMA


def test_a_hand_that_is_not_given_stays_relaxed(fitter):
    landmarks, hands = picture(fitter, natural(fitter, 1))
    found = fitter.fit(landmarks, CAMERA, {'left': hands['left']})
    assert set(found.hands) == {'left'}
    right = slice(40, 55)
    assert np.allclose(found.pose.rotations[0, right], fitter.person.relaxed[right])


def test_landmarks_that_show_nobody_give_nobody_or_finite_numbers(fitter):
    rng = np.random.default_rng(0)
    for scale in (0.0, 1.0, 1e5):
        junk = HolisticLandmarks(rng.normal(0, scale, (33, 2)), np.ones(33), rng.normal(0, scale, (33, 3)),
                                 None, None, False)
        hand = rng.normal(0, scale, (21, 3))
        found = fitter.fit(junk, CAMERA, {'left': hand, 'right': hand})
        assert found is None or np.isfinite(found.placed.joints).all()


def test_a_step_never_raises_the_cost(fitter):
    chain = fitter.person.whole[SIDES]
    truth = natural(fitter, 2)
    points = chain.place(truth).points
    evidence = Observations(rays=points[..., :2] / points[..., 2:], ray_sigma=np.full(points.shape[:2], 0.005),
                        angles=fitter.person.prior)
    start = ChainPose(truth.root + 0.3, np.tile(np.eye(3), (1, 55, 1, 1)), truth.betas)
    start.rotations[0, 0] = FACING
    costs = [solve(chain, start, evidence, n)[2][0] for n in range(6)]
    assert all(after <= before for before, after in zip(costs, costs[1:]))
    assert costs[-1] < 0.5 * costs[0]


def every_kind(chain, prior, truth, rng):
    """Two poses near `truth`, and observations of every kind that they contradict somewhat; one point is unseen."""
    def random_rotations(spread):
        return truth.rotations @ exp_so3(rng.normal(0, spread, (2, 55, 3)))
    pose = ChainPose(truth.root + rng.normal(0, 0.05, (2, 3)), random_rotations(0.1), rng.normal(0, 0.5, (2, 10)))
    points = chain.place(truth.repeat(2)).points
    unseen = np.where(np.arange(points.shape[1]) == 3, np.inf, 0.02)
    pairs = rng.integers(0, points.shape[1], (20, 2))
    vectors = points[:, pairs[:, 0]] - points[:, pairs[:, 1]] + rng.normal(0, 0.05, (2, 20, 3))
    return pose, Observations(
        rays=points[..., :2] / points[..., 2:], ray_sigma=np.tile(unseen, (2, 1)), angles=prior, betas_sigma=0.7,
        depths=DepthPairs(pairs, vectors[..., 2], np.full((2, 20), 0.1), np.tile((0, 0, 1.0), (2, 1))),
        vectors=PointVectors(pairs, vectors, np.full((2, 20, 3), 0.1), np.tile(np.eye(3), (2, 20, 1, 1))),
        turns=tuple(Turns(random_rotations(0.2), rng.uniform(0.2, 0.4, (2, 55, 3))) for _ in range(2)),
        betas=rng.normal(0, 0.5, (2, 10)), root=RootAnchor(truth.root.repeat(2, 0), np.full((2, 3), 0.1)))


def test_the_gradient_is_the_slope_of_the_cost_of_every_kind_of_observation(fitter):
    chain, rng = fitter.person.whole[SIDES], np.random.default_rng(5)
    pose, observations = every_kind(chain, fitter.person.prior, natural(fitter, 3), rng)
    normal = _NormalEquations(chain, observations)

    def cost(step):
        moved = chain.turned(pose, step)
        return normal.residuals(moved, chain.place(moved))[0]
    placed = chain.place(pose)
    hessian, gradient = normal.equations(placed, normal.residuals(pose, placed)[1])
    size = gradient.shape[1]
    steps = 1e-6 * np.eye(size)
    slope = np.stack([(cost(np.tile(step, (2, 1))) - cost(np.tile(-step, (2, 1)))) / 2e-6 for step in steps], axis=1)
    assert np.abs(2 * gradient - slope).max() < 1e-4 * np.abs(slope).max()
    assert np.allclose(hessian, hessian.swapaxes(1, 2)) and (np.linalg.eigvalsh(hessian) > 0).all()


def test_poses_of_one_batch_do_not_depend_on_each_other(fitter):
    chain, rng = fitter.person.whole[SIDES], np.random.default_rng(6)
    pose, observations = every_kind(chain, fitter.person.prior, natural(fitter, 1), rng)
    pose.rotations[1, JOINT['left_elbow']] = exp_so3(np.array([3.1, 0.0, 0.0]))     # nearly half a turn
    together = solve(chain, pose, observations, 3)[0]

    def row(part):
        return None if part is None else type(part)(*(
            a if name == 'pairs' else a[:1] for name, a in part._asdict().items()))
    alone = Observations(
        observations.rays[:1], observations.ray_sigma[:1], observations.angles, observations.betas_sigma,
        row(observations.depths), row(observations.vectors), tuple(row(turns) for turns in observations.turns),
        observations.betas[:1], row(observations.root))
    single = solve(chain, pose.take([0]), alone, 3)[0]
    assert np.abs(together.rotations[0] - single.rotations[0]).max() < 1e-9
