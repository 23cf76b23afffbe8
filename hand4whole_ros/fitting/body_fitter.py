"""A whole body lifted by a network, then fitted to the landmarks; body first, then hands, then both.

Hands that were in the last image start from their poses there; if all were, body and hands are fitted at once, from
the pose between the network's and the last one.

The network gives the positions of joints with their spreads; the landmarks give their projections, with spreads by
visibility; earlier images of a video give a prior; the skeleton has bones and limits. Damped least squares fit one
body to all of them (observed_person), through the real camera.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..detection.holistic_landmarks import HolisticLandmarks
from ..geometry.camera import Intrinsics
from ..skeleton import HAND_SLICE, SIDES, WRIST
from .body_chains import NUM_BODY
from .confidence import misfit, person_confidence
from .hand_fitter import HandFit, HandFitter, HandStart, attach
from .hand_lifter import HandLifter
from .kinematic_chain import ChainPose, PosedChain
from .lifted_chain import FIRST_HAND, NUM_LANDMARKS, LiftedChains
from .lifter import Lifter
from .observed_person import ObservedPerson, Widths
from .pose_prior import PosePrior
from .prior_body_fitter import BodyFit, fit_hands, hand_start
from .solver import solve
from .visibility import landmark_sigma

#: Minimum visibility of a visible landmark; a person with fewer visible landmarks than this is not fitted.
MIN_VISIBILITY, MIN_VISIBLE_LANDMARKS = 0.3, 4

#: A fitted person of lower confidence is rejected: of 550 people in photographs 34, of whom three lay within a fifth of
#: the trunk from the labels.
MIN_CONFIDENCE = 0.08

#: A fitted hand that is farther from its landmarks than this part of their box is rejected.
MAX_HAND_MISFIT = 0.25

#: At once there are few: further steps fit the body to the noise of the landmarks, and the next image goes on.
_ITERATIONS = {'body': 6, 'whole': 4, 'at once': 2}

#: A fit of the body alone ends when a step lowers its cost by less than this part: further steps also fit it to
#: landmarks that are wrong.
_TOLERANCE = 0.02


class LandmarkFitter:
    """Fits one skeleton (`BodyModel.kinematics`) to landmarks. Keeps no state between calls.

    lifted_shape: whether the network's betas are of this body; if False, its mean shape replaces them.
    """

    def __init__(self, kinematics, lifter: Lifter, hand_lifter: HandLifter | None = None,
                 *, widths: Widths | None = None, lifted_shape: bool = True):
        self._chains, self._lifter, self._widths = LiftedChains(kinematics), lifter, widths or Widths()
        self._hand_lifter = hand_lifter
        self._lifted_shape = lifted_shape
        self.person = self._chains.person
        self._prior = self.person.prior.take(slice(None))
        self._prior.sigma[:, :NUM_BODY] *= self._widths.natural
        self._body_prior = self._prior.take(slice(NUM_BODY))
        self._hand = HandFitter(self.person)

    def fit(self, landmarks: HolisticLandmarks, intrinsics: Intrinsics, hands: dict[str, np.ndarray],
            prior: PosePrior | None = None) -> BodyFit | None:
        """The person with these landmarks, or None if the fit fails.

        hands: (21, 3) px of each detected side, as in HolisticLandmarks. prior: of earlier images.
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
        seen = ObservedPerson(rays, landmark_sigma(landmarks, inside), landmarks.visibility, landmarks.world, lifted,
                              prior, self._widths)
        held = {side: prior.hand(side) for side in hands if prior is not None and side in prior.hands}
        at_once = 0 < len(held) == len(hands)
        found = self._choose(seen, seen.expected_pose(), 0) if at_once else self._fit_body(seen)
        if found is None and at_once and prior is not None:      # the last pose, moved on, lies behind the camera
            return self.fit(landmarks, intrinsics, hands, replace(prior, hands=frozenset()))
        if found is None:
            return None
        pose, body, chosen = found
        rotations = self.person.relaxed.copy()
        rotations[:NUM_BODY] = pose.rotations[0]
        pose = ChainPose(pose.root, rotations[None], pose.betas)
        lifted_hands = {}
        if self._hand_lifter is not None:
            seen_hands = {side: hand_rays[SIDES.index(side)] for side in hands}
            lifted_hands = self._hand_lifter(seen_hands, rays, landmarks.visibility, landmarks.world)
        starts = {side: hand_start(side, points, intrinsics, body, lifted=lifted_hands.get(side))
                  for side, points in hands.items()}
        seen = seen.of(chosen)
        fitted = self._fit_hands([start for side, start in starts.items() if side not in held], pose.betas[0])
        while True:     # until all remaining hands lie on their landmarks
            sides = [side for side in SIDES if side in fitted or side in held]
            whole, placed = self._fit_whole_body(pose, seen, {side: starts[side] for side in sides}, fitted=fitted,
                                                 held=held, iterations=_ITERATIONS['at once' if at_once else 'whole'])
            astray = {side for number, side in enumerate(sides)
                      if _hand_miss(placed, number, starts[side]) > MAX_HAND_MISFIT}
            if not astray:
                break
            if prior is not None and astray & held.keys():      # they start like any other hand
                return self.fit(landmarks, intrinsics, hands, replace(prior, hands=prior.hands - astray))
            fitted = {side: hand for side, hand in fitted.items() if side not in astray}
        fitted |= held
        points = (placed if at_once else body).points[0, :NUM_LANDMARKS]
        spread = float(np.exp(np.log(lifted.bone_spread[chosen]).mean()))
        confidence = person_confidence(
            landmarks, misfit(points[:, :2] / points[:, 2:], rays, landmarks.visibility), spread, inside)
        if confidence < MIN_CONFIDENCE:
            return None
        return BodyFit(whole, placed, fitted, confidence, spread) if np.isfinite(placed.joints).all() else None

    def _fit_body(self, seen: ObservedPerson):
        """As _choose, of the network's poses, placed before the camera and fitted."""
        lifted = seen.lifted
        count = len(lifted.odds)
        pose = ChainPose(np.zeros((count, 3)), lifted.rotations.copy(), lifted.betas.copy())
        points = self._chains.body.place(pose).points
        for k in range(count):
            pose.root[k] = root_in_front(points[k], seen.rays, 1 / seen.sigma)
        return self._choose(seen, pose, _ITERATIONS['body'])

    def _choose(self, seen: ObservedPerson, pose: ChainPose, iterations: int):
        """Fits a pose of each hypothesis: pose, posed chain and number of the best; None if none can be placed."""
        lifted = seen.lifted
        observations = seen.body_observations(self._chains.body, pose.root[:, 2], self._body_prior)
        pose, placed, cost = solve(self._chains.body, pose, observations, iterations, tolerance=_TOLERANCE)
        best = int(np.argmin(cost - 2 * np.log(np.maximum(lifted.odds, 1e-6))))
        if not np.isfinite(cost[best]):
            return None
        return (
            pose.take([best]),
            PosedChain(placed.rotations[[best]], placed.joints[[best]], placed.points[[best]]),
            best,
        )

    def _fit_hands(self, starts: list[HandStart], betas: np.ndarray) -> dict[str, HandFit]:
        """The hands that fit their landmarks."""
        if not starts:
            return {}
        self._hand.shape(*self.person.shape_offsets(betas))
        return {start.side: hand for start, hand in fit_hands(self._hand, starts)}

    def _fit_whole_body(self, pose, seen, starts, *, fitted, held, iterations):
        """fitted: hands that were fitted on their forearms; held: hands that start from their last image's pose."""
        chain = self._chains.whole[tuple(starts)]
        if not starts:          # the body fit has used all landmarks
            return pose, chain.place(pose)
        rotations = pose.rotations.copy()
        for side, hand in fitted.items():
            attach(rotations[0], side, hand)
        for side, hand in held.items():
            rotations[0, WRIST[side]], rotations[0, HAND_SLICE[side]] = hand.wrist_rotation, hand.finger_rotations
        body = seen.body_observations(self._chains.body, pose.root[:, 2], self._prior)
        pose, placed, _ = solve(chain, ChainPose(pose.root, rotations, pose.betas), seen.with_hands(body, starts),
                                iterations)
        return pose, placed


