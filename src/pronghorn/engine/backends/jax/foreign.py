"""Functions of JAX as parts of our graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from pronghorn.engine.backends.jax.engine import without_our_types
from pronghorn.engine.backends.jax.sharding import Relaid as Relaid
from pronghorn.engine.backends.jax.sharding import mesh_of as mesh_of
from pronghorn.engine.backends.jax.sharding import named_sharding as named_sharding
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.foreign_functions import ForeignFunction
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.tensor import Tensor


class JaxFunction(ForeignFunction):
    """A function from arrays to a sequence of arrays, in the types of 64 bits or 32 that the user has chosen.

    Args:
        name: what errors call it.
        fn: the function.
    """

    engine = "jax"

    def __init__(self, name: str, fn: Callable[..., Sequence[Any]]):
        self.name, self._fn = name, fn
        self._wide = bool(jax.config.jax_enable_x64)  # made while a step is traced, not while it runs

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        with without_our_types(self._wide):
            return tuple(jnp.asarray(y) for y in self._fn(*arrays))

    def types(self, *avals: Aval) -> list[Aval]:
        structs = [jax.ShapeDtypeStruct(a.shape, dtypes.to_numpy(a.dtype)) for a in avals]
        return [Aval(y.shape, dtypes.name_of(y.dtype)) for y in jax.eval_shape(self, *structs)]

    def gradient(self, wanted: Sequence[int], given: Sequence[int], count: int) -> ForeignFunction:
        def slopes(*arrays: Any) -> Sequence[Any]:
            arguments, cotangents = list(arrays[:count]), arrays[count:]

            def of_wanted(*some: Any) -> Any:
                for place, x in zip(wanted, some):
                    arguments[place] = x
                results = self(*arguments)
                return tuple(results[k] for k in given)

            return jax.vjp(of_wanted, *(arguments[i] for i in wanted))[1](tuple(cotangents))

        return JaxFunction(f"the gradient of {self.name}", slopes)


def flatten(nest: Any) -> tuple[list[Any], Any]:
    """The leaves of one of JAX's trees, and its structure; what else it holds than containers is a leaf."""
    return jax.tree_util.tree_flatten(
        nest, is_leaf=lambda x: hasattr(x, "__pronghorn_tensor__") or isinstance(x, Tensor)
    )


def is_array(leaf: Any) -> bool:
    """Whether a leaf is an array or a number."""
    return isinstance(leaf, (bool, int, float)) or hasattr(leaf, "shape")


def unflatten(structure: Any, leaves: Sequence[Any]) -> Any:
    """The tree of a structure with these leaves."""
    return jax.tree_util.tree_unflatten(structure, leaves)


def ones(shape: Sequence[int]) -> Any:
    """An array of ones, whatever is being traced."""
    with jax.ensure_compile_time_eval():
        return jnp.ones(shape)


def array(values: Any) -> Any:
    """An array of these values, whatever is being traced."""
    with jax.ensure_compile_time_eval():
        return jnp.array(values)
