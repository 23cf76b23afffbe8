"""Measurements in a separate process.

This gives the memory of a stage, and if the system kills it for lack of memory, nothing else is lost.
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
    """The result of a module's `measure_in_process(**arguments)` in a process of its own.

    The module ends with `subprocess_measurement.main(measure_in_process)`. Raises BenchmarkSkipped.
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
    """The subprocess: measure, and write the result."""
    parser = argparse.ArgumentParser()
    parser.add_argument('out', type=Path)
    parser.add_argument('words', nargs='*')
    args = parser.parse_args()
    try:
        found = measure_in_process(**dict(word.split('=', 1) for word in args.words))
    except (BenchmarkSkipped, CheckpointError, BodyModelError) as error:
        found = {'unmeasured': str(error)}
    args.out.write_text(json.dumps(found))
