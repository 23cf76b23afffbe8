"""Files that are given for a bag: what can be read is read, and what cannot is named with the command that helps."""

import gzip
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import cv2
import mcap_maker as mcap
import numpy as np
import pytest
from bag_maker import IMAGE, PERIOD, START, decoded, files, messages, read, write
from fault_figures import note
from rosbags.rosbag1 import Writer as Ros1Writer
from rosbags.rosbag2.storage_mcap import McapReader
from rosbags.typesys import Stores, get_typestore
from scripted_node import picture
from scripted_replay import replay
from test_bag_metadata import expected, read_words, split, word, words

from hand4whole_ros.cli import main
from hand4whole_ros.media import file_kind
from hand4whole_ros.ros.bag.reader import Bag, BagError, is_bag
from hand4whole_ros.ros.bag.zstandard import zstd


def line_of(path):
    """The line about something that is no bag."""
    with pytest.raises(BagError) as error:
        Bag(path).close()
    assert '\n' not in str(error.value) and str(error.value).startswith(f'{path}: ')
    return str(error.value).removeprefix(f'{path}: ')


def spoken(count=6, number=1, first=0):
    return [mcap.message(number, START + k * PERIOD, word(f'word {k}')) for k in range(first, first + count)]


def written(path, data, **options):
    path.write_bytes(mcap.file(data, **options))
    return path


# MCAP


@pytest.mark.parametrize('profile', ['', 'ros2', 'x-robot'])
@pytest.mark.parametrize('chunked', [False, True])
def test_mcap_of_any_profile_with_ros_2_messages(tmp_path, caplog, profile, chunked):
    """Without an index, and not in the order of time."""
    rows = spoken()
    data = mcap.definitions() + b''.join(rows[k] for k in (1, 0, 2, 5, 4, 3))
    source = written(tmp_path / 'in.mcap', mcap.chunk(data) if chunked else data, profile=profile)
    assert read_words(source) == (expected(*range(6)), False) and not caplog.records
    with Bag(source) as bag:
        assert (bag.start, bag.end) == (START, START + 5 * PERIOD + 1)
        found = [entry.time for entry in bag.messages(start=START + PERIOD, stop=START + 3 * PERIOD)]
    assert found == [START + PERIOD, START + 2 * PERIOD]


@pytest.mark.parametrize('kind', ['std_msgs/msg/String', 'std_msgs/String', 'std_msgs::msg::dds_::String_'])
@pytest.mark.parametrize('schema_encoding, data', [
    ('ros2msg', b'string data\n'), ('ros2idl', b'module'), ('unknown', b''), ('', b''),
    ('protobuf', bytes(range(255)))])
def test_mcap_with_other_names_and_definitions_of_types(tmp_path, kind, schema_encoding, data):
    source = written(tmp_path / 'in.mcap', mcap.definitions(kind=kind, schema_encoding=schema_encoding, data=data)
                     + b''.join(spoken()))
    with Bag(source) as bag:
        assert [c.msgtype for c in bag.connections] == ['std_msgs/msg/String']
    assert read_words(source) == (expected(*range(6)), False)


def test_images_of_an_mcap_without_definitions_are_looked_at(tmp_path):
    """Their type is known by its name, and the new bag defines it."""
    data = mcap.definitions(IMAGE, 'sensor_msgs/Image', schema_encoding='', data=b'')
    for topic, time, bytes_ in messages([picture(1)] * 2):
        if topic == IMAGE:
            data += mcap.message(1, time, bytes_)
    source = written(tmp_path / 'in.mcap', data, profile='')
    assert replay(source, '--output', tmp_path / 'out', '--focal', 300) == 0
    assert [m.height for m in decoded(tmp_path / 'out', IMAGE)] == [240, 240]
    assert len(decoded(tmp_path / 'out', '/hand4whole/poses')) == 2


@pytest.mark.parametrize('encoding, profile, says', [
    ('protobuf', '', 'record the topics of ROS 2 with `ros2 bag record`'), ('json', '', 'json on /chatter'),
    ('ros1', 'ros1', 'rosbags-convert --src BAG.bag --dst BAG')])
