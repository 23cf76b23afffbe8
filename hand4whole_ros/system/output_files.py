"""Outputs of commands: whether a path may be written, checked before the work, and writing completely or not at all.

A file is replaced only if this package wrote the existing one. Images, videos and drawings contain MARK; files
without a place for it are recognised by their own readers (`is_own` of check_output_file).
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import stat
import struct
import tempfile
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

#: In every file that has a place for it, near its beginning or its end.
FILE_MARK = b'written by hand4whole_ros'

#: The same in JSON, for the beginning of an object.
ORIGIN = {'origin': FILE_MARK.decode()}

#: And in SVG.
XML_FILE_MARK = f'<!-- {FILE_MARK.decode()} -->'

#: Bytes of a file's beginning and end that are searched for MARK.
_MARK_SEARCH_BYTES = 4096

#: Prefix of the name of every file being written; remaining ones are of killed processes.
PART_PREFIX = '.hand4whole-'

#: Errors for lack of space.
DISK_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

#: Other system errors -> text for the user.
_PATH_ADVICE = {errno.ENOTDIR: 'a part of the path is a file, not a folder'}


class OutputError(ValueError):
    """An output may not, or cannot, be written; the message is one line for the user."""


def printable_path(path: Path | str) -> str:
    """A path as text for every encoding and every reader of JSON: bytes that are no UTF-8 become `\\xe9`."""
    return os.fsencode(path).decode('utf-8', 'backslashreplace')


def format_write_error(path: Path | str, error: OSError) -> str:
    """Why writing failed, in one line."""
    if error.errno in DISK_FULL_ERRNOS:
        return f'no space left for {printable_path(path)}: free some and repeat the command'
    return f'{printable_path(path)} cannot be written: {_PATH_ADVICE.get(error.errno or 0) or error.strerror or error}'


def is_marked(path: Path) -> bool:
    """Whether this package wrote the file."""
    with open(path, 'rb') as stream:
        found = stream.read(_MARK_SEARCH_BYTES)
        size = os.fstat(stream.fileno()).st_size
        stream.seek(max(size - _MARK_SEARCH_BYTES, 0))
        return FILE_MARK in found or FILE_MARK in stream.read(_MARK_SEARCH_BYTES)


def resolve_target(path: Path) -> Path:
    """The target of `path`, with links resolved."""
    return Path(os.path.realpath(path))


def is_stream(path: Path) -> bool:
    """Whether the path is a terminal, a pipe or /dev/null, where writing replaces nothing."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)


def path_identity(path: Path) -> tuple[int, int] | str:
    """A value equal for all paths to one file or folder, including links, hard links and case."""
    real = os.path.realpath(path)   # also if '..' follows a missing folder
    try:
        about = os.stat(real)
    except OSError:
        return real
    return about.st_dev, about.st_ino


def is_same_path(one: Path, other: Path) -> bool:
    """Whether two paths are of one file or folder."""
    return path_identity(one) == path_identity(other)


def is_inside(path: Path, folder: Path) -> bool:
    """Whether `path` is the folder or inside it, at any depth."""
    real = resolve_target(path)
    return any(is_same_path(each, folder) for each in (path, real, *real.parents))


def check_output_file(path: Path, inputs: Container = (), is_own: Callable[[Path], bool] = is_marked,
               option: str = '') -> None:
    """Raises OutputError unless a file can be written to `path` without overwriting other files.

    inputs: identities of files that are read. is_own: whether an existing file was written by this package.
    option: name of the path in the message.
    """
    name = f'{option} {printable_path(path)}'.lstrip()
    if path_identity(path) in inputs:
        raise OutputError(f'{name} is read as an input, and inputs are never written on; name another file')
    try:
        about = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        check_output_folder(resolve_target(path).parent, name)
        return
    except OSError as error:
        raise OutputError(f'{option} {format_write_error(path, error)}'.lstrip()) from None
    if stat.S_ISDIR(about.st_mode):
        raise OutputError(f'{name} is a folder; name a file')
    if is_stream(path):
        return
    if not stat.S_ISREG(about.st_mode):
        raise OutputError(f'{name} is a device; name a file')
    try:
        own = not about.st_size or is_own(path)
    except OSError as error:
        raise OutputError(f'{name} cannot be read: {error.strerror}') from None
    if not own:
        raise OutputError(f'{name} is there already, and hand4whole did not write it: it is not replaced; name another '
                          'file, or move that one away')
    if not os.access(path, os.W_OK):
        raise OutputError(f'{name} may not be written: it is read-only')
    check_output_folder(resolve_target(path).parent, name)


