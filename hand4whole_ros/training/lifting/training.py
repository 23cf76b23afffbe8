"""Training of the lifting networks on people the detector saw, and on many more who borrow its errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ...body.model import BodyModel
from ...body.open_body import load_arrays
from ...body.open_hands import hand_shape_components
from ...checkpoints.lifting import save_lifting_networks
from ...evaluation import metrics
from ...evaluation.pose_errors import BODY_JOINTS
from ...landmarks.indices import UPPER_BODY
from ...networks.lifting import LiftingNetwork
from ...networks.lifting_layout import HAND, LiftingConfig
from ...skeleton import JOINT, SIDES
from ...system.output_files import replacement_path
from ..expert_training import bf16_autocast
from ..run_folder import RunSettings
from ..skeleton_layer import SkeletonLayer
from ..trainer import TrainingSchedule, draw_rows, train
from . import detections, pool
from .detections import Detections
from .losses import Measure, lifting_losses
from .samples import Samples, bodies_of, hands_seen, mirrored, without_hands

#: Of the people whom the detector saw, the last ones are not learnt from but measured on.
HELD_OUT = 0.05

#: Whose visible landmarks are farther off than this part of the torso, on the median, was not whom the detector saw.
MAX_OFF = 0.5

BATCH = 512

#: Of a batch of bodies, those whom the detector saw; the others are of the pool.
_SEEN_SHARE = 0.5

#: Added in training to the features, in their standard deviations.
_NOISE = 0.05

#: Of how many people no hand is shown, though it was seen: not every detector looks for hands.
_HANDS_LEFT_OUT = 0.3

#: People of the pool are made so many at a time, and kept as files.
_PART = 20000


@dataclass(frozen=True, kw_only=True)
class LiftingSettings(RunSettings):
    """What a training is made of. The hand's network gets half of the steps."""

    folders: list[Path]                 # of detections
    output: Path
    recorded: np.ndarray | None = None  # (N, 22, 3, 3) poses of datasets.motions
    people: int = 200_000               # of the pool
    rate: float = 1e-3


