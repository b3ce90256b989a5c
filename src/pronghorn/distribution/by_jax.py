"""Several processes whose devices JAX computes on together."""

from __future__ import annotations

from pronghorn._version import __version__
from pronghorn.distribution.meeting import Greeting, meet, seconds
from pronghorn.distribution.watch import patience
from pronghorn.engine.backends.engine import untried
from pronghorn.placement.processes import Job, Processes


def join(job: Job) -> Processes:
    """Have this process be one of those of a run.

    Args:
        job: the addresses, the first of which is that of process 0; how many processes there are; and which this is.
            All may be missing where JAX knows them of the cluster, as on TPUs and under Slurm.

    Returns:
        The processes.

    Raises:
        ValueError: something is missing or does not fit, or the processes disagree.
        TimeoutError: a process did not come.
        RuntimeError: JAX has computed something before, or knows of no cluster.
    """
    address, count = _first_and_count(job)
    engine, wait = untried("jax"), seconds()
    if address is not None and count is not None and job.rank is not None:
        meet(address, Greeting(job.rank, count, f"Pronghorn {__version__} with JAX {engine.version()}"))
    count, rank, talk = engine.join(address, count, job.rank, wait, patience())
    return Processes(count, rank, talk, talk if count > 1 else None)


def _first_and_count(job: Job) -> tuple[str | None, int | None]:
    """The address of process 0, and how many there are."""
    addresses, count = job.addresses or [], job.count
    if len(addresses) > 1 and count is None:
        count = len(addresses)
    if len(addresses) > 1 and count != len(addresses):
        raise ValueError(
            f"initialize: there are {count} processes, but job_addresses has {len(addresses)}: {', '.join(addresses)}. "
            "Give one for each, or that of process 0 alone."
        )
    if job.rank is not None and count is not None and job.rank >= count:
        raise ValueError(f"initialize: process_id is {job.rank}, but there are {count} processes.")
    missing = [name for name, value in (("num_processes", count), ("process_id", job.rank)) if value is None]
    if addresses and missing:
        raise ValueError(
            f"initialize: job_addresses is there, but {' and '.join(missing)} missing. Pass "
            f"{' and '.join(missing)}, or set {' and '.join(f'KERAS_DISTRIBUTION_{m.upper()}' for m in missing)}."
        )
    return (addresses[0] if addresses else None), count
