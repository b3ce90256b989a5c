"""Wide arrays in blocks of rows: the same numbers, and only where rows do not mix and nobody wants the whole."""

import numpy as np
import pytest
from random_wide import Program, differences

import pronghorn as keras
from pronghorn import layers, ops
from pronghorn.engine.autodiff.backward import backward
from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.compiler.blocks import columns, compute_in_blocks, regions
from pronghorn.engine.compiler.blocks import loops as block_loops
from pronghorn.engine.compiler.blocks.loops import block_rows
from pronghorn.engine.compiler.simplify import simplify
from pronghorn.engine.compiler.stages import lower, rewrite
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval, Graph
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.graph.verify import verify
from pronghorn.engine.runtime.host import host_target

BATCH = Dim.symbol("batch")
ROWS, COLUMNS, DEPTH = 12, 40, 3


@pytest.fixture(autouse=True)
def small_arrays_are_wide(monkeypatch):
    monkeypatch.setattr(regions, "LEAST_WIDE_ELEMENTS", 256)
    monkeypatch.setattr(regions, "LEAST_WIDE_GAIN", 1)
    monkeypatch.setattr(regions, "FEWEST_WIDE_ROWS", 4)
    monkeypatch.setattr(block_loops, "WIDE_BLOCK_ELEMENTS", 4 * COLUMNS)
    monkeypatch.setattr(block_loops, "LEAST_ROWS", 2)
    monkeypatch.setattr(block_loops, "SAMPLES_ELEMENTS", 2 * ROWS * COLUMNS)
    monkeypatch.setattr(block_loops, "LEAST_SAMPLES_ROWS", 2)
    monkeypatch.setenv("PRONGHORN_DEBUG", "verify")
    monkeypatch.setenv("PRONGHORN_CACHE", "0")


def attention(rows=ROWS, rate=0.25, causal=True):
    def loss(key, q, k, v):
        scores = ops.einsum("brd,bcd->brc", q, k)
        if causal:
            seen = ops.arange(rows)[:, None] * 4 >= ops.arange(COLUMNS)[None, :]
            scores = ops.where(seen, scores, -1e9)
        weights = ops.softmax(scores)
        if rate:
            kept = P.random_bits(key, shape=tuple(weights.shape)) >= np.uint32(rate * 2**32)
            weights = ops.where(kept, weights / (1 - rate), 0.0)
        mixed = ops.einsum("brc,bcd->brd", weights, v)
        return ops.log(ops.sum(ops.exp(mixed)) + 1), mixed

    return loss


def step_of(loss):
    """Its results, and the gradients of the first by all operands of floats."""

    def step(*operands):
        results = loss(*operands)
        return [*results, *backward(results[:1], [np.float32(1)], list(operands[1:]))]

    return step


def attention_avals(rows=ROWS, dtype="float32"):
    shapes = (BATCH, rows, DEPTH), (BATCH, COLUMNS, DEPTH), (BATCH, COLUMNS, DEPTH)
    return [Aval((2,), "uint32"), *(Aval(shape, dtype) for shape in shapes)]


def arrays(avals, batch=3):
    rng = np.random.default_rng(0)
    given = []
    for aval in avals:
        shape = tuple(batch if isinstance(extent, Dim) else extent for extent in aval.shape)
        if aval.dtype.startswith("u"):
            given.append(rng.integers(0, 2**32, shape, dtype="uint32"))
        elif aval.dtype.startswith("int"):
            given.append(rng.integers(0, COLUMNS, shape).astype(aval.dtype))
        else:
            given.append(rng.normal(size=shape).astype(aval.dtype))
    return given


def loops(graph):
    return [node for node in graph.nodes if node.prim is P.scan]


def largest(graph: Graph) -> int:
    """Elements of the largest array that kernels write, at a batch of one."""
    written = [value.shape for kernel in lower(graph, host_target()).kernels for value in kernel.writes]
    return max(int(np.prod([1 if isinstance(d, Dim) else d for d in shape])) for shape in written)


