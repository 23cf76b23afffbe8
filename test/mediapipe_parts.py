"""MediaPipe's own networks and graphs (0.10.21), on regions of ours: what hand4whole_ros.landmarks is compared with."""

import os

import numpy as np
import pytest

pytest.importorskip('mediapipe')
os.environ.setdefault('GLOG_minloglevel', '2')

from mediapipe.framework.formats.rect_pb2 import NormalizedRect  # noqa: E402
from mediapipe.modules.holistic_landmark.calculators.roi_tracking_calculator_pb2 import RoiTrackingCalculatorOptions  # noqa: E402
from mediapipe.python.solution_base import SolutionBase  # noqa: E402
from mediapipe.python.solutions import hands, holistic  # noqa: E402

from hand4whole_ros.landmarks.regions import Region  # noqa: E402

_COMMON = '''
input_stream: "image"
node {
  calculator: "ConstantSidePacketCalculator"
  output_side_packet: "PACKET:0:zero"
  output_side_packet: "PACKET:1:one"
  output_side_packet: "PACKET:2:false"
  options { [mediapipe.ConstantSidePacketCalculatorOptions.ext] {
    packet { int_value: 0 } packet { int_value: 1 } packet { bool_value: false } } }
}
node { calculator: "ImagePropertiesCalculator" input_stream: "IMAGE_CPU:image" output_stream: "SIZE:size" }
'''


def _node(calculator, inputs, outputs, side_packets=''):
    streams = ''.join(f'  input_stream: "{one}"\n' for one in inputs.split())
    streams += ''.join(f'  output_stream: "{one}"\n' for one in outputs.split())
    streams += ''.join(f'  input_side_packet: "{one}"\n' for one in side_packets.split())
    return f'node {{\n  calculator: "{calculator}"\n{streams}}}\n'


def _graph(nodes, outputs, region=True):
    head = 'input_stream: "region"\n' if region else ''
    head += ''.join(f'output_stream: "{one}"\n' for one in outputs)
    return SolutionBase(graph_config=head + _COMMON + nodes, outputs=outputs)


class Parts:
    """The parts, each made when it is first used."""

    def __init__(self):
        self._made = {}

    def process(self, name: str, image: np.ndarray, region: Region | None = None):
        """What a part gives for an RGB image (H, W, 3) uint8, and a region of it."""
        if name not in self._made:
            self._made[name] = getattr(self, f'_{name}')()
        inputs = {'image': np.ascontiguousarray(image)}
        if region is not None:
            height, width = image.shape[:2]
            x, y = (region.centre + 0.5) / (width, height)
            inputs['region'] = NormalizedRect(x_center=x, y_center=y, width=region.side / width,
                                              height=region.side / height, rotation=region.rotation)
        return self._made[name].process(inputs)

    def close(self):
        for graph in self._made.values():
            graph.close()

    @staticmethod
    def _people():
        return _graph(_node('PoseDetectionCpu', 'IMAGE:image', 'DETECTIONS:detections'), ['detections'], region=False)

    @staticmethod
    def _palms():
        return _graph(_node('PalmDetectionCpu', 'IMAGE:image', 'DETECTIONS:detections', 'MODEL_COMPLEXITY:one'),
                      ['detections'], region=False)

    @staticmethod
    def _pose():
        return _graph(
            _node('PoseLandmarkByRoiCpu', 'IMAGE:image ROI:region',
                  'LANDMARKS:landmarks AUXILIARY_LANDMARKS:auxiliary WORLD_LANDMARKS:world',
                  'MODEL_COMPLEXITY:one ENABLE_SEGMENTATION:false')
            + _node('PoseLandmarksToRoi', 'LANDMARKS:auxiliary IMAGE_SIZE:size', 'ROI:next'),
            ['landmarks', 'world', 'next'])

    @staticmethod
    def _hand(complexity='one'):
        return _graph(
            _node('HandLandmarkCpu', 'IMAGE:image ROI:region',
                  'LANDMARKS:landmarks WORLD_LANDMARKS:world HANDEDNESS:handedness', f'MODEL_COMPLEXITY:{complexity}')
            + _node('HandLandmarkLandmarksToRoi', 'LANDMARKS:landmarks IMAGE_SIZE:size', 'ROI:next'),
            ['landmarks', 'world', 'handedness', 'next'])

    def _lite_hand(self):
        return self._hand('zero')

    @staticmethod
    def _recrop():
        return _graph(_node('HandRecropByRoiCpu', 'IMAGE:image ROI:region', 'HAND_ROI_FROM_RECROP:next'), ['next'])

    @staticmethod
    def _faces():
        return _graph(
            _node('FaceDetectionShortRangeByRoiCpu', 'IMAGE:image ROI:region', 'DETECTIONS:detections')
            + _node('FaceDetectionFrontDetectionsToRoi', 'DETECTIONS:detections IMAGE_SIZE:size', 'ROI:next'),
            ['detections', 'next'])

    @staticmethod
    def _face():
        return _graph(
            _node('FaceLandmarkCpu', 'IMAGE:image ROI:region', 'LANDMARKS:landmarks', 'WITH_ATTENTION:false')
            + _node('FaceLandmarkLandmarksToRoi', 'LANDMARKS:landmarks IMAGE_SIZE:size', 'ROI:next'),
            ['landmarks', 'next'])

    @staticmethod
    def _holistic():
        return _EachImageAlone(static_image_mode=True, model_complexity=1)

    @staticmethod
    def _hands():
        return hands.Hands(static_image_mode=True, max_num_hands=4)

    def solution(self, name: str, image: np.ndarray):
        """What the solution 'holistic' or 'hands' gives for an image."""
        if name not in self._made:
            self._made[name] = getattr(self, f'_{name}')()
        return self._made[name].process(np.ascontiguousarray(image))


class _EachImageAlone(holistic.Holistic):
    """Holistic that tracks no hand from the image before, which static_image_mode alone does not prevent."""

    def _initialize_graph_interface(self, *arguments, **keywords):
        graph = super()._initialize_graph_interface(*arguments, **keywords)
        for node in graph.node:
            if node.calculator == 'RoiTrackingCalculator':
                options = node.options.Extensions[RoiTrackingCalculatorOptions.ext]
                options.rect_requirements.rotation_degrees = -1
        return graph


def pixels(landmarks, image: np.ndarray) -> np.ndarray:
    """MediaPipe's normalized landmarks -> (N, 3) px, pixel centres at integers; depth is scaled as x is."""
    height, width = image.shape[:2]
    return np.array([(p.x * width - 0.5, p.y * height - 0.5, p.z * width) for p in landmarks.landmark])


def metres(landmarks) -> np.ndarray:
    """MediaPipe's world landmarks -> (N, 3) m."""
    return np.array([(p.x, p.y, p.z) for p in landmarks.landmark])


def region_of(rect, image: np.ndarray) -> Region:
    """MediaPipe's normalized rectangle, a square in the image -> a region."""
    height, width = image.shape[:2]
    return Region(np.array([rect.x_center * width, rect.y_center * height]) - 0.5, rect.width * width, rect.rotation)
