"""Control flow: Python's own, over subgraphs that the interpreter runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn.engine.backends.interpreter import Bound, empty_results
from pronghorn.engine.backends.numpy.interpreter import run
from pronghorn.engine.backends.numpy.registry import implements
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.ir import Graph

Body = Graph | Bound


@implements("scan")
def scan(
    *xs: np.ndarray, body: Body, num_consts: int, num_carry: int, length: int, reverse: bool
) -> tuple[np.ndarray, ...]:
    """``body`` for each slice along axis 0; with ``reverse`` from the last to the first, each y at its own index."""
    consts, carry = xs[:num_consts], list(xs[num_consts : num_consts + num_carry])
    sequences = xs[num_consts + num_carry :]
    stacked: list[np.ndarray] | None = None
    for step in range(length - 1, -1, -1) if reverse else range(length):
        out = run(body, [*consts, *carry, *(s[step] for s in sequences)])
        carry, ys = out[:num_carry], out[num_carry:]
        if stacked is None:
            stacked = [np.empty((length, *y.shape), y.dtype) for y in ys]
        for whole, y in zip(stacked, ys):
            whole[step] = y
    if stacked is None:
        stacked = [np.zeros(shape, dtypes.to_numpy(dtype)) for shape, dtype in empty_results(body, num_carry)]
    return (*carry, *stacked)


@implements("while_loop")
def while_loop(
    *xs: np.ndarray, cond: Body, body: Body, num_cond_consts: int, num_body_consts: int
) -> tuple[np.ndarray, ...]:
    cond_consts = xs[:num_cond_consts]
    body_consts = xs[num_cond_consts : num_cond_consts + num_body_consts]
    carry: list[Any] = list(xs[num_cond_consts + num_body_consts :])
    while run(cond, [*cond_consts, *carry])[0]:
        carry = run(body, [*body_consts, *carry])
    return tuple(carry)


@implements("cond")
def cond(pred: np.ndarray, *xs: np.ndarray, true: Body, false: Body) -> tuple[np.ndarray, ...]:
    return tuple(run(true if pred else false, xs))


@implements("custom_vjp")
def custom_vjp(*xs: np.ndarray, num_args: int, num_outs: int, vjp: Body) -> tuple[np.ndarray, ...]:
    """The outs as they are; ``vjp`` is for the gradient alone."""
    return tuple(xs[num_args : num_args + num_outs])
