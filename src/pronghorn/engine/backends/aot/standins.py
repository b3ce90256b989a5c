"""What LLVM leaves to the C library or to a compiler's own, as code: each library has what it needs of it.

All of it is exact: a remainder, a quotient, a number rounded once. So the results have the same bits wherever they are
computed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pronghorn.engine.backends.aot import angles, divisions, remainders, soft_floats
from pronghorn.engine.codegen.builder import ModuleBuilder
from pronghorn.engine.codegen.real_math import RealMath
from pronghorn.engine.codegen.rounding import emit_rounding
from pronghorn.engine.runtime import objects
from pronghorn.engine.runtime.compile import object_code
from pronghorn.engine.runtime.host import named_target
from pronghorn.engine.runtime.machines import Machine, code_generator

_ROUNDINGS = {"floor": "floor", "ceil": "ceil", "trunc": "trunc", "roundeven": "round"}  # C's names, and ours
_DECLARED = re.compile(r"^declare [^@\n]*@([-\w.$]+)\(", re.MULTILINE)


def compiled(text: str, machine: Machine, name: str) -> bytes:
    """The object file of a library's module, with stand-ins for what it calls.

    Args:
        text: LLVM IR.
        machine: the machine.
        name: the library's, for messages.
    """
    known = {*divisions.NAMES, *remainders.NAMES, *angles.NAMES, *soft_floats.NAMES, *_rounding_names()}
    code = object_code(text, code_generator(machine), name)
    wanted: list[str] = []
    while more := [each for each in objects.undefined(code) if each in known]:  # what stands in may call others
        wanted += more
        code = object_code(_with(wanted, text), code_generator(machine), name)
    return code


def _with(wanted: Sequence[str], text: str) -> str:
    """A module with stand-ins, in place of declarations where there are some."""
    own = _DECLARED.sub(lambda match: f"; {match[0]}" if match[1] in wanted else match[0], text)
    return own + _undeclared(_definitions(wanted), own)


def _rounding_names() -> list[str]:
    return [name + suffix for name in _ROUNDINGS for suffix in ("", "f")]


def _definitions(wanted: Sequence[str]) -> str:
    module = ModuleBuilder()
    module.target = named_target("sse2")  # which rounds by additions that every machine has
    for name in wanted:
        for kind in (remainders, angles):
            if name in kind.NAMES:
                kind.write(module, name)
        ours = _ROUNDINGS.get(name.removesuffix("f"))
        if ours is not None:
            _write_rounding(module, name, ours)
    text = module.text()
    for parts in (divisions, soft_floats):
        text += parts.definitions([name for name in wanted if name in parts.NAMES])
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
