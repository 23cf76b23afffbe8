"""DaHyF: each of its equations, and what the network promises."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from parity import deterministic as D

from hand4whole_ros.body.mano import Mano
from hand4whole_ros.networks import dahyf
from hand4whole_ros.networks.dahyf import DAHYF, DAHYF_TINY, ConfidenceGate, DaHyF, FramePatches


def patches_of(*rows, frame=(640., 480.), focal=500.):
    """Patches with these corners and sizes, (x, y, size) each."""
    rows = torch.tensor(rows)
    return FramePatches(
        rows[:, :2], rows[:, 2], torch.tensor(frame).expand(len(rows), 2), torch.full((len(rows),), focal)
    )


@pytest.fixture(scope='module')
def mano(published_folder):
    return Mano.load(published_folder / 'mano/MANO_RIGHT.npz')


def test_equations_1_to_5():
    """A patch of 112 px at (100, 50), resized to 224, with a feature of 7 x 7 cells."""
    patches = patches_of((100., 50., 112.))
    found = dahyf.frame_positions(patches, 7, 224)
    assert found.shape == (1, 2, 7, 7)
    for column in range(7):
        for row in range(7):
            in_patch = np.array([column, row]) * 32 + 16                    # (1) with (2): 224 / 7
            in_frame = in_patch * 0.5 + (100, 50) - (320, 240)              # (3) with (4): 112 / 224, and (5)
            np.testing.assert_allclose(found[0, :, row, column], in_frame)
    directions = dahyf.global_direction_map(patches, 7, 224)
    torch.testing.assert_close(directions, found / 500)


def test_directions_are_those_of_the_rays_that_the_camera_sees():
    """A point that projects into the middle of a cell lies along the direction that its cell is given."""
    patches = patches_of((10., 200., 96.), (400., 30., 150.))
    directions = dahyf.global_direction_map(patches, 3, 96)
    for k in range(2):
        point = torch.cat([directions[k, :, 2, 0], torch.ones(1)]) * 0.7
        seen = dahyf.project_to_frame(
            point.view(1, 1, 3), torch.zeros(1, 3), FramePatches(*(v[k : k + 1] for v in patches))
        )[0, 0]
        size = patches.size[k]
        torch.testing.assert_close(seen, patches.corner[k] + torch.stack([size / 6, size * 5 / 6]))


def test_equal_patches_of_different_places_have_equal_local_and_different_global_maps():
    patches = patches_of((0., 0., 96.), (500., 300., 96.))
    local = dahyf.local_direction_map(2, 3, patches.corner)
    assert torch.equal(local[0], local[1])
    assert local[0].tolist() == [[[0, 1, 2]] * 3, [[0] * 3, [1] * 3, [2] * 3]]
    one, other = dahyf.global_direction_map(patches, 3, 96)
    torch.testing.assert_close(other - one, torch.tensor([1., 0.6]).view(2, 1, 1).expand_as(one))


def test_a_mirrored_patch_sees_the_mirrored_rays():
    patches = patches_of((40., 100., 96.))
    plain, mirrored = (dahyf.global_direction_map(p, 5, 96) for p in (patches, patches.mirrored()))
    torch.testing.assert_close(mirrored[:, 0], -plain[:, 0].flip(-1))
    torch.testing.assert_close(mirrored[:, 1], plain[:, 1].flip(-1))


def test_an_unknown_focal_length_is_the_frames_diagonal():
    assert dahyf.default_focal(torch.tensor([[300., 400.]])).tolist() == [500]


def test_keypoints_are_expectations_over_bins_of_a_third_of_a_pixel():
    logits = torch.full((1, 672), -30.)
    logits[0, [300, 301]] = 30
    torch.testing.assert_close(dahyf.soft_argmax(logits, 3), torch.tensor([300.5 / 3]))
    places = torch.tensor([10.4, 200.1])
    labels = dahyf.smooth_labels(places, 672, 3, deviation=2.0)
    torch.testing.assert_close(labels.sum(-1), torch.ones(2))
    assert labels.argmax(-1).tolist() == [31, 600]
    torch.testing.assert_close(dahyf.soft_argmax(labels.log().clamp(min=-60), 3), places, rtol=0, atol=0.01)


def test_equations_6_and_7(mano):
    network = DaHyF(DAHYF_TINY, mano)
    keypoints_2d = D.tensor('keypoints', (2, 21, 2), 'uniform', 0, 64)
    patches = patches_of((0., 0., 64.), (9., 9., 64.))
    encoded = network.encode(keypoints_2d, patches)
    assert encoded.shape == (2, 336) == (2, DAHYF.keypoint_numbers)
    p = (keypoints_2d[1, 3, 1].item() - 32) / 500
    wanted = [f(2 ** octave * math.pi * p) for octave in (1, 2, 3, 4) for f in (math.sin, math.cos)]
    start = (3 * 2 + 1) * 8
    np.testing.assert_allclose(encoded[1, start:start + 8], wanted, rtol=1e-5, atol=1e-6)
    plain = DaHyF(replace(DAHYF_TINY, encodes=False), mano)
    torch.testing.assert_close(plain.encode(keypoints_2d, patches)[1, 7], torch.tensor(p))


def test_equations_8_and_9():
    patches = patches_of((100., 50., 112.))
    keypoints_2d = torch.tensor([[[0., 0], [224, 224], [112, 56]]])
    vectors = dahyf.patch_vectors(keypoints_2d, patches, 224)
    torch.testing.assert_close(vectors, torch.tensor([[[-0.5, -0.5], [0.5, 0.5], [0, -0.25]]]))
    projected = keypoints_2d / 2 + torch.tensor([100., 50])
    torch.testing.assert_close(dahyf.frame_vectors(projected, patches), vectors)


def test_the_confidence_is_one_where_both_agree_and_falls_where_they_do_not():
    patches = patches_of((100., 50., 112.))
    keypoints_2d = D.tensor('keypoints', (1, 21, 2), 'uniform', 20, 200)
    projected = keypoints_2d / 2 + torch.tensor([100., 50])
    confidence = dahyf.keypoint_agreement(keypoints_2d, projected, patches, 224)
    torch.testing.assert_close(confidence, torch.ones(1))
    middle = patches.centre[:, None]
    torch.testing.assert_close(
        dahyf.keypoint_agreement(keypoints_2d, 2 * middle - projected, patches, 224), -torch.ones(1)
    )
    shuffled = dahyf.keypoint_agreement(keypoints_2d, projected.flip(1), patches, 224)
    assert shuffled.abs() < 0.9


def test_the_weak_camera_of_a_patch_is_a_place_before_the_frames_camera():
    """The patch's middle sees (-x, -y), and a metre there is `scale` halves of the patch."""
    patches = patches_of((100., 50., 112.), (300., 200., 80.))
    camera = torch.tensor([[10., 0.01, -0.02], [8., 0, 0.03]])
    transl = dahyf.translation_from_scale(camera, patches)
    points = torch.cat([-camera[:, 1:], torch.zeros(2, 1)], dim=-1)[:, None]
    middle = dahyf.project_to_frame(points, transl, patches)
    torch.testing.assert_close(middle[:, 0], patches.centre)
    beside = dahyf.project_to_frame(points + torch.tensor([0.05, 0, 0]), transl, patches)
    torch.testing.assert_close((beside - middle)[:, 0, 0], 0.05 * camera[:, 0] * patches.size / 2)


