"""metadata.yaml may say anything: what the files of a bag hold is read, and where the two differ that is named."""

import shutil

import pytest
import yaml
from bag_maker import CHATTER, IMAGE, INFO, ODD, PERIOD, START, messages, read, write
from fault_figures import note
from rclpy.serialization import serialize_message
from scripted_node import picture
from scripted_replay import replay
from std_msgs.msg import String

from hand4whole_ros.ros.bag.reader import Bag, BagError
from hand4whole_ros.ros.bag.types import is_latched

QOS_OF_JAZZY = [{
    'history': 'keep_last', 'depth': 5, 'reliability': 'best_effort', 'durability': 'volatile',
    'deadline': {'sec': 9, 'nsec': 9}, 'lifespan': {'sec': 9, 'nsec': 9}, 'liveliness': 'automatic',
    'liveliness_lease_duration': {'sec': 9, 'nsec': 9}, 'avoid_ros_namespace_conventions': False}]
QOS_OF_HUMBLE = yaml.safe_dump([{**QOS_OF_JAZZY[0], 'history': 1, 'reliability': 2, 'durability': 2, 'liveliness': 1}])


def word(text):
    return bytes(serialize_message(String(data=text)))


def words(count=6, topic=CHATTER, first=0):
    """(topic, time, bytes) of 'word 0', 'word 1' and so on."""
    return [(topic, START + k * PERIOD, word(f'word {k}')) for k in range(first, first + count)]


def bag_of_words(path, **options):
    return write(path, words(), **options)


def change(path, function):
    """Apply a function to what metadata.yaml says of the bag."""
    file = path / 'metadata.yaml'
    content = yaml.safe_load(file.read_text())
    function(content['rosbag2_bagfile_information'])
    file.write_text(yaml.safe_dump(content))


def split(path, storage='mcap', pieces=3):
    """A bag of `pieces` files of two words each, as a recorder that begins a new file now and then leaves it."""
    whole = write(path, words(2 * pieces), storage)
    (file,) = whole.glob('in.*')
    file.unlink()
    for k in range(pieces):
        piece = write(path.with_name(f'piece{k}'), words(2, first=2 * k), storage)
        (found,) = piece.glob('piece*.*')
        shutil.move(found, whole / f'in_{k}{found.suffix}')
    suffix = {'mcap': '.mcap', 'sqlite3': '.db3'}[storage]
    change(whole, lambda about: about.update(relative_file_paths=[f'in_{k}{suffix}' for k in range(pieces)]))
    return whole


def read_words(path):
    """The words in a bag, in order, and whether messages are missing."""
    with Bag(path) as bag:
        found = [bytes(entry.data[8:-1]).decode() for entry in bag.messages() if entry.connection.topic == CHATTER]
        return found, bag.incomplete


def expected(*numbers):
    return [f'word {k}' for k in numbers]


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
@pytest.mark.parametrize('qos', [
    QOS_OF_JAZZY, QOS_OF_HUMBLE, '', 'no: [yaml', '- depth: many', [{'durability': 'transient_local'}], 7, '- - - -'],
    ids=['names', 'numbers', 'none', 'broken', 'wrong', 'parts', 'a number', 'nested'])
def test_other_quality_of_service_in_metadata_drops_nothing(tmp_path, caplog, storage, qos):
    source = write(tmp_path / 'in', storage=storage, latched=(INFO,))
    change(source, lambda about: [
        row['topic_metadata'].update(offered_qos_profiles=qos) for row in about['topics_with_message_count']])
    assert replay(source, '--output', tmp_path / 'out') == 0
    found = read(tmp_path / 'out')
    assert [len(found[topic]) for topic in (IMAGE, INFO, CHATTER, ODD, '/hand4whole/poses')] == [3] * 5
    assert not caplog.records or 'differ' not in caplog.text


@pytest.mark.parametrize('qos, latched', [
    ([{'durability': 'transient_local'}], True), ('- durability: 1', True), ('- durability: transient_local', True),
    ("- durability: '1'", True), (QOS_OF_JAZZY, False), ('- durability: 2', False), ('', False)])
def test_what_an_old_bag_says_of_quality_of_service_is_only_in_metadata(tmp_path, qos, latched):
    source = bag_of_words(tmp_path / 'in')
    change(source, lambda about: about['topics_with_message_count'][0]['topic_metadata'].update(
        offered_qos_profiles=qos))
    with Bag(source) as bag:
        (connection,) = bag.connections
        assert is_latched(connection) == latched


