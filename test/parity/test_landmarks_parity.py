"""The landmarks are those that MediaPipe itself gives: part by part on the same regions, and from the image to the end.

`pytest test/parity/test_landmarks_parity.py -s` prints the differences; with HAND4WHOLE_TEST_PICTURES=FOLDER, of the
pictures there, too.
"""

import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('mediapipe')
pytest.importorskip('ai_edge_litert')

import mediapipe_parts  # noqa: E402
from mediapipe_parts import metres, pixels, region_of  # noqa: E402

from hand4whole_ros.landmarks import face, hands, pose, whole_body  # noqa: E402
from hand4whole_ros.media import image_files  # noqa: E402
from hand4whole_ros.synthetic import dataset  # noqa: E402
from hand4whole_ros.synthetic.source import SyntheticImages  # noqa: E402


@pytest.fixture(scope='module')
def images():
    """People that are drawn here, and photographs."""
    drawn = [dataset.render_person(61, k)[0] for k in range(8)]
    drawn += [SyntheticImages(62)[k][0] for k in range(8)]
    photographs = []
    try:
        from matplotlib import cbook
        photographs.append(cbook.get_sample_data('grace_hopper.jpg', asfileobj=False))
    except ImportError:
        pass
    if os.environ.get('HAND4WHOLE_TEST_PICTURES'):
        photographs += sorted(path for path in Path(os.environ['HAND4WHOLE_TEST_PICTURES']).iterdir()
                              if path.suffix.lower() in ('.jpg', '.jpeg', '.png'))
    return drawn + [image_files.read_image(path) for path in photographs]


@pytest.fixture(scope='module')
def parts():
    made = mediapipe_parts.Parts()
    yield made
    made.close()


class Differences:
    """Distances of points, and how often only one of the two found something."""

    def __init__(self, what):
        self._what, self._values, self._found = what, [], []

    def add(self, ours, theirs):
        self._values.append(np.linalg.norm(np.asarray(ours) - theirs, axis=-1).ravel())

    def both(self, ours, theirs):
        """Whether both found something; None, [] and False are nothing."""
        self._found.append(bool(ours) == bool(theirs))
        return bool(ours) and bool(theirs)

    def check(self, median, p95, least=1, unit='px', unlike=0.0):
        values = np.concatenate(self._values)
        found = np.median(values), np.percentile(values, 95)
        print(f'{self._what}: {len(values)} points, median {found[0]:.3f} {unit}, 95 % within {found[1]:.3f} {unit}; '
              f'{self._found.count(False)} of {len(self._found)} found by one only')
        assert len(values) >= least
        assert found[0] <= median and found[1] <= p95, f'{self._what}: median and 95th percentile are {found} {unit}'
        # What is just as good as the least that counts may be found by one of them only.
        assert self._found.count(False) <= np.ceil(unlike * len(self._found)), self._what


def check_region(ours, theirs, image):
    theirs = region_of(theirs, image)
    scale = max(theirs.side, 1)
    assert ours.centre == pytest.approx(theirs.centre, abs=0.02 * scale)
    assert ours.side == pytest.approx(theirs.side, rel=0.04)
    assert abs(np.angle(np.exp(1j * (ours.rotation - theirs.rotation)))) < 0.05


def keypoints(detection, image):
    height, width = image.shape[:2]
    return np.array([(p.x * width - 0.5, p.y * height - 0.5) for p in detection.location_data.relative_keypoints])


@pytest.mark.parametrize('name, make', [('people', pose.PoseDetector), ('palms', hands.PalmDetector)])
def test_detections(images, parts, name, make):
    detector, differences, scores = make(), Differences(name), []
    for image in images:
        ours, theirs = detector.detect(image), parts.process(name, image).detections or []
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs):
            differences.add(one.keypoints, keypoints(other, image))
            scores.append(abs(one.score - other.score[0]))
            box = other.location_data.relative_bounding_box
            height, width = image.shape[:2]
            assert one.box == pytest.approx(np.array([
                box.xmin * width, box.ymin * height, (box.xmin + box.width) * width,
                (box.ymin + box.height) * height]) - 0.5, abs=0.5)
    differences.check(0.05, 0.2, least=40)
    assert max(scores) < 0.01


def test_a_pose_on_the_same_region(images, parts):
    detector, landmarker = pose.PoseDetector(), pose.PoseLandmarker()
    flat, depth, world = (Differences(f'pose, same region, {what}') for what in ('in the image', 'depth', 'world'))
    for image in images:
        for person in detector.detect(image):
            region = pose.person_region(person)
            ours, theirs = landmarker.landmarks(image, region), parts.process('pose', image, region)
            if not flat.both(ours.presence > pose.MIN_PRESENCE, theirs.landmarks):
                continue
            points = pixels(theirs.landmarks, image)
            flat.add(ours.landmarks[:, :2], points[:, :2])
            depth.add(ours.landmarks[:, 2:], points[:, 2:])
            world.add(ours.world_landmarks * 1000, metres(theirs.world) * 1000)
            assert ours.visibility == pytest.approx([p.visibility for p in theirs.landmarks.landmark], abs=0.05)
            assert ours.landmark_presence == pytest.approx([p.presence for p in theirs.landmarks.landmark], abs=0.05)
            check_region(ours.next_region, theirs.next, image)
    flat.check(0.2, 1.0, least=330)
    depth.check(1.0, 3.0)
    world.check(1.0, 4.0, unit='mm')


