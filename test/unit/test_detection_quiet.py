"""The chatter of C++ libraries is held back, everybody else's lines are not."""

import os
import threading

import pytest

from hand4whole_ros.system.native_stderr import suppress_native_stderr

CHATTER = b'W0000 00:00:1795250748.217066   21449 inference_feedback_manager.cc:114] Feedback manager requires\n'


def test_chatter_is_dropped_and_other_lines_come_through(capfd):
    with suppress_native_stderr():
        os.write(2, CHATTER + b'[ERROR] [hand4whole]: image dropped\n' + CHATTER)
    assert capfd.readouterr().err == '[ERROR] [hand4whole]: image dropped\n'


def test_everything_is_shown_when_something_fails(capfd):
    with pytest.raises(RuntimeError), suppress_native_stderr():
        os.write(2, CHATTER)
        raise RuntimeError
    assert capfd.readouterr().err == CHATTER.decode()


def test_threads_that_hold_stderr_back_at_once_give_it_back(capfd):
    first_in, second_in, first_done = threading.Event(), threading.Event(), threading.Event()

    def first():
        with suppress_native_stderr():
            first_in.set()
            second_in.wait(60)
        first_done.set()

    def second():
        first_in.wait(60)
        with suppress_native_stderr():
            second_in.set()
            first_done.wait(60)
            os.write(2, CHATTER + b'held until the second is done\n')
    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(2, b'at once\n')
    assert capfd.readouterr().err == 'held until the second is done\nat once\n'
