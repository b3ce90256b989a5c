"""A compiled model's steps of training and evaluation, and its prediction, as the files of a C library with a state."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pronghorn import tree
from pronghorn.calls.batch import Batch, as_batch
from pronghorn.engine.backends.aot import Block, Data, Entry, StateFunctions, calls_outside, compile_library, limits_of
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import BATCH, Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import Traced
from pronghorn.engine.runtime.machines import Machine
from pronghorn.export.native.checks import check_arrays, check_graph, refuse_calls
from pronghorn.export.native.description import Array, Function, Library, Structure
from pronghorn.export.native.golden import golden_of, learn
from pronghorn.export.native.names import identifiers
from pronghorn.export.native.prediction import described
from pronghorn.export.native.product import Product
from pronghorn.export.native.states import State
from pronghorn.export.signature import Inference, inference, to_spec
from pronghorn.trainers import checks
from pronghorn.trainers.compile_loss import CompileLoss
from pronghorn.trainers.validation import takes_class_numbers
from pronghorn.utils.data_tuple import pack_x_y_sample_weight

_ROWS = 7  # of the batch that steps are traced with
TRAINS = "Train on a batch, as a step of model.fit in Python."
EVALUATES = "Take a batch into the loss and the metrics, as a step of model.evaluate in Python."


@dataclass
class Step:
    """A traced step.

    Attributes:
        traced: it.
        logs: what it returns, by name: numbers of results, in order.
    """

    traced: Traced
    logs: dict[str, int]

    @property
    def results(self) -> list[Aval]:
        """The types of the results."""
        return [v.aval for v in self.traced.graph.outputs[: self.traced.num_results]]


def make_variables(model: Any) -> None:
    """Make the variables of a compiled model's optimizer and metrics, where they are not there yet."""
    if model.optimizer is not None and not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    if any(part is not None and not part.built for part in (model._compile_loss, model._compile_metrics)):
        with contextlib.suppress(Exception):  # the targets are others than a loss asks for
            found = inference(model)
            _traced(model, "test", _example(model, found, None, False), bool(found.symbols))


def training(
    model: Any,
    found: Inference,
    name: str,
    machine: Machine,
    weights_file: bool,
    is_parallel: bool,
    targets: Any = None,
    sample_weight: bool = False,
) -> Product:
    """Compile a model's steps.

    Args:
        model: the compiled model.
        found: its inference.
        name: what C's names begin with.
        machine: the machine.
        weights_file: whether a new state is a file of its own.
        is_parallel: whether a caller may hand over a parallel-for.
        targets: nested specs of the targets; by default what the loss asks for.
        sample_weight: whether steps take a weight for each sample.

    Raises:
        ValueError: if the model was not compiled, or the targets do not fit.
        NotImplementedError: for what a library cannot have, by layer and primitive.
    """
    if not model.compiled or model.optimizer is None:
        raise ValueError(
            f"export: training=True needs an optimizer, and {model.name!r} has none; call compile() first."
        )
    batch = _example(model, found, targets, sample_weight)
    steps = {kind: _traced(model, kind, batch, bool(found.symbols)) for kind in ("train", "test")}
    state = State(model)
    traces = {"train": steps["train"].traced, "test": steps["test"].traced, "predict": found.traced}
    for traced in traces.values():
        _check(model, traced, state)
    library = described(found, name, machine, weights_file, is_parallel)
    _add_steps(library, found, steps, sample_weight)
    check_arrays([a for f in library.functions for a in (*f.inputs, *f.outputs, *(f.logs.fields if f.logs else ()))])
    block = Block(state.offsets, words=state.words)
    entries = [
        Entry(
            function.name, traced, list(library.sizes), block, _offsets(function), limits_of(traced.graph), is_parallel
        )
        for function, traced in zip((*library.steps, library.predict), traces.values(), strict=True)
    ]
    with _as_exported(model, state):
        image, data = state.image(), Data(f"{name}_data")
    functions = _state_functions(name, state, image, data, weights_file)
    compiled = compile_library(name, entries, data, machine, functions.text(machine), functions.names)
    library.arena = compiled.arena
    refuse_calls(calls_outside(compiled.files.values()), [traced.graph for traced in traces.values()])
    checked = golden_of(found, library.predict, library.sizes, entries[-1].limits)
    with _as_exported(model, state):
        learn(checked, library.steps[0], steps["train"].traced)
    return Product(library, compiled.files, bytes(image) if weights_file else None, checked)


