"""A node as a program: arguments, parameter files and parameters checked, then work until a signal comes."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable
from typing import Any

import rclpy
from rclpy import logging as rclpy_logging
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.logging_severity import LoggingSeverity

from ...system.memory import freeze_loaded_objects
from . import params_file
from .parameter_table import ParameterError
from .signal_guard import SignalGuard

#: Seconds between two lines about callbacks that fail.
THROTTLE = 5.0


class _RosLog(logging.Handler):
    """Passes the library's log (loading, building the body) to the node's own log."""

    def __init__(self, logger):
        super().__init__(logging.INFO)
        self._logger = logger

    def emit(self, record):
        # rclpy fixes the level of each line of code that logs, so each level has a line of its own.
        if record.levelno >= logging.ERROR:
            self._logger.error(record.getMessage())
        elif record.levelno >= logging.WARNING:
            self._logger.warning(record.getMessage())
        else:
            self._logger.info(record.getMessage())


def run_node(create: Callable[[], Any], name: str, args: list[str] | None, end: SignalGuard) -> int:
    """Run a node until `end` interrupts it or its context ends; the exit code. 2: wrong arguments or parameters.

    create: makes the node, which has a method `stop` that ends its work; its exceptions become a line about arguments.
    name: of the logger before there is a node.
    """
    try:
        for path in params_file.paths_from_arguments(sys.argv if args is None else args):
            params_file.check_params_file(path)
        # rcl reports wrong arguments by an exception; one line of it is enough.
        rclpy_logging.set_logger_level('rcl', LoggingSeverity.FATAL)
        rclpy.init(args=args)
        rclpy_logging.set_logger_level('rcl', LoggingSeverity.UNSET)
        node = create()
    except KeyboardInterrupt:
        return 0
    except Exception as error:  # Only arguments, files and parameters are read so far.
        if end.signalled:   # which ends the context while the node is being created
            return 0
        rclpy_logging.get_logger(name).fatal(_about_arguments(error))
        rclpy.try_shutdown()
        return 2
    library = logging.getLogger(__name__.partition('.')[0])
    handler = _RosLog(node.get_logger())
    library.addHandler(handler)
    library.setLevel(logging.INFO)
    library.propagate = False
    freeze_loaded_objects()     # a full collection would block the node for longer than an image takes
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        _spin(executor, node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        library.removeHandler(handler)
        node.stop()
        executor.remove_node(node)
        node.destroy_node()
        rclpy.try_shutdown()
    return 0


def _spin(executor, node):
    """Spin until the context ends. An exception of a callback is logged, and the node keeps running."""
    while node.context.ok():
        try:
            executor.spin()
        except (KeyboardInterrupt, ExternalShutdownException):
            raise
        except Exception as error:
            # A signal may end the context at any moment, also in a callback that publishes.
            if node.context.ok():
                node.get_logger().error(f'a callback failed: {one_line(error)}', throttle_duration_sec=THROTTLE)


def one_line(error: BaseException) -> str:
    """An exception as one line, without its type if its message is written for the user."""
    text = ' '.join(str(error).split())
    return text if text and isinstance(error, (RuntimeError, ValueError)) else f'{type(error).__name__}: {text}'


def _about_arguments(error):
    """One line, without locations in rcl's source."""
    text = re.sub(r',? at /\S+:\d+', '', one_line(error))
    if 'initialize logging' in text:
        return f'{text}: export ROS_LOG_DIR=/tmp/ros_log, or a folder that can be written'
    return text if isinstance(error, ParameterError) else f'wrong arguments: {text}'
