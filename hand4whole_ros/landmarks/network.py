"""One network, run by LiteRT on the CPU."""

from __future__ import annotations

import threading

import cv2
import numpy as np

from ..system.native_stderr import suppress_native_stderr
from ..system.requirements import install_command
from . import LandmarksUnavailable, crops
from .graph_outputs import keep_outputs
from .model_files import ModelFile, read
from .regions import Region
from .runtime import Runtime


class Network:
    """A network of model_files. Several threads may run it at the same time; each then uses an interpreter of its own.

    Raises LandmarksUnavailable if LiteRT is not installed or the file is damaged.
    """

    def __init__(self, model: ModelFile, runtime: Runtime):
        self.model, self.runtime = model, runtime
        content = read(model)
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise LandmarksUnavailable(f'the networks for landmarks are run by LiteRT, which cannot be imported '
                                       f'({error}); run: {install_command("ai-edge-litert")}') from None
        self._interpreter_class = Interpreter
        self._content = content if model.outputs is None else keep_outputs(content, model.outputs)
        self._lock = threading.Lock()
        self._idle = [self._make_interpreter()]

    def run(self, image: np.ndarray, region: Region, mirrored: bool = False) -> list[np.ndarray]:
        """The network's outputs, float32, for a region of an RGB image (H, W, 3) uint8.

        mirrored: for the mirror image of the region. Raises ValueError if `image` is not an image.
        """
        return self.run_crop(self.crop(image, region), mirrored)

    def crop(self, image: np.ndarray, region: Region) -> np.ndarray:
        """The network's input for a region of an RGB image, (S, S, 3) uint8. Raises ValueError for no image."""
        return crops.crop(image, region, self.model.input_size, exact=self.runtime.exact_crops,
                          black_outside=self.model.black_outside)

    def run_crop(self, crop: np.ndarray, mirrored: bool = False) -> list[np.ndarray]:
        """The network's outputs, float32, for what `crop` returns, or for its mirror image."""
        if mirrored:
            crop = cv2.flip(crop, 1)    # contiguous, which is converted in a tenth of the time
        with self._lock:
            interpreter = self._idle.pop() if self._idle else None
        interpreter = interpreter or self._make_interpreter()
        try:
            return interpreter.run(crop)
        finally:
            with self._lock:
                self._idle.append(interpreter)

    def _make_interpreter(self):
        # LiteRT reports on stderr which delegate it uses.
        with suppress_native_stderr():
            return _Interpreter(self._interpreter_class(model_content=self._content, num_threads=self.runtime.threads),
                                self.model.value_range)


class _Interpreter:
    """An interpreter of LiteRT, for one thread at a time."""

    def __init__(self, interpreter, value_range):
        interpreter.allocate_tensors()
        self._interpreter = interpreter
        self._input = interpreter.tensor(interpreter.get_input_details()[0]['index'])
        self._outputs = [output['index'] for output in interpreter.get_output_details()]
        self._scale = np.float32((value_range[1] - value_range[0]) / 255)
        self._offset = np.float32(value_range[0])

    def run(self, crop):
        """crop: (S, S, 3) uint8."""
        # Written directly into the network's input. No variable may refer to it: LiteRT then refuses to run.
        np.multiply(crop, self._scale, out=self._input()[0])
        if self._offset:
            np.add(self._input()[0], self._offset, out=self._input()[0])
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]
