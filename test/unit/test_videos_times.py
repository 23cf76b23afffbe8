"""The times of frames, whatever a container says."""

from fractions import Fraction

import pytest

from hand4whole_ros.media.videos.times import MIN_STEP, FrameTimes, select_frame_rate


def stamps(times, rate=25):
    clock = FrameTimes(rate)
    return [clock.stamp(time) for time in times], clock


@pytest.mark.parametrize('times', [[0.0, 0.04, 0.08], [5.0, 5.5, 9.0, 9.001], [-0.3, 0.1, 3600.0]])
def test_times_are_counted_from_the_first(times):
    found, clock = stamps(times)
    assert found == pytest.approx([time - times[0] for time in times])
    assert clock.untimed == clock.unordered == 0


def test_without_times_the_rate_tells():
    found, clock = stamps([None] * 4, 50)
    assert found == pytest.approx([0, 0.02, 0.04, 0.06]) and clock.untimed == 4


def test_one_without_a_time_among_others():
    found, clock = stamps([1.0, None, 1.08, 1.12, None, None, 1.5])
    assert found == pytest.approx([0, 0.04, 0.08, 0.12, 0.16, 0.2, 0.5]) and clock.untimed == 3


@pytest.mark.parametrize('times, expected', [
    ([0, 0.04, 0.04, 0.08, 0.12], [0, 0.04, 0.08, 0.08 + MIN_STEP, 0.12]),      # one twice
    ([0, 0, 0, 0, 0.16, 0.16], [0, 0.04, 0.08, 0.12, 0.16, 0.2]),               # in heaps
    ([0, 0.08, 0.04, 0.12], [0, 0.08, 0.12, 0.12 + MIN_STEP]),                  # two exchanged
    ([7.0] * 4, [0, 0.04, 0.08, 0.12])])
def test_times_that_stand_still_or_go_back_a_little(times, expected):
    found, clock = stamps(times)
    assert found == pytest.approx(expected) and clock.unordered


@pytest.mark.parametrize('times', [[100.0, 100.04, 0.0, 0.04], [0.0, 0.04, 95443.7, 95443.74], [0.0, 1e12, 1e12, 5.0],
                                   [0, 0.04, 0.5, 0.1, 0.14], [None, None, 77.0, 77.04]])
def test_a_recording_that_begins_anew_goes_on(times):
    found, _ = stamps(times)
    assert all(0 < later - earlier < 0.5 for earlier, later in zip(found, found[1:]))
    assert found[-1] - found[-2] == pytest.approx(0.04)


def test_rates_that_are_none():
    assert select_frame_rate(None, Fraction(0), Fraction(1000), Fraction(30000, 1001)) == pytest.approx(30000 / 1001)
    assert select_frame_rate(Fraction(-5), None) == 30.0 and select_frame_rate(Fraction(240)) == 240.0
