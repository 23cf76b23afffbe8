"""A table of settings as the parameters of a ROS node: declared, described and checked.

A value of the wrong type or range and a name that is not in the table are rejected with one line that names the
parameter. Every node has a table of its own, derived from `ParameterTable`.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import math
import re
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

from ...config import Setting, settings_of


class ParameterError(ValueError):
    """A parameter is wrong; the message is one line for the user."""


Settings = Mapping[str, Setting]
_Table = TypeVar('_Table', bound='ParameterTable')

#: Maximum characters of a text: the longest path in Linux. The log repeats it.
MAX_TEXT_LENGTH = 4096

_EXPECTED = {float: 'a number such as {}', int: 'a whole number such as {}', bool: 'true or false',
             tuple[float, float, float]: 'three numbers such as {}',
             tuple[str, ...]: "a list of names such as ['one', 'two']"}

#: Parameters that ROS itself sets on every node.
_ROS_PARAMETERS = ('use_sim_time', 'start_type_description_service')
_ROS_PARAMETER_PREFIX = 'qos_overrides.'


@dataclass(frozen=True)
class ParameterTable:
    """Base of a node's parameters: a frozen dataclass whose fields are made by config.setting.

    Types are str, Path | None, config.Choice, int, float, bool, tuple[float, float, float] and tuple[str, ...].
    """

    @classmethod
    @functools.cache
    def settings(cls) -> Settings:
        """Name -> setting, of those that are parameters, in the order of the table."""
        return MappingProxyType({name: one for name, one in settings_of(cls).items() if one.parameter})

    @classmethod
    def from_values(cls: type[_Table], values: Mapping[str, Any]) -> _Table:
        """Defaults overridden by `values`. Raises ParameterError at the first wrong one."""
        return cls().changed(values)

    def changed(self: _Table, values: Mapping[str, Any], *, running: bool = False) -> _Table:
        """A copy with `values`, each checked. `running`: static parameters may no longer change."""
        settings = self.settings()
        checked = {name: check_value(name, value, settings) for name, value in values.items()}
        for name, value in checked.items():
            if running and not settings[name].dynamic and value != getattr(self, name):
                raise ParameterError(self._static(name, value))
        return dataclasses.replace(self, **checked)

    def _static(self, name, value):
        return f'parameter {name} is read at the start: restart the node with {name}:={str(value)[:60]}'


def belongs_to_ros(name: str) -> bool:
    """Whether rclpy, not a table, declares and checks the parameter."""
    return name in _ROS_PARAMETERS or name.startswith(_ROS_PARAMETER_PREFIX)


def is_known_parameter(name: str, settings: Settings) -> bool:
    """Whether the node has this parameter, from its table or as every ROS node."""
    return name in settings or belongs_to_ros(name)


def suggest_name(name: str, settings: Settings) -> str | None:
    """The parameter that a misspelled name may stand for."""
    return next(iter(difflib.get_close_matches(name[:100], settings, n=1)), None)


def check_names(names: Iterable[str], settings: Settings) -> None:
    """Raises ParameterError at the first name that is no parameter of the node."""
    for name in names:
        if not is_known_parameter(name, settings):
            raise _unknown_name_error(name, settings)


def _unknown_name_error(name, settings):
    near = suggest_name(name, settings)
    hint = f'did you mean {near}?' if near else f"known are {', '.join(settings)}"
    return ParameterError(f'unknown parameter {name[:60]}: {hint}')


def check_value(name: str, value: Any, settings: Settings) -> Any:
    """`value` as the parameter's own type (an integer is accepted as a float), or ParameterError."""
    one = settings.get(name)
    if one is None:
        raise _unknown_name_error(name, settings)
    if one.is_text:
        return one.from_text(_check_text(one, value))
    if one.type not in (int, float, bool):
        return _check_tuple(one, value)
    if one.type is float and type(value) is int:
        value = float(value)
    if type(value) is not one.type:
        raise _type_error(one, value, _EXPECTED[one.type].format(one.default))
    if one.low is not None and one.high is not None and not (math.isfinite(value) and one.low <= value <= one.high):
        raise ParameterError(f'parameter {name}: expected {one.low:g} to {one.high:g}, found {value:g}')
    return value


def _type_error(one, value, expected):
    return ParameterError(f'parameter {one.name}: expected {expected}, found {reprlib.repr(value)} '
                          f'({type(value).__name__})')


