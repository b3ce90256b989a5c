"""Primitives that an engine's library has traced with an open first extent and written down: run for another one."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from cases import CASES
from test_engines import UP_TO_SIGN, as_tuple, assert_same, there

from pronghorn.engine.backends.numpy import IMPLEMENTATIONS
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Dim, SymbolicDimError
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.primitives import PRIMITIVES
from pronghorn.engine.graph.trace import trace
from pronghorn.export.by_table import TableCall
from pronghorn.export.signature import Inference

ROWS = Dim.symbol("rows")
_EXTENTS = ("shape", "limit", "input_shape", "dim")

#: What cannot be written where the axis that it runs along, or cuts a part of known size from, is open.
NEEDS_A_NUMBER = {
    "jax": {"dynamic_slice", "dynamic_update_slice", "pad", "qr", "scatter", "slice", "unpool"},
    "tensorflow": {"cummax", "cummin", "reduce_and", "reduce_or", "unpool"},
    "torch": {"pad", "reduce_and", "reduce_or", "slice"},
}


def opened(case, arrays):
    """The case as an inference whose operands have any number of rows; None where they cannot."""
    rows = next((a.shape[0] for a in arrays if a.ndim), 0)
    if not rows:
        return None
    avals = [
        Aval((ROWS, *a.shape[1:]) if a.ndim and a.shape[0] == rows else a.shape, dtypes.name_of(a.dtype))
        for a in arrays
    ]
    params = {
        key: (ROWS, *value[1:])
        if key in _EXTENTS and isinstance(value, tuple) and value[:1] == (rows,)
        else ROWS
        if (key, value) == ("length", rows)
        else value
        for key, value in case.params.items()
    }
    try:
        traced = trace(lambda *xs: as_tuple(PRIMITIVES[case.prim](*xs, **params)), avals, case.id)
    except (SymbolicDimError, ValueError, TypeError):
        return None
    names = [f"x{i}" for i in range(len(arrays))]
    outputs = [f"y{i}" for i in range(traced.num_results)]
    return Inference(traced, tuple(names), names, {}, outputs, tuple(outputs))


def program_of(engine, found):
    """What the library runs, as a function of NumPy's arrays."""
    made = importlib.import_module(f"pronghorn.export.programs.{engine.name}")
    if engine.name == "tensorflow":
        function = made.SavedModel().add("serve", found)
        return lambda arrays: [y.numpy() for y in function(*map(engine.from_numpy, arrays))]
    call = TableCall(engine, found, engine.name, made.LACKS)
    if engine.name == "torch":
        module = call.writing(lambda: made.exported(call)).module()
        return lambda arrays: [engine.to_numpy(y) for y in module(*map(engine.from_numpy, arrays))]
    with engine.computing():
        content = call.writing(lambda: made.bytes_of(call, ("cpu",)))
        program = importlib.import_module("jax.export").deserialize(bytearray(content))
    return lambda arrays: [np.asarray(y) for y in program.call(*arrays)]


def is_tried(case):
    """Whether a case says more about open extents than others; the other types are computed in the ways of these."""
    kinds = {dtypes.name_of(a.dtype) for a in case.args()}
    return case.prim != "custom_vjp" and kinds <= {"float32", "int32", "bool", "uint64", "bfloat16", "complex64"}


OPEN = [case for case in CASES if is_tried(case) and opened(case, case.args()) is not None]


def test_most_primitives_are_tried():
    assert len({case.prim for case in OPEN}) >= 100


@pytest.mark.mostly_slow(every=30)
@pytest.mark.parametrize("case", OPEN, ids=lambda c: c.id)
def test_with_rows_that_are_open(engine, case):
    made = f"pronghorn.export.programs.{engine.name}"
    if engine.name == "pytensor" or case.prim in (*UP_TO_SIGN, "eig") or not there(engine, case):
        pytest.skip("there is no such program")
    if case.prim in importlib.import_module(made).LACKS:
        pytest.skip("the format lacks it")
    arrays = case.args()
    try:
        program = program_of(engine, opened(case, arrays))
    except NotImplementedError as error:
        assert case.prim in NEEDS_A_NUMBER[engine.name] and "pass input_signature with numbers" in str(error)
        return
    with engine.computing():
        results = program(arrays)
    expected = as_tuple(IMPLEMENTATIONS[case.prim](*arrays, **case.params))
    assert len(results) == len(expected)
    for got, wanted in zip(results, expected):
        assert_same(got, wanted, case.id)
