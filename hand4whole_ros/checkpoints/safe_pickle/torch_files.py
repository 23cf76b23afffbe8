"""Reading a torch checkpoint without running anything that is in it.

torch's own restricted reader does the work: it makes tensors and plain containers, and refuses every other name.
Training files carry more than tensors, though: settings, callbacks, numpy numbers. Nothing here needs those, so a
short list of such names is admitted as stand-ins, which take what they are given and do nothing.
"""

from __future__ import annotations

import logging
import re
import threading
import warnings
from collections import OrderedDict
from pathlib import Path

import torch

from .. import CheckpointError

logger = logging.getLogger(__name__)

#: Before this, torch's restricted reader could be made to run code (CVE-2025-32434), and knew no stand-ins.
_MIN_SAFE_TORCH = '2.6'

#: What torch writes at the beginning of a file since 1.6; older files cannot be mapped into memory.
_ZIP_MAGIC = b'PK\x03\x04'

#: Names that become objects which keep nothing.
_INERT_GLOBALS = (
    'argparse.Namespace', 'pathlib.PosixPath', 'pathlib.WindowsPath', 'typing.Any',
    'builtins.dict', 'builtins.int', 'builtins.list', 'builtins.str', 'builtins.tuple',
    'numpy.dtype', 'numpy.ndarray',
    'numpy.core.multiarray._reconstruct', 'numpy.core.multiarray.scalar',
    'numpy._core.multiarray._reconstruct', 'numpy._core.multiarray.scalar',
    'omegaconf.base.ContainerMetadata', 'omegaconf.base.Metadata',
    'omegaconf.dictconfig.DictConfig', 'omegaconf.listconfig.ListConfig',
    'omegaconf.nodes.AnyNode', 'omegaconf.nodes.BooleanNode', 'omegaconf.nodes.FloatNode',
    'omegaconf.nodes.IntegerNode', 'omegaconf.nodes.StringNode',
    'pytorch_lightning.callbacks.early_stopping.EarlyStopping',
    'pytorch_lightning.callbacks.lr_monitor.LearningRateMonitor',
    'pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint',
)
#: Names of dictionaries; these become dictionaries, for the reader fills no other kind.
_DICTIONARIES = (
    'collections.defaultdict', 'easydict.EasyDict', 'fvcore.common.config.CfgNode', 'yacs.config.CfgNode',
    'lightning_fabric.utilities.data.AttributeDict', 'pytorch_lightning.utilities.parsing.AttributeDict',
)


class _InertObject:
    """Takes any arguments and any state, keeps nothing, does nothing."""

    def __new__(cls, *args, **kwargs):
        return super().__new__(cls)

    def __init__(self, *args, **kwargs):
        pass

    def __setstate__(self, state):
        pass


class _OrderedDictFactory:
    """Making one gives an OrderedDict; the arguments, such as the factory of a defaultdict, are dropped."""

    def __new__(cls, *args, **kwargs):
        return OrderedDict()


_STUBS: list = [
    (type(name, (base,), {}), name)
    for base, names in ((_InertObject, _INERT_GLOBALS), (_OrderedDictFactory, _DICTIONARIES))
    for name in names
]

#: torch keeps its list of admitted names for the whole process.
ALLOWING = threading.Lock()


def load_checkpoint(path: Path) -> dict:
    """The dictionary in a torch checkpoint; tensors on the CPU, where the format permits mapped from the file.

    Mapped tensors read their pages when they are used, so that what is not used (the state of an optimiser) costs
    nothing. Replace such a file, never write into it, while it is in use. Raises CheckpointError for a file that is
    missing, damaged, no checkpoint, or asks for anything that could run code; no such thing is run.
    """
    require_safe_torch()
    try:
        with open(path, 'rb') as stream:
            mappable = stream.read(4) == _ZIP_MAGIC
        with ALLOWING, torch.serialization.safe_globals(_STUBS), warnings.catch_warnings():
            warnings.simplefilter('ignore')  # of protocols and storages, nothing a user could act on
            found = torch.load(path, map_location='cpu', weights_only=True, mmap=mappable)
    except OSError as error:
        raise CheckpointError(f'{path} cannot be read: {error.strerror or error}') from None
    except Exception as error:  # damaged bytes raise a dozen kinds
        raise CheckpointError(explain_load_error(path, error)) from None
    if not isinstance(found, dict):
        raise CheckpointError(f'{path} is not a checkpoint: it holds a {type(found).__name__}, not a dictionary')
    return found


def require_safe_torch() -> None:
    """Raises CheckpointError where torch's restricted reader could be tricked."""
    if torch.__version__ < _MIN_SAFE_TORCH:
        raise CheckpointError(f'torch {torch.__version__} cannot read checkpoints safely; install 2.6 or newer')


def explain_load_error(path: Path, error: Exception) -> str:
    """One line of what torch's reader raised on a file."""
    refused = re.search(r'GLOBAL (\S+) ', str(error))
    if refused:
        return (f'{path} asks for {refused[1]}, which could run code: refused, and nothing of the file was run; '
                f'fetch it anew from its authors')
    logger.debug('%s', error)
    kind = ' '.join(str(error).split())
    kind = kind.rsplit('WeightsUnpickler error: ', 1)[-1].split(' Check the documentation')[0].split('. ')[0][:120]
    return (f'{path} cannot be read as a torch checkpoint ({type(error).__name__}{": " + kind if kind else ""}); '
            f'it is cut short, damaged or something else: fetch it anew')
