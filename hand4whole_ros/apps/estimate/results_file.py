"""The JSON of `hand4whole estimate`: written frame by frame, complete JSON at any time, and recognised as its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from pathlib import Path

from ...system import output_files

#: The file is rewritten when 1 / REWRITE_DIVISOR of it would be new: a kill loses no more than that share, and the
#: total written is REWRITE_DIVISOR + 1 times the file.
REWRITE_DIVISOR = 8

#: Bytes of a file that are read to recognise it.
_MAX_SEARCHED_BYTES = 1 << 16


class ResultsFile:
    """{"<name>": [person, ...], ...} at `path`, a frame a line; the same for loose hands.

    Frames are added to an unnamed file in the same folder, which needs no memory and leaves nothing behind; the file
    at `path` is replaced by a copy from time to time, and at the end.
    """

    def __init__(self, path: Path):
        """Raises OSError if its folder cannot be written."""
        self.path = Path(path)
        folder = self._folder()
        folder.mkdir(parents=True, exist_ok=True)
        self._added = tempfile.TemporaryFile(dir=folder, buffering=0)
        #: Number of frames added, and of those at `path`.
        self.count = self.written = 0
        self._size = self._written_size = 0

    def _folder(self):
        if output_files.is_stream(self.path):   # next to a terminal or a pipe no file can be created
            return Path(tempfile.gettempdir())
        return output_files.resolve_target(self.path).parent

    def add(self, name: str, people: list[dict]) -> None:
        """Add one frame. Raises ValueError for numbers that are not finite, OSError without space."""
        line = f'{json.dumps(name)}: {json.dumps(people, allow_nan=False)}'
        data = memoryview((',\n' if self.count else '{\n').encode() + line.encode())
        at = self._size     # again the same after an error
        while data:
            written = os.pwrite(self._added.fileno(), data, at)
            data, at = data[written:], at + written
        self._size = at
        self.count += 1
        if self._size - self._written_size > self._size // REWRITE_DIVISOR and not output_files.is_stream(self.path):
            self.write()

    def write(self) -> None:
        """Write all added frames to `path`. Raises OSError."""
        self._added.seek(0)
        with output_files.open_replacement(self.path) as out:
            shutil.copyfileobj(self._added, out, 1 << 20)
            out.write(b'\n}\n' if self.count else b'{}\n')
        self.written, self._written_size = self.count, self._size

    def close(self, finished: bool) -> None:
        """Write pending frames; a file without frames only if the work is finished. Raises OSError."""
        if self._added.closed:
            return
        try:
            if self.count > self.written or finished and not self.count:
                self.write()
        finally:
            self._added.close()


_KEY = re.compile(rb'\s*"((?:[^"\\]|\\.)*)"\s*:\s*\[\s*')
_PERSON = re.compile(rb'\{\s*"track_id"\s*:')
_END = re.compile(rb'\]\s*([,}])')
_FRAME = re.compile(rb'.*(#\d{6,}|\.[A-Za-z0-9]{2,4})\Z', re.DOTALL)


def is_results_file(path: Path) -> bool:
    """Whether a file is JSON of `hand4whole estimate`, by its first frames; false for any other JSON."""
    with open(path, 'rb') as stream:
        data = stream.read(_MAX_SEARCHED_BYTES)
    if data.split() in ([b'{}'], [b'{', b'}']):
        return True     # nothing is lost
    start = re.match(rb'\s*\{', data)
    if start is None:
        return False
    at, ours = start.end(), data.startswith(b'{\n"')
    while key := _KEY.match(data, at):
        if _PERSON.match(data, key.end()):
            return True
        end = _END.match(data, key.end())
        if end is None and len(data) == _MAX_SEARCHED_BYTES and key.end() > _MAX_SEARCHED_BYTES - 10:
            break
        # Without people, the frames' names have to be those of files.
        if end is None or not (ours or _FRAME.match(key[1])):
            return False
        at = end.end()
        if end[1] == b'}':
            return not data[at:].strip()
    # More frames without people than are read.
    return len(data) == _MAX_SEARCHED_BYTES and at > _MAX_SEARCHED_BYTES // 2
