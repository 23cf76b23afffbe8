"""WiLoR as an estimator: hands alone, with small weights made from names, before the camera and mirrored."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from mirrored_hands import check_mirrored
from scipy.spatial.transform import Rotation
from test_wilor_detector import TINY, named, save_as_library

from hand4whole_ros import estimators
from hand4whole_ros.body.mano import Mano
from hand4whole_ros.checkpoints.files import MANO_RIGHT
from hand4whole_ros.checkpoints.store import Store
from hand4whole_ros.checkpoints.wilor import load_random_wilor
from hand4whole_ros.checkpoints.wilor_detector import load_random_wilor_detector
from hand4whole_ros.detection.hand_detectors import HandBox, LandmarkHandDetector, WiLoRHandDetector
from hand4whole_ros.estimate import BEHIND
from hand4whole_ros.estimators import EstimatorConfig, EstimatorUnavailable
from hand4whole_ros.geometry.camera import Intrinsics
from hand4whole_ros.networks.wilor import CROP_SIZE, FOCAL, WILOR_TINY

pytest.importorskip('ai_edge_litert')

SIZE, BOX = 320, np.array([100.0, 80, 180, 190])
#: As the crop of BOX is seen by the network.
LONG = FOCAL / CROP_SIZE * 2 * 110


@pytest.fixture(scope='module')
def config(published_folder):
    return EstimatorConfig('wilor', device='cpu', weights_folder=published_folder, weights='random-tiny',
                           precision='fp32', static_images=True)


class Given:
    """A detector of hands that are known."""

    def __init__(self, *hands):
        self.hands = list(hands)

    def detect(self, image):
        return self.hands

    def reset(self):
        self.hands = []

    close = reset


def box(side, x=BOX, confidence=0.8):
    return HandBox(side, 0.9, confidence, np.asarray(x), np.zeros((21, 2)))


def mirrored(x):
    return np.array([SIZE - 1 - x[2], x[1], SIZE - 1 - x[0], x[3]])


def camera(focal=400.0, middle=(SIZE - 1) / 2):
    return Intrinsics(focal, focal, middle, middle, SIZE, SIZE)


def seen(estimator, monkeypatch, image, *hands, intrinsics=None):
    monkeypatch.setattr(estimator, '_detector', Given(*hands))
    assert estimator.estimate(image, intrinsics or camera()) == []
    return estimator.loose_hands


@pytest.fixture(scope='module')
def image():
    return np.random.default_rng(1).integers(0, 255, (SIZE, SIZE, 3), np.uint8)


def test_a_left_hand_is_the_mirror_image_of_a_right_one(estimator, monkeypatch, image):
    right, = seen(estimator, monkeypatch, image, box('right'))
    left, = seen(estimator, monkeypatch, np.ascontiguousarray(image[:, ::-1]), box('left', mirrored(BOX)))
    assert (right.side, left.side) == ('right', 'left') and right.confidence == 0.8 and right.side_confidence == 0.9
    check_mirrored(left, right, SIZE)
    np.testing.assert_allclose(left.betas, right.betas, atol=1e-5)


def test_rotations_and_keypoints_are_of_one_hand(estimator, monkeypatch, image, published_folder):
    hand, = seen(estimator, monkeypatch, image, box('right', BOX + [-60, 30, -60, 30]))
    fingers = Rotation.from_rotvec(hand.finger_pose).as_matrix()
    mano = Mano.load(Store(published_folder).require(MANO_RIGHT))
    posed = mano(torch.from_numpy(hand.wrist_rotation)[None, None], torch.from_numpy(fingers)[None].float(),
                 torch.from_numpy(hand.betas)[None])
    points = posed.keypoints[0] - posed.keypoints[0, :1]
    np.testing.assert_allclose(hand.keypoints_3d - hand.keypoints_3d[:1], points, atol=1e-4)


def test_through_a_lens_as_long_as_the_networks_a_hand_is_where_it_is_seen(estimator, monkeypatch, image):
    for side in ('left', 'right'):
        intrinsics = camera(LONG)
        hand, = seen(estimator, monkeypatch, image, box(side), intrinsics=intrinsics)
        off = np.abs(intrinsics.project(hand.keypoints_3d) - hand.keypoints_2d)
        assert off.max() < 0.3, off.max()


def test_hands_are_one_batch_and_as_many_as_wanted(estimator, monkeypatch, image):
    hands = [box(side, BOX + 10 * k, 0.9 - 0.1 * k) for k, side in enumerate(('left', 'right', 'right'))]
    batches = []
    handle = estimator.network.register_forward_hook(lambda module, given, result: batches.append(len(given[0])))
    together = seen(estimator, monkeypatch, image, *hands)
    monkeypatch.setattr(estimator, '_at_once', 2)
    apart = seen(estimator, monkeypatch, image, *hands)
    assert estimator.reduce_memory() and not estimator.reduce_memory()
    monkeypatch.setattr(estimator, '_max_hands', 1)
    few = seen(estimator, monkeypatch, image, *hands)
    handle.remove()
    assert batches == [3, 2, 1, 1] and [hand.side for hand in few] == ['left']
    for one, other in zip(together, apart, strict=True):
        np.testing.assert_allclose(one.keypoints_3d, other.keypoints_3d, atol=1e-4)


def test_hands_that_cannot_be_are_refused_and_counted(estimator, monkeypatch, image):
    import hand4whole_ros.networks.wilor as wilor
    place = wilor.place_hands

    def broken(hands, left, boxes, centre):
        placed = place(hands, left, boxes, centre)
        return replace(placed, transl=placed.transl * torch.nan)
    monkeypatch.setattr('hand4whole_ros.estimators.wilor.place_hands', broken)
    assert seen(estimator, monkeypatch, image, box('right')) == []
    assert estimator.refused_hands['not finite'] >= 1 and BEHIND not in estimator.refused_hands


def test_hands_of_a_picture_are_found_by_their_palms(estimator, hands_alone):
    assert isinstance(estimator._detector, LandmarkHandDetector)
    found = []
    for picture, _, pixels, intrinsics in hands_alone:
        assert estimator.estimate(picture, intrinsics) == []
        found += [np.linalg.norm(hand.keypoints_2d.mean(0) - pixels.mean(0)) / np.ptp(pixels, axis=0).max()
                  for hand in estimator.loose_hands if hand.visible]
    assert found and np.median(found) < 1.5     # weights are made up, the box is the hand's
    assert estimator.estimate(np.full((240, 320, 3), 90, np.uint8), Intrinsics.from_fov(320, 240)) == []
    assert estimator.loose_hands == []


def test_the_own_detector_with_made_up_weights(config, image):
    made = estimators.create(replace(config, detector='wilor', max_hands=3))
    made._detector._hands.min_score = 0.0
    made.estimate(image, camera())
    hands = made.loose_hands
    made.close()
    assert len(hands) == 3 and all(hand.rejection_reason() == '' and hand.track_id == -1 for hand in hands)


def test_published_files_are_read_and_its_own_detector_is_taken_where_it_is(tmp_path, published_folder, config,
                                                                            monkeypatch, image):
    mano = Mano.load(Store(published_folder).require(MANO_RIGHT))
    network = load_random_wilor(mano, WILOR_TINY)
    torch.save({'state_dict': {**network.state_dict(), 'mano.x': torch.zeros(1)}}, tmp_path / 'wilor_final.ckpt')
    (tmp_path / 'MANO_RIGHT.npz').symlink_to(published_folder / 'mano/MANO_RIGHT.npz')
    monkeypatch.setattr('hand4whole_ros.checkpoints.wilor.load_wilor.__defaults__', (None, WILOR_TINY, 'cpu'))
    wanted = replace(config, weights='published', weights_folder=tmp_path)
    made = estimators.create(wanted)
    assert isinstance(made._detector, LandmarkHandDetector)
    one, = seen(made, monkeypatch, image, box('right'))
    other, = seen(estimators.create(config), monkeypatch, image, box('right'))
    np.testing.assert_allclose(one.keypoints_3d, other.keypoints_3d)
    with pytest.raises(EstimatorUnavailable, match='detector.pt is not in .*hand4whole weights fetch detector.pt'):
        estimators.create(replace(wanted, detector='wilor'))
    save_as_library(named(load_random_wilor_detector(TINY)[0], {0: 'left', 1: 'right'}), tmp_path / 'detector.pt')
    made = estimators.create(wanted)
    assert isinstance(made._detector, WiLoRHandDetector)
    made.estimate(image, camera())
    made.close()


def test_what_is_missing_is_said(tmp_path, config):
    with pytest.raises(EstimatorUnavailable, match='MANO_RIGHT.npz is not in .*hand4whole weights fetch'):
        estimators.create(replace(config, weights_folder=tmp_path))
    with pytest.raises(EstimatorUnavailable, match='wilor_final.ckpt is not in .*hand4whole weights fetch'):
        estimators.create(replace(config, weights='published'))
    with pytest.raises(EstimatorUnavailable, match='unknown detector .best.; known are auto, mediapipe, wilor'):
        estimators.create(replace(config, detector='best'))
    with pytest.raises(EstimatorUnavailable, match='detector wilor finds hands alone'):
        estimators.create(replace(config, estimator='hand4whole', detector='wilor'))
