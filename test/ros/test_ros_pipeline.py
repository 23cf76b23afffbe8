"""Images and time: jumps back, stamps that stand still or are of another clock, two cameras, no simulated time."""

import itertools
import time
from dataclasses import dataclass, field

import pytest
from fault_figures import note
from rclpy.logging import get_logger
from rclpy.serialization import serialize_message
from rclpy.time import Time
from ros_peer import camera_info, image_message
from scripted_node import BEHIND, NORMAL, ScriptedEstimator, picture

from hand4whole_ros.estimators import EstimatorConfig
from hand4whole_ros.ros.conversions.images import ImageMessageError
from hand4whole_ros.ros.conversions.raw_image import RawImage
from hand4whole_ros.ros.node.diagnostics import DiagnosticsBuilder, Health
from hand4whole_ros.ros.node.parameters import NodeParameters
from hand4whole_ros.ros.node.pipeline import Pipeline

END, BEGINNING = 50.0, 10.0     # s, of a bag that is played in a loop
TODAY = 1_750_000_000.0         # s


@dataclass
class Clock:
    """Simulated time."""

    seconds: float = END
    ros_time_is_active: bool = True

    def now(self):
        return Time(nanoseconds=int(self.seconds * 1e9))


@dataclass
class Said:
    """What would have been published."""

    stamps: list = field(default_factory=list)
    ids: list = field(default_factory=list)
    resets: int = 0
    frames: set = field(default_factory=set)
    timings: list = field(default_factory=list)

    def publish_poses(self, result, tf):
        self.stamps.append(result.header.stamp.sec)
        self.ids.append([person.track_id for person in result.people])
        self.frames.add(result.header.frame_id)
        self.timings.append(result.timing)

    def publish_pictures(self, result):
        pass

    def reset(self):
        self.resets += 1


class World:
    """A pipeline, its clock and what it says."""

    def __init__(self):
        self.clock, self.said, self.health = Clock(), Said(), Health()
        self.estimator = ScriptedEstimator(EstimatorConfig('mediapipe', device='cpu'))
        self.pipeline = Pipeline(self.estimator, self.said, self.health, clock=self.clock, logger=get_logger('test'),
                                 parameters=NodeParameters(camera_info_timeout=0.0))

    def image(self, waited=0.0):
        """One that is handed over now, lay `waited` real seconds in the middleware, and bears the time of the clock."""
        data = bytes(serialize_message(image_message(picture(1), (int(self.clock.seconds), 0), 'camera')))
        return data, time.monotonic_ns() - int(waited * 1e9)

    def hand_over(self, data, arrived):
        self.pipeline.process(RawImage(data, False, self.clock.now().nanoseconds, arrived))

    def jump(self):
        self.clock.seconds = BEGINNING
        self.pipeline.forget()


@pytest.fixture
def world(body):
    return World()


def test_an_image_that_the_jump_has_overtaken_is_late(world):
    """The middleware hands over /clock first, and then an image that came before it."""
    world.hand_over(*world.image())
    overtaken = world.image()
    time.sleep(0.002)
    world.jump()
    world.hand_over(*overtaken)
    assert world.said.stamps == [END] and world.health.counters.late == 1
    resets = world.said.resets
    world.hand_over(*world.image())
    assert world.said.stamps == [END, BEGINNING] and world.said.resets == resets + 1
    assert world.said.ids == [[0], [0]], 'the new run begins to count anew'
    note('the jump of time overtakes an image', 'an image that lay in the middleware is handed over after /clock went '
         'back', 1, 'it is left alone and counted as late; the next one begins the new run')


@pytest.mark.parametrize('told', [True, False], ids=['told', 'not yet told'])
def test_a_jump_while_an_image_is_estimated(world, told):
    estimate = world.estimator.estimate

    def jumps(image, intrinsics, stamp):
        world.jump() if told else setattr(world.clock, 'seconds', BEGINNING)
        return estimate(image, intrinsics, stamp)
    world.estimator.estimate = jumps
    world.hand_over(*world.image())
    assert world.said.stamps == [] and world.health.counters.late == 1
    world.estimator.estimate = estimate
    world.pipeline.forget()
    world.hand_over(*world.image())
    assert world.said.stamps == [BEGINNING]


