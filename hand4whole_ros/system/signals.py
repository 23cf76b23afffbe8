"""Ctrl-C, SIGTERM and a closed terminal end a command with KeyboardInterrupt, once files being written are complete."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

#: Seconds after a signal in which further ones do not interrupt the cleanup.
REPEAT_SECONDS = 2.0


class _SignalState:
    """State of this process: signals are per process."""

    received = False    # the exception may be lost: some libraries swallow it
    deferrals = 0       # depth of `defer_signals`
    waiting = False     # came while deferred


@contextmanager
def raise_as_exceptions(program: bool = False) -> Iterator[None]:
    """Within the block all three raise KeyboardInterrupt in the main thread; an ignored one stays ignored.

    Signals within REPEAT_SECONDS of the first are dropped: they must not interrupt the cleanup.

    program: the process ends with the block. After a signal further ones are then ignored: libraries take a second to
    unload, and a second Ctrl-C would change the exit code.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    owner = os.getpid()

    def interrupt(number, frame):
        if os.getpid() != owner:    # a child of fork
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        elif _SignalState.deferrals:
            _SignalState.waiting = interrupted[0] = True
        elif time.monotonic() - raised[0] >= REPEAT_SECONDS:
            raised[0] = time.monotonic()
            _SignalState.received = interrupted[0] = True
            raise KeyboardInterrupt
    interrupted, raised = [False], [-math.inf]
    _SignalState.received = _SignalState.waiting = False
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, handler in before.items():
        # None: something other than Python has set it, and may rely on it.
        if handler not in (signal.SIG_IGN, None):
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, signal.SIG_IGN if program and interrupted[0] else handler)


@contextmanager
def defer_signals(ending: bool = False) -> Iterator[None]:
    """Within the block signals are deferred to its end. ending: the command ends in any case, and they are dropped."""
    _SignalState.deferrals += 1
    try:
        yield
    finally:
        _SignalState.deferrals -= 1
        _SignalState.waiting = _SignalState.waiting and not ending
    if _SignalState.waiting and not _SignalState.deferrals:
        _SignalState.waiting, _SignalState.received = False, True
        raise KeyboardInterrupt


def raise_pending() -> None:
    """Raises KeyboardInterrupt if a signal came and a library swallowed the exception."""
    if _SignalState.received:
        _SignalState.received = False
        raise KeyboardInterrupt
