"""Headers that announce what nobody has room for cost neither time nor memory."""

import array
import http.server
import struct
import threading
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from fault_figures import note
from process_figures import Peak
from sensor_msgs.msg import CompressedImage, Image

from hand4whole_ros.apps.estimate import image_sources
from hand4whole_ros.media import image_files
from hand4whole_ros.media.image_files import ImageFileError
from hand4whole_ros.ros.conversions import images

SMALL = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
HUGE = 100_000


def encoded(suffix):
    return cv2.imencode(suffix, SMALL)[1].tobytes()


def chunk(kind, data, length=None):
    """One chunk of a PNG, with a length that may lie."""
    return struct.pack('>I', len(data) if length is None else length) + kind + data + struct.pack(
        '>I', zlib.crc32(kind + data))


def png_header(width, height):
    data = encoded('.png')
    return data[:8] + chunk(b'IHDR', struct.pack('>II', width, height) + data[24:29]) + data[33:]


def png_chunk():
    """A correct header, then pixels that claim to have four gigabytes."""
    data = encoded('.png')
    return data[:33] + chunk(b'IDAT', data[41:400], 0xFFFF_0000)


def png_profile():
    """A colour profile that claims to have four gigabytes."""
    data = encoded('.png')
    return data[:33] + chunk(b'iCCP', b'x' * 100, 0xF000_0000) + data[33:]


def jpeg():
    data = encoded('.jpg')
    at = data.index(b'\xff\xc0') + 5
    return data[:at] + struct.pack('>HH', 65_535, 65_535) + data[at + 4:]


def bmp():
    data = bytearray(encoded('.bmp'))
    data[18:26] = struct.pack('<ii', HUGE, HUGE)
    return bytes(data)


def tiff():
    """Every entry of its table that gives the width or height."""
    data = bytearray(encoded('.tiff'))
    table, = struct.unpack_from('<I', data, 4)
    for entry in range(struct.unpack_from('<H', data, table)[0]):
        at = table + 2 + 12 * entry
        if struct.unpack_from('<H', data, at)[0] in (256, 257):
            data[at + 2:at + 12] = struct.pack('<HII', 4, 1, HUGE)
    return bytes(data)


def webp():
    """The extended header has 24 bits for each side."""
    body = b'VP8X' + struct.pack('<I', 10) + bytes(4) + (HUGE - 1).to_bytes(3, 'little') * 2
    data = encoded('.webp')
    return b'RIFF' + struct.pack('<I', len(data) - 8 + len(body)) + b'WEBP' + body + data[12:]


class Cost(Peak):
    """Seconds, and megabytes by which the process grew at most."""

    def __enter__(self):
        self._started = time.perf_counter()
        return super().__enter__()

    def __exit__(self, *error):
        self.seconds = time.perf_counter() - self._started
        super().__exit__(*error)


@pytest.fixture(scope='module', autouse=True)
def warm():
    """The first picture of each kind loads a library."""
    for suffix in image_files.SUFFIXES:
        image_files.decode_image(encoded(suffix))


@pytest.mark.parametrize('make, line', [
    (lambda: png_header(HUGE, HUGE), 'too large'), (png_chunk, 'a damaged picture'),
    (png_profile, 'damaged picture|not a picture'),
    (jpeg, 'too large'), (bmp, 'too large'), (tiff, 'too large'), (webp, 'too large')],
    ids=['png', 'png_chunk', 'png_profile', 'jpeg', 'bmp', 'tiff', 'webp'])
def test_pictures(make, line, request):
    data = make()
    with Cost() as cost, pytest.raises(ImageFileError, match=line):
        image_files.decode_image(data)
    assert cost.seconds < 0.1 and cost.megabytes < 20
    name = request.node.callspec.id
    side = 65_535 if name == 'jpeg' else HUGE
    what = 'a chunk of 4 GB' if name.startswith('png_') else f'{side:,} x {side:,} pixels'
    note(f'a {name.partition("_")[0].upper()} that announces {what}', f'{len(data):,} bytes', 1,
         f'refused in {cost.seconds * 1e3:.1f} ms, {cost.megabytes:.0f} MB')


@pytest.mark.parametrize('suffix', ['.bmp', '.tiff', '.webp'])
def test_only_jpeg_and_png_are_decoded_from_the_network(suffix):
    with pytest.raises(images.ImageMessageError, match='not a picture .* expected JPEG or PNG'):
        images.decode_compressed_image(CompressedImage(format='jpeg', data=array.array('B', encoded(suffix))))


