"""Control flow: branches, loops and scans, and functions with a gradient of their own.

Called with known values and outside of a trace, these are Python's own `if` and `for`. While a function is traced they
become one node whose parameters are the graphs of the branches or of the loop's body.
"""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable, Sequence
from typing import Any

from pronghorn import tree
from pronghorn._wording import counted
from pronghorn.engine.backends.engine import engine
from pronghorn.engine.backends.foreign_calls import engine_of
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.active import TraceError, active_tapes, current_trace
from pronghorn.engine.graph.batching import NotBatched, batched
from pronghorn.engine.graph.ir import Aval, Value
from pronghorn.engine.graph.regions import region
from pronghorn.engine.graph.tensor import Tensor, aval_of
from pronghorn.engine.graph.trace import Subgraph, abstract_eval, inline, trace_body
from pronghorn.ops import _broadcast as B
from pronghorn.ops import _library_loops as library_loops
from pronghorn.ops._bodies import assign_last, carry, entry_values, stateful_body
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.numpy.joining import stack
from pronghorn.ops.numpy.shaping import flip, part


class _Flat:
    """A function over flat lists of Tensors that remembers the structure of its result."""

    def __init__(self, fn: Callable[..., Any], structure: Any):
        self.fn, self.structure, self.result = fn, structure, None

    def __call__(self, *leaves: Tensor) -> list[Tensor]:
        result = self.fn(*tree.pack_sequence_as(self.structure, list(leaves)))
        flat = tree.flatten(result)
        # structures keep None as they are; what is returned as a leaf must be an array
        self.result = result
        return [B.convert(t) for t in flat if t is not None]

    def pack(self, leaves: Sequence[Tensor]) -> Any:
        rest = iter(leaves)
        flat = [None if t is None else next(rest) for t in tree.flatten(self.result)]
        return tree.pack_sequence_as(self.result, flat)


def _avals(tensors: Sequence[Tensor]) -> list[Aval]:
    return [aval_of(t) for t in tensors]


def _tensors(nest: Any) -> list[Tensor]:
    return [B.convert(t) for t in tree.flatten(nest)]


# -- branches ---------------------------------------------------------------------------------------------------------
@symbolic_aware
def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """``true_fn()`` if ``pred`` is true, else ``false_fn()``.

    Args:
        pred: a bool scalar.
        true_fn: takes nothing, returns arrays in any structure.
        false_fn: the same; while traced, its results must have the same shapes and types.

    >>> cond(True, lambda: 1, lambda: 2)
    1
    """
    if isinstance(pred, (bool, int)):
        return true_fn() if pred else false_fn()
    pred = B.cast(pred, "bool")
    if pred.size != 1:
        raise ValueError(f"cond: pred must be a scalar, got shape {pred.shape}. For elementwise choices use where().")
    if not pred.is_traced:
        return true_fn() if bool(pred) else false_fn()
    yes, no = _Flat(true_fn, ()), _Flat(false_fn, ())
    outputs = _branch(P.reshape(pred, shape=()), stateful_body(yes, [], "true"), stateful_body(no, [], "false"))
    _check_alike("cond", yes, no)
    return yes.pack(outputs)


def _branch(pred: Tensor, yes: Subgraph, no: Subgraph) -> list[Tensor]:
    """A `cond` node: both graphs take what either of them uses from outside, and the variables that either assigns."""
    state = list(dict.fromkeys([*yes.updated, *no.updated]))
    for body in (yes, no):
        carry(body, state)
    _check_results("cond", yes.graph.outputs, no.graph.outputs)
    first, second = yes.graph.inputs[: len(yes.captures)], no.graph.inputs[: len(no.captures)]
    entries = [body.graph.inputs[len(body.captures) :] for body in (yes, no)]
    yes.graph.inputs = [*first, *(Value(v.aval, yes.graph) for v in second), *entries[0]]
    no.graph.inputs = [*(Value(v.aval, no.graph) for v in first), *second, *entries[1]]
    out = P.cond(pred, *yes.captures, *no.captures, *entry_values(state), true=yes.graph, false=no.graph)
    return assign_last(state, out)


