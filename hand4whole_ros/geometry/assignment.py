"""Assignment between the members of two sets: pairs of least cost, each member at most once."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment


def assign_pairs(costs: np.ndarray, limit: float) -> list[tuple[int, int]]:
    """(row, column) of the pairs whose costs (R, C), at least 0, have the least sum; in the order of the rows.

    limit: cost of an unassigned row. Pairs that cost as much or more are rejected; inf and NaN mark impossible pairs.
    """
    costs = np.where(np.isnan(costs), np.inf, costs)
    rows, columns = costs.shape
    if not (rows and columns):
        return []
    # One extra column per row leaves the row unassigned.
    padded = np.concatenate([np.minimum(costs, 10 * limit), np.full((rows, rows), float(limit))], axis=1)
    pairs = zip(*(indices.tolist() for indices in linear_sum_assignment(padded)))
    return [(row, column) for row, column in pairs if column < columns and costs[row, column] < limit]
