"""Faces fitted to landmarks: of the body's own face, where the truth is known, and of a drawn one."""

from dataclasses import replace

import numpy as np
import pytest
import torch

pytest.importorskip('anny')

from hand4whole_ros.body.face_shapes import EXPRESSION_MIRROR, EXPRESSION_NAMES  # noqa: E402
from hand4whole_ros.body.open_body import FACE_KEY, load_arrays  # noqa: E402
from hand4whole_ros.detection.person_faces import PersonFace  # noqa: E402
from hand4whole_ros.fitting import face_fitter  # noqa: E402
from hand4whole_ros.fitting.face_fitter import FaceFitter, LastFace  # noqa: E402
from hand4whole_ros.fitting.face_model import IRIS_RADIUS  # noqa: E402
from hand4whole_ros.fitting.kinematic_chain import exp_so3, log_so3  # noqa: E402
from hand4whole_ros.geometry.camera import Intrinsics  # noqa: E402
from hand4whole_ros.landmarks.indices import FACE_PAIRS, NUM_FACE_LANDMARKS  # noqa: E402
from hand4whole_ros.skeleton import JOINT  # noqa: E402

CAMERA = Intrinsics(900.0, 900.0, 320.0, 240.0, 640, 480)
#: The body, upright, looks into the camera; 0.8 m before it.
FACING = np.diag([1.0, -1.0, -1.0])
PLACE = np.array([0.05, -0.03, 0.8])


@pytest.fixture(scope='module')
def fitter(body):
    return FaceFitter(body.face, body.kinematics)


@pytest.fixture(scope='module')
def observed(body):
    """What a perfect detector would see: head rotation, jaw, gaze (down, left), expressions -> PersonFace."""
    vertices = load_arrays()[FACE_KEY]
    rows = np.flatnonzero(vertices >= 0)
    radius = body.face.eye_radius

    def of(rotation=FACING, jaw=0.0, down=0.0, left=0.0, betas=None, **expression):
        # Of lids the network shows a part of the movement, and of eyes that look ahead some gaze.
        shown = {name: value * (face_fitter.LID_RESPONSE if 'eye' in name else 1) for name, value in expression.items()}
        coefficients = torch.zeros(1, 10)
        for name, value in shown.items():
            coefficients[0, EXPRESSION_NAMES.index(name)] = value
        shape = None if betas is None else torch.from_numpy(betas)[None].float()
        posed = body.layer(jaw_pose=torch.tensor([[jaw, 0.0, 0.0]]), expression=coefficients, betas=shape)
        joints = posed.joints[0].double().numpy()
        gaze = np.array([down, left, 0.0]) + face_fitter.GAZE_AT_REST * [1, 1, 0]
        # Of the size of a human eye, with its iris where the body's is.
        irises = [joints[JOINT[f'{side}_eye']] + [0, 0, radius - IRIS_RADIUS]
                  + exp_so3(gaze[None])[0] @ [0, 0, IRIS_RADIUS] for side in ('left', 'right')]
        points = np.concatenate([posed.vertices[0].double().numpy()[vertices[rows]], irises])
        points = (points - joints[JOINT['head']]) @ rotation.T + PLACE
        landmarks = np.zeros((NUM_FACE_LANDMARKS, 3))
        landmarks[rows, :2] = CAMERA.project(points[:-2])
        landmarks[rows, 2] = (points[:-2, 2] - points[:-2, 2].mean()) * CAMERA.fx / PLACE[2]
        return PersonFace(landmarks, CAMERA.project(points[-2:]), 1.0)
    return of


def _fit(fitter, seen, last=None, rotation=FACING, betas=None):
    found = fitter.fit(seen, CAMERA, head_rotation=rotation,
                       betas=np.zeros(10) if betas is None else betas, last=last)
    assert found is not None
    return found


def _values(found):
    return dict(zip(EXPRESSION_NAMES, found.expression))


def _angle(one, other):
    return np.degrees(np.linalg.norm(log_so3((one @ other.T)[None])[0]))


