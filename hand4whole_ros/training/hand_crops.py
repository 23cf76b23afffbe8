"""Crops of drawn hands for a hand expert that knows nothing of a body: image and truth, along the crop's own axes.

The axes are those of a camera that is directed through the middle of the crop, as in data sets of hands; the body's
crop has others. Crops come from drawn people, or show hands without anybody.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .. import skeleton
from ..geometry.boxes import inside
from ..geometry.crops import BODY_SIZE
from ..geometry.hand_boxes import hand_boxes
from ..geometry.placement import view_rotation
from ..networks.hand4whole_pp import HandBoxes
from ..networks.open_model import OPEN_MODEL
from ..networks.wilor import prepare_crops
from ..synthetic.hand_patches import FRAME, HandPatches, PatchRows, draw_patches
from ..synthetic.source import SyntheticImages
from ..synthetic.truth import PersonTruth
from ..system.progress import ProgressBar
from .drawn_people import FRONTAL_UPRIGHT_SHARE
from .image_batches import augment_light
from .targets import MIN_VISIBILITY, HandTargets

#: Deviation of a box' scale and of its middle from the keypoints' own, in its side.
_BOX_NOISE = 0.05

#: Augmentation: largest rotation about the axis, radians, and largest logarithm of a scale.
_MAX_ROTATION, _MAX_SCALE = math.radians(30), 0.1

#: Largest number of hands without anybody that are drawn at a time.
_CHUNK = 200

_MIRROR = np.array([-1, 1, 1], np.float32)


@dataclass(frozen=True)
class HandCrops(PatchRows):
    """N hands, all as right ones. The frame is that of the crop's own camera, metres."""

    images: np.ndarray      #: (N, S, S, 3) uint8 RGB
    rotations: np.ndarray   #: (N, 16, 3, 3) float32 the wrist's in the frame, then fingers against their parents
    betas: np.ndarray       #: (N, 10) float32 of the open hand
    keypoints: np.ndarray   #: (N, 21, 3) float32 from the wrist
    places: np.ndarray      #: (N, 21, 2) float32 in sides of the crop from its middle

    def targets(self) -> HandTargets:
        """All of them count."""
        return HandTargets(*map(torch.from_numpy, (self.rotations, self.betas, self.keypoints, self.places,
                                                   np.ones(len(self), bool))))

    def inputs(self, size: tuple[int, int]) -> Tensor:
        """Images (N, 3, *size) as a hand expert takes them, the middle columns of the square crops."""
        crops = F.interpolate(self._images(), (size[0], size[0]), mode='bilinear', align_corners=False)
        return _prepare(crops, size)

    def augmented(self, size: tuple[int, int], generator: torch.Generator) -> tuple[Tensor, HandTargets]:
        """The inputs in other light and colours, rotated about the crop's axis and scaled; and their targets."""
        def drawn(*size):
            return torch.rand(len(self), *size, generator=generator) * 2 - 1
        images, target = augment_light(self._images(), drawn), self.targets()
        angle, scale = _MAX_ROTATION * drawn(), torch.exp(_MAX_SCALE * drawn())
        turn = torch.eye(3).repeat(len(self), 1, 1)
        turn[:, 0, 0] = turn[:, 1, 1] = angle.cos()
        turn[:, 1, 0] = angle.sin()
        turn[:, 0, 1] = -turn[:, 1, 0]
        back = F.pad(turn[:, :2, :2].mT / scale[:, None, None], (0, 1))     # from pixels of the result to the crop's
        grid = F.affine_grid(back, [len(self), 3, size[0], size[0]], align_corners=False)
        crops = F.grid_sample(images, grid, align_corners=False)
        rotations = torch.cat([turn[:, None] @ target.rotations[:, :1], target.rotations[:, 1:]], dim=1)
        return _prepare(crops, size), target._replace(
            rotations=rotations, keypoints=target.keypoints @ turn.mT,
            places=target.places @ turn[:, :2, :2].mT * scale[:, None, None])

    def _images(self):
        return torch.from_numpy(self.images).permute(0, 3, 1, 2).float() / 255


def _prepare(crops, size):
    margin = (size[0] - size[1]) // 2
    return prepare_crops(crops, torch.zeros(len(crops), dtype=torch.bool))[..., margin:-margin]


def draw_hands_of_people(count: int, seed: int, size: int, components: np.ndarray) -> HandCrops:
    """`count` visible hands of the people of source `seed`, cut out at size x size px.

    components (10, 10): of open_hands.hand_shape_components.
    """
    source = SyntheticImages(seed, close_ups=0.0, at_ease=FRONTAL_UPRIGHT_SHARE)
    rng = np.random.default_rng((0xC409, seed))
    found = (crop for image, truth in source for crop in cut_hands(image, truth, components, size=size, rng=rng))
    return HandCrops.stack(list(ProgressBar(itertools.islice(found, count), 'hands of drawn people', count,
                                            unit='hand')))


