"""UniHOPE's training on drawn grasps: every loss is one, rows differ in what they say they do, and training learns."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from hand4whole_ros.networks import unihope
from hand4whole_ros.networks.unihope import UNIHOPE_TINY, HandFeatures, ManoParameters, ObjectVotes, Pyramid, UniHOPE
from hand4whole_ros.synthetic.grasps import draw_grasps
from hand4whole_ros.synthetic.hand_patches import hand_layer
from hand4whole_ros.training import unihope_training as training
from hand4whole_ros.training.drawn_ablation import AblationSize
from hand4whole_ros.training.unihope_training import (
    PUBLISHED_VALUES,
    ROWS,
    Batch,
    Learner,
    compute_losses,
    enhancement_losses,
    measure,
    train_unihope,
)

pytestmark = pytest.mark.usefixtures('one_thread')

CONFIG = replace(UNIHOPE_TINY, image_size=32, roi_size=16)


@pytest.fixture(scope='module', autouse=True)
def shallow():
    """A training does not depend on the depth of the ResNet, and each of its weights is kept again and again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unihope, 'RESNET50_BLOCKS', (1, 1, 1, 1))
        yield


@pytest.fixture(scope='module')
def drawn():
    return draw_grasps(24, 5, CONFIG.image_size, upright=True)


def make_network(config=CONFIG):
    torch.manual_seed(0)
    return UniHOPE(config, hand_layer(), tips=None)


def run(network, batch):
    return network(batch.images, batch.hand_boxes, batch.object_boxes)


def make_true_output(output, batch):
    """What a network would say that knows."""
    rotations = batch.rotations
    mesh = hand_layer()(rotations[:, :1], rotations[:, 1:], batch.betas)
    low, high = batch.hand_boxes[:, None, :2], batch.hand_boxes[:, None, 2:]
    boxes = batch.object_boxes[:, None, None, None]
    points = (batch.object_points[:, None, None] - boxes[..., :2]) / (boxes[..., 2:] - boxes[..., :2]).clamp(min=1)
    points = points.expand(-1, 16, 16, -1, -1)
    grasp, hidden = (torch.stack([-20.0 * yes, 20.0 * yes], dim=1) - torch.tensor([0.0, 10])
                     for yes in (batch.grasping.float(), (batch.occlusion > 0.1).float()))
    return replace(
        output, grasp_logits=grasp, occlusion_logits=hidden, vertices=mesh.vertices, keypoints=mesh.keypoints,
        pose=ManoParameters(rotations[:, :1], rotations[:, 1:], batch.betas),
        keypoints_2d=(batch.keypoints_2d - low) / (high - low),
        votes=ObjectVotes(points[..., 0], points[..., 1], torch.ones(points.shape[:-1])))


def test_the_truth_costs_nothing(drawn):
    batch = Batch.of(drawn)
    with torch.no_grad():
        output = run(make_network().eval(), batch)
        wrong, right = compute_losses(output, batch), compute_losses(make_true_output(output, batch), batch)
    assert wrong.keys() == right.keys()
    for name, value in right.items():
        assert value < 1e-3 < wrong[name], name


def test_objects_count_where_they_are_grasped(drawn):
    free = Batch.of(drawn.take(~drawn.grasping))
    with torch.no_grad():
        assert compute_losses(run(make_network().eval(), free), free)['object'] == 0


def test_without_its_object_a_hand_does_not_grasp(drawn):
    bare = Batch.of(drawn, bare=True)
    assert not bare.grasping.any() and (bare.occlusion == 0).all()
    assert torch.equal(bare.keypoints_2d, torch.from_numpy(drawn.keypoints_2d))
    assert not torch.equal(bare.images, Batch.of(drawn).images)
    absent = ~drawn.has_object
    torch.testing.assert_close(bare.object_boxes[absent], torch.from_numpy(drawn.object_box[absent]))


def test_the_baseline_takes_the_object_whatever_the_switch_says():
    torch.manual_seed(1)
    pyramid = Pyramid(torch.rand(2, 16, 8, 8), torch.rand(2, 16, 8, 8))
    boxes = torch.tensor([[4.0, 4, 28, 28]] * 2), torch.tensor([[8.0, 8, 30, 30]] * 2)
    yes, no = torch.tensor([[0.0, 1]] * 2), torch.tensor([[1.0, 0]] * 2)
    aware, always = make_network().eval(), make_network(replace(CONFIG, grasp_aware=False)).eval()
    always.load_state_dict(aware.state_dict())
    with torch.no_grad():
        told = {grasp: [one.fuse(pyramid, *boxes, grasp=logits, occlusion=no)[0] for one in (aware, always)]
                for grasp, logits in (('yes', yes), ('no', no))}
    assert torch.equal(told['yes'][0], told['yes'][1]) and torch.equal(told['yes'][1], told['no'][1])
    assert not torch.allclose(told['no'][0], told['yes'][0])


