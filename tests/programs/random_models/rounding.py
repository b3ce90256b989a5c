"""What a program of JAX gives in float64, and by how much roundings could move each element of it.

`Program` takes a function that JAX traced in float32 (or in 16 bits, mixed), with its gradients and whatever else is in
it, and runs it operation by operation with numbers of float64. To each element of each result z of an operation it adds

    e * (c * u * S + t)

where e is drawn from the normal distribution, u the rounding error of the type that the operation has in the traced
program (2**-24 for float32, 2**-12 for float16, 2**-9 for bfloat16), c how many roundings an operation may make (16, of
16 bits 8, which are summed in float32), t half of float16's smallest number, and S **the sum of the absolute products
that make the element**:

    products, convolutions    S = sum of |x| * |k|, the same operation on absolute values
    sums, means, differences  S = sum of |x|; of two numbers no more than the smaller is lost
    all others                S = |z|
    what moves numbers about (reshapes, maxima, choices)  nothing

That is a running error analysis (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.3) whose
errors are drawn rather than bounded, so that they pass through all that follows as they would: an element that a tap of
zero keeps from a large number is not moved by it, whatever the norm of the array is; one that is divided by its own
size, as in Adam, moves by a step where nothing is left of it. Without such errors the run gives the reference z0. From
five runs k with them, and two more, l, with errors of an eighth and a 64th, each element has a measure of its own,

    moved = max(sqrt(mean over k of (z_k - z0)**2), |z_l - z0|)

and what another program gives in the traced types may lie apart by

    2 * moved + u * |z0| + t

with u and t of the result's type. c covers the sums of many numbers (their error grows by the root of their count, or
by their count in an order that is bad) and functions that err by more than half a unit. Keras's own float32 comes to a
tenth of that, rarely to a half. In 16 bits the errors are so large that a few draws do not show all that they may do:
there twice the error that Keras makes of the element is allowed as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.extend import core

from random_models.primitives import evaluated, is_float, is_key, widened

UNIT = {"float32": 2.0**-24, "float16": 2.0**-12, "bfloat16": 2.0**-9, "float64": 2.0**-24}
SMALLEST = {"float32": 2.0**-126, "float16": 2.0**-25, "bfloat16": 2.0**-126, "float64": 2.0**-126}  # XLA has no less
LARGEST = {"float32": 3.4028235677973366e38, "float16": 65520.0, "bfloat16": 3.396e38}
ROUNDINGS = {"float32": 16, "float16": 8, "bfloat16": 8, "float64": 16}
# Of the runs; small ones, too, since what is large may hide what is small (a step of Adam has one size).
SCALES = (1.0, 1.0, 1.0, 1.0, 1.0, 1 / 8, 1 / 64)
TIMES = 2
DRAWS = 2**17

SUMS = {
    "dot_general", "conv_general_dilated", "reduce_sum", "cumsum", "reduce_window_sum", "scatter-add",
    "select_and_scatter_add",
}  # fmt: skip
# What gives numbers that it was given, or no floats that were rounded.
EXACT = {
    "reshape", "transpose", "broadcast_in_dim", "squeeze", "expand_dims", "slice", "dynamic_slice", "concatenate",
    "pad", "dynamic_update_slice", "gather", "scatter", "rev", "select_n", "max", "min", "reduce_max", "reduce_min",
    "neg", "abs", "sign", "stop_gradient", "copy", "copy_p", "sort", "argmax", "argmin", "clamp", "floor", "ceil",
    "round", "iota", "reduce_window_max", "cummax", "cummin", "select_and_gather_add", "split", "tile", "top_k",
    "is_finite", "optimization_barrier", "device_put", "real",
}  # fmt: skip
NARROW = ("float16", "bfloat16")


class Errors:
    """What the errors of one run are multiplied by; nothing for the reference, run None."""

    def __init__(self, run: int | None):
        self.rng = np.random.default_rng(run or 0)
        self.pool = np.zeros(0) if run is None else self.rng.normal(size=DRAWS) * SCALES[run]

    def __bool__(self) -> bool:
        return self.pool.size > 0

    def of(self, shape: tuple[int, ...]) -> np.ndarray:
        """Those of an array: a part of the pool that begins anywhere."""
        count = int(np.prod(shape))
        place = int(self.rng.integers(DRAWS - min(count, DRAWS // 2)))
        return np.resize(self.pool[place : place + count], shape)


class Program:
    """A function of trees of arrays, traced in the types of ``example``, to be run in float64."""

    def __init__(self, function: Callable[..., Any], *example: Any):
        self.closed, shapes = jax.make_jaxpr(function, return_shape=True)(*example)
        self.tree = jax.tree_util.tree_structure(shapes)

    def __call__(self, errors: Errors, *args: Any) -> Any:
        """The results as NumPy's arrays."""
        with np.errstate(all="ignore"):
            leaves = jax.tree_util.tree_leaves(args)
            results = run(self.closed, leaves, errors, outermost=True)
        return jax.tree_util.tree_unflatten(self.tree, results)


