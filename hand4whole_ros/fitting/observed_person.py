"""The observations of the fit of one person: landmarks, the output of the lifting network, earlier images.

MediaPipe's world landmarks are among them although they are an input of the network: it was trained on drawn people,
on whom they are worse than on photographs, and so weights them too little on photographs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..landmarks.indices import PoseLandmark
from ..skeleton import HAND_SLICE, NUM_JOINTS, SIDES
from .body_chains import NUM_BODY
from .hand_fitter import HAND_BONES, LIFTED_BONES, LIFTED_TURNS, HandStart
from .joint_priors import UNCONSTRAINED
from .kinematic_chain import ChainPose, KinematicChain, exp_so3, log_so3
from .landmark_offsets import HAND_DEPTH_SIGMA, HAND_SIGMA
from .lifted_chain import BONES, FIRST_HAND, NUM_LANDMARKS
from .lifter import LiftedBody
from .person_view import roll_of
from .pose_prior import PosePrior
from .solver import AnglePrior, DepthPairs, Observations, PointVectors, RootAnchor, Turns


@dataclass(frozen=True)
class Widths:
    """Weights of the parts of the fit: factors of their own standard deviations."""

    #: Of landmarks, of the network's bones and rotations, which are correlated with each other.
    landmarks: float = 0.5
    bones: float = 1.8
    turns: float = 2.0
    #: Of the natural pose in joint_priors; its limits stay.
    natural: float = 4.0
    #: Standard deviation of betas about the network's.
    betas: float = 0.8
    #: Of the world landmarks' limbs, m, where they are visible.
    world: float = 0.08
    #: Residual, in standard deviations, beyond which a row is treated as an outlier.
    robust: float = 8.0


#: Pairs of landmarks whose differences are taken from the world landmarks. The trunk's improved no photograph.
_LIMBS = np.array([
    (PoseLandmark[f'{side}_{end}'], PoseLandmark[f'{side}_{start}']) for side in ('LEFT', 'RIGHT')
    for start, end in (('SHOULDER', 'ELBOW'), ('ELBOW', 'WRIST'), ('HIP', 'KNEE'), ('KNEE', 'ANKLE'))])

#: Visibility below which a limb's spread grows no further.
_MIN_VISIBILITY = 0.1


@dataclass(frozen=True)
class ObservedPerson:
    """The observations of one person, in the camera optical frame."""

    rays: np.ndarray            # (33, 2) x/z, y/z of landmarks
    sigma: np.ndarray           # (33,) m
    visibility: np.ndarray      # (33,) 0 to 1
    world: np.ndarray           # (33, 3) m, as in person_views
    lifted: LiftedBody
    prior: PosePrior | None     # of earlier images
    widths: Widths

    def of(self, hypothesis: int) -> ObservedPerson:
        """The same with only one of the network's hypotheses."""
        lifted = self.lifted
        return replace(self, lifted=LiftedBody(lifted.view, *(part[[hypothesis]] for part in lifted[1:])))

    def expected_pose(self) -> ChainPose:
        """For each hypothesis the pose between the network's and that of earlier images, at the latter's place.

        Each joint, and the shape, is nearer to the one of less spread. There have to be earlier images.
        """
        assert self.prior is not None, 'it is the mean of two poses'
        lifted, prior, count = self.lifted, self.prior, len(self.lifted.odds)
        variance = (self.widths.turns * lifted.turn_spread) ** 2
        share = (variance / (variance + prior.turn_sigma ** 2)).mean(axis=-1, keepdims=True)
        turn = log_so3(np.swapaxes(lifted.rotations, -1, -2) @ prior.rotations[:NUM_BODY])
        return ChainPose(np.repeat(prior.root[None], count, axis=0), lifted.rotations @ exp_so3(share * turn),
                         _mean_betas(lifted.betas, self.widths.betas, prior)[0])

    def body_observations(self, chain: KinematicChain, distance: np.ndarray, angles: AnglePrior) -> Observations:
        """Observations of the body alone, once for each hypothesis.

        chain: of the body. distance (K,) m: approximate distance of the person. angles: of all joints of the chain.
        """
        widths, lifted = self.widths, self.lifted
        count = len(lifted.odds)
        ray_sigma = np.full((count, FIRST_HAND), np.inf)
        ray_sigma[:, :NUM_LANDMARKS] = widths.landmarks * self.sigma / distance[:, None]
        rays = np.zeros((count, FIRST_HAND, 2))
        rays[:, :NUM_LANDMARKS] = self.rays
        bones = lifted.points[:, BONES[:, 0] - NUM_LANDMARKS] - lifted.points[:, BONES[:, 1] - NUM_LANDMARKS]
        limbs, limb_sigma = self._limbs(chain)
        observations = Observations(
            rays=rays, ray_sigma=ray_sigma, angles=angles, betas=lifted.betas, betas_sigma=widths.betas,
            vectors=PointVectors(
                pairs=np.concatenate([BONES, _LIMBS]), values=np.concatenate([bones, limbs], axis=1),
                sigma=np.concatenate([widths.bones * lifted.bone_spread, limb_sigma], axis=1),
                frames=np.tile(lifted.view, (count, len(BONES) + len(_LIMBS), 1, 1))),
            turns=(Turns(lifted.rotations, widths.turns * lifted.turn_spread),), robust=widths.robust,
            all_in_front=True)
        return observations if self.prior is None else _with_earlier_images(observations, self.prior)

    def with_hands(self, observations: Observations, starts: dict[str, HandStart]) -> Observations:
        """Observations of the whole body: those of one body and of its hands, in the order of SIDES."""
        assert observations.vectors is not None, 'body_observations gives vectors'
        sides = [side for side in SIDES if side in starts]
        rays, sigma = [observations.rays[0]], [observations.ray_sigma[0]]
        pairs, depths = [], []
        body = observations.vectors
        vectors = [(body.pairs, body.values[0], body.sigma[0], body.frames[0])]
        for number, side in enumerate(sides):
            start, wrist = starts[side], FIRST_HAND + 21 * number
            rays.append(start.rays)
            sigma.append(np.full(21, HAND_SIGMA / start.wrist[2]))
            pairs.append(np.stack([np.arange(wrist + 1, wrist + 21), np.full(20, wrist)], 1))
            depths.append((start.depths - start.depths[0])[1:])
            if start.lifted is not None:
                hand = start.lifted
                bones = hand.points[HAND_BONES[:, 0]] - hand.points[HAND_BONES[:, 1]]
                vectors.append((wrist + HAND_BONES, bones, LIFTED_BONES * hand.bone_spread,
                                np.tile(hand.frame, (len(bones), 1, 1))))
        vector_pairs, values, vector_sigma, frames = (np.concatenate(part) for part in zip(*vectors))
        lifted, *earlier = observations.turns
        return replace(
            observations, rays=np.concatenate(rays)[None], ray_sigma=np.concatenate(sigma)[None],
            depths=DepthPairs(
                np.concatenate(pairs), np.concatenate(depths)[None],
                sigma=np.full((1, 20 * len(sides)), HAND_DEPTH_SIGMA), toward=self.lifted.view[None, 2]),
            vectors=PointVectors(vector_pairs, values[None], vector_sigma[None], frames[None]),
            turns=(_of_all_joints(lifted, starts), *(_of_all_joints(turns, {}) for turns in earlier)))

    def _limbs(self, chain):
        """Vectors of _LIMBS along the view's axes, scaled to the lifted bodies, and their spread, (K, L, 3) each."""
        lifted = self.lifted
        world = self.world @ roll_of(lifted.view[None])[0].T
        limbs = world[_LIMBS[:, 0]] - world[_LIMBS[:, 1]]
        placed = chain.place(ChainPose(np.zeros((len(lifted.odds), 3)), lifted.rotations, lifted.betas)).points
        lengths = np.linalg.norm(placed[:, _LIMBS[:, 0]] - placed[:, _LIMBS[:, 1]], axis=-1)
        scale = lengths.sum(axis=1) / max(np.linalg.norm(limbs, axis=-1).sum(), 1e-6)
        sigma = self.widths.world / np.maximum(self.visibility[_LIMBS].min(axis=1), _MIN_VISIBILITY)
        limbs = scale[:, None, None] * limbs
        return limbs, np.broadcast_to(sigma[:, None], limbs.shape)


