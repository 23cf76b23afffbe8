"""The real node with a scripted estimator that also fails in worse ways, as blue of the first pixel says.

With the argument 'deaf', making it takes half a minute in which Python is not heard.
"""

import dataclasses
import hashlib
import sys

import numpy as np
import torch
from scripted_node import ScriptedEstimator, picture

from hand4whole_ros import skeleton

FINE, OUT_OF_GPU_MEMORY, OUT_OF_MEMORY, ADVERSARIAL = 0, 80, 120, 160
#: Of this many people at most the scripted estimator says that they are looked at in one pass.
AT_ONCE = 4

_VALUES = (float('nan'), float('inf'), -float('inf'), 3e38, -1e30, 1e12, 1e6, -1e3, 0.0)
_OF_BODY = (*skeleton.POSE_SLICES, 'betas', 'expression', 'transl', 'joints', 'joint_rotations', 'bbox_xyxy')
_OF_HAND = ('keypoints_3d', 'keypoints_2d', 'bbox_xyxy', 'betas')


def adversarial(person, rng):
    """`person` with one to three parts replaced by something that no estimator should ever say."""
    for _ in range(rng.integers(1, 4)):
        side = rng.choice(skeleton.SIDES)
        name, hand = rng.choice(_OF_BODY), person.hand(side)
        of_hand = None if rng.random() < 0.6 or hand is None else rng.choice(_OF_HAND)
        change = {of_hand or name: _wrong(getattr(hand, of_hand) if of_hand else getattr(person, name), rng)}
        if rng.random() < 0.1:
            change = {'confidence': float(rng.choice(_VALUES))}
        if of_hand:
            state = int(rng.integers(0, 3)) if rng.random() < 0.9 else 7
            change = {f'{side}_hand': dataclasses.replace(hand, **change, state=state) if rng.random() < 0.95 else None}
        person = dataclasses.replace(person, **change)
    return person


def _wrong(value, rng):
    """An array like `value`: wrong everywhere, in one place, larger, of another shape or kind; or none at all."""
    value = np.zeros(10, np.float32) if value is None else value.copy()
    kind = rng.integers(0, 6)
    if kind == 0:
        return np.full_like(value, float(rng.choice(_VALUES)))
    if kind == 1 and value.size:
        value.reshape(-1)[rng.integers(value.size)] = float(rng.choice(_VALUES))
        return value
    if kind == 2:
        return value * float(rng.choice([-1e3, 0.0, 7.0, 1e4, 1e20]))
    if kind == 3:
        return value + np.asarray(rng.normal(0, rng.choice([0.1, 10, 1e4]), tuple(value.shape)), np.float32)
    if kind == 4:
        return value[:-1] if rng.random() < 0.5 else value.astype(np.float64)
    return None


class FaultyEstimator(ScriptedEstimator):
    """Does what the first pixel says, faults included."""

    def __init__(self, config):
        super().__init__(config)
        self._at_once = AT_ONCE
        if 'deaf' in sys.argv:
            print('deaf from now on', flush=True)
            hashlib.pbkdf2_hmac('sha256', b'', b'', 50_000_000)

    def estimate(self, image, intrinsics, stamp=None):
        """People as the script says, or what the fault makes of them."""
        fault, number = int(image[0, 0, 2]), int(image[0, 20, 0])
        if abs(fault - OUT_OF_GPU_MEMORY) < 10:
            raise torch.cuda.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB.')
        if abs(fault - OUT_OF_MEMORY) < 10:
            raise MemoryError
        people = super().estimate(image, intrinsics)
        if abs(fault - ADVERSARIAL) < 10:
            rng = np.random.default_rng(number)
            people = [adversarial(person, rng) for person in people]
        return people

    def reduce_memory(self):
        """Halves, like an estimator that can."""
        could, self._at_once = self._at_once > 1, max(self._at_once // 2, 1)
        return could


def faulty_picture(fault, people=1, number=0):
    """(H, W, 3) uint8 RGB that makes the estimator fail in this way."""
    image = picture(people)
    image[:16, :16, 2] = fault
    image[:16, 16:32] = number
    return image


#: How to start it.
COMMAND = [sys.executable, __file__]


if __name__ == '__main__':
    from hand4whole_ros.ros.node import main
    main.main(create_estimator=FaultyEstimator)
