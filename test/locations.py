"""Where things of this repository are."""

import os
from pathlib import Path

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent

#: What tests read.
DATA = TESTS / 'data'


def child_environment():
    """The environment of a process that imports modules of the tests, as pytest itself does."""
    folders = [TESTS, *(path for path in sorted(TESTS.iterdir()) if path.is_dir())]
    return {**os.environ, 'PYTHONPATH': os.pathsep.join(map(str, folders))}
