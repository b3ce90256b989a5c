"""Python's garbage collector rests where much is made that stays: what it looked through again and again is alive."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_resting = 0  # blocks that are running, in all threads
_was_enabled = True  # before the first of them
_left = 0  # objects that blocks have made and not freed, since all was looked through
_looked_through = 0  # how often all was, by anybody, when that was counted
_alive = 40_000  # objects that were left then: an estimate before the first time

SHARE = 4  # new objects are as many as a quarter of the old ones: the interpreter's rule for looking through all


@contextmanager
def uncollected() -> Iterator[None]:
    """Run a block of code without garbage collections; afterwards they go on, if they did before.

    A graph of a hundred thousand values, each of which refers to its neighbours, is looked through as it grows; that
    took half of the compiler's time. The interpreter counts collections to know when to look through all objects, and
    would hardly ever do so where most are made in such blocks: models that a search has dropped, which are cycles,
    would keep their weights. So a block begins with that where those before it have left many.
    """
    global _resting, _was_enabled
    if _many_are_left():
        _look_through_all()
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
                _count()
                gc.enable()


def collect_meanwhile() -> None:
    """Collect what a block has made and dropped so far, while its thread has to wait for others anyway."""
    with _lock:
        wanted = bool(_resting and _was_enabled)
        if wanted:
            _count()
    if wanted:
        gc.collect(0)  # not under the lock: what is freed may begin a block


def _count() -> None:
    """Add the objects of the youngest generation, which is about to be collected, to those that are left."""
    global _left, _looked_through
    times = gc.get_stats()[-1]["collections"]
    _left = gc.get_count()[0] + (_left if times == _looked_through else 0)
    _looked_through = times


def _many_are_left() -> bool:
    return (
        not _resting
        and gc.isenabled()
        and _left > _alive // SHARE
        and gc.get_stats()[-1]["collections"] == _looked_through
    )


def _look_through_all() -> None:
    global _left, _alive
    with _lock:  # not around the collection: what is freed may begin a block
        _left = 0
    gc.collect()
    alive = len(gc.get_objects())
    with _lock:
        _alive = alive
