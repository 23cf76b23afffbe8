"""Motions of real people: both formats give the same pose, a skeleton's own proportions make no difference, and bad
files cost one clear line."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hand4whole_ros import skeleton
from hand4whole_ros.datasets import DatasetError, asf_amc, bvh, motion_folder, motions

#: A skeleton as the CMU database has it: name in ASF and BVH, parent, direction, axes (degrees, about x, y, z), degrees
#: of freedom. Legs stand apart at rest, and axes are not those of the recording.
BONES = (
    ('lowerback', 'LowerBack', 'root', (0, 1, 0), (0, 0, 0), 'rx ry rz'),
    ('upperback', 'Spine', 'lowerback', (0, 1, 0), (0, 0, 0), 'rx ry rz'),
    ('thorax', 'Spine1', 'upperback', (0, 1, 0), (0, 0, 0), 'rx ry rz'),
    ('lclavicle', 'LeftShoulder', 'thorax', (1, 0.2, 0), (0, 0, 0), 'ry rz'),
    ('lhumerus', 'LeftArm', 'lclavicle', (1, 0, 0), (180, -30, -90), 'rx ry rz'),
    ('lradius', 'LeftForeArm', 'lhumerus', (1, 0, 0), (180, -30, -90), 'rx'),
    ('lhand', 'LeftHand', 'lradius', (1, 0, 0), (90, 180, -90), 'rx rz'),
    ('rclavicle', 'RightShoulder', 'thorax', (-1, 0.2, 0), (0, 0, 0), 'ry rz'),
    ('rhumerus', 'RightArm', 'rclavicle', (-1, 0, 0), (180, 30, 90), 'rx ry rz'),
    ('rradius', 'RightForeArm', 'rhumerus', (-1, 0, 0), (180, 30, 90), 'rx'),
    ('rhand', 'RightHand', 'rradius', (-1, 0, 0), (90, 180, 90), 'rx rz'),
    ('lfemur', 'LeftUpLeg', 'root', (0.34, -0.94, 0), (0, 0, 20), 'rx ry rz'),
    ('ltibia', 'LeftLeg', 'lfemur', (0.34, -0.94, 0), (0, 0, 20), 'rx'),
    ('lfoot', 'LeftFoot', 'ltibia', (0.09, -0.24, 0.97), (-90, 0, 20), 'rx rz'),
    ('rfemur', 'RightUpLeg', 'root', (-0.34, -0.94, 0), (0, 0, -20), 'rx ry rz'),
    ('rtibia', 'RightLeg', 'rfemur', (-0.34, -0.94, 0), (0, 0, -20), 'rx'),
    ('rfoot', 'RightFoot', 'rtibia', (-0.1, -0.28, 0.95), (-90, 0, -20), 'rx rz'))
FRAMES = 3


def turns(seed=0):
    """Bone -> (FRAMES, n) degrees about its axes; root (FRAMES, 3)."""
    rng = np.random.default_rng(seed)
    return {'root': rng.uniform(-60, 60, (FRAMES, 3)),
            **{name: rng.uniform(-40, 40, (FRAMES, len(dofs.split()))) for name, _, _, _, _, dofs in BONES}}


def still_euler(degrees, axes='xyz'):
    """Turns about axes that stand still: what ASF and AMC mean, by another library."""
    return Rotation.from_euler(axes, degrees, degrees=True).as_matrix()


def write_asf(folder, angles):
    lines = [':version 1.10', ':units', '  angle deg', ':root', '  order TX TY TZ RX RY RZ', '  axis XYZ',
             '  position 0 0 0', '  orientation 0 0 0', ':bonedata']
    for number, (name, _, _, direction, axis, dofs) in enumerate(BONES):
        lines += ['  begin', f'     id {number + 1}', f'     name {name}',
                  '     direction ' + ' '.join(map(str, direction)), '     length 5',
                  '     axis ' + ' '.join(map(str, axis)) + '  XYZ',
                  f'    dof {dofs}', '    limits (-160.0 20.0)', '           (-70.0 70.0)', '  end']
    lines += [':hierarchy', '  begin']
    for parent in ('root', *(name for name, *_ in BONES)):
        children = ' '.join(name for name, _, above, *_ in BONES if above == parent)
        lines += [f'    {parent} {children}'] if children else []
    (folder / '07.asf').write_text('\n'.join([*lines, '  end']))
    lines = ['#!OML:ASF', ':FULLY-SPECIFIED', ':DEGREES']
    for frame in range(FRAMES):
        lines += [str(frame + 1), 'root 1 2 3 ' + ' '.join(f'{a:.9f}' for a in angles['root'][frame])]
        lines += [f'{name} ' + ' '.join(f'{a:.9f}' for a in angles[name][frame]) for name, *_ in BONES]
    path = folder / '07_01.amc'
    path.write_text('\n'.join(lines))
    return path


def own_rotations(angles):
    """Bone -> (FRAMES, 3, 3) against its parent, in the recording's axes: of the same angles, in another way."""
    found = {'root': still_euler(angles['root'])}
    for name, _, _, _, axis, dofs in BONES:
        frame = still_euler(axis)
        found[name] = frame @ still_euler(angles[name], ''.join(dof[1] for dof in dofs.split())) @ frame.T
    return found


