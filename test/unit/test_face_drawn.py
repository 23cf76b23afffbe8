"""Faces of drawn heads: MediaPipe's networks and the fit together, and how faces are tracked."""

import numpy as np
import pytest
from face_drawings import CAMERA, FACING, PLACE, draw_head, head_landmarks

pytest.importorskip('ai_edge_litert')
pytest.importorskip('anny')

from hand4whole_ros.body.face_shapes import EXPRESSION_NAMES  # noqa: E402
from hand4whole_ros.detection.person_faces import PersonFaces  # noqa: E402
from hand4whole_ros.fitting.face_fitter import FaceFitter  # noqa: E402


@pytest.fixture(scope='module')
def faces():
    return PersonFaces()


@pytest.fixture(scope='module')
def fitted(body, faces):
    fitter = FaceFitter(body.face, body.kinematics)

    def of(**drawn):
        seen = faces.detect(draw_head(**drawn), head_landmarks())
        assert seen is not None
        found = fitter.fit(seen, CAMERA, head_rotation=FACING, head=PLACE, betas=np.zeros(10))
        assert found is not None and found.confidence > 0.9
        return found
    return of


def _value(found, name):
    return found.expression[EXPRESSION_NAMES.index(name)]


def test_a_drawn_neutral_face_is_about_neutral(fitted):
    found = fitted()
    assert abs(np.degrees(found.jaw_pose[0])) < 3 and np.abs(np.degrees(found.eye_poses)).max() < 6
    assert np.abs(found.expression).max() < 0.3


def test_a_mouth_opens_with_the_drawn_one(fitted):
    drawn = [0, 8, 16]
    found = [np.degrees(fitted(jaw=np.radians(degrees)).jaw_pose[0]) for degrees in drawn]
    np.testing.assert_allclose(found, drawn, atol=4)


def test_eyes_follow_the_drawn_ones(fitted):
    sideways = [np.degrees(fitted(left=np.radians(degrees)).eye_poses[:, 1].mean()) for degrees in (-20, 0, 20)]
    assert sideways[0] + 4 < sideways[1] < sideways[2] - 4


def test_a_drawn_smile_and_raised_brows_are_told(fitted):
    neutral, smile, brows = fitted(), fitted(smile=1.0), fitted(brows_raised=1.0)
    assert _value(smile, 'smile') > _value(neutral, 'smile') + 0.3
    assert _value(brows, 'brows_raised') > _value(neutral, 'brows_raised') + 0.2


def test_the_detector_runs_only_where_a_face_is_lost(faces, monkeypatch):
    searched, detect = [], faces._detector.detect
    monkeypatch.setattr(faces._detector, 'detect', lambda *given: (searched.append(1), detect(*given))[1])
    empty = np.full((320, 320, 3), 125, np.uint8)
    person = head_landmarks(track_id=7)
    assert faces.detect(draw_head(), person) and len(searched) == 1
    moved = PLACE + [0.01, 0, 0]
    assert faces.detect(draw_head(jaw=0.1, place=moved), head_landmarks(moved, 7)) and len(searched) == 1
    assert faces.detect(empty, person) is None and len(searched) == 2
    assert faces.detect(draw_head(), person) and len(searched) == 3       # seen again, and detected again
    faces.forget(set())
    assert faces.detect(draw_head(), person) and len(searched) == 4
    for _ in range(2):      # in images that stand alone there is nothing to track
        assert faces.detect(draw_head(), head_landmarks())
    assert len(searched) == 6


def test_somebody_elses_face_is_not_taken(faces):
    beside = head_landmarks(PLACE + [0.25, 0, 0], track_id=3)
    assert faces.detect(draw_head(place=PLACE - [0.05, 0, 0]), beside) is None
    # Nor does a tracked region lead to it once the person is elsewhere.
    assert faces.detect(draw_head(), head_landmarks(track_id=3))
    assert faces.detect(draw_head(), beside) is None


def test_a_tiny_face_is_none_and_a_small_one_is_less_sure(faces):
    near, far = PLACE, np.array([0.0, 0.03, 3.6])
    sure, small = (faces.detect(draw_head(place=place), head_landmarks(place)) for place in (near, far))
    assert sure.confidence > 0.95 and (small is None or small.confidence < sure.confidence)
    farthest = np.array([0.0, 0.03, 12.0])
    assert faces.detect(draw_head(place=farthest), head_landmarks(farthest)) is None
