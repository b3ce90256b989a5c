"""The CPU that code is generated for, and LLVM's view of it.

`host_target()` is the machine at hand, narrowed by `PRONGHORN_TARGET` (`sse2`, `avx2`, `avx-vnni`, `avx512`,
`avx512-bf16`, `amx`, `neon` or `native`) so that tests can exercise the code generated for smaller machines.
`named_target(name)` describes one of those machines whether or not this is one, for looking at the code that it would
get. Those with `-emulated` behind the name, such as `avx512-emulated` and `amx-emulated`, run anywhere: kernels are
planned and written for that machine's vectors, registers and tiles, LLVM makes of them what the host has, and functions
stand in for instructions on bfloat16 and int8. They are slow, and find what goes wrong with what the host lacks.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import re
from typing import Any

import llvmlite.binding as llvm

from pronghorn.engine.runtime import tiles
from pronghorn.engine.runtime.system import host_arch

VARIABLE = "PRONGHORN_TARGET"
# LLVM's effort in generating code. From 2 on it orders instructions once more behind register allocation, which takes a
# tenth of the time of compiling and does what processors do themselves.
LEVEL = 1

# The instruction-set extensions that 512-bit code may use; every server core since Skylake and Zen 4 has them all.
AVX512 = ("avx512f", "avx512bw", "avx512dq", "avx512vl")
AVX2 = ("avx2", "fma")
AVX512_BF16 = "avx512bf16"
VNNI, AVX_VNNI, AMX_INT8, DOTPROD = "avx512vnni", "avxvnni", "amx-int8", "dotprod"


@dataclasses.dataclass(frozen=True)
class Target:
    """A CPU to generate code for.

    Attributes:
        arch: `"x86_64"` or `"aarch64"` (others work through LLVM with 128-bit vectors).
        cpu: LLVM's name of the CPU, such as `"znver4"`.
        features: LLVM's feature string, `"+avx2,-avx512f,..."`.
        vector_bits: the width of the vectors to use: 128, 256 or 512.
        registers: how many vector registers there are: 16 or 32.
        has_fma: whether there is a fused multiply-add.
        l1_bytes: what a core's first-level cache holds.
        l2_bytes: what may count on staying in a core's second-level cache.
        cache_bytes: about what the second and third-level caches leave to one program.
        stack_bytes: how large the buffers on the stack are that a kernel may have.
        emulated_on: the width of the registers that wider vectors are split into; 0 where none are.
        pairs: what multiplies pairs of bfloat16: `"amx"` (tiles), `"avx512"` (vectors), one of these with `"-emulated"`
            behind it, or nothing, the empty string.
        emulated_quads: what multiplies fours of int8, if functions stand in for it.
    """

    arch: str
    cpu: str
    features: str
    vector_bits: int
    registers: int
    has_fma: bool
    l1_bytes: int = 32 << 10
    l2_bytes: int = 512 << 10
    cache_bytes: int = 12 << 20
    stack_bytes: int = 512 << 10
    emulated_on: int = 0
    pairs: str = ""
    emulated_quads: str = ""

    @property
    def quads(self) -> str:
        """What multiplies int8: fours by AMX, VNNI of AVX-512 or of AVX, or ARM's dot products; pairs by PMADDWD.

        One with `"-emulated"` behind it has functions that stand in for it. Other machines have nothing.

        >>> [named_target(name).quads for name in ("amx", "avx512-bf16", "avx-vnni", "avx512", "neon-bf16", "neon")]
        ['amx', 'avx512', 'avx-vnni', 'pmaddwd', 'dotprod', '']
        """
        if self.emulated_quads:
            return self.emulated_quads
        if self.pairs == "amx" and self.has(AMX_INT8):
            return "amx"
        if self.vector_bits == 512 and not self.emulated_on and self.has(VNNI):
            return "avx512"
        if self.arch == "x86_64":
            return "avx-vnni" if self.register_bits >= 256 and self.has(AVX_VNNI) else "pmaddwd"
        return "dotprod" if self.arch == "aarch64" and self.has(DOTPROD) else ""

    @property
    def register_bits(self) -> int:
        """The width of the registers that there really are."""
        return self.emulated_on or self.vector_bits

    def lanes(self, dtype: str) -> int:
        """How many elements of a dtype one vector holds.

        Args:
            dtype: a dtype's name; booleans take a byte.

        >>> named_target("avx2").lanes("float32")
        8
        """
        return max(1, self.vector_bits // dtype_bits(dtype))

    def has(self, feature: str) -> bool:
        """Whether the CPU has a feature, by LLVM's name of it (`"avx512bf16"`, `"amx-bf16"`, `"dotprod"`)."""
        return f"+{feature}" in self.features.split(",")


