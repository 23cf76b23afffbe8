"""The learning curves of a run as a picture: SVG, written by hand, for it is a few lines."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

from .. import output_files

#: Trainings in their order, and the figures of the held-out people that each is drawn with.
CURVES = {'body_guess': ('root_mm', 'mrrpe_mm', 'wrist_deg'), 'hand_guess': ('hand_pa_mm', 'hand_wrist_deg'),
          'body_stem': ('heat_nats',), 'hand_stem': ('heat_nats',),
          'body': ('root_mm', 'mrrpe_mm', 'wrist_deg'), 'hand': ('hand_pa_mm', 'hand_wrist_deg'),
          'cham': ('wrist_deg', 'root_mm', 'mrrpe_mm'),
          'published_cham': ('body_mm', 'hands_mm', 'between_mm')}

_NAMES = {'heat_nats': 'heat maps, nats from the truth',
          'root_mm': 'body from the hips, mm', 'mrrpe_mm': 'wrist to wrist, mm', 'wrist_deg': 'wrists, degrees',
          'hand_pa_mm': 'hand after Procrustes, mm', 'hand_wrist_deg': 'wrist of hands, degrees',
          'body_mm': 'body from the pelvis, mm', 'hands_mm': 'hands from the wrist, mm',
          'between_mm': 'wrist to wrist, mm'}
_WIDTH, _HEIGHT, _LEFT, _TOP = 280, 130, 12, 34


def write(run: Path, path: Path) -> list[str]:
    """The drawing: a row a training, a panel a figure, medians of held-out people over steps. The trainings drawn;
    without any there is no drawing.
    """
    logs = {name: _read(run / f'{name}.jsonl') for name in CURVES}
    drawn = [name for name, lines in logs.items() if lines]
    panels = []
    for row, name in enumerate(drawn):
        for column, key in enumerate(CURVES[name]):
            points = [(line['step'], line[key]) for line in logs[name] if key in line]
            if points:  # of full-size CHAM, what is measured on need not know all of them
                panels.append(_panel(column * _WIDTH, row * _HEIGHT, name, key, points))
    if not drawn:
        return []
    output_files.write(path, (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{3 * _WIDTH}" height="{len(drawn) * _HEIGHT}" '
        f'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>\n'
        + '\n'.join(panels) + f'\n{output_files.MARK_IN_XML}\n</svg>\n').encode())
    return drawn


def _read(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _panel(x, y, name, key, points):
    steps, values = zip(*points)
    low, high = min(values), max(values)
    across, down = _WIDTH - 2 * _LEFT - 46, _HEIGHT - _TOP - 22
    places = [(x + _LEFT + across * step / max(steps), y + _TOP + down * (high - value) / max(high - low, 1e-9))
              for step, value in points]
    line = ' '.join(f'{px:.1f},{py:.1f}' for px, py in places)
    last = places[-1]
    return (f'<text x="{x + _LEFT}" y="{y + 16}" fill="#222">{escape(name)}: {_NAMES[key]}</text>'
            f'<polyline points="{line}" fill="none" stroke="#2d5f94" stroke-width="1.5"/>'
            + ''.join(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="2" fill="#2d5f94"/>' for px, py in places)
            + f'<text x="{last[0] + 6:.1f}" y="{last[1] + 4:.1f}" fill="#222">{values[-1]:.1f}</text>'
            f'<text x="{x + _LEFT}" y="{y + _HEIGHT - 6}" fill="#777">{values[0]:.1f} after {steps[0]} steps, '
            f'{max(steps)} in all</text>')
