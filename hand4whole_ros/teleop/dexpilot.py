"""DexPilot retargeting by the library dexi-rs.

Handa et al., "DexPilot: Vision-Based Teleoperation of Dexterous Robotic Hand-Arm System" (ICRA 2020): the vectors
between fingertips and from the wrist to each tip are preserved, and tips that are close together are made to touch.
"""

from __future__ import annotations

import itertools

import numpy as np

from .. import skeleton
from ..system.requirements import install_command
from .hand_retargeter import HandRetargeter, RetargetingUnavailable
from .joints import reordered
from .robot_hand import FINGERS, RobotHand

#: Human finger -> keypoint at its end.
_TIP_KEYPOINT: dict[str, int] = dict(zip(FINGERS, skeleton.FINGERTIP_KEYPOINTS))


class DexPilotRetargeter(HandRetargeter):
    """DexPilot for one hand. RetargetingUnavailable if dexi-rs is missing or rejects the hand."""

    def __init__(self, hand: RobotHand):
        dexi_rs = _import_library()
        self.hand = hand
        wrist = skeleton.HAND_KEYPOINT_NAMES.index('wrist')
        tips = [_TIP_KEYPOINT[finger] for finger in hand.tip_links]
        # The library's order: from each later finger to each earlier one, then from the wrist to every finger.
        pairs = [(later, earlier) for earlier, later in itertools.combinations(tips, 2)]
        pairs += [(wrist, tip) for tip in tips]
        self._from, self._to = np.array(pairs).T
        try:
            self._solver = dexi_rs.RetargetingConfig(
                'dexpilot', str(hand.urdf), wrist_link_name=hand.wrist_link,
                finger_tip_link_names=list(hand.tip_links.values()), target_joint_names=list(hand.joint_names),
                scaling_factor=hand.scale, project_dist=hand.project_distance, escape_dist=hand.escape_distance,
                # hand_teleop does the smoothing, with a known delay.
                low_pass_alpha=1.0).build()
            self._names = tuple(self._solver.joint_names)
            # Joints that are not driven stay at zero.
            self._fixed = [0.0] * self._solver.fixed_dof
            reordered(self._names, np.zeros(len(self._names)), hand.joint_names)
        except Exception as error:      # RuntimeError and ValueError for the same causes.
            raise RetargetingUnavailable(f'dexi-rs rejects hand {hand.name}: {" ".join(str(error).split())}') from None

    def retarget(self, keypoints: np.ndarray) -> np.ndarray:
        """See HandRetargeter."""
        vectors = keypoints[self._to] - keypoints[self._from]
        solution = np.asarray(self._solver.retarget(vectors.ravel().tolist(), self._fixed))
        # The library exceeds limits by up to 0.001 rad.
        return self.limits.clip(reordered(self._names, solution, self.limits.names))

    def tip_positions(self, positions: np.ndarray) -> np.ndarray:
        """See HandRetargeter."""
        angles = dict(zip(self.limits.names, positions))
        everything = [float(angles.get(name, 0.0)) for name in self._names]
        links = [self.hand.wrist_link, *self.hand.tip_links.values()]
        points = np.array(self._solver.link_positions(everything, links))
        return points[1:] - points[0]

    def reset(self) -> None:
        """See HandRetargeter."""
        self._solver.reset()


def _import_library():
    try:
        import dexi_rs
    except ImportError as error:
        wrong = 'is not installed' if isinstance(error, ModuleNotFoundError) else f'cannot be loaded ({error})'
        raise RetargetingUnavailable(f'retargeting needs dexi-rs, which {wrong}: '
                                     f'{install_command("dexi-rs")}') from None
    return dexi_rs
