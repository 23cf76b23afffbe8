"""The estimators that need no licence, on rendered people: accuracy that can fail, lost hands, every kind of image."""

import functools
import json
from dataclasses import replace

import numpy as np
import pytest
import roma
import torch
from detection_scenes import side_by_side
from posed_layer import pose_with_layer
from scripted_node import person as somebody
from threadpoolctl import threadpool_info, threadpool_limits

from hand4whole_ros import estimators
from hand4whole_ros.apps.estimate import estimate, image_sources
from hand4whole_ros.body.open_hands import load_open_body
from hand4whole_ros.checkpoints.open_model import save_open_model
from hand4whole_ros.estimators import EstimatorConfig, EstimatorUnavailable
from hand4whole_ros.estimators.prompt_builder import crop_to_camera_rotations
from hand4whole_ros.evaluation import pose_errors as errors_of
from hand4whole_ros.geometry.camera import Intrinsics
from hand4whole_ros.geometry.keypoint_agreement import measure_agreement
from hand4whole_ros.geometry.placement import MIN_DEPTH
from hand4whole_ros.media import image_files
from hand4whole_ros.networks.hand4whole_pp import Hand4WholePP
from hand4whole_ros.networks.open_model import IMAGE_ONLY
from hand4whole_ros.skeleton import JOINT, LOST, OK, PARENTS, SIDES, WRIST
from hand4whole_ros.synthetic import dataset

pytest.importorskip('ai_edge_litert')

pytestmark = pytest.mark.usefixtures('searched_once')


@pytest.fixture(scope='module')
def people_seen():
    """Eight rendered people and the truth."""
    from hand4whole_ros.synthetic import dataset
    return [dataset.render_person(3, i) for i in range(8)]


@pytest.fixture(scope='module')
def estimates_by(people_seen):
    """What an estimator of some name says of them, asked once."""
    @functools.cache
    def estimates_by(name):
        made = estimators.create(EstimatorConfig(name, static_images=True))
        said = [made.estimate(image, truth.intrinsics) for image, truth in people_seen]
        made.close()
        return said
    return estimates_by


@pytest.fixture(scope='module')
def estimates(config, estimates_by):
    return estimates_by(config.estimator)


def test_people_are_found_and_every_number_is_finite(estimates):
    assert all(len(found) == 1 for found in estimates)
    assert all(found[0].is_finite() for found in estimates)
    assert all(set(found[0].stage_times) >= {'detector', 'fit'} for found in estimates)


def test_joints_and_hands_are_near_the_truth(estimates, people_seen):
    upper = [16, 17, 18, 19, 20, 21, 1, 2]
    body, distance, hands = [], [], []
    for (found,), (_, truth) in zip(estimates, people_seen):
        here, true = found.joints, np.asarray(truth.joints)
        error = (here - here[1:3].mean(0)) - (true - true[1:3].mean(0))
        body.append(np.linalg.norm(error[upper], axis=1).mean())
        distance.append(abs(np.linalg.norm(here[0]) / np.linalg.norm(true[0]) - 1))
        for hand in found.hands:
            if hand.visible:
                true = truth.hand(hand.side)
                hands.append(np.linalg.norm(hand.keypoints_2d - true.keypoints_2d, axis=1).mean())
    assert np.median(body) < 0.08
    assert np.median(distance) < 0.08
    assert len(hands) >= 13 and np.median(hands) < 8


def test_a_fit_keeps_to_one_thread_and_leaves_the_others_to_other_work(estimator, people_seen, monkeypatch):
    """Its products are so small that threads which wait for each other take several times as long."""
    fitter, during = estimator._landmark_pipeline._fitter, []
    fit = fitter.fit

    def threads():
        return {library['num_threads'] for library in threadpool_info() if library['user_api'] == 'blas'}
    monkeypatch.setattr(fitter, 'fit', lambda *given: (during.append(threads()), fit(*given))[1])
    with threadpool_limits(2):
        before = threads()
        assert 2 in before
        assert estimator.estimate(people_seen[0][0], people_seen[0][1].intrinsics)
        assert during == [{1}] and threads() == before


