"""How elements live in registers, and how they get there from memory and back.

=========  ==================  ==================================================================
dtype      in memory           in a register
=========  ==================  ==================================================================
bool       a byte, 0 or 1      ``i1``
integers   as LLVM has them    the same
float16    two bytes           ``float``, rounded to float16 after every operation
bfloat16   two bytes           ``float``, rounded to bfloat16 after every operation
float32    ``float``           ``float``
float64    ``double``          ``double``
=========  ==================  ==================================================================

Rounding after every operation makes a fused kernel give the results of the same operations done one by one.
"""

from __future__ import annotations

from pronghorn.engine.codegen.builder import FunctionBuilder, Operand, literal, llvm_type, vec
from pronghorn.engine.codegen.convert import FLOATS, convert, storage_type
from pronghorn.engine.codegen.streaming import stream
from pronghorn.engine.graph.dtypes import LOW_PRECISION
from pronghorn.engine.runtime.host import Target, host_target

__all__ = [
    "decode",
    "encode",
    "is_literal",
    "is_real",
    "is_signed",
    "load_value",
    "round_to",
    "store_value",
    "target_of",
    "value_type",
]

_REGISTER = {"bool": "i1", "float16": "float", "bfloat16": "float"}


def value_type(dtype: str, lanes: int = 1) -> str:
    """The LLVM type in which ``lanes`` elements of ``dtype`` are held in registers.

    >>> value_type("bfloat16", 8), value_type("bool"), value_type("uint8", 4)
    ('<8 x float>', 'i1', '<4 x i8>')
    """
    return vec(_REGISTER.get(dtype) or llvm_type(dtype), lanes)


def is_real(dtype: str) -> bool:
    """Whether ``dtype`` is one of the floating point types that kernels compute with."""
    return dtype in FLOATS


def is_signed(dtype: str) -> bool:
    """Whether ``dtype`` is a signed integer type."""
    return dtype.startswith("int")


def is_literal(value: Operand) -> bool:
    """Whether the operand is a constant written out, rather than an SSA name."""
    return not str(value).startswith("%")


def target_of(fb: FunctionBuilder) -> Target:
    """The machine that the function is generated for: the ``target`` of its module if it has one, else the host."""
    return fb.module.target or host_target()


def load_value(fb: FunctionBuilder, dtype: str, pointer: str, lanes: int = 1, mask: Operand | None = None) -> str:
    """Loads ``lanes`` consecutive elements as a register value.

    With a mask (``<lanes x i1>``) the memory of the other lanes is not touched and they read as zero.
    """
    memory = vec(storage_type(dtype), lanes)
    raw = fb.load(memory, pointer) if mask is None else _masked_load(fb, memory, pointer, mask)
    if dtype == "bool":
        return fb.cmp("ne", memory, raw, literal(0, memory))
    return decode(fb, dtype, raw, lanes)


def store_value(
    fb: FunctionBuilder,
    dtype: str,
    value: Operand,
    pointer: str,
    lanes: int = 1,
    mask: Operand | None = None,
    past: str | None = None,
) -> None:
    """Stores a register value as ``lanes`` consecutive elements; with a mask only the lanes where it holds.

    ``past``: where whole vectors go past the caches, see `streaming.past_caches`.
    """
    memory = vec(storage_type(dtype), lanes)
    if dtype == "bool":
        raw = fb.cast("zext", value, vec("i1", lanes), memory)
    else:
        raw = encode(fb, dtype, value, lanes)
    if past is not None:
        stream(fb, memory, raw, pointer, past)
    elif mask is None:
        fb.store(memory, raw, pointer)
    elif lanes == 1:
        with fb.if_(mask):
            fb.store(memory, raw, pointer)
    else:
        fb.masked_store(memory, raw, pointer, mask)


def _masked_load(fb: FunctionBuilder, memory: str, pointer: str, mask: Operand) -> str:
    if memory[0] == "<":
        return fb.masked_load(memory, pointer, mask)
    before = fb.block
    there, done = fb.label("there"), fb.label("done")
    fb.branch_if(mask, there, done)
    fb.place(there)
    raw = fb.load(memory, pointer)
    fb.branch(done)
    fb.place(done)
    return fb.phi(memory, [(raw, there), (literal(0, memory), before)])


def decode(fb: FunctionBuilder, dtype: str, raw: Operand, lanes: int = 1) -> str:
    """The register value of the bits of a 16-bit float, given as ``i16``; any other type's value is its bits' own."""
    return str(convert(fb, raw, dtype, "float32", lanes, target_of(fb))) if dtype in LOW_PRECISION else str(raw)


def encode(fb: FunctionBuilder, dtype: str, value: Operand, lanes: int = 1) -> str:
    """The bits (``i16``) of a register value of a 16-bit float type; the value itself for any other type."""
    if dtype == "bfloat16":  # rounded already: cheaper than a conversion that rounds
        whole = vec("i32", lanes)
        bits = fb.cast("bitcast", value, vec("float", lanes), whole)
        return fb.cast("trunc", fb.op("lshr", whole, bits, literal(16, whole)), whole, vec("i16", lanes))
    return str(convert(fb, value, "float32", dtype, lanes, target_of(fb))) if dtype in LOW_PRECISION else str(value)


def round_to(fb: FunctionBuilder, dtype: str, value: Operand, lanes: int = 1) -> str:
    """The ``float`` value rounded to the nearest of a 16-bit float type, ties to even; others are returned as is."""
    if dtype not in LOW_PRECISION:
        return str(value)
    target = target_of(fb)
    return str(convert(fb, convert(fb, value, "float32", dtype, lanes, target), dtype, "float32", lanes, target))