def _with_earlier_images(observations: Observations, prior: PosePrior) -> Observations:
    """Adds the prior on pose, position and shape."""
    count = len(observations.rays)

    def each(part):
        return np.repeat(part[None], count, axis=0)
    likely = np.zeros_like(prior.betas) if observations.betas is None else observations.betas
    betas, betas_sigma = _mean_betas(likely, observations.betas_sigma, prior)
    return replace(
        observations, turns=(*observations.turns, Turns(each(prior.rotations[:NUM_BODY]), each(prior.turn_sigma))),
        root=RootAnchor(each(prior.root), each(prior.root_sigma)), betas=betas, betas_sigma=betas_sigma)


def _mean_betas(betas, sigma, prior):
    """The mean of betas (K, S) and those of earlier images, weighted by their spreads, and its own spread."""
    precision, earlier = sigma ** -2, prior.betas_sigma ** -2
    return (precision * betas + earlier * prior.betas) / (precision + earlier), (precision + earlier) ** -0.5


def _of_all_joints(turns: Turns, starts: dict[str, HandStart]) -> Turns:
    """Of the body's joints and the hands -> of all 55; the other joints rotate freely."""
    rotations = np.tile(np.eye(3), (1, NUM_JOINTS, 1, 1))
    sigma = np.full((1, NUM_JOINTS, 3), UNCONSTRAINED)
    rotations[:, :NUM_BODY], sigma[:, :NUM_BODY] = turns.rotations, turns.sigma
    for side, start in starts.items():
        if start.lifted is not None:
            rotations[:, HAND_SLICE[side]] = start.lifted.fingers
            sigma[:, HAND_SLICE[side]] = LIFTED_TURNS * start.lifted.turn_spread
    return Turns(rotations, sigma)
