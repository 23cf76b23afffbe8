"""Training of the lifting networks: samples are exact and mirrored, errors are lent, and every command runs."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

pytest.importorskip('anny')

from hand4whole_ros import skeleton
from hand4whole_ros.checkpoints.lifting import load_lifting_networks
from hand4whole_ros.cli import main
from hand4whole_ros.fitting.pose_landmarks import landmark_points
from hand4whole_ros.synthetic import dataset, posture_scene
from hand4whole_ros.training.lifting import detections, pool, training
from hand4whole_ros.training.lifting.detections import Detections
from hand4whole_ros.training.lifting.samples import bodies_of, hands_seen, mirrored, without_hands

COUNT = 48


def person_seen(seed, rng, error):
    """What a detector would say of one person in some posture, `error` m wrong, and the truth."""
    scene = posture_scene.scene(seed)
    k = scene.intrinsics
    joints, hands = scene.joints.copy(), scene.hand_keypoints.copy()
    points = landmark_points(joints, scene.joint_rotations, scene.figure.joints)
    away = max(0.0, 0.4 - min(points[:, 2].min(), hands[..., 2].min()))
    for part in (joints, hands, points):
        part[..., 2] += away
    world = points - points[[23, 24]].mean(axis=0) + error * rng.normal(size=points.shape)
    seen = points + error * rng.normal(size=points.shape)
    there = np.concatenate([k.project(hands.reshape(-1, 3)).reshape(2, 21, 2),
                            (hands[..., 2:] - hands[:, :1, 2:]) * k.fx / hands[:, :1, 2:]], axis=-1)
    return (k.project(seen), np.full(33, 0.95), world, np.array([k.fx, k.fy, k.cx, k.cy, k.width, k.height]),
            scene.local_rotations, scene.betas, joints, np.ones(skeleton.NUM_JOINTS), there, hands, np.ones(2))


def people_seen(error=0.0):
    rng = np.random.default_rng(0)
    found = [person_seen(seed, rng, error) for seed in range(COUNT)]
    return Detections(*(np.stack(values).astype(np.float32) for values in zip(*found)))


@pytest.fixture(scope='module')
def exact():
    return people_seen()


def test_features_of_exact_landmarks_lie_on_the_truth(exact):
    """Along the view, landmarks are where the sample's joints are: a world landmark of an elbow is the elbow."""
    samples = bodies_of(exact)
    world = samples.features[:, 66 + 33:66 + 33 + 99].unflatten(1, (33, 3))
    for landmark, joint in ((13, 18), (14, 19), (25, 4), (26, 5)):
        hips = samples.points[:, [1, 2]].mean(dim=1)
        apart = (world[:, landmark] - (samples.points[:, joint] - hips)).norm(dim=1)
        # The view looks at the person; world landmarks here are along the camera's axes, which differ by some degrees.
        assert apart.median() < 0.12
    assert (samples.points[:, 0] == 0).all()


def test_a_mirror_twice_is_nothing_and_once_swaps_sides(exact):
    samples = bodies_of(exact)
    twice = mirrored(mirrored(samples))
    for one, other in zip(samples, twice):
        assert torch.allclose(one, other, atol=1e-6)
    once = mirrored(samples)
    left, right = (skeleton.JOINT[f'{side}_wrist'] for side in skeleton.SIDES)
    assert torch.equal(once.points[:, left] * torch.tensor([-1.0, 1, 1]), samples.points[:, right])


def test_hands_that_are_left_out_are_told_as_not_seen(exact):
    samples = bodies_of(exact)
    assert samples.features[:, -2:].min() == 1
    generator = torch.Generator().manual_seed(0)
    seen = without_hands(samples, 0.5, generator).features
    none = (seen[:, -2:] == 0).all(dim=1)
    assert 0 < none.sum() < COUNT and (seen[none][:, -128:] == 0).all()
    assert torch.equal(seen[:, :-128], samples.features[:, :-128])


def test_left_hands_are_right_ones_in_a_mirror(exact):
    mirror = np.array([-1, 1, 1])
    d = exact
    order = [0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9, *(k + 1 if k % 2 else k - 1 for k in range(11, 33))]
    pose = d.pose[:, order].copy()
    hands, camera = d.hands[:, ::-1].copy(), d.camera.copy()
    for pixels in (pose, hands):
        pixels[..., 0] = -pixels[..., 0]
    camera[:, 2] = -camera[:, 2]
    joints, turn = list(skeleton.MIRROR), np.outer(mirror, mirror)
    other = d._replace(pose=pose, hands=hands, camera=camera, world=d.world[:, order] * mirror,
                       joints=d.joints[:, joints] * mirror, rotations=d.rotations[:, joints] * turn,
                       keypoints=d.keypoints[:, ::-1] * mirror)
    one, two = hands_seen(d), hands_seen(other)
    swapped = torch.cat([torch.arange(COUNT, 2 * COUNT), torch.arange(COUNT)])
    for a, b in zip(one.take(swapped), two):
        assert torch.allclose(a, b, atol=2e-3)


