"""Writing one of our graphs in ONNX: how values are held, constants, extents.

A value need not be written out as it is. It may lie in another order of axes, so that convolutions, which ONNX has
channels first only, follow each other without transposes; and it may be smaller than it is, since ONNX's elementwise
operators broadcast. `Held` says how, and what needs the whole value in order asks for `Lowering.full`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pronghorn.engine.backends.numpy import IMPLEMENTATIONS
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Dim, Extent, FloorDiv, Shape, identical, is_static
from pronghorn.engine.graph.ir import Graph, Node, Value
from pronghorn.engine.graph.strings import Lookup
from pronghorn.export.onnx.ops import Op, OpGraph, Tensor
from pronghorn.export.onnx.registry import REFUSED, RULES, NotExpressible

#: Types that ONNX's operators hardly take: such values are computed and held in float32, and rounded by casts.
HELD_IN_FLOAT32 = frozenset({"bfloat16", *dtypes.FLOAT8})

FOLD_SMALL = 1024  # elements up to which a computation on constants is done now, whatever it makes of them
_NEVER_FOLDED = frozenset({"extent", "random_bits", "scan", "while_loop", "cond", "custom_vjp"})


class Held(NamedTuple):
    """How a value lies in an ONNX tensor.

    Attributes:
        name: of the tensor.
        shape: the tensor's extents in its own order. Fewer axes than the value's, and extents of 1 in place of the
            value's, stand for repetition.
        perm: the value's axis along each of the tensor's, where they lie in another order; then none is missing.
    """

    name: str
    shape: Shape
    perm: tuple[int, ...] | None = None


class Names:
    """Every name once."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def fresh(self, wanted: str) -> str:
        """The name, with a number where it is taken."""
        name = wanted
        while name in self._taken:
            self._taken[wanted] += 1
            name = f"{wanted}_{self._taken[wanted]}"
        self._taken[name] = 0
        return name


class File:
    """What the graphs of one file share: names, initializers, and the numbers behind symbolic extents."""

    def __init__(self) -> None:
        self.names = Names()
        self.initializers: dict[str, np.ndarray] = {}
        self.prologue: list[Op] = []  # what computes extents, in front of everything else
        self._small: dict[Any, str] = {}
        self._large: dict[tuple[int, str], str] = {}
        self._kept: list[np.ndarray] = []  # so that their ids stay theirs
        self._symbols: dict[str, tuple[str, int]] = {}
        self._extents: dict[Dim, str] = {}
        self._vectors: dict[str, str] = {}
        self._wide: dict[str, str] = {}

    def initializer(self, array: np.ndarray, label: str = "constant") -> str:
        """The name of an initializer that holds an array; equal small ones are one."""
        array = np.asarray(array)
        key: Any
        if array.size <= 64:
            key = (array.shape, array.dtype.str, array.dtype.name, array.tobytes())
            known = self._small
        else:
            key, known = (id(array), label), self._large
            self._kept.append(array)
        if key not in known:
            known[key] = self.names.fresh(label)
            self.initializers[known[key]] = array
        return known[key]

    def widened(self, name: str) -> str:
        """An initializer cast to float32."""
        if name not in self._wide:
            self._wide[name] = self._op("Cast", [name], f"{name}/float32", to="float32")
        return self._wide[name]

    def bind_symbols(self, inputs: Sequence[Tensor]) -> None:
        """Find the extents whose numbers the inputs' shapes tell."""
        for tensor in inputs:
            for axis, extent in enumerate(tensor.shape):
                if isinstance(extent, Dim):
                    self._symbols.setdefault(str(extent), (tensor.name, axis))

    def _op(self, kind: str, inputs: list[str], label: str, **attributes: Any) -> str:
        name = self.names.fresh(label)
        self.prologue.append(Op(kind, inputs, [name], attributes))
        return name

    def extent(self, extent: Extent) -> str:
        """The name of an int64[1] that holds an extent."""
        if isinstance(extent, int):
            return self.initializer(np.array([extent], np.int64), "extent")
        if extent not in self._extents:
            self._extents[extent] = self._computed(extent)
        return self._extents[extent]

    def _computed(self, extent: Dim) -> str:
        if str(extent) in self._symbols:
            name, axis = self._symbols[str(extent)]
            return self._op("Shape", [name], str(extent), start=axis, end=axis + 1)
        total: str | None = None
        for monomial, coefficient in extent.terms.items():
            factors = [self._atom(atom) for atom in monomial]
            if coefficient != 1 or not factors:
                factors.append(self.extent(coefficient))
            product = factors[0]
            for factor in factors[1:]:
                product = self._op("Mul", [product, factor], "extent")
            total = product if total is None else self._op("Add", [total, product], "extent")
        assert total is not None
        return total

    def _atom(self, atom: Any) -> str:
        if isinstance(atom, FloorDiv):
            return self._op("Div", [self.extent(atom.dim), self.extent(atom.divisor)], "extent")
        return self.extent(Dim.symbol(atom))

    def vector(self, extents: Sequence[Extent]) -> str:
        """The name of an int64 vector that holds extents."""
        if all(isinstance(n, int) for n in extents):
            return self.initializer(np.array(extents, np.int64), "shape")
        key = repr(tuple(extents))
        if key not in self._vectors:
            parts = [self.extent(n) for n in extents]
            self._vectors[key] = parts[0] if len(parts) == 1 else self._op("Concat", parts, "shape", axis=0)
        return self._vectors[key]


