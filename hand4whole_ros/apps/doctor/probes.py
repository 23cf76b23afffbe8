"""Functional checks: libraries are imported and a ROS node is created, each in a process of its own that may crash."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

#: Maximum seconds of all imports, and of a node, on a busy machine.
IMPORT_TIMEOUT, NODE_TIMEOUT = 180.0, 60.0

#: Each module is printed before it is imported, so that one that ends the process is identified.
_IMPORT_SCRIPT = """
import importlib, sys, traceback
for name in sys.argv[1:]:
    print('begin', name, flush=True)
    try:
        module = importlib.import_module(name)
        if name == 'torch':
            print('device', 'cuda' if module.cuda.is_available() else 'cpu', flush=True)
    except BaseException as error:
        text = ' '.join(f'{type(error).__name__}: {error}'.split())
        print('error', name, text, flush=True)
"""

#: A node that publishes one of the package's own messages.
_NODE_SCRIPT = """
import rclpy
rclpy.init()
node = rclpy.create_node('hand4whole_doctor', start_parameter_services=False)
from tf2_msgs.msg import TFMessage
from hand4whole_ros.msg import WholeBodyPoseArray
node.create_publisher(WholeBodyPoseArray, '~/poses', 1)
print('made with', rclpy.get_rmw_implementation_identifier(), flush=True)
node.destroy_node()
rclpy.shutdown()
"""


@dataclass
class ImportResults:
    """Results of importing modules."""

    #: Module -> why it cannot be imported, for those that cannot.
    errors: dict[str, str] = field(default_factory=dict)
    #: torch's: 'cpu' or 'cuda'.
    device: str | None = None


def probe_imports(modules: Sequence[str]) -> ImportResults:
    """Import them one after another; after one that ends the process, in a new one."""
    found, left = ImportResults(), list(modules)
    while left:
        code, out, _ = _run_python(_IMPORT_SCRIPT, left, IMPORT_TIMEOUT)
        begun = None
        for word, _, rest in (line.partition(' ') for line in out.splitlines()):
            if word == 'begin':
                begun = rest
            elif word == 'device':
                found.device = rest
            elif word == 'error':
                name, _, why = rest.partition(' ')
                found.errors[name] = why
        if code == 0 or begun is None:
            break
        found.errors.setdefault(begun, _format_exit_code(code))
        left = left[left.index(begun) + 1:]
    return found


def probe_node() -> str | None:
    """Why no ROS node can be created here, in one line; None if one was."""
    code, out, errors = _run_python(_NODE_SCRIPT, (), NODE_TIMEOUT)
    if code == 0 and 'made with' in out:
        return None
    lines = [line.strip() for line in (errors or out).splitlines() if line.strip()]
    return lines[-1][:300] if lines else _format_exit_code(code)


def _run_python(code, words, seconds):
    """Exit code, None after a timeout; stdout and stderr."""
    try:
        done = subprocess.run([sys.executable, '-c', code, *words], text=True, errors='replace', timeout=seconds,
                              stdin=subprocess.DEVNULL, capture_output=True)
    except subprocess.TimeoutExpired as late:
        return None, _decode_output(late.stdout), _decode_output(late.stderr)
    return done.returncode, done.stdout, done.stderr


def _decode_output(output):
    return output.decode(errors='replace') if isinstance(output, bytes) else output or ''


def _format_exit_code(code):
    if code is None:
        return 'it takes too long'
    return f'it ends the process, {f"by signal {-code}" if code < 0 else f"with exit code {code}"}'