def test_features_are_drawn_towards_those_without_the_object():
    learner, row = Learner(CONFIG), ROWS['pairs_image_roi_mano']
    filtered = ROWS['pairs_image_roi_mano_filtered']
    shapes = {'pyramid': (3, 16, 8, 8), 'region': (3, 16, 16, 16), 'mano': (3, 16)}
    torch.manual_seed(2)
    seen, bare = (HandFeatures(**{name: torch.rand(shape, requires_grad=True) for name, shape in shapes.items()})
                  for _ in range(2))
    hidden = torch.tensor([0.05, 0.5, 0.3])
    found = enhancement_losses(learner, (seen, bare), row, hidden)
    assert list(found) == ['same_pyramid', 'same_region', 'same_mano'] and all(value > 0 for value in found.values())
    assert list(enhancement_losses(learner, (seen, bare), ROWS['pairs_image'], hidden)) == ['same_pyramid']
    assert enhancement_losses(learner, (seen, bare), ROWS['pairs'], hidden) == {}
    assert all(value == 0 for value in enhancement_losses(learner, (seen, seen), row, hidden).values())
    sum(found.values()).backward()
    assert all((value.grad != 0).any() for value in (*seen, *bare))
    for value in seen:
        value.grad = None
    sum(enhancement_losses(learner, (seen, bare), filtered, hidden).values()).backward()
    assert all((value.grad[0] == 0).all() and (value.grad[1:] != 0).any() for value in seen)


def test_rows_are_those_of_the_paper():
    assert list(ROWS) == list(PUBLISHED_VALUES)
    assert not ROWS['baseline'].grasp_aware and all(row.grasp_aware for name, row in ROWS.items() if name != 'baseline')
    with_pairs = [name for name, row in ROWS.items() if row.pairs]
    assert with_pairs == list(ROWS)[2:] and [len(ROWS[name].levels) for name in with_pairs] == [0, 1, 2, 3, 3]


def test_the_flag_is_counted_by_kind(drawn):
    """A network that always says grasping is right about those that do, and errors do not depend on it."""
    network = make_network().eval()
    forward = network.forward

    def eager(*inputs):
        output = forward(*inputs)
        return replace(output, grasp_logits=torch.tensor([[0.0, 1.0]]).expand(len(output.vertices), 2))

    network.forward = eager
    figures = measure(network, drawn)
    assert figures['flag_grasping'] == 1 and figures['flag_no_object'] == figures['flag_object_behind'] == 0
    assert figures['flag_all'] == pytest.approx(drawn.grasping.mean())
    mean = np.average([figures['j_pe_hand_object_mm'], figures['j_pe_hand_only_mm']],
                      weights=[drawn.grasping.sum(), (~drawn.grasping).sum()])
    assert figures['j_pe_mm'] == pytest.approx(mean) and figures['pa_j_pe_mm'] < figures['j_pe_mm']


def test_training_learns_and_rows_share_their_first_steps(drawn, tmp_path):
    """On the few hands that it sees again and again the loss falls."""
    few, arguments = drawn.take(slice(0, 8)), dict(folder=tmp_path, max_steps=14, batch=8, lr=3e-3)
    plain = train_unihope(CONFIG, ROWS['pairs'], few, few, name='pairs', **arguments)
    first, last = read_log(tmp_path / 'aware_pairs_0.jsonl')[1], read_log(tmp_path / 'pairs_0.jsonl')[-1]
    assert last['loss'] < 0.9 * first['loss'] and last['keypoints_3d'] < 0.9 * first['keypoints_3d']
    begun = (tmp_path / 'aware_pairs_0.pt').stat().st_mtime_ns
    drawn_towards = train_unihope(CONFIG, ROWS['pairs_image'], few, few, name='pairs_image', **arguments)
    assert (tmp_path / 'aware_pairs_0.pt').stat().st_mtime_ns == begun, 'the first steps are done once'
    last = read_log(tmp_path / 'pairs_image_0.jsonl')[-1]
    assert last['step'] == 8 and last['same_pyramid'] > 0
    assert any(not torch.equal(value, drawn_towards.state_dict()[name]) for name, value in plain.state_dict().items())


def read_log(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_command_trains_rows_and_writes_their_figures(tmp_path, monkeypatch, capsys):
    original = training.train_ablation
    monkeypatch.setattr(training, 'train_ablation',
                        lambda folder, amount, **given: original(folder, amount, CONFIG, held_back=20, **given))
    arguments = [str(tmp_path / 'kept'), '--steps', '2', '--hands', '16', '--batch', '6', '--upright', '--rows',
                 'baseline', 'pairs_image_roi_mano_filtered', '--json', str(tmp_path / 'figures.json')]
    training.main(arguments)
    found = json.loads((tmp_path / 'figures.json').read_text())
    assert list(found) == ['baseline', 'pairs_image_roi_mano_filtered'] and found['baseline']['paper'][0] == 14.09
    assert {'j_pe_mm', 'v_pe_mm', 'pa_j_pe_mm', 'pa_v_pe_mm', 'flag_all'} <= set(found['baseline']['here'])
    first = capsys.readouterr().out
    training.main(arguments)    # all is done: it is measured again, nothing is trained
    assert capsys.readouterr().out == first


@pytest.mark.parametrize(('words', 'what'), [
    (['--steps', '0'], '--steps: must be at least 1, found 0'), (['--rows', 'none'], "invalid choice: 'none'"),
    (['--batch', 'x'], 'argument --batch'), (['--json', '/nowhere/at/all.json'], 'no such folder')])
def test_wrong_arguments_are_named_in_one_line(tmp_path, capsys, words, what):
    with pytest.raises(SystemExit) as ended:
        training.main([str(tmp_path / 'kept'), *words])
    assert ended.value.code == 2 and what in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / 'kept').exists()


@pytest.mark.parametrize('batch', [1, 2])
def test_a_batch_too_small_for_a_pair_has_none(tmp_path, batch):
    size = AblationSize(steps=2, hands=8, batch=batch)
    found = training.train_ablation(tmp_path, size, CONFIG, rows=('pairs_image',), held_back=10)
    assert np.isfinite(found['pairs_image']['j_pe_mm'])
