"""An estimate posed by the layer of torch: what the numpy computation is compared with."""

from types import SimpleNamespace

import numpy as np
import torch

from hand4whole_ros import skeleton


def pose_with_layer(body, estimate):
    """joints (55, 3), vertices (V, 3) and joint_rotations (55, 3, 3) as numpy, of the body's own hands."""
    names = (*skeleton.POSE_SLICES, 'betas', 'expression', 'transl')
    output = body.layer(**{name: torch.from_numpy(np.array(getattr(estimate, name), np.float32))[None]
                           for name in names})
    return SimpleNamespace(**{name: values[0].numpy() for name, values in vars(output).items()})
