"""The node's parameters: one table of names, defaults, ranges and meanings.

The table is the dataclass `NodeParameters` itself. Declaration, checking, docs/reference/parameters.md and
config/estimate.yaml all follow it. A value of the wrong type or range and a name that is not in the
table are refused with one line that names the parameter. Other nodes have tables of their own, derived from
`ParameterTable`.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import reprlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


class ParameterError(ValueError):
    """A parameter is wrong; the message is the one line to show."""


def parameter(default, description: str, *, low=None, high=None, choices=(), dynamic=True):
    """A field of a ParameterTable. low, high: of numbers, also of each number of a tuple."""
    return field(default=default, metadata={
        'description': description, 'low': low, 'high': high, 'choices': choices, 'dynamic': dynamic})


_parameter = parameter


@dataclass(frozen=True)
class ParameterTable:
    """Base of a node's parameters: a frozen dataclass whose fields are made by `parameter`.

    Types are str, int, float, bool, tuple[float, float, float] and tuple[str, ...].
    """

    @classmethod
    def rules(cls) -> dict[str, dataclasses.Field]:
        """Name -> dataclass field, in the order of the table."""
        return {rule.name: rule for rule in dataclasses.fields(cls)}

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> ParameterTable:
        """Defaults with `values` over them. Raises ParameterError at the first wrong one."""
        return cls().changed(values)

    def changed(self, values: dict[str, Any], *, running: bool = False) -> ParameterTable:
        """A copy with `values`, each checked. `running`: static parameters may not change any more."""
        rules = self.rules()
        checked = {name: check_value(name, value, rules) for name, value in values.items()}
        for name, value in checked.items():
            if running and not rules[name].metadata['dynamic'] and value != getattr(self, name):
                raise ParameterError(self._static(name, value))
        return dataclasses.replace(self, **checked)

    def _static(self, name, value):
        return f'parameter {name} is read at the start: restart the node with {name}:={str(value)[:60]}'


@dataclass(frozen=True)
class NodeParameters(ParameterTable):
    """Everything that can be set, with its default. Static ones are read at configure."""

    estimator: str = _parameter(
        'auto', "Estimator to use: hand4whole_pp, open or mediapipe. 'auto' takes hand4whole_pp where its files are, "
                'else mediapipe, which gives the same bodies as open in less time (docs/benchmarks/accuracy.md), or '
                'open where open_model is set.', dynamic=False)
    device: str = _parameter(
        'auto', "Where networks run: 'auto', 'cpu', 'cuda' or 'cuda:N'.", dynamic=False)
    body_model: str = _parameter(
        '', 'SMPL-X .npz file to use instead of the open body; empty for the open body, and for the one in '
            'weights_folder where the estimator is hand4whole_pp. Estimator open takes none.', dynamic=False)
    weights: str = _parameter(
        'published', "Of estimator hand4whole_pp: 'published', or 'random' and 'random-tiny' for weights made up from "
                     'names, to measure speed and to try things out.',
        choices=('published', 'random', 'random-tiny'), dynamic=False)
    weights_folder: str = _parameter(
        '', 'Folder of the published weights and body models; empty for the one that `hand4whole weights list` '
            'names.', dynamic=False)
    open_model: str = _parameter(
        '', 'Weights for estimator open, of `hand4whole train`; empty for those shipped.', dynamic=False)
    precision: str = _parameter(
        'auto', "What the transformers' products are computed in. 'auto' is fp16 on a GPU, bf16 on a processor that "
                "has instructions for it, else fp32. 'int8' is for processors, faster and less exact.",
        choices=('auto', 'fp32', 'bf16', 'fp16', 'int8'), dynamic=False)
    detector: str = _parameter(
        'mediapipe', 'Who finds people and hands for estimator hand4whole_pp.', choices=('mediapipe',), dynamic=False)
    max_people: int = _parameter(
        4, 'People given of one image at most: of hand4whole_pp the most certain, of the others the largest.',
        low=1, high=64, dynamic=False)
    people: bool = _parameter(
        True, 'Whether people are looked for. false: only hands, as of a camera over a desk; not of hand4whole_pp.',
        dynamic=False)
    hand_length: float = _parameter(
        0.195, 'Length of hands that belong to nobody in the image, m, from the wrist along the middle finger to its '
               "tip: how far away they are follows from it. By default an adult's.", low=0.05, high=0.4, dynamic=False)
    quality: str = _parameter(
        'full', "'fast' takes a smaller network for the landmarks of hands, less exact, in half its time; of "
                'estimators mediapipe and open.', choices=('full', 'fast'), dynamic=False)
    wrist: str = _parameter(
        'auto', "Where wrists come from: 'cham' is the published method, 'body' the body expert alone, 'copy' the "
                "hand expert alone; 'auto' is what is best for the estimator: cham for hand4whole_pp, copy for open.",
        choices=('auto', 'cham', 'body', 'copy'), dynamic=False)
    fingers: str = _parameter(
        'hand', "Where fingers come from: 'hand' is the published method, 'body' a resting hand.",
        choices=('hand', 'body'), dynamic=False)
    hand_shape: str = _parameter(
        'hand', "Whose shape hands have: 'hand' is the published method, 'body' SMPL-X's own hands.",
        choices=('hand', 'body'), dynamic=False)
    image_transport: str = _parameter(
        'raw', "'compressed' subscribes to CompressedImage on the image topic with /compressed appended, or on "
               'the image topic itself where that carries CompressedImage.',
        choices=('raw', 'compressed'), dynamic=False)
    image_reliability: str = _parameter(
        'auto', "Reliability of the image subscription. 'auto' is reliable where all publishers are, so that no "
                "piece of an image is lost, else best effort. 'best_effort' spares a poor network.",
        choices=('auto', 'best_effort', 'reliable'), dynamic=False)
    autostart: bool = _parameter(
        True, 'Configure and activate by itself. false leaves both to a lifecycle manager.', dynamic=False)
    fallback_fov_deg: float = _parameter(
        60.0, "Field of view of the image's longer side, taken where camera_info is missing or unusable. "
              'Distances are only as good as this guess.', low=10.0, high=170.0)
    camera_info_timeout: float = _parameter(
        1.0, 'Seconds to wait for the first camera_info before the field of view is used instead.',
        low=0.0, high=3600.0)
    max_rate: float = _parameter(
        0.0, 'Images per second to work on at most; 0 for as many as the machine can.', low=0.0, high=1000.0)
    min_confidence: float = _parameter(
        0.3, 'People, and hands of nobody, that are less certain than this are not reported.', low=0.0, high=1.0)
    hold_time: float = _parameter(
        0.5, 'Seconds for which a hand or a person that is not seen keeps its last pose, marked HELD, by the stamps '
             'and by the arrival of images. Where images come slowly, 1.5 intervals between them if that is longer, so '
             'that one missed image loses nobody, but at most 3 s. 0 for not at all.',
        low=0.0, high=10.0)
    smoothing: bool = _parameter(True, 'Filter poses over time with the 1 euro filter.')
    smoothing_min_cutoff: float = _parameter(
        2.0, 'Cut-off at rest, Hz: lower is steadier and slower.', low=0.01, high=100.0)
    smoothing_beta: float = _parameter(
        1.0, 'How fast the cut-off rises with speed, Hz per m/s or rad/s: higher lags less.', low=0.0, high=1000.0)
    operator: str = _parameter(
        'nearest', 'Who becomes the operator when there is none; the operator then stays the operator while '
                   "followed. 'first' is the person followed for the longest time.",
        choices=('nearest', 'largest', 'first'))
    publish_tf: bool = _parameter(True, 'Broadcast every joint on /tf.')
    diagnostics_period: float = _parameter(
        1.0, 'Seconds between messages on /diagnostics.', low=0.1, high=60.0)

    def _static(self, name, value):
        return (f'parameter {name} is read at configure: deactivate and clean up the node first, or restart it with '
                f'{name}:={str(value)[:60]}')


Rules = dict[str, dataclasses.Field]

#: Name -> dataclass field, in the order of the table.
PARAMETER_FIELDS = NodeParameters.rules()

#: Characters of a text: the longest path that Linux takes. It is repeated in the log.
MAX_TEXT_LENGTH = 4096

_TYPES = {'str': (str, "a string such as '{}'"), 'float': (float, 'a number such as {}'),
          'int': (int, 'a whole number such as {}'), 'bool': (bool, 'true or false'),
         'tuple[float, float, float]': (tuple, 'three numbers such as {}'),
         'tuple[str, ...]': (tuple, "a list of names such as ['one', 'two']")}

#: Parameters that ROS itself sets on every node.
_ROS_PARAMETERS = ('use_sim_time', 'start_type_description_service')
_ROS_PARAMETER_PREFIX = 'qos_overrides.'


def belongs_to_ros(name: str) -> bool:
    """Declared and checked by rclpy, not by this table."""
    return name in _ROS_PARAMETERS or name.startswith(_ROS_PARAMETER_PREFIX)


def is_known_parameter(name: str, rules: Rules = PARAMETER_FIELDS) -> bool:
    """Whether the node has this parameter, of this table or as every node of ROS."""
    return name in rules or belongs_to_ros(name)


def suggest_name(name: str, rules: Rules = PARAMETER_FIELDS) -> str | None:
    """The parameter whose name this may have been meant to be."""
    return next(iter(difflib.get_close_matches(name[:100], rules, n=1)), None)


def check_names(names: Iterable[str], rules: Rules = PARAMETER_FIELDS) -> None:
    """Raises ParameterError at the first name that the node has no parameter of."""
    for name in names:
        if not is_known_parameter(name, rules):
            raise _unknown_name_error(name, rules)


def _unknown_name_error(name, rules):
    near = suggest_name(name, rules)
    hint = f'did you mean {near}?' if near else f"known are {', '.join(rules)}"
    return ParameterError(f'unknown parameter {name[:60]}: {hint}')


def check_value(name: str, value: Any, rules: Rules = PARAMETER_FIELDS) -> Any:
    """`value` as the parameter's own type (an integer is welcome as a float), or ParameterError."""
    rule = rules.get(name)
    if rule is None:
        raise _unknown_name_error(name, rules)
    kind, wanted = _TYPES[rule.type]
    if kind is tuple:
        return _check_tuple(name, value, rule, wanted)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise ParameterError(f'parameter {name}: expected {wanted.format(rule.default)}, '
                             f'found {reprlib.repr(value)} ({type(value).__name__})')
    if kind is str and (len(value) > MAX_TEXT_LENGTH or not value.isprintable()):
        raise ParameterError(f'parameter {name}: expected at most {MAX_TEXT_LENGTH} printable characters, found '
                             f'{reprlib.repr(value)} ({len(value)} characters)')
    choices = rule.metadata['choices']
    if choices and value not in choices:
        raise ParameterError(f"parameter {name}: expected one of {', '.join(choices)}, found {reprlib.repr(value)}")
    if kind in (int, float) and not (math.isfinite(value) and rule.metadata['low'] <= value <= rule.metadata['high']):
        raise ParameterError(f"parameter {name}: expected {rule.metadata['low']:g} to "
                             f"{rule.metadata['high']:g}, found {value:g}")
    return value


