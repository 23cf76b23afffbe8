"""A second look for a hand that was left out: MediaPipe Hands in an enlarged crop around the wrist.

Where that finds nothing there is a last look, at wider crops. A hand that points at the camera is often missed, and
its forearm, seen from the end, does not say how large a crop it needs; the torso does.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..geometry.boxes import inside
from ..landmarks.indices import ARM, WRIST, side_landmarks
from ..landmarks.measures import torso_length
from ..skeleton import SIDES
from . import mediapipe_library
from .hand_filter import MAX_WRIST_GAP, MIN_WRIST_VISIBILITY

#: Pose landmarks that say where a hand is: wrist, pinky, index, thumb.
_HAND_IN_POSE = {side: side_landmarks(side, 'WRIST', 'PINKY', 'INDEX', 'THUMB') for side in SIDES}

#: Below this visibility of the arm's wrist nothing is looked for.
_MIN_WRIST_VISIBILITY = 0.3

#: Side of the enlarged crop handed to MediaPipe Hands, px.
_CROP_SIZE = 256

#: Ways to look, one after the other until a hand is found: half the crop's side in reaches of the hand, and
#: whether in a mirror.
ONE_CROP = ((1.9, False),)
#: Of 29 hands that the first way did not find on rendered people, the other two found 21.
THREE_CROPS = ((1.9, False), (3.5, True), (6.0, True))

#: Of the last look: half the crops' sides, in lengths of the torso. Of 171 hands in sight that the first way had not
#: found on 1080 rendered people, these two found 28, and nothing that was no hand. Upside down and with every hand
#: shown as a left one the network finds most.
_WIDE_CROP_SIZES = (0.8, 0.6)


class HandRedetector:
    """ways: ONE_LOOK or THREE_CROPS. wait_after_failure: for how many images a hand is not looked for after
    nothing was found; 0 for pictures that stand alone. Raises DetectorUnavailable where mediapipe is not
    installed.
    """

    def __init__(self, crop_variants: tuple[tuple[float, bool], ...] = ONE_CROP, wait_after_failure: int = 0):
        self._hands = mediapipe_library.load_mediapipe().Hands(
            static_image_mode=True, max_num_hands=1, model_complexity=1, min_detection_confidence=0.3)
        self._hands.process(np.zeros((_CROP_SIZE, _CROP_SIZE, 3), np.uint8))
        self._crop_variants, self._wait_after_failure = crop_variants, wait_after_failure
        self.reset()

    def find(self, image: np.ndarray, pose: np.ndarray, visibility: np.ndarray, side: str) -> np.ndarray | None:
        """(21, 3) px of the hand of `side` in an RGB image, as in HolisticLandmarks, or None.

        pose (33, 2) px and visibility (33,) as in HolisticLandmarks. Nothing is looked for where the arm's wrist
        is out of the picture or hidden.
        """
        if self._wait[side] > 0:
            self._wait[side] -= 1
            return None
        points = pose[list(_HAND_IN_POSE[side])]
        wrist = points[0]
        if not inside(wrist, *image.shape[1::-1]) or visibility[WRIST[side]] < _MIN_WRIST_VISIBILITY:
            return None
        _, elbow, _ = ARM[side]
        forearm = np.linalg.norm(wrist - pose[elbow])
        reach = max(np.linalg.norm(points[1:] - wrist, axis=1).max(), 0.35 * forearm, 8.0)
        centre = _hand_centre(points)
        for reaches, in_mirror in self._crop_variants:
            result = self._detect_in_crop(image, centre, reaches * reach, in_mirror)
            if result is None:
                self._wait[side] = self._wait_after_failure
                continue
            self._wait[side] = 0
            hand, seen_side, certainty = result
            if seen_side == side or certainty <= 0.9:
                return hand
        return None

    def detect_wide(self, image: np.ndarray, pose: np.ndarray, visibility: np.ndarray, side: str) -> np.ndarray | None:
        """The last look for a hand that no look at the image has found, as find."""
        if self._wait_wide[side] > 0:
            self._wait_wide[side] -= 1
            return None
        points = pose[list(_HAND_IN_POSE[side])]
        if not inside(points[0], *image.shape[1::-1]) or visibility[WRIST[side]] < MIN_WRIST_VISIBILITY:
            return None
        torso = torso_length(pose)
        for half in np.array(_WIDE_CROP_SIZES) * torso:
            # Half a pixel of the crop on, it lies evenly about the middle: the same crop in the mirror image.
            centre = _hand_centre(points) + half / _CROP_SIZE
            result = self._detect_in_crop(image, centre, half, in_mirror=side == 'right', upside_down=True)
            # The other hand may be in the square, too.
            if (result is not None and result[1] == side
                    and np.linalg.norm(result[0][0, :2] - points[0]) <= MAX_WRIST_GAP * torso):
                return result[0]
        self._wait_wide[side] = self._wait_after_failure
        return None

    def _detect_in_crop(self, image, centre, half, in_mirror, upside_down=False):
        """In the square of `half` px around `centre`: (21, 3) px of a hand, its side, how certain that is."""
        zoom = _CROP_SIZE / (2 * half)
        to_crop = np.array([[zoom, 0, (half - centre[0]) * zoom], [0, zoom, (half - centre[1]) * zoom]])
        crop = cv2.warpAffine(image, to_crop, (_CROP_SIZE, _CROP_SIZE),
                              flags=cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR)
        # Upside down is half a turn, which exchanges left and right as well.
        across, down = -1 if in_mirror != upside_down else 1, -1 if upside_down else 1
        result = self._hands.process(np.ascontiguousarray(crop[::down, ::across]))
        if not result.multi_hand_landmarks:
            return None
        hand = mediapipe_library.landmarks_to_pixels(result.multi_hand_landmarks[0], _CROP_SIZE, _CROP_SIZE)
        for axis, step in enumerate((across, down)):
            if step < 0:
                hand[:, axis] = _CROP_SIZE - 1 - hand[:, axis]
        hand /= zoom
        hand[:, :2] += centre - half
        seen = result.multi_handedness[0].classification[0]
        # MediaPipe names hands as a mirror would: in an image that is not mirrored, sides are swapped.
        side = seen.label.lower() if in_mirror else {'left': 'right', 'right': 'left'}[seen.label.lower()]
        return hand, side, seen.score

    def reset(self) -> None:
        """Forget earlier failures."""
        self._wait = {'left': 0, 'right': 0}
        self._wait_wide = dict(self._wait)

    def close(self) -> None:
        """Free the network."""
        self._hands.close()


def _hand_centre(points):
    """Of the hand, from its points in the pose, the wrist first."""
    return points[0] + 0.6 * (points[1:].mean(0) - points[0])
