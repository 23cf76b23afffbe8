"""The worker: the newest item only, the rest counted; errors do not end it."""

import threading
import time
from unittest.mock import Mock

import pytest

from hand4whole_ros.ros.node.latest_worker import LatestWorker


def wait(condition, timeout=5.0):
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, 'waited in vain'
        time.sleep(0.002)


def test_under_overload_the_newest_is_taken_and_the_rest_is_counted():
    gate, done = threading.Event(), []

    def work(item):
        gate.wait(5)
        done.append(item)

    worker = LatestWorker(work, done.append)
    worker.start()
    worker.submit(0)
    wait(lambda: worker._slot is None)
    for k in range(1, 100):
        worker.submit(k)
    gate.set()
    wait(lambda: len(done) == 2)
    assert done == [0, 99] and worker.pop_dropped_count() == 98 and worker.pop_dropped_count() == 0
    assert worker.stop(1.0)


def test_an_error_is_handed_on_and_the_thread_lives():
    done, errors = [], []

    def work(item):
        if item == 0:
            raise ValueError('no')
        done.append(item)

    worker = LatestWorker(work, errors.append)
    worker.start()
    worker.submit(0)
    wait(lambda: errors)
    worker.submit(1)
    wait(lambda: done)
    assert str(errors[0]) == 'no' and worker.stop(1.0)


def test_the_rate_is_limited_and_the_newest_is_still_taken():
    done = []
    worker = LatestWorker(lambda item: done.append((time.monotonic(), item)), done.append)
    worker.min_period = 0.1
    worker.start()
    started = time.monotonic()
    k = 0
    while time.monotonic() - started < 0.55:
        worker.submit(k)
        k += 1
        time.sleep(0.005)
    assert worker.stop(1.0)
    assert 4 <= len(done) <= 6
    gaps = [b[0] - a[0] for a, b in zip(done, done[1:])]
    assert min(gaps) > 0.09


def test_stop_says_when_the_work_does_not_end():
    release = threading.Event()
    worker = LatestWorker(lambda item: release.wait(5), print)
    worker.start()
    worker.submit(1)
    wait(lambda: worker._slot is None)
    assert not worker.stop(0.05)
    release.set()
    assert worker.stop(2.0)


def test_a_start_that_a_signal_interrupts_can_be_stopped(monkeypatch):
    worker = LatestWorker(lambda item: None, lambda error: None)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, 'start', Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            worker.start()
    assert worker.stop(1.0)


def test_it_can_be_started_again():
    done = []
    for k in range(2):
        worker = LatestWorker(done.append, print)
        worker.start()
        worker.submit(k)
        wait(lambda: done[-1:] == [k])  # noqa: B023
        assert worker.stop(1.0)
    assert LatestWorker(print, print).stop(0.0)


def test_one_that_did_not_end_in_time_is_waited_for_and_two_never_work_at_once():
    release, working, done = threading.Event(), [], []

    def work(item):
        working.append(item)
        assert len(working) == 1, 'two at once'
        if item == 'slow':
            release.wait(5)
        working.remove(item)
        done.append(item)

    errors = []
    worker = LatestWorker(work, errors.append)
    worker.start()
    worker.submit('slow')
    wait(lambda: working)
    before = threading.active_count()
    for _ in range(3):
        assert not worker.stop(0.01)
        worker.start()
    worker.submit('next')
    time.sleep(0.05)
    assert done == [] and working == ['slow']
    release.set()
    wait(lambda: done == ['slow', 'next'])
    assert worker.stop(2.0) and not errors
    wait(lambda: threading.active_count() == before - 1)


def test_what_is_to_be_done_when_idle_waits_for_the_item_in_hand():
    release, closed = threading.Event(), []
    worker = LatestWorker(lambda item: release.wait(5), print)
    worker.start()
    worker.submit(1)
    wait(lambda: worker._slot is None)
    assert not worker.stop(0.01)
    worker.run_when_idle(lambda: closed.append(True))
    time.sleep(0.05)
    assert not closed
    release.set()
    wait(lambda: closed)


def test_who_hands_over_an_item_gives_way_until_it_is_done_but_not_for_long():
    release = threading.Event()
    worker = LatestWorker(lambda item: item == 'slow' and release.wait(5), print)
    worker.start()

    def waited(item, seconds):
        started = time.monotonic()
        worker.submit(item)
        worker.wait_until_idle(seconds)
        return time.monotonic() - started

    assert waited('quick', 4.0) < 2.0
    assert 0.05 <= waited('slow', 0.05) < 2.0
    release.set()
    assert worker.stop(1.0)
