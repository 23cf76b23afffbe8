"""A whole body fitted to image landmarks: body first, then each hand, then both together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..detection.holistic_landmarks import HolisticLandmarks
from ..geometry.camera import Intrinsics
from ..geometry.placement import MIN_DEPTH, root_translation, view_rotation
from ..landmarks.indices import paired_landmarks
from ..skeleton import HAND_SLICE, JOINT, SIDES, WRIST
from .body_chains import NUM_BODY, PersonChains
from .hand_fitter import HandFit, HandFitter, HandStart, attach
from .initial_pose import body_rotations
from .kinematic_chain import ChainPose, PosedChain
from .landmark_offsets import (
    DEPTH_GAIN,
    DEPTH_LANDMARKS,
    DEPTH_OFFSET,
    DEPTH_ROWS,
    DEPTH_SIGMA,
    HAND_DEPTH_SIGMA,
    HAND_SIGMA,
    POSE_INDEX,
    POSE_SIGMA,
)
from .solver import DepthPairs, Observations, solve

if TYPE_CHECKING:
    from .hand_lifter import LiftedHand

#: Minimum visibility of a landmark that is used as a measurement.
MIN_VISIBILITY = 0.3

#: A hand with a larger error (root mean square, m across the view) is rejected.
MAX_HAND_ERROR = 0.02

_STAGE_ITERATIONS = {'body': 5, 'hands': 5, 'hands again': 10, 'whole': 4, 'followed': 2}

#: If the start is far from the true pose, a robust fit treats the landmarks that would lead there as outliers. Such a
#: hand is fitted once more with this as Observations.robust.
_WIDE_ROBUST_SCALE = 30.0


@dataclass
class BodyFit:
    """A fitted person in the camera optical frame."""

    pose: ChainPose                      # a batch of one, of the whole chain
    placed: PosedChain
    hands: dict[str, HandFit]       # the detected sides
    confidence: float | None = None     # 0 to 1, if the fitter estimates it
    spread: float | None = None         # m, the error of bones that the lifting network expects, if there is one


class _VisibleLandmarks(NamedTuple):
    """The landmarks of one person that the body is fitted to, in the order of POSE_INDEX."""

    rays: np.ndarray        # (M, 2) x/z, y/z
    seen: np.ndarray        # (M,) bool
    world: np.ndarray       # (33, 3) m along the axes of `toward`
    toward: np.ndarray      # (3,) unit, from the camera to the person


class BodyFitter:
    """Fits one skeleton (`BodyModel.kinematics`) to landmarks. Keeps no state between calls."""

    def __init__(self, kinematics):
        self.person = PersonChains(kinematics)
        self._body_prior = self.person.prior.take(slice(NUM_BODY))
        self._hand = HandFitter(self.person)

    def fit(self, landmarks: HolisticLandmarks, intrinsics: Intrinsics, hands: dict[str, np.ndarray],
            last: BodyFit | None = None) -> BodyFit | None:
        """The person with these landmarks, or None if the fit fails.

        hands: (21, 3) px of each detected side, as in HolisticLandmarks. last: of the same person in the image before,
        which the fit starts from if that has the same hands and leads to their landmarks: a third of the time.
        """
        seen, rays = self._visible_landmarks(landmarks, intrinsics)
        if seen.sum() < 4:
            return None
        view = view_rotation(rays[seen].mean(0))
        visible = _VisibleLandmarks(rays, seen, landmarks.world @ view.T, view[:, 2])
        followed = None if last is None else self._follow(last, visible, hands, intrinsics)
        if followed is not None:
            return followed
        body = self._fit_body(visible)
        if body is None:
            return None
        pose, placed = body
        rotations = self.person.relaxed.copy()
        rotations[:NUM_BODY] = pose.rotations[0]
        for side in SIDES:
            rotations[WRIST[side]] = np.eye(3)
        starts = [hand_start(side, points, intrinsics, placed) for side, points in hands.items()]
        fitted = {}
        if starts:
            self._hand.shape(*self.person.shape_offsets(pose.betas[0]))
            for start, hand in fit_hands(self._hand, starts):
                fitted[start.side] = hand
                attach(rotations, start.side, hand)
        pose = ChainPose(pose.root, rotations[None], pose.betas)
        starts = {start.side: start for start in starts if start.side in fitted}
        pose, placed = self._fit_whole_body(pose, visible, starts, _STAGE_ITERATIONS['whole'])
        return BodyFit(pose, placed, fitted) if np.isfinite(placed.joints).all() else None

    def _follow(self, last: BodyFit, visible: _VisibleLandmarks, hands, intrinsics) -> BodyFit | None:
        """The fit from the last pose; None if that does not lead to the hands' landmarks."""
        if not hands or set(last.hands) != set(hands):
            return None
        starts = {side: hand_start(side, hands[side], intrinsics, last.placed) for side in SIDES if side in hands}
        pose, placed = self._fit_whole_body(last.pose, visible, starts, _STAGE_ITERATIONS['followed'])
        found = {}
        for number, (side, start) in enumerate(starts.items()):
            points = placed.points[0, len(POSE_INDEX) + 21 * number:][:21]
            miss = points[:, :2] - start.rays * points[:, 2:]
            error = float(np.sqrt((miss ** 2).sum(1).mean()))
            found[side] = HandFit(pose.rotations[0, WRIST[side]], pose.rotations[0, HAND_SLICE[side]], error)
        right = all(hand.error < MAX_HAND_ERROR for hand in found.values()) and np.isfinite(placed.joints).all()
        return BodyFit(pose, placed, found) if right else None

    def _visible_landmarks(self, landmarks, intrinsics):
        pixels = landmarks.pose[POSE_INDEX]
        size = np.array([intrinsics.width, intrinsics.height])
        inside = ((pixels > -0.05 * size) & (pixels < 1.05 * size)).all(1)
        seen = inside & (landmarks.visibility[POSE_INDEX] > MIN_VISIBILITY)
        return seen, np.nan_to_num(intrinsics.normalize(pixels))

    def _body_observations(self, visible: _VisibleLandmarks, distance):
        """The pose landmarks alone, as keyword arguments of Observations."""
        rays, seen, world, toward = visible
        sigma = np.where(seen, POSE_SIGMA / distance, np.inf)
        depth = (world[DEPTH_LANDMARKS[:, 0]] - world[DEPTH_LANDMARKS[:, 1]]) @ toward
        depth = DEPTH_GAIN * depth + DEPTH_OFFSET
        depths = DepthPairs(DEPTH_ROWS, depth[None], toward=toward[None],
                            sigma=np.where(seen[DEPTH_ROWS].all(1), DEPTH_SIGMA, 1e3)[None])
        return {'rays': rays[None], 'ray_sigma': sigma[None], 'depths': depths}

    def _fit_body(self, visible: _VisibleLandmarks):
        rays, seen, world = visible.rays, visible.seen, visible.world
        legs = bool(seen[np.isin(POSE_INDEX, paired_landmarks('KNEE'))].all())
        local = body_rotations(self.person.rest, world, legs)[:NUM_BODY]
        pose = ChainPose(np.zeros((1, 3)), local[None], np.zeros((1, self.person.body.num_betas)))
        points = self.person.body.place(pose).points[0]
        pose.root[0] = root_translation(points[seen], rays[seen], 1 / POSE_SIGMA[seen])
        if not (np.isfinite(pose.root).all() and pose.root[0, 2] > MIN_DEPTH):
            return None
        distance = pose.root[0, 2]
        observations = Observations(angles=self._body_prior,
                                    **self._body_observations(visible, distance))
        pose, placed, cost = solve(self.person.body, pose, observations, _STAGE_ITERATIONS['body'])
        return (pose, placed) if np.isfinite(cost[0]) else None

    def _fit_whole_body(self, pose, visible: _VisibleLandmarks, starts, iterations):
        distance = pose.root[0, 2]
        body = self._body_observations(visible, distance)
        all_rays, sigma = [body['rays'][0]], [body['ray_sigma'][0]]
        measured = body['depths']
        pairs, depths, depth_sigma = [measured.pairs], [measured.values[0]], [measured.sigma[0]]
        sides = tuple(side for side in SIDES if side in starts)
        for number, side in enumerate(sides):
            start = starts[side]
            all_rays.append(start.rays)
            sigma.append(np.full(21, HAND_SIGMA / start.wrist[2]))
            wrist = len(POSE_INDEX) + 21 * number
            pairs.append(np.stack([np.arange(wrist + 1, wrist + 21), np.full(20, wrist)], 1))
            depths.append((start.depths - start.depths[0])[1:])
            depth_sigma.append(np.full(20, HAND_DEPTH_SIGMA))
        observations = Observations(
            rays=np.concatenate(all_rays)[None], ray_sigma=np.concatenate(sigma)[None],
            angles=self.person.prior, depths=DepthPairs(
                np.concatenate(pairs), np.concatenate(depths)[None],
                sigma=np.concatenate(depth_sigma)[None], toward=visible.toward[None]))
        chain = self.person.whole[sides]
        if not sides:           # the body fit has used all landmarks
            return pose, chain.place(pose)
        pose, placed, _ = solve(chain, pose, observations, iterations)
        return pose, placed


def hand_start(side: str, points: np.ndarray, intrinsics: Intrinsics, placed: PosedChain,
               *, lifted: LiftedHand | None = None) -> HandStart:
    """A hand with landmarks (21, 3) px, as in HolisticLandmarks, on the arm of a fitted body."""
    wrist = placed.joints[0, WRIST[side]]
    return HandStart(side, intrinsics.normalize(points[:, :2]), points[:, 2] / intrinsics.fx * wrist[2],
                     placed.rotations[0, JOINT[f'{side}_elbow']], wrist, lifted)


def fit_hands(fitter: HandFitter, starts: list[HandStart]) -> list[tuple[HandStart, HandFit]]:
    """The hands that fit their landmarks."""
    found = fitter.fit(starts, _STAGE_ITERATIONS['hands'])
    astray = [k for k, hand in enumerate(found) if not hand.error < MAX_HAND_ERROR]
    if astray:
        again = fitter.fit([starts[k] for k in astray], _STAGE_ITERATIONS['hands again'], _WIDE_ROBUST_SCALE)
        for k, hand in zip(astray, again):
            found[k] = hand
    return [(start, hand) for start, hand in zip(starts, found) if hand.error < MAX_HAND_ERROR]
