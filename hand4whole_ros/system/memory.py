"""Memory of a program that runs for days: pictures that come and go, and what is loaded once and stays."""

from __future__ import annotations

import ctypes
import gc

#: What this process uses for one.
_LIBC = ctypes.CDLL(None)

#: Of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8

#: Bytes. Freed memory is kept up to this much, ...
_TRIM_THRESHOLD = 64 * 2**20
#: ... and blocks up to this size come from there: pictures of 1920 x 1080, but not the weights of a network.
_MMAP_THRESHOLD = 8 * 2**20


def configure_malloc() -> None:
    """Have the C library keep what is freed for the next image.

    By itself glibc hands a block of the size of a picture back to the system at once, and the system clears the
    next one page by page: five times as long as copying the picture. All threads keep it in one place: each in its
    own, two dozen of them would keep the most that each has ever needed, and memory would grow for hours, ever more
    slowly. So this comes before the libraries that start threads. Other C libraries are left as they are.
    """
    mallopt = getattr(_LIBC, 'mallopt', None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD)
        mallopt(_M_TRIM_THRESHOLD, _TRIM_THRESHOLD)
        mallopt(_M_ARENA_MAX, 1)


def freeze_loaded_objects() -> None:
    """Have Python's collector go through what is made from now on only.

    A whole collection goes through every object there is, which takes 0.15 s with torch and a body model loaded, and
    no image is answered meanwhile. For that reason it is put off until a quarter as many new objects have come, and
    what refers to itself stays until then.
    """
    gc.collect()
    gc.freeze()
    gc.collect()    # a quarter of what there is now is little


def trim_memory() -> None:
    """Free what refers to itself, and hand back to the system what the C library keeps for later.

    Some 10 ms where what is loaded is set aside, and some milliseconds for the next image.
    """
    gc.collect()
    malloc_trim = getattr(_LIBC, 'malloc_trim', None)
    if malloc_trim is not None:
        malloc_trim(0)


def collect_frozen_objects() -> None:
    """Free what refers to itself, of what was set aside, too."""
    gc.unfreeze()
    gc.collect()
