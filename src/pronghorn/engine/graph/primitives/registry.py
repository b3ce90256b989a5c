"""What a primitive is, the table of all of them, and the door through which they are applied.

`bind` is the one door. With no trace active it runs the primitive's NumPy meaning at once (and tells the gradient
tapes); inside a trace it appends a node.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.active import current_scope, current_trace, state
from pronghorn.engine.graph.concrete import kept_beyond
from pronghorn.engine.graph.dim import SymbolicDimError
from pronghorn.engine.graph.ir import Aval, Value
from pronghorn.engine.graph.primitives.axes import AxisRule
from pronghorn.engine.graph.tensor import Tensor, as_tensor, aval_of, tensor_of

MADE, MOVED, STEP, EXPENSIVE, RANDOM = "made", "moved", "step", "expensive", "random"
"""What an element of a result takes: nothing, since it is a number or follows from its place; nothing, since it is
another's; about an addition; a function's series or a division; a share of a block of random bits."""

Rule = Callable[..., "Aval | list[Aval]"]
"""From operands' types to the result's; a rule that is annotated to return a list has several results."""


class ShapeError(ValueError):
    """Operands that do not fit a primitive."""


class NothingToTake(ShapeError, IndexError):
    """Indices into an axis that has no elements."""


class Primitive:
    """One member of the closed set, and all that is known of it.

    Calling it applies it: at once through the NumPy backend, or as a new node of the graph that is being traced. One
    that ``has_several`` results returns a tuple, also of one or none.

    Args:
        name: its name.
        family: the module of this package that defines it. Modules of that name in `pronghorn.engine.backends.numpy`
            have its meaning, in `pronghorn.engine.autodiff.rules` its gradient.
        rule: gives its results' shapes and types.
        axes: says how axes pass it (`pronghorn.engine.graph.primitives.axes`).
        work: what an element of its results takes: `MADE`, `MOVED`, `STEP`, `EXPENSIVE` or `RANDOM`.
        elementwise: whether it is computed element by element, of operands of one shape.
    """

    __slots__ = ("axes", "elementwise", "family", "has_several", "name", "rule", "work")

    def __init__(self, name: str, family: str, rule: Rule, axes: AxisRule, work: str = STEP, elementwise: bool = False):
        self.name, self.family, self.rule, self.axes, self.work = name, family, rule, axes, work
        self.elementwise = elementwise
        self.has_several = rule.__annotations__.get("return") == "list[Aval]"

    @property
    def meaning(self) -> Callable[..., Any]:
        """The function from NumPy's arrays and the parameters to an array, or to several."""
        return MEANINGS[self.name]

    @property
    def gradient(self) -> Callable[..., Any] | None:
        """The rule of differentiation; None where no result depends smoothly on an operand."""
        return GRADIENTS[self.name]

    def infer(self, avals: Sequence[Aval], params: dict[str, Any]) -> list[Aval]:
        """Shapes and types of the outputs.

        Raises:
            ShapeError: if the operands do not fit.
        """
        out = self.rule(*avals, **params)
        return out if isinstance(out, list) else [out]

    def __call__(self, *inputs: Any, **params: Any) -> Any:
        return bind(self, inputs, params)

    def __repr__(self) -> str:
        return self.name


PRIMITIVES: dict[str, Primitive] = {}

MEANINGS: dict[str, Callable[..., Any]] = {}
"""By a primitive's name: its meaning, a function from arrays and parameters to arrays.
`pronghorn.engine.backends.numpy` fills the table when it is imported, which `pronghorn.ops` sees to."""

UFUNCS: dict[tuple[str, np.dtype], np.ufunc] = {}
"""By a primitive's name and its operands' type: NumPy's own function of the same meaning, where there is one.
`pronghorn.engine.backends.numpy` fills it."""

GRADIENTS: dict[str, Callable[..., Any] | None] = {}
"""By a primitive's name: its rule of differentiation, or None where no output depends smoothly on an input.
`pronghorn.engine.autodiff` fills the table when it is imported."""

Kernels = Callable[[Primitive, Sequence[np.ndarray], dict[str, Any], Aval], "np.ndarray | None"]

_kernels: Kernels | None = None
_least = 0


MOST_CHECKED = 4096
_checked: set[tuple[Any, ...]] = set()
"""Kinds of small elementwise calls, a primitive's name with shapes and types, that its rule has found right."""


