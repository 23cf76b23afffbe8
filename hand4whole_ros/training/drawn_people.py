"""Draws people, runs the landmark fit on them, and stores those that it detects in a training folder."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import cv2
import numpy as np

from ..body.model import BodyModel
from ..estimators.fit_features import concatenate_features, features_of_fit
from ..estimators.landmark_fit import LandmarkPipeline
from ..fitting.prior_body_fitter import BodyFitter
from ..geometry.crops import PATCH_SIZE
from ..synthetic.source import SyntheticImages
from ..system.progress import ProgressBar
from . import shards
from .shards import SHARD_IMAGE_SIZE, Records, ShardTruth

#: People drawn for one shard.
SHARD_SIZE = 100

#: Share of the people in frontal upright poses, which are common before a camera.
FRONTAL_UPRIGHT_SHARE = 0.5

_JPEG = (cv2.IMWRITE_JPEG_QUALITY, 88)


def make_shards(folder: Path, count: int, seed: int, workers: int, *, progress: bool = True) -> None:
    """Draw `count` people of the source `seed`, rounded up to whole shards, into a folder.

    Existing shards are kept: after an interruption the drawing resumes. Some hundredths of the people are not detected
    by the landmark fit and left out.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f'people_{seed}_{k:05d}.npz' for k in range(-(-count // SHARD_SIZE))]
    wanted = [(path, seed, k) for k, path in enumerate(paths) if not path.exists()]
    if not wanted:
        return
    with multiprocessing.get_context('spawn').Pool(workers, _initialize_worker) as pool:
        for _ in ProgressBar(pool.imap_unordered(_make_shard, wanted), 'shards of people', len(wanted), unit='shard',
                      enabled=progress):
            pass


_landmark_pipeline: LandmarkPipeline | None = None


def _initialize_worker():
    global _landmark_pipeline
    cv2.setNumThreads(1)
    _landmark_pipeline = LandmarkPipeline(BodyFitter(BodyModel.load().kinematics), static_images=True, mirror=False)


def _make_shard(wanted):
    path, seed, number = wanted
    source = SyntheticImages(seed, close_ups=0.0, at_ease=FRONTAL_UPRIGHT_SHARE)
    found = [
        person for k in range(SHARD_SIZE) if (person := _make_record(*source[number * SHARD_SIZE + k])) is not None
    ]
    evidence, truth, jpegs = zip(*found)
    pictures = np.empty(len(jpegs), object)
    pictures[:] = jpegs
    shards.write_shard(
        path,
        Records(concatenate_features(list(evidence)), ShardTruth(*(np.stack(part) for part in zip(*truth))), pictures),
    )


def _make_record(image, truth):
    """Fit features, truth and JPEG of one person; None if nobody is detected."""
    assert _landmark_pipeline is not None   # set in a worker
    landmark_fit = _landmark_pipeline.fit(image, truth.intrinsics)
    evidence = None if landmark_fit is None else features_of_fit(landmark_fit, truth.intrinsics)
    if evidence is None:
        return None
    values = (truth.local_rotations, truth.betas, truth.joints, truth.hand_keypoints_3d, truth.hand_visibility)
    return (
        evidence,
        ShardTruth(*(np.asarray(value, np.float32) for value in values)),
        _encode_crop(image, evidence.box[0]),
    )


def _encode_crop(image, box):
    """The image of geometry.crops.cut_patches, at the stored size, as JPEG."""
    x, y, width, _ = box
    scale = PATCH_SIZE[1] / width
    affine = np.array([[scale, 0, -scale * x], [0, scale, -scale * y]])
    patch = cv2.warpAffine(image, affine, PATCH_SIZE[::-1], flags=cv2.INTER_LINEAR)
    small = cv2.resize(patch, SHARD_IMAGE_SIZE[::-1], interpolation=cv2.INTER_AREA)
    return cv2.imencode('.jpg', np.ascontiguousarray(small[..., ::-1]), _JPEG)[1].tobytes()
