"""Training of full-size CHAM, on a small network and small files of every data set: what is told, learnt and kept."""

from __future__ import annotations

import copy
import json
import os
import re
import socket
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from dataset_files import write_agora, write_arctic, write_interhand, write_json, write_picture, write_reinterhand
from drawn_datasets import draw_people, write_drawn_agora, write_drawn_interhand
from scipy.spatial.transform import Rotation

from hand4whole_ros import keypoints, skeleton
from hand4whole_ros._vendor_patches.roma_import import roma
from hand4whole_ros.checkpoints.hand4whole_pp import load_hand4whole_pp
from hand4whole_ros.checkpoints.random_weights import load_random
from hand4whole_ros.checkpoints.store import Store
from hand4whole_ros.cli import main
from hand4whole_ros.datasets.annotated_bodies import GroundTruthBodies
from hand4whole_ros.datasets.catalogue import TRAINING_DATASETS
from hand4whole_ros.datasets.registry import open_dataset
from hand4whole_ros.evaluation.network_predictor import inputs_from_boxes
from hand4whole_ros.geometry.camera import Intrinsics
from hand4whole_ros.geometry.crops import PATCH_SIZE, cut_patches
from hand4whole_ros.networks.cham import CHAM
from hand4whole_ros.networks.face import FacePose
from hand4whole_ros.networks.hand4whole_pp import HAND4WHOLE_PP_TINY, WholeBodyOutput
from hand4whole_ros.networks.smpler_x import BodyPose
from hand4whole_ros.training.distributed import DistributedContext
from hand4whole_ros.training.published import cham_training
from hand4whole_ros.training.published.augmentation import Augmentation
from hand4whole_ros.training.published.batches import BatchFeed, SlotDataset, ViewBatch, validation_batches
from hand4whole_ros.training.published.cham_training import prepare_training, run_network, train_cham
from hand4whole_ros.training.published.crops import make_view
from hand4whole_ros.training.published.losses import WEIGHTS, compute_losses, global_wrists
from hand4whole_ros.training.published.sources import open_sources

pytestmark = pytest.mark.usefixtures('one_thread')

CPU = torch.device('cpu')
#: Of the hands' data sets: a wide lens, so that small pictures show both hands.
WIDE = '[70, 71]'


@pytest.fixture(scope='module')
def folders(genders, tmp_path_factory):
    """Data set -> folder, all four of the paper, as their parts for training."""
    root, rng, bodies = tmp_path_factory.mktemp('data'), np.random.default_rng(7), GroundTruthBodies(Store(genders))
    found = {name: root / name for name in TRAINING_DATASETS}
    write_interhand(found['interhand'], rng, 'train')
    write_reinterhand(found['reinterhand'], rng, 'a_capture')
    for path in (found['interhand'] / 'annotations/train/InterHand2.6M_train_camera.json',
                 found['reinterhand'] / 'a_capture/Mugsy_cameras/cam_params.json'):
        path.write_text(path.read_text().replace('[500, 510]', WIDE))
    write_arctic(found['arctic'], bodies, rng)
    write_json(found['arctic'] / 'splits_json/protocol_p1.json', {'train': ['s05/box_use_01'], 'val': []})
    for frame in (6, 12, 18):
        write_picture(found['arctic'] / f'images/s05/box_use_01/1/{frame:05d}.jpg', 160, 120)
    write_agora(found['agora'], bodies, rng, with_points=False)
    (found['agora'] / 'Cam/validation_0.pkl').rename(found['agora'] / 'Cam/train_0.pkl')
    return found


@pytest.fixture(scope='module')
def sources(folders, genders):
    return open_sources(folders, GroundTruthBodies(Store(genders)))


@pytest.fixture(scope='module')
def samples(sources):
    """Data set -> a sample whose picture has something to see."""
    rng, found = np.random.default_rng(3), {}
    for source in sources:
        sample = source.reader[int(source.train_rows[0])]
        size = sample.intrinsics.height, sample.intrinsics.width, 3
        found[source.name] = replace(sample, picture=rng.integers(0, 256, size, np.uint8))
    return found