class Lowering:
    """Writes a graph: ``ops`` grows node by node.

    Args:
        graph: ours.
        file: what it shares with the file's other graphs.
        parent: the lowering of the graph around it, for a body.
        captured: for a body, which of its inputs are values of the graph around it.
    """

    def __init__(
        self, graph: Graph, file: File, parent: Lowering | None = None, captured: Mapping[Value, Value] | None = None
    ):
        self.graph, self.file, self.parent = graph, file, parent
        self.captured = dict(captured or {})
        self.ops: list[Op] = []
        self.held_values: dict[Value, Held] = {}
        self.known: dict[Value, np.ndarray] = {}  # constants, and what is computed of them alone
        self.parts: dict[Value, np.ndarray] = {}  # of these, and of constants that repeat along symbolic extents
        self.labels: dict[Value, str] = {}
        self._sizes: dict[Value, int] = {}  # how many numbers a constant really has: repetition is free
        self._plain: dict[Value, Held] = {}
        self._full: dict[Value, str] = {}
        self._laid_out: dict[tuple[Value, tuple[int, ...]], str] = {}
        self.averages: dict[Value, tuple[int, Held]] = {}  # sums over windows of so many, of which the mean is held
        self.scope = ""

    # -- nodes --------------------------------------------------------------------------------------------------------
    def op(self, kind: str, *inputs: str, label: str = "", **attributes: Any) -> str:
        """Append a node of one result; its name."""
        return self.ops_of(kind, inputs, 1, label, **attributes)[0]

    def ops_of(self, kind: str, inputs: Sequence[str], count: int, label: str = "", **attributes: Any) -> list[str]:
        """Append a node of several results; their names."""
        wanted = label or (f"{self.scope}/{kind}" if self.scope else kind)
        names = [self.file.names.fresh(wanted) for _ in range(count)]
        self.ops.append(Op(kind, list(inputs), names, attributes))
        return names

    def ints(self, *numbers: int) -> str:
        """An int64 vector."""
        return self.file.initializer(np.array(numbers, np.int64), "axes")

    def scalar(self, number: Any, dtype: str) -> str:
        """A constant without axes, of the type in which ``dtype`` is held."""
        return self.file.initializer(np.asarray(number, dtypes.to_numpy(held_type(dtype))))

    def cast(self, name: str, dtype: str) -> str:
        """The tensor in another type of ONNX's."""
        return self.op("Cast", name, to=dtype)

    def rounded(self, name: str, dtype: str) -> str:
        """A float32 tensor rounded to a type that is held in float32; others as they are."""
        return self.cast(self.cast(name, dtype), "float32") if dtype in HELD_IN_FLOAT32 else name

    # -- running over the graph ---------------------------------------------------------------------------------------
    def run(self) -> None:
        """Write all nodes.

        Raises:
            NotImplementedError: that names every layer and primitive that cannot be written.
        """
        problems: dict[str, None] = {}
        for node in self.graph.nodes:
            self.scope = node.scope
            try:
                self._write(node)
            except NotExpressible as error:
                where = f"layer {node.scope!r}" if node.scope else f"graph {self.graph.name!r}"
                problems[f"{where}, primitive {node.prim.name}: {error}"] = None
                self._placeholders(node)
            except _Several as error:
                problems.update(dict.fromkeys(error.problems))
                self._placeholders(node)
        if problems:
            raise _Several(list(problems))

    def _placeholders(self, node: Node) -> None:
        """Something for the results, so that what follows can be looked at; none of it is kept."""
        for v in node.outputs:
            self.held_values[v] = Held("nothing", v.shape)

    def _write(self, node: Node) -> None:
        if self._fold(node):
            return
        for v in (*node.inputs, *node.outputs):
            if v.dtype in dtypes.COMPLEX:
                raise NotExpressible("ONNX's operators do not take complex numbers; compute with their two parts")
        name = node.prim.name
        if name in REFUSED:
            raise NotExpressible(REFUSED[name])
        results = RULES[name](self, node)
        self.held_values.update(zip(node.outputs, results if isinstance(results, list) else [results]))

    def _fold(self, node: Node) -> bool:
        """Compute now what is made of constants alone, unless it would take more room than they do."""
        name = node.prim.name
        if name == "constant":
            self.know(node.outputs[0], node.params["value"], "constant")
            return True
        if name in _NEVER_FOLDED or len(node.outputs) != 1:
            return False
        (out,) = node.outputs
        repeats = node.prim.elementwise
        operands = [a for a in (self.part(v) if repeats else self.constant(v) for v in node.inputs) if a is not None]
        if len(operands) < len(node.inputs) or _has_dim(node.params):
            return False
        room = max((self.size_of(v) for v in node.inputs), default=0)
        shape = np.broadcast_shapes(*(a.shape for a in operands)) if repeats else tuple(map(int, out.shape))
        spread = name in ("broadcast_in_dim", "iota")
        if not spread and math.prod(shape) > max(FOLD_SMALL, room):
            return False
        array = np.asarray(IMPLEMENTATIONS[name](*operands, **node.params), dtypes.to_numpy(out.dtype))
        label = self.label_of(max(node.inputs, key=self.size_of)) if node.inputs else "constant"
        if repeats and not is_static(out.shape):
            self.know_part(out, array, label)
        elif repeats:
            self.know(out, np.broadcast_to(array, tuple(map(int, out.shape))), label, array.size)
        elif name == "iota":
            self.know(out, array, label, shape[node.params["axis"]])
        else:
            self.know(out, array, label, room if spread else None)
        return True

    # -- constants ----------------------------------------------------------------------------------------------------
    def know(self, value: Value, array: np.ndarray, label: str, size: int | None = None) -> None:
        """Take a value to be a constant, of so many numbers beside repetition."""
        self.known[value], self.labels[value] = array, label
        self._sizes[value] = array.size if size is None else size

    def constant(self, value: Value) -> np.ndarray | None:
        """The numbers of a value that is a constant."""
        if value in self.captured:
            assert self.parent is not None
            return self.parent.constant(self.captured[value])
        return self.known.get(value)

    def size_of(self, value: Value) -> int:
        """How many numbers a constant has, repetition not counted."""
        if value in self.captured:
            assert self.parent is not None
            return self.parent.size_of(self.captured[value])
        if value in self._sizes:
            return self._sizes[value]
        return self.parts[value].size if value in self.parts else 0

    def label_of(self, value: Value) -> str:
        """What to call an initializer that is made of a constant."""
        if value in self.captured:
            assert self.parent is not None
            return self.parent.label_of(self.captured[value])
        return self.labels.get(value, "constant")

    def stored(self, array: np.ndarray, label: str) -> str:
        """An initializer; types that are held in float32 are kept as they are in the file, and cast."""
        name = self.file.initializer(array, label)
        if dtypes.name_of(array.dtype) not in HELD_IN_FLOAT32:
            return name
        return self.file.widened(name)

    # -- values -------------------------------------------------------------------------------------------------------
    def held(self, value: Value) -> Held:
        """How a value is held; constants become initializers here."""
        if value in self.captured:
            assert self.parent is not None
            return self.parent.held(self.captured[value])
        if value not in self.held_values:
            array = self.part(value)
            assert array is not None
            self.held_values[value] = Held(self.stored(array, self.labels[value]), array.shape)
        return self.held_values[value]

    def part(self, value: Value) -> np.ndarray | None:
        """The part of a constant that its other elements repeat; its axes are aligned with the value's at the last."""
        if value in self.captured:
            assert self.parent is not None
            return self.parent.part(self.captured[value])
        if value not in self.parts and value in self.known:
            self.parts[value] = _without_repetition(self.known[value])
        return self.parts.get(value)

    def know_part(self, value: Value, array: np.ndarray, label: str) -> None:
        """Take a value, of whatever extents, to be the repetition of a constant."""
        self.parts[value], self.labels[value] = array, label

    def plain(self, value: Value) -> Held:
        """The value with its axes in order; it may still be repeated."""
        if value in self.captured:
            assert self.parent is not None
            return self.parent.plain(self.captured[value])
        if value not in self._plain:
            held = self.held(value)
            self._plain[value] = held if held.perm is None else Held(*self._in_order(held))
        return self._plain[value]

    def _in_order(self, held: Held) -> tuple[str, Shape]:
        assert held.perm is not None
        back = tuple(held.perm.index(axis) for axis in range(len(held.perm)))
        return self.op("Transpose", held.name, perm=back), tuple(held.shape[j] for j in back)

    def full(self, value: Value) -> str:
        """The name of a tensor that is the value as it is."""
        if value in self.captured:
            assert self.parent is not None
            return self.parent.full(self.captured[value])
        if value not in self._full:
            held = self.plain(value)
            same = identical(held.shape, value.shape)
            self._full[value] = held.name if same else self.op("Expand", held.name, self.file.vector(value.shape))
        return self._full[value]

    def ranked(self, value: Value) -> Held:
        """The value with none of its axes missing, though their extents may be 1 in place of repetition."""
        held = self.held(value)
        missing = len(value.shape) - len(held.shape)
        if not missing:
            return held
        name = self.op("Unsqueeze", held.name, self.ints(*range(missing)))
        return Held(name, (1,) * missing + held.shape)

    def in_layout(self, value: Value, perm: tuple[int, ...]) -> str:
        """The whole value with its axes in another order."""
        if perm == tuple(range(len(perm))):
            return self.full(value)
        array = self.constant(value)
        if array is not None and self.size_of(value) == array.size:
            return self._stored_in_layout(value, array, perm)
        held = self.held(value)
        if held.perm == perm and identical(held.shape, tuple(value.shape[p] for p in perm)):
            return held.name
        if (value, perm) not in self._laid_out:
            self._laid_out[value, perm] = self.op("Transpose", self.full(value), perm=perm)
        return self._laid_out[value, perm]

    def _stored_in_layout(self, value: Value, array: np.ndarray, perm: tuple[int, ...]) -> str:
        if (value, perm) not in self._laid_out:
            moved = np.ascontiguousarray(array.transpose(perm))
            self._laid_out[value, perm] = self.stored(moved, self.label_of(value))
        return self._laid_out[value, perm]


