"""Inputs, outputs and sizes of the lifting networks (lifting.py trains them, lifting_inference.py runs them)."""

from __future__ import annotations

from dataclasses import dataclass

from .. import skeleton

NUM_BODY = skeleton.NUM_BODY_JOINTS
NUM_LANDMARKS = 33
NUM_BETAS = 10

#: Inputs of the body's network. Of landmarks: places in the view, visibility and world landmarks; the logarithm of the
#: size; of both hands: places and depths, and whether they were detected.
BODY_FEATURES = {'points': 2 * NUM_LANDMARKS, 'visibility': NUM_LANDMARKS, 'world': 3 * NUM_LANDMARKS, 'size': 1,
                 'hands': 2 * 21 * 3, 'hands_seen': 2}

#: Inputs of the hand's network: places and depths of its landmarks, the logarithm of the size; the elbow's place and
#: visibility; forearm and upper arm along the world landmarks.
HAND_FEATURES = {'points': 2 * 21, 'depths': 21, 'size': 1, 'elbow': 3, 'arm': 6}

#: Bounds of the logarithms of the estimated uncertainty: metres, and radians.
SPREAD = (-6.0, 1.0)

#: Normalised inputs beyond this, in standard deviations, are clipped.
MAX_INPUT = 8.0


@dataclass(frozen=True)
class LiftingConfig:
    """Inputs and outputs of the network, its size, and its number of hypotheses. By default of a body."""

    num_features: int = sum(BODY_FEATURES.values())
    #: Points it estimates; the first one is the origin.
    num_points: int = NUM_BODY
    #: Joints whose rotations it estimates.
    num_rotations: int = NUM_BODY
    width: int = 512
    num_blocks: int = 2
    num_hypotheses: int = 1
    dropout: float = 0.1

    @property
    def output_sizes(self) -> dict[str, int]:
        """Part of the output -> its numbers, in order, of one hypothesis."""
        bones, turns = self.num_points - 1, self.num_rotations
        return {'points': 3 * bones, 'rotations': 6 * turns, 'betas': NUM_BETAS, 'bone_spread': 3 * bones,
                'turn_spread': 3 * turns, 'logits': 1}

    @property
    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the weights: those of the state dict of a LiftingNetwork."""
        width, outputs = self.width, self.num_hypotheses * sum(self.output_sizes.values())
        linear = {'enter': (width, self.num_features), 'leave': (outputs, width)}
        norms = ['norm']
        for k in range(self.num_blocks):
            linear |= {f'blocks.{k}.widen': (2 * width, width), f'blocks.{k}.narrow': (width, 2 * width)}
            norms.append(f'blocks.{k}.norm')
        shapes: dict[str, tuple[int, ...]] = {'mean': (self.num_features,), 'deviation': (self.num_features,)}
        for name, shape in linear.items():
            shapes |= {f'{name}.weight': shape, f'{name}.bias': shape[:1]}
        for name in norms:
            shapes |= {f'{name}.weight': (width,), f'{name}.bias': (width,)}
        return shapes


#: Of a hand, a right one: the 21 keypoints, the wrist and 15 joints of fingers.
HAND = LiftingConfig(num_features=sum(HAND_FEATURES.values()), num_points=21, num_rotations=16, width=384)
