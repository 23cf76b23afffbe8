"""Functions take at most four arguments by position: beyond that a call does not say what is what."""

import ast

import pytest
from locations import ROOT

PACKAGE = ROOT / 'hand4whole_ros'

MAX_POSITIONAL = 4

#: Kernels of warp, which takes no keywords.
KERNELS = {'rendering/rasterizer.py': ['_draw', '_shade']}


def many_positional(source: str) -> list[str]:
    """Names of the functions in a module that take more than MAX_POSITIONAL arguments by position."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            names = [one.arg for one in (*node.args.posonlyargs, *node.args.args)]
            if len(names) - (names[:1] in (['self'], ['cls'])) > MAX_POSITIONAL:
                found.append(node.name)
    return found


@pytest.mark.parametrize('source, found', [
    ('def f(a, b, c, d, e): pass', ['f']),
    ('def f(a, b, c, d, *, e): pass', []),
    ('class A:\n    def f(self, a, b, c, d): pass', []),
    ('class A:\n    def f(self, a, b, c, d, e=0): pass', ['f']),
])
def test_what_is_counted(source, found):
    assert many_positional(source) == found


def test_no_function_takes_many_positional_arguments():
    found = {str(path.relative_to(PACKAGE)): many_positional(path.read_text())
             for path in PACKAGE.rglob('*.py') if 'msg' not in path.relative_to(PACKAGE).parts}
    assert {name: names for name, names in found.items() if names} == KERNELS, (
        f'arguments beyond the {MAX_POSITIONAL}th go after a `*`')
