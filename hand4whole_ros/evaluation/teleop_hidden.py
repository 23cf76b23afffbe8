"""Effect of the gate on occluded hands: drawn operators with an occluder in front of a hand for a while."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from .. import skeleton
from ..estimators.base import Estimator
from ..synthetic import backdrops
from ..synthetic.motion import PersonMotion
from ..synthetic.operator import OPERATOR_SCRIPT
from ..teleop.hand_gate import OK, HandGate, HandGateConfig, HandObservation
from .metrics import mpjpe
from .temporal_metrics import jitter

#: Seconds of the operator's motion, and begin and end of the occlusion, of the whole hand or half of it.
DURATION = 8.4
HIDDEN = ((1.4, 2.2, 1.0), (3.2, 4.2, 0.5), (5.2, 6.0, 1.0), (6.8, 7.6, 0.5))

#: Side of the occluder, in the extent of the hand's keypoints.
_COVER = 1.5


@dataclass(frozen=True, eq=False)
class HiddenFrame:
    """One image of an operator."""

    stamp: float                            # s
    hidden: bool                            # the hand is occluded
    true: np.ndarray                        # (21, 3) m
    observation: HandObservation | None     # from the estimator; None: no such hand is detected


def record_hidden_hand(estimator: Estimator, seed: int, rate: float, side: str = 'right') -> list[HiddenFrame]:
    """The hand of one drawn operator as estimated image by image. Needs anny."""
    motion, frames = PersonMotion(seed, score=OPERATOR_SCRIPT), []
    estimator.reset()
    for k in range(round(DURATION * rate)):
        stamp = k / rate
        true = motion.hand_keypoints(stamp)[side]
        image = motion.frame(stamp)
        share = next((share for start, end, share in HIDDEN if start <= stamp < end), 0.0)
        if share:
            cover_hand(image, motion.intrinsics.project(true), share, seed)
        people = estimator.estimate(image, motion.intrinsics, stamp)
        frames.append(HiddenFrame(stamp, share > 0, true, _observe(people, side, stamp)))
    return frames


def _observe(people, side, stamp):
    hand = people[0].hand(side) if people else None
    if hand is None or hand.state != skeleton.OK:
        return None
    return HandObservation(stamp, hand.keypoints_3d.astype(np.float64), hand.confidence, hand.agreement)


def cover_hand(image: np.ndarray, pixels: np.ndarray, share: float, seed: int) -> None:
    """Draw a board in front of the upper share of a hand's keypoints (21, 2) px into (H, W, 3) uint8."""
    rng = np.random.default_rng((seed, 7))
    low, high = pixels.min(0), pixels.max(0)
    middle, half = (low + high) / 2, _COVER * (high - low).max() / 2
    top, bottom = middle[1] - half, middle[1] + half if share == 1 else low[1] + share * (high[1] - low[1])
    corners = np.array([(middle[0] - half, top), (middle[0] + half, top), (middle[0] + half, bottom),
                        (middle[0] - half, bottom)])
    mask = np.zeros(image.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, corners.round().astype(np.int32), (1,))
    np.copyto(image, backdrops.sample_texture(rng, image.shape[1], image.shape[0]), where=mask[..., None] > 0)


#: Gates: all detected hands; DaHyF's confidence alone (equations 8 and 9), by the gate's
#: threshold and by one that good hands of estimator open pass; the gate of teleoperation without it; and with it.
GATES = ('none', 'agreement', 'strict agreement', 'gate without agreement', 'gate')
STRICT_AGREEMENT = 0.95


def _believed(name: str, frames: Sequence[HiddenFrame]) -> list[bool]:
    config = HandGateConfig()
    if name == 'none':
        return [frame.observation is not None for frame in frames]
    if name.endswith('agreement') and not name.startswith('gate'):
        least = STRICT_AGREEMENT if name.startswith('strict') else config.trust_agreement
        return [frame.observation is not None and (frame.observation.agreement is None
                                                   or frame.observation.agreement >= least) for frame in frames]
    gate, believed = HandGate(config), []
    for frame in frames:
        seen = frame.observation
        if seen is not None and name == 'gate without agreement':
            seen = dataclasses.replace(seen, agreement=None)
        result = gate.update(seen, frame.stamp)
        believed.append(result.fresh and result.state == OK)
    return believed


def gate_figures(frames: Sequence[HiddenFrame], rate: float) -> dict[str, dict[str, float]]:
    """Gate -> figures of one operator, with a robot hand that follows trusted hands and keeps its pose otherwise.

    Keypoints are from the wrist. Images before the first hand that every gate has trusted do not count.
    """
    believed = {name: _believed(name, frames) for name in GATES}
    start = max((flags.index(True) if True in flags else len(frames)) for flags in believed.values())
    if start == len(frames):
        raise ValueError('no gate has trusted any hand')
    hidden = np.array([frame.hidden for frame in frames[start:]])
    true = _from_wrist(np.stack([frame.true for frame in frames[start:]]))
    figures = {}
    for name, flags in believed.items():
        last, followed = None, []
        for frame, flag in zip(frames, flags):
            if flag and frame.observation is not None:
                last = frame.observation.keypoints
            followed.append(last)
        hand = _from_wrist(np.stack(followed[start:]))
        error, follows = 1000 * mpjpe(hand, true), np.array(flags[start:])
        figures[name] = {
            'hidden mm': _mean(error[hidden]), 'hidden p90 mm': _percentile(error[hidden]),
            'visible mm': _mean(error[~hidden]), 'jitter m/s3': jitter(hand, rate),
            'followed hidden': _mean(follows[hidden]), 'followed visible': _mean(follows[~hidden])}
    return figures


def hidden_figures(estimator: Estimator, people: int, rate: float = 15.0, first_seed: int = 10
                   ) -> dict[str, dict[str, float]]:
    """Gate -> figures, means over drawn operators; the estimator takes consecutive images."""
    found = [gate_figures(record_hidden_hand(estimator, seed, rate), rate)
             for seed in range(first_seed, first_seed + people)]
    return {gate: {name: float(np.mean([one[gate][name] for one in found])) for name in found[0][gate]}
            for gate in GATES}


def format_table(figures: dict[str, dict[str, float]]) -> str:
    """A line a gate."""
    names = list(figures['none'])
    lines = [f'{"":24}' + ''.join(f'{name:>18}' for name in names)]
    return '\n'.join(lines + [f'{gate:24}' + ''.join(f'{row[name]:18.3g}' for name in names)
                              for gate, row in figures.items()])


def _from_wrist(keypoints):
    return keypoints - keypoints[:, :1]


def _mean(values):
    return float(np.mean(values)) if len(values) else float('nan')


def _percentile(values):
    return float(np.percentile(values, 90)) if len(values) else float('nan')
