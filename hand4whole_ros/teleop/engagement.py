"""Engagement of an operator with the robot: a deadman switch with a timeout, and the one person whose hand counts.

Nothing engages by itself. If the hand is lost, if another person's hand appears, or if the clock jumps, the switch has
to be released and pressed again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .hand_gate import HELD, LOST, GateResult

#: Seconds of silence, after the timeout, that count as a release. A shorter one may be of a busy machine or network,
#: while the switch is pressed: it disengages, but gives the robot to nobody else.
RELEASED_AFTER = 2.0


@dataclass(frozen=True)
class EngagementConfig:
    """Rules of engagement and disengagement."""

    #: Seconds for which one press of the switch is valid; without another one the operator is disengaged, and
    #: RELEASED_AFTER seconds later the switch counts as released.
    timeout: float = 0.5
    #: Whether the switch has to be released and pressed again after the hand was LOST. False: the same person's hand
    #: engages again as soon as it is OK.
    explicit_return: bool = True

    def __post_init__(self):
        if not 0 < self.timeout < math.inf:
            raise ValueError(f'timeout must be above 0 s, found {self.timeout}')


@dataclass(frozen=True)
class EngagementResult:
    """State of the engagement at one moment."""

    engaged: bool       # the robot follows the operator
    started: bool       # and did not at the last call: latch whatever is relative now
    reason: str         # why the operator is not engaged; '' if engaged


class Engagement:
    """Deadman switch and operator of one hand. Not thread-safe.

    Times are seconds on a steady clock.
    """

    def __init__(self, config: EngagementConfig = EngagementConfig()):
        self.config = config
        self.chosen: int | None = None      #: track id of the only person who may engage; None: anybody
        self._current: int | None = None    # track id of the person who engaged since the switch was pressed
        self._pressed_at = self._now = -math.inf
        self._engaged = False
        self._blocked = ''                  # why the switch has to be released first

    def press(self, now: float) -> None:
        """The switch is pressed; call it repeatedly while it is."""
        self._pressed_at = now

    def release(self) -> None:
        """The switch is released."""
        self._pressed_at, self._blocked, self._current = -math.inf, '', None

    def take_over(self, person: int | None, reason: str = 'another operator was chosen') -> None:
        """Choose the operator by track id; None: anybody. A switch that is pressed has to be released and pressed
        again; until then `reason` is why the operator is not engaged.
        """
        self.chosen, self._current, self._engaged, self._blocked = person, None, False, reason

    @property
    def engaged(self) -> bool:
        """Whether the operator was engaged at the last update."""
        return self._engaged

    def update(self, gate: GateResult, now: float, person: int | None = None) -> EngagementResult:
        """The state at `now`, given the state of the hand. person: track id of the person whose hand it is, if
        known."""
        was_engaged = self._engaged
        if not now >= self._now:    # true for NaN as well
            # Whether the switch is still pressed is unknown: it counts as pressed and has to be released.
            self._engaged, self._blocked, self._pressed_at = False, 'the clock went back', now
        self._now, self._pressed_at = now, min(self._pressed_at, now)
        silence = now - self._pressed_at
        if silence > self.config.timeout + RELEASED_AFTER:
            self.release()
        if not silence <= self.config.timeout:      # true for NaN as well
            reason = 'not pressed'
        else:
            reason = self._blocked or self._rejection_reason(gate, person)
            if self._engaged and reason and (gate.state != LOST or self.config.explicit_return):
                self._blocked = reason
        self._engaged = not reason
        if self._engaged and not was_engaged:
            self._current = person
        return EngagementResult(self._engaged, self._engaged and not was_engaged, reason)

    def _rejection_reason(self, gate, person):
        """Why this hand may not move the robot; '' if it may."""
        if gate.state == LOST:
            return f'the hand is lost: {gate.reason}'
        wanted = self._current if self._current is not None else self.chosen
        if wanted is not None and person is not None and person != wanted:
            return f'this hand has track id {person}, not {wanted}'
        if gate.state == HELD and not self._engaged:
            return f'the hand is held: {gate.reason}'
        return ''