def dtype_bits(dtype: str) -> int:
    """The width in bits of one element in memory of a dtype given by name.

    >>> dtype_bits("bfloat16"), dtype_bits("bool"), dtype_bits("complex64")
    (16, 8, 64)
    """
    if dtype == "bool":
        return 8
    found = re.match(r"[a-z]+(\d+)", dtype)
    if not found:
        raise ValueError(f"Unknown dtype {dtype!r}; expected a name such as 'float32', 'int64' or 'bool'")
    return max(8, int(found.group(1)))  # 4-bit and smaller types are stored one to a byte


@functools.cache
def initialize_llvm() -> None:
    """Make LLVM ready to compile for this machine. Calling it again costs nothing."""
    # Only the native parts: the core needs no call from Python in any llvmlite we support (0.45 and later).
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


@functools.cache
def native_target() -> Target:
    """The machine at hand with all it has, whatever `PRONGHORN_TARGET` says."""
    initialize_llvm()
    arch, cpu = host_arch(), llvm.get_host_cpu_name()
    try:
        flags = {name for name, there in llvm.get_host_cpu_features().items() if there}
        features = llvm.get_host_cpu_features().flatten()
    except RuntimeError:  # LLVM cannot ask this operating system; the CPU's name implies the features
        flags, features = set(), ""
    if arch != "x86_64":
        return Target(arch, cpu, features, 128, 32, arch == "aarch64")
    has_avx512 = all(name in flags for name in AVX512)
    has_avx2 = all(name in flags for name in AVX2)
    if has_avx512:  # LLVM avoids 512-bit registers on CPUs that clock down for them; dense kernels still gain
        features += ",-prefer-256-bit"
    bits = 512 if has_avx512 else 256 if has_avx2 else 128
    registers = 32 if has_avx512 else 16
    return Target(arch, cpu, features, bits, registers, "fma" in flags, pairs=_pairs(flags) if has_avx512 else "")


def _pairs(flags: set[str]) -> str:
    if all(name in flags for name in tiles.FEATURES) and tiles.are_allowed():
        return "amx"
    return "avx512" if AVX512_BF16 in flags else ""


# LLVM's generic CPUs of the x86-64 levels; their features are spelled out for `Target.has`.
_AVX2_FEATURES = "+avx,+avx2,+fma,+f16c"
_AVX512_FEATURES = f"{_AVX2_FEATURES},+{',+'.join(AVX512)},-prefer-256-bit"
_BF16_FEATURES = f"{_AVX512_FEATURES},+{VNNI},+{AVX512_BF16}"
_AMX_FEATURES = f"{_AVX512_FEATURES},+{VNNI},+{AMX_INT8},+{',+'.join(tiles.FEATURES)}"
_NAMED = {
    "sse2": Target("x86_64", "x86-64", "+sse2", 128, 16, False),
    "avx2": Target("x86_64", "x86-64-v3", _AVX2_FEATURES, 256, 16, True),
    "avx512": Target("x86_64", "x86-64-v4", _AVX512_FEATURES, 512, 32, True),
    "avx-vnni": Target("x86_64", "x86-64-v3", f"{_AVX2_FEATURES},+{AVX_VNNI}", 256, 16, True),
    "amx": Target("x86_64", "sapphirerapids", _AMX_FEATURES, 512, 32, True, pairs="amx"),
    "avx512-bf16": Target("x86_64", "cooperlake", _BF16_FEATURES, 512, 32, True, pairs="avx512"),
    "neon": Target("aarch64", "generic", "+neon,+fp-armv8", 128, 32, True),
    "neon-bf16": Target("aarch64", "generic", f"+neon,+fp-armv8,+fullfp16,+{DOTPROD},+i8mm,+bf16", 128, 32, True),
}
_EMULATED = "-emulated"  # behind a name: with its vectors and registers, on whatever machine this is
EMULATED = tuple(name + _EMULATED for name in ("avx2", "avx-vnni", "avx512", "avx512-bf16", "amx"))


