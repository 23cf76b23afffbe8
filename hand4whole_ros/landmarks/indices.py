"""The indices of landmarks: the point of the body in each row of a result. The names are MediaPipe's."""

from __future__ import annotations

from enum import IntEnum

from ..skeleton import SIDES


class PoseLandmark(IntEnum):
    """The 33 rows of a pose. Left and right are the person's own; FOOT_INDEX is the tip of the big toe."""

    NOSE = 0
    LEFT_EYE_INNER = 1
    LEFT_EYE = 2
    LEFT_EYE_OUTER = 3
    RIGHT_EYE_INNER = 4
    RIGHT_EYE = 5
    RIGHT_EYE_OUTER = 6
    LEFT_EAR = 7
    RIGHT_EAR = 8
    MOUTH_LEFT = 9
    MOUTH_RIGHT = 10
    LEFT_SHOULDER = 11
    RIGHT_SHOULDER = 12
    LEFT_ELBOW = 13
    RIGHT_ELBOW = 14
    LEFT_WRIST = 15
    RIGHT_WRIST = 16
    LEFT_PINKY = 17
    RIGHT_PINKY = 18
    LEFT_INDEX = 19
    RIGHT_INDEX = 20
    LEFT_THUMB = 21
    RIGHT_THUMB = 22
    LEFT_HIP = 23
    RIGHT_HIP = 24
    LEFT_KNEE = 25
    RIGHT_KNEE = 26
    LEFT_ANKLE = 27
    RIGHT_ANKLE = 28
    LEFT_HEEL = 29
    RIGHT_HEEL = 30
    LEFT_FOOT_INDEX = 31
    RIGHT_FOOT_INDEX = 32


class AuxiliaryPoseLandmark(IntEnum):
    """The two further points of a pose, which define its next region."""

    HIP_CENTRE = 0
    BODY_CIRCLE = 1         # on the circle around the whole body, in the direction of the head


class HandLandmark(IntEnum):
    """The 21 rows of a hand, in the order of skeleton.HAND_KEYPOINT_NAMES."""

    WRIST = 0
    THUMB_CMC = 1
    THUMB_MCP = 2
    THUMB_IP = 3
    THUMB_TIP = 4
    INDEX_FINGER_MCP = 5
    INDEX_FINGER_PIP = 6
    INDEX_FINGER_DIP = 7
    INDEX_FINGER_TIP = 8
    MIDDLE_FINGER_MCP = 9
    MIDDLE_FINGER_PIP = 10
    MIDDLE_FINGER_DIP = 11
    MIDDLE_FINGER_TIP = 12
    RING_FINGER_MCP = 13
    RING_FINGER_PIP = 14
    RING_FINGER_DIP = 15
    RING_FINGER_TIP = 16
    PINKY_MCP = 17
    PINKY_PIP = 18
    PINKY_DIP = 19
    PINKY_TIP = 20


class PoseKeypoint(IntEnum):
    """The keypoints of a detected person."""

    HIP_CENTRE = 0
    BODY_CIRCLE = 1         # on the circle around the whole body, in the direction of the head
    SHOULDER_CENTRE = 2
    UPPER_BODY_CIRCLE = 3


class PalmKeypoint(IntEnum):
    """The keypoints of a detected palm."""

    WRIST = 0
    INDEX_FINGER_MCP = 1
    MIDDLE_FINGER_MCP = 2
    RING_FINGER_MCP = 3
    PINKY_MCP = 4
    THUMB_CMC = 5
    THUMB_MCP = 6


class FaceKeypoint(IntEnum):
    """The keypoints of a detected face; left and right are the person's own."""

    RIGHT_EYE = 0
    LEFT_EYE = 1
    NOSE_TIP = 2
    MOUTH_CENTRE = 3
    RIGHT_EAR_TRAGION = 4
    LEFT_EAR_TRAGION = 5


class FaceLandmark(IntEnum):
    """Those of the 468 rows of a face that this package uses; left and right are the person's own."""

    RIGHT_EYE_OUTER = 33
    RIGHT_EYE_INNER = 133
    LEFT_EYE_OUTER = 263
    LEFT_EYE_INNER = 362


NUM_POSE_LANDMARKS = len(PoseLandmark)
NUM_HAND_LANDMARKS = len(HandLandmark)
NUM_FACE_LANDMARKS = 468


def side_landmarks(side: str, *parts: str) -> tuple[int, ...]:
    """The pose landmarks of parts ('SHOULDER', 'WRIST', ...) of one side of the body, 'left' or 'right'."""
    return tuple(int(PoseLandmark[f'{side.upper()}_{part}']) for part in parts)


