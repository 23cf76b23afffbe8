"""One table of settings makes options, parameters and launch arguments; wrong values are refused by name."""

import argparse
import json
import re
from pathlib import Path

import pytest
import yaml
from locations import ROOT

from hand4whole_ros.cli.main import create_parser
from hand4whole_ros.cli.options import add_setting_options
from hand4whole_ros.config import EstimatorConfig, Precision, settings_of
from hand4whole_ros.ros import topics
from hand4whole_ros.ros.conversions.raw_image import DEFAULT_FRAME_ID
from hand4whole_ros.ros.conversions.result_messages import MESSAGE_TYPES
from hand4whole_ros.ros.node.launch_arguments import ARGUMENTS, parameter_value
from hand4whole_ros.ros.node.parameter_table import ParameterError, check_value
from hand4whole_ros.ros.node.parameters import NodeParameters

SETTINGS = NodeParameters.settings()


def test_the_yaml_file_holds_the_defaults():
    given = yaml.safe_load((ROOT / 'config' / 'estimate.yaml').read_text())['/**']['ros__parameters']
    assert list(given) == list(SETTINGS)
    assert NodeParameters.from_values(given) == NodeParameters()


def test_the_parameters_are_a_configuration_of_the_estimator():
    given = NodeParameters.from_values({'precision': 'bf16', 'weights_folder': '~/weights', 'open_model': ''})
    assert isinstance(given, EstimatorConfig) and given.precision is Precision.BF16
    assert given.weights_folder == Path.home() / 'weights' and given.open_model is None


def test_every_setting_of_an_estimator_is_an_option_and_a_parameter_unless_it_says_otherwise():
    options = vars(create_parser().parse_args(['replay', 'bag', '--output', 'out']))
    for name, one in settings_of(EstimatorConfig).items():
        assert not one.option or options[name] == one.default, name
        assert (name in SETTINGS) == one.parameter, name
    assert {name for name, one in SETTINGS.items() if one.launch} <= {argument.name for argument in ARGUMENTS}


def test_settings_of_every_type_are_options_and_launch_arguments():
    parser = argparse.ArgumentParser()
    add_setting_options(parser, 'static_images', 'hand_length', 'max_people', 'wrist', 'body_model')
    given = parser.parse_args(['--static-images', '--hand-length', '0.2', '--max-people', '2', '--body-model', 'a.npz'])
    assert vars(given) == {'static_images': True, 'hand_length': 0.2, 'max_people': 2, 'wrist': 'auto',
                           'body_model': Path('a.npz')}
    assert parser.parse_args(['--no-static-images']).static_images is False
    values = {'a': '2', 'b': 'x', 'c': 'True'}
    assert parameter_value('a', int, values) == 2 and parameter_value('a', float, values) == 2.0
    assert parameter_value('b', Precision, values) == 'x' and parameter_value('c', bool, values) is True
    with pytest.raises(ValueError, match="^b: expected a number, found 'x'$"):
        parameter_value('b', float, values)


def test_every_parameter_is_described_and_every_number_has_a_range():
    for name, one in SETTINGS.items():
        assert one.description.endswith('.')
        assert check_value(name, one.to_plain(one.default), SETTINGS) == one.default
        if one.type in (int, float):
            assert one.low < one.high


def test_an_integer_is_welcome_as_a_float():
    value = NodeParameters.from_values({'max_rate': 30}).max_rate
    assert value == 30.0 and isinstance(value, float)


@pytest.mark.parametrize('name, value, line', [
    ('max_rate', 'fast', "parameter max_rate: expected a number such as 0.0, found 'fast' (str)"),
    ('max_rate', True, 'parameter max_rate: expected a number such as 0.0, found True (bool)'),
    ('max_rate', -1.0, 'parameter max_rate: expected 0 to 1000, found -1'),
    ('fallback_fov_deg', float('nan'), 'parameter fallback_fov_deg: expected 10 to 170, found nan'),
    ('publish_tf', 1, 'parameter publish_tf: expected true or false, found 1 (int)'),
    ('device', 0, "parameter device: expected a string such as 'auto', found 0 (int)"),
    ('device', [0], "parameter device: expected a string such as 'auto', found [0] (list)"),
    ('image_transport', 'theora', "parameter image_transport: expected one of raw, compressed, found 'theora'"),
    ('holdtime', 1.0, 'unknown parameter holdtime: did you mean hold_time?')])
def test_wrong_values_are_named(name, value, line):
    with pytest.raises(ParameterError, match='^' + re.escape(line) + '$'):
        check_value(name, value, SETTINGS)


def test_static_parameters_do_not_change_while_running():
    now = NodeParameters()
    with pytest.raises(ParameterError, match='parameter device is read at configure'):
        now.changed({'device': 'cpu'}, running=True)
    assert now.changed({'device': 'cpu'}).device == 'cpu'
    assert now.changed({'device': 'auto', 'hold_time': 1.0}, running=True).hold_time == 1.0


def test_rviz_shows_the_topics_the_node_publishes():
    config = yaml.safe_load((ROOT / 'config' / 'hand4whole.rviz').read_text())
    shown = {d['Topic']['Value'] for d in config['Visualization Manager']['Displays'] if 'Topic' in d}
    node = f'/{topics.NODE_NAME}'
    assert shown == {f'/{topics.IMAGE}', topics.MARKERS.replace('~', node), topics.OVERLAY.replace('~', node)}
    assert config['Visualization Manager']['Global Options']['Fixed Frame'] == DEFAULT_FRAME_ID


def test_the_layout_for_foxglove_shows_topics_that_the_node_publishes():
    layout = json.loads((ROOT / 'config' / 'foxglove_layout.json').read_text())
    panels = layout['configById']
    named = {topic for panel in panels.values() for topic in panel.get('topics', ())}
    named |= {panels['Image!overlay']['imageMode']['imageTopic'], panels['DiagnosticSummary!state']['topicToRender']}
    named |= {path['value'].partition('.')[0] for path in panels['Plot!wrists']['paths']}
    assert named <= {topics.absolute_topic(topic) for topic in (*MESSAGE_TYPES, topics.DIAGNOSTICS)}
    assert panels['3D!bodies']['followTf'] == DEFAULT_FRAME_ID

    def leaves(part):
        return [part] if isinstance(part, str) else leaves(part['first']) + leaves(part['second'])
    assert sorted(leaves(layout['layout'])) == sorted(panels)
