"""One library for every x86-64: its functions for each level of the architecture, and the choice among them.

The levels are those of the System V ABI for x86-64: 1, 3 (AVX2, FMA and others) and 4 (AVX-512).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pronghorn.engine.backends.aot.modules import needed
from pronghorn.engine.backends.aot.standins import compiled
from pronghorn.engine.runtime import objects
from pronghorn.engine.runtime.machines import Machine

LEVEL_CODE = bytes.fromhex(
    "31f65389f089f10fa2bf0100000083f8067679b80100000089f10fa281e10132d83881f90132d838756289f10f01d04189c083e00683f806"
    "7552b8070000000fa289d84189d925280100003d28010000753ab80100008089f10fa280e120742c4181e1000003d0bf030000004181f900"
    "0003d075174181e0e600000031ff4181f8e6000000400f94c783c70389f85bc3"
)
"""Machine code of ``int level(void)``, as LLVM has no assembler for it on other machines. In C:

    cpuid(0): if the last leaf is below 7, return 1
    cpuid(1): if ecx lacks one of 0x38d83201 (SSE3, SSSE3, FMA, CX16, SSE4.1, SSE4.2, MOVBE, POPCNT, OSXSAVE, AVX,
              F16C), return 1
    xgetbv(0): if the system does not save the upper halves of registers (6), return 1
    cpuid(7, 0): if ebx lacks one of 0x128 (BMI1, AVX2, BMI2), return 1
    cpuid(0x80000001): if ecx lacks 0x20 (LZCNT), return 1
    if ebx of leaf 7 has 0xd0030000 (AVX-512 F, DQ, CD, BW, VL) and xgetbv all of 0xe6, return 4
    return 3
"""

_KEPT = bytes.fromhex("5657e8030000005f5ec3")
"""Before that code: machine code that keeps rsi and rdi for the caller, as Windows asks of functions.

        push rsi
        push rdi
        call behind
        pop  rdi
        pop  rsi
        ret
    behind:
"""

_HEAD = re.compile(r"^define (?!internal)(\S+) @([-\w.$]+)\(([^)]*)\)", re.MULTILINE)


def chosen(name: str, codes: Mapping[int, str], machine: Machine, others: str, exported: set[str]) -> dict[str, bytes]:
    """The object files of a library for several levels.

    Args:
        name: what its functions' names begin with.
        codes: by level, the LLVM IR of the functions that run steps.
        machine: the machine, with its levels.
        others: LLVM IR of more functions, which are the same for all levels.
        exported: which of these can be called from outside.
    """
    files = {}
    heads = [head for head in _HEAD.findall(codes[min(codes)]) if head[1].startswith(f"{name}_")]
    names = [function for _, function, _ in heads]
    for level, code in codes.items():
        renamed = re.sub(rf"@({'|'.join(map(re.escape, names))})\(", rf"@\1.{level}(", code)
        renamed = re.sub(rf"^define (\S+ @(?:{'|'.join(names)})\.{level}\()", r"define hidden \1", renamed, flags=re.M)
        text = needed(renamed, {f"{function}.{level}" for function in names})
        files[f"{name}_{level}.o"] = compiled(text, machine.levels[level], name)
    text = others + _level(name) + "".join(_choice(name, *head, list(codes)) for head in heads)
    code = compiled(needed(text, exported.union(names)), machine, name)
    level_code = _KEPT + LEVEL_CODE if machine.system == "windows" else LEVEL_CODE
    cpu = objects.of_bytes(f"{name}_cpu", level_code, code, is_code=True)
    return {f"{name}.o": code, **files, f"{name}_cpu.o": cpu}


def _level(name: str) -> str:
    """A function that asks the processor once. Threads that ask at the same time all note the same answer."""
    return f"""
@{name}.known = internal global i32 0, align 4
declare hidden i32 @{name}_cpu()
define internal i32 @{name}.level() noinline nounwind {{
  %known = load atomic i32, ptr @{name}.known monotonic, align 4
  %is.known = icmp ne i32 %known, 0
  br i1 %is.known, label %out, label %ask
ask:
  %found = call i32 @{name}_cpu()
  store atomic i32 %found, ptr @{name}.known monotonic, align 4
  ret i32 %found
out:
  ret i32 %known
}}
"""


def _choice(name: str, result: str, function: str, parameters: str, levels: list[int]) -> str:
    """A function that calls the one of its level."""
    least, *higher = levels
    lines = [f"define {result} @{function}({parameters}) nounwind {{", f"  %level = call i32 @{name}.level()"]
    cases = " ".join(f"i32 {level}, label %for{level}" for level in higher)
    lines.append(f"  switch i32 %level, label %for{least} [ {cases} ]")
    for level in levels:
        lines += [f"for{level}:", f"  %r{level} = tail call {result} @{function}.{level}({parameters})"]
        lines.append(f"  ret {result} %r{level}")
    kinds = ", ".join(parameter.split()[0] for parameter in parameters.split(",")) if parameters else ""
    declared = [f"declare hidden {result} @{function}.{level}({kinds})" for level in levels]
    return "\n".join([*declared, *lines, "}", ""])