def _check_results(name: str, first: Sequence[Value], second: Sequence[Value]) -> None:
    mine, other = [v.aval for v in first], [v.aval for v in second]
    if mine != other:
        raise ValueError(
            f"{name}: all branches must return arrays of the same shapes and types; one returns {mine}, another "
            f"{other}. Cast or reshape the results inside the branches."
        )


def _check_alike(name: str, first: _Flat, second: _Flat) -> None:
    try:
        tree.assert_same_structure(first.result, second.result)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name}: all branches must return the same structure: {error}") from None


@symbolic_aware
def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """``branches[index](*operands)``; an index out of range takes the first or the last branch.

    >>> switch(1, [lambda x: x + 1, lambda x: x * 2], 5)
    10
    """
    if not branches:
        raise ValueError("switch: at least one branch is needed.")
    index = B.cast(index, "int32")
    if not index.is_traced:
        return branches[min(max(int(index), 0), len(branches) - 1)](*operands)
    flat = [_Flat(lambda fn=fn: fn(*operands), ()) for fn in branches]
    bodies = [stateful_body(f, [], "branch") for f in flat]
    outputs = _switch(P.reshape(index, shape=()), flat, bodies, 0)
    for other in flat[1:]:
        _check_alike("switch", flat[0], other)
    return flat[0].pack(outputs)


def _switch(index: Tensor, flat: list[_Flat], bodies: list[Subgraph], first: int) -> Sequence[Tensor]:
    """Branches from ``first`` on: a `cond` between the first of them and the rest."""
    yes = bodies[first]
    if first == len(bodies) - 1:
        return assign_last(yes.updated, inline(yes.graph, [*yes.captures, *entry_values(yes.updated)]))
    no = stateful_body(lambda: _switch(index, flat, bodies, first + 1), [], "rest")
    return _branch(P.le(index, B.full_like(index, first)), yes, no)


# -- loops ------------------------------------------------------------------------------------------------------------
@symbolic_aware
def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, maximum_iterations: int | None = None
) -> Any:
    """Apply ``body`` to ``loop_vars`` as long as ``cond`` of them is true.

    Args:
        cond: ``cond(*loop_vars) -> bool scalar``.
        body: ``body(*loop_vars) -> loop_vars``; while traced, shapes and types must stay the same.
        loop_vars: a tuple or list of (nests of) arrays, or one array.
        maximum_iterations: stop after as many, whatever ``cond`` says.

    With JAX's engine chosen, JAX runs a loop whose body calls JAX's own functions: it calls the body a few times only.

    >>> while_loop(lambda i: i < 5, lambda i: (i + 2,), (0,))[0].numpy()
    np.int32(6)
    """
    sequence = isinstance(loop_vars, (tuple, list))
    state = tuple(loop_vars) if sequence else (loop_vars,)
    state = tree.map_structure(B.convert, state)

    def step(*values: Any) -> tuple[Any, ...]:
        result = body(*values)
        result = tuple(result) if isinstance(result, (tuple, list)) and sequence else (result,)
        return result[0] if not sequence and isinstance(result[0], tuple) and len(result[0]) == 1 else result

    if current_trace() is None:
        state = _while_now(cond, step, state, maximum_iterations)
    else:
        try:
            state = _traced_while(cond, step, state, maximum_iterations)
        except TraceError:  # a library's own function in it wants values
            by_library = library_loops.while_loop(cond, step, state, maximum_iterations)
            if by_library is None:
                raise
            state = by_library
    return type(loop_vars)(state) if type(loop_vars) in (tuple, list) else state if sequence else state[0]


#: As many rounds of a loop in which a library differentiates anew take about as long as it needs to compile the loop.
_ROUNDS_BY_PYTHON = 4


def _while_now(cond: Any, step: Any, state: tuple[Any, ...], limit: Any) -> tuple[Any, ...]:
    """A loop by Python; where the chosen library gives what its body returns, that runs all but the first rounds."""
    count, results, before = 0, state, state
    while (limit is None or count < limit) and bool(B.convert(cond(*state))):
        if count == _ROUNDS_BY_PYTHON and _are_alike(before, state):
            rest = library_loops.rest(cond, step, results, state, None if limit is None else int(limit) - count)
            if rest is not None:
                return rest
        before, results = state, step(*state)
        state = tree.map_structure(B.convert, results)
        count += 1
    return state


