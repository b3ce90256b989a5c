"""The table from primitive to a function of PyTorch, its element types, and what many of the functions share.

PyTorch computes little on unsigned integers of more than 8 bits and on float8: such operands are moved as signed
integers of their width (`moved`), and computed with in int64 (`signed`) or float32 (`widened`).
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

import numpy as np
import torch

from pronghorn.engine.backends.formulas import Formulas
from pronghorn.engine.backends.substitution import substituted
from pronghorn.engine.graph import dtypes

Function = Callable[..., Any]

TABLE: dict[str, Function] = {}

TYPES: dict[str, torch.dtype] = {name: getattr(torch, name) for name in dtypes.ALL}
NAMES = {dtype: name for name, dtype in TYPES.items()}

FLOAT8 = frozenset(TYPES[name] for name in dtypes.FLOAT8)
NARROW = FLOAT8 | {torch.float16, torch.bfloat16}
COMPLEX = frozenset(TYPES[name] for name in dtypes.COMPLEX)
INTEGERS = frozenset(TYPES[name] for name in dtypes.INTEGER)
_SIGNED = {torch.uint16: torch.int16, torch.uint32: torch.int32, torch.uint64: torch.int64}
_AS_MOVED = {**_SIGNED, **dict.fromkeys(FLOAT8, torch.uint8)}
_BEYOND_E4M3 = 464.0  # half way from its greatest number, 448, to the next that a longer exponent would give

formulas = Formulas(TABLE, lambda x: tuple(x.shape), lambda x: NAMES[x.dtype])


def acts_on(types: frozenset[torch.dtype]) -> Callable[[Function], Function]:
    """Mark a decorated function: unless its first operand is of one of ``types``, it only calls what it wraps."""

    def mark(wrapper: Function) -> Function:
        wrapper.acts_on = types  # type: ignore[attr-defined]
        return wrapper

    return mark


def without_decorators(name: str, dtype: torch.dtype | None) -> Function:
    """A primitive's function, without the decorators that do nothing for a first operand of this type."""
    fn = TABLE[name]
    while (types := getattr(fn, "acts_on", None)) is not None and dtype not in types:
        fn = fn.__wrapped__  # type: ignore[attr-defined]
    return fn


def implements(fn: Function) -> Function:
    """Register a function under its own name."""
    TABLE[fn.__name__.rstrip("_")] = fn
    return fn


def implement(names: Iterable[tuple[str, Function]]) -> None:
    """Register functions by names."""
    TABLE.update(names)


def is_integer(x: torch.Tensor) -> bool:
    """Whether the elements are integers (bools are none)."""
    return x.dtype in INTEGERS


class _Place(threading.local):
    device: torch.device | None = None


_place = _Place()


def device() -> torch.device:
    """Where new tensors are made: beside those that are computed with, else on PyTorch's own default device."""
    return _place.device or torch.get_default_device()


@contextlib.contextmanager
def placing(where: torch.device | None) -> Iterator[None]:
    """Make new tensors on a device."""
    outer, _place.device = _place.device, where
    try:
        yield
    finally:
        _place.device = outer


def is_plain(x: torch.Tensor) -> bool:
    """Whether a tensor has values that may be looked at: no stand-in with which PyTorch traces."""
    return type(x) is torch.Tensor or type(x) is torch.nn.Parameter


# -- arrays in and out ------------------------------------------------------------------------------------------------
def from_numpy(array: np.ndarray) -> torch.Tensor:
    """NumPy's array as a tensor, in the same memory where that can be written to and has PyTorch's layout."""
    name = dtypes.name_of(array.dtype)
    if not array.flags.writeable or any(s < 0 for s in array.strides) or not array.dtype.isnative:
        array = np.array(array, dtypes.to_numpy(name))
    if array.dtype.isbuiltin == 1:
        return torch.from_numpy(array)
    return torch.from_numpy(array.view(f"i{array.itemsize}")).view(TYPES[name])


def to_numpy(x: torch.Tensor) -> np.ndarray:
    """A tensor's values, in its own memory where that is the processor's."""
    x = x.detach().cpu().resolve_conj().resolve_neg()
    if x.dtype not in NARROW or x.dtype is torch.float16:
        return x.numpy()
    bits = x.view(torch.int16 if x.dtype is torch.bfloat16 else torch.uint8)
    return bits.numpy().view(dtypes.to_numpy(NAMES[x.dtype]))


# -- types that PyTorch has, but hardly computes with -----------------------------------------------------------------
def _computed_in(
    types: Collection[torch.dtype], fn: Function, into: Function, back: Callable[[Any, torch.dtype], Any]
) -> Function:
    return acts_on(frozenset(types))(substituted(fn, types.__contains__, into, back))


def rounded(x: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Numbers as a float type. What float8_e4m3fn has not, it has no infinity for: it is NaN."""
    if dtype is torch.float8_e4m3fn:
        x = x.float()
        x = torch.where(x.abs() > _BEYOND_E4M3, torch.nan, x)
    return x.to(dtype)


def _rounded(out: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return rounded(out, dtype) if out.dtype is torch.float32 else out


def widened(fn: Function) -> Function:
    """``fn`` computed in float32 and rounded once where its first operand is a narrower float."""
    return _computed_in(NARROW, fn, torch.Tensor.float, _rounded)


def widened8(fn: Function) -> Function:
    """The same for float8 alone: what PyTorch itself computes in float32 for the other narrow floats."""
    return _computed_in(FLOAT8, fn, torch.Tensor.float, _rounded)


def moved(fn: Function) -> Function:
    """``fn``, which looks at no value of its operands, of any element type."""
    return _computed_in(_AS_MOVED, fn, lambda x: x.view(_AS_MOVED[x.dtype]), lambda out, dtype: out.view(dtype))


def signed(fn: Function) -> Function:
    """``fn``, in which only the lower bits matter, of unsigned integers too: in int64, and then they wrap around."""
    return _computed_in(_SIGNED, fn, _in_int64, _back)


def ordered(fn: Function) -> Function:
    """``fn``, which compares its operands and takes some, of unsigned integers too: as signed ones in their order."""
    return _computed_in(_SIGNED, fn, _in_order, lambda out, dtype: _flipped(out).view(dtype))


def indexed(fn: Function) -> Function:
    """The same for what gives positions, or bools."""
    return _computed_in(_SIGNED, fn, _in_order, lambda out, dtype: out)


def _in_order(x: torch.Tensor) -> torch.Tensor:
    return _flipped(x.view(_SIGNED[x.dtype]))


def _flipped(x: torch.Tensor) -> torch.Tensor:
    """An unsigned type's order in the signed type of its width, and back: the highest bit inverted."""
    return x ^ torch.iinfo(x.dtype).min


def _in_int64(x: torch.Tensor) -> torch.Tensor:
    return x.view(torch.int64) if x.dtype is torch.uint64 else x.to(torch.int64)


def _back(out: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    if out.dtype is not torch.int64:
        return out
    return out.view(dtype) if dtype is torch.uint64 else out.to(dtype)


def on_host(fn: Function) -> Function:
    """``fn`` of NumPy's arrays, for what PyTorch lacks and nobody does often."""

    @functools.wraps(fn)
    def call(*xs: torch.Tensor, **params: Any) -> Any:
        out = fn(*map(to_numpy, xs), **params)
        back = [from_numpy(np.asarray(o)).to(xs[0].device) for o in (out if isinstance(out, tuple) else (out,))]
        return tuple(back) if isinstance(out, tuple) else back[0]

    return call
