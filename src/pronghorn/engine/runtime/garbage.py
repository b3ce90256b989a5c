"""Python's garbage collector rests where much is made that stays: what it looked through again and again is alive."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pronghorn.engine.runtime import forks

_lock = threading.Lock()
_resting = 0  # blocks that are running, in all threads
_was_enabled = True  # before the first of them
_alive = 0  # pieces of memory that Python's objects had when all was last looked through
_looked_through = -1  # how often all was, by anybody, when that was counted

SHARE = 4  # what is new is as much as a quarter of the old: the interpreter's rule for looking through all


class _OfThread(threading.local):
    """The blocks that one thread runs."""

    resting = 0


_of_thread = _OfThread()


@contextmanager
def uncollected() -> Iterator[None]:
    """Run a block of code without garbage collections; afterwards they go on, if they did before.

    A graph of a hundred thousand values, each of which refers to its neighbours, is looked through as it grows; that
    took half of the compiler's time. The interpreter counts collections to know when to look through all objects, and
    would hardly ever do so where most are made in such blocks: models that a search has dropped, which are cycles,
    would keep their weights. So a block begins with that where much has been made since it was last done.
    """
    global _resting, _was_enabled
    if not _resting and gc.isenabled() and _much_is_new():
        gc.collect()  # not under the lock: what is freed may begin a block
        _count()
    with _lock:
        if not _resting:
            _was_enabled = gc.isenabled()
            gc.disable()
        _resting += 1
        _of_thread.resting += 1
    try:
        yield
    finally:
        with _lock:
            _resting -= 1
            _of_thread.resting -= 1
            if not _resting and _was_enabled:
                gc.enable()


@forks.in_child
def _rest_no_longer() -> None:
    """Blocks of other threads have no end in a child."""
    global _lock, _resting
    _lock, others = threading.Lock(), _resting - _of_thread.resting
    _resting = _of_thread.resting
    if others and not _resting and _was_enabled:
        gc.enable()


def collect_meanwhile() -> None:
    """Collect what a block has made and dropped so far, while its thread has to wait for others anyway."""
    with _lock:
        wanted = bool(_resting and _was_enabled)
    if wanted:
        gc.collect(0)  # not under the lock: what is freed may begin a block


def _much_is_new() -> bool:
    """Whether Python's objects have grown by a quarter since all was looked through.

    Their memory is counted, not they: a list of all objects would refer to tuples that other threads are just making,
    which the interpreter then refuses to fill. Without its own allocator (PYTHONMALLOC=malloc) it counts no memory, and
    only its own rule holds.
    """
    if gc.get_stats()[-1]["collections"] != _looked_through:  # somebody else has done it, or nobody so far
        _count()
        return False
    return sys.getallocatedblocks() - _alive > _alive // SHARE


def _count() -> None:
    global _alive, _looked_through
    with _lock:
        _alive, _looked_through = sys.getallocatedblocks(), gc.get_stats()[-1]["collections"]
