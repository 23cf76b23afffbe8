"""Arms turned towards where they are seen."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hand4whole_ros.body.model import BodyModel
from hand4whole_ros.geometry.arm_aiming import aim_arms, reach_wrists
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


def replaced(body, joints, rotations):
    """Joints (22, 3) after the rotations of a posed body were changed."""
    rest = torch.from_numpy(body.kinematics.rest_joints[:22])
    local = local_from_global(torch.from_numpy(rotations), BODY)
    return forward_kinematics(local, rest - rest[0] + torch.from_numpy(joints[0]), parents=BODY)[0].numpy()


@pytest.mark.parametrize('bend', [0.4, 0.0], ids=['bent', 'straight'])
def test_wrists_come_to_where_they_shall_be_and_hands_keep_their_orientation(bend):
    body, rng = BodyModel.load(), np.random.default_rng(1)
    pose = torch.from_numpy(rng.normal(0, 0.3, (55, 3)))
    for side, sign in (('left', -1), ('right', 1)):
        pose[JOINT[f'{side}_elbow']] = torch.tensor([0.0, bend * sign, 0.0])
    posed = body.skeleton(pose, torch.zeros(10), pelvis=torch.tensor([0.1, 0.2, 2.0]))
    joints, rotations = posed.joints[:22], posed.joint_rotations[:22]
    wrists = [JOINT['left_wrist'], JOINT['right_wrist']]
    shoulders = [JOINT['left_shoulder'], JOINT['right_shoulder']]
    near = joints[shoulders] + 0.8 * (joints[wrists] - joints[shoulders]) + rng.normal(0, 0.03, (2, 3))
    turned = reach_wrists(rotations, joints, dict(zip(('left', 'right'), near)))
    moved = replaced(body, joints, turned)
    np.testing.assert_allclose(moved[wrists], near, atol=1e-5)
    np.testing.assert_allclose(turned[wrists], rotations[wrists], atol=1e-9)
    others = [k for k in range(22) if k not in wrists and k not in (JOINT['left_elbow'], JOINT['right_elbow'])]
    np.testing.assert_allclose(moved[others], joints[others], atol=1e-6)
    if not bend:     # the elbow flexes forwards, as elbows do
        for side in ('left', 'right'):
            flexed = local_from_global(torch.from_numpy(turned), BODY)[JOINT[f'{side}_elbow']].numpy()
            assert np.sign(flexed[0, 2]) == (-1 if side == 'left' else 1), flexed


def test_an_arm_stretches_towards_what_is_out_of_reach_and_folds_before_what_is_too_near():
    body = BodyModel.load()
    posed = body.skeleton(torch.zeros(55, 3), torch.zeros(10), pelvis=torch.tensor([0.0, 0.0, 2.0]))
    joints, rotations = posed.joints[:22], posed.joint_rotations[:22]
    shoulder, elbow, wrist = (JOINT[f'left_{name}'] for name in ('shoulder', 'elbow', 'wrist'))
    length = sum(np.linalg.norm(joints[a] - joints[b]) for a, b in ((shoulder, elbow), (elbow, wrist)))
    away = joints[shoulder] + np.array([0.0, 0.0, 3.0])
    moved = replaced(body, joints, reach_wrists(rotations, joints, {'left': away}))
    assert abs(moved[wrist, 2] - joints[shoulder, 2] - length) < 0.003
    moved = replaced(body, joints, reach_wrists(rotations, joints, {'left': joints[shoulder]}))
    assert np.isfinite(moved).all()
    assert np.linalg.norm(moved[wrist] - joints[shoulder]) < 0.1
