"""Processing of one image, from its bytes to the last topic. Runs on the inference thread."""

from __future__ import annotations

import math
import time

from ...estimate import format_refusals
from ...estimators.base import Estimator
from ...system.memory import is_out_of_memory
from ..conversions import images, messages
from ..conversions.camera_state import CameraState
from ..conversions.raw_image import BLANK_IMAGE_REMARK, RawImage, decode_image_message
from ..conversions.result_messages import ImageResult
from ..conversions.serialised_header import read_stamp
from . import diagnostics, stamp_guard
from .depth_input import DepthInput
from .diagnostics import Health
from .operator_status import OperatorStatusBuilder
from .parameters import NodeParameters
from .person_tracking import SKIP_VERDICTS, PersonTracking
from .program import THROTTLE, one_line
from .publishers import NodePublishers

#: Seconds between two lines in the log about lack of memory, which is rarely temporary.
THROTTLE_MEMORY = 60.0

#: The same for faults of clocks, stamps, cameras and people in every image; diagnostics always report them.
THROTTLE_ALWAYS = 60.0

#: Counters of skipped images.
_SKIP_COUNTERS = dict(zip(SKIP_VERDICTS, ('late', 'duplicates', 'other_frame')))


class Pipeline:
    """Image bytes in, messages out. `process` is called by one thread, everything else by any."""

    def __init__(self, estimator: Estimator, outputs: NodePublishers, health: Health, *, clock, logger,
                 parameters: NodeParameters, depth: DepthInput | None = None):
        """depth: of the camera, if it has a depth topic."""
        self._estimator, self._outputs, self._health, self._depth = estimator, outputs, health, depth
        self._clock, self._logger = clock, logger
        self._parameters = parameters
        self._person_tracking = PersonTracking(estimator.body, parameters)
        self._camera = CameraState(logger.warning)
        # As time.monotonic_ns(): when a new run was last requested, and which of these requests the present run serves.
        self._reset_requested_at = self._reset_handled_at = 0
        self._logged_at: dict[str, float] = {}  # kind of remark -> time.monotonic() of the last one
        self._rejected_count = 0                       # people rejected by the estimator
        self._stamp_presence = stamp_guard.StampPresence()
        self._operator_status = OperatorStatusBuilder()
        self._simulated_time_runs = False                # whether simulated time is used and has begun
        #: Whether images are rectified already; set when the topic is known.
        self.rectified = False

    def set_parameters(self, parameters: NodeParameters) -> None:
        """Apply dynamic parameters from the next image on."""
        self._parameters = parameters

    def set_camera_info(self, info) -> None:
        """A camera_info has arrived."""
        self._camera.update(info)

    def forget(self) -> None:
        """The next image that arrives begins a new run, of another time or camera. Earlier images are late."""
        self._reset_requested_at = time.monotonic_ns()
        self._operator_status.reset()

    def publish_operator_status(self) -> None:
        """Publish the present state of the operator, with or without images."""
        self._outputs.publish_operator_status(self._operator_status.build(self._now(), self._clock.now().to_msg()))

    def failed(self, error: Exception) -> None:
        """Log an exception of `process`; the node continues with the next image."""
        if isinstance(error, images.ImageMessageError):
            self._health.counters.bad += 1
            self._logger.error(f'image dropped: {error}', throttle_duration_sec=THROTTLE)
            return
        self._health.counters.failed += 1
        if is_out_of_memory(error):
            advice = ('from now on fewer people are processed in one pass' if self._estimator.reduce_memory() else
                      'choose another precision or device, or end what else uses the memory')
            self._logger.error(f'image dropped, out of memory: {one_line(error)[:200]}: {advice}',
                               throttle_duration_sec=THROTTLE_MEMORY)
        else:
            self._logger.error(f'image dropped: {one_line(error)}', throttle_duration_sec=THROTTLE)

    def process(self, raw_image: RawImage) -> None:
        """Process one image. Raises ImageMessageError, or any exception of the estimator."""
        started = time.perf_counter()
        health, parameters = self._health, self._parameters
        waited = self._clock.now().nanoseconds - raw_image.received
        if self._is_outdated(raw_image):
            health.counters.late += 1
            return
        health.add_time('wait', waited * 1e-9)
        arrival = self._arrival_time(raw_image)
        if self._reset_handled_at != self._reset_requested_at:
            self._reset_handled_at = self._reset_requested_at
            self._person_tracking.reset()
            self._stamp_presence = stamp_guard.StampPresence()
            self._begin_run()
        remarks: list[str] = []
        with health.stage('decode'):
            expected = self._stamp_presence.note(read_stamp(raw_image.data) != 0)
            header, image = decode_image_message(raw_image._replace(stamped=expected), remarks.append)
        health.image_is_blank = BLANK_IMAGE_REMARK in remarks
        for remark in remarks:
            self._warn(remark, remark, math.inf)
        self._check_age(raw_image, header)
        if not self._accept_image(header, arrival):
            return
        height, width = image.shape[:2]
        intrinsics = self._camera.for_image(width, height, self.rectified, fallback_fov_deg=parameters.fallback_fov_deg,
                                            now=time.monotonic(), timeout=parameters.camera_info_timeout)
        health.camera = self._camera.state
        if intrinsics is None:
            health.counters.waiting += 1
            return
        if self._depth is not None:
            self._depth.expect(header)
        with health.stage('estimate'):
            people = self._estimator.estimate(image, intrinsics, messages.to_nanoseconds(header.stamp) * 1e-9)
        for name, seconds in (people[0].stage_times if people else {}).items():
            health.add_time(f'estimate: {name}', seconds)
        loose_hands = self._estimator.loose_hands
        if self._depth is not None:
            with health.stage('depth'):
                people, loose_hands, *_ = self._depth.correct(
                    people, loose_hands, header, image, intrinsics=intrinsics, timeout=parameters.depth_timeout)
        with health.stage('track'):
            people, operator, hands = self._person_tracking.update(
                people, messages.to_nanoseconds(header.stamp), arrival, parameters,
                loose_hands=loose_hands
            )
        self._update_tracking_health()
        if self._is_outdated(raw_image):
            health.counters.late += 1   # the clock has jumped meanwhile, and the next image begins a new run
            return
        timing = messages.Timing(messages.to_time_message(raw_image.received), self._clock.now().to_msg(),
                                 time.perf_counter() - started)
        result = ImageResult(header, image, intrinsics, people, operator, timing, hands)
        with health.stage('publish'):
            self._outputs.publish_poses(result, parameters.publish_tf)
        self._operator_status.note(result, arrival, self._now(), self._person_tracking.expiry_time)
        health.counters.done += 1
        health.counters.people, health.counters.hands = len(people), len(hands)
        health.counters.objects = sum(hand.hand.object is not None for hand in hands if hand.is_loose)
        now = self._clock.now().nanoseconds
        health.image_age = (now - messages.to_nanoseconds(header.stamp)) * 1e-9 if now > 0 else None
        self._outputs.publish_pictures(result)
        health.add_time('all', time.perf_counter() - started)

    def _is_outdated(self, raw_image):
        """Whether it arrived before the clock jumped back. Its TF would be in the future and hide all later ones.

        Also if it was in the middleware when the jump was reported: topics overtake each other. The clock jumps
        shortly before that report.
        """
        return raw_image.arrived < self._reset_requested_at or self._clock.now().nanoseconds < raw_image.received

    def _arrival_time(self, raw_image):
        """When the image arrived, s: by simulated time if that runs, else by a clock that never jumps."""
        runs = raw_image.received > 0 and self._clock.ros_time_is_active
        if runs != self._simulated_time_runs:
            self._simulated_time_runs, self._reset_handled_at = runs, None      # another clock is another run
        if not runs and self._clock.ros_time_is_active:
            self._warn('clock', diagnostics.SILENT_CLOCK_WARNING)
        return (raw_image.received if runs else raw_image.arrived) * 1e-9

    def _now(self):
        """The present time of the clock of _arrival_time, s."""
        return self._clock.now().nanoseconds * 1e-9 if self._simulated_time_runs else time.monotonic()

    def _check_age(self, raw_image, header):
        """Record how long before its arrival the image was taken."""
        if raw_image.received <= 0:
            return      # simulated time has not begun
        stamp = messages.to_nanoseconds(header.stamp)
        age = (raw_image.received - stamp) * 1e-9
        self._health.stamp_ages.append((age, stamp * 1e-9))
        wrong = stamp_guard.age_warning(age, stamp * 1e-9, self._clock.ros_time_is_active)
        if wrong:
            self._warn('age', wrong)

    def _accept_image(self, header, arrival):
        """False for an image to skip; a jump back, or another camera, begins a new run."""
        health, stamp = self._health, messages.to_nanoseconds(header.stamp)
        verdict = self._person_tracking.classify(stamp, header.frame_id, arrival)
        health.last_stamp, health.frame = stamp * 1e-9, self._person_tracking.frame or ''
        if verdict in SKIP_VERDICTS:
            counter = _SKIP_COUNTERS[verdict]
            setattr(health.counters, counter, getattr(health.counters, counter) + 1)
            if verdict == 'duplicate':
                self._warn('duplicate', f'an image bears the stamp of the one before, {health.last_stamp:.3f} s, and '
                           'is left out')
            elif verdict == 'other frame':
                health.other_frame = header.frame_id
                self._warn('frame', diagnostics.other_frame_warning(health.frame, header.frame_id))
            return False
        if verdict == 'jump':
            health.counters.jumps += 1
            if self._is_log_due('jump'):
                self._logger.info('time has jumped back: everything starts anew')
        elif verdict == 'changed' and self._is_log_due('changed'):
            self._logger.info(f'images of frame {images.quote_text(header.frame_id)} now: everything starts anew')
        if verdict in ('jump', 'changed'):
            self._begin_run()
        return True

    def _update_tracking_health(self):
        """Add the last image to the diagnostics of people and stamps."""
        self._health.stamp_rate = self._person_tracking.stamp_rate
        refused = self._estimator.refused
        if refused.total() > self._rejected_count and self._is_log_due('refused'):
            self._logger.warning(f'people refused so far: {format_refusals(refused)}')
        self._rejected_count = refused.total()
        self._health.refused = refused + self._person_tracking.refused    # the tracker logs its own
        self._health.gives_objects = self._estimator.gives_objects
        self._health.refused_objects = self._estimator.refused_objects.copy()
        self._health.refused_hands = self._estimator.refused_hands + self._person_tracking.refused_hands
        slow = stamp_guard.stamp_rate_warning(self._health.stamp_rate)
        if slow:
            self._warn('pace', slow)

    def _begin_run(self):
        self._estimator.reset()
        self._outputs.reset()
        self._operator_status.reset()
        if self._depth is not None:
            self._depth.reset()

    def _warn(self, kind, remark, period=THROTTLE_ALWAYS):
        """Log a warning of each kind once in `period` seconds."""
        if self._is_log_due(kind, period):
            self._logger.warning(remark)

    def _is_log_due(self, kind, period=THROTTLE_ALWAYS):
        """Whether another line of this kind is due."""
        now = time.monotonic()
        due = now - self._logged_at.get(kind, -math.inf) >= period
        if due:
            self._logged_at[kind] = now
        return due
