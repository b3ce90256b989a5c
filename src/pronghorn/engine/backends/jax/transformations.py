"""JAX's transformations that ask two structures to be the same, with our tensors as arrays in both.

Where JAX takes arguments apart, a tensor of ours is a branch that holds an array; what functions return, and what JAX
makes itself, is arrays. So `jax.vjp(f, x)[1](t)` compares a branch with a leaf when `t` is a tensor. The functions here
are put in the place of JAX's own: they hand them arrays.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax

#: Called at once: the structures of two arguments have to agree.
_DERIVATIVES = ("jvp",)
#: The second of what they return is a function, what it gets has to have a structure that is known already.
_WITH_PULLBACK = ("vjp", "linearize")
#: What they return takes the arguments, and puts vectors of JAX's beside them or beside the results.
_OF_ARGUMENTS = ("grad", "value_and_grad", "jacrev", "jacfwd", "hessian")


def _as_arrays(tree: Any) -> Any:
    """The same with JAX's arrays in the place of our tensors: putting it together again does that."""
    return jax.tree_util.tree_map(lambda leaf: leaf, tree)


def _to_arrays(fun: Callable[..., Any]) -> Callable[..., Any]:
    """``fun``, whose results are JAX's arrays, too."""

    @functools.wraps(fun)
    def of_arrays(*args: Any, **kwargs: Any) -> Any:
        return _as_arrays(fun(*args, **kwargs))

    return of_arrays


@jax.tree_util.register_pytree_node_class
class _OfArrays:
    """A function that `jax.vjp` or `jax.linearize` gave, taking tensors; as before it may come out of `jax.jit`."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def __call__(self, *args: Any) -> Any:
        return self.function(*_as_arrays(args))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["function"], name)

    def tree_flatten(self) -> tuple[tuple[Any], None]:
        return (self.function,), None

    @classmethod
    def tree_unflatten(cls, _: None, parts: tuple[Any]) -> _OfArrays:
        return cls(*parts)


def _derivative(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def of_arrays(fun: Any, *args: Any, **kwargs: Any) -> Any:
        return function(_to_arrays(fun), *_as_arrays(args), **_as_arrays(kwargs))

    return of_arrays


def _with_pullback(function: Callable[..., Any]) -> Callable[..., Any]:
    derivative = _derivative(function)

    @functools.wraps(function)
    def of_arrays(*args: Any, **kwargs: Any) -> Any:
        value, pullback, *aux = derivative(*args, **kwargs)
        return value, _OfArrays(pullback), *aux

    return of_arrays


def _of_arguments(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def made(fun: Any, *args: Any, **kwargs: Any) -> Any:
        derivative = function(_to_arrays(fun), *args, **kwargs)

        @functools.wraps(derivative)
        def of_arrays(*args: Any, **kwargs: Any) -> Any:
            return derivative(*_as_arrays(args), **_as_arrays(kwargs))

        return of_arrays

    return made


def take_tensors() -> None:
    """Put these functions in the place of JAX's own."""
    for names, of_arrays in (
        (_DERIVATIVES, _derivative),
        (_WITH_PULLBACK, _with_pullback),
        (_OF_ARGUMENTS, _of_arguments),
    ):
        for name in names:
            setattr(jax, name, of_arrays(getattr(jax, name)))