VARIANTS = [{'direction': direction, 'keypoints': keypoints, 'encodes': encodes} for direction, keypoints, encodes in (
    ('none', 'none', False), ('global', 'none', False), ('global', 'heatmap', False), ('global', 'simcc', False),
    ('local', 'simcc', False), ('global', 'simcc', True))]


@pytest.mark.parametrize('variant', VARIANTS)
def test_every_row_of_the_ablation_learns_in_all_its_parts(mano, variant):
    network = DaHyF(replace(DAHYF_TINY, **variant), mano).train()
    output = network(D.image('patch', 64, 64, batch=3), patches_of((0., 0., 64.), (90., 200., 64.), (500., 300., 64.)))
    assert output.vertices.shape == (3, 778, 3) and output.projected.isfinite().all()
    assert (output.keypoints_2d is None) == (variant['keypoints'] == 'none') == (output.confidence is None)
    (output.projected.square().mean() + output.vertices.square().mean() + output.betas.square().mean()).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
    if output.keypoints_2d is not None:
        assert network.keypoint_net.features[0].weight.grad.any()


def test_hands_of_a_batch_are_each_what_they_are_alone(mano):
    network = DaHyF(DAHYF_TINY, mano).eval()
    pictures = D.image('patch', 64, 64, batch=3)
    patches = patches_of((0., 0., 64.), (90., 200., 64.), (500., 300., 64.))
    with torch.no_grad():
        together = network(pictures, patches)
        for k in range(3):
            alone = network(pictures[k:k + 1], FramePatches(*(values[k:k + 1] for values in patches)))
            torch.testing.assert_close(together.projected[k:k + 1], alone.projected, rtol=1e-4, atol=1e-2)


def test_the_paper_sizes(mano):
    with torch.device('meta'):
        network = DaHyF(DAHYF, torch.nn.Identity())
    assert network.keypoint_net.x.out_features == 672 and network.keypoint_net.x.in_features == 56 * 56
    assert network.regressor[0].in_features == 512 + 336
    with pytest.raises(ValueError, match="direction: expected one of none, local, global, found 'everywhere'"):
        replace(DAHYF, direction='everywhere')


def test_the_gate_keeps_the_last_hand_that_was_believed():
    gate = ConfidenceGate(0.5)
    assert gate('nothing', 0.2) is None
    assert [gate(hand, confidence) for hand, confidence in (('a', 0.9), ('b', 0.1), ('c', 0.5), ('d', 0.49))] == [
        'a', 'a', 'c', 'c']
    gate.reset()
    assert gate('e', 0.0) is None
