"""Readers of data sets on small files in the published formats: what they see is where it should be, and errors say."""

import os
import pickle

import cv2
import numpy as np
import pytest
from dataset_files import (
    STILL,
    write_agora,
    write_arctic,
    write_ehf,
    write_frame,
    write_freihand,
    write_hic,
    write_interhand,
    write_json,
    write_ply,
    write_reinterhand,
)
from scipy.spatial.transform import Rotation

from hand4whole_ros import keypoints, skeleton
from hand4whole_ros.checkpoints.store import Store
from hand4whole_ros.datasets import DatasetError, catalogue
from hand4whole_ros.datasets.annotated_bodies import GroundTruthBodies
from hand4whole_ros.datasets.mesh_files import read_vertices
from hand4whole_ros.datasets.npy_files import read_npy_dict
from hand4whole_ros.datasets.pandas_pickles import read_frame
from hand4whole_ros.datasets.registry import open_dataset
from hand4whole_ros.datasets.reinterhand import TEST_CAPTURES
from hand4whole_ros.datasets.targets import make_targets
from hand4whole_ros.media import image_files

pytestmark = pytest.mark.usefixtures('one_thread')


@pytest.fixture(scope='module')
def bodies(genders):
    return GroundTruthBodies(Store(genders))


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def same(points, expected, tolerance=2e-5):
    assert np.abs(np.asarray(points) - np.asarray(expected)).max() < tolerance


def check(sample, bodies):
    """What holds of every sample: its parameters pose its own mesh, its box is around it, its picture can be read."""
    assert image_files.read_image(sample.picture).shape[:2] == (sample.intrinsics.height, sample.intrinsics.width)
    assert sample.bbox_xywh.shape == (4,) and (sample.bbox_xywh[2:] > 0).all()
    told = make_targets(sample)
    shapes = {name: (array.shape, array.dtype) for name, array in told.as_dict().items()}
    assert shapes['rotations'] == ((55, 3), np.float32) and shapes['keypoints_known'] == ((137,), bool)
    assert all(np.isfinite(array).all() for array in told.as_dict().values())
    for side in skeleton.SIDES:
        hand = sample.hand(side)
        if hand is not None and hand.betas is not None:
            fingers = hand.hand_pose - bodies.mano[side].hands_mean.numpy()
            posed = bodies.hand(side, np.concatenate([hand.global_orient, fingers.ravel()]), hand.betas, np.zeros(3),
                                motion=STILL)
            same(posed.vertices - posed.keypoints_3d[0], hand.vertices - hand.keypoints_3d[0])
    return told


# -- body sets ---------------------------------------------------------------------------------------------------------

def test_ehf(tmp_path, bodies, rng):
    seen = write_ehf(tmp_path / 'EHF', bodies, rng)
    reader = open_dataset('ehf', tmp_path, bodies=bodies)
    assert len(reader) == 2 and [sample.key for sample in reader] == ['01', '02']
    for sample, expected in zip(reader, seen):
        told = check(sample, bodies)
        same(sample.body.vertices, expected)
        same(sample.body.joints[0], bodies.smplx().J_regressor[0].numpy() @ expected)
        same(sample.left_hand.vertices, expected[bodies.hand_vertices['left']])
        assert not told.rotations_known.any() and not told.betas_known and told.keypoints_known.sum() == 120
        nose = keypoints.KEYPOINT['nose']
        pixel, _ = cv2.projectPoints(expected[9120], np.zeros(3), np.zeros(3), sample.intrinsics.matrix, None)
        same(told.keypoints_2d[nose], pixel.ravel(), 0.05)


@pytest.fixture(scope='module')
def arctic(tmp_path_factory, bodies):
    root = tmp_path_factory.mktemp('arctic')
    return root, write_arctic(root / 'arctic_data/data', bodies, np.random.default_rng(8))


