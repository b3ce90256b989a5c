"""Shared libraries: made by a linker that is at hand, which for other machines is Zig's."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from pronghorn.engine.runtime.host import native_target
from pronghorn.engine.runtime.machines import Machine

_SECONDS = 120
_MICROCONTROLLERS = {
    "thumbv7em": ("-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"),
    "thumbv8.1m.main": ("-mcpu=cortex-m55", "-mfloat-abi=hard"),
}
"""What GCC calls them."""


class LinkError(RuntimeError):
    """There is no linker, or it failed: what to do about it."""


def compiler(machine: Machine) -> list[str] | None:
    """The command of a C compiler for a machine; None where none is at hand.

    Args:
        machine: what it is to make code for.
    """
    if not machine.has_system:
        found = shutil.which("arm-none-eabi-gcc")
        return None if found is None else [found, *_MICROCONTROLLERS[machine.name]]
    arch, suffix = machine.target.arch, "eabihf" if machine.target.arch == "arm" else ""
    if importlib.util.find_spec("ziglang") is not None:
        kind = "windows-gnu" if machine.system == "windows" else f"linux-musl{suffix}"
        return [sys.executable, "-m", "ziglang", "cc", "-target", f"{arch}-{kind}"]
    names = [f"{arch}-w64-mingw32-gcc" if machine.system == "windows" else f"{arch}-linux-gnu{suffix}-gcc"]
    if arch == native_target().arch and sys.platform == {"linux": "linux", "windows": "win32"}[machine.system]:
        names = ["cc", "gcc", "clang", *names]
    found = next(filter(None, map(shutil.which, names)), None)
    return None if found is None else [found]


def shared_name(name: str, machine: Machine) -> str:
    """The file of a shared library, by the custom of the machine's system.

    >>> from pronghorn.engine.runtime.machines import machine
    >>> shared_name("digits", machine("aarch64")), shared_name("digits", machine("x86-64-windows"))
    ('libdigits.so', 'digits.dll')
    """
    return f"{name}.dll" if machine.system == "windows" else f"lib{name}.so"


def shared_library(name: str, files: Mapping[str, bytes], functions: Iterable[str], machine: Machine) -> bytes:
    """A shared library of object files.

    Args:
        name: the name of its file, by which programs ask for it.
        files: object files by name.
        functions: those that programs can call.
        machine: what they are for.

    Raises:
        LinkError: there is no linker, or it failed.
    """
    command = compiler(machine)
    if command is None:
        raise LinkError(f"there is no linker for {machine.name}")
    with tempfile.TemporaryDirectory(prefix="linking-") as scratch:
        folder = Path(scratch)
        for each, content in files.items():
            (folder / each).write_bytes(content)
        options = ["-shared", "-Wl,-s", "-o", name]
        if machine.system == "windows":  # objects do not say there what others see; a library begins in C's own
            (folder / "names.def").write_text("\n".join([f"LIBRARY {name}", "EXPORTS", *functions, ""]))
            options.append("names.def")
        else:
            options += ["-nostdlib", f"-Wl,-soname,{name}"]
        done = subprocess.run(
            [*command, *options, *files], cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        if done.returncode or not (folder / name).is_file():
            said = (done.stderr or done.stdout).strip().splitlines()
            raise LinkError(f"{command[0]} failed ({said[-1] if said else f'status {done.returncode}'})")
        return (folder / name).read_bytes()
