"""What LLVM leaves to the C library or to a compiler's own, as code: each library has what it needs of it.

All of it is exact: a remainder, a quotient, a number rounded once. So the results have the same bits wherever they are
computed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pronghorn.engine.backends.aot import divisions, elf, remainders
from pronghorn.engine.codegen.builder import ModuleBuilder
from pronghorn.engine.codegen.real_math import RealMath
from pronghorn.engine.codegen.rounding import emit_rounding
from pronghorn.engine.runtime.compile import object_code
from pronghorn.engine.runtime.host import named_target
from pronghorn.engine.runtime.machines import Machine, code_generator

_ROUNDINGS = {"floor": "floor", "ceil": "ceil", "trunc": "trunc", "roundeven": "round"}  # C's names, and ours
_DECLARED = re.compile(r"^declare [^@\n]*@([-\w.$]+)\(", re.MULTILINE)
_FROM_INTEGER = "__aeabi_l2f"
# The integer is rounded to odd at 53 digits, so that rounding it to a float, in the end, is as if it came from all.
_FROM_INTEGER_IR = """
define internal arm_aapcscc float @__aeabi_l2f(i64 %x) noinline nounwind {
  %size = call i64 @llvm.abs.i64(i64 %x, i1 false)
  %large = icmp ugt i64 %size, 9007199254740992
  %low = and i64 %x, 2047
  %some = icmp ne i64 %low, 0
  %odd = select i1 %some, i64 2048, i64 0
  %high = and i64 %x, -2048
  %sticky = or i64 %high, %odd
  %y = select i1 %large, i64 %sticky, i64 %x
  %top = ashr i64 %y, 32
  %top.32 = trunc i64 %top to i32
  %top.d = sitofp i32 %top.32 to double
  %scaled = fmul double %top.d, 0x41F0000000000000
  %bottom = trunc i64 %y to i32
  %bottom.d = uitofp i32 %bottom to double
  %sum = fadd double %scaled, %bottom.d
  %r = fptrunc double %sum to float
  ret float %r
}
declare i64 @llvm.abs.i64(i64, i1)
"""


def compiled(text: str, machine: Machine, name: str) -> bytes:
    """The object file of a library's module, with stand-ins for what it calls.

    Args:
        text: LLVM IR.
        machine: the machine.
        name: the library's, for messages.
    """
    code = object_code(text, code_generator(machine), name)
    known = {*divisions.NAMES, *remainders.NAMES, _FROM_INTEGER, *_rounding_names()}
    wanted = [each for each in elf.undefined(code) if each in known]
    if not wanted:
        return code
    return object_code(text + _undeclared(_definitions(wanted), text), code_generator(machine), name)


def _rounding_names() -> list[str]:
    return [name + suffix for name in _ROUNDINGS for suffix in ("", "f")]


def _definitions(wanted: Sequence[str]) -> str:
    module = ModuleBuilder()
    module.target = named_target("sse2")  # which rounds by additions that every machine has
    for name in wanted:
        if name in remainders.NAMES:
            remainders.write(module, name)
        ours = _ROUNDINGS.get(name.removesuffix("f"))
        if ours is not None:
            _write_rounding(module, name, ours)
    text = module.text() + divisions.definitions([name for name in wanted if name in divisions.NAMES])
    if _FROM_INTEGER in wanted:
        text += _FROM_INTEGER_IR
    kept = ", ".join(f"ptr @{name}" for name in wanted)  # code refers to them only once it is machine code
    used = f'@llvm.used = appending global [{len(wanted)} x ptr] [{kept}], section "llvm.metadata"\n'
    return text + used


def _write_rounding(module: ModuleBuilder, name: str, ours: str) -> None:
    ty = "float" if name.endswith("f") else "double"
    fb = module.function(name, [(ty, "x")], ty, linkage="internal", attributes="noinline nounwind")
    fb.ret(ty, emit_rounding(RealMath(fb, ty, 1), ours, "%x"))


def _undeclared(more: str, text: str) -> str:
    """``more`` LLVM IR without the declarations that are there, or in the text that it is added to."""
    known = set(_DECLARED.findall(text))
    lines = []
    for line in more.splitlines(keepends=True):
        found = _DECLARED.match(line)
        if found is None or found[1] not in known:
            lines.append(line)
        if found is not None:
            known.add(found[1])
    return "".join(lines)
