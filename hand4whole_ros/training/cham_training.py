"""CHAM between the two frozen experts: initialised to zero, so that training starts from the body expert alone."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from ..geometry.crops import PATCH_SIZE
from ..networks.cham import CHAM
from ..networks.hand4whole_pp import Hand4WholePP
from ..networks.smpler_x import BodyPose
from .expert_training import (
    EVAL_INTERVAL,
    BodyExpert,
    bf16_autocast,
    load_step,
    validation_batches,
    validation_body_targets,
)
from .image_batches import ImageBatch, batch_hand_boxes
from .initial_regression import body_metrics, weight_losses
from .losses import body_losses, hands_only_losses
from .stage_context import StageContext
from .trainer import train
from .training_set import TrainingSet

#: Loss weight of wrists relative to the body expert's: hands carry little information about the rest of a body.
_WRISTS = 5.0

#: One person in so many is treated as in a hand data set: nothing but the hands is taken as known.
_HANDS_ONLY_SHARE = 2


def train_cham(network: Hand4WholePP, context: StageContext) -> None:
    """Train CHAM in place: the body conditioned on its hands should be correct, its wrists above all.

    Half of the people are whole-body data; of the others only hands are known, and the body that leads to them should
    stand upright: the paper's gap of supervision. Network and context on one device.
    """
    train_set, validation_set, skeleton_layer = context.train_set, context.validation_set, context.skeleton_layer
    network.freeze_experts()
    expert = BodyExpert(network)

    def run_body_expert(cham: CHAM, seen: ImageBatch, people: TrainingSet) -> BodyPose:
        network.hand_control_net = cham
        boxes = batch_hand_boxes(seen, people)
        patches = F.interpolate(seen.patches, PATCH_SIZE, mode='bilinear', align_corners=False)
        with torch.no_grad(), bf16_autocast(patches.device):
            hands = network.run_hand_expert(patches, boxes, seen.prompts)
        with bf16_autocast(patches.device):
            cond = network.condition(hands, boxes)
        return expert(seen.body_images(), seen.prompts.body, cond)[0]

    def losses(step):
        rows, seen = load_step(context, step)
        predicted, target, found = run_body_expert(cham, seen, train_set), train_set.body.take(seen.rows), {}
        alone = seen.rows % len(train_set.pictures) % _HANDS_ONLY_SHARE == 0
        for kind, chosen in ((body_losses, ~alone), (hands_only_losses, alone)):
            if not chosen.any():
                continue
            of_kind = kind(BodyPose(*(values[chosen] for values in predicted)), target.take(chosen), skeleton_layer)
            for name, value in weight_losses(of_kind, int(chosen.sum()) / len(rows)).items():
                found[name] = found.get(name, 0) + value
        return {**found, 'wrists': _WRISTS * found['wrists']}

    def figures(average):
        predicted = [run_body_expert(average, seen, validation_set) for seen in validation_batches(validation_set)]
        network.hand_control_net = cham
        found = body_metrics(
            BodyPose(*(torch.cat(part) for part in zip(*predicted))), validation_body_targets(validation_set),
            skeleton_layer)
        return {'wrist_deg': found.pop('wrist_deg'), **found}   # selects the best by wrists: what CHAM is for
    cham = network.hand_control_net
    best = train(cham, losses, context.schedule(5e-4, EVAL_INTERVAL), folder=context.settings.run, name='cham',
                 measure=torch.no_grad()(figures), distributed=context.distributed)
    network.hand_control_net = cham
    cham.load_state_dict(best.state_dict())
