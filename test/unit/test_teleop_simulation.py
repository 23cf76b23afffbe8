"""The capsule hand's files, and hands in MuJoCo: joints, fingertips, contacts and pictures."""

import builtins
import importlib.util
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from hand4whole_ros.teleop import hand_frame, hand_model, robot_hand
from hand4whole_ros.teleop.geom_meshes import box, cylinder, round_solid
from hand4whole_ros.teleop.hand_model.capsule_hand import capsule_hand
from hand4whole_ros.teleop.hand_model.urdf import mass_properties
from hand4whole_ros.teleop.poses import Pose
from hand4whole_ros.teleop.robot_hand import load_robot_hand
from hand4whole_ros.teleop.simulation import SimulatedHand, SimulationUnavailable

needs_mujoco = pytest.mark.skipif(importlib.util.find_spec('mujoco') is None,
                                  reason="mujoco is not installed: pip install 'mujoco>=3.4'")
needs_dexi = pytest.mark.skipif(importlib.util.find_spec('dexi_rs') is None,
                                reason='dexi-rs is not installed: pip install dexi-rs==0.4.1')


# The files

def test_shipped_files_are_those_of_the_table():
    """After a change: python -m hand4whole_ros.teleop.hand_model."""
    for path, text in hand_model.file_texts().items():
        assert path.read_text() == text, path.name


@pytest.mark.parametrize('side', ['left', 'right'])
def test_urdf_and_mjcf_describe_the_same_hand(side):
    urdf = ElementTree.parse(hand_model.urdf_path(side)).getroot()
    mjcf = ElementTree.parse(hand_model.mjcf_path(side)).getroot()
    joints = {joint.get('name'): joint for joint in urdf.iterfind('joint') if joint.get('type') == 'revolute'}
    assert len(joints) == 20
    for joint in mjcf.iterfind('worldbody//joint'):
        limit = joints[joint.get('name')].find('limit')
        assert joint.get('range') == f"{limit.get('lower')} {limit.get('upper')}"
        assert joint.get('axis') == joints[joint.get('name')].find('axis').get('xyz')
    assert {motor.get('joint') for motor in mjcf.iterfind('actuator/position')} == set(joints)
    assert {site.get('name') for site in mjcf.iterfind('worldbody//site')} == {
        f'{side}_{finger}_tip' for finger in robot_hand.FINGERS}


def test_masses_are_those_of_capsules():
    capsule = capsule_hand('right').bones[1]
    from hand4whole_ros.teleop.hand_model.capsule_hand import Capsule
    mass, center, inertia = mass_properties((Capsule((0, 0, 0), (0, 0, 0.1), 0.01),))
    rng = np.random.default_rng(0)
    points = rng.uniform((-0.01, -0.01, -0.01), (0.01, 0.01, 0.11), (400_000, 3))
    inside = np.linalg.norm(points - np.stack([0 * points[:, 0], 0 * points[:, 0], np.clip(points[:, 2], 0, 0.1)], 1),
                            axis=1) <= 0.01
    volume = 0.02 * 0.02 * 0.12 * inside.mean()
    assert mass == pytest.approx(1000 * volume, rel=0.01) and np.allclose(center, (0, 0, 0.05), atol=1e-9)
    from_center = points[inside] - center
    second = 1000 * volume * (from_center[:, :, None] * from_center[:, None]).mean(0)
    assert np.allclose(inertia, np.trace(second) * np.eye(3) - second, rtol=0.03, atol=3e-8)
    assert capsule.length > 0


def test_a_side_that_is_none_is_refused():
    with pytest.raises(ValueError, match='left, right'):
        capsule_hand('both')


# Solids

@pytest.mark.parametrize('solid, volume', [
    (round_solid(0.02, 0.0), 4 / 3 * np.pi * 0.02 ** 3), (cylinder(0.02, 0.05), np.pi * 0.02 ** 2 * 0.1),
    (round_solid(0.02, 0.05), 4 / 3 * np.pi * 0.02 ** 3 + np.pi * 0.02 ** 2 * 0.1),
    (box(np.array([0.01, 0.02, 0.03])), 8 * 0.01 * 0.02 * 0.03)])
def test_solids_are_closed_and_face_outwards(solid, volume):
    vertices, faces = solid
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    signed = (a * np.cross(b, c)).sum() / 6
    assert 0.93 * volume < signed <= volume * (1 + 1e-9)
    assert np.allclose(np.cross(b - a, c - a).sum(axis=0), 0, atol=1e-12)   # closed


