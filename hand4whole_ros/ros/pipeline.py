"""What happens to one image, from its bytes to the last topic. Runs on the inference thread."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

from ..estimators.base import OUT_OF_MEMORY, Estimator, EstimatorConfig
from . import images, messages
from .camera import CameraState
from .diagnostics import Health
from .following import Following
from .outputs import Outputs
from .parameters import NodeParameters
from .received import BLANK, ReceivedImage, opened
from .result_messages import Result

#: Seconds between two lines in the log about the same kind of trouble.
THROTTLE = 5.0

#: The same, of memory that runs out, which seldom mends itself.
THROTTLE_MEMORY = 60.0


def estimator_config(parameters: NodeParameters) -> EstimatorConfig:
    """The estimator's share of the parameters: those that bear its names."""
    def value(field):
        given = getattr(parameters, field.name)
        # Paths are optional: an empty text names none.
        return (Path(given).expanduser() if given else None) if 'Path' in field.type else given
    return EstimatorConfig(**{field.name: value(field) for field in dataclasses.fields(EstimatorConfig)
                              if hasattr(parameters, field.name)})


class Pipeline:
    """Image bytes in, messages out. `process` is called by one thread, everything else by any."""

    def __init__(self, estimator: Estimator, outputs: Outputs, health: Health, clock, logger,
                 parameters: NodeParameters):
        self._estimator, self._outputs, self._health = estimator, outputs, health
        self._clock, self._logger = clock, logger
        self._parameters = parameters
        self._following = Following(estimator.body, parameters)
        self._camera = CameraState(logger.warning)
        # As time.monotonic_ns(): when a run was asked for last, and for which of those the last one was begun.
        self._asked_at = self._begun_for = 0
        self._said = set()
        #: Whether images are rectified already; set when the topic is known.
        self.rectified = False

    def set_parameters(self, parameters: NodeParameters) -> None:
        """Take over dynamic parameters from the next image on."""
        self._parameters = parameters

    def set_camera_info(self, info) -> None:
        """A camera_info has arrived."""
        self._camera.update(info)

    def forget(self) -> None:
        """The next image that arrives begins a new run: another time, or another camera. Earlier ones are late."""
        self._asked_at = time.monotonic_ns()

    def failed(self, error: Exception) -> None:
        """Say what `process` raised; the node goes on with the next image."""
        if isinstance(error, images.BadImage):
            self._health.counters.bad += 1
            self._logger.error(f'image dropped: {error}', throttle_duration_sec=THROTTLE)
            return
        self._health.counters.failed += 1
        if isinstance(error, OUT_OF_MEMORY):
            advice = ('from now on fewer people are looked at in one pass' if self._estimator.spare_memory() else
                      'choose another precision or device, or end what else uses the memory')
            self._logger.error(f'image dropped, out of memory: {one_line(error)[:200]}: {advice}',
                               throttle_duration_sec=THROTTLE_MEMORY)
        else:
            self._logger.error(f'image dropped: {one_line(error)}', throttle_duration_sec=THROTTLE)

    def process(self, item: ReceivedImage) -> None:
        """Work on one image. Raises BadImage, or whatever the estimator raises."""
        started = time.perf_counter()
        health, parameters = self._health, self._parameters
        waited = self._clock.now().nanoseconds - item.received
        if self._outdated(item):
            health.counters.late += 1
            return
        health.add_time('wait', waited * 1e-9)
        if self._begun_for != self._asked_at:
            self._begun_for = self._asked_at
            self._following.reset()
            self._begin_run()
        remarks: list[str] = []
        with health.stage('decode'):
            header, image = opened(item, remarks.append)
        health.blank = BLANK in remarks
        for remark in remarks:
            self._say_once(remark)
        if not self._in_order(header):
            return
        height, width = image.shape[:2]
        intrinsics = self._camera.for_image(width, height, self.rectified, parameters.fallback_fov_deg,
                                            time.monotonic(), parameters.camera_info_timeout)
        health.camera = self._camera.state
        if intrinsics is None:
            health.counters.waiting += 1
            return
        with health.stage('estimate'):
            people = self._estimator.estimate(image, intrinsics)
        for name, seconds in (people[0].stage_times if people else {}).items():
            health.add_time(f'estimate: {name}', seconds)
        with health.stage('track'):
            people, operator = self._following.update(people, messages.nanoseconds(header.stamp), parameters)
        if self._outdated(item):
            health.counters.late += 1   # the clock has jumped meanwhile, and the next image begins a new run
            return
        timing = messages.Timing(messages.time(item.received), self._clock.now().to_msg(),
                                 time.perf_counter() - started)
        result = Result(header, image, intrinsics, people, operator, timing)
        with health.stage('publish'):
            self._outputs.publish_poses(result, parameters.publish_tf)
        health.counters.done += 1
        health.counters.people = len(people)
        health.image_age = (self._clock.now().nanoseconds - messages.nanoseconds(header.stamp)) * 1e-9
        self._outputs.publish_pictures(result)
        health.add_time('all', time.perf_counter() - started)

    def _outdated(self, item):
        """Whether it came before the clock jumped back. Its TF would lie in the future and hide all that follows.

        Also where it lay in the middleware while the jump was told: topics overtake each other. The clock jumps a
        moment before that is told.
        """
        return item.arrived < self._asked_at or self._clock.now().nanoseconds < item.received

    def _in_order(self, header):
        """False for an image that came too late; a jump back begins a new run."""
        verdict = self._following.judge(messages.nanoseconds(header.stamp))
        if verdict == 'late':
            self._health.counters.late += 1
            return False
        if verdict == 'jump':
            self._logger.info('time has jumped back: everything starts anew')
            self._health.counters.jumps += 1
            self._begin_run()
        return True

    def _begin_run(self):
        self._estimator.reset()
        self._outputs.reset()

    def _say_once(self, remark):
        if remark not in self._said:
            self._said.add(remark)
            self._logger.warning(remark)


def one_line(error: BaseException) -> str:
    """An exception as one line; the kinds that are raised with a sentence for people without their name."""
    text = ' '.join(str(error).split())
    return text if text and isinstance(error, (RuntimeError, ValueError)) else f'{type(error).__name__}: {text}'
