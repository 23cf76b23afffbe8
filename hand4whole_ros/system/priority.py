"""Priority of a process relative to others on the same cores."""

from __future__ import annotations

import os
from pathlib import Path

_OWN_THREADS = Path('/proc/self/task')


def set_niceness(niceness: int) -> str:
    """Set the niceness of all present threads of this process, -20 (first) to 19 (last); threads they start inherit it.

    Returns why that failed, '' if it did not: less than 0 needs permission.
    """
    try:
        # On Linux a niceness is of one thread; 0 is the calling one, if the system does not list the others.
        threads = [int(path.name) for path in _OWN_THREADS.iterdir()] if _OWN_THREADS.is_dir() else [0]
        for thread in threads:
            try:
                os.setpriority(os.PRIO_PROCESS, thread, niceness)
            except ProcessLookupError:      # it has ended meanwhile
                continue
    except OSError as error:
        return error.strerror or str(error)
    return ''
