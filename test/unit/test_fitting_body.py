"""A body fitted to lifted landmarks: on what was seen, not behind the camera, the same however a camera is rolled."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

pytest.importorskip('anny')

from hand4whole_ros.checkpoints.lifting import load_lifting_networks  # noqa: E402
from hand4whole_ros.detection.holistic_landmarks import HolisticLandmarks  # noqa: E402
from hand4whole_ros.fitting import body_fitter  # noqa: E402
from hand4whole_ros.fitting.body_fitter import LandmarkFitter, root_in_front  # noqa: E402
from hand4whole_ros.fitting.hand_lifter import HandLifter  # noqa: E402
from hand4whole_ros.fitting.kinematic_chain import ChainPose  # noqa: E402
from hand4whole_ros.fitting.lifted_chain import NUM_LANDMARKS, LiftedChains  # noqa: E402
from hand4whole_ros.fitting.lifter import LiftedBody, Lifter  # noqa: E402
from hand4whole_ros.fitting.person_view import person_views  # noqa: E402
from hand4whole_ros.geometry.camera import Intrinsics  # noqa: E402
from hand4whole_ros.landmarks.indices import PoseLandmark  # noqa: E402
from hand4whole_ros.networks.lifting_inference import LiftingPredictor  # noqa: E402
from hand4whole_ros.networks.lifting_layout import LiftingConfig  # noqa: E402
from hand4whole_ros.skeleton import SIDES  # noqa: E402
from hand4whole_ros.synthetic import posture_scene  # noqa: E402

NUM_BODY = 22
CAMERA = Intrinsics.from_focal(640, 480, 560.0)


def untaught():
    """A small network with weights by chance."""
    config, rng = LiftingConfig(width=64, num_blocks=1), np.random.default_rng(0)
    ones = {name for name in config.weight_shapes if name == 'deviation' or 'norm.weight' in name}
    return LiftingPredictor(config, {
        name: np.ones(shape) if name in ones else np.zeros(shape) if name == 'mean' else
        rng.uniform(-1, 1, shape) / np.sqrt(shape[-1]) for name, shape in config.weight_shapes.items()})


class InformedLifter:
    """Says of a person what it was told, a little wrong: the network's part, without its weights."""

    def __init__(self, local, betas, joints, error=0.0, seed=0):
        self.local, self.betas, self.joints = local, betas, joints
        self.turns = Rotation.from_rotvec(error * np.random.default_rng(seed).normal(size=(NUM_BODY, 3))).as_matrix()
        self.error = error

    def __call__(self, rays, visibility, world, hands):
        view = person_views(rays[None], visibility[None], world[None]).rotation[0]
        points = (self.joints[:NUM_BODY] - self.joints[0]) @ view.T
        spread = max(self.error, 0.05)
        return LiftedBody(view, points[None], (self.local[:NUM_BODY] @ self.turns)[None], self.betas[None],
                          np.full((1, NUM_BODY - 1, 3), 0.3 * spread), np.full((1, NUM_BODY, 3), spread), np.ones(1))


@pytest.fixture
def believed(monkeypatch):
    """Bodies of networks that know nothing, and say so, are given all the same."""
    monkeypatch.setattr(body_fitter, 'MIN_CONFIDENCE', 0.0)


@pytest.fixture(scope='module')
def chains(body):
    return LiftedChains(body.kinematics)


def posed(chains, seed):
    """A person in some posture before some camera: pose of the whole chain, landmarks without error, the camera."""
    scene = posture_scene.scene(seed, purpose=posture_scene.MEASURING)
    pose = ChainPose(scene.joints[None, 0], scene.local_rotations[None], np.zeros((1, 10)))
    points = chains.whole[SIDES].place(pose).points[0]
    points[:, 2] += max(0.0, 0.3 - points[:, 2].min())
    pose.root[0, 2] += points[NUM_LANDMARKS, 2] - pose.root[0, 2]
    camera = replace(scene.intrinsics, width=4000, height=4000, cx=2000.0, cy=2000.0)   # all of it is in the picture
    return pose, landmarks_of(points, camera), camera


def landmarks_of(points, camera):
    pixels = camera.project(points)
    world = points[:NUM_LANDMARKS] - points[[23, 24]].mean(axis=0)
    return HolisticLandmarks(pixels[:NUM_LANDMARKS], np.full(NUM_LANDMARKS, 0.99), world, None, None, False)


def placed_joints(chains, pose):
    return chains.whole[()].place(pose).joints[0]


