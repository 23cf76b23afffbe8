"""Threads sleep while they wait, from before torch is there, unless the user wants it otherwise."""

import os
import subprocess
import sys

import pytest

from hand4whole_ros.cli import main

PROGRAM = """
import os, sys
import hand4whole_ros.cli.main, hand4whole_ros.ros.node.main
assert 'torch' not in sys.modules, 'too late to say how its threads wait'
"""


@pytest.mark.parametrize('given, wanted', [
    ({}, '1000'), ({'GOMP_SPINCOUNT': '7'}, '7'), ({'OMP_WAIT_POLICY': 'active'}, None)])
def test_the_command_says_so_unless_the_user_has(monkeypatch, given, wanted):
    for name in ('GOMP_SPINCOUNT', 'OMP_WAIT_POLICY'):
        monkeypatch.delenv(name, raising=False)
        if name in given:
            monkeypatch.setenv(name, given[name])
    with pytest.raises(SystemExit):
        main.main(['--version'])
    assert os.environ.get('GOMP_SPINCOUNT') == wanted


def test_programs_come_before_torch():
    subprocess.run([sys.executable, '-c', PROGRAM], check=True)
