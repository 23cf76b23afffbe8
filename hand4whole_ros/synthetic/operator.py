"""A person who operates a robot hand: opens, closes and pinches before the camera, leaves the image and returns."""

from __future__ import annotations

from .motion import MotionScript

#: Closure of the fingers, thumb to pinky, at which the skin of thumb and index finger touches: the ends of their last
#: bones are then 10 to 13 mm apart, in any adult. And the closure before it, with open fingers.
PINCH, OPEN, FIST = (0.38, 0.47, 0.25, 0.25, 0.25), (0.10, 0.12, 0.15, 0.15, 0.18), (0.70, 0.90, 0.92, 0.92, 0.92)

#: Start and end, in seconds, of the contact of thumb and index finger of both hands, and of the absence of hands in
#: the image.
PINCHED = ((2.0, 2.8), (4.0, 4.6), (5.6, 6.4), (12.6, 13.4))
OUT_OF_VIEW = (8.6, 10.2)

_ARM, _MOVED = 'drive', 'drive_aside'


def _both_arms(t, arm, shape):
    return t, arm, shape, arm, shape


#: The operator's motion, the same for both hands.
OPERATOR_SCRIPT = MotionScript(
    keys=(
        _both_arms(0.0, _ARM, OPEN),
        _both_arms(1.6, _ARM, OPEN),
        _both_arms(2.0, _ARM, PINCH),
        _both_arms(2.8, _ARM, PINCH),
        _both_arms(3.1, _ARM, OPEN),
        _both_arms(3.6, _MOVED, OPEN),
        _both_arms(4.0, _MOVED, PINCH),
        _both_arms(4.6, _MOVED, PINCH),
        _both_arms(5.0, _ARM, OPEN),
        _both_arms(5.6, _ARM, PINCH),
        _both_arms(6.4, _ARM, PINCH),
        _both_arms(6.8, _ARM, OPEN),
        _both_arms(7.2, _ARM, FIST),
        _both_arms(7.5, _ARM, FIST),
        _both_arms(7.9, _ARM, OPEN),
        _both_arms(8.6, 'away', 'relaxed'),
        _both_arms(10.2, 'away', 'relaxed'),
        _both_arms(11.0, _MOVED, OPEN),
        _both_arms(12.0, _MOVED, OPEN),
        _both_arms(12.6, _MOVED, PINCH),
        _both_arms(13.4, _MOVED, PINCH),
        _both_arms(13.8, _ARM, OPEN),
    ),
    period=15.0,
    distance=2.0,
)