@pytest.mark.parametrize('spoil, says', [
    (lambda about: about['topics_with_message_count'][0].update(message_count=9), '/chatter has 6 messages, not 9'),
    (lambda about: about['topics_with_message_count'].append({
        'message_count': 4, 'topic_metadata': {'name': '/gone', 'type': 'std_msgs/msg/String'}}),
     '/gone has 0 messages, not 4')], ids=['fewer', 'none'])
def test_messages_that_are_promised_and_not_there_are_counted(tmp_path, caplog, spoil, says):
    source = bag_of_words(tmp_path / 'in')
    change(source, spoil)
    assert read_words(source) == (expected(*range(6)), True)
    (line,) = caplog.messages
    assert 'messages are missing' in line and says in line and str(source) in line


@pytest.mark.parametrize('spoil, says', [
    (lambda about: about['topics_with_message_count'][0].update(message_count=2), '/chatter has 6 messages, not 2'),
    (lambda about: about.update(topics_with_message_count=[]), '/chatter has 6 messages, not 0'),
    (lambda about: about['topics_with_message_count'][0]['topic_metadata'].update(type='odd_msgs/msg/Odd'),
     '/chatter is of type std_msgs/msg/String, not odd_msgs/msg/Odd'),
    (lambda about: about['topics_with_message_count'][0]['topic_metadata'].update(name='/other'),
     '/chatter has 6 messages, not 0, /other has 0 messages, not 6')], ids=['more', 'no topics', 'type', 'name'])
def test_what_metadata_does_not_say_is_read_and_named(tmp_path, caplog, spoil, says):
    source = bag_of_words(tmp_path / 'in')
    change(source, spoil)
    found, _ = read_words(source)
    (line,) = caplog.messages
    assert found == expected(*range(6)) and says in line


def test_missing_images_give_what_is_there_and_exit_code_2(tmp_path, caplog):
    source = write(tmp_path / 'in', messages([picture(1)] * 2))
    change(source, lambda about: [row.update(message_count=5) for row in about['topics_with_message_count']
                                  if row['topic_metadata']['name'] == IMAGE])
    assert replay(source, '--output', tmp_path / 'out') == 2
    assert len(read(tmp_path / 'out')['/hand4whole/poses']) == 2
    assert '3 messages are missing' in caplog.text and '/cam/image_raw has 2 messages, not 5' in caplog.text


def test_a_topic_without_messages_stays_a_topic(tmp_path):
    source = bag_of_words(tmp_path / 'in')
    change(source, lambda about: about['topics_with_message_count'].append({
        'message_count': 0, 'topic_metadata': {'name': '/silent', 'type': 'std_msgs/msg/String'}}))
    with Bag(source) as bag:
        assert {c.topic: c.msgcount for c in bag.connections} == {CHATTER: 6, '/silent': 0} and not bag.incomplete


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
@pytest.mark.parametrize('text', [
    None, '', '\0' * 500, 'rosbag2_bagfile_information:\n  version: [', 'just a word', '[' * 1_000_000, '{a: ' * 9_000,
    'rosbag2_bagfile_information: {version: 99}', 'rosbag2_bagfile_information: {relative_file_paths: 7}',
    'rosbag2_bagfile_information: {version: 5, relative_file_paths: [], topics_with_message_count: [{}, 3]}'],
    ids=['no', 'empty', 'zeros', 'cut', 'other', 'deep list', 'deep map', 'new', 'wrong', 'hollow'])
def test_several_files_without_usable_metadata_are_one_recording(tmp_path, caplog, storage, text):
    source = split(tmp_path / 'in', storage, pieces=12)
    (source / 'metadata.yaml').unlink()
    if text is not None:
        (source / 'metadata.yaml').write_text(text)
    assert read_words(source)[0] == expected(*range(24))
    assert 0 < len(caplog.messages) <= 2 and all('\n' not in line and len(line) < 700 for line in caplog.messages)


def test_files_that_overlap_are_merged_in_order_of_time(tmp_path):
    """Two recorders at once: every message at its time, whatever file it is in."""
    folder = tmp_path / 'in'
    folder.mkdir()
    for name, chosen in (('a', slice(0, None, 2)), ('b', slice(1, None, 2))):
        made = write(tmp_path / name, words(40)[chosen])
        shutil.move(made / f'{name}.mcap', folder)
    assert read_words(folder) == (expected(*range(40)), False)
    with Bag(folder) as bag:
        part = list(bag.messages(start=START + 3 * PERIOD, stop=START + 6 * PERIOD))
        assert [entry.time for entry in part] == [START + k * PERIOD for k in (3, 4, 5)]


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_a_file_that_is_not_there_is_named_and_the_others_are_read(tmp_path, caplog, storage):
    source = split(tmp_path / 'in', storage)
    (gone,) = source.glob('in_1.*')
    gone.unlink()
    assert read_words(source) == (expected(0, 1, 4, 5), True)
    assert f'{gone.name} is not here' in caplog.text and '2 messages are missing' in caplog.text
    if storage == 'mcap':
        note('a file of a split bag is not there', 'one of three deleted', 1,
             '4 of 6 messages are read; the file and the number of messages are named')


