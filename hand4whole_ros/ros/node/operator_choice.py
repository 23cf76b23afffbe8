"""Selection of the operator among the visible people."""

from __future__ import annotations

from collections.abc import Callable

from ... import skeleton
from ...estimate import WholeBodyEstimate
from .parameters import OperatorPreference

#: Seconds for which a hand has to be above the head.
RAISED_TIME = 0.5

#: A wrist of a lower joint_confidence is inferred and does not count.
_MIN_JOINT_CONFIDENCE = 0.5


def _bbox_area(estimate):
    x0, y0, x1, y1 = estimate.bbox_xyxy.tolist()
    return (x1 - x0) * (y1 - y0)


#: Name -> preference of a person; the highest becomes operator.
OPERATOR_PREFERENCES: dict[str, Callable[[WholeBodyEstimate], float]] = {
    OperatorPreference.NEAREST: lambda estimate: -float(estimate.joints[0, 2]),
    OperatorPreference.LARGEST: _bbox_area,
    OperatorPreference.FIRST: lambda estimate: -estimate.track_id,
}


def raises_hand(estimate: WholeBodyEstimate) -> bool:
    """Whether a visible wrist is above the head, along the body: the camera may have any orientation."""
    if estimate.held:
        return False
    head, pelvis = (estimate.joints[skeleton.JOINT[name]] for name in ('head', 'pelvis'))
    for side in skeleton.SIDES:
        wrist, sure = skeleton.WRIST[side], estimate.joint_confidence
        if sure is not None and sure[wrist] < _MIN_JOINT_CONFIDENCE:
            continue
        if (estimate.joints[wrist] - head) @ (head - pelvis) > 0:
            return True
    return False


class OperatorSelector:
    """The operator stays the operator while tracked: a passer-by never takes over a robot."""

    def __init__(self):
        self.track_id: int | None = None
        self._raised_since: dict[int, float] = {}

    def reset(self) -> None:
        """Clear the operator."""
        self.track_id = None
        self._raised_since = {}

    def update(self, estimates: list[WholeBodyEstimate], preference: str,
               stamp: float = 0.0) -> WholeBodyEstimate | None:
        """The operator among the people of the image taken at `stamp`, s; None if there is none.

        preference: one of OperatorPreference. While no person is visible the operator may return as such.
        """
        by_hand = preference == OperatorPreference.RAISED_HAND
        self._raised_since = {estimate.track_id: self._raised_since.get(estimate.track_id, stamp)
                              for estimate in estimates if by_hand and raises_hand(estimate)}
        if not estimates:
            return None
        for estimate in estimates:
            if estimate.track_id == self.track_id:
                return estimate
        if by_hand:
            raised = [track for track, since in self._raised_since.items() if stamp - since >= RAISED_TIME]
            if not raised:
                return None
            first = min(raised, key=lambda track: (self._raised_since[track], track))
            chosen = next(estimate for estimate in estimates if estimate.track_id == first)
        else:
            chosen = max(estimates, key=OPERATOR_PREFERENCES[preference])
        self.track_id = chosen.track_id
        return chosen
