"""Motions in Acclaim's format: a skeleton, .asf, and recordings of it, .amc."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..geometry.directions import normalize_vector
from ..geometry.kinematics import kinematic_tree
from . import DatasetError
from .motions import Motion, euler_rotations, read_text

#: AMC files do not contain their frame interval; those of the CMU database have 1/120 s.
INTERVAL = 1 / 120

_MAX_FRAMES = 2_000_000


def read(path: Path) -> Motion:
    """The motion of an .amc file, whose skeleton is the .asf of the same subject in the same folder.

    That is NN.asf beside NN_TT.amc, or the only .asf there is. Raises DatasetError, which names the file and what is
    wrong with it.
    """
    path = Path(path)
    bones = _read(_skeleton_of(path), _bones)
    return _read(path, lambda text: _motion(text, bones))


def _read(path, parse):
    try:
        return parse(read_text(path))
    except (ValueError, KeyError, IndexError, StopIteration) as error:
        what = f'no {error}' if isinstance(error, KeyError) else error or 'it ends too early'
        raise DatasetError(f'{path}: not in the form of ASF and AMC files ({what})') from None


def _skeleton_of(path):
    found = sorted(entry for entry in path.parent.iterdir() if entry.suffix.lower() == '.asf')
    own = [entry for entry in found if entry.stem == path.stem.split('_')[0]]
    if own or len(found) == 1:
        return (own or found)[0]
    raise DatasetError(f'{path}: its skeleton, {path.stem.split("_")[0]}.asf, is not in the same folder')


def _bones(text):
    """Name -> (parent, direction (3,), axes (3, 3), its rotation axes), parents first; the root is 'root'."""
    sections = _sections(text)
    described = {}
    for block in sections['bonedata'].split('begin')[1:]:
        rows = {row.split()[0]: row.split()[1:] for row in block.splitlines() if row.strip()}
        axis = euler(rows['axis'][:3], rows['axis'][3] if len(rows['axis']) > 3 else 'XYZ')
        turns = [word[1] for word in rows.get('dof', []) if word in ('rx', 'ry', 'rz')]
        described[rows['name'][0]] = normalize_vector(np.array(rows['direction'][:3], float)), axis, turns
    orientation = next((row.split()[1:4] for row in sections['root'].splitlines()
                        if row.split()[:1] == ['orientation']), ['0', '0', '0'])
    order = next((row.split()[1:] for row in sections['root'].splitlines() if row.split()[:1] == ['order']), [])
    bones = {'root': ('', np.zeros(3), euler(orientation, 'XYZ'), [word.lower() for word in order])}
    for row in sections['hierarchy'].splitlines():
        parent, *children = row.split() or ['']
        if parent in bones:
            bones.update({child: (parent, *described[child]) for child in children})
    if len(bones) < 2:
        raise ValueError('its hierarchy is empty')
    return bones


def _sections(text):
    """Keyword -> the text below it."""
    sections, name = {}, ''
    for row in text.splitlines():
        if row.startswith('#'):
            continue
        if row.startswith(':'):
            name = row[1:].split()[0].lower()
            sections[name] = ''
        elif name:
            sections[name] += row + '\n'
    return sections


def _motion(text, bones):
    frames, last = [], None
    for row in text.splitlines():
        words = row.split()
        if not words or words[0][0] in '#:':
            continue
        if len(words) == 1 and words[0].isdigit():
            last = {}
            frames.append(last)
        elif last is None:
            raise ValueError(f'{row!r} before the first frame')
        else:
            last[words[0]] = [float(word) for word in words[1:]]
    if not 0 < len(frames) <= _MAX_FRAMES:
        raise ValueError(f'{len(frames)} frames')
    names = list(bones)
    local = np.empty((len(frames), len(names), 3, 3))
    for k, (name, (_, _, axis, turns)) in enumerate(bones.items()):
        kept = [i for i, turn in enumerate(turns) if turn[0] != 't'] if name == 'root' else range(len(turns))
        axes = ''.join(turns[i][-1] for i in kept)
        numbers = np.array([[frame.get(name, [0.0] * len(turns))[i] for i in kept] for frame in frames], float)
        if not np.isfinite(numbers).all():
            raise ValueError(f'angles of {name} that are not finite')
        # Each rotation is about fixed axes, the first one innermost.
        local[:, k] = axis @ euler_rotations(numbers[:, ::-1], axes[::-1]) @ axis.T
    parents = tuple(names.index(parent) if parent else -1 for parent, *_ in bones.values())
    rotations = kinematic_tree(parents).global_rotations(local)
    directions = np.array([bone[1] for bone in bones.values()])
    return Motion(tuple(names), directions, rotations, INTERVAL)


def euler(degrees, order: str) -> np.ndarray:
    """Three angles about fixed axes, in this order -> (3, 3)."""
    return euler_rotations(np.array(degrees, float)[::-1], order.lower()[::-1])
