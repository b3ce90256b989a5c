"""The processes that a run consists of: how many there are, which of them this is, and how it began."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any

_ADDRESSES = "KERAS_DISTRIBUTION_JOB_ADDRESSES"
_COUNT = "KERAS_DISTRIBUTION_NUM_PROCESSES"
_NUMBER = "KERAS_DISTRIBUTION_PROCESS_ID"
_STARTED = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_SIZE", "MPI_LOCALNRANKS", "SLURM_STEP_NUM_TASKS")


@dataclass(frozen=True)
class Processes:
    """The processes of a run.

    Attributes:
        count: how many there are.
        rank: the number of this one, from 0.
        communicator: what they talk by: mpi4py's `MPI.Comm`, or what an engine has under the same names; there may
            be None for a single process.
        news: what the first process tells the others when it has done something that they wait for: `tell(name, item)`
            there, `told(name)` on the others, a list of one item or none; None for a single process.
        are_mixed: whether their machines have different processors, whose results may differ in the last bits.
    """

    count: int = 1
    rank: int = 0
    communicator: Any = None
    news: Any = None
    are_mixed: bool = False


class _State:
    processes = Processes()
    initialized = False


def processes() -> Processes:
    """Return the processes of this run; a single one before `initialize`."""
    return _State.processes


def is_first() -> bool:
    """Whether this is the process that prints, plots and writes files."""
    return _State.processes.rank == 0


def is_initialized() -> bool:
    """Whether `initialize` has been called."""
    return _State.initialized


def started() -> int:
    """Return how many processes a launcher of MPI says it has started; 1 without one."""
    return max([1, *(int(n) for n in map(os.environ.get, _STARTED) if n and n.isdigit())])


def seconds_of(variable: str, default: float) -> float:
    """Return the seconds that an environment variable says, or the default where it is empty or not there.

    Raises:
        ValueError: for what is no time: text, nan, infinity, 0 or less.
    """
    text = os.environ.get(variable) or str(default)
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 < found < math.inf:
        raise ValueError(
            f"The environment variable {variable} must be a number of seconds above 0, such as {default:g}; got "
            f"{text!r}."
        )
    return found


def set_processes(found: Processes) -> None:
    """Say what processes there are; an engine's `initialize` calls this."""
    _State.processes, _State.initialized = found, True


@dataclass(frozen=True)
class Job:
    """What `initialize` was told, or found in the environment; None for what nobody said."""

    addresses: list[str] | None
    count: int | None
    rank: int | None


def told(job_addresses: Any, num_processes: Any, process_id: Any) -> Job:
    """Return what the arguments of `initialize` say, or the environment where they do not.

    Raises:
        ValueError: for what is no number, or a process that is none of them.
    """
    addresses = os.environ.get(_ADDRESSES) if job_addresses is None else job_addresses
    if isinstance(addresses, str):
        addresses = [part.strip() for part in addresses.split(",") if part.strip()]
    count = _number("num_processes", num_processes, _COUNT, 1)
    rank = _number("process_id", process_id, _NUMBER, 0)
    if count is not None and rank is not None and rank >= count:
        raise ValueError(
            f"initialize: process_id is {rank}, but there are {count} processes, so it must lie from 0 to {count - 1}."
        )
    return Job(list(addresses) if addresses else None, count, rank)


def _number(name: str, given: Any, variable: str, least: int) -> int | None:
    source, value = name, given
    if given is None:
        source, value = f"the environment variable {variable}", os.environ.get(variable)
    if value is None:
        return None
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = least - 1
    if number < least:
        raise ValueError(f"initialize: {source} must be a whole number, {least} or more; got {value!r}.")
    return number