def run(closed: Any, args: list[Any], errors: Errors, outermost: bool = False) -> list[Any]:
    """The results of a traced function."""
    jaxpr, consts = (closed.jaxpr, closed.consts) if hasattr(closed, "consts") else (closed, [])
    known = dict(zip([*jaxpr.constvars, *jaxpr.invars], (x if is_key(x) else widened(x) for x in [*consts, *args])))
    # The numbers as the function was given them, moved about: their conversions to 16 bits are alike everywhere.
    unchanged = set(known) if outermost else set()

    def value(v: Any) -> Any:
        return widened(np.asarray(v.val, v.aval.dtype)) if isinstance(v, core.Literal) else known[v]

    for eqn in jaxpr.eqns:
        if not eqn.outvars:  # what has no result, such as a call that prints
            continue
        name, inputs = eqn.primitive.name, [value(v) for v in eqn.invars]
        if all(isinstance(v, core.Literal) or v in unchanged for v in eqn.invars):
            if name == "convert_element_type" and str(eqn.params["new_dtype"]) in NARROW:
                inputs = [widened(inputs[0].astype(eqn.params["new_dtype"]))]
            if name in EXACT or name == "convert_element_type":
                unchanged.update(eqn.outvars)
        inner = CALLS.get(name) or (called if name in NESTED else None)
        exact = name in EXACT or eqn.outvars[0] in unchanged
        if inner:
            results = inner(eqn.params, inputs, errors)
        else:
            results = evaluated(eqn, inputs)
            results = results if exact else rounded(eqn, inputs, results, errors)
        known.update(zip(eqn.outvars, results))
    return [value(v) for v in jaxpr.outvars]


def rounded(eqn: Any, inputs: list[Any], results: list[Any], errors: Errors) -> list[Any]:
    """The results of an operation with errors."""
    name, dtype = eqn.primitive.name, str(eqn.outvars[0].aval.dtype)
    before = str(eqn.invars[0].aval.dtype) if eqn.invars else ""
    if dtype not in UNIT or (name == "convert_element_type" and UNIT.get(before, 0) >= UNIT[dtype]):
        return results
    if errors:
        results = with_errors(eqn, inputs, results, errors)
    return [np.where(np.abs(z) >= LARGEST[dtype], np.copysign(np.inf, z), z) for z in results]


def with_errors(eqn: Any, inputs: list[Any], results: list[Any], errors: Errors) -> list[Any]:
    name, dtype = eqn.primitive.name, str(eqn.outvars[0].aval.dtype)
    if name in ("add", "add_any", "sub"):
        # Never more than the smaller of the two is lost, and nothing where equal numbers are subtracted.
        x, y = np.abs(inputs[0]), np.abs(inputs[1])
        return [
            erring(z, x + y, dtype, errors, np.where((z == 0) & (name == "sub"), 0, np.minimum(x, y))) for z in results
        ]
    if name in SUMS:
        first = name != "select_and_scatter_add"  # whose second input says where
        values = [np.abs(x) if is_float(x.dtype) and (first or not i) else x for i, x in enumerate(inputs)]
        return [erring(z, size, dtype, errors) for z, size in zip(results, evaluated(eqn, values))]
    moved = [erring(z, np.abs(z), dtype, errors) for z in results]
    return [np.where(m * z < 0, 0, m) for m, z in zip(moved, results)]  # keeps its sign: a logarithm may follow


