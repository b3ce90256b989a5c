"""Python's garbage collector rests where much is made that stays: what it looked through again and again is alive."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_resting = 0  # blocks that are running, in all threads
_was_enabled = True  # before the first of them


@contextmanager
def uncollected() -> Iterator[None]:
    """Run a block of code without garbage collections; afterwards they go on, if they did before.

    A graph of a hundred thousand values, each of which refers to its neighbours, is looked through as it grows; that
    took half of the compiler's time.
    """
    global _resting, _was_enabled
    with _lock:
        if not _resting:
            _was_enabled = gc.isenabled()
            gc.disable()
        _resting += 1
    try:
        yield
    finally:
        with _lock:
            _resting -= 1
            if not _resting and _was_enabled:
                gc.enable()


def collect_meanwhile() -> None:
    """Collect what a block has made and dropped so far, while its thread has to wait for others anyway."""
    if _resting and _was_enabled:
        gc.collect(0)
