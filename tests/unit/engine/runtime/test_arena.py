import os

import ml_dtypes
import numpy as np
import pytest

from pronghorn.engine.runtime import arena as arenas
from pronghorn.engine.runtime.arena import LARGE_IDLE, Arena, aligned_empty, aligned_zeros


@pytest.mark.skipif(not os.path.exists("/proc/self/smaps_rollup"), reason="tells what memory a process holds")
def test_the_end_of_a_block_does_not_hold_a_whole_huge_page():
    """Weights of 768 x 768 numbers, 2.25 MiB, held 4 MiB each."""

    def held():
        with open("/proc/self/smaps_rollup") as lines:
            return next(int(line.split()[1]) << 10 for line in lines if line.startswith("Private_Dirty"))

    before = held()
    blocks = [aligned_zeros((768, 768), "float32") for _ in range(16)]
    for block in blocks:
        block.fill(1)
    assert held() - before < 1.25 * sum(block.nbytes for block in blocks)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,), (7, 5), (1000, 1000)])
@pytest.mark.parametrize("dtype", ["float32", "int8", "complex128", ml_dtypes.bfloat16])
def test_aligned_arrays_are_ordinary_arrays_on_cache_lines(shape, dtype):
    array = aligned_empty(shape, dtype)
    assert array.shape == shape and array.dtype == np.dtype(dtype)
    assert array.size == 0 or array.ctypes.data % 64 == 0
    assert array.flags.writeable and array.flags.c_contiguous
    array[...] = 1
    assert (array == np.ones(shape, dtype)).all()


def test_an_integer_shape_is_a_vector():
    assert aligned_empty(5, "float64").shape == (5,)


@pytest.mark.parametrize("count", [3, 5_000_000])
def test_zeros(count):
    assert not aligned_zeros((count,), "int32").any()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("count", [100, 5_000_000])
def test_a_forked_child_writes_into_memory_of_its_own(count):
    array = aligned_zeros((count,), "float32")
    child = os.fork()
    if child == 0:
        array[:] = 1
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert not array.any()


def test_reserve_grows_and_never_shrinks():
    arena = Arena()
    assert arena.capacity == 0
    first = arena.reserve(0)
    assert first and first % 64 == 0
    large = arena.reserve(10 << 20)
    assert large % (2 << 20) == 0  # large blocks start on a huge page
    assert arena.reserve(5) == large and arena.capacity == 10 << 20


def test_views_share_the_block():
    arena = Arena()
    arena.reserve(4096)
    a, b = arena.view(64, (2, 3), "float32"), arena.view(64, (6,), "float32")
    a[1, 2] = 7
    assert b[5] == 7


def test_a_block_too_large_is_a_memory_error_that_names_its_size():
    arena = Arena()
    with pytest.raises(MemoryError, match=r"MiB.*batch_size"):
        arena.reserve(1 << 60)
    assert arena.reserve(100) % 64 == 0  # and the arena is still usable


@pytest.mark.parametrize(("held", "wanted", "kept"), [
    (LARGE_IDLE + 4096, LARGE_IDLE + 8192, 0),  # the larger makes room for what is larger still
    (LARGE_IDLE + 4096, LARGE_IDLE + 4096, 1),
    (LARGE_IDLE, 1 << 40, 1),  # soon there again
    (0, 0, 1),
])  # fmt: skip
def test_large_idle_arenas_make_room_for_more(held, wanted, kept, monkeypatch):
    arena = Arena()
    arena.reserve(held)
    monkeypatch.setattr(arenas, "_idle", [arena])
    arenas.make_room(wanted)
    assert len(arenas._idle) == kept
    assert arenas.borrow().reserve(100) % 64 == 0
