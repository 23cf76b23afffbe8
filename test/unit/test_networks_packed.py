"""Transformers packed for a processor: the same numbers in float32, near ones in bf16 and int8."""

from functools import partial

import numpy as np
import pytest
import roma
import torch
from parity import deterministic as D

from hand4whole_ros.body.open_hands import load_open_body
from hand4whole_ros.checkpoints import transformers
from hand4whole_ros.checkpoints.hand4whole_pp import prepare_for_inference
from hand4whole_ros.checkpoints.random_weights import load_random
from hand4whole_ros.checkpoints.verify import run_test_image
from hand4whole_ros.networks import packed_layers
from hand4whole_ros.networks.hand4whole_pp import HAND4WHOLE_PP, HAND4WHOLE_PP_TINY, SIDES
from hand4whole_ros.networks.packed_layers import can_pack
from hand4whole_ros.networks.vit import TransformerBlock, ViT, ViTConfig

pytestmark = pytest.mark.usefixtures('one_thread')

needs = {precision: pytest.mark.skipif(not can_pack(precision), reason=f'no {precision} on this processor')
         for precision in packed_layers.PRECISIONS}


@pytest.fixture(scope='module')
def open_body():
    """A body in human shape: errors in millimetres mean something."""
    return load_open_body()


@pytest.mark.parametrize('precision, tolerance', [
    pytest.param(torch.float32, 2e-6, marks=needs[torch.float32]),
    pytest.param(torch.bfloat16, 8e-3, marks=needs[torch.bfloat16]),
    pytest.param(torch.int8, 1.5e-2, marks=needs[torch.int8])])
@pytest.mark.parametrize('activation', ['none', 'gelu'])
def test_a_layer_is_the_layer(precision, tolerance, activation):
    linear = torch.nn.Linear(96, 80)
    D.fill(linear, std=0.1)
    x = D.tensor('x', (2, 7, 96)) * torch.tensor([0.01, 1, 1, 1, 1, 1, 50])[:, None]
    x[0, 0] = 0
    with torch.no_grad():
        wanted = linear(x) if activation == 'none' else torch.nn.functional.gelu(linear(x))
        layer = packed_layers.pack_linear(linear, precision, activation=activation)
        found = layer(x)
        assert found.shape == wanted.shape and layer(x[:0]).shape == (0, 7, 80) and layer(x[0]).shape == (7, 80)
        # Every token has its own scale: a loud one does not drown a quiet one.
        size = wanted.norm(dim=-1)
        assert ((found.float() - wanted).norm(dim=-1) <= tolerance * size).all()


@pytest.mark.parametrize('precision, tolerance', [
    pytest.param(torch.float32, 1e-5, marks=needs[torch.float32]),
    pytest.param(torch.bfloat16, 2e-2, marks=needs[torch.bfloat16])])
def test_a_stem_is_the_stem(precision, tolerance):
    config = ViTConfig(48, 1, 2, image_size=(64, 32), patch_size=8, patch_padding=0, stem=(16, 32),
                       stem_blocks=(0, 1, 2))
    whole = ViT(config)
    D.fill(whole, std=0.1)
    for norm in (part for part in whole.modules() if isinstance(part, torch.nn.BatchNorm2d)):
        norm.running_mean.normal_(generator=torch.Generator().manual_seed(1))
        norm.running_var.uniform_(0.5, 2, generator=torch.Generator().manual_seed(2))
    whole.eval().requires_grad_(False)
    picture = D.tensor('picture', (2, 3, 64, 32))
    wanted = whole.patch_embed(picture)
    packed_layers.pack_network(whole, precision)
    found = whole.patch_embed(picture)
    assert isinstance(whole.patch_embed, packed_layers.PackedStem) and found.dtype == torch.float32
    assert (wanted[0] - wanted[1]).norm() > 0.1 * wanted.norm()     # else it could not be wrong
    assert (found - wanted).norm() <= tolerance * wanted.norm()


@needs[torch.int8]
def test_inputs_that_are_never_far_below_zero_have_finer_steps():
    linear = torch.nn.Linear(256, 64)
    D.fill(linear, std=0.1)
    x = torch.nn.functional.gelu(D.tensor('x', (50, 256), scale=2))
    with torch.no_grad():
        wanted = linear(x)
        error = {lowest: (packed_layers.pack_linear(linear, torch.int8, lowest=lowest)(x) - wanted).norm()
                 for lowest in (None, packed_layers.MIN_GELU)}
    assert x.min() > packed_layers.MIN_GELU
    assert error[packed_layers.MIN_GELU] < 0.8 * error[None] < 0.02 * wanted.norm()