# Simulation

@needs_mujoco
def test_a_command_is_reached():
    hand = SimulatedHand(load_robot_hand('capsule', 'right'))
    target = hand.hand.limits.lower + 0.4 * (hand.hand.limits.upper - hand.hand.limits.lower)
    hand.command(hand.joint_names, target)
    hand.step(0.5)
    assert hand.time == pytest.approx(0.5)
    assert np.abs(hand.joint_positions - target).max() < 0.02 and np.abs(hand.joint_velocities).max() < 0.05


@needs_mujoco
def test_joints_are_told_apart_by_name_and_others_keep_their_command():
    hand = SimulatedHand(load_robot_hand('capsule', 'left'))
    hand.command(['left_ring_mcp', 'left_index_pip'], [0.7, 1.1])
    hand.step(0.4)
    found = dict(zip(hand.joint_names, hand.joint_positions))
    assert found.pop('left_ring_mcp') == pytest.approx(0.7, abs=0.02)
    assert found.pop('left_index_pip') == pytest.approx(1.1, abs=0.02)
    rest = dict(zip(hand.joint_names, hand.hand.limits.rest()))
    assert all(abs(value - rest[name]) < 0.01 for name, value in found.items())


@needs_mujoco
def test_commands_beyond_the_limits_end_at_them():
    hand = SimulatedHand(load_robot_hand('capsule', 'right'))
    hand.command(['right_index_mcp'], [50.0])
    hand.step(0.5)
    assert hand.joint_positions[hand.joint_names.index('right_index_mcp')] == pytest.approx(1.6, abs=0.01)


@needs_mujoco
@pytest.mark.parametrize('names, positions, words', [
    (['right_index_mcp', 'toe'], [0, 0], 'no joint toe'), (['right_index_mcp'], [np.nan], 'not finite'),
    (['right_index_mcp'], [0.1, 0.2], 'expected 1 positions')])
def test_a_wrong_command_is_refused_whole(names, positions, words):
    hand = SimulatedHand(load_robot_hand('capsule', 'right'))
    before = hand.data.ctrl.copy()
    with pytest.raises(ValueError, match=words):
        hand.command(names, positions)
    assert np.array_equal(hand.data.ctrl, before)


@needs_mujoco
@needs_dexi
@pytest.mark.parametrize('name', robot_hand.names())
@pytest.mark.parametrize('side', ['left', 'right'])
def test_fingertips_are_where_the_retargeting_library_has_them(name, side):
    from hand4whole_ros.teleop.retargeting import create
    hand = load_robot_hand(name, side)
    simulated, retargeter = SimulatedHand(hand), create(hand)
    limits = hand.limits
    for share in (0.0, 0.3, 0.7):
        positions = limits.lower + share * (limits.upper - limits.lower)
        simulated.reset(positions)
        assert np.abs(simulated.tip_positions - retargeter.tip_positions(positions)).max() < 1e-4


@needs_mujoco
@needs_dexi
def test_joints_that_are_not_driven_stay_where_they_are():
    hand = SimulatedHand(load_robot_hand('shadow', 'right'))
    before = hand.data.xpos[hand.model.body('palm').id].copy()
    for target in (hand.hand.limits.upper, hand.hand.limits.lower):
        hand.command(hand.joint_names, target)
        hand.step(0.2)
        assert np.allclose(hand.data.xpos[hand.model.body('palm').id], before, atol=1e-9)


@needs_mujoco
def test_the_two_hands_are_mirror_images():
    tips = {}
    for side in ('left', 'right'):
        hand = SimulatedHand(load_robot_hand('capsule', side))
        hand.command(hand.joint_names, np.linspace(0.1, 1.0, 20))
        hand.step(0.3)
        tips[side] = hand.tip_positions
    assert np.abs(hand_frame.mirrored(tips['left']) - tips['right']).max() < 1e-4


@needs_mujoco
def test_fingertips_do_not_go_through_each_other():
    """Thumb and index finger are driven through each other: the pads meet, and the cores stay apart."""
    hand = SimulatedHand(load_robot_hand('capsule', 'right'))
    hand.command(['right_thumb_rotation', 'right_thumb_abduction', 'right_index_mcp', 'right_index_pip',
                  'right_index_dip'], [1.1, 0.5, 0.45, 0.9, 0.8])
    nearest = 1.0
    for _ in range(60):
        hand.step(0.02)
        hand.command(['right_thumb_mcp', 'right_thumb_ip'], [min(hand.time, 1.0)] * 2)
        ends = [hand.data.geom(f'right_{bone}_core').xpos for bone in ('thumb_ip', 'index_dip')]
        nearest = min(nearest, float(np.linalg.norm(ends[0] - ends[1])))
    assert nearest > 0.008     # twice the radius of a core, less what a contact gives way