def test_raw_images_with_little_data():
    sizes = [(HUGE, HUGE, 'too large'), (2**32 - 1, 1, 'too large'), (16384, 8640, 'data holds 3 bytes')]
    with Cost() as cost:
        for encoding in images.ENCODINGS:
            for width, height, line in sizes:
                msg = Image(width=width, height=height, encoding=encoding, step=min(width * 8, 2**32 - 1),
                            data=array.array('B', b'abc'))
                with pytest.raises(images.ImageMessageError, match=line):
                    images.decode_image(msg)
    count = len(sizes) * len(images.ENCODINGS)
    assert cost.seconds < 1.0 and cost.megabytes < 20
    note('a raw image that announces 100,000 x 100,000 pixels and has three bytes', 'every encoding, three sizes',
         count,
         f'refused in {cost.seconds / count * 1e3:.2f} ms each, {cost.megabytes:.0f} MB')


# Videos

def avi(path, width, height):
    """Motion JPEG whose frames and headers announce this size."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 30, (64, 48))
    for _ in range(3):
        writer.write(SMALL)
    writer.release()
    data = bytearray(path.read_bytes())
    at = data.find(b'\xff\xc0\x00\x11\x08')
    while at >= 0:
        data[at + 5:at + 9] = struct.pack('>HH', height, width)
        at = data.find(b'\xff\xc0\x00\x11\x08', at + 1)
    at = data.index(b'strf')
    data[at + 12:at + 20] = struct.pack('<II', width, height)
    path.write_bytes(bytes(data))


@pytest.mark.parametrize('size', [(16_000, 16_000), (65_500, 4_000), (65_500, 65_500)])
def test_videos(tmp_path, size, capfd):
    path = tmp_path / 'huge.avi'
    avi(path, *size)
    source, = image_sources.collect_sources([path])
    with Cost() as cost:
        frames = list(source.frames())
    capfd.readouterr()  # FFmpeg says what it thinks of each frame
    assert [frame.image for frame in frames] == [None] and frames[0].error
    assert cost.seconds < 1.0 and cost.megabytes < 50
    note(f'a video that announces {size[0]:,} x {size[1]:,} pixels', f'Motion JPEG, {path.stat().st_size:,} bytes', 1,
         f'refused in {cost.seconds * 1e3:.0f} ms, {cost.megabytes:.0f} MB')


def test_a_video_that_grows_on_the_way(tmp_path, capfd):
    path = tmp_path / 'grows.avi'
    avi(path, 64, 48)
    data = bytearray(path.read_bytes())
    second = data.index(b'\xff\xc0\x00\x11\x08', data.index(b'\xff\xc0\x00\x11\x08') + 1)
    data[second + 5:second + 9] = struct.pack('>HH', 65_500, 65_500)
    path.write_bytes(bytes(data))
    source, = image_sources.collect_sources([path])
    with Cost() as cost:
        frames = list(source.frames())
    assert [frame.image is not None for frame in frames] == [True, True, False] and frames[-1].missing == 1
    assert cost.seconds < 1.0 and cost.megabytes < 50 and capfd.readouterr().err == ''


def test_a_list_of_addresses_called_a_video_reaches_nobody(tmp_path, capfd):
    """FFmpeg knows playlists; a file must not make this machine call others."""
    called = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            called.append(self.path)
            self.send_error(404)

    server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f'http://127.0.0.1:{server.server_port}/x.ts'
    lists = {'hls': f'#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{address}\n#EXT-X-ENDLIST\n',
             'concat': f"ffconcat version 1.0\nfile '{address}'\n", 'sdp': 'v=0\no=- 0 0 IN IP4 127.0.0.1\n'}
    try:
        for name, text in lists.items():
            path = tmp_path / f'{name}.mp4'
            path.write_text(text)
            source, = image_sources.collect_sources([path])
            frames = list(source.frames())
            assert [frame.image for frame in frames] == [None]
    finally:
        server.shutdown()
    capfd.readouterr()
    assert called == []
    note('a playlist called .mp4', 'HLS and concat lists of an address on this machine', len(lists),
         'no video, and nobody is called')


# Files

def test_a_picture_file_that_is_none(tmp_path):
    with pytest.raises(ImageFileError, match='no file, but a folder or a device'):
        image_files.read_image(Path('/dev/zero'))
    large = tmp_path / 'large.png'
    with large.open('wb') as stream:
        stream.truncate(image_files.MAX_FILE_BYTES + 1)
    with pytest.raises(ImageFileError, match='too large: 1073741825 bytes'):
        image_files.read_image(large)
