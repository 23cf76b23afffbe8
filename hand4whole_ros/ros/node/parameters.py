"""The parameters of the node: the settings of estimators, and those of the node itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...config import Choice, EstimatorConfig, FrameConvention, WristAxes, setting
from .parameter_table import ParameterTable


class ImageTransport(Choice):
    """What the image topic carries."""

    RAW = 'raw'
    COMPRESSED = 'compressed'


class ImageReliability(Choice):
    """Quality of service of the image subscription."""

    AUTO = 'auto'
    BEST_EFFORT = 'best_effort'
    RELIABLE = 'reliable'


class OperatorPreference(Choice):
    """Who becomes the operator."""

    NEAREST = 'nearest'
    LARGEST = 'largest'
    FIRST = 'first'
    RAISED_HAND = 'raised_hand'


@dataclass(frozen=True)
class NodeParameters(EstimatorConfig, ParameterTable):
    """Everything that can be set, with its default. Static ones are read at configure."""

    camera: str = setting(
        '', "Camera or stream to look through instead of an image topic: '0', '/dev/video0', or an rtsp:// or http:// "
        'address. The node reads it and publishes it on image and camera_info; a camera that is lost is waited for. '
        'ros2 launch starts usb_cam or v4l2_camera for a device, where one of them is installed.', launch=True)
    camera_calibration: Path | None = setting(
        None, 'YAML file with the calibration of `camera`, as camera_calibration writes it. Without it '
        'fallback_fov_deg counts.', launch=True)
    image_transport: ImageTransport = setting(
        ImageTransport.RAW, "'compressed' subscribes to CompressedImage on the image topic with /compressed appended, "
        'or on the image topic itself where that carries CompressedImage.', launch=True)
    image_reliability: ImageReliability = setting(
        ImageReliability.AUTO, "Reliability of the image subscription. 'auto' is reliable where all publishers are, so "
        "that no piece of an image is lost, else best effort. 'best_effort' spares a poor network.")
    depth_topic: str = setting(
        '', 'Topic of the depth images of the same camera, aligned to the colour images (sensor_msgs/Image, 16UC1 in '
        'millimetres or 32FC1 in metres), such as /camera/aligned_depth_to_color/image_raw: people and hands are moved '
        'to where depth is measured on them. Empty: distances follow from the colour image alone.', launch=True,
        pattern='[~A-Za-z_/{}][A-Za-z0-9_/{}]*|', pattern_meaning='the name of a topic')
    depth_timeout: float = setting(
        0.02, 'Seconds for which a finished pose waits at most for a depth image that is still under way. A pose whose '
        'depth does not come goes out all the same.', low=0.0, high=1.0, dynamic=True)
    autostart: bool = setting(True, 'Configure and activate by itself. false leaves both to a lifecycle manager.')
    fallback_fov_deg: float = setting(
        60.0, "Field of view of the image's longer side, taken where camera_info is missing or unusable. "
        'Distances are only as good as this guess.', low=10.0, high=170.0, dynamic=True)
    camera_info_timeout: float = setting(
        1.0, 'Seconds to wait for the first camera_info before the field of view is used instead.',
        low=0.0, high=3600.0, dynamic=True)
    max_rate: float = setting(
        0.0, 'Images per second to work on at most; 0 for as many as the machine can.', low=0.0, high=1000.0,
        dynamic=True, launch=True)
    min_confidence: float = setting(
        0.3, 'People, and hands of nobody, that are less certain than this are not reported.', low=0.0, high=1.0,
        dynamic=True)
    hold_time: float = setting(
        0.5, 'Seconds for which a hand or a person that is not seen keeps its last pose, marked HELD, by the stamps '
        'and by the arrival of images. Where images come slowly, 1.5 intervals between them if that is longer, so '
        'that one missed image loses nobody, but at most 3 s. 0 for not at all.', low=0.0, high=10.0, dynamic=True)
    smoothing: bool = setting(True, 'Filter poses over time with the 1 euro filter.', dynamic=True)
    smoothing_min_cutoff: float = setting(
        2.0, 'Cut-off at rest, Hz: lower is steadier and slower.', low=0.01, high=100.0, dynamic=True)
    smoothing_beta: float = setting(
        2.0, 'How fast the cut-off rises with speed, Hz per m/s or rad/s: higher lags less.', low=0.0, high=1000.0,
        dynamic=True)
    operator: OperatorPreference = setting(
        OperatorPreference.NEAREST, 'Who becomes the operator when there is none; the operator then stays the operator '
        "while followed. 'first' is the person followed for the longest time; with 'raised_hand' nobody is, until "
        'somebody has held a hand above the head for half a second.', dynamic=True)
    wrist_axes: WristAxes = setting(
        WristAxes.SMPLX, "Axes of the wrists on ~/operator/left_wrist and right_wrist: SMPL-X's, MANO's, which are the "
        "same, or OpenXR's, -Z towards the fingers and +Y out of the back of the hand. The other topics have "
        "SMPL-X's, and TF what frames says.")
    operator_status_rate: float = setting(
        10.0, 'Messages per second on ~/operator/status while the node is active, whether images come or not; 0 for '
        'none.', low=0.0, high=1000.0, dynamic=True)
    publish_tf: bool = setting(True, 'Broadcast every joint on /tf.', dynamic=True, launch=True)
    frames: FrameConvention = setting(
        FrameConvention.SMPLX, "Axes of the frames on /tf: SMPL-X's, or those of REP-155 and ros4hri's "
        'human_description, x forward, y left and z up of somebody with hanging arms, with body_<id> between the hips, '
        'waist_<id>, face_<id> and gaze_<id>. Topics keep their axes. With rep155 and hri_msgs installed, the topics '
        'below /humans/bodies are published as well.')
    frame_prefix: str = setting(
        '', "What the names of all frames that the node broadcasts begin with: 'left/' makes left/body_0 of body_0. "
        "Two nodes on one TF tree need different ones. The images' own frame stays as it is.", launch=True,
        pattern='([A-Za-z0-9_][A-Za-z0-9_/-]{0,63})?',
        pattern_meaning="at most 64 letters, digits and _ / -, without / at the beginning, such as 'left/'")
    diagnostics_period: float = setting(
        1.0, 'Seconds between messages on /diagnostics.', low=0.1, high=60.0, dynamic=True)

    def _static(self, name, value):
        return (f'parameter {name} is read at configure: deactivate and clean up the node first, or restart it with '
                f'{name}:={str(value)[:60]}')
