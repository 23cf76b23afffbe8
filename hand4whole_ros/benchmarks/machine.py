"""The machine that figures were measured on, which every figure needs."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

from .. import __version__


def machine_info(device: str) -> dict:
    """JSON keys 'device', 'machine' and 'versions'."""
    import torch
    name = torch.cuda.get_device_name(device) if device.startswith('cuda') else device
    return {
        'device': name,
        'machine': {'processor': _processor(), 'cores': len(os.sched_getaffinity(0)),
                    'threads': torch.get_num_threads(), 'memory_mb': _memory_mb(),
                    'vector_instructions': torch.backends.cpu.get_cpu_capability(),
                    'load_before': round(os.getloadavg()[0], 2), 'system': platform.system()},
        'versions': {'hand4whole_ros': __version__, 'python': platform.python_version(), 'torch': torch.__version__,
                     **{name: _version(name) for name in ('numpy', 'mediapipe', 'ai-edge-litert', 'rclpy')}}}


def _processor():
    for line in _read('/proc/cpuinfo').splitlines():
        if line.startswith('model name'):
            return line.partition(':')[2].strip()
    return platform.processor() or platform.machine()


def _memory_mb():
    for line in _read('/proc/meminfo').splitlines():
        if line.startswith('MemTotal:'):
            return int(line.split()[1]) // 1024
    return None


def _read(path):
    try:
        return Path(path).read_text()
    except OSError:  # not Linux
        return ''


def _version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:  # of a ROS installation, or missing
        return None
