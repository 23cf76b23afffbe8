"""The viewer without ROS: where it listens, whom it answers, and what stands in its scene and panel."""

import dataclasses
import importlib.util
import socket
import urllib.error
import urllib.request

import numpy as np
import pytest

pytest.importorskip('viser')

from hand4whole_ros import skeleton
from hand4whole_ros._vendor_patches.viser_server import rejection_reason
from hand4whole_ros.viewer import server as viewer_server
from hand4whole_ros.viewer.body_mesh import BodyMeshes, BodyParameters
from hand4whole_ros.viewer.panel import NodeStatus, Panel, escape_markdown
from hand4whole_ros.viewer.people import ViewedHand, ViewedImage, ViewedPerson
from hand4whole_ros.viewer.scene import Scene
from hand4whole_ros.viewer.server import ViewerError, create_server, missing_library, page_address


@pytest.fixture
def server():
    made = create_server('127.0.0.1', 0)
    yield made
    made.stop()


def get(address, **headers):
    """(status, body) of a request."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def hand(side, state=skeleton.OK, track_id=3):
    return ViewedHand(track_id, side, state, 0.8, np.random.default_rng(0).normal(size=(21, 3)) + (0, 0, 2.0))


def person(track_id=0, held=False, left=skeleton.OK, lowest=1.0):
    joints = np.random.default_rng(1).uniform(-0.5, 0.5, (55, 3)) + (0, 0, 3.0)
    joints[:, 1] *= lowest / joints[:, 1].max()
    return ViewedPerson(track_id, held, 0.9, track_id == 0, joints, np.zeros(55, bool),
                        (hand('left', left), hand('right')))


# Where it listens

def test_the_page_is_there_on_this_machine_alone(server):
    port = server.get_port()
    status, page = get(f'http://127.0.0.1:{port}/')
    assert status == 200 and b'<html' in page
    with pytest.raises(ConnectionRefusedError):      # another address of this machine
        socket.create_connection(('127.0.0.2', port), timeout=20)


def test_a_port_that_is_taken_is_named(server):
    port = server.get_port()
    with pytest.raises(ViewerError, match=f"cannot listen on '127.0.0.1', port {port} .Address already in use.: choose "
                                          f'another with viewer_port:={port + 1}') as caught:
        create_server('127.0.0.1', port)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('host, port', [('192.0.2.1', 0), ('no such host', 8080), ('x' * 300, 8080), ('::zz', 1)])
def test_an_address_that_is_none_of_this_machine_is_named(host, port):
    with pytest.raises(ViewerError, match='the viewer cannot listen on') as caught:
        create_server(host, port)
    assert '\n' not in str(caught.value)


def test_without_the_library_the_command_that_installs_it_is_named(monkeypatch):
    assert missing_library() is None
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(ViewerError, match='pip install viser=='):
        viewer_server.create_server('127.0.0.1', 0)


def test_addresses_can_be_typed_into_a_browser():
    assert page_address('0.0.0.0', 8080) == 'http://localhost:8080'
    assert page_address('192.168.1.5', 80) == 'http://192.168.1.5:80'
    assert page_address('::1', 8080) == 'http://[::1]:8080'


# Whom it answers

@pytest.mark.parametrize('origin, host, listening, refused', [
    (None, 'localhost:8080', '127.0.0.1', False),
    ('http://localhost:8080', 'localhost:8080', '127.0.0.1', False),
    ('http://[::1]:8080', '[::1]:8080', '::1', False),
    ('http://robot:8080', 'robot:8080', '0.0.0.0', False),
    ('https://elsewhere.example', 'localhost:8080', '127.0.0.1', True),
    ('http://localhost:9999', 'localhost:8080', '127.0.0.1', True),
    ('null', 'localhost:8080', '127.0.0.1', True),
    ('http://elsewhere.example:8080', 'elsewhere.example:8080', '127.0.0.1', True),     # a name that leads here
    (None, None, '127.0.0.1', True)])
def test_only_its_own_page_is_answered(origin, host, listening, refused):
    assert (rejection_reason(origin, host, listening) is not None) == refused


def test_the_page_of_a_stranger_cannot_watch(server):
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect
    port = server.get_port()
    with pytest.raises(InvalidStatus, match='403'):
        connect(f'ws://127.0.0.1:{port}', origin='https://elsewhere.example')
    assert get(f'http://127.0.0.1:{port}/', Host=f'elsewhere.example:{port}')[0] == 403


def test_there_is_no_public_address(server):
    assert server.request_share_url() is None


# The scene

def names(server, *wanted):
    return [name for name in wanted if server.scene.get_handle_by_name(name) is not None]


def test_people_and_hands_come_and_go(server):
    scene = Scene(server)
    everything = ('/people/0/bones', '/people/0/left/joints', '/people/0/right/bones', '/people/7/bones',
                  '/hands/5/bones')
    scene.show(ViewedImage([person(), person(7)], [hand('right', track_id=5)]))
    assert names(server, *everything) == list(everything)
    scene.show(ViewedImage([person(left=skeleton.LOST)]))
    assert names(server, *everything) == ['/people/0/bones', '/people/0/right/bones']
    scene.show(ViewedImage())
    assert names(server, *everything) == []
    scene.show(ViewedImage([person()]))
    assert '/people/0/bones' in names(server, *everything)


def test_joints_are_where_the_person_is(server):
    scene, someone = Scene(server), person(lowest=1.7)
    scene.show(ViewedImage([someone]))
    scene.show(ViewedImage([someone]))
    np.testing.assert_allclose(server.scene.get_handle_by_name('/people/0/joints').points, someone.joints[:22],
                               atol=1e-5)
    assert server.scene.get_handle_by_name('/people/0/label').text == '#0  operator'
    feet = someone.joints[[skeleton.JOINT[f'{side}_{part}'] for side in skeleton.SIDES for part in ('foot', 'ankle')]]
    assert abs(server.scene.get_handle_by_name('/grid').position[1] - feet[:, 1].max()) <= 0.3


def test_who_is_held_is_pale(server):
    scene = Scene(server)
    scene.show(ViewedImage([person()]))
    before = np.array(server.scene.get_handle_by_name('/people/0/joints').colors, int)
    scene.show(ViewedImage([person(held=True)]))
    after = np.array(server.scene.get_handle_by_name('/people/0/joints').colors, int)
    sides = np.ptp(before, axis=1) > 50      # what is not grey anyhow
    assert sides.any() and (np.ptp(after, axis=1)[sides] < 0.5 * np.ptp(before, axis=1)[sides]).all()


# The panel

def test_the_panel_says_who_is_there(server):
    panel = Panel(server, picture=True)
    panel.show_people(ViewedImage([person(left=skeleton.LOST)], [hand('left', skeleton.HELD, 5)]))
    rows = panel._people.content.splitlines()
    assert rows[2].startswith('| person 0 (operator) OK 90% |') and rows[2].endswith('m | LOST | OK 80% |')
    assert rows[3].startswith('| hand 5 |') and 'HELD 80%' in rows[3]
    panel.show_people(ViewedImage())
    assert panel._people.content == 'No person in view.'
    panel.show_silence()
    assert panel._people.content == 'No poses come.'


def test_the_panel_takes_pictures_of_any_size_and_wants_none_while_nobody_looks(server):
    panel = Panel(server, picture=True)
    assert not panel.wants_picture
    for shape in ((2160, 3840, 3), (1, 1, 3), (1500, 3, 3)):
        panel.show_picture(np.zeros(shape, np.uint8))
        assert max(panel._picture.image.shape) <= 800
    Panel(server, picture=False).show_picture(np.zeros((4, 4, 3), np.uint8))


def test_words_of_others_are_no_markup(server):
    panel = Panel(server, picture=False)
    panel.show_status(NodeStatus('warning', 'no image on /a|b <script>{1}\n# x', rate=12.34, delay=0.0561))
    content = panel._status.content
    assert '<' not in content and '{' not in content and '12.3 Hz' in content and '56 ms' in content
    assert escape_markdown('plain words 1.5') == 'plain words 1.5'


def test_people_are_shown_as_meshes_by_the_body_of_this_machine(server, body):
    meshes = BodyMeshes(server)
    one = BodyParameters(np.zeros((55, 3), np.float32), np.zeros(10, np.float32), np.zeros(10, np.float32),
                         np.array([0, 0, 3], np.float32))
    meshes.show({4: one}, body.name)
    shown = meshes._meshes[4]
    expected = body.mesh(np.zeros((55, 3)), np.zeros(10), transl=np.array([0.0, 0, 3]))
    np.testing.assert_allclose(shown.vertices, expected, atol=1e-5)
    moved = dataclasses.replace(one, transl=np.array([1, 0, 3], np.float32))
    meshes.show({4: moved, 5: one}, body.name)
    assert meshes._meshes[4] is shown and set(meshes._meshes) == {4, 5}
    np.testing.assert_allclose(shown.vertices, expected + (1, 0, 0), atol=1e-5)
    meshes.show({}, body.name)
    assert not meshes._meshes
    with pytest.raises(ValueError, match="the node poses the body 'smplx', and here is only 'anny'"):
        meshes.show({4: one}, 'smplx')
