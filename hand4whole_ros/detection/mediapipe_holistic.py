"""Landmarks of one person from MediaPipe Holistic, in pixels of the image given.

MediaPipe (Apache-2.0) ships its networks in the package; nothing is downloaded. Holistic leaves out a
hand now and then, so a hand it did not give is looked for once more by MediaPipe Hands in an enlarged
crop around the wrist. A picture that stands alone is also looked at in a mirror, and the two looks are
averaged: their errors are in part independent.
"""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import cv2
import numpy as np

from . import DetectorUnavailable

#: Pose landmarks that say where a hand is: wrist, pinky, index, thumb; and the elbow.
_HAND_IN_POSE = {'left': (15, 17, 19, 21), 'right': (16, 18, 20, 22)}
_ELBOW_IN_POSE = {'left': 13, 'right': 14}

#: Larger images are reduced to this before the networks see them: their own inputs are 256 px.
LONGEST_SIDE = 1920

#: Smaller images hold nobody the networks could find.
SHORTEST_SIDE = 16

#: After a second look for a hand failed in a video, images until the next one.
_LOOK_AGAIN_AFTER = 5

#: Side of the enlarged crop handed to MediaPipe Hands, px.
_CROP_SIZE = 256


@dataclass(frozen=True)
class HolisticLandmarks:
    """One person. Pixel centres are at integer coordinates; world landmarks in metres."""

    pose: np.ndarray                # (33, 2) px
    visibility: np.ndarray          # (33,) 0 to 1
    world: np.ndarray               # (33, 3) m from the middle of the hips; x right, y down, z away
    left_hand: np.ndarray | None    # (21, 3) px, px, relative depth in px (smaller is nearer)
    right_hand: np.ndarray | None   # likewise; right is the person's own
    face: bool                      # a face was found

    def hand(self, side: str) -> np.ndarray | None:
        """(21, 3) of `side`, 'left' or 'right', or None where it was not seen."""
        return self.left_hand if side == 'left' else self.right_hand


#: The pose landmark that each of the 33 becomes in a mirror.
_MIRRORED_POSE = (0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9, *(k + 1 if k % 2 else k - 1 for k in range(11, 33)))


def mirrored(landmarks: HolisticLandmarks, width: int) -> HolisticLandmarks:
    """The landmarks of an image `width` px wide -> those of its mirror image; left and right change places."""
    def hand(points):
        return None if points is None else points * (-1, 1, 1) + (width - 1, 0, 0)
    order = list(_MIRRORED_POSE)
    return HolisticLandmarks(
        landmarks.pose[order] * (-1, 1) + (width - 1, 0), landmarks.visibility[order],
        landmarks.world[order] * (-1, 1, 1), hand(landmarks.right_hand), hand(landmarks.left_hand), landmarks.face)


def averaged(one: HolisticLandmarks | None, other: HolisticLandmarks | None) -> HolisticLandmarks | None:
    """The mean of two looks at one image; what only one of them saw is taken from that one."""
    if one is None or other is None:
        return other if one is None else one

    def mean(a, b):
        return (b if a is None else a) if a is None or b is None else (a + b) / 2
    return HolisticLandmarks(
        mean(one.pose, other.pose), mean(one.visibility, other.visibility), mean(one.world, other.world),
        mean(one.left_hand, other.left_hand), mean(one.right_hand, other.right_hand), one.face or other.face)


#: What MediaPipe's C++ libraries say to stderr of their own accord: nothing a user could act on.
_CHATTER = re.compile(rb'^([IW]\d{4} |INFO: |WARNING: All log messages before absl).*\n?', re.MULTILINE)


@contextmanager
def _quiet_stderr():
    """Hold stderr back, and let what is not chatter out at the end; all of it if the body raises."""
    with tempfile.TemporaryFile() as held:
        saved = os.dup(2)
        os.dup2(held.fileno(), 2)
        chatter = _CHATTER
        try:
            yield
        except BaseException:
            chatter = None
            raise
        finally:
            os.dup2(saved, 2)
            held.seek(0)
            said = held.read()
            os.write(saved, said if chatter is None else chatter.sub(b'', said))
            os.close(saved)


def _load_solutions():
    try:
        os.environ.setdefault('GLOG_minloglevel', '2')
        from mediapipe.python.solutions import hands, holistic
    except ImportError as error:
        raise DetectorUnavailable(
            f"the mediapipe estimator needs the mediapipe library ({error}); "
            f"run: pip install 'numpy<2' mediapipe==0.10.21") from None
    return holistic, hands


