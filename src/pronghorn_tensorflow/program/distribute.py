"""`tf.distribute` for `pronghorn run`: the strategies of one machine, which all mean what Pronghorn does by itself."""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pronghorn import ops
from pronghorn._absent import absent_class


class ReduceOp(enum.Enum):
    """`tf.distribute.ReduceOp`: how the values of replicas become one."""

    SUM = "SUM"
    MEAN = "MEAN"


class Strategy:
    """`tf.distribute.Strategy`, on one replica: the cores of this machine work on each step together.

    >>> with Strategy().scope():
    ...     Strategy().num_replicas_in_sync
    1
    """

    num_replicas_in_sync = 1

    def __init__(self, *devices: Any, **options: Any) -> None:
        """Take what a strategy's kind takes; there is one device."""

    @contextlib.contextmanager
    def scope(self) -> Iterator[Strategy]:
        """Do nothing: variables are where they always are."""
        yield self

    def run(self, fn: Callable[..., Any], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None) -> Any:
        """Return `fn(*args, **kwargs)`."""
        return fn(*args, **(kwargs or {}))

    def reduce(self, reduce_op: Any, value: Any, axis: int | None = None) -> Any:
        """Return the value, which is that of the one replica; with an axis, its sum or mean along that."""
        if axis is None:
            return value
        name = reduce_op.value if isinstance(reduce_op, ReduceOp) else str(reduce_op).upper()
        if name not in ReduceOp.__members__:
            raise ValueError(f"Strategy.reduce: reduce_op is {reduce_op!r}; it must be ReduceOp.SUM or ReduceOp.MEAN.")
        return ops.sum(value, axis=axis) if name == "SUM" else ops.mean(value, axis=axis)

    def experimental_distribute_dataset(self, dataset: Any, options: Any = None) -> Any:
        """Return the data set: there is one worker."""
        return dataset

    def distribute_datasets_from_function(self, dataset_fn: Callable[..., Any], options: Any = None) -> Any:
        """Return the data set that a function makes."""
        return dataset_fn(InputContext())

    def experimental_local_results(self, value: Any) -> tuple[Any, ...]:
        """Return the value of each replica."""
        return (value,)

    def gather(self, value: Any, axis: int) -> Any:
        """Return the values of all replicas."""
        return value


class InputContext:
    """What a function that makes a data set is told."""

    num_input_pipelines, input_pipeline_id, num_replicas_in_sync = 1, 0, 1

    def get_per_replica_batch_size(self, global_batch_size: int) -> int:
        """Return the batch size of each replica."""
        return global_batch_size


class MirroredStrategy(Strategy):
    """`tf.distribute.MirroredStrategy`."""


class OneDeviceStrategy(Strategy):
    """`tf.distribute.OneDeviceStrategy`."""


_INSTEAD = "it runs on the cores of one machine; tf.distribute.MirroredStrategy and get_strategy() are there for that"
TPUStrategy = absent_class("TPUStrategy", _INSTEAD, __name__, Strategy)
MultiWorkerMirroredStrategy = absent_class("MultiWorkerMirroredStrategy", _INSTEAD, __name__, Strategy)
ParameterServerStrategy = absent_class("ParameterServerStrategy", _INSTEAD, __name__, Strategy)

_default = Strategy()


def TPUClusterResolver(*args: Any, **kwargs: Any) -> Any:
    """`tf.distribute.cluster_resolver.TPUClusterResolver`: there are no TPUs, as scripts that look for them expect.

    Raises:
        ValueError: always.
    """
    raise ValueError("There is no TPU: Pronghorn runs on the cores of one machine.")


def get_strategy() -> Strategy:
    """`tf.distribute.get_strategy`: the only one."""
    return _default


def has_strategy() -> bool:
    """`tf.distribute.has_strategy`: False, since no other than the default one is ever in effect."""
    return False
