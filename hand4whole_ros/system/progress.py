"""Progress of long work: bars on terminals only; elsewhere, as in log files, a line for each stage and one a minute."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

log = logging.getLogger(__name__)

#: Seconds between two lines of one stage.
LOG_PERIOD = 60.0


class ProgressBar(tqdm):
    """tqdm's bar on a terminal; elsewhere a line when a stage begins, and one every PERIOD."""

    def __init__(self, what: Iterable | None = None, desc: str = '', total: float | None = None, enabled: bool = True,
                 **options):
        """enabled: False for neither bar nor lines. `options`: of tqdm."""
        super().__init__(what, desc, total, file=sys.stderr, disable=None if enabled else True, **options)
        self._lines, self._unit = enabled and self.disable, options.get('unit', 'it')
        if self.total is None:
            self.total = getattr(what, '__len__', lambda: None)()
        self._title, self._last = desc, time.monotonic()
        if self._lines and desc:
            log.info('%s', f'{desc}: {self._format_amount(self.total)}' if self.total else desc)

    def __iter__(self) -> Iterator:
        if not self.disable:
            yield from super().__iter__()
            return
        for one in self.iterable:
            yield one
            self.update()

    def update(self, n: float = 1) -> bool | None:
        """Add `n` finished items; `self.n` is the total."""
        if not self.disable:
            return super().update(n)
        self.n += n
        if self._lines and time.monotonic() - self._last >= LOG_PERIOD:
            self._last = time.monotonic()
            log.info('%s: %s', self._title, f'{self.n:g} of {self._format_amount(self.total)}' if self.total
                     else self._format_amount(self.n))
        return None

    def set_description(self, desc: str | None = None, refresh: bool = True) -> None:
        """Begin another stage."""
        if not self.disable:
            super().set_description(desc, refresh)
        elif self._lines and desc and desc != self._title:
            self._title = desc
            log.info('%s', desc)

    def _format_amount(self, count):
        plural = {'person': 'people', 'B': 'B'}.get(self._unit, f'{self._unit}s')
        return f'{count:g} {self._unit if count == 1 else plural}'


class ProgressLogHandler(logging.Handler):
    """Writes the log to stderr, above any bar."""

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        try:
            tqdm.write(self.format(record), file=sys.stderr)
            sys.stderr.flush()
        except Exception:   # As in logging: a log that cannot be written must not end the work.
            self.handleError(record)


@contextmanager
def log_to_stderr() -> Iterator[None]:
    """Within the block the log is shown: from INFO on if logging is not configured, else as configured."""
    root, handler = logging.getLogger(), ProgressLogHandler()
    if not root.handlers:
        root.setLevel(logging.INFO)
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
