"""The gradient of a function of arrays, by position of its arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from pronghorn import tree
from pronghorn._wording import counted
from pronghorn.engine.graph.tensor import as_tensor
from pronghorn.ops.gradients import grad as gradient_of_scalar
from pronghorn.ops.numpy.reductions import sum as sum_of


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """A function that computes the gradient of the sum of what another returns.

    Args:
        f: returns an array.
        argnums: the position of the argument, or positions of several: arrays, variables or structures of them.

    Returns:
        A function of the same arguments, which returns the gradient, or a tuple of gradients for several positions.
        Where the result does not depend on an argument, its gradient is zero.

    Raises:
        ValueError: when called, if there is no argument at a position.
        TypeError: when called, if `f` returns more than one array.

    >>> grad(lambda x, y: x * y, argnums=(0, 1))(2.0, 3.0)[1].numpy()
    np.float32(2.0)
    """

    @functools.wraps(f)
    def summed(*args: Any, **kwargs: Any) -> Any:
        result = f(*args, **kwargs)
        if tree.is_nested(result):
            raise TypeError(f"grad: the function must return one array, got {type(result).__name__}.")
        return sum_of(as_tensor(result))

    @functools.wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        wanted = [argnums] if isinstance(argnums, int) else list(argnums)
        for position in wanted:
            if not -len(args) <= position < len(args):
                raise ValueError(
                    f"grad: argnums={argnums!r}, but it has {counted(len(args), 'argument')} without a name."
                )
        places = [position % len(args) for position in wanted]
        found = gradient_of_scalar(summed, argnums=places)(*args, **kwargs)
        return found[0] if isinstance(argnums, int) else found

    return gradient
