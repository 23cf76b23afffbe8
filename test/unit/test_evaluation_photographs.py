"""`hand4whole evaluate photographs`: figures that can be wrong, and folders of annotated photographs."""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip('ai_edge_litert')

from coco_folder import write_coco_folder  # noqa: E402

from hand4whole_ros.cli.main import main  # noqa: E402
from hand4whole_ros.datasets import coco_wholebody  # noqa: E402
from hand4whole_ros.evaluation import detection, photographs  # noqa: E402
from hand4whole_ros.evaluation.people_matching import JOINTS, exchange_sides, torso_length  # noqa: E402
from hand4whole_ros.evaluation.photographs import GivenImage, GivenPerson  # noqa: E402


@pytest.fixture(scope='module')
def drawn():
    """Two drawn people in their pictures, and the truth."""
    return list(detection.drawn(2, 4))


@pytest.fixture(scope='module')
def truth(drawn):
    """A drawn person with all twelve joints and both hands."""
    _, image = drawn[0]
    person = image.people[0]
    legs = {f'{side}_{name}': person.joints[f'{side}_hip'] + (0, down)
            for side in ('left', 'right') for name, down in (('knee', 100), ('ankle', 200))}
    whole = replace(person, joints={**person.joints, **legs}, box_xywh=np.array([0, 0, 90, 90.0]))
    return replace(image, people=[whole])


def figures(truth, *people, loose=()):
    """Of one image in which these people are given."""
    measures = photographs.Measures()
    measures.add(0, truth, GivenImage(list(people), list(loose)))
    return measures.summary(set(measures.errors), [photographs._annotation(0, person) for person in truth.people])


def given(truth, offset=(0.0, 0.0), confidence=0.9, exchanged=False, hands=True):
    """The annotated person, moved by so many torsos."""
    person = truth.people[0]
    move = torso_length(person) * np.array(offset)
    joints = {name: person.joints[name] + move for name in JOINTS}
    return GivenPerson(exchange_sides(joints) if exchanged else joints, confidence,
                       {side: points + move for side, (points, _) in person.hands.items()} if hands else {})


def test_what_is_right_has_no_error_and_all_the_precision_there_is(truth):
    found = figures(truth, given(truth))
    assert found['people_found'] == found['people'] == 1 and found['people_invented'] == 0
    assert found['error_mean'] == found['common_error_median'] == 0 and found['pck_0.1'] == 1
    assert found['hands_found'] == found['hands_near'] == found['hands'] == 2 and found['hands_wrong_side'] == 0
    pytest.importorskip('pycocotools')
    assert found['ap'] == pytest.approx(1)


def test_errors_are_in_torsos_and_of_joints_that_can_be_seen(truth):
    found = figures(truth, given(truth, (0.15, 0)))
    assert found['error_mean'] == pytest.approx(0.15)
    assert (found['pck_0.1'], found['pck_0.2']) == (0, 1)
    moved = given(truth)
    moved.joints['left_ankle'] = moved.joints['left_ankle'] + 1000
    hidden = replace(truth, people=[replace(truth.people[0], hidden=frozenset(['left_ankle']))])
    assert figures(truth, moved)['error_mean'] > 0 == figures(hidden, moved)['error_mean']


def test_who_is_elsewhere_is_invented_and_who_is_turned_round_has_the_sides_exchanged(truth):
    found = figures(truth, given(truth), given(truth, (9, 0)))
    assert (found['people_found'], found['people_invented']) == (1, 1)
    assert figures(replace(truth, complete=False), given(truth, (9, 0)))['people_invented'] == 0
    assert figures(truth, given(truth, exchanged=True))['sides_exchanged'] == 1


def test_who_is_annotated_with_too_few_joints_to_be_compared_is_not_invented(truth):
    person = truth.people[0]
    low, high = (edge(list(person.joints.values()), axis=0) for edge in (np.min, np.max))
    unlabelled = replace(truth, people=[replace(person, joints={}, box_xywh=np.array([*low, *(high - low)]))])
    found = figures(unlabelled, given(truth), given(truth, (9, 0)))
    assert (found['people'], found['people_found'], found['people_invented']) == (0, 0, 1)
    assert figures(truth, given(truth), given(truth, (0.01, 0)))['people_invented'] == 1      # a second pose


