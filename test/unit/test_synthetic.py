"""Rendered people: the truth is where the picture shows it, on the side it says, and the same every time."""

import json

import cv2
import numpy as np
import pytest
import torch

pytest.importorskip('anny')

from hand4whole_ros import skeleton  # noqa: E402
from hand4whole_ros.body import anny_rig  # noqa: E402
from hand4whole_ros.synthetic import collisions, dataset, figure, gestures, hands, people, visibility  # noqa: E402

SEEDS = (3, 4, 5)


@pytest.fixture(scope='module')
def crowd():
    """Some people with their pictures: [(Scene, image, PersonTruth)]."""
    persons = [people.sample_person(seed) for seed in SEEDS]
    return [(person, *people.render_person(person)) for person in persons]


def test_pictures_and_truth_are_complete(crowd):
    for _, image, truth in crowd:
        assert image.shape == (720, 720, 3) and image.dtype == np.uint8
        assert truth.joints.shape == (55, 3) and truth.vertices.shape == (13718, 3)
        assert truth.left_hand.keypoints_3d.shape == (21, 3)
        assert truth.intrinsics.fx == 936.0
        assert np.isfinite(truth.joints_2d).all()


def test_2d_truth_is_the_projection_of_the_3d_truth(crowd):
    for _, _, truth in crowd:
        matrix = np.array([[936.0, 0, 359.5], [0, 936.0, 359.5], [0, 0, 1]])
        for points, pixels in ((truth.joints, truth.joints_2d),
                               *((hand.keypoints_3d, hand.keypoints_2d)
                                 for hand in (truth.left_hand, truth.right_hand))):
            projected = points @ matrix.T
            assert np.allclose(projected[:, :2] / projected[:, 2:], pixels, atol=1e-6)


def test_the_figure_is_what_anny_itself_poses(crowd):
    person, _, truth = crowd[0]
    model = figure.shared_anny_model()
    local = torch.from_numpy(person.local_rotations)[None]
    pose = anny_rig.pose_to_anny(model, local, torch.from_numpy(person.pelvis)[None], person.figure.phenotype)
    output = model(pose, person.figure.phenotype, return_bone_ends=True)
    assert np.abs(anny_rig.to_smplx(output['vertices'])[0].numpy() - truth.vertices).max() < 1e-4
    assert np.abs(anny_rig.joint_positions(model, output)[0].numpy() - truth.joints).max() < 1e-6
    tips = anny_rig.tip_positions(model, output)[0].numpy()
    fingertips = list(skeleton.FINGERTIP_KEYPOINTS)
    for side, own in (('left', tips[:5]), ('right', tips[5:])):
        assert np.abs(own - truth.hand(side).keypoints_3d[fingertips]).max() < 1e-6
        rotations = anny_rig.joint_rotations(model, output)[0].numpy()
        assert np.abs(rotations[skeleton.WRIST[side]] - truth.hand(side).wrist_rotation).max() < 1e-6


def test_left_is_the_persons_left(crowd):
    for _, _, truth in crowd:
        at = {name: truth.joints[index] for name, index in skeleton.JOINT.items()}
        # Everybody faces the camera within 40 degrees: the person's left is on the picture's right.
        assert at['left_shoulder'][0] > at['right_shoulder'][0] and at['left_hip'][0] > at['right_hip'][0]
        assert at['head'][1] < at['pelvis'][1] < at['left_ankle'][1]
        for side in skeleton.SIDES:
            hand = truth.hand(side)
            assert np.allclose(hand.keypoints_3d[0], at[f'{side}_wrist'])
            assert np.linalg.norm(hand.keypoints_3d[1:] - hand.keypoints_3d[0], axis=1).max() < 0.25