def erring(z: np.ndarray, size: np.ndarray, dtype: str, errors: Errors, most: Any = np.inf) -> np.ndarray:
    """``z`` with errors of what makes it, ``size``; of float16 with those of its few small numbers too."""
    amount = size * (ROUNDINGS[dtype] * UNIT[dtype]) + (SMALLEST[dtype] if dtype == "float16" else 0) * (size != 0)
    amount = np.where(np.isfinite(amount), np.minimum(amount, most), 0)
    return z + errors.of(z.shape) * amount


# -- operations that hold programs -------------------------------------------------------------------------------------
def called(p: Any, inputs: list[Any], errors: Errors) -> list[Any]:
    return run(next(p[key] for key in ("jaxpr", "call_jaxpr", "fun_jaxpr") if key in p), inputs, errors)


def cond(p: Any, inputs: list[Any], errors: Errors) -> list[Any]:
    return run(p["branches"][int(np.clip(inputs[0], 0, len(p["branches"]) - 1))], inputs[1:], errors)


def while_loop(p: Any, inputs: list[Any], errors: Errors) -> list[Any]:
    first, second = p["cond_nconsts"], p["cond_nconsts"] + p["body_nconsts"]
    carried = inputs[second:]
    while run(p["cond_jaxpr"], [*inputs[:first], *carried], errors)[0]:
        carried = run(p["body_jaxpr"], [*inputs[first:second], *carried], errors)
    return carried


def scan(p: Any, inputs: list[Any], errors: Errors) -> list[Any]:
    fixed, end = inputs[: p["num_consts"]], p["num_consts"] + p["num_carry"]
    carried, rows = inputs[p["num_consts"] : end], []
    order = reversed(range(p["length"])) if p["reverse"] else range(p["length"])
    for i in order:
        out = run(p["jaxpr"], [*fixed, *carried, *(x[i] for x in inputs[end:])], errors)
        carried = out[: p["num_carry"]]
        rows.append(out[p["num_carry"] :])
    rows = rows[::-1] if p["reverse"] else rows
    return [*carried, *(np.stack(column) for column in zip(*rows))]


NESTED = {"jit", "pjit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call", "remat2", "checkpoint"}
CALLS = {"cond": cond, "while": while_loop, "scan": scan}


class Measure:
    """What one array has to be: the reference, and how far each element may lie from it.

    Args:
        keras: what Keras makes of it, whose error is allowed as well.
    """

    def __init__(self, reference: np.ndarray, runs: list[np.ndarray], dtype: str, keras: np.ndarray | None = None):
        self.reference = np.asarray(reference, "float64")
        with np.errstate(all="ignore"):
            apart = np.stack([np.asarray(run, "float64") - self.reference for run in runs])
            same = np.stack([np.asarray(run, "float64") == self.reference for run in runs])
            apart = np.abs(np.where(same, 0, apart))
            full = np.array(SCALES) == 1
            moved = np.maximum(np.sqrt(np.mean(apart[full] ** 2, axis=0)), np.max(apart[~full], axis=0))
            # Where a run has no number and the reference has one, or the other way round, anything may be.
            nans = np.stack([np.isnan(np.asarray(run, "float64")) for run in runs])
            self.open = (nans != np.isnan(self.reference)).any(0) | np.isinf(moved)
            self.moved = np.where(np.isnan(moved), 0, moved)
            unit, least = UNIT.get(dtype, 0.0), SMALLEST.get(dtype, 0.0)
            finite = np.where(np.isfinite(self.reference), np.abs(self.reference), 0)
            self.allowed = TIMES * self.moved + unit * finite + least
            if keras is not None:
                own = np.abs(np.asarray(keras, "float64") - self.reference)
                self.allowed = self.allowed + np.where(np.isfinite(own), TIMES * own, 0)

    def excess(self, given: np.ndarray) -> np.ndarray:
        """The error of each element as a part of what is allowed: more than 1 is too much. Infinite where one has a
        number and the other none."""
        given = np.asarray(given, "float64")
        with np.errstate(all="ignore"):
            same = (given == self.reference) | (np.isnan(given) & np.isnan(self.reference))
            apart = np.where(same, 0, np.abs(given - self.reference))
            part = np.where(apart == 0, 0, apart / self.allowed)
        part = np.where(np.isnan(part), np.inf, part)
        return np.where(self.open, 0, part)

    @property
    def blurred(self) -> np.ndarray:
        """Elements of which next to nothing can be said: what is allowed is more than a hundredth of them."""
        return self.open | (self.allowed > 0.01 * np.abs(self.reference)) & (self.reference != 0)
