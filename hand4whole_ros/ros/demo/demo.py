"""`hand4whole demo`: the real node in one process, a camera in another, and the results in a folder."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseArray, PoseStamped
from rclpy.executors import ExternalShutdownException
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from hand4whole_ros.msg import HandPose, OperatorStatus, Skeleton, WholeBodyPoseArray

from ...evaluation.pose_errors import BODY_JOINTS, body_errors, depth_error, hand_errors
from ...media import image_files
from ...media.image_files import ImageFileError
from ...rendering import contact_sheet
from ...system import signals
from ...system.output_files import (
    OutputError,
    mark_video,
    new_part_path,
    printable_path,
    replacement_path,
    write_json,
)
from ...system.progress import ProgressBar
from ..bag.ownership import overwrite_rejection_reason, replace_bag
from ..bag.recorder import Recorder, spin_until, write_bag
from ..compat import share_directory
from .programs import CAMERA, NODE, check_demo_folder, record_camera, start_program, stop_programs

log = logging.getLogger(__name__)

RATE = 20.0
PHOTO_SECONDS = 2.0

IMAGE, OVERLAY = '/demo_camera/image', '/hand4whole/overlay'
SKELETON, MARKERS, DIAGNOSTICS = '/hand4whole/skeleton', '/hand4whole/markers', '/diagnostics'
POSES, TRUTH = '/hand4whole/poses', '/demo_camera/truth'
TOPICS = {
    IMAGE: Image, '/demo_camera/camera_info': CameraInfo, TRUTH: PoseArray, POSES: WholeBodyPoseArray,
    '/hand4whole/operator/left_wrist': PoseStamped, '/hand4whole/operator/right_wrist': PoseStamped,
    '/hand4whole/operator/head': PoseStamped, '/hand4whole/operator/status': OperatorStatus,
    '/hand4whole/operator/left_hand': HandPose, '/hand4whole/operator/right_hand': HandPose,
    '/hand4whole/operator/left_hand/keypoints': PoseArray, '/hand4whole/operator/right_hand/keypoints': PoseArray,
    MARKERS: MarkerArray, OVERLAY: Image, SKELETON: Skeleton, '/tf': TFMessage, DIAGNOSTICS: DiagnosticArray}
LATCHED = (SKELETON,)

#: Topics of raw images become JPEG in the bag, under image_transport's names.
IMAGE_TOPICS = (IMAGE, OVERLAY)
#: A mesh has two megabytes: of every so many, one is kept in the bag.
MARKERS_STRIDE = 10


#: Files of the output, and its bag.
_VIDEO, _ANIMATION, _SHEET, _SUMMARY, _BAG = 'overlay.mp4', 'overlay.gif', 'sheet.png', 'summary.json', 'bag'


def run(output: Path, seconds: float) -> bool:
    """Play the demo camera into the node and write overlay.mp4, overlay.gif, sheet.png, bag/ and
    summary.json to `output`; False, with a line that gives the reason, if no pose came or the disk is full.

    Raises OutputError before anything else if one of them is not this demo's, or the folder cannot be written. On an
    interruption the recording so far is written, and KeyboardInterrupt raised with a line for the user.
    """
    check_output(output)
    # The demo must not reach any robot on the network.
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    # Images and meshes of a megabyte and more are sent through shared memory.
    profiles = share_directory() / 'config' / 'fastdds_large_images.xml'
    os.environ.setdefault('FASTDDS_DEFAULT_PROFILES_FILE', str(profiles))
    rclpy.init()
    recorder = Recorder(TOPICS, LATCHED)
    children, interrupted = [], False
    try:
        log.info('starting the node and the camera: some seconds until the first image')
        children += [start_program(NODE, '-r', f'image:={IMAGE}'),
                     start_program(CAMERA, '-r', '__ns:=/demo_camera', '-p', f'rate:={RATE}',
                                   '-p', f'seconds:={float(seconds)}', '-p', f'photo_seconds:={PHOTO_SECONDS}',
                                   '-p', 'rounds:=1', '-p', 'wait_for:=2')]
        record_camera(recorder, children, IMAGE, _image_count(seconds), description='camera playing',
                      timeout=120 + 3 * seconds)
        # The last image is still being processed, and a last diagnostics message counts it.
        spin_until(recorder, lambda: False, 2.5)
    except (KeyboardInterrupt, ExternalShutdownException):
        interrupted = True
    finally:
        with signals.defer_signals(ending=interrupted):
            stop_programs(children)
            rclpy.try_shutdown()
    # A second signal must not lose the recording.
    with signals.defer_signals(ending=interrupted):
        good = _write_outputs(recorder, output, interrupted)
    if interrupted:
        played = sum(m.topic == IMAGE for m in recorder.messages)
        raise KeyboardInterrupt(f'interrupted: {played} of {_image_count(seconds)} images were played'
                                + (f', and what came of them is in {printable_path(output)}' if good else ''))
    return good


def check_output(output: Path) -> None:
    """Raises OutputError unless the demo can write to the folder without overwriting other files."""
    check_demo_folder(output, (_VIDEO, _ANIMATION, _SHEET, _SUMMARY))
    bag = output / _BAG
    reason = overwrite_rejection_reason(bag) if os.path.lexists(bag) else ''
    if reason:
        raise OutputError(
            f'--output: {printable_path(bag)} is not replaced: {reason}; name another folder, or move it away'
        )


def _write_outputs(recorder, output, interrupted):
    """Write everything to the output folder; False if there is nothing, or no space."""
    if not any(pose.poses for pose in recorder.of(POSES)):
        if not interrupted:
            log.error('no pose came from the node: see its own lines above for the reason')
        return False
    summary = _summarise(recorder)
    try:
        log.info('writing pictures, video and bag')
        _write_visualizations(recorder, output)
        _write_bag(recorder, output / _BAG)
        write_json(output / _SUMMARY, summary)
    except (OSError, OutputError, ImageFileError) as error:
        log.error('%s cannot be filled: %s', printable_path(output), getattr(error, 'strerror', None) or error)
        return False
    log.info('%s', json.dumps(summary, indent=1))
    log.info('in %s: %s', printable_path(output), f'{_VIDEO} {_ANIMATION} {_SHEET} {_BAG}/ {_SUMMARY}')
    return True


def _image_count(seconds):
    """Number of images that the camera plays."""
    return int(seconds * RATE) + int(PHOTO_SECONDS * RATE)


def _message_rate(recorder, topic):
    """Messages of a topic per second, from the first to the last; 1 if there are not two."""
    times = [m.received for m in recorder.messages if m.topic == topic]
    return (len(times) - 1) * 1e9 / (times[-1] - times[0]) if len(times) > 1 else 1.0


def _stamp_nanoseconds(header):
    return header.stamp.sec * 10**9 + header.stamp.nanosec


def _summarise(recorder):
    """Counts, rates and errors relative to the rendered truth."""
    poses = recorder.of(POSES)
    with_people = [p for p in poses if p.poses]
    times = [m.received for m in recorder.messages if m.topic == POSES]
    counts = _read_diagnostics(recorder)
    received = {_stamp_nanoseconds(p.header): p for p in with_people}
    latency = [(t - _stamp_nanoseconds(p.header)) / 1e6 for t, p in zip(times, poses)]
    return {
        'images_published': sum(m.topic == IMAGE for m in recorder.messages),
        'frames_in': counts.get('frames in'), 'frames_done': counts.get('frames done'),
        'frames_dropped': counts.get('frames dropped'),
        'pose_messages': len(poses), 'poses_published': sum(len(p.poses) for p in poses),
        'pose_rate_hz': round(_message_rate(recorder, POSES), 2),
        'image_to_pose_ms_median': round(float(np.median(latency)), 1),
        'errors_against_truth': _compute_errors(recorder, received)}


def _read_diagnostics(recorder):
    """The numbers of the last diagnostics message."""
    values = {}
    for array in recorder.of(DIAGNOSTICS):
        for status in array.status:
            values.update({pair.key: pair.value for pair in status.values})
    return {key: int(value) for key, value in values.items() if value.lstrip('-').isdigit()}


def _pose_points(poses):
    return np.array([(p.x, p.y, p.z) for p in poses])


def _compute_errors(recorder, received):
    """Medians over every pose whose image has a truth, in the units of the names."""
    values, compared = defaultdict(list), 0
    for truth in recorder.of(TRUTH):
        message = received.get(_stamp_nanoseconds(truth.header))
        if message is None:
            continue
        compared += 1
        true = _pose_points([p.position for p in truth.poses])
        person = message.poses[0]
        chosen = list(BODY_JOINTS)
        body = _pose_points([p.position for p in person.joints])[chosen]
        rows = [body_errors(body, true[chosen]), {'depth_percent': depth_error(body, true[chosen])}]
        for hand, start in ((person.left_hand, 55), (person.right_hand, 76)):
            values['hands_missed'].append(hand.state != HandPose.OK)
            if hand.state == HandPose.OK:
                rows.append(hand_errors(_pose_points(hand.keypoints), true[start:start + 21]))
        for row in rows:
            for name, value in row.items():
                values[name].append(value)
    missed = int(sum(values.pop('hands_missed', [])))
    return {'poses_compared': compared, 'hands_missed': missed, 'hands_compared': 2 * compared,
            **{f'{name}_median': round(float(np.median(column)), 1) for name, column in values.items()}}


def _decode_image(message):
    return np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)


def _write_visualizations(recorder, output):
    """overlay.mp4, overlay.gif and sheet.png."""
    overlays = [_decode_image(m) for m in recorder.of(OVERLAY)]
    if not overlays:
        log.warning('no overlay came from the node')
        return
    moving = [image for image in overlays if image.shape == overlays[0].shape]
    rate = _message_rate(recorder, OVERLAY)
    with replacement_path(output / _VIDEO) as part:
        contact_sheet.write_video(part, [*moving, *(_letterbox(i, moving[0]) for i in overlays[len(moving):])], rate)
        mark_video(part)
    with replacement_path(output / _ANIMATION) as part:
        contact_sheet.write_gif(part, moving[:60], rate)
    chosen = [overlays[i] for i in np.linspace(0, len(moving) - 1, 11).astype(int)] + overlays[-1:]
    image_files.write_image(output / _SHEET, contact_sheet.contact_sheet(
        [_letterbox(image, moving[0]) for image in chosen], columns=4))


def _letterbox(image, like):
    """`image` as large as fits into a grey image of the size of `like`."""
    height, width = like.shape[:2]
    scale = min(height / image.shape[0], width / image.shape[1])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    out = np.full_like(like, 60)
    y, x = (height - small.shape[0]) // 2, (width - small.shape[1]) // 2
    out[y:y + small.shape[0], x:x + small.shape[1]] = small
    return out


def _write_bag(recorder, folder):
    """Write every topic: raw images as JPEG, one mesh in MARKERS_STRIDE."""
    topics, kept, markers = {}, [], 0
    for topic, kind in TOPICS.items():
        topics[topic + '/compressed' if topic in IMAGE_TOPICS else topic] = (
            CompressedImage if topic in IMAGE_TOPICS else kind
        )
    for message in ProgressBar(recorder.messages, desc='writing the bag', unit='message'):
        if message.topic in IMAGE_TOPICS:
            raw = deserialize_message(message.data, Image)
            good, jpeg = cv2.imencode('.jpg', _decode_image(raw)[..., ::-1])
            small = CompressedImage(header=raw.header, format='rgb8; jpeg compressed bgr8', data=jpeg.tobytes())
            kept.append(replace(message, topic=message.topic + '/compressed', data=bytes(serialize_message(small))))
            continue
        if message.topic == MARKERS:
            markers += 1
            if markers % MARKERS_STRIDE != 1:
                continue
        kept.append(message)
    part = new_part_path(folder)
    try:
        part.mkdir()
        write_bag(part / folder.name, kept, topics, LATCHED)     # whose files have the folder's name
        replace_bag(part / folder.name, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
