"""A chart of the time of each part, from the result of run.run: a dozen bars in plain SVG."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import NamedTuple

from ..system import output_files
from .result_rows import SUFFIXES, BenchmarkSkipped

_WIDTH, _ROW, _LEFT, _RIGHT = 860, 24, 170, 300
_TIME_COLOUR, _PRODUCTS_COLOUR, _TEXT_COLOUR, _FAINT_COLOUR = '#5b8fc7', '#2d5f94', '#222222', '#777777'


class _ChartBar(NamedTuple):
    label: str
    ms: float
    gflop: float | None     # of its products
    rate: float | None      # GFLOP/s that products reach alone

    @property
    def products_ms(self):
        """Time of its products alone; never more than the whole."""
        return min(self.ms, 1e3 * self.gflop / self.rate) if self.gflop and self.rate else 0.0

    @property
    def note(self):
        if not self.products_ms or self.gflop is None:
            return f'{self.ms:.1f} ms'
        return (f'{self.ms:.1f} ms, {self.gflop:.1f} GFLOP, {self.gflop / self.ms:.2f} TFLOP/s, '
                f'{100 * self.products_ms / self.ms:.0f} %')


def write_chart(result: Mapping, path: Path) -> None:
    """Write the chart. Raises BenchmarkSkipped if the result has neither a frame nor a forward in it."""
    charts = list(_charts(result))
    if not charts:
        raise BenchmarkSkipped('there is nothing to draw: stages frame and network were not measured')
    output_files.write_file(path, _svg(charts, _machine(result)).encode())


def _charts(result) -> Iterator[tuple[str, list[_ChartBar]]]:
    frame = result['profile'].get('frame')
    if frame:
        precision = result['frame_precision']
        rate = result.get(f'products_{precision}_gflops')
        bars = [_ChartBar(name, part['ms'], part.get('gflop'), rate) for name, part in frame.items()]
        if result.get('node_overhead_own_hands_ms_p50') is not None:
            bars.append(_ChartBar('the node around it', result['node_overhead_own_hands_ms_p50'], None, None))
        yield f'One frame in {precision}, from the picture to the poses: {sum(bar.ms for bar in bars):.0f} ms', bars
    forwards = [_ChartBar(precision, sum(part['ms'] for part in profile.values()),
                     sum(part['gflop'] for part in profile.values()), result[f'products_{precision}_gflops'])
                for precision, profile in result['profile'].items() if precision in SUFFIXES]
    if forwards:
        yield 'The networks alone, one person with two hands', forwards


def _machine(result):
    machine = result['machine']
    where = result['device'] if result['device'] != 'cpu' else f"{machine['processor']}, {machine['cores']} cores"
    return f"{where}, torch {result['versions']['torch']}. Dark: what the products alone take at this machine's rate"


def _svg(charts, machine):
    parts, y = [], 26
    for title, bars in charts:
        parts.append(_text(10, y, title, size=15, weight='bold'))
        scale = (_WIDTH - _LEFT - _RIGHT) / max(bar.ms for bar in bars)
        for bar in bars:
            y += _ROW
            parts += [_text(_LEFT - 8, y + 4, bar.label, anchor='end'),
                      _box(y, bar.ms * scale, _TIME_COLOUR), _box(y, bar.products_ms * scale, _PRODUCTS_COLOUR),
                      _text(_LEFT + bar.ms * scale + 6, y + 4, bar.note, size=12, colour=_FAINT_COLOUR)]
        y += 44
    parts.append(_text(10, y - 10, machine, size=12, colour=_FAINT_COLOUR))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" width="{_WIDTH}" height="{y}" '
            f'font-family="sans-serif">\n<rect width="{_WIDTH}" height="{y}" fill="#ffffff"/>\n'
            + '\n'.join(parts) + f'\n{output_files.XML_FILE_MARK}\n</svg>\n')


def _box(y, width, colour):
    return f'<rect x="{_LEFT}" y="{y - 8}" width="{max(width, 0.5):.1f}" height="16" fill="{colour}"/>' if width else ''


def _text(x, y, words, *, size=13, colour=_TEXT_COLOUR, anchor='start', weight='normal'):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}" '
            f'font-weight="{weight}">{escape(words)}</text>')
