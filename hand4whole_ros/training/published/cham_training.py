"""Full-size CHAM between the two published experts, which stay as they are."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch

from ...geometry.crops import body_picture
from ...networks.cham import CHAM
from ...networks.hand4whole_pp import Hand4WholePP, WholeBody
from ...networks.smpler_x import read_body
from ..distributed import SINGLE_PROCESS, DistributedContext
from ..trainer import Schedule, train
from .batches import Batch, Feed
from .losses import WEIGHTS, between_wrists, hand_differences, losses, pelvis_differences

#: Of the training's files in its folder.
NAME = 'published_cham'
#: Steps between two measurements and two checkpoints.
MEASURE_EVERY = 500


def prepare(network: Hand4WholePP, device: torch.device, mixed: bool) -> Hand4WholePP:
    """The network with everything frozen but CHAM, on its device; the same object.

    mixed: the hand expert in half precision on a GPU, as its authors run it.
    """
    network.leave_experts()
    if mixed and device.type == 'cuda':
        network.wilor.backbone.half()
        network.wilor.refine_net.half()
    return network.to(device)


def look(network: Hand4WholePP, batch: Batch, mixed: bool = False) -> WholeBody:
    """What the network says, with gradients for CHAM alone, through the body expert and the transfer of hands.

    mixed: products of the body expert and of CHAM in bf16; rotations, bodies and hands are float32 in any case.
    """
    def products() -> AbstractContextManager:
        return torch.autocast(batch.patches.device.type, torch.bfloat16) if mixed else nullcontext()
    with torch.no_grad():
        hands = network.look_at_hands(batch.patches, batch.boxes)
    with products():
        cond = network.condition(hands, batch.boxes)
        feature, tokens = network.encoder(body_picture(batch.patches), cond)
    body, where, _ = read_body(network.body_position_net, network.body_regressor, feature.float(), tokens.float())
    with torch.no_grad():   # the face has no part in what CHAM learns
        face = network.look_at_face(batch.patches, where)
    return network.assemble(body, face, where, hands, batch.boxes)


def train_cham(
    network: Hand4WholePP,
    feed: Feed,
    batch: int,
    measured: list[Batch],
    folder: Path,
    steps: int,
    *,
    rate: float = 1e-4,
    mixed: bool = False,
    together: DistributedContext = SINGLE_PROCESS,
    progress: bool = True,
) -> None:
    """Train CHAM of a network that is prepared, in place.

    feed: a step's share of this process; batch: how many views a step has, of all processes together. measured: what
    the leading process measures on, by which the best average is kept; nothing, and the last one is kept. Folder: see
    loop.train.
    """
    def step_losses(step):
        for part in feed(step):
            found = losses(look(network, part, mixed), part)
            yield {name: weight * found[name].sum() / batch for name, weight in WEIGHTS.items()}

    def figures(average):
        network.hand_control_net = average
        try:
            return measure(network, measured, mixed)
        finally:
            network.hand_control_net = cham
    cham: CHAM = network.hand_control_net
    schedule = Schedule(steps, rate, warm_up=min(500, steps // 10), measure_every=min(MEASURE_EVERY, steps))
    best = train(cham, step_losses, schedule, folder, NAME, figures if measured else None, progress, together)
    cham.load_state_dict(best.state_dict())
    cham.eval()


@torch.no_grad()
def measure(network: Hand4WholePP, measured: list[Batch], mixed: bool = False) -> dict[str, float]:
    """Of people who are not learnt from: the mean of all losses, and mm of what is known of any of them.

    body_mm: the 25 body keypoints from the pelvis; hands_mm: hands from their wrists, whose fingers the hand expert
    says, so that it is the turn of the wrist that shows; between_mm: the vector from wrist to wrist.
    """
    total, parts = [], {'body_mm': [], 'hands_mm': [], 'between_mm': []}
    for batch in measured:
        said = look(network, batch, mixed)
        found = losses(said, batch)
        total.append(sum(weight * found[name] for name, weight in WEIGHTS.items()))
        known = batch.truth.keypoints_known
        body = pelvis_differences(said, batch.truth)[:, :25]
        for name, (difference, counts) in {
                'body_mm': (body, known[:, :25] & known[:, :1]),
                'hands_mm': hand_differences(said, batch.truth, known),
                'between_mm': between_wrists(said, batch.truth)}.items():
            parts[name].append(1e3 * difference.norm(dim=-1)[counts])
    means = {name: torch.cat(values) for name, values in parts.items()}
    return {'measured': float(torch.cat(total).mean()),
            **{name: float(values.mean()) for name, values in means.items() if len(values)}}
