"""The compiled step: a method of the model, traced once for each kind of batch and run as one function."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from pronghorn import tree
from pronghorn.graph import dtypes
from pronghorn.graph.dim import Dim
from pronghorn.graph.ir import Aval
from pronghorn.graph.tensor import Tensor
from pronghorn.graph.trace import Traced, TraceError, as_tensor, trace
from pronghorn.trainers.batch import Batch
from pronghorn.utils.user_code import warn


def executable_class() -> Any:
    """The class that runs traced functions: compiled, or interpreted where `PRONGHORN_BACKEND=numpy`."""
    name = os.environ.get("PRONGHORN_BACKEND", "llvm")
    if name == "numpy":
        from pronghorn.backends.numpy.executable import NumpyExecutable

        return NumpyExecutable
    if name != "llvm":
        raise ValueError(f"environment variable PRONGHORN_BACKEND={name!r}: it must be 'llvm' or 'numpy'.")
    from pronghorn.backends.llvm import Executable

    return Executable


class Program:
    """A traced step, compiled, with the structure of its results."""

    __slots__ = ("executable", "is_flat", "structure", "traced")

    def __init__(self, traced: Traced, structure: Any, gathered: tuple[int, ...]):
        self.traced = traced
        self.structure = structure
        self.is_flat = type(structure) is dict and all(isinstance(i, int | _Fixed) for i in structure.values())
        self.executable = executable_class()(traced, gathered)

    def __call__(self, batch: Batch) -> Any:
        results = self.executable(*batch.arguments())
        structure = self.structure
        if self.is_flat:  # a step's logs, which are read in every step
            return {k: results[i] if type(i) is int else i.value for k, i in structure.items()}
        return tree.map_structure(lambda i: results[i] if type(i) is int else i.value, structure)


class _Fixed:
    """A result that is no array."""

    __slots__ = ("value",)

    def __init__(self, value: Any):
        self.value = value


class StepFunction:
    """A step as a function of a batch.

    Args:
        step: from nested tensors to nested tensors, such as `model.train_step`.
        name: what graphs, profiles and errors call it.
        state_key: tells apart states of the model that need different compiled steps, such as what is trainable.
        run_eagerly: whether to run it as it is, primitive by primitive, rather than compiled.
    """

    def __init__(
        self,
        step: Callable[[Any], Any],
        name: str,
        state_key: Callable[[], Hashable] | None = None,
        run_eagerly: bool = False,
    ):
        self._step = step
        self.name = name
        self.run_eagerly = run_eagerly
        self._state_key = state_key
        self._state: Hashable = None
        self._programs: dict[Hashable, Program] = {}
        self._concrete: set[Hashable] = set()  # keys of batches whose step needs to know their extents

    def refresh(self) -> None:
        """Look again at the model's state; called at the start of a run."""
        if self._state_key is not None:
            self._state = self._state_key()

    def __call__(self, batch: Batch) -> Any:
        """Run the step; results are NumPy arrays."""
        if self.run_eagerly:
            return self._run_eagerly(batch)
        program = self._programs.get((self._state, batch.key))
        if program is None:
            program = self.prepare(batch)
            if program is None:
                return self._run_eagerly(batch)
        return program(batch)

    def prepare(self, batch: Batch) -> Program | None:
        """Compile the step for batches like this one, or return None where it can only run eagerly."""
        key: Hashable = (self._state, batch.key)
        if key in self._programs:
            return self._programs[key]
        if self.run_eagerly:
            return None
        shapes = tuple(batch.shapes())
        concrete = (key, shapes)
        if concrete in self._programs:
            return self._programs[concrete]
        try:
            traced = self._trace_for_any_size(batch, key, shapes)
            place = concrete if traced is None else key
            if traced is None:
                traced = self._trace(batch, symbolic=False)
        except TraceError as error:
            self._fall_back(error)
            return None
        gathered = tuple(range(len(batch.arrays))) if batch.rows is not None else ()
        self._programs[place] = Program(*traced, gathered)
        return self._programs[place]

    def _trace_for_any_size(self, batch: Batch, key: Hashable, shapes: Any) -> tuple[Traced, Any] | None:
        """Trace with a symbolic number of samples; None where that is not possible."""
        if key in self._concrete or not _one_batch_size(shapes):
            return None
        try:
            return self._trace(batch, symbolic=True)
        except Exception:
            # The step asks for the number of samples, or is wrong: a trace with numbers tells which.
            self._concrete.add(key)
            return None

    def _trace(self, batch: Batch, symbolic: bool) -> tuple[Traced, Any]:
        size = Dim.symbol("batch")
        avals = [
            Aval((size, *shape[1:]) if symbolic and shape else shape, dtypes.name_of(array.dtype))
            for shape, array in zip(batch.shapes(), batch.arrays)
        ]
        structure: Any = None

        def flat(*tensors: Tensor) -> list[Any]:
            nonlocal structure
            results: list[Any] = []

            def number(leaf: Any) -> Any:
                if leaf is None or isinstance(leaf, str):
                    return _Fixed(leaf)
                results.append(as_tensor(leaf))
                return len(results) - 1

            structure = tree.map_structure(number, self._step(batch.layout.pack(tensors)))
            return results

        return trace(flat, avals, name=self.name), structure

    def _run_eagerly(self, batch: Batch) -> Any:
        tensors = [Tensor(np.asarray(a)) for a in batch.gather()]
        result = self._step(batch.layout.pack(tensors))
        return tree.map_structure(lambda x: x.numpy() if hasattr(x, "numpy") else x, result)

    def _fall_back(self, error: TraceError) -> None:
        self.run_eagerly = True
        warn(f"{self.name} cannot be compiled, so it runs eagerly, primitive by primitive: {error}")


def _one_batch_size(shapes: tuple[tuple[int, ...], ...]) -> bool:
    """Whether all arrays have the same first extent, which then may be symbolic."""
    return len({shape[0] for shape in shapes if shape}) == 1