def _check_tuple(name, value, rule, wanted):
    """A list or array as a tuple of numbers or of texts, each checked."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise ParameterError(f'parameter {name}: expected {wanted.format(list(rule.default))}, '
                             f'found {reprlib.repr(value)} ({type(value).__name__})')
    items = list(value)
    if 'float' not in rule.type:
        if not all(isinstance(item, str) and len(item) <= MAX_TEXT_LENGTH and item.isprintable() for item in items):
            raise ParameterError(f'parameter {name}: expected {wanted}, found {reprlib.repr(items)}')
        return tuple(items)
    low, high = rule.metadata['low'], rule.metadata['high']
    if len(items) != 3 or not all(type(item) in (int, float) and low <= item <= high for item in items):
        raise ParameterError(f'parameter {name}: expected {wanted.format(list(rule.default))}, each {low:g} to '
                             f'{high:g}, found {reprlib.repr(items)}')
    return tuple(float(item) for item in items)


def declare_parameters(node, kind: type[ParameterTable] = NodeParameters) -> ParameterTable:
    """Declare a table on a node, with the values that ROS was given. Raises ParameterError where one is wrong."""
    from rcl_interfaces.msg import ParameterDescriptor
    given, rules = {}, kind.rules()
    for name, rule in rules.items():
        given[name] = node.declare_parameter(name, rule.default, ParameterDescriptor(dynamic_typing=True)).value
        node.undeclare_parameter(name)
    parameters = kind.from_values(given)
    for name, rule in rules.items():
        node.declare_parameter(name, getattr(parameters, name), _descriptor(rule), ignore_override=True)
    return parameters


def _descriptor(rule):
    from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
    choices = rule.metadata['choices']
    # Types are checked by check(): rclpy's own message does not name the parameter.
    descriptor = ParameterDescriptor(
        description=rule.metadata['description'], dynamic_typing=True,
        additional_constraints=f"one of {', '.join(choices)}" if choices else '')
    if rule.type == 'float':
        descriptor.floating_point_range = [FloatingPointRange(
            from_value=rule.metadata['low'], to_value=rule.metadata['high'], step=0.0)]
    if rule.type == 'int':
        descriptor.integer_range = [IntegerRange(
            from_value=rule.metadata['low'], to_value=rule.metadata['high'], step=1)]
    return descriptor


def format_parameter_table(rules: Rules = PARAMETER_FIELDS) -> str:
    """The table in Markdown, as docs/reference/parameters.md shows it."""
    lines = ['| parameter | default | range | may change while running | meaning |', '|---|---|---|---|---|']
    for name, rule in rules.items():
        about = rule.metadata
        default = {'str': f'`"{rule.default}"`', 'bool': f'`{str(rule.default).lower()}`'}.get(
            rule.type, f'`{list(rule.default) if isinstance(rule.default, tuple) else rule.default}`')
        choices = ', '.join(about['choices']) or {
            'str': 'text', 'bool': 'true, false', 'tuple[str, ...]': 'names'}.get(
            rule.type, f"{about['low'] or 0:g} to {about['high'] or 0:g}")
        lines.append(f"| `{name}` | {default} | {choices} | {'yes' if about['dynamic'] else 'no'} | "
                     f"{about['description']} |")
    return '\n'.join(lines) + '\n'
