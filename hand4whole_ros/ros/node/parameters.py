"""The parameters of the node: the settings of estimators, and those of the node itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...config import Choice, EstimatorConfig, FrameConvention, WristAxes, setting
from .parameter_table import ParameterTable


class ImageTransport(Choice):
    """Message type of the image topic."""

    RAW = 'raw'
    COMPRESSED = 'compressed'


class ImageReliability(Choice):
    """Quality of service of the image subscription."""

    AUTO = 'auto'
    BEST_EFFORT = 'best_effort'
    RELIABLE = 'reliable'


class OperatorPreference(Choice):
    """Which person becomes the operator."""

    NEAREST = 'nearest'
    LARGEST = 'largest'
    FIRST = 'first'
    RAISED_HAND = 'raised_hand'


@dataclass(frozen=True)
class NodeParameters(EstimatorConfig, ParameterTable):
    """All parameters with their defaults. Static ones are read at configure."""

    camera: str = setting(
        '', "Camera or stream to use instead of an image topic: '0', '/dev/video0', or an rtsp:// or http:// address. "
        'The node reads it and publishes it on image and camera_info, and reconnects after the camera was lost. '
        'ros2 launch starts usb_cam or v4l2_camera for a device, if one of them is installed.', launch=True)
    camera_calibration: Path | None = setting(
        None, 'YAML file with the calibration of `camera`, as camera_calibration writes it. Without it '
        'fallback_fov_deg is used.', launch=True)
    image_transport: ImageTransport = setting(
        ImageTransport.RAW, "'compressed' subscribes to CompressedImage on the image topic with /compressed appended, "
        'or on the image topic itself if that carries CompressedImage.', launch=True)
    image_reliability: ImageReliability = setting(
        ImageReliability.AUTO, "Reliability of the image subscription. 'auto' is reliable if all publishers are, so "
        "that no part of an image is lost, else best effort. 'best_effort' reduces the load on a poor network.")
    depth_topic: str = setting(
        '', 'Topic of the depth images of the same camera, aligned to the colour images (sensor_msgs/Image, 16UC1 in '
        'millimetres or 32FC1 in metres), such as /camera/aligned_depth_to_color/image_raw. People and hands are moved '
        'to their measured depth. Empty: distances are estimated from the colour image alone.', launch=True,
        pattern='[~A-Za-z_/{}][A-Za-z0-9_/{}]*|', pattern_meaning='the name of a topic')
    depth_timeout: float = setting(
        0.02, 'Maximum time that a finished pose waits for its depth image, s. If the depth image does not arrive, the '
        'pose is published without it.', low=0.0, high=1.0, dynamic=True)
    autostart: bool = setting(True, 'Configure and activate automatically. false leaves both to a lifecycle manager.')
    fallback_fov_deg: float = setting(
        60.0, "Field of view of the image's longer side, degrees, assumed if camera_info is missing or unusable. Its "
        'error is an error of all distances.', low=10.0, high=170.0, dynamic=True)
    camera_info_timeout: float = setting(
        1.0, 'Seconds to wait for the first camera_info before the field of view is used instead.',
        low=0.0, high=3600.0, dynamic=True)
    max_rate: float = setting(
        0.0, 'Maximum images per second that are processed; 0 for no limit.', low=0.0, high=1000.0,
        dynamic=True, launch=True)
    min_confidence: float = setting(
        0.3, 'Minimum confidence of the people, and of the hands without a person, that are published.', low=0.0,
        high=1.0,
        dynamic=True)
    hold_time: float = setting(
        0.5, 'Time for which a hand or a person that is no longer detected keeps its last pose, marked HELD, s; '
        'measured by the stamps and by the arrival of images. At low frame rates 1.5 intervals between images, if that '
        'is longer, so that one missed image loses nobody, but at most 3 s. 0: no hold.', low=0.0, high=10.0,
        dynamic=True)
    smoothing: bool = setting(True, 'Filter poses and distances over time with the 1 euro filter. Across the view '
                              'people are where they are seen; limbs turn within the image with twice the cut-off '
                              'frequency, and tilt out of it with half.', dynamic=True)
    smoothing_min_cutoff: float = setting(
        2.0, 'Cut-off frequency at rest, Hz: lower means less jitter and more lag.', low=0.01, high=100.0, dynamic=True)
    smoothing_beta: float = setting(
        2.0, 'Increase of the cut-off frequency with speed, Hz per m/s or rad/s: higher means less lag.', low=0.0,
        high=1000.0,
        dynamic=True)
    operator: OperatorPreference = setting(
        OperatorPreference.NEAREST, 'Which person becomes the operator if there is none. The operator remains the '
        "operator while tracked. 'first' is the person tracked for the longest time; with 'raised_hand' there is no "
        'operator until a person has held a hand above the head for half a second.', dynamic=True)
    wrist_axes: WristAxes = setting(
        WristAxes.SMPLX, "Axes of the wrists on ~/operator/left_wrist and right_wrist: SMPL-X's, MANO's, which are the "
        "same, or OpenXR's, -Z towards the fingers and +Y out of the back of the hand. The other topics have "
        "SMPL-X's; on TF the parameter frames decides.")
    operator_status_rate: float = setting(
        10.0, 'Messages per second on ~/operator/status while the node is active, with or without images; 0 for none.',
        low=0.0, high=1000.0, dynamic=True)
    publish_tf: bool = setting(True, 'Broadcast every joint on /tf.', dynamic=True, launch=True)
    frames: FrameConvention = setting(
        FrameConvention.SMPLX, "Axes of the frames on /tf: SMPL-X's, or those of REP-155 and ros4hri's "
        'human_description, x forward, y left and z up of somebody with hanging arms, with body_<id> between the hips, '
        'waist_<id>, face_<id> and gaze_<id>. Topics keep their axes. With rep155 and hri_msgs installed, the topics '
        'below /humans/bodies are published as well.')
    frame_prefix: str = setting(
        '', "Prefix of the names of all frames that the node broadcasts: 'left/' turns body_0 into left/body_0. Two "
        "nodes on one TF tree need different prefixes. The frame of the images is unchanged.", launch=True,
        pattern='([A-Za-z0-9_][A-Za-z0-9_/-]{0,63})?',
        pattern_meaning="at most 64 letters, digits and _ / -, without / at the beginning, such as 'left/'")
    diagnostics_period: float = setting(
        1.0, 'Seconds between messages on /diagnostics.', low=0.1, high=60.0, dynamic=True)

    def _static(self, name, value):
        return (f'parameter {name} is read at configure: deactivate and clean up the node first, or restart it with '
                f'{name}:={str(value)[:60]}')
