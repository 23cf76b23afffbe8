"""Several predictors measured on the same samples: the means that tables show, and missed people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from .. import skeleton
from ..datasets.sample import Sample
from ..system.progress import ProgressBar
from .body_parts import BodyParts
from .prediction import Predictor
from .protocols import Protocol


@dataclass(frozen=True)
class PredictorMetrics:
    """One predictor on all samples. Errors are means over detected people and hands, as in the papers."""

    figures: dict[str, float]       # key of protocols.FIGURES -> mean; omitted if never measured
    people: int                     # samples
    people_missed: int
    hands: int                      # annotated hands
    hands_missed: int


def evaluate_predictors(
    samples: Iterable[Sample],
    predictors: Mapping[str, Predictor],
    protocol: Protocol,
    parts: BodyParts | None,
    *, total: int | None = None,
    progress: bool = True,
) -> dict[str, PredictorMetrics]:
    """Name of each predictor -> its metrics.

    Each image is read once. total: of samples, for the progress bar. Samples whose box has no area, because the
    person is outside the image, are skipped.
    """
    found = {name: defaultdict(list) for name in predictors}
    counts = {name: defaultdict(int) for name in predictors}
    for sample in ProgressBar(samples, 'estimating', total, unit='picture', enabled=progress):
        if not (np.asarray(sample.bbox_xywh[2:]) > 0).all():
            continue
        image = sample.image()
        known = [side for side in skeleton.SIDES if sample.hand(side) is not None]
        for name, predictor in predictors.items():
            said, count = predictor(image, sample), counts[name]
            count['people'] += 1
            count['hands'] += len(known)
            count['people_missed'] += said is None
            count['hands_missed'] += len(known) if said is None else sum(side not in said.hands for side in known)
            if said is not None:
                for key, values in protocol.measure(said, sample, parts).items():
                    found[name][key].extend(values)
    return {name: PredictorMetrics({key: float(np.mean(values)) for key, values in found[name].items() if values},
                           *(counts[name][key] for key in ('people', 'people_missed', 'hands', 'hands_missed')))
            for name in predictors}
