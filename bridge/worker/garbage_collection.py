"""How the garbage collector is set in a worker, so that it does not delay calls."""

import gc


def settle() -> None:
    """To be called once all modules are imported.

    Modules and their classes are 50,000 objects that are never freed. A full collection visits them for 50 ms, longer
    than two frames of every call; frozen objects are not visited. The objects of a call are freed by their reference
    count, so the collector may run less often than after 700 allocations, the default.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
