"""Files that are mapped into memory, as safe_load maps them: read before they are needed, let go when they were."""

from __future__ import annotations

import ctypes
import mmap
import os
import threading
from collections.abc import Iterable
from pathlib import Path

from torch import Tensor

#: Smaller tensors are not worth a question to the system.
_MIN_BYTES = 1 << 20

#: Bytes that the system is asked to read at once.
_READ_AHEAD_BYTES = 8 << 20


def read_ahead(paths: Iterable[Path]) -> threading.Thread | None:
    """Have the system read the files, one after the other, while the caller goes on.

    A file that is mapped comes from the disk piece by piece otherwise, each on access. They are only read
    into memory that is to spare; what does not fit there, or cannot be read, is left for whoever asks for it. Returns
    what does it, None where the system takes no such wishes.
    """
    if not hasattr(os, 'posix_fadvise'):
        return None
    reader = threading.Thread(target=_read_ahead_files, args=(list(paths), _available_bytes() // 2), daemon=True)
    reader.start()
    return reader


def _read_ahead_files(paths, max_bytes):
    for path in paths:
        try:
            file = os.open(path, os.O_RDONLY)
        except OSError:
            continue
        try:
            size = min(os.fstat(file).st_size, max_bytes)
            for start in range(0, size, _READ_AHEAD_BYTES):
                os.posix_fadvise(file, start, _READ_AHEAD_BYTES, os.POSIX_FADV_WILLNEED)
            max_bytes -= size
        except OSError:
            pass
        finally:
            os.close(file)


def _available_bytes():
    """Memory that could be had without taking any from a program."""
    try:
        with open('/proc/meminfo') as lines:
            found = dict(line.split(':') for line in lines)
        return 1024 * int(found['MemAvailable'].split()[0])
    except (OSError, KeyError, ValueError):
        return 0


def release_pages(tensor: Tensor) -> None:
    """Take a tensor's pages out of this process; whoever reads it again gets them from the file again.

    So a file can be read from end to end without being in memory as a whole. Tensors that are not mapped from a file
    are left alone, as is everything where the system is not Linux.
    """
    if tensor.device.type != 'cpu' or tensor.nbytes < _MIN_BYTES or not tensor.is_contiguous():
        return
    start, end = tensor.data_ptr(), tensor.data_ptr() + tensor.nbytes
    start, end = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE, end // mmap.PAGESIZE * mmap.PAGESIZE
    if _is_private_file_mapping(start, end):
        ctypes.CDLL(None).madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), mmap.MADV_DONTNEED)


def _is_private_file_mapping(start, end):
    """Whether the system says so of all these addresses; what is not a file's would be lost."""
    try:
        with open('/proc/self/maps') as maps:
            for line in maps:
                span, permissions, _, _, inode = line.split(None, 5)[:5]
                first, last = (int(address, 16) for address in span.split('-'))
                if first <= start < last:
                    return end <= last and inode != '0' and permissions.endswith('p')
    except OSError:
        pass
    return False
