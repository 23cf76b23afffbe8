"""The endless source: pictures follow from seeds, and everything that is said of them agrees."""


import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

pytest.importorskip('anny')

from hand4whole_ros import keypoints, skeleton  # noqa: E402
from hand4whole_ros.synthetic import adults, collisions, figure, people  # noqa: E402
from hand4whole_ros.synthetic.dataset import person_seed  # noqa: E402
from hand4whole_ros.synthetic.drawing import draw_scene  # noqa: E402
from hand4whole_ros.synthetic.scene import scene_rng  # noqa: E402
from hand4whole_ros.synthetic.source import SyntheticImages  # noqa: E402

COUNT = 16


@pytest.fixture(scope='module')
def drawn():
    """[(Scene, image, PersonTruth)], whole pictures of some size."""
    source = SyntheticImages(7, 320, 240)
    return [(source.scene(k), *draw_scene(source.scene(k), vertices=True)) for k in range(COUNT)]


def test_equal_seeds_equal_pictures_other_seeds_others(drawn):
    again, other = SyntheticImages(7, 320, 240), SyntheticImages(8, 320, 240)
    for k in (0, 5):
        image, truth = again[k]
        assert np.array_equal(image, drawn[k][1])
        assert np.array_equal(truth.joints, drawn[k][2].joints)
        assert not np.array_equal(image, other[k][0])


def test_pictures_of_the_evaluation_are_what_they_were():
    image, _ = people.render_person(people.sample_person(3))
    # To the byte only on one kind of processor: others round the last bits of a product another way.
    means = image.reshape(4, 180, 4, 180, 3).mean((1, 3, 4))
    assert np.allclose(means, [[135.5, 162.9, 154.9, 149.8], [153.2, 146.1, 133.4, 137.3],
                               [155.9, 155.5, 92.7, 138.9], [165.4, 157.3, 87.4, 138.0]], atol=0.1)


def test_people_of_the_evaluation_are_who_they_were():
    _, truth = people.render_person(people.sample_person(3))
    expected = [(626.74, 246.34), (345.42, 231.88), (498.62, 249.02)]
    assert np.allclose(truth.joints_2d[[20, 21, 15]], expected, atol=0.01)


#: Of the first scenes of `drawn`: means of the picture's halves of halves, wrists in px, shares of the hands seen.
KNOWN = [([(141.0, 125.7), (149.7, 171.3)], [(134.07, 91.93), (161.31, 77.59)], (0.592, 0.967)),
         ([(166.6, 125.7), (168.5, 138.7)], [(159.10, 184.41), (84.57, 186.43)], (1.0, 1.0)),
         ([(108.1, 120.6), (113.9, 124.7)], [(105.75, 74.68), (113.21, 92.73)], (0.424, 1.0)),
         ([(153.0, 148.4), (140.1, 117.2)], [(99.67, 123.04), (75.39, 71.63)], (0.881, 1.0))]


@pytest.mark.parametrize('k', range(len(KNOWN)))
def test_pictures_for_training_are_what_they_were(drawn, k):
    _, image, truth = drawn[k]
    means, wrists, shares = KNOWN[k]
    assert np.allclose(image.reshape(2, 120, 2, 160, 3).mean((1, 3, 4)), means, atol=0.1)
    assert np.allclose(truth.hand_keypoints_2d[:, 0], wrists, atol=0.02)
    assert np.allclose(truth.hand_visibility, shares, atol=0.002)


def test_nobody_of_the_evaluation_is_trained_on():
    known = {tuple(np.round([float(v) for v in people.sample_phenotype(person_seed(seed, k)).values()], 6))
             for seed in (0, 1, 9) for k in range(30)}
    trained = {
        tuple(np.round([float(v) for v in adults.sample_adult(k).figure.phenotype.values()], 6))
        for k in range(0, adults.NUM_ADULTS, 8)
    }
    assert len(trained) == adults.NUM_ADULTS // 8 and not known & trained
    assert scene_rng(5, 0).random() != np.random.default_rng(5).random()


def test_2d_is_the_projection_of_3d_and_rotations_are_rotations(drawn):
    for _, image, truth in drawn:
        assert image.shape == (240, 320, 3) and image.dtype == np.uint8
        k = truth.intrinsics
        for points, pixels in ((truth.joints, truth.joints_2d), (truth.hand_keypoints_3d, truth.hand_keypoints_2d),
                               (truth.body_keypoints_3d, truth.body_keypoints_2d)):
            front = points[..., 2] > 0.01
            expected = points[..., :2] / points[..., 2:] * (k.fx, k.fy) + (k.cx, k.cy)
            assert np.allclose(expected[front], pixels[front], atol=1e-4)
        for rotations in (truth.local_rotations, truth.joint_rotations):
            assert np.allclose(rotations @ np.swapaxes(rotations, -1, -2), np.eye(3), atol=1e-6)
            assert np.allclose(np.linalg.det(rotations), 1)
        assert np.allclose(truth.hand_keypoints_3d[:, 0], truth.joints[[20, 21]])


