"""Looking into a pickled network before a library that unpickles freely gets hold of it.

A pickle names what is to be called while it is read. Here the names are read, and nothing is called.
"""

from __future__ import annotations

import pickletools
import re
import zipfile
from pathlib import Path

#: Layers and their containers by name, tensors, and plain containers; what a YOLO file of ultralytics consists of.
_ADMITTED = re.compile(r"""
    ultralytics\.nn\.modules\.\w+\.[A-Z]\w* | ultralytics\.nn\.tasks\.[A-Z]\w*Model
    | ultralytics\.utils\.IterableSimpleNamespace | ultralytics\.utils\.(loss|tal)\.[A-Z]\w*
    | torch\.nn\.modules\.\w+\.[A-Z]\w* | torch\._utils\._rebuild_(tensor_v2|parameter)
    | torch\.(\w+Storage|Size|device|float(16|32|64)|int64) | torch\.nn\.parameter\.Parameter
    | collections\.OrderedDict | (__builtin__|builtins)\.(set|dict|list|tuple|int|float|str|slice)""", re.VERBOSE)

#: Ways of naming that do not show the name where it is used; torch.save has no need of them.
_HIDDEN = ('STACK_GLOBAL', 'INST', 'EXT1', 'EXT2', 'EXT4')

#: Of the pickle, which holds no numbers: they are files of their own beside it.
_MAX_BYTES = 64 << 20


def objection(path: Path) -> str:
    """Why a file of torch.save must not be unpickled, in words; '' where all that it names is layers and tensors."""
    try:
        with zipfile.ZipFile(path) as archive:
            pickles = [entry for entry in archive.infolist() if entry.filename.endswith('.pkl')]
            if len(pickles) != 1 or pickles[0].file_size > _MAX_BYTES:
                return 'it is not one network as torch.save writes it'
            code = archive.read(pickles[0])
        for opcode, argument, _ in pickletools.genops(code):
            if opcode.name in _HIDDEN:
                return 'it hides what it would call'
            if opcode.name == 'GLOBAL' and not _ADMITTED.fullmatch(argument.replace(' ', '.')):
                return f'it would call {argument.replace(" ", ".")[:80]!r}, which is no layer'
    except Exception as error:  # zipfile and pickletools raise a dozen kinds for damaged bytes
        return f'it cannot be read ({type(error).__name__})'
    return ''
