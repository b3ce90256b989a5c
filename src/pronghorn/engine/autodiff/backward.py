"""Differentiating the graph that is being traced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pronghorn.engine.autodiff.registry import DifferentiationError, is_differentiable
from pronghorn.engine.autodiff.reverse import Record, pull_back
from pronghorn.engine.autodiff.rules.common import full, zeros_like
from pronghorn.engine.graph.active import TraceError, current_trace
from pronghorn.engine.graph.ir import Node
from pronghorn.engine.graph.tensor import Tensor, as_tensor, tensor_of
from pronghorn.engine.graph.trace import Trace


def backward(
    outputs: Sequence[Any],
    cotangents: Sequence[Any] | None,
    wrt: Sequence[Any],
    leaves: Sequence[Any] = (),
    nodes: Sequence[Node] | None = None,
    known: Sequence[Tensor | None] = (),
) -> list[Tensor | None]:
    """The gradient of ``outputs`` with respect to ``wrt``, as new nodes of the graph that is being traced.

    Args:
        outputs: traced arrays.
        cotangents: one array of the same shape for each output (the derivative of what is differentiated in the end
            with respect to that output), or None for ones.
        wrt: traced arrays, arguments or intermediate results.
        leaves: arrays that count as independent of everything before them.
        nodes: the nodes through which to go back; all of the graph's by default.
        known: traced arrays to which the gradients are added, one (or None) for each of ``wrt``, if given.

    Returns:
        For each of ``wrt`` an array of its shape and type, or None where no output depends on it.

    Raises:
        TraceError: if nothing is being traced.
        DifferentiationError: if a derivative on the way is not known.

    >>> from pronghorn.engine.graph import primitives as P
    >>> from pronghorn.engine.graph.ir import Aval
    >>> from pronghorn.engine.graph.trace import trace
    >>> def slope(x):
    ...     return backward([P.mul(x, x)], None, [x])
    >>> print(trace(slope, [Aval((), "float32")], "slope").graph)
    slope(%0:float32[]):
      %1:float32[] = mul(%0, %0)
      %2:float32[] = constant() value=1.0
      %3:float32[] = mul(%2, %0)
      %4:float32[] = mul(%2, %0)
      %5:float32[] = add(%3, %4)
      return %5
    """
    trace = current_trace()
    if trace is None:
        raise TraceError("backward() works on a function that is being traced; use GradientTape for eager arrays.")
    outputs = [_in_graph(trace, t) for t in outputs]
    wrt = [_in_graph(trace, t) for t in wrt]
    if cotangents is None:
        cotangents = [ones_like(t) for t in outputs]
    records = [record_of(n) for n in (trace.graph.nodes if nodes is None else nodes)]
    seeds = [as_tensor(c) for c in cotangents]
    return pull_back(records, outputs, seeds, wrt, [_in_graph(trace, t) for t in leaves], known)


def value_and_grad(fn: Callable[..., Any], wrt: Sequence[Any]) -> tuple[Any, list[Tensor | None]]:
    """``fn(*wrt)`` and the gradient of that scalar with respect to ``wrt``, within the function that is being traced.

    Args:
        fn: from the arrays to a scalar, or to a tuple that starts with the scalar.
        wrt: traced arrays.
    """
    result = fn(*wrt)
    target = as_tensor(result[0] if isinstance(result, tuple) else result)
    if target.shape != ():
        raise DifferentiationError(f"value_and_grad: the function must return a scalar, got shape {target.shape}.")
    return result, backward([target], None, wrt)


def record_of(node: Node) -> Record:
    """A node of the graph as a record."""
    return Record(
        node.prim, [tensor_of(v) for v in node.inputs], node.params, [tensor_of(v) for v in node.outputs], node
    )


def ones_like(tensor: Tensor) -> Tensor:
    """Ones in the shape and type of ``tensor``: the cotangent of a sum over it."""
    return full(tensor.shape, tensor.dtype, 1) if is_differentiable(tensor) else zeros_like(tensor)


def _in_graph(trace: Trace, tensor: Any) -> Tensor:
    return tensor_of(trace.lift(as_tensor(tensor)))
