"""One thread that processes the newest item only: under overload items are dropped and latency stays constant."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any


class LatestWorker:
    """A slot for one item and the thread that empties it. It may be started and stopped any number of times."""

    def __init__(self, work: Callable[[Any], None], on_error: Callable[[Exception], None]):
        """`work` is called with each item taken; its exceptions are passed to `on_error`, and the thread continues."""
        self._work, self._on_error = work, on_error
        self._condition = threading.Condition()
        self._slot = None
        self._idle = threading.Event()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        # A thread that did not end in time still holds this: the next one waits for it, so that two never run at once.
        self._work_lock = threading.Lock()
        #: Minimum seconds between items; may be set at any time.
        self.min_period = 0.0
        self._dropped = 0
        self._next_start = 0.0

    def start(self) -> None:
        """Start the thread."""
        self._slot = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(self._stopping,), name='inference', daemon=True)
        self._thread.start()

    def submit(self, item: Any) -> None:
        """Put an item into the slot; an item that waits there is dropped."""
        with self._condition:
            self._dropped += self._slot is not None
            self._slot = item
            self._idle.clear()
            self._condition.notify()

    def wait_until_idle(self, seconds: float) -> None:
        """Wait until the present item is finished, `seconds` at most.

        Python runs one thread at a time. The thread that submits an image would otherwise continue with less urgent
        work, and delay the image.
        """
        self._idle.wait(seconds)

    def pop_dropped_count(self) -> int:
        """How many items newer ones have replaced since the last call."""
        dropped, self._dropped = self._dropped, 0
        return dropped

    def stop(self, timeout: float) -> bool:
        """Finish the present item and end the thread. False if it did not end within `timeout` seconds."""
        if self._thread is None:
            return True
        with self._condition:
            self._slot = None
            self._stopping.set()
            self._condition.notify_all()
        # A signal may have interrupted `start`: that thread cannot be joined, and ends as soon as it runs.
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def run_when_idle(self, task: Callable[[], None]) -> None:
        """After `stop`: run `task` once the present item is finished, without waiting for it."""
        def wait():
            with self._work_lock:
                task()
        threading.Thread(target=wait, name='tidying', daemon=True).start()

    def _run(self, stopping):
        with self._work_lock:
            while True:
                with self._condition:
                    while not stopping.is_set() and (self._slot is None or self._seconds_until_due() > 0):
                        self._condition.wait(self._seconds_until_due() or None)
                    if stopping.is_set():
                        return
                    item, self._slot = self._slot, None
                self._next_start = time.monotonic() + self.min_period
                try:
                    self._work(item)
                except Exception as error:  # One bad image must not end the node; the error is logged and counted.
                    self._on_error(error)
                self._idle.set()

    def _seconds_until_due(self):
        """Seconds until the next item may be taken; 0 when it may be now."""
        return max(self._next_start - time.monotonic(), 0.0)
