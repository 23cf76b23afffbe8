"""A whole body fitted to landmarks: lifted by a network, then bound to what was seen; body, then hands, then both.

The network says where joints are and how surely; the landmarks say where they are seen and, by how visible they are,
how surely; the skeleton has bones and limits. Damped least squares make one body of that, through the real camera.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..detection.holistic_landmarks import HolisticLandmarks
from ..geometry.camera import Intrinsics
from ..landmarks.indices import HIPS, LIMBS, SHOULDERS
from ..skeleton import HAND_SLICE, JOINT, NUM_JOINTS, SIDES, WRIST
from .body_chains import NUM_BODY
from .confidence import person_confidence
from .hand_fitter import HAND_BONES, LIFTED_BONES, LIFTED_TURNS, HandFitter, HandStart, attach
from .hand_lifter import HandLifter
from .joint_priors import UNCONSTRAINED
from .kinematic_chain import ChainPose, PosedChain
from .landmark_offsets import HAND_DEPTH_SIGMA, HAND_SIGMA
from .lifted_chain import BONES, FIRST_HAND, NUM_LANDMARKS, LiftedChains
from .lifter import LiftedBody, Lifter
from .prior_body_fitter import BodyFit, fit_hands
from .solver import Observations, Turns, solve
from .visibility import landmark_sigma

#: Below this visibility a landmark does not count as seen; a person of whom less is seen is not fitted.
MIN_VISIBILITY, MIN_VISIBLE_LANDMARKS = 0.3, 4

#: Who is less likely to lie where the landmarks are was nobody, or is not where they are.
MIN_CONFIDENCE = 0.1

#: A fitted hand that lies farther from its landmarks than this part of their box was none.
MAX_HAND_MISFIT = 0.25

_ITERATIONS = {'body': 6, 'whole': 4}


@dataclass(frozen=True)
class Widths:
    """What the parts of the fit weigh: factors of the standard deviations that they come with."""

    #: Of landmarks, of the network's bones and rotations, which are correlated with each other.
    landmarks: float = 0.5
    bones: float = 1.8
    turns: float = 2.0
    #: Of the natural pose in joint_priors; its limits stay.
    natural: float = 4.0
    #: Standard deviation of betas about the network's.
    betas: float = 0.8
    #: Residual, in standard deviations, beyond which a row is disbelieved.
    robust: float = 8.0


class LandmarkFitter:
    """Fits one skeleton (`BodyModel.kinematics`) to landmarks. Keeps nothing between calls.

    lifted_shape: the network speaks of this body's shapes; False for another body, whose mean is as likely then.
    """

    def __init__(self, kinematics, lifter: Lifter, hand_lifter: HandLifter | None = None,
                 widths: Widths | None = None, lifted_shape: bool = True):
        self._chains, self._lifter, self._widths = LiftedChains(kinematics), lifter, widths or Widths()
        self._hand_lifter = hand_lifter
        self._lifted_shape = lifted_shape
        self.person = self._chains.person
        self._prior = self.person.prior.take(slice(None))
        self._prior.sigma[:, :NUM_BODY] *= self._widths.natural
        self._body_prior = self._prior.take(slice(NUM_BODY))
        self._hand = HandFitter(self.person)

    def fit(self, landmarks: HolisticLandmarks, intrinsics: Intrinsics,
            hands: dict[str, np.ndarray]) -> BodyFit | None:
        """The person whose landmarks these are, or None where no fit could be made of them.

        hands: (21, 3) px of each side that was seen, as HolisticLandmarks has them.
        """
        rays = np.nan_to_num(intrinsics.normalize(landmarks.pose))
        size = np.array([intrinsics.width, intrinsics.height])
        inside = ((landmarks.pose > -0.02 * size) & (landmarks.pose < 1.02 * size)).all(1)
        if (inside & (landmarks.visibility > MIN_VISIBILITY)).sum() < MIN_VISIBLE_LANDMARKS:
            return None
        hand_rays = _hand_rays(hands, intrinsics)
        lifted = self._lifter(rays, landmarks.visibility, landmarks.world, hand_rays)
        if not self._lifted_shape:
            lifted = lifted._replace(betas=np.zeros_like(lifted.betas))
        seen = _Seen(rays, landmark_sigma(landmarks.visibility, inside), lifted)
        body = self._fit_body(seen)
        if body is None:
            return None
        pose, placed, chosen = body
        confidence = person_confidence(self._misfit(placed, rays, landmarks.visibility),
                                       float(np.exp(np.log(lifted.bone_spread[chosen]).mean())),
                                       landmarks.disagreement)
        if confidence < MIN_CONFIDENCE:
            return None
        rotations = self.person.relaxed.copy()
        rotations[:NUM_BODY] = pose.rotations[0]
        pose = ChainPose(pose.root, rotations[None], pose.betas)
        lifted_hands = {}
        if self._hand_lifter is not None:
            seen_hands = {side: hand_rays[SIDES.index(side)] for side in hands}
            lifted_hands = self._hand_lifter(seen_hands, rays, landmarks.visibility, landmarks.world)
        starts = {side: _hand_start(side, points, intrinsics, placed, lifted_hands.get(side))
                  for side, points in hands.items()}
        fitted = {}
        if starts:
            self._hand.shape(*self.person.shape_offsets(pose.betas[0]))
            for start, hand in fit_hands(self._hand, list(starts.values())):
                fitted[start.side] = hand
        seen = seen.of(chosen)
        while True:     # until all hands that are left lie on their landmarks
            whole, placed = self._fit_whole_body(pose, seen, {side: starts[side] for side in fitted}, fitted)
            astray = [side for number, side in enumerate(sorted(fitted))
                      if _hand_miss(placed, number, starts[side]) > MAX_HAND_MISFIT]
            if not astray:
                break
            fitted = {side: hand for side, hand in fitted.items() if side not in astray}
        return BodyFit(whole, placed, fitted, confidence) if np.isfinite(placed.joints).all() else None

    @staticmethod
    def _misfit(placed, rays, visibility):
        """Mean distance of the landmarks from the fitted ones, by visibility, in torsos, as confidence wants it."""
        points = placed.points[0, :NUM_LANDMARKS]
        fitted = points[:, :2] / points[:, 2:]
        limbs = fitted[list(LIMBS)]
        torso = np.linalg.norm(fitted[list(SHOULDERS)] - fitted[list(HIPS)][::-1], axis=1).mean()
        torso = max(torso, 0.2 * np.ptp(limbs, axis=0).max(), 1e-9)
        away = np.linalg.norm(fitted - rays, axis=1)
        return float((away @ visibility) / max(visibility.sum(), 1e-9) / torso)

    def _fit_body(self, seen: _Seen):
        """Pose, where it is, and which hypothesis it is of, of the body alone; None where it cannot be placed."""
        lifted = seen.lifted
        count = len(lifted.odds)
        pose = ChainPose(np.zeros((count, 3)), lifted.rotations.copy(), lifted.betas.copy())
        points = self._chains.body.place(pose).points
        for k in range(count):
            pose.root[k] = root_in_front(points[k], seen.rays, 1 / seen.sigma)
        evidence = self._evidence(seen, pose.root[:, 2], self._body_prior)
        pose, placed, cost = solve(self._chains.body, pose, evidence, _ITERATIONS['body'])
        best = int(np.argmin(cost - 2 * np.log(np.maximum(lifted.odds, 1e-6))))
        if not np.isfinite(cost[best]):
            return None
        return (
            pose.take([best]),
            PosedChain(placed.rotations[[best]], placed.joints[[best]], placed.points[[best]]),
            best,
        )

    def _fit_whole_body(self, pose, seen, starts, fitted):
        sides = tuple(side for side in SIDES if side in starts)
        chain = self._chains.whole[sides]
        if not sides:           # the body fit has used all there is
            return pose, chain.place(pose)
        rotations = pose.rotations.copy()
        evidence = self._evidence(seen, pose.root[:, 2], self._prior)
        rays, sigma = [evidence.rays[0]], [evidence.ray_sigma[0]]
        pairs, depths = [], []
        for number, side in enumerate(sides):
            start = starts[side]
            attach(rotations[0], side, fitted[side])
            rays.append(start.rays)
            sigma.append(np.full(21, HAND_SIGMA / start.wrist[2]))
            wrist = FIRST_HAND + 21 * number
            pairs.append(np.stack([np.arange(wrist + 1, wrist + 21), np.full(20, wrist)], 1))
            depths.append((start.depths - start.depths[0])[1:])
        vectors = _with_hands(evidence, sides, starts)
        evidence = replace(
            evidence, **vectors, rays=np.concatenate(rays)[None], ray_sigma=np.concatenate(sigma)[None],
            pairs=np.concatenate(pairs), depths=np.concatenate(depths)[None],
            depth_sigma=np.full((1, 20 * len(sides)), HAND_DEPTH_SIGMA), toward=seen.lifted.view[None, 2],
            turns=(_of_all_joints(evidence.turns[0], starts),))
        pose, placed, _ = solve(chain, ChainPose(pose.root, rotations, pose.betas), evidence, _ITERATIONS['whole'])
        return pose, placed

    def _evidence(self, seen, distance, prior):
        """Rows on the pose landmarks and on what the network says of the body."""
        widths, lifted = self._widths, seen.lifted
        count = len(lifted.odds)
        ray_sigma = np.full((count, FIRST_HAND), np.inf)
        ray_sigma[:, :NUM_LANDMARKS] = widths.landmarks * seen.sigma / distance[:, None]
        rays = np.zeros((count, FIRST_HAND, 2))
        rays[:, :NUM_LANDMARKS] = seen.rays
        bones = lifted.points[:, BONES[:, 0] - NUM_LANDMARKS] - lifted.points[:, BONES[:, 1] - NUM_LANDMARKS]
        return Observations(
            rays=rays, ray_sigma=ray_sigma, angles=prior, betas=lifted.betas, betas_sigma=widths.betas,
            vector_pairs=BONES, vectors=bones, vector_sigma=widths.bones * lifted.bone_spread,
            frames=np.tile(lifted.view, (count, len(BONES), 1, 1)),
            turns=(Turns(lifted.rotations, widths.turns * lifted.turn_spread),), robust=widths.robust,
            all_in_front=True)


@dataclass(frozen=True)
class _Seen:
    """What a fit is held against besides hands."""

    rays: np.ndarray        # (33, 2)
    sigma: np.ndarray       # (33,) m
    lifted: LiftedBody

    def of(self, hypothesis):
        """With one hypothesis alone."""
        lifted = self.lifted
        one = LiftedBody(lifted.view, *(part[[hypothesis]] for part in lifted[1:]))
        return _Seen(self.rays, self.sigma, one)


def _hand_start(side, points, intrinsics, placed, lifted):
    wrist = placed.joints[0, WRIST[side]]
    return HandStart(side, intrinsics.normalize(points[:, :2]), points[:, 2] / intrinsics.fx * wrist[2],
                     placed.rotations[0, JOINT[f'{side}_elbow']], wrist, lifted)


def _hand_rays(hands, intrinsics):
    """(2, 21, 3) as person_views takes them."""
    found = np.full((2, 21, 3), np.nan)
    for k, side in enumerate(SIDES):
        if side in hands:
            points = hands[side]
            found[k, :, :2] = intrinsics.normalize(points[:, :2])
            found[k, :, 2] = (points[:, 2] - points[0, 2]) / intrinsics.fx
    return found


def _with_hands(evidence, sides, starts):
    """The vectors of a body's evidence and of what is said of its hands, as keyword arguments of Observations."""
    parts = [(evidence.vector_pairs, evidence.vectors[0], evidence.vector_sigma[0], evidence.frames[0])]
    for number, side in enumerate(sides):
        lifted = starts[side].lifted
        if lifted is not None:
            bones = lifted.points[HAND_BONES[:, 0]] - lifted.points[HAND_BONES[:, 1]]
            parts.append((FIRST_HAND + 21 * number + HAND_BONES, bones, LIFTED_BONES * lifted.bone_spread,
                          np.tile(lifted.frame, (len(bones), 1, 1))))
    pairs, vectors, sigma, frames = (np.concatenate(part) for part in zip(*parts))
    return {'vector_pairs': pairs, 'vectors': vectors[None], 'vector_sigma': sigma[None], 'frames': frames[None]}


