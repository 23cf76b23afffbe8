"""Motions in Biovision's hierarchical format, .bvh."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..geometry.directions import normalize_vector
from ..geometry.kinematics import kinematic_tree
from . import DatasetError
from .motions import Motion, euler_rotations, read_text

#: Largest numbers of joints and frames of a file.
_MAX_JOINTS, _MAX_FRAMES = 500, 2_000_000


def read(path: Path) -> Motion:
    """The motion of a file. Raises DatasetError, which names the file and what is wrong with it."""
    try:
        return _parsed(read_text(Path(path)))
    except (ValueError, IndexError, StopIteration) as error:
        what = 'it ends too early' if isinstance(error, (IndexError, StopIteration)) else error
        raise DatasetError(f'{path}: not a BVH file ({what})') from None


def _parsed(text):
    head, _, body = text.partition('MOTION')
    names, parents, offsets, channels, ends = _hierarchy(head.split())
    words = body.split()
    if len(words) < 5 or words[0] != 'Frames:' or words[2:4] != ['Frame', 'Time:']:
        raise ValueError('no number of frames and no frame time after MOTION')
    frames, interval = int(words[1]), float(words[4])
    if not (0 < frames <= _MAX_FRAMES and 0 < interval < 10):
        raise ValueError(f'{frames} frames, {interval} s apart')
    width = sum(len(part) for part in channels)
    numbers = np.array(words[5:], np.float64)
    if len(numbers) != frames * width or not np.isfinite(numbers).all():
        raise ValueError(f'{frames} frames of {width} finite numbers expected, found {len(numbers)} numbers')
    numbers = numbers.reshape(frames, width)
    local = np.empty((frames, len(names), 3, 3))
    column = 0
    for joint in range(len(names)):
        turns = [k for k, name in enumerate(channels[joint]) if name.endswith('rotation')]
        axes = ''.join(channels[joint][k][0].lower() for k in turns)
        local[:, joint] = euler_rotations(numbers[:, [column + k for k in turns]], axes)
        column += len(channels[joint])
    rotations = kinematic_tree(tuple(parents)).global_rotations(local)
    return Motion(tuple(names), _directions(parents, offsets, ends), rotations, interval)


def _hierarchy(words):
    """Names, parents, offsets, channels of the joints, and joint -> offset of its end site."""
    names, parents, offsets, channels, ends = [], [], [], [], {}
    stack, at_end, word = [], False, iter(words)
    if next(word) != 'HIERARCHY':
        raise ValueError('it does not begin with HIERARCHY')
    for token in word:
        if token in ('ROOT', 'JOINT'):
            if token == 'ROOT' and names:
                raise ValueError('it has more than one root')
            if len(names) >= _MAX_JOINTS:
                raise ValueError(f'it has more than {_MAX_JOINTS} joints')
            names.append(next(word))
            parents.append(stack[-1] if stack else -1)
            offsets.append(np.zeros(3))
            channels.append([])
        elif token == 'End':
            next(word)
            at_end = True
        elif token == '{':
            stack.append(len(names) - 1)
        elif token == '}':
            stack.pop()
            at_end = False
        elif token == 'OFFSET':
            offset = np.array([float(next(word)) for _ in range(3)])
            if at_end:
                ends[len(names) - 1] = offset
            else:
                offsets[-1] = offset
        elif token == 'CHANNELS':
            channels[-1] = [next(word) for _ in range(int(next(word)))]
            if any(name[0] not in 'XYZ' or name[1:] not in ('position', 'rotation') for name in channels[-1]):
                raise ValueError(f'channels {channels[-1]}')
        else:
            raise ValueError(f'{token!r} where a joint was expected')
    if not names or stack:
        raise ValueError('its braces do not close')
    return names, parents, offsets, channels, ends


def _directions(parents, offsets, ends):
    """(J, 3): to the first child that is not at the same place, else to the end site."""
    directions = np.zeros((len(parents), 3))
    for joint in range(len(parents)):
        below = [offsets[k] for k, parent in enumerate(parents) if parent == joint] + [ends.get(joint, np.zeros(3))]
        longest = next((offset for offset in below if np.linalg.norm(offset) > 1e-6), None)
        if longest is not None:
            directions[joint] = normalize_vector(longest)
    return directions
