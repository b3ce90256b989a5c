"""JAX as an engine: steps are compiled by `jax.jit`, and take the memory of the variables that they update."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pronghorn.engine.backends.engine import Engine, Step
from pronghorn.engine.backends.foreign_calls import tell_of_tracing
from pronghorn.engine.backends.jax import processes, sharding
from pronghorn.engine.backends.jax.table import TABLE
from pronghorn.engine.backends.jax.transformations import take_tensors
from pronghorn.engine.graph.active import state
from pronghorn.engine.graph.classes import tell_of_classes
from pronghorn.engine.graph.ir import Graph

try:  # private to JAX, and so may be missing some day
    from jax._src.core import trace_state_clean
except ImportError:

    def trace_state_clean() -> bool:
        """Whether no function is being compiled: in one, what JAX computes of numbers has no values."""
        return not isinstance(jnp.add(0, 0), jax.core.Tracer)


_enable_x64 = getattr(jax, "enable_x64", None)
if _enable_x64 is None:  # before JAX 0.8
    from jax.experimental import enable_x64 as _enable_x64


def without_our_types(wide: bool) -> contextlib.AbstractContextManager[Any]:
    """A part of a step in which JAX has its 64-bit types only if it is to."""
    return _enable_x64(wide)


class JaxEngine(Engine):
    """JAX, with its 64-bit types on while our graphs run: they say themselves which types they compute in."""

    name = "jax"
    library = "jax"
    roots = ("jax", "jaxlib")
    table = TABLE
    has_programs = True
    takes_state = True

    def from_numpy(self, array: np.ndarray) -> Any:
        with jax.ensure_compile_time_eval():
            return jnp.array(array, copy=True)

    def borrowed(self, array: np.ndarray) -> Any:
        return array  # a compiled function takes NumPy's arrays itself

    def to_numpy(self, value: Any) -> np.ndarray:
        return sharding.gathered(value)

    def placed(self, array: np.ndarray, layout: Any) -> Any:
        with self.computing():
            return sharding.place(array, layout)

    def relaid(self, value: Any, layout: Any) -> Any:
        return sharding.relaid(value, layout)

    def replicated(self, value: Any, device_mesh: Any) -> Any:
        return (
            value
            if jax.process_count() == 1
            else jax.lax.with_sharding_constraint(value, sharding.whole_on(device_mesh))
        )

    def spread(self, array: np.ndarray, layout: Any, of_process: bool) -> Any:
        return sharding.spread(array, layout, of_process)

    def for_programs(self, value: Any) -> Any:
        return value.astype(jax.dtypes.canonicalize_dtype(value.dtype))  # of 64 bits where the user has these on

    def is_concrete(self, value: Any) -> bool:
        return not isinstance(value, jax.core.Tracer)

    def while_loop(
        self, cond: Callable[..., Any], body: Callable[..., Any], arrays: Sequence[Any], limit: Any
    ) -> Sequence[Any]:
        def going(state: Sequence[Any]) -> Any:
            count, *values = state
            more = jnp.reshape(jnp.asarray(cond(*values)), ()).astype(bool)
            return more if limit is None else jnp.logical_and(more, count < jnp.asarray(limit))

        def following(state: Sequence[Any]) -> list[Any]:
            count, *values = state
            return [count + 1, *_typed_as(values, body(*values))]

        return jax.lax.while_loop(going, following, [jnp.zeros((), jnp.int32), *arrays])[1:]

    def fori_loop(
        self, lower: int, upper: int, body: Callable[..., Any], arrays: Sequence[Any]
    ) -> Sequence[Any] | None:
        return jax.lax.fori_loop(lower, upper, lambda i, values: _typed_as(values, body(i, *values)), list(arrays))

    def compile(self, step: Step) -> Step:
        return jax.jit(step, donate_argnums=2)

    def lasting(self, graph: Graph) -> Callable[[Sequence[Any]], list[Any]]:
        return jax.jit(lambda arrays: self.run(graph, arrays))

    def program(self, step: Callable[..., Any]) -> Callable[..., Any]:
        return jax.jit(step, donate_argnums=0)

    def checkpointed(self, fn: Callable[[], Any]) -> Any:
        return jax.checkpoint(fn)()

    def computing(self) -> contextlib.AbstractContextManager[Any]:
        return _enable_x64(True)

    def join(
        self, address: str | None, count: int | None, rank: int | None, seconds: float, patience: float
    ) -> tuple[int, int, Any]:
        return *processes.start(address, count, rank, seconds), processes.Talk(patience)

    def devices(self) -> list[str]:
        return list(sharding.device_names())

    def on_device(self, name: str) -> contextlib.AbstractContextManager[Any]:
        return jax.default_device(sharding.device_names()[name])


def _typed_as(values: Sequence[Any], new: Sequence[Any]) -> list[Any]:
    """What the body of a loop gives, in the types in which it got the values."""
    return [jnp.asarray(x, old.dtype) for x, old in zip(new, values, strict=True)]


ENGINE = JaxEngine()

tell_of_tracing("jax", lambda: not trace_state_clean())


def _array_of(x: Any) -> Any:
    if state.foreign is not None and (array := state.foreign.array_of(x)) is not None:
        return array
    with ENGINE.computing():
        return ENGINE.from_numpy(np.asarray(x))


def _converted(x: Any) -> Any:
    """What JAX's functions take in place of a tensor or variable: itself in a trace and under a tape, of which JAX's
    array would know nothing, so that Python asks our operators."""
    if state.foreign is not None and (array := state.foreign.array_of(x)) is not None:
        return array
    return x if state.traces or state.tapes else _array_of(x)


def _register(cls: Any) -> None:
    """Have tensors or variables be arguments of JAX's functions and transformations, which see JAX's arrays."""
    cls.__jax_array__ = _converted
    jax.tree_util.register_pytree_node(cls, lambda x: ((_array_of(x),), None), lambda _, parts: parts[0])


take_tensors()
tell_of_classes(_register)
