"""Protocol of each data set: the alignment, and the resulting figures. Millimetres, degrees, shares.

The rules are those of the papers' code: whole bodies from the pelvis, hands from the wrist, faces from the neck, these
joints being regressed from the posed mesh; InterHand2.6M's hands from the middle MCP, scaled to the length of the palm;
FreiHAND after Procrustes alone. Both hands of a body count as one figure, their mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from .. import skeleton
from ..datasets.sample import HandAnnotation, Sample
from ..geometry.alignment import procrustes_aligned
from . import metrics, threshold_metrics
from .body_parts import BodyParts
from .prediction import PredictedHand, Prediction

#: Wrist and middle MCP among the keypoints of a hand.
_WRIST, _MIDDLE = skeleton.HAND_KEYPOINT['wrist'], skeleton.HAND_KEYPOINT['middle1']
_PELVIS, _NECK = skeleton.JOINT['pelvis'], skeleton.JOINT['neck']
_BODY = slice(0, len(skeleton.BODY_JOINT_NAMES))

#: Key of a figure -> its meaning, unit, decimals, for all tables.
FIGURES = {
    'mpvpe_all': ('MPVPE, whole body', 'mm', 2),
    'mpvpe_hands': ('MPVPE, hands', 'mm', 2),
    'mpvpe_face': ('MPVPE, face', 'mm', 2),
    'pa_mpvpe_all': ('PA-MPVPE, whole body', 'mm', 2),
    'pa_mpvpe_hands': ('PA-MPVPE, hands', 'mm', 2),
    'pa_mpvpe_face': ('PA-MPVPE, face', 'mm', 2),
    'mpjpe_body': ('MPJPE, 22 joints of the body', 'mm', 2),
    'pa_mpjpe_body': ('PA-MPJPE, 22 joints of the body', 'mm', 2),
    'mpvpe': ('MPVPE', 'mm', 2),
    'mpjpe': ('MPJPE', 'mm', 2),
    'mpjpe_hands': ('MPJPE, 21 keypoints of a hand', 'mm', 2),
    'pa_mpvpe': ('PA-MPVPE', 'mm', 2),
    'pa_mpjpe': ('PA-MPJPE', 'mm', 2),
    'pa_mpjpe_hands': ('PA-MPJPE, 21 keypoints of a hand', 'mm', 2),
    'f5': ('F@5 mm, aligned', '', 3),
    'f15': ('F@15 mm, aligned', '', 3),
    'auc': ('AUC of PCK, 0 to 50 mm, aligned', '', 3),
    'mrrpe': ('MRRPE, wrist to wrist', 'mm', 2),
    'rrve': ('RRVE, both hands from the right wrist', 'mm', 2),
    'wrist_deg': ('orientation of the wrist', 'deg', 1)}


@dataclass(frozen=True)
class Protocol:
    """One protocol: its figures in order, and the function that computes them for one person."""

    figures: tuple[str, ...]
    measure: Callable[[Prediction, Sample, BodyParts | None], dict[str, list[float]]]


def measure_body(prediction: Prediction, sample: Sample, parts: BodyParts | None) -> dict[str, list[float]]:
    """Key -> the figures of one person whose whole body is annotated; omitted if they cannot be compared."""
    true, found = sample.body, {}
    assert true is not None     # of data sets of whole bodies
    if prediction.joints is not None:
        found['mpjpe_body'] = [_to_mm(metrics.root_relative_mpjpe(
            prediction.joints[_BODY], true.joints[_BODY], prediction.joints[_PELVIS], true.joints[_PELVIS]))]
        found['pa_mpjpe_body'] = [_to_mm(metrics.pa_mpjpe(prediction.joints[_BODY], true.joints[_BODY]))]
    wrists = _wrist_positions(prediction)
    if wrists is not None:
        found['mrrpe'] = [
            _to_mm(metrics.mrrpe(*wrists, *(true.joints[skeleton.WRIST[side]] for side in skeleton.SIDES)))
        ]
    found.update(_hand_points(prediction, sample, 'mpjpe_hands', 'pa_mpjpe_hands'))
    if parts is None or true.vertices is None or not parts.fits(len(true.vertices)):
        return found
    joints, mesh = parts.joints(true.vertices), prediction.vertices
    if mesh is not None and not parts.fits(len(mesh)):
        mesh = None
    predicted_joints = None if mesh is None else parts.joints(mesh)
    if mesh is not None and predicted_joints is not None:
        _measure_mesh_part(found, 'all', mesh, true.vertices, root=predicted_joints[_PELVIS], true_root=joints[_PELVIS])
        if parts.face_vertices is not None:
            _measure_mesh_part(found, 'face', mesh[parts.face_vertices], true.vertices[parts.face_vertices],
                               root=predicted_joints[_NECK], true_root=joints[_NECK])
    hands: dict[str, list[float]] = {}
    for side, hand, _ in _matched_hands(prediction, sample):
        true_hand, wrist = true.vertices[parts.hand_vertices[side]], skeleton.WRIST[side]
        if hand.vertices is not None and len(hand.vertices) == len(true_hand):
            # Hands without a body have a wrist of their own.
            own = predicted_joints is None
            root = parts.hand_keypoints(hand.vertices)[_WRIST] if own else predicted_joints[wrist]
            _measure_mesh_part(hands, 'hands', hand.vertices, true_hand, root=root, true_root=joints[wrist])
    found.update({key: [float(np.mean(values))] for key, values in hands.items()})
    return found


def _wrist_positions(prediction):
    """Left and right, of the body, or of hands without one."""
    if prediction.joints is not None:
        return [prediction.joints[skeleton.WRIST[side]] for side in skeleton.SIDES]
    if all(side in prediction.hands for side in skeleton.SIDES):
        return [prediction.hands[side].keypoints_3d[_WRIST] for side in skeleton.SIDES]
    return None


def _measure_mesh_part(found, name, mesh, true, *, root, true_root):
    found.setdefault(f'mpvpe_{name}', []).append(_to_mm(metrics.root_relative_mpjpe(mesh, true, root, true_root)))
    found.setdefault(f'pa_mpvpe_{name}', []).append(_to_mm(metrics.pa_mpjpe(mesh, true)))


def measure_hands(prediction: Prediction, sample: Sample, parts: BodyParts | None, scaled: bool = False
                  ) -> dict[str, list[float]]:
    """Key -> the figures of the hands that are annotated and estimated. scaled: as for InterHand2.6M."""
    found: dict[str, list[float]] = {}
    roots, meshes = {}, {}
    for side, hand, true in _matched_hands(prediction, sample):
        points, true_points = _keypoints(hand, parts), true.keypoints_3d
        roots[side] = points[_WRIST], true_points[_WRIST]
        comparisons = {'mpjpe': (points, true_points)}
        if hand.vertices is not None and true.vertices is not None and len(hand.vertices) == len(true.vertices):
            meshes[side] = comparisons['mpvpe'] = hand.vertices, true.vertices
        for key, (one, other) in comparisons.items():
            bones = [whose[[_MIDDLE, _WRIST]] for whose in (points, true_points)]
            error = metrics.bone_scaled_mpjpe(one, other, *bones) if scaled \
                else metrics.root_relative_mpjpe(one, other, *roots[side])
            found.setdefault(key, []).append(_to_mm(error))
            found.setdefault(f'pa_{key}', []).append(_to_mm(metrics.pa_mpjpe(one, other)))
        _add_wrist(found, hand, true)
    if len(roots) == 2:
        found['mrrpe'] = [_to_mm(metrics.mrrpe(*(roots[side][k] for k in (0, 1) for side in skeleton.SIDES)))]
    if len(meshes) == 2:
        said_meshes, true_meshes = ({side: pair[k] for side, pair in meshes.items()} for k in (0, 1))
        found['rrve'] = [_to_mm(metrics.rrve(said_meshes, true_meshes, *roots['right']))]
    return found


def measure_aligned_hand(prediction: Prediction, sample: Sample, parts: BodyParts | None) -> dict[str, list[float]]:
    """Key -> the figures of one hand after Procrustes, as for FreiHAND."""
    found: dict[str, list[float]] = {}
    for _, hand, true in _matched_hands(prediction, sample):
        points = procrustes_aligned(_keypoints(hand, parts), true.keypoints_3d)
        found['pa_mpjpe'] = [_to_mm(metrics.mpjpe(points, true.keypoints_3d))]
        found['auc'] = [threshold_metrics.auc(np.linalg.norm(points - true.keypoints_3d, axis=-1))]
        if hand.vertices is not None and true.vertices is not None and len(hand.vertices) == len(true.vertices):
            mesh = procrustes_aligned(hand.vertices, true.vertices)
            found['pa_mpvpe'] = [_to_mm(metrics.mpjpe(mesh, true.vertices))]
            found.update({f'f{k}': [threshold_metrics.f_score(mesh, true.vertices, k / 1000)] for k in (5, 15)})
    return found


def _measure_scaled(prediction, sample, parts):
    return measure_hands(prediction, sample, parts, scaled=True)


def _matched_hands(prediction: Prediction, sample: Sample) -> Iterator[tuple[str, PredictedHand, HandAnnotation]]:
    """(side, predicted, true) of hands that are both estimated and annotated."""
    for side in skeleton.SIDES:
        true = sample.hand(side)
        if side in prediction.hands and true is not None:
            yield side, prediction.hands[side], true


def _keypoints(hand: PredictedHand, parts):
    return hand.keypoints_3d if hand.vertices is None or parts is None else parts.hand_keypoints(hand.vertices)


def _hand_points(prediction, sample, key, aligned):
    found: dict[str, list[float]] = {}
    for _, hand, true in _matched_hands(prediction, sample):
        points = hand.keypoints_3d, true.keypoints_3d
        found.setdefault(key, []).append(_to_mm(metrics.root_relative_mpjpe(*points, *(one[_WRIST] for one in points))))
        found.setdefault(aligned, []).append(_to_mm(metrics.pa_mpjpe(*points)))
        _add_wrist(found, hand, true)
    return found


def _add_wrist(found, hand, true):
    if hand.wrist_rotation is not None and true.global_orient is not None:
        turn = Rotation.from_rotvec(true.global_orient).as_matrix()
        found.setdefault('wrist_deg', []).append(float(metrics.rotation_angle(hand.wrist_rotation, turn)))


def _to_mm(metres):
    return 1e3 * float(metres)


_WHOLE_BODY = Protocol(
    ('mpvpe_all', 'mpvpe_hands', 'mpvpe_face', 'pa_mpvpe_all', 'pa_mpvpe_hands', 'pa_mpvpe_face', 'mpjpe_body',
     'pa_mpjpe_body', 'mpjpe_hands', 'pa_mpjpe_hands', 'mrrpe', 'wrist_deg'), measure_body)
_TWO_HANDS = ('mpvpe', 'mpjpe', 'pa_mpvpe', 'pa_mpjpe', 'mrrpe', 'rrve', 'wrist_deg')

#: Data set -> its protocol; 'synthetic' are people that this package draws.
PROTOCOLS = {
    'agora': _WHOLE_BODY, 'arctic': _WHOLE_BODY, 'ehf': _WHOLE_BODY, 'synthetic': _WHOLE_BODY,
    'interhand': Protocol(_TWO_HANDS, _measure_scaled),
    'reinterhand': Protocol(_TWO_HANDS, measure_hands), 'hic': Protocol(_TWO_HANDS, measure_hands),
    'freihand': Protocol(('pa_mpvpe', 'pa_mpjpe', 'f5', 'f15', 'auc'), measure_aligned_hand)}
