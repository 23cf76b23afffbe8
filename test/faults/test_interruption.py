"""Signals as one exception, which waits while a file is put in its place."""

import os
import signal

import pytest

from hand4whole_ros.system import signals

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize('number', SIGNALS)
def test_each_is_an_exception_and_afterwards_what_it_was(number):
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), signals.raise_as_exceptions():
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) == before


def test_it_waits_and_is_raised_once(tmp_path):
    done = []
    with signals.raise_as_exceptions():
        with pytest.raises(KeyboardInterrupt), signals.defer_signals():
            with signals.defer_signals():
                os.kill(os.getpid(), signal.SIGTERM)
                os.kill(os.getpid(), signal.SIGINT)
                done.append('inner')
            done.append('outer')
        with signals.defer_signals():
            done.append('after')
    assert done == ['inner', 'outer', 'after']


def test_where_the_command_ends_anyhow_it_is_dropped():
    with signals.raise_as_exceptions():
        with signals.defer_signals(ending=True):
            os.kill(os.getpid(), signal.SIGTERM)
        with signals.defer_signals():
            pass


def test_one_that_a_library_swallowed_is_raised_at_the_next_check():
    with signals.raise_as_exceptions():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt:
            pass
        with pytest.raises(KeyboardInterrupt):
            signals.raise_pending()
        signals.raise_pending()


def test_one_that_is_ignored_stays_ignored():
    """As nohup has it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals.raise_as_exceptions():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_forked_child_ends_as_it_would_have():
    with signals.raise_as_exceptions():
        child = os.fork()
        if not child:
            os.kill(os.getpid(), signal.SIGTERM)
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
