"""Control flow where PyTorch traces a function, by operators of its own that hold a body as a graph.

Its public functions have the body's Python read by the compiler. The operators themselves trace it as it runs, as the
function around it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch._higher_order_ops.cond import cond_op
from torch._higher_order_ops.scan import scan_op
from torch._higher_order_ops.while_loop import while_loop_op

from pronghorn.engine.backends.interpreter import Bound
from pronghorn.engine.backends.torch.plans import run
from pronghorn.engine.graph.ir import Graph

Body = Graph | Bound
Tensors = tuple[torch.Tensor, ...]


def cond(pred: torch.Tensor, xs: Tensors, true: Body, false: Body) -> Tensors:
    """What one of two branches gives."""

    def branch(body: Body) -> Any:
        return lambda *ys: _own(run(body, ys))

    return tuple(cond_op(pred, branch(true), branch(false), _apart(xs)))


def while_loop(cond: Body, body: Body, cond_consts: Tensors, body_consts: Tensors, carry: Tensors) -> Tensors:
    """What is carried when ``cond`` gives no more."""
    count, first = len(carry), len(carry) + len(cond_consts)

    def goes_on(*xs: torch.Tensor) -> torch.Tensor:
        return run(cond, [*xs[count:first], *xs[:count]])[0]

    def step(*xs: torch.Tensor) -> Tensors:
        return _own(run(body, [*xs[first:], *xs[:count]]))

    operands = _apart((*carry, *cond_consts, *body_consts))
    return tuple(while_loop_op(goes_on, step, operands[:count], operands[count:]))


def scan(*xs: torch.Tensor, body: Body, num_consts: int, num_carry: int, reverse: bool) -> Tensors:
    """`control.scan` where the number of steps is open."""
    fixed = num_consts + num_carry
    xs = _apart(xs)
    consts, carry, sequences = xs[:num_consts], list(xs[num_consts:fixed]), xs[fixed:]
    if reverse:
        sequences = tuple(x.flip(0) for x in sequences)

    def step(*values: torch.Tensor) -> Tensors:
        state, rest = values[:num_carry], values[num_carry:]
        return _own(run(body, [*rest[len(sequences) :], *state, *rest[: len(sequences)]]))

    out = scan_op(step, carry, list(sequences), tuple(consts))
    stacked = [y.flip(0) for y in out[num_carry:]] if reverse else out[num_carry:]
    return (*out[:num_carry], *stacked)


def _apart(xs: Tensors) -> Tensors:
    """Operands of which each is a tensor of its own: of one that comes twice, a body's graph would make one operand."""
    seen: set[int] = set()
    return tuple(x.clone() if id(x) in seen else seen.add(id(x)) or x for x in xs)


def _own(results: Sequence[torch.Tensor]) -> Tensors:
    """Results in memory of their own: the operators take none that is an operand's."""
    return tuple(x.clone() for x in results)
