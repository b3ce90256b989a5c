"""A call of an op as a computation of its arrays."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from strategies.ops_common import FLOAT, Body, Call
from strategies.oracle import Computation


def _is_leaf(x: Any) -> bool:
    return x is None or isinstance(x, np.ndarray | Body)


def computation(call: Call) -> Computation:
    """The call, with the arrays among its arguments to be filled in."""
    leaves, structure = jax.tree_util.tree_flatten((call.args, call.then), is_leaf=_is_leaf)
    moving = [i for i, leaf in enumerate(leaves) if isinstance(leaf, np.ndarray)]

    def run(library, arrays):
        filled = [leaf.make(library.ops) if isinstance(leaf, Body) else leaf for leaf in leaves]
        for i, array in zip(moving, arrays, strict=True):
            filled[i] = array
        args, then = jax.tree_util.tree_unflatten(structure, filled)
        op = library.ops
        for part in call.name.split("."):
            op = getattr(op, part)
        results = op(*args, **call.kwargs)
        return results if then is None else results(*then)

    arrays = [leaves[i] for i in moving]
    wrt = tuple(i for i, array in enumerate(arrays) if array.dtype == FLOAT) if call.gradient else ()
    return Computation(run, arrays, wrt, call.compiled, call.tolerance)