def draw_hands_alone(count: int, seed: int, size: int) -> HandCrops:
    """`count` visible hands that belong to nobody: not even a forearm is drawn."""
    parts, total = [], 0
    with ProgressBar(desc='drawn hands', total=count, unit='hand') as progress:
        for k in itertools.count():
            if total >= count:
                break
            drawn = draw_patches(min(_CHUNK, count), seed * 100_000 + k, size)
            visible = drawn.take(drawn.hand & (drawn.visible >= MIN_VISIBILITY))
            if len(visible):
                parts.append(_in_own_frame(visible))
            total += len(visible)
            progress.update(len(visible))
    return HandCrops(*(np.concatenate(values)[:count] for values in zip(*(vars(part).values() for part in parts))))


def cut_hands(image: np.ndarray, truth: PersonTruth, components: np.ndarray, *, size: int, rng: np.random.Generator
              ) -> Iterator[HandCrops]:
    """The visible hands of a drawn person, single rows."""
    assert truth.betas is not None      # of people to train on
    for side in skeleton.SIDES:
        hand = truth.hand(side)
        seen = inside(hand.keypoints_2d, truth.intrinsics.width, truth.intrinsics.height)
        points, shown = (torch.from_numpy(np.asarray(value, np.float64))[None] for value in (
            np.where(seen[:, None], hand.keypoints_2d, 0), seen))
        box, exists = hand_boxes(points, shown, OPEN_MODEL.hand_room)
        if not exists or hand.visibility < MIN_VISIBILITY:
            continue
        low, high = box[0].numpy().reshape(2, 2)
        extent = float(high[0] - low[0]) * np.exp(rng.normal(0, _BOX_NOISE))
        middle = (low + high) / 2 + rng.normal(0, _BOX_NOISE, 2) * extent
        scale = size / extent
        affine = np.array([[scale, 0, scale * (extent / 2 - middle[0])], [0, scale, scale * (extent / 2 - middle[1])]])
        crop = cv2.warpAffine(image, affine, (size, size), flags=cv2.INTER_LINEAR)
        axes = view_rotation(truth.intrinsics.normalize(middle))
        rotations = np.concatenate([axes.T @ hand.wrist_rotation[None],
                                    truth.local_rotations[skeleton.HAND_SLICE[side]]])
        points = (hand.keypoints_3d - hand.keypoints_3d[0]) @ axes
        mirror = _MIRROR if side == 'left' else np.ones(3, np.float32)
        yield HandCrops(np.ascontiguousarray(crop[:, ::-1] if side == 'left' else crop),
                        *(np.asarray(value, np.float32) for value in (
                            rotations * np.outer(mirror, mirror), truth.betas @ components, points * mirror,
                            (hand.keypoints_2d - middle) / extent * mirror[:2])))


def _in_own_frame(p: HandPatches) -> HandCrops:
    """Hands along the axes of each patch' own camera."""
    middle = p.corner + p.size[:, None] / 2
    axes = np.stack([view_rotation(ray) for ray in (middle - np.array(FRAME) / 2) / p.focal[:, None]])
    rotations = p.rotations.copy()
    rotations[:, 0] = axes.swapaxes(-1, -2) @ rotations[:, 0]
    points = (p.keypoints - p.keypoints[:, :1]) @ axes
    places = (p.keypoints_2d - middle[:, None]) / p.size[:, None, None]
    return HandCrops(p.images, rotations, p.betas, points.astype(np.float32), places.astype(np.float32))


def hand_view_rotations(ray: np.ndarray, focal: np.ndarray, box: np.ndarray, boxes: HandBoxes) -> np.ndarray:
    """(N, 3, 3) from the frame of each hand's crop to that of its person's crop; of N people.

    ray (N, 2) x/z, y/z through the middle of the person's box; focal (N,) px; box (N, 4) xywh px, of the person; boxes:
    of the hands, in pixels of the body picture. Rows without a hand are the identity.
    """
    where = boxes.boxes.double().numpy() * (box[:, 2:3] / BODY_SIZE[1])
    away = (where[:, :2] + where[:, 2:]) / 2 - box[:, 2:] / 2
    found = np.tile(np.eye(3), (len(ray), 1, 1))
    for k in boxes.exists.nonzero()[:, 0].tolist():
        found[k] = view_rotation(ray[k]).T @ view_rotation(ray[k] + away[k] / focal[k])
    return found
