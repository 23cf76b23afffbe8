"""Memory of tensors that are mapped from their file, as safe_load maps them."""

from __future__ import annotations

import ctypes
import mmap

from torch import Tensor

#: Smaller tensors are not worth a question to the system.
_LEAST_BYTES = 1 << 20


def let_go(tensor: Tensor) -> None:
    """Take a tensor's pages out of this process; whoever reads it again gets them from the file again.

    So a file can be read from end to end without being in memory as a whole. Tensors that are not mapped from a file
    are left alone, as is everything where the system is not Linux.
    """
    if tensor.device.type != 'cpu' or tensor.nbytes < _LEAST_BYTES or not tensor.is_contiguous():
        return
    start, end = tensor.data_ptr(), tensor.data_ptr() + tensor.nbytes
    start, end = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE, end // mmap.PAGESIZE * mmap.PAGESIZE
    if _is_private_to_a_file(start, end):
        ctypes.CDLL(None).madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), mmap.MADV_DONTNEED)


def _is_private_to_a_file(start, end):
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
