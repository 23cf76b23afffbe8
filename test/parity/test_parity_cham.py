"""CHAM against the authors' implementation, and its promises: zero when fresh, trainable throughout."""

import json

import pytest
import torch
from locations import DATA

from hand4whole_ros.networks.cham import (
    CHAM,
    CHAM_HAND4WHOLE_PP,
    CHAM_TINY,
    HandFeatures,
    axis_embedding,
    box_embedding,
)
from hand4whole_ros.networks.vit import to_tokens
from parity import deterministic as D
from parity import fixtures

POS_EMBED_TOL, FEATURE_TOL = 2e-4, 5e-5


def _inputs(fixture, size):
    """Both sides' features, boxes and flags, a row a person."""
    for side in 'rl':
        name = f'cham.{size}.{side}hand_feat'
        dim = fixture.meta['wilor_feat_dim']
        yield (D.tensor(name, (7, dim, 16, 12)), torch.from_numpy(fixture[f'{side}hand_bbox']),
               torch.from_numpy(fixture[f'{side}hand_exist']) > 0.5)


def _existing(feature, boxes, exists):
    return HandFeatures(feature[exists], boxes[exists], exists)


def _check(size, config):
    f = fixtures.load(f'cham_{size}')
    cham = CHAM(config).eval()
    D.fill(cham, prefix='hand_control_net.', std=f.meta['std'])
    right, left = _inputs(f, size)

    channels = config.hand_dim // 2
    x, y = torch.arange(192)[::13], torch.arange(256)[::17]
    embedding = torch.cat([axis_embedding(x, channels).T[:, None, :].expand(-1, len(y), -1),
                           axis_embedding(y, channels).T[:, :, None].expand(-1, -1, len(x))])
    fixtures.check(f, 'pos_embed', embedding, 1e-4)
    fixtures.check(f, 'rhand_pos_embed', box_embedding(right[1], config.hand_dim), POS_EMBED_TOL)
    with torch.no_grad():
        related = cham.relate(*(to_tokens(feature + box_embedding(boxes, config.hand_dim))
                                for feature, boxes, _ in (right, left)))
        fixtures.check(f, 'cross_attn_r', related[0], FEATURE_TOL)
        fixtures.check(f, 'cross_attn_l', related[1], FEATURE_TOL)
        conditions = torch.stack(cham(_existing(*right), _existing(*left)))
    fixtures.check(f, 'hand_feat', conditions, FEATURE_TOL)
    fixtures.check(f, 'layer_abs_mean', conditions.abs().mean((2, 3, 4)), FEATURE_TOL)
    return conditions


def test_small():
    conditions = _check('small', CHAM_TINY)
    assert not conditions[:, 3].any()  # the person without hands


@pytest.mark.parity_full
def test_full():
    _check('full', CHAM_HAND4WHOLE_PP)


@pytest.fixture()
def hands():
    right, left = _inputs(fixtures.load('cham_small'), 'small')
    return _existing(*right), _existing(*left)


def test_the_official_names_and_shapes_are_ours():
    keys = json.loads((DATA / 'parity/keys.json').read_text())
    prefix = 'module.hand_control_net.'
    official = {name[len(prefix):]: tuple(shape)
                for name, shape in keys['hand4whole_pp']['hand_control_net'].items()}
    with torch.device('meta'):
        cham = CHAM()
    assert {name: tuple(tensor.shape) for name, tensor in cham.state_dict().items()} == official


def test_fresh_it_gives_exactly_zero_and_learns(hands):
    torch.manual_seed(0)
    cham = CHAM(CHAM_TINY)
    conditions = torch.stack(cham(*hands))
    assert conditions.shape == (3, 7, 32, 16, 12)
    assert torch.equal(conditions, torch.zeros_like(conditions))
    (conditions * D.tensor('loss', conditions.shape)).sum().backward()
    for convs in (cham.zero_convs_rhand, cham.zero_convs_lhand):
        for conv in convs:
            assert conv.weight.grad.any() and conv.bias.grad.any()


def test_gradients_reach_every_parameter_and_input(hands):
    cham = CHAM(CHAM_TINY)
    D.fill(cham, prefix='hand_control_net.', std=0.12)
    right, left = (hand._replace(feature=hand.feature.requires_grad_()) for hand in hands)
    conditions = torch.stack(cham(right, left))
    (conditions * D.tensor('loss', conditions.shape)).sum().backward()
    for name, parameter in cham.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        # The bias of the keys moves all scores of a query alike: softmax does not see it.
        assert name.endswith('w_ks.bias') or parameter.grad.abs().max() > 1e-4, name
    assert right.feature.grad.flatten(1).any(1).all() and left.feature.grad.flatten(1).any(1).all()


def test_people_do_not_meet(hands):
    """Every person of a batch gets what they get alone, whoever else lacks a hand."""
    cham = CHAM(CHAM_TINY).eval()
    D.fill(cham, prefix='hand_control_net.', std=0.12)
    with torch.no_grad():
        batch = torch.stack(cham(*hands))
        for person in range(7):
            alone = []
            for hand in hands:
                rows = hand.exists.cumsum(0)[person] - 1
                rows = slice(int(rows), int(rows) + int(hand.exists[person]))
                alone.append(HandFeatures(hand.feature[rows], hand.boxes[rows], hand.exists[person:person + 1]))
            conditions = cham(*alone)
            if conditions is None:
                assert person == 3
            else:
                torch.testing.assert_close(torch.stack(conditions), batch[:, person:person + 1],
                                           atol=1e-4, rtol=1e-4)


def test_half_precision_and_tiny_boxes(hands):
    cham = CHAM(CHAM_TINY).bfloat16()
    D.fill(cham, prefix='hand_control_net.', std=0.12)
    point = torch.tensor([49.9999, 59.9999, 50.0001, 60.0001])
    right, left = (hand._replace(feature=hand.feature.bfloat16(), boxes=point.expand(len(hand.boxes), 4))
                   for hand in hands)
    with torch.no_grad():
        conditions = torch.stack(cham(right, left))
    assert conditions.dtype == torch.bfloat16 and conditions.isfinite().all()