class _Several(Exception):
    """All that a graph has that cannot be written."""

    def __init__(self, problems: list[str]):
        super().__init__("; ".join(problems))
        self.problems = problems


Source = str | np.ndarray | Lookup
"""Where an input of our graph comes from: an input of the file, a constant, or an input's strings."""


def lower(
    graph: Graph, inputs: Sequence[tuple[str, Source]], outputs: Sequence[str], strings: Sequence[Tensor] = ()
) -> tuple[OpGraph, File]:
    """The whole graph in ONNX.

    Args:
        graph: ours.
        inputs: for each of its inputs a name and where it comes from; if from an input of the file, that is its name.
        outputs: names of the outputs.
        strings: inputs of the file that are strings.

    Raises:
        NotImplementedError: that names every layer and primitive that ONNX cannot express.
    """
    file = File()
    tensors = list(strings)
    for (_, source), value in zip(inputs, graph.inputs):
        if isinstance(source, str):
            tensors.append(Tensor(source, value.dtype, value.shape))
    for name in [*(t.name for t in tensors), *outputs]:
        file.names.fresh(name)
    lowering = Lowering(graph, file)
    for value, (name, source) in zip(graph.inputs, inputs):
        if isinstance(source, np.ndarray):
            lowering.know(value, source, name)
        elif isinstance(source, Lookup):
            lowering.held_values[value] = Held(_looked_up(lowering, source, name), value.shape)
        else:
            held = lowering.cast(source, "float32") if value.dtype in HELD_IN_FLOAT32 else source
            lowering.held_values[value] = Held(held, value.shape)
    file.bind_symbols(tensors)
    try:
        lowering.run()
    except _Several as error:
        raise NotImplementedError(
            "export: ONNX cannot express all of the model, so nothing was written. " + "; ".join(error.problems) + "."
        ) from None
    result = OpGraph(tensors)
    for value, name in zip(graph.outputs, outputs):
        full = lowering.full(value)
        kind, attributes = ("Cast", {"to": value.dtype}) if value.dtype in HELD_IN_FLOAT32 else ("Identity", {})
        lowering.ops.append(Op(kind, [full], [name], attributes))
        result.outputs.append(Tensor(name, value.dtype, value.shape))
    result.ops = [*file.prologue, *lowering.ops]
    return result, file


