"""The chatter of C++ libraries is held back, everybody else's lines are not."""

import os

import pytest

from hand4whole_ros.native_stderr import quiet_stderr

CHATTER = b'W0000 00:00:1795250748.217066   21449 inference_feedback_manager.cc:114] Feedback manager requires\n'


def test_chatter_is_dropped_and_other_lines_come_through(capfd):
    with quiet_stderr():
        os.write(2, CHATTER + b'[ERROR] [hand4whole]: image dropped\n' + CHATTER)
    assert capfd.readouterr().err == '[ERROR] [hand4whole]: image dropped\n'


def test_everything_is_shown_when_something_fails(capfd):
    with pytest.raises(RuntimeError), quiet_stderr():
        os.write(2, CHATTER)
        raise RuntimeError
    assert capfd.readouterr().err == CHATTER.decode()
