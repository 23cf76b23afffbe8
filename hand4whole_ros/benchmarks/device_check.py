"""Measurements of a device with every published network, in one call: speed, accuracy, memory and training.

    python -m hand4whole_ros.benchmarks.device_check --device cuda --json figures.json

Weights are generated from names. Needs no ROS and no generated messages. Every forward is compared with a plain eager
one of the same network in float32, in the same run. scripts/gpu_check.sh calls it from a bare checkout.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from ..config import Precision
from ..estimators.base import EstimatorUnavailable
from ..estimators.devices import PRECISIONS, pick_device
from ..system.output_files import write_file
from . import machine
from .device_networks import NETWORKS, relative_difference
from .dummy_body import dummy_body
from .graphed_forward import use_compile, use_cuda_graphs
from .timing import time_interleaved
from .training_steps import train_steps

PEOPLE = (1, 4)

#: Minimum seconds and rounds of measuring for each network and number of people; and steps of training.
_SECONDS = {'full': 6.0, 'tiny': 0.0}
_ROUNDS = {'full': 5, 'tiny': 1}
_STEPS = {'full': 200, 'tiny': 4}

#: ms on an H200: (network, people) -> goal of a forward in the fastest mode.
_GOALS = {('hand4whole_pp', 1): 8.0, ('hand4whole_pp', 4): 15.0}


#: A word in the name of a mode -> the function applied to parts of a network. Compiling takes minutes: it is tried only
#: if graphs fail.
_ACCELERATORS = {'graphs': use_cuda_graphs, 'compiled': use_compile}


def check(device: torch.device, size: str, step: Callable[[str], None] = lambda text: None) -> dict:
    """{'machine', 'forward': [row], 'training'}; a row: network, people, way -> 'ms', 'difference', 'memory_mb'.

    size: 'full' or 'tiny'. step: called with the next step's name. A mode that fails has 'why' instead of figures.
    """
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False    # true float32
    body, rows = dummy_body(), []
    for name, network in NETWORKS.items():
        step(f'{name}: making weights up')
        plain = network.load(body, size, device, None)
        for people in PEOPLE:
            rows += _measure_network(name, network, plain, people, device=device, size=size, body=body, step=step)
        del plain
        _free(device)
    step('training CHAM between frozen experts')
    training = _guarded(lambda: train_steps(body, size, device, _STEPS[size]))
    return {**machine.machine_info(str(device)), 'size': size, 'forward': rows, 'training': training}


def _measure_network(name, network, plain, people, *, device, size, body, step):
    """Rows of one network for so many people: the plain forward and all other modes."""
    inputs = network.inputs(people, device)
    row = {'network': name, 'people': people}
    wanted = network.outputs(plain(*inputs))
    rows = [{**row, 'way': 'eager fp32', 'difference': 0.0}]
    memory = {'eager fp32': sum(value.nbytes for value in (*plain.parameters(), *plain.buffers())) / 2 ** 20}
    work: dict[str, Callable[[], object]] = {'eager fp32': lambda: plain(*inputs)}
    ways: list[str] = list(_ways(device))
    for way in ways:
        step(f'{name}, {people}: {way}')

        def prepare(way=way):
            before = _allocated(device)
            precision = PRECISIONS[Precision(way.split()[0])]
            made = network.load(body, size, device, precision)
            accelerators = [use for word, use in _ACCELERATORS.items() if word in way]
            for use in accelerators:
                use(made, network.graphed)
            found = made(*inputs)
            if accelerators:    # the first pass records or compiles
                found = made(*inputs)
            work[way] = lambda: made(*inputs)
            memory[way] = _allocated(device) - before
            return {'difference': relative_difference(network.outputs(found), wanted)}
        rows.append({**row, 'way': way, **_guarded(prepare)})
        if 'why' in rows[-1] and 'graphs' in way:
            ways.append(way.replace('graphs', 'compiled'))
    cuda = device.type == 'cuda'
    synchronise = torch.cuda.synchronize if cuda else (lambda: None)
    times = time_interleaved(work, synchronise, _SECONDS[size], min_rounds=_ROUNDS[size])
    for one in rows:
        if one['way'] in times:
            one['ms'], one['times_eager'] = times[one['way']], times['eager fp32'] / times[one['way']]
            if cuda:
                one['memory_mb'] = memory[one['way']] + _working_memory(work[one['way']])
            goal = _GOALS.get((name, people)) if size == 'full' and cuda else None
            if goal:
                one['goal_ms'] = goal
    work.clear()
    _free(device)
    return rows


def _ways(device):
    if device.type == 'cuda':
        return ('fp32', 'fp16', 'bf16', 'fp16 graphs')
    return ('fp32', 'bf16')


def _allocated(device):
    """MB on the GPU."""
    return torch.cuda.memory_allocated(device) / 2 ** 20 if device.type == 'cuda' else 0.0


def _working_memory(do):
    """MB on the GPU that a pass takes in addition to those before it."""
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    do()
    torch.cuda.synchronize()
    return (torch.cuda.max_memory_allocated() - before) / 2 ** 20


def _guarded(do) -> dict:
    """The result of `do`, or why it failed, so that one failure affects no other figure."""
    try:
        return do()
    except Exception as error:  # drivers and compilers raise any exception
        return {'why': ' '.join(f'{type(error).__name__}: {error}'.split())[:300]}


def _free(device):
    if device.type == 'cuda':
        torch.cuda.empty_cache()


def format_table(result: dict) -> str:
    """As Markdown."""
    about = result['machine']
    lines = [f"{result['device']}, {about['processor']}, {about['cores']} cores, load {about['load_before']} before, "
             f"torch {result['versions']['torch']}, size {result['size']}", '',
             '| network | people | way | ms | times eager fp32 | difference | GPU memory, MB |',
             '|---|---:|---|---:|---:|---:|---:|']
    for row in result['forward']:
        if 'ms' not in row:
            lines.append(f"| {row['network']} | {row['people']} | {row['way']} | - | - | {row['why']} | |")
            continue
        goal = f" (goal {row['goal_ms']:g})" if 'goal_ms' in row else ''
        memory = f"{row['memory_mb']:.0f}" if 'memory_mb' in row else '-'
        lines.append(f"| {row['network']} | {row['people']} | {row['way']} | {row['ms']:.3g}{goal} | "
                     f"{row['times_eager']:.2f} | {row['difference']:.1e} | {memory} |")
    training = result['training']
    if 'why' in training:
        return '\n'.join([*lines, '', f"training: {training['why']}"])
    lines += ['', f"training: {training['steps']} steps of CHAM, batch {training['batch']}: {training['ms']:.3g} ms a "
              f"step, loss {training['first_loss']:.4g} -> {training['last_loss']:.4g}"]
    return '\n'.join(lines)


def failures(result: dict) -> list[str]:
    """Failures, a line each."""
    found = [f"{row['network']}, {row['people']} people, {row['way']}: {row['why']}" for row in result['forward']
             if 'why' in row]
    return found + ([f"training: {result['training']['why']}"] if 'why' in result['training'] else [])


def main(words: list[str] | None = None) -> int:
    """0 done, 1 something failed, 2 the arguments are wrong."""
    parser = argparse.ArgumentParser(prog='device_check', description='What a device is worth to every network.')
    parser.add_argument('--device', default='cuda', help="'cuda', 'cuda:N' or 'cpu'")
    parser.add_argument('--size', choices=('full', 'tiny'), help='full, on a processor tiny')
    parser.add_argument('--json', type=Path, help='write the figures here as well')
    args = parser.parse_args(words)
    try:
        device = pick_device(args.device)
    except EstimatorUnavailable as error:
        print(f'device_check: {error}', file=sys.stderr)
        return 2
    begun = time.monotonic()
    size = args.size or ('full' if device.type == 'cuda' else 'tiny')
    if size == 'tiny':      # tiny networks would wait longer for a second thread than they compute
        torch.set_num_threads(1)
    result = check(device, size, lambda text: print(f'{time.monotonic() - begun:6.1f} s  {text}', file=sys.stderr,
                                                    flush=True))
    result['seconds'] = time.monotonic() - begun
    print(format_table(result))
    if args.json is not None:
        write_file(args.json, json.dumps(result, indent=1).encode())
    wrong = failures(result)
    for line in wrong:
        print(f'device_check: {line}', file=sys.stderr)
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
