"""People over time: who is who, steadier hands, and what is known when a hand or a person is not seen."""

from .hand_tracker import HandTracker, TrackedHand
from .tracker import Tracker, TrackerConfig

__all__ = ['HandTracker', 'TrackedHand', 'Tracker', 'TrackerConfig']
