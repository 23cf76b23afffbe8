"""Description of a robot hand for retargeting, read from hands/*.yaml or from a file of the same form.

    urdf: dexi_rs:allegro_hand/allegro_hand_{side}.urdf   # or a path; a relative one is relative to the YAML file
    wrist_link: wrist             # the link at the human wrist
    tip_links:                    # thumb first; as many fingers as the hand has
      thumb: link_15.0_tip
      index: link_3.0_tip
    scale: 1.6                    # size of the robot hand relative to a human one
    fixed_joints: []              # joints that stay at zero, such as those of a wrist
    project_distance: 0.03        # m; robot fingertips touch if the human ones are nearer than this
    escape_distance: 0.05         # m; and stop touching if they are farther than this

The root link of the URDF has the axes of hand_frame: x out of the palm, z to the fingers.
`{side}` stands for left or right wherever it is written, and `{left: A, right: B}` for what differs between the sides.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .. import skeleton
from ..system.requirements import install_command
from .joints import JointLimits, RobotDescriptionError, actuated_joints, link_names

FOLDER = Path(__file__).resolve().parent / 'hands'

#: Hands whose URDF comes with the retargeting library, and their path in it.
_LIBRARY, _LIBRARY_FOLDER = 'dexi_rs', Path('resources', 'assets', 'robots', 'hands')

#: Human fingers in the order of the fingertips.
FINGERS = ('thumb', 'index', 'middle', 'ring', 'pinky')

_REQUIRED = ('urdf', 'wrist_link', 'tip_links')
_DEFAULTS = {'scale': 1.0, 'fixed_joints': [], 'project_distance': 0.03, 'escape_distance': 0.05}


class HandFilesMissing(RuntimeError):
    """The library that contains this hand's URDF is not installed; the message is one line with the command."""


@dataclass(frozen=True)
class RobotHand:
    """A robot hand of one side."""

    name: str
    side: str
    urdf: Path
    wrist_link: str
    tip_links: dict[str, str]       # human finger -> link, in the order of FINGERS
    scale: float
    fixed_joints: tuple[str, ...]
    project_distance: float         # m
    escape_distance: float          # m
    limits: JointLimits             # of the driven joints

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names of the driven joints."""
        return self.limits.names


def names() -> tuple[str, ...]:
    """Names of the hands that come with this package."""
    return tuple(sorted(path.stem for path in FOLDER.glob('*.yaml')))


def load_robot_hand(hand: str, side: str) -> RobotHand:
    """hand: one of names(), or the path of a YAML file; side: 'left' or 'right'.

    RobotDescriptionError if the file or its URDF is invalid, HandFilesMissing if the library of the URDF is missing.
    """
    if side not in skeleton.SIDES:
        raise RobotDescriptionError(f'side is {side!r}, expected one of {", ".join(skeleton.SIDES)}')
    path = FOLDER / f'{hand}.yaml' if hand in names() else Path(hand).expanduser()
    if path.suffix not in ('.yaml', '.yml'):
        raise RobotDescriptionError(f'there is no hand {hand!r}; there are {", ".join(names())}, or a .yaml file')
    fields = _read(path, side)
    urdf = _urdf_path(fields['urdf'], path)
    robot_hand = RobotHand(
        path.stem, side, urdf, fields['wrist_link'], {f: fields['tip_links'][f] for f in FINGERS
                                                      if f in fields['tip_links']},
        float(fields['scale']), tuple(fields['fixed_joints']), float(fields['project_distance']),
        float(fields['escape_distance']), actuated_joints(urdf, fields['fixed_joints']))
    links = link_names(urdf)
    for link in (robot_hand.wrist_link, *robot_hand.tip_links.values()):
        if link not in links:
            raise RobotDescriptionError(f'{path}: {urdf} has no link {link}; it has {", ".join(links)}')
    return robot_hand


def _read(path: Path, side: str) -> dict[str, Any]:
    """All fields of a file for one side, defaults filled in and types checked."""
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except OSError as error:
        raise RobotDescriptionError(f'{path}: {error.strerror or error}') from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RobotDescriptionError(f'{path}: not valid YAML: {" ".join(str(error).split())}') from None
    if not isinstance(content, dict):
        raise RobotDescriptionError(f'{path}: expected the fields {", ".join(_REQUIRED)}, found no mapping')
    for key in _REQUIRED:
        if key not in content:
            raise RobotDescriptionError(f'{path}: {key} is missing')
    for key in content:
        if key not in _REQUIRED and key not in _DEFAULTS:
            raise RobotDescriptionError(f'{path}: there is no field {key}; fields are '
                                        f'{", ".join((*_REQUIRED, *_DEFAULTS))}')
    fields = _of_side({**_DEFAULTS, **content}, side)
    for key in ('urdf', 'wrist_link'):
        _expect(path, key, fields[key], expected='a text', fine=isinstance(fields[key], str))
    tips = fields['tip_links']
    _expect(path, 'tip_links', tips, expected='links of thumb and at least one more finger',
            fine=isinstance(tips, dict) and 'thumb' in tips and len(tips) > 1)
    for finger, link in tips.items():
        _expect(path, f'tip_links.{finger}', link, expected=f'one of {", ".join(FINGERS)} and the name of a link',
                fine=finger in FINGERS and isinstance(link, str))
    _expect(path, 'fixed_joints', fields['fixed_joints'], expected='a list of names',
            fine=isinstance(fields['fixed_joints'], list)
            and all(isinstance(name, str) for name in fields['fixed_joints']))
    for key in ('scale', 'project_distance', 'escape_distance'):
        number = fields[key]
        _expect(path, key, number, expected='a number above 0', fine=isinstance(number, (int, float))
                and not isinstance(number, bool) and 0 < number < float('inf'))
    _expect(path, 'escape_distance', fields['escape_distance'], expected='at least project_distance',
            fine=fields['escape_distance'] >= fields['project_distance'])
    return fields


def _expect(path, key, found, *, expected, fine):
    if not fine:
        raise RobotDescriptionError(f'{path}: {key} is {found!r}, expected {expected}')


def _of_side(value: Any, side: str) -> Any:
    if isinstance(value, str):
        return value.replace('{side}', side)
    if isinstance(value, dict) and set(value) == set(skeleton.SIDES):
        return value[side]
    if isinstance(value, dict):
        return {key: _of_side(item, side) for key, item in value.items()}
    return [_of_side(item, side) for item in value] if isinstance(value, list) else value


def _urdf_path(text, yaml_path):
    library, colon, rest = text.partition(':')
    if not colon or library != _LIBRARY:
        return (yaml_path.parent / Path(text).expanduser()).resolve()
    found = importlib.util.find_spec(_LIBRARY)
    if found is None or found.origin is None:
        raise HandFilesMissing(f'the URDF of {yaml_path.stem} comes with dexi-rs, which is not installed: '
                               f'{install_command("dexi-rs")}')
    return Path(found.origin).parent / _LIBRARY_FOLDER / rest
