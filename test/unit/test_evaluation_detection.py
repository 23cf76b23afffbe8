"""`hand4whole evaluate detection`: counts that can be wrong, annotated folders, and what is no such folder."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('ai_edge_litert')

from coco_folder import write_coco_folder  # noqa: E402

from hand4whole_ros.cli.main import main  # noqa: E402
from hand4whole_ros.evaluation import detection, mediapipe_solutions  # noqa: E402
from hand4whole_ros.evaluation.people_matching import JOINTS, match_hands, match_people, torso_length  # noqa: E402
from hand4whole_ros.skeleton import SIDES  # noqa: E402


@pytest.fixture(scope='module')
def drawn():
    """Two drawn people in their pictures, and the truth."""
    return list(detection.drawn(2, 4))


def test_a_folder_of_annotated_images_is_counted(drawn, tmp_path, capsys):
    write_coco_folder(tmp_path, drawn)
    assert main(['evaluate', 'detection', '--root', str(tmp_path), '--turn', '180',
                 '--json', str(tmp_path / 'out.json')]) == 0
    row = json.loads((tmp_path / 'out.json').read_text())['rows']['landmarks']
    assert row['people'] == row['people_found'] == 2 and row['people_invented'] == 0
    assert row['hands'] == 4 and row['hands_found'] >= 2 and row['hands_right_side'] == row['hands_found']
    assert '2 of 2' in capsys.readouterr().out


def test_people_and_hands_elsewhere_are_invented_and_of_the_wrong_side(drawn):
    _, truth = drawn[0]
    pose = np.zeros((33, 2))
    for name, row in detection._LANDMARK.items():
        pose[row] = truth.people[0].joints.get(name, (0, 0))
    hands = {side: truth.people[0].hands[side][0] for side in SIDES}
    counts = detection.Counts()
    counts.add(truth, detection.Seen([pose, pose + 900], [(hands['left'], 'right'), (hands['right'] + 900, 'right')]),
               0.1)
    row = counts.summary()
    assert (row['people_found'], row['people_invented']) == (1, 1)
    assert (row['hands'], row['hands_found'], row['hands_right_side']) == (2, 1, 0)


def test_pairs_are_those_of_least_error_in_all_whatever_the_order(drawn):
    _, truth = drawn[0]
    person = truth.people[0]
    torso = torso_length(person)

    def at(offset):
        return {name: point + (offset * torso, 0) for name, point in person.joints.items()}
    with_legs = {**{name: np.full(2, 1e4) for name in JOINTS}, **person.joints}
    near, far = (replace(person, joints=at(offset)) for offset in (0.0, 0.4))
    between, behind = ({**with_legs, **at(offset)} for offset in (0.15, -0.5))
    for given, expected in (([between, behind], {0: 1, 1: 0}), ([behind, between], {0: 0, 1: 1})):
        assert match_people(given, [near, far]) == expected
    side, (points, rows) = 'left', person.hands['left']
    size = np.ptp(points, axis=0).max()
    true = [(side, points, rows), (side, points + (0.4 * size, 0), rows)]
    hands = [points + (0.15 * size, 0), points - (0.5 * size, 0)]
    assert {row: column for row, (column, _) in match_hands(hands, true).items()} == {0: 1, 1: 0}


def test_loading_mediapipe_is_not_in_its_time(drawn, monkeypatch):
    """Solutions whose clock stands still but for what they do: 100 s to load one, 1 s and 2 s an image."""
    clock = [0.0]

    class Solution:
        def __init__(self, seconds):
            self.seconds = seconds
            clock[0] += 100

        def process(self, image):
            clock[0] += self.seconds
            return SimpleNamespace(pose_landmarks=None, pose_world_landmarks=None, multi_hand_landmarks=None)

        def close(self):
            closed.append(self.seconds)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass
    closed = []
    monkeypatch.setattr(mediapipe_solutions, 'load_solutions', lambda: SimpleNamespace(
        Holistic=lambda **_: Solution(1), Hands=lambda **_: Solution(2)))
    monkeypatch.setattr('time.perf_counter', lambda: clock[0])
    small = [(np.ascontiguousarray(image[::4, ::4]), truth) for image, truth in drawn]
    result = detection.run(small, 2, progress=False)
    assert result['rows']['mediapipe']['time_ms'] == 3000
    assert sorted(closed) == [1, 2]


@pytest.mark.parametrize('content', [None, '[]', '{"images": [{"id": 1, "file_name": "../x.png"}], "annotations": []}',
                                     '{"images": [{"id": 1, "file_name": "x.png"}], "annotations": []}'])
def test_what_is_no_annotated_folder_is_one_line(tmp_path, capsys, content):
    if content is not None:
        (tmp_path / 'a.json').write_text(content)
    assert main(['evaluate', 'detection', '--root', str(tmp_path)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert main(['evaluate', 'detection', '--root', str(tmp_path / 'none')]) == 2
