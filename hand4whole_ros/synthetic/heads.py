"""Heads of the open body, in close-up: faces with known jaw, gaze and expression."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from ..body.face_shapes import EXPRESSION_NAMES
from ..body.model import BodyModel
from ..detection.holistic_landmarks import HolisticLandmarks
from ..geometry.camera import Intrinsics
from ..landmarks.indices import NUM_POSE_LANDMARKS, POSE_FACE
from ..rendering.rasterizer import Rasterizer
from ..skeleton import JOINT, NUM_JOINTS
from .appearance import Appearance

#: A camera close to a head, and the position of the head's joint in it, m, that centres the face.
CAMERA, PLACE = Intrinsics(1000.0, 1000.0, 160.0, 160.0, 320, 320), np.array([0.0, 0.03, 1.2])
#: Of a person from the waist up.
WIDE, WIDE_PLACE = Intrinsics(900.0, 900.0, 240.0, 320.0, 480, 640), np.array([0.0, -0.35, 2.0])

#: The rotation of a head that faces the camera.
FACING = np.diag([1.0, -1.0, -1.0])

#: The 11 pose landmarks of a face, m from the head's joint in SMPL-X's axes: nose, eyes, ears, mouth.
_POSE_FACE = np.array([
    [0, 0, 0.11], *[[side * x, 0.042, 0.08] for side in (1, -1) for x in (0.015, 0.03, 0.045)],
    [0.07, 0.03, -0.01], [-0.07, 0.03, -0.01], [0.02, -0.028, 0.1], [-0.02, -0.028, 0.1]])


@dataclass(frozen=True)
class HeadPose:
    """Parameters of the drawing. Radians and metres; arms hang."""

    jaw: float = 0.0
    down: float = 0.0                   # the gaze, of both eyes, against the head
    left: float = 0.0                   # likewise, to the person's left
    expression: dict[str, float] = field(default_factory=dict)     # by body.face_shapes.EXPRESSION_NAMES
    betas: np.ndarray = field(default_factory=lambda: np.zeros(10))
    rotation: np.ndarray = field(default_factory=lambda: FACING)   # of the whole body, in the camera
    place: np.ndarray = field(default_factory=lambda: PLACE)       # of the head's joint

    def vertices(self, body: BodyModel) -> np.ndarray:
        """(V, 3) m in the camera frame."""
        expression = np.zeros(len(EXPRESSION_NAMES))
        for name, value in self.expression.items():
            expression[EXPRESSION_NAMES.index(name)] = value
        pose = np.zeros((NUM_JOINTS, 3))
        pose[JOINT['left_shoulder'], 2], pose[JOINT['right_shoulder'], 2] = -1.1, 1.1
        pose[JOINT['jaw'], 0] = self.jaw
        pose[[JOINT['left_eye'], JOINT['right_eye']]] = self.down, self.left, 0.0
        head = body.skeleton(pose, self.betas, expression).joints[JOINT['head']]
        return (body.mesh(pose, self.betas, expression) - head) @ self.rotation.T + self.place

    def draw(self, camera: Intrinsics = CAMERA, appearance: int = 3) -> np.ndarray:
        """An RGB image (H, W, 3) uint8 before grey. appearance: seed of the colours."""
        body, rasterizer = _drawing()
        colors = Appearance.sample(np.random.default_rng(appearance)).colors()
        drawn = rasterizer.render(self.vertices(body).astype(np.float32), camera, colors, supersample=3)
        alpha = drawn.alpha[..., None]
        return (drawn.rgb * alpha + 125 * (1 - alpha)).astype(np.uint8)

    def landmarks(self, camera: Intrinsics = CAMERA, track_id: int = -1) -> HolisticLandmarks:
        """The pose landmarks of the face, about where a detector places them; the others not visible."""
        pose = np.tile(camera.project(self.place[None]), (NUM_POSE_LANDMARKS, 1))
        visibility = np.zeros(NUM_POSE_LANDMARKS)
        pose[list(POSE_FACE)] = camera.project(_POSE_FACE @ self.rotation.T + self.place)
        visibility[list(POSE_FACE)] = 1.0
        return HolisticLandmarks(pose, visibility, np.zeros((NUM_POSE_LANDMARKS, 3)), None, None, face=True,
                                 track_id=track_id)


@lru_cache(maxsize=1)
def _drawing() -> tuple[BodyModel, Rasterizer]:
    body = BodyModel.load()
    return body, Rasterizer(body.faces)
