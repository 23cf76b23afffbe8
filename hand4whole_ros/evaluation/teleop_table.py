"""The table of `hand4whole evaluate teleop`: figures of teleoperated robot hands, with their goals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..teleop.hand_teleop import HandTeleopConfig
from . import teleop, teleop_safety


@dataclass(frozen=True)
class MetricRow:
    """One figure of each hand, or of all of them."""

    title: str
    unit: str
    goal: float | None      # None: none was set
    least: bool = False     # whether the goal is a minimum, not a maximum
    digits: int = 2


#: Key of a figure -> its row, for each robot hand.
HAND_ROWS = {
    'touching, mm at most': MetricRow("thumb to index finger where the person's touch", 'mm', 4),
    'touching in simulation, mm at most': MetricRow('the same of the simulated hand', 'mm', 6),
    'apart, mm at p5': MetricRow(
        "thumb to index finger where the person's are over 60 mm apart, p5", 'mm', 70, True, 1
    ),
    'beyond limits, rad': MetricRow('joint limits passed by', 'rad', 1e-6, digits=6),
    'speed, rad/s at most': MetricRow('fastest joint', 'rad/s', 10),
    'lag, images': MetricRow('commands behind what was seen: filter and speed limit', 'images', 2),
    'time, ms median': MetricRow('time of an image, median', 'ms', 5),
    'time, ms p95': MetricRow('time of an image, p95', 'ms', 15),
    'mirror, mm': MetricRow('left hand against the mirror image of the right one', 'mm', 0.1, digits=4),
    'moves while lost, rad': MetricRow('moves in 45 images without the hand', 'rad', 0),
    'first step after, rad': MetricRow('first step after', 'rad', 10 / teleop.FRAME_RATE, digits=3),
    'largest step after, rad': MetricRow('largest step after', 'rad', 10 / teleop.FRAME_RATE, digits=3),
}

#: The same for figures that do not depend on the robot hand.
COMMON_ROWS = {
    'largest step, m': MetricRow(
        'clutch: largest step in 3000 images with jumps of half a metre', 'm', 0.015, digits=4
    ),
    'moves while disengaged, m': MetricRow('clutch: moves while disengaged', 'm', 0, digits=4),
    '-Z along the bone, cosine at least': MetricRow('OpenXR: -Z along the bone, cosine', '', 0.999, True, 6),
    'from the mirror, at most': MetricRow('OpenXR: left hand against the mirror image', '', 1e-9, digits=12),
    'largest step, rad': MetricRow('OpenXR: largest step of a joint', 'rad', None, digits=3),
    'largest step of a bone itself, rad': MetricRow('of which the bone itself turns', 'rad', None, digits=3),
    'largest twist, rad': MetricRow('OpenXR: largest step about the bone', 'rad', 0.2, digits=3),
    'good: become OK': MetricRow('gate: good hands trusted', 'share', None, True, 3),
    'good: stay OK': MetricRow('gate: good hands trusted on', 'share', None, True, 3),
    'another hand: become OK': MetricRow("gate: another hand's pose trusted", 'share', None, digits=3),
    'mirrored: become OK': MetricRow('gate: mirrored pose trusted', 'share', None, digits=3),
    'half a box aside: become OK': MetricRow('gate: half a box aside trusted', 'share', None, digits=3),
}


def evaluate_teleop(hands: Sequence[str], recording: teleop.HandRecording, simulate: bool = True,
        config: HandTeleopConfig | None = None, *, moving: teleop.HandRecording | None = None) -> dict:
    """All figures: {'hands': {name: {key: figure}}, 'common': {key: figure}}; keys as in the tables above.

    config: of the fingers. moving: another motion on which prediction is measured, too.
    """
    found = {}
    for name in hands:
        found[name] = teleop.finger_figures(recording, name, simulate, config)
        found[name]['mirror, mm'] = teleop.mirror_figure(recording, name)
        found[name].update(teleop.loss_figures(recording, name))
    common = {**teleop_safety.clutch_figures(recording.keypoints[0]), **teleop.openxr_figures(recording),
              **teleop_safety.gate_figures()}
    for name, motion in (('this hand', recording), ('moving person', moving)):
        if motion is None:
            continue
        for noise in (0.0, 0.003):
            common.update({f'prediction, {name}, noise {1000 * noise:.0f} mm: {key}': value for key, value in
                           teleop_safety.prediction_figures(motion, noise).items()})
    return {'side': recording.side, 'images': len(recording.stamps), 'hands': found, 'common': common}


def reaches_goal(row: MetricRow, value: float) -> bool:
    """Whether a figure is as good as its goal; true if there is none."""
    if row.goal is None:
        return True
    # Speeds are limited to exactly the goal, and are the result of a division.
    return value >= row.goal if row.least else value <= row.goal * (1 + 1e-6)


def format_table(result: dict) -> str:
    """The result as Markdown: a table of the hands, one of the rest."""
    hands = result['hands']
    lines = [f"{result['images']} images of a {result['side']} hand", '',
             '| | unit | ' + ' | '.join(hands) + ' | goal |', '|---|---|' + '---:|' * (len(hands) + 1)]
    for key, row in HAND_ROWS.items():
        if any(key in figures for figures in hands.values()):
            cells = [_cell(row, figures.get(key)) for figures in hands.values()]
            lines.append(f'| {row.title} | {row.unit} | ' + ' | '.join(cells) + f' | {_goal(row)} |')
    lines += ['', '| | unit | | goal |', '|---|---|---:|---:|']
    for key, row in COMMON_ROWS.items():
        lines.append(f"| {row.title} | {row.unit} | {_cell(row, result['common'][key])} | {_goal(row)} |")
    for key, value in result['common'].items():
        if key.startswith('prediction'):
            lines.append(f"| {key.removesuffix(', mm')} | mm | {value:.1f} | - |")
    return '\n'.join(lines)


def _cell(row, value):
    if value is None or not np.isfinite(value):
        return '-'
    text = f'{value:.{row.digits}f}'
    return text if reaches_goal(row, value) else f'**{text}**'


def _goal(row):
    return '-' if row.goal is None else f'{"≥ " if row.least else ""}{row.goal:.3g}'
