"""WiLoR's hand detector: what its outputs mean, its file without the library that made it, and equality with that."""

import os
import pickle
import sys
import types

import numpy as np
import pytest
import torch
from parity import deterministic as D

from hand4whole_ros.checkpoints import CheckpointError, command
from hand4whole_ros.checkpoints.safe_pickle.pickled_models import read_pickled_model
from hand4whole_ros.checkpoints.store import Store
from hand4whole_ros.checkpoints.wilor_detector import (
    load_random_wilor_detector,
    load_wilor_detector,
    read_wilor_detector,
)
from hand4whole_ros.detection.wilor_hands import WiLoRHands, letterbox_image, non_maximum_suppression
from hand4whole_ros.networks import wilor_detector
from hand4whole_ros.networks.wilor_detector import (
    WILOR_DETECTOR,
    WILOR_DETECTOR_TINY,
    WiLoRDetector,
    config_from_shapes,
)

TINY = WILOR_DETECTOR_TINY


@pytest.fixture(autouse=True)
def _no_gradients():
    with torch.no_grad():
        yield


@pytest.fixture(scope='module')
def network():
    return load_random_wilor_detector(TINY)[0]


def constant(network):
    """The network, saying the same of every cell, whatever it sees; and its last layers."""
    head = network.model['22']
    last = [[branch[k][2] for k in range(3)] for branch in (head.cv2, head.cv3, head.cv4)]
    for branch in last:
        for conv in branch:
            conv.weight.zero_()
            conv.bias.zero_()
    return last


def test_boxes_are_told_from_centres_and_keypoints_from_corners():
    network = load_random_wilor_detector(TINY)[0]
    box, score, points = constant(network)
    for conv in box:     # left 1, up 2, right 3, down 4 cells
        for edge, cells in enumerate((1, 2, 3, 4)):
            conv.bias[16 * edge + cells] = 40
    for conv in score:
        conv.bias.copy_(torch.tensor([-1., 1]))
    for conv in points:
        conv.bias[:3] = torch.tensor([0.25, -0.5, 2])
    found = network(torch.zeros(1, 3, 64, 96))
    counts = [8 * 12, 4 * 6, 2 * 3]
    assert found.boxes.shape == (1, sum(counts), 4) and found.keypoints.shape == (1, sum(counts), 21, 2)
    # The second cell of the third row, on the finest scale: its centre is at (12, 20).
    cell = 2 * 12 + 1
    torch.testing.assert_close(found.boxes[0, cell], torch.tensor([12 - 8, 20 - 16, 12 + 24, 20. + 32]))
    torch.testing.assert_close(found.keypoints[0, cell, :2], torch.tensor([[8 + 4., 16 - 8], [8, 16]]))
    torch.testing.assert_close(found.keypoint_scores[0, cell, :2], torch.tensor([2., 0]).sigmoid())
    torch.testing.assert_close(found.scores[0, cell], torch.tensor([-1., 1]).sigmoid())
    # The last cell of the coarsest scale: its centre is at (80, 48).
    torch.testing.assert_close(found.boxes[0, -1], torch.tensor([80 - 32., 48 - 64, 80 + 96, 48 + 128]))


def test_distances_are_expectations_over_bins():
    expectation = wilor_detector.DistributionExpectation()
    logits = torch.zeros(1, 4, 16, 1)
    logits[0, 1, [3, 4]] = 50
    logits[0, 2, 15] = 50
    torch.testing.assert_close(expectation(logits.flatten(1, 2)), torch.tensor([[[7.5, 3.5, 15, 7.5]]]))


def test_pictures_of_a_batch_are_each_what_they_are_alone(network):
    picture = D.image('hands', 96, 64, batch=3)
    together = network(picture)
    for k in range(3):
        for one, many in zip(network(picture[k:k + 1]), together):
            torch.testing.assert_close(many[k:k + 1], one, rtol=1e-4, atol=1e-4)


def test_the_dimensions_are_read_off_the_weights():
    for config in (TINY, WILOR_DETECTOR):
        with torch.device('meta'):
            shapes = {name: tuple(value.shape) for name, value in WiLoRDetector(config).state_dict().items()}
        assert config_from_shapes(shapes) == config
    with pytest.raises(KeyError, match='model.0.conv.weight'):
        config_from_shapes({})


