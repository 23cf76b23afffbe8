"""People drawn and seen by the landmark networks: what the lifting networks learn their errors from.

Some are in every posture, seen from everywhere; the others stand before the camera and show their hands. Landmarks are
estimated as those of single images, but nobody is searched: where they are is known.

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
from ...detection.holistic_landmarks import HolisticLandmarks
from ...detection.landmark_people import as_holistic
from ...landmarks.hand_detection import HandsDetector
from ...landmarks.people import assembled
from ...landmarks.people_detection import PersonPose
from ...landmarks.pose import MIN_PRESENCE, PoseLandmarker
from ...landmarks.pose_consensus import consensus_of_regions
from ...landmarks.regions import UP, Region, rotation_of
from ...landmarks.runtime import Runtime
from ...synthetic import posture_scene
from ...synthetic.drawing import draw_scene
from ...synthetic.people import ScenePreset, sample_scene
from ...synthetic.truth import PersonTruth
from ...system.output_files import replacement_path
from ...system.progress import ProgressBar

#: People drawn for one shard.
SHARD = 200

#: The first region of a person: its side, in distances of the farthest joint from the hips, and how much, by chance, it
#: differs in the logarithm of that and in its rotation, radians. The next one comes from the landmarks.
_REGION_SIDE, _REGION_ERRORS = 2.5, (0.1, 0.15)

#: The largest side of that region, in those of the image: a joint may be beside the camera.
_MAX_REGION = 3.0

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


class KnownPeople:
    """Estimates the landmarks of drawn people in their known places."""

    def __init__(self):
        runtime = Runtime()
        self._poses, self._hands = PoseLandmarker(runtime), HandsDetector(runtime=runtime)

    def landmarks(self, image: np.ndarray, truth: PersonTruth, rng: np.random.Generator) -> HolisticLandmarks | None:
        """Of the person in an image (H, W, 3) uint8 RGB; None where the network sees nobody."""
        region = _region_of(truth, image, rng)
        pose = None if region is None else consensus_of_regions(
            self._poses, image, self._poses.landmarks(image, region))
        if pose is None or pose.presence < MIN_PRESENCE:
            return None
        person = PersonPose(pose, evidence=np.inf, score=1.0, clarity=1.0)      # known to be one
        found = assembled([person], self._hands.of_arms(image, [pose]), 1).people
        return as_holistic(found[0]) if found else None


def _region_of(truth, image, rng):
    """The region that a detector may give for a person; None if the trunk is not before the camera."""
    hips, shoulders = (truth.joints_2d[[skeleton.JOINT[f'{side}_{name}'] for side in skeleton.SIDES]].mean(axis=0)
                       for name in ('hip', 'shoulder'))
    if not np.isfinite([*hips, *shoulders]).all():
        return None
    side = _REGION_SIDE * np.nanmax(np.linalg.norm(truth.joints_2d - hips, axis=1))
    size_error, rotation_error = rng.normal(0, _REGION_ERRORS)
    side = min(side * np.exp(size_error), _MAX_REGION * max(image.shape[:2]))
    return Region(hips, max(side, 1.0), rotation_of(hips, shoulders, UP) + rotation_error)


_known: KnownPeople | None = None
_recorded: np.ndarray | None = None
_purpose = posture_scene.TRAINING


def _start(recorded, purpose):
    global _known, _recorded, _purpose
    cv2.setNumThreads(1)
    _recorded, _purpose = recorded, purpose
    _known = KnownPeople()


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
    """What the networks see of one person, and the truth; None where they see nobody."""
    assert _known is not None   # of a worker
    image, truth = draw_scene(_scene(seed))
    found = _known.landmarks(image, truth, np.random.default_rng((_purpose, 2, seed)))
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
