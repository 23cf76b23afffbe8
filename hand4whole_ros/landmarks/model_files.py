"""The networks that are shipped: their table, and their checked content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from . import LandmarksUnavailable

#: The folder of the files.
FOLDER = Path(__file__).parent / 'models'


@dataclass(frozen=True)
class ModelFile:
    """One network. Its input is a square RGB crop, `input_size` px wide, with 0 to 255 mapped to `value_range`."""

    file_name: str
    origin: str                     # folder in mediapipe/modules, of MediaPipe's repository and of its wheel
    sha256: str
    size: int                       # bytes
    input_size: int                 # px
    value_range: tuple[float, float] = (0.0, 1.0)
    black_outside: bool = False     # see crops.crop
    outputs: tuple[int, ...] | None = None      # the outputs that are used; None: all


POSE_DETECTION = ModelFile(
    'pose_detection.tflite', 'pose_detection',
    '9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c', 2959046, 224, (-1.0, 1.0), black_outside=True)

#: Output 2 is a mask of the person. It takes a third of the time and is not used.
POSE_LANDMARK_FULL = ModelFile(
    'pose_landmark_full.tflite', 'pose_landmark',
    'e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f', 6440512, 256, outputs=(0, 1, 3, 4))

PALM_DETECTION_FULL = ModelFile(
    'palm_detection_full.tflite', 'palm_detection',
    '1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54', 2339846, 192, black_outside=True)

HAND_LANDMARK_FULL = ModelFile(
    'hand_landmark_full.tflite', 'hand_landmark',
    '11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3', 5478917, 224)

HAND_LANDMARK_LITE = ModelFile(
    'hand_landmark_lite.tflite', 'hand_landmark',
    '048edd3645c9bf7397d19a9f6e3a42957d6e414c9bea6598030a2e9b624156e6', 2071597, 224)

HAND_RECROP = ModelFile(
    'hand_recrop.tflite', 'holistic_landmark',
    '67d996ce96f9d36fe17d2693022c6da93168026ab2f028f9e2365398d8ac7d5d', 123792, 256)

FACE_DETECTION_SHORT_RANGE = ModelFile(
    'face_detection_short_range.tflite', 'face_detection',
    'bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8', 229714, 128, (-1.0, 1.0), black_outside=True)

FACE_LANDMARK = ModelFile(
    'face_landmark.tflite', 'face_landmark',
    '1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814', 1242398, 192)

IRIS_LANDMARK = ModelFile(
    'iris_landmark.tflite', 'iris_landmark',
    'd1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f', 2640568, 64)

MODEL_FILES = (POSE_DETECTION, POSE_LANDMARK_FULL, PALM_DETECTION_FULL, HAND_LANDMARK_FULL, HAND_LANDMARK_LITE,
               HAND_RECROP, FACE_DETECTION_SHORT_RANGE, FACE_LANDMARK, IRIS_LANDMARK)


def read(model: ModelFile, folder: Path = FOLDER) -> bytes:
    """The content of the file. Raises LandmarksUnavailable if it is missing or is not the one that was shipped."""
    path = folder / model.file_name
    again = 'install hand4whole_ros again'
    try:
        # Of a longer file only one byte too many is read.
        with open(path, 'rb') as stream:
            content = stream.read(model.size + 1)
    except OSError as error:
        raise LandmarksUnavailable(f'{path} cannot be read ({error.strerror}); {again}') from None
    found = hashlib.sha256(content).hexdigest()
    if found != model.sha256:
        raise LandmarksUnavailable(f'{path} is damaged: its SHA-256 should be {model.sha256[:12]}..., found '
                                   f'{found[:12]}...; {again}')
    return content
