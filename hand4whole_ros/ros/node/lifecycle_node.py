"""The lifecycle node `hand4whole`: one camera in, people out."""

from __future__ import annotations

import functools
import sys
import time

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, JumpHandle, JumpThreshold, ROSClock
from rclpy.clock_type import ClockType
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.timer import Timer

from ... import estimators
from ...system.memory import collect_frozen_objects, freeze_loaded_objects, trim_memory
from .. import compat, topics
from ..conversions.serialised_header import read_stamp
from . import given_parameters, parameter_table, program, qos
from .camera_device import CameraDevice, check_camera
from .camera_inputs import CameraInputs
from .depth_input import DepthInput
from .diagnostics import DiagnosticsBuilder, Health
from .image_gaps import ImageGaps
from .latest_worker import LatestWorker
from .parameter_table import ParameterError
from .parameters import ImageTransport, NodeParameters
from .pipeline import Pipeline
from .program import one_line
from .publishers import NodePublishers
from .signal_guard import SignalGuard

#: Seconds that other work of the node waits for a new image.
IMAGE_HANDOVER_TIMEOUT = 0.005

#: Seconds without an image after which free memory is returned to the system; and the interval while images come.
MIN_IDLE_TIME, MEMORY_TRIM_PERIOD = 1.0, 60.0

#: Maximum seconds to finish the present image and the overlay being drawn when the node stops.
STOP_TIMEOUT = 1.0

SUCCESS, FAILURE, ERROR = (TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE,
                           TransitionCallbackReturn.ERROR)


def _log_exceptions(transition):
    """Log the exceptions of a transition: rclpy itself reports an error without them."""
    @functools.wraps(transition)
    def wrapper(self, state):
        try:
            return transition(self, state)
        except Exception as error:
            self.get_logger().error(f'{transition.__name__} failed: {one_line(error)}')
            return ERROR
    return wrapper


