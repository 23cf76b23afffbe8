"""Table 2 of Hand4Whole++ at a small size: crops have axes of their own, the ways to get wrists differ, and one command
runs all of it."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

pytest.importorskip('mediapipe')

from scipy.spatial.transform import Rotation

from hand4whole_ros import skeleton
from hand4whole_ros.body.model import BodyModel
from hand4whole_ros.body.open_body import load_arrays
from hand4whole_ros.body.open_hands import hand_shape_components
from hand4whole_ros.geometry.camera import Intrinsics
from hand4whole_ros.networks.hand4whole_pp import HandBoxes
from hand4whole_ros.synthetic.source import SyntheticImages
from hand4whole_ros.training import wrist_fusion_training as training
from hand4whole_ros.training.hand_crops import cut_hands, draw_hands_alone, draw_hands_of_people, hand_view_rotations
from hand4whole_ros.training.image_batches import batch_hand_boxes, load_batch
from hand4whole_ros.training.skeleton_layer import SkeletonLayer
from hand4whole_ros.training.training_set import load_training_sets

pytestmark = pytest.mark.usefixtures('one_thread')

SIZE = 32


@pytest.fixture(scope='module')
def components():
    return hand_shape_components(BodyModel.load(), load_arrays())


@pytest.fixture(scope='module')
def folder(people_drawn, tmp_path_factory):
    """Of an experiment, with people in place of those that it would draw itself."""
    where = tmp_path_factory.mktemp('fusion')
    (where / 'people').mkdir()
    (where / f'people/people_{training._PEOPLE_SEED}_00000.npz').symlink_to(people_drawn / 'people_3_00000.npz')
    return where


@pytest.fixture(scope='module')
def crops(components):
    return {'people': draw_hands_of_people(6, 5, SIZE, components), 'alone': draw_hands_alone(6, 5, SIZE)}


@pytest.mark.parametrize('kind', training.HAND_DATA)
def test_the_truth_of_a_crop_is_that_of_one_right_hand(kind, crops, components):
    """Rotations and shape lead to the keypoints, and these, seen along the axes, to their places in the image."""
    target = crops[kind].targets()
    layer = SkeletonLayer(BodyModel.load().kinematics, components)
    assert len(crops[kind]) == 6 and target.counts.all()
    assert (layer.right_hand(target.rotations, target.betas) - target.keypoints).norm(dim=-1).max() < 5e-3
    for points, places in zip(target.keypoints.numpy(), target.places.numpy()):
        flat = np.c_[points[:, :2], np.ones(21)]
        scale = np.linalg.lstsq(flat, places, rcond=None)[0]
        assert np.abs(flat @ scale - places).max() < 0.15   # perspective within the hand is all that is left
        assert np.abs(scale[:2] / scale[[0, 1], [0, 1]] - np.eye(2)).max() < 0.3 and (scale[[0, 1], [0, 1]] > 0).all()


def test_a_rotated_crop_has_a_rotated_truth(crops):
    """Dots at the places of keypoints are where the augmented truth says, and one rotation moves all of the truth."""
    size, kept = (96, 72), crops['alone']
    images = np.zeros((len(kept), 96, 96, 3), np.uint8)
    for image, places in zip(images, kept.places):
        x, y = ((places[9] + 0.5) * 96).astype(int)
        image[y - 2:y + 3, x - 2:x + 3] = 255
    dotted = replace(kept, images=images)
    seen, target = dotted.augmented(size, torch.Generator().manual_seed(3))
    before = dotted.targets()
    turn = target.rotations[:, 0] @ before.rotations[:, 0].mT
    assert torch.allclose(turn[:, 2], torch.tensor([0.0, 0, 1]).expand(len(kept), 3), atol=1e-5)
    assert (turn[:, 0, 0] < 0.999).any() and torch.allclose(target.keypoints, before.keypoints @ turn.mT, atol=1e-5)
    for image, place in zip(seen.mean(1).numpy(), target.places[:, 9].numpy()):
        light = (image > image.max() - 0.3 * (image.max() - image.min())).astype(float)
        middle = np.array([(light.sum(axis) * np.arange(length)).sum() for axis, length in ((0, 72), (1, 96))])
        middle = (middle / light.sum() + 0.5 + (12, 0)) / 96 - 0.5
        assert np.abs(middle - place).max() < 0.05


def test_both_hands_of_a_person_become_right_ones(components):
    rng, seen = np.random.default_rng(0), set()
    for image, truth in SyntheticImages(5, close_ups=0.0, at_ease=1.0):
        sides = [side for side in skeleton.SIDES if truth.hand(side).visibility > 0.5]
        rows = list(cut_hands(image, truth, components, size=SIZE, rng=rng))
        if len(sides) == len(rows) == 2:
            for side, row in zip(sides, rows):
                true = truth.hand(side).keypoints_3d
                normal = [np.cross(points[5] - points[0], points[17] - points[0]) @ (points[8] - points[0])
                          for points in (true - true[0], row.keypoints)]
                assert np.sign(normal[0] * normal[1]) == (-1 if side == 'left' else 1)
                seen.add(side)
            break
    assert seen == set(skeleton.SIDES)


def test_the_axis_of_a_hands_crop_is_the_ray_through_it():
    camera = Intrinsics(900.0, 900.0, 320.0, 240.0, 640, 480)
    box = np.array([[100.0, 40, 300, 400]])
    boxes = HandBoxes(torch.tensor([[20.0, 30, 60, 70]]), torch.tensor([True]))
    ray = camera.normalize(box[:, :2] + box[:, 2:] / 2)
    turn, nobody = (hand_view_rotations(ray, np.array([900.0]), box, boxes._replace(exists=torch.tensor([there])))[0]
                    for there in (True, False))
    assert np.array_equal(nobody, np.eye(3))
    # The same directions in the camera's axes: rotations between them do not depend on the axes.
    middle = box[0, :2] + np.array([40.0, 50]) * 300 / 192
    body, hand = (np.append(where, 1) / np.linalg.norm(np.append(where, 1)) for where in (
        ray[0], camera.normalize(middle)))
    assert np.degrees(Rotation.from_matrix(turn).magnitude()) == pytest.approx(
        np.degrees(np.arccos(body @ hand)), rel=0.01)
    assert turn[:2, 2] @ (middle - box[0, :2] - box[0, 2:] / 2) > 0 and turn[2, 2] == pytest.approx(body @ hand)


def test_whose_wrists_makes_a_difference(folder):
    """A CHAM that is not zero, the body expert and the hand expert disagree; one rotation is between both copies."""
    people, _, _ = load_training_sets([folder / 'people'])
    network = training.make_network(0)
    for conv in (*network.hand_control_net.zero_convs_rhand, *network.hand_control_net.zero_convs_lhand):
        torch.nn.init.normal_(conv.weight, std=0.05)
    seen = load_batch(people, torch.arange(len(people)))
    boxes = batch_hand_boxes(seen, people)
    patches = torch.nn.functional.interpolate(seen.patches, (512, 384))
    with torch.inference_mode():
        found = {name: network.eval().run_experts(patches, boxes, policy, seen.prompts).body.body_pose
                 for name, policy in training.ROWS.items() if policy is not None}
    body, copied, cham = (found[name] for name in ("body expert's wrists", "hand expert's wrists copied",
                                                   'wrists by CHAM'))
    for side in skeleton.SIDES:
        there, wrist = boxes[side].exists, skeleton.WRIST[side] - 1
        assert there.any()
        for one, other in ((body, copied), (body, cham), (copied, cham)):
            assert (one - other)[there, wrist].abs().amax((1, 2)).median() > 1e-3
    others = [joint for joint in range(21) if joint + 1 not in skeleton.WRIST.values()]
    assert torch.equal(body[:, others], copied[:, others]) and not torch.equal(body[:, others], cham[:, others])


def test_one_command_draws_trains_and_measures(folder, capsys, monkeypatch):
    estimator, configs = training.OpenEstimator, []
    monkeypatch.setattr(training, 'OpenEstimator', lambda config: configs.append(config) or estimator(config))
    words = [str(folder), '--hand-data', 'alone', '--hands', '8', '--people', '6', '--steps', '4', '--cham-steps', '2',
             '--batch', '4', '--measured', '1', '--json', str(folder / 'figures.json')]
    training.main(words)
    found = json.loads((folder / 'figures.json').read_text())
    assert list(found) == list(training.ROWS)
    assert found["hand expert's wrists copied"]['paper'] == {'mpvpe_all': 90.70, 'mpvpe_hands': 100.59}
    here = {name: row['here'] for name, row in found.items()}
    assert all(np.isfinite(list(row.values())).all() for row in here.values())
    wrist = {name: row['wrist_deg'] for name, row in here.items()}
    assert wrist["body expert's wrists and hands"] == wrist["body expert's wrists"]
    # The hand expert alone has the wrists that are copied, in the axes of the body's crop without a further rotation.
    assert wrist['hand expert alone'] == pytest.approx(wrist["hand expert's wrists copied"], abs=0.01)
    assert len({round(wrist[name], 3) for name in list(training.ROWS)[1:4]}) == 3
    for name in ('hand_stem', 'hand', 'cham'):
        moved = torch.load(folder / f'alone_0/{name}.pt', weights_only=True)
        assert any(not torch.equal(value, moved['best'][key]) for key, value in moved['module'].items()), name
    assert [config.static_images for config in configs] == [True]   # people of different images are different people
    table = capsys.readouterr().out
    before = (folder / 'alone_0/cham.pt').stat().st_mtime_ns
    training.main(words)    # all is done: it is measured again, nothing is trained
    assert capsys.readouterr().out == table and (folder / 'alone_0/cham.pt').stat().st_mtime_ns == before


@pytest.mark.parametrize(('words', 'what'), [
    (['--steps', '0'], '--steps: must be at least 1, found 0'), (['--hand-data', 'none'], "invalid choice: 'none'"),
    (['--open-model', '/nowhere/model.npz'], 'no such file'), (['--json', '/nowhere/at/all.json'], 'no such folder')])
def test_wrong_arguments_are_named_in_one_line(tmp_path, capsys, words, what):
    with pytest.raises(SystemExit) as ended:
        training.main([str(tmp_path / 'kept'), *words])
    assert ended.value.code == 2 and what in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / 'kept').exists()
