"""An estimator measured on rendered people, with MediaPipe's own 3D landmarks on the same images for comparison."""

from __future__ import annotations

import time
from collections import defaultdict

import numpy as np

from .. import skeleton
from ..estimators.base import Estimator
from ..landmarks.indices import LIMBS
from ..synthetic import dataset, posture_scene
from ..synthetic.people import render_person
from ..system.progress import ProgressBar
from . import metrics
from .mediapipe_solutions import MediaPipeSolutions
from .people_matching import match_hands
from .pose_errors import (
    BODY_JOINTS,
    LIMB_JOINTS,
    body_errors,
    depth_error,
    hand_errors,
    image_error,
    posture_errors,
)

#: The rows of the tables: key -> meaning, unit.
METRICS = {
    'people_missed': ('people not found', 'of {people}'),
    'body_pa_mm': ('body after Procrustes', 'mm'),
    'body_root_mm': ('body from the hips', 'mm'),
    'legs_mm': ('knees and ankles from the hips', 'mm'),
    'heading_deg': ('heading', 'deg'),
    'hand_pa_mm': ('hand after Procrustes', 'mm'),
    'palm_deg': ('palm orientation', 'deg'),
    'wrist_deg': ('wrist rotation (SMPL-X)', 'deg'),
    'hands_missed': ('hands missed', 'of {hands}'),
    'hands_missed_holistic': ('hands missed by Holistic', 'of {hands}'),
    'mrrpe_mm': ('wrist-to-wrist vector', 'mm'),
    'depth_percent': ('distance from the camera', '%'),
    'behind_camera': ('people behind the camera', 'of {people}'),
    'image_torsos': ('visible joints in the picture', 'torsos'),
    'time_ms': ('time per picture', 'ms'),
    'fit_ms': ('of which all but the detector', 'ms')}

#: The table of people who stand before the camera and show their hands: key -> goal. Goals on counts are for 120 hands
#: and scale with them.
GOALS = {
    'people_missed': None, 'body_pa_mm': 35.0, 'body_root_mm': 50.0, 'hand_pa_mm': 11.0, 'palm_deg': 11.0,
    'wrist_deg': None, 'hands_missed': 3.0, 'hands_missed_holistic': None, 'mrrpe_mm': 60.0, 'depth_percent': 8.0,
    'time_ms': None, 'fit_ms': None}

#: The table of people in every posture, seen from everywhere, whose hands are often hidden.
POSTURE_GOALS = {
    'people_missed': None, 'body_pa_mm': 45.0, 'body_root_mm': 70.0, 'legs_mm': None, 'heading_deg': 8.0,
    'mrrpe_mm': None, 'depth_percent': 5.0, 'behind_camera': 0.0, 'image_torsos': 0.06, 'time_ms': None}

#: Of LIMB_JOINTS.
_BODY = slice(len(BODY_JOINTS))

_COUNTS = ('people_missed', 'hands_missed', 'hands_missed_holistic', 'behind_camera')


def evaluate_synthetic(estimator: Estimator, count: int = 60, seed: int = 1, *, postures: bool = False,
                       progress: bool = True) -> dict:
    """Measure on `count` freshly rendered people; returns a dict of plain numbers, for JSON.

    postures: people in every posture, seen from everywhere, instead of people who stand before the camera.
    {'estimator': name, 'count', 'seed', 'postures', 'rows': {key of GOALS or POSTURE_GOALS: {'estimator',
    'mediapipe', 'goal'}}}. Errors are medians over detected people and hands, misses are counts; None if there is no
    value. `mediapipe` is Holistic's pose_world_landmarks for the body and the Hands solution's
    multi_hand_world_landmarks for the hands; its time is Holistic's. All None if it is not installed.
    """
    goals = POSTURE_GOALS if postures else GOALS
    ours, theirs = defaultdict(list), defaultdict(list)
    baseline = MediaPipeSolutions.create()
    try:
        for i in ProgressBar(range(count), 'rendering and estimating', unit='person', enabled=progress):
            image, truth = _person_in_a_posture(seed, i) if postures else dataset.render_person(seed, i)
            _measure_estimator(estimator, image, truth, ours)
            if baseline is not None:
                body = _measure_baseline(baseline, image, truth, theirs)
                if not postures:
                    _measure_baseline_hands(baseline.hands(image), body, truth, theirs)
    finally:
        if baseline is not None:
            baseline.close()
    columns = {'estimator': _summary(ours), 'mediapipe': _summary(theirs)}
    rows = {key: {**{column: values.get(key) for column, values in columns.items()},
                  'goal': goal * count / 60 if goal is not None and key in _COUNTS else goal}
            for key, goal in goals.items()}
    if 'fit_ms' in rows and rows['time_ms']['mediapipe']:
        rows['fit_ms']['goal'] = rows['time_ms']['mediapipe'] / 2
    return {'estimator': estimator.name, 'count': count, 'seed': seed, 'postures': postures, 'rows': rows}


