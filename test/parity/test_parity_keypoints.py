"""Keypoint tables and hand boxes against the authors' implementation."""

import json

import torch
from locations import DATA

from hand4whole_ros import keypoints as tables
from hand4whole_ros import skeleton
from hand4whole_ros.geometry.hand_boxes import hand_boxes
from parity import fixtures

NAMES = DATA / 'parity/kpt_names.json'


def test_the_tables_agree():
    f = fixtures.load('hand_bbox')
    assert tables.KEYPOINT_JOINTS == tuple(f['smplx_kpt_idx'])
    assert tables.COCO_WHOLEBODY_KEYPOINTS == tuple(f['remap'])
    for side, letter in (('right', 'r'), ('left', 'l')):
        hand = tables.HAND_KEYPOINTS[side]
        assert hand == (int(f[f'{letter}_wrist']), *f[f'{letter}hand_kpt_idx'])
        assert tuple(hand[k] for k in skeleton.PALM_KEYPOINTS) == tuple(f[f'align_{side}'])


def test_the_names_agree():
    theirs = json.loads(NAMES.read_text())

    def ours(name):
        words = name.lower().split('_')
        side = {'l': 'left_', 'r': 'right_'}.get(words[0], '') if len(words) > 1 else ''
        rest = words[1:] if side else words
        if rest[-1] == 'hand':
            rest = ['hand', 'wrist']
        if rest[-1].isdigit():
            rest = [rest[0] + ('_tip' if side and rest[1] == '4' else rest[1])]
        return side + '_'.join(rest)

    assert tuple(map(ours, theirs['smplx_kpt'])) == tables.KEYPOINT_NAMES
    assert tuple(map(ours, theirs['dwpose'])) == tables.COCO_WHOLEBODY_NAMES


def test_hand_boxes():
    f = fixtures.load('hand_bbox')
    keypoints = torch.from_numpy(f['kpt'])
    for side, letter in (('right', 'r'), ('left', 'l')):
        hand = keypoints[:, list(tables.HAND_KEYPOINTS[side])]
        boxes, exists = hand_boxes(hand[..., :2], hand[..., 2])
        fixtures.check(f, f'{letter}hand_bbox', boxes, 1e-5)
        fixtures.check(f, f'{letter}hand_exist', exists.float(), 0)


def test_places_without_a_score_are_not_looked_at():
    points = torch.full((2, 21, 2), torch.nan)
    scores = torch.zeros(2, 21)
    points[1, :4], scores[1, :4] = torch.tensor([[10., 20.], [30., 20.], [30., 60.], [10., 60.]]), 0.9
    boxes, exists = hand_boxes(points, scores)
    assert exists.tolist() == [False, True]
    torch.testing.assert_close(boxes, torch.tensor([[-0.5, -0.5, 1.5, 1.5], [-28., -8., 68., 88.]]))