def test_mcap_without_messages_of_ros_2(tmp_path, encoding, profile, says):
    source = written(tmp_path / 'in.mcap', mcap.definitions(
        kind='foxglove.CompressedImage', encoding=encoding, schema_encoding=encoding, data=bytes(range(255)))
        + b''.join(spoken()), profile=profile)
    line = line_of(source)
    assert line.startswith(f'no messages of ROS 2 (CDR), but {encoding} on /chatter') and says in line
    assert 'damaged' not in line


def test_other_messages_beside_those_of_ros_2_are_left_out_and_named(tmp_path, caplog):
    source = written(tmp_path / 'in.mcap', mcap.definitions() + mcap.definitions(
        '/scene', 'foxglove.SceneUpdate', 'protobuf', 'protobuf', bytes(range(255)), number=2)
        + b''.join(spoken() + spoken(number=2)))
    assert read_words(source) == (expected(*range(6)), False)
    (line,) = caplog.messages
    assert 'left out' in line and 'protobuf on /scene' in line


def chunks_of_two(count=4):
    return mcap.definitions(), [mcap.chunk(b''.join(spoken(2, first=2 * k))) for k in range(count)]


@pytest.mark.parametrize('cut, found, incomplete', [
    ('before a chunk', 4, False), ('in a chunk', 4, True), ('in the head of a chunk', 4, True), ('zeros', 4, True),
    ('noise', 4, True), ('before the end', 8, False)])
def test_mcap_of_a_recorder_that_was_killed(tmp_path, caplog, cut, found, incomplete):
    head, chunks = chunks_of_two()
    part = {'before a chunk': b'', 'in a chunk': chunks[2][:-20], 'in the head of a chunk': chunks[2][:5],
            'zeros': bytes(5000), 'noise': b'\xee' * 5000, 'before the end': b''.join(chunks[2:])}[cut]
    source = written(tmp_path / 'in.mcap', head + chunks[0] + chunks[1] + part, end=False)
    assert read_words(source) == (expected(*range(found)), incomplete)
    (line,) = caplog.messages
    assert 'it has no end' in line and str(source) in line
    assert ('the last ' in line) == incomplete


def test_a_damaged_chunk_costs_its_own_messages(tmp_path, caplog):
    whole = tmp_path / 'in.mcap'
    head, chunks = chunks_of_two()
    broken = bytearray(chunks[1])
    broken[-1] ^= 0xff
    written(whole, head + chunks[0] + bytes(broken) + chunks[2] + chunks[3])
    assert read_words(whole) == (expected(0, 1, 4, 5, 6, 7), True)
    assert '1 damaged parts of it cannot be read' in caplog.text
    # And where there is an index, and the damage shows only when it is read.
    indexed = write(tmp_path / 'indexed', messages([picture(1)] * 20), compression='storage')
    (file,) = indexed.glob('*.mcap')
    reader = McapReader(file)
    reader.open()
    at = reader.chunks[1].chunk_start_offset
    reader.close()
    data = bytearray(file.read_bytes())
    data[at + 60:at + 80] = bytes(20)
    file.write_bytes(data)
    caplog.clear()
    with Bag(indexed) as bag:
        assert not bag.incomplete
        first, again = len(list(bag.messages())), len(list(bag.messages()))
        assert first == again and 40 < first < 80 and bag.incomplete
    (line,) = caplog.messages
    assert 'a damaged chunk with' in line and 'mcap recover' in line
    note('a bag is damaged in the middle', 'bytes of one chunk overwritten', 1,
         f'{first} of 80 messages are read, one line says how many are not')


def test_a_killed_recording_is_replayed_up_to_its_end(tmp_path, caplog):
    source = write(tmp_path / 'in', messages([picture(1)] * 20))
    (file,) = source.glob('*.mcap')
    file.write_bytes(file.read_bytes()[:3_000_000])
    (source / 'metadata.yaml').unlink()
    assert replay(source, '--output', tmp_path / 'out') == 2
    found = read(tmp_path / 'out')
    assert 5 < len(found[IMAGE]) == len(found['/hand4whole/poses']) < 20
    assert 'it has no end' in caplog.text
    note('the recorder of a bag is killed', 'MCAP cut off at 3,000,000 bytes, without metadata.yaml', 1,
         f'{len(found[IMAGE])} of 20 images are read, and each has its poses; what cannot be read is said; exit code 2')


