"""Which of one set belongs to which of another: pairs of least cost, each member once at most."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment


def assign_pairs(costs: np.ndarray, limits: float | np.ndarray) -> list[tuple[int, int]]:
    """(row, column) of the pairs whose costs (R, C), 0 and more, have the least sum; in the order of the rows.

    limits: what it costs to leave a row alone, one for all or (R,). A pair that costs as much or more is none; inf and
    NaN are of pairs that cannot be.
    """
    costs = np.where(np.isnan(costs), np.inf, costs)
    rows, columns = costs.shape
    if not (rows and columns):
        return []
    limits = np.broadcast_to(np.asarray(limits, float), rows)[:, None]
    # Among the columns of nobody, a row finds one of its own.
    padded = np.concatenate([np.minimum(costs, 10 * limits), np.broadcast_to(limits, (rows, rows))], axis=1)
    pairs = zip(*(indices.tolist() for indices in linear_sum_assignment(padded)))
    return [(row, column) for row, column in pairs if column < columns and costs[row, column] < limits[row, 0]]