def test_hands_are_drawn_where_the_truth_says(crowd):
    """The pixels of each hand's triangles lie under its keypoints, around their middle."""
    for person, _, truth in crowd:
        ids = visibility.body_rasterizer().face_ids(person.vertices, person.intrinsics)
        for side in skeleton.SIDES:
            shown = np.isin(ids, np.flatnonzero(visibility.hand_faces(side)))
            near = cv2.dilate(shown.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
            columns, rows = truth.hand(side).keypoints_2d.round().astype(int).T
            assert near[rows, columns].mean() >= 0.5 * truth.hand(side).visibility
            ys, xs = np.nonzero(shown)
            middle = truth.hand(side).keypoints_2d.mean(0)
            assert np.hypot(*(np.array([xs.mean(), ys.mean()]) - middle)) < 25
            assert truth.hand(side).visibility >= people.MIN_HAND_VISIBILITY


def test_a_hand_has_the_skins_colour_and_the_background_another(crowd):
    """The picture itself, not only the geometry: where a finger bone is seen there is skin."""
    for person, image, _ in crowd:
        ids = visibility.body_rasterizer().face_ids(person.vertices, person.intrinsics)
        hands_only = visibility.hand_faces('left') | visibility.hand_faces('right')
        shown = np.isin(ids, np.flatnonzero(hands_only))
        inner = cv2.erode(shown.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        colour = image[inner].astype(float).mean(0)
        assert colour[0] > colour[1] > colour[2]    # skin is redder than green, greener than blue
        assert np.abs(image[ids < 0].astype(float).mean(0) - colour).sum() > 15


def test_equal_seeds_equal_pictures_other_seeds_others():
    (first, truth), (again, same) = (people.render_person(people.sample_person(11)) for _ in range(2))
    other, _ = people.render_person(people.sample_person(12))
    assert np.array_equal(first, again) and np.array_equal(truth.vertices, same.vertices)
    assert not np.array_equal(first, other)


def runs_into_itself(scene):
    tips = scene.hand_keypoints[:, list(skeleton.FINGERTIP_KEYPOINTS)].reshape(10, 3)
    return not collisions.collision_free(scene.figure, scene.joint_rotations, scene.joints, tips)


def test_people_do_not_run_into_themselves():
    scene = people.sample_person(21)
    assert not runs_into_itself(scene)
    into_the_belly = scene.local_rotations.copy()
    gestures.set_arm(into_the_belly, scene.figure.joints, 'left', np.array([-0.35, -0.6, 0.05]), roll=-0.5,
                     pole=np.array([1.0, -0.2, 0]))
    assert runs_into_itself(scene.with_pose(into_the_belly))


@pytest.mark.parametrize('side', skeleton.SIDES)
def test_set_arm_brings_the_wrist_to_its_place(side):
    body = figure.PosableBody(people.sample_phenotype(2))
    local = np.tile(np.eye(3), (55, 1, 1))
    place = np.array([0.2, -0.3, 0.6])
    gestures.set_arm(local, body.joints, side, place, roll=-1.0, pole=np.array([0.6, -1.0, -0.4]), flexion=0.2,
                     deviation=0.1)
    posed = body.pose(local, np.zeros(3))
    rest = {name: body.joints[skeleton.JOINT[f'{side}_{name}']] for name in ('shoulder', 'elbow', 'wrist')}
    arm = np.linalg.norm(rest['elbow'] - rest['shoulder']) + np.linalg.norm(rest['wrist'] - rest['elbow'])
    outwards = np.array([1 if side == 'left' else -1, 1, 1])
    moved = posed.joints[skeleton.WRIST[side]] - (rest['shoulder'] + posed.joints[9] - body.joints[9])
    assert np.allclose(moved, place * outwards * arm, atol=6e-3)   # a T-pose is straight to a degree or two


def test_a_fist_is_closed_and_both_hands_mirror_each_other():
    body = figure.PosableBody(people.sample_phenotype(2))
    reach = {}
    for shape in ('open', 'fist'):
        local = np.tile(np.eye(3), (55, 1, 1))
        for side in skeleton.SIDES:
            local[skeleton.HAND_SLICE[side]] = hands.finger_rotations(
                side, np.array(hands.HAND_SHAPES[shape]), 0.1, rest_joints=body.joints, rest_tips=body.tips)
        posed = body.pose(local, np.zeros(3))
        left, right = (posed.hand_keypoints(side) for side in skeleton.SIDES)
        assert np.allclose(left * (-1, 1, 1), right, atol=2e-3)
        reach[shape] = np.linalg.norm(left[[8, 12, 16, 20]] - left[0], axis=1)
        assert (left[[8, 12, 16, 20], 1] < left[0, 1] + 0.01).all()     # fingers bend towards the palm, down
    assert (reach['fist'] < 0.62 * reach['open']).all()


def test_dataset_writes_pictures_and_truth(tmp_path):
    dataset.write_dataset(tmp_path / 'set', 2, 9, progress=False)
    truth = json.loads((tmp_path / 'set' / 'truth.json').read_text())
    assert sorted(truth) == ['person_0000.png', 'person_0001.png']
    image = cv2.cvtColor(cv2.imread(str(tmp_path / 'set' / 'person_0001.png')), cv2.COLOR_BGR2RGB)
    drawn, known = dataset.render_person(9, 1)
    assert np.array_equal(image, drawn)
    written = truth['person_0001.png']
    assert np.allclose(written['hands']['left']['keypoints_3d'], known.left_hand.keypoints_3d)
    assert np.allclose(written['joints_3d']['right_elbow'], known.joints[skeleton.JOINT['right_elbow']])


def test_landmark_networks_see_the_people_and_their_hands(crowd):
    pytest.importorskip('ai_edge_litert')
    from hand4whole_ros.detection.landmark_people import LandmarkPeople
    detector = LandmarkPeople(static_images=True)
    found = 0
    try:
        for _, image, truth in crowd:
            landmarks, = detector.detect(image)
            for side, wrist in (('left', 15), ('right', 16)):
                assert np.linalg.norm(landmarks.pose[wrist] - truth.hand(side).keypoints_2d[0]) < 60
                hand = landmarks.hand(side)
                if hand is not None:
                    found += 1
                    assert np.linalg.norm(hand[:, :2] - truth.hand(side).keypoints_2d, axis=1).mean() < 25
    finally:
        detector.close()
    assert found >= 2 * len(crowd) - 2