def test_pictures_are_fitted_and_places_come_back():
    for height, width in ((480, 640), (333, 517), (100, 90), (1, 700), (720, 1280)):
        picture, scale, corner = letterbox_image(np.zeros((height, width, 3), np.uint8))
        assert picture.shape[0] % 32 == picture.shape[1] % 32 == 0 and max(picture.shape) == 640
        inside = (picture == 0).all(-1)
        rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        np.testing.assert_allclose([columns[0], rows[0]], corner)
        np.testing.assert_allclose([columns[-1] + 1, rows[-1] + 1], corner + scale * [width, height], rtol=1e-6)
        assert (picture[~inside] == 114).all()


def test_of_boxes_that_overlap_the_better_one_counts():
    boxes = np.array([[0., 0, 10, 10], [1, 0, 11, 10], [0, 0, 10, 5], [50, 50, 60, 60]])
    assert non_maximum_suppression(boxes, np.zeros(4), 0.7) == [0, 2, 3]
    assert non_maximum_suppression(boxes, np.array([0, 1, 0, 0]), 0.7) == [0, 1, 2, 3]
    assert non_maximum_suppression(boxes[:0], np.zeros(0), 0.7) == []
    assert non_maximum_suppression(boxes, np.zeros(4), 0.7, 2) == [0, 2]


