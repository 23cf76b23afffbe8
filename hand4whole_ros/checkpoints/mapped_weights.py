"""Files that are mapped into memory, as by safe_load: read ahead of use, and released after it."""

from __future__ import annotations

import ctypes
import mmap
import os
import threading
from collections.abc import Iterable
from pathlib import Path

from torch import Tensor

#: Smaller tensors are not worth a system call.
_MIN_BYTES = 1 << 20

#: Bytes to read ahead at once.
_READ_AHEAD_BYTES = 8 << 20


def read_ahead(paths: Iterable[Path]) -> threading.Thread | None:
    """Have the system read the files ahead, one after the other, in the background.

    Otherwise a mapped file is read from the disk piece by piece, each on access. Files are only read ahead
    into free memory; what does not fit there, or cannot be read, is read on access. Returns
    the thread, None if `posix_fadvise` is unavailable.
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
    """Memory that is available without taking any from a program."""
    try:
        with open('/proc/meminfo') as lines:
            found = dict(line.split(':') for line in lines)
        return 1024 * int(found['MemAvailable'].split()[0])
    except (OSError, KeyError, ValueError):
        return 0


def release_pages(tensor: Tensor) -> None:
    """Release a tensor's pages from this process; later accesses read them from the file again.

    So a file can be read from end to end without being in memory as a whole. Tensors that are not mapped from a file
    are left unchanged, as is everything on systems other than Linux.
    """
    if tensor.device.type != 'cpu' or tensor.nbytes < _MIN_BYTES or not tensor.is_contiguous():
        return
    start, end = tensor.data_ptr(), tensor.data_ptr() + tensor.nbytes
    start, end = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE, end // mmap.PAGESIZE * mmap.PAGESIZE
    if _is_private_file_mapping(start, end):
        ctypes.CDLL(None).madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), mmap.MADV_DONTNEED)


def _is_private_file_mapping(start, end):
    """Whether all these addresses are mapped from a file; other pages would be lost."""
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
