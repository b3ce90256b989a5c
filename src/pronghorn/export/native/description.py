"""What a library has: functions and arrays, as the header, the test program and the page describe them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Dim, Extent
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.runtime.machines import Machine

C_TYPES: dict[str, str] = {
    "float32": "float",
    "float64": "double",
    "float16": "uint16_t",
    "bfloat16": "uint16_t",
    "bool": "uint8_t",
    **{name: f"{name}_t" for name in dtypes.INTEGER},
}
"""The types of C for elements; 16-bit floats are their bits."""


@dataclass(frozen=True)
class Array:
    """An input, an output or a field of the logs.

    Attributes:
        name: in C.
        label: in Keras.
        aval: shape and type.
    """

    name: str
    label: str
    aval: Aval

    @property
    def remark(self) -> str:
        """The label in a comment of C, which it neither ends nor begins anew.

        >>> Array("a", "a*/b", Aval((), "float32")).remark
        'a* /b'
        """
        words = self.label.encode("unicode_escape").decode() if not self.label.isprintable() else self.label
        return words.replace("*/", "* /").replace("/*", "/ *").replace("??/", "?? /")

    @property
    def c_type(self) -> str:
        """The type of an element."""
        return C_TYPES[self.aval.dtype]

    def words(self, sizes: Mapping[str, str]) -> str:
        """What it is: the type of elements and the shape, with C's names for open extents."""
        shape = ", ".join(extent_in_c(extent, sizes) for extent in self.aval.shape)
        kinds = {"float16": " (bits of float16)", "bfloat16": " (bits of bfloat16)", "bool": " (0 or 1)"}
        return f"{self.c_type}[{shape}]{kinds.get(self.aval.dtype, '')}"


@dataclass(frozen=True)
class Structure:
    """A structure of C: the logs of a step.

    Attributes:
        name: of the type.
        fields: what it has.
    """

    name: str
    fields: tuple[Array, ...]


@dataclass
class Function:
    """A function that runs a step.

    Attributes:
        name: its name.
        does: what it does, in words.
        block: the declaration of the block of variables that it takes; empty where there is none.
        inputs, outputs: the arrays.
        logs: the structure of its logs; None where it has outputs.
    """

    name: str
    does: str
    block: str
    inputs: list[Array]
    outputs: list[Array]
    logs: Structure | None = None

    @property
    def block_name(self) -> str:
        """The name of the block's parameter."""
        return self.block.rpartition("*")[2]

    def call(self, sizes: Sequence[str], arena: str = "arena", nbytes: str = "bytes", prefix: str = "") -> str:
        """C's call of it.

        Args:
            sizes: arguments for the open extents.
            arena: the argument for the arena.
            nbytes: the one for its size.
            prefix: what the variables of the arrays have before their names.
        """
        block = [self.block_name] if self.block else []
        arrays = [f"{prefix}{a.name}" for a in (*self.inputs, *self.outputs)] + (["&logs"] if self.logs else [])
        return f"{self.name}({', '.join([*block, arena, nbytes, *sizes, *arrays])})"


@dataclass
class Library:
    """A library.

    Attributes:
        name: what its names begin with.
        model: the model's name.
        machine: what it is for.
        sizes: C's names of the open extents, by symbol.
        predict: the prediction.
        version: of Pronghorn.
        weights_file: whether weights, or a new state, are in a file.
        steps: the steps of training and evaluation.
        is_parallel: whether functions may be given a parallel-for.
        arena: how many bytes a call needs; 0 where that depends on sizes.
    """

    name: str
    model: str
    machine: Machine
    sizes: dict[str, str]
    predict: Function
    version: str
    weights_file: bool = False
    steps: list[Function] = field(default_factory=list)
    is_parallel: bool = False
    arena: int = 0

    @property
    def functions(self) -> list[Function]:
        """All that run steps."""
        return [self.predict, *self.steps]

    @property
    def has_state(self) -> bool:
        """Whether it is trained."""
        return bool(self.steps)

    @property
    def structures(self) -> list[Structure]:
        """The structures of logs."""
        return list({f.logs.name: f.logs for f in self.steps if f.logs}.values())

    @property
    def file(self) -> str:
        """The name of the file of weights, or of a new state."""
        return f"{self.name}.{'state' if self.has_state else 'weights'}"

    @property
    def size_parameters(self) -> list[str]:
        """The parameters for open extents, as C declares them."""
        return [f"int64_t {name}" for name in self.sizes.values()]

    def parameters(self, function: Function) -> list[str]:
        """The parameters of a function, as C declares them."""
        found = [function.block] if function.block else []
        found += ["void *arena", "size_t arena_bytes", *self.size_parameters]
        found += [f"const {a.c_type} *{a.name}" for a in function.inputs]
        found += [f"{a.c_type} *{a.name}" for a in function.outputs]
        return found + ([f"{function.logs.name} *logs"] if function.logs else [])


def extent_in_c(extent: Extent, sizes: Mapping[str, str]) -> str:
    """An extent with C's names.

    >>> extent_in_c(2 * Dim.symbol("axis1") + 1, {"axis1": "n"}), extent_in_c(3, {})
    ('2*n + 1', '3')
    """
    text = str(extent)
    if isinstance(extent, Dim):
        for symbol in sorted(extent.symbols, key=len, reverse=True):
            text = text.replace(symbol, sizes.get(symbol, symbol))
    return text
