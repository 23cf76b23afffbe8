"""ROS's environment variables: settings that keep a node from running, or from discovering other nodes.

ROS itself reports little about them: a middleware that is not installed or a domain that is out of range ends the
process inside a library. They are therefore checked before rclpy is imported, which this module never does.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

#: Domains that have ports, and those whose ports are outside Linux's ephemeral range.
MAX_DOMAIN, SAFE_DOMAIN = 232, 101

#: Maximum size of a file of profiles, bytes; they have a few thousand.
_MAX_PROFILE_BYTES = 1_000_000

_DISCOVERY_RANGES = ('SUBNET', 'LOCALHOST', 'OFF', 'SYSTEM_DEFAULT')


class Finding(NamedTuple):
    """One line about the environment: the fault and the remedy."""

    #: Whether it keeps every node from running.
    fatal: bool
    line: str


def fatal_problem(environ: Mapping[str, str] = os.environ) -> str | None:
    """Why no node can run here, by fast checks only; None if they find nothing."""
    return next(
        (
            finding.line
            for check in (_check_middleware, _check_domain, _check_security)
            for finding in check(environ)
            if finding.fatal
        ),
        None,
    )


def check_environment(environ: Mapping[str, str] = os.environ) -> list[Finding]:
    """All certain and probable faults."""
    return [
        finding
        for check in (
            _check_middleware,
            _check_domain,
            _check_security,
            _check_discovery,
            _check_profiles,
            _check_log_folder,
        )
        for finding in check(environ)
    ]


def installed_middlewares(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Values that RMW_IMPLEMENTATION may have here; empty if that is unknown."""
    prefixes = [*filter(None, environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)), sys.prefix]
    folders = [Path(prefix, 'share/ament_index/resource_index/rmw_typesupport') for prefix in prefixes]
    return sorted({path.name for folder in folders if folder.is_dir() for path in folder.iterdir()}
                  - {'rmw_implementation'})