def test_arctic(arctic, bodies):
    root, (parts, template, betas, (turn, shift), matrix) = arctic
    reader = open_dataset('arctic', root, bodies=bodies)
    # Every tenth picture that has a truth: frame 0 comes before the sequence begins, 30 after its end.
    assert [sample.key for sample in reader] == [f's05/box_use_01/{k}/000{f}' for k in (0, 1) for f in (10, 20)]
    sample = reader[2]
    told = check(sample, bodies)
    local = np.concatenate([parts[name][7].reshape(-1, 3) for name in skeleton.POSE_SLICES])
    posed = bodies.body(local, betas, np.zeros(10), parts['transl'][7], motion=STILL, gender='male')
    same(sample.body.vertices, posed.vertices @ turn.T + shift)
    same(sample.body.betas, betas, 1e-3)     # neutral betas of a person who is given as a mesh
    assert sample.intrinsics.fx == 150 and sample.intrinsics.width == 160
    pixel, _ = cv2.projectPoints(posed.joints[20], cv2.Rodrigues(turn)[0], shift, np.array(matrix), None)
    same(sample.intrinsics.project(sample.body.joints[20]), (pixel.ravel() + 0.5) / 2 - 0.5, 0.01)
    wrist = Rotation.from_rotvec(sample.right_hand.global_orient).as_matrix()
    expected = turn
    chain = [skeleton.JOINT[name] for name in ('pelvis', 'spine1', 'spine2', 'spine3', 'right_collar', 'right_shoulder',
                                               'right_elbow', 'right_wrist')]
    for joint in chain:
        expected = expected @ Rotation.from_rotvec(local[joint]).as_matrix()
    same(wrist, expected, 1e-6)
    # Nobody looked at the face.
    assert not told.expression_known and not told.rotations_known[22:25].any() and told.rotations_known.sum() == 52
    assert told.keypoints_known.sum() == 65 and told.betas_known and not told.wrists_known.any()


def test_arctic_from_the_head(arctic, bodies):
    root, _ = arctic
    sample, aside, *_ = open_dataset('arctic', root, bodies=bodies)
    check(sample, bodies)
    lens = np.linspace(0.01, 0.05, 8)
    pixels, _ = cv2.projectPoints(sample.body.joints, np.zeros(3), np.zeros(3),
                                  np.array([[60.0, 0, 40], [0, 60, 30], [0, 0, 1]]), lens)
    same(sample.intrinsics.project(sample.body.joints), pixels[:, 0], 1e-6)
    left, top, width, height = sample.bbox_xywh
    assert left > -0.2 * 80 and left + width < 1.2 * 80 and top > -0.2 * 60 and top + height < 1.2 * 60
    assert (aside.bbox_xywh == 0).all()     # it shows neither hand


@pytest.mark.parametrize('with_points', [True, False])
def test_agora(tmp_path, bodies, rng, with_points):
    """Frames of both kinds, pickled by old and new pandas, of pictures of both sizes, lead to the same bodies."""
    seen = write_agora(tmp_path, bodies, rng, with_points)
    reader = open_dataset('agora', tmp_path, bodies=bodies)
    assert [sample.key for sample in reader] == list(seen)[:3]
    for sample in reader:
        mesh, points, parts = seen[sample.key]
        told = check(sample, bodies)
        same(sample.body.vertices, mesh, 1e-4)
        same(sample.body.joints, points[:55], 1e-4)
        assert told.keypoints_known.sum() == (120 if with_points else 137)
        assert told.rotations_known.all() and told.expression_known and not told.related
        same(sample.body.local_rotations[1:], parts['local'][1:], 1e-6)
        assert (sample.body.betas is None) == with_points
        posed = bodies.body(sample.body.local_rotations, parts['betas'], parts['expression'], np.zeros(3), motion=STILL)
        same(posed.vertices - posed.joints[0], mesh - points[0], 1e-4)
    if not with_points:     # to train, the small frames are taken, and nobody opens the others
        os.link(tmp_path / 'Cam/validation_0.pkl', tmp_path / 'Cam/train_0.pkl')
        (tmp_path / 'Cam/train_0_withjv.pkl').write_bytes(b'gigabytes')
        assert len(open_dataset('agora', tmp_path, 'train', bodies)) == 3
    # In the picture: the camera of 50 mm stands at 1.7 m, five metres away, and looks straight ahead.
    hdri = reader[0]
    pelvis = hdri.body.joints[0]
    assert 3 < pelvis[2] < 7
    same(hdri.intrinsics.project(pelvis), pelvis[:2] / pelvis[2] * 50 / 36 * 384 + (192, 108), 1e-6)


def test_readers_go_to_the_processes_of_a_loader(arctic, bodies):
    root, _ = arctic
    reader = open_dataset('arctic', root, bodies=bodies)
    there = pickle.loads(pickle.dumps(reader))
    same(there[2].body.vertices, reader[2].body.vertices, 1e-9)


# -- hand sets ---------------------------------------------------------------------------------------------------------

def expect_hands(sample, turn, shift, fits, bodies):
    for side in skeleton.SIDES:
        fit = fits[side]
        world = bodies.hand(side, fit['pose'], fit['shape'], fit['trans'], motion=STILL)
        same(sample.hand(side).vertices, world.vertices @ turn.T + shift)
        same(sample.hand(side).keypoints_3d, world.keypoints_3d @ turn.T + shift)
    same(sample.up, turn @ (0, -1, 0))