@pytest.mark.parametrize('betas', [None, np.array([1.5, -1, 1, 0.5, 0, 0, 0, 0, 0, 0])], ids=['mean', 'another shape'])
def test_a_neutral_face_rests(fitter, observed, betas):
    found = _fit(fitter, observed(betas=betas), betas=betas)
    assert np.abs(np.degrees(found.jaw_pose)).max() < 1 and np.abs(np.degrees(found.eye_poses)).max() < 1.5
    assert np.abs(found.expression).max() < 0.06
    assert found.misfit < 0.2 and found.confidence > 0.95 and found.eye_confidence.min() > 0.95


@pytest.mark.parametrize('degrees', [5, 15, 25])
def test_the_jaw_opens_as_far_as_it_does(fitter, observed, degrees):
    found = _fit(fitter, observed(jaw=np.radians(degrees)))
    assert np.degrees(found.jaw_pose[0]) == pytest.approx(degrees, abs=1 + 0.1 * degrees)
    assert np.abs(np.degrees(found.jaw_pose[1:])).max() < 1


@pytest.mark.parametrize('down, left', [(0, 20), (0, -20), (12, 0), (-12, 0), (8, -15)])
def test_eyes_look_where_they_look(fitter, observed, down, left):
    found = _fit(fitter, observed(down=np.radians(down), left=np.radians(left)))
    np.testing.assert_allclose(np.degrees(found.eye_poses[:, :2]), [[down, left]] * 2, atol=3)


@pytest.mark.parametrize('name', EXPRESSION_NAMES)
def test_each_expression_is_told_from_the_others(fitter, observed, name):
    found = _values(_fit(fitter, observed(**{name: 0.8})))
    assert found.pop(name) > 0.4
    assert max(abs(value) for value in found.values()) < 0.25


def test_an_open_smile_is_both(fitter, observed):
    found = _fit(fitter, observed(jaw=np.radians(12), smile=0.7))
    assert np.degrees(found.jaw_pose[0]) == pytest.approx(12, abs=3) and _values(found)['smile'] > 0.4


@pytest.mark.parametrize('turn', [(0, 0.5, 0), (0, -0.5, 0), (0.3, 0.2, 0), (0, 0, 0.4)])
def test_a_turned_head_is_the_same_face(fitter, observed, turn):
    true = FACING @ exp_so3(np.array([turn]))[0]
    start = true @ exp_so3(np.array([[0.15, -0.1, 0.1]]))[0]      # the body's fit has the head some ten degrees off
    found = _fit(fitter, observed(rotation=true, jaw=0.2, left=0.2), rotation=start)
    assert _angle(start, true) > 10 and _angle(found.head_rotation, true) < 4
    assert found.jaw_pose[0] == pytest.approx(0.2, abs=0.05)
    assert found.eye_poses[:, 1] == pytest.approx(0.2, abs=0.1)


def test_the_mirror_image_is_fitted_by_the_mirrored_face(fitter, observed):
    seen = observed(jaw=0.15, left=0.2, mouth_left=0.5, left_eye_closed=0.4, smile=0.3)
    turned = replace(seen, landmarks=seen.landmarks.copy(), irises=seen.irises[::-1].copy())
    for pairs in FACE_PAIRS.values():
        for right, left in pairs:
            turned.landmarks[[right, left]] = seen.landmarks[[left, right]]
    turned.landmarks[:, 0] = 2 * CAMERA.cx - turned.landmarks[:, 0]
    turned.irises[:, 0] = 2 * CAMERA.cx - turned.irises[:, 0]
    one, other = _fit(fitter, seen), _fit(fitter, turned)
    partners, signs = np.transpose(EXPRESSION_MIRROR)
    np.testing.assert_allclose(other.expression, one.expression[partners] * signs, atol=0.01)
    np.testing.assert_allclose(other.jaw_pose, one.jaw_pose * [1, -1, -1], atol=0.005)
    np.testing.assert_allclose(other.eye_poses, one.eye_poses[::-1] * [1, -1, -1], atol=0.01)


