"""People from image to image: stamps in order, who is who, and who of them is the operator."""

from __future__ import annotations

from ..body.model import BodyModel
from ..estimate import WholeBodyEstimate
from ..tracking import Tracker, TrackerConfig
from .operator_choice import OperatorChoice
from .parameters import NodeParameters
from .stamps import StampGuard


def tracker_config(parameters: NodeParameters) -> TrackerConfig:
    """The tracker's share of the parameters."""
    return TrackerConfig(hold_time=parameters.hold_time, min_confidence=parameters.min_confidence,
                         smoothing=parameters.smoothing, min_cutoff=parameters.smoothing_min_cutoff,
                         beta=parameters.smoothing_beta)


class Following:
    """What has to be known of earlier images. Not thread-safe."""

    def __init__(self, body: BodyModel, parameters: NodeParameters):
        self._tracker = Tracker(body, tracker_config(parameters))
        self._operator = OperatorChoice()
        self._stamps = StampGuard()

    def reset(self) -> None:
        """The next image begins a new run, whatever its stamp."""
        self._stamps.reset()
        self._forget_people()

    def judge(self, nanoseconds: int) -> str:
        """'next', 'late' or 'jump' for an image with this stamp; a jump back begins a new run.

        What is late should be left alone.
        """
        verdict = self._stamps.judge(nanoseconds)
        if verdict == 'jump':
            self._forget_people()
        return verdict

    def update(self, people: list[WholeBodyEstimate], nanoseconds: int,
               parameters: NodeParameters) -> tuple[list[WholeBodyEstimate], WholeBodyEstimate | None]:
        """The people of the image that was judged last, followed and filtered, and the operator among them."""
        self._tracker.configure(tracker_config(parameters))
        people = self._tracker.update(people, nanoseconds * 1e-9)
        return people, self._operator.update(people, parameters.operator)

    def _forget_people(self):
        self._tracker.reset()
        self._operator.reset()