def _check_text(one, value):
    """A text of limited length, one of the choices if there are any."""
    if not isinstance(value, str):
        raise _type_error(one, value, f"a string such as '{one.to_plain(one.default)}'")
    if len(value) > MAX_TEXT_LENGTH or not value.isprintable():
        raise ParameterError(f'parameter {one.name}: expected at most {MAX_TEXT_LENGTH} printable characters, found '
                             f'{reprlib.repr(value)} ({len(value)} characters)')
    if one.pattern and not re.fullmatch(one.pattern, value):
        raise ParameterError(f'parameter {one.name}: expected {one.pattern_meaning}, found {reprlib.repr(value)}')
    if one.choices and value not in one.choices:
        raise ParameterError(f"parameter {one.name}: expected one of {', '.join(one.choices)}, found "
                             f'{reprlib.repr(value)}')
    return value


def _check_tuple(one, value):
    """A list or array as a tuple of numbers or of texts, each checked."""
    expected = _EXPECTED[one.type].format(list(one.default))
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise _type_error(one, value, expected)
    items = list(value)
    if one.type == tuple[str, ...]:
        if not all(isinstance(item, str) and len(item) <= MAX_TEXT_LENGTH and item.isprintable() for item in items):
            raise ParameterError(f'parameter {one.name}: expected {expected}, found {reprlib.repr(items)}')
        return tuple(items)
    if len(items) != 3 or not all(type(item) in (int, float) and one.low <= item <= one.high for item in items):
        raise ParameterError(f'parameter {one.name}: expected {expected}, each {one.low:g} to {one.high:g}, found '
                             f'{reprlib.repr(items)}')
    return tuple(float(item) for item in items)


def declare_parameters(node, table: type[_Table]) -> _Table:
    """Declare a table on a node, with the values given to ROS. Raises ParameterError if one is wrong."""
    from rcl_interfaces.msg import ParameterDescriptor
    given, settings = {}, table.settings()
    for name, one in settings.items():
        given[name] = node.declare_parameter(
            name, one.to_plain(one.default), ParameterDescriptor(dynamic_typing=True)).value
        node.undeclare_parameter(name)
    parameters = table.from_values(given)
    for name, one in settings.items():
        node.declare_parameter(name, one.to_plain(getattr(parameters, name)), _descriptor(one), ignore_override=True)
    from ..compat import add_parameter_conversion
    add_parameter_conversion(node, lambda changes: [_with_own_type(one, settings) for one in changes])
    return parameters


def refuse_changes(node, parameters: ParameterTable) -> None:
    """Make a node whose parameters are all read at the start reject changes, by name."""
    from rcl_interfaces.msg import SetParametersResult

    def check(changes):
        try:
            parameters.changed({one.name: one.value for one in changes if not belongs_to_ros(one.name)}, running=True)
        except ParameterError as error:
            node.get_logger().warning(str(error))
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)
    node.add_on_set_parameters_callback(check)


def _with_own_type(parameter, settings):
    """The rclpy parameter that is to be set, as a double where the table has one: `ros2 param set` sends 10 as an
    integer, and readers of the parameter get the type that was sent.
    """
    from rclpy.parameter import Parameter
    one = settings.get(parameter.name)
    if one is None:
        return parameter
    if one.type is float and parameter.type_ == Parameter.Type.INTEGER:
        return Parameter(parameter.name, Parameter.Type.DOUBLE, float(parameter.value))
    if one.type == tuple[float, float, float] and parameter.type_ == Parameter.Type.INTEGER_ARRAY:
        return Parameter(parameter.name, Parameter.Type.DOUBLE_ARRAY, [float(number) for number in parameter.value])
    return parameter


def _descriptor(one):
    from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
    # Types are checked by check_value: rclpy's own message does not name the parameter.
    descriptor = ParameterDescriptor(
        description=one.description, dynamic_typing=True,
        additional_constraints=f"one of {', '.join(one.choices)}" if one.choices else '')
    if one.type is float:
        descriptor.floating_point_range = [FloatingPointRange(from_value=one.low, to_value=one.high, step=0.0)]
    if one.type is int:
        descriptor.integer_range = [IntegerRange(from_value=one.low, to_value=one.high, step=1)]
    return descriptor
