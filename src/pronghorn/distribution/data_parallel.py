"""`DataParallel`: each device or process computes a share of the rows of a batch."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from pronghorn.distribution.base import Distribution
from pronghorn.distribution.devices import list_devices
from pronghorn.distribution.mesh import DeviceMesh
from pronghorn.distribution.pieces import row_edges
from pronghorn.distribution.reading import Reading
from pronghorn.distribution.share import shared_executable
from pronghorn.engine.backends import choice
from pronghorn.engine.graph.trace import Traced
from pronghorn.engine.graph.user_code import warn

_AXIS = "batch"


class DataParallel(Distribution):
    """Each device or process has a copy of the model and computes a share of the rows of each batch.

    Batches are *global*: `batch_size`, and the batches of a data set, say how many rows all processes together take in
    a step, so that a run has the same losses and weights however many processes there are. Every process is given the
    same data, reads its share of it and computes its own rows: of arrays and data sets its rows alone, of a `PyDataset`
    every so many-th batch, of a generator all of it.

    Args:
        device_mesh: the devices; the first axis of the mesh is the one that batches are cut along.
        devices: the devices, where there is no mesh; all that there are by default.
        auto_shard_dataset: whether each process takes its share of what the data gives; False where every process's
            data is a share of its own already, so that the global batch is all of theirs together.
        reproducible: whether sums over a batch are made in a fixed order of fixed pieces, on Pronghorn's own engine:
            a run then has the same bits however many processes and threads there are. What it costs is in
            docs/scaling.md.

    Raises:
        ValueError: if `device_mesh` is something else.

    >>> DataParallel(devices=["cpu:0", "cpu:1"]).num_model_replicas
    2
    """

    def __init__(
        self, device_mesh: Any = None, devices: Any = None, auto_shard_dataset: bool = True, reproducible: bool = False
    ):
        if device_mesh is None:
            found = np.array(list_devices() if devices is None else devices)
            device_mesh = DeviceMesh(found.shape, [_AXIS], found)
        elif not isinstance(device_mesh, DeviceMesh):
            raise ValueError(
                f"DataParallel: device_mesh must be a DeviceMesh, got {type(device_mesh).__name__}: {device_mesh!r}. "
                "Pass names of devices as devices=[...]."
            )
        elif device_mesh.devices.ndim != 1:
            warn(
                f"DataParallel: the mesh has {device_mesh.devices.ndim} axes; batches are cut along the first, "
                f"{device_mesh.axis_names[0]!r}, alone."
            )
        super().__init__(device_mesh, device_mesh.axis_names[0], auto_shard_dataset)
        if reproducible and not auto_shard_dataset and self.num_processes > 1:
            raise ValueError(
                "DataParallel: reproducible=True cuts each batch into the same pieces for any number of processes, so "
                "every process has to be given all of it: leave out auto_shard_dataset=False."
            )
        self._reproducible = bool(reproducible)

    @property
    def num_model_replicas(self) -> int:
        """How many copies of the model there are: one for each device."""
        return int(self.device_mesh.devices.size)

    @property
    def reproducible(self) -> bool:
        """Whether sums over a batch are made in a fixed order of fixed pieces."""
        return self._reproducible

    @property
    def reading(self) -> Reading | None:
        """How processes read data that all are given: each its share, on Pronghorn's own engine."""
        others = self.communicator
        if others is None or not self.auto_shard_dataset or choice.named() is not None:
            return None
        return Reading(others, functools.partial(row_edges, processes=others.count, fixed=self._reproducible))

    def executable(self, engine: str, traced: Traced, gathered: Sequence[int], jit: bool) -> Any:
        """Return what runs a model's step on all processes; see `Distribution.executable`."""
        if engine not in choice.OWN_WAYS or not (self.num_processes > 1 or self._reproducible):
            return super().executable(engine, traced, gathered, jit)
        own_rows = not self.auto_shard_dataset and self.num_processes > 1
        return shared_executable(engine, traced, gathered, self._reproducible, own_rows)
