"""Table 2 of Hand4Whole++ where a body expert knows wrists, and a hand expert knows no arm.

    python -m hand4whole_ros.training.wrist_fusion_training FOLDER --steps 2400 --people 300 --json FILE

Three steps, each of which resumes where it was stopped: a hand expert learns from crops of drawn hands, along each
crop's own axes and without prompts; CHAM is trained between it and the open model's body expert, both frozen; the ways
to combine them are measured on other drawn people. The body expert is not trained here: it is that of an open model.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .._vendor_patches.roma_import import roma
from ..body.model import BodyModel
from ..body.open_body import load_arrays
from ..body.open_hands import hand_shape_components, load_open_body
from ..checkpoints import CheckpointError
from ..checkpoints.open_model import load_open_model
from ..config import EstimatorConfig, Expert, WristSource
from ..datasets.sample import Sample
from ..estimators.open import OpenEstimator
from ..evaluation.body_parts import BodyParts
from ..evaluation.comparison import evaluate_predictors
from ..evaluation.network_predictor import InputSource, NetworkPredictor, PersonInputs, inputs_from_estimator
from ..evaluation.prediction import Predictor
from ..evaluation.protocols import PROTOCOLS
from ..evaluation.published_figures import ABLATION
from ..evaluation.synthetic_samples import generate_samples
from ..networks.fusion_policy import FusionPolicy
from ..networks.hand4whole_pp import Hand4WholePP, Hand4WholePPConfig, HandBoxes, WholeBodyOutput, copy_wrists
from ..networks.open_model import OPEN_MODEL
from ..networks.vit import ViTConfig
from ..networks.wilor import PlacedHands, WiLoR, WiLoRConfig
from . import convolutional_stems
from .cham_training import train_cham
from .drawn_ablation import load_or_draw, parse_with_paths, positive, write_figures
from .drawn_people import make_shards
from .expert_training import hand_code_losses, hand_code_metrics, regress_hands
from .hand_crops import HandCrops, draw_hands_alone, draw_hands_of_people, hand_view_rotations
from .run_folder import RunSettings
from .skeleton_layer import SkeletonLayer
from .stage_context import StageContext
from .trainer import TrainingSchedule, draw_rows, train
from .training_set import load_training_sets

#: Small enough for a processor core to train it in some minutes.
VIT_HAND = ViTConfig(embed_dim=128, depth=4, num_heads=4, image_size=(64, 48), patch_size=8, patch_padding=0,
                     stem=(16, 32), stem_blocks=(1, 1, 2))
#: The open model's body expert and an image-only hand expert.
WRIST_FUSION = replace(OPEN_MODEL, hand=WiLoRConfig(VIT_HAND, samples_at_mesh=True),
                       cham=replace(OPEN_MODEL.cham, hand_dim=VIT_HAND.embed_dim))

#: What the hand expert learns from: hands of drawn people, or hands that belong to nobody.
HAND_DATA = ('people', 'alone')

#: Pixels of a drawn crop.
CROP_PIXELS = 96
#: Seeds of what is learnt from and of what selects weights; and of the people of the table, as in other ablations.
_PEOPLE_SEED, _HANDS_SEED, _HELD_OUT_SEED, MEASURED_SEED = 31, 32, 33, 7

#: Of the hand expert's steps, those of its stem, which is trained first.
_STEM_SHARE = 0.25

_BODY_PARTS = ('encoder', 'body_position_net', 'body_regressor')

_BODY = FusionPolicy(WristSource.BODY, Expert.BODY, Expert.BODY)
#: Row -> the strategy; None for the hand expert alone. _ROTATED_COPY has its own predictor.
_ROTATED_COPY = "hand expert's wrists copied, rotated to the body's axes"
ROWS: dict[str, FusionPolicy | None] = {
    "body expert's wrists and hands": _BODY,
    "body expert's wrists": FusionPolicy(WristSource.BODY),
    "hand expert's wrists copied": FusionPolicy(WristSource.COPY),
    _ROTATED_COPY: FusionPolicy(WristSource.BODY),
    'wrists by CHAM': FusionPolicy(),
    'hand expert alone': None}

#: The figures of the table, of protocols.FIGURES.
COLUMNS = ('mpvpe_all', 'mpvpe_hands', 'pa_mpvpe_hands', 'mpjpe_hands', 'pa_mpjpe_hands', 'wrist_deg')


@dataclass(frozen=True, kw_only=True)
class FusionSize:
    """Amounts of data and training."""

    hands: int          #: drawn hands that the hand expert learns from
    people: int         #: drawn people that CHAM learns from
    steps: int          #: of the hand expert
    cham_steps: int
    measured: int       #: people of the table
    batch: int = 32     #: hands of a step


class RotatedCopyPredictor(NetworkPredictor):
    """Copies the hand expert's wrists like WristSource.COPY, but rotates them to the axes of the person's crop first.

    The published method copies them as they are: there, and for this network, they are along the axes of the hand's own
    crop.
    """

    def _run_network(self, patches: Tensor, boxes: Mapping[str, HandBoxes], person: PersonInputs, sample: Sample
                     ) -> WholeBodyOutput:
        policy = FusionPolicy(WristSource.BODY)
        outputs = self._network.run_experts(patches, boxes, policy, person.prompts)
        camera, box = sample.intrinsics, person.box.double().numpy()
        ray = camera.normalize(box[:, :2] + box[:, 2:] / 2)
        focal = np.full(1, np.sqrt(camera.fx * camera.fy))
        hands = {}
        for side, placed in outputs.hands.items():
            rotations = torch.from_numpy(hand_view_rotations(ray, focal, box, boxes[side]))[boxes[side].exists]
            turned = rotations.to(placed.global_orient) @ roma.rotvec_to_rotmat(placed.global_orient)
            hands[side] = PlacedHands(**{**vars(placed), 'global_orient': roma.rotmat_to_rotvec(turned)})
        body = copy_wrists(outputs.body, hands, boxes)
        return self._network.assemble(body, outputs.face, outputs.heatmap_keypoints, hands, boxes=boxes,
                                      strategy=policy)


def make_network(seed: int, open_model: Path | None = None, config: Hand4WholePPConfig = WRIST_FUSION) -> Hand4WholePP:
    """The body expert of an open model (the bundled one by default) beside an untrained hand expert and CHAM.

    Raises CheckpointError, which names the problem with the file, or ValueError if its body expert is another.
    """
    torch.manual_seed(seed)
    body = load_open_body()
    network, trained = Hand4WholePP(config, body), load_open_model(body, open_model)
    if trained.config.body != config.body:
        raise ValueError(f'{open_model}: its body expert takes images only; name an open model that takes landmarks')
    for part in _BODY_PARTS:
        network.get_submodule(part).load_state_dict(trained.get_submodule(part).state_dict())
    convolutional_stems.initialize_hand_from_stem(network.wilor)
    return network


def train_hand_expert(expert: WiLoR, crops: HandCrops, held_out: HandCrops, skeleton_layer: SkeletonLayer, *,
                      settings: RunSettings, batch: int) -> None:
    """Train the hand expert in place, its stem first. held_out: selects the weights."""
    measured, size = held_out.targets(), expert.backbone.config.image_size
    stem_steps = max(round(settings.steps * _STEM_SHARE), 1)

    def load(step, stage):
        rows = draw_rows(len(crops), batch, step, settings.seed)
        generator = torch.Generator().manual_seed((settings.seed * 2 + stage) * 1_000_003 + step)
        return crops.take(rows.numpy()).augmented(size, generator)

    def stem_losses(step):
        images, true = load(step, 0)
        return {'heat': convolutional_stems.hand_heat_loss(stem(images), true)}

    @torch.no_grad()
    def stem_figures(average):
        costs = [float(convolutional_stems.hand_heat_loss(average(held_out.take(rows.numpy()).inputs(size)),
                                                          measured.take(rows))) for rows in _all_rows(held_out, batch)]
        return {'heat_nats': float(np.mean(costs))}

    def losses(step):
        images, true = load(step, 1)
        return hand_code_losses(*regress_hands(expert, images), true, skeleton_layer)

    @torch.no_grad()
    def figures(average):
        codes = [regress_hands(average, held_out.take(rows.numpy()).inputs(size))[1]
                 for rows in _all_rows(held_out, batch)]
        return hand_code_metrics(codes, measured, skeleton_layer)

    stem = convolutional_stems.make_hand_stem(expert.backbone)
    best = train(stem, stem_losses, _schedule(stem_steps, 1e-3), folder=settings.run, name='hand_stem',
                 measure=stem_figures)
    stem.load_state_dict(best.state_dict())
    best = train(expert, losses, _schedule(max(settings.steps - stem_steps, 1), 1e-3), folder=settings.run, name='hand',
                 measure=figures)
    expert.load_state_dict(best.state_dict())


def _all_rows(crops, batch):
    return torch.arange(len(crops)).split(batch)


def _schedule(steps, rate):
    return TrainingSchedule(steps, rate, weight_decay=0.05, warmup_steps=min(100, steps // 10 + 1),
                            average=0.99, eval_interval=max(min(200, steps), 1))


def make_predictors(network: Hand4WholePP, input_source: InputSource) -> dict[str, Predictor]:
    """Row -> the network with its strategy."""
    return {name: (RotatedCopyPredictor if name == _ROTATED_COPY else NetworkPredictor)(
        network, strategy, input_source, in_camera_axes=True) for name, strategy in ROWS.items()}


def measure(network: Hand4WholePP, count: int, seed: int) -> dict[str, dict[str, float]]:
    """Row -> the figures of the table, means over `count` people of the set `seed`."""
    # Every image shows somebody else: nobody is to be tracked from one to the next.
    estimator = OpenEstimator(EstimatorConfig(wrist=WristSource.COPY, static_images=True))
    try:
        predictors = make_predictors(network.eval(), inputs_from_estimator(estimator.prepare_inputs))
        found = evaluate_predictors(generate_samples(count, seed), predictors, PROTOCOLS['synthetic'],
                                    BodyParts.from_network(network), total=count)
    finally:
        estimator.close()
    return {name: {key: metrics.figures[key] for key in COLUMNS if key in metrics.figures}
            for name, metrics in found.items()}


def published_values() -> dict[str, dict[str, float]]:
    """Row -> key of protocols.FIGURES -> the paper's figure, on AGORA; empty for rows that it does not have."""
    printed = {**ABLATION[1], **ABLATION[2]}
    return {name: printed.get(name, {}).get('agora', {}) for name in ROWS}


