"""The viewer beside the real node, as a program: in a browser, and what it answers to wrong arguments."""

import contextlib
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import numpy as np
import pytest

pytest.importorskip('viser')

from browser import Browser, find_chromium, wait_until
from ros_peer import NodeProcess, Peer, namespace
from scripted_node import LEFT_LOST, picture

from hand4whole_ros.rendering.colors import BONE_COLORS
from hand4whole_ros.ros.viewer import received

VIEWER = [sys.executable, '-m', 'hand4whole_ros.ros.viewer.program']
COMMAND = [sys.executable, '-m', 'hand4whole_ros.cli.main']


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def answers(port):
    """Whether a page is there."""
    try:
        with urllib.request.urlopen(f'http://127.0.0.1:{port}/', timeout=20) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    """(the node with the scripted estimator, a peer that plays its camera)."""
    folder, name = tmp_path_factory.mktemp('viewer'), namespace()
    node = NodeProcess(folder, name, device='cpu')
    peer = Peer(name, topics=('poses', 'hands'), diagnostics=True)
    yield folder, node, peer
    peer.close()
    node.stop()


@pytest.fixture
def viewer(world, tmp_path):
    """(its process, its port), beside the node."""
    port = free_port()
    process = NodeProcess(tmp_path, world[2].node.get_namespace().strip('/'), command=VIEWER, viewer_port=port)
    assert process.says(f'open http://127.0.0.1:{port} in a browser: it shows the node', 60), process.log()
    yield process, port
    process.stop()


def test_messages_become_people(world):
    _, _, peer = world
    message = peer.answer(picture(2, LEFT_LOST, hands=1), timeout=60)
    assert peer.until(lambda: any(hand.person < 0 for hands in peer.got['hands'] for hand in hands.hands))
    image = received.viewed_image(message, next(
        hands for hands in peer.got['hands'] if any(hand.person < 0 for hand in hands.hands)))
    assert [person.is_operator for person in image.people].count(True) == 1
    assert [person.hands[0].state for person in image.people] == [0, 0]
    assert [hand.side for hand in image.loose_hands] == ['right']
    joint = message.poses[1].joints[20].position
    np.testing.assert_allclose(image.people[1].joints[20], [joint.x, joint.y, joint.z])
    assert received.viewed_image(message, None).loose_hands == []


def test_diagnostics_of_this_node_alone_become_its_status(world):
    _, _, peer = world
    name = f'{peer.node.get_namespace()}/hand4whole'
    assert peer.until(lambda: any(received.node_status(message, name) for message in peer.got['diagnostics']))
    assert not any(received.node_status(message, '/other/hand4whole') for message in peer.got['diagnostics'])


