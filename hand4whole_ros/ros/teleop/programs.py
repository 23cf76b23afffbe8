"""The nodes of teleoperation as programs. A signal ends each cleanly at any moment."""

from __future__ import annotations

import importlib
import sys
from typing import NoReturn

from ..node.main import run_until_signal
from ..node.signal_guard import SignalGuard, exit_now
from . import topics

#: Program -> module beside this one, class of the node, its name.
_NODES = {
    'retarget': ('retarget_node', 'RetargetNode', topics.RETARGET_NODE),
    'wrist_teleop': ('wrist_teleop_node', 'WristTeleopNode', topics.WRIST_TELEOP_NODE),
    'openxr': ('openxr_node', 'OpenXrNode', topics.OPENXR_NODE),
    'sim': ('sim_node', 'SimNode', topics.SIM_NODE)}


def run(program: str, args: list[str] | None = None, end: SignalGuard | None = None) -> int:
    """Run one of the nodes until a signal or the end of its context; the exit code. 2: wrong parameters."""
    module, name, node_name = _NODES[program]

    def start(end):
        kind = getattr(importlib.import_module(f'.{module}', __package__), name)
        from ..node.program import run_node
        return lambda: run_node(lambda: kind(arguments=args), node_name, args, end)
    return run_until_signal(start, end)


def retarget() -> NoReturn:
    """hand4whole_retarget_node"""
    exit_now(run('retarget'))


def wrist_teleop() -> NoReturn:
    """hand4whole_wrist_teleop_node"""
    exit_now(run('wrist_teleop'))


def openxr() -> NoReturn:
    """hand4whole_openxr_node"""
    exit_now(run('openxr'))


def sim() -> NoReturn:
    """hand4whole_sim_node"""
    exit_now(run('sim'))


if __name__ == '__main__':
    program = sys.argv.pop(1) if len(sys.argv) > 1 else ''
    if program not in _NODES:
        sys.exit(f'expected one of {", ".join(_NODES)} as the first argument')
    exit_now(run(program))
