"""How the code of kernels is laid out (vectors and what they leave, loops over rows of a tile) shows in no bit."""

import numpy as np
import pytest

from pronghorn import ops
from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.backends.llvm.build import build
from pronghorn.engine.codegen.contraction import unit_rows
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.runtime.host import host_target

BATCH = Dim.symbol("batch")


@pytest.fixture(autouse=True)
def fresh_code(monkeypatch):
    monkeypatch.setenv("PRONGHORN_CACHE", "0")


def normal(*shape):
    return np.random.default_rng(0).standard_normal(shape, "float32")


def traced(function, *shapes):
    return trace(function, [Aval(shape, "float32") for shape in shapes])


def text(function, *shapes):
    return build(traced(function, *shapes), (), host_target(), False).text


def test_a_column_is_reduced_alike_among_any_number_of_columns():
    counts = (16, 24, 48, 65, 80, 130)

    def reduced(x):
        return [r for n in counts for r in (ops.sum(x[:, :n] * x[:, :n], axis=0), ops.argmax(x[:, :n], axis=0))]

    x = normal(37, max(counts))
    *some, sums, places = Executable(traced(reduced, x.shape))(x)
    for found, n in zip(some[::2], counts):
        np.testing.assert_array_equal(found, sums[:n])
    for found, n in zip(some[1::2], counts):
        np.testing.assert_array_equal(found, places[:n])
    np.testing.assert_allclose(sums, (x**2).sum(0), rtol=1e-5)
    np.testing.assert_array_equal(places, x.argmax(0))


def test_no_code_is_written_for_what_vectors_do_not_leave():
    lanes = host_target().lanes("float32")
    whole, more = (text(lambda x: [ops.sin(x)], (BATCH, n)) for n in (4 * lanes, 4 * lanes + 1))
    assert "masked" not in whole and len(more) > 1.3 * len(whole)


def test_addresses_a_constant_apart_are_hidden_together():
    """In front of a loop, which then adds constants to one address."""
    hidden = [
        text(lambda x, parts=parts: [sum(x[:, i : i + 50] for i in range(parts))], (BATCH, 60)).count("asm")
        for parts in (1, 3)
    ]
    assert hidden[0] == hidden[1] > 0


def test_windows_and_borders_of_any_extent():
    """What loops read before, at and behind the element that they write, by loads of one array and of others."""

    def function(x, y):
        padded = ops.pad(x, ((0, 0), (1, 2), (0, 0)))
        near = padded[:, :-3] - 2 * padded[:, 1:-2] + padded[:, 2:-1] * ops.flip(y, 1)
        return [near, ops.sum(near, axis=0), ops.argmax(near, axis=1), ops.max(padded, axis=(1, 2))]

    executable = Executable(traced(function, (BATCH, 5, 19), (BATCH, 5, 19)))
    for rows in (1, 2, 40):
        x, y = normal(rows, 5, 19), normal(rows, 5, 19)[::-1]
        padded = np.pad(x, ((0, 0), (1, 2), (0, 0)))
        near = padded[:, :-3] - 2 * padded[:, 1:-2] + padded[:, 2:-1] * y[:, ::-1]
        found = executable(x, np.ascontiguousarray(y))
        np.testing.assert_allclose(found[0], near, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(found[1], near.sum(0), rtol=1e-4, atol=1e-4)
        np.testing.assert_array_equal(found[2], found[0].argmax(1))
        np.testing.assert_array_equal(found[3], padded.max((1, 2)))


def test_places_in_an_empty_batch_are_worked_out_and_read_nowhere():
    """Rows and columns of what is flat follow from divisions by the batch."""
    executable = Executable(
        traced(lambda x: [ops.pad(ops.flip(ops.reshape(ops.transpose(x), (-1,)), 0), ((1, 0),))], (BATCH, 2))
    )
    for rows in (0, 1, 3):
        x = normal(rows, 2)
        np.testing.assert_array_equal(executable(x)[0], np.pad(x.T.reshape(-1)[::-1], (1, 0)))


def test_registers_that_are_full_or_empty_have_no_mask():
    lanes = host_target().lanes("float32")
    sums, more = (text(lambda x: [ops.sum(x, axis=0)], (9, n * lanes)) for n in (7, 8))
    assert "masked" not in sums and "masked" not in more
    assert "masked" in text(lambda x: [ops.sum(x, axis=0)], (9, 7 * lanes - 1))


def test_lanes_that_lie_apart():
    """Six results a row are too few for a vector: its lanes are rows."""
    w = normal(9, 6)

    def product(x):
        y = ops.matmul(x, w)
        return [ops.greater(y, 0.1), ops.cast(y, "float16"), y * 2]

    executable = Executable(traced(product, (BATCH, 9)))
    for rows in (0, 1, 16, 37):
        x = normal(rows, 9)
        is_greater, halves, doubled = executable(x)
        np.testing.assert_allclose(doubled, x @ w * 2, atol=1e-5)
        np.testing.assert_array_equal(is_greater, doubled / 2 > np.float32(0.1))
        np.testing.assert_array_equal(halves, (doubled / 2).astype("float16"))


def test_rows_of_a_tile_in_a_loop(monkeypatch):
    weights = [(normal(depth, columns), normal(columns)) for depth, columns in ((8, 40), (20, 5), (3, 1))]

    def layers(x):
        return [ops.gelu(ops.matmul(x[:, : len(w)], w) + b) for w, b in weights]

    found = []
    for most in (0, 1 << 30):
        monkeypatch.setattr(unit_rows, "MOST_TILE_CODE", most)
        executable = Executable(traced(layers, (BATCH, 20)))
        found.append([executable(normal(rows, 20)) for rows in (0, 1, 7, 29, 64)])
    for looped, apart in zip(*found):
        for one, other in zip(looped, apart, strict=True):
            np.testing.assert_array_equal(one, other)
    x = normal(29, 20)
    for (w, b), result in zip(weights, found[0][3]):
        np.testing.assert_allclose(result, ops.gelu(x[:, : len(w)] @ w + b), atol=1e-5)


def test_a_long_end_of_a_product_is_written_once_a_row(monkeypatch):
    def layer(x, w):
        return [ops.gelu(ops.matmul(x, w))]

    short = text(layer, (64, 64), (64, 64))
    monkeypatch.setattr(unit_rows, "MOST_TILE_CODE", 1 << 30)
    assert len(text(layer, (64, 64), (64, 64))) > 2 * len(short)


@pytest.mark.parametrize("columns", [1, 7, 8, 100])
def test_rows_are_summed_along_themselves_whatever_is_done_with_the_sums(columns):
    def shares(x, n):
        return [n / ops.sum(x, axis=1), ops.sum(x * n[:, None], axis=1)]

    if columns >= 8:  # of fewer, a vector takes several rows
        assert "gather" not in text(shares, (BATCH, columns), (BATCH,))
    executable = Executable(traced(shares, (BATCH, columns), (BATCH,)))
    for rows in (0, 1, 5, 40):
        x, n = np.abs(normal(rows, columns)) + 1, normal(rows)
        first, second = executable(x, n)
        np.testing.assert_allclose(first, n / x.sum(1), rtol=1e-5)
        np.testing.assert_allclose(second, (x * n[:, None]).sum(1), rtol=1e-4, atol=1e-5)
