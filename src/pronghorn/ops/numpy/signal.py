"""Sequences and samples: differences, integrals, correlation, averages, window functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn import config, tree
from pronghorn._wording import counted
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.tensor import Tensor, tensor_of
from pronghorn.ops import _broadcast as B
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.control import vectorized_map
from pronghorn.ops.numpy.arithmetic import multiply
from pronghorn.ops.numpy.indexing import diagonal
from pronghorn.ops.numpy.reductions import mean_of
from pronghorn.ops.numpy.shaping import part
from pronghorn.ops.numpy.unary import conjugate


@symbolic_aware
def diff(a: Any, n: int = 1, axis: int = -1) -> Tensor:
    """The differences of neighbours along ``axis``, taken ``n`` times.

    >>> diff([1, 4, 9]).numpy()
    array([3, 5], dtype=int32)
    """
    x = B.convert(a)
    axis = B.axis_of(axis, x.ndim)
    for _ in range(n):
        size = x.shape[axis]
        if size == 0:
            break
        first, second = part(x, axis, 0, size - 1), part(x, axis, 1, size)
        x = P.ne(second, first) if x.dtype == "bool" else P.sub(second, first)
    return x


@symbolic_aware
def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Tensor:
    """The area under the lines that join the samples ``y`` along ``axis``.

    Args:
        y: the samples.
        x: where they were taken; at distances ``dx`` if None.
        dx: the distance.
        axis: the axis of the samples.

    >>> trapezoid([1.0, 2.0, 3.0]).numpy()
    np.float32(4.0)
    """
    y = B.to_float(y)
    axis = B.axis_of(axis, y.ndim)
    size = y.shape[axis]
    middle = P.add(part(y, axis, 1, size), part(y, axis, 0, size - 1))
    if x is None:
        steps: Any = B.convert(dx)
    else:
        x = B.to_float(x)
        if x.ndim == 1:
            gaps = diff(x)
            steps = P.reshape(gaps, shape=tuple(gaps.shape[0] if i == axis else 1 for i in range(y.ndim)))
        else:
            steps = diff(x, axis=axis)
    area = multiply(middle, B.cast(steps, B.result_dtype(middle, steps) if x is not None else middle.dtype))
    total = P.reduce_sum(area, axes=(axis,))
    return P.mul(total, B.full_like(total, 0.5))


@symbolic_aware
def average(x: Any, axis: Any = None, weights: Any = None) -> Tensor:
    """The mean along ``axis``, in which each element may count with a weight.

    >>> average([1.0, 3.0], weights=[3.0, 1.0]).numpy()
    np.float32(1.5)
    """
    dtype = B.float_dtype(*(B.weak_name(v) for v in (x, weights) if v is not None))
    x = B.cast(x, dtype)
    axes = B.axes_of(axis, x.ndim)
    if weights is None:
        return mean_of(x, axes)
    w = B.cast(weights, dtype)
    if w.shape != x.shape:
        if w.ndim != 1 or len(axes) != 1 or not B.equal_extents(w.shape[0], x.shape[axes[0]]):
            raise ValueError(
                f"average: weights of shape {w.shape} fit neither x {x.shape} nor its axis {axis}; they must have the "
                "shape of x, or be one vector as long as the one axis."
            )
        w = P.broadcast_in_dim(w, shape=x.shape, dims=axes)
    return P.div(P.reduce_sum(P.mul(x, w), axes=axes), P.reduce_sum(w, axes=axes))


@symbolic_aware
def cov(x: Any) -> Tensor:
    """The covariance of each two rows (the variables; the columns are the samples), over one less than the samples.

    Args:
        x: a vector or a matrix.

    Returns:
        Shape ``(rows, rows)``, or a number for a vector; NaN for a single sample, and for none.

    >>> cov([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]).numpy()
    array([[ 1., -1.],
           [-1.,  1.]], dtype=float32)
    """
    x = B.to_float(x)
    if x.ndim > 2:
        raise ValueError(f"cov: a vector or a matrix is needed, got shape {x.shape}.")
    single = x.ndim < 2
    rows = P.reshape(x, shape=(1, x.size)) if single else x
    apart = P.sub(rows, B.broadcast_to(mean_of(rows, (1,), keepdims=True), rows.shape))
    products = P.dot_general(apart, conjugate(apart), contract=((1,), (1,)), batch=((), ()))
    count = rows.shape[1]
    found = P.div(products, B.full_like(products, max(count, 1) - 1 if isinstance(count, int) else count - 1))
    return P.reshape(found, shape=()) if single else found


@symbolic_aware
def corrcoef(x: Any) -> Tensor:
    """The correlation of each two rows (the variables; the columns are the samples).

    >>> corrcoef([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]).numpy()
    array([[ 1., -1.],
           [-1.,  1.]], dtype=float32)
    """
    x = B.to_float(x)
    if x.ndim > 2:
        raise ValueError(f"corrcoef: a vector or a matrix is needed, got shape {x.shape}.")
    single = x.ndim < 2
    rows = P.reshape(x, shape=(1, x.size)) if single else x
    apart = P.sub(rows, B.broadcast_to(mean_of(rows, (1,), keepdims=True), rows.shape))
    covariance = P.dot_general(apart, conjugate(apart), contract=((1,), (1,)), batch=((), ()))

    variance = diagonal(covariance)
    scale = P.sqrt(P.real(variance) if variance.dtype in dtypes.COMPLEX else variance)
    scale = B.cast(scale, covariance.dtype)
    count = rows.shape[0]
    by_row = P.broadcast_in_dim(scale, shape=(count, count), dims=(0,))
    by_column = P.broadcast_in_dim(scale, shape=(count, count), dims=(1,))
    out = P.div(P.div(covariance, by_row), by_column)
    if out.dtype not in dtypes.COMPLEX:
        out = P.min(P.max(out, -1.0), 1.0)
    return P.reshape(out, shape=()) if single else out


@symbolic_aware
def correlate(x1: Any, x2: Any, mode: str = "valid") -> Tensor:
    """The sums of products of one vector with the other moved along it.

    Args:
        x1: ``[n]``.
        x2: ``[m]``.
        mode: "valid" (only where they overlap in full), "same" (as long as the longer) or "full".

    >>> correlate([1.0, 2.0, 3.0], [0.0, 1.0]).numpy()
    array([2., 3.], dtype=float32)
    """
    if mode not in ("valid", "same", "full"):
        raise ValueError(f"correlate: mode={mode!r}; it must be 'valid', 'same' or 'full'.")
    dtype = B.result_dtype(x1, x2)
    dtype = dtype if dtypes.is_float(dtype) or dtype in dtypes.COMPLEX else config.floatx()
    x, y = B.cast(x1, dtype), conjugate(B.cast(x2, dtype))
    if x.ndim != 1 or y.ndim != 1:
        raise ValueError(f"correlate: two vectors are needed, got shapes {x.shape} and {y.shape}.")
    n, m = int(x.shape[0]), int(y.shape[0])
    if n < m:  # a correlation the other way round, read backwards
        return P.reverse(_correlate(y, x, m, n, mode), axes=(0,))
    return _correlate(x, y, n, m, mode)


def _correlate(x: Tensor, y: Tensor, n: int, m: int, mode: str) -> Tensor:
    low, high = {"valid": (0, 0), "same": (m // 2, m - 1 - m // 2), "full": (m - 1, m - 1)}[mode]
    wide = P.pad(x, B.full((), 0, x.dtype), low=(low,), high=(high,), interior=(0,))
    count = n + low + high - m + 1
    places = np.arange(count)[:, None] + np.arange(m)[None, :]
    pieces = P.take(wide, tensor_of(places.astype(np.int32)), axis=0)
    return P.dot_general(pieces, y, contract=((1,), (0,)), batch=((), ()))


# -- window functions -------------------------------------------------------------------------------------------------
def _window(name: str, x: Any, fn: Callable[[np.ndarray, int], np.ndarray]) -> Tensor:
    count = int(B.convert(x).numpy())
    if count < 0:
        raise ValueError(f"{name}: the window's length must not be negative, got {count}.")
    places = np.arange(count, dtype=np.float64)
    values = np.ones(count) if count == 1 else fn(places, count - 1)
    return tensor_of(values.astype(dtypes.to_numpy(config.floatx())))


@symbolic_aware
def bartlett(x: Any) -> Tensor:
    """The triangular window with ``x`` samples, zero at both ends.

    >>> bartlett(5).numpy()
    array([0. , 0.5, 1. , 0.5, 0. ], dtype=float32)
    """
    return _window("bartlett", x, lambda i, n: 1 - np.abs(2 * i / n - 1))


@symbolic_aware
def hanning(x: Any) -> Tensor:
    """The Hann window with ``x`` samples: half of a raised cosine.

    >>> hanning(3).numpy()
    array([0., 1., 0.], dtype=float32)
    """
    return _window("hanning", x, lambda i, n: 0.5 - 0.5 * np.cos(2 * math.pi * i / n))


@symbolic_aware
def hamming(x: Any) -> Tensor:
    """The Hamming window with ``x`` samples.

    >>> hamming(3).numpy()
    array([0.08, 1.  , 0.08], dtype=float32)
    """
    return _window("hamming", x, lambda i, n: 0.54 - 0.46 * np.cos(2 * math.pi * i / n))


@symbolic_aware
def blackman(x: Any) -> Tensor:
    """The Blackman window with ``x`` samples.

    >>> blackman(3).shape
    (3,)
    """

    def taper(i: np.ndarray, n: int) -> np.ndarray:
        return 0.42 - 0.5 * np.cos(2 * math.pi * i / n) + 0.08 * np.cos(4 * math.pi * i / n)

    return _window("blackman", x, taper)


@symbolic_aware
def kaiser(x: Any, beta: Any) -> Tensor:
    """The Kaiser window with ``x`` samples and the shape ``beta``.

    >>> kaiser(3, 5.0).numpy().round(4)
    array([0.0367, 1.    , 0.0367], dtype=float32)
    """
    shape = float(B.convert(beta).numpy())
    return _window("kaiser", x, lambda i, n: np.i0(shape * np.sqrt(1 - (2 * i / n - 1) ** 2)) / np.i0(shape))


_I0_SMALL = (1.0, 3.5156229, 3.0899424, 1.2067492, 0.2659732, 0.0360768, 0.0045813)
_I0_LARGE = (
    0.39894228, 0.01328592, 0.00225319, -0.00157565, 0.00916281, -0.02057706, 0.02635537, -0.01647633, 0.00392377,
)  # fmt: skip
"""Polynomials of Abramowitz and Stegun, 9.8.1 and 9.8.2."""


@symbolic_aware
def i0(x: Any) -> Tensor:
    """The modified Bessel function of the first kind and order 0.

    >>> i0(0.0).numpy()
    np.float32(1.0)
    """
    x = B.to_float(x)
    size = P.abs(x)
    edge = B.full_like(size, 3.75)
    small = P.lt(size, edge)
    t = P.div(size, edge)
    near = B.polynomial(P.mul(t, t), _I0_SMALL)
    safe = P.select(small, edge, size)
    far = P.mul(P.div(P.exp(safe), P.sqrt(safe)), B.polynomial(P.div(edge, safe), _I0_LARGE))
    return P.select(small, near, far)


# -- functions of single elements -------------------------------------------------------------------------------------
def vectorize(pyfunc: Callable[..., Any], *, excluded: Any = None, signature: str | None = None) -> Callable[..., Any]:
    """A function of arrays from a function of their elements, or of the parts that a signature names.

    Args:
        pyfunc: takes scalars, or arrays with the axes that ``signature`` gives them.
        excluded: positions and names of arguments that are passed as they are.
        signature: for example ``"(n),(n)->()"``; scalars if None.

    >>> vectorize(lambda a, b: a + b)([1, 2], 10).numpy()
    array([11, 12], dtype=int32)
    """
    if not callable(pyfunc):
        raise TypeError(f"vectorize: pyfunc must be callable, got {pyfunc!r}.")
    fixed = set(excluded or ())
    cores = None if signature is None else _signature_ranks(signature)

    def vectorized(*args: Any, **kwargs: Any) -> Any:
        moving = [i for i in range(len(args)) if i not in fixed]
        named = [k for k in kwargs if k not in fixed]
        arrays = [B.convert(args[i]) for i in moving] + [B.convert(kwargs[k]) for k in named]
        ranks = cores if cores is not None else [0] * len(arrays)
        if len(ranks) != len(arrays):
            raise ValueError(
                f"vectorize: signature {signature!r} has {counted(len(ranks), 'input')}, {len(arrays)} were given."
            )

        def call(parts: tuple[Tensor, ...]) -> Any:
            values = dict(zip(moving, parts))
            positional = [values.get(i, a) for i, a in enumerate(args)]
            return pyfunc(*positional, **{**kwargs, **dict(zip(named, parts[len(moving) :]))})

        return _map_over(call, arrays, ranks)

    return vectorized


def _signature_ranks(signature: str) -> list[int]:
    """How many axes each input of a signature has."""
    left = signature.replace(" ", "").partition("->")[0]
    groups = left.removeprefix("(").removesuffix(")").split("),(")
    return [len([name for name in group.split(",") if name]) for group in groups]


def _map_over(call: Callable[[tuple[Tensor, ...]], Any], arrays: list[Tensor], ranks: list[int]) -> Any:
    """``call`` of the core parts at each place of the broadcast leading axes."""
    leads = [a.shape[: a.ndim - r] for a, r in zip(arrays, ranks)]
    lead = B.broadcast_shapes(*leads) if leads else ()
    if not lead:
        return tree.map_structure(B.convert, call(tuple(arrays)))
    count = int(np.prod(lead))
    flat = []
    for a, r in zip(arrays, ranks):
        core = a.shape[a.ndim - r :]
        flat.append(P.reshape(B.broadcast_to(a, (*lead, *core)), shape=(count, *core)))
    out = vectorized_map(call, tuple(flat))
    return tree.map_structure(lambda t: P.reshape(t, shape=(*lead, *t.shape[1:])), out)
