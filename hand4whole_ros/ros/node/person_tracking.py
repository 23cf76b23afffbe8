"""People and hands from image to image: one camera, stamps in order, track ids, and the operator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from ...body.model import BodyModel
from ...estimate import LooseHandEstimate, WholeBodyEstimate
from ...tracking import HandTracker, TrackedHand, Tracker, TrackerConfig
from .frame_guard import FrameGuard
from .operator_choice import OperatorSelector
from .parameters import NodeParameters
from .stamp_guard import StampGuard

#: Results of `classify` for images to skip.
SKIP_VERDICTS = ('late', 'duplicate', 'other frame')


def tracker_config(parameters: NodeParameters) -> TrackerConfig:
    """The tracker's part of the parameters."""
    return TrackerConfig(hold_time=parameters.hold_time, min_confidence=parameters.min_confidence,
                         smoothing=parameters.smoothing, min_cutoff=parameters.smoothing_min_cutoff,
                         beta=parameters.smoothing_beta)


class TrackedImage(NamedTuple):
    """Tracked people and hands in one image."""

    people: list[WholeBodyEstimate]
    operator: WholeBodyEstimate | None
    hands: list[TrackedHand]        # of people, and loose ones


class PersonTracking:
    """State kept from earlier images. Not thread-safe."""

    def __init__(self, body: BodyModel, parameters: NodeParameters, frame_guard: FrameGuard | None = None):
        """frame_guard: which camera is selected; by default the first one while it is active."""
        self._tracker = Tracker(body, tracker_config(parameters))
        self._hand_tracker = HandTracker(body, self._tracker)
        self._operator_selector = OperatorSelector()
        self._stamp_guard = StampGuard()
        self._frame_guard = frame_guard or FrameGuard()

    @property
    def frame(self) -> str | None:
        """The frame of the selected camera."""
        return self._frame_guard.frame

    @property
    def stamp_rate(self) -> float | None:
        """Seconds of stamps in a second of arrival; None while unknown."""
        return self._tracker.stamp_rate

    @property
    def expiry_time(self) -> float:
        """Seconds without an image after which the last one is outdated."""
        return self._tracker.expiry_time

    @property
    def refused(self) -> Counter:
        """Reason -> number of people rejected so far, by Tracker."""
        return self._tracker.refused

    @property
    def refused_hands(self) -> Counter:
        """The same for loose hands."""
        return self._hand_tracker.refused

    def reset(self) -> None:
        """The next image begins a new run, regardless of its stamp and camera."""
        self._stamp_guard.reset()
        self._frame_guard.reset()
        self._reset_people()

    def classify(self, nanoseconds: int, frame: str, arrival: float) -> str:
        """'next', 'late', 'duplicate', 'other frame', 'jump' or 'changed' for an image with this stamp and frame.

        arrival: s, when it arrived, by a clock independent of stamps. After 'jump', a jump of time back, and
        'changed', another camera, a new run has begun; images of SKIP_VERDICTS should be skipped.
        """
        camera = self._frame_guard.classify(frame, arrival)
        if camera == 'other':
            return 'other frame'
        if camera == 'changed':
            self._stamp_guard.reset()
        verdict = self._stamp_guard.classify(nanoseconds)
        if camera == 'changed':
            verdict = 'changed'
        if verdict in ('jump', 'changed'):
            self._reset_people()
        return verdict

    def update(self, people: list[WholeBodyEstimate], nanoseconds: int, arrival: float, parameters: NodeParameters,
               *, loose_hands: Sequence[LooseHandEstimate] = ()) -> TrackedImage:
        """The people of the image that was classified last, tracked and filtered, the operator among them, and all
        hands. arrival: as in classify.
        """
        self._tracker.configure(tracker_config(parameters))
        people = self._tracker.update(people, nanoseconds * 1e-9, arrival)
        hands = self._hand_tracker.update(people, loose_hands)
        operator = self._operator_selector.update(people, parameters.operator, nanoseconds * 1e-9)
        return TrackedImage(people, operator, hands)

    def _reset_people(self):
        self._tracker.reset()
        self._hand_tracker.reset()
        self._operator_selector.reset()
