"""The garbage collector of processes that carry calls."""

import gc

from bridge.worker.garbage_collection import settle


def test_memory_is_settled() -> None:
    before = gc.get_threshold()
    try:
        settle()
        assert gc.get_freeze_count() > 1000
        assert gc.get_threshold()[0] > before[0]
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
