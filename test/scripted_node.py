"""The real node with an estimator that does as the image says, to test the node and not the estimator.

The first pixel's red is ten times the number of people, its blue that of hands that belong to nobody; its green
chooses what else happens.
"""

import time
from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from hand4whole_ros import skeleton
from hand4whole_ros.body.model import BodyModel
from hand4whole_ros.body.posing import repose_estimate
from hand4whole_ros.estimate import HandEstimate, LooseHandEstimate, ObjectEstimate, WholeBodyEstimate
from hand4whole_ros.estimators.base import Estimator, EstimatorUnavailable

PEOPLE = 10                                         # red of one person, blue of one hand of nobody
NORMAL, RAISE, NOT_FINITE, SLOW, LEFT_LOST, BEHIND = 0, 50, 100, 150, 200, 250    # green
SLOW_SECONDS = 0.3


def person(body, intrinsics, place=(0.0, 0.3, 3.0), left_state=skeleton.OK, confidence=0.9):
    """Somebody standing upright before the camera, facing it, both arms half lowered, fingers bent."""
    local = np.zeros((skeleton.NUM_JOINTS, 3), np.float32)
    local[0, 0] = np.pi
    local[skeleton.JOINT['left_shoulder'], 2] = -0.8
    local[skeleton.JOINT['right_shoulder'], 2] = 0.8
    for side, sign in (('left', -1), ('right', 1)):
        local[skeleton.HAND_SLICE[side], 2] = 0.3 * sign
    hands = [HandEstimate(side, skeleton.OK, 0.8, np.zeros((21, 3), np.float32), np.zeros((21, 2), np.float32), None,
                          np.array([10.0, 20.0, 60.0, 80.0], np.float32)) for side in skeleton.SIDES]
    blank = WholeBodyEstimate(
        **{name: np.zeros((rows.stop - rows.start, 3) if rows.stop - rows.start > 1 else 3, np.float32)
           for name, rows in skeleton.POSE_SLICES.items()},
        betas=np.zeros(10, np.float32), expression=np.zeros(10, np.float32), transl=np.zeros(3, np.float32),
        joints=np.zeros((55, 3), np.float32),
        joint_rotations=np.zeros((55, 3, 3), np.float32), left_hand=hands[0], right_hand=hands[1],
        bbox_xyxy=np.array([100.0, 50.0, 300.0, 400.0], np.float32), confidence=confidence,
        stage_times={'script': 0.001})
    found = repose_estimate(body, blank, local, betas=np.zeros(10, np.float32), pelvis=np.array(place, np.float32))
    hands = [replace(hand, keypoints_2d=np.asarray(intrinsics.project(hand.keypoints_3d), np.float32))
             for hand in found.hands]
    if left_state == skeleton.LOST:
        hands[0] = replace(hands[0], state=left_state, confidence=0.0)
    return replace(found, left_hand=hands[0], right_hand=hands[1])


def loose_hand(hand, **changes):
    """The same hand, belonging to nobody; keywords replace fields of LooseHandEstimate."""
    given = {name: getattr(hand, name) for name in ('side', 'keypoints_3d', 'keypoints_2d', 'bbox_xyxy', 'confidence')}
    return LooseHandEstimate(**{**given, 'state': skeleton.OK, 'betas': None, **changes})


def grasped_object(intrinsics, place=(0.02, -0.05, 1.1), size=(0.06, 0.1, 0.04), turn=(0.3, -0.5, 0.2), low=(0, 0, 0)):
    """An ObjectEstimate there, of a box that begins at `low` in its own frame."""
    box = np.array([low, low], np.float32) + np.array([[0.0] * 3, size], np.float32)
    rotation = np.asarray(Rotation.from_rotvec(turn).as_matrix(), np.float32)
    made = ObjectEstimate(rotation, np.array(place, np.float32), box, np.zeros((8, 2), np.float32), 0.75, 1.5)
    return replace(made, corners_2d=np.asarray(intrinsics.project(made.corners), np.float32))


class ScriptedEstimator(Estimator):
    """Does what the first pixel says."""

    name = 'scripted'
    gives_objects = True

    def __init__(self, config):
        if config.device == 'cuda':
            raise EstimatorUnavailable('the scripted estimator has no cuda: set device to cpu')
        self.body = BodyModel.load(config.body_model)

    loose_hands = ()

    def estimate(self, image, intrinsics, stamp=None):
        """People side by side, a metre apart; right hands of nobody 0.6 m apart, the first of which
        grasps something where they are two.
        """
        red, green, blue = image[0, 0].astype(int)
        behaviour = min((NORMAL, RAISE, NOT_FINITE, SLOW, LEFT_LOST, BEHIND), key=lambda code: abs(code - green))
        if behaviour == RAISE:
            raise RuntimeError('the script says so')
        if behaviour == SLOW:
            time.sleep(SLOW_SECONDS)
        state = skeleton.LOST if behaviour == LEFT_LOST else skeleton.OK
        people = [person(self.body, intrinsics, (k - 0.5, 0.3, 3.0 + k), state) for k in range(round(red / PEOPLE))]
        if behaviour == NOT_FINITE:
            people = [replace(p, transl=p.transl * float('nan')) for p in people]
        if behaviour == BEHIND:
            people = self.filter_estimates(person(self.body, intrinsics, (0.0, 0.3, -3.0)) for _ in people)
        self.loose_hands = [loose_hand(person(self.body, intrinsics, (0.3 + 0.6 * k, 0.3, 2.0)).right_hand)
                            for k in range(round(blue / PEOPLE))]
        if len(self.loose_hands) == 2:
            self.loose_hands[0] = replace(self.loose_hands[0], object=grasped_object(intrinsics), grasp_probability=0.9)
        return people


def picture(people=1, behaviour=NORMAL, width=320, height=240, hands=0):
    """(H, W, 3) uint8 RGB that makes the scripted estimator do this."""
    image = np.full((height, width, 3), 90, np.uint8)
    image[:16, :16] = (people * PEOPLE, behaviour, hands * PEOPLE)
    return image