def test_the_last_image_steadies_a_face_and_lets_it_move(fitter, observed):
    seen, rng = observed(jaw=0.2, smile=0.5), np.random.default_rng(0)

    def noisy():
        noise = rng.normal(0, 1.5, seen.landmarks.shape)
        return replace(seen, landmarks=seen.landmarks + noise, irises=seen.irises + rng.normal(0, 0.5, (2, 2)))
    alone = [_fit(fitter, noisy()) for _ in range(25)]
    followed, last = [], None
    for _ in range(30):
        found = _fit(fitter, noisy(), last=last)
        followed.append(found)
        last = LastFace(found, 1 / 30)

    def spread(faces):
        return np.std([face.expression for face in faces], axis=0).mean() + np.std([face.jaw_pose[0] for face in faces])
    assert spread(followed[5:]) < 0.8 * spread(alone)
    for _ in range(6):      # a fifth of a second later the mouth is shut
        last = LastFace(_fit(fitter, observed(), last=last), 1 / 30)
    assert last.fit.jaw_pose[0] < 0.05 and _values(last.fit)['smile'] < 0.15
    old = _fit(fitter, seen, last=LastFace(last.fit, 10.0))
    np.testing.assert_array_equal(old.expression, _fit(fitter, seen).expression)


@pytest.mark.parametrize('seed', range(3))
def test_points_in_disorder_are_no_face(fitter, observed, seed):
    seen = observed()
    rng = np.random.default_rng(seed)
    landmarks = seen.landmarks[rng.permutation(NUM_FACE_LANDMARKS)]
    found = fitter.fit(replace(seen, landmarks=landmarks), CAMERA, head_rotation=FACING, betas=np.zeros(10))
    assert found is None or found.confidence < 0.3


@pytest.mark.parametrize('change', [
    lambda landmarks: landmarks * 0, lambda landmarks: landmarks * 1e6, lambda landmarks: landmarks + [1e5, -1e5, 0],
    lambda landmarks: np.where(landmarks > 300, np.nan, landmarks), lambda landmarks: landmarks * [1, 1, 1e6],
    lambda landmarks: landmarks * np.nan, lambda landmarks: landmarks * [1e-3, 1, 1]],
    ids=['one point', 'huge', 'far away', 'in part unknown', 'deep', 'unknown', 'a line'])
def test_landmarks_of_any_kind_give_finite_numbers_or_no_face(fitter, observed, change):
    seen = observed(jaw=0.1)
    changed = replace(seen, landmarks=change(seen.landmarks))
    found = fitter.fit(changed, CAMERA, head_rotation=FACING, betas=np.zeros(10))
    if found is not None:
        for value in (found.head_rotation, found.jaw_pose, found.eye_poses, found.expression, found.confidence):
            assert np.isfinite(value).all()
        assert np.linalg.norm(found.jaw_pose) < 1.5 and np.abs(found.expression).max() < 1.5


def test_a_face_of_which_a_half_is_beyond_the_lens_is_fitted_to_the_other(fitter, observed):
    seen = observed(jaw=0.25)
    half = seen.landmarks.copy()
    middle = half[4, 0]      # the tip of the nose
    half[half[:, 0] > middle + 5, :2] = np.nan
    assert _fit(fitter, replace(seen, landmarks=half)).jaw_pose[0] == pytest.approx(0.25, abs=0.06)


def test_eyes_that_cannot_be_seen_are_not_known(fitter, observed):
    closed = _fit(fitter, observed(left_eye_closed=1.0))
    assert closed.eye_confidence[0] < 0.5 < 0.9 < closed.eye_confidence[1]
    turned = FACING @ exp_so3(np.array([[0.0, 0.9, 0.0]]))[0]     # to the person's left: that eye is hidden
    away = _fit(fitter, observed(rotation=turned), rotation=turned)
    assert away.eye_confidence[0] < 0.2 < 0.8 < away.eye_confidence[1]
    unsure = _fit(fitter, replace(observed(), confidence=0.4))
    assert unsure.confidence <= 0.4 and unsure.eye_confidence.max() <= 0.4
