"""`hand4whole evaluate detection`: counts that can be wrong, annotated folders, and what is no such folder."""

import json

import numpy as np
import pytest

pytest.importorskip('ai_edge_litert')

from hand4whole_ros.cli.main import main  # noqa: E402
from hand4whole_ros.datasets import coco_wholebody  # noqa: E402
from hand4whole_ros.evaluation import detection  # noqa: E402
from hand4whole_ros.skeleton import SIDES  # noqa: E402


def as_coco(images):
    """COCO-WholeBody's annotations of drawn images, by file name."""
    content = {'images': [], 'annotations': []}
    for number, (name, truth) in enumerate(images.items()):
        content['images'].append({'id': number, 'file_name': name})
        for person in truth.people:
            keypoints = np.zeros((17, 3))
            for joint, point in person.joints.items():
                keypoints[coco_wholebody._JOINTS.index(joint)] = *point, 2
            hands = {f'{side}hand_{key}': value for side in SIDES for key, value in (
                ('valid', True), ('kpts', np.column_stack([person.hands[side][0], np.ones(21)]).ravel().tolist()))}
            content['annotations'].append({'image_id': number, 'keypoints': keypoints.ravel().tolist(),
                                           'bbox': [100, 100, 400, 500], **hands})
    return content


def test_a_folder_of_annotated_images_is_counted(tmp_path, capsys):
    import cv2
    truths = {}
    for number, (image, truth) in enumerate(detection.drawn(2, 4)):
        truths[f'{number}.png'] = truth
        cv2.imwrite(str(tmp_path / f'{number}.png'), image[:, :, ::-1])
    (tmp_path / 'annotations').mkdir()
    (tmp_path / 'annotations' / 'people.json').write_text(json.dumps(as_coco(truths)))
    assert main(['evaluate', 'detection', '--root', str(tmp_path), '--turn', '180',
                 '--json', str(tmp_path / 'out.json')]) == 0
    row = json.loads((tmp_path / 'out.json').read_text())['rows']['landmarks']
    assert row['people'] == row['people_found'] == 2 and row['people_invented'] == 0
    assert row['hands'] == 4 and row['hands_found'] >= 2 and row['hands_right_side'] == row['hands_found']
    assert '2 of 2' in capsys.readouterr().out


def test_people_and_hands_elsewhere_are_invented_and_of_the_wrong_side():
    (_, truth), = detection.drawn(1, 4)
    pose = np.zeros((33, 2))
    for name, row in detection._JOINTS.items():
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
