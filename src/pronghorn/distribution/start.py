"""`initialize`: the processes of a run find each other."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from pronghorn.distribution import by_jax, mpi, watch
from pronghorn.distribution.communicator import Communicator
from pronghorn.engine.backends import choice
from pronghorn.engine.runtime import threads
from pronghorn.engine.runtime.host import host_target
from pronghorn.placement.processes import Processes, is_initialized, set_processes, told
from pronghorn.random.states import Seeds


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
        ValueError: for numbers that are none, or not those that MPI has; for waiting times in the environment that
            are none.
        ImportError: if the script was started as several processes and mpi4py or MPI is not installed.
        TimeoutError: if a process did not come.
        RuntimeError: if it has been called before, or after JAX has computed something.

    >>> initialize()
    """
    if is_initialized():
        raise RuntimeError("initialize: it has been called before; call it once, at the start of the script.")
    job = told(job_addresses, num_processes, process_id)
    watch.patience()  # what is wrong with it is said before anything begins
    engine = choice.named()
    if engine is None:
        found = mpi.join(job)
        set_processes(found)
        if found.count > 1:
            _share_machine(found)
            _begin_alike(found)
            watch.begin(found.communicator)
    elif engine == "jax":
        found = by_jax.join(job)
        set_processes(found)
        if found.count > 1:
            _begin_alike(found)
    else:
        raise NotImplementedError(
            f"initialize: the engine {engine!r} computes in one process. Several are there on Pronghorn's own engine "
            "(by MPI) and on JAX: keras.config.set_backend('jax'), or KERAS_BACKEND=jax pronghorn run SCRIPT."
        )


def _share_machine(found: Processes) -> None:
    """Have the processes of a machine share its cores, and see whether all machines are of one kind."""
    if not os.environ.get(threads.VARIABLE):
        threads.set_num_threads(mpi.cores_of_each(found.communicator))
    kinds = set(Communicator(found).everyones(host_target()))
    set_processes(dataclasses.replace(found, are_mixed=len(kinds) > 1))


def _begin_alike(found: Processes) -> None:
    """Give all processes the first one's generators of random numbers: Pronghorn's, NumPy's and Python's."""
    firsts = Communicator(found).firsts(Seeds.now().as_note())  # plain data: any way of talking carries it
    Seeds.taken_from(firsts).restore()
