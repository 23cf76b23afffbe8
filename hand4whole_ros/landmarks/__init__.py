"""Landmarks of people, hands and faces: MediaPipe's published networks, run by LiteRT.

`models/` holds the networks (Apache-2.0); this code connects them as MediaPipe's own graphs do. `pose`, `hands` and
`face` each detect one kind of object and give its landmarks; `whole_body` combines them. Nothing here keeps a state
between images: the input is an image and a region, the output landmarks and the region for the next image.

Images are (H, W, 3) uint8, RGB. Lengths are in pixels of the image, pixel centres at integer coordinates.
"""

from __future__ import annotations


class LandmarksUnavailable(RuntimeError):
    """A network cannot be loaded here. The message names what is missing or damaged and what to do."""
