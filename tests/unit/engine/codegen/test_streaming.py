"""Stores past the caches: which arrays they are for, and that no bit depends on them."""

import dataclasses

import numpy as np
import pytest

from pronghorn import ops
from pronghorn.engine.backends.llvm import Executable, executable
from pronghorn.engine.backends.llvm.build import build
from pronghorn.engine.codegen.launch import Launch
from pronghorn.engine.codegen.slots import Streamed
from pronghorn.engine.codegen.units import Units
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.runtime import threads
from pronghorn.engine.runtime.host import named_target, native_target

BATCH = Dim.symbol("batch")
SMALL = 2048  # bytes that caches would leave to a program

pytestmark = pytest.mark.skipif(native_target().arch != "x86_64", reason="stores past the caches are x86-64's")


def graph(fn, *shapes):
    return trace(lambda *args: list(fn(*args)), [Aval(shape, "float32") for shape in shapes])


def on(name, cache_bytes=SMALL):
    """A target whose caches are that small; skips what this machine cannot run."""
    target = named_target(name)
    if target.register_bits > native_target().vector_bits:
        pytest.skip(f"no vectors of {target.register_bits} bits")
    return dataclasses.replace(target, cache_bytes=cache_bytes)


def emitted(fn, *shapes, target=None):
    return build(graph(fn, *shapes), (), target or on("native"), False).emitted


def streams(fn, *shapes, target=None):
    """Whether any of its stores may go past the caches, behind which a fence must be."""
    functions = emitted(fn, *shapes, target=target).module.text().split("\ndefine ")
    for text in functions:
        assert ("!nontemporal" in text) == ("call void @llvm.x86.sse.sfence()" in text)
    return any("!nontemporal" in text for text in functions)


def elementwise(x):
    made = ops.exp(x)
    return made, made - ops.mean(made, axis=0)


def normalized_rows(x):
    centred = x - ops.mean(x, -1, keepdims=True)
    return (centred * ops.rsqrt(ops.mean(ops.square(centred), -1, keepdims=True) + 1e-3),)


def image(x, channels=64):
    return ops.reshape(x, (-1, 6, 10, channels))


def filters(*shape):
    numbers = np.arange(np.prod(shape), dtype="float32").reshape(shape)
    return ops.convert_to_tensor(np.sin(numbers))


def convolution(x):
    made = ops.conv(image(x), filters(1, 1, 64, 32))
    return ops.relu(made), ops.sum(made, axis=(0, 1, 2))


def few_taps(x):
    return (ops.conv(image(x), filters(3, 3, 64, 64), padding="same"),)


def depthwise(x):
    made = ops.depthwise_conv(image(x), filters(3, 3, 64, 1), padding="same")
    return made, ops.sum(made, axis=(0, 1, 2))


def product(x):
    return (ops.matmul(ops.reshape(x, (-1, 64)), filters(64, 48)),)


def product_and_more(x):
    return (ops.gelu(product(x)[0], approximate=False),)


def halves(x):
    return (ops.cast(ops.sin(x), "bfloat16"),)


def doubles(x):
    return (ops.sin(ops.cast(x, "float64")),)


def averages(x):
    return ops.mean(x, axis=1), ops.average_pool(image(x), 2)


CASES = [
    elementwise,
    doubles,
    averages,
    normalized_rows,
    convolution,
    few_taps,
    depthwise,
    product,
    product_and_more,
    halves,
]


