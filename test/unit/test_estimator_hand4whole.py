"""Hand4Whole as an estimator, on rendered people, with small weights made from names, or read from such a file."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hand4whole_ros import estimators
from hand4whole_ros.checkpoints.pose2pose import load_random_pose2pose, load_smplx_layer
from hand4whole_ros.checkpoints.store import Store
from hand4whole_ros.cli import main
from hand4whole_ros.cli.options import EXIT_USAGE
from hand4whole_ros.estimators import EstimatorConfig, EstimatorUnavailable
from hand4whole_ros.estimators.person_crops import CropCamera
from hand4whole_ros.geometry.alignment import apply_alignment, rigid_alignment
from hand4whole_ros.geometry.camera import Intrinsics
from hand4whole_ros.geometry.crops import cut_patches, virtual_camera
from hand4whole_ros.geometry.keypoint_agreement import keypoint_agreement
from hand4whole_ros.networks.pose2pose import POSE2POSE_TINY, STRIDE, clamped_person_box
from hand4whole_ros.skeleton import LOST, OK

pytest.importorskip('ai_edge_litert')

pytestmark = pytest.mark.usefixtures('searched_once')


@pytest.fixture(scope='module')
def config(published_folder):
    return EstimatorConfig('hand4whole', device='cpu', weights_folder=published_folder, weights='random-tiny',
                           precision='fp32', static_images=True)


@pytest.fixture(scope='module')
def results(estimator, people_seen):
    """What the network said and what became of it, for every picture."""
    said, found = [], []
    handle = estimator.network.register_forward_hook(lambda module, given, result: said.append((given[0], result)))
    for image, truth in people_seen:
        found.append(estimator.estimate(image, truth.intrinsics))
    handle.remove()
    return list(zip(said, found))


def test_people_are_found_and_every_number_is_finite(results):
    assert all(len(found) == 1 and found[0].is_finite() for _, found in results)
    assert all(set(found.stage_times) == {'boxes', 'network', 'describe'} for _, (found,) in results)
    hands = [hand for _, (found,) in results for hand in found.hands]
    assert sum(hand.state == OK for hand in hands) >= 5
    assert all(hand.betas is None for hand in hands)    # SMPL-X's own hands
    assert all((hand.agreement is not None) == hand.visible for hand in hands)
    assert all(found.expression.any() and found.jaw_pose.any() for _, (found,) in results)


def test_the_mesh_is_the_networks_moved_as_one_piece(results, estimator):
    for (_, said), (found,) in results:
        mesh, theirs = estimator.body.vertices(found).astype(float), said.vertices[0].double().numpy()
        moved = apply_alignment(theirs, *rigid_alignment(theirs, mesh))
        assert np.linalg.norm(moved - mesh, axis=-1).max() < 1e-4


def test_the_patch_is_cut_as_published(results, people_seen, estimator):
    """The detected box loses a pixel, and what of it lies outside the picture, before it is enlarged."""
    for ((patches, _), _), (image, _) in zip(results, people_seen):
        person, = estimator._boxes.detector.detect(image)
        box = clamped_person_box(torch.from_numpy(person.bbox_xywh)[None].double(), image.shape[:2])
        picture = torch.from_numpy(image).permute(2, 0, 1) / 255
        torch.testing.assert_close(patches, cut_patches(picture, box), rtol=0, atol=1e-6)


def test_a_hand_agrees_with_where_the_hand_network_sees_its_fingers(results, people_seen, estimator):
    for ((_, said), (found,)), (image, truth) in zip(results, people_seen):
        person, = estimator._boxes.detector.detect(image)
        box = clamped_person_box(torch.from_numpy(person.bbox_xywh)[None].double(), image.shape[:2])
        view = CropCamera(virtual_camera(box[0]).numpy())
        for hand in found.hands:
            if hand.visible:
                seen = view.from_body_picture(said.hand_positions[hand.side][0, :, :2].double().numpy() * STRIDE)
                projected = truth.intrinsics.project(hand.keypoints_3d)[1:]
                seen = np.float32(seen)     # as kept: of made-up weights they lie within hundredths of a pixel
                assert hand.agreement == pytest.approx(max(keypoint_agreement(seen, projected), 0), abs=1e-5)


def test_two_people_are_one_batch(estimator, people_seen):
    pair = np.concatenate([people_seen[0][0], people_seen[1][0]], axis=1)
    batches = []
    handle = estimator.network.register_forward_hook(lambda module, given, result: batches.append(len(given[0])))
    found = estimator.estimate(pair, Intrinsics.from_fov(pair.shape[1], pair.shape[0]))
    assert len(found) == 2 and batches == [2]
    assert estimator.reduce_memory() and estimator.reduce_memory() and not estimator.reduce_memory()
    apart = estimator.estimate(pair, Intrinsics.from_fov(pair.shape[1], pair.shape[0]))
    handle.remove()
    assert batches == [2, 1, 1]
    for one, other in zip(found, apart):
        assert np.allclose(one.joints, other.joints, atol=1e-4)


def test_a_hand_that_is_not_seen_is_lost(estimator, people_seen, results):
    """The network takes every hand for visible; the detector of people does not."""
    image, truth = people_seen[0]
    _, (whole,) = results[0]
    side = next(hand.side for hand in whole.hands if hand.visible)
    centre = np.asarray(truth.hand(side).keypoints_2d).mean(0)
    image = image.copy()
    rows, columns = (slice(max(int(c) - 55, 0), int(c) + 55) for c in centre[::-1])
    image[rows, columns] = 128
    found = estimator.estimate(image, truth.intrinsics)[0]
    assert found.hand(side).state == LOST and found.is_finite()


def test_in_a_video_people_are_followed(config):
    from hand4whole_ros.synthetic.motion import PersonMotion
    motion = PersonMotion()
    made = estimators.create(replace(config, static_images=False))
    made._boxes.clock = lambda: 0.0
    try:
        found = [made.estimate(motion.frame(k / 15), motion.intrinsics) for k in range(3)]
        assert all(len(people) == 1 and people[0].is_finite() and people[0].track_id >= 0 for people in found)
    finally:
        made.close()


def test_a_checkpoint_in_the_published_form_is_read(tmp_path, published_folder, config, people_seen,
                                                     monkeypatch):
    network = load_random_pose2pose(load_smplx_layer(Store(published_folder)), POSE2POSE_TINY)
    tensors = {f'module.{name}': value for name, value in network.state_dict().items() if 'smplx_layer' not in name}
    torch.save({'epoch': 6, 'network': tensors, 'optimizer': {}}, tmp_path / 'snapshot_6.pth.tar')
    (tmp_path / 'SMPLX_NEUTRAL.npz').symlink_to(published_folder / 'smplx/SMPLX_NEUTRAL.npz')   # and no MANO
    monkeypatch.setattr('hand4whole_ros.checkpoints.pose2pose.load_pose2pose.__defaults__',
                        (None, POSE2POSE_TINY, 'cpu'))
    image, truth = people_seen[0]
    found = []
    for folder, weights in ((tmp_path, 'published'), (published_folder, 'random-tiny')):
        made = estimators.create(replace(config, weights=weights, weights_folder=folder))
        found += made.estimate(image, truth.intrinsics)
        made.close()
    assert np.array_equal(found[0].joints, found[1].joints)


def test_what_is_missing_is_said(tmp_path, config, capfd):
    with pytest.raises(EstimatorUnavailable, match='SMPLX_NEUTRAL.npz is not in .*hand4whole weights fetch'):
        estimators.create(replace(config, weights_folder=tmp_path))
    with pytest.raises(EstimatorUnavailable, match='snapshot_6.pth.tar is not in .*hand4whole weights fetch'):
        estimators.create(replace(config, weights='published'))
    with pytest.raises(EstimatorUnavailable, match='weights .best.: expected one of published, random, random-tiny'):
        estimators.create(replace(config, weights='best'))
    with pytest.raises(EstimatorUnavailable, match='int8 is for transformers'):
        estimators.create(replace(config, precision='int8'))
    with pytest.raises(EstimatorUnavailable, match='estimator hand4whole detects no hands without their people'):
        estimators.create(replace(config, people=False))
    words = ['estimate', 'a.jpg', '--estimator', 'hand4whole', '--no-people', '--json', 'x.json']
    assert main.main(words) == EXIT_USAGE
    assert 'estimator hand4whole detects no hands without their people' in capfd.readouterr().err
