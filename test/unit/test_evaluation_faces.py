"""The figures of drawn faces."""

import json

import numpy as np
import pytest

pytest.importorskip('ai_edge_litert')
pytest.importorskip('anny')

from hand4whole_ros.body.face_shapes import EXPRESSION_NAMES  # noqa: E402
from hand4whole_ros.cli import main  # noqa: E402
from hand4whole_ros.evaluation import faces  # noqa: E402
from hand4whole_ros.fitting.face_fitter import FaceFit  # noqa: E402
from hand4whole_ros.fitting.kinematic_chain import exp_so3  # noqa: E402


def _found(truth, turned=0.0, jaw=0.0, share=1.0):
    """The truth with errors, radians; share: of the expression."""
    eye = [truth.down, truth.left, 0.0]
    expression = np.array([share * truth.expression.get(name, 0.0) for name in EXPRESSION_NAMES])
    return FaceFit(truth.rotation @ exp_so3(np.array([[turned, 0, 0]]))[0], np.array([truth.jaw + jaw, 0, 0]),
                   np.array([eye, eye]), expression, 0.1, 1.0, np.ones(2), None)


@pytest.fixture(scope='module')
def heads():
    rng = np.random.default_rng(5)
    return [faces.sample_head(rng) for _ in range(60)]


def test_what_is_right_has_no_error_and_what_is_off_has_its_own(heads):
    right = faces.summarise([faces.DrawnFace(head, head.rotation, _found(head)) for head in heads])
    assert right['found'] == right['heads'] == 60
    for name in ('head', 'open jaw', 'shut jaw', 'gaze down', 'gaze left'):
        assert right[name] == pytest.approx(0, abs=1e-4), name
    assert set(right['expression'].values()) == {1.0} and set(right['absent expression'].values()) == {0.0}
    assert right['resting open jaw'] > 5 and right['resting gaze left'] > 5
    off = faces.summarise([faces.DrawnFace(head, head.rotation, _found(head, 0.1, 0.2, 0.5)) for head in heads])
    assert off['head'] == pytest.approx(np.degrees(0.1), abs=1e-3)
    assert off['open jaw'] == pytest.approx(np.degrees(0.2)) == pytest.approx(off['shut jaw'])
    assert all(value == pytest.approx(0.5) for value in off['expression'].values())


def test_faces_that_are_not_found_are_counted(heads):
    result = faces.summarise([faces.DrawnFace(heads[0], heads[0].rotation, None)])
    assert result == {'heads': 1, 'found': 0} and '0 of 1' in faces.format_table(result)


def test_the_command_measures_drawn_heads(tmp_path, capfd):
    assert main.main(['evaluate', 'faces', '--count', '6', '--json', str(tmp_path / 'out.json')]) == 0
    result = json.loads((tmp_path / 'out.json').read_text())
    assert result['heads'] == 6 and result['found'] >= 5 and result['head'] < 9
    assert '| head |' in capfd.readouterr().out
    assert main.main(['evaluate', 'faces', '--count', '0']) == 2
