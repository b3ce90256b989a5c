"""`pronghorn doctor`: whether this installation works, and what to send with a report if it does not.

What may fail in any way, a crash included, is tried in a process of its own. This module imports nothing that may be
broken.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pronghorn._extras import install_command
from pronghorn._version import __version__
from pronghorn._wording import counted

WORKS, NOTE, BROKEN = "works", "note", "broken"
_STYLES = {WORKS: "green", NOTE: "yellow", BROKEN: "bold red"}

#: Packages that the core imports, by the names of their modules.
PACKAGES = ("numpy", "llvmlite", "ml_dtypes", "h5py", "rich", "click")
#: Names that a script imports, and that a file beside it takes away from it.
NAMES = ("pronghorn", "keras", "tensorflow", "jax", "torch", *PACKAGES, "random", "types", "inspect", "tokenize")
SECONDS = 120.0  # for one try; the first compilation of a slow machine takes some


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Attributes:
        state: `WORKS`, `NOTE` or `BROKEN`.
        title: what was looked at.
        text: a sentence; of what is broken with what mends it.
    """

    state: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Tried:
    """How a process ended.

    Attributes:
        status: its exit status; negative for a signal, None if it was ended for taking too long.
        output: what it printed.
        error: the last line of what it wrote to its error output.
    """

    status: int | None
    output: str
    error: str

    @property
    def why(self) -> str:
        """Why it ended badly, in a sentence."""
        if self.status is None:
            return f"It did not end within {SECONDS:.0f} seconds."
        if self.status < 0:
            return f"The process was ended by the signal {_signal_name(-self.status)}."
        return self.error or f"It ended with the status {self.status}."


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def attempt(code: str, **variables: str) -> Tried:
    """Run code in a process of its own, in which this package is found where it is imported from here.

    >>> attempt("print(6 * 7)").output, attempt("1 / 0").why
    ('42', 'ZeroDivisionError: division by zero')
    """
    source = str(Path(__file__).parents[2])
    path = os.pathsep.join([source, *filter(None, [os.environ.get("PYTHONPATH")])])
    env = {**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1", **variables}
    try:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return Tried(None, "", "")
    lines = done.stderr.strip().splitlines()
    return Tried(done.returncode, done.stdout.strip(), lines[-1] if lines else "")


def check_packages() -> Iterator[Finding]:
    """The packages that the core needs can be imported."""
    found = []
    for name in PACKAGES:
        done = attempt(f"import {name}")
        if done.status != 0:
            yield Finding(BROKEN, "Packages", f"{name} cannot be imported: {done.why} Install it anew: "
                          f"pip install --force-reinstall {name}")  # fmt: skip
        else:
            found.append(f"{name} {_version(name)}")
    if len(found) == len(PACKAGES):
        yield Finding(WORKS, "Packages", ", ".join(found))


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "of no known version"


def check_import() -> Iterator[Finding]:
    """The package that is imported is the one that is installed."""
    here = Path(__file__).parents[1]
    done = attempt("import pronghorn; print(pronghorn.__version__)")
    if done.status != 0:
        yield Finding(BROKEN, "Pronghorn", f"`import pronghorn` fails: {done.why} Install it anew: {_again()}")
        return
    yield Finding(WORKS, "Pronghorn", f"{done.output}, in {here}")
    try:
        known = metadata.version("pronghorn")
    except metadata.PackageNotFoundError:
        return
    if known != __version__:
        yield Finding(NOTE, "Pronghorn", f"pip knows of version {known}, but {here} is imported, which is version "
                      f"{__version__}. Another checkout may be on PYTHONPATH.")  # fmt: skip


def _again() -> str:
    return install_command("test", "--force-reinstall").replace("[test]", "")


_COMPILES = """
import numpy as np
from pronghorn import jit, ops
from pronghorn.engine.runtime import threads
x = np.linspace(-3, 3, 1 << 20, dtype="float32")
f = jit(lambda x: ops.tanh(x) * 2.0 + 1.0)
error = float(np.abs(np.asarray(f(x)) - (np.tanh(x) * 2 + 1)).max())
many = threads.get_num_threads()
several = np.asarray(f(x)).copy()
threads.set_num_threads(1)
alike = bool((np.asarray(f(x)) == several).all())
print(error, many, alike)
"""


def check_compiling() -> Iterator[Finding]:
    """A kernel is compiled anew and gives the right numbers, the same ones by any number of threads."""
    done = attempt(_COMPILES, PRONGHORN_CACHE="0")
    if done.status != 0:
        target = os.environ.get("PRONGHORN_TARGET")
        mend = (
            f"Unset PRONGHORN_TARGET, which is {target!r}." if target else "PRONGHORN_TARGET=sse2 may help on x86-64."
        )
        yield Finding(BROKEN, "Compiling", f"{done.why} {mend}")
        return
    error, threads, alike = done.output.split()
    if not float(error) < 1e-5:
        yield Finding(BROKEN, "Compiling", f"A compiled tanh is wrong by {float(error):.1e}. Please report this.")
    else:
        yield Finding(WORKS, "Compiling", "a kernel was compiled and gives the right numbers")
    if alike == "True":
        yield Finding(WORKS, "Threads", f"{threads}; one thread gives the same bits")
    else:
        yield Finding(BROKEN, "Threads", f"{threads} threads give other bits than one. Please report this.")


_TRAINS = """
import numpy as np, pronghorn as keras
keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)])
model.compile("adam", "mse")
x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
losses = model.fit(x, x.sum(1), epochs=3, verbose=0).history["loss"]
assert losses[-1] < losses[0], f"the loss went from {losses[0]} to {losses[-1]}"
"""


def check_training() -> Iterator[Finding]:
    """A small network learns."""
    done = attempt(_TRAINS)
    if done.status != 0:
        yield Finding(BROKEN, "Training", f"A small network was not trained: {done.why} Please report this.")
    else:
        yield Finding(WORKS, "Training", "a small network learns")


_CACHE = """
import json
from pronghorn.engine.runtime import cache
folder = cache.directory()
name = cache.key("pronghorn doctor")
kept = folder is not None and cache.store(name, b"code") and cache.load(name) == b"code"
if kept:
    cache.discard(name)
print(json.dumps([None if folder is None else str(folder), bool(kept), *cache.size()]))
"""


def check_cache() -> Iterator[Finding]:
    """Compiled code can be kept between runs."""
    done = attempt(_CACHE)
    if done.status != 0:
        yield Finding(BROKEN, "Cache", f"{done.why}")
        return
    folder, kept, files, size = json.loads(done.output)
    if folder is None:
        yield Finding(NOTE, "Cache", "It is off, so that every run compiles again. PRONGHORN_CACHE says so.")
    elif not kept:
        text = (
            f"Nothing can be written to {folder}, or others can, so that every run compiles again. Mend its "
            "permissions (mode 700, your own), or name another by PRONGHORN_CACHE_DIR."
        )
        yield Finding(BROKEN, "Cache", text)
    else:
        yield Finding(WORKS, "Cache", f"{folder}, {counted(files, 'file')}, {size / 1e6:.1f} MB")


def check_names() -> Iterator[Finding]:
    """No file of this folder takes a name that scripts import."""
    here = Path.cwd()
    taken = [name for name in NAMES if (here / f"{name}.py").is_file()]
    for name in taken:
        yield Finding(BROKEN, "Names", f"The file {name}.py in this folder is what `import {name}` finds in a script "
                      "beside it. Give it another name.")  # fmt: skip
    if not taken:
        yield Finding(WORKS, "Names", "no file in this folder hides a package")
    try:
        real = metadata.version("keras")
    except metadata.PackageNotFoundError:
        return
    yield Finding(NOTE, "Keras", f"Keras {real} is installed, too. `import keras` gives it; under `pronghorn run`, and "
                  "by `import pronghorn as keras`, it is Pronghorn.")  # fmt: skip


def check_settings() -> Iterator[Finding]:
    """Which variables of the environment change what Pronghorn does."""
    known = {name: value for name, value in os.environ.items() if name.startswith("PRONGHORN_")}
    known |= {name: os.environ[name] for name in ("KERAS_BACKEND",) if name in os.environ}
    if known:
        yield Finding(NOTE, "Settings", ", ".join(f"{name}={value}" for name, value in sorted(known.items())))


_ENGINE = "from pronghorn.engine.backends import engine; print(engine.engine({name!r}).version())"
_INSTALLED = """
import json
from pronghorn.engine.backends import engine
print(json.dumps([name for name in engine.NAMES if engine.is_installed(name)]))
"""


def check_engines() -> Iterator[Finding]:
    """The other engines that are installed compute."""
    done = attempt(_INSTALLED)
    for name in json.loads(done.output) if done.status == 0 else ():
        tried = attempt(_ENGINE.format(name=name))
        if tried.status == 0:
            yield Finding(WORKS, f"Engine {name}", tried.output)
        else:
            yield Finding(BROKEN, f"Engine {name}", tried.why.partition("EngineError: ")[2] or tried.why)


Check = Callable[[], Iterator[Finding]]
#: In their order. Where Pronghorn itself cannot be imported, `ENGINE` is not tried.
BEFORE: tuple[Check, ...] = (check_packages, check_import, check_names, check_settings)
ENGINE: tuple[Check, ...] = (check_compiling, check_training, check_cache, check_engines)


def findings() -> Iterator[Finding]:
    """What all checks find, one after the other."""
    is_broken = False
    for check in BEFORE:
        for finding in check():
            is_broken = is_broken or (finding.state == BROKEN and check in (check_packages, check_import))
            yield finding
    for check in () if is_broken else ENGINE:
        yield from check()


_FACTS = "import json; from pronghorn.cli.info import facts; print(json.dumps(list(facts())))"


def diagnose() -> bool:
    """Print what was found, as it is found, and the facts that belong into a report. Whether all of it works."""
    console = Console(highlight=False)
    broken = 0
    for finding in _shown(console):
        broken += finding.state == BROKEN
        row = _table()
        style = _STYLES[finding.state]
        row.add_row(f"[{style}]{finding.state}[/{style}]", finding.title, escape(finding.text))
        console.print(row)
    console.print()
    if not broken:
        console.print("Everything that was tried works.")
        return True
    console.print(f"{counted(broken, 'thing')} {'is' if broken == 1 else 'are'} broken.", style="bold")
    console.print("If what is said above does not help, report it with all of this output and these facts:\n")
    done = attempt(_FACTS)
    for title, value in json.loads(done.output) if done.status == 0 else [("pronghorn info", done.why)]:
        row = _table()
        row.add_row("", title, escape(value))
        console.print(row)
    return False


def _shown(console: Console) -> Iterator[Finding]:
    """The findings, with a line that moves while the next one is made, on a terminal."""
    found = findings()
    while True:
        if console.is_terminal and not console.is_dumb_terminal:
            with console.status("Trying ..."):
                finding = next(found, None)
        else:
            finding = next(found, None)
        if finding is None:
            return
        yield finding


def _table() -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(width=6, no_wrap=True)
    table.add_column(width=18, overflow="fold", style="bold")
    table.add_column(overflow="fold")
    return table
