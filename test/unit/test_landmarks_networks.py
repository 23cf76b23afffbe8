"""The networks on people whose place is known, in mirrors, and in turned images."""

import numpy as np
import pytest

pytest.importorskip('ai_edge_litert')

from mirrored_regions import mirrored_region  # noqa: E402

from hand4whole_ros import skeleton  # noqa: E402
from hand4whole_ros.landmarks import face, hands, indices, pose, whole_body  # noqa: E402
from hand4whole_ros.landmarks.regions import Region, rotated  # noqa: E402
from hand4whole_ros.landmarks.runtime import Runtime  # noqa: E402
from hand4whole_ros.synthetic import dataset  # noqa: E402

#: Crops without half a pixel's offset, which a mirror would double.
EXACT = Runtime(exact_crops=True)

_JOINTS = {f'{side}_{joint}': indices.PoseLandmark[f'{side}_{joint}'.upper()]
           for side in ('left', 'right') for joint in ('shoulder', 'elbow', 'wrist')}


@pytest.fixture(scope='module')
def drawn():
    """[(image, truth)] of people with both hands in the image."""
    return [dataset.render_person(71, k) for k in range(6)]


@pytest.fixture(scope='module')
def landmarker():
    return whole_body.WholeBodyLandmarker(runtime=EXACT)


@pytest.fixture(scope='module')
def seen(drawn, landmarker):
    """[(image, truth, landmarks)]."""
    detector = pose.PoseDetector(runtime=EXACT)
    found = []
    for image, truth in drawn:
        person = detector.detect(image)[0]
        found.append((image, truth, landmarker.landmarks(image, pose.person_region(person))))
    return found


def hand_size(points):
    return np.linalg.norm(points[indices.HandLandmark.MIDDLE_FINGER_MCP, :2] - points[0, :2])


def test_joints_and_fingers_are_where_they_were_drawn(seen):
    joints, fingers = [], []
    for _, truth, landmarks in seen:
        assert landmarks.pose.presence > pose.MIN_PRESENCE
        for name, landmark in _JOINTS.items():
            joints.append(landmarks.pose.landmarks[landmark, :2] - truth.joints_2d[skeleton.JOINT[name]])
        for side in skeleton.SIDES:
            if landmarks.hand(side) is not None:
                true = truth.hand(side).keypoints_2d
                fingers.append(np.linalg.norm(landmarks.hand(side).landmarks[:, :2] - true, axis=1).mean()
                               / hand_size(true))
    assert np.median(np.linalg.norm(joints, axis=1)) < 15     # px, of images 720 px high
    assert len(fingers) >= 9 and np.median(fingers) < 0.15


def test_world_landmarks_are_metres_in_axes_of_the_image(seen):
    for _, truth, landmarks in seen:
        world = landmarks.pose.world_landmarks
        # The middle of the hips is the origin, and the head is above it: y points down.
        assert np.abs(world[[23, 24]].mean(0)).max() < 0.05 and -1.2 < world[0, 1] < -0.3
        for side in skeleton.SIDES:
            hand = landmarks.hand(side)
            if hand is not None:
                palm = np.linalg.norm(hand.world_landmarks[9] - hand.world_landmarks[0])
                assert 0.03 < palm < 0.15
                flat, true = hand.world_landmarks[:, :2], truth.hand(side).keypoints_3d[:, :2]
                flat, true = flat - flat.mean(0), true - true.mean(0)
                assert (flat * true).sum() > 0.7 * np.linalg.norm(flat) * np.linalg.norm(true)


def test_the_side_of_a_hand_is_the_persons_own(seen):
    right = []
    for _, _, landmarks in seen:
        for side in skeleton.SIDES:
            hand = landmarks.hand(side)
            if hand is not None:
                assert hand.side_score == pytest.approx(abs(hand.right_score - 0.5) + 0.5)
                right.append(hand.side == side)
    assert np.mean(right) > 0.8


def test_a_mirror_image_gives_mirrored_landmarks_and_the_other_side(seen, landmarker):
    errors = []
    for image, _, landmarks in seen:
        width = image.shape[1]
        mirror = image[:, ::-1]
        body = landmarker.pose.landmarks(mirror, mirrored_region(landmarks.pose.region, width))
        points = body.landmarks[list(indices.MIRRORED_POSE), :2] * (-1, 1) + (width - 1, 0)
        sure = landmarks.pose.visibility > 0.7
        errors.append(np.linalg.norm(points - landmarks.pose.landmarks[:, :2], axis=1)[sure].mean())
        for side in skeleton.SIDES:
            hand = landmarks.hand(side)
            if hand is None:
                continue
            other = landmarker.hands.landmarks(mirror, mirrored_region(hand.region, width))
            assert other.right_score == pytest.approx(1 - hand.right_score, abs=0.5)
            points = other.landmarks[:, :2] * (-1, 1) + (width - 1, 0)
            errors.append(np.linalg.norm(points - hand.landmarks[:, :2], axis=1).mean())
    assert np.median(errors) < 3


