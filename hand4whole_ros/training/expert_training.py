"""The two experts, each by itself: what the picture adds to the first guess. The guess stays as it is.

Several processes train nearly what one would: batch normalisation sees the pictures of one process, and keeps the
statistics of the leading one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from .. import keypoints, skeleton
from ..estimators.devices import multiplies_bf16
from ..networks.hand4whole_pp import Hand4WholePP
from ..networks.prompts import InitialRegressor, Prompt, joined
from ..networks.smpler_x import BodyPose, read_body
from ..networks.wilor import HandCode, WiLoR, project_to_crop
from .distributed import SINGLE_PROCESS, DistributedContext
from .image_batches import ImageBatch, hand_pictures, load_batch
from .initial_regression import body_figures, hand_figures, weighted
from .losses import body_losses, hand_losses, heat_loss, places_loss
from .skeleton_layer import Bones
from .targets import NUM_BODY, BodyTargets, HandTargets, joined_targets
from .trainer import Schedule, draw, train
from .training_set import TrainingSet

BATCH = 32

#: The first keypoints of the body expert are joints, of which the truth is known; the others lie on the skin.
_JOINTS = list(itertools.takewhile(lambda joint: joint < NUM_BODY, keypoints.KEYPOINT_JOINTS))

#: What a nat of the heat maps counts, in metres.
_PLACES = 0.3

#: People of the held-out ones that are looked at when a training is measured.
MEASURED = 384


class BodyExpert(nn.Module):
    """The parts of the network that make it up."""

    def __init__(self, network: Hand4WholePP):
        super().__init__()
        self.encoder, self.position = network.encoder, network.body_position_net
        self.regressor = network.body_regressor

    def forward(self, pictures: Tensor, prompt, cond=None) -> tuple[BodyPose, Tensor]:
        """What it says, and how likely keypoints are where: heat maps (B, 25, depth, rows, columns)."""
        with in_bf16(pictures.device):
            feature, tokens = self.encoder(pictures, cond, prompt)
        said, _, heat = read_body(self.position, self.regressor, feature.float(), tokens.float(), prompt)
        return said, heat


def train_body(
    network: Hand4WholePP,
    learnt: TrainingSet,
    measured: TrainingSet,
    bones: Bones,
    folder: Path,
    steps: int,
    seed: int = 0,
    rate: float = 1e-3,
    together: DistributedContext = SINGLE_PROCESS,
) -> None:
    """Train the body expert in place; network, lessons and bones on one device.

    together: the places of joints are a mean over those before the camera, of one process.
    """
    expert = BodyExpert(network)
    guess = expert.regressor.guess
    leave(guess)

    def losses(step):
        leave(guess)
        rows = draw(len(learnt), BATCH, step, seed)
        seen = load_batch(learnt, rows, accidents(seed, step), together)
        said, heat = expert(seen.body_pictures(), seen.prompts.body)
        target = learnt.body.take(seen.rows)
        found = {**body_losses(said, target, bones), 'places': _PLACES * joint_heat_loss(heat, target)}
        return weighted(found, len(seen.rows) / len(rows))

    def figures(expert):
        said = [expert(seen.body_pictures(), seen.prompts.body)[0] for seen in some(measured)]
        return body_figures(BodyPose(*(torch.cat(part) for part in zip(*said))), bodies_of_some(measured), bones)
    best = train(expert, losses, schedule(steps, rate), folder, 'body', torch.no_grad()(figures), together=together)
    expert.load_state_dict(best.state_dict())


def train_hand(
    network: Hand4WholePP,
    learnt: TrainingSet,
    measured: TrainingSet,
    bones: Bones,
    folder: Path,
    steps: int,
    seed: int = 0,
    rate: float = 5e-4,
    together: DistributedContext = SINGLE_PROCESS,
) -> None:
    """Train the hand expert in place: the coarse hand and the refined one; network, lessons and bones on one device.

    together: every process counts by the hands that it has of the step's; their places are a mean over those before
    the camera, of one process.
    """
    expert = network.wilor
    guess = expert.backbone.guess
    leave(guess)

    def losses(step):
        leave(guess)
        rows = draw(len(learnt), BATCH, step, seed)
        seen = load_batch(learnt, rows, accidents(seed, step), together)
        share = share_of_hands(learnt, rows, seen.rows)
        if not share:
            return {name: seen.patches.new_zeros(()) for name in ('coarse', 'refined')}
        coarse, refined, target = see_hands(expert, seen, learnt)
        found = {}
        for name, code in (('coarse', coarse), ('refined', refined)):
            rotations = _rotations(code)
            parts = hand_losses(rotations, code.betas, target, bones)
            # A crop is some 0.15 m wide: what is wrong across the view counts for itself.
            parts['places'] = 0.3 * places_loss(project_to_crop(
                bones.right_hand(rotations, code.betas), code.camera), target.places)
            found[name] = sum(parts.values())
        return weighted(found, share)

    def figures(expert):
        seen = [see_hands(expert, part, measured)[1:] for part in some(measured)]
        codes = [code for code, _ in seen]
        rotations, betas = torch.cat([_rotations(code) for code in codes]), torch.cat([code.betas for code in codes])
        return hand_figures(rotations, betas, joined_targets([target for _, target in seen]), bones)
    best = train(expert, losses, schedule(steps, rate), folder, 'hand', torch.no_grad()(figures), together=together)
    expert.load_state_dict(best.state_dict())


def joint_heat_loss(heat: Tensor, target: BodyTargets) -> Tensor:
    """Of heat maps of body keypoints (B, 25, depth, rows, columns), where the truth of them is known."""
    places = torch.cat([target.places, target.joints[..., 2:]], dim=-1)[:, _JOINTS]
    return heat_loss(heat[:, :len(_JOINTS)], places)


def leave(guess: InitialRegressor | None) -> None:
    """Leave a guess as it is, where there is one."""
    if guess is not None:
        guess.requires_grad_(False).eval()


def share_of_hands(lessons: TrainingSet, rows: Tensor, own: Tensor) -> float:
    """What part of the hands of a step's rows its own rows have; 0 where there is none."""
    hands, here = (sum(int(lessons.hands[side].counts[some].sum()) for side in skeleton.SIDES) for some in (rows, own))
    return here / max(hands, 1)


