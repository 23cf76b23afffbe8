"""Images that were on their way when time jumped back: nothing of the run before is said in the new one."""

import time
from dataclasses import dataclass, field

import pytest
from fault_figures import note
from rclpy.logging import get_logger
from rclpy.serialization import serialize_message
from rclpy.time import Time
from ros_peer import image_message
from scripted_node import ScriptedEstimator, picture

from hand4whole_ros.estimators import EstimatorConfig
from hand4whole_ros.ros.diagnostics import Health
from hand4whole_ros.ros.parameters import NodeParameters
from hand4whole_ros.ros.pipeline import Pipeline
from hand4whole_ros.ros.received import ReceivedImage

END, BEGINNING = 50.0, 10.0     # s, of a bag that is played in a loop


@dataclass
class Clock:
    """Simulated time."""

    seconds: float = END

    def now(self):
        return Time(nanoseconds=int(self.seconds * 1e9))


@dataclass
class Said:
    """What would have been published."""

    stamps: list = field(default_factory=list)
    ids: list = field(default_factory=list)
    resets: int = 0

    def publish_poses(self, result, tf):
        self.stamps.append(result.header.stamp.sec)
        self.ids.append([person.track_id for person in result.people])

    def publish_pictures(self, result):
        pass

    def reset(self):
        self.resets += 1


class World:
    """A pipeline, its clock and what it says."""

    def __init__(self):
        self.clock, self.said, self.health = Clock(), Said(), Health()
        self.estimator = ScriptedEstimator(EstimatorConfig('mediapipe', device='cpu'))
        self.pipeline = Pipeline(self.estimator, self.said, self.health, self.clock, get_logger('test'),
                                 NodeParameters(camera_info_timeout=0.0))

    def image(self, waited=0.0):
        """One that is handed over now, lay `waited` real seconds in the middleware, and bears the time of the clock."""
        data = bytes(serialize_message(image_message(picture(1), (int(self.clock.seconds), 0), 'camera')))
        return data, time.monotonic_ns() - int(waited * 1e9)

    def hand_over(self, data, arrived):
        self.pipeline.process(ReceivedImage(data, False, self.clock.now().nanoseconds, arrived))

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

    def jumps(image, intrinsics):
        world.jump() if told else setattr(world.clock, 'seconds', BEGINNING)
        return estimate(image, intrinsics)
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
