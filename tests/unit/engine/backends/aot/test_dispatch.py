"""The level of this processor, which a library for every x86-64 asks for."""

import ctypes
import mmap
import sys
from pathlib import Path

import pytest

from pronghorn.engine.backends.aot.dispatch import LEVEL_CODE
from pronghorn.engine.runtime.host import native_target

THIRD = [
    "pni",
    "ssse3",
    "fma",
    "cx16",
    "sse4_1",
    "sse4_2",
    "movbe",
    "popcnt",
    "xsave",
    "avx",
    "f16c",
    "bmi1",
    "avx2",
    "bmi2",
    "abm",
]
FOURTH = ["avx512f", "avx512dq", "avx512cd", "avx512bw", "avx512vl"]


@pytest.mark.skipif(native_target().arch != "x86_64" or sys.platform != "linux", reason="needs Linux on x86-64")
def test_the_level_is_what_the_system_says():
    flags = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")).split()
    has_third, has_fourth = (set(wanted) <= set(flags) for wanted in (THIRD, FOURTH))
    memory = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(LEVEL_CODE)
    place = ctypes.c_char.from_buffer(memory)
    level = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(place))()
    del place
    memory.close()
    assert level == (4 if has_third and has_fourth else 3 if has_third else 1)
