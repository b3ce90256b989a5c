"""Philox: the published known answers, and the NumPy backend's bits wherever in a block a vector begins."""

from __future__ import annotations

import numpy as np
import pytest

from pronghorn.engine.backends.numpy import IMPLEMENTATIONS
from pronghorn.engine.codegen.arguments import base_pointer, start_kernel
from pronghorn.engine.codegen.builder import ModuleBuilder
from pronghorn.engine.codegen.philox import emit_philox, emit_random_bits

# Random123's known answers: counter, key, result
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize("counter, key, words", KNOWN)
def test_known_answers(kernel, counter, key, words) -> None:
    module = ModuleBuilder()
    fb = start_kernel(module, "k")
    result = emit_philox(fb, [str(c) for c in counter], [str(np.int32(np.uint32(k).view(np.int32))) for k in key], 1)
    for position, word in enumerate(result):
        fb.store("i32", fb.cast("trunc", word, "i64", "i32"), fb.gep("i32", base_pointer(fb, 0), position))
    fb.ret()
    out = np.zeros(4, np.uint32)
    kernel(module)([out], [], 1)
    assert tuple(int(word) for word in out) == words


@pytest.mark.parametrize("target, lanes", [("native", 1), ("native", 16), ("native", 5), ("sse2", 4), ("avx2", 8)])
def test_elements_are_words_of_numbered_blocks(kernel, target: str, lanes: int) -> None:
    module = ModuleBuilder()
    fb = start_kernel(module, "k")
    out, key = base_pointer(fb, 0), base_pointer(fb, 1)
    k0, k1 = fb.load("i32", key), fb.load("i32", fb.gep("i32", key, 1))
    with fb.loop("%begin", "%end", lanes) as i:
        bits = emit_random_bits(fb, k0, k1, i, lanes)
        offset = fb.sub(i, "%begin")
        fb.store(f"<{lanes} x i32>" if lanes > 1 else "i32", bits, fb.gep("i32", out, offset))
    fb.ret()
    key_array = np.array([0xDEADBEEF, 0xFFFFFF01], np.uint32)
    want = IMPLEMENTATIONS["random_bits"](key_array, shape=(400,))
    run = kernel(module, target)
    for begin in range(4):
        got = np.zeros(400, np.uint32)
        # one call a range: ``run`` would start at 0
        run.between([got, key_array], begin, begin + 320)
        np.testing.assert_array_equal(got[:320], want[begin : begin + 320])


def test_counters_above_32_bits(kernel) -> None:
    module = ModuleBuilder()
    fb = start_kernel(module, "k")
    first = 4 * 2**32 - 3  # from the last block whose number has 32 bits to the next
    fb.store("<8 x i32>", emit_random_bits(fb, "7", "9", first, 8), base_pointer(fb, 0))
    for lane in range(8):
        one = emit_random_bits(fb, "7", "9", first + lane, 1)
        fb.store("i32", one, fb.gep("i32", base_pointer(fb, 1), lane))
    fb.ret()
    vector, scalars = np.zeros(8, np.uint32), np.zeros(8, np.uint32)
    kernel(module)([vector, scalars], [], 1)
    np.testing.assert_array_equal(vector, scalars)
    assert len(set(vector.tolist())) == 8


def test_all_words_of_a_block_are_elements() -> None:
    _, key, words = KNOWN[0]  # of the block whose counter is 0
    drawn = IMPLEMENTATIONS["random_bits"](np.array(key, np.uint32), shape=(2, 3))
    assert tuple(drawn.ravel()[:4].tolist()) == words
