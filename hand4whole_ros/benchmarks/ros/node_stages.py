"""The stages of `hand4whole bench` that need ROS: real processes over the real middleware."""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from rclpy.serialization import deserialize_message
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from ... import estimators, skeleton
from ...body.npz_file import BodyModelError
from ...checkpoints import CheckpointError
from ...geometry.camera import Intrinsics
from ...msg import HandPose, WholeBodyPoseArray
from ...system.progress import ProgressBar
from ..benchmark_files import BenchmarkFiles
from ..result_rows import BenchmarkSkipped
from .camera_peer import CameraPeer

POSES, TF, MARKERS, DIAGNOSTICS = 'hand4whole/poses', 'tf', 'hand4whole/markers', 'diagnostics'
_OPERATOR = {f'hand4whole/operator/{side}_{part}': kind for side in skeleton.SIDES
             for part, kind in (('wrist', PoseStamped), ('hand', HandPose))}

#: All messages about an image with a person, but for images.
_IMAGE_TOPICS = {POSES: WholeBodyPoseArray, TF: TFMessage, **_OPERATOR}

#: The node, and the same with an estimator that only waits.
_NODE, _PREPARED_NODE = 'ros.node.main', 'benchmarks.ros.node'

#: Maximum seconds for a node to start: the open body is built on the first use on a machine.
_START_TIMEOUT = 300.0

#: Images a second of the camera that the overhead is measured with; number of measured images, and of earlier ones.
_RATE, _IMAGES, _WARM_UP = 30.0, 300, 60

OVERLOAD_RATE, OVERLOAD_SECONDS = 60.0, 0.1

#: Stages of the node as named in /diagnostics, in order.
_NODE_STAGES = ('wait', 'decode', 'estimate', 'track', 'publish')

_NO_SIZES = 'this system does not report the size of a process; run on Linux'


def node_overhead(images: int = _IMAGES) -> dict:
    """From an image's arrival in the node's process to the arrival of the last topic here, without an estimator."""
    figures, remarks = {}, {}
    for key, words in (('node_overhead', ()), ('node_overhead_own_hands', ('--own-hands',))):
        spent, remarks[key] = _node_overhead(images, words, key)
        figures.update({f'{key}_ms_p{p}': float(np.percentile(spent, p)) for p in (50, 95)})
    return {'figures': figures, 'remarks': remarks}


def _node_overhead(images, words, title):
    with (
        CameraPeer({**_IMAGE_TOPICS, DIAGNOSTICS: DiagnosticArray}) as peer,
        ProgressBar(total=images, desc=title, unit='image', leave=False) as bar,
    ):
        peer.start(_PREPARED_NODE, *words, parameters=['diagnostics_period:=0.5'])
        _warm_up(peer, _WARM_UP / _RATE)
        peer.recorder.messages.clear()
        peer.play([_random_image()], _RATE, images / _RATE, tick=bar.update)
        peer.until(lambda: False, 1.0)
        spent = _compute_overheads(peer)
        if len(spent) < images / 4:
            raise RuntimeError(f'{len(spent)} of {images} images were answered on all topics: too busy a machine')
        return spent, f'{len(spent)} images; {_stage_times(peer)}'


def overload(seconds: float) -> dict:
    """A camera six times as fast as the estimator: age of every pose at its arrival here, growth of memory."""
    with CameraPeer({POSES: WholeBodyPoseArray}) as peer, ProgressBar(total=round(seconds * OVERLOAD_RATE), leave=False,
                                                        desc='overload', unit='image') as bar:
        node = peer.start(_PREPARED_NODE, '--seconds', str(OVERLOAD_SECONDS))
        _warm_up(peer, 2.0)
        peer.recorder.messages.clear()
        sizes, begun = [], time.monotonic()

        def tick():
            bar.update()
            if bar.n % round(OVERLOAD_RATE / 4) == 0:
                sizes.append((time.monotonic() - begun, _resident_mb(node.pid)))

        peer.play([_random_image()], OVERLOAD_RATE, seconds, tick=tick)
        peer.until(lambda: False, 0.5)
        ages = [(message.received - _read_stamp(message)) / 1e6 for message in peer.recorder.messages]
    if len(ages) < seconds:
        raise RuntimeError(f'{len(ages)} poses in {seconds} s')
    figures = {'overload_age_ms_p99': float(np.percentile(ages, 99)), 'overload_rss_mb_per_minute': None}
    why = {}
    settled = [(t, size) for t, size in sizes if t > seconds / 4 and size is not None]
    if len(settled) > 1:
        times, megabytes = zip(*settled)
        figures['overload_rss_mb_per_minute'] = 60 * float(np.polyfit(times, megabytes, 1)[0])
    else:
        why['overload_rss_mb_per_minute'] = _NO_SIZES
    remark = (f'{len(ages)} poses in {seconds:g} s, median age {np.median(ages):.0f} ms, oldest {max(ages):.0f} ms')
    return {'figures': figures, 'why_null': why, 'remarks': {'overload': remark}}


