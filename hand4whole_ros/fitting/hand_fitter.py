"""A hand on its forearm, fitted to 21 image landmarks from several starting poses at once.

A palm mirrored in depth projects to nearly the same image, so each fit starts from the palm of its 3D
landmarks, from that palm mirrored in depth, and from a straight wrist. The result of least cost is kept:
reprojection, joint limits against the forearm and measured depth all contribute. Left hands are fitted as
right ones in a mirrored camera, so that all run as one batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..geometry.alignment import rigid_alignment
from ..skeleton import HAND_KEYPOINT_PARENTS, HAND_SLICE, JOINT, JOINT_NAMES, PALM_KEYPOINTS, WRIST
from .body_chains import PersonChains
from .joint_priors import UNCONSTRAINED, degrees_of_freedom
from .kinematic_chain import ChainPoints, ChainPose, KinematicChain, exp_so3, log_so3
from .landmark_offsets import HAND_DEPTH_SIGMA, HAND_OFFSETS, HAND_POINTS, HAND_SIGMA
from .solver import DepthPairs, Observations, PointVectors, RootAnchor, Turns, solve

if TYPE_CHECKING:
    from .hand_lifter import LiftedHand

#: A mirror across the camera's (and the body's) x.
MIRROR_X = np.diag((-1.0, 1.0, 1.0))

#: The wrist includes the forearm's twist here: standard deviation and limit of its rotation about the bone, radians.
_TWIST_SIGMA, _TWIST_LIMIT = 0.8, 2.2

#: Of the forearm's twist, the part that lies in the elbow; the wrist has the rest.
_TWIST_IN_ELBOW = 0.75

#: The lifting network gives mean errors; these times them are the standard deviations of the fit.
LIFTED_BONES, LIFTED_TURNS = 1.8, 2.0

#: Pairs of keypoints, each but the wrist and its parent.
HAND_BONES = np.stack([np.arange(1, 21), HAND_KEYPOINT_PARENTS[1:]], axis=1)

#: Standard deviation of the wrist of the body fit: across the view and in depth, m.
_WRIST_SIGMA = (0.03, 0.03, 0.08)


@dataclass
class HandStart:
    """The observations of one detected hand, in the real camera."""

    side: str
    rays: np.ndarray            # (21, 2)
    depths: np.ndarray          # (21,) m, relative to the wrist, away from the camera
    forearm: np.ndarray         # (3, 3) the elbow joint's rotation in the camera
    wrist: np.ndarray           # (3,) m, the wrist of the body fit
    lifted: LiftedHand | None = None    # by the lifting network; set for all hands of one fit, or for none


@dataclass
class HandFit:
    """A fitted hand: wrist rotation against the forearm (3, 3), fingers (15, 3, 3) and the error of the fit."""

    wrist_rotation: np.ndarray
    finger_rotations: np.ndarray
    error: float        # root mean square distance to the landmarks, m across the view at the hand


class HandFitter:
    """Fits the hands of one person."""

    def __init__(self, person: PersonChains):
        wrist, hand = WRIST['right'], HAND_SLICE['right']
        members = [JOINT['right_elbow'], wrist, *range(hand.start, hand.stop)]
        local = {joint: k for k, joint in enumerate(members)}
        parents = [-1, 0] + [1 if k % 3 == 0 else k + 1 for k in range(15)]
        self._members = members
        joints, tips = HAND_POINTS['right']
        self._tips = tips
        names = {JOINT_NAMES[joint] for joint in members[2:]}
        dofs = np.concatenate([[(wrist, 0), (wrist, 1), (wrist, 2)], degrees_of_freedom(names)])
        dofs = np.stack([[local[j] for j in dofs[:, 0]], dofs[:, 1]], 1)
        points = ChainPoints(np.array([local[j] for j in joints]), np.zeros((21, 3)), np.zeros((21, 3, 0)))
        self.chain = KinematicChain(parents, np.zeros((17, 3)), np.zeros((17, 3, 0)), points,
                                    axes=person.axes[members], dofs=dofs)
        table = person.prior.take(members)
        table.mean[:, 1, 0], table.sigma[:, 1, 0] = 0, _TWIST_SIGMA
        table.low[:, 1, 0], table.high[:, 1, 0] = -_TWIST_LIMIT, _TWIST_LIMIT
        self._prior = table
        self.shape(person.bones, person.tips)

    def shape(self, bones, tip_offsets) -> None:
        """Set the bones (55, 3) and tips (10, 3), as `shape_offsets` returns them."""
        self.chain.bones = bones[self._members].copy()
        self.chain.bones[1] = 0         # the chain's root is the wrist, with the forearm's rotation
        offsets = HAND_OFFSETS['right'].copy()
        offsets[self._tips >= 0] += tip_offsets[5:][self._tips[self._tips >= 0]]
        self.chain.point_offsets = offsets
        rest = self.chain.place(ChainPose(np.zeros((1, 3)), np.tile(np.eye(3), (1, 17, 1, 1)), np.zeros((1, 0))))
        self._rest_palm = rest.points[0, list(PALM_KEYPOINTS)]

    def fit(self, starts: list[HandStart], iterations: int, robust: float = Observations.robust) -> list[HandFit]:
        """The best fit of each hand. robust: as in Observations."""
        poses, rays, depths, anchors, owner = [], [], [], [], []
        for number, start in enumerate(starts):
            mirror = MIRROR_X if start.side == 'left' else np.eye(3)
            forearm = mirror @ start.forearm @ mirror
            wrist = mirror @ start.wrist
            ray = start.rays @ mirror[:2, :2]
            lifted = np.concatenate([ray * wrist[2], start.depths[:, None]], 1)
            natural = self._mean_pose()
            if start.lifted is None:
                palm = lifted[list(PALM_KEYPOINTS)]
                palms = np.stack([palm, palm * (1, 1, -1)])
                wrists = forearm.T @ rigid_alignment(self._rest_palm, palms)[0]
                options = [self._with(natural, forearm, wrist_turn) for wrist_turn in (*wrists, np.eye(3))]
            else:       # on drawn hands no other start was better, and each costs as much again
                options = [self._with(natural, forearm, forearm.T @ mirror @ start.lifted.wrist @ mirror)]
                options[0][2:] = mirror @ start.lifted.fingers @ mirror
            for rotations in options:
                poses.append(rotations)
                rays.append(ray)
                depths.append((start.depths - start.depths[0])[1:])
                anchors.append(wrist)
                owner.append(number)
        anchors = np.array(anchors)
        distance = anchors[:, 2]
        pairs = np.stack([np.arange(1, 21), np.zeros(20, int)], 1)
        observations = Observations(
            rays=np.array(rays), ray_sigma=np.tile((HAND_SIGMA / distance)[:, None], (1, 21)),
            angles=self._prior, robust=robust,
            depths=DepthPairs(pairs, np.array(depths), sigma=np.full((len(owner), 20), HAND_DEPTH_SIGMA),
                              toward=anchors / np.linalg.norm(anchors, axis=1, keepdims=True)),
            root=RootAnchor(anchors, np.tile(_WRIST_SIGMA, (len(owner), 1))),
            **self._lifted_evidence([starts[number] for number in owner]))
        pose = ChainPose(anchors.copy(), np.array(poses), np.zeros((len(owner), 0)))
        pose, placed, cost = solve(self.chain, pose, observations, iterations)
        out = []
        for number, start in enumerate(starts):
            rows = np.flatnonzero(np.array(owner) == number)
            best = rows[np.argmin(cost[rows])]
            mirror = MIRROR_X if start.side == 'left' else np.eye(3)
            rotations = mirror @ pose.rotations[best] @ mirror
            points = placed.points[best]
            miss = (points[:, :2] / points[:, 2:] - observations.rays[best]) * points[:, 2:]
            error = float(np.sqrt((miss ** 2).sum(1).mean()))
            out.append(HandFit(rotations[1], rotations[2:], error if np.isfinite(cost[best]) else np.inf))
        return out

    @staticmethod
    def _lifted_evidence(starts):
        """The output of the lifting network, as keyword arguments of Observations."""
        if starts[0].lifted is None:
            return {}
        mirrors = [MIRROR_X if start.side == 'left' else np.eye(3) for start in starts]
        frames = np.stack([start.lifted.frame @ mirror for start, mirror in zip(starts, mirrors)])
        turns = np.tile(np.eye(3), (len(starts), 17, 1, 1))
        sigma = np.full((len(starts), 17, 3), UNCONSTRAINED)
        for k, (start, mirror) in enumerate(zip(starts, mirrors)):
            turns[k, 2:] = mirror @ start.lifted.fingers @ mirror
            sigma[k, 2:] = LIFTED_TURNS * start.lifted.turn_spread
        points = np.stack([start.lifted.points for start in starts])
        vectors = PointVectors(
            HAND_BONES, points[:, HAND_BONES[:, 0]] - points[:, HAND_BONES[:, 1]],
            sigma=LIFTED_BONES * np.stack([start.lifted.bone_spread for start in starts]),
            frames=np.repeat(frames[:, None], len(HAND_BONES), axis=1))
        return {'vectors': vectors, 'turns': (Turns(turns, sigma),)}

    def _mean_pose(self):
        mean = self._prior.mean[0]
        from_axes = np.einsum('jab,jb->ja', self.chain.axes, mean)
        return exp_so3(from_axes)

    @staticmethod
    def _with(rotations, forearm, wrist):
        rotations = rotations.copy()
        rotations[0], rotations[1] = forearm, wrist
        return rotations


def attach(rotations: np.ndarray, side: str, hand: HandFit) -> None:
    """Write a fitted hand into local rotations (55, 3, 3), in place, sharing the forearm's twist with the elbow."""
    elbow, wrist = JOINT[f'{side}_elbow'], WRIST[side]
    twist = np.array([log_so3(hand.wrist_rotation)[0] * _TWIST_IN_ELBOW, 0, 0])
    turn = exp_so3(twist)
    rotations[elbow] = rotations[elbow] @ turn
    rotations[wrist] = turn.T @ hand.wrist_rotation
    rotations[HAND_SLICE[side]] = hand.finger_rotations
