"""`pronghorn run -n 4 train.py`: the same script in several processes on this machine, started by MPI."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pronghorn._extras import install_command
from pronghorn.engine.runtime import threads

INTERRUPTED = 130  # what shells report for a process that Ctrl-C ended

_ROOT = ("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM")


class CannotStart(RuntimeError):
    """Several processes cannot be started; the message says why, and what mends it."""


def command(processes: int, arguments: Sequence[str]) -> list[str]:
    """Return the command that starts `pronghorn run` in several processes.

    Args:
        processes: how many.
        arguments: of `pronghorn run`, for each.

    Raises:
        CannotStart: MPI is not there, or would refuse.
    """
    return [*launch(processes), sys.executable, "-m", "pronghorn", "run", *arguments]


def launch(processes: int) -> list[str]:
    """Return the beginning of a command that starts several processes: MPI's launcher, with what it has to be told.

    Args:
        processes: how many.

    Raises:
        CannotStart: MPI is not there, or would refuse.
    """
    if importlib.util.find_spec("mpi4py") is None:
        raise CannotStart(
            f"several processes talk by MPI, and mpi4py is not installed. To install it: {install_command('mpi')}"
        )
    start = launcher()
    if start is None:
        raise CannotStart(
            f"several processes are started by mpirun, which is neither beside {sys.executable} nor on the PATH. To "
            f"install it: {install_command('mpi')}"
        )
    flags = []
    if _is_open_mpi(start):
        if _is_root() and not all(os.environ.get(name) == "1" for name in _ROOT):
            raise CannotStart(
                "this is root, for whom Open MPI starts nothing unless told so. Run it as another user; or, where that "
                f"is meant, as in a container, set both variables: export {' '.join(f'{name}=1' for name in _ROOT)}"
            )
        # Each process has threads of its own; one that waits leaves its core to those that compute.
        flags = ["--bind-to", "none", "--mca", "mpi_yield_when_idle", "1"]
        if processes > threads.available_cores():
            flags.append("--oversubscribe")
    return [start, *flags, "-n", str(processes)]


def launcher() -> str | None:
    """Return what starts MPI's processes: that of this environment, or of the system."""
    own = Path(sys.executable).parent
    for name in ("mpirun", "mpiexec"):
        if os.access(own / name, os.X_OK):
            return str(own / name)
    return shutil.which("mpirun") or shutil.which("mpiexec")


def _is_open_mpi(start: str) -> bool:
    told = subprocess.run([start, "--version"], capture_output=True, text=True, check=False).stdout
    return "Open MPI" in told or "PRRTE" in told or "OpenRTE" in told


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def run(processes: int, arguments: Sequence[str]) -> int:
    """Start several processes, wait for them, and return the exit status.

    Args:
        processes: how many.
        arguments: of `pronghorn run`, for each.
    """
    try:
        line = command(processes, arguments)
    except CannotStart as error:
        print(f"pronghorn run -n {processes}: {error}.", file=sys.stderr)
        return 2
    env = dict(os.environ)
    env.setdefault(threads.VARIABLE, str(max(1, threads.available_cores() // processes)))
    try:
        return subprocess.run(line, env=env, check=False).returncode
    except KeyboardInterrupt:  # the processes have it too
        return INTERRUPTED