# -- what steps are traced with ---------------------------------------------------------------------------------------
def _example(model: Any, found: Inference, targets: Any, sample_weight: bool) -> Batch:
    """A batch of zeros."""
    if found.symbols not in ([], [BATCH]):
        raise ValueError(
            f"export: with training=True the number of samples alone may be open, but {model.name!r} has inputs with "
            "more open extents. Pass input_signature with numbers in the shapes."
        )
    given = dict(zip(found.numbers, (v.aval for v in found.given)))
    inputs = tree.map_structure(lambda name: _zeros(given[name].shape, given[name].dtype), found.arguments)
    x = inputs[0] if len(inputs) == 1 else inputs
    results = [v.aval for v in found.traced.graph.outputs[: found.traced.num_results]]
    outputs = tree.map_structure(lambda number: results[number], found.numbered)
    if targets is None:
        specs = _default_targets(model, outputs)
    else:
        specs = tree.map_structure(lambda spec: (spec.shape, spec.dtype), tree.map_structure(to_spec, targets))
    weight = _zeros(found.given[0].shape[:1], "float32") if sample_weight else None
    return as_batch(pack_x_y_sample_weight(x, _filled(specs), weight))


def _filled(specs: Any) -> Any:
    """Nested (shape, type) pairs as arrays of zeros; None where there is no target."""
    if specs is None:
        return None
    if isinstance(specs, dict):
        return {key: _filled(part) for key, part in specs.items()}
    if isinstance(specs, list):
        return [_filled(part) for part in specs]
    return _zeros(*specs)


def _zeros(shape: Sequence[Any], dtype: str) -> np.ndarray:
    return np.zeros([n if isinstance(n, int) else _ROWS for n in shape], dtypes.to_numpy(dtype))


def _default_targets(model: Any, outputs: Any) -> Any:
    """Shapes and types of the targets that the losses ask for: class numbers, or arrays like the outputs."""
    if model._compile_loss is None:
        return None  # layers add the losses
    avals = tree.flatten(outputs)
    loss = CompileLoss(model.loss, output_names=getattr(model, "output_names", None))
    loss.build(outputs, outputs)
    wanted: list[Any] = [None] * len(avals)
    for term, one in zip(loss.terms, loss.losses):
        for i in range(term.start, term.stop if one is not None else term.start):
            shape = avals[i].shape
            wanted[i] = (shape[:-1], "int32") if takes_class_numbers(one) else (shape, "float32")
    return wanted[0] if len(wanted) == 1 and not isinstance(outputs, dict) else _nested(outputs, wanted)


def _nested(outputs: Any, wanted: list[Any]) -> Any:
    if isinstance(outputs, dict):
        places = dict(zip((path for path, _ in tree.flatten_with_path(outputs)), wanted))
        return {path[0]: one for path, one in places.items() if one is not None}
    return wanted


def _traced(model: Any, kind: str, batch: Batch, is_open: bool) -> Step:
    """A step as `fit` and `evaluate` compile it, for any number of samples if that is open."""
    checks.build(model, batch)
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    function = model._function(kind)
    if is_open:
        traced, layout = function.trace(batch, batch.symbolic_shapes(), {BATCH: batch.size})
    else:
        traced, layout = function.trace(batch, batch.shapes())
    if traced.host:
        raise NotImplementedError("export: format='native' with training=True: strings are looked up in Python.")
    places = ((path, number) for path, number in tree.flatten_with_path(layout.structure) if type(number) is int)
    logs = {"/".join(map(str, path)): number for path, number in sorted(places, key=lambda place: place[1])}
    return Step(traced, logs)


