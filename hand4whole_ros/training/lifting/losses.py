"""What is wrong with what a lifting network says, in metres."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ... import skeleton
from ...networks.lifting import Lifted
from ...networks.lifting_layout import NUM_BODY
from ..skeleton_layer import SkeletonLayer
from .samples import Samples

#: What joints of a body count: limbs' ends more than the trunk's, which lie close to each other.
_BODY_WEIGHTS = {'hip': 1.0, 'knee': 2.0, 'ankle': 2.0, 'foot': 0.7, 'collar': 0.5, 'shoulder': 1.5, 'elbow': 2.0,
                 'wrist': 2.5, 'head': 1.0, 'neck': 0.7, 'spine1': 0.4, 'spine2': 0.4, 'spine3': 0.4, 'pelvis': 0.0}


@dataclass(frozen=True)
class Measure:
    """How a body, or a hand, is measured."""

    #: Of every point but the first one.
    parents: tuple[int, ...]
    #: Of every point, their sum one.
    weights: Tensor
    #: Rotations (B, R, 3, 3) and the body's betas (B, 10) -> where the points of such a skeleton are, (B, P, 3).
    chain: Callable[[Tensor, Tensor], Tensor]
    #: Metres that a radian costs: of the first joint in the view, of the others against their parents.
    root_turn: float
    turn: float
    #: Metres that a nat of the uncertainties costs, and a beta.
    nat: float
    beta: float

    @classmethod
    def of_bodies(cls, bones: SkeletonLayer) -> Measure:
        """In the frame of networks.lifting.Lifted."""
        weights = torch.tensor([_BODY_WEIGHTS[name.split('_')[-1]] for name in skeleton.BODY_JOINT_NAMES])
        return cls(skeleton.PARENTS[1:NUM_BODY], weights / weights.sum(),
                   lambda rotations, betas: bones.body(rotations, betas)[0], 0.1, 0.03, 0.04, 0.003)

    @classmethod
    def of_hands(cls, bones: SkeletonLayer, components: Tensor) -> Measure:
        """components (10, 10): of body.open_hands.hand_shape_components, from the body's betas to the hand's."""
        return cls(skeleton.HAND_KEYPOINT_PARENTS[1:], torch.tensor([0.0] + [1 / 20] * 20),
                   lambda rotations, betas: bones.right_hand(rotations, betas @ components), 0.05, 0.006, 0.01, 0.0003)


def lifting_losses(lifted: Lifted, truth: Samples, measure: Measure) -> dict[str, Tensor]:
    """Each (): their sum is the loss of B people or hands.

    Of several hypotheses the one nearest to the truth learns where things are; all learn how likely they are.
    """
    weight = measure.weights.to(truth.points)
    costs = _distance(lifted.points, truth.points[:, None]) @ weight                    # (B, K)
    chosen = costs.argmin(dim=1)
    best = Lifted(*(part[torch.arange(len(chosen)), chosen] for part in lifted))
    chained = _distance(measure.chain(best.rotations, best.betas), truth.points) @ weight
    turned = _turned(best.rotations, truth.rotations)
    found = {
        'points': (_distance(best.points, truth.points) @ weight).mean(), 'chained': 0.5 * chained.mean(),
        'turns': measure.turn * turned[:, 1:].mean(), 'root': measure.root_turn * turned[:, 0].mean(),
        'betas': measure.beta * (best.betas - truth.betas).square().mean(),
        'spreads': measure.nat * spread_losses(best, truth, measure.parents)}
    if lifted.logits.shape[1] > 1:
        found['odds'] = 0.01 * torch.nn.functional.cross_entropy(lifted.logits, chosen)
        # Those that were not chosen follow a little, or some are never chosen.
        found['others'] = 0.05 * costs.mean()
    return found


def spread_losses(best: Lifted, truth: Samples, parents: tuple[int, ...]) -> Tensor:
    """() nats a number: how badly the uncertainties (B, ...) of one hypothesis tell its errors, as of Laplace's law."""
    bones = bone_vectors(best.points, parents) - bone_vectors(truth.points, parents)
    turns = turn_errors(best.rotations, truth.rotations)
    of_bones, of_turns = ((error.detach().abs() * (-spread).exp() + spread).mean()
                          for error, spread in ((bones, best.bone_spread), (turns, best.turn_spread)))
    return of_bones + of_turns


def bone_vectors(points: Tensor, parents: tuple[int, ...]) -> Tensor:
    """(..., P, 3) -> (..., P - 1, 3): point minus parent."""
    return points[..., 1:, :] - points[..., list(parents), :]


def turn_errors(rotations: Tensor, truth: Tensor) -> Tensor:
    """(..., 3, 3) twice -> (..., 3) rotation vectors, in the joint's own axes, from one to the other."""
    between = rotations.transpose(-1, -2) @ truth
    axis = torch.stack([between[..., 2, 1] - between[..., 1, 2], between[..., 0, 2] - between[..., 2, 0],
                        between[..., 1, 0] - between[..., 0, 1]], dim=-1) / 2
    sine = axis.norm(dim=-1)
    angle = torch.atan2(sine, (between.diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2)
    return axis * (angle / sine.clamp(min=1e-4))[..., None]


def _distance(one, other):
    return (one - other).square().sum(-1).add(1e-8).sqrt()


def _turned(one, other):
    return ((one - other).square().sum((-1, -2)) / 2).add(1e-8).sqrt()