def test_chunks_that_nobody_can_unpack(tmp_path):
    source = written(tmp_path / 'in.mcap', mcap.definitions() + mcap.chunk(b''.join(spoken()), compression='snappy'))
    assert 'snappy' in line_of(source) or '1 damaged parts' in line_of(source)


# SQLite


class Recorder:
    """A recorder of rosbag2's preset `resilient`, which is killed: what it wrote last is beside its database."""

    def __init__(self, path, journal='WAL', checkpoint_after=2):
        self.path, folder = path, path.with_name('live')
        folder.mkdir()
        database = sqlite3.connect(folder / 'x.db3', isolation_level=None)
        database.execute(f'PRAGMA journal_mode={journal}')
        database.execute('PRAGMA wal_autocheckpoint=0')
        database.executescript(
            'CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT, type TEXT, serialization_format TEXT, '
            'offered_qos_profiles TEXT); '
            'CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER, timestamp INTEGER, data BLOB);'
            "INSERT INTO topics VALUES(1, '/chatter', 'std_msgs/msg/String', 'cdr', '');")
        for k in range(6):
            if k == checkpoint_after:
                database.execute('PRAGMA wal_checkpoint(TRUNCATE)')
            database.execute('INSERT INTO messages(topic_id, timestamp, data) VALUES(1, ?, ?)',
                             (START + k * PERIOD, word(f'word {k}')))
        if journal != 'WAL':
            # In the middle of a transaction that does not fit into memory: what is in the database is half of it.
            database.execute('PRAGMA cache_size=1')
            database.execute('BEGIN')
            database.executemany('INSERT INTO messages(topic_id, timestamp, data) VALUES(1, ?, ?)',
                                 [(START + k * PERIOD, word('never' * 999)) for k in range(6, 60)])
        for file in folder.iterdir():
            shutil.copy(file, path.with_name(file.name.replace('x.db3', path.name)))
        database.close()


@pytest.mark.parametrize('checkpoint_after', [2, None])
@pytest.mark.parametrize('folder', [False, True])
def test_what_a_killed_recorder_left_in_its_log_is_read(tmp_path, checkpoint_after, folder):
    bag = tmp_path / 'bag 50%'
    bag.mkdir()
    Recorder(bag / 'in.db3', checkpoint_after=checkpoint_after)
    shutil.rmtree(bag / 'live')
    before = files(bag)
    assert (bag / 'in.db3-wal').stat().st_size
    for file in bag.iterdir():
        file.chmod(0o444)
    assert read_words(bag if folder else bag / 'in.db3') == (expected(*range(6)), False)
    assert files(bag) == before
    if folder and checkpoint_after is None:
        note('the recorder of a bag is killed before its log is in the database', 'SQLite with a write-ahead log', 1,
             'all 6 messages are read from a copy; no file of the bag is touched')


def test_a_transaction_that_was_not_finished_is_undone(tmp_path):
    Recorder(tmp_path / 'in.db3', journal='DELETE')
    assert (tmp_path / 'in.db3-journal').stat().st_size
    before = (tmp_path / 'in.db3').read_bytes()
    assert read_words(tmp_path / 'in.db3') == (expected(*range(6)), False)
    assert (tmp_path / 'in.db3').read_bytes() == before


def test_a_log_without_its_database_and_the_other_way_round(tmp_path):
    Recorder(tmp_path / 'in.db3', checkpoint_after=None)
    (tmp_path / 'in.db3-wal').rename(tmp_path / 'away')
    assert line_of(tmp_path / 'in.db3').startswith('all of it is in in.db3-wal, which is not here')
    (tmp_path / 'away').rename(tmp_path / 'in.db3-wal')
    assert 'give the database beside it' in line_of(tmp_path / 'in.db3-wal')


def test_no_room_for_the_copy_that_a_log_needs(tmp_path, monkeypatch):
    Recorder(tmp_path / 'in.db3')
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, 'disk_usage', lambda path: usage._replace(free=1000))
    line = line_of(tmp_path / 'in.db3')
    assert 'its recorder was killed and left in.db3-wal' in line and 'TMPDIR' in line


