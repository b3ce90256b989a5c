"""Products of matrices, and einsum; all of them over the one general dot product."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

from pronghorn._wording import counted
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import identical
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.ops import _broadcast as B
from pronghorn.ops._short_ways import by_shapes
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.core import unstack
from pronghorn.ops.numpy.arithmetic import multiply, subtract
from pronghorn.ops.numpy.indexing import diagonal
from pronghorn.ops.numpy.joining import stack
from pronghorn.ops.numpy.shaping import permute, ravel
from pronghorn.ops.numpy.unary import conjugate


def _product_operands(*xs: Any, widen: bool = False) -> list[Tensor]:
    """Operands of a contraction in their promoted type; with ``widen``, products of int8 are int32."""
    dtype = B.result_dtype(*xs)
    if widen and all(B.weak_name(x) == "int8" for x in xs):
        dtype = "int32"
    return [B.cast(x, dtype) for x in xs]


def _dot_general(x: Tensor, y: Tensor, contract: tuple, batch: tuple = ((), ())) -> Tensor:
    if x.dtype == "bool":
        out = P.dot_general(P.cast(x, dtype="int32"), P.cast(y, dtype="int32"), contract=contract, batch=batch)
        return P.cast(out, dtype="bool")
    return P.dot_general(x, y, contract=contract, batch=batch)


@by_shapes
def matmul(x1: Any, x2: Any) -> Tensor:
    """The matrix product over the last two axes; axes before them are broadcast.

    Args:
        x1: ``[..., m, k]``, or a vector ``[k]``.
        x2: ``[..., k, n]``, or a vector ``[k]``.

    Returns:
        ``[..., m, n]``, without ``m`` or ``n`` for vectors.

    Raises:
        ValueError: if the extents ``k`` differ, or an operand is a scalar.

    >>> matmul([[1, 2], [3, 4]], [[1], [1]]).numpy()
    array([[3],
           [7]], dtype=int32)
    """
    x, y = _product_operands(x1, x2, widen=True)
    if x.ndim == 0 or y.ndim == 0:
        raise ValueError(f"matmul: scalars cannot be multiplied as matrices, got shapes {x.shape} and {y.shape}.")
    xk, yk = x.shape[-1], y.shape[-2 if y.ndim > 1 else 0]
    if not B.equal_extents(xk, yk):
        raise ValueError(
            f"matmul: shapes {x.shape} and {y.shape} do not fit: the last axis of x1 has {counted(xk, 'element')}, "
            f"the {'second to last' if y.ndim > 1 else 'only'} axis of x2 has {yk}."
        )
    if y.ndim <= 2:
        return _dot_general(x, y, ((x.ndim - 1,), (max(0, y.ndim - 2),)))
    if x.ndim == 1:
        return _dot_general(y, x, ((y.ndim - 2,), (0,)))
    lead = B.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    x = B.broadcast_to(x, (*lead, *x.shape[-2:]))
    y = B.broadcast_to(y, (*lead, *y.shape[-2:]))
    batch = tuple(range(len(lead)))
    return _dot_general(x, y, ((x.ndim - 1,), (y.ndim - 2,)), (batch, batch))


@symbolic_aware
def dot(x1: Any, x2: Any) -> Tensor:
    """Products summed: the last axis of ``x1`` is gone through along with the only or last but one of ``x2``.

    >>> dot([1, 2], [3, 4]).numpy()
    np.int32(11)
    """
    x, y = _product_operands(x1, x2)
    if x.ndim == 0 or y.ndim == 0:
        return multiply(x, y)
    axes = (x.ndim - 1, max(0, y.ndim - 2))
    _check_axes("dot", x, y, (axes[0],), (axes[1],))
    return _dot_general(x, y, ((axes[0],), (axes[1],)))


@symbolic_aware
def inner(x1: Any, x2: Any) -> Tensor:
    """The sum of products over the last axis of both.

    >>> int(inner([1, 2], [3, 4]))
    11
    """
    x, y = _product_operands(x1, x2)
    if x.ndim == 0 or y.ndim == 0:
        return multiply(x, y)
    _check_axes("inner", x, y, (x.ndim - 1,), (y.ndim - 1,), "the last dimension, which is summed over, has")
    return _dot_general(x, y, ((x.ndim - 1,), (y.ndim - 1,)))


@symbolic_aware
def vdot(x1: Any, x2: Any) -> Tensor:
    """The sum of products of all elements; complex ``x1`` is conjugated.

    >>> int(vdot([1, 2], [3, 4]))
    11
    """
    x, y = _product_operands(x1, x2)
    return dot(ravel(conjugate(x)), ravel(y))


@symbolic_aware
def outer(x1: Any, x2: Any) -> Tensor:
    """The products of each element of ``x1`` with each of ``x2``, both flattened: ``[x1.size, x2.size]``.

    >>> outer([1, 2], [3, 4]).numpy()
    array([[3, 4],
           [6, 8]], dtype=int32)
    """
    x, y = map(ravel, _product_operands(x1, x2))
    return multiply(P.reshape(x, shape=(x.size, 1)), y)


@symbolic_aware
def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Tensor:
    """The sum of products over some axes of both.

    Args:
        x1: an array.
        x2: an array.
        axes: a number ``n`` (the last ``n`` axes of ``x1`` with the first ``n`` of ``x2``), or the axes of each.

    >>> tensordot([[1, 2]], [[3], [4]], axes=1).numpy()
    array([[11]], dtype=int32)
    """
    x, y = _product_operands(x1, x2)
    if isinstance(axes, int):
        xa, ya = tuple(range(x.ndim - axes, x.ndim)), tuple(range(axes))
    else:
        first, second = axes
        xa = B.axes_of(first if isinstance(first, (list, tuple)) else (first,), x.ndim)
        ya = B.axes_of(second if isinstance(second, (list, tuple)) else (second,), y.ndim)
    _check_axes("tensordot", x, y, xa, ya)
    return _dot_general(x, y, (xa, ya))


def _check_axes(
    name: str, x: Tensor, y: Tensor, xa: Sequence[int], ya: Sequence[int], which: str = "the axes summed over have"
) -> None:
    mine, other = [x.shape[i] for i in xa], [y.shape[i] for i in ya]
    if len(mine) != len(other) or not all(map(B.equal_extents, mine, other)):
        raise ValueError(
            f"{name}: shapes {x.shape} and {y.shape} do not fit: {which} extents {mine} in x1 and {other} in x2."
        )


@symbolic_aware
def kron(x1: Any, x2: Any) -> Tensor:
    """The Kronecker product: ``x2`` once for each element of ``x1``, times that element.

    >>> kron([1, 10], [1, 2, 3]).numpy()
    array([ 1,  2,  3, 10, 20, 30], dtype=int32)
    """
    x, y = _product_operands(x1, x2)
    rank = max(x.ndim, y.ndim)
    xs, ys = ((1,) * (rank - t.ndim) + t.shape for t in (x, y))
    wide_x = P.reshape(x, shape=tuple(n for d in xs for n in (d, 1)))
    wide_y = P.reshape(y, shape=tuple(n for d in ys for n in (1, d)))
    return P.reshape(multiply(wide_x, wide_y), shape=tuple(a * b for a, b in zip(xs, ys)))


@symbolic_aware
def cross(x1: Any, x2: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Tensor:
    """The vector product of vectors with two or three components.

    >>> cross([1, 0, 0], [0, 1, 0]).numpy()
    array([0, 0, 1], dtype=int32)
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = _product_operands(x1, x2)
    if x.dtype == "bool":
        x, y = B.cast(x, "int32"), B.cast(y, "int32")
    a, b = unstack(x, axis=axisa), unstack(y, axis=axisb)
    if len(a) not in (2, 3) or len(b) not in (2, 3):
        raise ValueError(f"cross: vectors need 2 or 3 components, got shapes {x.shape} and {y.shape}.")

    def minor(i: int, j: int) -> Any:
        return subtract(multiply(a[i], b[j]), multiply(a[j], b[i]))

    if len(a) == len(b) == 2:
        return minor(0, 1)
    a, b = ([*v, B.zeros_like(v[0])] if len(v) == 2 else v for v in (a, b))
    return stack([minor(1, 2), minor(2, 0), minor(0, 1)], axis=axisc)