def write_bvh(folder, angles, scale=1.0):
    own, lines, rows = own_rotations(angles), ['HIERARCHY'], [[] for _ in range(FRAMES)]

    def joint(kind, name, called, offset, depth):
        pad = '  ' * depth
        lines.extend([f'{pad}{kind} {called}', pad + '{', f'{pad}  OFFSET %g %g %g' % tuple(offset)])
        position = 'Xposition Yposition Zposition ' if kind == 'ROOT' else ''
        lines.append(f'{pad}  CHANNELS {6 if position else 3} {position}Zrotation Yrotation Xrotation')
        for frame in range(FRAMES):
            rows[frame].extend([1, 2, 3] if position else [])
            rows[frame].extend(Rotation.from_matrix(own[name][frame]).as_euler('ZYX', degrees=True))
        below = [bone for bone in BONES if bone[2] == name]
        direction = np.array(next((bone[3] for bone in BONES if bone[0] == name), (0, 0, 0)), float) * 5 * scale
        for bone in below:
            joint('JOINT', bone[0], bone[1], direction, depth + 1)
        if not below:
            lines.extend([f'{pad}  End Site', pad + '  {', f'{pad}    OFFSET %g %g %g' % tuple(direction), pad + '  }'])
        lines.append(pad + '}')
    joint('ROOT', 'root', 'Hips', (0, 0, 0), 0)
    lines += ['MOTION', f'Frames: {FRAMES}', 'Frame Time: .0083333']
    lines += [' '.join(f'{value:.6f}' for value in row) for row in rows]
    path = folder / f'motion_{scale}.bvh'
    path.write_text('\n'.join(lines))
    return path


@pytest.fixture(scope='module')
def rest(body):
    return body.kinematics.rest_joints


def test_both_formats_give_the_same_pose(tmp_path, rest):
    angles = turns()
    ours = [motions.local_rotations(motion, rest) for motion in (
        asf_amc.read(write_asf(tmp_path, angles)), bvh.read(write_bvh(tmp_path, angles)))]
    assert ours[0].shape == (FRAMES, skeleton.NUM_BODY_JOINTS, 3, 3)
    assert np.allclose(ours[0], ours[1], atol=1e-4)
    assert np.allclose(ours[0] @ np.swapaxes(ours[0], -1, -2), np.eye(3), atol=1e-9)


