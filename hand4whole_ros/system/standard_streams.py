"""The end of a command whose output nobody takes any more: quiet, and not in the interpreter's last moments."""

from __future__ import annotations

import os
import select
import sys

#: Exit code by convention: 128 and the number of SIGPIPE, as shells say it of other commands before `| head`.
EXIT_READER_CLOSED = 141


class StdoutWriteError(Exception):
    """What was written to stdout did not get there. The message is the one line to show where somebody reads it."""

    def __init__(self, error: OSError):
        super().__init__(f'stdout cannot be written: {error.strerror or error}')
        self.reader_gone = isinstance(error, BrokenPipeError)


def flush_stdout() -> None:
    """Write out what print has kept. Raises StdoutWriteError; nothing is kept after that."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError as error:
        _redirect_to_null(1)
        raise StdoutWriteError(error) from None
    except ValueError:      # closed
        pass


def is_reader_closed() -> bool:
    """Whether stdout or stderr is a pipe that nobody reads."""
    return any(_is_pipe_closed(number) for number in (1, 2))


def discard_output() -> None:
    """What is still written to such a pipe goes nowhere from now on."""
    for number in (1, 2):
        if _is_pipe_closed(number):
            _redirect_to_null(number)


def _is_pipe_closed(number):
    poll = select.poll()
    poll.register(number, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def _redirect_to_null(number):
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)