class Hand4WholeNode(LifecycleNode):
    """Weights load in configure, subscriptions open in activate; with `autostart` both happen at the start.

    Raises ParameterError if a parameter is wrong.
    """

    def __init__(self, *, create_estimator=None, arguments=None, **node_arguments):
        """`create_estimator` makes the estimator from an EstimatorConfig; estimators.create by default.

        arguments: what rclpy.init was given, to name parameters that the node does not have; sys.argv by default.
        """
        super().__init__(topics.NODE_NAME, **node_arguments)
        self._create_estimator = create_estimator or estimators.create
        given = given_parameters.overrides_from_arguments(sys.argv if arguments is None else arguments,
                                              self.get_fully_qualified_name(), NodeParameters.settings())
        parameter_table.check_names(given.named, NodeParameters.settings())
        self._current_parameters = parameter_table.declare_parameters(self, NodeParameters)
        check_camera(self._current_parameters)
        for remark in given.remarks:
            self.get_logger().warning(remark)
        self.add_on_set_parameters_callback(self._handle_parameter_changes)
        self._steady_clock = Clock(clock_type=ClockType.STEADY_TIME)
        # From configure to cleanup.
        self._estimator: estimators.Estimator | None = None
        self._outputs: NodePublishers | None = None
        self._pipeline: Pipeline | None = None
        self._worker: LatestWorker | None = None
        self._depth: DepthInput | None = None
        # While active.
        self._inputs: CameraInputs | CameraDevice | None = None
        self._jump_handle: JumpHandle | None = None
        self._status_timer: Timer | None = None
        self._health = Health(image_topic=self.resolve_topic_name(topics.IMAGE))
        self._reporter = DiagnosticsBuilder(self.get_name(), self.get_fully_qualified_name())
        self._diagnostics = self.create_publisher(DiagnosticArray, topics.DIAGNOSTICS, qos.DIAGNOSTICS)
        self._timer(MIN_IDLE_TIME, self._trim_memory)
        self._last_trim = time.monotonic()
        self._diagnostics_timer = self._timer(self._current_parameters.diagnostics_period, self._publish_diagnostics)
        self._autostart_timer = self._timer(0.0, self._run_autostart) if self._current_parameters.autostart else None

    def _timer(self, period, callback):
        # Simulated time does not advance until it is published; these timers must.
        return self.create_timer(period, callback, clock=self._steady_clock)

    # Lifecycle

    def _run_autostart(self):
        if self._autostart_timer is not None:
            self.destroy_timer(self._autostart_timer)
        if self.trigger_configure() == SUCCESS:
            self.trigger_activate()

    @_log_exceptions
    def on_configure(self, state):
        """Load the estimator and its weights."""
        wanted = self._current_parameters
        self.get_logger().info(f'loading estimator {wanted.estimator}')
        started = time.monotonic()
        self._health.problem = ''
        try:
            self._estimator = self._create_estimator(wanted)
        except Exception as error:  # Missing packages, unreadable files: the node keeps running.
            self._health.problem = f'estimator {wanted.estimator} cannot be loaded: {one_line(error)}'
            if self.context.ok():   # else a signal interrupted the import of a library
                self.get_logger().error(self._health.problem)
            return FAILURE
        body = self._estimator.body
        self._health.estimator, self._health.device = self._estimator.name, self._estimator.device
        self._health.body = body.name
        self._outputs = NodePublishers(self, body, self._estimator.name, health=self._health, parameters=wanted,
                                       objects=self._estimator.gives_objects)
        if self._estimator.gives_objects and compat.Detection3DArray is None:
            self.get_logger().warning(f'nothing is published on {topics.OBJECTS}: vision_msgs is not installed '
                                      '(ros-<distribution>-vision-msgs); markers and overlay show objects')
        if wanted.depth_topic:
            self._depth = DepthInput(body, self.resolve_topic_name(wanted.depth_topic), self._health)
        self._pipeline = Pipeline(self._estimator, self._outputs, self._health, clock=self.get_clock(),
                                  logger=self.get_logger(), parameters=wanted, depth=self._depth)
        self._worker = LatestWorker(self._pipeline.process, self._handle_image_error)
        self._apply_rate()
        self.get_logger().info(f'estimator {self._estimator.name} on {self._estimator.device}, body '
                               f'{body.name}: loaded in {time.monotonic() - started:.1f} s')
        self._health.state = 'inactive'
        freeze_loaded_objects()
        trim_memory()       # that loading needed
        return super().on_configure(state)

    @_log_exceptions
    def on_activate(self, state):
        """Open the subscriptions and start processing."""
        result = super().on_activate(state)
        assert self._outputs is not None and self._worker is not None       # it is configured
        pipeline = self._configured_pipeline
        self._outputs.start()
        pipeline.forget()
        inputs = self._inputs = self._create_inputs()
        pipeline.rectified = inputs.rectified
        self._jump_handle = self.get_clock().create_jump_callback(
            JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1), on_clock_change=True),
            post_callback=lambda jump: pipeline.forget())
        self._worker.start()
        inputs.open()
        self._apply_status_rate()
        self._health.state, self._health.image_topic = 'active', inputs.image_topic
        self._health.last_received, self._health.gaps = None, ImageGaps()
        self._health.compressed = self._current_parameters.image_transport == ImageTransport.COMPRESSED
        doing = 'publishing its own camera on' if self._current_parameters.camera else 'waiting for images on'
        self.get_logger().info(f'{doing} {inputs.image_topic} and camera_info on {inputs.camera_info_topic}')
        return result

    @property
    def _configured_pipeline(self) -> Pipeline:
        assert self._pipeline is not None
        return self._pipeline

    def _create_inputs(self) -> CameraInputs | CameraDevice:
        """Subscriptions, or the node's own camera."""
        parameters, on_image = self._current_parameters, self._handle_image
        on_info = self._configured_pipeline.set_camera_info
        if parameters.camera:
            return CameraDevice(self, parameters, on_image, on_info, health=self._health)
        return CameraInputs(self, parameters, on_image, on_info, on_depth=self._handle_depth)

    @_log_exceptions
    def on_deactivate(self, state):
        """Close the subscriptions; the weights stay loaded."""
        self._stop()
        self._health.state = 'inactive'
        return super().on_deactivate(state)

    @_log_exceptions
    def on_cleanup(self, state):
        """Free the estimator and its weights."""
        self._release_and_collect()
        self._health.state = 'unconfigured'
        return super().on_cleanup(state)

    @_log_exceptions
    def on_shutdown(self, state):
        """Stop permanently."""
        self._release()
        self._health.state = 'finalized'
        return super().on_shutdown(state)

    def on_error(self, state):
        """After a transition that failed half way: free everything; configure may be tried again."""
        self._release_and_collect()
        self._health.state = 'unconfigured'
        return SUCCESS

    def _stop(self):
        """Close the inputs and end the threads. True where the estimator is idle."""
        patient_until = time.monotonic() + STOP_TIMEOUT
        self._stop_status()
        if self._inputs is not None:
            self._inputs.close()
        if self._jump_handle is not None:
            self._jump_handle.unregister()
        self._inputs = self._jump_handle = None
        idle = self._worker is None or self._worker.stop(STOP_TIMEOUT)
        if not idle:
            self.get_logger().warning(
                f'the estimator is still busy after {STOP_TIMEOUT} s: it is left to finish its image'
            )
        if self._outputs is not None and not self._outputs.stop(max(patient_until - time.monotonic(), 0.0)):
            self.get_logger().warning(f'a picture is still being drawn after {STOP_TIMEOUT} s: it is left to finish')
        return idle

    def _release(self):
        idle = self._stop()
        if self._outputs is not None:
            self._outputs.destroy()
        if self._estimator is not None:
            if idle:
                self._estimator.close()
            elif self._worker is not None:
                self._worker.run_when_idle(self._estimator.close)
        self._estimator = self._outputs = self._pipeline = self._worker = self._depth = None
        self._health.depth_topic = ''

    def _release_and_collect(self):
        self._release()
        # Publishers, threads and networks form reference cycles; without this, old and next weights are both in memory.
        collect_frozen_objects()

    def stop(self) -> None:
        """End the work before the process ends."""
        self._release()

    # Work

    def _handle_image(self, item):
        self._health.counters.received += 1
        self._health.last_received = time.monotonic()
        self._health.gaps.note(read_stamp(item.data))
        worker = self._worker
        assert worker is not None       # while the inputs are open
        worker.submit(item)
        worker.wait_until_idle(IMAGE_HANDOVER_TIMEOUT)
        self._health.overload += worker.pop_dropped_count()

    def _handle_depth(self, data):
        if self._depth is not None:
            self._depth.add(data)

    def _handle_image_error(self, error):
        if self.context.ok():   # else a signal ended the context while the image's poses were being published
            self._configured_pipeline.failed(error)

    def _publish_diagnostics(self):
        clock, health = self.get_clock(), self._health
        health.use_sim_time = isinstance(clock, ROSClock) and clock.ros_time_is_active
        health.clock_silent = health.use_sim_time and clock.now().nanoseconds == 0
        self._diagnostics.publish(self._reporter.report(self._health, self.get_clock().now().to_msg()))

    def _trim_memory(self):
        now, last = time.monotonic(), self._health.last_received
        rests = last is not None and self._last_trim < last < now - MIN_IDLE_TIME
        if rests or now - self._last_trim > MEMORY_TRIM_PERIOD:
            trim_memory()
            self._last_trim = now

    # Parameters

    def _handle_parameter_changes(self, changes):
        values = {p.name: p.value for p in changes if not parameter_table.belongs_to_ros(p.name)}
        try:
            wanted = self._current_parameters.changed(values, running=self._estimator is not None)
            check_camera(wanted)
        except ParameterError as error:
            self.get_logger().warning(str(error))
            return SetParametersResult(successful=False, reason=str(error))
        before, self._current_parameters = self._current_parameters, wanted
        if wanted.diagnostics_period != before.diagnostics_period:
            self._diagnostics_timer.timer_period_ns = int(wanted.diagnostics_period * 1e9)
            self._diagnostics_timer.reset()
        if self._pipeline is not None:
            self._pipeline.set_parameters(wanted)
        self._apply_rate()
        if wanted.operator_status_rate != before.operator_status_rate and self._inputs is not None:
            self._apply_status_rate()
        return SetParametersResult(successful=True)

    def _apply_status_rate(self):
        self._stop_status()
        rate = self._current_parameters.operator_status_rate
        if rate:
            self._status_timer = self._timer(1 / rate, self._configured_pipeline.publish_operator_status)

    def _stop_status(self):
        if self._status_timer is not None:
            self.destroy_timer(self._status_timer)
        self._status_timer = None

    def _apply_rate(self):
        if self._worker is not None:
            self._worker.min_period = (
                1 / self._current_parameters.max_rate if self._current_parameters.max_rate else 0.0
            )


def run_node(args: list[str] | None, create_estimator, signal_guard: SignalGuard) -> int:
    """Run the node until `signal_guard` interrupts it or its context ends; the exit code. 2: wrong parameters."""
    return program.run_node(
        lambda: Hand4WholeNode(create_estimator=create_estimator, arguments=args), topics.NODE_NAME, args, signal_guard)
