"""Robot hands and retargeting: descriptions, joints by name, limits, and one clear line where something is missing."""

import builtins
import importlib.util

import numpy as np
import pytest
from teleop_hands import right_hand

from hand4whole_ros.teleop import hand_frame, robot_hand
from hand4whole_ros.teleop.hand_model import urdf_path
from hand4whole_ros.teleop.joints import RobotDescriptionError, actuated_joints, reordered
from hand4whole_ros.teleop.retargeting import RetargetingUnavailable, create, pinch_distance
from hand4whole_ros.teleop.robot_hand import HandFilesMissing, load_robot_hand

needs_dexi = pytest.mark.skipif(importlib.util.find_spec('dexi_rs') is None,
                                reason='dexi-rs is not installed: pip install dexi-rs==0.4.1')
HANDS = robot_hand.names()


def write_hand(folder, text='', **fields):
    """A description of the capsule hand with other fields."""
    content = {'urdf': str(urdf_path('right')), 'wrist_link': 'right_wrist',
               'tip_links': {'thumb': 'right_thumb_tip', 'index': 'right_index_tip'}, **fields}
    import yaml
    path = folder / 'mine.yaml'
    path.write_text(text or yaml.safe_dump(content))
    return str(path)


# Descriptions

def test_hands_of_this_package():
    assert HANDS == ('allegro', 'capsule', 'leap', 'shadow')


def test_the_capsule_hand_needs_no_library():
    hand = load_robot_hand('capsule', 'left')
    assert len(hand.joint_names) == 20 and hand.joint_names[0] == 'left_thumb_rotation'
    assert list(hand.tip_links) == ['thumb', 'index', 'middle', 'ring', 'pinky']


def test_a_hand_of_ones_own(tmp_path):
    hand = load_robot_hand(write_hand(tmp_path, fixed_joints=['right_pinky_dip'], scale=1), 'right')
    assert hand.name == 'mine' and 'right_pinky_dip' not in hand.joint_names and len(hand.joint_names) == 19


def test_a_field_may_differ_between_the_sides(tmp_path):
    path = write_hand(tmp_path, urdf={'right': str(urdf_path('right')), 'left': str(urdf_path('left'))},
                      wrist_link='{side}_wrist', tip_links={'thumb': '{side}_thumb_tip', 'index': {
                          'left': 'left_ring_tip', 'right': 'right_index_tip'}})
    assert load_robot_hand(path, 'left').tip_links == {'thumb': 'left_thumb_tip', 'index': 'left_ring_tip'}
    assert load_robot_hand(path, 'right').tip_links == {'thumb': 'right_thumb_tip', 'index': 'right_index_tip'}


@pytest.mark.parametrize('fields, words', [
    ({'scale': 0}, 'scale'), ({'scale': 'big'}, 'scale'), ({'scale': True}, 'scale'), ({'tip_links': {}}, 'tip_links'),
    ({'tip_links': {'index': 'a', 'middle': 'b'}}, 'thumb'), ({'tip_links': {'thumb': 'a', 'toe': 'b'}}, 'toe'),
    ({'tip_links': {'thumb': 'a', 'index': 3}}, 'index'), ({'wrist_link': 'nowhere'}, 'nowhere'),
    ({'tip_links': {'thumb': 'right_thumb_tip', 'index': 'gone'}}, 'gone'), ({'fixed_joints': ['x']}, 'x'),
    ({'fixed_joints': 'x'}, 'fixed_joints'), ({'urdf': 'missing.urdf'}, 'missing.urdf'), ({'urdf': 4}, 'urdf'),
    ({'escape_distance': 0.01}, 'escape_distance'), ({'colour': 'red'}, 'colour'),
    ({'wrist_link': None}, 'wrist_link')])
def test_a_wrong_field_is_named(tmp_path, fields, words):
    with pytest.raises(RobotDescriptionError) as error:
        load_robot_hand(write_hand(tmp_path, **fields), 'right')
    assert words in str(error.value) and '\n' not in str(error.value)


@pytest.mark.parametrize('text, words', [('{', 'not valid YAML'), ('\x00', 'not valid YAML'), ('- 1', 'no mapping'),
                                         ('scale: 1', 'urdf is missing')])
def test_a_file_that_is_no_description_is_named(tmp_path, text, words):
    with pytest.raises(RobotDescriptionError, match=words) as error:
        load_robot_hand(write_hand(tmp_path, text), 'right')
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('name, side, words', [('robotiq', 'right', 'allegro, capsule'), ('capsule', 'middle', 'side'),
                                               ('nothing.yaml', 'left', 'nothing.yaml')])
def test_a_hand_that_is_not_there_is_named(name, side, words):
    with pytest.raises(RobotDescriptionError, match=words):
        load_robot_hand(name, side)


@pytest.mark.parametrize('content, words', [
    ('<mujoco/>', 'not a URDF'), ('<robot', 'not valid XML'), ('<robot/>', 'no joint is driven'),
    ('<robot><joint name="a" type="revolute"/></robot>', 'joint a has no limits'),
    ('<robot><joint name="a" type="revolute"><limit lower="1" upper="0"/></joint></robot>', 'limits 1 to 0'),
    ('<robot><joint name="a" type="revolute"><limit lower="x"/></joint></robot>', 'joint a')])
def test_a_urdf_that_cannot_be_used_is_named(tmp_path, content, words):
    path = tmp_path / 'hand.urdf'
    path.write_text(content)
    with pytest.raises(RobotDescriptionError, match=words):
        actuated_joints(path)


