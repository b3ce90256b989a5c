"""Shapes and dtypes of a call's results, found by tracing the call and computing nothing."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from pronghorn import tree
from pronghorn.engine.graph.dim import Dim, Extent, ExtentsMayDiffer, SymbolicDimError, substitute
from pronghorn.engine.graph.guards import guarding
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.layout import Layout, take_apart
from pronghorn.engine.graph.opening import MISFITS, Alike, Opening, first_that_fits
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.trace import abstract_eval
from pronghorn.symbolic.describing import describing
from pronghorn.symbolic.keras_tensor import KerasTensor

# Two lengths that few shapes contain: what differs between them in the results depends on the unknown extents.
_PROBES = (83, 89)
# A short one, for what depends on an unknown extent only while it is small, such as the length of `x[:5]`.
_SHORT = 2
_NUMBER = re.compile(r"(\d+)")


def infer_spec(fn: Callable[..., Any], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
    """The nested KerasTensors that ``fn(*args, **kwargs)`` would give.

    Unknown extents (None) are symbols at first; where a shape rule cannot decide with symbols, the call is traced
    with numbers in their place, and extents that differ are unknown in the result. So are those that depend on values,
    such as the number of elements that are not zero.

    Args:
        fn: what is called, with Tensors in place of the KerasTensors.
        args: positional arguments.
        kwargs: keyword arguments.

    Raises:
        ValueError: or whatever ``fn`` raises for arguments that do not fit.
    """
    layout, inputs = take_apart((args, kwargs or {}), lambda x: not isinstance(x, KerasTensor), once=True)
    static = all(d is not None for x in inputs for d in x.shape)
    try:
        return _to_spec(_unified(fn, layout, inputs))
    except MISFITS as error:
        if static:
            raise
        first = error
    try:
        small, large = (_evaluate(fn, layout, inputs, _like_others(inputs, n)) for n in _PROBES)
    except (ValueError, TypeError, IndexError, NotImplementedError) as error:
        if isinstance(first, SymbolicDimError):
            error.args = (_without_probes(fn, layout, inputs, error), *error.args[1:])
            raise error from None
        raise first from None
    specs = [_to_spec(small), _to_spec(large)]
    if not _alike(*specs):
        raise first
    with contextlib.suppress(Exception):  # whatever a call may make of an axis that is too short for it
        specs.append(_to_spec(_evaluate(fn, layout, inputs, _like_others(inputs, _SHORT))))
    if not _alike(*specs):
        specs.pop()
    return tree.map_structure(_merge, *specs)


def _without_probes(fn: Callable[..., Any], layout: Layout, inputs: list[KerasTensor], error: Exception) -> str:
    """An error's message, where what follows from the first of the probes' numbers is None, as it is unknown."""
    words = _NUMBER.split(str(error))
    try:
        _evaluate(fn, layout, inputs, _like_others(inputs, _PROBES[1]))
    except type(error) as other:
        others = _NUMBER.split(str(other))
        if len(others) == len(words) and words[::2] == others[::2]:
            return "".join(a if a == b else "None" for a, b in zip(words, others))
    except Exception:  # the second number is another matter
        pass
    return str(error)


def _alike(*specs: Any) -> bool:
    """Whether results of several probes can be merged: the same structure, and as many axes."""
    try:
        for other in specs[1:]:
            tree.assert_same_structure(specs[0], other)
    except (ValueError, TypeError):
        return False
    flat = [tree.flatten(s) for s in specs]
    return all(len({x.ndim for x in xs if isinstance(x, KerasTensor)}) <= 1 for xs in zip(*flat))


def _unified(fn: Callable[..., Any], layout: Layout, inputs: list[KerasTensor]) -> Any:
    """Trace the call; where an unknown extent must equal another one, it is taken to be that one.

    Unknown extents of several inputs are taken to be the same along the same axis, above all the batch. Where that does
    not fit, or one of them turns out to be a number, which may be so for one input alone, each gets its own symbols.
    """
    ways = [Opening(Alike.SAME_AXIS)]
    if len([x for x in inputs if None in x.shape]) > 1:
        ways.append(Opening(Alike.NONE))
    return first_that_fits(
        ways,
        lambda opening: _settled(fn, layout, inputs, opening),
        will_do=lambda found: not any(isinstance(n, int) for n in found[1].values()),
    )[0]


def _settled(
    fn: Callable[..., Any], layout: Layout, inputs: list[KerasTensor], opening: Opening
) -> tuple[Any, dict[str, Extent]]:
    """The results of the call, and what it made of the symbols."""
    known: dict[str, Extent] = {}

    def fill(place: int, axis: int) -> Extent:
        return substitute(opening.extent(axis, place), known)

    while True:
        try:
            return _evaluate(fn, layout, inputs, fill, known), known
        except ExtentsMayDiffer as question:
            solution = _solved(*question.extents)
            if solution is None or solution[0] in known:
                raise
            unknown, extent = solution
            known = {name: substitute(value, {unknown: extent}) for name, value in known.items()}
            known[unknown] = extent


def _solved(first: Extent, second: Extent) -> tuple[str, Extent] | None:
    """A symbol, and what it must be for both extents to be equal; None if that cannot be told."""
    difference = first - second
    if not isinstance(difference, Dim):
        return None
    for monomial, factor in difference.terms.items():
        if len(monomial) == 1 and isinstance(monomial[0], str) and factor in (1, -1):
            name = monomial[0]
            rest = difference - factor * Dim.symbol(name)
            extent = -factor * rest
            if isinstance(extent, int):
                return (name, extent) if extent >= 0 else None
            if name not in extent.symbols:
                return name, extent
    return None


def _like_others(inputs: list[KerasTensor], number: int) -> Callable[[int, int], Extent]:
    """Fill unknown extents with ``number``, but an unknown batch with that of another input where it is known."""
    known = {x.shape[0] for x in inputs if x.shape and x.shape[0] not in (None, 1)}
    batch = known.pop() if len(known) == 1 else number
    return lambda place, axis: batch if axis == 0 else number


def _evaluate(
    fn: Callable[..., Any],
    layout: Layout,
    inputs: list[KerasTensor],
    fill: Callable[[int, int], Extent],
    known: Mapping[str, Extent] = MappingProxyType({}),
) -> Any:
    """Trace the call, with ``fill(input, axis)`` for unknown extents; Avals in the structure of its result."""
    avals = [
        Aval(tuple(fill(place, axis) if n is None else n for axis, n in enumerate(x.shape)), x.dtype)
        for place, x in enumerate(inputs)
    ]
    results: Any = None

    def flat(*tensors: Tensor) -> list[Tensor]:
        nonlocal results
        args, kwargs = layout.pack(tensors)
        results = fn(*args, **kwargs)
        return []

    with describing(known), guarding(None):  # nothing that is at hand says what these extents are
        abstract_eval(flat, *avals)
    return tree.map_structure(_aval_of, results)


def _aval_of(x: Any) -> Any:
    if hasattr(x, "__pronghorn_tensor__") and not isinstance(x, KerasTensor):
        x = x.__pronghorn_tensor__()
    if isinstance(x, Tensor):
        return Aval(x.shape, x.dtype)
    return KerasTensor(x.shape, x.dtype) if isinstance(x, np.ndarray) else x


def _to_spec(structure: Any) -> Any:
    def spec(x: Any) -> Any:
        if isinstance(x, Aval):
            return KerasTensor(tuple(d if isinstance(d, int) else None for d in x.shape), x.dtype)
        return x

    return tree.map_structure(spec, structure)


def _merge(first: Any, *others: Any) -> Any:
    if isinstance(first, KerasTensor):
        shapes = zip(first.shape, *(other.shape for other in others))
        return KerasTensor(tuple(ns[0] if len(set(ns)) == 1 else None for ns in shapes), first.dtype)
    return first
