"""Meshes, kinematic chains and alignment."""

import subprocess
import sys

import numpy as np
import pytest
import roma
import torch
from scipy.spatial.transform import Rotation

from hand4whole_ros import skeleton
from hand4whole_ros.geometry.alignment import apply_alignment, procrustes_aligned, rigid_alignment, similarity_alignment
from hand4whole_ros.geometry.kinematics import (
    attached_points,
    forward_kinematics,
    kinematic_tree,
    local_from_global,
    relative_poses,
    unposed_joints,
)
from hand4whole_ros.geometry.mesh import boundary_loop, submesh_faces, vertex_normals


def _grid(n):
    """A flat n x n grid of vertices in the xy plane, wound to face +z."""
    y, x = np.mgrid[:n, :n]
    vertices = np.stack([x.ravel(), y.ravel(), np.zeros(n * n)], 1).astype(np.float32)
    corner = (y[:-1, :-1] * n + x[:-1, :-1]).ravel()
    faces = np.concatenate([np.stack([corner, corner + 1, corner + n + 1], 1),
                            np.stack([corner, corner + n + 1, corner + n], 1)])
    return vertices, faces


def _sphere():
    import trimesh
    ball = trimesh.creation.icosphere(subdivisions=3)
    return np.asarray(ball.vertices), np.asarray(ball.faces)


def test_normals_of_a_sphere_point_outward():
    vertices, faces = _sphere()
    normals = vertex_normals(vertices, faces)
    assert np.abs(normals - vertices).max() < 0.02


def test_normals_keep_the_type_and_leave_unused_vertices_at_zero():
    vertices, faces = _grid(3)
    normals = vertex_normals(np.concatenate([vertices, [[9, 9, 9]]]).astype(np.float32), faces)
    assert normals.dtype == np.float32
    np.testing.assert_allclose(normals[:-1], np.tile([0, 0, 1], (9, 1)))
    assert not normals[-1].any()


def test_the_ring_of_a_grid_is_its_border_in_order():
    _, faces = _grid(4)
    assert boundary_loop(faces).tolist() == [0, 1, 2, 3, 7, 11, 15, 14, 13, 12, 8, 4]


def test_a_mesh_without_one_ring_is_refused():
    _, closed = _sphere()
    with pytest.raises(ValueError, match='closed'):
        boundary_loop(closed)
    _, grid = _grid(3)
    with pytest.raises(ValueError, match='several'):
        boundary_loop(np.concatenate([grid, grid + 9]))
    _, wide = _grid(5)
    hole = ~np.isin(np.arange(25), 12)
    with pytest.raises(ValueError, match='several'):
        boundary_loop(wide[submesh_faces(wide, hole)])
    # Three faces at one edge: the way from vertex 0 ends in a ring that does not contain it.
    with pytest.raises(ValueError, match='meets itself'):
        boundary_loop(np.array([[1, 0, 2], [0, 1, 3], [1, 0, 4], [4, 0, 3]]))


def test_a_submesh_keeps_only_whole_faces():
    _, faces = _grid(3)
    kept = faces[submesh_faces(faces, np.arange(9) < 6)]
    assert len(kept) == 4 and kept.max() == 5


def _pose(batch):
    torch.manual_seed(0)
    local = roma.random_rotmat((batch, skeleton.NUM_JOINTS), dtype=torch.float64)
    return local, torch.randn(batch, skeleton.NUM_JOINTS, 3, dtype=torch.float64)


def test_a_chain_keeps_bone_lengths_and_its_root():
    local, rest = _pose(3)
    root = torch.randn(3, 3, dtype=torch.float64)
    places, turns = forward_kinematics(local, rest, root)
    torch.testing.assert_close(places[:, 0], root)
    torch.testing.assert_close(forward_kinematics(local, rest)[0][:, 0], rest[:, 0])
    parents = list(skeleton.PARENTS[1:])
    torch.testing.assert_close((places[:, 1:] - places[:, parents]).norm(dim=-1),
                               (rest[:, 1:] - rest[:, parents]).norm(dim=-1))
    torch.testing.assert_close(turns[:, 20], turns[:, 18] @ local[:, 20])
    torch.testing.assert_close(local_from_global(turns), local)
    torch.testing.assert_close(unposed_joints(places, turns), rest - rest[:, :1])
    torch.testing.assert_close(kinematic_tree().joint_rotation(local, 40), turns[:, 40])


def test_a_chain_of_arrays_is_that_of_tensors():
    local, rest = _pose(2)
    local.requires_grad_()
    with torch.inference_mode():        # what is kept from here on must still serve gradients
        kinematic_tree((-1, 0, 1, 1)).global_rotations(local[:, :4])
    kinematic_tree((-1, 0, 1, 1)).global_rotations(local[:, :4]).sum().backward()
    places, turns = forward_kinematics(local.detach(), rest)
    assert isinstance(places, torch.Tensor)
    for tensor, array in zip((places, turns), forward_kinematics(local.detach().numpy(), rest.numpy())):
        assert isinstance(array, np.ndarray)
        np.testing.assert_allclose(array, tensor.numpy(), atol=1e-12)


