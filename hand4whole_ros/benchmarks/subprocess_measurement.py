"""Measuring in a process of its own.

It tells how much memory something takes, and one that the system ends for want of memory takes nothing else with it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from ..body.npz_file import BodyModelError
from ..checkpoints import CheckpointError
from .result_rows import BenchmarkSkipped


def measure_in_subprocess(module: str, **arguments: str) -> dict:
    """What `measure_here(**arguments)` of a module of this folder gives in a process of its own.

    The module ends with `child.main(measure_here)`. Raises BenchmarkSkipped.
    """
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch, 'figures.json')
        words = [f'{name}={value}' for name, value in arguments.items()]
        code = subprocess.run([sys.executable, '-m', module, str(out), *words]).returncode
        if code == -9:
            raise BenchmarkSkipped('the system ended the process, most likely for lack of memory: 8 GB should be free')
        if code:
            raise RuntimeError(f'the process that measures {" ".join(words)} ended with code {code}; see above')
        found = json.loads(out.read_text())
    if 'unmeasured' in found:
        raise BenchmarkSkipped(found['unmeasured'])
    return found


def main(measure_in_process: Callable[..., dict]) -> None:
    """The other side."""
    parser = argparse.ArgumentParser()
    parser.add_argument('out', type=Path)
    parser.add_argument('words', nargs='*')
    args = parser.parse_args()
    try:
        found = measure_in_process(**dict(word.split('=', 1) for word in args.words))
    except (BenchmarkSkipped, CheckpointError, BodyModelError) as error:
        found = {'unmeasured': str(error)}
    args.out.write_text(json.dumps(found))