@pytest.mark.parametrize('lite', [False, True])
def test_a_hand_on_the_same_region(images, parts, lite):
    detector, landmarker = hands.PalmDetector(), hands.HandLandmarker(lite)
    flat, depth, world = (Differences(f'hand, same region, {what}') for what in ('in the image', 'depth', 'world'))
    for image in images:
        for palm in detector.detect(image):
            region = hands.palm_region(palm)
            ours = landmarker.landmarks(image, region)
            theirs = parts.process('lite_hand' if lite else 'hand', image, region)
            if not flat.both(ours.presence > hands.MIN_PRESENCE, theirs.landmarks):
                continue
            points = pixels(theirs.landmarks, image)
            flat.add(ours.landmarks[:, :2], points[:, :2])
            depth.add(ours.landmarks[:, 2:], points[:, 2:])
            world.add(ours.world_landmarks * 1000, metres(theirs.world) * 1000)
            named = theirs.handedness.classification[0]     # as in a mirror
            assert ours.right_score == pytest.approx(
                named.score if named.label == 'Left' else 1 - named.score, abs=0.1)
            check_region(ours.next_region, theirs.next, image)
    flat.check(0.2, 1.0, least=200)
    depth.check(0.3, 1.5)
    world.check(0.3, 2.0, unit='mm')


def test_regions_of_hands_from_a_pose(images, parts):
    detector, landmarker, recropper = pose.PoseDetector(), pose.PoseLandmarker(), hands.HandRecropper()
    count = 0
    for image in images:
        for person in detector.detect(image):
            body = landmarker.landmarks(image, pose.person_region(person))
            for side in ('left', 'right'):
                region = hands.pose_hand_region(body.landmarks, side)
                check_region(recropper.recrop(image, region), parts.process('recrop', image, region).next, image)
                count += 1
    assert count >= 20


def test_a_face_on_the_same_region(images, parts):
    poses, landmarker = pose.PoseDetector(), pose.PoseLandmarker()
    detector, mesh = face.FaceDetector(), face.FaceLandmarker()
    flat, depth = (Differences(f'face, same region, {what}') for what in ('in the image', 'depth'))
    for image in images:
        for person in poses.detect(image):
            region = face.pose_face_region(landmarker.landmarks(image, pose.person_region(person)).landmarks)
            detections, theirs = detector.detect(image, region), parts.process('faces', image, region)
            if not flat.both(detections, theirs.detections):
                continue
            region = face.face_region(detections[0])
            check_region(region, theirs.next, image)
            ours, theirs = mesh.landmarks(image, region), parts.process('face', image, region)
            if not flat.both(ours.presence > face.MIN_PRESENCE, theirs.landmarks):
                continue
            points = pixels(theirs.landmarks, image)
            flat.add(ours.landmarks[:, :2], points[:, :2])
            depth.add(ours.landmarks[:, 2:], points[:, 2:])
            check_region(ours.next_region, theirs.next, image)
    flat.check(0.2, 1.0, least=468, unlike=0.02)
    depth.check(0.2, 1.0)


def test_holistic_from_the_image_to_the_end(images, parts):
    detector, landmarker = pose.PoseDetector(), whole_body.WholeBodyLandmarker()
    body, hand, mesh = (Differences(f'Holistic, {what}') for what in ('pose', 'hands', 'face'))
    for image in images:
        theirs, detections = parts.solution('holistic', image), detector.detect(image)
        ours = landmarker.landmarks(image, pose.person_region(detections[0])) if detections else None
        if not body.both(ours and ours.pose.presence > pose.MIN_PRESENCE, theirs.pose_landmarks):
            continue
        body.add(ours.pose.landmarks[:, :2], pixels(theirs.pose_landmarks, image)[:, :2])
        for differences, one, other in ((hand, ours.left_hand, theirs.left_hand_landmarks),
                                        (hand, ours.right_hand, theirs.right_hand_landmarks),
                                        (mesh, ours.face, theirs.face_landmarks)):
            if differences.both(one, other):
                differences.add(one.landmarks[:, :2], pixels(other, image)[:, :2])
    body.check(0.3, 3.0, least=330)
    hand.check(1.0, 3.0, least=200, unlike=0.02)
    mesh.check(1.0, 3.0, least=468, unlike=0.02)


def test_hands_from_the_image_to_the_end(images, parts):
    landmarker = whole_body.MultiHandLandmarker(max_hands=4)
    differences = Differences('Hands')
    for image in images:
        ours, theirs = landmarker.detect(image), parts.solution('hands', image)
        found = [pixels(one, image) for one in theirs.multi_hand_landmarks or []]
        if len(ours) != len(found):
            differences.both(True, False)
            continue
        for number, (one, other) in enumerate(zip(ours, found)):
            differences.both(True, True)
            differences.add(one.landmarks[:, :2], other[:, :2])
            named = theirs.multi_handedness[number].classification[0]       # as in a mirror
            if named.score > 0.6:
                assert one.side == {'Left': 'right', 'Right': 'left'}[named.label]
                assert one.side_score == pytest.approx(named.score, abs=0.1)
    differences.check(0.3, 1.0, least=200, unlike=0.02)
