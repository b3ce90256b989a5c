"""Arrays that lie on several of JAX's devices, cut as a layout says: how they get there, and back.

A layout has `axes`, for each axis of the array the name of the axis of the mesh that it is cut along, or None; and a
`device_mesh`, which has `devices`, a grid of names such as ``"gpu:0"``, and `axis_names`. JAX's own shardings are
taken as they are. With several processes (`jax.distributed`), every process holds the whole of what it puts there and
sends its devices their parts; no device of another process is written to.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec, Sharding

from pronghorn.engine.graph.foreign_functions import ForeignFunction
from pronghorn.engine.graph.ir import Aval

_meshes: weakref.WeakKeyDictionary[Any, Mesh] = weakref.WeakKeyDictionary()


def device_names() -> dict[str, Any]:
    """JAX's devices, those of all processes, by Keras's names for them."""
    return {f"{'gpu' if d.platform in ('cuda', 'rocm') else d.platform}:{d.id}": d for d in jax.devices()}


def mesh_of(device_mesh: Any) -> Mesh:
    """A mesh of devices' names as JAX's.

    Raises:
        ValueError: JAX has no device of a name.
    """
    found = _meshes.get(device_mesh)
    if found is None:
        names, grid = device_names(), np.asarray(device_mesh.devices)
        unknown = [str(d) for d in grid.flat if not isinstance(d, jax.Device) and str(d) not in names]
        if unknown:
            raise ValueError(
                f"The mesh {device_mesh} names devices that JAX does not have: {', '.join(unknown)}. There are "
                f"{', '.join(names)}. Make the mesh with the engine chosen (keras.config.set_backend('jax'), or "
                "KERAS_BACKEND=jax), of distribution.list_devices(). More devices of a processor come from "
                "XLA_FLAGS=--xla_force_host_platform_device_count=4 in the environment."
            )
        devices = [d if isinstance(d, jax.Device) else names[str(d)] for d in grid.flat]
        places = np.empty(len(devices), object)
        places[:] = devices
        found = _meshes[device_mesh] = Mesh(places.reshape(grid.shape), tuple(device_mesh.axis_names))
    return found


def sharding_of(layout: Any) -> Sharding:
    """A layout as JAX's sharding."""
    if isinstance(layout, Sharding):
        return layout
    axes = tuple(layout.axes)
    while axes and axes[-1] is None:  # as JAX writes those that it finds itself, so that they are equal
        axes = axes[:-1]
    return _named(mesh_of(layout.device_mesh), axes)


def named_sharding(layout: Any) -> NamedSharding:
    """A layout as JAX's sharding, with all of its axes."""
    return _named(mesh_of(layout.device_mesh), tuple(layout.axes))


@functools.lru_cache(maxsize=4096)
def _named(mesh: Mesh, axes: tuple[Any, ...]) -> NamedSharding:
    return NamedSharding(mesh, PartitionSpec(*axes))


def whole_on(device_mesh: Any) -> NamedSharding:
    """The sharding of an array that lies whole on each device of a mesh."""
    return _named(mesh_of(device_mesh), ())


def place(array: np.ndarray, layout: Any) -> jax.Array:
    """An array of a variable on the devices of its layout, in memory of its own."""
    sharding = sharding_of(layout)
    with jax.ensure_compile_time_eval():
        return jax.make_array_from_callback(array.shape, sharding, lambda index: np.array(array[index]))


def spread(array: np.ndarray, layout: Any, of_process: bool) -> jax.Array:
    """An array of a batch on the devices of its layout.

    Args:
        array: the array.
        layout: how it lies there.
        of_process: whether it is this process's part of it; otherwise every process has the whole.
    """
    sharding = sharding_of(layout)
    if sharding.is_fully_addressable:
        return jax.device_put(array, sharding)
    if of_process:
        return jax.make_array_from_process_local_data(sharding, array)
    return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])


def relaid(value: Any, layout: Any) -> Any:
    """An array as its layout has it: the array itself where it lies so already, or stands for one."""
    sharding = sharding_of(layout)
    if isinstance(value, jax.core.Tracer):
        return jax.lax.with_sharding_constraint(value, sharding)
    if value.sharding == sharding or value.sharding.is_equivalent_to(sharding, value.ndim):
        return value
    return jax.device_put(value, sharding)


def gathered(value: jax.Array) -> np.ndarray:
    """An array's values, wherever they lie. Where other processes hold parts, all have to ask for them."""
    if isinstance(value, jax.Array) and not (value.is_fully_addressable or value.is_fully_replicated):
        return np.asarray(multihost_utils.process_allgather(value, tiled=True))
    return np.asarray(value)


class Relaid(ForeignFunction):
    """An array as it is, on the devices of a layout: a hint for XLA inside a step. So is its gradient."""

    engine = "jax"
    name = "distribute_tensor"

    def __init__(self, layout: Any, places: Sequence[int] = (0,)):
        self._layout, self._places = layout, tuple(places)

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        return tuple(relaid(arrays[i], self._layout) for i in self._places)

    def results(self, *avals: Aval) -> list[Aval]:
        return [avals[i] for i in self._places]

    def gradient(self, wanted: Sequence[int], given: Sequence[int], count: int) -> ForeignFunction:
        return Relaid(self._layout, [count] * len(wanted))
