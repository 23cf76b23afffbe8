"""The open estimator, which has memory in its libraries: a replay is the same every time and by whom it may be done."""

import functools

import numpy as np
import pytest
from bag_maker import decoded, files, messages, write

pytest.importorskip('mediapipe')

from hand4whole_ros import estimators
from hand4whole_ros.apps.replay.executors import ProcessExecutor
from hand4whole_ros.config import EstimatorConfig
from hand4whole_ros.ros.replay.bag_source import InputOptions
from hand4whole_ros.ros.replay.frame_estimator import FrameEstimatorFactory
from hand4whole_ros.ros.replay.replay import OutputOptions, Replay
from hand4whole_ros.synthetic.motion import PersonMotion


def test_one_process_and_another_write_the_same_bytes(tmp_path):
    motion = PersonMotion(width=320, height=240)
    pictures = [motion.frame(0.1 * k) for k in range(4)]
    source = write(tmp_path / 'in', messages(pictures))
    make = FrameEstimatorFactory(
        estimators.create, EstimatorConfig('mediapipe', static_images=True), 1
    )
    inputs = InputOptions(focal=float(motion.intrinsics.fx))
    results = []
    here = Replay(make, inputs, OutputOptions())
    elsewhere = Replay(make, inputs, OutputOptions(), executor_factory=functools.partial(ProcessExecutor, count=1))
    # The last one's MediaPipe has seen all these pictures already.
    for name, work in (('here', here), ('elsewhere', elsewhere), ('again', here)):
        (tmp_path / name).mkdir()
        assert work.run(source, tmp_path / name / 'out').with_people == 4
        results.append(files(tmp_path / name / 'out'))
    here.close()
    elsewhere.close()
    assert results[0] == results[1] == results[2]
    poses = decoded(tmp_path / 'here' / 'out', '/hand4whole/poses')
    wrists = [message.poses[0].joints[20].position for message in poses]
    truth = [motion.truth(0.1 * k).joints[20] for k in range(4)]
    assert np.linalg.norm([(p.x, p.y, p.z) for p in wrists] - np.array(truth), axis=1).max() < 0.5