def _are_alike(before: Any, after: Any) -> bool:
    """Whether tensors in nests have the same shapes and types."""
    return _avals(tree.flatten(before)) == _avals(tree.flatten(after))


def _traced_while(cond: Any, step: Any, state: tuple[Any, ...], limit: Any) -> tuple[Any, ...]:
    if limit is not None:
        own_cond, own_step = cond, step
        most = P.reshape(B.cast(limit, "int32"), shape=())  # it may be a number that is known when the loop runs

        def cond(count: Tensor, *values: Any) -> Tensor:
            going = P.reshape(B.cast(own_cond(*values), "bool"), shape=())
            return P.and_(P.lt(count, most), going)

        def step(count: Tensor, *values: Any) -> tuple[Any, ...]:
            return (P.add(count, B.full_like(count, 1)), *own_step(*values))

        state = (B.full((), 0, "int32"), *state)
    leaves = _tensors(state)
    test = _Flat(lambda *v: P.reshape(B.cast(cond(*v), "bool"), shape=()), state)
    body = _Flat(step, state)
    bodies = stateful_body(body, _avals(leaves), "while_body")
    changed = bodies.updated
    conds = stateful_body(test, _avals(leaves), "while_cond", changed)
    as_they_were = conds.graph.inputs[len(conds.graph.inputs) - len(changed) :]
    if len(conds.updated) > len(changed) or any(
        new is not old for new, old in zip(conds.graph.outputs[1:], as_they_were, strict=True)
    ):
        raise ValueError("while_loop: cond must not assign variables; do it in body.")
    del conds.graph.outputs[1:]
    _check_carry("while_loop", leaves, bodies.graph.outputs[: len(leaves)])
    out = P.while_loop(
        *conds.captures, *bodies.captures, *leaves, *entry_values(changed),
        cond=conds.graph, body=bodies.graph,
        num_cond_consts=len(conds.captures), num_body_consts=len(bodies.captures),
    )  # fmt: skip
    packed = tree.pack_sequence_as(state, assign_last(changed, out))
    return packed[1:] if limit is not None else packed


def _check_carry(name: str, before: Sequence[Tensor], after: Sequence[Value]) -> None:
    old, new = _avals(before), [v.aval for v in after]
    if old != new:
        raise ValueError(
            f"{name}: the body must return its state in the shapes and types in which it got it; it got {old} and "
            f"returned {new}. Cast inside the body, or start with values of the final type."
        )


@symbolic_aware
def fori_loop(lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init_val: Any) -> Any:
    """Apply ``body_fun(i, value) -> value`` for ``i`` from ``lower`` up to, but without, ``upper``.

    >>> fori_loop(0, 4, lambda i, v: v + i, 0).numpy()
    np.int32(6)
    """
    low, high = (_known(b) for b in (lower, upper))
    value = tree.map_structure(B.convert, init_val)
    if isinstance(low, int) and isinstance(high, int):
        if current_trace() is None:
            return _fori_now(low, high, body_fun, value)

        def step(carry: Any, _: Any) -> tuple[Any, Any]:
            i, v = carry
            return (P.add(i, B.full_like(i, 1)), body_fun(i, v)), None

        try:
            return scan(step, (B.full((), low, "int32"), value), length=max(0, high - low))[0][1]
        except TraceError:  # a library's own function in it wants values
            by_library = library_loops.fori_loop(low, high, body_fun, value)
            if by_library is None:
                raise
            return by_library
    _, value = while_loop(
        lambda i, v: P.lt(i, B.cast(high, "int32")),
        lambda i, v: (P.add(i, B.full_like(i, 1)), body_fun(i, v)),
        (B.cast(low, "int32"), value),
    )
    return value