class MediaPipeHolistic:
    """MediaPipe Holistic with a second look for hands it left out.

    static_images: every image stands alone; otherwise landmarks are tracked from image to image.
    Raises DetectorUnavailable where mediapipe is not installed.
    """

    def __init__(self, static_images: bool = False, second_look: bool = True):
        self.static_images = static_images
        with _quiet_stderr():
            holistic, hands = _load_solutions()
            self._make_holistic = lambda: holistic.Holistic(
                static_image_mode=static_images, model_complexity=1, smooth_landmarks=not static_images)
            self._holistic = self._make_holistic()
            self._hands = hands.Hands(static_image_mode=True, max_num_hands=1, model_complexity=1,
                                      min_detection_confidence=0.3) if second_look else None
            blank = np.zeros((_CROP_SIZE, _CROP_SIZE, 3), np.uint8)
            self._holistic.process(blank)
            if self._hands:
                self._hands.process(blank)
        self._wait = {'left': 0, 'right': 0}
        #: The networks for hands load, and chatter, with the first hand.
        self._hand_seen = False

    def detect(self, image: np.ndarray) -> HolisticLandmarks | None:
        """The most prominent person in an RGB image (H, W, 3) uint8, or None."""
        height, width = image.shape[:2]
        if min(height, width) < SHORTEST_SIDE:
            return None
        found = self._look(image)
        if self.static_images:
            in_mirror = self._look(np.ascontiguousarray(image[:, ::-1]))
            found = averaged(found, None if in_mirror is None else mirrored(in_mirror, width))
        return found

    def _look(self, image):
        """One look at one image: HolisticLandmarks or None."""
        height, width = image.shape[:2]
        shrink = min(1.0, LONGEST_SIDE / max(height, width))
        small = image
        if shrink < 1:
            size = max(SHORTEST_SIDE, round(width * shrink)), max(SHORTEST_SIDE, round(height * shrink))
            small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        with nullcontext() if self._hand_seen else _quiet_stderr():
            result = self._holistic.process(np.ascontiguousarray(small))
        self._hand_seen |= bool(result.left_hand_landmarks or result.right_hand_landmarks)
        if result.pose_landmarks is None or result.pose_world_landmarks is None:
            return None
        pose = _pixels(result.pose_landmarks, width, height)
        visibility = np.array([p.visibility for p in result.pose_landmarks.landmark])
        world = np.array([(p.x, p.y, p.z) for p in result.pose_world_landmarks.landmark])
        if not (np.isfinite(pose).all() and np.isfinite(world).all()):
            return None
        found = {}
        for side, landmarks in (('left', result.left_hand_landmarks), ('right', result.right_hand_landmarks)):
            found[side] = None if landmarks is None else _pixels(landmarks, width, height)
            if found[side] is None:
                found[side] = self._look_again(image, pose[:, :2], visibility, side)
        return HolisticLandmarks(pose[:, :2], visibility, world, found['left'], found['right'],
                                 result.face_landmarks is not None)

    def _look_again(self, image, pose, visibility, side):
        """MediaPipe Hands in a crop around the wrist: (21, 3) px, or None."""
        if self._hands is None:
            return None
        if self._wait[side] > 0:
            self._wait[side] -= 1
            return None
        points = pose[list(_HAND_IN_POSE[side])]
        wrist = points[0]
        height, width = image.shape[:2]
        inside = 0 <= wrist[0] < width and 0 <= wrist[1] < height
        if not inside or visibility[_HAND_IN_POSE[side][0]] < 0.3:
            return None
        forearm = np.linalg.norm(wrist - pose[_ELBOW_IN_POSE[side]])
        reach = max(np.linalg.norm(points[1:] - wrist, axis=1).max(), 0.35 * forearm, 8.0)
        centre = wrist + 0.6 * (points[1:].mean(0) - wrist)
        half = 1.9 * reach
        zoom = _CROP_SIZE / (2 * half)
        to_crop = np.array([[zoom, 0, (half - centre[0]) * zoom], [0, zoom, (half - centre[1]) * zoom]])
        crop = cv2.warpAffine(image, to_crop, (_CROP_SIZE, _CROP_SIZE),
                              flags=cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR)
        result = self._hands.process(crop)
        if not result.multi_hand_landmarks:
            self._wait[side] = 0 if self.static_images else _LOOK_AGAIN_AFTER
            return None
        # MediaPipe names hands as a mirror would: for an image that is not mirrored, sides are swapped.
        label = result.multi_handedness[0].classification[0].label.lower()
        if label == side and result.multi_handedness[0].classification[0].score > 0.9:
            return None
        hand = _pixels(result.multi_hand_landmarks[0], _CROP_SIZE, _CROP_SIZE) / zoom
        hand[:, :2] += centre - half
        return hand

    def reset(self) -> None:
        """Forget the tracked person."""
        if not self.static_images:
            with _quiet_stderr():
                self._holistic.close()
                self._holistic = self._make_holistic()
        self._wait = {'left': 0, 'right': 0}

    def close(self) -> None:
        """Free the networks."""
        self._holistic.close()
        if self._hands:
            self._hands.close()


def _pixels(landmarks, width, height):
    """MediaPipe's normalized landmarks -> (N, 3) px; depth is scaled as x is."""
    points = np.array([(p.x, p.y, p.z) for p in landmarks.landmark])
    return points * (width, height, width) - (0.5, 0.5, 0)