def test_nothing_stays_in_the_folder_of_temporary_files(tmp_path, monkeypatch):
    Recorder(tmp_path / 'in.db3')
    packed = tmp_path / 'b.mcap.zstd'
    packed.write_bytes(zstd.compress(mcap.file(mcap.definitions() + b''.join(spoken()))))
    (tmp_path / 'tmp').mkdir()
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path / 'tmp'))
    for source in (tmp_path / 'in.db3', packed):
        with Bag(source):
            assert list((tmp_path / 'tmp').iterdir())
        assert not list((tmp_path / 'tmp').iterdir())


def test_a_database_in_the_manner_of_a_log_without_one(tmp_path):
    """Its recorder ended well."""
    Recorder(tmp_path / 'in.db3')
    with sqlite3.connect(tmp_path / 'in.db3') as database:
        database.execute('PRAGMA wal_checkpoint(TRUNCATE)')
    database.close()
    assert (tmp_path / 'in.db3').read_bytes()[18] == 2 and not (tmp_path / 'in.db3-wal').exists()
    assert read_words(tmp_path / 'in.db3') == (expected(*range(6)), False)


def test_a_type_that_the_recorder_did_not_know(tmp_path):
    source = write(tmp_path / 'in', words(), 'sqlite3')
    (file,) = source.glob('*.db3')
    with sqlite3.connect(file) as database:
        database.execute("UPDATE message_definitions SET encoding='unknown', encoded_message_definition=''")
    assert read_words(source) == (expected(*range(6)), False)


@pytest.mark.parametrize('statement, says', [
    ('DROP TABLE messages', 'an SQLite database, but no bag: it has no tables `topics` and `messages`; it has'),
    ("UPDATE messages SET timestamp='noon'", 'its times are no numbers'),
    ('UPDATE messages SET data=5', 'a message is a int, not bytes')])
def test_a_database_of_something_else(tmp_path, statement, says):
    source = write(tmp_path / 'in', words(), 'sqlite3')
    (file,) = source.glob('*.db3')
    with sqlite3.connect(file) as database:
        database.execute(statement)
    with pytest.raises(BagError) as error, Bag(file) as bag:
        list(bag.messages())
    assert says in str(error.value) and '\n' not in str(error.value)


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_a_bag_in_which_nothing_was_recorded(tmp_path, capfd, storage):
    source = write(tmp_path / 'in', [], storage)
    with pytest.raises(ValueError, match='it holds no messages at all'):
        replay(source, '--output', tmp_path / 'out')
    assert main.main(['play', str(source)]) == main.EXIT_USAGE
    assert 'nothing in it can be played: it holds no messages at all' in capfd.readouterr().err


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_a_path_of_any_bytes(tmp_path, capfd, caplog, storage):
    """Names of other systems, and of nobody's: no line is broken by them, and files are found."""
    name = os.fsdecode(b'caf\xe9 #1 100%\n?x=1')
    source = write(tmp_path / 'in', words(), storage).rename(tmp_path / name)
    assert read_words(source) == (expected(*range(6)), False)
    (file,) = (path for path in source.iterdir() if path.suffix != '.yaml')
    file.write_bytes(b'no bag')
    assert main.main(['play', str(source)]) == main.EXIT_USAGE
    (line,) = capfd.readouterr().err.splitlines()
    assert 'a text file, not a rosbag2 bag' in line and line.isprintable()


# Compressed


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_a_compressed_file_alone_and_in_a_folder(tmp_path, storage):
    source = write(tmp_path / 'in', words(), storage, 'file')
    (file,) = source.glob('*.zstd')
    assert read_words(file) == read_words(source) == (expected(*range(6)), False)
    (source / 'metadata.yaml').rename(tmp_path / 'metadata.yaml')
    assert read_words(source) == (expected(*range(6)), False)
    # Somebody has unpacked it, and kept both, or only that.
    file.with_suffix('').write_bytes(zstd.decompress(file.read_bytes()))
    assert read_words(source) == (expected(*range(6)), False)
    (tmp_path / 'metadata.yaml').rename(source / 'metadata.yaml')
    assert read_words(source) == (expected(*range(6)), False)
    file.unlink()
    assert read_words(source) == (expected(*range(6)), False)


def test_messages_that_are_compressed_one_by_one_without_metadata(tmp_path):
    source = write(tmp_path / 'in', words(), 'sqlite3', 'message')
    (source / 'metadata.yaml').unlink()
    assert read_words(source) == (expected(*range(6)), False)