def test_an_image_that_only_waited_is_looked_at(world):
    world.pipeline.forget()
    time.sleep(0.01)
    world.hand_over(*world.image(waited=0.005))
    assert world.said.stamps == [END] and world.health.counters.late == 0


def steady(rate=30.0, start=END):
    """Seconds of a camera that keeps time."""
    return (start + k / rate for k in itertools.count())


def show(world, stamp, frame='camera', behaviour=NORMAL, people=1, arrived=None):
    """Have an image with this stamp, s, looked at; it arrives now, or at `arrived`, s, by every clock."""
    by_steady = time.monotonic_ns()
    if arrived is not None:
        world.clock.seconds = arrived
        by_steady = by_steady if world.clock.ros_time_is_active else round(arrived * 1e9)
    stamp = divmod(round(stamp * 1e9), 1_000_000_000)
    world.hand_over(bytes(serialize_message(image_message(picture(people, behaviour), stamp, frame))),
                    by_steady)


def reported(world):
    """(level, message, values) of a diagnostics message about what has come since the last one."""
    (status,) = world.reporter.report(world.health, Time().to_msg()).status
    return int.from_bytes(status.level, 'little'), status.message, {v.key: v.value for v in status.values}


@pytest.fixture
def active(world):
    """A world whose node is active, goes by real time and has a calibrated camera."""
    world.reporter = DiagnosticsBuilder('test')
    world.health.state, world.health.last_received = 'active', time.monotonic()
    world.clock.ros_time_is_active = False
    world.pipeline.set_camera_info(camera_info())
    return world


def test_a_camera_that_keeps_time_is_no_reason_to_warn(active):
    for seconds, _ in zip(steady(), range(10)):
        show(active, seconds - 0.02, arrived=seconds)
    level, message, values = reported(active)
    assert level == 0 and 'in view' in message and values['people refused'] == '0'