def run_experiment(folder: Path, size: FusionSize, network: Hand4WholePP, hand_data: str, *, seed: int = 0
                   ) -> dict[str, dict[str, float]]:
    """Draw, train and measure; row -> its figures. What is already in the folder is not made again.

    network: of make_network; its hand expert and CHAM are trained in place.
    """
    people, run = folder / 'people', folder / f'{hand_data}_{seed}'
    arrays = load_arrays()
    body = BodyModel.from_open_body(arrays)
    components = hand_shape_components(body, arrays)

    def load(name, count, drawn_seed):
        return load_or_draw(folder / f'hands_{hand_data}_{name}_{count}_{CROP_PIXELS}.npz', HandCrops, lambda: (
            draw_hands_of_people(count, drawn_seed, CROP_PIXELS, components) if hand_data == 'people'
            else draw_hands_alone(count, drawn_seed, CROP_PIXELS)))
    folder.mkdir(parents=True, exist_ok=True)
    crops = load('learnt', size.hands, _HANDS_SEED)
    held_out = load('held_out', max(size.hands // 10, 1), _HELD_OUT_SEED)
    layer = SkeletonLayer(body.kinematics, components)
    train_hand_expert(network.wilor, crops, held_out, layer, batch=size.batch,
                      settings=RunSettings(run=run, steps=size.steps, seed=seed))
    make_shards(people, size.people, _PEOPLE_SEED, workers=1)
    train_set, validation_set, layer = load_training_sets([people])
    train_cham(network, StageContext(train_set=train_set, validation_set=validation_set, skeleton_layer=layer,
                                     settings=RunSettings(run=run, steps=size.cham_steps, seed=seed)))
    return measure(network, size.measured, MEASURED_SEED)


def format_table(found: Mapping[str, Mapping[str, float]]) -> str:
    """Markdown; in brackets the paper's figures."""
    paper = published_values()
    lines = ['| | ' + ' | '.join(COLUMNS) + ' |', '|---|' + '---:|' * len(COLUMNS)]
    for row, figures in found.items():
        cells = []
        for key in COLUMNS:
            value = f'{figures[key]:.2f}' if key in figures else '-'
            cells.append(f'{value} ({paper[row][key]:.2f})' if key in paper[row] else value)
        lines.append(f'| {row} | ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command of the module."""
    parser = argparse.ArgumentParser(
        description='train a hand expert that knows no arm, CHAM between it and a body expert, and measure Table 2 of '
                    'Hand4Whole++', formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('folder', type=Path, help='where drawn hands and people, logs and weights are kept')
    parser.add_argument('--hand-data', choices=HAND_DATA, default=HAND_DATA[0],
                        help='the hand expert learns from hands of drawn people, or from drawn hands without an arm')
    parser.add_argument('--hands', type=positive, default=4000, help='drawn hands for the hand expert')
    parser.add_argument('--people', type=positive, default=300,
                        help='drawn people for CHAM; rounded up to hundreds')
    parser.add_argument('--steps', type=positive, default=2400, help='of the hand expert')
    parser.add_argument('--cham-steps', type=positive, default=250, help='of CHAM, of 32 people each')
    parser.add_argument('--batch', type=positive, default=32, help='hands of a step')
    parser.add_argument('--measured', type=positive, default=100, help='people of the table')
    parser.add_argument('--open-model', type=Path, help='take the body expert of these weights, not the bundled ones')
    parser.add_argument('--seed', type=int, default=0, help='of weights and of the order of hands and people')
    parser.add_argument('--json', type=Path, help='write the figures there')
    given = parse_with_paths(parser, arguments)
    size = FusionSize(hands=given.hands, people=given.people, steps=given.steps, cham_steps=given.cham_steps,
                      measured=given.measured, batch=given.batch)
    try:
        network = make_network(given.seed, given.open_model)
    except (CheckpointError, ValueError) as error:
        parser.error(str(error))
    found = run_experiment(given.folder, size, network, given.hand_data, seed=given.seed)
    print(format_table(found))
    write_figures(given.json, found, published_values())


if __name__ == '__main__':
    main()