@pytest.fixture(scope='module')
def batch(sources):
    """A person of every data set, without accidents: agora, arctic, interhand, reinterhand."""
    return validation_batches(sources, CPU, 8)[0]


@pytest.fixture(scope='module')
def untrained(published_body):
    made = load_random(published_body, replace(HAND4WHOLE_PP_TINY, face=False))
    torch.manual_seed(0)
    made.hand_control_net = CHAM(made.config.cham)
    return prepare_training(made, CPU, mixed=False)


@pytest.fixture
def network(untrained):
    return copy.deepcopy(untrained)


def one_by_one(batch, rows):
    """The same batch of some of its people."""
    return ViewBatch(batch.patches[rows], {side: type(box)(*(values[rows] for values in box))
                                       for side, box in batch.boxes.items()},
                 type(batch.truth)(**{name: values[rows] for name, values in batch.truth.as_dict().items()}))


# -- what is told ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('name', TRAINING_DATASETS)
def test_people_are_cut_out_as_the_estimator_cuts_them(name, samples):
    sample = samples[name]
    seen, told = make_view(sample), inputs_from_boxes(sample.image(), sample)
    picture = torch.from_numpy(sample.image()).permute(2, 0, 1).float() / 255
    assert np.abs(seen.patch - cut_patches(picture, told.box)[0].numpy()).max() < 2e-4
    for k, side in enumerate(skeleton.SIDES):
        assert np.allclose(seen.boxes[k], told.boxes[side].boxes[0], atol=1e-4)
        assert seen.exists[k] == told.boxes[side].exists[0]


def test_what_is_true_turns_and_moves_with_the_picture(samples):
    """A picture with a spot at every keypoint that it shows: the spots are where the truth says."""
    sample = samples['interhand']
    camera = Intrinsics(400.0, 410, 320, 240, 640, 480)
    pixels = camera.project(sample.right_hand.keypoints_3d)
    picture = np.zeros((480, 640, 3), np.uint8)
    tip = keypoints.KEYPOINT['right_index_tip']
    x, y = np.round(pixels[8]).astype(int)
    picture[y - 3:y + 4, x - 3:x + 4] = 255
    accidents = Augmentation(roll=0.4, scale=1.1, shift=(0.03, -0.04))
    sample = replace(sample, picture=picture, intrinsics=camera, bbox_xywh=np.array([100.0, 40, 400, 400]))
    seen, plain = make_view(sample, accidents), make_view(sample)
    bright = seen.patch.sum(0)
    assert bright.max() > 2.5
    rows, columns = np.mgrid[:PATCH_SIZE[0], :PATCH_SIZE[1]]
    spot = np.array([(columns * bright).sum(), (rows * bright).sum()]) / bright.sum()
    assert np.abs(spot - 2 * seen.truth.keypoints_2d[tip]).max() < 2    # the patch has twice the body picture's pixels
    assert np.abs(seen.truth.keypoints_2d[tip] - plain.truth.keypoints_2d[tip]).max() > 3
    known, turn = seen.truth.keypoints_known, Rotation.from_euler('z', 0.4)
    assert np.allclose(seen.truth.keypoints_3d[known], turn.apply(plain.truth.keypoints_3d[known]), atol=1e-5)
    assert np.allclose(seen.truth.up, turn.apply(plain.truth.up), atol=1e-6)
    for k in range(2):
        assert np.allclose(Rotation.from_rotvec(seen.truth.wrists[k]).as_matrix(),
                           (turn * Rotation.from_rotvec(plain.truth.wrists[k])).as_matrix(), atol=1e-5)


def test_the_frame_of_the_crop_looks_at_its_middle(samples):
    sample = samples['arctic']
    of_camera, of_crop = make_view(sample).truth, make_view(sample, in_crop_frame=True).truth
    known = of_camera.keypoints_known
    turn, _ = Rotation.align_vectors(of_crop.keypoints_3d[known], of_camera.keypoints_3d[known])
    box = inputs_from_boxes(sample.image(), sample).box[0].numpy()
    ray = np.append(sample.intrinsics.normalize(box[:2] + box[2:] / 2), 1)
    assert np.allclose(turn.apply(ray / np.linalg.norm(ray)), (0, 0, 1), atol=1e-5)
    assert turn.magnitude() > 0.01 and np.array_equal(of_crop.keypoints_2d, of_camera.keypoints_2d)


