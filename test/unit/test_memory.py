"""What is loaded is set aside from Python's collector, and comes back to it before the next weights are loaded."""

import gc
import weakref

from hand4whole_ros.system.memory import collect_frozen_objects, freeze_loaded_objects, trim_memory


class Loop:
    """Refers to itself, so that only the collector frees it."""

    def __init__(self):
        self.myself = self


def test_what_was_set_aside_is_left_alone_and_then_freed():
    loaded = Loop()
    gone = weakref.ref(loaded)
    try:
        freeze_loaded_objects()
        kept = gc.get_freeze_count()
        assert kept > 10_000 and len(gc.get_objects()) < kept / 10
        del loaded
        gc.collect()
        assert gone() is not None, 'the collector still goes through what is loaded'
        later = weakref.ref(Loop())
        trim_memory()
        assert later() is None, 'what was made later is not collected'
    finally:
        collect_frozen_objects()
    assert gone() is None and gc.get_freeze_count() == 0