def knows_hands_only(told):
    fingers = [*range(25, 55)]
    assert told.rotations_known.nonzero()[0].tolist() == fingers and told.wrists_known.all()
    assert told.keypoints_known.sum() == 42 and told.related and told.upright
    assert not told.betas_known and not told.expression_known and told.hand_betas_known.all()


def test_interhand(tmp_path, bodies, rng):
    turn, shift, fits = write_interhand(tmp_path / 'data', rng)
    reader = open_dataset('interhand', tmp_path, bodies=bodies)
    assert len(reader) == 2     # the third has no right hand
    for sample, frame in zip(reader, ('5', '6')):
        knows_hands_only(check(sample, bodies))
        expect_hands(sample, turn, shift, fits[frame], bodies)
    assert sample.intrinsics.fy == 510 and sample.bbox_xywh.tolist() == [0, 0, 64, 48]
    (tmp_path / 'data/annotations/aid_ih_test.txt').write_text('106\n')
    listed = open_dataset('interhand', tmp_path, bodies=bodies)
    assert [sample.key for sample in listed] == ['test/Capture0/x/cam1/image6.jpg']


def test_reinterhand(tmp_path, bodies, rng):
    capture = sorted(TEST_CAPTURES)[0]
    turn, shift, fits = write_reinterhand(tmp_path, rng, capture)
    write_reinterhand(tmp_path, rng, 'another')
    reader = open_dataset('reinterhand', tmp_path, bodies=bodies)
    assert [sample.key for sample in reader] == [f'{capture}/400/0000{frame}' for frame in fits]
    for sample, fit in zip(reader, fits.values()):
        knows_hands_only(check(sample, bodies))
        expect_hands(sample, turn, shift, fit, bodies)
    assert open_dataset('reinterhand', tmp_path, 'train', bodies)[0].key.startswith('another/')


def test_hic(tmp_path, bodies, rng):
    meshes = write_hic(tmp_path, rng)
    pair, single = open_dataset('hic', tmp_path, bodies=bodies)
    told = check(pair, bodies)
    same(pair.left_hand.vertices, meshes[0]['left'])
    same(single.right_hand.vertices, meshes[1]['right'])
    same(pair.right_hand.keypoints_3d[4], meshes[0]['right'][745])
    assert pair.related and single.left_hand is None and not single.related and pair.intrinsics.fx == 525
    assert told.keypoints_known.sum() == 42 and not told.rotations_known.any() and not told.upright


def test_freihand_needs_no_licensed_file(tmp_path, rng):
    truth = write_freihand(tmp_path / 'FreiHAND_pub_v2_eval', rng)
    reader = open_dataset('freihand', tmp_path, bodies=GroundTruthBodies(Store(tmp_path / 'nothing')))
    assert len(reader) == 3
    for k, sample in enumerate(reader):
        check(sample, reader.bodies)
        same(sample.right_hand.keypoints_3d, truth['xyz'][k], 1e-6)
        same(sample.right_hand.vertices, truth['verts'][k], 1e-6)
        assert sample.left_hand is None and sample.intrinsics.matrix[1].tolist() == [0, 481, 113]


def test_a_hand_behind_the_camera_has_no_pixels(tmp_path, rng):
    write_freihand(tmp_path, rng)
    sample = open_dataset('freihand', tmp_path, bodies=GroundTruthBodies(Store(tmp_path)))[0]
    sample.right_hand.keypoints_3d[3, 2] = -1
    told = make_targets(sample)
    thumb = keypoints.KEYPOINT['right_thumb3']
    assert told.keypoints_known[thumb] and not told.pixels_known[thumb] and (told.keypoints_2d[thumb] == 0).all()
    assert told.pixels_known.sum() == 20


# -- what can be wrong -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('name', catalogue.NAMES)
def test_a_wrong_folder_is_one_line_that_says_where_the_data_set_comes_from(name, tmp_path, bodies):
    (tmp_path / 'some').mkdir()
    (tmp_path / 'some/file.txt').write_text('x')
    info = catalogue.dataset_info(name)
    with pytest.raises(DatasetError) as caught:
        open_dataset(name, tmp_path, bodies=bodies)
    assert '\n' not in str(caught.value) and info.page in str(caught.value) and str(tmp_path) in str(caught.value)
    with pytest.raises(DatasetError, match='no such folder'):
        open_dataset(name, tmp_path / 'nowhere', bodies=bodies)
    with pytest.raises(ValueError, match='has the splits'):
        open_dataset(name, tmp_path, 'x', bodies)


