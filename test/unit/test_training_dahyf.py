"""Hands drawn alone, and DaHyF's training on them: the truth is true, every loss is one, and training learns."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from hand4whole_ros import skeleton
from hand4whole_ros.networks.dahyf import DAHYF_TINY, DaHyF, keypoint_agreement
from hand4whole_ros.synthetic.hand_patches import FRAME, HandPatches, draw_patches, draw_sequence, hand_layer
from hand4whole_ros.training import dahyf_training as training
from hand4whole_ros.training.dahyf_training import (
    ROWS,
    auc,
    compute_losses,
    contrastive_loss,
    gate_metrics,
    measure,
    to_tensors,
    train_dahyf,
)

pytestmark = pytest.mark.usefixtures('one_thread')

SIZE = DAHYF_TINY.patch_size


@pytest.fixture(scope='module')
def drawn():
    return draw_patches(60, 5, SIZE, without_hand=0.25)


def test_the_truth_is_that_of_the_picture(drawn):
    """Parameters give the keypoints, the camera sees them where they are told to be, and the hand is drawn there."""
    hand = drawn.take(drawn.hand)
    assert 0.6 < drawn.hand.mean() < 0.9 and len(hand) + (~drawn.hand).sum() == 60
    rotations = torch.from_numpy(hand.rotations)
    mesh = hand_layer()(rotations[:, :1], rotations[:, 1:], torch.from_numpy(hand.betas))
    relative = mesh.keypoints.numpy() - mesh.keypoints.numpy()[:, :1]
    np.testing.assert_allclose(hand.keypoints - hand.keypoints[:, :1], relative, atol=1e-5)
    seen = hand.keypoints[..., :2] / hand.keypoints[..., 2:] * hand.focal[:, None, None] + np.array(FRAME) / 2
    np.testing.assert_allclose(hand.keypoints_2d, seen, atol=1e-2)
    inside = (hand.keypoints_2d - hand.corner[:, None]) / hand.size[:, None, None]
    assert ((inside > 0) & (inside < 1)).mean() > 0.98
    wrist = hand.keypoints_2d[:, 0]
    assert wrist.std(0).min() > 60 and hand.keypoints[:, 0, 2].min() > 0.25


def test_hands_are_drawn_where_they_are_told_to_be():
    """Without its hand the same picture is another one at the hand's joints, and hardly one in the corners."""
    hands = draw_patches(40, 7, SIZE).take(slice(0, 40))
    shown = hands.take(hands.visible > 0.99)
    assert len(shown) > 10
    inner = [k for k in range(21) if k not in skeleton.FINGERTIP_KEYPOINTS]
    pixels = ((shown.keypoints_2d - shown.corner[:, None]) / shown.size[:, None, None] * SIZE).astype(int)[:, inner]
    skin = np.stack([image[row[:, 1].clip(0, SIZE - 1), row[:, 0].clip(0, SIZE - 1)]
                     for image, row in zip(shown.images, pixels)]).astype(float)
    spread = skin.std(1).mean()
    whole = shown.images.reshape(len(shown), -1, 3).astype(float).std(1).mean()
    assert spread < 0.75 * whole


def test_upright_hands_point_up_with_their_palms_to_the_camera():
    """Knuckles above the wrist; the thumb's side of a right palm is on the picture's right."""
    for upright, least in ((True, 0.97), (False, 0.0)):
        hands = draw_patches(60, 5, SIZE, upright=upright).keypoints_2d
        up = hands[:, 9, 1] < hands[:, 0, 1]
        palm = hands[:, 5, 0] > hands[:, 17, 0]
        assert up.mean() >= least and palm.mean() >= least and ((up & palm).mean() > 0.8) == upright


def test_a_patch_follows_from_its_seed_alone(drawn):
    again, other = draw_patches(60, 5, SIZE, without_hand=0.25), draw_patches(60, 6, SIZE, without_hand=0.25)
    assert np.array_equal(again.images, drawn.images) and np.array_equal(again.keypoints, drawn.keypoints)
    assert not np.array_equal(other.images, drawn.images)


def test_patches_are_kept_in_files(drawn, tmp_path):
    drawn.save(tmp_path / 'patches.npz')
    loaded = HandPatches.load(tmp_path / 'patches.npz')
    assert all(np.array_equal(getattr(loaded, name), getattr(drawn, name)) for name in vars(drawn))


def test_a_sequence_moves_smoothly_and_is_covered_for_a_while():
    sequence = draw_sequence(12, 1, SIZE, slice(5, 8))
    steps = np.linalg.norm(np.diff(sequence.keypoints, axis=0), axis=-1)
    assert steps.max() < 0.1 and steps[3:9].min(1).max() > 0.001
    assert (sequence.visible[5:8] < 0.2).all() and (np.delete(sequence.visible, slice(5, 8)) > 0.9).all()


@pytest.mark.parametrize('row', ROWS)
def test_the_truth_costs_nothing(drawn, row):
    """A network that says the truth has no loss but what labels are smoothed by; one that does not has some."""
    parts, _ = ROWS[row]
    config = replace(DAHYF_TINY, **parts)
    network = DaHyF(config, hand_layer()).eval()
    hand = drawn.take(drawn.hand)
    pictures, patches = to_tensors(hand)
    with torch.no_grad():
        output = network(pictures, patches)
        wrong = compute_losses(output, hand, patches, config)
        true_2d = torch.from_numpy(hand.keypoints_2d)
        true = output._replace(
            global_orient=torch.from_numpy(hand.rotations[:, :1]), hand_pose=torch.from_numpy(hand.rotations[:, 1:]),
            betas=torch.from_numpy(hand.betas), keypoints=torch.from_numpy(hand.keypoints), projected=true_2d)
        if output.keypoints_2d is not None:
            in_patch = (true_2d - patches.corner[:, None]) / patches.size[:, None, None] * SIZE
            true = true._replace(keypoints_2d=in_patch, logits=perfect_logits(in_patch, config))
            torch.testing.assert_close(keypoint_agreement(in_patch, true_2d, patches, SIZE), torch.ones(len(hand)))
        right = compute_losses(true, hand, patches, config)
    assert wrong.keys() == right.keys() and ('keypoints_2d' in right) == (config.keypoints != 'none')
    for name, value in right.items():
        assert value < 0.02 < wrong[name] + 0.02 and value < wrong[name], name