def check(t, given, in_blocks=True, rtol=1e-5):
    """The graph in blocks, where NumPy and machine code give what NumPy gives without them."""
    rewritten = rewrite(t.graph, host_target(), check=True)
    assert bool(loops(rewritten)) == in_blocks
    expected = run(t.graph, given)
    blocked = compute_in_blocks(t.graph)
    verify(blocked)
    for found in (run(blocked, given), Executable(t)(*given)):
        for x, y in zip(found, expected, strict=True):
            np.testing.assert_allclose(np.asarray(x, "float64"), np.asarray(y, "float64"), rtol=rtol, atol=rtol)
    return rewritten


@pytest.mark.mostly_slow("batch=3-rows=13")
@pytest.mark.parametrize("rows", [12, 13, 16, 31], ids="rows={}".format)
@pytest.mark.parametrize("batch", [0, 1, 3], ids="batch={}".format)
def test_attention_with_its_gradients(rows, batch):
    t = trace(step_of(attention(rows)), attention_avals(rows))
    rewritten = check(t, arrays(attention_avals(rows), batch))
    assert len(loops(rewritten)) == 2  # forwards and backwards
    assert largest(rewritten) < rows * COLUMNS


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_attention_forwards(causal, rate):
    t = trace(lambda *operands: [attention(rate=rate, causal=causal)(*operands)[1]], attention_avals())
    given = arrays(attention_avals())
    rewritten = check(t, given)
    assert len(loops(rewritten)) == 1
    # each row is worked out as it would be with all others
    whole = Executable(t)(*given)[0]
    np.testing.assert_allclose(whole, run(t.graph, given)[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("batch", [0, 1, 2, 5], ids="batch={}".format)
def test_loss_over_a_large_vocabulary(batch):
    """In blocks of two samples, and one by one what is left: no array grows with the batch and the vocabulary."""

    def loss(_, targets, x, kernel, bias):
        logits = ops.matmul(x, kernel) + bias
        losses = ops.sparse_categorical_crossentropy(targets, logits, from_logits=True)
        return ops.sum(losses) / 7, ops.max(logits, -1), losses

    def step(key, targets, *operands):
        results = loss(key, targets, *operands)
        return [*results, *backward(results[:1], [np.float32(1)], list(operands))]

    avals = [Aval((2,), "uint32"), Aval((BATCH, ROWS), "int32"), Aval((BATCH, ROWS, DEPTH), "float32")]
    avals += [Aval((DEPTH, COLUMNS), "float32"), Aval((COLUMNS,), "float32")]
    rewritten = check(trace(step, avals), arrays(avals, batch))
    lengths = [loop.params["length"] for loop in loops(rewritten)]
    assert lengths == [BATCH // 2, BATCH - BATCH // 2 * 2]  # gradients need nothing that only all rows give
    written = [value.shape for kernel in lower(rewritten, host_target()).kernels for value in kernel.writes]
    assert not any(COLUMNS in shape for shape in written if any(isinstance(d, Dim) for d in shape))


def test_long_samples_are_cut():
    """Where a sample has more rows than a block, each block has some of every sample."""
    avals = [Aval((BATCH, 600, DEPTH), "float32"), Aval((DEPTH, COLUMNS), "float32")]
    traced = trace(lambda x, kernel: [ops.max(ops.exp(ops.matmul(x, kernel)), -1)], avals)
    (loop,) = loops(check(traced, arrays(avals, 2)))
    assert isinstance(loop.params["length"], int)


def test_a_gradient_that_needs_the_sum_of_all_rows_has_a_loop_of_its_own():
    def loss(_, x, kernel):
        spread = ops.exp(ops.matmul(x, kernel))
        return (ops.log(ops.sum(spread)),)

    avals = [Aval((2,), "uint32"), Aval((ROWS, DEPTH), "float32"), Aval((DEPTH, COLUMNS), "float32")]
    rewritten = check(trace(step_of(loss), avals), arrays(avals))
    assert len(loops(rewritten)) == 2 and largest(rewritten) < ROWS * COLUMNS


def test_distances_of_all_pairs():
    def nearest(x, y):
        squares = ops.sum(x * x, -1)[:, None] + ops.sum(y * y, -1)[None, :] - 2 * ops.matmul(x, ops.transpose(y))
        return [ops.argmin(squares, -1), ops.min(squares, -1), ops.cumsum(squares, -1)[:, -1]]

    avals = [Aval((ROWS, DEPTH), "float32"), Aval((COLUMNS, DEPTH), "float32")]
    check(trace(nearest, avals), arrays(avals), rtol=1e-4)


@pytest.mark.parametrize(
    "use",
    [
        lambda a, v: ops.matmul(a, ops.matmul(a, v)),
        lambda a, v: ops.max(a - ops.max(a, -1)[None, :], -1),
        lambda a, v: ops.sum(ops.tanh(a - ops.transpose(ops.sum(a * a, -1, keepdims=True))), 0),
    ],
    ids=["its own results", "turned", "turned and summed"],
)
def test_rows_that_all_rows_want_are_complete_before(use):
    """As many rows as columns: what one loop makes of its rows is what the next needs of its columns."""
    avals = [Aval((COLUMNS, DEPTH), "float32"), Aval((COLUMNS, DEPTH), "float32")]

    def step(x, v):
        result = use(ops.softmax(ops.matmul(x, ops.transpose(x))), v)
        gradients = backward([ops.sum(result * result)], [np.float32(1)], [x, v])
        return [result, *(g for g in gradients if g is not None)]

    t = trace(step, avals)
    blocked = compute_in_blocks(simplify(t.graph))
    verify(blocked)
    given = arrays(avals)
    for found, expected in zip(run(blocked, given), run(t.graph, given), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "use",
    [
        lambda scores: [scores],
        lambda scores: [ops.cumsum(scores, 0)[-1], ops.cumsum(scores, 1)[:, -1]],
        lambda scores: [ops.max(scores, (0, 1))],
        lambda scores: [ops.reshape(scores, (-1,))[:5]],
        lambda scores: [ops.sort(scores, -1)[:, 0]],
        lambda scores: [ops.softmax(scores, 0)[0] + ops.softmax(scores, 1)[0, 0]],
    ],
    ids=["whole", "cumulative", "maximum", "flattened", "sorted", "both-ways"],
)
def test_what_mixes_rows_is_left_alone(use):
    avals = [Aval((ROWS, DEPTH), "float32"), Aval((DEPTH, COLUMNS), "float32")]
    check(trace(lambda x, y: use(ops.matmul(x, y)), avals), arrays(avals), in_blocks=False)


def test_rows_of_unknown_extent_are_left_alone():
    avals = [Aval((BATCH, DEPTH), "float32"), Aval((DEPTH, BATCH), "float32")]
    check(trace(lambda x, y: [ops.max(ops.matmul(x, y), -1)], avals), arrays(avals), in_blocks=False)


def test_sums_of_16_bit_blocks_are_kept_in_32():
    avals = attention_avals(dtype="bfloat16")[1:3]

    def summed(q, k):
        return [ops.einsum("brc,brd->cd", ops.softmax(ops.einsum("brd,bcd->brc", q, k)), q)]

    t = trace(summed, avals)
    rewritten = check(t, arrays(avals, 2), rtol=0.05)
    (loop,) = loops(rewritten)
    assert [v.dtype for v in loop.outputs] == ["float32"]


def test_a_path_around_attention_and_all_behind_it_is_left_outside():
    """It leads from the forward pass to the gradient through layers that are no part of either."""

    def loss(key, q, k, v):
        x = q + attention(rate=0.0)(key, q, k, v)[1]
        for _ in range(2):
            x = x / ops.sqrt(ops.mean(ops.square(x), -1, keepdims=True) + 1)
            x = x + ops.matmul(ops.tanh(x), np.eye(DEPTH, dtype="float32"))
        return ops.mean(ops.square(x / ops.sqrt(ops.mean(ops.square(x), -1, keepdims=True) + 1))), x

    t = trace(step_of(loss), attention_avals())
    rewritten = check(t, arrays(attention_avals()))
    assert len(loops(rewritten)) == 2
    assert largest(rewritten) < ROWS * COLUMNS


@pytest.mark.slow
def test_two_regions_that_follow_one_another():
    def loss(key, q, k, v):
        first = attention(rate=0.0)(key, q, k, v)[1]
        return attention(rate=0.25)(key, first, k, v)

    t = trace(step_of(loss), attention_avals())
    rewritten = check(t, arrays(attention_avals()), rtol=1e-4)
    assert len(loops(rewritten)) == 4


def test_regions_of_all_layers_are_found_at_once():
    def step(key, q, k, v):
        for _ in range(5):
            q = ops.matmul(ops.tanh(attention(rate=0.0)(key, q, k, v)[1]), np.eye(DEPTH, dtype="float32"))
        return [q, *backward([ops.sum(q)], [np.float32(1)], [q, k, v])]

    graph = simplify(trace(step, attention_avals()).graph)
    found = regions.find_regions(graph)
    assert len(found) == 5
    assert len({node for region in found for node in region.phases}) == sum(len(region.phases) for region in found)
    assert regions.find_regions(compute_in_blocks(graph)) == []


def test_regions_each_of_which_needs_the_other_follow_one_another():
    """Of each product's rows, its greatest numbers are added to the other product's in reverse order."""
    avals = [Aval((ROWS, DEPTH), "float32"), Aval((DEPTH, COLUMNS), "float32")]

    def step(x, y):
        first, second = ops.matmul(x, y), ops.matmul(ops.tanh(x), y)
        of_first, of_second = (ops.flip(ops.max(scores, -1, keepdims=True), 0) for scores in (first, second))
        return [ops.logsumexp(first + of_second, -1), ops.logsumexp(second + of_first, -1)]

    t = trace(step, avals)
    assert len(regions.find_regions(simplify(t.graph))) == 1
    assert len(loops(check(t, arrays(avals)))) == 3


def test_infinities_and_nans_stay_in_their_rows():
    t = trace(lambda *operands: [attention(rate=0.0)(*operands)[1]], attention_avals())
    given = arrays(attention_avals())
    given[1][0, 2, 1] = np.nan
    given[1][1, 7, 0] = np.inf
    expected = run(t.graph, given)[0]
    np.testing.assert_allclose(Executable(t)(*given)[0], expected, rtol=1e-5, atol=1e-6)
    assert np.isnan(expected).any(-1).sum() == 2


@pytest.fixture
def narrow_bands(monkeypatch):
    monkeypatch.setattr(columns, "BAND_COLUMNS", 4)
    monkeypatch.setattr(columns, "LEAST_BAND_ROWS", 4)


def columns_of(graph):
    """Of how many columns the loops of a graph take exponentials, for each."""
    nodes = [[node for node in loop.params["body"].nodes if node.prim.name == "exp"] for loop in loops(graph)]
    return [max(node.outputs[0].shape[-1] for node in of_loop) for of_loop in nodes]


HIDDEN = {"none": -1e9, "infinite": -np.inf, "some": -1.5, "padding": -1e9}


def hiding_attention(kind, rate):
    """Attention whose hidden scores are of a kind; of ``padding``, the first 12 keys are hidden from all, too."""

    def step(key, q, k, v):
        scores = ops.einsum("brd,bcd->brc", q, k)
        seen = ops.arange(ROWS)[:, None] * 3 >= ops.arange(COLUMNS)[None, :]
        if kind == "padding":
            seen = ops.logical_and(seen, ops.arange(COLUMNS) >= 12)
        weights = ops.softmax(ops.where(seen, scores, HIDDEN[kind]))
        if rate:
            kept = P.random_bits(key, shape=tuple(weights.shape)) >= np.uint32(rate * 2**32)
            weights = ops.where(kept, ops.where(seen, weights, 0.0) / (1 - rate), 0.0)
        return ops.sum(ops.tanh(ops.einsum("brc,bcd->brd", weights, v))), ops.max(weights, -1)

    return step_of(step)


@pytest.mark.usefixtures("narrow_bands")
@pytest.mark.parametrize("rate", [0.0, 0.5])
@pytest.mark.parametrize("kind", HIDDEN)
def test_hidden_columns_are_not_computed(kind, rate):
    """Nor is anything left out: what is hidden counts where it has weight, as it has in rows that see nothing."""
    t = trace(hiding_attention(kind, rate), attention_avals())
    graph = simplify(t.graph)
    blocked = compute_in_blocks(graph)
    verify(blocked)
    assert min(columns_of(simplify(blocked))) < COLUMNS // 2
    given = arrays(attention_avals())
    for found, expected in zip(run(blocked, given), run(graph, given), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("narrow_bands")
@pytest.mark.parametrize("operand", [1, 2, 3])
@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_hidden_infinities_and_nans_are_seen(operand, number):
    """0 times inf is NaN, whether the product is computed or not."""
    t = trace(hiding_attention("none", 0.0), attention_avals())
    graph = simplify(t.graph)
    given = arrays(attention_avals())
    given[operand][0, -1, 1] = number
    with np.errstate(all="ignore"):
        for found, expected in zip(run(compute_in_blocks(graph), given), run(graph, given), strict=True):
            np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))


@pytest.mark.usefixtures("narrow_bands")
@pytest.mark.parametrize("operand", [1, 2], ids=["keys", "values"])
def test_sums_of_hidden_16_bit_columns_do_not_overflow(operand):
    """Together the hidden numbers are more than the largest of float16, and 0 times infinity would be NaN."""

    def step(q, k, v):
        scores = ops.einsum("brd,bcd->brc", q * 1e-3, k)
        seen = ops.arange(ROWS)[:, None] * 3 >= ops.arange(COLUMNS)[None, :]
        weights = ops.softmax(ops.where(seen, scores, ops.cast(-1e4, "float16")))
        mixed = ops.einsum("brc,bcd->brd", weights, v)
        return [mixed, *backward([ops.sum(ops.tanh(mixed))], [np.float16(1)], [q, k, v])]

    avals = attention_avals(dtype="float16")[1:]
    graph = simplify(trace(step, avals).graph)
    blocked = compute_in_blocks(graph)
    verify(blocked)
    assert min(columns_of(simplify(blocked))) < COLUMNS // 2
    given = arrays(avals)
    given[operand] += np.float16(5000)
    for found, expected in zip(run(blocked, given), run(graph, given), strict=True):
        assert np.isfinite(expected).all()
        np.testing.assert_allclose(found.astype("f4"), expected.astype("f4"), rtol=1e-2, atol=1e-2)


@pytest.mark.usefixtures("narrow_bands")
def test_hidden_infinities_that_are_weights_are_computed():
    """Times values of both signs they add up to NaN, but times the sum of these values to infinity."""

    def step(q, k, v):
        scores = ops.einsum("brd,bcd->brc", q, k)
        seen = ops.arange(ROWS)[:, None] * 3 >= ops.arange(COLUMNS)[None, :]
        scores = ops.where(seen, scores, -np.inf)
        return [ops.einsum("brc,bcd->brd", scores, v), ops.max(scores, -1)]

    avals = attention_avals()[1:]
    graph = simplify(trace(step, avals).graph)
    blocked = compute_in_blocks(graph)
    assert loops(blocked)
    given = arrays(avals)
    given[2] = np.abs(given[2])
    given[2][:, -1] *= -1
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(np.isnan(run(blocked, given)[0]), np.isnan(run(graph, given)[0]))


@pytest.mark.usefixtures("narrow_bands")
@pytest.mark.mostly_slow("none-0.0")
@pytest.mark.parametrize("rate", [0.0, 0.5])
@pytest.mark.parametrize("kind", HIDDEN)
def test_bands_in_machine_code(kind, rate):
    t = trace(hiding_attention(kind, rate), attention_avals())
    given = arrays(attention_avals())
    for found, expected in zip(Executable(t)(*given), run(t.graph, given), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "mask",
    [
        lambda row, column: row >= column,
        lambda row, column: ops.logical_not(column > row),
        lambda row, column: ops.cast(ops.tril(ops.ones((8, 32))), "bool"),
        lambda row, column: ops.logical_and(column - row <= 0, column % 2 == 0),
        lambda row, column: ops.convert_to_tensor(np.tri(8, 32, dtype=bool)),
    ],
    ids=["compared", "not", "tril", "and", "array"],
)
def test_masks_are_decided(mask):
    graph = trace(lambda x: [mask(ops.arange(8)[:, None], ops.arange(32)[None, :])], [Aval((1,), "float32")]).graph
    (seen,) = simplify(graph).outputs
    assert columns.decided(seen, {0: (0, 8), 1: (8, 32)}) is False
    assert columns.decided(seen, {0: (0, 8), 1: (6, 32)}) is None


@pytest.mark.parametrize("dtype", ["int8", "uint8", "bfloat16"])
def test_places_in_types_that_do_not_count_so_far_decide_nothing(dtype):
    def mask(x):
        return [P.ge(*(P.iota(shape=(300, 300), dtype=dtype, axis=axis) for axis in (0, 1)))]

    (seen,) = trace(mask, [Aval((1,), "float32")]).graph.outputs
    assert columns.decided(seen, {0: (0, 256), 1: (256, 300)}) is None


@pytest.mark.slow
def test_models_train_alike(monkeypatch):
    def trained():
        keras.utils.set_random_seed(1)
        tokens = keras.Input((20,), dtype="int32")
        x = layers.Embedding(30, 8, mask_zero=True)(tokens)
        x = layers.MultiHeadAttention(2, 4, dropout=0.2)(x, x, use_causal_mask=True)
        x = layers.GroupQueryAttention(4, 2, 1)(x, x)
        model = keras.Model(tokens, layers.Dense(30)(x))
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        text = np.random.default_rng(0).integers(0, 30, (10, 21))
        history = model.fit(text[:, :-1], text[:, 1:], batch_size=4, epochs=3, verbose=0).history
        return history["loss"], model.predict(text[:, :-1], verbose=0)

    losses, predictions = trained()
    monkeypatch.setenv("PRONGHORN_SKIP", "blocks")
    expected, expected_predictions = trained()
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    np.testing.assert_allclose(predictions, expected_predictions, rtol=1e-3, atol=1e-4)


def test_small_and_ordinary_products_are_left_alone(monkeypatch):
    monkeypatch.undo()
    avals = [Aval((BATCH, 512, 256), "float32"), Aval((256, 1024), "float32")]
    t = trace(lambda x, w: [ops.sum(ops.relu(ops.matmul(x, w)), -1)], avals)
    assert compute_in_blocks(t.graph) is t.graph


@pytest.mark.usefixtures("narrow_bands")
@pytest.mark.parametrize("batch", [0, 1, 3])
def test_random_programs(batch):
    loops_of = [differences(seed, batch) for seed in range(100 * batch, 100 * batch + 40)]
    assert [wrong for _, wrong in loops_of if wrong] == []
    assert sum(count for count, _ in loops_of) > 20


@pytest.mark.slow
@pytest.mark.usefixtures("narrow_bands")
@pytest.mark.parametrize("seed", range(7000, 7030))
def test_random_programs_in_machine_code(seed):
    program = Program(seed)
    t, given = program.traced(), program.arrays(3)
    for found, expected in zip(Executable(t)(*given), run(t.graph, given), strict=True):
        scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * scale)


@pytest.mark.parametrize(("rows", "row"), [(1, 1), (64, 1), (2047, 2047), (4096, 16384), (127, 1 << 24), (10**6, 8)])
def test_blocks_cover_the_rows(monkeypatch, rows, row):
    monkeypatch.undo()
    size = block_rows(rows, row)
    assert 1 <= size <= max(rows, 1) and size <= 3 * block_loops.MOST_ROWS // 2
