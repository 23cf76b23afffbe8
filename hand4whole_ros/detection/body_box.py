"""From points of the skeleton to the box around the visible body.

Skeletons end inside the body. Each point gets a disc of flesh, in metres, scaled to pixels; the box encloses
the discs and is clipped at the image's edge, as in manual annotation. Radii were fitted to rendered people,
whose skin is their clothes; those that rarely touch the outline were set by hand.
"""

from __future__ import annotations

import numpy as np

from ..geometry.boxes import inside
from ..landmarks.indices import EARS, POSE_FACE, SHOULDERS, PoseLandmark, paired_landmarks
from ..skeleton import BODY_JOINT_NAMES, JOINT, SIDES
from .holistic_landmarks import HolisticLandmarks

#: Real people's clothes and hair, around all but hands, m: on some photographs manually annotated boxes were 1 to 5 cm
#: wider at each side.
_CLOTHING_MARGIN = 0.02

#: MediaPipe's pose landmarks: thickness of flesh around each, m. The face is boxed as a head.
_LIMB_RADII = {'SHOULDER': 0.062, 'ELBOW': 0.035, 'WRIST': 0.045, 'PINKY': 0.007, 'INDEX': 0.007, 'THUMB': 0.007,
               'HIP': 0.099, 'KNEE': 0.05, 'ANKLE': 0.045, 'HEEL': 0.025, 'FOOT_INDEX': 0.025}
_LIMB_RADIUS = np.zeros(len(PoseLandmark))
for _part, _radius in _LIMB_RADII.items():
    _LIMB_RADIUS[list(paired_landmarks(_part))] = _radius
_HAND_RADIUS = 0.008
#: The head: a disc, its middle above the ears.
_HEAD_RADIUS, _HEAD_CENTRE_OFFSET = 0.075, 0.045

#: The parent of each landmark: if the parent counts, so does a landmark outside the image.
_PARENTS = np.full(len(PoseLandmark), -1)
_PARENTS[PoseLandmark.NOSE] = PoseLandmark.LEFT_SHOULDER
_PARENTS[list(SHOULDERS)] = PoseLandmark.NOSE
for _part, _parent in (('ELBOW', 'SHOULDER'), ('WRIST', 'ELBOW'), ('PINKY', 'WRIST'), ('INDEX', 'WRIST'),
                       ('THUMB', 'WRIST'), ('HIP', 'SHOULDER'), ('KNEE', 'HIP'), ('ANKLE', 'KNEE'), ('HEEL', 'ANKLE'),
                       ('FOOT_INDEX', 'ANKLE')):
    _PARENTS[list(paired_landmarks(_part))] = paired_landmarks(_parent)

#: Landmarks from head to hips, which the scale is measured with.
_HEAD_TO_HIPS = slice(PoseLandmark.LEFT_KNEE)

#: Below this visibility a landmark within the image counts as hidden.
_MIN_VISIBILITY = 0.3

#: The same around SMPL-X's joints. Their head is a disc beyond the joint, in lengths of the neck; toes lie beyond the
#: feet, in lengths of foot from ankle.
_JOINT_RADIUS = {'shoulder': 0.051, 'elbow': 0.035, 'wrist': 0.022, 'hip': 0.1, 'knee': 0.05, 'ankle': 0.047,
                'foot': 0.007}
_SMPLX_HEAD_RADIUS, _HEAD_EXTENSION = 0.115, 0.375
_TOES, _FOOT_EXTENSION = 0.007, 0.35
_SMPLX_HAND_RADIUS = 0.004

#: Lengths of bones, m: the mean of rendered adults.
_BONES = {('pelvis', 'neck'): 0.54, ('left_shoulder', 'right_shoulder'): 0.35, ('left_hip', 'left_knee'): 0.38,
          ('right_hip', 'right_knee'): 0.38, ('left_knee', 'left_ankle'): 0.43, ('right_knee', 'right_ankle'): 0.43}


