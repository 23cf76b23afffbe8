"""Stage 'network': the parts of Hand4Whole++ and its whole forward, in a process of its own.

A process of its own tells how much memory loading and running takes, and one that the system ends for want of memory
takes nothing else with it.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from tqdm import tqdm

from ..body.npz_file import BodyModelError
from ..body.published import PublishedBody
from ..checkpoints import CheckpointError, MissingFile, files
from ..checkpoints.hand4whole_pp import load_body, load_hand4whole_pp
from ..checkpoints.random_weights import load_random
from ..checkpoints.store import Store
from ..estimators.devices import multiplies_bf16
from ..geometry.crops import body_picture, roi_align
from ..networks.face import PATCH_SCALE
from ..networks.hand4whole_pp import HAND4WHOLE_PP, HAND4WHOLE_PP_TINY, HandBoxes
from ..networks.wilor import prepare_crops
from .rows import Unmeasured
from .stand_in_body import stand_in_body
from .timing import SECONDS, interleaved

SIZES = {'full': HAND4WHOLE_PP, 'tiny': HAND4WHOLE_PP_TINY}

#: Hands of one person, in pixels of the body picture.
_BOXES = {'right': (20.0, 90.0, 80.0, 150.0), 'left': (110.0, 100.0, 180.0, 170.0)}

_HALVES = {'forward_bf16_ms': torch.bfloat16, 'forward_fp16_ms': torch.float16}


def measure(device: str = 'cpu', size: str = 'full', folder: Path | None = None) -> dict:
    """{'figures', 'why_null', 'remarks'} from a child process. Raises Unmeasured, CheckpointError or BodyModelError.

    folder: where the published files are, None for the usual place; the body models that are there are used, and the
    weights where all of them are.
    """
    if folder is not None:
        load_body(Store(folder))  # what is wrong with it is said here, in one line
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch, 'figures.json')
        words = ['--device', device, '--size', size, '--out', out] + (['--folder', folder] if folder else [])
        code = subprocess.run([sys.executable, '-m', __name__, *map(str, words)]).returncode
        if code == -9:
            raise Unmeasured('the system ended the process, most likely for want of memory: 8 GB should be free')
        if code:
            raise RuntimeError(f'the process that measures the network ended with code {code}; see above')
        return json.loads(out.read_text())


def measure_here(device: str, size: str, folder: Path | None = None) -> dict:
    """The same in this process."""
    store, target = Store(folder), torch.device(device)
    with tqdm(desc='loading the network', unit='step', leave=False) as bar:
        body, which_body = _body(store)
        network, which_weights = _network(store, body, size, target)
        cuda = target.type == 'cuda'
        synchronise = (lambda: torch.cuda.synchronize(target)) if cuda else (lambda: None)

        def step(name):
            bar.set_description(name)
            bar.update()

        seconds = SECONDS if size == 'full' else 0.5
        with torch.inference_mode():
            figures = interleaved(_work(network, target), synchronise, seconds, step)
            figures['peak_memory_mb'] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            figures['peak_gpu_memory_mb'] = torch.cuda.max_memory_allocated(target) / 2**20 if cuda else None
            why = {} if cuda else {'peak_gpu_memory_mb': 'no GPU was used; --device cuda on a machine with one'}
            for key, dtype in _HALVES.items():
                figures[key] = None
                why_not = _no_half(key, cuda)
                if why_not:
                    why[key] = why_not
                else:
                    _, whole = _work(network.in_precision(dtype), target).popitem()
                    figures.update(interleaved({key: whole}, synchronise, seconds, step))
    return {'figures': figures, 'why_null': why, 'remarks': {'network': f'{which_weights}; {which_body}'}}


def _body(store):
    try:
        return load_body(store), 'the licensed body models'
    except MissingFile:
        return stand_in_body(), 'a stand-in body of the same size, for the licensed files are not here'


def _network(store, body: PublishedBody, size, device):
    if size == 'full' and not store.missing(files.ESTIMATOR):
        return load_hand4whole_pp(store, body=body, device=device), 'published weights'
    weights = 'weights made up from names (they cost the same)'
    return load_random(body, SIZES[size], device), weights if size == 'full' else f'a tiny network; {weights}'


def _work(network, device):
    """Key -> what to do; the whole forward last."""
    patches = torch.rand(1, 3, 512, 384, generator=torch.Generator().manual_seed(0)).to(device)
    seen = torch.tensor([True], device=device)
    boxes = {side: HandBoxes(torch.tensor([box], device=device), seen) for side, box in _BOXES.items()}
    where = torch.cat([box.boxes for box in boxes.values()]) * PATCH_SCALE
    crops = prepare_crops(roi_align(patches.expand(2, -1, -1, -1), where), torch.tensor([False, True], device=device))
    hands = network.look_at_hands(patches, boxes)
    picture = body_picture(patches).to(next(network.encoder.parameters()).dtype)
    return {'encoder_ms': lambda: network.encoder(picture, None),
            'cham_ms': lambda: network.condition(hands, boxes),
            'wilor_two_hands_ms': lambda: network.wilor(crops),
            'wilor_one_hand_ms': lambda: network.wilor(crops[:1]),
            'forward_fp32_ms': lambda: network(patches, boxes)}


def _no_half(key, cuda):
    """Why the forward is not measured in that precision here; None where it is."""
    if cuda:
        return None
    if key == 'forward_fp16_ms':
        return 'no processor gains by float16; --device cuda on a machine with a GPU'
    if not multiplies_bf16():
        return 'this processor does not multiply bfloat16 by itself; run on one with AVX-512 BF16 or AMX, or a GPU'
    return None


def main() -> int:
    """The child process."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--device', required=True)
    parser.add_argument('--size', required=True, choices=SIZES)
    parser.add_argument('--folder', type=Path)
    parser.add_argument('--out', type=Path, required=True)
    args = parser.parse_args()
    try:
        found = measure_here(args.device, args.size, args.folder)
    except (CheckpointError, BodyModelError) as error:
        print(error, file=sys.stderr)
        return 1
    args.out.write_text(json.dumps(found))
    return 0


if __name__ == '__main__':
    sys.exit(main())
