"""The published networks as device_check runs them: construction, inputs, and compared outputs of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..body.published import PublishedBody
from ..checkpoints.pose2pose import load_random_pose2pose
from ..checkpoints.random_weights import load_random
from ..checkpoints.unihope import load_random_unihope
from ..checkpoints.wilor import load_random_wilor
from ..networks.hand4whole_pp import HAND4WHOLE_PP, HAND4WHOLE_PP_TINY, Hand4WholePP, HandBoxes
from ..networks.pose2pose import POSE2POSE, POSE2POSE_TINY
from ..networks.unihope import UNIHOPE, UNIHOPE_TINY
from ..networks.wilor import WILOR, WILOR_TINY, prepare_crops

#: Hands of one person, in pixels of the body crop.
HAND_BOXES = {'right': (20.0, 90.0, 80.0, 150.0), 'left': (110.0, 100.0, 180.0, 170.0)}


class DeviceNetwork(NamedTuple):
    """One network."""

    #: (body, 'full' or 'tiny', device, precision or None for plain float32) -> the network, weights made from names.
    load: Callable[[PublishedBody, str, torch.device, torch.dtype | None], nn.Module]
    #: (people, device) -> inputs of its forward.
    inputs: Callable[[int, torch.device], Sequence]
    #: Its output -> name -> compared values.
    outputs: Callable[[object], Mapping[str, Tensor]]
    #: Parts that do most of the work, without a synchronisation with the GPU.
    graphed: tuple[str, ...]


def random_image(batch: int, height: int, width: int, device: torch.device) -> Tensor:
    """(B, 3, H, W) from 0 to 1: the same on every device. Smooth, as images are."""
    small = torch.rand(batch, 3, height // 32, width // 32, generator=torch.Generator().manual_seed(0))
    return nn.functional.interpolate(small, (height, width), mode='bilinear', align_corners=False).to(device)


def hand_boxes(people: int, device: torch.device) -> dict[str, HandBoxes]:
    """Both hands of all people."""
    return {side: HandBoxes(torch.tensor([box] * people, device=device), torch.ones(people, dtype=torch.bool,
                                                                                    device=device))
            for side, box in HAND_BOXES.items()}


def load_hand4whole_pp(body: PublishedBody, size: str, device: torch.device, precision: torch.dtype | None
                       ) -> Hand4WholePP:
    """As DeviceNetwork.load."""
    return load_random(body, HAND4WHOLE_PP if size == 'full' else HAND4WHOLE_PP_TINY, device, precision)


def _hand4whole(body, size, device, precision):
    layer = body.smplx(flat_hand_mean=False, use_face_contour=True)
    return load_random_pose2pose(layer, POSE2POSE if size == 'full' else POSE2POSE_TINY, device, precision)


def _wilor(body, size, device, precision):
    return load_random_wilor(body.mano['right'], WILOR if size == 'full' else WILOR_TINY, device, precision)


def _unihope(body, size, device, precision):
    return load_random_unihope(body.mano['right'], UNIHOPE if size == 'full' else UNIHOPE_TINY, device, precision)


def _hand_crops(people, device):
    left = torch.arange(2 * people, device=device) % 2 == 0
    return (prepare_crops(random_image(2 * people, 256, 256, device), left),)


def _hands_with_objects(people, device):
    box = torch.tensor([[30.0, 30.0, 90.0, 95.0]] * (2 * people), device=device)
    return random_image(2 * people, UNIHOPE.image_size, UNIHOPE.image_size, device), box, box + 15


def _body_outputs(output):
    return {'vertices': output.vertices - output.joints[:, :1], 'body_pose': output.body.body_pose}


def _hand_outputs(output):
    return {'vertices': output.vertices, 'keypoints': output.keypoints}


NETWORKS = {
    'hand4whole_pp': DeviceNetwork(
        load_hand4whole_pp, lambda people, device: (random_image(people, 512, 384, device),
                                                      hand_boxes(people, device)), _body_outputs,
        ('encoder', 'wilor.backbone', 'face_roi_net.backbone')),
    'hand4whole': DeviceNetwork(
        _hand4whole, lambda people, device: (random_image(people, 512, 384, device),), _body_outputs,
        ('backbone', 'hand_roi_net.backbone', 'face_roi_net.backbone')),
    'wilor': DeviceNetwork(_wilor, _hand_crops, _hand_outputs, ('backbone',)),
    'unihope': DeviceNetwork(_unihope, _hands_with_objects, _hand_outputs,
                             ('base_net', 'transformer_hand', 'transformer_obj', 'hand_head', 'hand_encoder')),
}


def relative_difference(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> float:
    """The largest over all outputs: difference over the largest value. Raises ValueError for non-finite values."""
    largest = 0.0
    for name, value in wanted.items():
        here = found[name].float()
        if not bool(torch.isfinite(here).all()):
            raise ValueError(f'{name} is not finite')
        largest = max(largest, float((here - value.float()).abs().max() / value.float().abs().max().clamp(min=1e-9)))
    return largest
