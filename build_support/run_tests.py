#!/usr/bin/env python3
"""Run all tests in two processes: those that start programs, one after the other, and beside them those that do not.

Tests of programs wait for each other's answers more than they compute.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

#: Half -> its folders below test/, and a ROS domain of its own.
HALVES = {'programs': (('faults', 'ros', 'security'), '87'), 'code': (('parity', 'unit'), '85')}

#: More failures than these are no accident.
MAX_AGAIN = 5


def main() -> int:
    """0: all passed; 1: some failed; 2: they did not run to their end."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--again', action='store_true', help='run what failed once more, alone and named: real '
                        'processes share a machine with whoever else is on it. A test that needs it is a fault to mend')
    again = parser.parse_args().again
    statuses = run_halves()
    if any(status not in (0, 1) for status in statuses.values()):
        print(f'make test: the tests did not run to their end (exit {statuses})')
        return 2
    failed = {half: failures(half) for half, status in statuses.items() if status}
    names = [name for some in failed.values() for name in some]
    if again and 0 < len(names) <= MAX_AGAIN and all(failed.values()):
        print(f'make test: these {len(names)} tests failed and run once more, alone:', *names, sep='\n', flush=True)
        statuses = {half: subprocess.call(command(half, '--last-failed'), env=environment(half), cwd=ROOT)
                    for half in failed}
    if any(statuses.values()):
        print('make test: some tests failed, see above; this runs them again:',
              *(' '.join(command(half, '--last-failed')) for half, status in statuses.items() if status), sep='\n')
        return 1
    print('make test: all tests passed')
    return 0


def run_halves() -> dict[str, int]:
    """Half -> exit status of pytest. The output of the first is shown as it comes, that of the other at its end."""
    first, second = HALVES
    with tempfile.TemporaryFile() as output:
        beside = subprocess.Popen(command(second), env=environment(second), cwd=ROOT, stdout=output,
                                  stderr=subprocess.STDOUT)
        try:
            statuses = {first: subprocess.call(command(first), env=environment(first), cwd=ROOT)}
            statuses[second] = beside.wait()
        finally:
            beside.terminate()
            beside.wait()
            output.seek(0)
            print(output.read().decode(errors='replace'), flush=True)
    return statuses


def command(half: str, *options: str) -> list[str]:
    """pytest with the tests of a half, which remembers its failures by itself."""
    folders = [f'test/{folder}' for folder in HALVES[half][0]]
    return [sys.executable, '-m', 'pytest', *folders, '-q', '-rs', '--timeout', '300', '--durations', '10',
            '-o', f'cache_dir={cache_folder(half)}', *options]


def environment(half: str) -> dict[str, str]:
    """Two halves that share a domain would hear each other."""
    return {'ROS_DOMAIN_ID': HALVES[half][1], **os.environ}


def cache_folder(half: str) -> str:
    """Where pytest keeps what failed, relative to the root."""
    return f'.pytest_cache/{half}'


def failures(half: str) -> list[str]:
    """The tests that failed last."""
    path = ROOT / cache_folder(half) / 'v/cache/lastfailed'
    return list(json.loads(path.read_text())) if path.exists() else []


if __name__ == '__main__':
    sys.exit(main())