def test_parameters_and_joints_are_one_pose(estimator, estimates):
    for (found,) in estimates[:3]:
        out = pose_with_layer(estimator.body, found)
        # Fingers are the hand's own where it has a shape of its own.
        same = slice(22) if any(hand.has_own_shape for hand in found.hands) else slice(55)
        assert np.abs(out.joints - found.joints)[same].max() < 1e-3
        assert np.abs(out.joint_rotations - found.joint_rotations).max() < 1e-3
        for side in SIDES:
            if found.hand(side).has_own_shape:
                continue
            keypoints = estimator.body.layer.hand_keypoints(side, *(torch.from_numpy(part) for part in (
                found.joints, found.joint_rotations, found.betas)))
            assert np.abs(keypoints.numpy() - found.hand(side).keypoints_3d).max() < 2e-3


def test_a_hand_out_of_the_picture_is_lost_and_relaxed(estimator, people_seen):
    image, truth = people_seen[0]
    wrists = [truth.joints_2d[20], truth.joints_2d[21]]
    lowest = min(int(w[1]) for w in wrists)
    cut = image.copy()
    cut[max(lowest - 60, 1):] = 127
    for found in estimator.estimate(cut, truth.intrinsics):
        for hand in found.hands:
            assert hand.state == LOST and hand.confidence == 0
            fingers = found.left_hand_pose if hand.side == 'left' else found.right_hand_pose
            assert np.linalg.norm(fingers, axis=1).max() < 0.8
            assert np.isfinite(hand.keypoints_3d).all()


def test_a_person_of_whom_little_is_shown_stands_where_that_is_seen(estimator, people_seen):
    shoulders, apart = [16, 17], []
    for image, truth in people_seen[:5]:
        lowest = int(truth.joints_2d[shoulders, 1].max()) + 60
        middle, half = int(truth.joints_2d[15, 0]), 130
        left = max(middle - half, 0)
        part = np.ascontiguousarray(image[:lowest, left:middle + half])
        camera = truth.intrinsics.cropped(left, 0, part.shape[1], part.shape[0])
        for found in estimator.estimate(part, camera):
            seen = camera.project(found.joints[shoulders])
            width = np.linalg.norm(np.diff(truth.joints_2d[shoulders], axis=0))
            apart.append(np.linalg.norm(seen - truth.joints_2d[shoulders] + (left, 0), axis=1).mean() / width)
    assert len(apart) >= 3 and np.median(apart) < 0.075 and max(apart) < 0.11, apart


@pytest.fixture(scope='module')
def seen_from_the_front():
    """Two rendered people with their hands behind the back, and the truth."""
    from hand4whole_ros.fitting.kinematic_chain import exp_so3
    from hand4whole_ros.synthetic import people
    drawn = []
    for number in (0, 2):
        person = people.sample_person(dataset.person_seed(3, number))
        rotations = person.local_rotations.copy()
        for side, mirror in (('left', (1, 1, 1)), ('right', (1, -1, -1))):
            turns = {'collar': (0, 0, 0), 'shoulder': (1.83, -1.66, -0.70), 'elbow': (0, -1.71, 0),
                     'wrist': (0, 0, 0)}
            for name, turn in turns.items():
                rotations[JOINT[f'{side}_{name}']] = exp_so3(np.multiply(turn, mirror).astype(float))
        drawn.append(people.render_person(person.with_pose(rotations)))
    return drawn


def test_hands_behind_the_back_are_lost(estimator, seen_from_the_front):
    for image, truth in seen_from_the_front:
        assert max(truth.hand(side).visibility for side in SIDES) < 0.2
        (found,) = estimator.estimate(image, truth.intrinsics)
        assert [hand.state for hand in found.hands] == [LOST, LOST]
        assert [hand.confidence for hand in found.hands] == [0, 0]


def test_a_seen_hand_carries_a_box_and_confidence(estimates):
    for (found,) in estimates:
        for hand in found.hands:
            if hand.state == OK:
                x0, y0, x1, y1 = hand.bbox_xyxy.tolist()
                assert x0 < x1 and y0 < y1 and 0 < hand.confidence <= 1


def test_a_seen_hand_says_how_well_it_agrees_with_its_landmarks(estimates, people_seen):
    """It is fitted to them."""
    hands = [hand for (found,) in estimates for hand in found.hands]
    assert all((hand.agreement is None) == (hand.state != OK) for hand in hands)
    agreements = [hand.agreement for hand in hands if hand.state == OK]
    assert 0.9 < np.median(agreements) < 1 and len(set(agreements)) == len(agreements)


