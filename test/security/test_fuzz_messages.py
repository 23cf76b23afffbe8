"""Random bytes, lengths and headers in everything that the node reads from the network."""

import array
import math
import random
import resource
import struct
import time

import cv2
import numpy as np
import pytest
from builtin_interfaces.msg import Time
from fault_figures import note
from rclpy.serialization import serialize_message
from ros_peer import NodeProcess, Peer, namespace
from scripted_node import picture
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, RegionOfInterest
from std_msgs.msg import Header

from hand4whole_ros.ros.conversions.camera_state import MAX_REMARKS, CameraState
from hand4whole_ros.ros.conversions.images import ENCODINGS, ImageMessageError
from hand4whole_ros.ros.conversions.raw_image import RawImage, decode_image_message

SEEDS = (1, 2)
IMAGES, CAMERAS, SENT = 5000, 2000, 300
_LIMITS = (0, 1, 2, 3, 64, 255, 2**31 - 1, 2**31, 2**32 - 1)
_NOISE = np.random.default_rng(0).integers(0, 255, (32, 48, 3), dtype=np.uint8)
_PICTURES = [cv2.imencode(suffix, _NOISE)[1].tobytes() for suffix in ('.jpg', '.png')]
_LONG = ''.join(map(chr, range(1, 3000)))


