"""Training of the convolutional stems, which initialise the image-only model.

With random weights, a small transformer needs more pictures than two cores can process before it uses them. So the
stems are trained first, with heat maps, and the blocks of the transformers are initialised to add nothing to the stems.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .. import skeleton
from ..networks.hand4whole_pp import Hand4WholePP
from ..networks.smpler_x import DEPTH_BINS, heatmap_probabilities
from ..networks.vit import TransformerBlock, ViT, to_map, zero_initialize
from ..networks.wilor import WiLoR
from .expert_training import (
    EVAL_INTERVAL,
    bf16_autocast,
    hand_share,
    joint_heat_loss,
    load_hand_crops,
    load_step,
    validation_batches,
)
from .initial_regression import weight_losses
from .losses import heatmap_loss
from .stage_context import StageContext
from .targets import HandTargets
from .trainer import train

#: Extent of the hand image that the transformer takes, in sides of its box; and metres of depth from the wrist.
_HAND_SPAN = (0.375, 0.5, 0.2)

#: Standard deviation of the initial values that make a hand's tokens different from each other.
_MIN_SEPARATION = 0.2


class StemHeatmaps(nn.Module):
    """Heat maps from a transformer's stem alone. head: a 1x1 convolution with DEPTH_BINS a keypoint."""

    def __init__(self, vit: ViT, head: nn.Module):
        super().__init__()
        self.patch_embed, self.norm, self.head, self.grid = vit.patch_embed, vit.last_norm, head, vit.config.grid

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, P, depth, rows, columns)."""
        with bf16_autocast(pictures.device):
            seen = self.norm(self.patch_embed(pictures))
        return heatmap_probabilities(self.head(to_map(seen.float(), self.grid)).unflatten(1, (-1, DEPTH_BINS)))


def train_stems(network: Hand4WholePP, context: StageContext) -> None:
    """Train both stems in place, to initialise the experts; network and context on one device."""
    initialize_from_stems(network)
    body, hand = network.encoder, network.wilor.backbone
    hand_stem = make_hand_stem(hand)
    _train_stem(StemHeatmaps(body, network.body_position_net.conv), 'body_stem', loss_of=_body_loss,
                share_of=_people_share, context=context)
    _train_stem(hand_stem, 'hand_stem', loss_of=_hand_loss, share_of=hand_share, context=context)


def make_hand_stem(hand: ViT) -> StemHeatmaps:
    """The stem of a hand expert's transformer, with a new head for a hand's keypoints."""
    head = nn.Conv2d(hand.config.embed_dim, skeleton.NUM_HAND_KEYPOINTS * DEPTH_BINS, 1)
    return StemHeatmaps(hand, head.to(hand.pos_embed.device))


def initialize_from_stems(network: Hand4WholePP) -> None:
    """In place: the blocks of both transformers add nothing, the heads return an upright body and a flat hand."""
    with torch.no_grad():
        for vit in (network.encoder, network.wilor.backbone):
            _silence_blocks(vit)
        nn.init.trunc_normal_(network.encoder.task_tokens, std=0.2)
        if network.body_regressor.initial is None:    # else the heads already add nothing to it
            for head in (network.body_regressor.root_pose_out, network.body_regressor.body_pose_out):
                weight, bias = head.parameters()
                weight.mul_(0.1)
                bias.copy_(bias.new_tensor([1, 0, 0, 1, 0, 0]).repeat(len(bias) // 6))
        _initialize_hand_heads(network.wilor)


@torch.no_grad()
def initialize_hand_from_stem(expert: WiLoR) -> None:
    """In place: the blocks of the transformer add nothing, the heads return a flat hand."""
    _silence_blocks(expert.backbone)
    _initialize_hand_heads(expert)


def _silence_blocks(vit):
    for block in vit.blocks:
        assert isinstance(block, TransformerBlock)
        zero_initialize(block.attn.proj, block.mlp.fc2)
    nn.init.trunc_normal_(vit.pos_embed, std=0.02)


def _initialize_hand_heads(expert):
    hand, refine = expert.backbone, expert.refine_net
    flat = hand.init_hand_pose.new_tensor([1, 0, 0, 0, 1, 0]).repeat(hand.init_hand_pose.shape[1] // 6)
    hand.init_hand_pose.copy_(flat + _MIN_SEPARATION * torch.randn_like(flat))
    hand.init_cam[:, 0] = 1
    zero_initialize(hand.decpose, hand.decshape, hand.deccam, refine.dec_pose, refine.dec_shape, refine.dec_cam)


def _train_stem(stem, name, *, loss_of, share_of, context):
    train_set, validation_set = context.train_set, context.validation_set

    def losses(step):
        rows, seen = load_step(context, step)
        return weight_losses({'heat': loss_of(stem, seen, train_set)}, share_of(train_set, rows, seen.rows))

    @torch.no_grad()
    def figures(average):
        found = [float(loss_of(average, seen, validation_set)) for seen in validation_batches(validation_set)]
        return {'heat_nats': sum(found) / len(found)}
    best = train(stem, losses, context.schedule(1e-3, EVAL_INTERVAL), folder=context.settings.run, name=name,
                 measure=figures, distributed=context.distributed)
    stem.load_state_dict(best.state_dict())


def _people_share(dataset, rows, own):
    return len(own) / len(rows)


def _body_loss(stem, seen, dataset):
    return joint_heat_loss(stem(seen.body_images()), dataset.body.take(seen.rows))


def _hand_loss(stem, seen, dataset):
    crops, _, target = load_hand_crops(seen, dataset)
    if not len(crops):
        return seen.patches.new_zeros((), requires_grad=True)
    return hand_heat_loss(stem(crops), target)


def hand_heat_loss(heat: Tensor, target: HandTargets) -> Tensor:
    """Loss of heat maps (N, 21, depth, rows, columns) of a hand's keypoints."""
    places = torch.cat([target.places, target.keypoints[..., 2:]], dim=-1)
    return heatmap_loss(heat, places / places.new_tensor(_HAND_SPAN))