def test_bodies_that_nobody_drew_borrow_errors(exact):
    rng = np.random.default_rng(3)
    bodies = pool.sample_bodies(rng, 40)
    assert np.isfinite(bodies.landmarks).all() and bodies.landmarks[..., 2].min() > 0.2
    without, wrong = (pool.samples_of(bodies, pool.errors_of(d).with_mirrored(), np.random.default_rng(4))
                      for d in (exact, people_seen(0.05)))
    assert torch.isfinite(wrong.features).all()
    points = slice(0, 66)
    off = (without.features[:, points] - wrong.features[:, points]).abs().mean()
    assert 0.01 < off < 0.5
    # Without errors the person is seen where the body is.
    again = without.points[:, [16, 17]].mean(dim=1) - without.points[:, [1, 2]].mean(dim=1)
    assert (again[:, 1] < 0).float().mean() > 0.9, 'people do not stand upright in their views'


def test_phantoms_are_no_people(exact):
    pose = exact.pose.copy()
    pose[:10] += 4000
    kept = training.is_seen(exact._replace(pose=pose))
    assert not kept[:10].any() and kept[10:].mean() > 0.8


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / 'detections'
    path.mkdir()
    with open(path / 'detections_1_00000.npz', 'wb') as stream:
        np.savez(stream, **people_seen(0.02)._asdict())
    return path


def test_a_training_learns_writes_both_networks_and_goes_on(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(training, 'BATCH', 32)
    command = ['train', 'lift', '--detections', str(folder), '--run', str(tmp_path / 'run'), '--people', '40',
               '--steps', '30', '--output', str(tmp_path / 'lifting.npz')]
    assert main.main(command) == 0
    assert 'root_mm' in capsys.readouterr().out
    lines = [json.loads(line) for line in (tmp_path / 'run' / 'lift_body.jsonl').read_text().splitlines()]
    assert lines[0]['step'] == 0 and lines[-1]['step'] == 30 and lines[-1]['root_mm'] < 0.6 * lines[0]['root_mm']
    first = load_lifting_networks(tmp_path / 'lifting.npz')
    written = (tmp_path / 'run' / 'pool_0_000.npz').stat().st_mtime_ns
    assert main.main(command) == 0      # nothing is left to do
    again = load_lifting_networks(tmp_path / 'lifting.npz')
    assert (tmp_path / 'run' / 'pool_0_000.npz').stat().st_mtime_ns == written
    for one, other in zip(first, again):
        assert all(np.array_equal(one.weights[name], other.weights[name]) for name in one.weights)


def test_what_cannot_be_trained_is_one_line(folder, tmp_path, capsys):
    def said(*more):
        code = main.main(['train', 'lift', '--steps', '2', '--people', '4', *map(str, more)])
        error = capsys.readouterr().err.strip()
        assert code == 2 and 'Traceback' not in error
        return error
    empty, run, output = tmp_path / 'empty', tmp_path / 'run', tmp_path / 'lifting.npz'
    empty.mkdir()
    assert 'no detections' in said('--detections', empty, '--run', run, '--output', output)
    (empty / 'detections_0_00000.npz').write_bytes(b'PK damaged')
    assert 'holds no detections' in said('--detections', empty, '--run', run, '--output', output)
    assert 'no such folder' in said('--detections', folder, '--run', run, '--output', output, '--motions',
                                    tmp_path / 'x')
    output.write_text('a letter')
    assert 'not replaced' in said('--detections', folder, '--run', run, '--output', output)
    assert output.read_text() == 'a letter'
    other = tmp_path / 'photographs'
    other.mkdir()
    (other / 'holiday.jpg').write_bytes(b'x')
    assert 'holds holiday.jpg' in said('--detections', folder, '--run', other, '--output', tmp_path / 'l.npz')


def test_known_people_are_seen_where_they_are():
    pytest.importorskip('ai_edge_litert')
    known, rng = detections.KnownPeople(), np.random.default_rng(0)
    image, truth = dataset.render_person(3, 0)
    found = known.landmarks(image, truth, rng)
    wrists = [skeleton.JOINT[f'{side}_wrist'] for side in skeleton.SIDES]
    off = np.linalg.norm(found.pose[[15, 16]] - truth.joints_2d[wrists], axis=1)
    assert off.max() < 20 and found.disagreement is not None
    assert any(found.hand(side) is not None for side in skeleton.SIDES)
    nobody = np.full_like(image, 128)
    assert known.landmarks(nobody, truth, rng) is None
    behind = replace(truth, joints_2d=np.full_like(truth.joints_2d, np.nan))
    assert known.landmarks(image, behind, rng) is None


def test_people_are_drawn_and_seen(tmp_path, monkeypatch):
    pytest.importorskip('ai_edge_litert')
    monkeypatch.setattr(detections, 'SHARD', 3)
    detections._start(None, posture_scene.MEASURING)
    path = tmp_path / 'detections_5_00000.npz'
    detections._make_shard((path, 5 << 32))
    found = detections.read([tmp_path])
    assert 1 <= len(found.pose) <= 3 and found.rotations.shape[1:] == (55, 3, 3)
    assert all(np.isfinite(values).all() for values in found)
    assert (found.joints[:, 0, 2] > 0).all()
