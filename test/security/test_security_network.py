"""What the node shows to the network: the topics and services of its policy, and no port besides DDS."""

import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest
from fault_figures import note
from locations import ROOT
from process_figures import handles, sockets
from ros_peer import NodeProcess, Peer, namespace

from hand4whole_ros.ros import topics
from hand4whole_ros.ros.conversions.result_messages import MESSAGE_TYPES

POLICY = ROOT / 'config' / 'sros2' / 'hand4whole.policy.xml'

BARE_NODE = """
import rclpy
rclpy.init()
node = rclpy.create_node('bare')
print('ready', flush=True)
rclpy.spin(node)
"""


@pytest.fixture(scope='module')
def policy():
    """kind of permission -> names"""
    profile, = ElementTree.parse(POLICY).getroot().iter('profile')
    assert profile.attrib == {'ns': '/', 'node': topics.NODE_NAME}
    found = {}
    for group in profile:
        permission, = group.attrib.items()
        assert permission[1] == 'ALLOW'
        names = found.setdefault(f'{group.tag} {permission[0]}', set())
        names |= {element.text for element in group}
    return found


@pytest.fixture(scope='module')
def node(tmp_path_factory):
    process = NodeProcess(tmp_path_factory.mktemp('node'), namespace(), image_transport='compressed', use_sim_time=True)
    assert process.says('waiting for images', 60), process.log()
    yield process
    assert process.stop()[0] == 0


@pytest.fixture(scope='module')
def graph(node):
    """What rclpy reports of the node, as it would be named in the root namespace."""
    peer = Peer(node.namespace, topics=())
    prefix = f'/{node.namespace}'

    def named(pairs):
        return {name.removeprefix(prefix) for name, _ in pairs}

    def ask():
        node_name = (topics.NODE_NAME, prefix)
        return {'topics publish': named(peer.node.get_publisher_names_and_types_by_node(*node_name)),
                'topics subscribe': named(peer.node.get_subscriber_names_and_types_by_node(*node_name)),
                'services reply': named(peer.node.get_service_names_and_types_by_node(*node_name)),
                'services request': named(peer.node.get_client_names_and_types_by_node(*node_name))}
    assert peer.until(lambda: (topics.NODE_NAME, prefix) in peer.node.get_node_names_and_namespaces(), 20)
    peer.spin(0.5)
    found = ask()
    peer.close()
    return found


def test_the_policy_is_the_nodes_own_graph(policy, graph):
    assert graph['services request'] == set() and 'services request' not in policy
    for permission in ('topics publish', 'topics subscribe', 'services reply'):
        assert graph[permission] <= policy[permission], f'{permission}: the policy forbids what the node needs'
    # What else it allows is known, and each for its reason.
    assert policy['topics publish'] == graph['topics publish']
    assert policy['topics subscribe'] - graph['topics subscribe'] == {'/image'}     # image_transport: raw
    # Older ROS versions lack these two.
    assert policy['services reply'] - graph['services reply'] <= {'/hand4whole/get_type_description'}
    note('the policy of SROS 2 against the running node', 'names of publishers, subscriptions, services and clients, '
         'as rclpy reports them', 1, f'{len(graph["topics publish"])} publishers, {len(graph["topics subscribe"])} '
         f'subscriptions, {len(graph["services reply"])} services, no client: all allowed, nothing else is')


def test_the_policy_names_what_the_tables_name(policy):
    said = {topic.replace('~', f'/{topics.NODE_NAME}') for topic in MESSAGE_TYPES} | {topics.DIAGNOSTICS}
    assert said <= policy['topics publish']
    assert {f'/{topics.IMAGE}', f'/{topics.IMAGE}{topics.COMPRESSED}', f'/{topics.CAMERA_INFO}',
            '/clock'} == policy['topics subscribe']


def test_no_port_besides_those_of_dds(node):
    """Beside a node of rclpy that does nothing at all."""
    bare = subprocess.Popen([sys.executable, '-c', BARE_NODE], stdout=subprocess.PIPE, text=True)
    try:
        assert bare.stdout.readline() == 'ready\n'
        known, own = sockets(bare.pid), sockets(node.process.pid)
        every = [sum(target.startswith('socket:') for target in handles(pid).values())
                 for pid in (bare.pid, node.process.pid)]
    finally:
        bare.kill()
        bare.wait()
    assert not [socket for socket in own if socket[2]], 'the node listens for connections'
    assert sorted(kind for kind, _, _ in own) == sorted(kind for kind, _, _ in known)
    assert every[0] == every[1], 'sockets of other kinds than the internet protocols'
    note('ports', "the node's sockets beside those of an empty rclpy node", 1,
         f'{every[1]} sockets each, all of UDP and of DDS; none listens for connections')
