"""One table of parameters: the YAML file and the page show it, and wrong values are refused by name."""

import re

import pytest
import yaml
from locations import ROOT

from hand4whole_ros.ros import topics
from hand4whole_ros.ros.conversions.images import ENCODINGS
from hand4whole_ros.ros.conversions.raw_image import DEFAULT_FRAME_ID
from hand4whole_ros.ros.node.parameters import (
    PARAMETER_FIELDS,
    NodeParameters,
    ParameterError,
    check_value,
    format_parameter_table,
)


def test_the_yaml_file_lists_every_parameter_with_its_default():
    given = yaml.safe_load((ROOT / 'config' / 'estimate.yaml').read_text())['/**']['ros__parameters']
    assert given == vars(NodeParameters())
    assert list(given) == list(PARAMETER_FIELDS)


def test_the_yaml_file_says_what_the_table_says():
    comments = ' '.join(line.strip(' #') for line in (ROOT / 'config' / 'estimate.yaml').read_text().splitlines())
    for rule in PARAMETER_FIELDS.values():
        assert rule.metadata['description'] in comments, rule.name


def test_the_page_shows_the_table():
    reference = ROOT / 'docs' / 'reference'
    assert format_parameter_table() in (reference / 'parameters.md').read_text()
    assert ', '.join(f'`{name}`' for name in ENCODINGS) in (reference / 'subscribed_topics.md').read_text()


def test_every_parameter_is_described_and_every_number_has_a_range():
    for rule in PARAMETER_FIELDS.values():
        assert rule.metadata['description'].endswith('.')
        assert check_value(rule.name, rule.default) == rule.default
        if rule.type == 'float':
            assert rule.metadata['low'] < rule.metadata['high']


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
        check_value(name, value)


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
