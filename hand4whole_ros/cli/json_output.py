"""The figures of a command as JSON, for `--json`."""

from __future__ import annotations

from pathlib import Path

from ..apps.errors import WorkFailed
from ..system.output_files import check_output_file, format_write_error, write_json


def add_json_option(command):
    """Add `--json OUT` to a command."""
    command.add_argument('--json', type=Path, metavar='OUT', help='write the figures here as well')


def check_json_path(args):
    """Check the path before the work, which may take hours."""
    if args.json:
        check_output_file(args.json, option='--json')


def write_figures(path, found):
    """Write the figures; call it before printing, as the reader of the table may end early."""
    if path:
        try:
            write_json(path, found)
        except OSError as error:
            raise WorkFailed(format_write_error(path, error)) from None
