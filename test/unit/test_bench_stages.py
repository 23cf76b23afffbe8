"""Time and work of a forward by its parts, and the drawing of it."""

from xml.etree import ElementTree

import pytest
import torch

from hand4whole_ros.benchmarks import profile_chart, result_rows
from hand4whole_ros.benchmarks.network import _make_workloads
from hand4whole_ros.benchmarks.stages import OTHER_STAGE, STAGES, StageTimer, count_gflop
from hand4whole_ros.checkpoints.random_weights import load_random
from hand4whole_ros.networks.hand4whole_pp import HAND4WHOLE_PP_TINY
from hand4whole_ros.networks.packed_layers import PRECISIONS, can_pack
from hand4whole_ros.networks.vit import VIT_TINY

pytestmark = pytest.mark.usefixtures('one_thread')


def test_the_parts_of_a_forward_are_the_whole(published_body):
    network = load_random(published_body, HAND4WHOLE_PP_TINY)
    forward, one_hand = _make_workloads(network, torch.device('cpu'))
    waits = []
    with torch.inference_mode(), StageTimer(network, lambda: waits.append(len(waits))) as clock:
        for _ in range(3):
            forward()
            one_hand()  # a part on its own is no forward
    assert len(clock.rounds) == 3 and len(waits) > 3 * 2 * len(STAGES)
    found = clock.medians()
    assert set(found) == {*STAGES, OTHER_STAGE} and all(ms > 0 for ms in found.values())
    whole = sorted(one['whole'] for one in clock.rounds[1:])
    assert whole[0] <= sum(found.values()) / 1e3 <= whole[-1]
    forward()
    assert len(clock.rounds) == 3  # closed


def test_packed_products_are_counted_as_plain_ones(published_body):
    with torch.inference_mode():
        counts = {}
        for precision in (None, *filter(can_pack, PRECISIONS)):
            network = load_random(published_body, HAND4WHOLE_PP_TINY, precision=precision)
            counts[precision] = count_gflop(network, _make_workloads(network, torch.device('cpu'))[0])
    plain = counts.pop(None)
    assert counts and all(found == pytest.approx(plain, rel=1e-6) for found in counts.values())
    # By hand, of the body expert: four products a block and two of attention, a patch embedding.
    tokens, dim = VIT_TINY.num_patches + 31, VIT_TINY.embed_dim
    block = 2 * tokens * 12 * dim ** 2 + 4 * tokens ** 2 * dim
    patches = 2 * VIT_TINY.num_patches * 3 * 16 * 16 * dim
    assert plain['body expert'] == pytest.approx((VIT_TINY.depth * block + patches) / 1e9, rel=1e-3)


RESULT = {
    'machine': {'processor': 'An <abacus> & more', 'cores': 2}, 'device': 'cpu', 'versions': {'torch': '2'},
    'frame_precision': 'bf16', 'products_bf16_gflops': 400.0, 'node_overhead_own_hands_ms_p50': 4.25,
    'profile': {'bf16': {'hand expert': {'ms': 90.0, 'gflop': 30.0}, OTHER_STAGE: {'ms': 10.0, 'gflop': 0.0}},
                'frame': {'detector': {'ms': 30.0}, 'hand expert': {'ms': 100.0, 'gflop': 30.0}}}}


def test_the_drawing_shows_what_was_measured(tmp_path):
    profile_chart.write_chart(RESULT, tmp_path / 'drawn' / 'profile.svg')
    texts = [text.text for text in ElementTree.parse(tmp_path / 'drawn/profile.svg').iter() if text.text]
    assert 'One frame in bf16, from the picture to the poses: 134 ms' in texts
    assert '100.0 ms, 30.0 GFLOP, 0.30 TFLOP/s, 75 %' in texts and '4.2 ms' in texts
    assert any(text.startswith('An <abacus> & more, 2 cores') for text in texts)
    only = {**RESULT, 'profile': {'bf16': RESULT['profile']['bf16']}}
    profile_chart.write_chart(only, tmp_path / 'profile.svg')
    assert 'One frame' not in (tmp_path / 'profile.svg').read_text()
    with pytest.raises(result_rows.BenchmarkSkipped, match='nothing to draw'):
        profile_chart.write_chart({**RESULT, 'profile': {}}, tmp_path / 'none.svg')
    assert not (tmp_path / 'none.svg').exists()
