"""Weights of the Hand4Whole (Pose2Pose) and UniHOPE fixtures.  Uses deterministic.value unchanged, but with a
standard deviation per tensor (fan-in scaled, so that deep ResNets stay sensitive to their input), a few gains
and a few constants that are added.  Names: state-dict keys without a leading "module.".

std(name, shape) = GAIN * sqrt(2 / fan_in) for tensors of 2 or more dimensions, 0.02 for the others;
fan_in = prod(shape[1:]), for "deconv" weights (in, out, 4, 4) it is 4 * in (kernel 4, stride 2).
GAIN: first match in GAINS, else 0.85.  ADD: constants added after the draw.
SKIP2: left as the module creates them (grid buffers, body-model buffers, integer counters).
deterministic.value still applies its own rules (1-D weights, running statistics, its gains, its identity 6D codes).
"""
import re
import numpy as np
from . import deterministic as D

SKIP2 = re.compile(r'(^|\.)(smplx_layer|mano_layer)\.|(^|\.)(uu|vv)$|num_batches_tracked$')
GAINS = [(re.compile(p), g) for p, g in (
    # Pose2Pose
    (r'^body_position_net\.conv', .02), (r'^hand_position_net\.conv', .25), (r'^box_net\.bbox_center', .3),
    (r'^box_net\..*_size\.2\.weight', .06), (r'(root|body|jaw)_pose_out\.0\.weight', .12), (r'^(body|hand)_rotation_net\.(shape|cam)_out', .03),
    (r'^face_regressor\.expr_out', .2), (r'^hand_rotation_net\.hand_pose_out\.0\.weight', .004),
    # UniHOPE
    (r'^base_net\.smooth3', .03), (r'^transformer_(obj|hand)\..*encode_(query|key)', .6), (r'^hand_head\.score', .4),
    (r'^obj_head\.out_conv', 3.), (r'^mano_branch\.pose_reg', .003), (r'^mano_branch\.shape_reg', .008),
    (r'^(obj_conf_layer|occ_cls_layer)\.[23]', .5),
)]
ADD = [(re.compile(p), np.array(v, np.float32)) for p, v in (
    (r'^hand_rotation_net\.hand_pose_out\.0\.bias$', [1, 0, 0, 1, 0, 0]),     # identity, Pose2Pose 6D layout
    (r'^box_net\.(lhand|rhand|face)_size\.2\.bias$', [.8]),
    (r'^mano_branch\.pose_reg\.bias$', [1, 0, 0, 0, 1, 0]),                    # identity, UniHOPE 6D layout
    (r'^hand_head\.betas$', [1.]),
)]


def std(name, shape):
    if len(shape) < 2 or name.endswith('.betas'):
        return 0.02
    fan = 4 * shape[0] if '.deconv.' in name else int(np.prod(shape[1:]))
    gain = next((g for p, g in GAINS if p.search(name)), .85)
    return float(gain * np.sqrt(2 / fan))


def value(name, shape, seed=0):
    out = D.value(name, tuple(shape), seed, std(name, shape))
    for p, v in ADD:
        if p.search(name):
            out = (out + np.tile(v, out.size // v.size).reshape(out.shape)).astype(np.float32)
    return out


def fill(module, prefix='', seed=0):
    import torch
    with torch.no_grad():
        for key, t in module.state_dict().items():
            name = prefix + key
            if t.is_floating_point() and not SKIP2.search(name):
                t.copy_(torch.from_numpy(value(name, tuple(t.shape), seed)))


def make_state_dict(shapes, seed=0):
    """{key with or without "module.": shape} -> {key without "module.": float32 tensor}; skipped keys are left out."""
    import torch
    out = {}
    for key, shape in shapes.items():
        name = key[7:] if key.startswith('module.') else key
        if name.endswith('num_batches_tracked'):
            out[name] = torch.zeros((), dtype=torch.long)
        elif not SKIP2.search(name):
            out[name] = torch.from_numpy(value(name, tuple(shape), seed))
    return out