def test_pictures_that_show_no_hand_are_passed_over(samples, sources):
    sample = samples['interhand']
    assert make_view(replace(sample, left_hand=None, right_hand=None)) is None
    assert make_view(replace(sample, bbox_xywh=np.zeros(4))) is None
    assert make_view(replace(sample, bbox_xywh=np.array([5000.0, 0, 64, 48]))) is None


def test_every_data_set_has_its_share_and_every_row_its_turn(sources):
    for source in sources:
        count = len(source.train_rows)
        assert count and not set(source.train_rows) & set(source.measured)
        drawn = [source.row(position, 5) for position in range(2 * count)]
        assert sorted(drawn[:count]) == sorted(drawn[count:]) == source.train_rows.tolist()
    slots = SlotDataset(sources, 0, False)
    hands_only = [bool(slots[k].truth.upright) for k in range(8)]
    assert hands_only == [False, False, True, True] * 2
    assert TRAINING_DATASETS == ('agora', 'arctic', 'interhand', 'reinterhand')


def test_batches_follow_from_the_step_alone_and_can_be_read_by_others(sources):
    once = BatchFeed(sources, 4, CPU, at_once=3)
    steps = [list(once(step)) for step in range(3)]
    assert [len(part.patches) for part in steps[2]] == [3, 1]
    again = list(BatchFeed(sources, 4, CPU, workers=1)(2))[0]
    assert torch.equal(torch.cat([part.patches for part in steps[2]]), again.patches)
    assert not torch.equal(again.patches, list(BatchFeed(sources, 4, CPU, seed=1)(2))[0].patches)
    halves = [list(BatchFeed(sources, 4, CPU, distributed=DistributedContext(rank, 2))(2))[0] for rank in range(2)]
    assert torch.equal(torch.cat([half.truth.keypoints_3d for half in halves]), again.truth.keypoints_3d)
    with pytest.raises(ValueError, match='a batch of 4 cannot be shared by 3 processes'):
        BatchFeed(sources, 4, CPU, distributed=DistributedContext(1, 3))


# -- losses ------------------------------------------------------------------------------------------------------------

def said_of(truth, shift=0.0):
    """What is true, as if a network had said it; numbers that want gradients."""
    local = roma.rotvec_to_rotmat(truth.rotations[:, :skeleton.NUM_BODY_JOINTS])
    leaves = [local[:, 0], local[:, 1:], truth.betas, truth.keypoints_3d + torch.tensor([shift, 0, 40.0])]
    orient, pose, betas, points = (leaf.clone().requires_grad_() for leaf in leaves)
    face = FacePose(torch.zeros(len(betas), 10), torch.eye(3).expand(len(betas), 3, 3))
    return WholeBodyOutput(
        BodyPose(orient, pose, betas, points[:, 0]),
        face,
        {},
        {},
        torch.zeros(len(betas), 25, 3),
        points,
        points,
        points,
        {},
        {},
    )


def test_the_truth_costs_nothing_wherever_it_stands(batch):
    found = compute_losses(said_of(batch.truth, shift=3.0), batch)
    assert set(found) == set(WEIGHTS)
    for name in ('rotations', 'betas', 'body_3d', 'hands_3d', 'between'):
        assert found[name].abs().max() < 1e-5, name
    assert (found['points_2d'] > 0.5).all()     # there, for the virtual camera, it does not stand


def test_wrists_of_hands_alone_are_those_at_the_end_of_the_arms(batch):
    said = said_of(batch.truth)
    turns = global_wrists(said.body.local_rotations)
    rows = batch.truth.upright
    true = torch.from_numpy(Rotation.from_rotvec(batch.truth.wrists[rows].flatten(0, 1).numpy()).as_matrix())
    expected = (turns[rows] - true.unflatten(0, (-1, 2))).abs().mean((1, 2, 3))
    found = compute_losses(said, batch)['wrists']
    assert torch.allclose(found[rows], expected.float()) and (found[~rows] == 0).all() and (found[rows] > 0.1).all()


