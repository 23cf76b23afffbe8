"""Whose the parameters in a file are: as ROS itself has it, and what is said about those of others."""

import logging

import pytest
import rclpy
from bag_maker import write
from rclpy.parameter import Parameter
from scripted_replay import replay

from hand4whole_ros.ros.node.given_parameters import (
    declare_given_parameters,
    overrides_from_arguments,
    overrides_from_files,
    section_matches_node,
)
from hand4whole_ros.ros.node.parameter_table import declare_parameters
from hand4whole_ros.ros.node.parameters import NodeParameters
from hand4whole_ros.ros.node.params_file import read_text_sections
from hand4whole_ros.ros.teleop.parameters import WristTeleopParameters
from hand4whole_ros.ros.viewer.view_node import ViewerParameters

SETTINGS = NodeParameters.settings()

NAMES = ['/**', '"**"', '/*', '/robot/hand4whole', 'robot/hand4whole', '/robot/*', '/*/*', '/**/hand4whole',
         '/*/hand4whole', '/robot/**', '/robot/hand4whole/**', '/**/**', 'hand4whole', '/hand4whole', '/robot/camera',
         '/other/hand4whole', '/robot/arm/*', '/robot/robot/hand4whole']


def file_of(folder, text):
    path = folder / 'p.yaml'
    path.write_text(text)
    return path


@pytest.mark.parametrize('node', ['/robot/hand4whole', '/hand4whole'])
@pytest.mark.parametrize('name', [*NAMES, 'robot:\n  hand4whole', '/**:\n  hand4whole'])
def test_a_section_is_for_the_nodes_that_ros_takes_it_for(tmp_path, node, name):
    *outer, last = name.split('\n')
    path = file_of(tmp_path, '\n'.join([*outer, f'{last}: {{ros__parameters: {{hold_time: 2.5}}}}']))
    namespace, _, _ = node.rpartition('/')
    context = rclpy.Context()
    rclpy.init(context=context, args=['--ros-args', '-r', f'__ns:={namespace or "/"}', '--params-file', str(path)])
    try:
        of_ros = rclpy.create_node('hand4whole', context=context)
        taken = of_ros.declare_parameter('hold_time', 0.0).value == 2.5
        of_ros.destroy_node()
    finally:
        rclpy.shutdown(context=context)
    ((section, values),) = read_text_sections(path)
    assert section_matches_node(section, node) == taken and values == {'hold_time': '2.5'}


def test_a_hostile_name_takes_no_time():
    assert not section_matches_node('/**/*' * 5000 + '/x', '/a/b/c/d/hand4whole') and section_matches_node(
        '/**' * 5000, '/a/b/c/d/hand4whole'
    )


def test_what_is_said_later_counts_and_groups_have_dots(tmp_path):
    given = overrides_from_files([file_of(tmp_path, '''
/**: {ros__parameters: {hold_time: 1, a: {b: {c: 2}}}}
hand4whole: {ros__parameters: {hold_time: 2, operator: first}}
/*: {ros__parameters: {operator: largest}}
''')], '/hand4whole', SETTINGS)
    assert given.values == {'hold_time': 2, 'a.b.c': 2, 'operator': 'largest'}
    assert given.named == ['hold_time', 'operator']
    (remark,) = given.remarks
    assert remark.endswith('under /** are parameters that this node does not have and leaves alone: a.b.c')


def test_names_given_as_arguments_are_the_nodes_own():
    words = ['--ros-args', '-p', 'holdtime:=1', '--param', 'hand4whole:operater:=first', '-p', 'camera:exposure:=3',
             '-p', 'max_rate:=5']
    assert overrides_from_arguments(words, '/hand4whole', SETTINGS).named == ['holdtime', 'operater', 'max_rate']


def test_many_foreign_names_are_one_short_line(tmp_path):
    text = '/**:\n  ros__parameters:\n' + ''.join(f'    p{k}: 1\n' for k in range(4000)) + '    "x\\e[2J": 1\n'
    (remark,) = overrides_from_files([file_of(tmp_path, text)], '/hand4whole', SETTINGS).remarks
    assert remark.endswith('p0, p1, p2, p3, p4 and 3996 more') and remark.isprintable() and len(remark) < 300


def test_an_empty_file_is_nobodys_and_nothing_is_said(tmp_path):
    assert overrides_from_files([file_of(tmp_path, '# nothing yet\n')], '/hand4whole', SETTINGS).remarks == []


@pytest.mark.parametrize('text, said', [
    ('/robot/hand4whole: {ros__parameters: {hold_time: 1.0}}\n',
     'nothing in it is for this node, /hand4whole, but for /robot/hand4whole: write hand4whole: or /**: there'),
    ('/**: {ros__parameters: {hold_time: 1, exposures: [], holdtime: 3}}\n',
     'leaves alone: holdtime (did you mean hold_time?), exposures'),
    ('/*: {ros__parameters: {hold_time: 1}}\n', None)])
def test_replay_reads_it_as_the_node_does(tmp_path, caplog, text, said):
    caplog.set_level(logging.WARNING)
    assert replay(write(tmp_path / 'in'), '--output', tmp_path / 'out', '--params-file', file_of(tmp_path, text)) == 0
    lines = [record.getMessage() for record in caplog.records if 'parameter file' in record.getMessage()]
    assert [line.endswith(said) for line in lines] == ([True] if said else []), lines


@pytest.fixture
def bare_node():
    """A node without anything."""
    context = rclpy.Context()
    rclpy.init(context=context, args=[])
    node = rclpy.create_node('bare', context=context)
    yield node
    node.destroy_node()
    rclpy.shutdown(context=context)


def test_a_double_set_with_an_integer_stays_a_double(bare_node):
    declare_parameters(bare_node, NodeParameters)
    results = bare_node.set_parameters([Parameter('max_rate', Parameter.Type.INTEGER, 10),
                                        Parameter('max_people', Parameter.Type.INTEGER, 2)])
    assert all(result.successful for result in results)
    assert bare_node.get_parameter('max_rate').type_ == Parameter.Type.DOUBLE
    assert bare_node.get_parameter('max_rate').value == 10.0
    assert bare_node.get_parameter('max_people').type_ == Parameter.Type.INTEGER


def test_three_doubles_too(bare_node):
    declare_parameters(bare_node, WristTeleopParameters)
    bare_node.set_parameters([Parameter('camera_xyz', Parameter.Type.INTEGER_ARRAY, [1, 2, 3])])
    assert bare_node.get_parameter('camera_xyz').type_ == Parameter.Type.DOUBLE_ARRAY


def test_parameters_that_are_read_at_the_start_are_not_set_to_anything_else(bare_node):
    declare_given_parameters(bare_node, ViewerParameters, [])
    for changed, reason in ((9000, 'parameter viewer_port is read at the start: restart the node with viewer_port:='),
                            ('x', 'parameter viewer_port: expected a whole number such as 8080')):
        (result,) = bare_node.set_parameters([Parameter('viewer_port', value=changed)])
        assert not result.successful and result.reason.startswith(reason)
    assert bare_node.get_parameter('viewer_port').value == 8080
