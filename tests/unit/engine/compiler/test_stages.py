"""The table of stages: each can be left out by name, changes nothing of what it is given, and is verified."""

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers
from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.compiler import stages
from pronghorn.engine.compiler.kernels import LoopKernel
from pronghorn.engine.compiler.memory import Lifetime, Placed, plan_memory
from pronghorn.engine.compiler.outputs import place_outputs
from pronghorn.engine.compiler.printer import print_program
from pronghorn.engine.compiler.schedule import copy_kernel, fuse
from pronghorn.engine.compiler.simplify import eliminate_dead, simplify
from pronghorn.engine.compiler.stages import GRAPH_STAGES, OPTIONAL, PROGRAM_STAGES, Stage, lower, rewrite, skipped
from pronghorn.engine.compiler.verify import InvalidProgram, verify_memory, verify_program
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.ir import Aval, Value, print_graph
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.runtime.host import host_target


@pytest.fixture(autouse=True)
def verified(monkeypatch):
    monkeypatch.setenv("PRONGHORN_DEBUG", "verify")
    monkeypatch.setenv("PRONGHORN_CACHE", "0")


def _trained():
    """A model that every stage has something to do in: weights after two epochs with a short batch."""
    keras.utils.set_random_seed(0)
    image, text = keras.Input((11, 11, 8)), keras.Input((4,), dtype="int32")
    x = layers.MaxPooling2D()(layers.Conv2D(8, 3, activation="relu")(image))
    words = layers.Embedding(3000, 16)(text)
    parts = [layers.Flatten()(x), layers.GlobalAveragePooling1D()(words), layers.GRU(3)(words)]
    model = keras.Model([image, text], layers.Dense(2)(layers.Concatenate()(parts)))
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(21, 11, 11, 8)).astype("float32"), rng.integers(0, 3000, (21, 4))]
    model.fit(inputs, rng.normal(size=(21, 2)).astype("float32"), batch_size=8, epochs=2, verbose=0)
    return model.get_weights()


@pytest.fixture(scope="module")
def whole():
    return _trained()