@pytest.mark.parametrize('shape', [(1, 1), (7, 500), (120, 160), (4320, 7680)])
def test_images_without_people_of_any_size_give_nobody(estimator, shape):
    image = np.full((*shape, 3), 90, np.uint8)
    assert estimator.estimate(image, Intrinsics.from_fov(shape[1], shape[0])) == []


def test_a_large_and_a_small_picture_of_one_person_agree(estimator, people_seen):
    import cv2
    image, truth = people_seen[0]
    reference = estimator.estimate(image, truth.intrinsics)[0].joints
    for factor in (0.5, 4.0):
        size = round(720 * factor)
        smooth = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        resized = cv2.resize(image, (size, size), interpolation=smooth)
        camera = Intrinsics.from_focal(size, size, truth.intrinsics.fx * factor)
        found = estimator.estimate(resized, camera)[0].joints
        assert np.median(np.linalg.norm(found - reference, axis=1)) < 0.12


def test_any_part_of_a_picture_before_any_camera_gives_finite_numbers_or_nobody(estimator, people_seen):
    import cv2
    rng, found = np.random.default_rng(0), 0
    for k in range(8):
        image = cv2.resize(people_seen[k % len(people_seen)][0], (360, 360), interpolation=cv2.INTER_AREA)
        height, width = rng.integers(60, 360, 2)
        top, left = rng.integers(0, 361 - height), rng.integers(0, 361 - width)
        focal = float(np.exp(rng.uniform(np.log(40), np.log(20000))))
        camera = Intrinsics(focal, focal * rng.uniform(0.5, 2), rng.uniform(-width, 2 * width),
                            rng.uniform(-height, 2 * height), int(width), int(height),
                            tuple(rng.normal(0, 0.1, 5)) if k % 3 == 0 else ())
        part = np.ascontiguousarray(image[top:top + height, left:left + width])
        for person in estimator.estimate(part, camera):
            found += 1
            assert person.is_finite()
    assert found >= 2


def test_the_focal_length_sets_the_distance(estimator, people_seen):
    image, truth = people_seen[1]
    near = estimator.estimate(image, Intrinsics.from_focal(720, 720, 600.0))[0].joints[0, 2]
    far = estimator.estimate(image, Intrinsics.from_focal(720, 720, 1200.0))[0].joints[0, 2]
    assert 1.7 < far / near < 2.3


def test_bad_images_are_refused_by_name(estimator):
    camera = Intrinsics.from_fov(64, 48)
    with pytest.raises(ValueError, match='uint8'):
        estimator.estimate(np.zeros((48, 64, 3), np.float32), camera)
    with pytest.raises(ValueError, match='64 x 48'):
        estimator.estimate(np.zeros((50, 64, 3), np.uint8), camera)


def test_a_video_is_followed_and_reset(people_seen):
    tracked = estimators.create(EstimatorConfig('auto', static_images=False))
    image, truth = people_seen[2]
    found = [tracked.estimate(image, truth.intrinsics) for _ in range(3)]
    assert all(found)
    tracked.reset()
    assert tracked.estimate(np.zeros_like(image), truth.intrinsics) == []
    tracked.close()


@pytest.mark.parametrize('wrist', ['copy', 'body'])
def test_the_body_expert_is_loaded_where_it_has_a_say_or_is_asked_for(wrist, people_seen):
    made = estimators.create(EstimatorConfig('open', static_images=True, wrist=wrist))
    alone, (image, truth) = made.network, people_seen[2]
    assert isinstance(alone, Hand4WholePP) if wrist == 'body' else alone is None
    (before,) = made.estimate(image, truth.intrinsics)
    whole = made.experts.network
    assert isinstance(whole, Hand4WholePP) and made.experts.network is whole
    (after,) = made.estimate(image, truth.intrinsics)
    assert np.array_equal(before.joints, after.joints) and np.array_equal(before.left_hand_pose, after.left_hand_pose)
    made.close()


