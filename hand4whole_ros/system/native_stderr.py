"""Suppression of C++ libraries' messages on stderr that a user cannot act on."""

from __future__ import annotations

import os
import re
import tempfile
import threading
from contextlib import contextmanager

#: Lines of MediaPipe, of LiteRT and of the logging library in both.
_LOG_NOISE = re.compile(rb'^([IW]\d{4} |INFO: |WARNING: All log messages before absl).*\n?', re.MULTILINE)


class _StderrCapture:
    """Captured stderr: threads that capture it at the same time share one file."""

    def __init__(self):
        self._lock = threading.Lock()
        self._count, self._failed = 0, False

    def take(self):
        with self._lock:
            if self._count == 0:
                self._file, self._saved, self._failed = tempfile.TemporaryFile(), os.dup(2), False
                os.dup2(self._file.fileno(), 2)
            self._count += 1

    def release(self, failed):
        with self._lock:
            self._count -= 1
            self._failed |= failed
            if self._count:
                return
            os.dup2(self._saved, 2)
            self._file.seek(0)
            written = self._file.read()
            os.write(self._saved, written if self._failed else _LOG_NOISE.sub(b'', written))
            os.close(self._saved)
            self._file.close()


_CAPTURE = _StderrCapture()


@contextmanager
def suppress_native_stderr():
    """Capture stderr, and write all but the known messages at the end; all of it if the body raises.

    Several threads may do so at once; the text is written when the last of them is done.
    """
    _CAPTURE.take()
    try:
        yield
    except BaseException:
        _CAPTURE.release(failed=True)
        raise
    _CAPTURE.release(failed=False)