def markers() -> dict:
    """A full mesh as markers, as bytes and object by object, in one process, received by this one."""
    with tempfile.TemporaryDirectory() as scratch, CameraPeer({MARKERS: MarkerArray}) as peer:
        out = Path(scratch, 'figures.json')
        child = peer.start('benchmarks.ros.markers', '--out', str(out))
        if not peer.until(lambda: child.poll() is not None, _START_TIMEOUT):
            raise RuntimeError(f'markers were not measured within {_START_TIMEOUT:.0f} s')
        if not peer.recorder.messages:
            raise RuntimeError('no markers arrived')
        return {'figures': json.loads(out.read_text())}


def first_pose(benchmark_files: BenchmarkFiles, size: str = 'full') -> dict:
    """From the start of the node's process to the arrival of its first pose, the camera running."""
    from ...synthetic.motion import PersonMotion
    motion = PersonMotion()
    pictures = [motion.frame(k / 15) for k in ProgressBar(range(30), 'rendering', unit='image', leave=False)]
    try:
        estimators.create(estimators.EstimatorConfig('mediapipe')).close()  # the open body is built here, once
    except estimators.EstimatorUnavailable as error:
        raise BenchmarkSkipped(str(error)) from error
    figures, why, key = {}, {}, 'first_pose_hand4whole_pp_s'
    for name, estimator in (('first_pose', 'mediapipe'), ('first_pose_open', 'open')):
        figures[f'{name}_s'], size_mb = _first_pose(motion, pictures, estimator)
        figures[f'{name}_memory_mb'] = size_mb
        if size_mb is None:
            why[f'{name}_memory_mb'] = _NO_SIZES
    try:
        weights = 'published' if size == 'full' else 'random-tiny'
        figures[key], _ = _first_pose(motion, pictures, 'hand4whole_pp', f'weights_folder:={benchmark_files.folder()}',
                                      f'weights:={weights}')
    except (BenchmarkSkipped, CheckpointError, BodyModelError) as error:
        figures[key], why[key] = None, str(error)
    return {'figures': figures, 'why_null': why, 'remarks': {'first_pose': benchmark_files.remark}}


def _first_pose(motion, pictures, estimator, *parameters):
    """Seconds from the start to the pose, and MB of the node's memory then."""
    with CameraPeer({POSES: WholeBodyPoseArray}) as peer, ProgressBar(desc=f'first pose of {estimator}', unit='image',
                                                        leave=False) as bar:
        peer.publish_camera_info(motion.intrinsics)
        begun = time.time_ns()
        node = peer.start(_NODE, parameters=[f'estimator:={estimator}', *parameters])
        found = []

        def seen():
            for message in peer.recorder.messages:
                answer = deserialize_message(message.data, WholeBodyPoseArray)
                if answer.estimator != estimator:
                    raise RuntimeError(f'poses come from estimator {answer.estimator}, not {estimator}')
                if answer.poses:
                    found.append(message)
            peer.recorder.messages.clear()
            return bool(found)

        if not peer.play(pictures, 15.0, _START_TIMEOUT, done=seen, tick=bar.update):
            raise RuntimeError(f'no pose from estimator {estimator} within {_START_TIMEOUT:.0f} s')
        return (found[0].received - begun) / 1e9, _resident_mb(node.pid)


def _random_image():
    return np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)


def _warm_up(peer, seconds):
    """Play until the node publishes, and for so many seconds more."""
    peer.publish_camera_info(Intrinsics.from_fov(640, 480))
    if not peer.play([_random_image()], _RATE, _START_TIMEOUT, done=lambda: bool(peer.recorder.messages)):
        raise RuntimeError(f'the node did not answer within {_START_TIMEOUT:.0f} s')
    peer.play([_random_image()], _RATE, seconds)


def _compute_overheads(peer):
    """ms of every image with messages on all topics."""
    arrived, last, answers = {}, {}, {}
    for message in peer.recorder.messages:
        topic = message.topic.removeprefix(f'{peer.namespace}/')
        if topic not in _IMAGE_TOPICS:
            continue
        stamp = _read_stamp(message)
        answers[stamp] = answers.get(stamp, 0) + 1
        last[stamp] = max(last.get(stamp, 0), message.received)
        if topic == POSES:
            time_of = next(iter(deserialize_message(message.data, WholeBodyPoseArray).poses)).received
            arrived[stamp] = time_of.sec * 10**9 + time_of.nanosec
    return [(last[stamp] - arrived[stamp]) / 1e6 for stamp in arrived if answers[stamp] == len(_IMAGE_TOPICS)]


def _read_stamp(message):
    """ns of the stamp in a serialised message that begins with a header; of the first transform in a TFMessage."""
    start = 8 if message.topic.endswith(f'/{TF}') else 4
    seconds, nanoseconds = np.frombuffer(message.data, '<u4', 2, start).tolist()
    return seconds * 10**9 + nanoseconds


def _stage_times(peer):
    values = {pair.key.partition(':')[0]: pair.value for array in peer.recorder.of(f'{peer.namespace}/{DIAGNOSTICS}')
              for status in array.status for pair in status.values if 'median' in pair.key}
    times = '; '.join(f'{name} {values[name]}' for name in _NODE_STAGES if name in values)
    return f'ms in the node, median, max: {times}'


def _resident_mb(pid):
    try:
        return int(Path(f'/proc/{pid}/statm').read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 2**20
    except OSError:
        return None