def test_exact_crops_have_less_of_an_offset_that_mirrors_show(seen):
    """What is in one direction in the image and in its mirror image is the crop's, not the person's."""
    offsets = {}
    for exact in (False, True):
        landmarker, found = hands.HandLandmarker(runtime=Runtime(exact_crops=exact)), []
        for image, _, landmarks in seen:
            width = image.shape[1]
            for hand in filter(None, (landmarks.left_hand, landmarks.right_hand)):
                plain, mirror = (landmarker.landmarks(picture, region).landmarks[:, 0] for picture, region in (
                    (image, hand.region), (image[:, ::-1], mirrored_region(hand.region, width))))
                found.append((plain - (width - 1 - mirror)).mean() / 2 / hand.region.side * 224)
        offsets[exact] = np.mean(found)
    print(f'offset of hands: {offsets[False]:.2f} px of 224, with exact crops {offsets[True]:.2f} px')
    assert abs(offsets[True]) < abs(offsets[False])


@pytest.mark.parametrize('quarters', [1, 2, 3])
def test_a_turned_image_with_a_turned_region_gives_turned_landmarks(seen, landmarker, quarters):
    image, _, landmarks = seen[0]
    middle = (image.shape[0] - 1) / 2
    assert image.shape[0] == image.shape[1]
    angle = -quarters * np.pi / 2

    def turned(points):
        return middle + rotated(points - middle, angle)

    def turned_region(region):
        return Region(turned(region.centre), region.side, region.rotation + angle)
    turned_image = np.rot90(image, quarters)
    for network, before in ((landmarker.pose, landmarks.pose), (landmarker.hands, landmarks.left_hand),
                            (landmarker.face, landmarks.face)):
        if before is None:
            continue
        after = network.landmarks(turned_image, turned_region(before.region))
        assert after.presence == pytest.approx(before.presence, abs=0.05)
        distance = np.linalg.norm(after.landmarks[:, :2] - turned(before.landmarks[:, :2]), axis=1)
        assert np.median(distance) < 0.5 and np.percentile(distance, 95) < 3
        assert after.landmarks[:, 2] == pytest.approx(before.landmarks[:, 2], abs=4)
        if hasattr(before, 'world_landmarks'):
            world = np.concatenate([rotated(before.world_landmarks[:, :2], angle), before.world_landmarks[:, 2:]], 1)
            assert np.abs(after.world_landmarks - world).max() < 0.02


def test_the_next_region_finds_the_same_again(seen, landmarker):
    for image, _, landmarks in seen:
        again = landmarker.landmarks_in(image, landmarks.next_regions)
        assert again.pose.presence > pose.MIN_PRESENCE
        sure = landmarks.pose.visibility > 0.7
        distance = np.linalg.norm((again.pose.landmarks - landmarks.pose.landmarks)[sure, :2], axis=1)
        assert np.median(distance) < 8
        for side in skeleton.SIDES:
            if landmarks.hand(side) is not None:
                assert again.hand(side) is not None
                distance = np.linalg.norm((again.hand(side).landmarks - landmarks.hand(side).landmarks)[:, :2], axis=1)
                assert np.median(distance) < 6


def test_a_person_in_a_video_keeps_hands_and_face(seen, landmarker):
    image, _, landmarks = seen[0]
    again = landmarker.landmarks(image, landmarks.pose.next_region, landmarks)
    assert again.hand('left').region.centre == pytest.approx(landmarks.hand('left').next_region.centre)
    # An image later the hand is elsewhere: its region comes from the pose.
    lost = whole_body.WholeBodyLandmarks(landmarks.pose, landmarks.right_hand, landmarks.left_hand, landmarks.face)
    again = landmarker.landmarks(image, landmarks.pose.next_region, lost)
    assert np.linalg.norm(again.left_hand.landmarks[0, :2] - landmarks.left_hand.landmarks[0, :2]) < 10


def test_parts_without_a_region_are_left_out(seen, landmarker):
    image, _, landmarks = seen[0]
    found = landmarker.landmarks_in(image, whole_body.WholeBodyRegions(landmarks.pose.next_region))
    assert found.pose.presence > pose.MIN_PRESENCE and (found.left_hand, found.right_hand, found.face) == (None,) * 3
    assert whole_body.WholeBodyLandmarker(with_face=False).landmarks(image, landmarks.pose.region).face is None


