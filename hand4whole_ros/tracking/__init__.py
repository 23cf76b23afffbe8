"""People over time: identity, steadier hands, and held results when a hand or a person is not detected."""

from .hand_tracker import HandTracker, TrackedHand
from .tracker import Tracker, TrackerConfig

__all__ = ['HandTracker', 'TrackedHand', 'Tracker', 'TrackerConfig']