def _hand_rays(hands, intrinsics):
    """(2, 21, 3) as person_views takes them."""
    found = np.full((2, 21, 3), np.nan)
    for k, side in enumerate(SIDES):
        if side in hands:
            points = hands[side]
            found[k, :, :2] = intrinsics.normalize(points[:, :2])
            found[k, :, 2] = (points[:, 2] - points[0, 2]) / intrinsics.fx
    return found


def _hand_miss(placed, number, start):
    """Mean distance of a fitted hand from its landmarks, in longer sides of their box."""
    points = placed.points[0, FIRST_HAND + 21 * number:][:21]
    away = np.linalg.norm(points[:, :2] / points[:, 2:] - start.rays, axis=1).mean()
    return away / max(np.ptp(start.rays, axis=0).max(), 1e-9)


#: Minimum depth of a point of a body at the start, m.
_NEAREST = 0.15


def root_in_front(points: np.ndarray, rays: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Position (3,) m of a body whose landmarks project onto the rays, all of it in front of the camera.

    points (M, 3) m from the root, of which the first are landmarks; rays (L, 2), weight (L,).
    """
    landmarks = points[:len(rays)]
    rows = np.zeros((len(rays), 2, 3))
    rows[:, 0, 0] = rows[:, 1, 1] = 1
    rows[:, :, 2] = -rays
    right = rays * landmarks[:, 2:] - landmarks[:, :2]
    scaled = rows * weight[:, None, None]
    place = np.linalg.lstsq(scaled.reshape(-1, 3), (right * weight[:, None]).reshape(-1), rcond=None)[0]
    # If landmarks contradict the body a negative distance can fit them best: then their sizes are used.
    share = weight ** 2 / (weight ** 2).sum()

    def spread(values):
        return np.sqrt((share[:, None] * (values - share @ values) ** 2).sum())
    by_size = spread(landmarks[:, :2]) / max(spread(rays), 1e-6) - share @ landmarks[:, 2]
    distance = max(place[2] if place[2] > 0.5 * by_size else by_size, _NEAREST - points[:, 2].min())
    across = right + rays * distance
    return np.append((share[:, None] * across).sum(axis=0), distance)