def _of_all_joints(turns, starts):
    """Of the body's joints and the hands -> of all 55, of which the others turn freely."""
    rotations = np.tile(np.eye(3), (1, NUM_JOINTS, 1, 1))
    sigma = np.full((1, NUM_JOINTS, 3), UNCONSTRAINED)
    rotations[:, :NUM_BODY], sigma[:, :NUM_BODY] = turns.rotations, turns.sigma
    for side, start in starts.items():
        if start.lifted is not None:
            rotations[:, HAND_SLICE[side]] = start.lifted.fingers
            sigma[:, HAND_SLICE[side]] = LIFTED_TURNS * start.lifted.turn_spread
    return Turns(rotations, sigma)


def _hand_miss(placed, number, start):
    """How far a fitted hand lies from its landmarks, on the mean, in longer sides of their box."""
    points = placed.points[0, FIRST_HAND + 21 * number:][:21]
    away = np.linalg.norm(points[:, :2] / points[:, 2:] - start.rays, axis=1).mean()
    return away / max(np.ptp(start.rays, axis=0).max(), 1e-9)


#: Nearest that a point of a body comes to the camera at first, m.
_NEAREST = 0.15


def root_in_front(points: np.ndarray, rays: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Where to put a body so that its landmarks are seen where they were seen and all of it is in front. -> (3,) m.

    points (M, 3) m from the root, of which the first are landmarks; rays (L, 2), weight (L,).
    """
    landmarks = points[:len(rays)]
    rows = np.zeros((len(rays), 2, 3))
    rows[:, 0, 0] = rows[:, 1, 1] = 1
    rows[:, :, 2] = -rays
    right = rays * landmarks[:, 2:] - landmarks[:, :2]
    scaled = rows * weight[:, None, None]
    place = np.linalg.lstsq(scaled.reshape(-1, 3), (right * weight[:, None]).reshape(-1), rcond=None)[0]
    # Where landmarks contradict the body a negative distance can be what fits them best: then go by their sizes.
    share = weight ** 2 / (weight ** 2).sum()

    def spread(values):
        return np.sqrt((share[:, None] * (values - share @ values) ** 2).sum())
    by_size = spread(landmarks[:, :2]) / max(spread(rays), 1e-6) - share @ landmarks[:, 2]
    distance = max(place[2] if place[2] > 0.5 * by_size else by_size, _NEAREST - points[:, 2].min())
    across = right + rays * distance
    return np.append((share[:, None] * across).sum(axis=0), distance)
