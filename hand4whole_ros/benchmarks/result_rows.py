"""The one table of all figures: stable keys, meanings, goals; and the format of a result."""

from __future__ import annotations

from typing import NamedTuple

from ..config import EstimatorName, Quality


class BenchmarkRow(NamedTuple):
    """One figure."""

    description: str
    unit: str
    stage: str                  # that measures it
    goal: float | None = None   # on two cores without a GPU, if one was set


#: Precision of the network -> middle part of its keys; empty for float32.
SUFFIXES = {'fp32': '', 'bf16': '_bf16', 'fp16': '_fp16', 'int8': '_int8'}

_GOALS = {'cham_ms': 150, 'forward_fp32_ms': 4100, 'forward_bf16_ms': 1200,
          'peak_memory_per_weights': 1.2, 'peak_memory_bf16_per_weights': 1.2}


def _network_rows(precision):
    suffix = SUFFIXES[precision]
    rows = {
        f'forward_{precision}_ms': ('whole forward, two hands', 'ms'),
        f'wilor_two_hands{suffix}_ms': ('of which the hand expert (ViT-H), two hands', 'ms'),
        f'encoder{suffix}_ms': ('of which the body expert (ViT-L)', 'ms'),
        f'cham{suffix}_ms': ('of which CHAM, two hands', 'ms'),
        f'wilor_one_hand{suffix}_ms': ('hand expert, one hand', 'ms'),
        f'products_{precision}_gflops': ('a product of the hand expert\'s size, over and over', 'GFLOP/s'),
        f'peak_memory{suffix}_mb': ('peak memory of the process that loads and runs it', 'MB'),
        f'peak_memory{suffix}_per_weights': ('the same over the weights in their precision', ''),
        f'peak_gpu_memory{suffix}_mb': ('peak memory on the GPU', 'MB')}
    return {
        key: BenchmarkRow(f'{precision}: {what}', unit, 'network', _GOALS.get(key))
        for key, (what, unit) in rows.items()
    }


#: Numbers of people in the images of a video, each with two hands.
BESIDE_EACH_OTHER = (1, 2, 3)


def _landmark_rows():
    networks = {'pose_detection': 'detection of people', 'pose': 'landmarks of a person',
                'palm_detection': 'detection of hands', 'hand': 'landmarks of a hand',
                'hand_lite': 'the same with the smaller network', 'hand_recrop': 'region of a hand from a pose',
                'face_detection': 'detection of a face from a pose', 'face': 'landmarks of a face',
                'eyes': 'landmarks of both eyes'}
    people = {'person_located': 'a person with hands and face in a video, two workers',
              'person_located_one_worker': 'the same, one worker',
              'person_tracked': 'with all regions from the last image, two workers',
              'person_tracked_one_worker': 'the same, one worker',
              'person_tracked_two_threads': 'the same, one worker, networks with two threads',
              'person_tracked_lite': 'the same, two workers, smaller network for hands',
              'holistic': 'the same video with MediaPipe Holistic'}
    people |= {f'people_{count}': f'{count} {"person" if count == 1 else "people"} beside each other as estimators see '
                                  'them, in a mirror as well' for count in BESIDE_EACH_OTHER}
    people['people_1_fast'] = '1 person with quality fast: seen one way, smaller network for hands'
    rows = {key: f'{what}, processor time' for key, what in networks.items()} | people
    rows |= {f'{key}_processor': f'{what}, processor time' for key, what in people.items()}
    return {f'landmarks_{key}_ms': BenchmarkRow(what, 'ms', 'landmarks') for key, what in rows.items()}


class VideoRun(NamedTuple):
    """An estimator on a video of so many people, each with two hands."""

    estimator: EstimatorName
    people: int
    quality: Quality = Quality.FULL

    @property
    def key(self) -> str:
        """Middle part of its keys."""
        return '_'.join([self.estimator, *([self.quality] if self.quality is Quality.FAST else []), str(self.people)])


VIDEO_RUNS = (VideoRun(EstimatorName.MEDIAPIPE, 1), VideoRun(EstimatorName.MEDIAPIPE, 2),
              VideoRun(EstimatorName.MEDIAPIPE, 1, Quality.FAST), VideoRun(EstimatorName.OPEN, 1),
              VideoRun(EstimatorName.OPEN, 2))


def _video_rows():
    videos = {'holistic': 'a person with two hands in a video, MediaPipe Holistic'}
    videos |= {run.key: f'{run.people} {"person" if run.people == 1 else "people"} in it, estimator {run.estimator}'
                        f'{", quality fast" if run.quality is Quality.FAST else ""}' for run in VIDEO_RUNS}
    rows = {key: what for name, text in videos.items() for key, what in (
        (name, text), (f'{name}_processor', f'{text}, processor time'))}
    return {f'video_{key}_ms': BenchmarkRow(what, 'ms', 'video') for key, what in rows.items()}


#: Estimators, in the order of their rows, and numbers of people in an image.
ESTIMATORS = tuple(name for name in EstimatorName if name is not EstimatorName.AUTO)
PEOPLE = (1, 4)


