"""A clean end in time: SIGINT and SIGTERM end the program at any moment, even while a library is busy."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from typing import NoReturn

#: Maximum seconds from a signal to the end of the process, even while a library is busy.
EXIT_TIMEOUT = 1.4

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def exit_now(code: int) -> NoReturn:
    """End the process at once.

    Everything is closed by now. An ordinary exit would unload libraries for a second, in which a thread that is still
    inside one of them would crash.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):   # without a reader, closed, or missing
            stream.flush()
    os._exit(code)


class SignalGuard:
    """Active from its creation until `done`. Create it in the main thread, before rclpy installs its own handlers.

    At first a signal ends the process at once, with exit code 0: libraries that are being imported convert an
    exception to other errors, or lose it. From `enable_interrupts` on, when cleanup is needed, it raises
    KeyboardInterrupt, once.

    Python interrupts the main thread only between two of its own instructions. A library that loads gigabytes for
    half a minute is not interrupted; the signal itself, though, wakes a thread that ends the process.
    """

    def __init__(self, seconds: float = EXIT_TIMEOUT):
        self._seconds, self._disarmed, self._raise_interrupt = seconds, threading.Event(), False
        #: Whether a signal has come; rclpy may have converted the exception to another error.
        self.signalled = False
        self._previous_handlers = {number: signal.signal(number, self._handle_signal) for number in _SIGNALS}
        self._read_fd, self._write_fd = os.pipe()
        os.set_blocking(self._write_fd, False)
        signal.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)
        threading.Thread(target=self._watch, name='end in time', daemon=True).start()

    def enable_interrupts(self) -> None:
        """Cleanup is needed from now on: signals raise KeyboardInterrupt."""
        self._raise_interrupt = True

    def done(self) -> None:
        """The program has ended without a signal."""
        self._disarmed.set()

    def restore_handlers(self) -> None:
        """Nothing was started, and the process continues: restore the previous handlers."""
        signal.set_wakeup_fd(-1)
        for number, handler in self._previous_handlers.items():
            signal.signal(number, handler)
        os.close(self._write_fd)

    def _watch(self):
        while (came := os.read(self._read_fd, 1)) not in [bytes([number]) for number in _SIGNALS]:
            if not came:
                os.close(self._read_fd)
                return
        if not self._disarmed.wait(self._seconds):
            os.write(2, b'something is still busy after the signal to end: it is left behind\n')
            os._exit(0)

    def _handle_signal(self, number, frame):
        if not self._raise_interrupt:
            os._exit(0)
        # A second signal must not interrupt the cleanup.
        if not self.signalled:
            self.signalled = True
            raise KeyboardInterrupt
