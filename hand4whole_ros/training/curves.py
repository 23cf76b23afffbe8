"""The learning curves of a run as a picture, drawn by matplotlib."""

from __future__ import annotations

import io
import json
from pathlib import Path

from ..system import output_files

#: Trainings in their order, and the validation metrics that are plotted for each.
CURVES = {'body_initial': ('root_mm', 'mrrpe_mm', 'wrist_deg'), 'hand_initial': ('hand_pa_mm', 'hand_wrist_deg'),
          'body_stem': ('heat_nats',), 'hand_stem': ('heat_nats',),
          'body': ('root_mm', 'mrrpe_mm', 'wrist_deg'), 'hand': ('hand_pa_mm', 'hand_wrist_deg'),
          'cham': ('wrist_deg', 'root_mm', 'mrrpe_mm'),
          'lift_body': ('root_mm', 'legs_mm', 'pa_mm'), 'lift_hand': ('hand_pa_mm', 'palm_deg'),
          'published_cham': ('body_mm', 'hands_mm', 'between_mm')}

_NAMES = {'heat_nats': 'heat maps, nats from the truth',
          'root_mm': 'body from the hips, mm', 'mrrpe_mm': 'wrist to wrist, mm', 'wrist_deg': 'wrists, degrees',
          'hand_pa_mm': 'hand after Procrustes, mm', 'hand_wrist_deg': 'wrist of hands, degrees',
          'legs_mm': 'legs from the hips, mm', 'pa_mm': 'body after Procrustes, mm', 'palm_deg': 'palm, degrees',
          'body_mm': 'body from the pelvis, mm', 'hands_mm': 'hands from the wrist, mm',
          'between_mm': 'wrist to wrist, mm'}
#: Inches of one panel.
_PANEL = 3.2, 1.9


class CurvesUnavailable(RuntimeError):
    """matplotlib is not installed. The message names the command to run."""


def write_curves(run: Path, path: Path) -> list[str]:
    """The drawing, an SVG: a row per training, a panel per metric, medians of held-out people over steps.
    Returns the trainings drawn; without any there is no drawing. Raises CurvesUnavailable, or OSError for the file.
    """
    logs = {name: _read_log(run / f'{name}.jsonl') for name in CURVES}
    drawn = [name for name, lines in logs.items() if lines]
    if not drawn:
        return []
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise CurvesUnavailable('curves are drawn by matplotlib, which is not installed; run: pip install matplotlib'
                                ) from None
    columns = max(len(CURVES[name]) for name in drawn)
    figure = Figure(figsize=(columns * _PANEL[0], len(drawn) * _PANEL[1]), layout='constrained')
    for row, name in enumerate(drawn):
        for column, key in enumerate(CURVES[name]):
            points = [(line['step'], line[key]) for line in logs[name] if key in line]
            if points:  # full-size CHAM: a validation set need not have every metric
                _panel(figure.add_subplot(len(drawn), columns, row * columns + column + 1), name, key, points)
    stream = io.StringIO()
    figure.savefig(stream, format='svg', metadata={'Date': None})
    output_files.write_file(path, stream.getvalue().replace('</svg>', f'{output_files.XML_FILE_MARK}\n</svg>').encode())
    return drawn


def _read_log(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _panel(axes, name, key, points):
    steps, values = zip(*points, strict=True)
    axes.plot(steps, values, marker='.', gid=f'{name}:{key}')
    axes.set_title(f'{name}: {_NAMES[key]}', fontsize=8)
    axes.annotate(f'{values[-1]:.1f}', (steps[-1], values[-1]), fontsize=8)
    axes.tick_params(labelsize=7)
    axes.set_xlabel('steps', fontsize=7)
