"""`hand4whole bench`: measure stage by stage, show a table, write the same figures as JSON."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from ..apps.doctor.ros_environment import fatal_problem
from ..body.npz_file import BodyModelError
from ..checkpoints import CheckpointError
from ..estimators.base import EstimatorUnavailable
from ..estimators.devices import pick_device
from ..system.progress import ProgressBar
from ..system.requirements import describe_missing
from . import machine
from .benchmark_files import BenchmarkFiles
from .result_rows import ROWS, STAGES, BenchmarkSkipped, stage_keys

logger = logging.getLogger(__name__)

_WITHOUT_ROS = ('network', 'frame', 'mediapipe', 'estimators', 'landmarks', 'video')


def run(stages: Sequence[str] = STAGES, *, seconds: float = 20.0, size: str = 'full', device: str = 'auto',
        body_files: Path | None = None) -> dict:
    """All figures of result_rows.ROWS: key -> figure or None, 'why_null': key -> reason, and the machine.

    'profile': precision, or 'frame' -> part of a forward or of a frame -> 'ms' and, of products, 'gflop'.

    stages: from result_rows.STAGES. seconds: of the overload run. size: 'full' or 'tiny' networks. body_files: folder
    of the licensed files, None for the default. 'failed' lists stages that raised an unexpected error, 'interrupted',
    if present, those skipped by an interruption. Raises EstimatorUnavailable for a missing device.
    """
    device = str(pick_device(device))
    result = {**dict.fromkeys(ROWS), **machine.machine_info(device), 'size': size, 'stages': list(stages),
              'why_null': {key: 'not requested' for key in ROWS}, 'remarks': {}, 'failed': [], 'profile': {},
              'frame_precision': None}
    with BenchmarkFiles(body_files, size) as files, ProgressBar(stages, unit='stage') as bar:
        for stage in bar:
            bar.set_description(stage)
            try:
                found = _measure_stage(stage, seconds=seconds, size=size, device=device, files=files,
                                       failed=result['failed'])
            except KeyboardInterrupt:
                # Measurements take minutes and are kept.
                left = stages[stages.index(stage):]
                result['interrupted'] = list(left)
                result['why_null'].update({key: 'interrupted' for name in left for key in stage_keys(name)})
                break
            result.update(found['figures'])
            result['frame_precision'] = found.get('frame_precision', result['frame_precision'])
            for part in ('remarks', 'profile'):
                result[part].update(found.get(part, {}))
            result['why_null'].update({key: found.get('why_null', {}).get(key, '') for key in stage_keys(stage)})
    result['why_null'] = {key: why for key, why in result['why_null'].items() if result[key] is None}
    return result


def _measure_stage(stage, *, seconds, size, device, files, failed):
    try:
        return _run_stage(stage, seconds=seconds, size=size, device=device, files=files)
    except (BenchmarkSkipped, CheckpointError, BodyModelError, EstimatorUnavailable) as error:
        why = str(error)
    except ModuleNotFoundError as error:
        why = describe_missing(error)
    except Exception as error:  # One failing stage must not affect the others' figures.
        logger.debug('stage %s', stage, exc_info=True)
        failed.append(stage)
        why = ' '.join(f'failed: {type(error).__name__}: {error}'.split())
    return {'figures': {}, 'why_null': dict.fromkeys(stage_keys(stage), why)}


def _run_stage(stage, *, seconds, size, device, files):
    # Each imports large libraries, which the others do not need.
    if stage not in _WITHOUT_ROS and (problem := fatal_problem()):
        raise BenchmarkSkipped(problem)   # rclpy would end the process while it is imported
    if stage == 'network':
        from . import network
        return network.measure(files, device, size)
    if stage == 'frame':
        from . import frame_stages
        return frame_stages.measure(files, device, size)
    if stage == 'mediapipe':
        from . import open_estimator
        return open_estimator.measure()
    if stage == 'estimators':
        from . import estimator_rows
        return estimator_rows.measure(files, device, size)
    if stage == 'landmarks':
        from . import landmarks
        return landmarks.measure()
    if stage == 'video':
        from . import video
        return video.measure()
    from .ros import node_stages
    return {'node': node_stages.node_overhead, 'markers': node_stages.markers,
            'overload': lambda: node_stages.overload(seconds),
            'first_pose': lambda: node_stages.first_pose(files, size)}[stage]()


