"""Quality of service: the node's profiles, and warnings if two sides do not match."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy, qos_policy_name_from_kind

from ..compat import PublisherEventCallbacks, SubscriptionEventCallbacks

_RELIABILITY = {'best_effort': ReliabilityPolicy.BEST_EFFORT, 'reliable': ReliabilityPolicy.RELIABLE}


def _make_profile(reliability, durability=DurabilityPolicy.VOLATILE, depth=1):
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=depth, reliability=reliability, durability=durability)


#: Poses, operator topics: reliable, so that subscribers of both kinds match.
POSES = _make_profile(ReliabilityPolicy.RELIABLE, depth=10)
#: Large and soon outdated: only the newest is kept.
VISUALIZATIONS = _make_profile(ReliabilityPolicy.RELIABLE)
#: Latched: late joiners get it.
SKELETON = _make_profile(ReliabilityPolicy.RELIABLE, DurabilityPolicy.TRANSIENT_LOCAL)
#: As tf2's own broadcaster.
TF = _make_profile(ReliabilityPolicy.RELIABLE, depth=100)
DIAGNOSTICS = _make_profile(ReliabilityPolicy.RELIABLE, depth=10)


def image_profile(reliability: str, publishers: list[QoSProfile]) -> QoSProfile:
    """The image subscription, for the parameter image_reliability. Only the newest image is kept.

    'auto' is best effort, which matches all publishers, until all publishers found are reliable: an image
    is sent in many fragments, and one lost fragment loses a best effort image.
    """
    if reliability == 'auto':
        return _make_profile(_common_reliability(publishers))
    return _make_profile(_RELIABILITY[reliability])


def depth_profile(publishers: list[QoSProfile]) -> QoSProfile:
    """The subscription to depth images. Several are kept: a waiting one may belong to the next colour
    image."""
    return _make_profile(_common_reliability(publishers), depth=4)


def camera_info_profile(publishers: list[QoSProfile]) -> QoSProfile:
    """The strongest subscription that every one of these publishers satisfies.

    A latched camera_info, sent once, is received only by a transient local subscription, which a
    volatile publisher does not match: the profile depends on the publishers found.
    """
    latched = publishers and all(p.durability == DurabilityPolicy.TRANSIENT_LOCAL for p in publishers)
    return _make_profile(_common_reliability(publishers),
                    DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE)


def _common_reliability(publishers):
    reliable = publishers and all(p.reliability == ReliabilityPolicy.RELIABLE for p in publishers)
    return ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT


def subscription_events(incompatible: Callable[[str], None]) -> SubscriptionEventCallbacks:
    """Call `incompatible` with the policy's name when a publisher offers less than this subscription requests."""
    return SubscriptionEventCallbacks(
        incompatible_qos=lambda event: incompatible(qos_policy_name_from_kind(event.last_policy_kind)),
        use_default_callbacks=False)


def publisher_events(topic: str, warn) -> PublisherEventCallbacks:
    """Warn by name when a subscriber requests more than this publisher offers."""
    def incompatible(event):
        policy = qos_policy_name_from_kind(event.last_policy_kind)
        warn(f'a subscriber on {topic} requests an incompatible {policy} and receives nothing: '
             'ask for reliable or best effort, volatile')
    return PublisherEventCallbacks(incompatible_qos=incompatible, use_default_callbacks=False)
