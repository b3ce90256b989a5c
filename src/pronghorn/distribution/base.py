"""`Distribution`: what data parallel and model parallel training share."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from typing import Any

from pronghorn.distribution.agreed_step import agreed
from pronghorn.distribution.agreement import check_same
from pronghorn.distribution.communicator import Communicator
from pronghorn.distribution.mesh import DeviceMesh, TensorLayout
from pronghorn.distribution.placing import distribute_tensor
from pronghorn.distribution.reading import Reading
from pronghorn.engine.backends import choice
from pronghorn.engine.graph.trace import Traced
from pronghorn.engine.graph.user_code import warn
from pronghorn.placement import active
from pronghorn.placement.processes import processes


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
        self._most_rows = 0  # of the batches so far
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
    def communicator(self) -> Communicator | None:
        """What the processes that share batches talk by; None where there is nobody to talk to."""
        found = processes()
        return None if self.num_processes == 1 or found.communicator is None else Communicator(found)

    @property
    def reading(self) -> Reading | None:
        """How processes read data that all are given; None where each reads all that it is given."""
        return None

    def check_same(self, what: str, facts: dict[str, Any]) -> None:
        """See that all processes are about to do the same.

        Args:
            what: what that is.
            facts: names to what they have to have in common.

        Raises:
            ProcessesDiffer: on every process, if they do not.
        """
        if (others := self.communicator) is not None:
            check_same(others, what, facts)

    @property
    def num_model_replicas(self) -> int:
        """How many copies of the model there are, each for a share of the batch."""
        raise NotImplementedError

    @property
    def num_data_shards(self) -> int:
        """Into how many shares the data are cut that processes read; of Keras 3.16."""
        return min(self.num_model_replicas, self.num_processes)

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
        return own if own is not None else self.whole(len(variable.shape))

    def whole(self, rank: int) -> TensorLayout:
        """Return the layout of a tensor that lies whole on each device."""
        return TensorLayout([None] * rank, self.device_mesh)

    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        """Return how a layer's output lies on the mesh; None for as it comes."""
        return None

    def output(self, tensor: Any, path: str) -> Any:
        """Return a layer's output, laid out as `get_tensor_layout` says of its path."""
        layout = self.get_tensor_layout(path)
        return tensor if layout is None else distribute_tensor(tensor, layout)

    def executable(self, engine: str, traced: Traced, gathered: Sequence[int], jit: bool) -> Any:
        """Return what runs a model's step; the trainer calls it.

        Args:
            engine: its name.
            traced: the step, of global batches.
            gathered: arguments that come as a pair (array, row numbers).
            jit: whether the engine's library is to compile it further.

        Raises:
            RuntimeError: if the engine has no such devices.
            ProcessesDiffer: if several processes are about to do different things.
        """
        if engine == "jax":
            return self._executable_of_jax(traced, gathered, jit)
        own, count = engine in choice.OWN_WAYS, self.device_mesh.devices.size
        if count != (self.num_processes if own else 1):
            start = f"Start {count} processes (pronghorn run -n {count} SCRIPT), or choose" if own else "Choose"
            raise RuntimeError(
                f"{self} has {count} devices, but the engine {choice.OWN if own else engine!r} computes on one"
                f"{' in each process' if own else ''}. {start} the engine JAX before the mesh is made: "
                "keras.config.set_backend('jax'), KERAS_BACKEND=jax pronghorn run SCRIPT."
            )
        return choice.executable(engine, traced, gathered, jit)

    def _executable_of_jax(self, traced: Traced, gathered: Sequence[int], jit: bool) -> Any:
        make = functools.partial(choice.executable, "jax", traced, gathered, jit, placement=self)
        return agreed(Communicator(processes()), traced, gathered, make, not self.auto_shard_dataset)

    # -- what engines ask: see `pronghorn.engine.backends.engine.Placement` -------------------------------------------
    def lay_out(self, variables: Any) -> None:
        """Give variables a layout that have none on these devices, as those of models that were built before have."""
        for variable in variables:
            if variable.laid_like is not None:
                self.lay_out([variable.laid_like])
            if self._is_elsewhere(variable._layout):
                variable.lay_out(None)
            if variable._layout is None:
                variable.lay_out(self.layout_of(variable))

    def _is_elsewhere(self, layout: Any) -> bool:
        mesh = layout.device_mesh if isinstance(layout, TensorLayout) else self.device_mesh
        return (
            mesh is not self.device_mesh and mesh.devices.ravel().tolist() != self.device_mesh.devices.ravel().tolist()
        )

    def layout_of(self, variable: Any) -> TensorLayout:
        """Return how a variable lies on the mesh, checked.

        Raises:
            ValueError: if it cannot lie so.
        """
        like = variable.laid_like  # an optimizer's slot lies as its weight
        found = self.get_variable_layout(variable if like is None or variable._layout is not None else like)
        if isinstance(found, TensorLayout):  # and no sharding of JAX's own
            found.check(variable.shape, f"variable {variable.path!r}")
        return found

    def data_placement(self, shape: tuple[int, ...]) -> tuple[TensorLayout, bool]:
        """Return how an array of a batch lies on the mesh: whole on each device where its rows do not divide.

        Args:
            shape: of the array that this process has.

        Returns:
            The layout, and whether the array is this process's part of the whole.
        """
        layout = self.get_data_layout(shape)
        of_process = self.num_processes > 1 and not self.auto_shard_dataset
        if of_process or layout.fits(shape):
            self._most_rows = max(self._most_rows, *shape[:1], 0)
            return layout, of_process
        if shape and shape[0] > self._most_rows:  # and no last, short batch
            self._most_rows = shape[0]
            warn(
                f"A batch of {shape[0]} rows does not divide among {layout.parts()[0]} copies of the model, so each "
                "device computes the whole of it. Batches of a multiple of that number are shared."
            )
        return self.whole(len(shape)), False

    def check_batches(self, size: int | None) -> None:
        """Refuse batches that the copies of the model cannot share, before a run; the trainer calls it.

        Pronghorn's own engine shares any number of rows.

        Args:
            size: rows of a batch; None where the data alone knows it.

        Raises:
            ValueError: if it does not divide.
        """
        if choice.named() is not None:
            self.check_batch_size(size)

    def check_batch_size(self, size: int | None) -> None:
        """Refuse a number of rows a step that does not divide among the copies of the model.

        Args:
            size: the number; None where the data alone knows it.

        Raises:
            ValueError: if it does not divide.
        """
        self._most_rows = size or 0
        if size is None:
            return
        copies = self.get_data_layout((size,)).parts()[0]
        if size % copies:
            near = [n for n in (size - size % copies, size - size % copies + copies) if n]
            raise ValueError(
                f"batch_size={size} does not divide among the {copies} copies of the model in {self}. Take a multiple "
                f"of {copies}, such as {' or '.join(map(str, near))}; the last, short batch need not divide."
            )

    def distribute_dataset(self, dataset: Any) -> Any:
        """Return what each process reads of a data set: all of it, of which steps take their share.

        Args:
            dataset: gives global batches.
        """
        return dataset

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