def test_images_of_one_stamp_are_one_image_and_the_others_counted(active):
    for k, seconds in zip(range(12), steady()):
        show(active, END + k // 2 / 15, arrived=seconds)
    assert len(active.said.stamps) == 6 and active.health.counters.duplicates == 6
    level, message, values = reported(active)
    assert level == 1 and message == 'images left out because they bear the stamp of the one before: 6'
    assert values['frames dropped: duplicate stamp'] == values['frames dropped'] == '6'
    show(active, END + 1, arrived=END + 1)
    assert reported(active)[0] == 0


def test_a_driver_whose_stamp_stands_still_is_named_with_the_cure(active):
    show(active, 7.0)
    for _ in range(9):
        show(active, 7.0)
    reported(active)
    show(active, 7.0)
    level, message, _ = reported(active)
    assert level == 1 and len(active.said.stamps) == 1
    assert message.startswith('every image bears the stamp 7.000 s and is left out: the driver must stamp each image')


def test_nobody_is_held_by_stamps_that_crawl(active):
    """The fault of a driver that adds a nanosecond to each image."""
    for k in range(60):
        show(active, END + k * 1e-9, people=1 if k < 10 else 0, arrived=END + k / 30)
    held = [ids for ids in active.said.ids[10:] if ids]
    assert 13 <= len(held) <= 15
    assert 'stamps go 0.00 s while images arrive for 1 s' in reported(active)[1]


@pytest.mark.parametrize('stamp, said', [
    (TODAY + 3600, '1.0 h after they arrive'), (TODAY - 3600, '1.0 h before they arrive'),
    (1000.0, 'the stamps count from the start of the camera')], ids=['ahead', 'behind', 'since boot'])
def test_a_wrong_clock_is_in_diagnostics_all_the_time_and_in_the_log_once(active, capfd, stamp, said):
    for k in range(20):
        show(active, stamp + k / 30, arrived=TODAY + k / 30)
        if k % 5 == 4:
            level, message, _ = reported(active)
            assert level == 1 and said in message
    assert len(active.said.stamps) == 20
    assert capfd.readouterr().err.count('images are stamped') == 1


def test_stamps_of_two_clocks_are_named_and_do_not_fill_the_log(active, capfd):
    for k in range(40):
        show(active, END + k / 30 + 3600 * (k % 2), arrived=END + k / 30)
    level, message, values = reported(active)
    assert level == 1 and 'images are stamped 1.0 h after they arrive' in message
    assert 'time has jumped back 19 times: stamps of two clocks on one topic, or two cameras' in message
    assert values['jumps back in time'] == '19'
    lines = capfd.readouterr().err
    assert lines.count('\n') <= 4 and lines.count('everything starts anew') == 1


def test_stamps_of_two_clocks_that_differ_little(active):
    for k in range(40):
        show(active, END + k / 30 + 0.3 * (k % 2), arrived=END + k / 30)
    assert 'images are older than the one before and left out: stamps of two clocks' in reported(active)[1]


def test_two_cameras_on_one_topic_are_not_mixed_and_named(active, capfd):
    for k in range(40):
        show(active, END + k / 30, frame='left' if k % 2 == 0 else 'right', arrived=END + k / 30)
    assert len(active.said.stamps) == 20 and {ids[0] for ids in active.said.ids} == {0}
    level, message, values = reported(active)
    assert level == 1 and "images of two frames on one topic, 'left' and 'right'" in message
    assert values['frames dropped: another frame'] == '20' and active.said.frames == {'left'}
    assert capfd.readouterr().err.count('images of two frames') == 1


def test_an_image_without_a_stamp_among_others_is_left_out(active):
    bad = 0
    for k in range(9):
        try:
            show(active, 0 if k in (0, 4) else END + k, arrived=END + k)
        except ImageMessageError as error:
            active.pipeline.failed(error)
            bad += 'no stamp, where the camera' in str(error)
    assert bad == active.health.counters.bad == 1 and len(active.said.stamps) == 8


def test_simulated_time_that_does_not_come_is_named_and_no_time_is_made_up(active, capfd):
    active.clock.ros_time_is_active, active.clock.seconds = True, 0.0
    active.health.use_sim_time = active.health.clock_silent = True
    for k in range(5):
        show(active, 1_750_000_000 + k / 30)
    active.pipeline.forget()
    with pytest.raises(
        ImageMessageError, match='no time of arrival either: use_sim_time is set and there is no /clock'
    ):
        show(active, 0)
    assert len(active.said.stamps) == 5 and {t.received.sec for t in active.said.timings} == {0}
    level, message, values = reported(active)
    assert level == 1 and message.startswith('use_sim_time is set and nothing comes on /clock')
    assert 'set use_sim_time to false' in message
    assert values['age of the last image at publishing (s)'] == 'none yet'
    assert capfd.readouterr().err.count('nothing comes on /clock') == 1
    # The simulation begins: a new run, by its time.
    active.clock.seconds, active.health.clock_silent = 5.0, False
    for k in range(20):
        show(active, 5.0 + k / 30, arrived=5.0 + k / 30)
    reported(active)
    show(active, 6.0, arrived=6.0)
    assert reported(active)[0] == 0 and active.said.ids[-1] == [0]


def test_simulated_time_at_half_speed_holds_by_simulated_time(active):
    active.clock.ros_time_is_active = True
    for k in range(30):
        show(active, END + k / 30, arrived=END + k / 30, people=1 if k < 10 else 0)
    assert sum(bool(ids) for ids in active.said.ids) in (24, 25) and active.health.stamp_rate == pytest.approx(1)


def test_people_who_are_refused_are_in_diagnostics(active, capfd):
    for k in range(5):
        show(active, END + k / 30, arrived=END + k / 30, behaviour=BEHIND if k % 2 else NORMAL)
    _, _, values = reported(active)
    assert values['people refused'] == values['people refused: behind the camera'] == '2'
    assert capfd.readouterr().err.count('people refused so far: 1 behind the camera') == 1
