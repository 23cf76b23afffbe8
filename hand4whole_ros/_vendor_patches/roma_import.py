"""The library roma, without torch's compiler.

roma asks torch._dynamo for a single decorator, which concerns functions that are compiled and differentiated forwards
at once. Loading it takes a second and 70 MB of every process that turns anything.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import torch

__all__ = ['roma']

_COMPILER = 'torch._dynamo'

#: Version this was tested with.
TESTED = '1.8'


def _load():
    if not {'roma', _COMPILER} & set(sys.modules):
        stand_in = ModuleType(_COMPILER)
        stand_in.__dict__['disable'] = lambda function: function
        sys.modules[_COMPILER] = stand_in
        try:
            return importlib.import_module('roma')
        except AttributeError:  # a version that wants more of it
            pass
        finally:
            del sys.modules[_COMPILER]
            torch.__dict__.pop('_dynamo', None)
    return importlib.import_module('roma')


roma = _load()
