"""`initialize`: the processes of a run find each other."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from pronghorn.backends import choice
from pronghorn.distribution import by_jax, mpi, watch
from pronghorn.distribution.communicator import Communicator
from pronghorn.distribution.processes import Processes, is_initialized, set_processes, told
from pronghorn.runtime import threads
from pronghorn.runtime.host import host_target
from pronghorn.trainers.resumption import Seeds


def initialize(job_addresses: Any = None, num_processes: Any = None, process_id: Any = None) -> None:
    """Have the processes of a run find each other; call it before anything else.

    On Pronghorn's own engine they talk by MPI, which also says how many there are: start the script by
    `pronghorn run -n 4 train.py`, `mpirun`, `srun`, or as an MPIJob. Started by itself, it is a run of one process.

    On JAX they find each other by the address of process 0, and all of them see the devices of all
    (`list_devices`); start the script once on each machine, with what is below as arguments or in the environment.
    On TPUs and under Slurm JAX knows all of it. They wait `PRONGHORN_DISTRIBUTION_TIMEOUT` seconds for each other
    (300 by default).

    Args:
        job_addresses: addresses of the processes, a list or a text with commas; by default what the environment
            variable `KERAS_DISTRIBUTION_JOB_ADDRESSES` says. MPI needs none; JAX that of
            process 0, such as `"10.0.0.1:1234"`, with a port that is free there.
        num_processes: how many there are; by default `KERAS_DISTRIBUTION_NUM_PROCESSES`, or as many as MPI has.
        process_id: the number of this one; by default `KERAS_DISTRIBUTION_PROCESS_ID`, or MPI's rank.

    Raises:
        ValueError: for numbers that are none, or not those that MPI has.
        ImportError: if the script was started as several processes and mpi4py or MPI is not installed.
        TimeoutError: if a process did not come.
        RuntimeError: if it has been called before, or after JAX has computed something.

    >>> initialize()
    """
    if is_initialized():
        raise RuntimeError("initialize: it has been called before; call it once, at the start of the script.")
    job = told(job_addresses, num_processes, process_id)
    engine = choice.named()
    if engine is None:
        found = mpi.join(job)
        set_processes(found)
        if found.count > 1:
            _begin_alike(found)
    elif engine == "jax":
        set_processes(by_jax.join(job))
    else:
        raise NotImplementedError(
            f"initialize: the engine {engine!r} computes in one process. Several are there on Pronghorn's own engine "
            "(by MPI) and on JAX: keras.config.set_backend('jax'), or KERAS_BACKEND=jax pronghorn run SCRIPT."
        )


def _begin_alike(found: Processes) -> None:
    """Have the processes share the cores and the state of all generators of random numbers, and watch over them."""
    if not os.environ.get(threads.VARIABLE):
        threads.set_num_threads(mpi.cores_of_each(found.communicator))
    others = Communicator(found)
    set_processes(dataclasses.replace(found, are_mixed=len(set(others.everyones(host_target()))) > 1))
    others.firsts(Seeds.now()).restore()
    watch.begin(found.communicator)
