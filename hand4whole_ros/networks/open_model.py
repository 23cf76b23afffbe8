"""The dimensions of the open model: Hand4Whole++ at a size that trains, and runs, on two cores.

Differences from the published network, and their reasons:

- The transformers are small, have patches of 32 px, and a residual convolutional stem that locates keypoints by
  itself: without one, such small transformers hardly use the image in the training time that two cores allow.
- The body's keypoint tokens are joined by the image's feature at the keypoints' heat-map positions.
- The inputs of both experts include the detector's keypoints and the body fitted to them (prompts.py), which they
  start from and correct.
- Cells of both experts are compared by their centres, and RefineNet samples at the mesh: the published weights
  were trained with neither, and there is no reason to repeat that.
- There is no face: the open body has no expression.
- Boxes of hands are tighter: more pixels of the small picture are hand.
"""

from __future__ import annotations

from dataclasses import replace

from .cham import CHAMConfig, FeatureGrid
from .hand4whole_pp import Hand4WholePPConfig
from .prompts import PromptConfig
from .smpler_x import SMPLerXConfig
from .vit import ViTConfig
from .wilor import WiLoRConfig

VIT_OPEN = ViTConfig(embed_dim=192, depth=6, num_heads=3, patch_size=32, patch_padding=0, stem=(16, 32, 64, 128),
                     stem_blocks=(0, 1, 1, 2, 1))

#: Of a body: the 25 body keypoints with the detector's places in space; 22 rotations and 10 betas that were fitted,
#: the initial regression, the fitted joints, the camera, and the landmarks of both hands.
BODY_PROMPT = PromptConfig(num_keypoints=25, num_extra=3, num_global=142 + 66 + 4 + 2 * 64, num_initial=142)
#: Of a hand: its 21 keypoints with the detector's depths; 16 rotations, 10 betas and the camera that were fitted,
#: the initial regression, and the hand's position in the view.
HAND_PROMPT = PromptConfig(num_keypoints=21, num_extra=1, num_global=109 + 2, num_initial=109)

OPEN_MODEL = Hand4WholePPConfig(
    body=SMPLerXConfig(VIT_OPEN, num_task_tokens=27, token_dim=128, gathers_features=True, prompt=BODY_PROMPT),
    hand=WiLoRConfig(VIT_OPEN, samples_at_mesh=True, prompt=HAND_PROMPT),
    cham=CHAMConfig(VIT_OPEN.embed_dim, VIT_OPEN.embed_dim, VIT_OPEN.depth, num_layers=2,
                    grid=FeatureGrid(rows=8, columns=6, point=0.5)),
    face=False, hand_room=1.3)

#: Image-only, as the published network is, and so a little larger: for the ablation, not for use.
VIT_IMAGE_ONLY = replace(VIT_OPEN, depth=8, stem_blocks=(0, 1, 1, 2, 2))
IMAGE_ONLY = replace(OPEN_MODEL, body=replace(OPEN_MODEL.body, vit=VIT_IMAGE_ONLY, prompt=None),
                         hand=replace(OPEN_MODEL.hand, vit=VIT_IMAGE_ONLY, prompt=None),
                         cham=replace(OPEN_MODEL.cham, body_depth=VIT_IMAGE_ONLY.depth))
