"""How many threads compute: all the cores this process may use, unless the user says otherwise."""

from __future__ import annotations

import math
import operator
import os
from pathlib import Path

VARIABLE = "PRONGHORN_NUM_THREADS"
MAX_THREADS = 1024
_MOUNT = Path("/sys/fs/cgroup")

_chosen: int | None = None


def available_cores() -> int:
    """The number of cores this process may use: its affinity mask, within its container's CPU quota (at least 1)."""
    try:
        cores = len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # macOS and Windows have no affinity call in Python
        cores = os.cpu_count() or 1
    quota = _container_quota()
    return max(1, cores if quota is None else min(cores, math.ceil(quota)))


def _container_quota() -> float | None:
    """The cores' worth of time that Linux control groups grant, or None without a limit.

    Threads beyond the quota would be stopped in the middle of a kernel while the others wait for them at a barrier.
    """
    shares = [share for folder in _groups() if (share := _share(folder)) is not None]
    return min(shares, default=None)


def _groups() -> list[Path]:
    """The folders of this process's groups that may limit its time: its own and those around it.

    A container mostly sees its own group as the root; a service or a job of the system does not.
    """
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        lines = []
    folders = [_MOUNT, _MOUNT / "cpu"]
    for line in lines:
        controllers, _, path = line.partition(":")[2].partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        parts = Path(path).parts[1:]
        if ".." in parts:  # it lies outside of what this process may see
            continue
        root = _MOUNT / "cpu" if controllers else _MOUNT
        folders += [root.joinpath(*parts[: end + 1]) for end in range(len(parts))]
    return folders


def _share(folder: Path) -> float | None:
    """The quota of one group, of version 2 or 1, in cores."""
    try:
        quota, period = (folder / "cpu.max").read_text().split()[:2]
    except (OSError, ValueError):
        try:
            quota = (folder / "cpu.cfs_quota_us").read_text()
            period = (folder / "cpu.cfs_period_us").read_text()
        except OSError:
            return None
    try:
        share = float(quota) / float(period)
    except (ValueError, ZeroDivisionError):  # "max": no limit
        return None
    return share if share > 0 else None


def _checked(value: int, what: str) -> int:
    if not 1 <= value <= MAX_THREADS:
        raise ValueError(f"{what} is {value}; expected a whole number of threads from 1 to {MAX_THREADS}")
    return value


def default_num_threads() -> int:
    """The number of threads unless `set_num_threads` says otherwise: `PRONGHORN_NUM_THREADS`, or every available core.

    Raises:
        ValueError: the variable is not a whole number from 1 to 1024.
    """
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return min(available_cores(), MAX_THREADS)
    what = f"The environment variable {VARIABLE}"
    try:
        value = int(text)
    except ValueError:
        raise ValueError(
            f"{what} is {text!r}; expected a whole number of threads from 1 to {MAX_THREADS}, or nothing for all cores"
        ) from None
    return _checked(value, what)


def get_num_threads() -> int:
    """The number of threads that compiled code runs on.

    Results do not depend on it, to the bit.
    """
    global _chosen
    if _chosen is None:
        _chosen = default_num_threads()
    return _chosen


def set_num_threads(n: int | None) -> None:
    """Choose the number of threads that compiled code runs on, from the next step on.

    Args:
        n: how many, from 1 to 1024; None goes back to the default (`PRONGHORN_NUM_THREADS`, or every available core).

    Raises:
        TypeError: `n` is not an integer.
        ValueError: `n` is out of range.

    >>> set_num_threads(1)
    >>> get_num_threads()
    1
    >>> set_num_threads(None)
    """
    global _chosen
    if n is None:
        _chosen = None
        return
    try:
        if isinstance(n, bool):
            raise TypeError
        count = operator.index(n)
    except TypeError:
        raise TypeError(
            f"set_num_threads: `n` is {n!r}, a {type(n).__name__}; expected a whole number of threads, "
            "or None for the default"
        ) from None
    _chosen = _checked(count, "set_num_threads: `n`")