@pytest.mark.mostly_slow(every=3)
@pytest.mark.parametrize("name", OPTIONAL)
def test_a_model_trains_without_a_stage(monkeypatch, whole, name):
    monkeypatch.setenv("PRONGHORN_SKIP", name)
    for got, expected in zip(_trained(), whole, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_a_model_trains_without_all_of_them(monkeypatch, whole):
    monkeypatch.setenv("PRONGHORN_SKIP", ", ".join(OPTIONAL))
    for got, expected in zip(_trained(), whole, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("text, hint", [("polled", "did you mean 'pooled'"), ("decompose", "none of the stages")])
def test_only_stages_that_can_be_left_out_are_named(monkeypatch, text, hint):
    monkeypatch.setenv("PRONGHORN_SKIP", text)
    with pytest.raises(ValueError, match=hint):
        skipped()


def _graph():
    def fn(x, w):
        P.exp(x)  # nobody wants it
        y = P.add(P.mul(x, w), P.mul(x, w))
        return [P.reduce_sum(y, axes=(0,)), y]

    return trace(fn, [Aval((5, 3), "float32")] * 2).graph


def test_stages_leave_what_they_are_given_as_it_is():
    graph, target = _graph(), host_target()
    for stage in GRAPH_STAGES:
        before = print_graph(graph)
        after = stage.run(graph, target)
        assert print_graph(graph) == before, stage.name
        graph = after


def test_a_stage_that_comes_again_is_left_out_where_nothing_has_changed(monkeypatch):
    runs = []

    def simplified(graph, target):
        runs.append(graph)
        return simplify(graph)

    def negated(graph, target):
        return trace(lambda x: [P.neg(x)], [v.aval for v in graph.inputs]).graph

    again = Stage("simplify", simplified)
    graph = trace(lambda x: [P.mul(x, 1.0)], [Aval((3,), "float32")]).graph
    table = [again, Stage("nothing", lambda graph, target: graph), again, Stage("negated", negated), again]
    monkeypatch.setattr(stages, "GRAPH_STAGES", table)
    assert rewrite(graph, host_target()).nodes[-1].prim is P.neg
    assert len(runs) == 2


def test_what_is_simplified_stays_as_it_is():
    def chains(x):
        y = P.reshape(P.reshape(P.mul(P.neg(P.neg(x)), 1.0), shape=(15,)), shape=(3, 5))
        z = P.transpose(P.transpose(y, perm=(1, 0)), perm=(1, 0))
        return [P.add(P.reduce_sum(z, axes=(0,)), P.reduce_sum(y, axes=(0,))), P.exp(P.mul(z, 0.0))]

    for graph in (_graph(), trace(chains, [Aval((5, 3), "float32")]).graph):
        once = simplify(graph)
        assert len(once.nodes) < len(graph.nodes)
        assert print_graph(simplify(once)) == print_graph(once)


def test_stages_of_programs_leave_what_they_are_given_as_it_is():
    def fn(x, w, b):
        y = P.conv(x, w, strides=(1, 1), padding=((1, 1), (1, 1)), dilation=(1, 1), groups=1)
        window = {"window": (1, 2, 2, 1), "strides": (1, 2, 2, 1), "padding": ((0, 0),) * 4, "dilation": (1,) * 4}
        return [P.window_max(y, **window), b, P.add(b, b)]  # the last is the new value of a variable b

    avals = [Aval(shape, "float32") for shape in ((4, 8, 8, 16), (3, 3, 16, 16), (7,))]
    target = host_target()
    graph = rewrite(trace(fn, avals).graph, target)
    program, changes = fuse(graph, target), 0
    places = Stage("outputs", lambda program, _: place_outputs(program, [None, None, graph.inputs[2]])[0])
    for stage in (*PROGRAM_STAGES, places):
        before = print_program(program), dict(program.aliases), [(set(k.reads), set(k.writes)) for k in program.kernels]
        after = stage.run(program, target)
        now = print_program(program), program.aliases, [(k.reads, k.writes) for k in program.kernels]
        assert now == before, stage.name
        changes += print_program(after) != before[0]
        program = after
    assert changes == 2


def test_dead_nodes_are_left_out():
    graph = _graph()
    alive = eliminate_dead(graph)
    assert [n.prim.name for n in alive.nodes] == [n.prim.name for n in graph.nodes if n.prim is not P.exp]
    assert eliminate_dead(alive) is alive


def _program():
    return fuse(rewrite(_graph(), host_target()), host_target())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int32"])
@pytest.mark.parametrize("extent", [1, 7, 33])
def test_a_sum_of_one_chosen_element_has_no_loop(extent, dtype):
    def fn(labels, x):
        chosen = P.eq(
            P.broadcast_in_dim(labels, shape=x.shape, dims=(0,)), P.iota(shape=x.shape, dtype="int32", axis=1)
        )
        zeros = P.broadcast_in_dim(P.constant(value=np.zeros((), dtypes.to_numpy(dtype))), shape=x.shape, dims=())
        return [P.reduce_sum(P.neg(P.select(chosen, x, zeros)), axes=(1,))]

    labels = np.array([0, extent - 1, extent, -1, extent // 2, 0], "int32")
    traced = trace(fn, [Aval((len(labels),), "int32"), Aval((len(labels), extent), dtype)])
    program = fuse(rewrite(traced.graph, host_target()), host_target())
    if extent > 8:  # an iota of few elements may be a constant in memory
        assert not any(k.reductions for k in program.kernels if isinstance(k, LoopKernel))
    x = np.random.default_rng(0).normal(size=(len(labels), extent)).astype(dtypes.to_numpy(dtype)) * 3
    x = x.astype(dtypes.to_numpy(dtype))
    if dtype != "int32":
        x[0], x[1] = np.nan, 0.0  # what is not chosen does not count; a sum is never -0.0
        x[0, 0] = np.inf
    (got,) = Executable(traced)(labels, x)
    (expected,) = run(traced.graph, [labels, x])
    np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(np.signbit(got), np.signbit(expected))


def test_a_slice_of_all_rows_begins_at_the_first():
    """Whatever start is asked for: a run-time number would hide what is known of the places."""
    traced = trace(lambda x, i: [P.dynamic_slice(x, i, sizes=(5,))], [Aval((5,), "float32"), Aval((), "int32")])
    assert "Loaded" not in print_program(fuse(rewrite(traced.graph, host_target()), host_target()))
    for start in (-3, 0, 2):
        x = np.arange(5, dtype="float32")
        np.testing.assert_array_equal(Executable(traced)(x, np.int32(start))[0], x)


def test_what_a_kernel_reads_has_to_be_made():
    program = verify_program(_program())
    program.kernels.reverse()
    program.kernels.insert(0, copy_kernel(Value(Aval((2,), "float32"), program.graph), program.graph.outputs[0]))
    with pytest.raises(InvalidProgram, match="no kernel before it makes"):
        verify_program(program)


def test_a_value_has_one_writer():
    program = _program()
    program.kernels.append(program.kernels[-1])
    with pytest.raises(InvalidProgram, match="has been made before"):
        verify_program(program)


def test_outputs_have_to_be_made():
    program = _program()
    program.kernels = [k for k in program.kernels if not isinstance(k, LoopKernel)]
    with pytest.raises(InvalidProgram, match="output .* is not made"):
        verify_program(program)


def test_values_in_use_do_not_share_memory():
    graph = lower(rewrite(_graph(), host_target()), host_target()).graph
    first, second = (Value(Aval((100,), "float32"), graph) for _ in range(2))
    lives = {first: Lifetime(0, 2), second: Lifetime(2, 3)}
    plan = verify_memory(plan_memory(lives), lives)
    plan.placed[second] = Placed(plan.placed[first].key, plan.placed[first].offset, 1, lives[second])
    with pytest.raises(InvalidProgram, match="share memory while both are in use"):
        verify_memory(plan, lives)
    lives[second] = Lifetime(3, 3)
    verify_memory(plan, lives)


@pytest.mark.parametrize("variable", ["PRONGHORN_SKIP", "PRONGHORN_DEBUG", "PRONGHORN_TARGET", "PRONGHORN_BACKEND"])
def test_a_word_that_the_environment_does_not_know_is_no_defect_of_ours(monkeypatch, variable):
    monkeypatch.setenv(variable, "poold")
    with pytest.raises(ValueError, match=f"{variable}.*'poold'"):
        _trained()