def is_writable(folder: Path) -> bool:
    """Whether the folder can be written, or created if it is missing. Leaves nothing behind."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryDirectory(dir=folder):
            return True
    except OSError:
        return False


def _check_middleware(environ) -> Iterator[Finding]:
    wanted, there = environ.get('RMW_IMPLEMENTATION', ''), installed_middlewares(environ)
    if wanted and there and wanted not in there:
        package = f'ros-{environ.get("ROS_DISTRO", "<distribution>")}-{wanted.replace("_", "-")}'
        yield Finding(True, f'RMW_IMPLEMENTATION={wanted} is not installed, but {", ".join(there)}: '
                            f'unset RMW_IMPLEMENTATION, or install {package}')


def _check_domain(environ) -> Iterator[Finding]:
    text = environ.get('ROS_DOMAIN_ID', '')
    if not text:
        return
    number, rest = _parse_c_integer(text)
    choose = f'export ROS_DOMAIN_ID=N, N from 0 to {SAFE_DOMAIN}, the same as the camera has'
    if number == -1:
        number = 0      # as in rcl
    if number is None or not 0 <= number <= MAX_DOMAIN:
        yield Finding(True, f'ROS_DOMAIN_ID={text} is no domain: {choose}')
    elif number > SAFE_DOMAIN:
        yield Finding(False, f'ROS_DOMAIN_ID={text}: ports above domain {SAFE_DOMAIN} may be taken by other programs: '
                             f'{choose}')
    elif rest or text.startswith('-'):
        yield Finding(False, f'ROS_DOMAIN_ID={text} is taken as {number}: {choose}')


def _parse_c_integer(text):
    """The number that a text begins with and what follows, as C reads them: 0x10 is 16 and 010 is 8."""
    found = re.match(r'\s*([+-]?(?:0[xX][0-9a-fA-F]+|[0-9]+))(.*)', text, re.DOTALL)
    if not found:
        return None, text
    digits = found[1].lstrip('+-')
    octal = re.fullmatch(r'0[0-7]+', digits)
    value = int(digits, 8 if octal else 0 if digits[1:2] in ('x', 'X') else 10)
    return -value if found[1].startswith('-') else value, found[2]


def _check_security(environ) -> Iterator[Finding]:
    if environ.get('ROS_SECURITY_ENABLE', '').lower() != 'true' or environ.get('ROS_SECURITY_STRATEGY') != 'Enforce':
        return
    keystore = environ.get('ROS_SECURITY_KEYSTORE', '')
    if not (keystore and Path(keystore).is_dir()):
        yield Finding(True, f'ROS_SECURITY_KEYSTORE={keystore} is no folder, though ROS_SECURITY_STRATEGY=Enforce: '
                            f'name the keystore, or unset ROS_SECURITY_ENABLE')


def _check_discovery(environ) -> Iterator[Finding]:
    local, reach = environ.get('ROS_LOCALHOST_ONLY', ''), environ.get('ROS_AUTOMATIC_DISCOVERY_RANGE', '')
    if local not in ('', '0', '1'):
        yield Finding(False, f'ROS_LOCALHOST_ONLY={local} is neither 0 nor 1: unset it and set '
                             f'ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST or SUBNET')
    if reach and reach not in _DISCOVERY_RANGES:
        yield Finding(False, f'ROS_AUTOMATIC_DISCOVERY_RANGE={reach} is unknown, and LOCALHOST is taken: set SUBNET, '
                             f'LOCALHOST or OFF')
    elif reach == 'OFF':
        yield Finding(False, 'ROS_AUTOMATIC_DISCOVERY_RANGE=OFF: no camera will be found; set SUBNET or LOCALHOST')
    elif local == '1' and reach not in ('', 'LOCALHOST'):
        # Humble reads only the first, Iron and Jazzy prefer it, Kilted reads only the second.
        yield Finding(False, f'ROS_LOCALHOST_ONLY=1 and ROS_AUTOMATIC_DISCOVERY_RANGE={reach} contradict each other, '
                             f'and which of them counts depends on the version of ROS: unset ROS_LOCALHOST_ONLY')


def _check_profiles(environ) -> Iterator[Finding]:
    """Settings of middlewares. If they cannot be read, the middleware prints an error and continues without them."""
    for name in ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE', 'CYCLONEDDS_URI'):
        value = environ.get(name, '')
        if not value or (name == 'CYCLONEDDS_URI' and not value.startswith(('file://', '/'))):
            continue
        problem = _xml_error(Path(value.removeprefix('file://')))
        if problem:
            yield Finding(False, f'{name}={value} {problem}, and is not used: correct it, or unset {name}')


def _xml_error(path):
    try:
        if not path.is_file():
            return 'is no folder that could be read' if path.is_dir() else 'does not exist'
        if path.stat().st_size > _MAX_PROFILE_BYTES:
            return f'is larger than {_MAX_PROFILE_BYTES / 1e6:g} MB'
        ElementTree.parse(path)
    except ElementTree.ParseError as error:
        return f'is no XML ({error})'
    except (OSError, ValueError) as error:
        return f'cannot be read ({error})'
    return None


def _check_log_folder(environ) -> Iterator[Finding]:
    """The folder of rcl's logs, without which it does not start."""
    named = environ.get('ROS_LOG_DIR')
    if not named and not environ.get('ROS_HOME') and not environ.get('HOME'):
        yield Finding(True, 'HOME is not set, and ROS has no place for its logs: export ROS_LOG_DIR=/tmp/ros_log')
        return
    folder = Path(named) if named else Path(environ.get('ROS_HOME') or f'{environ["HOME"]}/.ros', 'log')
    folder = Path(str(folder).replace('~', environ.get('HOME', '~'), 1)) if str(folder).startswith('~') else folder
    if not is_writable(folder):
        yield Finding(True, f'logs of ROS cannot be written to {folder}: export ROS_LOG_DIR=/tmp/ros_log')
