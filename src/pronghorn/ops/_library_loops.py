"""Loops whose body calls the own functions of another library, such as `jax.vjp`: that library runs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pronghorn import tree
from pronghorn.engine.backends.choice import named
from pronghorn.engine.backends.engine import engine
from pronghorn.engine.backends.foreign_calls import engine_of
from pronghorn.engine.graph.active import active_tapes
from pronghorn.engine.graph.active import state as active
from pronghorn.ops import _broadcast as B


def while_loop(cond: Any, step: Any, state: tuple[Any, ...], limit: Any) -> tuple[Any, ...] | None:
    """A loop that is traced for arrays of a library, by that; None where there is none, or it has no such loop."""
    if active.foreign is None:
        return None
    return _packed(state, active.foreign.while_loop(*_flat(cond, step, state), _tensors(state), limit))


def fori_loop(low: int, high: int, body: Any, value: Any) -> Any:
    """The same with a known number of rounds."""
    if active.foreign is None:
        return None
    results = active.foreign.fori_loop(
        low, high, lambda i, *arrays: tree.flatten(body(i, tree.pack_sequence_as(value, arrays))), _tensors(value)
    )
    return _packed(value, results)


def rest(cond: Any, step: Any, results: Any, state: tuple[Any, ...], limit: int | None) -> tuple[Any, ...] | None:
    """What an eager loop comes to from here on, by the library that is chosen; None where it cannot be done so.

    Each round by Python would record and differentiate anew, operation by operation.

    Args:
        cond: as in `while_loop`.
        step: the same.
        results: what the last round returned. The library runs what returned arrays of its own.
        state: what the next one gets, tensors of the shapes and types in which the last round got them.
        limit: the most rounds that are left.
    """
    name = engine_of([results])
    if name is None or name != named() or active_tapes():
        return None
    found, leaves = engine(name), tree.flatten(state)
    if not all(found.is_concrete(x) for x in tree.flatten(results) if engine_of([x]) is not None):
        return None  # gradients do not go back through a loop of unknown length
    arrays = [found.from_numpy(t.data) for t in leaves]
    if any(found.dtype_of(array) != t.dtype for array, t in zip(arrays, leaves)):
        return None
    try:
        return _packed(state, found.while_loop(*_flat(cond, step, state), arrays, limit))
    except Exception:  # the body asks for values, or assigns: Python goes on, and meets what is wrong in it
        return None


def _flat(cond: Any, step: Any, state: tuple[Any, ...]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    return (
        lambda *arrays: cond(*tree.pack_sequence_as(state, arrays)),
        lambda *arrays: tree.flatten(step(*tree.pack_sequence_as(state, arrays))),
    )


def _tensors(nest: Any) -> list[Any]:
    return [B.convert(t) for t in tree.flatten(nest)]


def _packed(structure: Any, arrays: Sequence[Any] | None) -> Any:
    return None if arrays is None else tree.pack_sequence_as(structure, [B.convert(x) for x in arrays])
