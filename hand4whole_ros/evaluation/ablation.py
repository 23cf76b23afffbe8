"""Tables 1 to 3 of Hand4Whole++: fusion strategies of one network on the same images.

Table 1: each expert alone, and both with CHAM. Table 2: source of the wrists. Table 3: source of fingers and of hand
shape. A row is a strategy of the network; tables are computed for any predictor under a row's name, so that
other methods can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..config import Expert, WristSource
from ..networks.fusion_policy import FusionPolicy
from ..networks.hand4whole_pp import Hand4WholePP
from . import published_figures
from .comparison import PredictorMetrics
from .network_predictor import InputSource, NetworkPredictor, inputs_from_boxes
from .prediction import Predictor
from .protocols import FIGURES, Protocol

_BODY = FusionPolicy(WristSource.BODY, Expert.BODY, Expert.BODY)


@dataclass(frozen=True)
class AblationTable:
    """One table: its rows, each a strategy of the network; None is the hand expert alone."""

    number: int
    title: str
    rows: dict[str, FusionPolicy | None]


TABLES = (
    AblationTable(1, 'each expert alone, and both', {
        'body expert alone': _BODY, 'hand expert alone': None, 'both, with CHAM': FusionPolicy()}),
    AblationTable(2, 'whose wrists', {
        "body expert's wrists and hands": _BODY, "body expert's wrists": FusionPolicy(WristSource.BODY),
        "hand expert's wrists copied": FusionPolicy(WristSource.COPY), 'wrists by CHAM': FusionPolicy()}),
    AblationTable(3, 'whose fingers and whose shape of the hands', {
        'neither fingers nor shape': FusionPolicy(fingers=Expert.BODY, hand_shape=Expert.BODY),
        "hand expert's fingers": FusionPolicy(hand_shape=Expert.BODY),
        "hand expert's fingers and shape": FusionPolicy()}))

#: Figures in the tables for each kind of data set, if measured.
_COLUMNS = ('mpvpe_all', 'mpvpe_hands', 'mpjpe_body', 'mpvpe', 'mpjpe', 'mpjpe_hands', 'mrrpe', 'wrist_deg')


def make_predictors(
    network: Hand4WholePP, input_source: InputSource = inputs_from_boxes, in_camera_axes: bool = False
) -> dict[str, Predictor]:
    """Name of every row of the tables -> the network with that row's strategy; the same strategy is the same object.

    input_source, in_camera_axes: as in NetworkPredictor.
    """
    made = {}
    return {name: made.setdefault(strategy, NetworkPredictor(network, strategy, input_source, in_camera_axes))
            for table in TABLES for name, strategy in table.rows.items()}


def deduplicate_predictors(rows: Mapping[str, Predictor]) -> tuple[dict[str, Predictor], dict[str, str]]:
    """The rows without duplicates, and each row's name -> the name under which it was kept."""
    kept, names = {}, {}
    for name, predictor in rows.items():
        names[name] = next((other for other, one in kept.items() if one is predictor), name)
        kept.setdefault(names[name], predictor)
    return kept, names


def build_tables(dataset: str, protocol: Protocol, measured: Mapping[str, PredictorMetrics]) -> list[dict]:
    """Plain numbers, for JSON: for each table and each measured row, its figures and the paper's."""
    found = []
    for table in TABLES:
        rows = {}
        for name in table.rows:
            if name in measured:
                figures = measured[name].figures
                printed = published_figures.ABLATION[table.number].get(name, {}).get(dataset, {})
                rows[name] = {key: {'value': figures.get(key), 'paper': printed.get(key)} for key in _COLUMNS
                              if key in protocol.figures and (key in figures or key in printed)}
        found.append({'table': table.number, 'title': table.title, 'rows': rows})
    return found


def format_tables(dataset: str, found: list[dict], people: int) -> str:
    """Markdown; a cell has the measured figure, and the paper's in brackets if it has one."""
    lines = [f'{dataset}: {people} pictures; means; in brackets what Hand4Whole++ prints']
    for table in found:
        columns = [key for key in _COLUMNS if any(key in row for row in table['rows'].values())]
        heads = [' '.join(part for part in (FIGURES[key][0], FIGURES[key][1]) if part) for key in columns]
        lines += ['', f'Table {table["table"]}: {table["title"]}', '',
                  '| | ' + ' | '.join(heads) + ' |', '|---|' + '---:|' * len(columns)]
        lines += [f'| {name} | ' + ' | '.join(_cell(row.get(key), key) for key in columns) + ' |'
                  for name, row in table['rows'].items()]
    return '\n'.join(lines)


def _cell(entry, key):
    if entry is None:
        return '-'
    decimals = FIGURES[key][2]
    value = '-' if entry['value'] is None else f'{entry["value"]:.{decimals}f}'
    return value if entry['paper'] is None else f'{value} ({entry["paper"]:.2f})'