def test_a_tree_of_several_roots_and_one_whose_children_come_first():
    local = Rotation.random(4, random_state=0).as_matrix()
    turned = kinematic_tree((-1, 0, -1, 2)).global_rotations(local)
    np.testing.assert_allclose(turned, [local[0], local[0] @ local[1], local[2], local[2] @ local[3]], atol=1e-12)
    with pytest.raises(ValueError, match='a parent comes before its children'):
        kinematic_tree((-1, 2, 0))


def test_points_ride_on_joints():
    local, rest = (values[0].numpy() for values in _pose(1))
    places, turns = forward_kinematics(local, rest)
    offsets = rest[[40, 3]] - rest[[20, 9]]
    expected = [places[20] + turns[20] @ offsets[0], places[9] + turns[9] @ offsets[1]]
    np.testing.assert_allclose(attached_points(places, turns, [20, 9], offsets), expected, atol=1e-12)


def test_a_chain_broadcasts_and_has_gradients():
    local, rest = _pose(3)
    local.requires_grad_()
    places, turns = forward_kinematics(local, rest[0])
    assert places.shape == (3, 55, 3) and turns.shape == (3, 55, 3, 3)
    places.square().sum().backward()
    assert local.grad.isfinite().all() and local.grad[:, 0].abs().sum() > 0


def test_relative_poses_lead_back_to_the_joints():
    local, rest = _pose(1)
    places, turns = (t[0].numpy() for t in forward_kinematics(local, rest))
    turned = Rotation.from_matrix(local[0].detach().numpy()).as_rotvec()
    translations, quaternions = np.split(relative_poses(places, turns, turned), [3], axis=1)
    assert (quaternions[:, 3] >= 0).all()
    chain = []
    for joint, parent in enumerate(skeleton.PARENTS):
        here = np.eye(4)
        here[:3, :3] = roma.unitquat_to_rotmat(torch.from_numpy(quaternions[joint])).numpy()
        here[:3, 3] = translations[joint]
        chain.append(here if parent < 0 else chain[parent] @ here)
    np.testing.assert_allclose(np.stack(chain)[:, :3, 3], places, atol=1e-12)
    np.testing.assert_allclose(np.stack(chain)[:, :3, :3], turns, atol=1e-12)


def _alignment(count):
    """`count` sets of 12 points, and the rotations, translations and scales to move them by."""
    rng = np.random.default_rng(1)
    rotations = Rotation.random(count, random_state=1).as_matrix()
    return rng.normal(size=(count, 12, 3)), rotations, rng.normal(size=(count, 3)), rng.uniform(0.5, 1.5, count)


def test_alignment_recovers_what_was_done():
    source, rotation, translation, scale = _alignment(5)
    moved = apply_alignment(source, rotation, translation)
    for found, true in zip(rigid_alignment(source, moved), (rotation, translation)):
        np.testing.assert_allclose(found, true, atol=1e-12)
    scaled = apply_alignment(source, rotation, translation, scale)
    for found, true in zip(similarity_alignment(source, scaled), (rotation, translation, scale)):
        np.testing.assert_allclose(found, true, atol=1e-12)
    np.testing.assert_allclose(procrustes_aligned(source, scaled), scaled, atol=1e-12)


def test_tensors_are_aligned_as_arrays_are():
    source, rotation, translation, _ = _alignment(4)
    target = apply_alignment(source, rotation, translation) + np.random.default_rng(2).normal(0, 0.1, source.shape)
    found = rigid_alignment(torch.from_numpy(source), torch.from_numpy(target))
    for tensor, array in zip(found, rigid_alignment(source, target)):
        np.testing.assert_allclose(tensor.numpy(), array, atol=1e-12)


def test_one_set_is_aligned_with_several_and_a_point_that_is_not_finite_spoils_its_own_only():
    source, rotation, translation, _ = _alignment(3)
    targets = apply_alignment(source[:1], rotation, translation)
    targets[1, 4, 2] = np.nan
    found, moved = rigid_alignment(source[0], targets)
    np.testing.assert_allclose(found[[0, 2]], rotation[[0, 2]], atol=1e-12)
    assert np.isnan(found[1]).all() and np.isnan(moved[1]).all() and np.isfinite(moved[[0, 2]]).all()


def test_alignment_for_inference_leaves_gradients_possible():
    program = ('import torch; from hand4whole_ros.geometry.alignment import rigid_alignment as align\n'
               'with torch.inference_mode(): align(torch.rand(5, 3), torch.rand(5, 3))\n'
               'source = torch.rand(5, 3, requires_grad=True)\n'
               'align(source, torch.rand(5, 3))[0].sum().backward(); assert source.grad.isfinite().all()')
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize('kind', [np.asarray, torch.from_numpy])
def test_alignment_never_reflects(kind):
    source = np.random.default_rng(3).normal(size=(8, 3))
    rotation, _ = rigid_alignment(kind(source), kind(source * (-1, 1, 1)))
    assert np.linalg.det(np.asarray(rotation)) == pytest.approx(1)
