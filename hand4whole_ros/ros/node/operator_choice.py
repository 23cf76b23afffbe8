"""Who among the people in view is the operator."""

from __future__ import annotations

from collections.abc import Callable

from ...estimate import WholeBodyEstimate


def _bbox_area(estimate):
    x0, y0, x1, y1 = estimate.bbox_xyxy.tolist()
    return (x1 - x0) * (y1 - y0)


#: Name -> how much somebody is preferred; the highest becomes operator.
OPERATOR_PREFERENCES: dict[str, Callable[[WholeBodyEstimate], float]] = {
    'nearest': lambda estimate: -float(estimate.joints[0, 2]),
    'largest': _bbox_area,
    'first': lambda estimate: -estimate.track_id,
}


class OperatorSelector:
    """The operator stays the operator while followed: a passer-by never takes over a robot."""

    def __init__(self):
        self.track_id: int | None = None

    def reset(self) -> None:
        """Nobody is the operator."""
        self.track_id = None

    def update(self, estimates: list[WholeBodyEstimate], preference: str) -> WholeBodyEstimate | None:
        """The operator among these people; None where there are none, who may come back as the operator."""
        if not estimates:
            return None
        for estimate in estimates:
            if estimate.track_id == self.track_id:
                return estimate
        chosen = max(estimates, key=OPERATOR_PREFERENCES[preference])
        self.track_id = chosen.track_id
        return chosen
