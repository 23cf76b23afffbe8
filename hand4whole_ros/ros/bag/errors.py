"""The one exception of bags, and its message."""

from __future__ import annotations

import errno
import shlex
import unicodedata
from collections.abc import Iterable
from pathlib import Path


class BagError(ValueError):
    """A bag cannot be used; the message is one line for the user, whatever paths and names contain."""

    def __init__(self, text: str):
        super().__init__(sanitise_line(text))


def sanitise_line(text: str) -> str:
    """Text that is safe in every terminal: line ends, control characters and invalid UTF-8 are replaced."""
    text = text.encode('utf-8', 'backslashreplace').decode()
    return ''.join('?' if unicodedata.category(letter) in ('Cc', 'Zl', 'Zp') else letter for letter in text)


def make_read_error(path: Path, error: Exception) -> BagError:
    """An exception of a bag library while it reads a file, as a line that names file, reason and next command."""
    if isinstance(error, BagError):
        text = str(error)
        return error if text.startswith(f'{path}: ') else BagError(f'{path}: {text}')
    if isinstance(error, MemoryError):
        return BagError(f'{path}: a part of it has, or claims to have, more bytes than there is memory')
    text = ' '.join(str(error).split()) or type(error).__name__
    if isinstance(error, OSError) and error.errno is not None:
        room = '; TMPDIR names another place to unpack to' if error.errno == errno.ENOSPC else ''
        return BagError(f'{path}: cannot be read: {error.strerror}{room}')
    return BagError(f'{path}: damaged or cut off while it was recorded: {text[:300]}; {repair_command(path)}')


def repair_command(path: Path) -> str:
    """The command that recovers the readable part of a damaged file."""
    if path.suffix == '.db3':
        return f'try `sqlite3 {quote_path(path)} .recover | sqlite3 {quote_path(path.stem)}_recovered.db3`'
    if path.suffix == '.mcap':
        return f'try `mcap recover {quote_path(path)} -o {quote_path(path.stem)}_recovered.mcap`'
    return 'copy it again from where it was recorded'


def quote_path(path: Path | str) -> str:
    """A path quoted for a shell."""
    return shlex.quote(str(path))


def format_names(names: Iterable[str], most: int = 5) -> str:
    """A list of names; of many, the first ones."""
    names = [name[:200] for name in names]
    return ', '.join(names[:most]) + (f' and {len(names) - most} more' if len(names) > most else '')
