"""`Distribution`: what data parallel and model parallel training share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from pronghorn.backends import choice
from pronghorn.distribution import active
from pronghorn.distribution.mesh import DeviceMesh, TensorLayout
from pronghorn.distribution.processes import processes
from pronghorn.graph.trace import Traced


class Distribution:
    """How the values of a model and its data lie on devices and processes.

    Args:
        device_mesh: the devices.
        batch_dim_name: the mesh's axis along which batches are cut.
        auto_shard_dataset: whether each process takes its share of what the data gives, which is then the same on all
            (the global batch); False where every process's data is a share already.
    """

    def __init__(self, device_mesh: DeviceMesh, batch_dim_name: str | None = None, auto_shard_dataset: bool = True):
        self._device_mesh = device_mesh
        self._batch_dim_name = batch_dim_name
        self._auto_shard_dataset = auto_shard_dataset
        self._num_processes, self._process_id = processes().count, processes().rank

    @property
    def device_mesh(self) -> DeviceMesh:
        """The devices."""
        return self._device_mesh

    @property
    def batch_dim_name(self) -> str | None:
        """The mesh's axis along which batches are cut."""
        return self._batch_dim_name

    @property
    def auto_shard_dataset(self) -> bool:
        """Whether each process takes its share of what the data gives."""
        return self._auto_shard_dataset

    @auto_shard_dataset.setter
    def auto_shard_dataset(self, value: bool) -> None:
        self._auto_shard_dataset = value

    @property
    def num_processes(self) -> int:
        """How many processes there are."""
        return self._num_processes

    @property
    def num_model_replicas(self) -> int:
        """How many copies of the model there are, each for a share of the batch."""
        raise NotImplementedError

    @property
    def data_shard_id(self) -> int:
        """The number of the share of the data that this process reads."""
        replicas = self.num_model_replicas
        return self._process_id // max(1, self.num_processes // replicas)

    def get_data_layout(self, data_shape: Any) -> TensorLayout:
        """Return how an array of a batch lies on the mesh: cut along its first axis."""
        axes: list[str | None] = [None] * len(data_shape)
        axes[:1] = [self.batch_dim_name]
        return TensorLayout(axes, self.device_mesh)

    def get_variable_layout(self, variable: Any) -> TensorLayout:
        """Return how a variable lies on the mesh: whole on each device, unless it says otherwise itself."""
        own = getattr(variable, "_layout", None)
        return own if own is not None else TensorLayout([None] * len(variable.shape), self.device_mesh)

    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        """Return how a layer's output lies on the mesh; None for as it comes."""
        return None

    def distribute_dataset(self, dataset: Any) -> Any:
        """Return what each process reads of a data set; the trainer calls it.

        Args:
            dataset: gives global batches.
        """
        return dataset

    def executable(self, engine: str, traced: Traced, gathered: Sequence[int], jit: bool) -> Any:
        """Return what runs a model's step; the trainer calls it.

        Args:
            engine: its name.
            traced: the step, of global batches.
            gathered: arguments that come as a pair (array, row numbers).
            jit: whether the engine's library is to compile it further.
        """
        return choice.executable(engine, traced, gathered, jit)

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Inside of it, this distribution is in force."""
        outer = active.distribution()
        active.set_distribution(self)
        try:
            yield
        finally:
            active.set_distribution(outer)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} device_mesh={self.device_mesh}>"
