"""Responsibilities of the two experts: the options of the ablation tables of Hand4Whole++."""

from __future__ import annotations

from dataclasses import dataclass

from ..config import EstimatorConfig, Expert, WristSource


@dataclass(frozen=True)
class FusionPolicy:
    """The expert for each part; the defaults are the published method.

    wrist: 'cham' is the body expert's, with the features of the hands from CHAM; 'body' the body expert's alone;
    'copy' the hand expert's, put in place of the body expert's (Table 2 of the paper).
    fingers: 'hand' is the hand expert's; 'body' SMPL-X's mean hand, for the body expert regresses no fingers.
    hand_shape: 'hand' lays MANO meshes of the hand expert's shape onto the body; 'body' keeps SMPL-X's own hands
    (Table 3).
    """

    wrist: WristSource = WristSource.CHAM
    fingers: Expert = Expert.HAND
    hand_shape: Expert = Expert.HAND

    def __post_init__(self):
        for name, choices in (('wrist', tuple(WristSource)[1:]), ('fingers', Expert), ('hand_shape', Expert)):
            if getattr(self, name) not in tuple(choices):
                raise ValueError(f'{name}: expected one of {", ".join(choices)}, found {getattr(self, name)!r}')

    @classmethod
    def from_config(cls, config: EstimatorConfig, best_wrist: WristSource) -> FusionPolicy:
        """The policy of a configuration. best_wrist: the value of AUTO. Raises ValueError for an unknown expert."""
        wrist = best_wrist if config.wrist == WristSource.AUTO else config.wrist
        return cls(wrist, config.fingers, config.hand_shape)


#: The published method.
PUBLISHED_POLICY = FusionPolicy()
