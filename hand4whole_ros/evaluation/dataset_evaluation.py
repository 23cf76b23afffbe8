"""An estimator measured on a data set, with the papers' figures."""

from __future__ import annotations

from . import published_figures
from .comparison import PredictorMetrics
from .protocols import FIGURES, PROTOCOLS


def make_result(dataset: str, split: str, estimator: str, *, boxes: str, measured: PredictorMetrics) -> dict:
    """Plain numbers, for JSON: the measured figures, and a paper's, with its table."""
    printed = published_figures.FIGURES.get(dataset, {})
    rows = {}
    for key in PROTOCOLS[dataset].figures:
        figure = printed.get(key)
        if key in measured.figures or figure is not None:
            rows[key] = {'value': measured.figures.get(key), 'paper': None if figure is None else figure.value,
                         'source': None if figure is None else figure.source}
    return {'dataset': dataset, 'split': split, 'estimator': estimator, 'boxes': boxes, 'people': measured.people,
            'people_missed': measured.people_missed, 'hands': measured.hands, 'hands_missed': measured.hands_missed,
            'rows': rows}


def format_table(found: dict) -> str:
    """The result as a Markdown table."""
    lines = [f'{found["dataset"]}, {found["split"]}: {found["people"]} pictures of people or hands, boxes '
             f'{found["boxes"]}; means over what was found', '',
             f'| | unit | {found["estimator"]} | paper | |', '|---|---|---:|---:|---|']
    for key, row in found['rows'].items():
        what, unit, decimals = FIGURES[key]
        # The paper's figure as printed: with two decimals or fewer.
        printed = '-' if row['paper'] is None else f'{row["paper"]:.{decimals}f}'.rstrip('0').rstrip('.')
        value = '-' if row['value'] is None else f'{row["value"]:.{decimals}f}'
        lines.append(f'| {what} | {unit} | {value} | {printed} | {row["source"] or ""} |')
    for what in ('people', 'hands'):
        lines.append(f'| {what} not found | of {found[what]} | {found[f"{what}_missed"]} | - | |')
    return '\n'.join(lines)
