"""Where networks run, in which precision, and who says so."""

import logging

import pytest
import torch

from hand4whole_ros.estimators import devices
from hand4whole_ros.estimators.base import EstimatorUnavailable

CPU = torch.device('cpu')


@pytest.mark.parametrize('has, dtype', [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_takes_bf16_where_the_processor_has_it_and_says_so(has, dtype, monkeypatch, caplog):
    monkeypatch.setattr(devices, 'multiplies_bf16', lambda: has)
    with caplog.at_level(logging.INFO):
        assert devices.pick_precision('auto', CPU) == dtype
    assert ('bf16, which this processor multiplies' in caplog.text) == has
    assert devices.pick_precision('auto', torch.device('cuda')) == torch.float16


def test_a_precision_that_is_named_is_taken():
    assert {name: devices.pick_precision(name, CPU) for name in devices.PRECISIONS} == devices.PRECISIONS
    with pytest.raises(EstimatorUnavailable, match="precision 'fp8': expected one of auto, fp32, bf16, fp16, int8"):
        devices.pick_precision('fp8', CPU)


def test_the_flag_is_what_the_processor_says():
    try:
        flags = next(line for line in open('/proc/cpuinfo') if line.startswith(('flags', 'Features'))).split()
    except (OSError, StopIteration):
        pytest.skip('no /proc/cpuinfo with flags')
    if {'avx512_bf16', 'amx_bf16'} & set(flags):
        assert devices.multiplies_bf16()
