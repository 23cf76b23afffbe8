"""The published files if they are present; else generated ones of their form and size.

Speed, memory and start time are then measured with the code that reads and runs the published ones.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from ..checkpoints import files
from ..checkpoints.hand4whole_pp import PUBLISHED, load_body
from ..checkpoints.random_weights import load_random
from ..checkpoints.store import Store
from ..networks.hand4whole_pp import HAND4WHOLE_PP, HAND4WHOLE_PP_TINY
from .dummy_body import dummy_body, write_dummy_body
from .result_rows import BenchmarkSkipped

SIZES = {'full': HAND4WHOLE_PP, 'tiny': HAND4WHOLE_PP_TINY}

#: Bytes of the weights at full size, with some margin.
_DISK_BYTES = 5 << 30


class BenchmarkFiles:
    """A folder with all of them; a context manager, which deletes generated ones at the end.

    folder: of the published files, None for the default. size: the published weights are of size 'full'.
    """

    def __init__(self, folder: Path | None = None, size: str = 'full'):
        self._given, self._size = folder, size
        self._scratch = None
        self._path = None
        self._body_scratch = None
        #: Text about found and generated files, for the user; and of the body alone.
        self.remark = self.body_remark = ''

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for scratch in (self._scratch, self._body_scratch):
            if scratch is not None:
                scratch.cleanup()

    def folder(self) -> Path:
        """The folder; created on the first call. Raises BenchmarkSkipped, CheckpointError or BodyModelError."""
        if self._path is None:
            self._path = self._complete()
        return self._path

    def body_folder(self) -> Path:
        """A folder of the body model files; created on the first call. Raises CheckpointError or BodyModelError."""
        if self._body_scratch is None:
            store = Store(self._given)
            if self._given is not None:
                load_body(store)
            self._body_scratch = tempfile.TemporaryDirectory(prefix='hand4whole_bench_')
            self.body_remark = _link_body_files(store, Path(self._body_scratch.name))
        return Path(self._body_scratch.name)

    def _complete(self):
        store = Store(self._given)
        if self._given is not None:
            load_body(store)  # its faults are reported here, in one line
        if self._size == 'full' and not store.missing(files.ESTIMATOR):
            self.remark = 'published weights; the licensed body models'
            return store.folder
        self._scratch = tempfile.TemporaryDirectory(prefix='hand4whole_bench_')
        made = Path(self._scratch.name)
        self.remark = ('weights made up from names (they cost the same); ' if self._size == 'full' else
                       'a tiny network, made up; ') + _link_body_files(store, made)
        if self._size == 'full' and shutil.disk_usage(made).free < _DISK_BYTES:
            raise BenchmarkSkipped(f'weights would be made up in {made.parent}, which lacks {_DISK_BYTES >> 30} GB; '
                             f'set TMPDIR to a folder that has them')
        # In a process of its own, so that its memory does not count here.
        if subprocess.run([sys.executable, '-m', __name__, self._size, str(made)]).returncode:
            raise RuntimeError('the process that makes weights up failed; see above')
        return made


def _link_body_files(store, made):
    found = [store.find(file) for file in files.BODY_FILES]
    if all(path is not None and path.name == file.file_names[0] for file, path in zip(files.BODY_FILES, found)):
        for path in found:
            (made / path.name).symlink_to(path.resolve())
        return 'the licensed body models'
    write_dummy_body(made)
    return 'a stand-in body of the same size, for the licensed files are not here'


def write_weights(folder: Path, size: str) -> None:
    """Write weights generated from names, under the published files' names."""
    network = load_random(dummy_body(), SIZES[size])
    for contents in PUBLISHED:
        tensors = {contents.prefix + begin + name: value for part, begin in contents.parts.items()
                   for name, value in network.get_submodule(part).state_dict().items()}
        torch.save({contents.section: tensors}, folder / contents.file.file_names[0])


def main() -> None:
    """The process that generates weights."""
    parser = argparse.ArgumentParser()
    parser.add_argument('size', choices=SIZES)
    parser.add_argument('folder', type=Path)
    args = parser.parse_args()
    write_weights(args.folder, args.size)


if __name__ == '__main__':
    main()
