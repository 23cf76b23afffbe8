"""What `hand4whole estimate` writes is what its JSON schema says."""

import json

import numpy as np
import pytest
from locations import ROOT
from scripted_estimate import estimate, write_picture
from scripted_node import grasped_object, loose_hand
from scripted_node import person as upright
from test_estimate_files import _HandsBeside

from hand4whole_ros import __version__
from hand4whole_ros.apps.estimate import estimate_json, json_schema
from hand4whole_ros.geometry.camera import Intrinsics

jsonschema = pytest.importorskip('jsonschema')


def validator(name):
    schema = json.loads((ROOT / 'docs' / 'schemas' / name).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.fixture
def written(tmp_path):
    """(people, hands) of pictures with one person and with two."""
    for count in (1, 2):
        write_picture(tmp_path / f'{count}.png', people=count)
    people, hands = tmp_path / 'people.json', tmp_path / 'hands.json'
    assert estimate(*(tmp_path / f'{count}.png' for count in (1, 2)), '--json', people, '--hands-json', hands,
                    '--focal', 300, create=_HandsBeside) == 0
    return json.loads(people.read_text()), json.loads(hands.read_text())


def test_what_is_written_is_what_the_schema_says(written):
    for found, name in zip(written, ('estimate.schema.json', 'estimate_hands.schema.json')):
        assert any(found.values())
        validator(name).validate(found)


def test_real_estimates_too(tmp_path):
    pytest.importorskip('ai_edge_litert')
    from hand4whole_ros.cli import main
    from hand4whole_ros.media import image_files
    from hand4whole_ros.synthetic import people
    image_files.write_image(tmp_path / 'a.png', people.render_person(people.sample_person(1))[0])
    assert main.main(['estimate', str(tmp_path / 'a.png'), '--estimator', 'mediapipe', '--json',
                      str(tmp_path / 'out.json')]) == 0
    found = json.loads((tmp_path / 'out.json').read_text())
    (person,) = found['a.png']
    validator('estimate.schema.json').validate(found)
    assert person['camera']['calibrated'] is False and person['estimator'] == 'mediapipe'


def test_objects_in_hands_too(body):
    intrinsics = Intrinsics.from_fov(320, 240)
    hand = loose_hand(upright(body, intrinsics).left_hand, grasp_probability=0.9, object=grasped_object(intrinsics))
    row = estimate_json.loose_hand_to_json(hand) | estimate_json.make_context(intrinsics, 'unihope')
    row = json.loads(json.dumps(row))
    check = validator('estimate_hands.schema.json')
    check.validate({'a.png': [row]})
    assert row['object']['center'] != row['object']['transl']
    for wrong in ({'size': [0.1, 0.2]}, {'confidence': 2}, {'surprise': 1}):
        with pytest.raises(jsonschema.ValidationError):
            check.validate({'a.png': [{**row, 'object': {**row['object'], **wrong}}]})


@pytest.mark.parametrize('change', [
    {'transl': [0.0, 1.0]}, {'confidence': 1.5}, {'surprise': 1}, {'units': 'mm'}, {'joints_3d': {}}])
def test_the_schema_refuses_what_is_wrong(written, change):
    written[0]['2.png'][1] |= change
    with pytest.raises(jsonschema.ValidationError):
        validator('estimate.schema.json').validate(written[0])


def test_the_camera_is_the_one_that_the_numbers_hold_for(written):
    for person in written[0]['2.png']:
        camera = person['camera']
        assert (camera['fx'], camera['fy'], camera['width'], camera['height']) == (300, 300, 320, 240)
        assert camera['calibrated'] is True and person['version'] == __version__
        for hand in person['hands'].values():
            points = np.array(hand['keypoints_3d'])
            projected = points[:, :2] / points[:, 2:] * 300 + (camera['cx'], camera['cy'])
            np.testing.assert_allclose(projected, hand['keypoints_2d'], atol=0.01)


def test_the_first_field_tells_our_files_from_others(written):
    """results_file.is_results_file looks for it."""
    person = json_schema.results_schema()['additionalProperties']['items']
    assert next(iter(written[0]['1.png'][0])) == next(iter(person['properties'])) == 'track_id'