def _fori_now(low: int, high: int, body: Any, value: Any) -> Any:
    """`_while_now` with a known number of rounds."""
    before = results = value
    for i in builtins.range(low, high):
        if i == low + _ROUNDS_BY_PYTHON and _are_alike(before, value):
            step = lambda i, v: (i + 1, body(i, v))  # noqa: E731
            rest = library_loops.rest(lambda i, _: i < high, step, results, (B.convert(i), value), None)
            if rest is not None:
                return rest[1]
        before, results = value, body(B.convert(i), value)
        value = tree.map_structure(B.convert, results)
    return value


def _known(bound: Any) -> Any:
    if isinstance(bound, int):
        return bound
    tensor = P.reshape(B.convert(bound), shape=())
    return tensor if tensor.is_traced else int(tensor)


@symbolic_aware
def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: Any = None,
    reverse: bool = False,
    unroll: Any = 1,
) -> tuple[Any, Any]:
    """Carry a state along the leading axis of ``xs``.

    Args:
        f: ``f(carry, x) -> (carry, y)``; ``x`` is a slice of ``xs``.
        init: the first carry: arrays in any structure.
        xs: arrays in any structure with one leading extent, or None.
        length: the number of steps; needed where ``xs`` is None.
        reverse: whether to start at the end of ``xs``; the results keep the order of ``xs``.
        unroll: accepted for compatibility; the compiler decides.

    Returns:
        The last carry, and the ``y`` of all steps stacked along axis 0.

    >>> from pronghorn import ops
    >>> total, partial = scan(lambda c, x: (c + x, c + x), 0, ops.convert_to_tensor([1, 2, 3]))
    >>> partial.numpy()
    array([1, 3, 6], dtype=int32)
    """
    if not callable(f):
        raise TypeError(f"scan: f must be a function f(carry, x), got {f!r}.")
    if not isinstance(unroll, (bool, int)) or (not isinstance(unroll, bool) and unroll < 1):
        raise ValueError(f"scan: unroll must be a bool or a positive integer, got {unroll!r}.")
    leaves = _tensors(xs) if xs is not None else []
    if not leaves and length is None:
        raise ValueError("scan: with xs=None the number of steps must be given: pass length=.")
    steps = leaves[0].shape[0] if leaves else length
    for leaf in leaves:
        if leaf.shape[0] != steps or (length is not None and length != steps):
            raise ValueError(
                f"scan: all of xs must have the same leading extent (and length must equal it), got shapes "
                f"{[t.shape for t in leaves]} and length={length}."
            )
    carry = tree.map_structure(B.convert, init)
    if current_trace() is None:
        return _scan_now(f, carry, xs, leaves, int(steps), reverse)
    return _scan_traced(f, carry, xs, leaves, steps, reverse)


def _scan_now(f: Any, carry: Any, xs: Any, leaves: list[Tensor], steps: int, reverse: bool) -> tuple[Any, Any]:
    results: list[Any] = [None] * steps
    for i in reversed(builtins.range(steps)) if reverse else builtins.range(steps):
        x = None if xs is None else tree.pack_sequence_as(xs, [leaf[i] for leaf in leaves])
        carry, results[i] = _pair(f(carry, x))
        carry = tree.map_structure(B.convert, carry)
    if not steps:
        return _empty_scan(f, carry, xs, leaves)
    rows = [[t for t in tree.flatten(r) if t is not None] for r in results]
    columns = iter([stack(column, 0) for column in zip(*rows)])
    flat = [None if t is None else next(columns) for t in tree.flatten(results[0])]
    return carry, tree.pack_sequence_as(results[0], flat)


def _empty_scan(f: Any, carry: Any, xs: Any, leaves: list[Tensor]) -> tuple[Any, Any]:
    """The carry as it is, and results with no rows: only their shapes are computed."""
    body = _Flat(lambda c, x: _pair(f(c, x))[1], (carry, xs))
    slices = [Aval(t.shape[1:], t.dtype) for t in leaves]
    avals = abstract_eval(body, *_avals(_tensors(carry)), *slices)
    return carry, body.pack([B.full((0, *a.shape), 0, a.dtype) for a in avals])


def _pair(result: Any) -> tuple[Any, Any]:
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        raise TypeError(f"scan: f must return a pair (carry, y), got {type(result).__name__}.")
    return result[0], result[1]