def test_fixed_and_mimic_joints_are_not_driven(tmp_path):
    path = tmp_path / 'hand.urdf'
    limit = '<limit lower="0" upper="1"/>'
    path.write_text(f'<robot><joint name="a" type="revolute">{limit}</joint><joint name="b" type="fixed"/>'
                    f'<joint name="c" type="revolute">{limit}<mimic joint="a"/></joint>'
                    f'<joint name="d" type="continuous"/></robot>')
    assert actuated_joints(path).names == ('a', 'd')


# Joints by name

def test_joints_are_put_in_a_controllers_order():
    assert reordered(('a', 'b', 'c'), np.array([1.0, 2.0, 3.0]), ('c', 'a')).tolist() == [3.0, 1.0]
    with pytest.raises(ValueError, match='no position for joint d; there are a, b, c'):
        reordered(('a', 'b', 'c'), np.zeros(3), ('a', 'd'))


# Retargeting

@needs_dexi
@pytest.mark.parametrize('name', HANDS)
@pytest.mark.parametrize('side', ['left', 'right'])
def test_a_pinch_closes_on_every_hand(name, side):
    hand = load_robot_hand(name, side)
    retargeter = create(hand)
    assert retargeter.limits.names == actuated_joints(hand.urdf, hand.fixed_joints).names
    gaps = {}
    for word, keypoints in (('open', right_hand(0.1)), ('pinch', pinching_hand())):
        keypoints = keypoints if side == 'right' else hand_frame.mirrored(keypoints)
        positions = retargeter.retarget(keypoints)
        assert positions.shape == (len(hand.joint_names),) and hand.limits.excess(positions) == 0
        gaps[word] = pinch_distance(retargeter.tip_positions(positions), tuple(hand.tip_links))
    assert gaps['pinch'] < 0.004 and gaps['open'] > 0.07, gaps


def pinching_hand(gap=0.012):
    """A right hand whose thumb and index finger touch: the ends of their bones are `gap` m apart."""
    hand = right_hand(0.35)
    to_thumb = np.array([0.0, 0.3, -0.95])
    hand[4] = hand[8] + gap * to_thumb / np.linalg.norm(to_thumb)
    return hand


@needs_dexi
@pytest.mark.parametrize('name', ['capsule', 'shadow'])
def test_the_left_hand_does_the_mirror_image(name):
    """The hands whose own left and right are mirror images."""
    tips = {}
    for side in ('left', 'right'):
        retargeter = create(load_robot_hand(name, side))
        tips[side] = []
        for flexion in np.linspace(0, 1.2, 15):
            keypoints = right_hand(flexion, flexion / 1.5)
            positions = retargeter.retarget(keypoints if side == 'right' else hand_frame.mirrored(keypoints))
            tips[side].append(retargeter.tip_positions(positions))
    assert np.abs(hand_frame.mirrored(np.array(tips['left'])) - np.array(tips['right'])).max() < 1e-4


@needs_dexi
def test_the_wrist_of_the_shadow_hand_is_left_alone():
    hand = load_robot_hand('shadow', 'right')
    assert not {'WRJ1', 'WRJ2'} & set(hand.joint_names) and len(hand.joint_names) == 22
    retargeter = create(hand)
    middle = [name in ('MFJ4', 'MFJ3', 'MFJ2', 'MFJ1') for name in hand.joint_names]
    tips = [retargeter.tip_positions(np.where(middle, 0.0, angle))[2] for angle in (0.0, 0.5)]
    assert np.allclose(*tips)       # other joints do not move the middle finger: they are told apart by name


@needs_dexi
def test_reset_forgets_the_last_solution():
    retargeter = create(load_robot_hand('capsule', 'right'))
    first = retargeter.retarget(right_hand(0.2))
    retargeter.retarget(right_hand(1.3, 1.0))
    retargeter.reset()
    assert np.allclose(retargeter.retarget(right_hand(0.2)), first, atol=1e-6)


@needs_dexi
def test_keypoints_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match='finite'):
        create(load_robot_hand('capsule', 'right')).retarget(np.full((21, 3), np.nan))


# What is missing

@pytest.fixture
def without(monkeypatch):
    """A function that makes a library one that is not installed."""
    def hide(library, error=ModuleNotFoundError):
        real_import, real_find = builtins.__import__, importlib.util.find_spec

        def fake_import(name, *args, **kwargs):
            if name.partition('.')[0] == library:
                raise error(f'No module named {library!r}')
            return real_import(name, *args, **kwargs)
        monkeypatch.setattr(builtins, '__import__', fake_import)
        monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None if name == library else real_find(name))
    return hide


@pytest.mark.parametrize('error, words', [(ModuleNotFoundError, 'is not installed'), (ImportError, 'cannot be loaded')])
def test_without_the_library_one_line_says_what_to_run(without, error, words):
    hand = load_robot_hand('capsule', 'right')
    without('dexi_rs', error)
    with pytest.raises(RetargetingUnavailable, match=rf'{words}.*pip install dexi-rs=='):
        create(hand)


def test_without_the_library_a_hand_of_its_wheel_is_named(without):
    without('dexi_rs')
    with pytest.raises(HandFilesMissing, match='allegro.*pip install dexi-rs=='):
        load_robot_hand('allegro', 'right')


@needs_dexi
def test_a_hand_that_the_library_refuses_is_named(tmp_path):
    urdf = tmp_path / 'loose.urdf'
    urdf.write_text('<robot name="loose"><link name="right_wrist"/><link name="right_thumb_tip"/>'
                    '<link name="right_index_tip"/><joint name="a" type="revolute"><limit lower="0" upper="1"/></joint>'
                    '</robot>')
    hand = load_robot_hand(write_hand(tmp_path, urdf=str(urdf)), 'right')
    with pytest.raises(RetargetingUnavailable, match='mine') as error:
        create(hand)
    assert '\n' not in str(error.value)
