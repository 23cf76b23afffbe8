"""`hand4whole evaluate detection`: counts that can be wrong, annotated folders, and what is no such folder."""

import json

import numpy as np
import pytest

pytest.importorskip('ai_edge_litert')

from coco_folder import write_coco_folder  # noqa: E402

from hand4whole_ros.cli.main import main  # noqa: E402
from hand4whole_ros.evaluation import detection  # noqa: E402
from hand4whole_ros.skeleton import SIDES  # noqa: E402


def test_a_folder_of_annotated_images_is_counted(tmp_path, capsys):
    write_coco_folder(tmp_path, detection.drawn(2, 4))
    assert main(['evaluate', 'detection', '--root', str(tmp_path), '--turn', '180',
                 '--json', str(tmp_path / 'out.json')]) == 0
    row = json.loads((tmp_path / 'out.json').read_text())['rows']['landmarks']
    assert row['people'] == row['people_found'] == 2 and row['people_invented'] == 0
    assert row['hands'] == 4 and row['hands_found'] >= 2 and row['hands_right_side'] == row['hands_found']
    assert '2 of 2' in capsys.readouterr().out


def test_people_and_hands_elsewhere_are_invented_and_of_the_wrong_side():
    (_, truth), = detection.drawn(1, 4)
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


@pytest.mark.parametrize('content', [None, '[]', '{"images": [{"id": 1, "file_name": "../x.png"}], "annotations": []}',
                                     '{"images": [{"id": 1, "file_name": "x.png"}], "annotations": []}'])
def test_what_is_no_annotated_folder_is_one_line(tmp_path, capsys, content):
    if content is not None:
        (tmp_path / 'a.json').write_text(content)
    assert main(['evaluate', 'detection', '--root', str(tmp_path)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert main(['evaluate', 'detection', '--root', str(tmp_path / 'none')]) == 2