def test_limbs_point_where_the_recording_has_them(tmp_path, rest):
    from hand4whole_ros.synthetic.figure import place_skeleton
    angles = turns(1)
    own = own_rotations(angles)
    whole = {'root': own['root']}
    for name, _, parent, *_ in BONES:
        whole[name] = whole[parent] @ own[name]
    local = motions.local_rotations(asf_amc.read(write_asf(tmp_path, angles)), rest)
    pose = np.tile(np.eye(3), (skeleton.NUM_JOINTS, 1, 1))
    for frame in range(FRAMES):
        pose[:skeleton.NUM_BODY_JOINTS] = local[frame]
        joints = place_skeleton(pose, rest, np.zeros((10, 3)))[1]
        for bone, start, end in (('lhumerus', 'left_shoulder', 'left_elbow'), ('rradius', 'right_elbow', 'right_wrist'),
                                 ('lfemur', 'left_hip', 'left_knee'), ('rtibia', 'right_knee', 'right_ankle')):
            direction = np.array(next(row[3] for row in BONES if row[0] == bone))
            true = whole[bone][frame] @ direction / np.linalg.norm(direction)
            ours = joints[skeleton.JOINT[end]] - joints[skeleton.JOINT[start]]
            assert np.allclose(ours / np.linalg.norm(ours), true, atol=1e-6), bone


def test_a_folder_gives_all_its_poses_some_time_apart(tmp_path, rest):
    (tmp_path / 'below').mkdir()
    write_asf(tmp_path / 'below', turns())
    write_bvh(tmp_path, turns(), 0.5)
    poses = motion_folder.read_folder(tmp_path, rest, seconds=1e-3)
    assert poses.shape == (2 * FRAMES, skeleton.NUM_BODY_JOINTS, 3, 3)
    assert np.allclose(poses[:FRAMES], poses[FRAMES:], atol=1e-4)
    assert len(motion_folder.read_folder(tmp_path, rest, seconds=1.0)) == 2


GOOD_BVH = ('HIERARCHY\nROOT Hips\n{\n OFFSET 0 0 0\n CHANNELS 3 Zrotation Yrotation Xrotation\n End Site\n {\n'
            ' OFFSET 0 1 0\n }\n}\nMOTION\nFrames: 1\nFrame Time: 0.01\n0 0 0\n')


@pytest.mark.parametrize('change, words', [
    (lambda text: '', 'not a BVH file'),
    (lambda text: text[:80], 'not a BVH file'),
    (lambda text: text.replace('Frames: 1', 'Frames: 9'), '9 frames of 3'),
    (lambda text: text.replace('Frames: 1', 'Frames: -1'), '-1 frames'),
    (lambda text: text.replace('0 0 0\n', '0 nan 0\n', -1), 'not a BVH file'),
    (lambda text: text.replace('Zrotation', 'Wobble'), 'channels'),
    (lambda text: text.replace('}\nMOTION', 'MOTION'), 'braces'),
    (lambda text: text.replace('CHANNELS 3', 'CHANNELS three'), 'not a BVH file')])
def test_a_bad_bvh_file_costs_one_clear_line(tmp_path, change, words):
    path = tmp_path / 'bad.bvh'
    path.write_text(change(GOOD_BVH))
    with pytest.raises(DatasetError, match=words) as raised:
        bvh.read(path)
    assert str(path) in str(raised.value) and '\n' not in str(raised.value)


def test_a_skeleton_that_is_no_body_is_named(tmp_path, rest):
    path = tmp_path / 'lamp.bvh'
    path.write_text(GOOD_BVH)
    with pytest.raises(DatasetError, match='left_shoulder') as raised:
        motion_folder.read_folder(tmp_path, rest)
    assert str(path) in str(raised.value)


def test_a_recording_without_its_skeleton_is_named(tmp_path):
    path = write_asf(tmp_path, turns())
    (tmp_path / '07.asf').unlink()
    with pytest.raises(DatasetError, match='07.asf'):
        asf_amc.read(path)


def test_a_bad_recording_costs_one_clear_line(tmp_path):
    path = write_asf(tmp_path, turns())
    for text in ('', 'lfemur 1 2 3', path.read_text().replace('lradius ', 'lradius x'),
                 path.read_text() + f'\n{FRAMES + 1}\nlfemur 1'):
        path.write_text(text)
        with pytest.raises(DatasetError) as raised:
            asf_amc.read(path)
        assert str(path) in str(raised.value) and '\n' not in str(raised.value)


def test_a_folder_without_motions_is_named(tmp_path, rest):
    with pytest.raises(DatasetError, match='no motion'):
        motion_folder.read_folder(tmp_path, rest)
