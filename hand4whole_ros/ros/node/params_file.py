"""Parameter files, checked before they are passed to ROS's own parser.

The time that rcl's parser takes grows with the square of a file's content: three megabytes of parameters, or half
a megabyte of nested braces, keep a node from starting for minutes, without a message. Every file is therefore checked
first. The check ends where a limit is exceeded.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from .parameter_table import ParameterError

#: Limits of one file. The parameters of a whole robot have some ten thousand bytes and five hundred values.
MAX_BYTES = 1_000_000
MAX_VALUES = 10_000
#: Maximum depth: namespaces, node, ros__parameters, groups of parameters and an array in them.
MAX_DEPTH = 20

_EXPECTED_FORM = "'/**:' or the name of a node, below it 'ros__parameters:', below that the parameters"
_SECTION = 'ros__parameters'


def paths_from_arguments(arguments: Sequence[str]) -> list[Path]:
    """The files that ROS arguments name, in the order in which they are read."""
    return [Path(following) for word, following in zip(arguments, arguments[1:]) if word == '--params-file']


def check_params_file(path: Path) -> None:
    """Check that a file contains parameters, within the limits. Raises ParameterError, in one line."""
    read_text_sections(path)


def read_text_sections(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Names of nodes, absolute, possibly with wildcards, and their parameters, in the file's order; values are text.

    Raises ParameterError, in one line.
    """
    try:
        found = yaml.load(_read_limited(path), Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise ParameterError(f'parameter file {path}: no YAML: {_format_yaml_error(error)}') from None
    _check_form(found, path)
    return _iterate_sections(found or {})


def read_sections(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """The same with values of their own types, for programs that do not get them from ROS."""
    check_params_file(path)
    try:
        return _iterate_sections(yaml.safe_load(path.read_bytes()) or {})
    except (OSError, ValueError, yaml.YAMLError) as error:     # ValueError: a number of a thousand digits
        raise ParameterError(f'parameter file {path}: {_format_yaml_error(error)}') from None


def _read_limited(path):
    """The bytes of the file."""
    try:
        if path.exists() and not path.is_file():
            raise ParameterError(f'parameter file {path}: no file, but a folder or a device')
        with path.open('rb') as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ParameterError(f'parameter file {path}: cannot be read: {error.strerror}') from None
    if len(data) > MAX_BYTES:
        raise ParameterError(f'parameter file {path}: larger than {MAX_BYTES / 1e6:g} MB')
    values = depth = 0
    for event in yaml.parse(data, Loader=yaml.BaseLoader):
        if isinstance(event, yaml.AliasEvent):
            raise ParameterError(f'parameter file {path}: line {event.start_mark.line + 1} repeats another part '
                                 f'(*{event.anchor[:60]}), which ROS does not support: write it out')
        values += isinstance(event, yaml.ScalarEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise ParameterError(f'parameter file {path}: line {event.start_mark.line + 1} is nested deeper than '
                                 f'{MAX_DEPTH} levels')
        if values > MAX_VALUES:
            raise ParameterError(f'parameter file {path}: more than {MAX_VALUES} names and values')
    return data


def _iterate_sections(found, name=''):
    """Namespaces may be nested: {'robot': {'hand4whole': ...}} is '/robot/hand4whole'."""
    result = []
    for key, inner in found.items():
        if key == _SECTION:
            result.append((name, _flatten(inner)))
        else:
            result += _iterate_sections(inner, f'{name}/{str(key).strip("/")}')
    return result


def _flatten(values, prefix=''):
    """Groups of parameters as ROS names them: {'a': {'b': 1}} is {'a.b': 1}."""
    flat = {}
    for name, value in values.items():
        flat.update(_flatten(value, f'{prefix}{name}.') if isinstance(value, dict) else {f'{prefix}{name}': value})
    return flat


def _check_form(found, path, section=''):
    """All content has to be in the ros__parameters of some node; a file of comments alone is accepted."""
    if found is None and not section:
        return
    if not isinstance(found, dict):
        kind = 'a list' if isinstance(found, list) else repr(str(found)[:60])
        raise ParameterError(f'parameter file {path}: {f"{section[:60]} holds " if section else ""}{kind}, expected '
                             f'{_EXPECTED_FORM}')
    for name, inner in found.items():
        if name != _SECTION:
            _check_form(inner, path, name)
        elif not section:
            raise ParameterError(f'parameter file {path}: {_SECTION} of no node, expected {_EXPECTED_FORM}')
        elif not isinstance(inner, dict):
            raise ParameterError(f'parameter file {path}: {_SECTION} of {section[:60]} holds no parameters')


def _format_yaml_error(error):
    """One line, without an excerpt of the file."""
    mark, problem = getattr(error, 'problem_mark', None), getattr(error, 'problem', None)
    if mark is not None and problem:
        hint = '; a name with * at its beginning needs quotes, and that of every node is /**'
        return (f'line {mark.line + 1}, column {mark.column + 1}: {problem}'
                + hint * (getattr(error, 'context', None) == 'while scanning an alias'))
    return ' '.join(str(error).split())[:200]
