"""Video files, through FFmpeg's libraries (PyAV): frames with the container's own times in, and out again."""

from __future__ import annotations

import av
import av.logging

if int(av.__version__.partition('.')[0]) < 17:    # as in Debian and Ubuntu
    raise ImportError(f"PyAV {av.__version__} is too old for videos: pip install 'av>=17'")

# FFmpeg's log is kept off stderr, while errors in it are counted: see reader.
av.logging.set_level(av.logging.PANIC)


class VideoError(ValueError):
    """A file is no usable video; the message gives the reason in one line."""