def estimator_key(name: str, people: int, part: str = '') -> str:
    """Key of an image of so many people, or of a part of its processing."""
    return '_'.join(word for word in ('estimate', str(name), f'{people}_people', part, 'ms') if word)


def _estimator_rows():
    return {estimator_key(name, people, part): BenchmarkRow(
        f'{name}: {"of which its network" if part else f"a picture of {people} with {2 * people} hands"}', 'ms',
        'estimators') for people in PEOPLE for name in ESTIMATORS for part in ('', 'network')}


#: Key in the JSON -> row, in the order shown.
ROWS = {
    **{key: row for precision in SUFFIXES for key, row in _network_rows(precision).items()},
    'frame_ms': BenchmarkRow('picture to poses, full pipeline, precision auto', 'ms', 'frame'),
    'frame_boxes_ms': BenchmarkRow('of which the detector, which in a video runs on some images only', 'ms', 'frame'),
    'frame_network_ms': BenchmarkRow('of which the networks', 'ms', 'frame'),
    'frame_describe_ms': BenchmarkRow('of which standing people before the camera', 'ms', 'frame'),
    'detector_ms': BenchmarkRow('MediaPipe on a rendered person, 640 x 480', 'ms', 'mediapipe'),
    'fit_ms': BenchmarkRow('kinematic fit to its landmarks', 'ms', 'mediapipe'),
    **_landmark_rows(),
    **_video_rows(),
    **_estimator_rows(),
    'node_overhead_ms_p50': BenchmarkRow(
        'image received to all published, without the estimator, median', 'ms', 'node', 4
    ),
    'node_overhead_ms_p95': BenchmarkRow('the same, 95th percentile', 'ms', 'node', 8),
    'node_overhead_own_hands_ms_p50': BenchmarkRow(
        'with hands of their own shape (as hand4whole_pp), median', 'ms', 'node'
    ),
    'node_overhead_own_hands_ms_p95': BenchmarkRow('the same, 95th percentile', 'ms', 'node'),
    'markers_ms': BenchmarkRow('full mesh as markers: built and published', 'ms', 'markers', 4),
    'markers_naive_ms': BenchmarkRow('the same from one Point object a corner', 'ms', 'markers', 90),
    'overload_age_ms_p99': BenchmarkRow(
        'age of poses, camera 60 Hz, estimator 100 ms, 99th percentile', 'ms', 'overload', 250
    ),
    'overload_rss_mb_per_minute': BenchmarkRow("growth of the node's memory meanwhile", 'MB/min', 'overload'),
    'first_pose_s': BenchmarkRow('start of the node to its first pose, mediapipe', 's', 'first_pose', 15),
    'first_pose_open_s': BenchmarkRow('the same, open', 's', 'first_pose', 15),
    'first_pose_hand4whole_pp_s': BenchmarkRow('the same, hand4whole_pp', 's', 'first_pose', 15),
    'first_pose_memory_mb': BenchmarkRow('resident memory of the node then, mediapipe', 'MB', 'first_pose', 500),
    'first_pose_open_memory_mb': BenchmarkRow('the same, open', 'MB', 'first_pose', 500),
}

#: Names for --only.
STAGES = tuple(dict.fromkeys(row.stage for row in ROWS.values()))


class BenchmarkSkipped(Exception):
    """A stage cannot be measured here; the message gives the reason, and the command to run instead."""


def stage_keys(stage: str) -> list[str]:
    """The keys that a stage measures."""
    return [key for key, row in ROWS.items() if row.stage == stage]


def precision_keys(precision: str) -> list[str]:
    """The keys that stage 'network' measures in that precision."""
    return list(_network_rows(precision))


def format_table(result: dict) -> str:
    """The result of run.run as Markdown: every requested figure, and why some are missing."""
    machine, versions = result['machine'], result['versions']
    lines = [f"{machine['processor']}, {machine['cores']} cores, {machine['vector_instructions']}, device "
             f"{result['device']}, {machine['threads']} threads, load {machine['load_before']} before",
             ', '.join(f'{name} {version}' for name, version in versions.items() if version), '',
             '| | unit | measured | goal |', '|---|---|---:|---:|']
    asked = {key: row for key, row in ROWS.items() if row.stage in result['stages']}
    for key, row in asked.items():
        if result[key] is not None:
            lines.append(f'| {row.description} | {row.unit} | {_cell(result[key])} | {_cell(row.goal)} |')
    lines += [''] + [f'{key}: {remark}' for key, remark in result['remarks'].items()]
    missing = {}
    for key in asked:
        if result[key] is None:
            missing.setdefault(result['why_null'][key], []).append(key)
    lines += [f"- {', '.join(keys)}: {why}" for why, keys in missing.items()]
    return '\n'.join(lines).rstrip()


def _cell(value):
    if value is None:
        return '-'
    return f'{value:.0f}' if abs(value) >= 100 or value == int(value) else f'{value:.3g}'
