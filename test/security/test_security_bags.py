"""Bags that unpack to more than anybody has room for, or announce it, cost neither memory nor disk."""

import shutil
import struct
import tempfile
import time

import lz4.frame
import pytest
import yaml
from bag_maker import CHATTER, START, write
from fault_figures import note
from process_figures import Peak
from rosbags.rosbag2 import storage_mcap

from hand4whole_ros.cli import main
from hand4whole_ros.ros.bag import decompression
from hand4whole_ros.ros.bag.metadata import MAX_METADATA_BYTES
from hand4whole_ros.ros.bag.reader import Bag, BagError
from hand4whole_ros.ros.bag.zstandard import zstd
from hand4whole_ros.ros.play import player

BOMB_BYTES = 4 << 30
_ZEROS = bytes(1 << 20)
TOO_MUCH = 'unpacks to more than'


@pytest.fixture(scope='module')
def bombs():
    """Format -> 4 GB of zeros in it; 'announced_zstd' says in its head how many there are."""
    made = {}
    for name, maker in (('zstd', zstd.ZstdCompressor()), ('announced_zstd', zstd.ZstdCompressor())):
        if name == 'announced_zstd':
            maker.set_pledged_input_size(BOMB_BYTES)
        made[name] = b''.join([*(maker.compress(_ZEROS) for _ in range(BOMB_BYTES >> 20)), maker.flush()])
    with lz4.frame.LZ4FrameCompressor() as maker:
        made['lz4'] = b''.join([maker.begin(), *(maker.compress(_ZEROS) for _ in range(BOMB_BYTES >> 20)),
                                maker.flush()])
    return made


def with_message(path, packed):
    """A bag whose messages are compressed one by one, with this as one of them."""
    write(path, [(CHATTER, START, packed)], 'sqlite3')
    metadata = yaml.safe_load((path / 'metadata.yaml').read_text())
    metadata['rosbag2_bagfile_information'].update(compression_format='zstd', compression_mode='message')
    (path / 'metadata.yaml').write_text(yaml.safe_dump(metadata))
    return path


def refused(path, line=TOO_MUCH):
    """Read all of a bag, which must end with this line. Returns seconds and megabytes that it cost."""
    started = time.perf_counter()
    with Peak() as peak, pytest.raises(BagError, match=line) as error:
        with Bag(path) as bag:
            list(bag.messages())
    assert '\n' not in str(error.value) and len(str(error.value)) < 500
    return time.perf_counter() - started, peak.megabytes


def told(what, size, cost, left=''):
    note(what, f'{size:,} bytes', 1, f'one line, refused in {cost[0] * 1e3:.0f} ms, {cost[1]:.0f} MB{left}')


@pytest.mark.parametrize('kind', ['announced_zstd', 'zstd'])
def test_a_message(tmp_path, bombs, kind):
    path = with_message(tmp_path / 'in', bombs[kind])
    cost = refused(path)
    most = 20 if kind == 'announced_zstd' else 3 * decompression.MAX_MESSAGE_BYTES >> 20
    assert cost[0] < 10 and cost[1] < most
    told(f'a message in a bag that unpacks to 4 GB, {"announced" if kind == "announced_zstd" else "unannounced"}',
         len(bombs[kind]), cost)


@pytest.mark.parametrize('kind', ['zstd', 'lz4'])
@pytest.mark.parametrize('announced', [False, True], ids=['', 'announced'])
def test_a_chunk(tmp_path, bombs, monkeypatch, kind, announced):
    close_chunk = storage_mcap.McapWriter.close_chunk

    def with_a_bomb(writer):
        writer.compression, writer.compressor = kind, lambda data: bombs[kind]
        close_chunk(writer)
    monkeypatch.setattr(storage_mcap.McapWriter, 'close_chunk', with_a_bomb)
    path = write(tmp_path / 'in', [(CHATTER, START, bytes(12345))])
    (file,) = path.glob('*.mcap')
    if announced:
        reader = storage_mcap.McapReader(file)
        reader.open()
        size = struct.pack('<Q', reader.chunks[0].uncompressed_size)
        reader.close()
        data = file.read_bytes()
        assert data.count(size) == 2    # in the chunk, and in the index of chunks
        file.write_bytes(data.replace(size, struct.pack('<Q', BOMB_BYTES)))
    cost = refused(path)
    # The chunk itself has to be read.
    assert cost[0] < 5 and cost[1] < 20 + (3 * len(bombs[kind]) >> 20)
    told(f'an MCAP chunk that unpacks to 4 GB, {kind}, {"announced" if announced else "unannounced"}',
         len(bombs[kind]), cost)


@pytest.mark.parametrize('limit', ['size', 'room'])
def test_a_file(tmp_path, bombs, monkeypatch, limit):
    unpacked = tmp_path / 'tmp'
    unpacked.mkdir()
    monkeypatch.setattr(tempfile, 'tempdir', str(unpacked))
    if limit == 'size':
        monkeypatch.setattr(decompression, 'MAX_FILE_BYTES', 64 << 20)
    else:
        usage = shutil.disk_usage(tmp_path)
        monkeypatch.setattr(shutil, 'disk_usage', lambda path: usage._replace(free=64 << 20))
    path = write(tmp_path / 'in', compression='file')
    (file,) = path.glob('*.zstd')
    file.write_bytes(bombs['zstd'])
    cost = refused(path, 'a file that unpacks to more than [0-9]* MB: ' + (
        'unpack it yourself' if limit == 'size' else f'{unpacked} has no room for more: set TMPDIR'))
    assert cost[0] < 10 and cost[1] < 50 and not list(unpacked.iterdir())
    told(f'a file of a bag that unpacks to 4 GB, beyond the limit of {limit}', len(bombs['zstd']), cost,
         ', nothing stays on the disk')


def test_what_fits_is_unpacked_in_several_frames_too():
    parts = [b'one', b'', bytes(100_000)]
    packed = b''.join(map(zstd.compress, parts))
    assert decompression.decompress_zstd(packed) == b''.join(parts)
    with pytest.raises(zstd.ZstdError):
        decompression.decompress_zstd(packed[:-3])
    packed = lz4.frame.compress(parts[2])
    assert decompression.decompress_lz4(packed, 100_000) == parts[2]
    with pytest.raises(RuntimeError):
        decompression.decompress_lz4(packed[:-5], 100_000)


def test_metadata_and_lengths_that_lie(tmp_path):
    path = write(tmp_path / 'in')
    (path / 'metadata.yaml').write_text('a: [' + 'b,' * (MAX_METADATA_BYTES // 2) + ']')
    assert refused(path, 'metadata.yaml has 10,4.* bytes, at most 10,485,760')[0] < 2
    (file,) = path.glob('*.mcap')
    data = bytearray(file.read_bytes())
    data[9:17] = struct.pack('<Q', 1 << 62)     # of the first record
    lying = tmp_path / 'lying.mcap'
    lying.write_bytes(data)
    cost = refused(lying, 'a part of it has, or claims to have, more bytes than there is memory')
    assert cost[0] < 5 and cost[1] < 20
    told('an MCAP record that announces 4 billion gigabytes', len(data), cost)


def test_the_command_tells_it_in_one_line(tmp_path, bombs, monkeypatch, capfd):
    monkeypatch.setattr(player, 'DISCOVERY_TIMEOUT', 0.0)
    path = with_message(tmp_path / 'in', bombs['announced_zstd'])
    assert main.main(['play', str(path)]) == main.EXIT_USAGE
    (line,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith('hand4whole: ')]
    assert TOO_MUCH in line
