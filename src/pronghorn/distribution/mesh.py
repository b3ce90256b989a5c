"""Devices in a grid, and how tensors lie on it: plain data, checked when it is made."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, MutableMapping, Sequence
from typing import Any

import numpy as np

from pronghorn._wording import counted
from pronghorn.distribution.devices import list_devices
from pronghorn.engine.backends.engine import engine


class DeviceMesh:
    """Devices in a grid whose axes have names.

    Args:
        shape: the extents of the grid, such as `(2, 4)`.
        axis_names: a name for each axis, such as `["batch", "model"]`.
        devices: names of devices, as many as the grid has places, or an array of them; all that there are by default.

    Raises:
        ValueError: if the shape is empty, has no name for each axis, or does not fit the number of devices.

    >>> DeviceMesh((1, 2), ["batch", "model"], ["cpu:0", "cpu:1"]).devices.shape
    (1, 2)
    """

    def __init__(self, shape: Any, axis_names: Any, devices: Any = None):
        are_lists = isinstance(shape, Sequence) and isinstance(axis_names, Sequence) and not isinstance(axis_names, str)
        if not are_lists or not shape or len(shape) != len(axis_names) or any(n < 1 for n in shape):
            raise ValueError(
                "DeviceMesh: each axis needs an extent, 1 or more, and a name, such as (2, 4) and ['batch', 'model']; "
                f"got shape={shape!r} and axis_names={axis_names!r}."
            )
        if len(set(axis_names)) != len(axis_names):
            raise ValueError(f"DeviceMesh: axis_names must differ from each other, got {axis_names!r}.")
        found = np.array(list_devices() if devices is None else devices)
        if math.prod(shape) != found.size:
            raise ValueError(
                f"DeviceMesh: {tuple(shape)} has {counted(math.prod(shape), 'place')}, but there are "
                f"{counted(found.size, 'device')} "
                f"({', '.join(map(str, found.flat[:4]))}{', ...' if found.size > 4 else ''}). Give a shape with as "
                "many places, or the devices to use."
            )
        if len(set(map(str, found.flat))) != found.size:
            raise ValueError(f"DeviceMesh: each device has one place, but devices={devices!r} names one again.")
        self._shape, self._axis_names, self._devices = shape, axis_names, found.reshape(shape)

    @property
    def shape(self) -> Any:
        """The extents of the grid."""
        return self._shape

    @property
    def axis_names(self) -> Any:
        """The names of its axes."""
        return self._axis_names

    @property
    def devices(self) -> np.ndarray:
        """The devices, as an array of the grid's shape."""
        return self._devices

    @property
    def backend_mesh(self) -> Any:
        """The mesh as JAX's, a `jax.sharding.Mesh`."""
        return engine("jax").functions.mesh_of(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} shape={self.shape}, axis_names={self.axis_names}>"


class TensorLayout:
    """How a tensor lies on a mesh.

    Args:
        axes: for each axis of the tensor the name of the mesh's axis that it is cut along; None where it is not.
        device_mesh: the mesh; it may be set later, once.

    Raises:
        ValueError: if the mesh has no axis of a name.

    >>> TensorLayout((None, "model")).axes
    (None, 'model')
    """

    def __init__(self, axes: Sequence[str | None], device_mesh: DeviceMesh | None = None):
        self._axes = tuple(axes)
        self._device_mesh = device_mesh
        self._check()

    @property
    def axes(self) -> tuple[str | None, ...]:
        """For each axis of the tensor the name of the mesh's axis, or None."""
        return self._axes

    @property
    def device_mesh(self) -> DeviceMesh | None:
        """The mesh; None before it is set."""
        return self._device_mesh

    @device_mesh.setter
    def device_mesh(self, device_mesh: DeviceMesh) -> None:
        if self._device_mesh is not None:
            raise ValueError(
                f"TensorLayout: it is of the mesh {self._device_mesh} already; make another layout for another mesh."
            )
        self._device_mesh = device_mesh
        self._check()

    def _check(self) -> None:
        named = [axis for axis in self._axes if axis is not None]
        if len(set(named)) != len(named):
            raise ValueError(
                f"TensorLayout: {self._axes} names an axis of the mesh twice; a tensor is cut once along each."
            )
        if self._device_mesh is None:
            return
        known = list(self._device_mesh.axis_names)
        unknown = [axis for axis in self._axes if axis is not None and axis not in known]
        if unknown:
            raise ValueError(
                f"TensorLayout: the mesh has no axis {' or '.join(map(repr, unknown))}; its axes are "
                f"{', '.join(map(repr, known))}."
            )

    @property
    def backend_layout(self) -> Any:
        """The layout as JAX's, a `jax.sharding.NamedSharding`."""
        self.parts()
        return engine("jax").functions.named_sharding(self)

    def parts(self) -> tuple[int, ...]:
        """Return into how many parts each axis is cut."""
        mesh = self._device_mesh
        if mesh is None:
            raise ValueError(
                f"TensorLayout: the layout {self.axes} has no device mesh: TensorLayout(axes, device_mesh), or put it "
                "into a LayoutMap that has one."
            )
        extents = dict(zip(mesh.axis_names, mesh.devices.shape))
        return tuple(1 if axis is None else int(extents[axis]) for axis in self._axes)

    def fits(self, shape: Any) -> bool:
        """Whether an array of this shape can lie so; unknown extents can."""
        parts = self.parts()
        return len(parts) <= len(shape) and all(not isinstance(n, int) or n % k == 0 for n, k in zip(shape, parts))

    def check(self, shape: Any, what: str) -> None:
        """Refuse an array that cannot lie so.

        Args:
            shape: the array's.
            what: what it is called in the error.

        Raises:
            ValueError: if the layout has more axes than the array, or cuts an extent that does not divide.
        """
        if self.fits(shape):
            return
        parts = self.parts()
        if len(parts) > len(shape):
            raise ValueError(
                f"The layout {self.axes} of the {what} has {counted(len(parts), 'axis', 'axes')}, but its shape "
                f"{tuple(shape)} has "
                f"{len(shape)}. Give an axis of the mesh, or None, for each axis of the array."
            )
        i = next(i for i, (n, k) in enumerate(zip(shape, parts)) if isinstance(n, int) and n % k)
        raise ValueError(
            f"The layout {self.axes} of the {what} cuts axis {i} of its shape {tuple(shape)} along {self.axes[i]!r}, "
            f"whose extent in the mesh is {parts[i]}, and {shape[i]} is not divisible by {parts[i]}. Change the "
            "extent, the mesh, or write None for that axis."
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} axes={self.axes}, device_mesh={self.device_mesh}>"


