"""What C++ libraries write to stderr by themselves: held back where it is nothing a user could act on."""

from __future__ import annotations

import os
import re
import tempfile
import threading
from contextlib import contextmanager

#: Lines of MediaPipe, of LiteRT and of the logging library in both.
_CHATTER = re.compile(rb'^([IW]\d{4} |INFO: |WARNING: All log messages before absl).*\n?', re.MULTILINE)

#: Two threads that took stderr's place at once would each give back what the other had put there.
_ONE_AT_A_TIME = threading.RLock()


@contextmanager
def quiet_stderr():
    """Hold stderr back, and let what is not chatter out at the end; all of it if the body raises."""
    with _ONE_AT_A_TIME, tempfile.TemporaryFile() as held:
        saved = os.dup(2)
        os.dup2(held.fileno(), 2)
        chatter = _CHATTER
        try:
            yield
        except BaseException:
            chatter = None
            raise
        finally:
            os.dup2(saved, 2)
            held.seek(0)
            said = held.read()
            os.write(saved, said if chatter is None else chatter.sub(b'', said))
            os.close(saved)