def test_of_hands_alone_nothing_else_is_pulled(batch):
    """No gradient on what a data set of hands does not know, and numbers that stand where nothing is known do not
    count."""
    hands_only = one_by_one(batch, batch.truth.upright)
    said = said_of(hands_only.truth, shift=0.1)
    found = compute_losses(said, hands_only)
    sum(weight * found[name].sum() for name, weight in WEIGHTS.items()).backward()
    arms = [skeleton.JOINT[name] - 1 for name in skeleton.BODY_JOINT_NAMES[1:]
            if 'spine' in name or any(part in name for part in ('collar', 'shoulder', 'elbow', 'wrist'))]
    pulled = said.body.body_pose.grad.abs().sum((0, 2, 3)).nonzero()[:, 0].tolist()
    assert pulled == arms       # of the body, those that turn a wrist
    hands = sorted({k for side in skeleton.SIDES for k in keypoints.HAND_KEYPOINTS[side]})
    assert said.keypoints.grad.abs().sum((0, 2)).nonzero()[:, 0].tolist() == hands
    assert all((found[name] == 0).all() for name in ('rotations', 'betas', 'body_3d'))
    assert (found['upright'] > 0).all()
    noise = torch.Generator().manual_seed(1)
    truth, changed = hands_only.truth, {}
    for name, known in (('rotations', 'rotations_known'), ('keypoints_3d', 'keypoints_known'),
                        ('keypoints_2d', 'pixels_known'), ('betas', 'betas_known'), ('wrists', 'wrists_known')):
        values, mask = getattr(truth, name), getattr(truth, known)
        other = torch.randn(values.shape, generator=noise)
        changed[name] = torch.where(mask.reshape(*mask.shape, *[1] * (values.ndim - mask.ndim)), values, other)
    other = compute_losses(said, replace(hands_only, truth=replace(truth, **changed)))
    for name in WEIGHTS:
        assert torch.equal(other[name], found[name]), name


# -- training ----------------------------------------------------------------------------------------------------------

def test_cham_learns_and_nothing_else_changes(network, batch, tmp_path, monkeypatch):
    monkeypatch.setattr(cham_training, 'EVAL_INTERVAL', 6)
    with torch.no_grad():       # weights from names turn hardly anything, whatever CHAM may say
        for layer in (network.body_regressor.root_pose_out, network.body_regressor.body_pose_out):
            layer[0].weight.mul_(30)
    before = copy.deepcopy(network.state_dict())
    with torch.no_grad():
        alone = network.encoder(torch.nn.functional.interpolate(batch.patches, (256, 192)))[1]
    train_cham(network, lambda step: [batch], len(batch.patches), [batch], folder=tmp_path, max_steps=12, lr=3e-3,
               progress=False)
    lines = [json.loads(line) for line in (tmp_path / 'published_cham.jsonl').read_text().splitlines()]
    assert [line['step'] for line in lines] == [0, 6, 12]
    assert lines[2]['loss'] < 0.8 * lines[0]['measured'] and lines[2]['measured'] < 0.8 * lines[0]['measured']
    assert {'body_mm', 'hands_mm', 'between_mm', *WEIGHTS} <= set(lines[2])
    after = network.state_dict()
    moved = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert moved and all(name.startswith('hand_control_net.') for name in moved)
    parts = {'.'.join(name.split('.')[1:3]) for name in moved}
    assert {'cross_attn.0', 'zero_convs_rhand.0', 'zero_convs_lhand.1'} <= parts
    with torch.no_grad():
        assert torch.equal(alone, network.encoder(torch.nn.functional.interpolate(batch.patches, (256, 192)))[1])


def test_gradients_go_through_the_transfer_of_hands(network, batch):
    for conv in network.hand_control_net.zero_convs_rhand:
        torch.nn.init.normal_(conv.weight, std=0.02)
    compute_losses(run_network(network, batch), batch)['hands_3d'].sum().backward()
    assert all(p.grad.abs().max() > 0 for p in network.hand_control_net.cross_attn[0].L_self_attn_layer.parameters())
    assert all(p.grad is None for name, p in network.named_parameters() if not name.startswith('hand_control_net'))