def test_hands_in_a_picture():
    """One cell of one scale says there is a right hand: its box and keypoints are where they are in the picture."""
    network = load_random_wilor_detector(TINY)[0]
    box, score, points = constant(network)
    for conv in box:
        conv.bias.view(4, 16)[:, 2] = 40
    for conv in score:
        conv.bias.fill_(-20)
    detector = WiLoRHands(network, ('left', 'right'))
    image = np.zeros((320, 640, 3), np.uint8)
    assert detector.detect(image) == []
    forward = network.forward

    def one_hand(picture):
        found = forward(picture)
        found.scores[0, 40 * 80 // 2 + 3, 1] = 0.9     # of 40 rows of 80 cells of 8 px
        return found

    network.forward = one_hand
    hand, = detector.detect(np.repeat(np.repeat(image, 2, 0), 2, 1))    # twice as large
    assert hand.side == 'right' and hand.score == pytest.approx(0.9)
    centre = 2 * np.array([3.5 * 8, 20.5 * 8])
    np.testing.assert_allclose(hand.box_xyxy, np.concatenate([centre - 32, centre + 32]), atol=1e-3)
    np.testing.assert_allclose(hand.keypoints, np.tile(2 * np.array([3 * 8, 20 * 8]), (21, 1)), atol=1e-3)
    with pytest.raises(ValueError, match='an RGB image'):
        detector.detect(image[..., 0])


LIBRARY = {'ConvNormActivation': 'ultralytics.nn.modules.conv', 'DetectorBottleneck': 'ultralytics.nn.modules.block',
           'CrossStageBlock': 'ultralytics.nn.modules.block', 'PyramidPooling': 'ultralytics.nn.modules.block',
           'DistributionExpectation': 'ultralytics.nn.modules.block', 'Head': 'ultralytics.nn.modules.head',
           'WiLoRDetector': 'ultralytics.nn.tasks', 'WiLoRDetectorConfig': 'ultralytics.utils'}


def save_as_library(network, path, **more):
    """Pickle the whole network, its classes under the names of a library that is not there when it is read."""
    names = [f'{module.rsplit(".", k)[0]}' for module in LIBRARY.values() for k in range(3)] + list(LIBRARY.values())
    kept = {}
    try:
        for name in {name for name in names if name.startswith('ultralytics')}:
            kept[name] = sys.modules.get(name)
            sys.modules[name] = types.ModuleType(name)
        for name, module in LIBRARY.items():
            kind = getattr(wilor_detector, name)
            setattr(sys.modules[module], name, kind)
            kind.__module__ = module
        torch.save({'epoch': -1, 'best_fitness': np.float64(0.5), 'ema': None, 'model': network, 'optimizer': None,
                    'train_args': {'task': 'pose'}, 'version': '8.1.0', **more}, path)
    finally:
        for name in LIBRARY:
            getattr(wilor_detector, name).__module__ = wilor_detector.__name__
        for name, module in kept.items():
            sys.modules.pop(name) if module is None else sys.modules.update({name: module})


def named(network, names):
    network.names = names
    return network


@pytest.mark.parametrize('names, sides', [({0: 'left', 1: 'right'}, ('left', 'right')),
                                          ({0: 'RIGHT_HAND', 1: 'LEFT_HAND'}, ('right', 'left')),
                                          ({0: 'a', 1: 'b'}, ('left', 'right'))])
def test_the_file_is_read_without_the_library_that_made_it(tmp_path, network, names, sides, caplog):
    path = tmp_path / 'detector.pt'
    save_as_library(named(load_random_wilor_detector(TINY)[0], names).half(), path)
    with pytest.raises((pickle.UnpicklingError, ModuleNotFoundError, AttributeError)):
        torch.load(path, weights_only=False)
    before = set(sys.modules)
    loaded, found = load_wilor_detector(Store(tmp_path))
    assert not any('ultralytics' in name for name in set(sys.modules) - before)
    assert found == sides and loaded.config == TINY
    assert ('calls its classes a, b: taken as left, right' in caplog.text) == ('a' in names.values())
    for name, value in network.state_dict().items():
        wanted = value.half().float() if value.is_floating_point() else value
        assert torch.equal(loaded.state_dict()[name], wanted), name

def test_it_is_listed_verified_and_can_be_fetched(tmp_path, capsys):
    store = Store(tmp_path)
    command.list_files(store)
    assert 'to run the estimator wilor; detector.pt may be missing: 3 of 3 missing' in capsys.readouterr().out
    save_as_library(named(load_random_wilor_detector(TINY)[0], {0: 'left', 1: 'right'}), tmp_path / 'detector.pt')
    assert command.verify(store)
    assert 'its classes are left and right' in capsys.readouterr().out


class Trap:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize('function', [os.system, os.mkdir, exec])
def test_code_in_the_file_never_runs(tmp_path, function):
    trace = tmp_path / 'trace'
    argument = {os.system: f'touch {trace}', exec: f'open({str(trace)!r}, "w").close()'}.get(function, str(trace))
    path = tmp_path / 'detector.pt'
    save_as_library(load_random_wilor_detector(TINY)[0], path, hook=Trap(function, argument))
    with pytest.raises(CheckpointError, match='asks for .*, which is no layer and could run code: refused') as caught:
        read_wilor_detector(path)
    assert '\n' not in str(caught.value) and not trace.exists()


def test_files_that_are_no_detector(tmp_path, network):
    path = tmp_path / 'detector.pt'
    for content, words in (({'model': torch.nn.Linear(2, 2)}, "it lacks 'model.0.conv.weight'"),
                           ({'model': {'a': torch.zeros(1)}}, 'holds no network'), ([1, 2], 'holds no network')):
        torch.save(content, path)
        with pytest.raises(CheckpointError, match=words) as caught:
            read_wilor_detector(path)
        assert '\n' not in str(caught.value)
    for content in (b'', b'<html>not found</html>'):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match='cannot be read as a torch checkpoint'):
            read_wilor_detector(path)
    with pytest.raises(CheckpointError, match='cannot be read: No such file'):
        read_wilor_detector(tmp_path / 'nothing.pt')
    changed = load_random_wilor_detector(TINY)[0]
    changed.model['18'].cv1.conv.weight[0] = float('nan')
    save_as_library(changed, path)
    with pytest.raises(CheckpointError, match='1 not finite: model.18.cv1.conv.weight'):
        read_wilor_detector(path)
    save_as_library(load_random_wilor_detector(TINY)[0], path)
    path.write_bytes(path.read_bytes()[:20000])
    with pytest.raises(CheckpointError, match='cannot be read as a torch checkpoint'):
        read_wilor_detector(path)


def test_layers_that_hold_themselves(tmp_path):
    loop = torch.nn.Sequential(torch.nn.Linear(2, 2))
    loop.add_module('again', loop)
    torch.save({'model': loop}, tmp_path / 'detector.pt')
    with pytest.raises(CheckpointError, match='layers within layers without end'):
        read_pickled_model(tmp_path / 'detector.pt')


