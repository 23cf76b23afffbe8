"""Jaw, gaze, expression and the head's rotation on drawn heads, by MediaPipe's networks and the fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..body.face_shapes import EXPRESSION_NAMES
from ..body.model import BodyModel
from ..detection.person_faces import PersonFaces
from ..fitting.face_fitter import FaceFit, FaceFitter
from ..fitting.kinematic_chain import exp_so3, log_so3
from ..synthetic.heads import CAMERA, FACING, HeadPose
from ..system.progress import ProgressBar

#: Standard deviation of the rotation that the fit starts with, as from a body fit, radians about each axis.
_START = 0.1

#: Maximum degrees by which a head turns, a jaw opens, and an eye turns down and to the left.
_TURN, _NOD, _JAW, _DOWN, _LEFT = 30.0, 15.0, 25.0, 12.0, 20.0


@dataclass(frozen=True)
class DrawnFace:
    """A drawn head and its estimate."""

    truth: HeadPose
    start: np.ndarray           # (3, 3) rotation of the head that the fit started with
    found: FaceFit | None

    @property
    def head_error(self) -> float:
        """Degrees."""
        assert self.found is not None and self.found.head_rotation is not None
        return rotation_error(self.found.head_rotation, self.truth.rotation)


def rotation_error(one: np.ndarray, other: np.ndarray) -> float:
    """Degrees between two rotations (3, 3)."""
    return float(np.degrees(np.linalg.norm(log_so3((one @ other.T)[None])[0])))


def sample_head(rng: np.random.Generator) -> HeadPose:
    """A person with a moving gaze, one expression, and the mouth open every other time."""
    turn, nod, jaw, down, left = np.radians(rng.uniform(-1, 1, 5) * (_TURN, _NOD, _JAW, _DOWN, _LEFT))
    name = EXPRESSION_NAMES[rng.integers(len(EXPRESSION_NAMES))]
    rotation = FACING @ exp_so3(np.array([[0.0, turn, 0.0]]))[0] @ exp_so3(np.array([[nod, 0.0, 0.0]]))[0]
    return HeadPose(max(float(jaw), 0.0), float(down), float(left), {name: float(rng.uniform(0.3, 1))},
                    np.clip(rng.normal(0, 1, 10), -2, 2).astype(np.float32), rotation)


def run(count: int, seed: int) -> dict[str, Any]:
    """Draw so many heads, fit their faces, and measure.

    The result has the medians of errors in degrees, also those of a face at rest and of the head at the start of the
    fit; by expression, the median estimate where it is 1, and where it is absent.
    Raises DetectorUnavailable and OpenBodyUnavailable.
    """
    body, faces = BodyModel.load(), PersonFaces()
    assert body.face is not None
    fitter, rng, drawn = FaceFitter(body.face, body.kinematics), np.random.default_rng(seed), []
    for _ in ProgressBar(range(count), 'heads', unit='head'):
        truth = sample_head(rng)
        start = truth.rotation @ exp_so3(rng.normal(0, _START, (1, 3)))[0]
        seen = faces.detect(truth.draw(appearance=int(rng.integers(1000))), truth.landmarks())
        found = None if seen is None else fitter.fit(seen, CAMERA, head_rotation=start, betas=truth.betas)
        drawn.append(DrawnFace(truth, start, found))
    return summarise(drawn)


def summarise(drawn: list[DrawnFace]) -> dict[str, Any]:
    """The result of `run`."""
    faces = [(face, face.found) for face in drawn if face.found is not None]
    if not faces:
        return {'heads': len(drawn), 'found': 0}

    def median(values):
        values = list(values)
        return float(np.median(values)) if values else None

    open_eyes = [(face.truth, found) for face, found in faces
                 if not any(name.endswith('eye_closed') for name in face.truth.expression)]
    shown = {name: median(found.expression[k] / face.truth.expression[name] for face, found in faces
                          if name in face.truth.expression) for k, name in enumerate(EXPRESSION_NAMES)}
    absent = {name: median(abs(found.expression[k]) for face, found in faces if name not in face.truth.expression)
              for k, name in enumerate(EXPRESSION_NAMES)}
    return {
        'heads': len(drawn), 'found': len(faces),
        'head before': median(rotation_error(face.start, face.truth.rotation) for face, _ in faces),
        'head': median(face.head_error for face, _ in faces),
        'open jaw': median(abs(np.degrees(found.jaw_pose[0] - face.truth.jaw)) for face, found in faces
                           if face.truth.jaw),
        'resting open jaw': median(np.degrees(face.truth.jaw) for face, _ in faces if face.truth.jaw),
        'shut jaw': median(abs(np.degrees(found.jaw_pose[0])) for face, found in faces if not face.truth.jaw),
        'gaze down': median(abs(np.degrees(found.eye_poses[:, 0].mean() - truth.down)) for truth, found in open_eyes),
        'gaze left': median(abs(np.degrees(found.eye_poses[:, 1].mean() - truth.left)) for truth, found in open_eyes),
        'resting gaze down': median(abs(np.degrees(truth.down)) for truth, _ in open_eyes),
        'resting gaze left': median(abs(np.degrees(truth.left)) for truth, _ in open_eyes),
        'expression': shown, 'absent expression': absent}


def format_table(result: dict[str, Any]) -> str:
    """As Markdown."""
    lines = [f'{result["found"]} of {result["heads"]} drawn heads have a face', '']
    if not result['found']:
        return lines[0]
    lines += ['| median error, degrees | of the fit | without it |', '|---|---:|---:|']
    for name, key, before in (
            ('head', 'head', 'head before'), ('gaze up and down', 'gaze down', 'resting gaze down'),
            ('gaze left and right', 'gaze left', 'resting gaze left'),
            ('jaw of an open mouth', 'open jaw', 'resting open jaw'), ('jaw of a shut mouth', 'shut jaw', None)):
        lines.append(f'| {name} | {_number(result[key], 1)} | {_number(result[before], 1) if before else "-"} |')
    lines += ['', '| expression | found of 1 | found of 0 |', '|---|---:|---:|']
    lines += [f'| {name.replace("_", " ")} | {_number(result["expression"][name], 2)} | '
              f'{_number(result["absent expression"][name], 2)} |' for name in EXPRESSION_NAMES]
    return '\n'.join(lines)


def _number(value, digits):
    return '-' if value is None else f'{value:.{digits}f}'
