"""AGORA's cameras: the pose of each scene's camera, and the transform of a fit's own frame to it.

Facts of the data set's description (github.com/pixelite1201/agora_evaluation). Its world is Unreal's: centimetres, x
forward, y right, z up, angles in degrees.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from ..geometry.camera import Intrinsics
from .annotated_bodies import RigidTransform

#: Width of the sensor in mm, and the size of the full pictures in px.
_SENSOR = 36.0
WIDTH, HEIGHT = 3840, 2160


class _CameraPlacement(NamedTuple):
    focal: float        # mm
    position: tuple     # cm
    yaw: float
    pitch: float


#: A part of the picture's name -> its camera; the first match counts.
_CAMERA_PLACEMENTS = {
    'hdri': _CameraPlacement(50, (0, 0, 170), 0, 0),
    'cam00': _CameraPlacement(18, (400, -275, 265), 135, 30),
    'cam01': _CameraPlacement(18, (400, 225, 265), -135, 30),
    'cam02': _CameraPlacement(18, (-490, 170, 265), -45, 30),
    'cam03': _CameraPlacement(18, (-490, -275, 265), 45, 30),
    'ag2': _CameraPlacement(28, (0, 0, 170), 0, 15),
}
#: The others are placed as in the table, and their ground is lower.
_OTHER_FOCAL, _OTHER_GROUND = 28, np.array([0, -1.7, 0])

#: SMPL-X's y up and z forward to the optical frame's y down and z away.
_TO_OPTICAL = np.diag([1.0, -1.0, -1.0])


def scene_camera(name: str, row: Mapping[str, Any]) -> tuple[Intrinsics, RigidTransform]:
    """Intrinsics of the full picture of that name, and the motion from the world, in metres with optical axes, to it.

    row: of the table; camX, camY, camZ and camYaw are used if the name determines no camera.
    """
    place = next((place for part, place in _CAMERA_PLACEMENTS.items() if part in name), None)
    ground = np.zeros(3)
    if place is None:
        x, y, z, yaw = (float(row[f'cam{key}']) for key in ('X', 'Y', 'Z', 'Yaw'))
        place, ground = _CameraPlacement(_OTHER_FOCAL, (x, y, z), yaw, 0), _OTHER_GROUND
    focal = place.focal / _SENSOR * WIDTH
    turn = (Rotation.from_euler('x', place.pitch, degrees=True)
            * Rotation.from_euler('y', -place.yaw, degrees=True)).as_matrix()
    where = _to_metres(place.position) + ground
    return Intrinsics(focal, focal, WIDTH / 2, HEIGHT / 2, WIDTH, HEIGHT), RigidTransform(turn, -turn @ where)


def fit_to_camera(camera: RigidTransform, position: tuple[float, float, float], yaw: float) -> RigidTransform:
    """The motion from a fit's own frame, SMPL-X's, to the camera. position and yaw: X, Y, Z and Yaw of the person."""
    # Scans are rotated by a quarter turn.
    turn = Rotation.from_euler('y', yaw - 90, degrees=True).as_matrix() @ _TO_OPTICAL
    return RigidTransform(camera.rotation @ turn, camera.points(_to_metres(position)))


def _to_metres(position):
    forward, right, up = np.asarray(position, np.float64) / 100
    return np.array([right, -up, forward])