@pytest.mark.parametrize('seed', range(6))
def test_a_pose_that_is_known_roughly_is_found_again_from_exact_landmarks(body, chains, seed):
    pose, landmarks, camera = posed(chains, seed)
    true = placed_joints(chains, pose)
    fitter = LandmarkFitter(body.kinematics, InformedLifter(pose.rotations[0], pose.betas[0], true, 0.15, seed))
    found = fitter.fit(landmarks, camera, {})
    apart = np.linalg.norm((found.placed.joints[0] - found.placed.joints[0, 0]) - (true - true[0]), axis=1)
    assert apart[:NUM_BODY].mean() < 0.03
    distance = np.linalg.norm(found.placed.joints[0, 0]) / np.linalg.norm(true[0])
    assert abs(distance - 1) < 0.05


@pytest.mark.parametrize('seed', range(6))
def test_what_was_seen_binds_a_network_that_is_wrong(body, chains, believed, seed):
    pose, landmarks, camera = posed(chains, seed)
    true = placed_joints(chains, pose)
    lifter = InformedLifter(pose.rotations[0], pose.betas[0], true, 0.35, seed)
    found = LandmarkFitter(body.kinematics, lifter).fit(landmarks, camera, {})
    points = found.placed.points[0, :NUM_LANDMARKS]
    away = np.linalg.norm(camera.project(points) - landmarks.pose, axis=1)
    torso = 0.5 * camera.fx / true[0, 2]
    assert away.mean() / torso < 0.05, 'the fitted body lies elsewhere than its landmarks'


@pytest.mark.parametrize('seed', range(6))
def test_a_landmark_on_which_its_estimates_disagree_binds_less(body, chains, believed, seed):
    """A hand seen elsewhere moves the arm less if the regions and mirror images disagree on it."""
    pose, landmarks, camera = posed(chains, seed)
    true = placed_joints(chains, pose)
    fitter = LandmarkFitter(body.kinematics, InformedLifter(pose.rotations[0], pose.betas[0], true, 0.15, seed))
    hand = [PoseLandmark[f'LEFT_{name}'] for name in ('WRIST', 'PINKY', 'INDEX', 'THUMB')]
    torso = 0.5 * camera.fx / true[0, 2]
    wrong, apart = landmarks.pose.copy(), np.zeros(NUM_LANDMARKS)
    wrong[hand] += 0.2 * torso
    away = {}
    for disagreement in (0.0, 0.3):
        apart[hand] = disagreement
        found = fitter.fit(replace(landmarks, pose=wrong, disagreement=apart), camera, {})
        there = camera.project(found.placed.points[0, :NUM_LANDMARKS])
        away[disagreement] = np.linalg.norm(there[hand] - landmarks.pose[hand], axis=1).mean() / torso
    assert away[0.3] < 0.6 * away[0.0]


@pytest.mark.parametrize('degrees', (30, 90, 180, -120))
def test_a_rolled_camera_moves_nobody(body, chains, believed, degrees):
    """The picture is rolled about its middle; the body has to be the same one, rolled."""
    pose, landmarks, camera = posed(chains, 3)
    turn = Rotation.from_euler('z', degrees, degrees=True).as_matrix()
    middle = np.array([camera.cx, camera.cy])
    rolled = replace(landmarks, pose=(landmarks.pose - middle) @ turn[:2, :2].T + middle,
                     world=landmarks.world @ turn.T)
    network = untaught()     # however wrong, it sees the same
    fitter = LandmarkFitter(body.kinematics, Lifter(network))
    one, other = (fitter.fit(some, camera, {}).placed.joints[0] for some in (landmarks, rolled))
    assert np.linalg.norm(one @ turn.T - other, axis=1).max() < 0.025


def test_nobody_is_put_behind_the_camera(body, believed):
    """Landmarks in disorder, beyond the edges, all in one place: every joint is in front, or nobody is given."""
    rng, given = np.random.default_rng(0), 0
    fitter = LandmarkFitter(body.kinematics, Lifter(untaught()))
    for trial in range(60):
        spread = (5, 80, 300, 3000)[trial % 4]
        pixels = np.array([320, 240]) + rng.normal(0, spread, (NUM_LANDMARKS, 2))
        landmarks = HolisticLandmarks(pixels, rng.random(NUM_LANDMARKS), rng.normal(0, 0.5, (NUM_LANDMARKS, 3)),
                                      None, None, False)
        camera = Intrinsics.from_focal(640, 480, float(rng.uniform(200, 2000)))
        found = fitter.fit(landmarks, camera, {})
        if found is not None:
            given += 1
            joints = found.placed.joints
            assert np.isfinite(joints).all() and joints[..., 2].min() > 0
    assert given > 20