class LayoutMap(MutableMapping[str, Any]):
    """Layouts by the paths of variables and layers' outputs; keys are regular expressions.

    A path that is no key itself has the layout of the one key that matches the whole of it, or None.

    Args:
        device_mesh: the mesh, which layouts without one get.

    >>> layouts = LayoutMap(DeviceMesh((1,), ["model"], ["cpu:0"]))
    >>> layouts["dense.*kernel"] = (None, "model")
    >>> layouts["dense_1/kernel"].axes, layouts["other/kernel"]
    ((None, 'model'), None)
    """

    def __init__(self, device_mesh: DeviceMesh | None):
        self._layouts: dict[str, TensorLayout] = {}
        self._device_mesh = device_mesh

    @property
    def device_mesh(self) -> DeviceMesh | None:
        """The mesh."""
        return self._device_mesh

    def __getitem__(self, key: str) -> TensorLayout | None:
        """Return the layout of a path, or None.

        Raises:
            ValueError: if several keys match it.
        """
        if key in self._layouts:
            return self._layouts[key]
        matching = [pattern for pattern in self._layouts if re.fullmatch(pattern, key)]
        if len(matching) > 1:
            raise ValueError(
                f"LayoutMap: several keys match the path {key!r}: {', '.join(map(repr, matching))}. Write them so that "
                "each path is matched by one at most."
            )
        return self._layouts[matching[0]] if matching else None

    def get(self, key: str, default: Any = None) -> Any:
        """Return the layout of a path, or `default`."""
        found = self[key]
        return default if found is None else found

    def __contains__(self, key: object) -> bool:
        return key in self._layouts

    def __setitem__(self, key: str, layout: Any) -> None:
        """Set the layout of the paths that a key matches.

        Args:
            key: a path or a regular expression.
            layout: a `TensorLayout`, or a tuple of its axes.

        Raises:
            ValueError: if the key is there already, or this is no layout.
        """
        if key in self._layouts:
            raise ValueError(
                f"LayoutMap: the key {key!r} is there, with the axes {self._layouts[key].axes}. Delete it first, or "
                "write another key."
            )
        try:
            re.compile(key)
        except (re.error, TypeError) as error:
            raise ValueError(
                f"LayoutMap: the key {key!r} is neither a path nor a regular expression ({error}). For a path with "
                "brackets or stars, write re.escape(path)."
            ) from None
        if isinstance(layout, tuple):
            layout = TensorLayout(layout)
        if not isinstance(layout, TensorLayout):
            raise ValueError(
                f"LayoutMap: the layout of {key!r} is a TensorLayout or a tuple of axes such as (None, 'model'); got "
                f"{layout!r}."
            )
        if layout.device_mesh is None and self._device_mesh is not None:
            layout.device_mesh = self._device_mesh
        self._layouts[key] = layout

    def __delitem__(self, key: str) -> None:
        del self._layouts[key]

    def __len__(self) -> int:
        return len(self._layouts)

    def __iter__(self) -> Iterator[str]:
        return iter(self._layouts)
