"""What several tests share: one body, one domain of their own for ROS."""

import os
import signal

import pytest

from hand4whole_ros.system.threads import configure_wait_policy

configure_wait_policy()  # as every program of the package does, before torch is there

# Tests talk to each other, not to the robot next door.
os.environ.setdefault('ROS_DOMAIN_ID', '87')
os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')

# Tests in the background have been told to ignore Ctrl-C and hang-ups, and programs that they start inherit it.
for _number, _handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _handler)


@pytest.fixture(scope='session')
def body():
    """The open body, built on the first use on this machine."""
    from hand4whole_ros.body.model import BodyModel
    return BodyModel.load()


@pytest.fixture(scope='module', params=('mediapipe', 'open'))
def config(request):
    """Of both estimators that need no licensed file, one after the other, for images that stand alone. A module that
    tests another one has a fixture of this name."""
    from hand4whole_ros.config import EstimatorConfig
    return EstimatorConfig(request.param, static_images=True)


@pytest.fixture(scope='module')
def estimator(config):
    """The estimator of `config`."""
    from hand4whole_ros import estimators
    made = estimators.create(config)
    yield made
    made.close()


@pytest.fixture(scope='module')
def searched_once():
    """For modules about what becomes of landmarks: pictures that stand alone are searched once for all estimators."""
    from searched_pictures import SearchedOnce

    from hand4whole_ros.detection import landmark_people
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(landmark_people, 'PeopleLandmarker', SearchedOnce)
        yield


@pytest.fixture(scope='session')
def people_seen():
    """Three rendered people and the truth."""
    from hand4whole_ros.synthetic import dataset
    return [dataset.render_person(3, i) for i in range(3)]


@pytest.fixture(scope='session')
def people_drawn(tmp_path_factory):
    """A folder of people to train on, made by this very process: shard 0 of source 3, of six, nearly all found."""
    from drawn_shard import draw_shard
    where = tmp_path_factory.mktemp('people')
    draw_shard(where, 3, 6)
    return where


@pytest.fixture(scope='session')
def hands_alone():
    """[(image, keypoints (21, 3) m, (21, 2) px, intrinsics)] of right hands without a person."""
    import numpy as np

    from hand4whole_ros.geometry.camera import Intrinsics
    from hand4whole_ros.synthetic import hand_patches
    patches, found = hand_patches.draw_patches(6, 3, 320), []
    for k in np.flatnonzero(patches.visible > 0.95):
        zoom = 320 / patches.size[k]
        cx, cy = (np.array(hand_patches.FRAME) / 2 - patches.corner[k]) * zoom - 0.5
        camera = Intrinsics(patches.focal[k] * zoom, patches.focal[k] * zoom, cx, cy, 320, 320)
        points = patches.keypoints[k].astype(float)
        found.append((patches.images[k], points, camera.project(points), camera))
    return found


@pytest.fixture(scope='session')
def published_folder(tmp_path_factory):
    """A folder of files in the form of SMPL-X's and MANO's, of a body that is nobody's."""
    from parity import fake_models
    root = tmp_path_factory.mktemp('published')
    fake_models.write_all(str(root))
    return root


@pytest.fixture(scope='session')
def genders(published_folder, tmp_path_factory):
    """The same files in one folder, and the neutral one again as those of men and women."""
    folder = tmp_path_factory.mktemp('genders')
    for path in published_folder.glob('*/*.npz'):
        os.symlink(path, folder / path.name)
    for gender in ('MALE', 'FEMALE'):
        os.symlink(published_folder / 'smplx/SMPLX_NEUTRAL.npz', folder / f'SMPLX_{gender}.npz')
    return folder


@pytest.fixture(scope='session')
def published_body(published_folder):
    """The same, read."""
    from hand4whole_ros.checkpoints.hand4whole_pp import load_body
    from hand4whole_ros.checkpoints.store import Store
    return load_body(Store(published_folder))


@pytest.fixture(scope='module')
def one_thread():
    """torch on one thread: what is very small waits longer for a second one, on a busy machine, than it computes."""
    import torch
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