def use_kernels(run: Kernels, least: int) -> None:
    """Have ``run(prim, arrays, params, result's type)`` asked before the meanings; None leaves a call to them.

    Args:
        run: gives the result's array, or None.
        least: elements; an elementwise call whose operands all have fewer is not asked for.
    """
    global _kernels, _least
    _kernels, _least = run, least


def primitive(family: str, axes: AxisRule, work: str = STEP) -> Callable[[Rule], Primitive]:
    """Register the decorated shape rule as the primitive of the same name, with a rule for axes."""

    def register(rule: Rule) -> Primitive:
        return define(rule.__name__.rstrip("_"), family, rule, axes, work)

    return register


def define(
    name: str, family: str, rule: Rule, axes: AxisRule, work: str = STEP, elementwise: bool = False
) -> Primitive:
    """Register a primitive whose rule is shared with others."""
    prim = Primitive(name, family, rule, axes, work, elementwise)
    PRIMITIVES[name] = prim
    return prim


def fail(name: str, problem: str) -> ShapeError:
    """A `ShapeError` that names the primitive."""
    return ShapeError(f"{name}: {problem}")


def _operands(prim: Primitive, inputs: Sequence[Any]) -> list[Tensor]:
    """Inputs as Tensors; in elementwise primitives Python scalars take the shape and type of the others."""
    if not prim.elementwise or not any(isinstance(x, (bool, int, float)) for x in inputs):
        return [as_tensor(x) for x in inputs]
    arrays = {i: as_tensor(x) for i, x in enumerate(inputs) if not isinstance(x, (bool, int, float))}
    if not arrays:
        return [as_tensor(x) for x in inputs]
    like = arrays[max(arrays)]  # the last: select's first operand is its predicate
    broadcast_in_dim = PRIMITIVES["broadcast_in_dim"]

    def fill(x: Any) -> Tensor:
        scalar = tensor_of(np.asarray(x, dtypes.to_numpy(like.dtype)))
        return broadcast_in_dim(scalar, shape=like.shape, dims=()) if like.shape else scalar

    return [arrays[i] if i in arrays else fill(x) for i, x in enumerate(inputs)]


def bind(prim: Primitive, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    """Apply ``prim``: eagerly, or as a node of the active trace. One Tensor, or a tuple where it has several
    outputs."""
    if prim.elementwise and not (params or state.traces or state.tapes):
        small = _run_small(prim, inputs)
        if small is not None:
            return small
    tensors = _operands(prim, inputs)
    trace = current_trace()
    if trace is not None:
        if state.watch is not None:
            state.watch()
        values = trace.graph.add_node(prim, [trace.lift(t) for t in tensors], params, current_scope())
        outputs = tuple(tensor_of(v) for v in values)
    else:
        outputs = _run_eagerly(prim, tensors, params)
    return outputs if prim.has_several else outputs[0]


def _run_small(prim: Primitive, inputs: Sequence[Any]) -> Tensor | None:
    """An elementwise primitive's result on small arrays, by NumPy; None for other operands.

    In programs that run op by op most calls are of few kinds: the rule looks at each kind once.
    """
    arrays = []
    kind: tuple[Any, ...] = (prim.name,)
    for x in inputs:
        if not isinstance(x, Tensor):
            return None
        array = x.data
        if type(array) is not np.ndarray or array.size >= _least:
            return None
        arrays.append(array)
        kind += (array.shape, array.dtype)
    if kind not in _checked:
        prim.infer([aval_of(x) for x in inputs], {})
        if len(_checked) >= MOST_CHECKED:
            _checked.clear()
        _checked.add(kind)
    return tensor_of(MEANINGS[prim.name](*arrays))


def _run_eagerly(prim: Primitive, tensors: list[Tensor], params: dict[str, Any]) -> tuple[Tensor, ...]:
    for t in tensors:
        if isinstance(t.data, Value):
            raise kept_beyond(t.data.aval)
    try:
        avals = prim.infer([aval_of(t) for t in tensors], params)
        operands: list[Any] = [t.data for t in tensors]
        result = _kernels(prim, operands, params, avals[0]) if _kernels is not None and len(avals) == 1 else None
        if result is None:
            result = MEANINGS[prim.name](*operands, **params)
    except SymbolicDimError as error:
        if state.traces:
            raise  # whoever traces can do so again with numbers
        raise kept_beyond() from error
    arrays = result if isinstance(result, (tuple, list)) else (result,)
    outputs = tuple(tensor_of(np.asarray(a)) for a in arrays)
    for tape in state.tapes:
        tape.record(prim, tensors, params, outputs)
    return outputs