@pytest.mark.parametrize('precision, pixels', [(torch.float32, 0.01), (torch.bfloat16, 8)])
def test_prepared_for_inference_it_says_the_same(network, precision, pixels):
    prepared, _ = load_random_wilor_detector(TINY, precision=precision)
    picture = D.image('hands', 96, 64, batch=2)
    found, wanted = prepared(picture), network(picture)
    assert found.boxes.dtype == torch.float32
    assert (found.boxes - wanted.boxes).abs().mean() < pixels
    torch.testing.assert_close(found.scores, wanted.scores, rtol=0, atol=0.05)


@pytest.fixture
def library(tmp_path, monkeypatch):
    """The library, kept from the network and from the user's settings."""
    monkeypatch.setenv('YOLO_OFFLINE', 'True')
    monkeypatch.setenv('YOLO_CONFIG_DIR', str(tmp_path))
    return pytest.importorskip('ultralytics', reason='the ultralytics library (AGPL-3.0), which is compared with, is '
                               'not installed; it is no dependency of this package')


def their_network(library, path, size, picture):
    """The library's network with weights drawn at random, some cells of which see a hand in the picture; in a file."""
    torch.manual_seed(0)
    network = library.nn.tasks.PoseModel(f'yolov8{size}-pose.yaml', ch=3, nc=2, data_kpt_shape=(21, 3),
                                         verbose=False).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            module.weight.uniform_(0.8, 1.2)
            module.bias.normal_(0, 0.1)
    last, outputs = [branch[-1] for branch in network.model[-1].cv3], {}
    hooks = [conv.register_forward_hook(lambda module, given, out: outputs.update({module: out})) for conv in last]
    network(picture)
    for conv, hook in zip(last, hooks):
        hook.remove()
        scale = outputs[conv].std()
        conv.weight /= scale
        conv.bias.copy_((conv.bias - outputs[conv].mean()) / scale - 3.2)
    network.names = {0: 'left', 1: 'right'}
    torch.save({'model': network, 'train_args': {'task': 'pose', 'imgsz': 640}}, path)
    return network


@pytest.mark.parametrize('size', ['n', 's', 'm'])
def test_it_equals_the_library(library, tmp_path, size):
    picture = D.image('hands', 192, 256, batch=2)
    theirs = their_network(library, tmp_path / 'detector.pt', size, picture)
    ours, sides = read_wilor_detector(tmp_path / 'detector.pt')
    assert sides == ('left', 'right')
    wanted, found = theirs(picture), ours(picture)
    wanted = (wanted[0] if isinstance(wanted, (tuple, list)) else wanted).mT
    edges = torch.cat([wanted[..., :2] - wanted[..., 2:4] / 2, wanted[..., :2] + wanted[..., 2:4] / 2], dim=-1)
    points = wanted[..., 6:].unflatten(-1, (21, 3))
    torch.testing.assert_close(found.boxes, edges, rtol=0, atol=1e-3)
    torch.testing.assert_close(found.scores, wanted[..., 4:6], rtol=0, atol=1e-5)
    torch.testing.assert_close(found.keypoints, points[..., :2], rtol=0, atol=1e-3)
    torch.testing.assert_close(found.keypoint_scores, points[..., 2], rtol=0, atol=1e-5)


def test_hands_are_the_ones_that_the_library_detects(library, tmp_path):
    """From the picture to hands in it: fitting, choosing and bringing back are the same, too."""
    their_network(library, tmp_path / 'detector.pt', 'n', D.image('hands', 480, 640))
    theirs = library.YOLO(str(tmp_path / 'detector.pt'))
    detector = WiLoRHands(*read_wilor_detector(tmp_path / 'detector.pt'), one_side_a_place=False)
    for height, width in ((480, 640), (720, 1280), (333, 517), (100, 90)):
        image = (255 * D.image('hands', height, width)[0]).round().byte().permute(1, 2, 0).numpy()
        wanted, = theirs.predict(np.ascontiguousarray(image[..., ::-1]), conf=0.3, iou=0.7, imgsz=640, device='cpu',
                                 verbose=False)
        found = detector.detect(image)
        assert [hand.side for hand in found] == [wanted.names[int(k)] for k in wanted.boxes.cls]
        assert found
        np.testing.assert_allclose([hand.box_xyxy for hand in found], wanted.boxes.xyxy, atol=0.01)
        np.testing.assert_allclose([hand.score for hand in found], wanted.boxes.conf, atol=1e-5)
        np.testing.assert_allclose([hand.keypoints for hand in found], wanted.keypoints.xy, atol=0.01)
