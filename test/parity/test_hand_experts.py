"""CHAM between any hand expert and any body expert: dimensions from configurations, features where the hands are."""

from dataclasses import replace

import pytest
import torch

from hand4whole_ros.body.mano import Mano
from hand4whole_ros.networks import hand_experts, pose2pose
from hand4whole_ros.networks.cham import (
    CHAM,
    CHAM_HAND4WHOLE_PP,
    CHAM_TINY,
    CHAMConfig,
    FeatureGrid,
    axis_embedding,
    box_embedding,
    hand_to_body_placement,
)
from hand4whole_ros.networks.dahyf import DAHYF, DAHYF_TINY, DaHyF, FramePatches
from hand4whole_ros.networks.open_model import OPEN_MODEL
from hand4whole_ros.networks.pose2pose import POSE2POSE, POSE2POSE_TINY, Pose2Pose
from hand4whole_ros.networks.smpler_x import SMPLER_X_L, SMPLER_X_TINY, BodyEncoder, SMPLerXConfig
from hand4whole_ros.networks.unihope import UNIHOPE, UNIHOPE_TINY
from hand4whole_ros.networks.vit import VIT_L, VIT_TINY, ViTConfig
from hand4whole_ros.networks.wilor import WILOR, WILOR_TINY
from parity import deterministic as D

#: Another resolution of the body picture, and larger patches.
SMALL_BODY = ViTConfig(embed_dim=48, depth=2, num_heads=4, image_size=(128, 96), patch_size=16, patch_padding=0)
COARSE_BODY = replace(VIT_TINY, patch_size=32, patch_padding=0, depth=4)
TINY_EXPERTS = {
    'wilor': hand_experts.wilor_feature(WILOR_TINY), 'pose2pose': hand_experts.pose2pose_feature(POSE2POSE_TINY),
    'unihope': hand_experts.unihope_feature(UNIHOPE_TINY), 'dahyf': hand_experts.dahyf_feature(DAHYF_TINY)}
BODIES = {'same': VIT_TINY, 'small': SMALL_BODY, 'coarse': COARSE_BODY}


def features(shape, people=3):
    """Both sides of three people, of whom the first has two hands, the second one, the third none."""
    found = {}
    for side, there in (('right', [True, True, False]), ('left', [True, False, False])):
        exists = torch.tensor(there)
        boxes = torch.tensor([[20., 30, 90, 100], [60, 100, 140, 180], [0, 0, 1, 1]])[exists]
        feature = D.tensor(f'feature.{side}', (int(exists.sum()), shape.channels, shape.grid.rows, shape.grid.columns))
        found[side] = hand_experts.HandFeatures(feature, boxes + (40 if side == 'left' else 0), exists)
    return found


def test_the_published_pair_is_the_published_configuration():
    assert hand_experts.wilor_feature(WILOR).cham(VIT_L) == CHAM_HAND4WHOLE_PP
    assert hand_experts.wilor_feature(WILOR_TINY).cham(SMPLER_X_TINY.vit) == replace(CHAM_TINY, body_dim=64)
    shapes = {'pose2pose': hand_experts.pose2pose_feature(POSE2POSE), 'unihope': hand_experts.unihope_feature(UNIHOPE),
              'dahyf': hand_experts.dahyf_feature(DAHYF)}
    assert {name: (shape.channels, shape.grid.rows, shape.grid.columns) for name, shape in shapes.items()} == {
        'pose2pose': (2048, 8, 8), 'unihope': (256, 32, 32), 'dahyf': (512, 7, 7)}
    open_body = OPEN_MODEL.body.vit
    config = shapes['pose2pose'].cham(open_body, num_layers=1)
    assert (config.body_dim, config.body_depth, config.grid.rows, config.grid.columns, config.num_layers) == (
        open_body.embed_dim, open_body.depth, 8, 6, 1)


def test_a_body_picture_of_another_shape_is_refused():
    square = replace(VIT_TINY, image_size=(256, 256))
    with pytest.raises(ValueError, match='has square cells, found 16 rows of 16'):
        CHAMConfig.between(8, FeatureGrid(), square)


@pytest.mark.parametrize('body', BODIES)
@pytest.mark.parametrize('expert', TINY_EXPERTS)
def test_any_pair(expert, body):
    """Freshly made it changes nothing; filled, it changes the body expert where hands are; and all of it learns."""
    shape, vit = TINY_EXPERTS[expert], BODIES[body]
    config = shape.cham(vit, num_layers=1, num_heads=2)
    encoder = BodyEncoder(SMPLerXConfig(vit)).eval()
    D.fill(encoder, std=0.12)
    picture = D.image('body', *vit.image_size, batch=3)
    seen = features(shape)
    fresh, cham = CHAM(config).eval(), CHAM(config).eval()
    D.fill(cham, std=0.12)
    with torch.no_grad():
        alone, _ = encoder(picture)
        unchanged, _ = encoder(picture, fresh(seen['right'], seen['left']))
    assert torch.equal(alone, unchanged)
    conditions = cham(seen['right'], seen['left'])
    assert [tuple(condition.shape) for condition in conditions] == [(3, vit.embed_dim, *vit.grid)] * vit.depth
    assert conditions[0][0].any() and conditions[0][1].any() and not conditions[0][2].any()
    changed, tokens = encoder(picture, conditions)
    assert not torch.allclose(changed[:2], alone[:2], atol=1e-3)
    torch.testing.assert_close(changed[2], alone[2], rtol=0, atol=1e-5)
    (changed.square().mean() + tokens.square().mean()).backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in cham.parameters())


