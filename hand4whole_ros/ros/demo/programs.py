"""Shared parts of demonstrations: programs as processes, recording while a camera plays, and the output folder."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

import rclpy

from ...system import signals
from ...system.output_files import OutputError, check_output_file, check_output_folder, printable_path
from ...system.progress import ProgressBar
from ..node.companions import module_command

#: Modules of this package's `ros` that are programs.
NODE, CAMERA = 'node.main', 'demo.camera'


def start_program(module: str, *arguments: str) -> subprocess.Popen:
    """Start NODE or CAMERA with these ROS arguments."""
    return subprocess.Popen(module_command(f'hand4whole_ros.ros.{module}', '--ros-args', *arguments))


def stop_programs(children: Iterable[subprocess.Popen]) -> None:
    """End them cleanly, after ten seconds by force."""
    for child in children:
        if child.poll() is None:
            child.send_signal(signal.SIGINT)
    for child in children:
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()


def record_camera(recorder, children: Sequence[subprocess.Popen], image_topic: str, count: int, *, description: str,
                  timeout: float) -> None:
    """Record until one of the programs ends, or until the timeout in seconds.

    A bar of the `count` images that the camera plays is shown from the first one on. Raises KeyboardInterrupt.
    """
    seen, deadline = 0, time.monotonic() + timeout
    with ExitStack() as shown:
        bar = None
        while all(child.poll() is None for child in children) and time.monotonic() < deadline:
            signals.raise_pending()
            rclpy.spin_once(recorder, timeout_sec=0.05)
            now = sum(message.topic == image_topic for message in recorder.messages[seen:])
            seen = len(recorder.messages)
            if now and bar is None:
                bar = shown.enter_context(ProgressBar(total=count, desc=description, unit='image'))
            if bar is not None:
                bar.update(now)


def check_demo_folder(output: Path, names: Iterable[str]) -> None:
    """Raises OutputError unless these files can be written to the folder without overwriting others."""
    option = f'--output {printable_path(output)}'
    if os.path.lexists(output) and not output.is_dir():
        raise OutputError(f'{option} is a file; name a folder')
    check_output_folder(output, option)
    for name in names:
        check_output_file(output / name, option='--output:')