# -- einsum -----------------------------------------------------------------------------------------------------------
@symbolic_aware
def einsum(subscripts: str, *operands: Any, **kwargs: Any) -> Tensor:
    """Sums of products, by the names of axes.

    Args:
        subscripts: for example ``"bij,bjk->bik"``: the axes of each operand, and those of the result; axes that the
            result lacks are summed over. ``...`` stands for axes that are broadcast.
        *operands: the arrays.

    Raises:
        ValueError: if the subscripts do not fit the arrays.

    >>> einsum("ij,j->i", [[1, 2], [3, 4]], [1, 1]).numpy()
    array([3, 7], dtype=int32)
    """
    tensors = _product_operands(*operands, widen=True)
    inputs, output = _parse(subscripts, tensors)
    terms = [_simple_term(t, names) for t, names in zip(tensors, inputs)]
    while len(terms) > 1:
        first, second = terms.pop(0), terms.pop(0)
        later = set(output).union(*(names for _, names in terms))
        terms.insert(0, _contract_pair(*_in_order(first, second, output), later))
    x, names = terms[0]
    x, names = _sum_out(x, names, set(output))
    return permute(x, [names.index(n) for n in output])


def _parse(subscripts: str, tensors: list[Tensor]) -> tuple[list[str], str]:
    """The axes' names of each operand and of the result, with letters for what ``...`` stands for."""
    spec = subscripts.replace(" ", "")
    left, arrow, output = spec.partition("->")
    inputs = left.split(",")
    if len(inputs) != len(tensors):
        raise ValueError(f"einsum: {subscripts!r} names {counted(len(inputs), 'operand')}, {len(tensors)} were given.")
    free = [c for c in string.ascii_letters if c not in spec]
    hidden = [t.ndim - len(s.replace("...", "")) for s, t in zip(inputs, tensors) if "..." in s]
    dots = "".join(free[: max(hidden, default=0)])
    expanded = []
    for s, t in zip(inputs, tensors):
        count = t.ndim - len(s.replace("...", ""))
        if count < 0 or (count > 0 and "..." not in s):
            raise ValueError(f"einsum: {s!r} in {subscripts!r} does not fit an operand of shape {t.shape}.")
        expanded.append(s.replace("...", dots[len(dots) - count :]))
    if arrow:
        output = output.replace("...", dots)
    else:
        letters = "".join(expanded)
        once = sorted(c for c in set(letters) - set(dots) if letters.count(c) == 1)
        output = dots + "".join(once)
    unknown = set(output) - set("".join(expanded))
    if unknown or len(set(output)) != len(output):
        raise ValueError(f"einsum: the result of {subscripts!r} must name each of its axes once, and only known ones.")
    return expanded, output