def _looked_up(b: Lowering, lookup: Lookup, name: str) -> str:
    keys, numbers = list(lookup.table), tuple(lookup.table.values())
    table = {"keys_strings": keys, "values_int64s": numbers, "default_int64": lookup.unknown}
    return b.op("LabelEncoder", lookup.source, label=name, **table)


def held_type(dtype: str) -> str:
    """The type of the ONNX tensor that holds a value."""
    return "float32" if dtype in HELD_IN_FLOAT32 else dtype


def broadcast(*shapes: Shape) -> Shape:
    """The joint shape of operands whose axes are aligned at the last."""
    rank = max(map(len, shapes))
    joint: list[Extent] = []
    for back in range(rank, 0, -1):
        extents = [s[-back] for s in shapes if len(s) >= back]
        joint.append(next((n for n in extents if not identical(n, 1)), 1))
    return tuple(joint)


def _without_repetition(array: np.ndarray) -> np.ndarray:
    """The part of an array that its other elements repeat, without leading axes of one element."""
    part = array[
        tuple(slice(0, 1) if step == 0 and n > 1 else slice(None) for n, step in zip(array.shape, array.strides))
    ]
    while part.ndim and part.shape[0] == 1:
        part = part[0]
    return part


def _has_dim(param: Any) -> bool:
    if isinstance(param, dict):
        return any(map(_has_dim, param.values()))
    if isinstance(param, tuple | list):
        return any(map(_has_dim, param))
    return isinstance(param, Dim)