def test_a_body_close_by_stands_in_front_where_its_landmarks_are_seen():
    rng = np.random.default_rng(1)
    for _ in range(50):
        points = rng.normal(0, 0.4, (60, 3))
        place = np.array([0.2, -0.1, rng.uniform(1.5, 4)])
        seen = points + place
        rays = seen[:33, :2] / seen[:33, 2:]
        found = root_in_front(points, rays, np.ones(33))
        assert np.allclose(found, place, atol=1e-6)
        # However the rays contradict the body, all of it is in front.
        wrong = root_in_front(points, rng.normal(0, rng.choice([0.01, 1, 30]), (33, 2)), rng.random(33) + 0.1)
        assert np.isfinite(wrong).all() and (points[:, 2] + wrong[2]).min() > 0.1


def test_too_little_that_is_seen_gives_nobody(body):
    fitter = LandmarkFitter(body.kinematics, Lifter(untaught()))
    rng = np.random.default_rng(0)
    landmarks = HolisticLandmarks(rng.uniform(0, 400, (33, 2)), np.full(33, 0.1), rng.normal(size=(33, 3)), None, None,
                                  False)
    assert fitter.fit(landmarks, CAMERA, {}) is None


def test_a_hand_that_lies_elsewhere_than_its_landmarks_is_not_given(body, chains):
    pose, landmarks, camera = posed(chains, 2)
    true = placed_joints(chains, pose)
    fitter = LandmarkFitter(body.kinematics, InformedLifter(pose.rotations[0], pose.betas[0], true, 0.05))
    points = chains.whole[SIDES].place(pose).points[0, -42:]
    hands = {}
    for k, side in enumerate(SIDES):
        mine = points[21 * k:21 * (k + 1)]
        depth = (mine[:, 2] - mine[0, 2]) * camera.fx / mine[0, 2]
        hands[side] = np.concatenate([camera.project(mine), depth[:, None]], axis=1)
    found = fitter.fit(landmarks, camera, hands)
    assert set(found.hands) == set(SIDES)
    for k, side in enumerate(SIDES):
        mine = found.placed.points[0, -42:][21 * k:21 * (k + 1)]
        box = np.ptp(hands[side][:, :2], axis=0).max()
        assert np.linalg.norm(camera.project(mine) - hands[side][:, :2], axis=1).mean() < 0.1 * box
    shuffled = hands['left'][np.random.default_rng(0).permutation(21)]
    assert set(fitter.fit(landmarks, camera, {**hands, 'left': shuffled}).hands) == {'right'}


@pytest.fixture(scope='module')
def shipped(body):
    networks = load_lifting_networks()
    return LandmarkFitter(body.kinematics, Lifter(networks.body), HandLifter(networks.hand))


def test_the_shipped_network_finds_people_again_wherever_they_stand(shipped, chains):
    """From landmarks without error, of people it has not learnt from: most of them near, and sure of it."""
    apart, confidence = [], []
    for seed in range(12):
        pose, landmarks, camera = posed(chains, seed)
        true = placed_joints(chains, pose)[:NUM_BODY]
        found = shipped.fit(landmarks, camera, {})
        if found is None:
            continue
        joints = found.placed.joints[0, :NUM_BODY]
        apart.append(np.linalg.norm((joints - joints[0]) - (true - true[0]), axis=1).mean())
        confidence.append(found.confidence)
    assert len(apart) >= 10 and np.median(apart) < 0.12 and np.median(confidence) > 0.7, (apart, confidence)


def test_landmarks_that_are_no_person_give_nobody(shipped):
    """As a detector says of a hand that fills the picture: all of them visible, in no order of a body."""
    rng, given = np.random.default_rng(4), 0
    for _ in range(20):
        pixels = np.array([320, 240]) + rng.normal(0, 90, (NUM_LANDMARKS, 2))
        landmarks = HolisticLandmarks(pixels, np.full(NUM_LANDMARKS, 0.9), rng.normal(0, 0.3, (NUM_LANDMARKS, 3)), None,
                                      None, False, keypoint_score=np.full(NUM_LANDMARKS, 0.5))
        given += shipped.fit(landmarks, CAMERA, {}) is not None
    assert given <= 1