def _person_in_a_posture(seed, index):
    scene = posture_scene.scene(dataset.person_seed(seed, index), purpose=posture_scene.MEASURING)
    return render_person(scene)


def _summary(values):
    """Counts are summed, errors become medians; omitted if never measured."""
    return {key: float(np.sum(column) if key in _COUNTS else np.median(column))
            for key, column in values.items() if column}


def _measure_estimator(estimator, image, truth, out):
    start = time.perf_counter()
    found = estimator.estimate(image, truth.intrinsics)
    out['time_ms'].append(1e3 * (time.perf_counter() - start))
    out['people_missed'].append(not found)
    if not found:
        out['hands_missed'].append(len(skeleton.SIDES))
        return
    estimate = found[0]
    if 'detector' in estimate.stage_times:
        out['fit_ms'].append(1e3 * sum(t for stage, t in estimate.stage_times.items() if stage != 'detector'))
    limbs = estimate.joints[list(LIMB_JOINTS)].astype(float)
    _measure_body(limbs, truth, out)
    behind = limbs[:, 2].min() <= 0
    out['behind_camera'].append(behind)
    if not behind:
        _measure_in_image(truth.intrinsics.project(limbs), truth, out)
    out['depth_percent'].append(depth_error(limbs[_BODY], truth.joints[list(BODY_JOINTS)]))
    for hand in estimate.hands:
        out['hands_missed'].append(not hand.visible)
        if hand.visible:
            true = truth.hand(hand.side)
            _measure_hand(hand.keypoints_3d, true.keypoints_3d, out)
            wrist = estimate.joint_rotations[skeleton.WRIST[hand.side]]
            out['wrist_deg'].append(metrics.rotation_angle(wrist, true.wrist_rotation))


def _measure_baseline(baseline, image, truth, out):
    body = baseline.body(image)
    out['time_ms'].append(1e3 * baseline.body_time(image))
    out['people_missed'].append(body is None)
    if body is not None:
        _measure_body(body.world[list(LIMBS)], truth, out)
        _measure_in_image(body.pose[list(LIMBS)], truth, out)
    return body


def _measure_baseline_hands(hands, body, truth, out):
    true = [(side, truth.hand(side).keypoints_2d, np.arange(skeleton.NUM_HAND_KEYPOINTS)) for side in skeleton.SIDES]
    sizes = [_hand_length_px(truth, side) for side in skeleton.SIDES]
    found = {true[row][0]: hands[k].world for k, (row, _) in match_hands([hand.points for hand in hands], true,
                                                                        sizes).items()}
    for side in skeleton.SIDES:
        out['hands_missed'].append(side not in found)
        out['hands_missed_holistic'].append(body is None or not body.hands[side])
        if side in found:
            _measure_hand(found[side], truth.hand(side).keypoints_3d, out)


def _hand_length_px(truth, side):
    """Length of the extended hand at its distance, px."""
    points = truth.hand(side).keypoints_3d[list(skeleton.MIDDLE_FINGER_KEYPOINTS)]
    return truth.intrinsics.fx * np.linalg.norm(np.diff(points, axis=0), axis=1).sum() / points[0, 2]


def _measure_body(limbs, truth, out):
    true = truth.joints[list(LIMB_JOINTS)]
    for key, value in {**body_errors(limbs[_BODY], true[_BODY]), **posture_errors(limbs, true)}.items():
        out[key].append(value)


def _measure_in_image(limbs, truth, out):
    rows = list(LIMB_JOINTS)
    error = image_error(limbs, truth.joints_2d[rows], truth.joints_visible[rows])
    if error is not None:
        out['image_torsos'].append(error)


def _measure_hand(keypoints, true, out):
    for key, value in hand_errors(keypoints, true).items():
        out[key].append(value)


def format_table(result: dict) -> str:
    """The result as a Markdown table: estimator, MediaPipe, goal."""
    name, count = result['estimator'], result['count']
    people = 'rendered people in every posture' if result['postures'] else 'rendered people'
    lines = [f"{count} {people}, seed {result['seed']}; medians, and counts of misses", '',
             f'| | unit | {name} | MediaPipe 3D | goal |', '|---|---|---:|---:|---:|']
    for key, row in result['rows'].items():
        what, unit = METRICS[key]
        cells = [_cell(row[column], key) for column in ('estimator', 'mediapipe', 'goal')]
        unit = unit.format(people=count, hands=2 * count)
        lines.append(f'| {what} | {unit} | ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)


def _cell(value, key):
    if value is None:
        return '-'
    return f'{value:.0f}' if key in _COUNTS else f'{value:.3f}' if key == 'image_torsos' else f'{value:.1f}'