def test_hands_are_the_networks_initial_regression_whatever_the_picture(people_seen):
    made = estimators.create(EstimatorConfig('open', static_images=True))
    for image, truth in people_seen[:4]:
        (found,) = made.estimate(image, truth.intrinsics)
        inputs, network = made.prepare_inputs(image, truth.intrinsics), made.experts.network
        to_camera = crop_to_camera_rotations(inputs.evidence)[0]
        for hand in found.hands:
            if not hand.visible:
                continue
            start = network.wilor.backbone.start(inputs.prompts.hands[hand.side])
            wrist, fingers = (rotations[0].numpy() for rotations in start.rotations())
            mirror = np.diag([-1.0, 1, 1]) if hand.side == 'left' else np.eye(3)
            given = found.joint_rotations[WRIST[hand.side]]
            assert np.allclose(given, to_camera @ mirror @ wrist[0] @ mirror, atol=1e-5)
            pose = roma.rotvec_to_rotmat(torch.from_numpy(getattr(found, f'{hand.side}_hand_pose'))).numpy()
            assert np.allclose(pose, mirror @ fingers @ mirror, atol=1e-5)
            assert np.allclose(hand.betas, start.betas[0].numpy(), atol=1e-5)
    made.close()


def test_weights_of_a_network_that_takes_images_only_are_run_on_the_image(people_seen, tmp_path):
    save_open_model(Hand4WholePP(IMAGE_ONLY, load_open_body()), tmp_path / 'image_only.npz')
    made = estimators.create(EstimatorConfig('open', static_images=True, open_model=tmp_path / 'image_only.npz'))
    image, truth = people_seen[2]
    found = [made.estimate(picture, truth.intrinsics)[0] for picture in (image, image, image[..., ::-1].copy())]
    poses = [np.concatenate([one.left_hand_pose, one.right_hand_pose]) for one in found]
    assert np.array_equal(poses[0], poses[1]) and not np.allclose(poses[0], poses[2], atol=1e-4)
    made.close()


@pytest.mark.parametrize('part', ['fingers', 'hand_shape'])
def test_parts_of_the_hands_are_the_bodys_where_asked_for(part, people_seen):
    made = estimators.create(EstimatorConfig('open', static_images=True, **{part: 'body'}))
    image, truth = people_seen[2]
    (found,) = made.estimate(image, truth.intrinsics)
    seen = [hand for hand in found.hands if hand.visible]
    assert seen
    for hand in seen:
        assert hand.has_own_shape == (part == 'fingers')
        assert np.any(getattr(found, f'{hand.side}_hand_pose')) == (part == 'hand_shape')
    made.close()


def test_who_contradicts_the_picture_is_in_front_of_the_camera_all_the_same(people_seen):
    """The networks stand everybody on their head: the pixels they are placed by say otherwise."""
    made, before = estimators.create(EstimatorConfig('open', static_images=True, wrist='body')), []
    answer = made.network.run_experts
    for turn in (0.0, np.pi):
        flip = torch.tensor([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])

        def turned(*arguments, flip=flip):
            said = answer(*arguments)
            orient = said.body.global_orient
            return said._replace(body=said.body._replace(global_orient=flip.to(orient) @ orient))
        made.network.run_experts = turned
        found = [one for image, truth in people_seen[:4] for one in made.estimate(image, truth.intrinsics)]
        assert all(one.nearest_depth() >= MIN_DEPTH for one in found)
        before.append([float(one.joints[0, 2]) for one in found])
    made.close()
    assert len(before[1]) == len(before[0])
    assert 0.5 < np.median(np.divide(before[1], before[0])) < 2


class Anybody(estimators.Estimator):
    """Says that somebody stands at these depths, m."""

    name = 'anybody'

    def __init__(self, body, depths):
        self.body, self._depths = body, depths

    def estimate(self, image, intrinsics, stamp=None):
        """See Estimator."""
        people = [somebody(self.body, intrinsics, (0.0, 0.3, depth)) for depth in self._depths]
        return self.filter_estimates([replace(people[0], betas=people[0].betas * float('nan')), *people])


def test_nobody_behind_the_camera_leaves_an_estimator_and_all_are_counted(body):
    made = Anybody(body, (3.0, -3.0, 0.1, -0.1, 1.0))
    for images in (1, 2):
        found = made.estimate(np.zeros((240, 320, 3), np.uint8), Intrinsics.from_fov(320, 240))
        assert [round(float(p.joints[0, 2]), 1) for p in found] == [3.0, 1.0]
        assert made.refused == {'behind the camera': 3 * images, 'not finite': images}


