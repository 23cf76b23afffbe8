"""A person who drives a robot hand: opens, closes and pinches before the camera, leaves the picture and comes back."""

from __future__ import annotations

from .motion import Score

#: How far fingers are closed, thumb to pinky, where the skin of thumb and index finger touches: the ends of their last
#: bones are then 10 to 13 mm apart, in any adult. And before it, with open fingers.
PINCH, OPEN, FIST = (0.38, 0.47, 0.25, 0.25, 0.25), (0.10, 0.12, 0.15, 0.15, 0.18), (0.70, 0.90, 0.92, 0.92, 0.92)

#: Seconds from and to which thumb and index finger of both hands touch, and from and to which no hand is in the
#: picture.
PINCHED = ((2.0, 2.8), (4.0, 4.6), (5.6, 6.4), (12.6, 13.4))
AWAY = (8.6, 10.2)

_ARM, _MOVED = 'drive', 'drive_aside'


def _both(t, arm, shape):
    return t, arm, shape, arm, shape


#: What the operator does. Both hands do the same.
OPERATOR = Score(
    keys=(_both(0.0, _ARM, OPEN), _both(1.6, _ARM, OPEN), _both(2.0, _ARM, PINCH), _both(2.8, _ARM, PINCH),
          _both(3.1, _ARM, OPEN), _both(3.6, _MOVED, OPEN), _both(4.0, _MOVED, PINCH), _both(4.6, _MOVED, PINCH),
          _both(5.0, _ARM, OPEN), _both(5.6, _ARM, PINCH), _both(6.4, _ARM, PINCH), _both(6.8, _ARM, OPEN),
          _both(7.2, _ARM, FIST), _both(7.5, _ARM, FIST), _both(7.9, _ARM, OPEN), _both(8.6, 'away', 'relaxed'),
          _both(10.2, 'away', 'relaxed'), _both(11.0, _MOVED, OPEN), _both(12.0, _MOVED, OPEN),
          _both(12.6, _MOVED, PINCH), _both(13.4, _MOVED, PINCH), _both(13.8, _ARM, OPEN)),
    period=15.0, distance=2.0)
