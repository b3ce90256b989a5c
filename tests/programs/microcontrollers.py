"""Programs for Cortex-M processors, built by GCC and run by qemu-system-arm."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from pronghorn.engine.runtime.machines import MACHINES
from pronghorn.export.native.linking import compiler

FOLDER = Path(__file__).parents[2] / "examples" / "native" / "cortex_m"
BOARDS = {"thumbv7em": ("mps2-an386", "mps2.ld"), "thumbv8.1m.main": ("mps3-an547", "mps3.ld")}
"""By target, qemu's board and the linker's script for its memory."""

EMULATOR = shutil.which("qemu-system-arm")
IS_THERE = EMULATOR is not None and compiler(MACHINES["thumbv7em"]) is not None
_SECONDS = 300


def build(folder: Path, target: str, files: Sequence[str | Path], options: Sequence[str] = ()) -> Path:
    """A program of C files and libraries.

    Args:
        folder: where it is built, and where the files are.
        target: one of `BOARDS`.
        files: their names, or paths.
        options: more for the compiler.
    """
    command = [*(compiler(MACHINES[target]) or ()), "-O1", "-Wall", "-Wextra", "-Werror", *options]
    command += ["--specs=rdimon.specs", "-nostartfiles", f"-L{FOLDER}", f"-T{FOLDER / BOARDS[target][1]}"]
    command += [str(FOLDER / "startup.c"), *map(str, files), "-o", "program.elf"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return folder / "program.elf"


def run(program: Path, target: str, counted: bool = False) -> tuple[int, str]:
    """Run a program; its status, and what it printed.

    Args:
        program: the file.
        target: one of `BOARDS`.
        counted: whether the board's clock is one of instructions: each takes a nanosecond.
    """
    command = [EMULATOR or "", "-M", BOARDS[target][0], "-kernel", program.name, "-nographic", "-monitor", "none"]
    command += ["-serial", "none", "-semihosting-config", "enable=on,target=native"]
    command += ["-icount", "shift=0"] if counted else []
    done = subprocess.run(command, cwd=program.parent, capture_output=True, text=True, timeout=_SECONDS, check=False)
    return done.returncode, done.stdout + done.stderr


def objects(archive: bytes) -> Iterator[bytes]:
    """The object files of a static library."""
    at = 8
    while at < len(archive):
        head, size = archive[at : at + 60], int(archive[at + 48 : at + 58])
        if head[:1] != b"/" or head[1:2].isdigit():
            yield archive[at + 60 : at + 60 + size]
        at += 60 + size + size % 2
