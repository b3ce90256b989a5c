"""Blocks of code without garbage collections."""

import gc

import pytest

from pronghorn.runtime.garbage import uncollected


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
