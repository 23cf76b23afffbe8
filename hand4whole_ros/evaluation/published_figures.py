"""The papers' own figures, as printed: the only place that repeats them."""

from __future__ import annotations

from typing import NamedTuple

HAND4WHOLE_PP = 'Hand4Whole++'
HAND4WHOLE = 'Hand4Whole'


class PublishedValue(NamedTuple):
    """One number of a paper."""

    value: float
    source: str     # paper, table


def _paper_values(paper, table, rows):
    return {key: PublishedValue(value, f'{paper}, Table {table}') for key, value in rows.items()}


#: Data set -> key of protocols.FIGURES -> the figure to compare with: that of Hand4Whole++ (Moon, CVPR 2026) where it
#: has one, else of Hand4Whole (Moon et al., CVPR workshops 2022), F-scores and PA errors of FreiHAND being its own.
FIGURES = {
    'agora': {**_paper_values(HAND4WHOLE_PP, 1, {'mpvpe_all': 76.84, 'mpvpe_hands': 49.71})},
    'arctic': {**_paper_values(HAND4WHOLE_PP, 1, {'mpvpe_all': 45.95, 'mpvpe_hands': 25.03})},
    'ehf': {**_paper_values(HAND4WHOLE_PP, 1, {'mpvpe_all': 61.24, 'mpvpe_hands': 33.43}),
            **_paper_values(HAND4WHOLE, 4, {'mpvpe_face': 26.1, 'pa_mpvpe_all': 50.3, 'pa_mpvpe_hands': 10.8,
                                       'pa_mpvpe_face': 5.8})},
    'interhand': _paper_values(HAND4WHOLE_PP, 1, {'mpvpe': 9.40, 'mrrpe': 32.30}),
    'reinterhand': _paper_values(HAND4WHOLE_PP, 1, {'mpvpe': 7.98, 'mrrpe': 16.37}),
    'hic': _paper_values(HAND4WHOLE_PP, 3, {'mpvpe': 17.72}),
    'freihand': _paper_values(HAND4WHOLE, 7, {'pa_mpvpe': 7.7, 'pa_mpjpe': 7.7, 'f5': 0.664, 'f15': 0.971})}

#: Table of Hand4Whole++ -> row -> data set -> key -> value. Rows are named as in ablation.TABLES; rows without a
#: counterpart in the paper are not here.
ABLATION = {
    1: {'body expert alone': {'agora': {'mpvpe_all': 85.61, 'mpvpe_hands': 52.31},
                              'arctic': {'mpvpe_all': 56.06, 'mpvpe_hands': 31.48},
                              'ehf': {'mpvpe_all': 63.26, 'mpvpe_hands': 46.21},
                              'interhand': {'mpvpe': 38.64, 'mrrpe': 119.56},
                              'reinterhand': {'mpvpe': 58.86, 'mrrpe': 101.82}},
        'hand expert alone': {'agora': {'mpvpe_hands': 99.11}, 'arctic': {'mpvpe_hands': 46.79},
                              'ehf': {'mpvpe_hands': 46.28}, 'interhand': {'mpvpe': 11.17, 'mrrpe': 94817.0},
                              'reinterhand': {'mpvpe': 8.09, 'mrrpe': 3094.0}},
        'both, with CHAM': {'agora': {'mpvpe_all': 76.84, 'mpvpe_hands': 49.71},
                            'arctic': {'mpvpe_all': 45.95, 'mpvpe_hands': 25.03},
                            'ehf': {'mpvpe_all': 61.24, 'mpvpe_hands': 33.43},
                            'interhand': {'mpvpe': 9.40, 'mrrpe': 32.30},
                            'reinterhand': {'mpvpe': 7.98, 'mrrpe': 16.37}}},
    2: {"body expert's wrists and hands": {'agora': {'mpvpe_all': 84.76, 'mpvpe_hands': 52.31}},
        "hand expert's wrists copied": {'agora': {'mpvpe_all': 90.70, 'mpvpe_hands': 100.59}},
        'wrists by CHAM': {'agora': {'mpvpe_all': 76.88, 'mpvpe_hands': 50.56}}},
    3: {'neither fingers nor shape': {'interhand': {'mpvpe': 14.69}, 'reinterhand': {'mpvpe': 18.13},
                                      'hic': {'mpvpe': 21.68}},
        "hand expert's fingers": {'interhand': {'mpvpe': 12.26}, 'reinterhand': {'mpvpe': 15.24},
                                  'hic': {'mpvpe': 19.61}},
        "hand expert's fingers and shape": {'interhand': {'mpvpe': 9.40}, 'reinterhand': {'mpvpe': 7.98},
                                            'hic': {'mpvpe': 17.72}}}}
