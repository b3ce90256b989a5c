"""What is padded for a convolution is computed inside of the padded array."""

import numpy as np
import pytest

from pronghorn import Variable, jit, ops
from pronghorn.engine.autodiff.backward import backward
from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.compiler.expr import Const
from pronghorn.engine.compiler.kernels import ContractionKernel, LoopKernel
from pronghorn.engine.compiler.stages import lower, rewrite
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.runtime.host import host_target

BATCH = Dim.symbol("batch")


@pytest.fixture(autouse=True)
def guarded(monkeypatch):
    """Kernels run on arrays between forbidden pages, in memory full of NaNs."""
    monkeypatch.setenv("PRONGHORN_DEBUG", "poison,verify")


def conv(x, w, **options):
    return ops.conv(x, w, padding="same", **options)


def in_a_row(x, w, b, v):
    return conv(ops.relu(conv(x, w) + b), v)


def strided(x, w, b, v):
    return conv(ops.relu(conv(x, w) + b), v, strides=2)


def transposed(x, w, b, v):
    wide = ops.relu(ops.conv_transpose(x, w, strides=2, padding="same") + b[: w.shape[-2]])
    return ops.conv_transpose(wide, v, strides=2, padding="same")


def skipping(x, w, b, v):
    """What is pooled, enlarged, and joined with what it was before."""
    before = ops.relu(conv(x, w) + b)
    small = ops.relu(conv(ops.max_pool(before, 2), ops.repeat(w[:1, :1], 2, axis=2)) + b)
    large = ops.conv_transpose(small, w[:2, :2], strides=2) + b[:16]
    return conv(ops.concatenate([large, before], axis=-1), v)


def joined_with_itself(x, w, b, v):
    y = ops.relu(conv(x, w) + b)
    return conv(ops.concatenate([y, x, y], axis=-1), v)


def given_away(x, w, b, v):
    """What is a result itself has memory of its own."""
    y = ops.relu(conv(x, w) + b)
    return ops.concatenate([ops.reshape(y, (-1,)), ops.reshape(conv(y, v), (-1,))])


CASES = {  # function, sizes of the image, of w and of v; how many of the arrays that are padded are copied
    "in a row": (in_a_row, (12, 10), (3, 3, 16, 32), (3, 3, 32, 16), 0),
    "strided": (strided, (13, 12), (3, 3, 16, 32), (5, 3, 32, 16), 0),
    "transposed": (transposed, (6, 5), (3, 3, 32, 16), (3, 3, 16, 32), 0),
    "skipping": (skipping, (12, 12), (3, 3, 16, 32), (3, 3, 48, 16), 0),
    "joined with itself": (joined_with_itself, (12, 10), (3, 3, 16, 32), (3, 3, 80, 16), 2),
    "row": (in_a_row, (70,), (3, 16, 32), (5, 32, 16), 0),
    "volume": (in_a_row, (5, 6, 8), (3, 3, 3, 16, 32), (3, 3, 3, 32, 16), 0),
}


def traced(name, with_gradients=True):
    function, size, w, v, _ = CASES[name]

    def step(*operands):
        y = function(*operands)
        total = ops.sum(ops.sin(y))
        return [total, *(backward([total], [np.float32(1)], list(operands)) if with_gradients else [y])]

    channels = w[-1] if function is transposed else w[-2]
    shapes = [(BATCH, *size, channels), w, (32,), v]
    return trace(step, [Aval(shape, "float32") for shape in shapes]), shapes


def program(graph):
    target = host_target()
    return lower(rewrite(graph, target, check=True), target, check=True)


def fills(kernel):
    return isinstance(kernel, LoopKernel) and all(isinstance(s.expr, Const) for s in kernel.stores)


@pytest.mark.parametrize("name", CASES)
def test_convolutions_write_where_others_read(name):
    made = program(traced(name, with_gradients=False)[0].graph)
    inside = {v for k in made.kernels if not fills(k) for v in k.writes if v in made.aliases}
    copies = [v for k in made.kernels if isinstance(k, LoopKernel) and not fills(k) for v in k.writes & inside]
    assert inside and len(copies) == CASES[name][-1]
    assert any(isinstance(k, ContractionKernel) and k.writes & inside for k in made.kernels)


@pytest.mark.mostly_slow("skipping", "transposed")
@pytest.mark.parametrize("name", CASES)
def test_the_numbers_are_the_same(name):
    made, shapes = traced(name)
    executable, rng = Executable(made), np.random.default_rng(0)
    for batch in (3, 1, 0):
        inputs = [rng.normal(size=[batch if d is BATCH else d for d in s]).astype("float32") * 0.1 for s in shapes]
        inputs[0][:1, 2, ..., 1] = np.nan if batch == 1 else np.inf if batch == 3 else 0
        for got, expected in zip(executable(*inputs), run(made.graph, inputs), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4)


