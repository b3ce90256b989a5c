"""The processes that MPI started: mpi4py, and what is said where it is missing."""

from __future__ import annotations

import collections
import os
from typing import Any

from pronghorn._extras import install_command
from pronghorn.distribution.watch import before_leaving, before_waiting, number, waiting
from pronghorn.engine.runtime import threads
from pronghorn.placement.processes import Job, Processes, started


def join(job: Job) -> Processes:
    """Return the processes that MPI started, of which this is one.

    Args:
        job: what `initialize` was told, which has to agree.
    """
    world = _world(max(started(), job.count or 1))
    count = 1 if world is None else world.Get_size()
    if job.count is not None and job.count != count:
        raise ValueError(
            f"initialize: num_processes is {job.count}, but MPI has started {count}. Start them all by one command: "
            f"pronghorn run -n {job.count} train.py, mpirun -n {job.count} python train.py, or srun."
        )
    if count == 1 < started():
        raise RuntimeError(
            f"initialize: this is one of {started()} processes that were started together, but MPI finds none of the "
            "others: the launcher is not that of this MPI, or does not tell it of the others. With Slurm say srun "
            "--mpi=pmix (srun --mpi=list shows whether it is there), or start mpirun inside of the allocation; "
            f"otherwise pronghorn run -n {started()}, or the mpirun of the MPI that mpi4py was built for."
        )
    if world is None:
        return Processes()
    if job.rank is not None:
        world = world.Split(0, job.rank)
    return Processes(count, world.Get_rank(), world, News(world) if count > 1 else None)


class News:
    """What the first process tells the others, by name; it does not wait for them to hear it.

    So a script may do something on the first process alone, and whoever waits for it there gets on. Where the first
    process goes on to what all do together, it tells that, too: it will not tell what others still wait for.

    Args:
        world: MPI's communicator; the news use a copy, so that they never meet the sums of a step.
    """

    def __init__(self, world: Any):
        self._talk = world.Dup()
        self._sent: list[Any] = []
        self._heard: dict[str, collections.deque[Any]] = collections.defaultdict(collections.deque)
        self._is_at: float = 0  # the first process, by the number of what all do together
        self._goes_on_is_due = False
        if not self._talk.Get_rank():
            before_leaving(self._goes_on)

    def tell(self, name: str, item: Any) -> None:
        """Tell all others something small; the first process calls this."""
        self._send((name, item))
        if not self._goes_on_is_due:
            self._goes_on_is_due = True
            before_waiting(self._goes_on)

    def told(self, name: str) -> list[Any]:
        """Return the next that the first process tells by this name, alone in a list; the others call this, and wait.

        The list is empty where the first process has gone on without it.
        """
        with waiting(for_news=True):
            while not self._heard[name] and self._is_at <= number():
                other, item = self._talk.recv(source=0)
                if other is None:
                    self._is_at = item
                else:
                    self._heard[other].append(item)
        return [self._heard[name].popleft()] if self._heard[name] else []

    def _goes_on(self, place: float) -> None:
        self._goes_on_is_due = False
        self._send((None, place))

    def _send(self, message: Any) -> None:
        self._sent = [request for request in self._sent if not request.Test()]
        self._sent += [self._talk.isend(message, rank) for rank in range(1, self._talk.Get_size())]


def cores_of_each(world: Any) -> int:
    """Return how many threads each process may have, where those of a machine share its cores.

    Args:
        world: MPI's communicator.
    """
    from mpi4py import MPI

    machine = world.Split_type(MPI.COMM_TYPE_SHARED)
    own = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    masks = machine.allgather(own)
    machine.Free()
    cores = threads.available_cores()
    return max(1, cores // len(masks)) if all(mask == own for mask in masks) else cores


def _world(wanted: int) -> Any:
    """MPI's communicator of all processes; None for a single process where there is no MPI.

    Raises:
        ImportError: if there are several processes, and no MPI.
    """
    try:
        from mpi4py import MPI
    except ImportError as error:
        if wanted == 1:
            return None
        raise ImportError(
            f"initialize: this is one of {wanted} processes, and they talk by MPI, which is not there ({error}): "
            f"{install_command('mpi')} brings mpi4py and Open MPI."
        ) from None
    except RuntimeError as error:  # mpi4py is there, and finds no library
        if wanted == 1:
            return None
        raise ImportError(
            f"initialize: mpi4py finds no MPI library ({error}): {install_command('mpi')} brings mpi4py and Open MPI."
        ) from None
    return MPI.COMM_WORLD
