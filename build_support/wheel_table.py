"""Which pins of constraints.txt have a wheel, for each supported Python on each kind of processor.

    python build_support/wheel_table.py             print the table
    python build_support/wheel_table.py --write     and write it into docs/reference/platforms.md

It asks the package index through uv (`pip install uv`). Nothing is downloaded but metadata, and nothing is installed.
"""

from __future__ import annotations

import argparse
import configparser
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / 'docs' / 'reference' / 'platforms.md'

MACHINES = ('x86_64', 'aarch64')

#: Minor version of the oldest glibc among the supported distributions: Ubuntu 22.04 has 2.35.
GLIBC_MINOR = 35

_PART = re.compile(r'(<!-- wheels -->\n).*?(<!-- /wheels -->)', re.DOTALL)

#: Of a pylock.toml (PEP 751).
_NAME, _WHEEL = re.compile(r'^name = "([^"]+)"', re.MULTILINE), re.compile(r'/([^/"]+\.whl)"')

#: What uv answers where a pin excludes the Python.
_UNSATISFIABLE = 'No solution found'


class Target(NamedTuple):
    """One Python on one kind of processor, with Linux."""

    python: str         #: '3.12'
    machine: str        #: as `uname -m` prints it

    def markers(self) -> dict[str, str]:
        """What markers of requirements are evaluated with."""
        return {'python_version': self.python, 'python_full_version': f'{self.python}.0',
                'implementation_name': 'cpython', 'platform_python_implementation': 'CPython', 'os_name': 'posix',
                'sys_platform': 'linux', 'platform_system': 'Linux', 'platform_machine': self.machine}

    def tags(self) -> set[Tag]:
        """Tags of the wheels that pip installs here."""
        version = tuple(map(int, self.python.split('.')))
        platforms = [f'manylinux_2_{minor}_{self.machine}' for minor in range(GLIBC_MINOR, 4, -1)]
        platforms += [f'{name}_{self.machine}' for name in ('manylinux2014', 'manylinux2010', 'manylinux1', 'linux')]
        return {*cpython_tags(version, platforms=platforms),
                *compatible_tags(version, f'cp{version[0]}{version[1]}', platforms)}


def supported_pythons() -> list[str]:
    """Versions of Python that setup.cfg's classifiers name, the oldest first."""
    config = configparser.ConfigParser()
    config.read(ROOT / 'setup.cfg')
    return re.findall(r'Programming Language :: Python :: (3\.\d+)', config['metadata']['classifiers'])


def pins(target: Target, text: str) -> list[str]:
    """Lines 'name==version' of constraints `text` that hold for the target, without markers."""
    lines = (line.partition('#')[0].strip() for line in text.splitlines())
    requirements = [Requirement(line) for line in lines if line]
    return [f'{one.name}{one.specifier}' for one in requirements
            if one.marker is None or one.marker.evaluate(target.markers())]


def without_wheel(target: Target, wanted: list[str]) -> list[str]:
    """Those of the pins that have no wheel for the target. Raises RuntimeError if uv fails for another reason."""
    wheels, tags = _wheels(target, wanted), target.tags()
    return [pin for pin in wanted
            if not any(parse_wheel_filename(name)[3] & tags for name in wheels.get(_project(pin), ()))]


def _wheels(target, wanted):
    """Normalized project -> file names of the wheels of its pin; without those that exclude the target's Python."""
    with tempfile.TemporaryDirectory() as folder:
        listing, lock = Path(folder, 'pins.txt'), Path(folder, 'pylock.toml')
        listing.write_text('\n'.join(wanted) + '\n')
        done = subprocess.run(
            ['uv', 'pip', 'compile', '--no-config', '--no-python-downloads', '--quiet', '--no-deps', '--universal',
             '--python-version', target.python, '--format', 'pylock.toml', '--output-file', str(lock), str(listing)],
            capture_output=True, text=True)
        if done.returncode == 0:
            packages = lock.read_text().split('[[packages]]')[1:]
            return {canonicalize_name(_NAME.search(one)[1]): _WHEEL.findall(one) for one in packages}
    if _UNSATISFIABLE not in done.stderr:
        raise RuntimeError(f'uv failed for Python {target.python} on {target.machine}: {done.stderr.strip()[:500]}')
    half = len(wanted) // 2
    return {**_wheels(target, wanted[:half]), **_wheels(target, wanted[half:])} if half else {}


def _project(pin):
    return canonicalize_name(pin.partition('==')[0])


def format_table(rows: dict[Target, tuple[int, list[str]]]) -> str:
    """A Markdown table of target -> how many pins hold for it, and those that have no wheel."""
    lines = ['| Python | processor | pins | with a wheel | without |', '|---|---|---:|---:|---|']
    for target, (count, missing) in rows.items():
        names = [pin for pin in missing if not pin.startswith('ros-')]
        ros = len(missing) - len(names)
        without = ([f'`ros-*` ({ros})'] if ros else []) + [f'`{name}`' for name in names]
        lines.append(f'| {target.python} | {target.machine} | {count} | {count - len(missing)} '
                     f'| {", ".join(without) or "none"} |')
    return '\n'.join(lines) + '\n'


def main(arguments: list[str] | None = None) -> int:
    """Print the table; with --write put it into the page."""
    parser = argparse.ArgumentParser(
        description='Print which pins of constraints.txt have a wheel, for each supported Python on each kind of '
                    'processor. It asks the package index through uv, and installs nothing.',
        epilog='example: python build_support/wheel_table.py --python 3.14 --machine aarch64')
    parser.add_argument('--python', nargs='+', metavar='X.Y', default=supported_pythons(),
                        help='versions of Python (default: those of setup.cfg)')
    parser.add_argument('--machine', nargs='+', metavar='NAME', default=list(MACHINES),
                        help=f'kinds of processors, as uname -m prints them (default: {" ".join(MACHINES)})')
    parser.add_argument('--write', action='store_true', help=f'write the table into {PAGE.relative_to(ROOT)}')
    options = parser.parse_args(arguments)
    if options.write and (options.python, options.machine) != (supported_pythons(), list(MACHINES)):
        parser.error('--write needs the whole table: leave --python and --machine out')
    if shutil.which('uv') is None:
        print('wheel_table: uv is not on the path; run: pip install uv', file=sys.stderr)
        return 1
    text = (ROOT / 'constraints.txt').read_text()
    rows = {}
    try:
        for target in (Target(python, machine) for python in options.python for machine in options.machine):
            wanted = pins(target, text)
            rows[target] = len(wanted), without_wheel(target, wanted)
    except RuntimeError as error:
        print(f'wheel_table: {error}', file=sys.stderr)
        return 1
    table = format_table(rows)
    print(table, end='')
    if options.write:
        PAGE.write_text(_PART.sub(lambda part: part[1] + table + part[2], PAGE.read_text()))
    return 0


if __name__ == '__main__':
    sys.exit(main())