@pytest.mark.parametrize(
    'hand',
    [FeatureGrid(), FeatureGrid(8, 8, 0.5), FeatureGrid(7, 7, 0.5), FeatureGrid(32, 32, 0.5), FeatureGrid(16, 12, 0.5)],
)
@pytest.mark.parametrize('body', [FeatureGrid(), FeatureGrid(8, 6, 0.5), FeatureGrid(8, 6)])
def test_features_go_where_their_cells_were(hand, body):
    """A feature that is linear in the place of its cells is the same function of the body's cells it is placed on."""
    boxes = torch.tensor([[30., 40, 126, 136], [10.5, 100.25, 100.5, 190.25]])
    weights = hand_to_body_placement(boxes, body, hand)
    assert weights.shape == (2, body.rows * body.columns, hand.rows * hand.columns)
    side = (boxes[:, 2] - boxes[:, 0])[:, None]
    rows, columns = torch.meshgrid(torch.arange(hand.rows), torch.arange(hand.columns), indexing='ij')
    # Cell c of a box's rows lies (c + point - rows / 2) cells from its middle.
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    x = middle[:, :1] + (columns.flatten() + hand.first_column + hand.point - hand.rows / 2) * side / hand.rows
    y = middle[:, 1:] + (rows.flatten() + hand.point - hand.rows / 2) * side / hand.rows
    value = 0.3 * x - 0.7 * y + 5
    placed = (weights @ value[..., None])[..., 0]
    body_rows, body_columns = torch.meshgrid(torch.arange(body.rows), torch.arange(body.columns), indexing='ij')
    at = [(cell.flatten() + body.point) * body.stride for cell in (body_columns, body_rows)]
    inside = weights.sum(-1) > 1 - 1e-5
    assert inside.any(1).all()
    wanted = (0.3 * at[0] - 0.7 * at[1] + 5).expand_as(placed)
    torch.testing.assert_close(placed[inside], wanted[inside], rtol=0, atol=1e-3)


def test_the_embedding_is_that_of_the_places_of_the_hands_cells():
    grid = FeatureGrid(8, 8, 0.5)
    boxes = torch.tensor([[30., 40, 94, 104]])      # cells of 8 px: their middles are whole pixels
    found = box_embedding(boxes, 16, grid)
    assert found.shape == (1, 16, 8, 8)
    columns, rows = (axis_embedding(start + 8 * torch.arange(8) + 4, 8).mT for start in (30, 40))
    torch.testing.assert_close(found[0, :8, 3], columns, rtol=0, atol=1e-4)
    torch.testing.assert_close(found[0, 8:, :, 5], rows, rtol=0, atol=1e-4)


def test_hands_of_hand4whole_are_turned_back(published_body):
    network = Pose2Pose(POSE2POSE_TINY, published_body.smplx(flat_hand_mean=False, use_face_contour=True)).eval()
    patches = D.image('people', 512, 384, batch=2)
    boxes = pose2pose.PartBoxes(*(torch.tensor([[20., 60, 84, 124], [30, 30, 90, 90]]) + shift for shift in (0, 60, 0)))
    with torch.no_grad():
        hands = network.hands(patches, boxes)
    found = hand_experts.features_from_pose2pose(hands, boxes, {'left': torch.tensor([False, True]),
                                                     'right': torch.tensor([True, True])})
    assert torch.equal(found['left'].feature, hands.feature[0, 1:].flip(-1)) and len(found['right'].feature) == 2
    assert torch.equal(found['left'].boxes, boxes.left_hand[1:])
    config = hand_experts.pose2pose_feature(POSE2POSE_TINY).cham(VIT_TINY)
    assert CHAM(config)(found['right'], found['left'])[0].shape == (2, VIT_TINY.embed_dim, 16, 12)


def test_hands_that_were_seen_one_by_one(published_folder):
    """DaHyF's feature of three hands of four people."""
    network = DaHyF(DAHYF_TINY, Mano.load(published_folder / 'mano/MANO_RIGHT.npz')).eval()
    count = torch.full((3,), 64.)
    patches = FramePatches(torch.zeros(3, 2), count, torch.tensor([[640., 480]]).expand(3, 2), 8 * count)
    with torch.no_grad():
        feature = network.fusion(network.with_directions(network.backbone(D.image('hands', 64, 64, batch=3)), patches))
    boxes = torch.tensor([[20., 30, 90, 100], [60, 100, 140, 180], [30, 50, 80, 100]])
    left = torch.tensor([False, True, False])
    found = hand_experts.features_from_crops(feature, boxes, left, people=torch.tensor([0, 0, 3]), count=4)
    assert found['right'].exists.tolist() == [True, False, False, True]
    assert found['left'].exists.tolist() == [True, False, False, False]
    assert torch.equal(found['left'].feature[0], feature[1].flip(-1))
    assert torch.equal(found['right'].boxes, boxes[[0, 2]])
    config = hand_experts.dahyf_feature(DAHYF_TINY).cham(SMALL_BODY, num_heads=2)
    conditions = CHAM(config)(found['right'], found['left'])
    assert conditions[1].shape == (4, 48, 8, 6)


def test_the_full_body_expert_takes_every_published_hand_expert():
    for shape in (hand_experts.wilor_feature(WILOR), hand_experts.pose2pose_feature(POSE2POSE),
                  hand_experts.unihope_feature(UNIHOPE), hand_experts.dahyf_feature(DAHYF)):
        with torch.device('meta'):
            cham = CHAM(shape.cham(SMPLER_X_L.vit))
        assert len(cham.zero_convs_rhand) == 24
        assert cham.zero_convs_rhand[0].weight.shape == (1024, shape.channels, 1, 1)
