"""Machines that code is generated for ahead of time: by name, whether or not the host is one."""

from __future__ import annotations

import dataclasses
import difflib
import functools
from collections.abc import Mapping
from typing import Any

import llvmlite.binding as llvm

from pronghorn.engine.runtime.host import AVX512_BF16, LEVEL, Target, host_target, initialize_llvm, named_target

NATIVE = "native"


@dataclasses.dataclass(frozen=True)
class Machine:
    """A machine that a library is made for.

    Attributes:
        name: what users call it.
        triple: LLVM's name of the architecture, the system and its binary interface.
        target: what kernels are planned for.
        abi: LLVM's name of the calling convention, where the triple leaves it open.
        pointer_bits: the width of a pointer.
        system: the operating system, `"linux"` or `"windows"`; empty where there is none, as in a microcontroller.
        levels: where a library is for several machines and chooses among them when it runs: these, by level.
    """

    name: str
    triple: str
    target: Target
    abi: str = ""
    pointer_bits: int = 64
    system: str = "linux"
    levels: Mapping[int, Machine] = dataclasses.field(default_factory=dict, compare=False)

    @property
    def has_system(self) -> bool:
        """Whether a system loads shared libraries; else code lies where it is linked to."""
        return bool(self.system)

    @property
    def size_type(self) -> str:
        """LLVM's type for `size_t`."""
        return f"i{self.pointer_bits}"


_X86 = "x86_64-unknown-linux-gnu"
_ARM = Target("arm", "cortex-a7", "+neon,+vfp4,+thumb-mode", 128, 16, True)
# Without vectors, a pair of registers stands for one.
_RISCV = Target("riscv64", "generic-rv64", "+m,+a,+f,+d,+c", 64, 16, True)
_RISCV_V = dataclasses.replace(_RISCV, features=f"{_RISCV.features},+v", vector_bits=128, registers=32)
_NO_SYSTEM = "unknown-none-gnueabihf"
# As a Cortex-M4F has neither vectors nor doubles, a pair of its 32 registers stands for a vector of two.
_M4 = Target(
    "thumb",
    "cortex-m4",
    "+vfp4d16sp",
    64,
    16,
    True,
    l1_bytes=4 << 10,
    l2_bytes=64 << 10,
    cache_bytes=64 << 10,
    stack_bytes=4 << 10,
)
_M55 = dataclasses.replace(_M4, cpu="cortex-m55", features="+mve.fp", vector_bits=128, registers=8)
_V2 = Target("x86_64", "x86-64-v2", "+sse3,+ssse3,+sse4.1,+sse4.2,+popcnt,+cx16,+sahf", 128, 16, False)
_CHOSEN_LEVELS = (1, 3, 4)  # among which a library for any x86-64 chooses
_LEVELS = {
    level: Machine(f"x86-64-v{level}", _X86, target)
    for level, target in enumerate((named_target("sse2"), _V2, named_target("avx2"), named_target("avx512")), 1)
}
# GNU's kind of Windows: there, code asks for no symbol that stands for the use of floats.
_WINDOWS = "x86_64-pc-windows-gnu"
_WINDOWS_LEVELS = {
    level: dataclasses.replace(each, name=f"{each.name}-windows", triple=_WINDOWS, system="windows")
    for level, each in _LEVELS.items()
    if level in _CHOSEN_LEVELS
}
MACHINES: dict[str, Machine] = {
    machine.name: machine
    for machine in (
        Machine("x86-64", _X86, _LEVELS[1].target, levels={level: _LEVELS[level] for level in _CHOSEN_LEVELS}),
        *_LEVELS.values(),
        Machine("x86-64-windows", _WINDOWS, _LEVELS[1].target, system="windows", levels=_WINDOWS_LEVELS),
        Machine("aarch64", "aarch64-unknown-linux-gnu", named_target("neon")),
        Machine("armv7", "armv7-unknown-linux-gnueabihf", _ARM, pointer_bits=32),
        Machine("riscv64", "riscv64-unknown-linux-gnu", _RISCV, abi="lp64d"),
        Machine("thumbv7em", f"thumbv7em-{_NO_SYSTEM}", _M4, pointer_bits=32, system=""),
        Machine("thumbv8.1m.main", f"thumbv8.1m.main-{_NO_SYSTEM}", _M55, pointer_bits=32, system=""),
        Machine("riscv64-v", "riscv64-unknown-linux-gnu", _RISCV_V, abi="lp64d"),
    )
}
"""By name, all but the host itself."""

_OTHER_NAMES = {"arm64": "aarch64", "amd64": "x86-64", "x64": "x86-64", "avx2": "x86-64-v3", "avx512": "x86-64-v4"}
_OTHER_NAMES |= dict.fromkeys(("windows", "win64", "x86-64-pc-windows-msvc", "x86-64-windows-gnu"), "x86-64-windows")
_OTHER_NAMES |= dict.fromkeys(("cortex-m4", "cortex-m4f", "cortex-m7", "thumbv7em-none-eabihf", "thumb"), "thumbv7em")
_OTHER_NAMES |= dict.fromkeys(("cortex-m55", "cortex-m85", "thumbv8.1m.main-none-eabihf"), "thumbv8.1m.main")
"""What others call them, for errors."""


def machine(name: str) -> Machine:
    """A machine by its name: one of `MACHINES`, or `"native"`, this one.

    Raises:
        ValueError: there is no such name, which says the nearest; or this machine's object files are not Linux's.

    >>> machine("aarch64").target.vector_bits
    128
    """
    if name == NATIVE:
        return _native()
    found = MACHINES.get(name)
    if found is None:
        names = (NATIVE, *MACHINES)
        asked = str(name).lower().replace("_", "-")
        near = [_OTHER_NAMES[asked]] if asked in _OTHER_NAMES else difflib.get_close_matches(asked, names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"The target {name!r} is not known.{hint} Targets: {', '.join(map(repr, names))}.")
    return found


def _native() -> Machine:
    initialize_llvm()
    triple = llvm.get_default_triple()
    if any(word in triple for word in ("darwin", "apple", "windows", "msvc", "mingw")):
        raise ValueError(
            f"The target {NATIVE!r} is {triple} here, whose object files are not written yet. Name another: "
            f"{', '.join(map(repr, MACHINES))}."
        )
    target = host_target()
    if target.pairs == "amx":  # a process has to ask the system for its tiles, which a library cannot
        target = dataclasses.replace(target, pairs="avx512" if target.has(AVX512_BF16) else "")
    return Machine(NATIVE, triple, target, abi="lp64d" if target.arch == "riscv64" else "")


@functools.cache
def _initialize_all() -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    # LLVM 20 stops the process at some gathers for the vectors of Cortex-M; lane by lane it writes them well.
    llvm.set_option("pronghorn", "-enable-arm-maskedgatscat=false")


def code_generator(machine: Machine) -> Any:
    """A new LLVM target machine (a `llvmlite.binding.TargetMachine`) whose code may lie anywhere in a program.

    Without a system it lies where it is linked to.
    """
    _initialize_all()
    target = machine.target
    return llvm.Target.from_triple(machine.triple).create_target_machine(
        cpu=target.cpu,
        features=target.features,
        opt=LEVEL,
        reloc="pic" if machine.has_system else "static",
        codemodel="default",
        abiname=machine.abi,
    )
