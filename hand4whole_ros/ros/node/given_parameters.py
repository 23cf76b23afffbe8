"""Which of the given parameters are for this node, and remarks on the others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from . import parameter_table, params_file
from .parameter_table import Settings, is_known_parameter, suggest_name

_Table = TypeVar('_Table', bound=parameter_table.ParameterTable)

#: Maximum number of names in a line.
_MAX_LISTED_NAMES = 5

#: `-p name:=value` and `-p node:name:=value`.
_ASSIGNMENT = re.compile(r'(?:(?P<node>[^:]+):)?(?P<name>[^:]+):=')


@dataclass
class ParameterOverrides:
    """Parameters for one node in parameter files and arguments."""

    #: Name -> value, of files: the last one wins, as in ROS.
    values: dict[str, Any] = field(default_factory=dict)
    #: Names that are given to this node alone. Others are given by wildcards, and may be for other nodes.
    named: list[str] = field(default_factory=list)
    #: Lines for the user.
    remarks: list[str] = field(default_factory=list)


def overrides_from_files(
    paths: Iterable[Path], node: str, settings: Settings, read=params_file.read_sections
) -> ParameterOverrides:
    """For the node of this full name, such as '/robot/hand4whole'. Raises ParameterError for a bad file."""
    given = ParameterOverrides()
    for path in paths:
        sections = read(path)
        matching = [(name, values) for name, values in sections if section_matches_node(name, node)]
        for name, values in matching:
            given.values.update(values)
            if '*' not in name:
                given.named += values
            elif unknown := [parameter for parameter in values if not is_known_parameter(parameter, settings)]:
                given.remarks.append(f'parameter file {path}: under {name} are parameters that this node does not have '
                                     f'and leaves alone: {_format_unknown_names(unknown, settings)}')
        if sections and not matching:
            others = list(dict.fromkeys(_printable_name(name) for name, _ in sections))
            given.remarks.append(f'parameter file {path}: nothing in it is for this node, {node}, but for '
                                 f'{_limit_names(others)}: write {node[1:]}: or /**: there')
    return given


def overrides_from_arguments(
    arguments: Sequence[str], node: str, settings: Settings
) -> ParameterOverrides:
    """The same from ROS arguments, including those of `-p`; values are text, parsed by ROS."""
    given = overrides_from_files(
        params_file.paths_from_arguments(arguments), node, settings, params_file.read_text_sections
    )
    for word, following in zip(arguments, arguments[1:]):
        found = _ASSIGNMENT.match(following) if word in ('-p', '--param') else None
        if found and (found['node'] is None or f'/{found["node"]}' == node):
            given.named.append(found['name'])
    return given


def section_matches_node(section: str, node: str) -> bool:
    """Whether a section of a file is for a node, by rcl's rules: * is one name, ** any number of them."""
    names, reached = node.split('/')[1:], {0}       # of the node's names, how many may have been used up
    for part in section.split('/')[1:]:
        if part == '**':
            reached = set(range(min(reached), len(names) + 1))
        else:
            reached = {k + 1 for k in reached if k < len(names) and part in ('*', names[k])}
        if not reached:
            return False
    return len(names) in reached


def _format_unknown_names(names: Sequence[str], settings):
    """Likely misspellings first, with the parameter that may have been intended."""
    hints = {name: f'{_printable_name(name)} (did you mean {near}?)' for name in names[:1000]
             if (near := suggest_name(name, settings))}
    return _limit_names([*hints.values(), *(_printable_name(name) for name in names if name not in hints)])


def _limit_names(texts):
    more = len(texts) - _MAX_LISTED_NAMES
    return ', '.join(texts[:_MAX_LISTED_NAMES]) + (f' and {more} more' if more > 0 else '')


def _printable_name(name):
    return name[:60] if name.isprintable() else repr(name[:60])


def declare_given_parameters(node: Any, table: type[_Table], arguments: Sequence[str]) -> _Table:
    """Declare a table on a node, with the values that ROS was given; they cannot change afterwards. Raises
    ParameterError if one is wrong.

    arguments: the ROS arguments; a parameter in them that is not in the table is an error.
    """
    given = overrides_from_arguments(arguments, node.get_fully_qualified_name(), table.settings())
    parameter_table.check_names(given.named, table.settings())
    parameters = parameter_table.declare_parameters(node, table)
    parameter_table.refuse_changes(node, parameters)
    for remark in given.remarks:
        node.get_logger().warning(remark)
    return parameters
