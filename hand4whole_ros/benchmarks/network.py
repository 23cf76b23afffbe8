"""Stage 'network': the parts of Hand4Whole++ and its whole forward, one precision a process."""

from __future__ import annotations

import resource

import torch

from ..checkpoints.hand4whole_pp import load_hand4whole_pp
from ..checkpoints.store import Store
from ..config import Precision
from ..estimators.devices import PRECISIONS
from ..geometry.crops import roi_align
from ..networks import packed_layers
from ..networks.face import PATCH_SCALE
from ..networks.hand4whole_pp import HandBoxes
from ..networks.wilor import prepare_crops
from ..system.progress import ProgressBar
from . import subprocess_measurement
from .benchmark_files import SIZES, BenchmarkFiles
from .result_rows import SUFFIXES, precision_keys
from .stages import StageTimer, count_gflop
from .timing import DEFAULT_SECONDS, time_interleaved

#: Hands of one person, in pixels of the body crop.
_BOXES = {'right': (20.0, 90.0, 80.0, 150.0), 'left': (110.0, 100.0, 180.0, 170.0)}

#: Stage -> prefix of the key of its time.
_KEYS = {'hand expert': 'wilor_two_hands', 'CHAM': 'cham', 'body expert': 'encoder'}


def measure(files: BenchmarkFiles, device: str = 'cpu', size: str = 'full') -> dict:
    """{'figures', 'why_null', 'remarks', 'profile'}. Raises BenchmarkSkipped, CheckpointError or BodyModelError."""
    result = {'figures': {}, 'why_null': {}, 'profile': {}}
    for precision in SUFFIXES:
        why_not = _skip_reason(precision, device.startswith('cuda'))
        if why_not:
            result['why_null'].update(dict.fromkeys(precision_keys(precision), why_not))
            continue
        found = subprocess_measurement.measure_in_subprocess(
            __name__, device=device, size=size, precision=precision, folder=str(files.folder())
        )
        for part, values in found.items():
            result[part].update(values)
    return {**result, 'remarks': {'network': files.remark}}


def _skip_reason(precision, cuda):
    """Why the forward is not measured in that precision on that device; None if it is."""
    if cuda:
        return 'products in int8 are for processors' if precision == 'int8' else None
    if precision == 'fp16':
        return 'no processor gains by float16; --device cuda on a machine with a GPU'
    if precision != 'fp32' and not packed_layers.can_pack(PRECISIONS[precision]):
        wanted = {'bf16': 'AVX-512 BF16 or AMX', 'int8': 'AVX-512 VNNI'}[precision]
        return f'this processor does not multiply {precision} by itself; run on one with {wanted}, or a GPU'
    return None


def measure_in_process(device: str, size: str, precision: str, folder: str) -> dict:
    """The same in this process, of one precision."""
    target, kind, suffix = torch.device(device), PRECISIONS[Precision(precision)], SUFFIXES[precision]
    cuda = target.type == 'cuda'
    synchronise = (lambda: torch.cuda.synchronize(target)) if cuda else (lambda: None)
    with (
        ProgressBar(desc=f'loading the network in {precision}', unit='step', leave=False) as bar,
        torch.inference_mode(),
    ):
        network = load_hand4whole_pp(Store(folder), SIZES[size], device=target, precision=kind)
        forward, one_hand = _make_workloads(network, target)
        product, product_gflop = _make_reference_product(network, target, kind)

        def step(name):
            bar.set_description(f'{name} in {precision}')
            bar.update()

        with StageTimer(network, synchronise) as clock:
            times = time_interleaved({'whole forward': forward, 'one hand': one_hand, 'products': product}, synchronise,
                                DEFAULT_SECONDS if size == 'full' else 0.5, step)
        if cuda:  # once more, without waiting for its parts
            times.update(time_interleaved({'whole forward': forward}, synchronise, step=step))
        stages = clock.medians()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        work = count_gflop(network, forward)
    figures: dict[str, float | None] = {f'{key}{suffix}_ms': stages[stage] for stage, key in _KEYS.items()}
    figures.update({
        f'wilor_one_hand{suffix}_ms': times['one hand'], f'forward_{precision}_ms': times['whole forward'],
        f'products_{precision}_gflops': 1e3 * product_gflop / times['products'],
        f'peak_memory{suffix}_mb': peak,
        f'peak_memory{suffix}_per_weights': None if cuda else peak / (packed_layers.weight_bytes(network) / 2**20),
        f'peak_gpu_memory{suffix}_mb': torch.cuda.max_memory_allocated(target) / 2**20 if cuda else None})
    why = {key: 'weights are on the GPU' if cuda else 'no GPU was used; --device cuda on a machine with one'
           for key, value in figures.items() if value is None}
    profile = {name: {'ms': ms, 'gflop': work[name]} for name, ms in stages.items()}
    return {'figures': figures, 'why_null': why, 'profile': {precision: profile}}


def _make_workloads(network, device):
    """The whole forward with two hands, and the hand expert's with one."""
    patches = torch.rand(1, 3, 512, 384, generator=torch.Generator().manual_seed(0)).to(device)
    seen = torch.tensor([True], device=device)
    boxes = {side: HandBoxes(torch.tensor([box], device=device), seen) for side, box in _BOXES.items()}
    crops = prepare_crops(roi_align(patches, boxes['right'].boxes * PATCH_SCALE), torch.tensor([False], device=device))
    return lambda: network(patches, boxes), lambda: network.wilor(crops)


def _make_reference_product(network, device, kind):
    """One product of the hand expert's size with two hands, as it runs there; and its GFLOP, as an upper bound."""
    vit = network.config.hand.vit
    rows, dim = 2 * (vit.num_patches + 18), vit.embed_dim
    linear = torch.nn.Linear(dim, vit.mlp_ratio * dim, device=device)
    if device.type == 'cpu' and packed_layers.can_pack(kind):
        linear = packed_layers.pack_linear(linear, kind)
        x = torch.rand(rows, dim)
    else:
        linear = linear.to(kind)
        x = torch.rand(rows, dim, device=device).to(kind)
    return lambda: [linear(x) for _ in range(8)], 8 * 2 * rows * dim * vit.mlp_ratio * dim / 1e9


if __name__ == '__main__':
    subprocess_measurement.main(measure_in_process)
