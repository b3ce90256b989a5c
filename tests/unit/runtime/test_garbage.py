"""Blocks of code without garbage collections."""

import gc
import weakref

import pytest

from pronghorn.runtime import garbage
from pronghorn.runtime.garbage import collect_meanwhile, uncollected


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


def test_old_cycles_end_when_many_objects_were_made_in_blocks(monkeypatch):
    """As models that a search builds and drops, each of which was made where collections rested."""
    monkeypatch.setattr(garbage, "_alive", 4_000)
    old = _Cycle()
    dropped = weakref.ref(old)
    gc.collect()  # it is old now: only looking through all finds that it is dropped
    del old
    with uncollected():
        made = [[] for _ in range(900)]
    with uncollected():
        made += [[] for _ in range(900)]
        collect_meanwhile()
    with uncollected():
        assert dropped() is None
    assert len(made) == 1_800


def test_nobody_looks_through_all_where_collections_are_off(monkeypatch):
    monkeypatch.setattr(garbage, "_alive", 0)
    monkeypatch.setattr(garbage, "_left", 1_000)
    dropped = weakref.ref(_Cycle())
    gc.disable()
    try:
        with uncollected():
            pass
        assert dropped() is not None
    finally:
        gc.enable()
