"""Landmarks of one person from MediaPipe Holistic, in pixels of the image given.

Holistic leaves out a hand now and then, so a hand it did not give is looked for once more by MediaPipe
Hands in an enlarged crop around the wrist. A picture that stands alone is also looked at in a mirror,
and the two looks are averaged: their errors are in part independent. A hand that nothing has found is
looked for a last time in wider crops.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace

import numpy as np

from ..landmarks.indices import MIRRORED_POSE, UPPER_BODY
from ..landmarks.measures import torso_length
from ..skeleton import SIDES
from ..system.native_stderr import suppress_native_stderr
from . import mediapipe_library
from .hand_filter import filter_hands
from .hand_redetection import HandRedetector
from .mediapipe_library import MIN_SIDE, landmarks_to_pixels

#: In a video, images between a second look for a hand that found nothing and the next one.
_REDETECTION_INTERVAL = 5

#: Two looks at one image that are farther apart, in torsos, do not show the same.
MAX_APART = 0.3


@dataclass(frozen=True)
class HolisticLandmarks:
    """One person. Pixel centres are at integer coordinates; world landmarks in metres."""

    pose: np.ndarray                # (33, 2) px
    visibility: np.ndarray          # (33,) 0 to 1
    world: np.ndarray               # (33, 3) m from the middle of the hips; x right, y down, z away
    left_hand: np.ndarray | None    # (21, 3) px, px, relative depth in px (smaller is nearer)
    right_hand: np.ndarray | None   # likewise; right is the person's own
    face: bool                      # a face was found
    #: (33,) torsos, how far the landmarks of the image and of its mirror image are from their mean; None: seen once.
    disagreement: np.ndarray | None = None
    track_id: int = -1              # the same in all images of a video; -1 in an image that stands alone

    def hand(self, side: str) -> np.ndarray | None:
        """(21, 3) of `side`, 'left' or 'right', or None where it was not seen."""
        return self.left_hand if side == 'left' else self.right_hand

    @property
    def confidence(self) -> float:
        """0 to 1: the mean visibility of shoulders, elbows, wrists and hips."""
        return float(np.clip(self.visibility[list(UPPER_BODY)].mean(), 0, 1))


def mirror_landmarks(landmarks: HolisticLandmarks, width: int) -> HolisticLandmarks:
    """The landmarks of an image `width` px wide -> those of its mirror image; left and right change places."""
    def hand(points):
        return None if points is None else points * (-1, 1, 1) + (width - 1, 0, 0)
    order = list(MIRRORED_POSE)
    return HolisticLandmarks(
        landmarks.pose[order] * (-1, 1) + (width - 1, 0), landmarks.visibility[order],
        landmarks.world[order] * (-1, 1, 1), hand(landmarks.right_hand), hand(landmarks.left_hand), landmarks.face)


def average_landmarks(one: HolisticLandmarks | None, other: HolisticLandmarks | None) -> HolisticLandmarks | None:
    """The mean of two looks at one image; what only one of them saw is taken from that one.

    Where they found two people, or turned one of them round, it is the look that sees more.
    """
    if one is None or other is None:
        return other if one is None else one
    if _apart(one, other) > MAX_APART:
        return max(one, other, key=lambda look: look.visibility.mean())

    def mean(a, b):
        return (b if a is None else a) if a is None or b is None else (a + b) / 2
    return HolisticLandmarks(
        mean(one.pose, other.pose), mean(one.visibility, other.visibility), mean(one.world, other.world),
        mean(one.left_hand, other.left_hand), mean(one.right_hand, other.right_hand), one.face or other.face)


def _apart(one, other):
    """How far two looks at one image are apart, in torsos: the mean over landmarks that both say are visible."""
    share = one.visibility * other.visibility + 1e-9
    away = np.linalg.norm(one.pose - other.pose, axis=1)
    return (share @ away) / share.sum() / max(torso_length(one.pose), torso_length(other.pose))


class MediaPipeHolistic:
    """MediaPipe Holistic with a second look for hands it left out.

    static_images: every image stands alone; otherwise landmarks are tracked from image to image. mirror: images that
    stand alone are also looked at in a mirror. Raises DetectorUnavailable where mediapipe is not installed.
    """

    def __init__(self, static_images: bool = False, hand_redetection: bool = True, mirror: bool = True):
        self.static_images = static_images
        self._mirror = mirror and static_images
        with suppress_native_stderr():
            mediapipe = mediapipe_library.load_mediapipe()
            solution = mediapipe_library.stateless_solution(mediapipe.Holistic) if static_images else mediapipe.Holistic
            self._make_holistic = lambda: solution(
                static_image_mode=static_images, model_complexity=1, smooth_landmarks=not static_images)
            self._holistic = self._make_holistic()
            self._hand_redetector = (
                HandRedetector(wait_after_failure=0 if static_images else _REDETECTION_INTERVAL)
                if hand_redetection
                else None
            )
            self._holistic.process(np.zeros((256, 256, 3), np.uint8))
        #: The networks for hands load, and chatter, with the first hand.
        self._hand_seen = False

    def detect(self, image: np.ndarray) -> HolisticLandmarks | None:
        """The most prominent person in an RGB image (H, W, 3) uint8, or None."""
        height, width = image.shape[:2]
        if min(height, width) < MIN_SIDE:
            return None
        found = self._process_image(image)
        if self._mirror:
            in_mirror = self._process_image(np.ascontiguousarray(image[:, ::-1]))
            found = average_landmarks(found, None if in_mirror is None else mirror_landmarks(in_mirror, width))
        return found if found is None or self._hand_redetector is None else self._add_wide_hands(image, found)

    def _add_wide_hands(self, image, found):
        """The same landmarks, with hands that were missing or not to be believed, where a last look finds them."""
        height, width = image.shape[:2]
        believed = filter_hands(found, width, height)
        for side in SIDES:
            hand = (None if side in believed else
                    self._hand_redetector.detect_wide(image, found.pose, found.visibility, side))
            if hand is None:
                continue
            more = replace(found, **{f'{side}_hand': hand})
            real = filter_hands(more, width, height)
            if len(real) > len(believed):   # one that costs the other hand its place lies on that hand
                found, believed = more, real
        return found

    def _process_image(self, image):
        """One look at one image: HolisticLandmarks or None."""
        height, width = image.shape[:2]
        with nullcontext() if self._hand_seen else suppress_native_stderr():
            result = self._holistic.process(mediapipe_library.downscale_image(image))
        self._hand_seen |= bool(result.left_hand_landmarks or result.right_hand_landmarks)
        if result.pose_landmarks is None or result.pose_world_landmarks is None:
            return None
        pose = landmarks_to_pixels(result.pose_landmarks, width, height)
        visibility = np.array([p.visibility for p in result.pose_landmarks.landmark])
        world = np.array([(p.x, p.y, p.z) for p in result.pose_world_landmarks.landmark])
        if not (np.isfinite(pose).all() and np.isfinite(world).all()):
            return None
        found = {}
        for side, landmarks in (('left', result.left_hand_landmarks), ('right', result.right_hand_landmarks)):
            found[side] = None if landmarks is None else landmarks_to_pixels(landmarks, width, height)
            if found[side] is None and self._hand_redetector:
                found[side] = self._hand_redetector.find(image, pose[:, :2], visibility, side)
        return HolisticLandmarks(pose[:, :2], visibility, world, found['left'], found['right'],
                                 result.face_landmarks is not None)

    def reset(self) -> None:
        """Forget the tracked person."""
        if not self.static_images:
            with suppress_native_stderr():
                self._holistic.close()
                self._holistic = self._make_holistic()
        if self._hand_redetector:
            self._hand_redetector.reset()

    def close(self) -> None:
        """Free the networks."""
        self._holistic.close()
        if self._hand_redetector:
            self._hand_redetector.close()
