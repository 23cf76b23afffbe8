"""Motions of real people from motion capture, as rotations of SMPL-X's joints.

Every file format gives a `Motion`: the rotation of each joint of its own skeleton out of that skeleton's rest pose,
which has to be a T-pose that faces z, y up, x to the person's left. Directions of limbs are transferred, so that
skeletons of other proportions, and legs that are apart at rest, make no difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import skeleton
from ..geometry.directions import minimal_rotation, normalize_vector
from ..geometry.kinematics import local_from_global
from . import DatasetError

#: Largest file that is read.
MAX_BYTES = 200_000_000

#: SMPL-X's joint, of the left side and the middle -> names of the joint that rotates the same bone: of BVH files as
#: converted from the CMU database, of its ASF/AMC files, and of common rigs. Lower case, without separators.
_NAMES = {
    'pelvis': ('hips', 'root', 'pelvis'),
    'spine1': ('lowerback', 'spine', 'chest'),
    'spine2': ('upperback', 'spine', 'spine1', 'chest2'),
    'spine3': ('thorax', 'spine1', 'spine2', 'chest3'),
    'neck': ('lowerneck', 'neck1', 'neck'),
    'head': ('head',),
    'left_collar': ('lclavicle', 'leftshoulder', 'leftcollar'),
    'left_shoulder': ('lhumerus', 'leftarm', 'leftuparm'),
    'left_elbow': ('lradius', 'leftforearm', 'leftlowarm'),
    'left_wrist': ('lhand', 'lefthand', 'lwrist'),
    'left_hip': ('lfemur', 'leftupleg'),
    'left_knee': ('ltibia', 'leftleg', 'leftlowleg'),
    'left_ankle': ('lfoot', 'leftfoot'),
    'left_foot': ('ltoes', 'lefttoebase', 'lefttoe')}

#: Joints whose bone takes the direction of the file's, and the joint at its other end.
_LIMBS = {'left_shoulder': 'left_elbow', 'left_elbow': 'left_wrist', 'left_hip': 'left_knee',
          'left_knee': 'left_ankle', 'left_ankle': 'left_foot'}

_PARENTS = skeleton.PARENTS[:skeleton.NUM_BODY_JOINTS]

#: Joints that a file needs to describe a whole body.
_REQUIRED = ('pelvis', *(f'{side}_{part}' for side in skeleton.SIDES for part in ('shoulder', 'elbow', 'hip', 'knee')))


@dataclass(frozen=True)
class Motion:
    """One recording: F frames of J joints."""

    names: tuple[str, ...]
    rest_directions: np.ndarray     # (J, 3) unit, from each joint along its bone in the rest pose; zeros where none
    rotations: np.ndarray           # (F, J, 3, 3) out of the rest pose, in the axes of the recording
    interval: float                 # s between two frames

    def every(self, seconds: float) -> Motion:
        """Fewer frames, about this interval apart."""
        step = max(round(seconds / self.interval), 1)
        return Motion(self.names, self.rest_directions, self.rotations[::step], step * self.interval)


def local_rotations(motion: Motion, rest_joints: np.ndarray) -> np.ndarray:
    """(F, 22, 3, 3) of SMPL-X's body joints against their parents, the pelvis' in the recording's axes.

    rest_joints (55, 3): of the body in the T-pose. A joint that the file does not have is not rotated. Raises
    DatasetError if joints are missing that a body requires.
    """
    columns = _columns(motion.names)
    missing = [name for name in _REQUIRED if name not in columns]
    if missing:
        raise DatasetError(f'no joint of the motion is known as {", ".join(missing)}; it has '
                           f'{", ".join(motion.names[:40])}')
    turned = {}
    for name, column in columns.items():
        rotation = motion.rotations[:, column]
        other = _limb_end(name)
        direction = motion.rest_directions[column]
        if other is not None and direction.any():
            ours = normalize_vector(rest_joints[skeleton.JOINT[other]] - rest_joints[skeleton.JOINT[name]])
            rotation = rotation @ minimal_rotation(ours, direction)
        turned[skeleton.JOINT[name]] = rotation
    whole = np.empty((len(motion.rotations), skeleton.NUM_BODY_JOINTS, 3, 3))
    for joint, parent in enumerate(_PARENTS):
        whole[:, joint] = turned.get(joint, np.eye(3) if parent < 0 else whole[:, parent])
    return local_from_global(whole, _PARENTS)


def read_text(path: Path) -> str:
    """A text file. Raises DatasetError if it cannot be read, or is too large for a motion."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DatasetError(f'{path} has {path.stat().st_size / 1e6:.0f} MB; at most {MAX_BYTES / 1e6:.0f} are read')
        return path.read_text(encoding='utf-8', errors='replace')
    except OSError as error:
        raise DatasetError(f'{path}: cannot be read ({error.strerror})') from None


def euler_rotations(degrees: np.ndarray, axes: str) -> np.ndarray:
    """Angles (..., n) about the axes 'xyz'[:n] in their order, each about the axes rotated so far -> (..., 3, 3)."""
    result = np.broadcast_to(np.eye(3), (*degrees.shape[:-1], 3, 3))
    for k, axis in enumerate(axes):
        angle = np.radians(degrees[..., k])
        c, s = np.cos(angle), np.sin(angle)
        turn = np.zeros((*angle.shape, 3, 3))
        i = 'xyz'.index(axis)
        j, m = (i + 1) % 3, (i + 2) % 3
        turn[..., i, i] = 1
        turn[..., j, j] = turn[..., m, m] = c
        turn[..., j, m], turn[..., m, j] = -s, s
        result = result @ turn
    return result


def _columns(names):
    """SMPL-X's joint -> the column of the motion that rotates it."""
    plain = {}
    for column, name in enumerate(names):
        bare = name.rsplit(':', 1)[-1].lower().replace('_', '').replace('-', '').replace(' ', '')
        plain.setdefault(bare, column)
    columns, taken = {}, set()
    for joint, candidates in _NAMES.items():
        for ours, theirs in _sides(joint, candidates):
            for name in theirs:
                if name in plain and plain[name] not in taken:
                    columns[ours] = plain[name]
                    taken.add(plain[name])
                    break
    return columns


def _sides(joint, candidates):
    """The joint and its names; for a left one also its counterpart's."""
    yield joint, candidates
    if joint.startswith('left_'):
        right = tuple('right' + name[4:] if name.startswith('left') else 'r' + name[1:] for name in candidates)
        yield skeleton.mirror_joint_name(joint), right


def _limb_end(name):
    """The other end of a joint's bone, if its direction is transferred."""
    left = name.replace('right_', 'left_')
    other = _LIMBS.get(left)
    return other if other is None or left == name else skeleton.mirror_joint_name(other)
