"""The type of a file by its first bytes, regardless of its name."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import NamedTuple

#: Families of files. MCAP, SQLITE and ZSTD may be a bag.
MCAP, SQLITE, SQLITE_WAL, ZSTD, ROS1, METADATA = 'mcap', 'sqlite', 'sqlite wal', 'zstd', 'ros1', 'metadata'
VIDEO, IMAGE, ARCHIVE, LFS, HTML = 'video', 'picture', 'archive', 'git lfs', 'html'
EMPTY, ZEROS, TEXT, SPECIAL, UNKNOWN = 'empty', 'zeros', 'text', 'special', 'unknown'

#: Number of bytes read to recognise a file.
HEAD_BYTES = 512

#: (offset, bytes there, family, description); the first match counts. Types that need more than fixed bytes are below.
_SIGNATURES = (
    (0, b'\x89MCAP0\r\n', MCAP, 'an MCAP file'),
    (0, b'SQLite format 3\0', SQLITE, 'an SQLite database'),
    (0, b'\x37\x7f\x06\x82', SQLITE_WAL, 'the write-ahead log of an SQLite database'),
    (0, b'\x37\x7f\x06\x83', SQLITE_WAL, 'the write-ahead log of an SQLite database'),
    (0, b'\x28\xb5\x2f\xfd', ZSTD, 'a zstd file'),
    (0, b'#ROSBAG V', ROS1, 'a ROS 1 bag'),
    (0, b'rosbag2_bagfile_information', METADATA, 'the metadata of a bag'),
    (0, b'version https://git-lfs', LFS, 'a Git LFS pointer instead of the file itself'),
    (0, b'PK\x03\x04', ARCHIVE, 'a zip archive'),
    (0, b'PK\x05\x06', ARCHIVE, 'an empty zip archive'),
    (0, b'\x1f\x8b', ARCHIVE, 'a gzip file'),
    (0, b'BZh', ARCHIVE, 'a bzip2 file'),
    (0, b'\xfd7zXZ\0', ARCHIVE, 'an xz file'),
    (0, b'\x04\x22\x4d\x18', ARCHIVE, 'an LZ4 file'),
    (0, b"7z\xbc\xaf'\x1c", ARCHIVE, 'a 7z archive'),
    (0, b'Rar!\x1a\x07', ARCHIVE, 'a RAR archive'),
    (257, b'ustar', ARCHIVE, 'a tar archive'),
    (0, b'\xff\xd8\xff', IMAGE, 'a JPEG picture'),
    (0, b'\x89PNG\r\n\x1a\n', IMAGE, 'a PNG picture'),
    (0, b'GIF8', IMAGE, 'a GIF picture'),
    (0, b'II*\0', IMAGE, 'a TIFF picture'),
    (0, b'MM\0*', IMAGE, 'a TIFF picture'),
    (8, b'WEBP', IMAGE, 'a WebP picture'),
    (4, b'ftyphei', IMAGE, 'a HEIF picture'),
    (4, b'ftypmif', IMAGE, 'a HEIF picture'),
    (4, b'ftypavi', IMAGE, 'an AVIF picture'),
    (4, b'ftypqt', VIDEO, 'a QuickTime video'),
    (4, b'ftyp', VIDEO, 'an MP4 video'),
    (4, b'moov', VIDEO, 'a QuickTime video'),
    (4, b'mdat', VIDEO, 'a QuickTime video'),
    (8, b'AVI LIST', VIDEO, 'an AVI video'),
    (0, b'\x1a\x45\xdf\xa3', VIDEO, 'a Matroska or WebM video'),
    (0, b'\x00\x00\x01\xba', VIDEO, 'an MPEG video'),
    (0, b'FLV\x01', VIDEO, 'an FLV video'),
    (0, b'\x30\x26\xb2\x75\x8e\x66\xcf\x11', VIDEO, 'a Windows Media video'),
    (0, b'OggS', VIDEO, 'an Ogg video'),
    (0, b'YUV4MPEG2 ', VIDEO, 'a raw video (Y4M)'))


class FileKind(NamedTuple):
    """The family of a file, and its description: 'a ROS 1 bag'."""

    family: str
    words: str


def recognise_file(path: Path) -> FileKind:
    """The type of a file; only regular files are opened. Raises OSError if it cannot be read."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        return FileKind(SPECIAL, 'a folder' if stat.S_ISDIR(mode) else 'no file, but a device, pipe or socket')
    with path.open('rb') as stream:
        head = stream.read(HEAD_BYTES)
        if head and not any(head) and not any(_last_bytes(stream)):
            return FileKind(ZEROS, 'a file of nothing but zeros')
    return _recognise_head(head)


def _last_bytes(stream):
    stream.seek(0, 2)
    stream.seek(max(stream.tell() - HEAD_BYTES, 0))
    return stream.read(HEAD_BYTES)


def _recognise_head(head):
    if not head:
        return FileKind(EMPTY, 'an empty file')
    for offset, signature, family, words in _SIGNATURES:
        if head[offset:offset + len(signature)] == signature:
            return FileKind(family, words)
    if head.lstrip()[:9].lower().startswith((b'<!doctype', b'<html')):
        return FileKind(HTML, 'a web page')
    if b'\0' not in head and not any(byte < 9 for byte in head):
        return FileKind(TEXT, 'a text file')
    return FileKind(UNKNOWN, 'a file of another kind')
