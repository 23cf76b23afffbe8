"""The node as a program. A signal ends it well from the first moment on, also while libraries are still imported."""

from __future__ import annotations

import sys
from typing import NoReturn

from ...apps.doctor.ros_environment import fatal_line
from ...system.memory import keep_freed_pictures
from ...system.threads import sleep_while_waiting
from .signal_guard import SignalGuard, exit_now


def run(args: list[str] | None = None, *, create_estimator=None, end: SignalGuard | None = None) -> int:
    """Run the node until SIGINT, SIGTERM or the end of its context; the exit code. 2: wrong parameters.

    `end`: made earlier, where the program has done something before.
    """
    problem = fatal_line()
    if problem:     # rclpy would end the process while it is imported
        print(f'hand4whole: {problem}', file=sys.stderr)
        return 2
    # rclpy wakes the executor on both signals; while weights load, only an exception interrupts Python.
    end = end or SignalGuard()
    sleep_while_waiting()
    keep_freed_pictures()
    from . import lifecycle_node  # seconds
    end.raise_from_now_on()
    try:
        return lifecycle_node.run(args, create_estimator, end)
    except KeyboardInterrupt:
        return 0
    finally:
        end.done()


def main(*, create_estimator=None) -> NoReturn:
    """The same, and the end of the process."""
    exit_now(run(create_estimator=create_estimator))


if __name__ == '__main__':
    main()
