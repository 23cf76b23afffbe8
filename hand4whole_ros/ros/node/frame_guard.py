"""One camera at a time: images of another frame on the same topic are ignored while the first camera is active."""

from __future__ import annotations

#: Another camera is selected once the selected one has been silent for so many seconds, and so many images.
SILENT_SECONDS, SILENT_IMAGES = 2.0, 3


class FrameGuard:
    """Tracks people in one frame: two cameras on one topic would be mixed up, and TF would have two roots."""

    def __init__(self, silent_seconds: float = SILENT_SECONDS, silent_images: int = SILENT_IMAGES):
        """With 0 s and 1 image every image of another frame is another camera, for sources that select the camera."""
        self._silent_seconds, self._silent_images = silent_seconds, silent_images
        #: The selected frame; None before the first image.
        self.frame: str | None = None
        self._last_arrival = 0.0
        self._other_frame_count = 0

    def reset(self) -> None:
        """The next image may be of any camera."""
        self.frame = None

    def classify(self, frame: str, arrival: float) -> str:
        """'same', 'other' for an image to ignore, or 'changed' if the selected camera is silent.

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
