"""People and hands moved to where a depth image sees them."""

from dataclasses import replace

import numpy as np
import pytest
from scripted_node import loose_hand, person

from hand4whole_ros import skeleton
from hand4whole_ros.body.posing import repose_estimate
from hand4whole_ros.geometry.camera import Intrinsics
from hand4whole_ros.geometry.depth_image import DepthImage
from hand4whole_ros.tracking.depth_correction import MEMORY, DepthCorrection

CAMERA = Intrinsics.from_fov(640, 480)
WRISTS = [skeleton.WRIST[side] for side in skeleton.SIDES]


@pytest.fixture(scope='module')
def draw(body):
    """Depth (480, 640) m of somebody before a wall."""
    from hand4whole_ros.rendering.rasterizer import Rasterizer
    rasterizer = Rasterizer(body.faces)

    def of(*people):
        depth = np.full((480, 640), np.inf)
        for one in people:
            depth = np.minimum(depth, rasterizer.ids_and_depth(body.vertices(one), CAMERA)[1])
        return np.where(np.isfinite(depth), depth, 6.0).astype(np.float32)
    return of


def posed(body, place=(0.0, 0.3, 3.0), arms=(0.3, 0.9), track_id=3, **hands):
    """Somebody who stretches the forearms out to the camera; arms: rotation of shoulders and elbows, rad."""
    found = person(body, CAMERA, place)
    local = found.local_rotations.copy()
    for side, sign in (('left', 1), ('right', -1)):
        local[skeleton.JOINT[f'{side}_shoulder']] = np.array([-arms[0], 0.0, -1.0 * sign], np.float32)
        local[skeleton.JOINT[f'{side}_elbow'], 1] = -arms[1] * sign
    found = repose_estimate(body, replace(found, track_id=track_id), local, betas=found.betas,
                            pelvis=np.array(place, np.float32))
    return replace(found, **{f'{side}_hand': replace(found.hand(side), **changes) for side, changes in hands.items()})


def test_a_person_who_seemed_nearer_comes_to_the_true_distance_and_keeps_size_and_pose(body, draw):
    """The true person is larger and farther away by the same factor, and looks the same."""
    seen = posed(body, (0.13, 0.265, 3.0))
    found = DepthCorrection(body)([seen], [], DepthImage(1.1 * draw(seen), 1.0), CAMERA, stamp=1.0)
    moved = found.people[0]
    assert (found.measured, found.implausible, found.unmeasured) == (1, 0, 0)
    assert abs(float(moved.joints[0, 2]) - 3.3) < 0.03
    assert np.linalg.norm(moved.joints[WRISTS] - 1.1 * seen.joints[WRISTS], axis=1).max() < 0.03
    pixels = [CAMERA.project(one.joints[[0, *WRISTS]]) for one in (seen, moved)]
    assert np.linalg.norm(pixels[1] - pixels[0], axis=1).max() < 3.0
    np.testing.assert_allclose(moved.betas, seen.betas)
    before, after = seen.joints - seen.joints[0], moved.joints - moved.joints[0]
    np.testing.assert_allclose(after[:16], before[:16], atol=1e-5)      # only the arms are turned
    np.testing.assert_allclose(moved.transl - seen.transl, moved.joints[0] - seen.joints[0], atol=1e-5)
    assert moved.vertices is None and moved.track_id == seen.track_id
    assert all(hand.depth_measured for hand in moved.hands) and not any(hand.depth_measured for hand in seen.hands)


def test_an_arm_reaches_as_far_as_its_hand_is_seen(body, draw):
    """Estimated with hands in the right pixels and too near by 3 %, 0.08 m."""
    true = posed(body)
    seen = DepthCorrection(body)._reach(true, {side: 0.97 * true.joints[skeleton.WRIST[side]].astype(np.float64)
                                               for side in skeleton.SIDES})
    np.testing.assert_allclose(seen.joints[WRISTS], 0.97 * true.joints[WRISTS], atol=1e-4)
    moved = DepthCorrection(body)([seen], [], DepthImage(draw(true), 1.0), CAMERA, stamp=1.0).people[0]
    assert np.linalg.norm(moved.joints[WRISTS] - true.joints[WRISTS], axis=1).max() < 0.03
    assert abs(float(moved.joints[0, 2] - true.joints[0, 2])) < 0.02
    for hand in moved.hands:        # the hand stays on its arm, and keeps its orientation and fingers
        np.testing.assert_allclose(hand.keypoints_3d[0], moved.joints[skeleton.WRIST[hand.side]], atol=1e-5)
    np.testing.assert_allclose(moved.joint_rotations[WRISTS], seen.joint_rotations[WRISTS], atol=1e-4)
    np.testing.assert_allclose(moved.left_hand_pose, seen.left_hand_pose, atol=1e-6)


