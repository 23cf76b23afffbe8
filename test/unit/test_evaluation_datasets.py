"""What is measured on data sets: errors that were put in come out, with each set's own alignment; the commands."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from dataset_files import write_ehf, write_freihand, write_hic, write_interhand
from scipy.spatial.transform import Rotation

from hand4whole_ros import skeleton
from hand4whole_ros.body.posing import ObservedHand, estimate_from_parameters
from hand4whole_ros.body.smplx_mano_body import SmplxManoBody
from hand4whole_ros.checkpoints.random_weights import load_random
from hand4whole_ros.checkpoints.store import Store
from hand4whole_ros.cli import main
from hand4whole_ros.datasets.annotated_bodies import GroundTruthBodies
from hand4whole_ros.datasets.registry import open_dataset
from hand4whole_ros.evaluation import ablation, published_figures
from hand4whole_ros.evaluation.body_parts import BodyParts
from hand4whole_ros.evaluation.comparison import evaluate_predictors
from hand4whole_ros.evaluation.network_predictor import NetworkPredictor, inputs_from_boxes
from hand4whole_ros.evaluation.prediction import EstimatorPredictor, PredictedHand, Prediction
from hand4whole_ros.evaluation.protocols import FIGURES, PROTOCOLS
from hand4whole_ros.networks.fusion_policy import FusionPolicy
from hand4whole_ros.networks.hand4whole_pp import HAND4WHOLE_PP_TINY

pytestmark = pytest.mark.usefixtures('one_thread')


@pytest.fixture(scope='module')
def bodies(published_folder):
    return GroundTruthBodies(Store(published_folder))


@pytest.fixture(scope='module')
def parts(published_body):
    return BodyParts.from_body(published_body, np.arange(0, 400))


@pytest.fixture(scope='module')
def network(published_body):
    return load_random(published_body, replace(HAND4WHOLE_PP_TINY, face=False))


@pytest.fixture(scope='module')
def ehf(tmp_path_factory, bodies):
    root = tmp_path_factory.mktemp('ehf')
    write_ehf(root, bodies, np.random.default_rng(4))
    return root, list(open_dataset('ehf', root, bodies=bodies))


@pytest.fixture(scope='module')
def interhand(tmp_path_factory, bodies):
    root = tmp_path_factory.mktemp('interhand')
    write_interhand(root, np.random.default_rng(4))
    return list(open_dataset('interhand', root, bodies=bodies))


def truth(sample, turn=None, scale=1.0, apart=0.0):
    """The truth as a prediction, elsewhere: hands turned about their wrists, scaled, and the left one put aside."""
    turn = np.eye(3) if turn is None else turn
    hands = {}
    for side in skeleton.SIDES:
        true = sample.hand(side)
        if true is None:
            continue
        wrist = true.keypoints_3d[0]
        shift = wrist + (5 + apart * (side == 'left'), 5, 5)
        moved = [None if points is None else scale * (points - wrist) @ turn.T + shift
                 for points in (true.keypoints_3d, true.vertices)]
        orient = None if true.global_orient is None else turn @ Rotation.from_rotvec(true.global_orient).as_matrix()
        hands[side] = PredictedHand(moved[0], orient, moved[1])
    body = sample.body
    return Prediction(hands) if body is None else Prediction(hands, body.joints + 5, body.vertices + 5)


def figures(dataset, said, sample, parts):
    found = PROTOCOLS[dataset].measure(said, sample, parts)
    assert set(found) <= set(PROTOCOLS[dataset].figures) and set(found) <= set(FIGURES)
    return {key: float(np.mean(values)) for key, values in found.items()}


# -- protocols ---------------------------------------------------------------------------------------------------------

def test_the_truth_has_no_error_wherever_it_stands(ehf, interhand, parts):
    _, (sample, _) = ehf
    found = figures('ehf', truth(sample), sample, parts)
    assert {'mpvpe_all', 'mpvpe_hands', 'mpvpe_face', 'pa_mpvpe_face', 'mpjpe_body', 'mrrpe'} <= set(found)
    assert max(found.values()) < 1e-3
    found = figures('interhand', truth(interhand[0]), interhand[0], parts)
    assert set(found) == set(PROTOCOLS['interhand'].figures) and max(found.values()) < 1e-2


def test_bodies_are_measured_from_pelvis_wrist_and_neck(ehf, parts, published_body):
    """What a turn about the vertical through the pelvis does to whole, hands and face, worked out on the side."""
    _, (sample, _) = ehf
    true, turn = sample.body.vertices, Rotation.from_euler('y', 20, degrees=True).as_matrix()
    said = {side: PredictedHand(np.zeros((21, 3)), None, true[published_body.hand_vertices[side]] @ turn.T)
            for side in skeleton.SIDES}
    found = figures('ehf', Prediction(said, vertices=true @ turn.T), sample, parts)
    joints = published_body.arrays['J_regressor'].astype(float) @ true

    def error(points, root):
        return 1e3 * np.linalg.norm((points - root) @ turn.T - (points - root), axis=1).mean()
    assert found['mpvpe_all'] == pytest.approx(error(true, joints[0]))
    hands = [error(true[published_body.hand_vertices[side]], joints[skeleton.WRIST[side]]) for side in skeleton.SIDES]
    assert found['mpvpe_hands'] == pytest.approx(np.mean(hands))
    assert found['mpvpe_face'] == pytest.approx(error(true[:400], joints[12]))
    assert max(found[f'pa_mpvpe_{part}'] for part in ('all', 'hands', 'face')) < 1e-3
    # Hands without a body are laid onto the true wrists by their own.
    alone = figures('ehf', Prediction(said), sample, parts)
    assert set(alone) == {'mpvpe_hands', 'pa_mpvpe_hands', 'mpjpe_hands', 'pa_mpjpe_hands', 'mrrpe'}
    assert alone['pa_mpvpe_hands'] < 1e-3 < alone['mpvpe_hands']


def test_hands_are_measured_from_the_wrist_and_interhand_besides_by_the_palm(interhand, parts):
    sample = interhand[0]
    larger = truth(sample, scale=1.2)
    assert figures('interhand', larger, sample, parts)['mpvpe'] < 1e-2     # its size is left out
    expected = np.mean([0.2e3 * np.linalg.norm(hand.vertices - hand.keypoints_3d[0], axis=1).mean()
                        for hand in (sample.left_hand, sample.right_hand)])
    found = figures('reinterhand', larger, sample, parts)
    assert found['mpvpe'] == pytest.approx(expected, rel=1e-3) and found['pa_mpvpe'] < 1e-2


def test_the_relation_of_hands_and_the_turn_of_wrists(interhand, parts):
    sample = interhand[0]
    apart = figures('hic', truth(sample, apart=0.03), sample, parts)
    assert apart['mrrpe'] == pytest.approx(30, abs=0.01) and apart['mpvpe'] < 1e-2
    assert apart['rrve'] == pytest.approx(15, abs=0.01)     # one of two hands
    turned = figures('hic', truth(sample, Rotation.from_rotvec([0, 0.3, 0]).as_matrix()), sample, parts)
    assert turned['wrist_deg'] == pytest.approx(np.degrees(0.3)) and turned['pa_mpjpe'] < 1e-2 < turned['mpjpe']


def test_freihand_is_measured_after_procrustes(tmp_path, parts):
    write_freihand(tmp_path, np.random.default_rng(5), count=1)
    sample = open_dataset('freihand', tmp_path, bodies=GroundTruthBodies(Store(tmp_path)))[0]
    # Its truth states keypoints and mesh apart, so that keypoints of the mesh are not the stated ones.
    said = truth(sample, Rotation.from_rotvec([1, 0.3, 0]).as_matrix(), scale=0.7)
    said = Prediction({'right': replace(said.hands['right'], vertices=None)})
    assert figures('freihand', said, sample, parts) == pytest.approx({'pa_mpjpe': 0, 'auc': 1}, abs=0.01)
    mesh = figures('freihand', truth(sample), sample, None)
    assert mesh['f5'] == mesh['f15'] == 1 and mesh['pa_mpvpe'] < 1e-3


# -- predictors --------------------------------------------------------------------------------------------------------

def test_a_network_is_told_boxes_and_taken_at_its_word(ehf, network):
    _, (sample, _) = ehf
    said = []
    handle = network.register_forward_hook(lambda module, given, result: said.append((given, result)))
    image = sample.image()
    plain = NetworkPredictor(network, FusionPolicy())(image, sample)
    turned = NetworkPredictor(network, FusionPolicy(), in_camera_axes=True)(image, sample)
    handle.remove()
    (_, boxes, *_), result = said[0]
    assert np.allclose(plain.vertices, result.vertices[0].numpy()) and set(plain.hands) == set(skeleton.SIDES)
    wrist = plain.hands['left'].wrist_rotation
    assert np.allclose(wrist @ wrist.T, np.eye(3), atol=1e-5)
    # The same, seen from the real camera: turned as one piece, by the angle between the axis and the crop's middle.
    assert np.allclose(np.linalg.norm(turned.vertices, axis=1), np.linalg.norm(plain.vertices, axis=1))
    middle = sample.intrinsics.normalize(sample.bbox_xywh[:2] + sample.bbox_xywh[2:] / 2)
    angle = np.arctan(np.linalg.norm(middle))
    found = Rotation.from_matrix(turned.hands['left'].wrist_rotation @ wrist.T).magnitude()
    assert found == pytest.approx(angle, rel=1e-4) and angle > 0.01
    alone = NetworkPredictor(network, None)(image, sample)
    assert sorted(alone.hands) == [side for side in skeleton.SIDES if boxes[side].exists[0]]


def test_boxes_hold_the_hands_that_the_picture_shows(interhand):
    sample = interhand[0]
    told = inputs_from_boxes(None, replace(sample, bbox_xywh=np.array([0, 0, 64, 48]) / 1.25))
    for side in skeleton.SIDES:
        pixels = sample.intrinsics.project(sample.hand(side).keypoints_3d)
        inside = ((pixels >= -0.5) & (pixels <= (63.5, 47.5))).all(1)
        assert bool(told.boxes[side].exists) == (inside.sum() > 3)
        if told.boxes[side].exists:
            low, high = told.boxes[side].boxes[0].reshape(2, 2).numpy()
            scaled = (pixels[inside] - told.box[0, :2].numpy()) * (192, 256) / told.box[0, 2:].numpy()
            assert (scaled >= low).all() and (scaled <= high).all()


class _Finder:
    """An estimator that finds two people, the same in two places of the picture."""

    def __init__(self, body, boxes):
        self.body, self._boxes = body, boxes

    def estimate(self, image, intrinsics, stamp=None):
        zeros = np.zeros((55, 3))
        return [
            estimate_from_parameters(
                self.body,
                zeros,
                np.zeros(10),
                np.zeros(10),
                intrinsics=intrinsics,
                bbox_xyxy=box,
                confidence=1,
                pelvis=np.array([k, 0, 3.0]),
                hands={'left': ObservedHand(skeleton.OK, 1.0)},
            )
            for k, box in enumerate(self._boxes)
        ]


def test_of_several_people_the_samples_own_is_taken(ehf, interhand, parts, published_body):
    _, (sample, _) = ehf
    body = SmplxManoBody(published_body)
    left, top, width, height = sample.bbox_xywh
    here, elsewhere = (left, top, left + width, top + height), (left + 3 * width, top, left + 4 * width, top + height)
    said = EstimatorPredictor(_Finder(body, [elsewhere, here]), parts)(None, sample)
    assert said.joints[0, 0] == 1 and set(said.hands) == {'left'} and said.vertices.shape == (10475, 3)
    assert said.hands['left'].vertices.shape == (778, 3)
    assert EstimatorPredictor(_Finder(body, [elsewhere]), parts)(None, sample) is None
    assert EstimatorPredictor(_Finder(body, [elsewhere]), parts)(None, interhand[0]).joints[0, 0] == 0
    assert EstimatorPredictor(_Finder(body, []), parts)(None, sample) is None


def test_who_is_missed_is_counted_and_no_error(interhand, parts):
    answers = iter([None, Prediction({'right': truth(interhand[1]).hands['right']})])
    measured = evaluate_predictors(
        interhand, {'half': lambda image, sample: next(answers)}, PROTOCOLS['interhand'], parts, progress=False
    )['half']
    assert (measured.people, measured.people_missed, measured.hands, measured.hands_missed) == (2, 1, 4, 3)
    assert measured.figures['mpvpe'] < 1e-2 and 'mrrpe' not in measured.figures


# -- tables ------------------------------------------------------------------------------------------------------------

def test_rows_of_the_paper_are_rows_of_the_tables():
    for table in ablation.TABLES:
        assert set(published_figures.ABLATION[table.number]) <= set(table.rows)
        for rows in published_figures.ABLATION[table.number].values():
            assert all(set(row) <= set(PROTOCOLS[dataset].figures) for dataset, row in rows.items())
    assert all(set(rows) <= set(PROTOCOLS[dataset].figures) for dataset, rows in published_figures.FIGURES.items())


def test_the_ablation_is_the_network_with_each_strategy(ehf, network, parts):
    _, samples = ehf
    rows = ablation.make_predictors(network)
    kept, names = ablation.deduplicate_predictors(rows)
    assert len(kept) == 7 and names['wrists by CHAM'] == names["hand expert's fingers and shape"] == 'both, with CHAM'
    measured = evaluate_predictors(samples[:1], kept, PROTOCOLS['ehf'], parts, progress=False)
    found = ablation.build_tables('ehf', PROTOCOLS['ehf'], {name: measured[kept_as] for name, kept_as in names.items()})
    one, two, three = ({name: {key: entry['value'] for key, entry in row.items()}
                        for name, row in table['rows'].items()} for table in found)
    assert one['both, with CHAM'] == two['wrists by CHAM'] == three["hand expert's fingers and shape"]
    assert 'mpvpe_all' not in one['hand expert alone'] and one['hand expert alone']['mpvpe_hands'] > 0
    assert one['body expert alone']['mpvpe_all'] > 0
    # Each hand is placed by itself, by a camera that looks from afar: metres apart.
    assert one['hand expert alone']['mrrpe'] > 1.5 * one['both, with CHAM']['mrrpe']
    values = [row['mpvpe_hands'] for row in three.values()]
    assert len(set(np.round(values, 3))) == 3      # fingers, then shape: each changes the hands
    assert two["hand expert's wrists copied"]['mpvpe_hands'] != pytest.approx(two['wrists by CHAM']['mpvpe_hands'])
    text = ablation.format_tables('ehf', json.loads(json.dumps(found)), 1)
    assert '(61.24)' in text and text.count('\nTable ') == 3


@pytest.fixture(scope='module')
def rendered():
    pytest.importorskip('anny')
    from hand4whole_ros.evaluation.synthetic_samples import generate_samples
    return next(generate_samples(1, 3))


def test_a_network_on_the_open_body_is_told_more_and_compared_by_its_mesh(rendered):
    """The same path for the open model's dimensions: prompts beside the boxes, the open body's own mesh."""
    from hand4whole_ros.body.open_hands import load_open_body
    from hand4whole_ros.networks.open_model import OPEN_MODEL
    from hand4whole_ros.networks.prompts import Prompt, Prompts
    network = load_random(load_open_body(), OPEN_MODEL)

    def prompt(config, value):
        return Prompt(torch.zeros(1, config.num_keypoints, 2), torch.ones(1, config.num_keypoints),
                      torch.zeros(1, config.num_keypoints, config.num_extra),
                      torch.full((1, config.num_global), value))

    def telling(value):
        hand = prompt(OPEN_MODEL.hand.prompt, value)
        return lambda image, sample: inputs_from_boxes(image, sample)._replace(
            prompts=Prompts(prompt(OPEN_MODEL.body.prompt, value), {side: hand for side in skeleton.SIDES}))
    rows = {'told': NetworkPredictor(network, FusionPolicy(), telling(0.1), in_camera_axes=True),
            'told otherwise': NetworkPredictor(network, FusionPolicy(), telling(0.3), in_camera_axes=True)}
    measured = evaluate_predictors(
        [rendered], rows, PROTOCOLS['synthetic'], BodyParts.from_network(network), progress=False
    )
    assert all({'mpvpe_all', 'mpvpe_hands', 'mpjpe_body', 'wrist_deg'} <= set(one.figures) for one in measured.values())
    assert measured['told'].figures != measured['told otherwise'].figures


def test_rendered_people_are_samples(rendered):
    sample = rendered
    found = figures('synthetic', truth(sample), sample, None)
    assert set(found) == {'mpjpe_body', 'pa_mpjpe_body', 'mrrpe', 'mpjpe_hands', 'pa_mpjpe_hands', 'wrist_deg'}
    assert max(found.values()) < 1e-2 and sample.body.known.sum() == 54
    left, top, width, height = sample.bbox_xywh
    pixels = sample.intrinsics.project(sample.body.joints[[15, 20, 21]])
    assert ((pixels > (left, top)) & (pixels < (left + width, top + height))).all()


# -- the commands ------------------------------------------------------------------------------------------------------

def test_a_data_set_is_one_command(ehf, published_folder, tmp_path, capsys):
    pytest.importorskip('mediapipe')
    root, _ = ehf
    out = tmp_path / 'deep/ehf.json'
    assert (
        main.main(
            [
                'evaluate',
                'ehf',
                '--root',
                str(root),
                '--estimator',
                'hand4whole_pp',
                '--weights',
                'random-tiny',
                '--weights-folder',
                str(published_folder),
                '--device',
                'cpu',
                '--limit',
                '1',
                '--json',
                str(out),
            ]
        )
        == main.EXIT_SUCCESS
    )
    text, table = capsys.readouterr().out, json.loads(out.read_text())
    assert '| MPVPE, whole body | mm | ' in text and '| 61.24 | Hand4Whole++, Table 1 |' in text
    assert table['people'] == 1 and table['rows']['mpvpe_all']['value'] > 0
    assert table['rows']['mpvpe_face'] == {'value': None, 'paper': 26.1, 'source': 'Hand4Whole, Table 4'}
    assert table['boxes'] == 'given' and len({line.count('|') for line in text.splitlines()[2:]}) == 1


def test_the_ablation_is_one_command(tmp_path, published_folder, capsys, bodies):
    pytest.importorskip('mediapipe')
    write_hic(tmp_path, np.random.default_rng(6))
    assert main.main(['evaluate', 'ablation', 'hic', '--root', str(tmp_path), '--estimator', 'hand4whole_pp',
                     '--weights', 'random-tiny', '--weights-folder', str(published_folder), '--device', 'cpu',
                     '--limit', '1', '--json', str(tmp_path / 'x.json')]) == main.EXIT_SUCCESS
    assert '(17.72)' in capsys.readouterr().out
    assert json.loads((tmp_path / 'x.json').read_text())['people'] == 1


@pytest.mark.parametrize('words, says', [
    (['ehf', '--root', 'no/such/folder'], 'no/such/folder: no such folder; name the one that holds EHF'),
    (['agora', '--root', 'EMPTY'], 'AGORA has it: https://agora.is.tue.mpg.de/'),
    (['ehf', '--root', 'EHF', '--limit', '0'], '--limit must be at least 1'),
    (['ehf', '--root', 'EHF', '--estimator', 'hand4whole_pp'], 'hand4whole weights fetch'),
    (['ehf', '--root', 'EHF', '--estimator', 'magic'], 'magic: unknown; known are'),
    (['ablation', 'agora'], '--root DIR: name the folder that holds AGORA'),
    (['ablation', 'synthetic', '--count', '0'], '--count must be at least 1')])
def test_wrong_arguments_are_one_line(words, says, ehf, tmp_path, capfd):
    places = {'EMPTY': str(tmp_path), 'EHF': str(ehf[0])}
    folder = ['--weights-folder', str(tmp_path / 'nothing')]
    assert main.main(['evaluate', *(places.get(word, word) for word in words), *folder]) == main.EXIT_USAGE
    error = capfd.readouterr().err.strip().splitlines()[-1]
    assert error.startswith('hand4whole: ') and says in error