def test_several_regions_at_once_give_what_each_gives_alone(seen):
    image, _, landmarks = seen[0]
    regions = [landmarks.pose.region, landmarks.pose.next_region, Region.of_image(image)]
    for make in (pose.PoseLandmarker, hands.HandLandmarker, face.FaceLandmarker):
        network = make(runtime=Runtime(workers=2))
        for one, region in zip(network.landmarks_batch(image, regions), regions):
            assert one.region is region
            assert np.array_equal(one.landmarks, network.landmarks(image, region).landmarks)
    recropper = hands.HandRecropper(Runtime(workers=2))
    for one, region in zip(recropper.recrop_batch(image, regions), regions):
        assert np.array_equal(one.centre, recropper.recrop(image, region).centre)


def test_hands_are_found_without_a_person(drawn):
    landmarker, matched, sides = whole_body.MultiHandLandmarker(max_hands=4), 0, []
    for image, truth in drawn:
        for hand in landmarker.detect(image):
            errors = {side: np.linalg.norm(hand.landmarks[:, :2] - truth.hand(side).keypoints_2d, axis=1).mean()
                      / hand_size(truth.hand(side).keypoints_2d) for side in skeleton.SIDES}
            nearest = min(errors, key=errors.get)
            assert errors[nearest] < 0.5
            matched += 1
            sides.append(hand.side == nearest)
    assert matched >= 6 and np.mean(sides) > 0.7


def test_no_more_hands_are_given_than_are_asked_for(drawn):
    counts = [max(len(whole_body.MultiHandLandmarker(most).detect(image)) for image, _ in drawn) for most in (1, 2)]
    assert counts == [1, 2]
    with pytest.raises(ValueError, match='max_hands'):
        whole_body.MultiHandLandmarker(max_hands=0)


def test_nobody_is_found_where_nobody_is():
    for value in (0, 127, 255):
        image = np.full((240, 320, 3), value, np.uint8)
        assert pose.PoseDetector().detect(image) == [] and whole_body.MultiHandLandmarker().detect(image) == []
        found = whole_body.WholeBodyLandmarker().landmarks(image, Region.of_image(image))
        assert found.pose.presence < pose.MIN_PRESENCE and np.isfinite(found.pose.landmarks).all()


def test_images_of_any_size_and_layout(seen, landmarker):
    image, _, landmarks = seen[0]
    # A view of a larger array, backwards in memory, read-only.
    view = image[::-1].copy()[::-1]
    view.setflags(write=False)
    again = landmarker.pose.landmarks(view, landmarks.pose.region)
    assert np.array_equal(again.landmarks, landmarks.pose.landmarks)
    for shape in ((1, 1), (1, 500), (500, 1), (3000, 20)):
        assert pose.PoseDetector().detect(np.zeros((*shape, 3), np.uint8)) == []
    with pytest.raises(ValueError, match='an image is an RGB array'):
        landmarker.landmarks(image[..., 0], landmarks.pose.region)


def test_the_eyes_are_on_their_sides_of_the_face():
    cbook = pytest.importorskip('matplotlib.cbook')
    from hand4whole_ros.media import image_files
    image = image_files.read_image(cbook.get_sample_data('grace_hopper.jpg', asfileobj=False))
    detection, = face.FaceDetector().detect(image)
    found = face.FaceLandmarker().landmarks(image, face.face_region(detection))
    assert found.presence > face.MIN_PRESENCE
    left, right = face.IrisLandmarker(Runtime(workers=2)).eyes(image, found)
    assert (left.side, right.side) == ('left', 'right') and left.iris[0, 0] > right.iris[0, 0]
    for eye in (left, right):
        corners = found.landmarks[list(indices.EYE_CORNERS[eye.side]), :2]
        width = np.linalg.norm(corners[1] - corners[0])
        assert np.linalg.norm(eye.iris[0, :2] - corners.mean(0)) < 0.25 * width
        # Towards the nose, up, towards the temple, down, and as large as an iris: 11.7 mm of an eye of some 30 mm.
        edge = eye.iris[1:, :2] - eye.iris[0, :2]
        outwards = 1 if eye.side == 'left' else -1
        assert edge[0, 0] * outwards < 0 < edge[2, 0] * outwards and edge[1, 1] < 0 < edge[3, 1]
        assert 0.25 < np.linalg.norm(edge[2] - edge[0]) / width < 0.6
