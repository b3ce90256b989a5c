"""Compiled steps in the on-disk cache: found again by their graph, whole, and for nothing else."""

from functools import partial
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from pronghorn import ops
from pronghorn.engine.backends.llvm import Executable, build, kept_steps, linking
from pronghorn.engine.backends.llvm.step_plan import from_bytes, to_bytes
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.fingerprint import NotPlain, fingerprint
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.runtime import cache
from pronghorn.engine.runtime.host import host_target, named_target
from pronghorn.variables import Variable

from .cases import CASES

ROWS = Aval((Dim.symbol("batch"), 6), "float32")
TABLE = np.arange(36, dtype="float32").reshape(6, 6)


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    linking.link(kept_steps.compiler())  # is there before the cache is looked at
    monkeypatch.setenv(cache.DIRECTORY_VARIABLE, str(tmp_path))


@pytest.fixture
def no_compiler(monkeypatch):
    """From when it is called, building anything fails."""

    def refuse(*args):
        raise AssertionError("built again")

    return lambda: monkeypatch.setattr(build, "build", refuse)


def layer(x, factor=2.0):
    y = ops.matmul(x, factor * TABLE)
    return [ops.cumsum(y, axis=0), ops.sum(y, axis=0)]


def test_it_is_found_again_and_serves_any_batch(no_compiler):
    first = Executable(trace(layer, [ROWS], name="first"))
    no_compiler()
    again = Executable(trace(layer, [ROWS], name="second"))
    assert not first.module.from_cache and again.module.from_cache
    for batch in (1, 5, 64):
        x = np.random.default_rng(batch).normal(size=(batch, 6)).astype("float32")
        for a, b in zip(first(x), again(x), strict=True):
            np.testing.assert_array_equal(a, b)
            assert a.shape == b.shape and a.dtype == b.dtype


@pytest.mark.parametrize(("depth", "width"), [(300, 1024), (2560, 192)])  # the second in chunks
def test_kernels_for_few_rows_and_for_many(no_compiler, depth, width):
    """A large matrix is packed for many rows only; the bits are the same, and from the disk."""
    avals = [Aval((Dim.symbol("batch"), depth), "float32"), Aval((depth, width), "float32")]
    x, w = (np.random.default_rng(0).normal(size=shape).astype("float32") for shape in ((64, depth), (depth, width)))

    def product(x, w):
        return [ops.relu(ops.matmul(x, w))]

    first = Executable(trace(product, avals))
    no_compiler()
    for executable in (first, Executable(trace(product, avals))):
        (whole,) = executable(x, w)
        np.testing.assert_allclose(whole, np.maximum(x @ w, 0), atol=1e-3)
        for rows in (1, 7, 23, 24, 63):
            np.testing.assert_array_equal(executable(x[:rows], w)[0], whole[:rows])


def test_another_graph_is_not_taken_for_it(no_compiler):
    Executable(trace(layer, [ROWS]))
    no_compiler()
    with pytest.raises(RuntimeError, match="built again"):
        Executable(trace(lambda x: layer(x, 3.0), [ROWS]))


def test_variables_and_gathered_rows(no_compiler):
    def make():
        total, other = Variable(np.zeros(6, "float32")), Variable(np.ones(6, "float32"))

        def step(x):
            total.assign_add(ops.sum(x, axis=0) * other.value)
            return [x]

        return Executable(trace(step, [ROWS]), gathered=(0,)), total

    first, expected = make()
    no_compiler()
    again, total = make()
    for rows in ([0, 3], [5, 5, 5]):
        for executable in (first, again):
            np.testing.assert_array_equal(executable((TABLE, np.array(rows)))[0], TABLE[rows])
    np.testing.assert_array_equal(total.numpy(), expected.numpy())
    assert total.numpy().any()


def test_which_variable_is_updated_counts():
    def key(number):
        held = [Variable(np.zeros(6, "float32")) for _ in range(2)]

        def step(x):
            values = [v.value for v in held]
            held[number].assign(values[0] + values[1])
            return [x]

        return kept_steps.key(trace(step, [ROWS]), (), host_target())

    assert key(0) == key(0) != key(1)


def test_machine_arguments_and_compiler_count(monkeypatch):
    traced = trace(layer, [ROWS])
    keys = [kept_steps.key(traced, gathered, named_target(n)) for n in ("sse2", "avx2") for gathered in ((), (0,))]
    monkeypatch.setattr(kept_steps, "compiler", lambda: "another version")
    keys.append(kept_steps.key(traced, (), named_target("sse2")))
    assert len(set(keys)) == 5


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: b"", lambda data: data[:60] + b"!" + data[61:]]
)
def test_a_damaged_entry_is_compiled_again(tmp_path, damage):
    expected = Executable(trace(layer, [ROWS]))(TABLE)
    (path,) = tmp_path.rglob("*.bin")
    path.write_bytes(damage(path.read_bytes()))
    again = Executable(trace(layer, [ROWS]))
    assert not again.module.from_cache
    for a, b in zip(expected, again(TABLE), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_is_to_be_looked_at_is_built(monkeypatch, capsys):
    Executable(trace(layer, [ROWS]))
    monkeypatch.setenv("PRONGHORN_DEBUG", "fused")
    Executable(trace(layer, [ROWS]))
    assert "dot_general" in capsys.readouterr().err


def test_the_text_can_be_had_all_the_same():
    first, again = (Executable(trace(layer, [ROWS])) for _ in range(2))
    assert again.module.from_cache and again.module.ir() == first.module.ir()


def test_a_plan_survives_the_disk():
    def step(x):
        halves = ops.max_pool(ops.pad(x, ((0, 3), (0, 0)))[None, ..., None], 2, 2)  # floor(batch / 2) + 1 rows
        return [ops.sort(halves, axis=1), ops.matmul(x, TABLE)]

    made = build.build(trace(step, [ROWS]), (), host_target(), False)
    made.plan.constants[1] = np.arange(7).astype(ml_dtypes.bfloat16)
    plan, rest = from_bytes(to_bytes(made.plan) + b"code")
    assert rest == b"code"
    for name in ("buffers", "extents", "launches", "memory", "arguments", "results", "variables"):
        assert getattr(plan, name) == getattr(made.plan, name), name
    for slot, array in made.plan.constants.items():
        assert plan.constants[slot].dtype == array.dtype
        np.testing.assert_array_equal(plan.constants[slot], array)


def test_large_constants_are_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(kept_steps, "MOST_CONSTANT_BYTES", 100)
    Executable(trace(layer, [ROWS]))
    assert not list(tmp_path.rglob("*.bin"))


def test_every_primitive_can_be_written_down():
    for case in CASES:
        call = partial(getattr(P, case.prim), **case.params)
        avals = [Aval(a.shape, dtypes.name_of(a.dtype)) for a in case.args()]
        traced = trace(lambda *xs, call=call: out if isinstance(out := call(*xs), tuple) else (out,), avals)
        if case.prim == "foreign_call":  # a function of another library: not kept
            with pytest.raises(NotPlain):
                fingerprint(traced.graph)
        else:
            assert fingerprint(traced.graph)


def test_what_folds_constants_is_a_part_of_the_compiler(monkeypatch):
    read = []
    whole = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path.parent.name) or whole(path))
    kept_steps.compiler.__wrapped__()
    assert {"graph", "compiler", "codegen", "runtime", "llvm", "numpy"} <= set(read)