def _scan_traced(f: Any, carry: Any, xs: Any, leaves: list[Tensor], steps: Any, reverse: bool) -> tuple[Any, Any]:
    state = _tensors(carry)
    if xs is None:
        body = _Flat(lambda c: _pair(f(c, None)), (carry,))
    else:
        body = _Flat(lambda c, x: _pair(f(c, x)), (carry, xs))
    slices = [Aval(t.shape[1:], t.dtype) for t in leaves]
    sub = stateful_body(body, [*_avals(state), *slices], "scan_body")
    graph, changed, count = sub.graph, sub.updated, len(state)
    _check_carry("scan", state, graph.outputs[:count])
    # the variables are the last of what is carried
    at, results = len(sub.captures) + count, len(graph.outputs) - len(changed)
    graph.inputs = [*graph.inputs[:at], *graph.inputs[at + len(leaves) :], *graph.inputs[at : at + len(leaves)]]
    graph.outputs = [*graph.outputs[:count], *graph.outputs[results:], *graph.outputs[count:results]]
    out = P.scan(
        *sub.captures, *state, *entry_values(changed), *leaves,
        body=graph, num_consts=len(sub.captures), num_carry=count + len(changed), length=steps, reverse=bool(reverse),
    )  # fmt: skip
    last, ys = out[: count + len(changed)], out[count + len(changed) :]
    return body.pack([*assign_last(changed, last), *ys])


@symbolic_aware
def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """``f`` of each slice of ``xs`` along axis 0, the results stacked.

    >>> from pronghorn import ops
    >>> map(lambda x: x * 2, ops.convert_to_tensor([1, 2])).numpy()
    array([2, 4], dtype=int32)
    """
    return scan(lambda _, x: ((), f(x)), (), xs)[1]


@symbolic_aware
def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """``function`` of each slice along axis 0 of ``elements``, for all of them at once.

    The function is run once, with traced arrays that stand for one slice. Where that is not possible, since it asks for
    values, draws random numbers or has loops, the slices are gone over one by one, as by `map`.

    Args:
        function: a function of one slice, or of a structure of slices.
        elements: arrays in any structure, of one extent along axis 0.

    Returns:
        What ``function`` returns, with a leading axis.

    >>> from pronghorn import ops
    >>> vectorized_map(lambda row: ops.sum(row * row), ops.convert_to_tensor([[1.0, 2.0], [3.0, 4.0]])).numpy()
    array([ 5., 25.], dtype=float32)
    """
    leaves = _tensors(elements)
    if not leaves or any(t.ndim < 1 or not B.equal_extents(t.shape[0], leaves[0].shape[0]) for t in leaves):
        raise ValueError(
            "vectorized_map: elements must be arrays with one extent along axis 0, got shapes "
            f"{[t.shape for t in leaves]}."
        )
    flat = _Flat(function, (elements,))
    try:
        body = trace_body(flat, [Aval(t.shape[1:], t.dtype) for t in leaves], "element")
        many = [False] * len(body.captures) + [True] * len(leaves)
        outputs = batched(body.graph, [*body.captures, *leaves], many, leaves[0].shape[0])
    except (NotBatched, TraceError):
        return map(function, elements)
    return flat.pack(outputs)