@needs_mujoco
def test_the_wrist_takes_the_fingers_along():
    hand = SimulatedHand(load_robot_hand('capsule', 'right'))
    tips = hand.tip_positions
    hand.set_wrist(Pose.from_xyz_rpy((1.0, 2.0, 3.0), (0.3, 0.2, 0.1)))
    assert np.allclose(hand.tip_positions, tips, atol=1e-9)
    assert np.allclose(hand.data.site('right_index_tip').xpos, np.array((1, 2, 3)) + Pose.from_xyz_rpy(
        (0, 0, 0), (0.3, 0.2, 0.1)).rotation @ tips[1], atol=1e-9)
    with pytest.raises(ValueError, match='pose is invalid'):
        hand.set_wrist(Pose(np.full(3, np.nan), np.eye(3)))


@needs_mujoco
def test_a_picture_shows_the_hand_without_opengl(monkeypatch):
    monkeypatch.setenv('MUJOCO_GL', 'disabled')
    hand = SimulatedHand(load_robot_hand('capsule', 'right'))
    straight = hand.render(160, 120)
    assert straight.shape == (120, 160, 3) and straight.dtype == np.uint8
    hand.command(hand.joint_names, hand.hand.limits.upper * 0.6)
    hand.step(0.5)
    bent = hand.render(160, 120)
    assert 100 < (straight != bent).any(axis=2).sum() < 0.5 * 160 * 120
    orange = (straight[..., 0] > 150) & (straight[..., 2] < 110)    # the pads
    assert orange.sum() > 30
    corner = straight[0, 0].astype(int)
    assert (abs(straight[[0, -1], :].astype(int) - corner) < 3).all()       # the whole hand is in the picture


@needs_mujoco
def test_the_left_hands_picture_is_the_mirror_image():
    pictures = {side: SimulatedHand(load_robot_hand('capsule', side)).render(120, 120).astype(int)
                for side in ('left', 'right')}
    shapes = {side: abs(picture - picture[0, 0]).sum(axis=2) > 30 for side, picture in pictures.items()}
    assert (shapes['left'][:, ::-1] != shapes['right']).mean() < 0.01


@needs_mujoco
@needs_dexi
def test_hands_without_meshes_are_drawn_as_sticks():
    hand = SimulatedHand(load_robot_hand('shadow', 'right'))
    picture = hand.render(120, 120).astype(int)
    assert (abs(picture - picture[0, 0]).sum(axis=2) > 30).mean() > 0.05
    with pytest.raises(ValueError, match='fixed'):
        hand.set_wrist(Pose.identity())


@needs_mujoco
def test_a_hand_that_mujoco_cannot_read_is_named(tmp_path):
    import yaml
    (tmp_path / 'loop.urdf').write_text(
        '<robot name="x"><link name="w"/><link name="t"/><link name="i"/>' + ''.join(
            f'<joint name="{name}" type="revolute"><parent link="{a}"/><child link="{b}"/><axis xyz="0 0 1"/>'
            f'<limit lower="0" upper="1" effort="1" velocity="1"/></joint>'
            for name, a, b in (('a', 'w', 't'), ('b', 't', 'i'), ('c', 'i', 'w'))) + '</robot>')
    path = tmp_path / 'loop.yaml'
    path.write_text(yaml.safe_dump({'urdf': 'loop.urdf', 'wrist_link': 'w', 'tip_links': {'thumb': 't', 'index': 'i'}}))
    with pytest.raises(SimulationUnavailable, match='loop') as error:
        SimulatedHand(load_robot_hand(str(path), 'right'))
    assert '\n' not in str(error.value)


def test_without_mujoco_one_line_says_what_to_run(monkeypatch):
    real = builtins.__import__

    def fake(name, *args, **kwargs):
        if name == 'mujoco':
            raise ModuleNotFoundError("No module named 'mujoco'")
        return real(name, *args, **kwargs)
    monkeypatch.setattr(builtins, '__import__', fake)
    with pytest.raises(SimulationUnavailable, match=r"not installed: pip install 'mujoco>=3.4'"):
        SimulatedHand(load_robot_hand('capsule', 'right'))