def test_results_and_small_arrays_are_not_placed():
    shapes = [(BATCH, 12, 10, 16), (3, 3, 16, 32), (32,), (3, 3, 32, 16)]
    for function, size in ((given_away, (12, 10)), (in_a_row, (2, 3))):
        shapes[0] = (BATCH, *size, 16)
        made = program(trace(lambda *a, f=function: [f(*a)], [Aval(s, "float32") for s in shapes]).graph)
        assert not any(map(fills, made.kernels))


def test_borders_are_filled_once_and_before_a_part_is_written():
    made = program(traced("skipping")[0].graph)
    borders = [n for n, k in enumerate(made.kernels) if fills(k) and k.writes]
    wholes = {made.aliases[v] for n in borders for v in made.kernels[n].writes}
    for whole in wholes:
        first = min(n for n, k in enumerate(made.kernels) if not fills(k) and whole in map(made.aliases.get, k.writes))
        filled = [n for n in borders if whole in map(made.aliases.get, made.kernels[n].writes)]
        assert max(filled) < first
        assert min(n for n, k in enumerate(made.kernels) if whole in k.reads) > first


def random_network(rng, x, weights):
    """Convolutions, activations, joins and pools in random order, of whole numbers that stay small: all is exact."""
    known = [x]
    for w in weights:
        y = known[int(rng.integers(max(0, len(known) - 2), len(known)))]
        channels = y.shape[-1]
        others = [v for v in known if v.shape[1:3] == y.shape[1:3] and v is not y]
        kind = rng.choice(["conv", "conv", "strided", "transposed", "pool", "join", "add"])
        if kind == "join" and others:
            axis = int(rng.integers(1, 4)) if others[-1].shape[-1] == channels else 3
            y = ops.concatenate([y, others[-1], *([y] if rng.random() < 0.3 else [])], axis=axis)
        elif kind == "add" and others and others[-1].shape[-1] == channels:
            y = y + others[-1]
        elif kind == "pool" and min(y.shape[1:3]) > 3:
            y = ops.max_pool(y, 2)
        elif kind == "transposed" and max(y.shape[1:3]) < 10:
            y = ops.conv_transpose(y, w[:, :, :, :channels], strides=int(rng.integers(1, 3)), padding="same")
        else:
            options = {"strides": 2} if kind == "strided" else {}
            y = conv(y, ops.transpose(w[:, :, :, :channels], (0, 1, 3, 2)), **options)
        y = ops.clip(y, -3, 3) if rng.random() < 0.5 else ops.relu(ops.minimum(y + 1, 4))
        known.append(y)
    return [ops.sum(y) for y in known[-2:]] + known[-1:]


@pytest.mark.mostly_slow(every=12)
@pytest.mark.parametrize("seed", range(36))
def test_random_networks_are_exact(seed, monkeypatch):
    """However small an array, it is placed."""
    monkeypatch.setattr("pronghorn.engine.compiler.placing.FEWEST_PLACED", 1)
    monkeypatch.setattr("pronghorn.engine.compiler.placing.SHORTEST_PLACED_ROW", 1)
    draw = np.random.default_rng(seed)
    size, channels = draw.integers(3, 10, 2), [int(c) for c in draw.integers(1, 20, 5)]
    shapes = [(BATCH, *map(int, size), channels[0]), *[(*map(int, draw.integers(1, 4, 2)), c, 64) for c in channels]]

    def step(x, *weights):
        *totals, last = random_network(np.random.default_rng(seed), x, weights)
        gradients = backward(totals, [np.float32(1)] * len(totals), [x, *weights])
        return [last, *(g for g in gradients if g is not None)]

    made = trace(step, [Aval(shape, "float32") for shape in shapes])
    executable = Executable(made)
    for batch in (3, 1, 0):
        inputs = [draw.integers(-1, 2, [batch if d is BATCH else d for d in s]).astype("float32") for s in shapes]
        for got, expected in zip(executable(*inputs), run(made.graph, inputs), strict=True):
            np.testing.assert_array_equal(got, expected)


def gates(a, b, c, d):
    """Pieces of one shape, of which two share most of their work and one stands twice."""
    shared = ops.tanh(a) * b
    first, second = shared * c, shared * d
    return [ops.concatenate([first, second, first], axis=-1)]


