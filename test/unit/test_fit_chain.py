"""The kinematic chain: forward kinematics against the body model, Jacobian against finite differences."""

import numpy as np
import pytest
import torch

from hand4whole_ros.fitting.body_chains import PersonChains
from hand4whole_ros.fitting.kinematic_chain import ChainPose, exp_so3, log_so3, right_jacobian_inverse
from hand4whole_ros.skeleton import POSE_SLICES, SIDES


@pytest.fixture(scope='module')
def chain(body):
    return PersonChains(body.kinematics).whole[SIDES]


def random_pose(seed=0, batch=2, angle=0.5):
    rng = np.random.default_rng(seed)
    rotations = exp_so3(rng.normal(0, angle, (batch, 55, 3)))
    return ChainPose(rng.normal(0, 1, (batch, 3)) + (0, 0, 3), rotations, rng.normal(0, 1, (batch, 10)))


def test_exponential_and_logarithm_are_inverse():
    rng = np.random.default_rng(1)
    rotvecs = rng.normal(0, 1, (50, 3))
    rotvecs *= np.minimum(1, 3.1 / np.linalg.norm(rotvecs, axis=1))[:, None]
    rotvecs[0] = 0
    rotvecs[1] = (np.pi - 1e-4, 0, 0)
    assert np.allclose(log_so3(exp_so3(rotvecs)), rotvecs, atol=1e-7)
    assert np.allclose(log_so3(exp_so3(0.1 * rotvecs)), 0.1 * rotvecs, atol=1e-12)


def test_right_jacobian_inverse_is_the_derivative_of_the_logarithm():
    rng = np.random.default_rng(2)
    r = rng.normal(0, 0.8, 3)
    step = 1e-6
    moved = [log_so3((exp_so3(r) @ exp_so3(step * axis))[None])[0] for axis in np.eye(3)]
    numeric = (np.stack(moved, 1) - r[:, None]) / step
    assert np.allclose(right_jacobian_inverse(r), numeric, atol=1e-4)


def test_joints_are_those_of_the_body_model(body, chain):
    pose = random_pose(batch=1)
    placed = chain.place(pose)
    kinematics = body.kinematics
    pelvis = kinematics.rest_joints[0] + kinematics.rest_joints_betas[0] @ pose.betas[0]
    rotvecs = torch.from_numpy(log_so3(pose.rotations)).float()
    parts = {name: rotvecs[:, span].reshape(1, -1) for name, span in POSE_SLICES.items()}
    out = body.layer(**parts, betas=torch.from_numpy(pose.betas).float(),
               transl=torch.from_numpy(pose.root - pelvis).float())
    assert np.abs(out.joints[0].numpy() - placed.joints[0]).max() < 1e-4
    assert np.abs(out.joint_rotations[0].numpy() - placed.rotations[0]).max() < 1e-4


def test_jacobian_agrees_with_finite_differences(chain):
    pose = random_pose()
    analytic = chain.jacobian(chain.place(pose))
    size = analytic.shape[-1]
    step = 1e-6
    for column in range(0, size, 3):
        delta = np.zeros((2, size))
        delta[:, column] = step
        ahead = chain.place(chain.turned(pose, delta)).points
        behind = chain.place(chain.turned(pose, -delta)).points
        assert np.allclose(analytic[..., column], (ahead - behind) / (2 * step), atol=1e-6), column