def run_training(settings: LiftingSettings, progress: bool = True) -> dict[str, float]:
    """Train both networks, write them to `output`, and give the figures of the people held out.

    Goes on where it was stopped. Raises ValueError where there are no detections, or too few.
    """
    s = settings
    found = detections.read(s.folders)
    found = found.take(np.flatnonzero(is_seen(found)))
    held = max(int(HELD_OUT * len(found.pose)), 1)
    if len(found.pose) < 2 * held:
        raise ValueError(f'{len(found.pose)} people are too few to learn from; hand4whole train detections makes more')
    learnt, measured = found.take(slice(None, -held)), found.take(slice(-held, None))
    model = BodyModel.load()
    components = hand_shape_components(model, load_arrays())
    bones = SkeletonLayer(model.kinematics, components)
    seen, lent = bodies_of(learnt), _pool(s, learnt)
    counts = int(_SEEN_SHARE * BATCH), BATCH - int(_SEEN_SHARE * BATCH)

    def bodies(step):
        people = Samples.joined([_drawn(part, count, step, s.seed) for part, count in zip((seen, lent), counts)])
        generator = _generator(step, s.seed)
        return without_hands(_half_mirrored(people, generator), _HANDS_LEFT_OUT, generator)
    body = _trained(s, 'lift_body', LiftingConfig(), s.steps, seen=seen, batch=bodies, measure=Measure.of_bodies(bones),
                    truth=bodies_of(measured), figures=body_figures, progress=progress)
    hands, true_hands = hands_seen(learnt), hands_seen(measured)
    if not (len(hands.betas) and len(true_hands.betas)):
        raise ValueError('the detections hold too few hands; hand4whole train detections makes more')
    hand = _trained(s, 'lift_hand', HAND, -(-s.steps // 2), seen=hands,
                    batch=lambda step: _drawn(hands, BATCH, step, s.seed),
                    measure=Measure.of_hands(bones, torch.from_numpy(components).float()), truth=true_hands,
                    figures=hand_figures, progress=progress)
    save_lifting_networks(body, hand, s.output)
    with torch.no_grad():
        return {**body_figures(body, bodies_of(measured)), **hand_figures(hand, true_hands)}


def _trained(s, name, config, steps, *, seen: Samples, batch: Callable[[int], Samples], measure, truth, figures,
             progress):
    """One network, the average of its weights that measured best."""
    torch.manual_seed(s.seed)
    network = LiftingNetwork(config)
    network.mean.copy_(seen.features.mean(0))
    network.deviation.copy_(seen.features.std(0).clamp(min=1e-3))

    def losses(step):
        shown = batch(step)
        noise = torch.randn(shown.features.shape, generator=_generator(step, s.seed + 1))
        with bf16_autocast(torch.device('cpu')):
            lifted = network(shown.features + _NOISE * network.deviation * noise)
        return lifting_losses(type(lifted)(*(part.float() for part in lifted)), shown, measure)
    schedule = TrainingSchedule(steps, s.rate, eval_interval=max(min(500, steps), 1))
    return train(network, losses, schedule, folder=s.run, name=name,
                 measure=torch.no_grad()(lambda module: figures(module, truth)), progress=progress)


def _drawn(samples, count, step, seed):
    return samples.take(draw_rows(len(samples.betas), min(count, len(samples.betas)), step, seed))


def _half_mirrored(people, generator):
    """Half of the people, by chance, in a mirror."""
    swapped = torch.rand(len(people.betas), generator=generator) < 0.5
    both = zip(people, mirrored(people))
    return Samples(*(torch.where(swapped.view(-1, *[1] * (one.dim() - 1)), other, one) for one, other in both))


def _generator(step, seed):
    return torch.Generator().manual_seed(seed * 1_000_003 + step)


def body_figures(network: LiftingNetwork, truth: Samples) -> dict[str, float]:
    """Medians: mm from the hips and after Procrustes of the eight joints of the upper body, and of the legs' four."""
    points, true = _points(network, truth), truth.points.numpy()
    hips = [JOINT[f'{side}_hip'] for side in SIDES]
    ours, theirs = (joints - joints[:, hips].mean(axis=1, keepdims=True) for joints in (points, true))
    body, legs = list(BODY_JOINTS), [JOINT[f'{side}_{name}'] for name in ('knee', 'ankle') for side in SIDES]
    root, leg = (1e3 * float(np.median(metrics.mpjpe(ours[:, part], theirs[:, part]))) for part in (body, legs))
    return {'score_mm': root + leg / 2, 'root_mm': root, 'legs_mm': leg,
            'pa_mm': 1e3 * float(np.median(metrics.pa_mpjpe(ours[:, body], theirs[:, body])))}


def hand_figures(network: LiftingNetwork, truth: Samples) -> dict[str, float]:
    """Medians: mm after Procrustes, and degrees of the palm."""
    points, true = _points(network, truth), truth.points.numpy()
    aligned = 1e3 * float(np.median(metrics.pa_mpjpe(points, true)))
    palm = float(np.median(metrics.palm_angle(points, true)))
    return {'hand_score': aligned + palm, 'hand_pa_mm': aligned, 'palm_deg': palm}


def _points(network, truth):
    """Of the likeliest hypothesis, numpy."""
    lifted = network(truth.features)
    return lifted.points[torch.arange(len(truth.betas)), lifted.logits.argmax(dim=1)].float().numpy()


def is_seen(found: Detections) -> np.ndarray:
    """(N,) bool: whom the detector did see, and not a phantom beside them."""
    points = found.joints[:, list(BODY_JOINTS)]
    rays = points[..., :2] / np.maximum(points[..., 2:], 1e-6)
    pixels = rays * found.camera[:, None, :2] + found.camera[:, None, 2:4]
    inside = ((pixels > 0) & (pixels < found.camera[:, None, 4:])).all(axis=-1)
    shoulders, hips = pixels[:, 0:2], pixels[:, 6:8]
    torso = np.linalg.norm(shoulders - hips[:, ::-1], axis=-1).mean(axis=1)
    torso = np.maximum(torso, 0.2 * np.ptp(pixels, axis=1).max(axis=1))
    away = np.linalg.norm(found.pose[:, list(UPPER_BODY)] - pixels, axis=-1) / torso[:, None]
    enough = inside.sum(axis=1) >= 3
    result = np.zeros(len(away), bool)
    result[enough] = np.nanmedian(np.where(inside, away, np.nan)[enough], axis=1) < MAX_OFF
    return result


def _pool(s, learnt):
    """People without pictures; made once and kept in the run's folder."""
    errors, parts = None, []
    for number in range(-(-s.people // _PART)):
        path = s.run / f'pool_{s.seed}_{number:03d}.npz'
        if not path.exists():
            if errors is None:
                errors = pool.errors_of(learnt).with_mirrored()
            rng = np.random.default_rng((s.seed, number))
            people = pool.samples_of(pool.sample_bodies(rng, min(_PART, s.people), s.recorded), errors, rng)
            s.run.mkdir(parents=True, exist_ok=True)
            with replacement_path(path) as part, open(part, 'wb') as stream:
                np.savez(stream, **{name: values.numpy() for name, values in people._asdict().items()})
        with np.load(path, allow_pickle=False) as stored:
            parts.append(Samples(*(torch.from_numpy(stored[name]) for name in Samples._fields)))
    return Samples(*(values[:s.people] for values in Samples.joined(parts)))