def test_estimate_says_who_is_refused(body, tmp_path, caplog):
    caplog.set_level('INFO')
    for name in 'ab':
        image_files.write_image(tmp_path / f'{name}.png', np.zeros((240, 320, 3), np.uint8))
    estimate.run(
        image_sources.collect_sources([tmp_path]),
        lambda static: Anybody(body, (3.0, -3.0)),
        None,
        tmp_path / 'out.json',
        overlay_folder=None,
    )
    assert '2 people in 2 frames; people refused: 2 behind the camera, 2 not finite' in caplog.text
    assert [len(people) for people in json.loads((tmp_path / 'out.json').read_text()).values()] == [1, 1]


def test_an_unknown_estimator_is_refused_by_name():
    with pytest.raises(ValueError, match="'magic'.*mediapipe"):
        estimators.create(EstimatorConfig('magic'))


def test_a_missing_litert_is_one_line_with_the_command(monkeypatch):
    import sys
    monkeypatch.setitem(sys.modules, 'ai_edge_litert.interpreter', None)
    with pytest.raises(EstimatorUnavailable, match='pip install ai-edge-litert') as caught:
        estimators.create(EstimatorConfig('open'))
    assert '\n' not in str(caught.value)


def test_everybody_is_estimated_up_to_max_people(estimator):
    image, seen = side_by_side([dataset.person_seed(73, k) for k in range(2)], 420)
    camera = Intrinsics.from_focal(image.shape[1], image.shape[0], 936.0)
    found = estimator.estimate(image, camera)
    assert len(found) == 2
    left_to_right = sorted(found, key=lambda one: float(one.joints[0, 0]))
    for one, true in zip(left_to_right, seen):
        x = camera.project(one.joints[:1])[0, 0]
        assert true.box[0] < x < true.box[0] + true.box[2]


def test_rotations_of_a_tree_are_consistent(estimates):
    found = estimates[0][0]
    rotations = found.joint_rotations.astype(float)
    for joint, parent in enumerate(PARENTS):
        local = rotations[joint] if parent < 0 else rotations[parent].T @ rotations[joint]
        assert np.allclose(local @ local.T, np.eye(3), atol=1e-4)


def test_the_open_model_has_better_hands_on_the_same_body(estimates_by, people_seen):
    errors, bodies = {}, {}
    for name in ('mediapipe', 'open'):
        rows = []
        for (found,), (_, truth) in zip(estimates_by(name), people_seen):
            bodies.setdefault(name, []).append(found.joints[:20])
            assert all(hand.agreement == measure_agreement(hand.keypoints_2d, hand.keypoints_3d, truth.intrinsics)
                       for hand in found.hands if hand.visible and name == 'open')
            rows.append([(errors_of.hand_errors(hand.keypoints_3d, truth.hand(hand.side).keypoints_3d))
                         for hand in found.hands if hand.visible])
        errors[name] = np.median([list(hand.values()) for hands in rows for hand in hands], axis=0)
    # Millimetres of the fingers and degrees of the palm.
    assert (errors['open'] < (0.9, 1.0) * errors['mediapipe']).all(), errors
    assert np.allclose(*bodies.values(), atol=1e-4)


def test_the_open_model_says_what_it_lacks(tmp_path):
    with pytest.raises(EstimatorUnavailable, match='supports the open body only'):
        estimators.create(EstimatorConfig('open', body_model=tmp_path / 'SMPLX_NEUTRAL.npz'))
    with pytest.raises(EstimatorUnavailable, match='none.npz: no such file; hand4whole train pack'):
        estimators.create(EstimatorConfig('open', open_model=tmp_path / 'none.npz'))


def test_the_open_model_says_the_same_in_half_precision(people_seen):
    said = {}
    for precision in ('fp32', 'bf16'):
        made = estimators.create(EstimatorConfig('open', static_images=True, precision=precision, wrist='body'))
        assert made.device == f'cpu {precision}'
        said[precision] = [made.estimate(image, truth.intrinsics)[0] for image, truth in people_seen[:2]]
        made.close()
    for exact, half in zip(*said.values()):
        assert np.linalg.norm(exact.joints - half.joints, axis=1).max() < 0.003
        assert not np.array_equal(exact.joints, half.joints)
