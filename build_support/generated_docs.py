"""Write into docs/ what follows from the code: parameters, encodings, launch arguments, commands, messages.

    python build_support/generated_docs.py

A page holds a generated part between `<!-- generated: NAME -->` and `<!-- /generated -->`. The tests fail where one is
not what this program would write.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / 'docs'

_PART = re.compile(r'(<!-- generated: (\w+) -->\n).*?(<!-- /generated -->)', re.DOTALL)


def parameters() -> str:
    """The parameters of the node."""
    from hand4whole_ros.ros.node.parameters import format_parameter_table
    return format_parameter_table()


def encodings() -> str:
    """The encodings of raw images that are converted without cv_bridge."""
    from hand4whole_ros.ros.conversions.images import ENCODINGS
    return ', '.join(f'`{name}`' for name in ENCODINGS) + '\n'


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


PARTS = {make.__name__: make for make in (parameters, encodings, launch_arguments, replay_launch_arguments, commands,
                                          messages)}


def generated(page: str) -> str:
    """The text of a page with its generated parts made anew. Raises KeyError for a part of an unknown name."""
    return _PART.sub(lambda part: part[1] + PARTS[part[2]]() + part[3], page)


def names(page: str) -> list[str]:
    """The names of the generated parts of a page."""
    return [part[2] for part in _PART.finditer(page)]


def main() -> int:
    """Write the pages that differ, and name them."""
    for page in sorted(DOCS.rglob('*.md')):
        text = page.read_text()
        fresh = generated(text)
        if fresh != text:
            page.write_text(fresh)
            print(page.relative_to(ROOT))
    return 0


if __name__ == '__main__':
    sys.exit(main())
