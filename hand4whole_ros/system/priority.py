"""Priority of a process against others on the same cores."""

from __future__ import annotations

import os
from pathlib import Path

_OWN_THREADS = Path('/proc/self/task')


def set_niceness(niceness: int) -> str:
    """Give all threads that this process has now a niceness, -20 (first) to 19 (last); those they start inherit it.

    Returns why that was not done, '' where it was: less than 0 is for those whom the system allows it.
    """
    try:
        # On Linux a niceness is of one thread; 0 is the calling one, where the system does not list the others.
        threads = [int(path.name) for path in _OWN_THREADS.iterdir()] if _OWN_THREADS.is_dir() else [0]
        for thread in threads:
            try:
                os.setpriority(os.PRIO_PROCESS, thread, niceness)
            except ProcessLookupError:      # it has ended meanwhile
                continue
    except OSError as error:
        return error.strerror or str(error)
    return ''