def box_around_discs(points: np.ndarray, radii: np.ndarray, width: int, height: int) -> np.ndarray | None:
    """The box xywh (4,) around discs at points (N, 2), radii (N,), px, within the image; None if it is empty."""
    low = np.clip((points - radii[:, None]).min(0), 0, (width, height))
    high = np.clip((points + radii[:, None]).max(0), 0, (width, height))
    return np.concatenate([low, high - low]) if (high > low).all() else None


def pixels_per_metre(points: np.ndarray, points_2d: np.ndarray) -> float:
    """The ratio of spreads of points in the image (N, 2) px and in space (N, 3) m; 0 for no points."""
    spread = np.sqrt(points[:, :2].var(0).sum())
    return float(np.sqrt(points_2d.var(0).sum()) / spread) if spread > 0 else 0.0


def box_from_landmarks(
    landmarks: HolisticLandmarks, hands: list[np.ndarray], width: int, height: int
) -> np.ndarray | None:
    """The box xywh (4,) px of the visible part of a person in an image; None if nothing is visible.

    hands: (21, 2) px of the accepted hands. Landmarks outside the image count if their parents do: a leg that
    leaves the image extends the box to its edge.
    """
    pose = landmarks.pose
    scale = pixels_per_metre(landmarks.world[_HEAD_TO_HIPS], pose[_HEAD_TO_HIPS])
    shown = inside(pose, width, height)
    counts = shown & (landmarks.visibility >= _MIN_VISIBILITY)
    for index in np.flatnonzero(~shown):
        counts[index] = _PARENTS[index] >= 0 and counts[_PARENTS[index]]
    if not counts.any():
        return None
    points, radii = [pose[counts]], [_LIMB_RADIUS[counts] + _CLOTHING_MARGIN]
    if counts[list(POSE_FACE)].any():
        ears = pose[list(EARS)].mean(0)
        up = ears - pose[list(SHOULDERS)].mean(0)
        points.append((ears + up / max(np.linalg.norm(up), 1e-9) * _HEAD_CENTRE_OFFSET * scale)[None])
        radii.append(np.array([_HEAD_RADIUS + _CLOTHING_MARGIN]))
    for hand in hands:
        points.append(hand)
        radii.append(np.full(len(hand), _HAND_RADIUS))
    return box_around_discs(np.concatenate(points), np.concatenate(radii) * scale, width, height)


def box_from_joints(joints: np.ndarray, hands: list[np.ndarray], width: int, height: int) -> np.ndarray | None:
    """The box xywh (4,) px of a body whose SMPL-X joints are at (22, 2) px, hidden or not.

    joints: in skeleton.BODY_JOINT_NAMES order, others may follow; hands: (21, 2) px each. None if no part of the
    body is in the image, if numbers are not finite or joints are fewer.
    """
    if len(joints) < len(BODY_JOINT_NAMES) or not all(np.isfinite(part).all() for part in (joints, *hands)):
        return None
    at = {name: joints[JOINT[name]] for name in BODY_JOINT_NAMES}
    # Foreshortening makes bones only shorter: the longest one gives the scale, within a tenth.
    scale = max(np.linalg.norm(at[one] - at[other]) / length for (one, other), length in _BONES.items())
    discs = [(at['head'] + _HEAD_EXTENSION * (at['head'] - at['neck']), _SMPLX_HEAD_RADIUS + _CLOTHING_MARGIN)]
    for side in SIDES:
        discs += [(at[f'{side}_{name}'], flesh + _CLOTHING_MARGIN) for name, flesh in _JOINT_RADIUS.items()]
        foot, ankle = at[f'{side}_foot'], at[f'{side}_ankle']
        discs.append((foot + _FOOT_EXTENSION * (foot - ankle), _TOES + _CLOTHING_MARGIN))
    discs += [(point, _SMPLX_HAND_RADIUS) for hand in hands for point in hand]
    points, radii = (np.array(column) for column in zip(*discs))
    return box_around_discs(points, radii * scale, width, height)