def test_an_unknown_data_set_is_named():
    with pytest.raises(ValueError, match='known are agora'):
        open_dataset('h36m', '.')


def test_licensed_files_that_are_missing_are_named(tmp_path, bodies, rng):
    write_interhand(tmp_path / 'data', rng)
    reader = open_dataset('interhand', tmp_path, bodies=GroundTruthBodies(Store(tmp_path / 'nothing')))
    with pytest.raises(DatasetError, match='hand4whole weights fetch MANO_RIGHT'):
        reader[0]


@pytest.mark.parametrize('break_it, says', [
    (lambda root: (root / 'HIC.json').write_text('{"images": ['), r'HIC.json: cannot be read as JSON'),
    (lambda root: write_json(root / 'HIC.json', {'images': []}), r"not in the form of HIC .*lacks 'annotations'"),
    (lambda root: (root / 'seq/rgb/0.png').unlink(), 'seq/rgb/0.png: not found; HIC'),
    (lambda root: (root / 'seq/0_left.ply').write_bytes(b'ply\nformat x'), '0_left.ply: not in the form of HIC'),
    (lambda root: write_ply(root / 'seq/0_left.ply', np.zeros((5, 3))), '0_left.ply: 778 vertices of finite numbers')])
def test_broken_files_are_one_line(tmp_path, bodies, rng, break_it, says):
    write_hic(tmp_path, rng)
    break_it(tmp_path)
    with pytest.raises(DatasetError, match=says) as caught:
        open_dataset('hic', tmp_path, bodies=bodies)[0]
    assert '\n' not in str(caught.value)


def test_a_mesh_that_promises_more_than_it_holds_is_refused(tmp_path):
    path = tmp_path / 'x.ply'
    path.write_bytes(b'ply\nformat binary_little_endian 1.0\nelement vertex 2000000000\nproperty double x\n'
                     b'property double y\nproperty double z\nend_header\n' + b'\0' * 64)
    with pytest.raises(DatasetError, match='not in the form of'):
        read_vertices(path, 2000000000, catalogue.dataset_info('ehf'))


class _Evil:
    def __init__(self, proof):
        self._proof = proof

    def __reduce__(self):
        return os.mkdir, (str(self._proof),)


def test_tables_and_dictionaries_run_nothing(tmp_path):
    proof = tmp_path / 'it_was_run'
    frame, table = tmp_path / 'frame.pkl', tmp_path / 'x.npy'
    write_frame(frame, {'imgPath': ['a', _Evil(proof)], 'camX': [1.0, 2.0]})
    np.save(table, {'global_orient': np.zeros(3), 'more': _Evil(proof)}, allow_pickle=True)
    with pytest.raises(DatasetError, match='asks for posix.mkdir'):
        read_frame(frame)
    with pytest.raises(DatasetError, match='asks for posix.mkdir'):
        read_npy_dict(table, catalogue.dataset_info('arctic'))
    assert not proof.exists()


@pytest.mark.parametrize('protocol', [2, 4, 5])
@pytest.mark.parametrize('new', [True, False])
def test_tables_of_old_and_new_pandas(tmp_path, new, protocol):
    columns = {'name': ['a', 'b'], 'camX': [1.5, 2.5], 'many': [[np.ones(3), np.zeros(2)], [np.arange(2)]],
               'flags': [np.array([True, False]), np.array([True])]}
    write_frame(tmp_path / 'x.pkl', columns, new, protocol)
    found = read_frame(tmp_path / 'x.pkl')
    assert list(found) == list(columns)
    assert found['name'].tolist() == ['a', 'b'] and found['camX'].tolist() == [1.5, 2.5]
    assert found['many'][0][1].tolist() == [0, 0] and found['flags'][0].dtype == bool


@pytest.mark.parametrize('content', [b'', b'garbage', pickle.dumps([1, 2]), pickle.dumps(np.zeros(3))])
def test_what_is_no_table_is_one_line(tmp_path, content):
    (tmp_path / 'x.pkl').write_bytes(content)
    with pytest.raises(DatasetError, match='cannot be read as a pickled data frame'):
        read_frame(tmp_path / 'x.pkl')
    np.save(tmp_path / 'x.npy', np.zeros(3))
    with pytest.raises(DatasetError, match='one dictionary expected'):
        read_npy_dict(tmp_path / 'x.npy', catalogue.dataset_info('arctic'))
