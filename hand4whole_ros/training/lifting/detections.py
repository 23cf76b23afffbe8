"""People drawn and seen by the landmark detector: what the lifting networks learn the detector from.

Some are in every posture, seen from everywhere; the others stand before the camera and show their hands.

A folder holds shards, one .npz each, of `Detections` under their field names. No picture is kept.
"""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from ... import skeleton
from ...detection.hand_filter import filter_hands
from ...detection.landmark_people import LandmarkPeople
from ...synthetic import posture_scene
from ...synthetic.drawing import draw_scene
from ...synthetic.people import ScenePreset, sample_scene
from ...system.output_files import replacement_path
from ...system.progress import ProgressBar

#: People drawn for one shard.
SHARD = 200

#: How many people stand before the camera, and how many of those at ease; the others are in every posture.
BEFORE_CAMERA, AT_EASE = 0.4, 0.5


class Detections(NamedTuple):
    """Of N people, float32. Camera optical frame, metres, pixels."""

    pose: np.ndarray            #: (N, 33, 2) px, landmarks
    visibility: np.ndarray      #: (N, 33) 0 to 1
    world: np.ndarray           #: (N, 33, 3) m
    camera: np.ndarray          #: (N, 6) fx, fy, cx, cy, width, height; no lens distortion
    rotations: np.ndarray       #: (N, 55, 3, 3) true, against the parent, the root's in the camera
    betas: np.ndarray           #: (N, 10) true, of the open body that comes nearest
    joints: np.ndarray          #: (N, 55, 3) true
    visible: np.ndarray         #: (N, 55) 1 where a joint can be seen, else 0
    hands: np.ndarray           #: (N, 2, 21, 3) px, px, relative depth in px, left and right; zeros where not seen
    keypoints: np.ndarray       #: (N, 2, 21, 3) true
    hand_visibility: np.ndarray     #: (N, 2) how much of each hand can be seen

    def take(self, rows) -> Detections:
        """The people of these rows."""
        return Detections(*(values[rows] for values in self))


def make(folder: Path, count: int, seed: int, *, workers: int, recorded: np.ndarray | None = None,
         purpose: int = posture_scene.TRAINING, progress: bool = True) -> None:
    """Draw `count` people, rounded up to whole shards, into a folder; those that are not found are left out.

    recorded (N, 22, 3, 3): poses of datasets.motions, or None. Shards that are there already are left as they are.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f'detections_{seed}_{k:05d}.npz' for k in range(-(-count // SHARD))]
    wanted = [(path, (seed << 32) + k * SHARD) for k, path in enumerate(paths) if not path.exists()]
    with multiprocessing.get_context('spawn').Pool(workers, _start, (recorded, purpose)) as pool:
        for _ in ProgressBar(pool.imap_unordered(_make_shard, wanted), 'shards of people', len(wanted), unit='shard',
                     enabled=progress):
            pass


def read(folders: list[Path]) -> Detections:
    """All shards of these folders. Raises ValueError where there is none, or one cannot be read."""
    paths = [path for folder in folders for path in sorted(Path(folder).glob('detections_*.npz'))]
    if not paths:
        raise ValueError(f'{", ".join(map(str, folders))}: no detections; hand4whole train detections makes some')
    parts = []
    for path in paths:
        try:
            with np.load(path, allow_pickle=False) as shard:
                parts.append([shard[name] for name in Detections._fields])
        except Exception as error:  # zipfile and numpy raise kinds of their own for damaged bytes
            raise ValueError(f'{path} holds no detections ({error}): delete it, and hand4whole train detections draws '
                             'its people again') from None
    return Detections(*(np.concatenate(values) for values in zip(*parts)))


_detector: LandmarkPeople | None = None
_recorded: np.ndarray | None = None
_purpose = posture_scene.TRAINING


def _start(recorded, purpose):
    global _detector, _recorded, _purpose
    cv2.setNumThreads(1)
    _recorded, _purpose = recorded, purpose
    _detector = LandmarkPeople(static_images=True, mirror=False)


def _make_shard(wanted):
    path, first = wanted
    found = [person for k in range(SHARD) if (person := _seen(first + k)) is not None]
    arrays = [np.stack(values).astype(np.float32) for values in zip(*found)]
    with replacement_path(path) as part, open(part, 'wb') as stream:
        np.savez(stream, **dict(zip(Detections._fields, arrays)))


def _scene(seed):
    if np.random.default_rng((_purpose, 1, seed)).random() < BEFORE_CAMERA:
        return sample_scene(_purpose << 64 | seed, ScenePreset(close_ups=0.0, at_ease=AT_EASE))
    return posture_scene.scene(seed, _recorded, _purpose)


def _seen(seed):
    """What the detector says of one person, and the truth; None where it finds nobody."""
    assert _detector is not None    # of a worker
    image, truth = draw_scene(_scene(seed))
    found = next(iter(_detector.detect(image)), None)
    if found is None:
        return None
    height, width = image.shape[:2]
    believed = filter_hands(found, width, height)
    hands = np.zeros((2, 21, 3))
    for k, side in enumerate(skeleton.SIDES):
        if side in believed:
            hands[k] = believed[side][0]
    k = truth.intrinsics
    return (found.pose, found.visibility, found.world, np.array([k.fx, k.fy, k.cx, k.cy, width, height]),
            truth.local_rotations, truth.betas, truth.joints, truth.joints_visible, hands, truth.hand_keypoints_3d,
            truth.hand_visibility)
