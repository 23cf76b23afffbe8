"""One camera at a time: images of another frame on the same topic are left alone while the first camera lives."""

from __future__ import annotations

#: Another camera is followed once the one followed has been silent for so many seconds, and so many images.
SILENT_SECONDS, SILENT_IMAGES = 2.0, 3


class FrameGuard:
    """People are followed in one frame. Two cameras on one topic would be mixed up, and TF would have two roots."""

    def __init__(self, silent_seconds: float = SILENT_SECONDS, silent_images: int = SILENT_IMAGES):
        """With 0 s and 1 image every image of another frame is another camera: its source chooses between cameras."""
        self._silent_seconds, self._silent_images = silent_seconds, silent_images
        #: The frame that is followed; None before the first image.
        self.frame: str | None = None
        self._last_arrival = 0.0
        self._other_frame_count = 0

    def reset(self) -> None:
        """The next image may be of any camera."""
        self.frame = None

    def classify(self, frame: str, arrival: float) -> str:
        """'same', 'other' for an image to be left alone, or 'changed' where the camera followed so far is silent.

        arrival: s, by any clock that advances.
        """
        if self.frame is None or frame == self.frame:
            verdict = 'same'
        else:
            self._other_frame_count += 1
            if (
                self._other_frame_count < self._silent_images
                or 0 <= arrival - self._last_arrival < self._silent_seconds
            ):
                return 'other'
            verdict = 'changed'
        self.frame, self._last_arrival, self._other_frame_count = frame, arrival, 0
        return verdict
