"""Estimates as the JSON that `hand4whole estimate` writes: metres, camera optical frame."""

from __future__ import annotations

from scipy.spatial.transform import Rotation

from ... import __version__, skeleton
from ...estimate import HandEstimate, LooseHandEstimate, ObjectEstimate, WholeBodyEstimate
from ...geometry.camera import Intrinsics

_PARAMETERS = tuple(skeleton.POSE_SLICES) + ('betas', 'expression', 'transl', 'bbox_xyxy')


def _to_list(array):
    return array.tolist()


def _hand_to_json(estimate: WholeBodyEstimate, hand: HandEstimate) -> dict:
    wrist = estimate.joint_rotations[skeleton.WRIST[hand.side]]
    return {
        'visible': hand.visible,
        'state': skeleton.HAND_STATES[hand.state],
        'confidence': hand.confidence,
        'agreement': hand.agreement,
        'keypoints_3d': _to_list(hand.keypoints_3d),
        'keypoints_2d': _to_list(hand.keypoints_2d),
        'wrist_quaternion_xyzw': _to_list(Rotation.from_matrix(wrist).as_quat()),
        'betas': _to_list(hand.betas) if hand.has_own_shape else None,
        'bbox_xyxy': _to_list(hand.bbox_xyxy)}


def _confidences(estimate):
    """Name of joint -> 0 to 1; None if the estimator does not estimate it."""
    if estimate.joint_confidence is None:
        return None
    return dict(zip(skeleton.JOINT_NAMES, _to_list(estimate.joint_confidence)))


def make_context(intrinsics: Intrinsics, estimator: str) -> dict:
    """Context of the numbers of a result: camera, units, and estimator."""
    return {
        'estimator': estimator, 'version': __version__, 'units': 'm, rad, px',
        'frame': 'camera optical: x right, y down, z forward',
        'camera': {'fx': float(intrinsics.fx), 'fy': float(intrinsics.fy), 'cx': float(intrinsics.cx),
                   'cy': float(intrinsics.cy), 'width': intrinsics.width, 'height': intrinsics.height,
                   'distortion_model': intrinsics.distortion_model,
                   'distortion': [float(number) for number in intrinsics.distortion],
                   'calibrated': intrinsics.calibrated}}


def person_to_json(estimate: WholeBodyEstimate) -> dict:
    """One person as plain lists, numbers and strings."""
    return {
        'track_id': estimate.track_id,
        'confidence': estimate.confidence,
        **{name: _to_list(getattr(estimate, name)) for name in _PARAMETERS},
        'joints_3d': {name: _to_list(xyz) for name, xyz in zip(skeleton.JOINT_NAMES, estimate.joints)},
        'joint_confidence': _confidences(estimate),
        'hands': {hand.side: _hand_to_json(estimate, hand) for hand in estimate.hands}}


def _object_to_json(thing: ObjectEstimate) -> dict:
    return {
        'confidence': thing.confidence,
        'reprojection_error_px': thing.reprojection_error,
        'transl': _to_list(thing.translation),
        'quaternion_xyzw': _to_list(Rotation.from_matrix(thing.rotation).as_quat()),
        'size': _to_list(thing.size),
        'center': _to_list(thing.center),
        'corners_3d': _to_list(thing.corners),
        'corners_2d': _to_list(thing.corners_2d)}


def loose_hand_to_json(hand: LooseHandEstimate) -> dict:
    """One loose hand, likewise."""
    return {
        'track_id': hand.track_id,
        'side': hand.side,
        'side_confidence': hand.side_confidence,
        'confidence': hand.confidence,
        'agreement': hand.agreement,
        'grasp_probability': hand.grasp_probability,
        'object': None if hand.object is None else _object_to_json(hand.object),
        'keypoints_3d': _to_list(hand.keypoints_3d),
        'keypoints_2d': _to_list(hand.keypoints_2d),
        'bbox_xyxy': _to_list(hand.bbox_xyxy)}
