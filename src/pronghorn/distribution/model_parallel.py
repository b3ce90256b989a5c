"""Model parallel computation: weights that are cut over devices, as a map of layouts says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pronghorn.distribution.base import Distribution
from pronghorn.distribution.mesh import DeviceMesh, LayoutMap, TensorLayout
from pronghorn.engine.backends import choice
from pronghorn.engine.graph.trace import Traced


class ModelParallel(Distribution):
    """Weights and batches that are cut over the devices of a mesh; the engine is JAX.

    The paths of variables, such as `"dense/kernel"`, are looked up in the map; what is not found lies whole on every
    device. An optimizer's slots lie as their weights do. Paths that end with `"/output"` are those of layers' outputs.

    Args:
        layout_map: the layouts; its mesh is that of the distribution.
        batch_dim_name: the mesh's axis along which batches are cut; the first by default.
        auto_shard_dataset: with several processes, whether each takes its share of what the data gives, which is then
            the same everywhere (the global batch); False where every process's data is a share already.

    Raises:
        ValueError: for what is no `LayoutMap`, a map without a mesh, or a name that is no axis of the mesh.

    >>> mesh = DeviceMesh((1, 1), ["batch", "model"], ["cpu:0"])
    >>> layouts = LayoutMap(mesh)
    >>> layouts[".*dense.*kernel"] = (None, "model")
    >>> ModelParallel(layout_map=layouts, batch_dim_name="batch")
    <ModelParallel device_mesh=<DeviceMesh shape=(1, 1), axis_names=['batch', 'model']>>
    """

    def __init__(
        self,
        *,
        layout_map: LayoutMap | None = None,
        batch_dim_name: str | None = None,
        auto_shard_dataset: bool = True,
        **kwargs: Any,
    ):
        kwargs.pop("device_mesh", None)  # of the map
        if kwargs:
            raise TypeError(f"ModelParallel: unknown arguments {', '.join(map(repr, kwargs))}.")
        if not isinstance(layout_map, LayoutMap):
            raise ValueError(
                f"ModelParallel: layout_map is a LayoutMap, got {layout_map!r}. Make one of a mesh, "
                "LayoutMap(device_mesh), and set layouts by the paths of variables: layouts['.*dense.*kernel'] = "
                "(None, 'model')."
            )
        mesh: DeviceMesh | None = layout_map.device_mesh
        if mesh is None:
            raise ValueError("ModelParallel: the LayoutMap has no device mesh; make it with LayoutMap(device_mesh).")
        names = list(mesh.axis_names)
        if batch_dim_name is not None and batch_dim_name not in names:
            raise ValueError(
                f"ModelParallel: batch_dim_name={batch_dim_name!r} is no axis of the mesh, which has "
                f"{', '.join(map(repr, names))}."
            )
        super().__init__(mesh, batch_dim_name or names[0], auto_shard_dataset)
        self._layout_map = layout_map
        replicas = self.num_model_replicas
        if self.num_processes > replicas and self.num_processes % replicas:
            raise ValueError(
                f"ModelParallel: {self.num_processes} processes hold {replicas} copies of the model (the extent of "
                f"{self.batch_dim_name!r}), so that their number must be divisible by that of the copies."
            )

    @property
    def layout_map(self) -> LayoutMap:
        """The layouts by paths."""
        return self._layout_map

    @property
    def num_model_replicas(self) -> int:
        """How many copies of the model there are: the mesh's extent along which batches are cut."""
        return int(self.device_mesh.shape[list(self.device_mesh.axis_names).index(self.batch_dim_name)])

    def executable(self, engine: str, traced: Traced, gathered: Sequence[int], jit: bool) -> Any:
        """Return what runs a model's step on the devices; see `Distribution.executable`.

        Raises:
            RuntimeError: if the engine is not JAX.
        """
        if engine != "jax":
            name = choice.OWN if engine in choice.OWN_WAYS else engine
            raise RuntimeError(
                f"ModelParallel cuts weights over devices, which the engine {name!r} cannot do; JAX can. Choose it "
                "before the mesh is made: keras.config.set_backend('jax'), or KERAS_BACKEND=jax pronghorn run SCRIPT. "
                "(DataParallel, which cuts batches alone, runs on Pronghorn's own engine, too.)"
            )
        return super().executable(engine, traced, gathered, jit)

    def get_variable_layout(self, variable: Any) -> TensorLayout:
        """Return how a variable lies on the mesh: as it says itself, or as the map says of its path, or whole."""
        own = getattr(variable, "_layout", None)
        found = self._layout_map[variable.path] if own is None else own
        return super().get_variable_layout(variable) if found is None else found

    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        """Return what the map says of the path of a layer's output; None for as it comes."""
        return self._layout_map[path]