@symbolic_aware
def associative_scan(f: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """Cumulative results of an associative function, in a logarithmic number of steps.

    Args:
        f: ``f(a, b) -> c`` of whole slices along ``axis``.
        elems: arrays in any structure, of one extent along ``axis``.
        reverse: whether to start at the end.
        axis: the axis.

    >>> from pronghorn import ops
    >>> associative_scan(lambda a, b: a + b, ops.convert_to_tensor([1, 2, 3])).numpy()
    array([1, 3, 6], dtype=int32)
    """
    if not callable(f):
        raise TypeError(f"associative_scan: f must be callable, got {f!r}.")
    leaves = _tensors(elems)
    axes = [B.axis_of(axis, t.ndim) for t in leaves]
    size = leaves[0].shape[axes[0]]
    if any(t.shape[a] != size for t, a in zip(leaves, axes)):
        raise ValueError(f"associative_scan: extents along axis {axis} differ: {[t.shape for t in leaves]}.")

    if reverse:
        leaves = [flip(t, a) for t, a in zip(leaves, axes)]

    def joined(first: list[Tensor], second: list[Tensor]) -> list[Tensor]:
        result = f(tree.pack_sequence_as(elems, first), tree.pack_sequence_as(elems, second))
        return _tensors(result)

    # each round joins to every element the one `gap` places before it
    gap = 1
    while gap < int(size):
        head = [part(t, a, 0, gap) for t, a in zip(leaves, axes)]
        early = [part(t, a, 0, size - gap) for t, a in zip(leaves, axes)]
        late = [part(t, a, gap, size) for t, a in zip(leaves, axes)]
        tail = joined(early, late)
        leaves = [P.concatenate(h, t, axis=a) for h, t, a in zip(head, tail, axes)]
        gap *= 2
    if reverse:
        leaves = [flip(t, a) for t, a in zip(leaves, axes)]
    return tree.pack_sequence_as(elems, leaves)


# -- gradients --------------------------------------------------------------------------------------------------------
def custom_gradient(f: Callable[..., tuple[Any, Callable[..., Any]]]) -> Callable[..., Any]:
    """Give a function a gradient of your own.

    Args:
        f: ``f(*args) -> (result, grad)``, where ``grad(*upstream) -> gradients``, one for each argument.

    >>> from pronghorn import ops
    >>> @custom_gradient
    ... def twice(x):
    ...     return x * 2, lambda upstream: upstream * 10
    >>> twice(ops.convert_to_tensor(3.0)).numpy()
    np.float32(6.0)
    """

    @functools.wraps(f)
    def with_gradient(*args: Any, **kwargs: Any) -> Any:
        result, grad = f(*args, **kwargs)
        if current_trace() is None and not active_tapes():
            return result
        inputs = [B.convert(a) for a in tree.flatten(args)]
        outputs = _tensors(result)

        def vjp(*cotangents: Tensor) -> list[Tensor]:
            grads = grad(*cotangents)
            grads = tree.flatten(grads)
            if len(grads) != len(inputs):
                raise ValueError(
                    f"custom_gradient: {getattr(f, '__name__', f)} has {counted(len(inputs), 'argument')}, its "
                    "gradient function "
                    f"returned {len(grads)} gradients."
                )
            return [B.zeros_like(x) if g is None else _fit(g, x) for g, x in zip(grads, inputs)]

        sub = trace_body(vjp, _avals(outputs), "custom_vjp")
        count = len(sub.captures)
        sub.graph.inputs = [*sub.graph.inputs[count:], *sub.graph.inputs[:count]]
        out = P.custom_vjp(*inputs, *outputs, *sub.captures, num_args=len(inputs), num_outs=len(outputs), vjp=sub.graph)
        return tree.pack_sequence_as(result, list(out))

    return symbolic_aware(with_gradient)


def recomputed(
    f: Callable[..., Any], is_worth_it: Callable[[Sequence[Aval]], bool] | None = None
) -> Callable[..., Any]:
    """A function that computes what ``f`` does, and again in the backward pass: a region of the graph that is traced.

    Args:
        f: a function of arrays.
        is_worth_it: told the results' types, whether they are to be; always if None.
    """

    @functools.wraps(f)
    def computed(*args: Any, **kwargs: Any) -> Any:
        if current_trace() is None:
            name = engine_of((args, kwargs))
            if name is None or is_worth_it is not None:
                return f(*args, **kwargs)
            return engine(name).checkpointed(lambda: f(*args, **kwargs))
        flat = _Flat(lambda: f(*args, **kwargs), ())
        body = stateful_body(flat, [], f"recomputed {getattr(f, '__name__', '')}")
        operands = [*body.captures, *entry_values(body.updated)]
        results = len(body.graph.outputs) - len(body.updated)
        whole = is_worth_it is None or is_worth_it([v.aval for v in body.graph.outputs[:results]])
        outputs = region(body.graph, operands) if whole else inline(body.graph, operands)
        return flat.pack(assign_last(body.updated, outputs))

    return computed


def _fit(gradient: Any, x: Tensor) -> Tensor:
    return B.broadcast_to(B.cast(gradient, x.dtype), x.shape)