def check_output_folder(folder: Path, name: str = '') -> None:
    """Raises OutputError unless files can be written to `folder`, which need not exist yet. Leaves nothing there."""
    folder = Path(folder)
    name = name or printable_path(folder)
    try:
        nearest = folder
        while not os.path.lexists(nearest) and nearest.parent != nearest:
            nearest = nearest.parent
        if not nearest.is_dir():
            raise OutputError(f'{name}: {printable_path(nearest)} is no folder')
        tempfile.TemporaryFile(dir=nearest).close()
    except OSError as error:
        raise OutputError(f'{name} cannot be written: {printable_path(nearest)}: {error.strerror or error}') from None


@contextmanager
def open_replacement(path: Path, durable: bool = True) -> Iterator[BinaryIO]:
    """A stream whose bytes are at `path` when the block has succeeded; else the previous file is kept.

    Missing folders are created. Links are followed, permissions kept. durable: wait until it is on the disk.
    """
    if is_stream(path):
        with open(path, 'wb') as stream:
            yield stream
        return
    with replacement_path(path) as part:
        with open(part, 'xb') as stream:
            yield stream
            stream.flush()
            if durable:
                os.fsync(stream.fileno())


@contextmanager
def replacement_path(path: Path) -> Iterator[Path]:
    """As `open_replacement`, for libraries that open their file themselves: the path to write to."""
    part = new_part_path(path)
    try:
        yield part
        commit_part(part, path)
    finally:
        part.unlink(missing_ok=True)


def new_part_path(path: Path) -> Path:
    """An unused file name in the folder of `path`, which is created: ASCII, with the suffix of `path`."""
    folder, suffix = resolve_target(path).parent, path.suffix
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f'{PART_PREFIX}{secrets.token_hex(6)}.part{suffix if suffix.isascii() else ""}'


def commit_part(part: Path, path: Path) -> None:
    """Move a finished part to `path`. Permissions of a replaced file are kept."""
    end = resolve_target(path)
    if end.exists():
        part.chmod(stat.S_IMODE(end.stat().st_mode))
    os.replace(part, end)


def write_file(path: Path, data: bytes, durable: bool = True) -> None:
    """Write a complete file, or none: see `open_replacement`."""
    with open_replacement(path, durable) as stream:
        stream.write(data)


def write_json(path: Path, value: dict) -> None:
    """Write a dict as JSON with MARK. Raises OSError."""
    write_file(path, (json.dumps({**ORIGIN, **value}, indent=1) + '\n').encode())


def add_mark(data: bytes) -> bytes:
    """A PNG or JPEG with MARK in it, where readers ignore it; other data unchanged."""
    if data.startswith(b'\x89PNG\r\n\x1a\n'):
        at = 8 + 12 + 13    # after the signature and IHDR
        return data[:at] + _png_chunk(b'tEXt', b'Software\0' + FILE_MARK) + data[at:]
    if data.startswith(b'\xff\xd8\xff\xe0'):
        at = 4 + struct.unpack_from('>H', data, 4)[0]   # after JFIF's own segment, which has to come first
        return data[:at] + b'\xff\xfe' + struct.pack('>H', 2 + len(FILE_MARK)) + FILE_MARK + data[at:]
    return data


def _png_chunk(kind, data):
    import zlib
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def mark_video(path: Path) -> None:
    """Add MARK to an MP4, in a box that readers ignore."""
    with open(path, 'ab') as stream:
        stream.write(struct.pack('>I', 8 + len(FILE_MARK)) + b'free' + FILE_MARK)
