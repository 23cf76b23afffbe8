"""Sampling of people: `sample_scene` chooses an adult, pose, camera and appearance according to a preset.

Everything follows from seed and preset. TRAINING covers all kinds of scenes; EVALUATION has people in a studio with
both hands visible, of other adults, before one camera. The people of published figures and tests are a file
(`frozen_people`), and do not change when this module does: `sample_person` takes them from there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from .. import skeleton
from ..body import anny_rig
from ..geometry.camera import Intrinsics
from . import adults, collisions, framing, frozen_people
from .appearance import Appearance
from .drawing import draw_scene
from .figure import PosableBody, hand_keypoints, place_skeleton
from .gestures import UPRIGHT, Gesture, sample_gesture_poses
from .scene import SCENE_STREAM, Scene
from .truth import PersonTruth
from .visibility import body_rasterizer, hand_visibility

#: Default share of the scenes for training that are close-ups of hands.
CLOSE_UPS = 0.35

#: Of people for evaluation: least visible share of each hand, and least length of a palm, wrist to middle MCP
#: at the wrist's distance, px.
MIN_HAND_VISIBILITY, MIN_PALM_LENGTH = 0.4, 29.0

_MARGIN = 8             # px between hand keypoints that have to be visible and the image's edge
_CANDIDATES, _ROUNDS = 4, 6
_MAX_ATTEMPTS = 300

_HEAD, _FEET = skeleton.JOINT['head'], [skeleton.JOINT[f'{side}_{part}'] for side in skeleton.SIDES
                                        for part in ('ankle', 'foot')]


@dataclass(frozen=True)
class ScenePreset:
    """A distribution of scenes."""

    stream: int = SCENE_STREAM          # first word of the random streams
    width: int = 640                    # px
    height: int = 480
    focal: float | None = None          # px; None: of any lens
    close_ups: float = CLOSE_UPS        # how often only hands are shown
    at_ease: float = 0.0                # of the others, how often a person is in a frontal upright pose
    studio: bool = False                # in a studio, both hands visible, and no person of `adults`


TRAINING = ScenePreset()
EVALUATION = ScenePreset(stream=0x7A14, width=720, height=720, focal=936.0, close_ups=0.0, at_ease=1.0, studio=True)


def sample_person(seed: int) -> Scene:
    """A person for evaluation: one of the file, or a new one of EVALUATION."""
    return frozen_people.read(seed) or sample_scene(seed, EVALUATION)


def render_person(scene: Scene) -> tuple[np.ndarray, PersonTruth]:
    """The image (H, W, 3) uint8 RGB, and the truth about it, with the vertices."""
    return draw_scene(scene, vertices=True)


def sample_phenotype(seed: int) -> dict[str, torch.Tensor]:
    """A random adult, as anny takes it; not in `adults`."""
    return anny_rig.sample_adults(1, seed)


def sample_scene(seed: int, preset: ScenePreset = TRAINING) -> Scene:
    """Scene `seed` of a preset."""
    rng = np.random.default_rng((preset.stream, 0, seed))
    adult = adults.Adult(PosableBody(sample_phenotype(seed)), None) if preset.studio else \
        adults.sample_adult(int(rng.integers(adults.NUM_ADULTS)))
    appearance = Appearance.sample(rng) if preset.studio else None
    for _ in range(_MAX_ATTEMPTS):
        scene = _sample_attempt(seed, rng, adult, preset=preset, appearance=appearance)
        if not preset.studio or _both_hands_in_sight(scene):
            return scene
    raise RuntimeError(f'no pose with both hands in sight was found for seed {seed} in {_MAX_ATTEMPTS} attempts')


def _sample_attempt(seed, rng, adult, *, preset, appearance):
    if rng.random() < preset.close_ups:
        return _hands_scene(seed, rng, adult, preset)
    at_ease = preset.at_ease > 0 and rng.random() < preset.at_ease
    if at_ease:
        frame = 'full' if rng.random() < 0.3 else 'hips'
        direction = framing.ViewDirection.sample_frontal_upright(rng)
        gesture = Gesture.sample(rng, preset=UPRIGHT)
    else:
        frame = list(framing.BODY_FRAMES)[rng.choice(len(framing.BODY_FRAMES), p=list(framing.BODY_FRAMES.values()))]
        direction = framing.ViewDirection.sample(rng)
        gesture = Gesture.sample(rng, legs='sit' if frame == 'sitting' else None)
    local, *placed = _sample_clear_pose(rng, adult.figure, gesture, direction.turn)
    intrinsics = _sample_intrinsics(rng, preset, False)
    fill = (0.6, 0.97) if frame == 'full' else (0.7, 1.12)
    return framed_scene(seed, rng, adult, local, placed=placed, direction=direction, frame=frame,
                        intrinsics=intrinsics, fill=fill, shift=0.8, appearance=appearance)


def framed_scene(seed: int, rng: np.random.Generator, adult: adults.Adult, local: np.ndarray, *,
                 placed: list[np.ndarray], direction: framing.ViewDirection, frame: str, intrinsics: Intrinsics,
                 fill: tuple[float, float], shift: float, whole: bool = False,
                 appearance: Appearance | None = None) -> Scene:
    """The scene of a posed person, viewed by the camera from a direction.

    local (55, 3, 3); placed: its rotations, joints and tips (figure.place_skeleton), in the person's own axes. fill:
    least and largest part of the image for what it shows (framing.BODY_FRAMES); shift, to 1: largest offset from
    the middle, of the remaining room. whole: all joints of the body are in the image if it shows all of it.
    """
    rotations, joints, hands = _seen_from(direction, placed)
    skin, follows = collisions.posed_skin_points(adult.figure, rotations, joints)[0], collisions.skin_points()[2]
    shown = framing.body_points(frame, rng, joints=joints, hands=hands, head=skin[follows == _HEAD],
                                feet=skin[np.isin(follows, _FEET)])
    if whole and frame == 'full':
        shown = np.concatenate([shown, joints[:skeleton.NUM_BODY_JOINTS]])
    place = framing.framing_translation(shown, np.concatenate([skin, hands.reshape(-1, 3)]), intrinsics,
                                        fill=rng.uniform(*fill), shift=rng.uniform(-shift, shift, 2))
    return _make_scene(seed, 'body', frame, adult=adult, local=local, rotations=rotations, joints=joints + place,
                       hands=hands + place, intrinsics=intrinsics,
                       appearance=appearance)


def _hands_scene(seed, rng, adult, preset):
    gesture = Gesture.sample(rng, near=0.65)
    local, *placed = _sample_clear_pose(rng, adult.figure, gesture, 0.0)
    rotations, joints, tips = placed
    hands = hand_keypoints(joints, tips)
    apart = np.linalg.norm(hands[0].mean(0) - hands[1].mean(0))
    frame = 'both' if apart < 0.32 and rng.random() < 0.85 else skeleton.SIDES[rng.integers(2)]
    shown = hands.reshape(-1, 3) if frame == 'both' else hands[skeleton.SIDES.index(frame)]
    skin = collisions.posed_skin_points(adult.figure, rotations, joints)[0]
    direction = framing.sample_close_up(rng, shown, skin)
    matrix = direction.matrix()
    rotations, joints, hands = _seen_from(direction, placed)
    skin, shown = skin @ matrix.T, shown @ matrix.T
    intrinsics = _sample_intrinsics(rng, preset, True)
    place = framing.framing_translation(shown, np.concatenate([skin, hands.reshape(-1, 3)]), intrinsics,
                                        fill=rng.uniform(0.35, 0.95), shift=rng.uniform(-0.8, 0.8, 2))
    return _make_scene(seed, 'hands', frame, adult=adult, local=local, rotations=rotations, joints=joints + place,
                       hands=hands + place, intrinsics=intrinsics, appearance=None)


def _seen_from(direction, placed):
    """Rotations, joints and hand keypoints (2, 21, 3) of a placed person in the axes of the camera."""
    rotations, joints, tips = placed
    matrix = direction.matrix()
    return matrix @ rotations, joints @ matrix.T, hand_keypoints(joints, tips) @ matrix.T


def _make_scene(seed, kind, frame, *, adult, local, rotations, joints, hands, intrinsics, appearance):
    local = local.copy()
    local[0] = rotations[0]
    return Scene(seed, kind, frame, adult.figure, adult.betas, local, joints, rotations, hands, intrinsics, appearance)


def _sample_intrinsics(rng, preset, close_up):
    if preset.focal is not None:
        return Intrinsics.from_focal(preset.width, preset.height, preset.focal)
    return framing.sample_intrinsics(rng, preset.width, preset.height, close_up=close_up)


def _sample_clear_pose(rng, figure, gesture, turn):
    """A pose free of self-collision: local and global rotations, joints and tips, in the person's axes."""
    for _ in range(_ROUNDS):
        local = sample_gesture_poses(gesture, rng, _CANDIDATES, joints=figure.joints, tips=figure.tips, turn=turn)
        rotations, joints, tips = place_skeleton(local, figure.joints, figure.tips)
        chosen = collisions.first_collision_free(figure, rotations, joints, tips)
        if chosen is not None:
            return local[chosen], rotations[chosen], joints[chosen], tips[chosen]
    # No pose of this gesture suits the figure: use another gesture.
    return _sample_clear_pose(rng, figure, Gesture.sample(rng, preset=gesture.preset), turn)


def _both_hands_in_sight(scene):
    """Whether both hands are in the image, large enough, and not behind the body."""
    k = scene.intrinsics
    pixels = k.project(scene.hand_keypoints.reshape(-1, 3))
    if not ((pixels > _MARGIN) & (pixels < (k.width - 1 - _MARGIN, k.height - 1 - _MARGIN))).all():
        return False
    middle = skeleton.MIDDLE_FINGER_KEYPOINTS[1]
    palms = np.linalg.norm(scene.hand_keypoints[:, middle] - scene.hand_keypoints[:, 0], axis=1)
    if (k.fx * palms / scene.hand_keypoints[:, 0, 2]).min() < MIN_PALM_LENGTH:
        return False
    ids = body_rasterizer().face_ids(scene.vertices, k)
    return hand_visibility(scene.vertices, ids[ids >= 0], k).min() >= MIN_HAND_VISIBILITY
