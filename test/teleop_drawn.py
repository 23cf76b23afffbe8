"""The node hand4whole with an estimator that knows how the drawn operator moves: exact truth, no rendering.

The first pixel says which moment an image shows. Run as a program, with HAND4WHOLE_TEST_HANDS the file of `write`.
"""

import os
from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation
from scripted_node import ScriptedEstimator, person

from hand4whole_ros import skeleton
from hand4whole_ros.body.posing import repose_estimate
from hand4whole_ros.ros.node import main

#: Images a second of the operator's motion.
RATE = 30
#: Where the pelvis is, m.
PLACE = (0.0, 0.3, 1.2)
#: A moment at which thumb and index finger of both hands touch, s.
TOUCHING = 2.4

VARIABLE = 'HAND4WHOLE_TEST_HANDS'


def write(path, seed=10):
    """The operator's rotations of all joints against their parents (T, 55, 3) axis-angle over one period, and whether
    hands are in the picture (T,)."""
    from hand4whole_ros.synthetic.motion import PersonMotion
    from hand4whole_ros.synthetic.operator import OPERATOR_SCRIPT, OUT_OF_VIEW
    motion, times = PersonMotion(seed, score=OPERATOR_SCRIPT), np.arange(0, OPERATOR_SCRIPT.period, 1 / RATE)
    rotations = [Rotation.from_matrix(motion._local_rotations(t)).as_rotvec() for t in times]
    np.savez(
        path, rotations=np.array(rotations, np.float32), present=(times < OUT_OF_VIEW[0]) | (times > OUT_OF_VIEW[1])
    )


#: What else an image shows, by its blue: the operator alone; one whose hands are not finite; from CROSSING to
#: CROSSED somebody else who pinches and walks by between operator and camera, STEP m an image, and hides the operator
#: for some images.
ALONE, NOT_FINITE, CROSSING, CROSSED = 1, 2, 10, 110
STEP, DISTANCE_BEFORE, HIDDEN_WITHIN = 0.025, 0.35, 0.15


def picture(t, shown=ALONE):
    """(H, W, 3) uint8 RGB of the moment t, s."""
    image = np.full((48, 64, 3), 90, np.uint8)
    image[0, 0] = (*divmod(round(t * RATE), 256), shown)
    return image


class DrawnEstimator(ScriptedEstimator):
    """A person who moves as the drawn operator does, with the fingers of the open body, and perhaps another one."""

    def __init__(self, config):
        super().__init__(config)
        with np.load(os.environ[VARIABLE]) as file:
            self._rotations, self._present = file['rotations'], file['present']

    def estimate(self, image, intrinsics, stamp=None):
        """Who is there at the moment that the first pixel says."""
        high, low, shown = image[0, 0].astype(int)
        operator = self._posed(256 * high + low, intrinsics, PLACE)
        if shown == NOT_FINITE:     # past the check that estimators make, as one that has a fault
            operator = replace(operator, **{f'{hand.side}_hand': replace(hand, keypoints_3d=np.nan * hand.keypoints_3d)
                                            for hand in operator.hands})
        if not CROSSING <= shown <= CROSSED:
            return [operator]
        aside = STEP * (shown - (CROSSING + CROSSED) / 2)
        place = PLACE[0] + aside, PLACE[1], PLACE[2] - DISTANCE_BEFORE
        other = self._posed(round(TOUCHING * RATE), intrinsics, place)
        return [other] if abs(aside) < HIDDEN_WITHIN else [other, operator]

    def _posed(self, k, intrinsics, place):
        one = repose_estimate(
            self.body,
            person(self.body, intrinsics),
            self._rotations[k],
            betas=np.zeros(10, np.float32),
            pelvis=np.array(place, np.float32),
        )
        hands = {f'{hand.side}_hand': hand if self._present[k] else replace(hand, state=skeleton.LOST, confidence=0.0)
                 for hand in one.hands}
        return replace(one, **hands)


if __name__ == '__main__':
    main.main(create_estimator=DrawnEstimator)
