"""What somebody gave for a bag, in words, and the command that goes on from there."""

from __future__ import annotations

from pathlib import Path

from ..file_kind import (
    ARCHIVE, EMPTY, HTML, LFS, METADATA, PICTURE, ROS1, SQLITE_WAL, VIDEO, ZEROS, recognise)
from .bag_error import quoted

EXPECTED = 'expected a rosbag2 folder with metadata.yaml, or a file .mcap or .db3'

#: What unpacks an archive, by the last suffix of its name.
_UNPACKERS = {'.zip': 'unzip', '.gz': 'gunzip -k', '.bz2': 'bunzip2 -k', '.xz': 'unxz -k', '.lz4': 'lz4 -d',
              '.tgz': 'tar xf', '.tar': 'tar xf', '.7z': '7z x', '.rar': 'unrar x'}

#: Files of a folder that are looked at to say what it holds.
_MOST_LOOKED_AT = 200


def file_advice(path: Path) -> str:
    """What a file is that is no bag, and what to do; to stand behind its path. Raises OSError."""
    kind = recognise(path)
    name = quoted(path)
    advice = {
        ROS1: f'convert it with `rosbags-convert --src {name} --dst {quoted(path.with_suffix(""))}`',
        ARCHIVE: f'unpack it with `{_unpacker(path)} {name}`',
        LFS: f'fetch it with `git lfs pull --include {quoted(path.name)}`',
        HTML: 'the download went wrong; download it again',
        EMPTY: 'nothing was recorded or copied; record or copy it again',
        ZEROS: 'it was reserved on the disk and never written; copy it again from where it was recorded',
        METADATA: f'give the folder, {quoted(path.parent)}',
        SQLITE_WAL: f'give the .db3 file beside it, {quoted(path.with_name(path.name.removesuffix("-wal")))}',
        PICTURE: f'`hand4whole estimate {name} --overlay OUT` takes pictures',
        VIDEO: f'`hand4whole replay VIDEO --output OUT` takes videos{_renamed(path, kind.words)}'}
    return f'{kind.words}, not a bag: {advice.get(kind.family, EXPECTED)}'


def _unpacker(path):
    if path.name.endswith(('.tar.gz', '.tar.bz2', '.tar.xz')):
        return 'tar xf'
    return _UNPACKERS.get(path.suffix, 'tar xf')


def _renamed(path, words):
    """A video is known by its suffix."""
    for word, suffix in (('MP4', '.mp4'), ('QuickTime', '.mov'), ('AVI', '.avi'), ('Matroska', '.mkv')):
        if word in words and path.suffix.lower() not in ('.mp4', '.m4v', '.mov', '.avi', '.mkv', '.webm'):
            return f'; rename this one to {quoted(path.with_suffix(suffix).name)}'
    return ''


def folder_advice(path: Path) -> str:
    """The same of a folder that is no bag. Raises OSError."""
    inside = sorted(path.iterdir())
    if not inside:
        return f'an empty folder, not a bag: {EXPECTED}'
    name = quoted(path)
    bags = [file.name for file in inside if (file / 'metadata.yaml').exists()]
    if bags:
        return f'a folder of {len(bags)} bags, not a bag: give one of them, {bags[0]} for example'
    by_family: dict[str, list[Path]] = {}
    for file in inside[:_MOST_LOOKED_AT]:
        kind = recognise(file)
        by_family.setdefault(kind.family, []).append(file)
    advice = {
        ROS1: 'convert each with `rosbags-convert --src BAG --dst FOLDER`',
        PICTURE: f'`hand4whole estimate {name} --overlay OUT` takes pictures',
        VIDEO: f'`hand4whole replay {name} --output OUT` takes videos',
        ARCHIVE: 'unpack them first', LFS: 'fetch them with `git lfs pull`',
        SQLITE_WAL: 'copy the .db3 file itself as well'}
    for family, what in advice.items():
        if family in by_family:
            first = by_family[family][0]
            return f'a folder, not a bag; it holds {first.name}, {recognise(first).words}: {what}'
    return f'a folder without metadata.yaml and without files .mcap or .db3, not a bag: {EXPECTED}'
