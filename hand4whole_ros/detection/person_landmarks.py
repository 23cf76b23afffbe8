"""MediaPipe's networks for several people: where people are, and the landmarks of one of them.

MediaPipe's own solutions follow one person. Their graphs are made of parts that do not: one finds everybody,
others look for landmarks in any region of the picture. Here those parts are put together anew.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np

from ..system.native_stderr import suppress_native_stderr
from . import mediapipe_library
from .hand_redetection import THREE_CROPS, HandRedetector
from .mediapipe_holistic import HolisticLandmarks
from .mediapipe_library import landmarks_to_pixels

_FINDER_GRAPH = '''
input_stream: "image"
output_stream: "detections"
node {
  calculator: "PoseDetectionCpu"
  input_stream: "IMAGE:image"
  output_stream: "DETECTIONS:detections"
}
'''
_FINDER_THRESHOLD = 'posedetectioncpu__TensorsToDetectionsCalculator.min_score_thresh'

_LANDMARKS_GRAPH = '''
input_stream: "image"
input_stream: "region"
output_stream: "pose"
output_stream: "world"
output_stream: "next_region"
output_stream: "left"
output_stream: "right"
node {
  calculator: "ConstantSidePacketCalculator"
  output_side_packet: "PACKET:0:complexity"
  output_side_packet: "PACKET:1:segmentation"
  options {
    [mediapipe.ConstantSidePacketCalculatorOptions.ext] { packet { int_value: 1 } packet { bool_value: false } }
  }
}
node {
  calculator: "PoseLandmarkByRoiCpu"
  input_stream: "IMAGE:image"
  input_stream: "ROI:region"
  input_side_packet: "MODEL_COMPLEXITY:complexity"
  input_side_packet: "ENABLE_SEGMENTATION:segmentation"
  output_stream: "LANDMARKS:pose"
  output_stream: "AUXILIARY_LANDMARKS:auxiliary"
  output_stream: "WORLD_LANDMARKS:world"
}
node {
  calculator: "ImagePropertiesCalculator"
  input_stream: "IMAGE_CPU:image"
  output_stream: "SIZE:size"
}
node {
  calculator: "PoseLandmarksToRoi"
  input_stream: "LANDMARKS:auxiliary"
  input_stream: "IMAGE_SIZE:size"
  output_stream: "ROI:next_region"
}
node {
  calculator: "HandLandmarksLeftAndRightCpu"
  input_stream: "IMAGE:image"
  input_stream: "POSE_LANDMARKS:pose"
  output_stream: "LEFT_HAND_LANDMARKS:left"
  output_stream: "RIGHT_HAND_LANDMARKS:right"
}
'''

#: The pose network wants a region this much larger than the circle around the body.
_REGION_MARGIN = 1.25


@dataclass(frozen=True)
class PersonRegion:
    """A square in the picture, turned about its middle, in which a person stands upright."""

    centre: np.ndarray      # (2,) px
    side: float             # px
    angle: float            # radians, clockwise


@dataclass(frozen=True)
class PersonDetection:
    """A person as the finder saw it."""

    score: float
    hips: np.ndarray        # (2,) px, their middle
    shoulders: np.ndarray   # (2,) px, their middle
    region: PersonRegion


class PeopleFinder:
    """Finds everybody, roughly. Raises DetectorUnavailable where mediapipe is not installed."""

    def __init__(self, threshold: float):
        with suppress_native_stderr():
            self._graph = mediapipe_library.load_mediapipe().SolutionBase(
                graph_config=_FINDER_GRAPH, outputs=['detections'], calculator_params={_FINDER_THRESHOLD: threshold})
            self._graph.process(np.zeros((64, 64, 3), np.uint8))

    def find(self, image: np.ndarray, corner: tuple[int, int] = (0, 0)) -> list[PersonDetection]:
        """Sightings in an RGB image; `corner` (x, y) px is added, where it was cut from a larger one."""
        height, width = image.shape[:2]
        found = []
        for detection in self._graph.process(np.ascontiguousarray(image)).detections or ():
            # Middle of the hips, a point of the circle around the whole body, and the same of the upper body.
            points = np.array([(p.x, p.y) for p in detection.location_data.relative_keypoints])
            points = points * (width, height) - 0.5 + corner
            out = points[1] - points[0]
            region = PersonRegion(
                points[0], 2 * _REGION_MARGIN * float(np.hypot(*out)), float(np.arctan2(out[0], -out[1]))
            )
            if np.isfinite(points).all() and region.side > 1:
                found.append(PersonDetection(float(detection.score[0]), points[0], points[2], region))
        return found

    def close(self) -> None:
        """Free the network."""
        self._graph.close()


class PersonLandmarks:
    """Landmarks of the person in a region of a picture. Raises DetectorUnavailable where mediapipe is not there."""

    def __init__(self):
        with suppress_native_stderr():
            mediapipe = mediapipe_library.load_mediapipe()
            self._rect = mediapipe.NormalizedRect
            # One graph looks at several people in turn: a hand must not be looked for where another's was.
            self._graph = mediapipe_library.stateless_solution(mediapipe.SolutionBase)(
                graph_config=_LANDMARKS_GRAPH, outputs=['pose', 'world', 'next_region', 'left', 'right'])
            self._hand_redetector = HandRedetector(THREE_CROPS)
            self._process(np.zeros((64, 64, 3), np.uint8), PersonRegion(np.array([32.0, 32.0]), 64.0, 0.0))
        #: The networks for hands load, and chatter, with the first hand.
        self._hand_seen = False

    def find(self, image: np.ndarray, region: PersonRegion, looks: int = 1) -> HolisticLandmarks | None:
        """The landmarks, `face` always False; None where the network sees nobody.

        looks: how often the region is made anew from the landmarks and looked at again, counting the first; two
        for a region that was not made by PeopleFinder.
        """
        height, width = image.shape[:2]
        for _ in range(looks):
            with nullcontext() if self._hand_seen else suppress_native_stderr():
                result = self._process(image, region)
            if result.pose is None or result.world is None:
                return None
            at = result.next_region
            region = PersonRegion(
                np.array([at.x_center * width, at.y_center * height]) - 0.5, at.width * width, at.rotation
            )
        self._hand_seen |= bool(result.left or result.right)
        pose = landmarks_to_pixels(result.pose, width, height)[:, :2]
        visibility = np.array([p.visibility for p in result.pose.landmark])
        world = np.array([(p.x, p.y, p.z) for p in result.world.landmark])
        if not (np.isfinite(pose).all() and np.isfinite(world).all()):
            return None
        hands = []
        for side, landmarks in (('left', result.left), ('right', result.right)):
            hands.append(self._hand_redetector.find(image, pose, visibility, side) if landmarks is None
                         else landmarks_to_pixels(landmarks, width, height))
        return HolisticLandmarks(pose, visibility, world, *hands, face=False)

    def _process(self, image, region):
        height, width = image.shape[:2]
        x, y = (region.centre + 0.5) / (width, height)
        rect = self._rect(x_center=x, y_center=y, width=region.side / width, height=region.side / height,
                          rotation=region.angle)
        return self._graph.process({'image': np.ascontiguousarray(image), 'region': rect})

    def close(self) -> None:
        """Free the networks."""
        self._graph.close()
        self._hand_redetector.close()