def test_the_truth_is_what_the_figure_does(drawn):
    """Joints, hand keypoints and mesh against the slow way that evaluation goes, and anny's own body."""
    for _, _, truth in drawn[:3]:
        body = figure.PosableBody({name: torch.tensor([value], dtype=torch.float64)
                              for name, value in truth.phenotype.items()})
        posed = body.pose(truth.local_rotations, truth.joints[0])
        assert np.abs(posed.vertices - truth.vertices).max() < 1e-3      # what 40 directions leave out
        assert np.abs(posed.joints - truth.joints).max() < 5e-4
        for k, side in enumerate(skeleton.SIDES):
            assert np.abs(posed.hand_keypoints(side) - truth.hand_keypoints_3d[k]).max() < 5e-4
        assert np.abs(posed.rotations - truth.joint_rotations).max() < 1e-9


def test_betas_describe_the_figure_in_the_open_body(body):
    """The open body with these betas and this pose, against the mesh that was drawn, clothes aside."""
    vertices, joints = [], []
    for k in range(50):
        scene = people.sample_scene(k)
        rotvecs = torch.from_numpy(Rotation.from_matrix(scene.local_rotations).as_rotvec()).float()
        pose = {name: rotvecs[None, rows] for name, rows in skeleton.POSE_SLICES.items()}
        output = body.layer(**pose, betas=torch.from_numpy(scene.betas)[None].float())
        shift = scene.pelvis - output.joints[0, 0].numpy()
        vertices.append(np.linalg.norm(output.vertices[0].numpy() + shift - scene.vertices, axis=1).mean())
        joints.append(np.linalg.norm(output.joints[0].numpy() + shift - scene.joints, axis=1).mean())
    assert np.mean(vertices) < 0.003 and np.mean(joints) < 0.0015


def test_what_is_visible_is_in_the_picture_and_what_is_hidden_is_behind(drawn):
    for _, image, truth in drawn:
        height, width = image.shape[:2]
        for pixels, visible in ((truth.joints_2d, truth.joints_visible),
                                (truth.hand_keypoints_2d, truth.hand_keypoints_visible),
                                (truth.body_keypoints_2d, truth.body_keypoints_visible)):
            x, y = pixels[visible].T
            assert ((x > -0.6) & (y > -0.6) & (x < width - 0.4) & (y < height - 0.4)).all()
        x, y, w, h = truth.box_xywh
        assert -0.5 <= x and -0.5 <= y and x + w <= width - 0.5 and y + h <= height - 0.5
        assert ((truth.hand_visibility >= 0) & (truth.hand_visibility <= 1)).all()
        # Finger bones are seen where the hand is, and not where it is not.
        for share, seen in zip(truth.hand_visibility, truth.hand_keypoints_visible):
            assert seen.any() if share > 0.5 else share > 0.02 or seen.mean() < 0.5
    shares = np.concatenate([truth.hand_visibility for *_, truth in drawn])
    assert (shares > 0.5).mean() > 0.5


def test_body_keypoints_lie_on_the_person(drawn):
    at = keypoints.KEYPOINT
    for _, _, truth in drawn:
        body = truth.body_keypoints_3d
        assert np.allclose(body[at['left_shoulder']], truth.joints[skeleton.JOINT['left_shoulder']])
        assert np.linalg.norm(body[at['nose']] - truth.joints[skeleton.JOINT['head']]) < 0.25
        for name in ('nose', 'left_ear', 'right_heel', 'left_big_toe'):
            assert np.linalg.norm(truth.vertices - body[at[name]], axis=1).min() < 1e-4


def test_a_crop_shows_the_same_scene(drawn):
    scene, _, truth = next(row for row in drawn if row[0].kind == 'body')
    box = scene.box()
    image, cropped = draw_scene(scene, scene.crop(box, 96, 128))
    assert image.shape == (128, 96, 3)
    scale = 96 / box[2]
    corner = np.array(box[:2])
    assert np.allclose((truth.joints_2d - corner + 0.5) * scale - 0.5, cropped.joints_2d, atol=1e-3)
    assert np.array_equal(truth.joints, cropped.joints)


def test_poses_do_not_run_into_themselves_and_fingers_stay_within_their_limits(drawn):
    for scene, *_ in drawn:
        tips = scene.hand_keypoints[:, list(skeleton.FINGERTIP_KEYPOINTS)].reshape(10, 3)
        assert (
            collisions.first_collision_free(scene.figure, scene.joint_rotations[None], scene.joints[None], tips[None])
            == 0
        )
        fingers = Rotation.from_matrix(scene.local_rotations[25:55]).magnitude()
        assert fingers.max() < 2.1
    into_the_belly = drawn[0][0].joints.copy()
    into_the_belly[skeleton.HAND_SLICE['left']] = into_the_belly[skeleton.JOINT['spine1']]
    tips = np.tile(into_the_belly[skeleton.JOINT['spine1']], (10, 1))
    assert collisions.first_collision_free(drawn[0][0].figure, drawn[0][0].joint_rotations[None], into_the_belly[None],
                                 tips[None]) is None
