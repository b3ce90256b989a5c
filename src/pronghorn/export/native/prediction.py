"""A model's prediction as the files of a C library."""

from __future__ import annotations

import hashlib

import numpy as np

from pronghorn._version import __version__
from pronghorn.engine.backends.aot import Block, Data, Entry, calls_outside, compile_library, limits_of
from pronghorn.engine.graph.dim import BATCH
from pronghorn.engine.graph.variable import GraphVariable
from pronghorn.engine.runtime.machines import Machine
from pronghorn.export.native.checks import check_arrays, check_graph, refuse_calls
from pronghorn.export.native.description import Array, Function, Library
from pronghorn.export.native.golden import golden_of
from pronghorn.export.native.names import identifiers
from pronghorn.export.native.product import Product
from pronghorn.export.signature import Inference

_MAGIC = b"PHWEIGHT"
DOES = "What the model predicts, as model.predict in Python."


def prediction(found: Inference, name: str, machine: Machine, weights_file: bool, is_parallel: bool) -> Product:
    """Compile a model's inference.

    Args:
        found: the inference.
        name: what C's names begin with.
        machine: the machine.
        weights_file: whether the weights are a file of their own.
        is_parallel: whether a caller may hand over a parallel-for.

    Raises:
        NotImplementedError: for what a library cannot have, by layer and primitive.
    """
    traced = found.traced
    library = described(found, name, machine, weights_file, is_parallel)
    check_graph(traced.graph)
    check_arrays([*library.predict.inputs, *library.predict.outputs])
    data, weights = Data(f"{name}_data"), Data("") if weights_file else None
    block = _constant_block(traced.variables, data) if weights is None else _file_block(traced.variables, weights)
    entry = Entry(f"{name}_predict", traced, list(library.sizes), block, (), limits_of(traced.graph), is_parallel)
    compiled = compile_library(name, [entry], data, machine)
    refuse_calls(calls_outside(compiled.files.values()), [traced.graph])
    library.arena = compiled.arena
    checked = golden_of(found, library.predict, library.sizes, entry.limits)
    return Product(library, compiled.files, None if weights is None else weights.content(), checked)


def described(found: Inference, name: str, machine: Machine, weights_file: bool, is_parallel: bool) -> Library:
    """The library with C's names for what a model takes and gives."""
    given = [v.aval for v in found.given]
    results = [v.aval for v in found.traced.graph.outputs[: found.traced.num_results]]
    symbols = sorted(found.symbols, key=lambda symbol: (symbol != BATCH, symbol))
    labels = (*found.numbers, *found.outputs)
    taken = (name, f"{name}_logs", f"{name}_state", *symbols)
    arrays = [Array(*each) for each in zip(identifiers(labels, taken), labels, (*given, *results))]
    block = "const void *weights" if weights_file else ""
    predict = Function(f"{name}_predict", DOES, block, arrays[: len(given)], arrays[len(given) :])
    sizes = {symbol: symbol for symbol in symbols}
    model = found.traced.graph.name
    return Library(name, model, machine, sizes, predict, __version__, weights_file, is_parallel=is_parallel)


def _constant_block(variables: list[GraphVariable], data: Data) -> Block:
    return Block({v: data.add(v.storage()) for v in variables}, symbol=data.symbol)


def _file_block(variables: list[GraphVariable], weights: Data) -> Block:
    """Variables in a file, which begins with a mark and a hash of all of it."""
    digest = hashlib.sha256()
    for v in variables:
        digest.update(np.ascontiguousarray(v.storage()).tobytes())
    head = np.frombuffer(_MAGIC + digest.digest()[:24], "<i8")
    weights.add(head)
    return Block({v: weights.add(v.storage()) for v in variables}, words=head[:2].tolist())
