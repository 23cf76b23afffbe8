"""Images that are lost on the way are known by gaps in the stamps, against the camera's own rate."""

import random

import pytest

from hand4whole_ros.ros.node.image_gaps import ImageGaps, loss_warning

SECOND = 10**9


def noted(stamps):
    """Gaps in stamps, s; the period is found anew every ten images, as with each message of diagnostics."""
    gaps = ImageGaps()
    for k, stamp in enumerate(stamps):
        gaps.note(round((1000 + stamp) * SECOND))
        if k % 10 == 9:
            gaps.losses()
    return gaps


def camera(count=300, rate=30.0, lost=0.0, jitter=0.0, seed=0):
    """Stamps of what arrives of so many images."""
    chance = random.Random(seed)
    return [k / rate + chance.uniform(-jitter, jitter) / rate for k in range(count) if chance.random() >= lost]


@pytest.mark.parametrize('lost, jitter', [(0.3, 0.0), (0.66, 0.0), (0.66, 0.05), (0.8, 0.0)])
def test_losses_are_seen_and_the_cure_named(lost, jitter):
    stamps = camera(lost=lost, jitter=jitter)
    gaps = noted(stamps)
    found = gaps.losses()
    assert 1 / found.period == pytest.approx(30, rel=0.1) and found.share == pytest.approx(lost, abs=0.08)
    assert gaps.lost == pytest.approx(300 - len(stamps), rel=0.2)
    line = loss_warning(found, False)
    assert '30 Hz camera do not arrive: set image_transport to compressed' in line
    assert 'fastdds_large_images.xml' in line and '\n' not in line
    assert 'image_transport' not in loss_warning(found, True)


@pytest.mark.parametrize('stamps', [
    camera(), camera(jitter=0.1), camera(rate=7.5), camera(count=8, lost=0.5), camera(lost=0.03),
    [k / 30 for k in range(100)] + [100 + k / 30 for k in range(100)],      # it paused
    [(k % 100) / 30 for k in range(300)],                                   # a bag in a loop
    [k // 2 / 15 for k in range(100)],                                      # every stamp twice
    [0.1 * k for k in range(3, 200, 3)],                                    # throttled to a third
    [0.0] * 50], ids=['steady', 'jitter', 'slow', 'few', 'hardly any', 'pause', 'loop', 'twice', 'throttled', 'still'])
def test_what_is_no_loss_is_no_reason_to_warn(stamps):
    assert loss_warning(noted(stamps).losses(), False) == ''


def test_stamps_at_no_rate_tell_nothing():
    chance = random.Random(1)
    moments = [0.0]
    for _ in range(200):
        moments.append(moments[-1] + chance.expovariate(20))
    gaps = noted(moments)
    assert gaps.losses() is None and gaps.lost < 30


def test_a_camera_that_becomes_slower_has_lost_nothing_for_long():
    gaps = noted([*camera(count=150), *(5 + k / 15 for k in range(120))])
    assert loss_warning(gaps.losses(), False) == ''


def test_images_without_a_stamp_tell_nothing():
    gaps = ImageGaps()
    for _ in range(50):
        gaps.note(0)
    assert gaps.losses() is None and gaps.lost == 0
