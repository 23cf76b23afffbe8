"""Faces of drawn heads: MediaPipe's networks and the fit together, and how faces are tracked."""

import numpy as np
import pytest

pytest.importorskip('ai_edge_litert')
pytest.importorskip('anny')

from hand4whole_ros.body.face_shapes import EXPRESSION_NAMES  # noqa: E402
from hand4whole_ros.detection.person_faces import PersonFaces  # noqa: E402
from hand4whole_ros.fitting.face_fitter import FaceFitter  # noqa: E402
from hand4whole_ros.synthetic.heads import CAMERA, FACING, PLACE, HeadPose  # noqa: E402


@pytest.fixture(scope='module')
def faces():
    return PersonFaces()


@pytest.fixture(scope='module')
def fitted(body, faces):
    fitter = FaceFitter(body.face, body.kinematics)

    def of(**drawn):
        seen = faces.detect(HeadPose(**drawn).draw(), HeadPose().landmarks())
        assert seen is not None
        found = fitter.fit(seen, CAMERA, head_rotation=FACING, betas=np.zeros(10))
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
    neutral, smile, brows = fitted(), fitted(expression={'smile': 1.0}), fitted(expression={'brows_raised': 1.0})
    assert _value(smile, 'smile') > _value(neutral, 'smile') + 0.3
    assert _value(brows, 'brows_raised') > _value(neutral, 'brows_raised') + 0.2


def test_the_detector_runs_only_where_a_face_is_lost(faces, monkeypatch):
    searched, detect = [], faces._detector.detect
    monkeypatch.setattr(faces._detector, 'detect', lambda *given: (searched.append(1), detect(*given))[1])
    empty = np.full((320, 320, 3), 125, np.uint8)
    shown, person = HeadPose().draw(), HeadPose().landmarks(track_id=7)
    assert faces.detect(shown, person) and len(searched) == 1
    moved = HeadPose(jaw=0.1, place=PLACE + [0.01, 0, 0])
    assert faces.detect(moved.draw(), moved.landmarks(track_id=7)) and len(searched) == 1
    assert faces.detect(empty, person) is None and len(searched) == 2
    assert faces.detect(shown, person) and len(searched) == 3       # seen again, and detected again
    faces.forget(set())
    assert faces.detect(shown, person) and len(searched) == 4
    for _ in range(2):      # in images that stand alone there is nothing to track
        assert faces.detect(shown, HeadPose().landmarks())
    assert len(searched) == 6


def test_somebody_elses_face_is_not_taken(faces):
    beside = HeadPose(place=PLACE + [0.25, 0, 0]).landmarks(track_id=3)
    assert faces.detect(HeadPose(place=PLACE - [0.05, 0, 0]).draw(), beside) is None
    # Nor does a tracked region lead to it once the person is elsewhere.
    assert faces.detect(HeadPose().draw(), HeadPose().landmarks(track_id=3))
    assert faces.detect(HeadPose().draw(), beside) is None


def test_a_tracked_face_is_held_for_a_moment_and_comes_to_rest(body, monkeypatch):
    """Where it is hidden: neither flicker nor an old face."""
    from types import SimpleNamespace

    from hand4whole_ros.estimators.person_face import HOLD_TIME, FacePipeline, with_face
    from hand4whole_ros.skeleton import JOINT, NUM_JOINTS
    pipeline = FacePipeline(FaceFitter(body.face, body.kinematics))
    whole = np.tile(FACING, (1, NUM_JOINTS, 1, 1))
    fitted = SimpleNamespace(placed=SimpleNamespace(rotations=whole), pose=SimpleNamespace(betas=np.zeros((1, 10))))
    shown, empty = HeadPose(jaw=0.3, expression={'smile': 0.5}).draw(), np.full((320, 320, 3), 125, np.uint8)
    person = HeadPose().landmarks(track_id=2)

    def fit(image, stamp):
        return pipeline.fit(image, person, CAMERA, body=fitted, stamp=stamp)
    for k in range(4):
        seen = fit(shown, k / 30)
    held = fit(empty, 0.1 + HOLD_TIME / 2)
    assert held.head_rotation is None
    np.testing.assert_allclose(held.jaw_pose, seen.jaw_pose / 2)
    np.testing.assert_allclose(held.confidence, seen.confidence / 2)
    local = np.tile(np.eye(3), (NUM_JOINTS, 1, 1))
    turned = with_face(local, fitted, held)
    np.testing.assert_array_equal(turned[JOINT['head']], np.eye(3))     # the body's own
    assert not np.allclose(turned[JOINT['jaw']], np.eye(3), atol=0.05)
    assert fit(empty, 0.1 + 1.1 * HOLD_TIME) is None
    assert fit(empty, 0.0) is None      # a jump back in time
    assert fit(shown, 2.0).head_rotation is not None
    pipeline.forget(set())
    assert fit(empty, 2.01) is None


def test_a_tiny_face_is_none_and_a_small_one_is_less_sure(faces):
    near, far, farthest = HeadPose(), HeadPose(place=PLACE * [1, 1, 3]), HeadPose(place=PLACE * [1, 1, 10])
    sure, small, none = (faces.detect(head.draw(), head.landmarks()) for head in (near, far, farthest))
    assert sure.confidence > 0.95 and (small is None or small.confidence < sure.confidence) and none is None
