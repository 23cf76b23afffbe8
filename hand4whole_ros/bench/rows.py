"""The one table of what is measured: keys that stay the same, what they mean, goals; and how a result is shown."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """One figure."""

    what: str
    unit: str
    stage: str                  # that measures it
    goal: float | None = None   # on two cores without a GPU, where one was set


#: Key in the JSON -> row, in the order shown.
ROWS = {
    'encoder_ms': Row('body expert (ViT-L), one person', 'ms', 'network'),
    'cham_ms': Row('CHAM, two hands', 'ms', 'network'),
    'wilor_two_hands_ms': Row('hand expert (ViT-H), two hands', 'ms', 'network'),
    'wilor_one_hand_ms': Row('hand expert (ViT-H), one hand', 'ms', 'network'),
    'forward_fp32_ms': Row('whole forward, two hands, float32', 'ms', 'network'),
    'forward_bf16_ms': Row('whole forward, two hands, bfloat16', 'ms', 'network'),
    'forward_fp16_ms': Row('whole forward, two hands, float16', 'ms', 'network'),
    'peak_memory_mb': Row('peak memory of the process that does it in float32', 'MB', 'network'),
    'peak_gpu_memory_mb': Row('of which on the GPU', 'MB', 'network'),
    'detector_ms': Row('MediaPipe on a rendered person, 640 x 480', 'ms', 'mediapipe'),
    'fit_ms': Row('kinematic fit to its landmarks', 'ms', 'mediapipe'),
    'node_overhead_ms_p50': Row('image received to all published, without the estimator, median', 'ms', 'node', 4),
    'node_overhead_ms_p95': Row('the same, 95th percentile', 'ms', 'node', 8),
    'node_overhead_own_hands_ms_p50': Row('with hands of their own shape (as hand4whole_pp), median', 'ms', 'node'),
    'node_overhead_own_hands_ms_p95': Row('the same, 95th percentile', 'ms', 'node'),
    'markers_ms': Row('full mesh as markers: built and published', 'ms', 'markers', 4),
    'markers_naive_ms': Row('the same from one Point object a corner', 'ms', 'markers', 90),
    'overload_age_ms_p99': Row('age of poses, camera 60 Hz, estimator 100 ms, 99th percentile', 'ms', 'overload', 250),
    'overload_rss_mb_per_minute': Row('growth of the node\'s memory meanwhile', 'MB/min', 'overload'),
    'first_pose_s': Row('start of the node to its first pose, mediapipe', 's', 'first_pose'),
    'first_pose_hand4whole_pp_s': Row('the same, hand4whole_pp', 's', 'first_pose'),
}

#: Names for --only.
STAGES = tuple(dict.fromkeys(row.stage for row in ROWS.values()))


class Unmeasured(Exception):
    """Something cannot be measured here; the message says why, and what to run instead."""


def keys_of(stage: str) -> list[str]:
    """The keys that a stage measures."""
    return [key for key, row in ROWS.items() if row.stage == stage]


def format_table(result: dict) -> str:
    """The result of run.run as Markdown; rows that were not asked for are left out."""
    machine, versions = result['machine'], result['versions']
    lines = [f"{machine['processor']}, {machine['cores']} cores, {machine['vector_instructions']}, device "
             f"{result['device']}, {machine['threads']} threads, load {machine['load_before']} before",
             ', '.join(f'{name} {version}' for name, version in versions.items() if version), '',
             '| | unit | measured | goal |', '|---|---|---:|---:|']
    asked = {key: row for key, row in ROWS.items() if row.stage in result['stages']}
    for key, row in asked.items():
        lines.append(f'| {row.what} | {row.unit} | {_cell(result[key])} | {_cell(row.goal)} |')
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