class Fuzz:
    """Messages that a camera should never send; the same ones for the same seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def number(self):
        """Of 32 bits without sign."""
        return self.random.choice((*_LIMITS, self.random.randrange(2**32), self.random.randrange(4000)))

    def text(self):
        """An encoding, or anything."""
        start = self.random.randrange(len(_LONG))
        return self.random.choice((*ENCODINGS, _LONG[start:start + self.random.choice((0, 1, 30, 3000))]))

    def header(self):
        """Names and stamps."""
        stamp = Time(sec=self.random.choice((0, 1, -1, 2**31 - 1, -2**31, self.random.randrange(2**31))),
                     nanosec=self.number())
        return Header(stamp=stamp, frame_id=self.random.choice(('', 'camera', '/camera', self.text())))

    def data(self, most):
        """Up to so many random bytes."""
        return array.array('B', self.random.randbytes(self.random.randrange(most)))

    def damaged(self, data):
        """The same bytes, some of them changed, and sometimes cut short."""
        data = bytearray(data)
        for _ in range(self.random.randrange(1, 12)):
            data[self.random.randrange(len(data))] = self.random.randrange(256)
        return bytes(data[:self.random.randrange(1, len(data) + 1)] if self.random.random() < 0.3 else data)

    def image(self):
        """Sizes that fit nothing, and sometimes do."""
        width, height = self.random.randrange(1, 64), self.random.randrange(1, 48)
        if self.random.random() < 0.3:
            width, height = self.number(), self.number()
        step = self.random.choice((width, 2 * width, 3 * width, 4 * width, 8 * width, self.number())) % 2**32
        return Image(header=self.header(), width=width, height=height, encoding=self.text(), step=step,
                     is_bigendian=self.random.randrange(256), data=self.data(self.random.choice((2, 100, 20000))))

    def compressed(self):
        """Damaged pictures and what never was one."""
        data = array.array('B', self.damaged(self.random.choice(_PICTURES)))
        return CompressedImage(header=self.header(), format=self.text(),
                               data=data if self.random.random() < 0.8 else self.data(2000))

    def wire(self, message):
        """A message as it comes from the network: as it is, damaged, or bytes that never were one."""
        kind = self.random.random()
        if kind < 0.5:
            return bytes(serialize_message(message))
        if kind < 0.7:
            return self.damaged(bytes(serialize_message(message)))
        return (b'' if kind < 0.85 else b'\0\1\0\0') + self.random.randbytes(self.random.randrange(600))

    def real(self):
        """A float64 of any kind."""
        return self.random.choice((
            0.0, -1.0, 300.0, 159.5, 1e-300, 1e300, -1e30, math.nan, math.inf, self.random.uniform(-5, 5),
            self.random.uniform(0, 1000), struct.unpack('<d', self.random.randbytes(8))[0]))

    def camera(self):
        """A calibration of nothing."""
        pick = self.random.choice
        k = [pick((300.0, self.real())), 0.0, pick((159.5, self.real())),
             0.0, pick((300.0, self.real())), pick((119.5, self.real())), 0.0, 0.0, 1.0]
        return CameraInfo(
            header=self.header(), width=pick((320, self.number())), height=pick((240, self.number())),
            distortion_model=pick(('plumb_bob', 'rational_polynomial', 'equidistant', '', _LONG)),
            d=[self.real() for _ in range(pick((0, 3, 4, 5, 8, 12, 14)))],
            k=k, p=[*k[:3], 0.0, *k[3:6], 0.0, *k[6:], 0.0],
            binning_x=pick((0, 1, 2, self.number())), binning_y=pick((0, 1, 2, self.number())),
            roi=RegionOfInterest(**{name: pick((0, self.number())) for name in (
                'x_offset', 'y_offset', 'width', 'height')}))


@pytest.mark.parametrize('seed', SEEDS)
def test_an_image_is_a_picture_or_one_line(seed, capfd):
    fuzz, good, slowest = Fuzz(seed), 0, 0.0
    for message in (CompressedImage(data=array.array('B', _PICTURES[0])),
                    Image(width=1, height=1, step=3, encoding='rgb8', data=array.array('B', bytes(3)))):
        # The first of each kind loads libraries.
        decode_image_message(
            RawImage(bytes(serialize_message(message)), isinstance(message, CompressedImage), 1), print
        )
    memory, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    for k in range(IMAGES):
        compressed = k % 2 == 1
        data = fuzz.wire(fuzz.compressed() if compressed else fuzz.image())
        before = time.perf_counter()
        try:
            header, image = decode_image_message(RawImage(data, compressed, 1), lambda remark: None)
        except ImageMessageError as error:
            assert len(str(error)) < 700 and str(error).isprintable(), f'seed {seed}, message {k}: {error!r}'
        else:
            assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3 and image.flags.c_contiguous
            assert 0 < len(header.frame_id) < 256 and header.stamp.sec >= 0
            good += 1
        slowest = max(slowest, time.perf_counter() - before)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024
    seconds = time.perf_counter() - started
    capfd.readouterr()  # libjpeg, libpng and Fast CDR each say a word about each damage
    # The decoders may refuse all of it; but some of it is still a picture.
    assert 0 < good < IMAGES / 2 and slowest < 1.0 and grown < 200
    note('images of random bytes, lengths and headers', f'Image and CompressedImage as serialised bytes, half of them '
         f'damaged after that (seed {seed})', IMAGES, f'{IMAGES - good} refused with one line, {good} still a picture; '
         f'the slowest took {slowest * 1e3:.0f} ms; memory grew by {grown:.0f} MB; {seconds:.1f} s in all')


@pytest.mark.parametrize('seed', SEEDS)
def test_a_camera_info_is_a_camera_or_a_fallback(seed):
    fuzz, said, slowest, calibrated = Fuzz(seed), [], 0.0, 0
    state = CameraState(said.append)
    points = np.array([[0, 0, 2.0], [1, 1, 2], [-3, 2, 1], [5, 5, 0.001]])
    for k in range(CAMERAS):
        info, before = fuzz.camera(), time.perf_counter()
        state.update(info)
        camera = state.for_image(320, 240, k % 3 == 0, fallback_fov_deg=60.0, now=0.0, timeout=0.0)
        pixels, rays = camera.project(points), camera.normalize(np.array([[0, 0], [319, 239], [160, 120.0]]))
        slowest = max(slowest, time.perf_counter() - before)
        assert (camera.width, camera.height) == (320, 240) and np.isfinite(pixels).all() and np.isfinite(rays).all(), (
            f'seed {seed}, message {k}: {info}')
        calibrated += camera.calibrated
    assert len(said) == MAX_REMARKS and all(len(line) < 400 and line.isprintable() for line in said)
    assert 0 < calibrated < CAMERAS and slowest < 0.5
    note('camera_info of random numbers', f'focal lengths, centres, coefficients, sizes, regions and binning from NaN '
         f'to 2^32 (seed {seed})', CAMERAS, f'{calibrated} could be a camera, {CAMERAS - calibrated} gave way to the '
         f'assumed field of view; all project finitely; {MAX_REMARKS} lines in the log; the slowest took '
         f'{slowest * 1e3:.0f} ms')


@pytest.mark.parametrize('transport', ['raw', 'compressed'])
def test_the_node_lives_through_all_of_it(tmp_path, transport):
    name, fuzz = namespace(), Fuzz(SEEDS[0])
    node = NodeProcess(tmp_path, name, camera_info_timeout=0.0, diagnostics_period=0.2, hold_time=0.0,
                       image_transport=transport)
    peer = Peer(name, diagnostics=True)
    topic, kind = ('image', Image) if transport == 'raw' else ('image/compressed', CompressedImage)
    image, info = peer.publisher(kind, topic), peer.publisher(CameraInfo, 'camera_info')
    jpeg = cv2.imencode('.jpg', picture(1)[..., ::-1])[1].tobytes()

    def answer():
        good = CompressedImage(format='jpeg', data=array.array('B', jpeg))
        good.header.frame_id = peer.frame   # no random image bears it
        for _ in range(100):
            good.header.stamp.sec, good.header.stamp.nanosec = peer.stamp()
            image.publish(good) if transport == 'compressed' else peer.show(picture(1))
            if peer.until(lambda: any(got.header.frame_id == peer.frame for got in peer.got['poses']), 0.2):
                return peer.got['poses'].pop()
        raise AssertionError(node.log()[-2000:])

    try:
        assert node.says('waiting for images', 60), node.log()
        answer()
        peer.got['poses'].clear()
        assert peer.until(info.get_subscription_count)
        for k in range(SENT):
            image.publish(fuzz.wire(fuzz.image() if transport == 'raw' else fuzz.compressed()))
            if k % 2:
                info.publish(fuzz.wire(fuzz.camera()))
            peer.spin(0.003)
        peer.spin(0.3)
        peer.got['poses'].clear()
        assert len(answer().poses) == 1
        refused = int(peer.fresh_value('frames dropped: unusable'))
        assert refused > SENT / 4 and node.process.poll() is None
        assert 'Traceback' not in node.log() and 'a callback failed' not in node.log(), node.log()
        lines = len(node.log().splitlines())
        note(f'random bytes into a running node, {transport}', 'serialised bytes published as image and camera_info '
             f'over Fast DDS, 300 a second (seed {SEEDS[0]})', SENT + SENT // 2,
             f'{refused} images refused, the rest overtaken by newer ones; {lines} lines in the log; a good image '
             'afterwards gives its pose')
    finally:
        peer.close()
        code, _ = node.stop()
    assert code == 0
