"""The node as a program. A signal ends it cleanly at any moment, also while libraries are still imported."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NoReturn

from ...apps.doctor.ros_environment import fatal_problem
from ...system.memory import configure_malloc
from ...system.threads import configure_wait_policy
from .signal_guard import SignalGuard, exit_now


def run(args: list[str] | None = None, *, create_estimator=None, signal_guard: SignalGuard | None = None) -> int:
    """Run the node until SIGINT, SIGTERM or the end of its context; the exit code. 2: wrong parameters.

    `signal_guard`: created earlier if the program has done other work before.
    """
    def start(signal_guard):
        from . import lifecycle_node  # seconds
        return lambda: lifecycle_node.run_node(args, create_estimator, signal_guard)
    return run_until_signal(start, signal_guard)


def run_until_signal(start: Callable[[SignalGuard], Callable[[], int]], signal_guard: SignalGuard | None = None) -> int:
    """Import a node by `start`, run what it returns until a signal comes, and return the exit code."""
    problem = fatal_problem()
    if problem:     # rclpy would end the process while it is imported
        print(f'hand4whole: {problem}', file=sys.stderr)
        return 2
    # rclpy wakes the executor on both signals; while weights load, only an exception interrupts Python.
    signal_guard = signal_guard or SignalGuard()
    configure_wait_policy()
    configure_malloc()
    work = start(signal_guard)
    signal_guard.enable_interrupts()
    try:
        return work()
    except KeyboardInterrupt:
        return 0
    finally:
        signal_guard.done()


def main(*, create_estimator=None) -> NoReturn:
    """The same, and the end of the process."""
    exit_now(run(create_estimator=create_estimator))


if __name__ == '__main__':
    main()
