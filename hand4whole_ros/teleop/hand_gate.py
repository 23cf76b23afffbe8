"""Whether a hand may drive a robot now: OK, HELD with its age, or LOST.

A hand that is not OK moves nothing: the robot keeps its last command, and nothing returns to rest by itself. Ages count
from the time of arrival on this process's steady clock, so that no wrong stamp keeps a hand alive.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .. import skeleton
from .hand_frame import rejection_reason

OK, HELD, LOST = skeleton.OK, skeleton.HELD, skeleton.LOST

#: The longest time, s, for which a wrist is assumed to move at max_wrist_speed when it is checked for a jump.
_MAX_JUMP_TIME = 0.1


@dataclass(frozen=True, eq=False)
class HandObservation:
    """One hand measured in one image: neither held from an earlier image nor inferred from an arm."""

    stamp: float                                # s, of the image
    keypoints: np.ndarray                       # (21, 3) m, camera optical frame
    confidence: float = 1.0                     # 0 to 1, the estimator's own
    #: 0 to 1, of the 3D keypoints, projected, with those detected in the image (geometry.keypoint_agreement); None:
    #: unknown, and then ignored.
    agreement: float | None = None
    depth_measured: bool = False                # the distance is that of a depth camera
    wrist_rotation: np.ndarray | None = None    # (3, 3) any axes fixed to the wrist, in the camera optical frame
    person: int | None = None                   # track id of the person, or of the hand itself; None: unknown
    fault: str = ''                             # why the source itself does not trust this measurement; '' if it does


@dataclass(frozen=True)
class HandGateConfig:
    """When a hand is trusted. Of each pair of thresholds, `hold` applies while the hand is OK, `trust` otherwise."""

    #: Agreement of the keypoints detected and projected. On photographs 0.8 divides the hands of estimator open that
    #: are right from those that are wrong.
    hold_agreement: float = 0.7
    trust_agreement: float = 0.8
    #: The estimator's own confidence.
    hold_confidence: float = 0.2
    trust_confidence: float = 0.3
    #: Consecutive images that have to be trusted after LOST before the hand drives anything.
    confirm_images: int = 3
    #: Seconds without a trusted image after which the hand is HELD, even if no image at all arrives.
    max_silence: float = 0.2
    #: Seconds without a trusted image after which the hand is LOST.
    hold_time: float = 0.5
    #: m/s. A wrist that has moved faster since it was trusted belongs to another hand.
    max_wrist_speed: float = 4.0

    def __post_init__(self):
        if not (0 <= self.hold_agreement <= self.trust_agreement <= 1
                and 0 <= self.hold_confidence <= self.trust_confidence <= 1 and self.confirm_images >= 1
                and 0 < self.max_silence <= self.hold_time < math.inf and self.max_wrist_speed > 0):
            raise ValueError('expected 0 <= hold <= trust <= 1 of agreement and confidence, confirm_images >= 1, '
                             f'0 < max_silence <= hold_time and max_wrist_speed > 0; found {self}')


@dataclass(frozen=True)
class GateResult:
    """State of the gate at one moment."""

    state: int          # OK, HELD or LOST
    age: float          # s since the last trusted image arrived; inf before the first
    confidence: float   # 0 to 1, of the last image; 0 when LOST
    reason: str         # why the hand is not OK; '' if it is
    fresh: bool         # this call brought a trusted image of a hand that is OK


class HandGate:
    """The gate of one hand. Not thread-safe."""

    def __init__(self, config: HandGateConfig = HandGateConfig()):
        self.config = config
        self.reset()

    def reset(self, reason: str = 'no hand has been seen') -> None:
        """LOST, as before the first image."""
        self._lose(reason)
        self._now = -math.inf
        self._stamp = None                  # of the last image with this hand
        self._trusted_at = -math.inf        # arrival of the last image that was trusted

    def _lose(self, reason):
        self._state, self._confidence, self._reason = LOST, 0.0, reason
        self._trusted, self._confirmed = None, 0    # the last observation that was trusted, and how many in a row

    def update(self, observation: HandObservation | None, now: float) -> GateResult:
        """Process an image that arrived at `now`, s on a steady clock. None: an image without this hand."""
        self.check(now)
        if observation is not None and self._stamp is not None and observation.stamp < self._stamp:
            self._lose('the stamp went back')
        reason = self._judge(observation, now)
        if reason:
            self._reason, self._confirmed = reason, 0
            if self._state == OK:
                self._state = HELD
            return self._result(fresh=False)
        self._trusted, self._trusted_at, self._confirmed = observation, now, self._confirmed + 1
        if self._state == LOST and self._confirmed < self.config.confirm_images:
            self._reason = f'seen in {self._confirmed} of {self.config.confirm_images} images'
            return self._result(fresh=False)
        self._state, self._reason = OK, ''
        return self._result(fresh=True)

    def check(self, now: float) -> GateResult:
        """The state at `now` without a new image; call it before every command."""
        if not now >= self._now:    # true for NaN as well
            self.reset('the clock went back')
        self._now = now
        age = now - self._trusted_at
        if age > self.config.max_silence and self._state == OK:
            self._state, self._reason = HELD, f'no image for {self.config.max_silence:g} s'
        if age > self.config.hold_time and (self._state == HELD or self._trusted is not None):
            self._lose(self._reason)
        return self._result(fresh=False)

    def _result(self, fresh):
        return GateResult(self._state, self._now - self._trusted_at, 0.0 if self._state == LOST else self._confidence,
                          self._reason, fresh)

    def _judge(self, observation, now):
        """Why the observation is not trusted; '' if it is."""
        self._confidence = 0.0
        if observation is None:
            return 'the hand is not in the image'
        if observation.fault:
            return observation.fault
        reason = rejection_reason(observation.keypoints)
        if reason:
            return reason
        if not math.isfinite(observation.stamp):
            return 'the stamp is not finite'
        repeated, self._stamp = observation.stamp == self._stamp, observation.stamp
        if repeated:
            return 'the image is the same as the last one'
        agreed = 1.0 if observation.agreement is None else float(observation.agreement)
        confidence = float(observation.confidence)
        if math.isfinite(confidence):
            self._confidence = min(max(min(agreed, confidence), 0.0), 1.0)
        steady = self._state == OK
        for found, limit, name in (
                (agreed, self.config.hold_agreement if steady else self.config.trust_agreement, 'agreement'),
                (confidence, self.config.hold_confidence if steady else self.config.trust_confidence, 'confidence')):
            if not found >= limit:      # true for NaN as well
                return f'{name} {found:.2f} is below {limit:g}'
        return self._other_hand(observation, now)

    def _other_hand(self, observation, now):
        """Why this cannot be the hand that was trusted last; '' if it can."""
        if self._trusted is None:
            return ''
        if observation.person != self._trusted.person:
            return f'this hand has track id {observation.person}, not {self._trusted.person}'
        distance = float(np.linalg.norm(observation.keypoints[0] - self._trusted.keypoints[0]))
        # Images may arrive in bursts, and stamps may be wrong: the longer of the two times, up to a limit.
        elapsed = max(now - self._trusted_at, observation.stamp - self._trusted.stamp)
        if distance > self.config.max_wrist_speed * min(elapsed, _MAX_JUMP_TIME):
            return f'the wrist jumped by {distance:.2f} m'
        return ''
