"""The JSON schema of the results of `hand4whole estimate`, made from the same tables as these."""

from __future__ import annotations

from typing import Any

from ... import skeleton
from ...geometry.lens import DISTORTION_MODELS

_NUMBER = {'type': 'number'}
_SHARE = {'type': 'number', 'minimum': 0, 'maximum': 1}
_AGREEMENT = {'anyOf': [{'type': 'null'}, _SHARE],
              'description': 'Of the 3D keypoints, projected, with the 2D keypoints that were detected; null where the '
                             'estimator detects none, or the hand is not seen.'}
_ID = 'Counts people of one picture; the same in all frames of a video.'


def results_schema() -> dict[str, Any]:
    """Schema of --json."""
    return _file_schema('Poses of people', _person_schema())


def hands_schema() -> dict[str, Any]:
    """Schema of --hands-json."""
    return _file_schema('Hands without a person', _loose_hand_schema())


def _file_schema(title, item):
    return {'$schema': 'https://json-schema.org/draft/2020-12/schema', 'title': f'hand4whole estimate: {title}',
            'description': 'File name (with # and a number for frames of a video) -> the people in it. Metres, radians '
                           "and pixels; the camera's optical frame: x right, y down, z forward.",
            'type': 'object', 'additionalProperties': {'type': 'array', 'items': item}}


def _object(properties, optional=()):
    return {'type': 'object', 'properties': properties, 'additionalProperties': False,
            'required': [name for name in properties if name not in optional]}


def _numbers(*shape, description=''):
    """Nested lists of this shape."""
    items: dict[str, Any] = _NUMBER
    for count in reversed(shape):
        items = {'type': 'array', 'items': items, 'minItems': count, 'maxItems': count}
    return {**items, 'description': description} if description else items


def _context():
    """Schema of the context of every result: estimate_json.make_context."""
    pixels = {'type': 'integer', 'minimum': 1}
    return {
        'estimator': {'type': 'string'}, 'version': {'type': 'string', 'description': 'Of hand4whole_ros.'},
        'units': {'const': 'm, rad, px'}, 'frame': {'const': 'camera optical: x right, y down, z forward'},
        'camera': _object({
            'fx': _NUMBER, 'fy': _NUMBER, 'cx': _NUMBER, 'cy': _NUMBER, 'width': pixels, 'height': pixels,
            'distortion_model': {'enum': sorted(DISTORTION_MODELS)},
            'distortion': {'type': 'array', 'items': _NUMBER},
            'calibrated': {'type': 'boolean', 'description': 'False: the field of view is assumed, and distances are '
                                                             'only as good as that.'}})}


def _person_schema():
    parameters = {name: _numbers(3) if part.stop - part.start == 1 else _numbers(part.stop - part.start, 3)
                  for name, part in skeleton.POSE_SLICES.items()}
    return _object({
        'track_id': {'type': 'integer', 'description': _ID}, 'confidence': _SHARE, **parameters,
        'betas': _numbers(10), 'expression': _numbers(10), 'transl': _numbers(3), 'bbox_xyxy': _numbers(4),
        'joints_3d': _object({name: _numbers(3) for name in skeleton.JOINT_NAMES}),
        'joint_confidence': {'anyOf': [{'type': 'null'}, _object({name: _SHARE for name in skeleton.JOINT_NAMES})],
                             'description': 'null where the estimator gives none.'},
        'hands': _object({side: _hand_schema() for side in skeleton.SIDES}), **_context()})


def _hand_schema():
    return _object({
        'visible': {'type': 'boolean'}, 'state': {'enum': list(skeleton.HAND_STATES)}, 'confidence': _SHARE,
        'agreement': _AGREEMENT, **_keypoints(), 'wrist_quaternion_xyzw': _numbers(4),
        'betas': {'anyOf': [{'type': 'null'}, _numbers(10)], 'description': "null: the body's shape."},
        'bbox_xyxy': _numbers(4)})


def _loose_hand_schema():
    return _object({
        'track_id': {'type': 'integer', 'minimum': -1, 'description': 'Of a video; -1 in pictures.'},
        'side': {'enum': list(skeleton.SIDES)}, 'side_confidence': _SHARE, 'confidence': _SHARE,
        'agreement': _AGREEMENT,
        'grasp_probability': {'anyOf': [{'type': 'null'}, _SHARE],
                              'description': 'Probability that the hand grasps something; null without an estimate.'},
        'object': {'anyOf': [{'type': 'null'}, _object_schema()],
                   'description': 'The grasped object; null without one, or if its pose is unknown.'},
        **_keypoints(), 'bbox_xyxy': _numbers(4), **_context()})


def _object_schema():
    corners = 'Of its box, x of its own axes changes fastest'
    return _object({
        'confidence': _SHARE,
        'reprojection_error_px': {'type': 'number', 'minimum': 0, 'description': 'Between what was seen and the pose.'},
        'transl': _numbers(3, description='Origin of its own frame: that of its mesh, or the centre of its box.'),
        'quaternion_xyzw': _numbers(4), 'size': _numbers(3, description='Along its own axes.'),
        'center': _numbers(3, description='Of its box.'), 'corners_3d': _numbers(8, 3, description=f'{corners}.'),
        'corners_2d': _numbers(8, 2, description=f'{corners}, pixels.')})


def _keypoints():
    order = ', '.join(skeleton.HAND_KEYPOINT_NAMES)
    return {'keypoints_3d': _numbers(skeleton.NUM_HAND_KEYPOINTS, 3, description=order),
            'keypoints_2d': _numbers(skeleton.NUM_HAND_KEYPOINTS, 2, description='The same, pixels.')}