def paired_landmarks(*parts: str) -> tuple[int, ...]:
    """The pose landmarks of parts on both sides: left and right of the first part, of the second and so on."""
    return tuple(row for part in parts for side in SIDES for row in side_landmarks(side, part))


#: The pose landmarks of the face.
POSE_FACE = tuple(range(PoseLandmark.NOSE, PoseLandmark.MOUTH_RIGHT + 1))

#: Pose landmarks, left before right: shoulders, hips, wrists, ears; the joints of arms and trunk; and of the legs, too.
SHOULDERS, HIPS, WRISTS, EARS = (paired_landmarks(part) for part in ('SHOULDER', 'HIP', 'WRIST', 'EAR'))
UPPER_BODY = paired_landmarks('SHOULDER', 'ELBOW', 'WRIST', 'HIP')
LIMBS = UPPER_BODY + paired_landmarks('KNEE', 'ANKLE')

#: Side -> the pose landmarks of that arm: shoulder, elbow, wrist.
ARM: dict[str, tuple[int, ...]] = {side: side_landmarks(side, 'SHOULDER', 'ELBOW', 'WRIST') for side in SIDES}

#: Side -> the pose landmarks from the knee to the tip of the foot: knee, ankle, heel, big toe.
LOWER_LEG = {side: side_landmarks(side, 'KNEE', 'ANKLE', 'HEEL', 'FOOT_INDEX') for side in SIDES}

#: Side -> the pose landmark of that wrist.
WRIST: dict[str, int] = dict(zip(SIDES, WRISTS))


def _mirrored_name(name: str) -> str:
    swap = {'LEFT': 'RIGHT', 'RIGHT': 'LEFT'}
    return '_'.join(swap.get(word, word) for word in name.split('_'))


#: The pose landmark that each of the 33 becomes in a mirror image.
MIRRORED_POSE = tuple(int(PoseLandmark[_mirrored_name(landmark.name)]) for landmark in PoseLandmark)

#: Side -> the corners of that eye among the landmarks of a face, from left to right in the image of an upright face.
EYE_CORNERS = {'right': (FaceLandmark.RIGHT_EYE_OUTER, FaceLandmark.RIGHT_EYE_INNER),
               'left': (FaceLandmark.LEFT_EYE_INNER, FaceLandmark.LEFT_EYE_OUTER)}

#: The landmarks that a face is fitted to, by part, in pairs of the right and the left one; those in the middle are
#: pairs of themselves. Lips: from the corner of the mouth along the outer edge above and below, then likewise along the
#: inner edge. Lids: from the outer corner above to the inner one, and back below. Brows: the upper edge from outside,
#: then the lower.
FACE_PAIRS: dict[str, tuple[tuple[int, int], ...]] = {
    'lips': ((61, 291), (185, 409), (40, 270), (39, 269), (37, 267), (0, 0), (146, 375), (91, 321), (181, 405),
             (84, 314), (17, 17), (78, 308), (191, 415), (80, 310), (81, 311), (82, 312), (13, 13), (95, 324),
             (88, 318), (178, 402), (87, 317), (14, 14)),
    'lids': ((33, 263), (246, 466), (161, 388), (160, 387), (159, 386), (158, 385), (157, 384), (173, 398), (133, 362),
             (155, 382), (154, 381), (153, 380), (145, 374), (144, 373), (163, 390), (7, 249)),
    'brows': ((70, 300), (63, 293), (105, 334), (66, 296), (107, 336), (46, 276), (53, 283), (52, 282), (65, 295),
              (55, 285)),
    'nose': ((168, 168), (6, 6), (197, 197), (195, 195), (5, 5), (4, 4), (1, 1), (2, 2), (164, 164), (98, 327),
             (97, 326), (48, 278), (64, 294), (129, 358)),
    'cheeks': ((50, 280), (205, 425), (207, 427), (187, 411), (101, 330)),
    'forehead': ((10, 10), (151, 151), (9, 9), (67, 297), (109, 338)),
    'jaw': ((152, 152), (18, 18), (200, 200), (148, 377), (176, 400), (149, 378), (150, 379), (136, 365), (172, 397)),
}

#: Side -> the landmarks of a face that the first 16 of face.EyeLandmarks.contour replace: the lids, more exactly.
EYE_CONTOUR: dict[str, tuple[int, ...]] = {
    'right': (33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173),
    'left': (263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398),
}

#: Side -> the pose landmarks of that hand: wrist, little finger and index finger.
POSE_HAND = {side: side_landmarks(side, 'WRIST', 'PINKY', 'INDEX') for side in SIDES}
