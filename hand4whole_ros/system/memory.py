"""Memory of a program that runs for days: short-lived images, and objects that are loaded once."""

from __future__ import annotations

import ctypes
import gc
import sys

#: The C library of this process.
_LIBC = ctypes.CDLL(None)

#: Of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8

#: Bytes. Freed memory is kept up to this much, ...
_TRIM_THRESHOLD = 64 * 2**20
#: ... and blocks up to this size come from there: images of 1920 x 1080, but not the weights of a network.
_MMAP_THRESHOLD = 8 * 2**20


def configure_malloc() -> None:
    """Make the C library keep freed memory for the next image.

    By default glibc returns a block of the size of an image to the system at once, and the system clears the
    next one page by page, which takes five times as long as copying the image. All threads share one arena: with
    separate ones, two dozen threads would each keep their maximum, and memory would grow for hours, ever more
    slowly. Call this before importing libraries that start threads. Other C libraries are not changed.
    """
    mallopt = getattr(_LIBC, 'mallopt', None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD)
        mallopt(_M_TRIM_THRESHOLD, _TRIM_THRESHOLD)
        mallopt(_M_ARENA_MAX, 1)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that the memory of the machine, or of its GPU, has run out."""
    torch = sys.modules.get('torch')    # if it raised the error, it is loaded
    return isinstance(error, MemoryError) or (torch is not None and isinstance(error, torch.OutOfMemoryError))


def freeze_loaded_objects() -> None:
    """Restrict Python's collector to objects created from now on.

    A full collection traverses all objects, which takes 0.15 s with torch and a body model loaded, and
    no image is processed meanwhile. Python therefore delays it until there are a quarter as many new objects, and
    reference cycles stay until then.
    """
    gc.collect()
    gc.freeze()
    gc.collect()    # a quarter of the remaining objects is little


def trim_memory() -> None:
    """Free reference cycles, and return the memory that the C library keeps to the system.

    Takes some 10 ms if loaded objects are frozen, and some milliseconds for the next image.
    """
    gc.collect()
    malloc_trim = getattr(_LIBC, 'malloc_trim', None)
    if malloc_trim is not None:
        malloc_trim(0)


def collect_frozen_objects() -> None:
    """Free reference cycles, also among frozen objects."""
    gc.unfreeze()
    gc.collect()
