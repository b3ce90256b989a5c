"""`pronghorn info`: the machine and the installation."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib import metadata

import llvmlite.binding as llvm
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pronghorn._extras import install_command
from pronghorn._version import KERAS_API_VERSION, __version__
from pronghorn._wording import counted, size_text
from pronghorn.engine.backends import engine as engines
from pronghorn.engine.runtime import cache, host, system, threads


def facts() -> Iterator[tuple[str, str]]:
    """Give pairs of a title and its value; what cannot be found out says why."""
    yield "Pronghorn", f"{__version__}, Keras API {KERAS_API_VERSION}"
    yield "Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    target = host.host_target()
    yield "CPU", f"{name} ({target.cpu} to LLVM)" if (name := system.processor_name()) else target.cpu
    yield "Vectors", f"{target.vector_bits} bits, {target.registers} registers, {'FMA' if target.has_fma else 'no FMA'}"
    yield "bfloat16", _BFLOAT16[target.pairs]
    yield "Threads", f"{threads.get_num_threads()} of {threads.available_cores()} cores"
    yield "LLVM", f"{'.'.join(map(str, llvm.llvm_version_info))}, llvmlite {_version('llvmlite')}"
    yield "NumPy", _version("numpy")
    for package, purpose in (("matplotlib", "pictures"), ("pandas", "data frames"), ("pillow", "image files")):
        yield package, _version(package, missing=f"not installed ({purpose})")
    for name in engines.NAMES:
        yield f"Engine {name}", _engine(name)
    folder = cache.directory()
    yield "Compile cache", f"{folder}, {_amount(*cache.size())}" if folder else "off"


def _engine(name: str) -> str:
    """An engine's version and devices, or why it cannot be used."""
    if not engines.is_installed(name):
        return f"not installed ({install_command(name)})"
    try:
        found = engines.engine(name)
        return f"{found.version()}, on {', '.join(found.devices())}"
    except Exception as error:  # what is wrong with somebody else's library is what is to be told
        return str(error)


def _version(package: str, missing: str = "not installed") -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return missing


def print_info() -> None:
    """Print the facts as a table; plain where the output is no terminal."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for title, value in facts():
        table.add_row(title, escape(value))
    Console(highlight=False).print(table)


def print_cache() -> None:
    """Print where the cache is, and how much is in it."""
    folder = cache.directory()
    print(f"{folder}\n{_amount(*cache.size())}, of {size_text(cache.LIMIT_BYTES)} at most" if folder else _OFF)


def clear_cache() -> None:
    """Delete what is in the cache, and print how much that was."""
    folder = cache.directory()
    print(f"Deleted {_amount(*cache.clear())} from {folder}" if folder else _OFF)


_BFLOAT16 = {
    "": "widened to float32",
    "amx": "products of tiles (AMX)",
    "amx-emulated": "products of tiles (AMX, by functions in its place)",
    "avx512": "products of pairs (AVX-512 BF16)",
    "avx512-emulated": "products of pairs (AVX-512 BF16, by functions in its place)",
}
_OFF = f"The cache is off ({cache.SWITCH_VARIABLE} is set)."


def _amount(files: int, size: int) -> str:
    return f"{counted(files, 'file')}, {size_text(size)}"
