"""Training of the open model: frames and mirrors are exact, a stopped training goes on, several processes train what
one would, and every stage runs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from torch import nn

pytest.importorskip('mediapipe')

from hand4whole_ros import skeleton
from hand4whole_ros.body.model import BodyModel
from hand4whole_ros.body.open_body import load_arrays
from hand4whole_ros.body.open_hands import hand_shape_components, load_open_body
from hand4whole_ros.checkpoints import CheckpointError
from hand4whole_ros.checkpoints.hand4whole_pp import expected_state
from hand4whole_ros.checkpoints.open_model import (
    OPEN_MODEL_FILE,
    load_open_hand_regressor,
    load_open_model,
    save_open_model,
)
from hand4whole_ros.cli import main
from hand4whole_ros.estimators.fit_features import mirror_features
from hand4whole_ros.networks.hand4whole_pp import Hand4WholePP
from hand4whole_ros.networks.open_model import IMAGE_ONLY, OPEN_MODEL
from hand4whole_ros.networks.prompts import InitialRegressor
from hand4whole_ros.training import (
    cham_training,
    convolutional_stems,
    drawn_people,
    expert_training,
    initial_regression,
    shards,
    training_set,
)
from hand4whole_ros.training.distributed import SINGLE_PROCESS, DistributedContext
from hand4whole_ros.training.image_batches import load_batch
from hand4whole_ros.training.initial_regression import body_metrics, hand_metrics, train_initial_regressors
from hand4whole_ros.training.losses import body_losses, hand_losses, hands_only_losses, heatmap_loss
from hand4whole_ros.training.run_folder import RunSettings
from hand4whole_ros.training.shards import Records, ShardTruth
from hand4whole_ros.training.skeleton_layer import SkeletonLayer
from hand4whole_ros.training.stage_context import StageContext
from hand4whole_ros.training.stages import load_network
from hand4whole_ros.training.trainer import TrainingSchedule, draw_rows, train

#: People of `people_drawn`, of whom nearly all are found.
DRAWN = 6

#: The command line without the noise that every process draws for itself.
STILL = '''
import sys
from torch import nn
from hand4whole_ros.cli import main
from hand4whole_ros.networks.prompts import InitialRegressor
from hand4whole_ros.training import initial_regression
InitialRegressor.NOISE, nn.Dropout.forward = 0, lambda self, x: x
initial_regression.BATCH_SIZE = 64
sys.exit(main.main(sys.argv[1:]))
'''


@pytest.fixture(scope='module')
def folder(people_drawn):
    """People to learn from."""
    return people_drawn


@pytest.fixture(scope='module')
def found(folder):
    return shards.read_shards(folder)


@pytest.fixture(scope='module')
def components():
    return hand_shape_components(BodyModel.load(), load_arrays())


@pytest.fixture(scope='module')
def bones(components):
    return SkeletonLayer(BodyModel.load().kinematics, components)


@pytest.fixture(scope='module')
def network():
    torch.manual_seed(0)
    return Hand4WholePP(OPEN_MODEL, load_open_body()).eval()


@pytest.fixture
def small_batches(monkeypatch):
    """Of so few people a batch would hold each several times."""
    monkeypatch.setattr(expert_training, 'BATCH_SIZE', 8)
    monkeypatch.setattr(initial_regression, 'BATCH_SIZE', 64)


def fitted_as_truth(found: Records) -> Records:
    """The same people, as if they were what was fitted to them."""
    e = found.evidence
    return replace(found, truth=ShardTruth(e.rotations, e.betas, e.joints, found.truth.hands, np.ones((len(found), 2))))


def say(network, told):
    regressor = network.body_regressor
    return regressor.pose(regressor.initial(told.prompts.body), torch.zeros(len(told), 3))


def test_people_are_found_and_kept_with_their_picture_and_truth(folder, found):
    assert 0.7 * DRAWN <= len(found) <= DRAWN and found.pictures.picture(0).shape == (*shards.SHARD_IMAGE_SIZE, 3)
    assert all(np.isfinite(values).all() for values in (*found.evidence, *found.truth))
    # The first look is about right: that is what a training begins with.
    e, t = found.evidence, found.truth
    apart = np.linalg.norm((e.joints - e.joints[:, :1]) - (t.joints - t.joints[:, :1]), axis=-1)[:, :22].mean(1)
    assert 0.01 < np.median(apart) < 0.25
    before = (folder / 'people_3_00000.npz').stat().st_mtime_ns
    drawn_people.make_shards(folder, drawn_people.SHARD_SIZE, 3, 1, progress=False)     # nothing is left to do
    assert (folder / 'people_3_00000.npz').stat().st_mtime_ns == before


def test_a_mirror_of_a_mirror_is_no_mirror(found):
    again = mirror_features(mirror_features(found.evidence))
    assert all(np.allclose(one, other, atol=1e-6) for one, other in zip(again, found.evidence))
    truth = shards.mirror_truth(shards.mirror_truth(found.truth))
    assert all(np.array_equal(one, other) for one, other in zip(truth, found.truth))


def test_an_untrained_model_says_what_was_fitted_and_means_it_in_the_frame_of_its_lessons(
        found, components, bones, network):
    told = training_set.TrainingSet.of(fitted_as_truth(found), components)
    with torch.no_grad():
        figures = body_metrics(say(network, told), told.body, bones)
        prompt, target = told.right_hands
        initial = network.wilor.backbone.start(prompt)
        turns = torch.cat(initial.rotations(), dim=1)
        assert len(target.betas) and hand_metrics(turns, initial.betas, target, bones)['hand_wrist_deg'] < 0.1
        assert hand_losses(turns, initial.betas, target, bones)['turns'] < 1e-5
        # The camera of a hand is the one that sees its wrist where the landmark is.
        wrist = torch.stack([initial.camera[:, 1], initial.camera[:, 2]], dim=1) * initial.camera[:, :1]
        assert torch.allclose(wrist, prompt.points[:, 0], atol=1e-4)
    assert max(figures.values()) < 0.1
    assert sum(body_losses(say(network, told), told.body, bones).values()) < 1e-3


def test_a_person_in_a_mirror_is_told_as_the_mirror_image(found, components, bones, network):
    told = training_set.TrainingSet.of(found, components)
    count = len(found)
    with torch.no_grad():
        said = say(network, told)
        joints, _ = bones.body(torch.cat([said.global_orient[:, None], said.body_pose], dim=1), said.betas)
    order = [skeleton.MIRROR[joint] for joint in range(22)]
    # The open body itself is symmetrical to some hundredths of a millimetre.
    assert torch.allclose(joints[count:], joints[:count, order] * torch.tensor([-1.0, 1, 1]), atol=2e-4)
    for side, other in (('left', 'right'), ('right', 'left')):
        seen = told.boxes[side].exists[:count]
        for one, two in zip(told.prompts.hands[side][:4], told.prompts.hands[other][:4]):
            assert torch.allclose(one[:count][seen], two[count:][seen], atol=1e-4)


def context(people, bones, folder, steps, **more):
    return StageContext(train_set=people, validation_set=people, skeleton_layer=bones,
                        settings=RunSettings(run=folder, steps=steps), **more)


def test_an_initial_regression_learns(found, components, bones, network, tmp_path):
    told = training_set.TrainingSet.of(found, components)
    train_initial_regressors(network, context(told, bones, tmp_path, 60, lr=2e-3))
    with torch.no_grad():
        network.eval()
        after = body_metrics(say(network, told), told.body, bones)
        before = body_metrics(say(Hand4WholePP(OPEN_MODEL, load_open_body()).eval(), told), told.body, bones)
    assert after['root_mm'] < 0.8 * before['root_mm'] and after['mrrpe_mm'] < 0.8 * before['mrrpe_mm']


def test_initial_regressions_are_of_who_has_not_seen_the_people(found, components):
    told, networks = training_set.TrainingSet.of(found, components), []
    for fold in range(training_set.FOLDS):
        network = Hand4WholePP(OPEN_MODEL, load_open_body())
        for initial in (network.body_regressor.initial, network.wilor.backbone.initial):
            torch.nn.init.constant_(initial.out.bias, 1.0 + fold)
        networks.append(network)
    answered = told.with_initial_regressions(networks)
    people, expected = len(found), torch.arange(len(told)) % len(found) % training_set.FOLDS + 1.0
    for before, after in ((told.prompts.body, answered.prompts.body),
                          *((told.prompts.hands[side], answered.prompts.hands[side]) for side in skeleton.SIDES)):
        width = after.initial.shape[1]
        assert torch.allclose(after.initial, before.whole[:, :width] + expected[:, None], atol=1e-5)
        # A network that is given the initial regression takes it for its own.
    assert torch.equal(networks[0].body_regressor.initial(answered.prompts.body), answered.prompts.body.initial)
    for fold in range(training_set.FOLDS):
        others = told.without(fold)
        assert len(others) == 2 * sum(k % training_set.FOLDS != fold for k in range(people))
        first = 1 - fold    # of those that are left, the first person; and the same in a mirror
        assert torch.equal(others.body.joints[0], told.body.joints[first])
        assert torch.equal(others.body.joints[len(others.pictures)], told.body.joints[people + first])
        assert np.array_equal(others.pictures.picture(0), told.pictures.picture(first))


def test_a_training_that_was_stopped_goes_on_as_if_it_had_not(tmp_path):
    rows, true = torch.randn(64, 4), torch.randn(64, 1)

    def module():
        torch.manual_seed(0)
        return nn.Linear(4, 1)

    def training(where, stop=None):
        trained = module()

        def losses(step):
            if step == stop:
                raise KeyboardInterrupt
            some = draw_rows(64, 16, step, seed=1)
            return {'fit': (trained(rows[some]) - true[some]).square().mean()}
        return train(trained, losses, TrainingSchedule(30, 1e-2, eval_interval=10), folder=where, name='it',
                     measure=lambda m: {'error': float((m(rows) - true).square().mean().detach())}, progress=False)
    whole = training(tmp_path / 'whole')
    with pytest.raises(KeyboardInterrupt):
        training(tmp_path / 'parts', stop=23)
    resumed = training(tmp_path / 'parts')
    assert all(torch.equal(one, other) for one, other in zip(whole.parameters(), resumed.parameters()))
    logs = [(tmp_path / name / 'it.jsonl').read_text() for name in ('whole', 'parts')]
    assert logs[0] == logs[1] and logs[0].count('\n') == 4


def test_a_loss_that_is_no_number_ends_the_training(tmp_path):
    with pytest.raises(FloatingPointError, match='the loss of step 0 is nan'):
        one = nn.Linear(1, 1)
        train(
            one,
            lambda step: {'x': one(torch.full((1, 1), torch.nan)).sum()},
            TrainingSchedule(2, 1e-3),
            folder=tmp_path,
            name='it',
            progress=False,
        )


def test_every_stage_from_people_to_a_file_that_estimates(folder, small_batches, tmp_path, capsys):
    run, packed = tmp_path / 'run', tmp_path / 'model.npz'
    for stage in ('initial', 'stem', 'body', 'hand', 'cham'):
        assert (
            main.main(['train', stage, '--people', str(folder), '--run', str(run), '--steps', '2']) == main.EXIT_SUCCESS
        )
    assert main.main(['train', 'pack', '--run', str(run), '--output', str(packed)]) == main.EXIT_SUCCESS
    assert 'with initial, stem, body, hand, cham' in capsys.readouterr().out
    assert packed.stat().st_size < 30e6
    assert (
        main.main(['train', 'curves', '--run', str(run), '--output', str(tmp_path / 'curves.svg')]) == main.EXIT_SUCCESS
    )
    drawing = ElementTree.parse(tmp_path / 'curves.svg').getroot()
    lines = {group.get('id') for group in drawing.iter('{http://www.w3.org/2000/svg}g') if ':' in group.get('id', '')}
    assert len(lines) == 15 and 'body_initial:root_mm' in lines
    for name in ('body_initial', 'hand_initial', 'body_stem', 'hand_stem', 'body', 'hand', 'cham'):
        lines = [json.loads(line) for line in (run / f'{name}.jsonl').read_text().splitlines()]
        assert [line['step'] for line in lines] == [0, 2] and lines[1]['loss'] > 0
        moved = torch.load(run / f'{name}.pt', weights_only=True)
        assert any(not torch.equal(value, moved['best'][key]) for key, value in moved['module'].items())
    network = load_open_model(load_open_body(), packed)
    kept = torch.load(run / 'weights_hand.pt', weights_only=True)['wilor']
    for key, value in network.wilor.state_dict().items():
        assert torch.allclose(value, kept[key], rtol=1e-3, atol=1e-6), key


def test_a_model_that_is_told_nothing_begins_with_its_stems(folder, small_batches, tmp_path, capsys):
    run, packed = tmp_path / 'run', tmp_path / 'model.npz'

    def words(stage, run=run):
        return ['train', stage, '--people', str(folder), '--run', str(run), '--steps', '2', '--device', 'cpu']
    for stage in ('stem', 'body', 'hand', 'cham'):
        assert main.main(words(stage)) == main.EXIT_SUCCESS
    assert main.main(['train', 'pack', '--run', str(run), '--output', str(packed)]) == main.EXIT_SUCCESS
    assert 'with stem, body, hand, cham' in capsys.readouterr().out
    assert load_open_model(load_open_body(), packed).config == IMAGE_ONLY
    # Of what the stems have learnt, the experts begin with all.
    stem = torch.load(run / 'body_stem.pt', weights_only=True)['best']['patch_embed.proj.0.weight']
    begun = load_network(run, ('stem',))
    assert torch.equal(begun.encoder.patch_embed.proj[0].weight, stem)
    assert not torch.equal(load_network(run).encoder.patch_embed.proj[0].weight, stem)
    assert main.main(words('initial')) == main.EXIT_USAGE
    assert 'has begun with train stem, which is a model without an initial regression' in capsys.readouterr().err


def test_stems_do_not_begin_a_run_whose_initial_regression_is_not_done(folder, tmp_path, capsys):
    (tmp_path / 'without_0').mkdir()
    assert main.main(['train', 'stem', '--people', str(folder), '--run', str(tmp_path), '--steps', '2']
                    ) == main.EXIT_USAGE
    assert 'has begun with train initial, which is not done: run it again to its end' in capsys.readouterr().err


def test_with_stems_alone_a_model_gives_its_initial_regression(found, components, bones):
    torch.manual_seed(0)
    network = Hand4WholePP(OPEN_MODEL, load_open_body()).eval()
    convolutional_stems.initialize_from_stems(network)
    told = training_set.TrainingSet.of(fitted_as_truth(found), components)
    with torch.no_grad():
        said = say(network, told)
    assert body_metrics(said, told.body, bones)['root_mm'] < 0.1


def test_blocks_add_nothing_to_what_stems_see_at_first(monkeypatch):
    monkeypatch.setattr(convolutional_stems, 'bf16_autocast', lambda device: nullcontext())
    torch.manual_seed(0)
    network = Hand4WholePP(IMAGE_ONLY, load_open_body()).eval()
    convolutional_stems.initialize_from_stems(network)
    pictures = torch.rand(2, 3, 256, 192)
    with torch.no_grad():
        network.encoder.pos_embed.zero_()
        stem = convolutional_stems.StemHeatmaps(network.encoder, network.body_position_net.conv)
        feature, _ = network.encoder(pictures)
        seen = network.body_position_net.heat(feature)
        assert torch.allclose(stem(pictures), seen, rtol=1e-3)
        hand, _ = network.wilor.backbone(pictures)
    turns = torch.cat(hand.rotations(), dim=1)
    angles = ((turns.diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2).clamp(-1, 1).acos()
    codes = hand.pose_6d[0].view(16, 6)
    assert angles.max() < 1 and torch.cdist(codes, codes).fill_diagonal_(9).min() > 0.01


def test_a_heat_map_is_as_wrong_as_it_is_far_from_certain_of_the_truth():
    places = torch.tensor([[[-1 + 2 / 6 * 2.5, -1 + 2 / 8 * 0.5, -1 + 2 / 16 * 8.5], [0.5, 0.0, 0.2],
                            [torch.nan, 0, 0]]])
    heat = torch.full((1, 3, 16, 8, 6), 1 / (16 * 8 * 6))
    even = heatmap_loss(heat, places)
    heat[0, 0] = 0
    heat[0, 0, 8, 0, 2] = 1     # the cell whose middle it is
    first = heatmap_loss(heat[:, :1], places[:, :1])
    assert first.abs() < 1e-5
    one, other = np.log(16 * 8 * 6), float(heatmap_loss(heat[:, 1:2], places[:, 1:2]))
    assert float(even) == pytest.approx((one + other) / 2, rel=1e-4)
    heat[0, 0] = 0
    heat[0, 0, 8, 1, 2] = 1     # the one beside it
    assert heatmap_loss(heat[:, :1], places[:, :1]) > 10
    outside = torch.tensor([[[5.0, 0.0, 0.0]]])     # at the picture's edge
    edge = torch.zeros(1, 1, 16, 8, 6)
    edge[..., 7:9, 3:5, 5] = 0.25
    assert heatmap_loss(edge, outside).abs() < 1e-5


def test_of_hands_alone_the_wrists_count_and_that_the_body_stands(found, components, bones):
    network = Hand4WholePP(OPEN_MODEL, load_open_body()).eval()     # says what was fitted
    told = training_set.TrainingSet.of(fitted_as_truth(found), components)
    with torch.no_grad():
        said, target = say(network, told), told.body
        right = hands_only_losses(said, target, bones)
        assert right['between'] < 1e-3 and right['wrists'] < 1e-3 and 0 < right['upright'] < 0.02
        # What is not known does not matter, ...
        other = target._replace(rotations=target.rotations.flip(0), betas=target.betas + 1)
        assert hands_only_losses(said, other, bones) == right
        elbows = target.joints.clone()
        elbows[:, [skeleton.JOINT['left_elbow'], skeleton.JOINT['head']]] += 0.3
        assert hands_only_losses(said, target._replace(joints=elbows), bones) == right
        # ... a body on its head does, and one of unusual shape.
        over = said._replace(global_orient=said.global_orient @ torch.diag(torch.tensor([1.0, -1, -1])))
        assert hands_only_losses(over, target, bones)['upright'] > 0.035
        large = hands_only_losses(said._replace(betas=said.betas * 3), target, bones)
        assert float(large['small_betas']) == pytest.approx(9 * float(right['small_betas']), rel=1e-4)


def test_two_processes_train_the_initial_regression_that_one_trains(folder, small_batches, tmp_path, monkeypatch):
    def words(run):
        return ['train', 'initial', '--people', str(folder), '--run', str(run), '--steps', '3', '--device', 'cpu']
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    given = {**os.environ, 'WORLD_SIZE': '2', 'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': str(port),
             'GLOO_SOCKET_IFNAME': 'lo', 'OMP_NUM_THREADS': '1'}     # as torchrun gives them
    started = [subprocess.Popen([sys.executable, '-c', STILL, *words(tmp_path / 'two')], stderr=subprocess.PIPE,
                                env={**given, 'RANK': str(rank), 'LOCAL_RANK': str(rank)}, text=True)
               for rank in range(2)]
    monkeypatch.setattr(InitialRegressor, 'NOISE', 0)
    monkeypatch.setattr(nn.Dropout, 'forward', lambda self, x: x)
    assert main.main(words(tmp_path / 'one')) == main.EXIT_SUCCESS
    said = [process.communicate(timeout=300)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    assert 'body_initial' in said[0] and 'body_initial' not in said[1]      # the bar of the one that leads
    network = load_network(tmp_path / 'none', ())
    for name, start in (('body_initial', network.body_regressor.initial),
                        ('hand_initial', network.wilor.backbone.initial)):
        for part in ('', 'without_0', 'without_1'):
            files = [tmp_path / run / part / f'{name}.pt' for run in ('one', 'two')]
            states = *(torch.load(path, weights_only=True)['module'] for path in files), start.state_dict()
            one, two, before = (torch.cat([state[key].flatten() for key, _ in start.named_parameters()])
                                for state in states)
            assert 0 < (one - before).norm() and (one - two).norm() < 0.01 * (one - before).norm()
            one, two = ([json.loads(line) for line in path.with_suffix('.jsonl').read_text().splitlines()]
                        for path in files)
            assert [line['step'] for line in two] == [0, 3]
            for line, other in zip(one, two):
                assert line == pytest.approx(other, rel=1e-3, abs=1e-4)


def test_processes_see_of_people_what_one_would(found, components):
    told, rows = training_set.TrainingSet.of(found, components), torch.randperm(2 * len(found))
    whole, bare = load_batch(told, rows, torch.Generator().manual_seed(1)), load_batch(told, rows)
    assert (whole.patches - bare.patches).abs().mean((1, 2, 3)).min() > 1e-3
    for rank in range(3):
        part = load_batch(told, rows, torch.Generator().manual_seed(1), DistributedContext(rank, 3))
        assert torch.equal(part.rows, rows[rank::3])
        assert torch.equal(part.prompts.body.whole, whole.prompts.body.whole[rank::3])
        assert torch.allclose(part.patches, whole.patches[rank::3], atol=1e-5)
    with pytest.raises(ValueError, match=f'a step of {len(rows)} rows is too short for 99 processes; start fewer'):
        load_batch(told, rows, None, DistributedContext(98, 99))


@pytest.mark.parametrize(
    'train_it, near',
    [  # heat maps of hands: a mean over the keypoints that one process knows
        (convolutional_stems.train_stems, 5e-3),
        (expert_training.train_body, 2e-3),
        (expert_training.train_hand, 2e-3),
        (cham_training.train_cham, 2e-3),
    ],
)
def test_the_losses_of_processes_add_up_to_those_of_one(
    train_it, near, found, components, bones, monkeypatch, tmp_path
):
    told, network = training_set.TrainingSet.of(found, components), load_network(tmp_path / 'none', ()).eval()
    for side in skeleton.SIDES:     # what the last process draws has no hand that counts
        told.hands[side].counts[draw_rows(len(told), expert_training.BATCH_SIZE, 0, 0)[2::3]] = False

    def cost(together):
        costs = []
        with monkeypatch.context() as patched, torch.no_grad():
            patched.setattr(sys.modules[train_it.__module__], 'train',
                            lambda module, losses, *_, **__: costs.append(losses(0)) or module)
            train_it(network, context(told, bones, tmp_path, 1, distributed=together))
        return {(k, name): value for k, part in enumerate(costs) for name, value in part.items()}
    whole, parts = cost(SINGLE_PROCESS), [cost(DistributedContext(rank, 3)) for rank in range(3)]
    assert all(value > 0 for value in whole.values())
    for name, value in whole.items():
        assert float(sum(part[name] for part in parts)) == pytest.approx(float(value), rel=near), name


def test_a_network_that_is_told_nothing_is_known_by_its_weights(tmp_path):
    path, body = tmp_path / 'alone.npz', load_open_body()
    network = Hand4WholePP(IMAGE_ONLY, body)
    save_open_model(network, path)
    loaded = load_open_model(body, path)
    assert loaded.config == IMAGE_ONLY and load_open_hand_regressor(path) is None
    for one, other in zip(network.wilor.backbone.parameters(), loaded.wilor.backbone.parameters(), strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-6)


def test_the_file_of_the_model_has_all_its_parts():
    assert set(OPEN_MODEL_FILE.parts) == set(expected_state(OPEN_MODEL))


def test_weights_that_are_not_the_models_are_refused_by_name(network, tmp_path):
    path = tmp_path / 'model.npz'
    save_open_model(network, path)
    with np.load(path) as stored:
        arrays = dict(stored)
    body = load_open_body()
    key = 'encoder/task_tokens'
    for change, said in (({key: arrays[key][:, :3]}, 'should be .1, 27, 192., found .1, 3, 192.'),
                         ({key: np.full_like(arrays[key], np.nan)}, 'not finite'),
                         ({key: np.array([object()])}, 'cannot be read|damaged'),
                         ({'other/thing': arrays[key]}, '1 arrays are not of the open model, the first other/thing')):
        np.savez(path, **{**arrays, **change})
        with pytest.raises(CheckpointError, match=said):
            load_open_model(body, path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(CheckpointError, match='model.npz'):
        load_open_model(body, path)
    with pytest.raises(CheckpointError, match='no such file'):
        load_open_model(body, tmp_path / 'none.npz')


def test_wrong_arguments_get_one_line(tmp_path, capsys):
    assert main.main(['train', 'initial', '--people', str(tmp_path), '--run', str(tmp_path)]) == main.EXIT_USAGE
    assert 'holds no people to learn from: hand4whole train people' in capsys.readouterr().err
    assert main.main(['train', 'pack', '--run', str(tmp_path), '--output', str(tmp_path / 'x.npz')]) == main.EXIT_USAGE
    assert 'no stage of a training is done there' in capsys.readouterr().err
    assert not (tmp_path / 'x.npz').exists()
    run = tmp_path / 'run'
    for stage in ('initial', 'body', 'hand', 'cham'):     # before any people are read
        words = ['train', stage, '--people', 'none', '--run', str(run), '--device', 'cuda:7']
        assert main.main(words) == main.EXIT_USAGE
        error = capsys.readouterr().err
        assert error.count('\n') == 1 and 'use device cpu, or install a CUDA build of torch' in error
    assert not run.exists()
