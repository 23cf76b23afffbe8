"""Full-size CHAM between the two published experts, which stay as they are."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch

from ...geometry.crops import resize_body_image
from ...networks.cham import CHAM
from ...networks.hand4whole_pp import Hand4WholePP, WholeBodyOutput
from ...networks.smpler_x import regress_body
from ..distributed import SINGLE_PROCESS, DistributedContext
from ..trainer import TrainingSchedule, train
from .batches import BatchFeed, ViewBatch
from .losses import WEIGHTS, compute_losses, hand_differences, pelvis_differences, wrist_vector_difference

#: Of the training's files in its folder.
NAME = 'published_cham'
#: Steps between two measurements and two checkpoints.
EVAL_INTERVAL = 500


def prepare_training(network: Hand4WholePP, device: torch.device, mixed: bool) -> Hand4WholePP:
    """The network with everything frozen but CHAM, on its device; the same object.

    mixed: the hand expert in half precision on a GPU, as its authors run it.
    """
    network.freeze_experts()
    if mixed and device.type == 'cuda':
        network.wilor.backbone.half()
        network.wilor.refine_net.half()
    return network.to(device)


def run_network(network: Hand4WholePP, batch: ViewBatch, mixed: bool = False) -> WholeBodyOutput:
    """What the network says, with gradients for CHAM alone, through the body expert and the transfer of hands.

    mixed: products of the body expert and of CHAM in bf16; rotations, bodies and hands are float32 in any case.
    """
    def products() -> AbstractContextManager:
        return torch.autocast(batch.patches.device.type, torch.bfloat16) if mixed else nullcontext()
    with torch.no_grad():
        hands = network.run_hand_expert(batch.patches, batch.boxes)
    with products():
        cond = network.condition(hands, batch.boxes)
        feature, tokens = network.encoder(resize_body_image(batch.patches), cond)
    body, where, _ = regress_body(network.body_position_net, network.body_regressor, feature.float(), tokens.float())
    with torch.no_grad():   # the face has no part in what CHAM learns
        face = network.run_face_expert(batch.patches, where)
    return network.assemble(body, face, where, hands, boxes=batch.boxes)


def train_cham(
    network: Hand4WholePP,
    feed: BatchFeed,
    batch: int,
    validation_batches: list[ViewBatch],
    *,
    folder: Path,
    max_steps: int,
    lr: float = 1e-4,
    mixed: bool = False,
    distributed: DistributedContext = SINGLE_PROCESS,
    progress: bool = True,
) -> None:
    """Train CHAM of a network that is prepared, in place.

    feed: a step's share of this process; batch: how many views a step has, of all processes together. measured: what
    the leading process measures on, by which the best average is kept; nothing, and the last one is kept. Folder: see
    trainer.train.
    """
    def step_losses(step):
        for part in feed(step):
            found = compute_losses(run_network(network, part, mixed), part)
            yield {name: weight * found[name].sum() / batch for name, weight in WEIGHTS.items()}

    def figures(average):
        network.hand_control_net = average
        try:
            return measure(network, validation_batches, mixed)
        finally:
            network.hand_control_net = cham
    cham: CHAM = network.hand_control_net
    schedule = TrainingSchedule(
        max_steps, lr, warmup_steps=min(500, max_steps // 10), eval_interval=min(EVAL_INTERVAL, max_steps)
    )
    best = train(
        cham, step_losses, schedule, folder=folder, name=NAME, measure=figures if validation_batches else None,
        progress=progress, distributed=distributed
    )
    cham.load_state_dict(best.state_dict())
    cham.eval()


@torch.no_grad()
def measure(network: Hand4WholePP, validation_batches: list[ViewBatch], mixed: bool = False) -> dict[str, float]:
    """Of people who are not learnt from: the mean of all losses, and mm of what is known of any of them.

    body_mm: the 25 body keypoints from the pelvis; hands_mm: hands from their wrists, whose fingers the hand expert
    says, so that it is the turn of the wrist that shows; between_mm: the vector from wrist to wrist.
    """
    total, parts = [], {'body_mm': [], 'hands_mm': [], 'between_mm': []}
    for batch in validation_batches:
        outputs = run_network(network, batch, mixed)
        found = compute_losses(outputs, batch)
        total.append(sum(weight * found[name] for name, weight in WEIGHTS.items()))
        known = batch.truth.keypoints_known
        body = pelvis_differences(outputs, batch.truth)[:, :25]
        for name, (difference, counts) in {
                'body_mm': (body, known[:, :25] & known[:, :1]),
                'hands_mm': hand_differences(outputs, batch.truth, known),
                'between_mm': wrist_vector_difference(outputs, batch.truth)}.items():
            parts[name].append(1e3 * difference.norm(dim=-1)[counts])
    means = {name: torch.cat(values) for name, values in parts.items()}
    return {'measured': float(torch.cat(total).mean()),
            **{name: float(values.mean()) for name, values in means.items() if len(values)}}