def test_a_hand_of_nobody_is_moved_as_it_is(body, draw):
    whole = posed(body, (0, 0.27, 2.0))
    seen = loose_hand(whole.right_hand, track_id=2)
    found = DepthCorrection(body)([], [seen], DepthImage(1.1 * draw(whole), 1.0), CAMERA, stamp=1.0)
    moved = found.loose_hands[0]
    assert found.measured == 1 and moved.depth_measured
    assert abs(float(moved.keypoints_3d[0, 2] - 1.1 * seen.keypoints_3d[0, 2])) < 0.03
    np.testing.assert_allclose(moved.keypoints_3d - moved.keypoints_3d[0], seen.keypoints_3d - seen.keypoints_3d[0],
                               atol=1e-5)


def test_an_image_without_depth_takes_the_last_correction_for_a_while(body, draw):
    correct, seen = DepthCorrection(body), posed(body, (0.13, 0.265, 3.0))
    depth = DepthImage(1.1 * draw(seen), 1.0)
    there = correct([seen], [], depth, CAMERA, stamp=1.0).people[0].joints[0]
    for stamp, known in ((1.0 + 0.5 * MEMORY, True), (1.0 + 1.5 * MEMORY, False)):
        found = correct([seen], [], None, CAMERA, stamp=stamp)
        assert found.unmeasured == 1
        np.testing.assert_allclose(found.people[0].joints[0], there if known else seen.joints[0], atol=1e-4)
    correct([seen], [], depth, CAMERA, stamp=3.0)
    other = replace(seen, track_id=4)
    assert correct([other], [], None, CAMERA, stamp=3.1).people[0] is other, 'the correction of somebody else'
    assert correct([seen], [], None, CAMERA, stamp=2.9).people[0] is seen, 'a correction from the future'
    correct([seen], [], depth, CAMERA, stamp=4.0)
    correct.reset()
    assert correct([seen], [], None, CAMERA, stamp=4.1).people[0] is seen


def test_somebody_whom_the_estimator_does_not_number_has_no_memory(body, draw):
    correct, seen = DepthCorrection(body), posed(body, (0.13, 0.265, 3.0), track_id=-1)
    correct([seen], [], DepthImage(1.1 * draw(seen), 1.0), CAMERA, stamp=1.0)
    assert correct([seen], [], None, CAMERA, stamp=1.1).people[0] is seen


@pytest.mark.parametrize('factor, counted', [(0.0, 'unmeasured'), (np.nan, 'unmeasured'), (3.0, 'implausible'),
                                             (0.3, 'implausible'), (1000.0, 'unmeasured'), (0.001, 'unmeasured')])
def test_depth_that_is_none_or_cannot_be_leaves_everybody_where_they_are(body, draw, factor, counted):
    seen = posed(body)
    wrong = (factor * draw(seen)).astype(np.float32)
    found = DepthCorrection(body)([seen], [], DepthImage(wrong, 1.0), CAMERA, stamp=1.0)
    assert found.people[0] is seen and getattr(found, counted) == 1


def test_hands_that_are_not_seen_and_joints_that_are_inferred_are_not_looked_up(body, draw):
    """Something stands before the legs, and the hands are behind it."""
    seen = posed(body, left={'state': skeleton.LOST}, right={'state': skeleton.LOST})
    sure = np.zeros(55, np.float32)
    sure[[0, 3, 6, 9, 12, 15, 16, 17]] = 0.9
    seen = replace(seen, joint_confidence=sure)
    depth = draw(seen)
    below = int(CAMERA.project(seen.joints[0])[1]) + 12
    depth[below:] = 1.5
    moved = DepthCorrection(body)([seen], [], DepthImage(depth, 1.0), CAMERA, stamp=1.0).people[0]
    assert abs(float(moved.joints[0, 2] - seen.joints[0, 2])) < 0.04
    np.testing.assert_array_equal(moved.joint_rotations, seen.joint_rotations)
    assert all(hand.depth_measured for hand in moved.hands)     # they are where the body is, which was measured
