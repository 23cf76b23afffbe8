"""An end in time: SIGINT and SIGTERM raise KeyboardInterrupt once, and whatever does not heed it is left behind."""

from __future__ import annotations

import os
import signal
import threading

#: Seconds from a signal to the end of the process, whatever some library is busy with.
END_WITHIN = 1.4

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class EndInTime:
    """From its making until `done`. To be made in the main thread, before rclpy puts its own handlers first.

    Python interrupts the main thread only between two of its own instructions. A library that loads gigabytes for
    half a minute is not interrupted; the signal itself, though, wakes a thread that ends the process.
    """

    def __init__(self, seconds: float = END_WITHIN):
        self._seconds, self._done, self._interrupted = seconds, threading.Event(), False
        for number in _SIGNALS:
            signal.signal(number, self._interrupt)
        self._reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        threading.Thread(target=self._watch, name='end in time', daemon=True).start()

    def done(self) -> None:
        """The end has come by itself."""
        self._done.set()

    def _watch(self):
        while os.read(self._reading, 1) not in [bytes([number]) for number in _SIGNALS]:
            pass
        if not self._done.wait(self._seconds):
            os.write(2, b'something is still busy after the signal to end: it is left behind\n')
            os._exit(0)

    def _interrupt(self, number, frame):
        # A second signal must not interrupt the tidying up.
        if not self._interrupted:
            self._interrupted = True
            raise KeyboardInterrupt
