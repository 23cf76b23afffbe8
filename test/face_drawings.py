"""Heads of the open body, drawn large: faces whose jaw, gaze and expression are known."""

from functools import lru_cache

import numpy as np
import torch

from hand4whole_ros.body.face_shapes import EXPRESSION_NAMES
from hand4whole_ros.body.model import BodyModel
from hand4whole_ros.detection.holistic_landmarks import HolisticLandmarks
from hand4whole_ros.geometry.camera import Intrinsics
from hand4whole_ros.landmarks.indices import NUM_POSE_LANDMARKS, POSE_FACE
from hand4whole_ros.rendering.rasterizer import Rasterizer
from hand4whole_ros.skeleton import JOINT
from hand4whole_ros.synthetic.appearance import Appearance

CAMERA = Intrinsics(1000.0, 1000.0, 160.0, 160.0, 320, 320)
#: The head joint lies here before the camera, m, so that the face is in the middle.
PLACE = np.array([0.0, 0.03, 1.2])
#: Of a person from the waist up, and where the head joint then lies.
WIDE, WIDE_PLACE = Intrinsics(900.0, 900.0, 240.0, 320.0, 480, 640), np.array([0.0, -0.35, 2.0])
#: The rotation of a head that looks into the camera.
FACING = np.diag([1.0, -1.0, -1.0])


@lru_cache(maxsize=1)
def _rasterizer():
    body = BodyModel.load()
    return body, Rasterizer(body.faces), Appearance.sample(np.random.default_rng(3)).colors()


def draw_head(jaw=0.0, down=0.0, left=0.0, place=PLACE, rotation=FACING, camera=CAMERA, **expression):
    """An RGB image of a person whose head joint lies at `place`; jaw, gaze down and to the person's left in radians."""
    body, rasterizer, colors = _rasterizer()
    coefficients = torch.zeros(1, len(EXPRESSION_NAMES))
    for name, value in expression.items():
        coefficients[0, EXPRESSION_NAMES.index(name)] = value
    gaze = torch.tensor([[down, left, 0.0]])
    hanging = torch.zeros(1, 21, 3)
    for side, turn in (('left', -1.1), ('right', 1.1)):
        hanging[0, JOINT[f'{side}_shoulder'] - 1, 2] = turn
    posed = body(body_pose=hanging, jaw_pose=torch.tensor([[jaw, 0.0, 0.0]]), leye_pose=gaze, reye_pose=gaze,
                 expression=coefficients)
    points = (posed.vertices[0] - posed.joints[0, JOINT['head']]).numpy() @ rotation.T + place
    drawn = rasterizer.render(points.astype(np.float32), camera, colors, supersample=3)
    alpha = drawn.alpha[..., None]
    return (drawn.rgb * alpha + 125 * (1 - alpha)).astype(np.uint8)


def head_landmarks(place=PLACE, track_id=-1):
    """The pose landmarks of that head: of the face alone, the others unseen."""
    pose, visibility = np.full((NUM_POSE_LANDMARKS, 2), 160.0), np.zeros(NUM_POSE_LANDMARKS)
    # Nose, eyes, ears and mouth of an upright face, m from the head joint.
    face = np.array([[0, 0, .11], *[[s * x, .042, .08] for s in (1, -1) for x in (.015, .03, .045)], [.07, .03, -.01],
                     [-.07, .03, -.01], [.02, -.028, .1], [-.02, -.028, .1]])
    pose[list(POSE_FACE)], visibility[list(POSE_FACE)] = CAMERA.project(face @ FACING.T + place), 1.0
    return HolisticLandmarks(pose, visibility, np.zeros((NUM_POSE_LANDMARKS, 3)), None, None, face=True,
                             track_id=track_id)
