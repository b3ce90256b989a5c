"""Gamma, beta and binomial random numbers, by rejection in a fixed number of rounds."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.random.random import _float_dtype, _shape, unit_uniform
from pronghorn.random.seed_generator import draw_seed

# A round of Marsaglia and Tsang's method (doi 10.1145/358407.358414) accepts at least 95 % of its candidates, so after
# this many one in 10**13 is left, which takes its last candidate.
_ROUNDS = 10


def _derived(key: Tensor, number: Any) -> Tensor:
    """Another key, far from those that a generator counts through."""
    offset = ops.cast(number, "uint32") * np.uint32(0x9E3779B9) + np.uint32(0x7F4A7C15)
    return P.xor(key, ops.stack([offset, P.xor(offset, np.uint32(0x85EBCA6B))]))


def _standard_gamma(key: Tensor, alpha: Tensor) -> Tensor:
    """Gamma numbers of scale one, for shape parameters ``alpha``."""
    dtype, shape = alpha.dtype, tuple(alpha.shape)
    small = ops.less(alpha, 1.0)
    a = ops.where(small, alpha + 1.0, alpha)
    d = a - 1.0 / 3.0
    c = 1.0 / ops.sqrt(9.0 * d)
    result = d
    done = ops.zeros(shape, dtype="bool")
    for i in range(_ROUNDS):
        u1 = unit_uniform(_derived(key, 2 * i), shape, dtype, open_at_zero=True)
        u2 = unit_uniform(_derived(key, 2 * i + 1), shape, dtype, open_at_zero=True)
        x = P.mul(P.erfinv(P.sub(P.mul(u1, 2.0), 1.0)), 2.0**0.5)
        v = (1.0 + c * x) ** 3
        positive = ops.greater(v, 0.0)
        log_v = ops.log(ops.where(positive, v, ops.ones_like(v)))
        accept = ops.logical_and(positive, ops.less(ops.log(u2), 0.5 * x * x + d - d * v + d * log_v))
        take = ops.logical_and(accept, ops.logical_not(done))
        result = ops.where(take, d * v, result)
        done = ops.logical_or(done, accept)
    boost = unit_uniform(_derived(key, 2 * _ROUNDS), shape, dtype, open_at_zero=True)
    return ops.where(small, result * ops.power(boost, 1.0 / ops.maximum(alpha, 1e-30)), result)


def _parameter(value: Any, shape: Any, dtype: str) -> Tensor:
    return ops.broadcast_to(ops.cast(ops.convert_to_tensor(value), dtype), shape)


def gamma(shape: Any, alpha: Any, dtype: Any = None, seed: Any = None) -> Tensor:
    """Numbers of the gamma distribution with scale one.

    Args:
        shape: the shape of the result.
        alpha: the shape parameter, positive; broadcast to ``shape``.
        dtype: a float type; the default one if None.
        seed: an integer, a `SeedGenerator` or None.

    Example:

    >>> bool((gamma((100,), 2.0, seed=0).numpy() > 0).all())
    True
    """
    dtype = _float_dtype(dtype, "gamma")
    work = dtype if dtype == "float64" else "float32"
    return ops.cast(_standard_gamma(draw_seed(seed), _parameter(alpha, _shape(shape, "gamma"), work)), dtype)


def beta(shape: Any, alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> Tensor:
    """Numbers of the beta distribution.

    Args:
        shape: the shape of the result.
        alpha: the first parameter, positive; broadcast to ``shape``.
        beta: the second parameter.
        dtype: a float type; the default one if None.
        seed: an integer, a `SeedGenerator` or None.

    Example:

    >>> beta((2, 3), 2.0, 3.0, seed=0).shape
    (2, 3)
    """
    dtype = _float_dtype(dtype, "beta")
    work = dtype if dtype == "float64" else "float32"
    shape = _shape(shape, "beta")
    return ops.cast(_beta(draw_seed(seed), _parameter(alpha, shape, work), _parameter(beta, shape, work)), dtype)


def _beta(key: Tensor, a: Tensor, b: Tensor) -> Tensor:
    x, y = _standard_gamma(_derived(key, 101), a), _standard_gamma(_derived(key, 202), b)
    return x / (x + y)


def binomial(shape: Any, counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None) -> Tensor:
    """Numbers of successes in ``counts`` trials that succeed with ``probabilities``.

    Args:
        shape: the shape of the result.
        counts: numbers of trials; broadcast to ``shape``.
        probabilities: between 0 and 1.
        dtype: a float type; the default one if None.
        seed: an integer, a `SeedGenerator` or None.

    Example:

    >>> binomial((3,), 10.0, 0.5, seed=0).shape
    (3,)
    """
    dtype = _float_dtype(dtype, "binomial")
    work = "float64" if dtype == "float64" else "float32"
    shape = _shape(shape, "binomial")
    key = draw_seed(seed)
    n, p = _parameter(counts, shape, work), _parameter(probabilities, shape, work)

    # Halving by order statistics: the middle of n uniform numbers has a beta distribution, and tells of half of the
    # trials on which side of p they are (Devroye 1986, X.4.4).
    def more(n: Tensor, *_: Any) -> Tensor:
        return ops.any(ops.greater(n, 0.5))

    def halve(n: Tensor, p: Tensor, successes: Tensor, i: Tensor) -> tuple[Tensor, ...]:
        active = ops.greater(n, 0.5)
        middle = 1.0 + ops.floor(n / 2.0)
        y = _beta(_derived(key, 1000 + i), middle, ops.maximum(n + 1.0 - middle, 1.0))
        below = ops.less_equal(y, p)
        successes = ops.where(ops.logical_and(active, below), successes + middle, successes)
        # Divisions guarded: both branches are computed.
        p_above = (p - y) / ops.maximum(1.0 - y, 1e-30)
        p_below = p / ops.maximum(y, 1e-30)
        new_p = ops.clip(ops.where(below, p_above, p_below), 0.0, 1.0)
        new_n = ops.where(below, n - middle, middle - 1.0)
        return ops.where(active, new_n, n), ops.where(active, new_p, p), successes, i + 1

    start = (n, p, ops.zeros_like(n), ops.zeros((), dtype="int32"))
    return ops.cast(ops.while_loop(more, halve, start)[2], dtype)
