"""Memory that runs out, and networks that say nothing finite: an image is lost, never the node."""

import dataclasses

import numpy as np
import pytest
import torch
from fault_figures import note
from faulty_node import ADVERSARIAL, AT_ONCE, COMMAND, OUT_OF_GPU_MEMORY, OUT_OF_MEMORY, faulty_picture
from ros_peer import TYPES, NodeProcess, Peer, namespace
from scripted_node import RAISE, picture
from test_fuzz_estimates import check

from hand4whole_ros import estimators
from hand4whole_ros.estimators import EstimatorConfig


@pytest.fixture(scope='module')
def node(tmp_path_factory):
    process = NodeProcess(tmp_path_factory.mktemp('node'), namespace(), command=COMMAND, camera_info_timeout=0.0,
                          diagnostics_period=0.2, hold_time=0.0)
    yield process
    code, _ = process.stop()
    assert code == 0 and 'Traceback' not in process.log(), process.log()


@pytest.fixture(scope='module')
def camera(node):
    peer = Peer(node.namespace, topics=[name for name in TYPES if name not in ('markers', 'overlay', 'skeleton')],
                tf=True, diagnostics=True)
    assert peer.until(lambda: peer.value('state') == 'active', 120), node.log()
    peer.answer(picture())
    yield peer
    peer.close()


def failed(camera, rgb, times):
    """Show a picture that makes the estimator fail until it has failed so often."""
    start = int(camera.fresh_value('frames dropped: estimator failed'))
    for _ in range(times):
        known = int(camera.value('frames dropped: estimator failed'))
        camera.show(rgb)
        assert camera.until(lambda known=known: int(camera.value('frames dropped: estimator failed') or 0) > known)
    assert int(camera.fresh_value('frames dropped: estimator failed')) == start + times
    assert len(camera.answer(picture(1)).poses) == 1


@pytest.mark.parametrize('fault, name, error', [
    (OUT_OF_GPU_MEMORY, 'the GPU has no memory left', 'torch.cuda.OutOfMemoryError'),
    (OUT_OF_MEMORY, 'the machine has no memory left', 'MemoryError')], ids=['gpu', 'machine'])
def test_out_of_memory_costs_the_image_and_is_said_once_a_minute(node, camera, fault, name, error):
    failed(camera, faulty_picture(fault), 5)
    log = node.log()
    assert log.count('image dropped, out of memory') == 1
    assert 'CUDA out of memory. Tried to allocate 2.00 GiB.: from now on fewer people are processed in one pass' in log
    note(name, f'the estimator raises {error}', 5, 'each costs its image; half as many people are looked at in '
         'one pass from then on; one line in the log in all; the next good image gives its pose')


def test_an_estimator_that_raises_costs_one_image_each_time(node, camera):
    failed(camera, picture(1, RAISE), 10)
    lines = node.log().count('the script says so')
    assert lines <= 4
    note('the estimator raises', 'RuntimeError on single images', 10,
         f'10 images dropped and counted, {lines} line(s) in the log; the next good image gives its pose')


def test_no_number_on_the_wire_is_other_than_finite(camera):
    for got in camera.got.values():
        got.clear()
    images = 40
    for k in range(images):
        camera.show(faulty_picture(ADVERSARIAL, people=2, number=k))
        camera.spin(0.03)
    camera.spin(0.3)
    assert len(camera.answer(picture(2)).poses) == 2
    checked = sum(check(message) for key, got in camera.got.items() if key != 'diagnostics' for message in got)
    assert checked > 1000 and camera.got['poses']
    note('the estimator says nonsense, over the wire', 'impossible people of 40 seeds, two in each image', images,
         f'{checked:,} numbers received on poses, operator topics and /tf, all finite')


# The full pipeline itself

@pytest.fixture(scope='module')
def pipeline(published_folder):
    """It, and a picture of two people."""
    pytest.importorskip('mediapipe')
    from hand4whole_ros.synthetic import dataset
    made = estimators.create(EstimatorConfig('hand4whole_pp', device='cpu', weights_folder=published_folder,
                                             weights='random-tiny', static_images=True, max_people=AT_ONCE))
    seen = [dataset.render_person(3, i)[0] for i in range(2)]
    yield made, np.concatenate(seen, axis=1)
    made.close()


def looked_at(made, image):
    """The people found, and how many the network looked at in each pass."""
    from hand4whole_ros.geometry.camera import Intrinsics
    passes = []
    handle = made.network.register_forward_hook(lambda module, given, result: passes.append(len(given[0])))
    found = made.estimate(image, Intrinsics.from_fov(image.shape[1], image.shape[0]))
    handle.remove()
    return found, passes


def test_less_memory_means_more_passes_and_the_same_people(pipeline):
    made, image = pipeline
    together, passes = looked_at(made, image)
    assert passes == [2] and made.reduce_memory() and made.reduce_memory() and not made.reduce_memory()
    apart, passes = looked_at(made, image)
    assert passes == [1, 1]
    for one, other in zip(together, apart):
        assert np.allclose(one.joints, other.joints, atol=1e-4)


def test_one_person_without_numbers_does_not_cost_the_other(pipeline):
    made, image = pipeline

    def broken(module, given, result):
        return dataclasses.replace(result, joints=torch.cat([result.joints[:1] * torch.nan, result.joints[1:]]))
    made._at_once = AT_ONCE
    whole, _ = looked_at(made, image)
    handle = made.network.register_forward_hook(broken)
    found, _ = looked_at(made, image)
    handle.remove()
    assert len(found) == 1 and np.allclose(found[0].joints, whole[1].joints, atol=1e-4)
    assert len(looked_at(made, image)[0]) == 2
    note('the network gives NaN for one person', 'a hook that spoils one of two people in the full pipeline', 1,
         'the other is found as before, and both in the next image')