def test_a_name_does_not_say_what_a_file_is(tmp_path):
    one, two = (write(tmp_path / storage, words(), storage) for storage in ('mcap', 'sqlite3'))
    for file, name in ((one / 'mcap.mcap', 'a.db3'), (two / 'sqlite3.db3', 'b.mcap'), (one / 'mcap.mcap', 'c'),
                       (one / 'mcap.mcap', 'd.mp4'), (two / 'sqlite3.db3', 'e.bag')):
        shutil.copy(file, tmp_path / name)
        assert is_bag(tmp_path / name) and read_words(tmp_path / name) == (expected(*range(6)), False)


# Other things


def ros1_bag(path):
    store = get_typestore(Stores.ROS1_NOETIC)
    image, header, time = (store.types[name] for name in (
        'sensor_msgs/msg/Image', 'std_msgs/msg/Header', 'builtin_interfaces/msg/Time'))
    with Ros1Writer(path) as writer:
        connection = writer.add_connection(IMAGE, image.__msgtype__, typestore=store)
        for k in range(2):
            pixels = picture(1)
            message = image(header(k, time(100 + k, 5), 'cam'), *pixels.shape[:2], 'rgb8', 0, pixels.shape[1] * 3,
                            pixels.ravel())
            writer.write(connection, (100 + k) * 10**9, store.serialize_ros1(message, image.__msgtype__))


def archive(path, kind):
    inside = path.with_name('inside.txt')
    inside.write_text('words')
    if kind == 'zip':
        with zipfile.ZipFile(path, 'w') as target:
            target.write(inside)
    else:
        with tarfile.open(path, 'w:gz' if kind == 'gz' else 'w') as target:
            target.add(inside)


def video(path):
    writer = cv2.VideoWriter(str(path.with_suffix('.mp4')), cv2.VideoWriter_fourcc(*'mp4v'), 25, (320, 240))
    for _ in range(3):
        writer.write(np.ascontiguousarray(picture(1)[..., ::-1]))
    writer.release()
    path.with_suffix('.mp4').rename(path)


THINGS = {
    'a.bag': (ros1_bag, 'a ROS 1 bag, not a rosbag2 bag: convert it with `rosbags-convert --src '),
    'a.mcap': (ros1_bag, 'a ROS 1 bag, not a rosbag2 bag: convert it with `mv '),
    'bag.zip': (lambda path: archive(path, 'zip'), 'a zip archive, not a rosbag2 bag: unpack it with `unzip '),
    'bag.tar': (lambda path: archive(path, 'tar'), 'a tar archive, not a rosbag2 bag: unpack it with `tar xf '),
    'bag.tar.gz': (lambda path: archive(path, 'gz'), 'a gzip file, not a rosbag2 bag: unpack it with `tar xf '),
    'x.mcap.gz': (lambda path: path.write_bytes(gzip.compress(b'x')), 'unpack it with `gunzip -k '),
    'lfs.mcap': (lambda path: path.write_text('version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 9\n'),
                 'a Git LFS pointer instead of the file itself, not a rosbag2 bag: fetch it with `git lfs pull'),
    'page.db3': (lambda path: path.write_text('\n<!DOCTYPE html><title>404</title>'), 'the download failed'),
    'empty.mcap': (lambda path: path.write_bytes(b''), 'an empty file, not a rosbag2 bag: nothing was recorded'),
    'zeros.db3': (lambda path: path.write_bytes(bytes(10_000)), 'a file of nothing but zeros'),
    'photo.jpg': (lambda path: cv2.imwrite(str(path), picture(1)), 'a JPEG picture, not a rosbag2 bag: `hand4whole '),
    'clip.mcap': (video, 'takes videos; rename this one to clip.mp4'),
    'metadata.yaml': (lambda path: path.write_text('rosbag2_bagfile_information:\n  version: 9\n'), 'give its folder'),
    'notes.db3': (lambda path: path.write_text('no bag'), 'a text file, not a rosbag2 bag: expected a folder with'),
    'noise.mcap': (lambda path: path.write_bytes(bytes(range(256)) * 9), 'a file of another kind, not a rosbag2 bag')}


