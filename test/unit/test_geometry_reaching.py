"""Arms turned towards where they are seen."""

from __future__ import annotations

import numpy as np
import torch

from hand4whole_ros.body.model import BodyModel
from hand4whole_ros.geometry.arm_aiming import aim_arms
from hand4whole_ros.geometry.kinematics import forward_kinematics, local_from_global
from hand4whole_ros.skeleton import JOINT, PARENTS

BODY = PARENTS[:22]


def test_arms_reach_for_their_targets_and_hands_keep_their_orientation():
    body, rng = BodyModel.load(), np.random.default_rng(0)
    pose = torch.from_numpy(rng.normal(0, 0.4, (55, 3)))
    posed = body.skeleton(pose, torch.zeros(10), pelvis=torch.tensor([0.1, 0.2, 2.0]))
    joints, rotations = posed.joints[:22], posed.joint_rotations[:22]
    arms = [JOINT[f'{side}_{name}'] for side in ('left', 'right') for name in ('elbow', 'wrist')]
    targets = joints.copy()
    targets[arms] += rng.normal(0, 0.02, (4, 3))
    turned = aim_arms(rotations, joints, targets)
    rest = torch.from_numpy(body.kinematics.rest_joints[:22])
    local = local_from_global(torch.from_numpy(turned), BODY)
    moved, _ = forward_kinematics(local, rest - rest[0] + torch.from_numpy(joints[0]), parents=BODY)
    before, after = (np.linalg.norm((place - targets)[arms], axis=1) for place in (joints, moved.numpy()))
    assert (after < before).all() and after.mean() < 0.75 * before.mean()   # bones do not stretch: some of it stays
    others = [joint for joint in range(22) if joint not in arms]
    assert np.allclose(moved.numpy()[others], joints[others], atol=1e-6)
    wrists = [JOINT['left_wrist'], JOINT['right_wrist']]
    assert np.allclose(turned[wrists], rotations[wrists])
    assert np.allclose(aim_arms(rotations, joints, joints), rotations, atol=1e-6)
