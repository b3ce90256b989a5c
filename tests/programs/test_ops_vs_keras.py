"""Every op against the same op of Keras on JAX: values, shapes and element types."""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import ml_dtypes
import numpy as np
import pytest

keras = pytest.importorskip("keras")
jax = pytest.importorskip("jax")

from ops_cases import BINARY, CASES, DTYPES, UNARY, Case, sample  # noqa: E402

from pronghorn import ops, tree  # noqa: E402

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="the oracle is Keras on JAX")

# Where Pronghorn is meant to differ.
DIFFERENT_DTYPE = {
    ("left_shift", "bool"): "shifts of bools are counted in int32",
}


def _find(namespace, name):
    for part in name.split("."):
        namespace = getattr(namespace, part)
    return namespace


def _leaves(result):
    return list(jax.tree_util.tree_leaves(result))


def _as_float(x):
    array = np.asarray(x)
    return array.astype(np.float64) if array.dtype == ml_dtypes.bfloat16 or array.dtype == np.float16 else array


def _compare(mine, theirs, tolerance):
    mine, theirs = tree.flatten(mine), _leaves(theirs)
    assert len(mine) == len(theirs)
    for a, b in zip(mine, theirs):
        b = np.asarray(b)
        assert tuple(np.shape(a)) == b.shape
        assert np.asarray(a).dtype == b.dtype
        scale = np.max(np.abs(_as_float(b)[np.isfinite(_as_float(b))]), initial=1.0) if b.dtype != bool else 1.0
        np.testing.assert_allclose(_as_float(a), _as_float(b), rtol=tolerance, atol=tolerance * scale)


@pytest.mark.mostly_slow(every=13)
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_same_as_keras(case: Case):
    mine = _find(ops, case.name)(*case.args, **case.kwargs)
    theirs = _find(keras.ops, case.name)(*case.args, **case.kwargs)
    _compare(mine, theirs, case.tolerance)


def _keras_spec(fn, *arrays):
    """Shape and type of Keras's result, without compiling anything."""
    try:
        return jax.eval_shape(fn, *arrays)
    except Exception:
        return None  # Keras refuses this type


def _call(namespace, name):
    fn = getattr(namespace, "where" if name == "where_pair" else name)
    if name == "where_pair":
        return lambda x, y: fn(np.ones(x.shape, bool), x, y)
    if name == "concatenate":
        return lambda x, y: fn([x, y])
    if name == "tensordot":
        return lambda x, y: fn(x, y, axes=1)
    return fn


def _square(name):
    return name in ("matmul", "dot", "tensordot", "trace", "kron")


def _typed(dtype, seed, shape):
    return np.asarray(sample(dtype, shape, seed)).astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)


@pytest.mark.parametrize("name", UNARY)
def test_dtype_of_unary(name):
    for dtype in DTYPES:
        x = _typed(dtype, 0, (3, 3))
        theirs = _keras_spec(getattr(keras.ops, name), x)
        if theirs is None:
            continue
        mine = getattr(ops, name)(x)
        assert (dtype, mine.shape, mine.dtype) == (dtype, theirs.shape, str(theirs.dtype))


@pytest.mark.mostly_slow(every=3)
@pytest.mark.parametrize("name", UNARY)
def test_values_of_unary(name):
    x = sample("float32", (3, 3), seed=7)
    theirs = getattr(keras.ops, name)(x) if name != "bitwise_not" else keras.ops.bitwise_not(x.astype("int32"))
    mine = getattr(ops, name)(x) if name != "bitwise_not" else ops.bitwise_not(x.astype("int32"))
    _compare(mine, theirs, 3e-5)


@pytest.mark.mostly_slow(every=6)
@pytest.mark.parametrize("name", BINARY)
def test_dtype_of_binary(name):
    shape = (3, 3) if _square(name) else (2, 3)
    different = []
    for first in DTYPES:
        for second in (*DTYPES, "int", "float"):
            x = _typed(first, 0, shape)
            y = {"int": 2, "float": 1.5}.get(second)
            y = _typed(second, 1, shape) if y is None else y
            if name == "concatenate" and isinstance(y, (int, float)):
                continue
            call = _call(keras.ops, name)
            fn = call if isinstance(y, np.ndarray) else lambda x, y=y, call=call: call(x, y)
            theirs = _keras_spec(fn, *([x, y] if isinstance(y, np.ndarray) else [x]))
            if theirs is None or (name, first) in DIFFERENT_DTYPE:
                continue
            mine = _call(ops, name)(x, y)
            if mine.dtype != str(theirs.dtype):
                different.append((first, second, mine.dtype, str(theirs.dtype)))
    assert different == []


@pytest.mark.mostly_slow(every=3)
@pytest.mark.parametrize("name", [n for n in BINARY if n not in ("gcd", "lcm", "left_shift", "right_shift")])
@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_values_of_binary(name, dtype):
    x, y = sample(dtype, (3, 3), seed=3), sample(dtype, (3, 3), seed=4)
    if name == "power" and dtype == "int32":
        y = np.abs(y)
    if name.startswith("bitwise"):
        x, y = x.astype("int32"), y.astype("int32")
    _compare(_call(ops, name)(x, y), _call(keras.ops, name)(x, y), 3e-5)


def test_every_public_name_is_there():
    for space in ("", "numpy.", "nn.", "linalg.", "image."):
        theirs = _find(keras.ops, space.rstrip(".")) if space else keras.ops
        mine = _find(ops, space.rstrip(".")) if space else ops
        missing = [n for n in dir(theirs) if not n.startswith("_") and not hasattr(mine, n)]
        assert missing == []


def test_signatures_are_those_of_keras():
    import inspect

    newer = {"top_k": ("is_stable", True), "amax": ("initial", None), "amin": ("initial", None)}  # added in Keras 3.16
    different = []
    for name in dir(keras.ops):
        fn = getattr(keras.ops, name)
        if name.startswith("_") or not inspect.isfunction(fn):
            continue
        theirs = [(p.name, p.default) for p in inspect.signature(fn).parameters.values()]
        mine = [(p.name, p.default) for p in inspect.signature(getattr(ops, name)).parameters.values()]
        if keras.__version__ < "3.16" and name in newer:
            theirs.append(newer[name])
        if mine != theirs:
            different.append((name, mine, theirs))
    assert different == []
