"""What every use of MediaPipe here shares: loading it, pixels for its landmarks.

MediaPipe (Apache-2.0) ships its networks in the package; nothing is downloaded.
"""

from __future__ import annotations

import os
from types import SimpleNamespace

import cv2
import numpy as np

from . import DetectorUnavailable

#: Larger images are reduced to this before the networks see them: their own inputs are 256 px.
MAX_SIDE = 1920

#: Smaller images hold nobody the networks could find.
MIN_SIDE = 16


def load_mediapipe() -> SimpleNamespace:
    """MediaPipe's own `Holistic`, `Hands`, `SolutionBase` (a graph to run) and `NormalizedRect`.

    Raises DetectorUnavailable where mediapipe is not installed.
    """
    try:
        os.environ.setdefault('GLOG_minloglevel', '2')
        from mediapipe.framework.formats.rect_pb2 import NormalizedRect
        from mediapipe.python.solution_base import SolutionBase
        from mediapipe.python.solutions import hands, holistic
    except ImportError as error:
        raise DetectorUnavailable(
            f"people and hands are found by the mediapipe library, which is not here ({error}); "
            f"run: pip install 'numpy<2' mediapipe==0.10.21") from None
    return SimpleNamespace(Holistic=holistic.Holistic, Hands=hands.Hands, SolutionBase=SolutionBase,
                           NormalizedRect=NormalizedRect)


def stateless_solution(solution: type) -> type:
    """A solution of `load`, or SolutionBase, whose graph looks at each image as if it were the first.

    static_image_mode does not do that alone: it forgets where the body was, but a hand is still looked for
    first where one was in the image before.
    """
    from mediapipe.modules.holistic_landmark.calculators.roi_tracking_calculator_pb2 import RoiTrackingCalculatorOptions

    class Afresh(solution):
        def _initialize_graph_interface(self, *arguments, **keywords):
            graph = super()._initialize_graph_interface(*arguments, **keywords)
            for node in graph.node:
                if node.calculator == 'RoiTrackingCalculator':
                    # No region of the image before is ever like that of this one.
                    options = node.options.Extensions[RoiTrackingCalculatorOptions.ext]
                    options.rect_requirements.rotation_degrees = -1
            return graph
    return Afresh


def downscale_image(image: np.ndarray) -> np.ndarray:
    """The image, or a smaller one whose longer side is MAX_SIDE."""
    height, width = image.shape[:2]
    shrink = min(1.0, MAX_SIDE / max(height, width))
    if shrink < 1:
        size = max(MIN_SIDE, round(width * shrink)), max(MIN_SIDE, round(height * shrink))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(image)


def landmarks_to_pixels(landmarks, width: float, height: float) -> np.ndarray:
    """MediaPipe's normalized landmarks -> (N, 3) px; depth is scaled as x is."""
    points = np.array([(p.x, p.y, p.z) for p in landmarks.landmark])
    return points * (width, height, width) - (0.5, 0.5, 0)