def perfect_logits(in_patch, config):
    from hand4whole_ros.networks.dahyf import smooth_labels
    if config.keypoints == 'simcc':
        return tuple(smooth_labels(in_patch[..., axis], config.num_bins, config.bins_per_pixel,
                                   training.BIN_DEVIATION).clamp(min=1e-9).log() for axis in (0, 1))
    cells = config.heatmap_size
    x, y = (smooth_labels(in_patch[..., axis] * cells / SIZE - 0.5, cells, 1, training.CELL_DEVIATION)
            for axis in (0, 1))
    return (y[..., :, None] * x[..., None, :]).clamp(min=1e-12).log()


def test_hands_are_to_agree_and_other_patches_to_disagree(drawn):
    class Output:
        confidence = torch.tensor([1.0, -1, 0.5, 0.5])
    hand, visible = torch.tensor([True, False, True, True]), torch.tensor([1.0, 0, 1, 0.1])
    assert contrastive_loss(Output, hand, visible) == pytest.approx(0.25 / 3)    # the covered hand does not count
    assert auc(np.array([3, 2, 2, 1]), np.array([1, 0, 1, 0], bool), np.array([0, 1, 0, 1], bool)) == 0.875


def test_training_learns_and_is_kept(drawn, tmp_path):
    """On the few hands that it sees again and again the error falls; what is done is read, not done again."""
    data, held_out = draw_patches(48, 8, SIZE, without_hand=0.25), drawn
    before = measure(DaHyF(DAHYF_TINY, hand_layer()), data)['mpjpe_mm']
    config, arguments = DAHYF_TINY, dict(batch=16, lr=3e-3)
    network = train_dahyf(config, True, data, data, folder=tmp_path / 'a', name='row', max_steps=60, **arguments)
    figures = measure(network, data)
    assert figures['mpjpe_mm'] < 0.8 * before
    assert set(figures) == {'pa_mpjpe_mm', 'mpjpe_mm', 'epe_projected_px', 'epe_2d_px', 'confidence_auc'}
    assert 0 <= figures['confidence_auc'] <= 1
    assert set(measure(network, held_out.take(held_out.hand))) == set(figures) - {'confidence_auc'}
    again = train_dahyf(config, True, data, data, folder=tmp_path / 'a', name='row', max_steps=60, **arguments)
    for name, value in network.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name


def test_the_command_trains_rows_and_writes_their_figures(tmp_path, monkeypatch):
    others = training.train_ablation.__defaults__[1:]
    monkeypatch.setattr(training.train_ablation, '__defaults__', (DAHYF_TINY, *others))
    monkeypatch.setattr(training, 'GATE_SEQUENCES', 2)
    # Two thousand hands to select and to measure by would tell weights of four steps no better.
    monkeypatch.setattr(training, 'draw_patches', lambda count, *words, **more: draw_patches(min(count, 60), *words,
                                                                                             **more))
    training.main([str(tmp_path / 'kept'), '--steps', '4', '--hands', '40', '--batch', '8', '--upright', '--rows',
                   'baseline', 'global_simcc_contrast', '--json', str(tmp_path / 'figures.json')])
    found = json.loads((tmp_path / 'figures.json').read_text())
    assert list(found) == ['baseline', 'global_simcc_contrast'] and found['baseline']['paper'][1] == 18.14
    assert {'mpjpe_mm', 'confidence_auc', 'none: hidden_mm', 'gate: hidden_mm', 'gate: held_hidden'} <= set(
        found['global_simcc_contrast']['here']) and 'gate: hidden_mm' not in found['baseline']['here']


def test_the_confidence_wants_patches_without_a_hand(drawn, tmp_path):
    hands = drawn.take(drawn.hand)
    with pytest.raises(ValueError, match='patches without a hand, and there are none'):
        train_dahyf(DAHYF_TINY, True, hands, hands, folder=tmp_path, name='row', max_steps=4)


def test_the_gate_holds_what_was_believed():
    """A network whose confidence is the visibility: in hidden frames the gate keeps the last hand before them."""
    sequence, hidden = draw_sequence(10, 2, SIZE, slice(4, 7)), slice(4, 7)
    network = DaHyF(DAHYF_TINY, hand_layer()).eval()
    forward = network.forward

    def certain(pictures, patches):
        return forward(pictures, patches)._replace(confidence=torch.from_numpy(sequence.visible))

    network.forward = certain
    figures = gate_metrics(network, [sequence], 0.5, hidden)
    assert figures['gate']['held_hidden'] == 1 and figures['gate']['held_visible'] == 0
    assert figures['gate']['visible_mm'] == figures['none']['visible_mm']
    assert figures['gate']['hidden_mm'] != figures['none']['hidden_mm']
    assert gate_metrics(network, [sequence], -2, hidden)['gate']['hidden_mm'] == figures['none']['hidden_mm']
