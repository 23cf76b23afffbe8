"""Descriptions of paths that are no bags, with the command to use instead."""

from __future__ import annotations

from pathlib import Path

from ...media.file_kind import (
    ARCHIVE,
    EMPTY,
    HTML,
    IMAGE,
    LFS,
    METADATA,
    ROS1,
    SQLITE_WAL,
    VIDEO,
    ZEROS,
    FileKind,
    recognise_file,
)
from .errors import quote_path

EXPECTED_INPUT = 'expected a folder with metadata.yaml, or a file .mcap or .db3'

#: Last suffix of an archive's name -> the command that unpacks it.
_UNPACKERS = {'.zip': 'unzip', '.gz': 'gunzip -k', '.bz2': 'bunzip2 -k', '.xz': 'unxz -k', '.lz4': 'lz4 -d',
              '.7z': '7z x', '.rar': 'unrar x'}

_VIDEO_SUFFIXES = {'MP4': '.mp4', 'QuickTime': '.mov', 'AVI': '.avi', 'Matroska': '.mkv'}

#: Maximum number of files of a folder that are read to describe its content.
_MAX_INSPECTED_FILES = 200


def format_not_a_bag(path: Path) -> str:
    """The error line about a path that is no bag. Raises OSError."""
    what, step = diagnose_path(path)
    return f'{path}: {what}, not a rosbag2 bag: {step or EXPECTED_INPUT}'


def diagnose_path(path: Path) -> tuple[str, str]:
    """What a file or folder is that is no bag, and the remedy; '' if unknown. Raises OSError."""
    return _diagnose_folder(path) if path.is_dir() else _diagnose_file(path, recognise_file(path))


def _diagnose_file(path, kind: FileKind):
    name = quote_path(path)
    return kind.words, {
        ROS1: f'convert it with `{_conversion_command(path)}`',
        ARCHIVE: f'unpack it with `{_unpack_command(path)} {name}`',
        LFS: f'fetch it with `git lfs pull --include {quote_path(path.name)}`',
        HTML: 'the download failed; download it again',
        EMPTY: 'nothing was recorded or copied; record or copy it again',
        ZEROS: 'room was reserved on the disk and never written; copy it again from where it was recorded',
        METADATA: f'give its folder, {quote_path(path.parent)}',
        SQLITE_WAL: f'give the database beside it, {quote_path(path.with_name(path.name.removesuffix("-wal")))}',
        IMAGE: f'`hand4whole estimate {name} --overlay OUT` takes pictures',
        VIDEO: f'`hand4whole replay VIDEO --output OUT` takes videos{_suggest_rename(path, kind)}'}.get(kind.family, '')


def _conversion_command(path):
    """rosbags-convert recognises ROS 1 by the suffix .bag, and writes only to paths that do not exist yet."""
    source, target = path.with_suffix('.bag'), path.with_suffix('')
    rename = '' if source == path else f'mv {quote_path(path)} {quote_path(source)} && '
    if target.exists() or target == path:
        target = path.with_name(f'{path.stem}_ros2')
    return f'{rename}rosbags-convert --src {quote_path(source)} --dst {quote_path(target)}'


def _unpack_command(path):
    return 'tar xf' if '.tar' in path.suffixes else _UNPACKERS.get(path.suffix, 'tar xf')


def _suggest_rename(path, kind):
    """A video is recognised by its suffix."""
    for word, suffix in _VIDEO_SUFFIXES.items():
        if word in kind.words and path.suffix.lower() not in ('.m4v', '.webm', *_VIDEO_SUFFIXES.values()):
            return f'; rename this one to {quote_path(path.with_suffix(suffix).name)}'
    return ''


def _diagnose_folder(path):
    inside = sorted(path.iterdir())
    if not inside:
        return 'an empty folder', ''
    bags = [file.name for file in inside if (file / 'metadata.yaml').exists()]
    if bags:
        return f'a folder of {len(bags)} bags', f'give one of them, {quote_path(path / bags[0])} for example'
    steps = {
        ROS1: 'convert each with `rosbags-convert --src BAG --dst FOLDER`', ARCHIVE: 'unpack them first',
        LFS: 'fetch its files with `git lfs pull`', SQLITE_WAL: 'copy the .db3 file itself as well',
        IMAGE: f'`hand4whole estimate {quote_path(path)} --overlay OUT` takes pictures',
        VIDEO: f'`hand4whole replay {quote_path(path)} --output OUT` takes videos'}
    files = [(file.name, recognise_file(file)) for file in inside[:_MAX_INSPECTED_FILES] if file.is_file()]
    for family, step in steps.items():
        for name, kind in files:
            if kind.family == family:
                return f'a folder with {name}, {kind.words}', step
    return 'a folder without metadata.yaml and without files .mcap or .db3', ''