def gates_twice(a, b, c, d):
    """Two arrays that have a piece in common, and another reader of that."""
    shared = ops.tanh(a) * b
    both = ops.concatenate([shared * c, shared * d], axis=-1)
    other = ops.concatenate([shared * c, shared + d], axis=-1)
    return [ops.matmul(both, ops.transpose(other)), other, ops.sum(shared * c, axis=0)]


@pytest.mark.parametrize("fn", [gates, gates_twice])
@pytest.mark.parametrize(("rows", "columns"), [(5, 32), (1, 1), (0, 3), (33, 7)])
def test_joined_pieces(fn, rows, columns):
    made = trace(fn, [Aval((BATCH, columns), "float32")] * 4)
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((rows, columns)).astype("float32") for _ in range(4)]
    found = Executable(made)(*arrays)
    for x, y in zip(found, run(made.graph, arrays), strict=True):
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=1e-5, atol=1e-5)


def test_pieces_that_are_joined_are_one_loop():
    graph = trace(gates, [Aval((BATCH, 32), "float32")] * 4).graph
    (kernel,) = lower(rewrite(graph, host_target()), host_target()).kernels
    assert isinstance(kernel, LoopKernel)
    assert kernel.domain == (BATCH, 32)
    assert len(kernel.stores) == 3


def kernels_of(fn, *avals):
    return lower(rewrite(trace(fn, avals).graph, host_target()), host_target()).kernels


def test_many_pieces_are_written_each_by_a_loop_of_its_own():
    def joined(count):
        return lambda x: [ops.concatenate([ops.tanh(x * n) for n in range(2, 2 + count)], axis=1)]

    for count, loops, stores in ((8, 1, 8), (9, 9, 1)):
        kernels = kernels_of(joined(count), Aval((BATCH, 16), "float32"))
        assert [len(k.stores) for k in kernels] == [stores] * loops
        assert {k.domain for k in kernels} == {(BATCH, 16)}


def embedded(rows, *tables):
    """What tables have for each column of numbers, beside one another."""
    return [ops.concatenate([ops.take(table, rows[:, n], axis=0) for n, table in enumerate(tables)], axis=-1)]


def test_pieces_that_are_looked_up_are_not_chosen_among_at_every_element():
    rows, table = Aval((BATCH, 20), "int32"), Aval((1000, 16), "float32")
    for count, loops in ((3, 1), (4, 4), (20, 20)):
        assert len(kernels_of(embedded, rows, *[table] * count)) == loops
    assert len(kernels_of(embedded, rows, *[Aval((1000, 2), "float32")] * 20)) == 1  # too little for so many loops


def pieces_of_all_kinds(rows, x, table):
    """Along each axis: rows of a table, parts, sums, a piece twice, nothing, and others that are joined themselves."""
    found, sums = ops.take(table, rows, axis=0), ops.sum(x, axis=-1, keepdims=True)
    inner = ops.concatenate([x[..., :3] * 2.0, sums, x[..., 1:1]], axis=-1)
    wide = ops.concatenate([found, x, inner, sums, x, ops.flip(found, -1), found], axis=-1)
    tall = ops.concatenate([x, x * 2.0, ops.sum(x, axis=1, keepdims=True), x[:, :1], x[:, 1:1], ops.flip(x, 1)], axis=1)
    long = ops.concatenate([x, x + 1.0, found[..., : x.shape[-1]], x, x[:0]], axis=0)
    return [wide, ops.sum(wide, axis=0), tall, long]


@pytest.mark.parametrize("batch", [5, 1, 0])
def test_many_pieces_have_the_same_bits(batch, monkeypatch):
    monkeypatch.setattr("pronghorn.engine.compiler.placing.FEWEST_PLACED", 1)
    shapes = [((BATCH, 4), "int32"), ((BATCH, 4, 7), "float32"), ((9, 19), "float32")]
    made = trace(pieces_of_all_kinds, [Aval(*s) for s in shapes])
    rng = np.random.default_rng(0)
    inputs = [rng.integers(-9, 9, [batch if d is BATCH else d for d in shape]).astype(dtype) for shape, dtype in shapes]
    for got, expected in zip(Executable(made)(*inputs), run(made.graph, inputs), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_a_variable_that_becomes_joined_pieces_is_not_changed_before_it_is_read():
    v = Variable(np.arange(8, dtype="float32").reshape(2, 4))

    @jit
    def swap():
        x = v.tensor
        v.assign(ops.concatenate([x[:, 2:] * 2.0, x[:, :2] * 3.0], axis=1))

    swap()
    np.testing.assert_array_equal(v.numpy(), [[4, 6, 0, 3], [12, 14, 12, 15]])
