"""Calls of the C library's functions, lane by lane."""

from __future__ import annotations

from pronghorn.engine.codegen.builder import FunctionBuilder
from pronghorn.engine.codegen.real_math import RealMath

__all__ = ["defined_helpers", "emit_libm"]


def emit_libm(fb: FunctionBuilder, name: str, scalar: str, lanes: int, *arguments: str) -> str:
    """Calls a function of the C library for every lane (``name`` as for double; float has an ``f`` more)."""
    symbol = name + "f" if scalar == "float" else name
    if lanes == 1:
        return fb.call(symbol, scalar, [(scalar, argument) for argument in arguments])
    m = RealMath(fb, scalar, lanes)
    wrapper = f"each.{symbol}.{lanes}"
    _define_wrapper(fb, wrapper, symbol, scalar, lanes, len(arguments))
    return fb.call(wrapper, m.ty, [(m.ty, argument) for argument in arguments])


def _define_wrapper(fb: FunctionBuilder, wrapper: str, symbol: str, scalar: str, lanes: int, count: int) -> None:
    """A function of the module that applies a scalar function to the lanes in turn; made once."""
    if wrapper in defined_helpers(fb):
        return
    defined_helpers(fb).add(wrapper)
    ty = RealMath(fb, scalar, lanes).ty
    inner = fb.module.function(wrapper, [(ty, f"a{i}") for i in range(count)], ty, "internal", "noinline nounwind")
    slots = [inner.alloca(ty, align=64) for _ in range(count)]
    for i, slot in enumerate(slots):
        inner.store(ty, f"%a{i}", slot, align=64)
    with inner.loop(0, lanes) as lane:
        items = [inner.load(scalar, inner.gep(scalar, slot, lane)) for slot in slots]
        result = inner.call(symbol, scalar, [(scalar, item) for item in items])
        inner.store(scalar, result, inner.gep(scalar, slots[0], lane))
    inner.ret(ty, inner.load(ty, slots[0], align=64))


def defined_helpers(fb: FunctionBuilder) -> set[str]:
    """The names of the helper functions that the module already has."""
    module = fb.module
    if not hasattr(module, "helpers"):
        module.helpers = set()  # type: ignore[attr-defined]
    return module.helpers  # type: ignore[attr-defined]
