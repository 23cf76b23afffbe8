"""YAML in bags, read within limits: deep nesting makes a recursive parser fail, or take minutes to do so."""

from __future__ import annotations

from typing import Any

import yaml

#: Maximum nesting of lists and maps. metadata.yaml has eight.
_MAX_DEPTH = 20

#: Only for events, which are not recursive: the parser in C crashes the process if values are nested too deeply.
_EVENTS = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)


def load_yaml(text: str | bytes) -> Any:
    """The value of a document. Raises ValueError, in one line."""
    try:
        depth = 0
        for event in yaml.parse(text, Loader=_EVENTS):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _MAX_DEPTH:
                raise ValueError(f'nested deeper than {_MAX_DEPTH} levels')
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        mark, problem = getattr(error, 'problem_mark', None), getattr(error, 'problem', None)
        where = f'line {mark.line + 1}: {problem}' if mark is not None and problem else str(error)
        raise ValueError(' '.join(where.split())[:200]) from None
