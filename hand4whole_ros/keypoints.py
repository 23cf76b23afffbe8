"""The tables of whole-body keypoints: the 137 of Hand4Whole++, and the 133 of a detector.

Names extend skeleton.JOINT_NAMES; the networks' order, and the source of each point in SMPL-X, are those the
published weights were trained with.
"""

from __future__ import annotations

from . import skeleton

_BODY = ('pelvis', 'left_hip', 'right_hip', 'left_knee', 'right_knee', 'left_ankle', 'right_ankle', 'neck',
         'left_shoulder', 'right_shoulder', 'left_elbow', 'right_elbow', 'left_wrist', 'right_wrist')
_FOOT = ('big_toe', 'small_toe', 'heel')
_FOOT_KEYPOINTS = tuple(f'{side}_{part}' for side in skeleton.SIDES for part in _FOOT)
_HEAD = ('left_ear', 'right_ear', 'left_eye', 'right_eye', 'nose')
_HANDS = {side: tuple(f'{side}_{name}' for name in skeleton.HAND_KEYPOINT_NAMES[1:]) for side in skeleton.SIDES}
_HAND_POINTS = _HANDS['left'] + _HANDS['right']

#: The 137 keypoints of the networks: 25 of the body, 20 of each hand without its wrist, 72 of the face.
KEYPOINT_NAMES = _BODY + _FOOT_KEYPOINTS + _HEAD + _HAND_POINTS + tuple(f'face{k}' for k in range(1, 73))
NUM_KEYPOINTS = len(KEYPOINT_NAMES)
KEYPOINT = {name: index for index, name in enumerate(KEYPOINT_NAMES)}

#: Indices among the 137 of the 21 points of each hand, in skeleton.HAND_KEYPOINT_NAMES order: the wrist is the
#: body's.
HAND_KEYPOINTS = {side: tuple(KEYPOINT[f'{side}_{name}'] for name in skeleton.HAND_KEYPOINT_NAMES)
                  for side in skeleton.SIDES}

#: Those of the face, among the 137.
FACE_KEYPOINTS = [index for name, index in KEYPOINT.items() if name.startswith('face')]

#: Points that SMPL-X of the `smplx` library appends to its 55 joints: points on the skin, then 68 of the face.
_SKIN_KEYPOINTS = (('nose', 'right_eye', 'left_eye', 'right_ear', 'left_ear') + _FOOT_KEYPOINTS
         + tuple(name for name in _HAND_POINTS if name.endswith('_tip')))
_SKIN_INDEX = {name: skeleton.NUM_JOINTS + k for k, name in enumerate(_SKIN_KEYPOINTS)}
_FIRST_LANDMARK = skeleton.NUM_JOINTS + len(_SKIN_KEYPOINTS)

#: For each keypoint, its index among the 144 joints of SMPL-X with the outline of the face. The first four of
#: the face are jaw, head and eyes.
KEYPOINT_JOINTS = (
    tuple(_SKIN_INDEX[name] if name in _SKIN_INDEX else skeleton.JOINT[name] for name in KEYPOINT_NAMES[:65])
    + (skeleton.JOINT['jaw'], skeleton.JOINT['head'], _SKIN_INDEX['left_eye'], _SKIN_INDEX['right_eye'])
    + tuple(range(_FIRST_LANDMARK, _FIRST_LANDMARK + 68)))

#: The 133 keypoints of COCO-WholeBody, as detectors such as DWPose give them. Its face begins with the outline.
COCO_WHOLEBODY_NAMES = (
    ('nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear')
    + tuple(f'{side}_{joint}' for joint in ('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')
            for side in skeleton.SIDES)
    + _FOOT_KEYPOINTS + tuple(f'face{k}' for k in (*range(52, 69), *range(1, 52)))
    + tuple(f'{side}_{name}' for side in skeleton.SIDES
            for name in ('hand_wrist',) + skeleton.HAND_KEYPOINT_NAMES[1:]))

#: For each of the 133, its index among the 137 by name, -1 for the hands' own wrists. The faces of the two sets
#: start from different points, so only body and hands agree in meaning.
COCO_WHOLEBODY_KEYPOINTS = tuple(KEYPOINT.get(name, -1) for name in COCO_WHOLEBODY_NAMES)