def test_hands_of_the_wrong_side_and_hands_that_nobody_sees(truth):
    person = truth.people[0]
    left = person.hands['left'][0]
    found = figures(truth, given(truth, hands=False), loose=[('right', left)])
    assert (found['hands_found'], found['hands_wrong_side']) == (1, 1)
    none = replace(truth, people=[replace(person, hands={}, sides_without_hand=frozenset(['left']))])
    assert figures(none, given(truth))['hands_invented'] == 1


def test_confidence_that_falls_as_errors_grow_has_a_rank_correlation_of_minus_one(truth):
    measures = photographs.Measures()
    for number, off in enumerate((0.0, 0.1, 0.2, 0.3)):
        measures.add(number, truth, GivenImage([given(truth, (off, 0), confidence=0.9 - off)]))
    found = measures.summary(set(), [])
    assert found['confidence_rank_correlation'] == pytest.approx(-1) and found['common_error_mean'] is None


def test_people_and_joints_that_are_near_are_counted_by_their_confidence(truth):
    measures = photographs.Measures()
    for number, (off, confidence) in enumerate(((0.0, 0.95), (0.3, 0.92), (0.1, 0.9), (0.3, 0.6), (0.1, 0.2))):
        person = given(truth, (off, 0), confidence=confidence)
        sure = {name: 0.95 if name.endswith('shoulder') else 0.3 for name in JOINTS}
        measures.add(number, truth, GivenImage([replace(person, joint_confidence=sure)]))
    found = measures.summary(set(), [])
    counted = [(found[f'people_confident_{low}_near'], found[f'people_confident_{low}']) for low in (0.9, 0.5, 0.0)]
    assert counted == [(2, 3), (0, 1), (1, 1)]
    assert [found[f'joints_confident_{low}'] for low in (0.9, 0.5, 0.0)] == [10, 0, 50]
    assert [found[f'joints_confident_{low}_near'] for low in (0.9, 0.5, 0.0)] == [6, 0, 30]
    assert figures(truth, given(truth))['joints_confident_0.9'] == 0        # this system knows of no joint


def test_hands_that_are_near_are_counted_by_their_confidence_where_it_is_known_what_is_right(truth):
    person = truth.people[0]
    sure = {'left': 0.95, 'right': 0.4}
    measures, nothing_labelled = photographs.Measures(), replace(person, hands={})
    right = replace(given(truth), hand_confidence=sure)
    away = replace(right, hands={side: points + 9 * torso_length(person) for side, points in right.hands.items()})
    hidden = replace(person, hands={}, sides_without_hand=frozenset(['left']))
    for number, (true, shown) in enumerate(((person, right), (person, away), (hidden, right),
                                            (nothing_labelled, right), (person, given(truth)))):
        measures.add(number, replace(truth, people=[true]), GivenImage([shown]))
    found = measures.summary(set(), [])
    counted = [(found[f'hands_confident_{low}_near'], found[f'hands_confident_{low}']) for low in (0.9, 0.5, 0.0)]
    assert counted == [(1, 3), (0, 0), (1, 2)] and found['hands_invented'] == 1


def test_a_folder_of_photographs_is_measured_beside_mediapipe(drawn, tmp_path, capsys):
    write_coco_folder(tmp_path, drawn)
    assert len(coco_wholebody.load(tmp_path)) == 2
    assert main(['evaluate', 'photographs', '--root', str(tmp_path), '--estimator', 'mediapipe',
                 '--json', str(tmp_path / 'out.json')]) == 0
    row = json.loads((tmp_path / 'out.json').read_text())['rows']['mediapipe']
    assert row['people_found'] == 2 and row['error_median'] < 0.2 and row['pck_0.5'] > 0.9
    assert row['joints_confident_0.9'] >= row['joints_confident_0.9_near'] > 0
    assert '2 of 2' in capsys.readouterr().out


@pytest.mark.parametrize('options', [['--limit', '0'], ['--fov', '180'], ['--root', 'nowhere']])
def test_what_cannot_be_measured_is_one_line(drawn, tmp_path, capsys, options):
    write_coco_folder(tmp_path, drawn[:1])
    assert main(['evaluate', 'photographs', '--root', str(tmp_path), *options]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
