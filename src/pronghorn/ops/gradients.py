"""Gradients without a tape, for custom training loops and ``train_step``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from pronghorn._wording import counted
from pronghorn.engine.autodiff.registry import DifferentiationError
from pronghorn.engine.autodiff.tape import GradientTape, leaves_of
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.tensor import as_tensor
from pronghorn.engine.graph.variable import GraphVariable


def value_and_grad(
    fn: Callable[..., Any], variables: Any = None, *, argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., tuple[Any, Any]]:
    """A function that computes what ``fn`` computes, and its gradient.

    It works eagerly and in a ``train_step`` that is compiled.

    Args:
        fn: returns a scalar, or with ``has_aux`` a pair of a scalar and anything else.
        variables: variables, or a structure of them, to differentiate with respect to; None for arguments of ``fn``.
        argnums: which positional arguments, when ``variables`` is None: each an array or a structure of arrays.
        has_aux: whether ``fn`` returns a pair.

    Returns:
        A function of the same arguments that returns ``(value, gradients)``. The gradients have the form of
        ``variables``, or of the argument, or are a tuple of those for several ``argnums``. Where the value does not
        depend on something, its gradient is zero.

    Raises:
        DifferentiationError: when called, if the value is no scalar.

    Example:

    >>> value, slope = value_and_grad(lambda x: x * x)(3.0)
    >>> float(value), float(slope)
    (9.0, 6.0)
    """
    if not callable(fn):
        raise TypeError(f"value_and_grad: the first argument must be a function, got {type(fn).__name__}.")
    if variables is not None:
        for leaf in leaves_of(variables):
            if not isinstance(leaf, GraphVariable):
                raise TypeError(
                    f"value_and_grad: variables holds a {type(leaf).__name__}; pass Variables, for example "
                    "model.trainable_variables, or leave it out to differentiate with respect to arguments."
                )

    @functools.wraps(fn)
    def with_gradient(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        arguments, sources = (args, variables) if variables is not None else _as_sources(args, argnums)
        with GradientTape() as tape:
            tape.watch(sources)
            result = fn(*arguments, **kwargs)
        value = as_tensor(result[0] if has_aux else result)
        if value.shape != ():
            raise DifferentiationError(
                f"value_and_grad: the function must return a scalar, got shape {value.shape}. Reduce it, for example "
                "with ops.mean; a function that returns more than its value needs has_aux=True."
            )
        return result, tape.gradient(value, sources, unconnected_gradients="zero")

    return with_gradient


def grad(
    fn: Callable[..., Any], variables: Any = None, *, argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Like `value_and_grad`, for the gradients alone; with ``has_aux`` for ``(gradients, aux)``.

    >>> from pronghorn import ops
    >>> float(grad(ops.sin)(0.0))
    1.0
    """
    both = value_and_grad(fn, variables, argnums=argnums, has_aux=has_aux)

    @functools.wraps(fn)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        result, gradients = both(*args, **kwargs)
        return (gradients, result[1]) if has_aux else gradients

    return gradient


def _as_sources(args: Sequence[Any], argnums: int | Sequence[int]) -> tuple[Sequence[Any], Any]:
    """The arguments with arrays in place of what is differentiated, and those."""
    numbers = [argnums] if isinstance(argnums, int) else list(argnums)
    converted = list(args)
    seen: list[Any] = []
    for i in numbers:
        if not -len(args) <= i < len(args):
            raise ValueError(
                f"value_and_grad: argnums={argnums} but the function got {counted(len(args), 'argument')}."
            )
        converted[i] = _as_arrays(args[i], seen)
    sources = [converted[i] for i in numbers]
    return converted, sources[0] if isinstance(argnums, int) else tuple(sources)


def _as_arrays(structure: Any, seen: list[Any]) -> Any:
    """``structure`` with Tensors for its arrays, each an array of its own; ``seen`` collects their data."""
    if isinstance(structure, dict):
        return {key: _as_arrays(item, seen) for key, item in structure.items()}
    if isinstance(structure, (list, tuple)):
        items = [_as_arrays(item, seen) for item in structure]
        return type(structure)(*items) if hasattr(structure, "_fields") else type(structure)(items)
    if isinstance(structure, GraphVariable):
        return structure
    tensor = as_tensor(structure)
    if any(tensor.data is other for other in seen):  # the same array passed twice has two gradients
        tensor = P.reshape(tensor, shape=tensor.shape)
    seen.append(tensor.data)
    return tensor
