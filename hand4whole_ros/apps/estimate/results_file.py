"""The JSON of `hand4whole estimate`: written as it goes, complete JSON at every moment, and known again as its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from pathlib import Path

from ...system import output_files

#: The file is written anew when so much of it, 1 / SHARE, would be new: no kill costs more than that share, and all the
#: writing together is SHARE + 1 times the file.
REWRITE_DIVISOR = 8

#: What is looked at of a file to know it again, bytes.
_MAX_SEARCHED_BYTES = 1 << 16


class ResultsFile:
    """{"<name>": [person, ...], ...} at `path`, a frame a line; of loose hands alike.

    What is added goes to a nameless file in the same folder, which needs no memory and leaves nothing behind; what is
    at `path` is replaced by a copy from time to time, and at the end.
    """

    def __init__(self, path: Path):
        """Raises OSError where its folder cannot be written."""
        self.path = Path(path)
        folder = self._folder()
        folder.mkdir(parents=True, exist_ok=True)
        self._added = tempfile.TemporaryFile(dir=folder, buffering=0)
        #: Frames that were added, and those of them that are at `path`.
        self.count = self.written = 0
        self._size = self._written_size = 0

    def _folder(self):
        if output_files.is_stream(self.path):   # beside a terminal or a pipe nothing can be put
            return Path(tempfile.gettempdir())
        return output_files.resolve_target(self.path).parent

    def add(self, name: str, people: list[dict]) -> None:
        """One frame. Raises ValueError for numbers that are not finite, OSError where there is no room."""
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
        """All that was added is at `path` afterwards. Raises OSError."""
        self._added.seek(0)
        with output_files.open_replacement(self.path) as out:
            shutil.copyfileobj(self._added, out, 1 << 20)
            out.write(b'\n}\n' if self.count else b'{}\n')
        self.written, self._written_size = self.count, self._size

    def close(self, finished: bool) -> None:
        """Write what is not written yet; of nothing at all only where the work is finished. Raises OSError."""
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
    """Whether a file is JSON of `hand4whole estimate`, by its first frames; not of anything else that is JSON."""
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
        # Where nobody is seen, the frames' names have to be those of files.
        if end is None or not (ours or _FRAME.match(key[1])):
            return False
        at = end.end()
        if end[1] == b'}':
            return not data[at:].strip()
    # More frames without anybody in them than are looked at.
    return len(data) == _MAX_SEARCHED_BYTES and at > _MAX_SEARCHED_BYTES // 2
