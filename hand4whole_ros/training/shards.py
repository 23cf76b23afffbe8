"""People to train on, as files: the landmark fit's features of each, the truth, and the cropped image.

A folder holds shards, one .npz each: `FitFeatures` and `ShardTruth` by field name, and the images as JPEG bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from .. import skeleton
from ..estimators.fit_features import FitFeatures, mirror_features
from ..estimators.fit_features import concatenate_features as joined_evidence
from ..system.output_files import open_replacement

#: Rows and columns of the images: three quarters of the patches that the estimator cuts.
SHARD_IMAGE_SIZE = (384, 288)


class ShardTruth(NamedTuple):
    """Of N people, float32. Camera optical frame, metres."""

    rotations: np.ndarray       #: (N, 55, 3, 3) against the parent joint, the root's in the camera
    betas: np.ndarray           #: (N, 10) of the closest open body
    joints: np.ndarray          #: (N, 55, 3)
    hands: np.ndarray           #: (N, 2, 21, 3) keypoints, left and right
    visibility: np.ndarray      #: (N, 2) visible share of each hand


@dataclass(frozen=True)
class JpegImages:
    """Crops of N people."""

    jpegs: np.ndarray           # (N,) object: bytes

    def __len__(self) -> int:
        return len(self.jpegs)

    def picture(self, row: int) -> np.ndarray:
        """(*SHARD_IMAGE_SIZE, 3) uint8 RGB."""
        return cv2.imdecode(np.frombuffer(self.jpegs[row], np.uint8), cv2.IMREAD_COLOR)[..., ::-1]

    def take(self, rows) -> JpegImages:
        """Those of these rows."""
        return JpegImages(self.jpegs[rows])


@dataclass(frozen=True)
class Records:
    """N people."""

    evidence: FitFeatures
    truth: ShardTruth
    jpegs: np.ndarray           # (N,) object: bytes

    def __len__(self) -> int:
        return len(self.jpegs)

    @property
    def pictures(self) -> JpegImages:
        return JpegImages(self.jpegs)

    def split(self, part: float) -> tuple[Records, Records]:
        """The first people, and this share of all, at least one: the last ones."""
        first = len(self) - max(int(round(part * len(self))), 1)
        return self.take(slice(None, first)), self.take(slice(first, None))

    def take(self, rows) -> Records:
        """The people of these rows."""
        return Records(self.evidence.take(rows), ShardTruth(*(values[rows] for values in self.truth)), self.jpegs[rows])


def mirror_truth(truth: ShardTruth) -> ShardTruth:
    """As fit_features.mirrored."""
    points = np.array([-1, 1, 1], np.float32)
    order = list(skeleton.MIRROR)
    return ShardTruth(
        truth.rotations[:, order] * np.outer(points, points),
        truth.betas,
        truth.joints[:, order] * points,
        truth.hands[:, ::-1] * points,
        truth.visibility[:, ::-1],
    )


def append_mirrored(evidence: FitFeatures, truth: ShardTruth) -> tuple[FitFeatures, ShardTruth]:
    """2 N people: all, then all mirrored."""
    return (joined_evidence([evidence, mirror_features(evidence)]),
            ShardTruth(*(np.concatenate(pair) for pair in zip(truth, mirror_truth(truth)))))


def write_shard(path: Path, records: Records) -> None:
    """One shard; a reader gets all of it or nothing."""
    ends = np.cumsum([len(jpeg) for jpeg in records.jpegs])
    with open_replacement(path) as stream:
        np.savez(stream, **_prefix_fields('evidence', records.evidence), **_prefix_fields('truth', records.truth),
                 jpegs=np.frombuffer(b''.join(records.jpegs), np.uint8), ends=ends)


def read_shards(folder: Path) -> Records:
    """All shards of a folder, in the order of their names. Raises ValueError if there is none."""
    paths = sorted(Path(folder).glob('*.npz'))
    if not paths:
        raise ValueError(f'{folder} holds no people to learn from: hand4whole train people makes some')
    evidence, truth, jpegs = [], [], []
    for path in paths:
        with np.load(path, allow_pickle=False) as shard:
            evidence.append(FitFeatures(*(shard[f'evidence_{name}'] for name in FitFeatures._fields)))
            truth.append(ShardTruth(*(shard[f'truth_{name}'] for name in ShardTruth._fields)))
            every, ends = shard['jpegs'].tobytes(), shard['ends']
        jpegs += [every[start:end] for start, end in zip(np.r_[0, ends[:-1]], ends)]
    pictures = np.empty(len(jpegs), object)
    pictures[:] = jpegs
    return Records(joined_evidence(evidence), ShardTruth(*(np.concatenate(part) for part in zip(*truth))), pictures)


def _prefix_fields(prefix, values):
    return {f'{prefix}_{name}': array for name, array in values._asdict().items()}


def concatenate_records(parts: list[Records]) -> Records:
    """The people of several, concatenated."""
    return Records(joined_evidence([part.evidence for part in parts]),
                   ShardTruth(*(np.concatenate(values) for values in zip(*(part.truth for part in parts)))),
                   np.concatenate([part.jpegs for part in parts]))