@pytest.mark.parametrize("name", ["native", "avx2", "avx512-emulated"])
@pytest.mark.parametrize("fn", CASES)
@pytest.mark.parametrize("batch", [0, 1, 3, 64])
def test_no_bit_depends_on_it(fn, name, batch, monkeypatch):
    traced = graph(fn, (BATCH, 60, 64))
    x = np.random.default_rng(0).standard_normal((batch, 60, 64), "float32")
    if batch:
        x[0, 0, :4] = np.nan, np.inf, -np.inf, -0.0

    def run(cache_bytes, count):
        monkeypatch.setattr(executable, "host_target", lambda: on(name, cache_bytes))
        before = threads.get_num_threads()
        threads.set_num_threads(count)
        try:
            return [np.asarray(v).copy() for v in Executable(traced)(x)]
        finally:
            threads.set_num_threads(before)

    usual, *others = run(1 << 40, 2), run(SMALL, 1), run(SMALL, 2), run(SMALL, 5)
    too_narrow = fn is halves and name == "avx2"  # 16 bytes
    assert streams(fn, (BATCH, 60, 64), target=on(name)) != too_narrow
    assert not streams(fn, (BATCH, 60, 64), target=on(name, 1 << 40))
    for each in others:
        assert all(a.tobytes() == b.tobytes() for a, b in zip(usual, each, strict=True))


def test_what_it_is_for():
    whole = lambda x: (ops.exp(x),)  # noqa: E731
    assert streams(whole, (BATCH, 64)) and streams(whole, (11, 64)) and streams(whole, (4096,))
    assert not streams(whole, (10, 64)) and not streams(whole, (BATCH, 2))
    assert not streams(whole, (BATCH, 100))  # rows end within a line
    assert not streams(lambda x: (ops.exp(x),), (BATCH, 64), target=on("sse2"))  # stores too small
    assert not streams(whole, (BATCH, 64), target=dataclasses.replace(named_target("neon"), cache_bytes=SMALL))


def test_an_array_that_is_small_at_run_time_is_not():
    (size,) = [e for e in emitted(lambda x: (ops.exp(x),), (BATCH, 64)).launches[0].extents if isinstance(e, Streamed)]
    assert size.nbytes == 256 * BATCH


def test_windows_that_are_pooled_in_registers_are_not():
    """Their code is a register tile's own, once for each window."""

    def pooled(x):
        return (ops.max_pool(ops.relu(ops.conv(image(x), filters(1, 1, 64, 64))), 2),)

    functions = emitted(pooled, (BATCH, 60, 64)).module.text().split("\ndefine ")
    convolutions = [text for text in functions if "_conv" in text.partition("(")[0]]
    assert convolutions and not any("!nontemporal" in text for text in convolutions)


def test_what_loops_by_rows_go_through_is_not():
    own = Units.of(BATCH)
    launch = Launch("k", own, 1.0, set(), set(), by_rows="batch", extents=[BATCH, Streamed(256 * BATCH)])
    assert launch.known_extents() == [BATCH, 0]
    launch.by_rows = ""
    assert launch.known_extents() == [BATCH, 256 * BATCH]


def test_what_the_next_kernel_reads_from_a_near_cache_is_not():
    launches = emitted(normalized_rows, (BATCH, 128, 256)).launches
    chained = [launch for launch in launches if launch.is_chained]
    assert chained and any(isinstance(e, Streamed) for launch in chained for e in launch.extents)
    for launch in chained:
        known = launch.known_extents()
        assert all(k == 0 for k, e in zip(known, launch.extents, strict=True) if isinstance(e, Streamed))


def test_vectors_that_begin_within_a_line_are_stored_as_usual(monkeypatch):
    """Rows are whole vectors, but a part of them begins with the second number: no address is a multiple of a line."""

    def parts(x):
        return (ops.concatenate([ops.exp(x[:, :1]), ops.sin(x)], axis=1),)

    assert streams(parts, (BATCH, 63))
    monkeypatch.setattr(executable, "host_target", lambda: on("native"))
    x = np.random.default_rng(0).standard_normal((100, 63), "float32")
    [made] = Executable(graph(parts, (BATCH, 63)))(x)
    np.testing.assert_allclose(made, np.concatenate([np.exp(x[:, :1]), np.sin(x)], 1), rtol=1e-5, atol=1e-6)
