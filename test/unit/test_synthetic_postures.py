"""People in every posture: joints keep their limits, nobody runs into himself, and cameras are everywhere."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

pytest.importorskip('anny')

from hand4whole_ros import skeleton  # noqa: E402
from hand4whole_ros.synthetic import adults, collisions, posture_scene, postures  # noqa: E402
from hand4whole_ros.synthetic.figure import place_skeleton  # noqa: E402

AT = skeleton.JOINT


@pytest.fixture(scope='module')
def figure():
    return adults.sample_adult(5).figure


def vectors(local, name):
    return Rotation.from_matrix(local[:, AT[name]]).as_rotvec()


def placed(local, figure):
    return place_skeleton(local, figure.joints, figure.tips)[1]


@pytest.mark.parametrize('name', postures.POSTURES)
def test_joints_keep_their_limits_and_limbs_keep_out_of_each_other(figure, name):
    local = postures.sample(np.random.default_rng(3), name, 24, joints=figure.joints, tips=figure.tips)
    assert local.shape == (24, skeleton.NUM_JOINTS, 3, 3)
    assert np.allclose(np.linalg.det(local), 1) and collisions.limbs_clear(placed(local, figure)).all()
    for side in skeleton.SIDES:
        knee = vectors(local, f'{side}_knee')
        assert (knee[:, 0] > -0.1).all() and (knee[:, 0] < postures.MAX_KNEE + 0.1).all()
        assert (np.abs(knee[:, 1:]) < 0.4).all()
        # Where the thigh points, from the pelvis: neither far back nor across the other one.
        thigh = -local[:, AT[f'{side}_hip'], :, 1]
        flexion = np.arctan2(thigh[:, 2], -thigh[:, 1])
        assert (flexion > postures.HIP_EXTENSION - 0.05).all()
    for joint in ('spine1', 'spine2', 'spine3', 'neck', 'head'):
        assert (np.linalg.norm(vectors(local, joint), axis=1) < 1.6).all()


def test_postures_are_what_they_are_called(figure):
    rng = np.random.default_rng(1)

    def joints(name):
        return placed(postures.sample(rng, name, 40, joints=figure.joints, tips=figure.tips), figure)

    def height(name):
        found = joints(name)
        return np.median(found[:, AT['neck'], 1] - found[:, [AT['left_ankle'], AT['right_ankle']], 1].mean(axis=1))
    assert height('standing') > 1.1 > height('squatting')
    assert height('standing') > height('sitting') > height('sitting cross-legged')
    for name in ('lying on the back', 'lying on the front', 'lying on a side'):
        trunk = joints(name)[:, AT['neck']]
        assert (np.abs(trunk[:, 1]) < 0.7 * np.linalg.norm(trunk, axis=1)).mean() > 0.9
    back, front = (joints(name) for name in ('lying on the back', 'lying on the front'))
    for found, sign in ((back, 1), (front, -1)):    # which way the chest looks
        across = found[:, AT['left_shoulder']] - found[:, AT['right_shoulder']]
        up = found[:, AT['neck']]
        assert np.median(sign * np.cross(across, up)[:, 1]) > 0


def test_what_runs_into_itself_is_refused(figure):
    straight = np.tile(np.eye(3), (1, skeleton.NUM_JOINTS, 1, 1))
    assert collisions.limbs_clear(placed(straight, figure)).all()
    through = straight.copy()       # both forearms behind each other, through the chest
    for side, sign in (('left', 1), ('right', -1)):
        through[0, AT[f'{side}_shoulder']] = Rotation.from_rotvec((0, -sign * 1.5, 0)).as_matrix()
        through[0, AT[f'{side}_elbow']] = Rotation.from_rotvec((0, -sign * 2.9, 0)).as_matrix()
    assert not collisions.limbs_clear(placed(through, figure)).any()
    crossed = straight.copy()
    crossed[0, AT['left_hip']] = Rotation.from_rotvec((0, 0, -0.5)).as_matrix()
    assert not collisions.limbs_clear(placed(crossed, figure)).any()


def test_distances_of_segments_are_those_of_the_nearest_of_many_points():
    rng = np.random.default_rng(0)
    p, q, r, s = rng.normal(size=(4, 200, 3))
    q[:20], s[10:30] = p[:20], r[10:30]         # points, not segments
    s[30:40] = r[30:40] + q[30:40] - p[30:40]   # parallel
    t = np.linspace(0, 1, 101)[:, None, None]
    one, other = p + t * (q - p), r + t * (s - r)
    dense = np.linalg.norm(one[:, None] - other[None], axis=-1).min(axis=(0, 1))
    found = collisions.segment_distance(p, q, r, s)
    assert (found <= dense + 1e-9).all() and np.allclose(found, dense, atol=0.03)


def test_scenes_follow_from_their_seeds_and_nobody_is_in_both_sets(figure):
    one, again = posture_scene.scene(3), posture_scene.scene(3)
    other, measured = posture_scene.scene(4), posture_scene.scene(3, purpose=posture_scene.MEASURING)
    assert np.array_equal(one.joints, again.joints) and one.intrinsics == again.intrinsics
    assert not np.allclose(one.joints, other.joints) and not np.allclose(one.joints, measured.joints)


def test_people_are_seen_from_everywhere_and_stand_in_front_of_the_camera():
    scenes = [posture_scene.scene(seed) for seed in range(60)]
    fronts = np.array([scene.joint_rotations[0][:, 2] for scene in scenes])     # where the belly points
    assert (fronts[:, 2] > 0.5).sum() > 5 and (fronts[:, 2] < -0.5).sum() > 5
    assert all((scene.joints[:, 2] > 0.05).all() for scene in scenes)
    rng = np.random.default_rng(0)
    directions = [posture_scene.sample_direction(rng) for _ in range(400)]
    pitch, roll = (np.degrees([getattr(direction, name) for direction in directions]) for name in ('pitch', 'roll'))
    assert -30 <= pitch.min() < -15 and 50 < pitch.max() <= 70 and (np.abs(roll) > 30).mean() > 0.1


def test_recorded_poses_are_taken_with_little_change_and_in_a_mirror(figure):
    recorded = np.tile(np.eye(3), (1, skeleton.NUM_BODY_JOINTS, 1, 1))
    recorded[0, AT['left_shoulder']] = Rotation.from_rotvec((0, 0, 1.2)).as_matrix()
    found = posture_scene.recorded_poses(np.random.default_rng(0), recorded, 40, joints=figure.joints,
                                         tips=figure.tips)
    left, right = (vectors(found, f'{side}_shoulder') for side in skeleton.SIDES)
    raised = left[:, 2] > 0.6
    assert 5 < raised.sum() < len(found) - 5
    assert np.allclose(left[raised].mean(axis=0), (0, 0, 1.2), atol=0.1)
    assert np.allclose(right[~raised].mean(axis=0), (0, 0, -1.2), atol=0.1)