def test_people_are_seen_in_a_browser(world, viewer, tmp_path):
    find_chromium()
    _, node, peer = world
    overlays = f'{peer.node.get_namespace()}/hand4whole/overlay'
    assert peer.until(lambda: peer.node.count_subscribers(overlays) == 0)     # while nobody looks
    browser = Browser(tmp_path / 'profile')
    try:
        browser.open(f'http://127.0.0.1:{viewer[1]}')

        def shows(words, people=2):
            def seen():
                peer.show(picture(people, hands=people // 2))
                peer.spin(0.1)
                return words in browser.text()
            return wait_until(seen, 90)
        assert shows('person 0 (operator)') and shows('scripted on cpu') and shows('hand'), browser.text()
        assert peer.until(lambda: peer.node.count_subscribers(overlays) == 1, 30)

        def drawn():
            """Bones in the colours of both sides in the scene, the node's grey picture in the panel."""
            peer.show(picture(2, hands=1))
            peer.spin(0.1)
            shot = browser.screenshot().astype(int)
            scene, panel = shot[:, :880], shot[:, 880:]
            bones = [(np.abs(scene - BONE_COLORS[side]).max(axis=2) < 60).sum() for side in ('left', 'right')]
            return min(bones) > 100 and (np.abs(panel - 90).max(axis=2) < 12).sum() > 20_000
        assert wait_until(drawn, 90)
        browser.click_checkbox('body mesh')

        def skinned():
            """The skin covers more than the bones."""
            peer.show(picture(2))
            peer.spin(0.1)
            return (np.abs(browser.screenshot()[:, :880].astype(int) - (150, 170, 200)).max(axis=2) < 70).sum() > 6000
        assert wait_until(skinned, 90), viewer[0].log()
        browser.click_checkbox('body mesh')
        assert wait_until(lambda: not skinned(), 90)
        browser.click_checkbox('camera picture')
        assert peer.until(lambda: peer.node.count_subscribers(overlays) == 0, 30)
        assert shows('No person in view.', people=0)
        assert wait_until(lambda: 'No poses come.' in browser.text(), 90)   # while no image is shown
    finally:
        browser.close()
    assert 'Traceback' not in viewer[0].log() and 'callback failed' not in viewer[0].log()
    code, seconds = viewer[0].stop()
    assert code == 0


def test_who_speaks_no_http_costs_no_line(viewer):
    process, port = viewer
    lines = process.log().count('\n')
    for words in (b'', b'\x16\x03\x01 hello', b'GET /' + b'x' * 100_000 + b'\r\n\r\n'):
        with socket.create_connection(('127.0.0.1', port), timeout=20) as stranger, contextlib.suppress(OSError):
            stranger.sendall(words)
            stranger.shutdown(socket.SHUT_WR)
            while stranger.recv(65536):
                pass
    assert answers(port) and process.log().count('\n') == lines, process.log()


def test_a_page_without_a_node_says_so(tmp_path):
    find_chromium()
    port = free_port()
    lonely = NodeProcess(tmp_path, namespace(), command=VIEWER, viewer_port=port)
    browser = None
    try:
        assert lonely.says('in a browser', 60), lonely.log()
        browser = Browser(tmp_path / 'profile')
        browser.open(f'http://127.0.0.1:{port}')
        assert wait_until(lambda: f'no word from the node /{lonely.namespace}/hand4whole' in browser.text(), 90)
    finally:
        if browser is not None:
            browser.close()
        lonely.stop()


# As a command

def ended(*words):
    """(exit code, stderr) of `hand4whole view`."""
    done = subprocess.run([*COMMAND, 'view', *words], capture_output=True, text=True, timeout=120)
    assert 'Traceback' not in done.stderr
    return done.returncode, done.stderr


def test_a_port_that_is_taken_costs_one_line():
    with contextlib.closing(socket.create_server(('127.0.0.1', 0))) as taken:
        code, said = ended(f'viewer_port:={taken.getsockname()[1]}')
    assert code == 2 and len(said.splitlines()) == 1 and 'Address already in use' in said


@pytest.mark.parametrize('word, line', [
    ('viewer_port:=high', "viewer_port: expected a number, found 'high'"),
    ('viewer_port:=70000', 'parameter viewer_port: expected 0 to 65535, found 70000'),
    ('picture_rate:=-1', 'parameter picture_rate: expected 0 to 60, found -1'),
    ('port:=1', 'port: unknown argument; known are namespace, viewer_host')])
def test_wrong_arguments_are_named(word, line):
    code, said = ended(word)
    assert code == 2 and said.startswith(f'hand4whole: {line}') and len(said.splitlines()) == 1


def test_the_arguments_are_listed():
    done = subprocess.run([*COMMAND, 'view', '--show-args'], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "viewer_host  (default: '127.0.0.1')" in done.stdout


def test_the_node_brings_its_viewer_and_takes_it_along(tmp_path):
    port, name = free_port(), namespace()
    log = (tmp_path / 'log').open('w+')
    process = subprocess.Popen(
        [*COMMAND, 'run', f'namespace:={name}', 'estimator:=hand4whole_pp', f'weights_folder:={tmp_path}',
         'viewer:=true', f'viewer_port:={port}'], stdout=log, stderr=log, env={**os.environ, 'OMP_NUM_THREADS': '1'})
    try:
        assert wait_until(lambda: answers(port) or process.poll() is not None, 90)
        assert process.poll() is None and answers(port), (tmp_path / 'log').read_text()
    finally:
        process.terminate()
        process.wait(30)
    assert wait_until(lambda: not answers(port), 30)