def test_mixed_precision_says_nearly_the_same(network, batch):
    with torch.no_grad():
        exact, mixed = run_network(network, batch), run_network(network, batch, mixed=True)
    assert mixed.keypoints.dtype == torch.float32
    apart = (exact.body.body_pose - mixed.body.body_pose).abs().max()
    assert 0 < apart < 0.02


def trained(network, sources, folder, steps=4, **options):
    """CHAM after a short training on all data sets, from the same start each time."""
    start = copy.deepcopy(network.hand_control_net)
    feed = BatchFeed(sources, 4, CPU, **options)
    try:
        train_cham(network, feed, 4, [], folder=folder, max_steps=steps, lr=1e-3, progress=False)
        return copy.deepcopy(network.hand_control_net)
    finally:
        network.hand_control_net = start


def test_a_training_that_was_stopped_goes_on_as_if_it_had_not(network, sources, tmp_path, monkeypatch):
    monkeypatch.setattr(cham_training, 'EVAL_INTERVAL', 2)
    whole = trained(network, sources, tmp_path / 'whole')
    with monkeypatch.context() as patch:
        def stop(self, step):
            if step == 3:
                raise KeyboardInterrupt
            return original(self, step)
        original = BatchFeed.__call__
        patch.setattr(BatchFeed, '__call__', stop)
        with pytest.raises(KeyboardInterrupt):
            trained(network, sources, tmp_path / 'parts')
    resumed = trained(network, sources, tmp_path / 'parts')
    assert all(torch.equal(one, other) for one, other in zip(whole.parameters(), resumed.parameters()))
    logs = [(tmp_path / name / 'published_cham.jsonl').read_text() for name in ('whole', 'parts')]
    assert logs[0] == logs[1] and logs[0].count('\n') == 3


def same(one, other, start):
    """As far as all of them together have moved, up to rounding; which, where it is all of a gradient (of keys' biases,
    which attention does not notice), AdamW makes as large as any."""
    moved, apart = (torch.cat([(values[name] - start_of[name]).flatten() for name in one]).norm()
                    for values, start_of in ((one, start), (other, one)))
    assert 0 < moved and apart < 2e-3 * moved


def test_a_step_in_parts_is_the_same_step(network, sources, tmp_path):
    start = copy.deepcopy(network.hand_control_net.state_dict())
    whole = trained(network, sources, tmp_path / 'whole', 2)
    parts = trained(network, sources, tmp_path / 'parts', 2, at_once=1)
    same(whole.state_dict(), parts.state_dict(), start)


# -- the command -------------------------------------------------------------------------------------------------------

def arguments(folders, genders, run, *more):
    return ['train', 'published', '--data', *(f'{name}={folders[name]}' for name in ('interhand', 'reinterhand')),
            '--run', str(run), '--weights-folder', str(genders), '--weights', 'random-tiny', '--device', 'cpu',
            '--precision', 'fp32', '--workers', '0', '--batch', '4', '--steps', '2', *more]


@pytest.fixture(scope='module')
def alone(folders, genders, tmp_path_factory):
    """The folder of a training by one process."""
    run = tmp_path_factory.mktemp('alone')
    assert main.main(arguments(folders, genders, run)) == main.EXIT_SUCCESS
    return run


def test_what_was_trained_loads_as_the_published_weights_do(alone, genders, tmp_path, published_body):
    for path in (*genders.iterdir(), alone / 'snapshot_6.pth'):
        os.symlink(path, tmp_path / path.name)
    tiny = load_random(published_body, HAND4WHOLE_PP_TINY)
    torch.save({'state_dict': tiny.wilor.state_dict()}, tmp_path / 'wilor_final.ckpt')
    assert (
        main.main(['train', 'curves', '--run', str(alone), '--output', str(tmp_path / 'curves.svg')])
        == main.EXIT_SUCCESS
    )
    assert (tmp_path / 'curves.svg').read_text().count('id="published_cham:') == 2    # of hands alone: no body
    network = load_hand4whole_pp(Store(tmp_path), HAND4WHOLE_PP_TINY)
    kept = torch.load(alone / 'published_cham.pt', weights_only=True)
    for name, value in network.hand_control_net.state_dict().items():
        assert torch.equal(value, kept['best'][name]), name
    assert any(value.any() for name, value in kept['best'].items() if name.startswith('zero_convs'))
    for part in ('encoder', 'body_regressor', 'face_regressor'):
        for name, value in network.get_submodule(part).state_dict().items():
            assert torch.equal(value, tiny.get_submodule(part).state_dict()[name]), name


