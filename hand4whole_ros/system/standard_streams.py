"""The end of a command whose output pipe is closed: without messages, and before the interpreter exits."""

from __future__ import annotations

import os
import select
import sys

#: Exit code by convention: 128 and the number of SIGPIPE, as shells report it for other commands before `| head`.
EXIT_READER_CLOSED = 141


class StdoutWriteError(Exception):
    """Writing to stdout failed. The message is one line for the user, if stderr has a reader."""

    def __init__(self, error: OSError):
        super().__init__(f'stdout cannot be written: {error.strerror or error}')
        self.reader_gone = isinstance(error, BrokenPipeError)


def flush_stdout() -> None:
    """Flush stdout. Raises StdoutWriteError; its buffer is discarded then."""
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
    """Whether stdout or stderr is a pipe without a reader."""
    return any(_is_pipe_closed(number) for number in (1, 2))


def discard_output() -> None:
    """Discard all further output to such a pipe."""
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
