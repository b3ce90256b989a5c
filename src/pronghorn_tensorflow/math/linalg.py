"""Functions of whole matrices, and of the gamma function, for `pronghorn run`."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn_tensorflow.math.basic import lgamma

_TERMS = 18  # of the exponential's series, enough for float64 where the norm is at most 1/2


def expm(input: Any, name: str | None = None) -> Any:
    """`tf.linalg.expm`: the exponential, by its series of a small part of the matrix, squared again and again.

    >>> expm([[0.0, 1.0], [0.0, 0.0]]).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    x = ops.convert_to_tensor(input)
    norm = float(np.abs(np.asarray(x)).sum(axis=-2).max(initial=0.0))
    squarings = max(0, int(np.ceil(np.log2(max(norm, 1e-300)))) + 1)
    x = x / 2.0**squarings
    one = ops.broadcast_to(ops.eye(x.shape[-1], dtype=x.dtype), x.shape)
    found = one
    for order in range(_TERMS, 0, -1):
        found = one + ops.matmul(x, found) / order
    for _ in range(squarings):
        found = ops.matmul(found, found)
    return found


def sqrtm(input: Any, name: str | None = None) -> Any:
    """`tf.linalg.sqrtm`: the square root, by the iteration of Denman and Beavers.

    The source is E. Denman and A. Beavers, The matrix sign function and computations in systems, 1976.
    """
    x = ops.convert_to_tensor(input)
    root, inverse = x, ops.broadcast_to(ops.eye(x.shape[-1], dtype=x.dtype), x.shape)
    for _ in range(24):
        root, inverse = (root + ops.inv(inverse)) / 2, (inverse + ops.inv(root)) / 2
    return root


def lbeta(x: Any, name: str | None = None) -> Any:
    """`tf.math.lbeta`: the logarithm of the beta function of the last axis."""
    x = ops.convert_to_tensor(x)
    return ops.sum(lgamma(x), axis=-1) - lgamma(ops.sum(x, axis=-1))


def igammac(a: Any, x: Any, name: str | None = None) -> Any:
    """`tf.math.igammac`: what `tf.math.igamma` lacks of 1."""
    return 1.0 - ops.gammainc(a, x)
