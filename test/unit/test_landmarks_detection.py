"""Anchors, boxes and weighted non-maximum suppression of the detectors."""

import numpy as np
import pytest

from hand4whole_ros.landmarks import detection, face, hands, pose
from hand4whole_ros.landmarks.anchors import anchors


@pytest.mark.parametrize('size, strides, count', [
    (224, pose._STRIDES, 2254), (192, hands._STRIDES, 2016), (128, face._STRIDES, 896)])
def test_there_are_as_many_anchors_as_outputs(size, strides, count):
    assert anchors(size, strides).shape == (count, 2)


def test_anchors_are_in_the_middle_of_their_cells_row_by_row():
    centres = anchors(32, (8, 16, 16))
    fine, coarse = centres[:32], centres[32:]
    assert fine[:4] == pytest.approx(np.array([[1, 1], [1, 1], [3, 1], [3, 1]]) / 8)
    assert fine[-1] == pytest.approx((7 / 8, 7 / 8))
    # Two layers of one stride: four anchors in a cell.
    assert coarse == pytest.approx(np.repeat([[1, 1], [3, 1], [1, 3], [3, 3]], 4, axis=0) / 4)


def test_boxes_and_keypoints_are_relative_to_their_anchors():
    outputs = np.array([[10.0, 20, 40, 60, 5, 6, -5, -6], [0.0, 0, 10, 10, 0, 0, 0, 0]])
    scores, boxes, keypoints = detection.decode(
        outputs, np.array([2.0, -2.0]), np.array([[0.5, 0.5], [0.1, 0.1]]), input_size=100, min_score=0.5)
    assert scores == pytest.approx([1 / (1 + np.exp(-2))])
    assert boxes == pytest.approx(np.array([[0.4, 0.4, 0.8, 1.0]]))
    assert keypoints == pytest.approx(np.array([[[0.55, 0.56], [0.45, 0.44]]]))


def test_boxes_of_negative_size_are_left_out_and_large_logits_do_no_harm():
    outputs = np.array([[0.0, 0, -1, 5, 0, 0], [0.0, 0, 5, 5, 0, 0], [0.0, 0, 5, 5, 0, 0]])
    with np.errstate(all='raise'):
        scores, boxes, keypoints = detection.decode(
            outputs, np.array([9.0, 1e30, -1e30]), np.zeros((3, 2)), input_size=100, min_score=0.5)
    assert scores == pytest.approx([1]) and boxes.shape == (1, 4) and keypoints.shape == (1, 1, 2)


def suppressed(boxes, scores):
    boxes = np.array(boxes, float)
    return detection.weighted_suppression(np.array(scores), boxes, boxes.reshape(-1, 2, 2))


def test_boxes_that_overlap_become_one_weighted_with_their_scores():
    found = suppressed([[0, 0, 10, 10], [2, 0, 12, 10], [50, 50, 60, 60]], [0.6, 0.9, 0.7])
    assert [score for score, _, _ in found] == [0.9, 0.7]
    assert found[0][1] == pytest.approx((np.array([0, 0, 10, 10]) * 0.6 + np.array([2, 0, 12, 10]) * 0.9) / 1.5)
    assert found[0][2] == pytest.approx(found[0][1].reshape(2, 2))
    assert found[1][1] == pytest.approx((50, 50, 60, 60))


def test_boxes_that_hardly_overlap_stay_two():
    assert len(suppressed([[0, 0, 10, 10], [6, 0, 16, 10]], [0.6, 0.9])) == 2


def test_only_what_overlaps_the_best_box_joins_it():
    # A chain: the first overlaps the second, the second the third.
    found = suppressed([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]], [0.9, 0.8, 0.7])
    assert [score for score, _, _ in found] == [0.9, 0.7]


def test_no_boxes_and_boxes_without_an_area():
    assert suppressed(np.zeros((0, 4)), []) == []
    assert len(suppressed([[5, 5, 5, 5], [5, 5, 5, 5]], [0.9, 0.8])) == 2