@pytest.mark.parametrize('name', THINGS)
def test_what_somebody_gives_for_a_bag_is_named_with_the_next_command(tmp_path, capfd, name):
    make, says = THINGS[name]
    path = tmp_path / name
    make(path)
    assert says in line_of(path)
    for command in (['play', str(path)], ['replay', str(path), '--output', str(tmp_path / 'out')]):
        assert main.main(command) == main.EXIT_USAGE
        (line,) = capfd.readouterr().err.splitlines()
        assert line.startswith(f'hand4whole: {path}: ')
        assert says in line or 'neither a rosbag2 bag' in line and says.partition(',')[0] in line
        assert 'damaged' not in line


def test_a_bag_of_ros_1_is_converted_by_the_command_that_is_named(tmp_path):
    folder = tmp_path / 'of $HOME'
    folder.mkdir()
    ros1_bag(folder / 'run.mcap')
    command = line_of(folder / 'run.mcap').partition('`')[2].partition('`')[0]
    environment = {**os.environ, 'PATH': f'{Path(sys.executable).parent}:{os.environ["PATH"]}'}
    subprocess.run(['sh', '-c', command], check=True, timeout=120, env=environment)
    assert replay(folder / 'run', '--output', tmp_path / 'out') == 0
    assert len(read(tmp_path / 'out')['/hand4whole/poses']) == 2


def folder_of(path, *names):
    path.mkdir()
    for name in names:
        THINGS[name][0](path / name)
    return path


@pytest.mark.parametrize('names, says', [
    ((), 'an empty folder'), (('photo.jpg',), 'a folder with photo.jpg, a JPEG picture, not a rosbag2 bag: `'),
    (('a.bag',), 'a folder with a.bag, a ROS 1 bag, not a rosbag2 bag: convert each with'),
    (('bag.zip',), 'a zip archive, not a rosbag2 bag: unpack them first')])
def test_a_folder_of_something_else(tmp_path, names, says):
    folder = folder_of(tmp_path / 'in', *names)
    assert says in line_of(folder)
    with pytest.raises(ValueError, match='folder') as error:
        replay(folder, '--output', tmp_path / 'out')
    assert says.partition(',')[0] in str(error.value)


def test_a_folder_of_bags_is_none_to_play(tmp_path):
    folder = tmp_path / 'bags'
    folder.mkdir()
    for name in ('one', 'two'):
        write(folder / name, words())
    assert line_of(folder).startswith(f'a folder of 2 bags, not a rosbag2 bag: give one of them, {folder}/one for exa')


@pytest.mark.parametrize('kind', ['pipe', 'socket'])
def test_what_is_no_file_is_not_opened(tmp_path, kind):
    """Somebody would wait for ever for the other end."""
    path = tmp_path / 'x.mcap'
    if kind == 'pipe':
        os.mkfifo(path)
    else:
        socket.socket(socket.AF_UNIX).bind(str(path))
    assert line_of(path).startswith('no file, but a device, pipe or socket')


@pytest.mark.parametrize('family', ['MCAP', 'SQLITE', 'ROS1', 'ARCHIVE', 'LFS', 'HTML', 'VIDEO', 'IMAGE'])
def test_every_signature_is_recognised(tmp_path, family):
    wanted = getattr(file_kind, family)
    for offset, signature, found, words_ in file_kind._SIGNATURES:
        if found == wanted:
            (tmp_path / 'x').write_bytes(bytes([1]) * offset + signature + b'\x01' * 600)
            assert file_kind.recognise_file(tmp_path / 'x').family == wanted, words_


@pytest.mark.parametrize('kind, says', [
    ('foxglove_msgs/msg/CompressedVideo', 'it holds no images, but a video stream on /cam/image_raw'),
    ('std_msgs/msg/String', 'it holds no images (sensor_msgs/Image or CompressedImage)')])
def test_images_that_are_none(tmp_path, kind, says):
    rows = [(IMAGE, START, b'\0\1\0\0')]
    source = tmp_path / 'in.mcap'
    written(source, mcap.definitions(IMAGE, kind) + mcap.message(1, START, rows[0][2]))
    with pytest.raises(ValueError) as error:
        replay(source, '--output', tmp_path / 'out')
    assert says in str(error.value)


def test_split_bags_of_both_kinds(tmp_path):
    for storage in ('mcap', 'sqlite3'):
        (tmp_path / storage).mkdir()
        assert read_words(split(tmp_path / storage / 'in', storage)) == (expected(*range(6)), False)