def test_files_that_metadata_does_not_list(tmp_path, caplog):
    """A recorder that was killed has not listed its last file; any other file belongs to somebody else."""
    source = split(tmp_path / 'in')
    change(source, lambda about: about.update(relative_file_paths=['in_0.mcap', 'in_1.mcap']))
    shutil.copy(source / 'in_0.mcap', source / 'copy.mcap')
    assert read_words(source) == (expected(*range(6)), False)
    assert 'in_2.mcap is not listed in metadata.yaml, but continues the others' in caplog.text
    assert 'copy.mcap is not listed in metadata.yaml and is left alone' in caplog.text


@pytest.mark.parametrize('paths', [
    ['old/in_0.mcap', 'old/in_1.mcap', 'old/in_2.mcap'], ['C:\\bags\\in_0.mcap', 'in_1.mcap', '/abs/in_2.mcap']])
def test_a_bag_that_was_moved_or_renamed(tmp_path, caplog, paths):
    source = split(tmp_path / 'in')
    change(source, lambda about: about.update(relative_file_paths=paths))
    assert read_words(source.rename(tmp_path / 'run #3 of 50%?')) == (expected(*range(6)), False)
    assert not caplog.records


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_files_that_were_renamed_with_their_folder(tmp_path, caplog, storage):
    source = split(tmp_path / 'in', storage)
    for file in source.glob('in_*'):
        file.rename(file.with_name(file.name.replace('in_', 'out_')))
    assert read_words(source) == (expected(*range(6)), False)
    (line,) = caplog.messages
    assert 'none is here; out_0' in line


def test_files_of_one_bag_with_other_quality_of_service(tmp_path):
    source = split(tmp_path / 'in')
    piece = write(tmp_path / 'other', words(2), latched=(CHATTER,))
    shutil.move(piece / 'other.mcap', source / 'in_0.mcap')
    assert read_words(source) == (expected(*range(6)), False)
    with Bag(source) as bag:
        (connection,) = bag.connections
    assert connection.msgcount == 6 and is_latched(connection)


def test_files_of_one_bag_with_another_type_on_the_same_topic(tmp_path):
    folder = tmp_path / 'in'
    folder.mkdir()
    for k, kind in enumerate(('std_msgs/msg/String', 'std_msgs/msg/Int32')):
        made = write(tmp_path / f'in_{k}', words(2, '/either', first=2 * k), image_type=kind)
        shutil.move(made / f'in_{k}.mcap', folder)
    with Bag(folder) as bag:
        assert {c.msgtype: c.msgcount for c in bag.connections} == {'std_msgs/msg/String': 2, 'std_msgs/msg/Int32': 2}
        assert [entry.connection.msgtype[13:] for entry in bag.messages()] == ['String', 'String', 'Int32', 'Int32']


def test_one_damaged_file_of_several_costs_its_own_messages(tmp_path, caplog):
    source = split(tmp_path / 'in')
    (source / 'in_1.mcap').write_bytes(b'')
    assert read_words(source) == (expected(0, 1, 4, 5), True)
    assert 'in_1.mcap: an empty file, not a rosbag2 bag' in caplog.text


@pytest.mark.parametrize('prepare, says', [
    (lambda folder: [file.unlink() for file in folder.glob('in_*')], 'metadata.yaml lists in_0.mcap, in_1.mcap, '
     'in_2.mcap, and no file .mcap or .db3 is here: copy what was recorded as well'),
    (lambda folder: [(folder / name).unlink() for name in ('in_0.mcap', 'in_1.mcap', 'in_2.mcap')]
     + [(folder / 'metadata.yaml').write_text('')], 'metadata.yaml is empty, and there is no file .mcap or .db3'),
    (lambda folder: [(folder / 'metadata.yaml').unlink(), shutil.copy(folder / 'in_0.mcap', folder / 'in_0.db3')],
     'no metadata.yaml lists which of its files belong together')], ids=['gone', 'empty', 'two kinds'])
def test_no_files_to_read_is_one_line(tmp_path, prepare, says):
    source = split(tmp_path / 'in')
    prepare(source)
    with pytest.raises(BagError) as error:
        Bag(source)
    assert says in str(error.value) and '\n' not in str(error.value)