_LACKING = {
    "avx512": AVX512_BF16,
    "amx": f"{' and '.join(tiles.FEATURES)}, or the system does not let this process use them",
}


def lacks(native: Target, target: Target) -> str:
    """The instructions for products of bfloat16 and int8 that a target has and a machine has not; mostly none."""
    pairs, has = target.pairs, native.has(AVX512_BF16)
    if pairs in _LACKING and pairs != native.pairs and not (pairs == "avx512" and has):
        return _LACKING[pairs]
    return AVX_VNNI if target.quads == "avx-vnni" and not native.has(AVX_VNNI) else ""


def named_target(name: str) -> Target:
    """A machine by name, whether or not the host is one.

    Args:
        name: `"sse2"`, `"avx2"`, `"avx-vnni"`, `"avx512"`, `"avx512-bf16"`, `"amx"`, `"neon"`, `"neon-bf16"` or
            `"native"` (the host itself), or one of those for x86-64, but the first, with `"-emulated"` behind it (the
            host, with the other's vectors, registers and tiles).

    Raises:
        ValueError: there is no such name.

    >>> named_target("avx512").vector_bits
    512
    """
    if name == "native":
        return native_target()
    if name in EMULATED:
        native, other = native_target(), _NAMED[name.removesuffix(_EMULATED)]
        narrow = min(native.vector_bits, other.vector_bits)
        return dataclasses.replace(
            native,
            vector_bits=other.vector_bits,
            registers=other.registers,
            emulated_on=narrow,
            pairs=other.pairs and other.pairs + _EMULATED,
            emulated_quads="" if other.quads == "pmaddwd" else other.quads + _EMULATED,
        )
    if name not in _NAMED:
        raise ValueError(f"Unknown target {name!r}; expected one of {', '.join((*_NAMED, *EMULATED))} or native")
    return _NAMED[name]


@functools.lru_cache(maxsize=8)
def _checked_target(name: str) -> Target:
    native = native_target()
    try:
        target = named_target(name)
    except ValueError as error:
        raise ValueError(f"The environment variable {VARIABLE} is {name!r}. {error}") from None
    lacking = "" if target.arch == native.arch else f"its architecture is {native.arch}, not {target.arch}"
    if not lacking and target.register_bits > native.vector_bits:
        lacking = f"its widest usable vectors are {native.vector_bits} bits"
    if not lacking and lacks(native, target):
        lacking = f"it has no {lacks(native, target)}"
    if lacking:
        raise ValueError(
            f"The environment variable {VARIABLE} asks for {name!r}, which this machine ({native.cpu}) cannot run: "
            f"{lacking}. Unset it or set it to 'native'"
        )
    return target


def host_target() -> Target:
    """The target that code is compiled for in this process: the host, or what `PRONGHORN_TARGET` narrows it to.

    Raises:
        ValueError: the variable names no target, or one that this machine cannot run.
    """
    return _checked_target(os.environ.get(VARIABLE, "").strip().lower() or "native")


def target_machine(target: Target) -> Any:
    """A new LLVM target machine (a `llvmlite.binding.TargetMachine`) that generates code for `target`.

    An execution engine takes over the machine that it is given, so each engine needs one of its own.
    """
    initialize_llvm()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=target.cpu, features=target.features, opt=LEVEL, reloc="default", codemodel="jitdefault", jit=True
    )
