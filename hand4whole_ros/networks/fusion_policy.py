"""Which of the two experts has the last word on what: the options of the ablation tables of Hand4Whole++."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FusionPolicy:
    """Which expert has the last word on what; the defaults are the published method.

    wrist: 'cham' is the body expert's, told by CHAM what the hands look like; 'body' the body expert's alone;
    'copy' the hand expert's, put in place of the body expert's (Table 2 of the paper).
    fingers: 'hand' is the hand expert's; 'body' SMPL-X's mean hand, for the body expert regresses no fingers.
    hand_shape: 'hand' lays MANO meshes of the hand expert's shape onto the body; 'body' keeps SMPL-X's own hands
    (Table 3).
    """

    wrist: str = 'cham'
    fingers: str = 'hand'
    hand_shape: str = 'hand'

    #: Field -> what it may be.
    CHOICES = {'wrist': ('cham', 'body', 'copy'), 'fingers': ('hand', 'body'), 'hand_shape': ('hand', 'body')}

    def __post_init__(self):
        for name, choices in self.CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f'{name}: expected one of {", ".join(choices)}, found {getattr(self, name)!r}')


#: The published method.
PUBLISHED_POLICY = FusionPolicy()