def _check(model: Any, traced: Traced, state: State) -> None:
    """Raise NotImplementedError where a step needs what a state does not have."""
    check_graph(traced.graph)
    others = [v.path for v in traced.variables if v not in state.offsets]
    if others:
        raise NotImplementedError(
            f"export: format='native' with training=True: a step of {model.name!r} uses "
            f"{', '.join(map(repr, others))}, which neither the model, its optimizer nor its metrics list among their "
            "variables, so that no state holds them. Make them variables of a layer."
        )


# -- the library ------------------------------------------------------------------------------------------------------
def _add_steps(library: Library, found: Inference, steps: dict[str, Step], sample_weight: bool) -> None:
    """Have a library that predicts train, too: its functions take a state."""
    name, predict = library.name, library.predict
    taken = [a.name for a in (*predict.inputs, *predict.outputs)]
    given = [*predict.inputs, *_targets(steps["train"].traced, found, taken, sample_weight)]
    structures = {kind: tuple(_fields(step)) for kind, step in steps.items()}
    logs = {kind: Structure(f"{name}_logs", fields) for kind, fields in structures.items()}
    if structures["train"] != structures["test"]:
        logs["test"] = Structure(f"{name}_evaluate_logs", structures["test"])
    changed, predict.block = f"{name}_state *state", f"const {name}_state *state"
    library.steps = [
        Function(f"{name}_train_step", TRAINS, changed, given, [], logs["train"]),
        Function(f"{name}_evaluate_step", EVALUATES, changed, given, [], logs["test"]),
    ]


def _targets(traced: Traced, found: Inference, taken: Sequence[str], sample_weight: bool) -> list[Array]:
    """The arrays of a step behind its inputs: the targets, and the weights of samples."""
    avals = [v.aval for v in traced.graph.inputs[len(found.given) : traced.num_args]]
    count = len(avals) - sample_weight
    labels = ["y"] if count == 1 else [f"y_{output}" for output in found.outputs[:count]]
    if len(labels) != count:
        labels = [f"y_{i}" for i in range(count)]
    labels += ["sample_weight"] if sample_weight else []
    return [Array(*each) for each in zip(identifiers(labels, taken), labels, avals)]


def _fields(step: Step) -> list[Array]:
    """What a step returns, as fields of a structure."""
    fields = [Array(*each) for each in zip(identifiers(step.logs), step.logs, step.results, strict=True)]
    if not fields:
        raise NotImplementedError(
            "export: format='native' with training=True: a step returns no logs; have it return a dict with the loss."
        )
    for each in fields:
        if any(isinstance(extent, Dim) for extent in each.aval.shape):
            raise NotImplementedError(
                f"export: format='native' with training=True: the step returns {each.label!r} of shape "
                f"{each.aval.shape}; logs have to have a known size, such as that of a mean."
            )
    return fields


def _offsets(function: Function) -> list[int]:
    """Where the fields of the logs lie in their structure, by C's rules, in the order of the results."""
    offsets, at = [], 0
    for entry in function.logs.fields if function.logs else ():
        size = dtypes.itemsize(entry.aval.dtype)
        at = -(-at // size) * size
        offsets.append(at)
        at += size * math.prod(map(int, entry.aval.shape))
    return offsets


@contextlib.contextmanager
def _as_exported(model: Any, state: State) -> Iterator[None]:
    """The model with metrics that have collected nothing; whatever is done to it inside is taken back."""
    held = {v: v.numpy() for v in state.offsets}
    try:
        model.reset_metrics()
        yield
    finally:
        for variable, value in held.items():
            variable.assign(value)


def _state_functions(name: str, state: State, image: bytearray, data: Data, weights_file: bool) -> StateFunctions:
    metrics = (state.metrics, state.size)
    if weights_file:
        at = data.add(np.frombuffer(image, "uint8")[state.metrics :]) if state.size > state.metrics else 0
        return StateFunctions(name, state.size, state.words, None, metrics, (data.symbol, at))
    at = data.add(np.frombuffer(image, "uint8"))
    place = (data.symbol, at)
    return StateFunctions(name, state.size, state.words, place, metrics, (data.symbol, at + state.metrics))
