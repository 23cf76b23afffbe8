"""Whether an operator has the robot: a deadman's button that has to be pressed again and again, and who pressed it.

Nothing engages by itself. When the hand is lost, when somebody else's hand is there, or when the clock jumps, the
button has to be released and pressed again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .hand_gate import HELD, LOST, GateResult


@dataclass(frozen=True)
class EngagementConfig:
    """How an operator takes and keeps the robot."""

    #: Seconds for which one press counts; after that much silence the robot is let go of.
    timeout: float = 0.5
    #: Whether the button has to be released and pressed again after the hand was LOST. False: it is enough that the
    #: hand is there again.
    explicit_return: bool = True

    def __post_init__(self):
        if not 0 < self.timeout < math.inf:
            raise ValueError(f'timeout must be above 0 s, found {self.timeout}')


@dataclass(frozen=True)
class EngagementResult:
    """Who moves the robot at one moment."""

    engaged: bool       # the operator is followed now
    started: bool       # and was not at the last call: whatever is relative has to be latched now
    reason: str         # why not; '' where engaged


class Engagement:
    """The deadman's button and the operator. One for each hand that is followed; not thread-safe.

    Times are seconds on a steady clock.
    """

    def __init__(self, config: EngagementConfig = EngagementConfig()):
        self.config = config
        self.chosen: int | None = None      #: the one whose hand engages; None: whoever's is there first
        self._current: int | None = None    # the one whose hand is engaged
        self._pressed_at = self._now = -math.inf
        self._engaged = False
        self._blocked = ''                  # why the button has to be released first

    def press(self, now: float) -> None:
        """The button is pressed; to be repeated while it is."""
        self._pressed_at = now

    def release(self) -> None:
        """The button is released."""
        self._pressed_at, self._blocked = -math.inf, ''

    def take_over(self, person: int | None) -> None:
        """Only this person's hand engages from now on; None: whoever's is there first. A button that is pressed has to
        be released and pressed again."""
        self.chosen, self._engaged, self._blocked = person, False, 'another operator was chosen'

    def update(self, gate: GateResult, now: float, person: int | None = None) -> EngagementResult:
        """Who moves the robot at `now`, with the hand in this state. person: track id of whose hand it is, if known."""
        was_engaged = self._engaged
        if not now >= self._now:    # nor where it is not a number
            # Whether the button is still pressed cannot be known: it counts as pressed, and has to be released.
            self._engaged, self._blocked, self._pressed_at = False, 'the clock went back', now
        self._now, self._pressed_at = now, min(self._pressed_at, now)
        if not now - self._pressed_at <= self.config.timeout:
            self._blocked, reason = '', 'not pressed'
        else:
            reason = self._blocked or self._objection(gate, person)
            if self._engaged and reason and (gate.state != LOST or self.config.explicit_return):
                self._blocked = reason
        self._engaged = not reason
        if self._engaged and not was_engaged:
            self._current = person
        return EngagementResult(self._engaged, self._engaged and not was_engaged, reason)

    def _objection(self, gate, person):
        """Why this hand does not move the robot; '' where it does."""
        if gate.state == LOST:
            return f'the hand is lost: {gate.reason}'
        wanted = self._current if self._engaged else self.chosen
        if wanted is not None and person is not None and person != wanted:
            return f'this is the hand of person {person}, not {wanted}'
        if gate.state == HELD and not self._engaged:
            return f'the hand is held: {gate.reason}'
        return ''
