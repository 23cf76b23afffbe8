"""The node hand4whole_viewer as a program. A signal ends it cleanly at any moment."""

from __future__ import annotations

import sys
from typing import NoReturn

from ...viewer.server import missing_library
from .. import topics
from ..node.main import run_until_signal
from ..node.signal_guard import SignalGuard, exit_now


def run(args: list[str] | None = None, signal_guard: SignalGuard | None = None) -> int:
    """Run the node until a signal or the end of its context; the exit code. 2: wrong parameters, 1: a library is
    missing.
    """
    problem = missing_library()
    if problem:
        print(f'hand4whole: {problem}', file=sys.stderr)
        return 1

    def start(guard):
        from ..node.program import run_node
        from .view_node import ViewNode
        return lambda: run_node(lambda: ViewNode(arguments=args), topics.VIEWER_NODE_NAME, args, guard)
    return run_until_signal(start, signal_guard)


def main() -> NoReturn:
    """hand4whole_viewer_node"""
    exit_now(run())


if __name__ == '__main__':
    main()