def see_hands(expert: WiLoR, seen: ImageBatch, lessons: TrainingSet) -> tuple[HandCode, HandCode, HandTargets]:
    """Coarse and refined codes of the hands that count, and their targets: left ones first."""
    crops, prompt, target = crops_of(seen, lessons)
    with in_bf16(seen.patches.device):
        coarse, feature = expert.backbone(crops, prompt)
    coarse = HandCode(*(value.float() for value in vars(coarse).values()))
    with torch.no_grad():
        mesh = expert.mano(*coarse.rotations(), coarse.betas).vertices
    with in_bf16(seen.patches.device):
        refined = expert.refine_net(feature, mesh, coarse)
    refined = HandCode(*(value.float() for value in vars(refined).values()))
    return coarse, refined, target


def crops_of(seen: ImageBatch, lessons: TrainingSet) -> tuple[Tensor, Prompt, HandTargets]:
    """Of the hands that count, left ones first: pictures (N, 3, 256, 192) as right hands, prompts and targets."""
    crops, prompts, targets = [], [], []
    for side in skeleton.SIDES:
        people = lessons.hands[side].counts[seen.rows].nonzero()[:, 0]
        picture, prompt = hand_pictures(seen, lessons, side, people)
        crops.append(picture[..., 32:-32])
        prompts.append(prompt)
        targets.append(lessons.hands[side].take(seen.rows[people]))
    return torch.cat(crops), joined(prompts), joined_targets(targets)


def in_bf16(device: torch.device) -> torch.autocast:
    """Products of the transformers in bf16 where that device multiplies it, else in float32.

    A processor without such instructions emulates them and takes several times as long.
    """
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == 'cuda' or multiplies_bf16())


def _rotations(code):
    return torch.cat(code.rotations(), dim=1)


def some(measured: TrainingSet) -> Iterator[ImageBatch]:
    """Looks at people to measure on."""
    for rows in torch.arange(min(MEASURED, len(measured))).split(BATCH):
        yield load_batch(measured, rows)


def bodies_of_some(measured: TrainingSet) -> BodyTargets:
    """What should be said of them."""
    return measured.body.take(torch.arange(min(MEASURED, len(measured))))


def schedule(steps, rate):
    return Schedule(steps, rate, decay=0.05, measure_every=max(min(200, steps), 1))


def accidents(seed, step):
    return torch.Generator().manual_seed(seed * 1_000_003 + step)
