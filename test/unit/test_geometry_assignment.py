"""Pairs of two sets: the least sum, each member once, and nobody who would rather be alone."""

from itertools import permutations

import numpy as np
import pytest

from hand4whole_ros.geometry.assignment import assign_pairs


def test_the_sum_decides_and_not_the_nearest_pair():
    # The nearest pair first would leave 0.9 for the other two.
    assert assign_pairs([[0.1, 0.2], [0.3, 0.9]], 1.0) == [(0, 1), (1, 0)]


@pytest.mark.parametrize('seed', range(20))
def test_no_other_way_to_pair_costs_less(seed):
    rng = np.random.default_rng(seed)
    costs = rng.uniform(0, 2, rng.integers(1, 5, 2))
    costs[rng.random(costs.shape) < 0.2] = np.inf
    limit = rng.uniform(0.2, 1.5)

    def total(pairs):
        return sum(costs[pair] for pair in pairs) + limit * (len(costs) - len(pairs))
    columns = [*range(costs.shape[1]), *[None] * len(costs)]
    best = min(total([(row, column) for row, column in enumerate(chosen) if column is not None])
               for chosen in permutations(columns, len(costs)))
    found = assign_pairs(costs, limit)
    assert total(found) == pytest.approx(best)
    assert len({column for _, column in found}) == len(found) and all(costs[pair] < limit for pair in found)


def test_nobody_and_what_is_no_number():
    assert assign_pairs(np.zeros((0, 3)), 1.0) == assign_pairs(np.zeros((3, 0)), 1.0) == []
    assert assign_pairs([[np.nan, 0.5], [np.inf, 0.4]], 1.0) == [(1, 1)]
