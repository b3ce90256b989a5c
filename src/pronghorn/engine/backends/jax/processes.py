"""Several processes that compute as one, by `jax.distributed`: all of them see the devices of all."""

from __future__ import annotations

import inspect
import json
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.extend import backend

from pronghorn._extras import install_command

try:  # private to JAX, which has no public names for what they do
    from jax._src import distributed
    from jax._src.clusters import ClusterEnv
except ImportError:
    distributed = ClusterEnv = None  # type: ignore[assignment,misc]

_MISSED = 30  # seconds without a sign of life after which a process counts as dead


def start(address: str | None, count: int | None, rank: int | None, seconds: float) -> tuple[int, int]:
    """Have this process be one of several.

    Args:
        address: that of process 0; None where JAX knows it of the cluster, as on TPUs and under Slurm.
        count: how many there are; None likewise.
        rank: which this one is; None likewise.
        seconds: how long it waits for the others. JAX ends the process if they do not come.

    Returns:
        How many processes there are, and the number of this one.

    Raises:
        RuntimeError: JAX has computed something before, or cannot tell what nobody said.
    """
    if address is None and count is None and rank is None and not _is_of_cluster():
        return 1, 0
    if distributed is None:
        raise RuntimeError(
            f"initialize: this version of JAX ({jax.__version__}) has no names by which processes talk to each other; "
            f"install the one that {install_command('jax')} brings."
        )
    if jax.live_arrays():
        raise RuntimeError(
            "initialize: JAX has arrays already; call it before models are made and anything is computed with JAX, at "
            "the start of the script."
        )
    backend.clear_backends()  # a trial of the engine has had JAX look for the devices of this process alone
    try:
        known = inspect.signature(jax.distributed.initialize).parameters  # older versions wait as long as they do
        wishes = {"heartbeat_timeout_seconds": _MISSED} if "heartbeat_timeout_seconds" in known else {}
        jax.distributed.initialize(address, count, rank, initialization_timeout=int(seconds + 1), **wishes)
    except (ValueError, RuntimeError) as error:
        raise RuntimeError(
            f"initialize: JAX cannot begin a run of several processes: {error} Say job_addresses, num_processes and "
            "process_id, or set KERAS_DISTRIBUTION_JOB_ADDRESSES, KERAS_DISTRIBUTION_NUM_PROCESSES and "
            "KERAS_DISTRIBUTION_PROCESS_ID in the environment of each process."
        ) from error
    return jax.process_count(), jax.process_index()


def _is_of_cluster() -> bool:
    """Whether JAX knows of a cluster that this process is one of several in: a TPU pod, Slurm, Kubernetes."""
    if ClusterEnv is None:
        return False
    return any(cluster.is_env_present() for cluster in ClusterEnv._cluster_types if not cluster.opt_in_only_method)


class Talk:
    """What the processes tell each other beside what steps compute, under the names of mpi4py's communicators.

    Args:
        patience: seconds that one waits for another which is busy with something else.
    """

    def __init__(self, patience: float):
        self._said, self._patience = 0, patience
        self._told = 0

    def allgather(self, item: Any) -> list[Any]:
        """What each process gave, made of what JSON has. All have to ask at the same point of the program.

        Raises:
            TimeoutError: another process did not come to this point.
        """
        client = distributed.global_state.client  # no public name gives texts with a time-out
        self._said += 1
        key, rank = f"pronghorn/{self._said}", jax.process_index()
        client.key_value_set(f"{key}/{rank}", json.dumps(item, default=repr))
        if self._said > 2:  # all have come to the last one, so they have read what was before it
            client.key_value_delete(f"pronghorn/{self._said - 2}/{rank}")
        return [self._heard(client, f"{key}/{rank}", rank) for rank in range(jax.process_count())]

    def _heard(self, client: Any, key: str, rank: int) -> Any:
        try:
            return json.loads(client.blocking_key_value_get(key, int(self._patience * 1000)))
        except (RuntimeError, ValueError) as error:
            raise TimeoutError(
                f"Process {rank} has not come in {self._patience:g} seconds to the point of the program at which "
                f"process {jax.process_index()} is. All processes have to make and run the same models in the same "
                f"order; see what that process says. ({type(error).__name__})"
            ) from error

    def tell(self, name: str, item: Any) -> None:
        """Tell all others something, made of what JSON has; the first process calls this.

        Args:
            name: not looked at: what is told first is heard first, since all processes have to do the same here.
            item: what is told.
        """
        distributed.global_state.client.key_value_set(self._key_of_news(), json.dumps(item, default=repr))

    def told(self, name: str) -> list[Any]:
        """Return the next that the first process tells, alone in a list; the others call this.

        Raises:
            TimeoutError: it does not come.
        """
        return [self._heard(distributed.global_state.client, self._key_of_news(), 0)]

    def _key_of_news(self) -> str:
        self._told += 1
        return f"pronghorn/news/{self._told}"

    def bcast(self, item: Any) -> Any:
        """What the first process gave."""
        return self.allgather(item)[0]

    def Bcast(self, array: np.ndarray) -> None:
        """Make an array of bytes that of the first process."""
        array[...] = np.asarray(multihost_utils.broadcast_one_to_all(array))
