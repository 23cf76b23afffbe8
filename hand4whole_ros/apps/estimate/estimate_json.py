"""Estimates as the JSON that `hand4whole estimate` writes: metres, camera optical frame."""

from __future__ import annotations

from scipy.spatial.transform import Rotation

from ... import __version__, skeleton
from ...estimate import HandEstimate, LooseHandEstimate, ObjectEstimate, WholeBodyEstimate
from ...geometry.camera import Intrinsics

_PARAMETERS = tuple(skeleton.POSE_SLICES) + ('betas', 'expression', 'transl', 'bbox_xyxy')


def _hand_to_json(estimate: WholeBodyEstimate, hand: HandEstimate) -> dict:
    wrist = estimate.joint_rotations[skeleton.WRIST[hand.side]]
    return {
        'visible': hand.visible,
        'state': skeleton.HAND_STATES[hand.state],
        'confidence': hand.confidence,
        'agreement': hand.agreement,
        'keypoints_3d': hand.keypoints_3d.tolist(),
        'keypoints_2d': hand.keypoints_2d.tolist(),
        'wrist_quaternion_xyzw': Rotation.from_matrix(wrist).as_quat().tolist(),
        'betas': hand.betas.tolist() if hand.betas is not None and hand.has_own_shape else None,
        'bbox_xyxy': hand.bbox_xyxy.tolist()}


def _confidences(estimate):
    """Name of joint -> 0 to 1; None if the estimator does not estimate it."""
    if estimate.joint_confidence is None:
        return None
    return dict(zip(skeleton.JOINT_NAMES, estimate.joint_confidence.tolist()))


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
        **{name: getattr(estimate, name).tolist() for name in _PARAMETERS},
        'joints_3d': {name: xyz.tolist() for name, xyz in zip(skeleton.JOINT_NAMES, estimate.joints)},
        'joint_confidence': _confidences(estimate),
        'hands': {hand.side: _hand_to_json(estimate, hand) for hand in estimate.hands}}


def _object_to_json(thing: ObjectEstimate) -> dict:
    return {
        'confidence': thing.confidence,
        'reprojection_error_px': thing.reprojection_error,
        'transl': thing.translation.tolist(),
        'quaternion_xyzw': Rotation.from_matrix(thing.rotation).as_quat().tolist(),
        'size': thing.size.tolist(),
        'center': thing.center.tolist(),
        'corners_3d': thing.corners.tolist(),
        'corners_2d': thing.corners_2d.tolist()}


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
        'keypoints_3d': hand.keypoints_3d.tolist(),
        'keypoints_2d': hand.keypoints_2d.tolist(),
        'bbox_xyxy': hand.bbox_xyxy.tolist()}