def _simple_term(x: Tensor, names: str) -> tuple[Tensor, str]:
    """An operand in which no axis is named twice: of repeated axes the diagonal is taken."""
    for name in dict.fromkeys(names):
        while names.count(name) > 1:
            i = names.index(name)
            j = names.index(name, i + 1)
            x = diagonal(x, 0, i, j)
            names = names[:i] + names[i + 1 : j] + names[j + 1 :] + name
    return x, names


def _sum_out(x: Tensor, names: str, keep: set[str]) -> tuple[Tensor, str]:
    axes = tuple(i for i, n in enumerate(names) if n not in keep)
    if not axes:
        return x, names
    x = P.reduce_or(x, axes=axes) if x.dtype == "bool" else P.reduce_sum(x, axes=axes)
    return x, "".join(n for n in names if n in keep)


def _in_order(a: tuple[Tensor, str], b: tuple[Tensor, str], output: str) -> tuple[tuple[Tensor, str], ...]:
    """Two terms in the order in which the result has their own axes, so that it need not be transposed."""
    first, second = ([output.find(n) for n in mine if n not in other] for (_, mine), (_, other) in ((a, b), (b, a)))
    return (b, a) if first and second and -1 < second[0] < first[0] else (a, b)


def _contract_pair(a: tuple[Tensor, str], b: tuple[Tensor, str], later: set[str]) -> tuple[Tensor, str]:
    """The sum of products of two terms over the axes that nothing later needs."""
    (x, xn), (y, yn) = _sum_out(*a, later | set(b[1])), _sum_out(*b, later | set(a[1]))
    # a shared axis of extent 1 in one of them is broadcast: that term does without it
    x, xn = _drop_ones(x, xn, y, yn)
    y, yn = _drop_ones(y, yn, x, xn)
    shared = [n for n in xn if n in yn]
    for n in shared:
        if not B.equal_extents(x.shape[xn.index(n)], y.shape[yn.index(n)]):
            raise ValueError(
                f"einsum: axis {n!r} has extent {x.shape[xn.index(n)]} in one operand and {y.shape[yn.index(n)]} in "
                "another."
            )
    batch = [n for n in shared if n in later]
    summed = [n for n in shared if n not in later]
    out = _dot_general(
        x,
        y,
        (tuple(xn.index(n) for n in summed), tuple(yn.index(n) for n in summed)),
        (tuple(xn.index(n) for n in batch), tuple(yn.index(n) for n in batch)),
    )
    rest = [n for n in xn if n not in shared] + [n for n in yn if n not in shared]
    return out, "".join(batch + rest)


def _drop_ones(x: Tensor, xn: str, y: Tensor, yn: str) -> tuple[Tensor, str]:
    pairs = [(i, x.shape[i], y.shape[yn.index(n)]) for i, n in enumerate(xn) if n in yn]
    gone = [i for i, mine, other in pairs if not identical(mine, other) and mine == 1 and other != 1]
    if not gone:
        return x, xn
    x = P.reshape(x, shape=tuple(d for i, d in enumerate(x.shape) if i not in gone))
    return x, "".join(n for i, n in enumerate(xn) if i not in gone)
