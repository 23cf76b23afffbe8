"""CHAM between the two experts, which stay as they are: zero at first, so that it begins with the body expert alone."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F

from ..geometry.crops import PATCH_SIZE
from ..networks.cham import CHAM
from ..networks.hand4whole_pp import Hand4WholePP
from ..networks.smpler_x import BodyPose
from .distributed import SINGLE_PROCESS, DistributedContext
from .expert_training import BATCH, BodyExpert, accidents, bodies_of_some, in_bf16, schedule, some
from .image_batches import ImageBatch, boxes_of, load_batch
from .initial_regression import body_figures, weighted
from .losses import body_losses, hands_alone_losses
from .skeleton_layer import Bones
from .trainer import draw, train
from .training_set import TrainingSet

#: What wrists count here, against what they count for the body expert: hands know little of the rest of a body.
_WRISTS = 5.0

#: One person in so many is as one of a data set of hands: nothing else of it is taken as known.
_OF_HANDS = 2


def train_cham(
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
    """Train CHAM in place: the body that is told of its hands should come out right, its wrists above all.

    Half of the people are whole-body data; of the others only hands are known, and the body that leads to them should
    stand upright: the paper's gap of supervision. Network, lessons and bones on one device. together: several processes
    train what one would.
    """
    network.leave_experts()
    expert = BodyExpert(network)

    def say(cham: CHAM, seen: ImageBatch, lessons: TrainingSet) -> BodyPose:
        network.hand_control_net = cham
        boxes = boxes_of(seen, lessons)
        patches = F.interpolate(seen.patches, PATCH_SIZE, mode='bilinear', align_corners=False)
        with torch.no_grad(), in_bf16(patches.device):
            hands = network.look_at_hands(patches, boxes, seen.prompts)
        with in_bf16(patches.device):
            cond = network.condition(hands, boxes)
        return expert(seen.body_pictures(), seen.prompts.body, cond)[0]

    def losses(step):
        rows = draw(len(learnt), BATCH, step, seed)
        seen = load_batch(learnt, rows, accidents(seed, step), together)
        said, target, found = say(cham, seen, learnt), learnt.body.take(seen.rows), {}
        alone = seen.rows % len(learnt.pictures) % _OF_HANDS == 0
        for kind, chosen in ((body_losses, ~alone), (hands_alone_losses, alone)):
            if not chosen.any():
                continue
            of_kind = kind(BodyPose(*(values[chosen] for values in said)), target.take(chosen), bones)
            for name, value in weighted(of_kind, int(chosen.sum()) / len(rows)).items():
                found[name] = found.get(name, 0) + value
        return {**found, 'wrists': _WRISTS * found['wrists']}

    def figures(average):
        said = [say(average, seen, measured) for seen in some(measured)]
        network.hand_control_net = cham
        found = body_figures(BodyPose(*(torch.cat(part) for part in zip(*said))), bodies_of_some(measured), bones)
        return {'wrist_deg': found.pop('wrist_deg'), **found}   # kept by its wrists: they are what CHAM is for
    cham = network.hand_control_net
    best = train(cham, losses, schedule(steps, rate), folder, 'cham', torch.no_grad()(figures), together=together)
    network.hand_control_net = cham
    cham.load_state_dict(best.state_dict())
