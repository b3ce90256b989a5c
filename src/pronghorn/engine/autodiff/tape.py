"""``GradientTape`` with TensorFlow's meaning, for eager code and inside of traced functions alike.

Eagerly, every primitive that runs tells the tape. Inside a traced function nothing needs to be recorded, since the
graph is the record: the tape only remembers which of its nodes were made while it was watching.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

from pronghorn._wording import counted
from pronghorn.engine.autodiff.backward import ones_like, record_of
from pronghorn.engine.autodiff.registry import is_differentiable, vjp_rule
from pronghorn.engine.autodiff.reverse import Record, identity, pull_back
from pronghorn.engine.autodiff.rules.common import full, zeros_like
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.active import active_tapes, current_trace, pop_tape, push_tape
from pronghorn.engine.graph.dim import is_static, product
from pronghorn.engine.graph.ir import Node
from pronghorn.engine.graph.primitives.registry import Primitive
from pronghorn.engine.graph.tensor import Tensor, as_tensor, tensor_of
from pronghorn.engine.graph.trace import Trace
from pronghorn.engine.graph.variable import GraphVariable


class GradientTape:
    """Records what is computed in its ``with`` block, and differentiates it.

    Trainable variables that are read are watched by themselves; other arrays have to be named with `watch`.

    Args:
        persistent: whether `gradient` may be called more than once.
        watch_accessed_variables: whether trainable variables are watched when they are read.

    Example:

    >>> from pronghorn import ops
    >>> x = ops.array(3.0)
    >>> with GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = x * x
    >>> float(tape.gradient(y, x))
    6.0
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True):
        self._persistent = bool(persistent)
        self._watch_variables = bool(watch_accessed_variables)
        self._recording = False
        self._reset()

    def _reset(self) -> None:
        self._records: list[Record] = []
        self._tracked: set[Hashable] = set()
        self._kept: list[Tensor] = []  # holds on to what `_tracked` knows by its id
        self._reads: dict[GraphVariable, list[Tensor]] = {}
        self._named: set[GraphVariable] = set()  # variables given to `watch`
        self._trace: Trace | None = None
        self._spans: list[list[int]] = []  # [first node, end] of the traced graph
        self._before: dict[GraphVariable, Tensor] = {}
        self._used = False

    # -- recording --------------------------------------------------------------------------------------------------
    def __enter__(self) -> GradientTape:
        if self._recording:
            raise ValueError("GradientTape: this tape is recording already; make another one.")
        self._start()
        return self

    def __exit__(self, *exc: Any) -> None:
        if self._recording:
            self._stop()

    def _start(self) -> None:
        self._recording = True
        self._trace = current_trace()
        if self._trace is None:
            push_tape(self)
            return
        owner = _owner(self._trace)
        self._before = {**owner.current, **self._before}
        self._spans.append([len(self._trace.graph.nodes), -1])

    def _stop(self) -> None:
        self._recording = False
        if self in active_tapes():
            pop_tape(self)
        elif self._trace is not None:
            self._spans[-1][1] = len(self._trace.graph.nodes)

    def watch(self, tensor: Any) -> None:
        """Treat an array, or each of a structure of arrays, as something to differentiate with respect to.

        Raises:
            ValueError: for what is no array of floats.

        Example:

        >>> import pronghorn as keras
        >>> x = keras.ops.array(3.0)
        >>> with keras.GradientTape() as tape:
        ...     tape.watch(x)
        ...     y = x * x
        >>> float(tape.gradient(y, x))
        6.0
        """
        for leaf in _leaves(tensor):
            if isinstance(leaf, GraphVariable):
                self._named.add(leaf)
                self._reads.setdefault(leaf, [])
                continue
            if not isinstance(leaf, Tensor):
                raise ValueError(
                    f"GradientTape.watch: got {type(leaf).__name__}; watch an array made by ops.convert_to_tensor, "
                    "since the tape must see the very same object in the computation."
                )
            self._track(leaf)

    def _watches(self, variable: GraphVariable) -> bool:
        return (self._watch_variables and variable.trainable) or variable in self._named

    def _track(self, tensor: Tensor) -> None:
        if is_differentiable(tensor):
            self._tracked.add(identity(tensor))
            self._kept.append(tensor)

    def variable_value(self, variable: GraphVariable, tensor: Tensor) -> Tensor:
        """Called when eager code reads a variable; ``tensor`` is its value."""
        if self._watches(variable):
            self._reads.setdefault(variable, []).append(tensor)
            self._track(tensor)
        return tensor

    def record(
        self, prim: Primitive, inputs: Sequence[Tensor], params: dict[str, Any], outputs: Sequence[Tensor]
    ) -> None:
        """Called after a primitive ran eagerly."""
        if vjp_rule(prim) is None or not any(id(t) in self._tracked for t in inputs):
            return
        self._records.append(Record(prim, inputs, params, outputs))
        for tensor in outputs:
            self._track(tensor)

    @contextlib.contextmanager
    def stop_recording(self) -> Iterator[None]:
        """A block in which this tape sees nothing.

        Raises:
            ValueError: if the tape is not recording.
        """
        if not self._recording:
            raise ValueError("GradientTape.stop_recording: the tape is not recording.")
        self._stop()
        try:
            yield
        finally:
            self._start()

    def reset(self) -> None:
        """Forget everything recorded so far."""
        recording = self._recording
        if recording:
            self._stop()
        self._reset()
        if recording:
            self._start()

    def watched_variables(self) -> tuple[GraphVariable, ...]:
        """The variables that the tape watches, in the order in which they were first read."""
        if self._trace is None:
            return tuple(self._reads)
        known = _owner(self._trace).variables
        return tuple(dict.fromkeys([*self._reads, *(v for v in known if self._watches(v))]))

    # -- differentiating --------------------------------------------------------------------------------------------
    def gradient(
        self, target: Any, sources: Any, output_gradients: Any = None, unconnected_gradients: Any = "none"
    ) -> Any:
        """The gradient of ``target`` (of its sum, where it is no scalar) with respect to ``sources``.

        Args:
            target: an array or a structure of arrays, computed while the tape recorded.
            sources: a watched array or variable, or a structure of them.
            output_gradients: arrays like ``target`` that its elements' gradients are multiplied with.
            unconnected_gradients: ``"none"`` or ``"zero"``: what a source gets on which ``target`` does not depend.

        Returns:
            A structure like ``sources``.

        Raises:
            RuntimeError: on a second call, if the tape is not persistent.

        Example:

        >>> import pronghorn as keras
        >>> x = keras.Variable(3.0)
        >>> with keras.GradientTape() as tape:
        ...     y = x * x
        >>> float(tape.gradient(y, x))
        6.0
        """
        self._check_use("gradient")
        zero = _wants_zero(unconnected_gradients)
        targets = [self._target_value(t) for t in _leaves(target)]
        given = _leaves(output_gradients) if output_gradients is not None else [None] * len(targets)
        if len(given) != len(targets):
            raise ValueError(
                f"GradientTape.gradient: {counted(len(targets), 'target')} but {len(given)} output_gradients."
            )
        flat = _leaves(sources)
        found = self._differentiate(targets, [_cotangent(g, t) for g, t in zip(given, targets)], flat)
        if zero:
            found = [zeros_like(_source_value(s)) if g is None else g for g, s in zip(found, flat)]
        if not self._persistent:
            self._forget()
        return _pack_like(sources, found)

    def jacobian(
        self,
        target: Any,
        sources: Any,
        unconnected_gradients: Any = "none",
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """The derivative of every element of ``target``: for each source an array ``[*target.shape, *source.shape]``.

        The last two arguments are accepted for TensorFlow's sake and have no effect.
        """
        self._check_use("jacobian")
        zero = _wants_zero(unconnected_gradients)
        target = as_tensor(target)
        self._require_static("jacobian", target)
        flat = _leaves(sources)
        rows = []
        for cotangent in _unit_cotangents(target):
            rows.append(self._differentiate([target], [cotangent], flat))
        columns = []
        for i, source in enumerate(flat):
            value = _source_value(source)
            parts = [row[i] for row in rows]
            if all(p is None for p in parts):
                columns.append(full((*target.shape, *value.shape), value.dtype, 0) if zero else None)
                continue
            filled_parts = [zeros_like(value) if p is None else p for p in parts]
            columns.append(P.reshape(_stack(filled_parts), shape=(*target.shape, *value.shape)))
        if not self._persistent:
            self._forget()
        return _pack_like(sources, columns)

    def batch_jacobian(
        self,
        target: Any,
        source: Any,
        unconnected_gradients: Any = "none",
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Tensor | None:
        """For each row of a batch, the derivative of ``target[i]`` with respect to ``source[i]``."""
        self._check_use("batch_jacobian")
        zero = _wants_zero(unconnected_gradients)
        target, value = as_tensor(target), _source_value(source)
        self._require_static("batch_jacobian", target)
        if not target.shape or not value.shape or target.shape[0] != value.shape[0]:
            raise ValueError(
                f"GradientTape.batch_jacobian: target {target.shape} and source {value.shape} need one first extent."
            )
        rows, inner, rest = target.shape[0], tuple(target.shape[1:]), tuple(value.shape[1:])
        one_row = full(inner, target.dtype, 0)
        parts = []
        for unit in _unit_cotangents(one_row):
            cotangent = P.broadcast_in_dim(unit, shape=target.shape, dims=tuple(range(1, target.ndim)))
            parts.append(self._differentiate([target], [cotangent], [source])[0])
        if not self._persistent:
            self._forget()
        if all(p is None for p in parts):
            return full((rows, *inner, *rest), value.dtype, 0) if zero else None
        stacked = _stack([zeros_like(value) if p is None else p for p in parts])
        moved = P.transpose(stacked, perm=(1, 0, *range(2, stacked.ndim)))
        return P.reshape(moved, shape=(rows, *inner, *rest))

    def _require_static(self, name: str, target: Tensor) -> None:
        if not is_static(target.shape):
            raise ValueError(
                f"GradientTape.{name}: the shape {target.shape} is not known while a function is traced; fix the batch "
                "size or compile with run_eagerly=True."
            )

    def _check_use(self, name: str) -> None:
        if self._used:
            raise RuntimeError(
                f"GradientTape.{name}: a tape that is not persistent can be used once. "
                "Make it with GradientTape(persistent=True), or compute all gradients in one call."
            )
        if self._recording and not self._persistent:
            self._stop()

    def _target_value(self, target: Any) -> Tensor:
        """The value of a target; one that is a variable itself counts as a read, so that its own gradient is one."""
        if isinstance(target, GraphVariable) and self._trace is None and self._watches(target):
            reads = self._reads.get(target)
            return reads[-1] if reads else self.variable_value(target, as_tensor(target))
        return as_tensor(target)

    def _forget(self) -> None:
        watched = self.watched_variables()
        self._reset()
        self._reads = {variable: [] for variable in watched}
        self._used = True

    def _differentiate(
        self, targets: list[Tensor], cotangents: list[Tensor], sources: Sequence[Any]
    ) -> list[Tensor | None]:
        if self._trace is None:
            return self._differentiate_eagerly(targets, cotangents, sources)
        return self._differentiate_graph(targets, cotangents, sources)

    def _differentiate_eagerly(
        self, targets: list[Tensor], cotangents: list[Tensor], sources: Sequence[Any]
    ) -> list[Tensor | None]:
        wanted: list[Tensor] = []
        spans = []  # each source's arrays: a variable has one for each time that it was read
        for source in sources:
            arrays = self._reads.get(source, []) if isinstance(source, GraphVariable) else self._like(as_tensor(source))
            arrays = [t for t in arrays if id(t) in self._tracked]
            spans.append((len(wanted), len(wanted) + len(arrays)))
            wanted += arrays
        found = pull_back(list(self._records), targets, cotangents, wanted)
        return [_sum_of(found[a:b]) for a, b in spans]

    def _like(self, source: Tensor) -> list[Tensor]:
        """A source that is no variable; `variable.value` stands for the variable while that has this value."""
        if id(source) in self._tracked:
            return [source]
        same = (reads for reads in self._reads.values() if any(read.data is source.data for read in reads))
        return next(same, [source])

    def _differentiate_graph(
        self, targets: list[Tensor], cotangents: list[Tensor], sources: Sequence[Any]
    ) -> list[Tensor | None]:
        trace = self._trace
        if trace is None or current_trace() is not trace:
            raise RuntimeError("GradientTape: a tape made inside a traced function must be used in that function.")
        owner = _owner(trace)
        versions = {v: _versions(trace, owner, self._before, v) for v in owner.variables if self._watches(v)}
        leaves = [t for ts in versions.values() for t in ts]
        tracked = {identity(t) for t in [*(tensor_of(trace.lift(t)) for t in self._kept), *leaves]}
        records = []
        for node in self._seen_nodes(trace):
            if vjp_rule(node.prim) is not None and any(v in tracked for v in node.inputs):
                records.append(record_of(node))
                tracked.update(node.outputs)
        wanted: list[Tensor] = []
        spans = []
        for source in sources:
            if isinstance(source, GraphVariable):
                arrays = versions.get(source, [])
            else:
                arrays = [t for t in [tensor_of(trace.lift(as_tensor(source)))] if identity(t) in tracked]
            spans.append((len(wanted), len(wanted) + len(arrays)))
            wanted += arrays
        lifted = [tensor_of(trace.lift(t)) for t in targets]
        found = pull_back(records, lifted, cotangents, wanted, leaves)
        return [_sum_of(found[a:b]) for a, b in spans]

    def _seen_nodes(self, trace: Trace) -> list[Node]:
        nodes = trace.graph.nodes
        if self._recording:
            return [n for a, b in self._spans for n in nodes[a : len(nodes) if b < 0 else b]]
        return [n for a, b in self._spans for n in nodes[a:b]]


def tape_of_traced(trace: Trace) -> GradientTape:
    """A tape that has watched all that the function ``trace`` is of has computed so far."""
    tape = GradientTape()
    tape._trace = trace
    tape._spans.append([0, len(trace.graph.nodes)])
    return tape


def _owner(trace: Trace) -> Trace:
    """The trace that keeps the variables' values for ``trace``."""
    while not trace.own_state and trace.parent is not None:
        trace = trace.parent
    return trace


def _versions(trace: Trace, owner: Trace, before: dict[GraphVariable, Tensor], variable: GraphVariable) -> list[Tensor]:
    """The values that a variable has had since the tape began: an assignment makes a new one."""
    found: dict[Hashable, Tensor] = {}
    for value in (before.get(variable, owner.variables[variable]), owner.current[variable]):
        lifted = tensor_of(trace.lift(value))
        found[identity(lifted)] = lifted
    return list(found.values())


def _leaves(structure: Any) -> list[Any]:
    """Arrays of a nested structure of lists, tuples and dicts, in order."""
    if isinstance(structure, dict):
        return [leaf for key in sorted(structure) for leaf in _leaves(structure[key])]
    if isinstance(structure, (list, tuple)):
        return [leaf for item in structure for leaf in _leaves(item)]
    return [structure]


def _pack_like(structure: Any, leaves: Sequence[Any]) -> Any:
    """``leaves`` in the form of ``structure``."""
    remaining = iter(leaves)

    def build(part: Any) -> Any:
        if isinstance(part, dict):
            built = {key: build(part[key]) for key in sorted(part)}
            return type(part)((key, built[key]) for key in part)
        if isinstance(part, tuple) and hasattr(part, "_fields"):
            return type(part)(*(build(item) for item in part))
        if isinstance(part, (list, tuple)):
            return type(part)(build(item) for item in part)
        return next(remaining)

    return build(structure)


def _wants_zero(unconnected_gradients: Any) -> bool:
    """Whether unconnected sources get zeros; TensorFlow's enumeration is known by its value."""
    value = getattr(unconnected_gradients, "value", unconnected_gradients)
    if value not in ("none", "zero"):
        raise ValueError(
            f"GradientTape: unconnected_gradients must be 'none' or 'zero', got {unconnected_gradients!r}."
        )
    return value == "zero"


def _cotangent(given: Any, target: Tensor) -> Tensor:
    if given is None:
        return ones_like(target)
    tensor = as_tensor(given)
    if tensor.shape != target.shape:
        raise ValueError(
            f"GradientTape.gradient: an output gradient has shape {tensor.shape}, its target {target.shape}."
        )
    return tensor if tensor.dtype == target.dtype else P.cast(tensor, dtype=target.dtype)


def _source_value(source: Any) -> Tensor:
    return source.tensor if isinstance(source, GraphVariable) else as_tensor(source)


def _sum_of(found: Sequence[Tensor | None]) -> Tensor | None:
    total: Tensor | None = None
    for tensor in found:
        if tensor is not None:
            total = tensor if total is None else P.add(total, tensor)
    return total


def _unit_cotangents(target: Tensor) -> Iterator[Tensor]:
    """For each element of ``target``, an array that is 1 there and 0 elsewhere."""
    size = product(target.shape)
    index = P.reshape(P.iota(shape=(size,), dtype="int32", axis=0), shape=target.shape)
    for i in range(size):
        yield P.cast(P.eq(index, i), dtype=target.dtype)


def _stack(tensors: Sequence[Tensor]) -> Tensor:
    return P.concatenate(*(P.reshape(t, shape=(1, *t.shape)) for t in tensors), axis=0)


# What `pronghorn.ops.gradients` shares with the tape.
leaves_of: Callable[[Any], list[Any]] = _leaves
pack_like: Callable[[Any, Sequence[Any]], Any] = _pack_like
