"""Write into docs/ and config/ what follows from the code: parameters, encodings, launch arguments, commands, messages.

    python build_support/generated_docs.py

A page holds a generated part between `<!-- generated: NAME -->` and `<!-- /generated -->`; a parameter file is written
as a whole. The tests fail where one is not what this program would write.
"""

from __future__ import annotations

import argparse
import functools
import json
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / 'docs'

_PART = re.compile(r'(<!-- generated: (\w+) -->\n).*?(<!-- /generated -->)', re.DOTALL)


def parameters() -> str:
    """The parameters of the node hand4whole."""
    return _parameters('hand4whole')


def _parameters(node):
    lines = ['| parameter | default | range | may change while running | meaning |', '|---|---|---|---|---|']
    for one in _settings(node):
        default, dynamic = _yaml_value(one, quote='"'), 'yes' if one.dynamic else 'no'
        lines.append(f'| `{one.name}` | `{default}` | {_values(one)} | {dynamic} | {one.description} |')
    return '\n'.join(lines) + '\n'


def _settings(node):
    from hand4whole_ros.ros.node.parameters import NodeParameters
    from hand4whole_ros.ros.teleop.parameters import TABLES
    return list({'hand4whole': NodeParameters, **TABLES}[node].settings().values())


def _yaml_value(one, quote="'"):
    """The default."""
    plain = one.to_plain(one.default)
    if isinstance(plain, str):
        return f'{quote}{plain}{quote}'
    return str(plain).lower() if isinstance(plain, bool) else str(list(plain) if isinstance(plain, tuple) else plain)


def _values(one):
    """What may be given."""
    if one.choices:
        return ', '.join(one.choices)
    if one.is_text:
        return 'text'
    return {bool: 'true, false', tuple[str, ...]: 'names'}.get(one.type) or f'{one.low:g} to {one.high:g}'


def params_file(node: str) -> str:
    """A YAML file with the parameters of a node, their meanings and defaults."""
    settings, lines = _settings(node), [_FILE_HEADS[node], '/**:', '  ros__parameters:']
    for one in settings:
        about = one.description + (f' One of: {_values(one)}.' if one.choices else
                                   f' From {_values(one)}.' if one.low is not None else '')
        if not one.dynamic and any(other.dynamic for other in settings):
            about += ' Read at configure.'
        lines += [*textwrap.wrap(about, 104, initial_indent='    # ', subsequent_indent='    # '),
                  f'    {one.name}: {_yaml_value(one)}', '']
    return '\n'.join(lines)


_FILE_HEADS = {
    'hand4whole': '# Parameters of the node, with their defaults. Copy, change, and pass as params_file:=YOUR_FILE.\n'
                  '# `hand4whole run --show-args` lists what can be set without a file.',
    **{node: f'# Parameters of the node {node}, with their defaults. Copy, change, and pass as params_file:=YOUR_FILE.'
       for node in ('retarget', 'wrist_teleop', 'openxr', 'sim_hand')}}

#: File -> the node whose parameters it holds.
PARAMS_FILES = {ROOT / 'config' / ('estimate.yaml' if node == 'hand4whole' else f'teleop/{node}.yaml'): node
                for node in _FILE_HEADS}


def schema_file(name: str) -> str:
    """A JSON schema."""
    from hand4whole_ros.apps.estimate import json_schema
    return json.dumps(getattr(json_schema, name)(), indent=1) + '\n'


#: File -> the function of apps.estimate.json_schema that makes it.
SCHEMA_FILES = {DOCS / 'schemas' / 'estimate.schema.json': 'results_schema',
                DOCS / 'schemas' / 'estimate_hands.schema.json': 'hands_schema'}


def encodings() -> str:
    """The encodings of raw images that are converted without cv_bridge."""
    from hand4whole_ros.ros.conversions.images import ENCODINGS
    return ', '.join(f'`{name}`' for name in ENCODINGS) + '\n'


def wrist_axes() -> str:
    """The axes of wrists, as columns in SMPL-X's."""
    from hand4whole_ros.geometry.wrist_axes import WRIST_AXES
    lines = ['| `wrist_axes` | left | right |', '|---|---|---|']
    for axes, sides in WRIST_AXES.items():
        rows = (str(matrix.astype(int).tolist()) for matrix in sides.values())
        lines.append(f'| `{axes}` | ' + ' | '.join(f'`{text}`' for text in rows) + ' |')
    return '\n'.join(lines) + '\n'


def launch_arguments() -> str:
    """The arguments of estimate.launch.py and `hand4whole run`."""
    from hand4whole_ros.ros.node.launch_arguments import ARGUMENTS
    return _arguments(ARGUMENTS)


def replay_launch_arguments() -> str:
    """The arguments of replay.launch.py that estimate.launch.py does not have, or has otherwise."""
    from hand4whole_ros.ros.node.launch_arguments import ARGUMENTS as OF_THE_NODE
    from hand4whole_ros.ros.play.launch_plan import ARGUMENTS
    return _arguments(argument for argument in ARGUMENTS if argument not in OF_THE_NODE)


def _arguments(arguments):
    lines = ['| argument | default | meaning |', '|---|---|---|']
    lines += [f"| `{a.name}` | `'{a.default}'` | {a.description} |" for a in arguments]
    return '\n'.join(lines) + '\n'


def commands() -> str:
    """Every command of `hand4whole`, with its summary."""
    from hand4whole_ros.cli.main import create_parser
    lines = ['| command | purpose |', '|---|---|']
    lines += [f'| `{name}` | {summary} |' for name, summary in _commands(create_parser(), 'hand4whole')]
    return '\n'.join(lines) + '\n'


def _commands(command, name) -> Iterator[tuple[str, str]]:
    kinds = next((a for a in command._actions if isinstance(a, argparse._SubParsersAction)), None)
    if kinds is None:
        yield name, command.description.partition('\n')[0]
        return
    for kind, child in kinds.choices.items():
        yield from _commands(child, f'{name} {kind}')


def messages() -> str:
    """The definitions of the messages, as they are compiled."""
    parts = [f'### {file.stem}\n\n```text\n{file.read_text().strip()}\n```\n'
             for file in sorted((ROOT / 'msg').glob('*.msg'))]
    return '\n' + '\n'.join(parts) + '\n'


PARTS = {make.__name__: make for make in (parameters, encodings, wrist_axes, launch_arguments, replay_launch_arguments,
                                          commands, messages)}
PARTS |= {f'{node}_parameters': functools.partial(_parameters, node) for node in _FILE_HEADS if node != 'hand4whole'}


def generated(page: str) -> str:
    """The text of a page with its generated parts made anew. Raises KeyError for a part of an unknown name."""
    return _PART.sub(lambda part: part[1] + PARTS[part[2]]() + part[3], page)


def names(page: str) -> list[str]:
    """The names of the generated parts of a page."""
    return [part[2] for part in _PART.finditer(page)]


def main() -> int:
    """Write the files that differ, and name them."""
    fresh = {page: generated(page.read_text()) for page in sorted(DOCS.rglob('*.md'))}
    fresh.update({file: params_file(node) for file, node in PARAMS_FILES.items()})
    fresh.update({file: schema_file(name) for file, name in SCHEMA_FILES.items()})
    for file, text in fresh.items():
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
            print(file.relative_to(ROOT))
    return 0


if __name__ == '__main__':
    sys.exit(main())