def compared(exact, found):
    """Mean distance of vertices from the pelvis, mm; the largest turn of a joint, degrees; and of finger joints."""
    there, here = (out['vertices'] - out['joints'][:, :1] for out in (exact, found))
    turns = [roma.rotmat_geodesic_distance(exact[name], found[name]).flatten()
             for name in ('global_orient', 'body_pose', 'jaw_pose')]
    fingers = [roma.rotmat_geodesic_distance(*(roma.rotvec_to_rotmat(out[f'{side} hand {name}'])
                                               for out in (exact, found))).flatten()
               for side in SIDES for name in ('global_orient', 'hand_pose')]
    return (1e3 * (there - here).norm(dim=-1).mean().item(),
            *(np.degrees(torch.cat(angles).max().item()) for angles in (turns, fingers)))


@pytest.mark.parametrize('precision, metres', [
    pytest.param(torch.float32, 1e-5, marks=needs[torch.float32]),
    pytest.param(torch.bfloat16, 5e-4, marks=needs[torch.bfloat16]),
    pytest.param(torch.int8, 1e-3, marks=needs[torch.int8])])
def test_the_whole_forward_at_the_size_of_tests(published_body, precision, metres):
    exact = run_test_image(load_random(published_body, HAND4WHOLE_PP_TINY))
    network = load_random(published_body, HAND4WHOLE_PP_TINY, precision=precision)
    assert not any(isinstance(module, TransformerBlock) for module in network.modules())
    # What is no large product stays exact.
    assert {value.dtype for value in network.parameters()} == {torch.float32}
    found = run_test_image(network)
    assert found['vertices'].dtype == torch.float32
    distance, *turns = compared(exact, found)
    assert distance < 1e3 * metres and max(turns) < 0.5


@pytest.mark.parity_full
@pytest.mark.parametrize('precision, millimetres', [
    pytest.param(torch.float32, 0.02, marks=needs[torch.float32]),
    pytest.param(torch.bfloat16, 2.0, marks=needs[torch.bfloat16]),
    pytest.param(torch.int8, 4.0, marks=needs[torch.int8])])
def test_the_whole_forward_at_full_size(open_body, precision, millimetres):
    network = load_random(open_body, HAND4WHOLE_PP)
    exact = run_test_image(network)
    distance, *turns = compared(exact, run_test_image(prepare_for_inference(network, 'cpu', precision)))
    print(f'{precision}: vertices {distance:.2f} mm, body {turns[0]:.2f}, hands {turns[1]:.2f} degrees')
    assert distance < millimetres and max(turns) < 0.5


def test_where_nothing_can_be_packed_the_network_runs_as_it_is(published_body, monkeypatch):
    monkeypatch.setattr(transformers, 'can_pack', lambda precision: False)
    network = load_random(published_body, HAND4WHOLE_PP_TINY, precision=torch.bfloat16)
    assert isinstance(network.encoder.blocks[0], TransformerBlock) and network.encoder.pos_embed.dtype == torch.bfloat16
    assert torch.isfinite(run_test_image(network)['vertices']).all()
    with pytest.raises(ValueError, match='int8 is for processors with'):
        load_random(published_body, HAND4WHOLE_PP_TINY, precision=torch.int8)


def test_a_build_without_the_operators_is_told_apart(monkeypatch):
    assert not can_pack(torch.float16)
    monkeypatch.setattr(packed_layers, 'pack_linear', lambda *_: torch.ops.mkldnn.no_such_operator)
    assert not any(map(can_pack, packed_layers.PRECISIONS))


@pytest.mark.parametrize('precision', [
    pytest.param(precision, marks=needs[precision]) for precision in packed_layers.PRECISIONS])
def test_any_number_of_pictures(precision):
    block = TransformerBlock(ViTConfig(embed_dim=32, depth=1, num_heads=4))
    D.fill(block, std=0.12)
    small = packed_layers.PackedBlock(block, partial(packed_layers.pack_linear, precision=precision))
    x = D.tensor('x', (5, 9, 32))
    with torch.no_grad():
        together = small(x)
        assert small(x[:0]).shape == (0, 9, 32)
        alone = torch.cat([small(one[None]) for one in x])
    # Nothing that one picture holds shows in another's numbers.
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5 if precision != torch.bfloat16 else 2e-2)
