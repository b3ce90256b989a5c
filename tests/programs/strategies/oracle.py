"""Runs one computation by Keras on JAX and, at once and compiled, by Pronghorn; compares results and gradients.

What is differentiated is the sum of the results, each element weighted by a number of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import keras
import ml_dtypes
import numpy as np
from hypothesis import assume, reject, settings
from hypothesis import strategies as st

import pronghorn
from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace

FLOAT = "float32"
NARROW = (np.dtype("float16"), np.dtype(ml_dtypes.bfloat16))
REFUSALS = (TypeError, ValueError, IndexError, NotImplementedError, ZeroDivisionError)


@dataclass
class Computation:
    """``run(library, arrays)`` gives nested results.

    Attributes:
        run: the computation, given Keras or Pronghorn.
        arrays: what it computes with.
        wrt: the positions of the arrays that it is differentiated with respect to.
        compiled: whether it can be traced.
        tolerance: relative.
    """

    run: Callable[[Any, Sequence[Any]], Any]
    arrays: list[np.ndarray]
    wrt: tuple[int, ...] = ()
    compiled: bool = True
    tolerance: float = 1e-5

    def results(self, library: Any, arrays: Sequence[Any]) -> list[Any]:
        """The results, flat."""
        return pronghorn.tree.flatten(self.run(library, arrays))

    def weighted(self, library: Any, arrays: Sequence[Any]) -> tuple[Any, list[Any]]:
        """The weighted sum of the results, and the results."""
        results, total = self.results(library, arrays), library.ops.zeros((), FLOAT)
        for i, result in enumerate(results):
            if keras.backend.standardize_dtype(result.dtype) == FLOAT:
                total = total + library.ops.sum(library.ops.multiply(result, weights(i, tuple(result.shape))))
        return total, results


def weights(index: int, shape: tuple[int, ...]) -> np.ndarray:
    """The weights of one result."""
    return np.asarray(np.random.default_rng(index).uniform(0.5, 1.5, shape), FLOAT)


def by_keras(it: Computation) -> list[np.ndarray]:
    """Results, then gradients."""
    arrays = [jax.numpy.asarray(a) for a in it.arrays]
    maybe_jit = jax.jit if it.compiled and arrays else lambda fn: fn
    if not it.wrt:
        return [np.asarray(r) for r in maybe_jit(lambda *a: it.results(keras, a))(*arrays)]
    graded = jax.value_and_grad(lambda *a: it.weighted(keras, a), it.wrt, has_aux=True)
    (_, results), gradients = maybe_jit(graded)(*arrays)
    return [np.asarray(x) for x in (*results, *gradients)]


def by_pronghorn(it: Computation, arrays: Sequence[Any]) -> list[Any]:
    """Results, then gradients; at once, or traced if ``arrays`` are."""
    convert = pronghorn.ops.convert_to_tensor
    if not it.wrt:
        return [convert(r) for r in it.results(pronghorn, [convert(a) for a in arrays])]
    graded = pronghorn.value_and_grad(lambda *a: it.weighted(pronghorn, a), argnums=it.wrt, has_aux=True)
    (_, results), gradients = graded(*arrays)
    return [*(convert(r) for r in results), *gradients]


def compiled(it: Computation) -> list[np.ndarray]:
    """What `by_pronghorn` gives, by machine code."""
    avals = [Aval(a.shape, a.dtype.name) for a in it.arrays]
    return Executable(trace(lambda *arrays: by_pronghorn(it, arrays), avals))(*it.arrays)


def assert_same(mine: Sequence[Any], theirs: Sequence[Any], tolerance: float, how: str) -> None:
    """Shapes and types equal, and values within the tolerance, relative to the value or to the largest of its array."""
    assert len(mine) == len(theirs), f"{how}: {len(mine)} results, Keras gives {len(theirs)}"
    for i, (a, b) in enumerate(zip(mine, theirs)):
        a, b, where, close = np.asarray(a), np.asarray(b), f"{how}, result {i}", tolerance
        assert (a.shape, a.dtype) == (b.shape, b.dtype), f"{where}: {a.dtype}{a.shape}, Keras: {b.dtype}{b.shape}"
        if b.dtype in NARROW:
            a, b, close = a.astype("float64"), b.astype("float64"), 2.0**-7
        scale = np.max(np.abs(b[np.isfinite(b)]), initial=1.0) if b.dtype.kind in "fc" else 0
        np.testing.assert_allclose(a, b, rtol=close, atol=close * scale, err_msg=where)


def check(it: Computation) -> None:
    """Compares with Keras; what Keras does not take is no example."""
    try:
        theirs = by_keras(it)
    except REFUSALS:
        reject()
    with np.errstate(all="ignore"):
        assert_same(by_pronghorn(it, it.arrays), theirs, it.tolerance, "at once")
        if it.compiled and it.arrays:
            assert_same(compiled(it), theirs, it.tolerance, "compiled")


def examples(at_least: int) -> settings:
    """How many examples: ``at_least`` in the profile "ci" of five, in others as many times more.

    Each has other shapes, which JAX compiles anew: in every run there is time for few.
    """
    return settings(max_examples=max(1, at_least * settings().max_examples // 5))


def beyond_the_simplest(data: Any) -> None:
    """Leaves out Hypothesis's first example, which is the simplest of all, where there is time for one or two."""
    assume(data.draw(st.integers(0, 2**16)))