def test_two_processes_train_what_one_trains(alone, folders, genders, tmp_path):
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    given = {**os.environ, 'WORLD_SIZE': '2', 'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': str(port),
             'GLOO_SOCKET_IFNAME': 'lo', 'OMP_NUM_THREADS': '1'}
    started = [
        subprocess.Popen(
            [sys.executable, '-m', 'hand4whole_ros.cli.main', *arguments(folders, genders, tmp_path)],
            env={**given, 'RANK': str(rank), 'LOCAL_RANK': str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=300) for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    assert 'snapshot_6.pth' in said[0][0] and not said[1][0]
    states = [torch.load(folder / 'published_cham.pt', weights_only=True) for folder in (alone, tmp_path)]
    torch.manual_seed(0)
    same(*(state['module'] for state in states), CHAM(HAND4WHOLE_PP_TINY.cham).state_dict())
    logs = [[json.loads(line) for line in (folder / 'published_cham.jsonl').read_text().splitlines()]
            for folder in (alone, tmp_path)]
    for one, other in zip(*logs):
        assert one == pytest.approx(other, rel=1e-4, abs=1e-5)


def test_a_run_of_other_settings_is_not_gone_on_with(alone, folders, genders, capsys):
    assert main.main(arguments(folders, genders, alone, '--seed', '1')) == main.EXIT_USAGE
    assert 'holds a training of other settings (seed 0, now 1); name another folder' in capsys.readouterr().err


@pytest.mark.parametrize('change, says', [
    (['--data', 'ehf=x'], '--data ehf=x: expected NAME=DIR, the name one of agora, arctic, interhand, reinterhand'),
    (['--data', 'arctic'], '--data arctic: expected NAME=DIR'),
    (['--data', 'arctic=x', 'arctic=y'], '--data names arctic twice'),
    (['--data', 'arctic=nowhere'], 'nowhere: no such folder'),
    (['--batch', '0'], '--batch must be at least 1, found 0'),
    (['--device', 'cuda:7'], 'use device cpu, or install a CUDA build of torch'),
    (['--weights', 'published'], 'is not in .*; hand4whole weights fetch smpler_x_l32.pth.tar gets it or prints how')])
def test_wrong_arguments_get_one_line(change, says, folders, genders, tmp_path, capsys):
    assert main.main(arguments(folders, genders, tmp_path / 'run', *change)) == main.EXIT_USAGE
    error = capsys.readouterr().err
    assert error.count('\n') == 1 and re.search(says, error), error
    assert not (tmp_path / 'run').exists()


# -- drawn people in the formats of data sets --------------------------------------------------------------------------

def test_drawn_people_are_read_as_they_were_drawn(genders, tmp_path):
    bodies, people = GroundTruthBodies(Store(genders)), draw_people(2)
    write_drawn_agora(tmp_path / 'agora', bodies, people)
    write_drawn_interhand(tmp_path / 'interhand', bodies, people)
    for body, hands, (image, truth) in zip(open_dataset('agora', tmp_path / 'agora', 'train', bodies),
                                           open_dataset('interhand', tmp_path / 'interhand', 'train', bodies), people):
        # Another body in the person's pose: its pelvis is the person's, its wrists are elsewhere.
        assert np.abs(body.body.joints[0] - truth.joints[0]).max() < 1e-5
        rotations = Rotation.from_rotvec(body.body.local_rotations) * Rotation.from_matrix(truth.local_rotations).inv()
        assert rotations.magnitude().max() < 1e-4
        assert np.abs(hands.image().astype(int) - image).mean() < 5
        for side in skeleton.SIDES:
            found, true = hands.hand(side), truth.hand(side)
            assert np.abs(found.keypoints_3d[0] - true.keypoints_3d[0]).max() < 1e-5
            assert (Rotation.from_rotvec(found.global_orient) * Rotation.from_matrix(true.wrist_rotation).inv()
                    ).magnitude() < 1e-4
