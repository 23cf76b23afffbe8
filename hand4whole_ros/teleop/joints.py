"""The joints of a robot hand: names, limits, and reordering by name."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np


class RobotDescriptionError(ValueError):
    """A URDF or a description of a robot hand is invalid; the message is one line that names the file and the fault."""


@dataclass(frozen=True, eq=False)
class JointLimits:
    """Names of joints and their ranges; lower and upper are (J,), rad or m, in the order of the names."""

    names: tuple[str, ...]
    lower: np.ndarray
    upper: np.ndarray

    def clip(self, positions: np.ndarray) -> np.ndarray:
        """Positions (J,) clipped to the limits."""
        return np.clip(positions, self.lower, self.upper)

    def rest(self) -> np.ndarray:
        """(J,) zero, or the limit nearest to zero."""
        return self.clip(np.zeros(len(self.names)))

    def excess(self, positions: np.ndarray) -> float:
        """The largest distance of positions (..., J) beyond their limits; 0 if all are inside."""
        return float(np.maximum(np.maximum(self.lower - positions, positions - self.upper), 0).max())


def actuated_joints(urdf: Path, leave_out: Sequence[str] = ()) -> JointLimits:
    """The driven joints of a URDF, in the order of the file: all but fixed ones and mimics.

    leave_out: joints that are not driven either. RobotDescriptionError if the file cannot be read, a joint has no
    limits, or a joint of leave_out does not exist.
    """
    root = parse_urdf(urdf)
    found = {}
    for joint in root.iterfind('joint'):
        name, kind = joint.get('name'), joint.get('type')
        if kind in ('fixed', 'floating', 'planar') or joint.find('mimic') is not None:
            continue
        found[name] = (-math.inf, math.inf) if kind == 'continuous' else _limits(urdf, name, joint.find('limit'))
    for name in leave_out:
        if name not in found:
            raise RobotDescriptionError(f'{urdf}: there is no joint {name}; driven joints are {", ".join(found)}')
    names = tuple(name for name in found if name not in leave_out)
    if not names:
        raise RobotDescriptionError(f'{urdf}: no joint is driven')
    lower, upper = np.array([found[name] for name in names]).T
    return JointLimits(names, lower, upper)


def _limits(urdf, name, element):
    try:
        lower, upper = float(element.get('lower', 0)), float(element.get('upper', 0))
    except (AttributeError, ValueError):
        raise RobotDescriptionError(f'{urdf}: joint {name} has no limits that can be read') from None
    if not (math.isfinite(lower) and math.isfinite(upper) and lower <= upper):
        raise RobotDescriptionError(f'{urdf}: joint {name} has limits {lower:g} to {upper:g}')
    return lower, upper


def parse_urdf(urdf: Path) -> ElementTree.Element:
    """The root element. RobotDescriptionError if the file cannot be read or is not a URDF."""
    try:
        root = ElementTree.parse(urdf).getroot()
    except OSError as error:
        raise RobotDescriptionError(f'{urdf}: {error.strerror or error}') from None
    except ElementTree.ParseError as error:
        raise RobotDescriptionError(f'{urdf}: not valid XML: {error}') from None
    if root.tag != 'robot':
        raise RobotDescriptionError(f'{urdf}: not a URDF: its root is <{root.tag}>, expected <robot>')
    return root


def link_names(urdf: Path) -> tuple[str, ...]:
    """Names of all links. Errors as parse_urdf."""
    return tuple(link.get('name', '') for link in parse_urdf(urdf).iterfind('link'))


def reordered(names: Sequence[str], positions: np.ndarray, wanted: Sequence[str]) -> np.ndarray:
    """Positions (J,) of `names`, in the order of `wanted`. ValueError names the joints that are missing."""
    index = {name: k for k, name in enumerate(names)}
    missing = [name for name in wanted if name not in index]
    if missing:
        raise ValueError(f'no position for joint {", ".join(missing)}; there are {", ".join(names)}')
    return np.asarray(positions)[[index[name] for name in wanted]]
