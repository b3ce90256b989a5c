import ctypes
import re

import llvmlite.binding as llvm
import pytest

from pronghorn.engine.runtime import context, native, waiting
from pronghorn.engine.runtime.compile import compile_ir
from pronghorn.engine.runtime.host import initialize_llvm


@pytest.mark.parametrize("arch", ["x86_64", "aarch64", "ppc64le", "riscv64"])
@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_the_routines_are_valid_ir_for_every_system(arch, system):
    initialize_llvm()
    for text in (native.runtime_ir(arch, system), native.pool_ir(arch, system)):
        llvm.parse_assembly(text).verify()


@pytest.mark.parametrize(
    ("system", "arch", "kind"),
    [
        ("linux", "x86_64", "futex"),
        ("linux", "aarch64", "futex"),
        ("linux", "s390x", "nap"),  # big-endian: the low half of a word is not at its address
        ("darwin", "aarch64", "nap"),
        ("win32", "x86_64", "address"),
    ],
)
def test_how_threads_sleep(system, arch, kind):
    assert waiting.sleep_kind(system, arch) == kind


@pytest.mark.parametrize(
    ("count", "frequency", "told"),
    [
        (0, 10_000_000, 0),
        (1, 10_000_000, 100),
        (86_400 * 365 * 10_000_000 + 7, 10_000_000, 86_400 * 365 * 1_000_000_000 + 700),  # a year: no overflow
        (2**62, 3_000_000_000, 2**62 // 3),
        (7, 3, 2_333_333_333),
    ],
)
def test_the_clock_of_windows(count, frequency, told):
    """Its own code, run here on a counter and a frequency of ours."""
    number = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.POINTER(ctypes.c_int64))

    @number
    def counter(place):
        place[0] = count
        return 1

    @number
    def ticks(place):
        place[0] = frequency
        return 1

    text = waiting.waiting_ir("x86_64", "win32", "address")
    text = text[text.index("declare i32 @QueryPerformanceCounter") : text.index("; Whether cores")]
    start = text.index("define internal i64 @ph_now")
    now = text[start : text.index("\n}", start) + 3].replace("define internal", "define")
    for name, function in {"QueryPerformanceCounter": counter, "QueryPerformanceFrequency": ticks}.items():
        address = ctypes.cast(function, ctypes.c_void_p).value
        now = re.sub(rf"call i32 @{name}\(", f"call i32 inttoptr (i64 {address} to ptr)(", now)
    module = compile_ir(now, use_cache=False, verify=True)  # the code lives as long as it does
    assert module.function("ph_now", ctypes.c_int64)() == told


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_no_clock_can_be_set(system):
    """Wall time jumps when it is set: threads would then take cores for short, for hours."""
    text = waiting.waiting_ir("x86_64", system, "nap")
    called = re.search(r"i64 @ph_now\(\).*?\n}", text, re.DOTALL)[0]
    monotonic = {
        "linux": "@clock_gettime(i32 1,",
        "darwin": "@clock_gettime(i32 6,",
        "win32": "@QueryPerformanceCounter(",
    }
    assert monotonic[system] in called and "FileTime" not in text


def test_hot_words_are_on_lines_of_their_own():
    hot = [
        context.GO,
        context.DONE,
        context.NEXT,
        context.INSIDE,
        context.JOB,
        context.STATUS,
        context.BUSY,
        context.SHORT,
    ]
    hot += [context.WOKEN, context.DECISIONS]
    assert len({offset // 128 for offset in hot}) == len(hot)
    assert max(hot) + 128 <= context.CONTEXT_BYTES
