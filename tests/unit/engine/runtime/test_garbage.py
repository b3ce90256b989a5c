"""Blocks of code without garbage collections."""

import gc
import os
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

import pronghorn
from pronghorn.engine.runtime import garbage
from pronghorn.engine.runtime.garbage import collect_meanwhile, uncollected


def test_collections_rest_until_the_outermost_block_ends():
    with uncollected():
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_an_exception_ends_the_rest():
    with pytest.raises(ValueError, match="within"), uncollected():
        raise ValueError("within")
    assert gc.isenabled()


def test_whoever_turned_collections_off_keeps_them_off():
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


class _Cycle:
    def __init__(self):
        self.itself = self


def test_what_was_dropped_can_be_collected_while_a_block_waits():
    with uncollected():
        dropped = weakref.ref(_Cycle())
        assert dropped() is not None
        collect_meanwhile()
        assert dropped() is None
        assert not gc.isenabled()


def test_nothing_is_collected_where_collections_are_off():
    gc.disable()
    try:
        dropped = weakref.ref(_Cycle())
        with uncollected():
            collect_meanwhile()
        collect_meanwhile()
        assert dropped() is not None
    finally:
        gc.enable()


@pytest.fixture
def counted():
    """What is alive has been counted just now."""
    gc.collect()
    with uncollected():
        pass


def test_old_cycles_end_when_much_was_made_in_blocks(counted):
    """As models that a search builds and drops, each of which was made where collections rested."""
    old = _Cycle()
    dropped = weakref.ref(old)
    gc.collect()  # it is old now: only looking through all finds that it is dropped
    with uncollected():  # somebody else has looked through all, so it is counted again
        del old
    parts = sys.getallocatedblocks() // (4 * garbage.SHARE)
    made = []
    for _ in range(3):
        with uncollected():
            made += [[] for _ in range(parts)]
            collect_meanwhile()
    with uncollected():
        assert dropped() is not None  # three quarters of what is much
        made += [[] for _ in range(2 * parts)]
    with uncollected():
        assert dropped() is None
    assert len(made) == 5 * parts


def test_all_is_looked_through_once_for_what_is_new(counted):
    with uncollected():
        made = [[] for _ in range(sys.getallocatedblocks() // 2)]
    before = gc.get_stats()[-1]["collections"]
    for _ in range(10):
        with uncollected():
            pass
    assert gc.get_stats()[-1]["collections"] == before + 1
    assert made


def test_nobody_looks_through_all_where_collections_are_off(counted, monkeypatch):
    monkeypatch.setattr(garbage, "_alive", 0)
    dropped = weakref.ref(_Cycle())
    gc.disable()
    try:
        with uncollected():
            pass
        assert dropped() is not None
    finally:
        gc.enable()


STORM = """
import sys, threading
from pronghorn.engine.runtime import garbage

until, errors = [True], []

def innocent():
    while until:
        try:
            tuple(number for number in range(50))
        except SystemError as error:
            errors.append(error)

sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=innocent) for _ in range(2)]
for thread in threads:
    thread.start()
for _ in range(60):
    garbage._alive = 0
    with garbage.uncollected():
        pass
until.clear()
for thread in threads:
    thread.join()
print("errors:", len(errors))
"""


def test_other_threads_make_tuples_while_all_is_looked_through():
    """The interpreter refuses to fill a tuple that anybody else refers to, as a list of all objects does.

    In a process of its own: what other tests have left would be looked through as often.
    """
    environment = {**os.environ, "PYTHONPATH": str(Path(pronghorn.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", STORM], env=environment, capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("errors: 0\n", "")
