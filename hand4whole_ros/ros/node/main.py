"""The node as a program. A signal ends it well from the first moment on, also while libraries are still imported."""

from __future__ import annotations

import sys
from typing import NoReturn

from ...apps.doctor.ros_environment import fatal_problem
from ...system.memory import configure_malloc
from ...system.threads import configure_wait_policy
from .signal_guard import SignalGuard, exit_now


def run(args: list[str] | None = None, *, create_estimator=None, signal_guard: SignalGuard | None = None) -> int:
    """Run the node until SIGINT, SIGTERM or the end of its context; the exit code. 2: wrong parameters.

    `end`: made earlier, where the program has done something before.
    """
    problem = fatal_problem()
    if problem:     # rclpy would end the process while it is imported
        print(f'hand4whole: {problem}', file=sys.stderr)
        return 2
    # rclpy wakes the executor on both signals; while weights load, only an exception interrupts Python.
    signal_guard = signal_guard or SignalGuard()
    configure_wait_policy()
    configure_malloc()
    from . import lifecycle_node  # seconds
    signal_guard.enable_interrupts()
    try:
        return lifecycle_node.run_node(args, create_estimator, signal_guard)
    except KeyboardInterrupt:
        return 0
    finally:
        signal_guard.done()


def main(*, create_estimator=None) -> NoReturn:
    """The same, and the end of the process."""
    exit_now(run(create_estimator=create_estimator))


if __name__ == '__main__':
    main()
