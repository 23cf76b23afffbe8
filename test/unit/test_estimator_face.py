"""The option face of the estimators that need no licensed file, from the image to what they write."""

import json

import cv2
import numpy as np
import pytest
from posed_layer import pose_with_layer

pytest.importorskip('ai_edge_litert')
pytest.importorskip('anny')

from hand4whole_ros import estimators  # noqa: E402
from hand4whole_ros.body.face_shapes import EXPRESSION_NAMES  # noqa: E402
from hand4whole_ros.body.open_body import FACE_KEY, load_arrays  # noqa: E402
from hand4whole_ros.cli import main  # noqa: E402
from hand4whole_ros.estimators import EstimatorConfig, EstimatorUnavailable  # noqa: E402
from hand4whole_ros.skeleton import JOINT  # noqa: E402
from hand4whole_ros.synthetic.heads import FACING, WIDE, WIDE_PLACE, HeadPose  # noqa: E402

pytestmark = pytest.mark.usefixtures('searched_once')

FACE = [JOINT['jaw'], JOINT['left_eye'], JOINT['right_eye']]
BEHIND = FACING @ np.diag([-1.0, 1.0, -1.0])
UPPER_LIP, LOWER_LIP = 13, 14


@pytest.fixture(scope='module', params=('mediapipe', 'open'))
def config(request):
    return EstimatorConfig(request.param, static_images=True, face=True, max_people=1)


def _draw(**drawn):
    return HeadPose(place=WIDE_PLACE, **drawn).draw(WIDE)


def _person(estimator, **drawn):
    found = estimator.estimate(_draw(**drawn), WIDE)
    assert len(found) == 1
    return found[0]


def test_an_open_mouth_is_open_in_pose_joints_and_mesh(estimator):
    shut, opened = _person(estimator), _person(estimator, jaw=np.radians(16))
    assert abs(float(shut.jaw_pose[0])) < 0.06 and float(opened.jaw_pose[0]) == pytest.approx(np.radians(16), abs=0.1)
    lips = load_arrays()[FACE_KEY][[UPPER_LIP, LOWER_LIP]]
    meshes = [estimator.body.vertices(person) for person in (shut, opened)]
    gaps = [float(np.linalg.norm(mesh[lips[0]] - mesh[lips[1]])) for mesh in meshes]
    assert gaps[1] > gaps[0] + 0.008
    assert all(person.joint_confidence[FACE].min() > 0.6 and 'face' in person.stage_times for person in (shut, opened))
    # Every number of the estimate is of the one pose.
    posed = pose_with_layer(estimator.body, opened)
    assert np.abs(posed.joint_rotations - opened.joint_rotations)[FACE].max() < 1e-3
    assert np.abs(posed.joints - opened.joints)[FACE].max() < 1e-3


def test_a_smile_is_in_the_expression(estimator):
    smile = EXPRESSION_NAMES.index('smile')
    neutral, smiling = _person(estimator), _person(estimator, expression={'smile': 1.0})
    assert float(smiling.expression[smile]) > float(neutral.expression[smile]) + 0.25


def test_nobodys_face_is_known_from_behind(estimator):
    found = _person(estimator, rotation=BEHIND)
    for name in ('jaw_pose', 'leye_pose', 'reye_pose', 'expression'):
        assert not getattr(found, name).any(), name
    assert not found.joint_confidence[FACE].any()


def test_without_the_option_the_face_rests_as_it_did():
    estimator = estimators.create(EstimatorConfig('mediapipe', static_images=True))
    found = _person(estimator, jaw=np.radians(16), expression={'smile': 1.0})
    assert not found.jaw_pose.any() and not found.expression.any() and 'face' not in found.stage_times
    assert found.joint_confidence[FACE].min() > 0.05
    estimator.close()


def test_a_video_is_followed_and_a_new_one_begins_anew():
    """A mouth that opens and shuts; after a reset the first image is fitted as if nothing had come before."""
    estimator, jaws = estimators.create(EstimatorConfig('mediapipe', face=True)), []
    degrees = [0, 0, 8, 16, 16, 8, 0, 0]
    images = [_draw(jaw=np.radians(one)) for one in degrees]
    for k, image in enumerate(images):
        found = estimator.estimate(image, WIDE, k / 15)
        jaws.append(np.degrees(float(found[0].jaw_pose[0])) if found else np.nan)
    assert np.nanmax(jaws[3:5]) > 9 > 4 > jaws[-1]
    estimator.reset()
    again = estimator.estimate(images[0], WIDE, 0.0)
    assert not again or np.degrees(float(again[0].jaw_pose[0])) == pytest.approx(jaws[0], abs=1.5)
    estimator.close()


def test_a_licensed_body_has_no_landmarks_of_the_face_and_that_is_said(published_folder):
    path = next(published_folder.rglob('SMPLX_NEUTRAL.npz'))
    with pytest.raises(EstimatorUnavailable, match='faces are fitted to the open body alone'):
        estimators.create(EstimatorConfig('mediapipe', body_model=path, face=True))


def test_the_command_writes_the_face(tmp_path, monkeypatch):
    cv2.imwrite(str(tmp_path / 'open.png'), _draw(jaw=np.radians(16))[:, :, ::-1])
    monkeypatch.chdir(tmp_path)
    for options, moved in ((['--face'], True), ([], False)):
        assert main.main(['estimate', 'open.png', '--json', 'out.json', '--estimator', 'mediapipe', '--focal', '900',
                          *options]) == 0
        person, = json.loads((tmp_path / 'out.json').read_text())['open.png']
        assert (np.ravel(person['jaw_pose'])[0] > 0.1) == moved
        assert bool(np.any(person['expression'])) == moved


def test_every_number_is_finite_wherever_the_face_is_cut(estimator):
    image = _draw(jaw=0.2)
    for left, top, width, height in ((0, 0, 480, 330), (200, 60, 280, 400), (0, 120, 260, 400), (0, 130, 480, 300)):
        part = np.ascontiguousarray(image[top:top + height, left:left + width])
        for found in estimator.estimate(part, WIDE.cropped(left, top, width, height)):
            assert found.is_finite() and np.isfinite(found.expression).all()
            assert 0 <= found.joint_confidence.min() and found.joint_confidence.max() <= 1
