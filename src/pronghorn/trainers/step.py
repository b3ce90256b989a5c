"""The compiled step: a method of the model, traced once for each kind of batch and run as one function."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Sequence
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

    __slots__ = ("executable", "host_kinds", "is_flat", "structure", "traced")

    def __init__(self, traced: Traced, structure: Any, gathered: tuple[int, ...]):
        self.traced = traced
        self.structure = structure
        self.is_flat = type(structure) is dict and all(isinstance(i, int | _Fixed) for i in structure.values())
        self.executable = executable_class()(traced, gathered)
        place = traced.num_args - len(traced.host)
        self.host_kinds = [(v.dtype, v.shape[1:]) for v in traced.graph.inputs[place : traced.num_args]]

    def host_arrays(self, batch: Batch) -> list[np.ndarray]:
        """What the step computes from the batch's strings in front of the compiled part."""
        strings = batch.strings()
        return [compute(strings) for compute in self.traced.host]

    def takes(self, host_arrays: Sequence[np.ndarray]) -> bool:
        """Whether it was compiled for arrays of these types and extents."""
        return [(dtypes.name_of(a.dtype), a.shape[1:]) for a in host_arrays] == self.host_kinds

    def __call__(self, batch: Batch, host_arrays: Sequence[np.ndarray] | None = None) -> Any:
        arguments = batch.arguments()
        if self.traced.host:
            arguments = [*arguments, *(self.host_arrays(batch) if host_arrays is None else host_arrays)]
        results = self.executable(*arguments)
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
        try:
            return self._run(batch)
        except ValueError as error:
            _explain_lengths(error, batch)
            raise

    def rows_at_once(self, batch: Batch) -> int | None:
        """How many samples of such a batch are best computed at a time; None where all have to be."""
        if self.run_eagerly:
            return None
        try:
            program = self._program(batch)
        except ValueError as error:
            _explain_lengths(error, batch)
            raise
        if program is None or program.traced.host or not _one_batch_size(tuple(batch.shapes())):
            return None
        return program.executable.rows_at_once

    def _program(self, batch: Batch) -> Program | None:
        program = self._programs.get((self._state, batch.key))
        return self.prepare(batch) if program is None else program

    def _run(self, batch: Batch) -> Any:
        if self.run_eagerly:
            return self._run_eagerly(batch)
        program = self._program(batch)
        if program is None:
            return self._run_eagerly(batch)
        if program.traced.host:
            return self._run_with_strings(program, batch)
        return program(batch)

    def _run_with_strings(self, program: Program, batch: Batch) -> Any:
        """Run a step that makes arrays of the batch's strings, for their extents, such as the words of a text."""
        host_arrays = program.host_arrays(batch)
        fitting: Program | None = program
        if not program.takes(host_arrays):
            fitting = self.prepare(batch, tuple((a.dtype.str, a.shape[1:]) for a in host_arrays))
        return self._run_eagerly(batch) if fitting is None else fitting(batch, host_arrays)

    def prepare(self, batch: Batch, host_kinds: Hashable = None) -> Program | None:
        """Compile the step for batches like this one, or return None where it can only run eagerly.

        Args:
            batch: a batch.
            host_kinds: types and extents of what is made of its strings, where they are known.
        """
        key: Hashable = (self._state, batch.key) if host_kinds is None else (self._state, batch.key, host_kinds)
        if key in self._programs:
            return self._programs[key]
        if self.run_eagerly:
            return None
        concrete = (key, tuple(batch.shapes()))
        if concrete in self._programs:
            return self._programs[concrete]
        program, any_size = self._compile(batch)
        if program is not None:
            self._programs[key if any_size else concrete] = program
        return program

    def _compile(self, batch: Batch) -> tuple[Program | None, bool]:
        """Compile the step for a batch; returns also whether it takes any number of samples."""
        key: Hashable = (self._state, batch.key)
        try:
            traced = self._trace_for_any_size(batch, key, tuple(batch.shapes()))
            any_size = traced is not None
            if traced is None:
                traced = self._trace(batch, symbolic=False)
        except TraceError as error:
            self._fall_back(error)
            return None, False
        gathered = tuple(range(len(batch.numbers))) if batch.rows is not None else ()
        return Program(*traced, gathered), any_size

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
        shapes = [(size, *shape[1:]) if symbolic and shape else shape for shape in batch.shapes()]
        avals = [Aval(shapes[i], dtypes.name_of(batch.arrays[i].dtype)) for i in batch.numbers]
        structure: Any = None

        def flat(*tensors: Tensor) -> list[Any]:
            nonlocal structure
            results: list[Any] = []

            def number(leaf: Any) -> Any:
                if leaf is None or isinstance(leaf, str):
                    return _Fixed(leaf)
                results.append(as_tensor(leaf))
                return len(results) - 1

            leaves = batch.traced_leaves(tensors, shapes)
            structure = tree.map_structure(number, self._step(batch.layout.pack(leaves)))
            return results

        return trace(flat, avals, name=self.name), structure

    def _run_eagerly(self, batch: Batch) -> Any:
        tensors = [Tensor(np.asarray(a)) if a.dtype != object else a for a in batch.gather()]
        result = self._step(batch.layout.pack(tensors))
        return tree.map_structure(lambda x: x.numpy() if hasattr(x, "numpy") else x, result)

    def _fall_back(self, error: TraceError) -> None:
        self.run_eagerly = True
        warn(f"{self.name} cannot be compiled, so it runs eagerly, primitive by primitive: {error}")


def _explain_lengths(error: ValueError, batch: Batch) -> None:
    """Add to an error's message that the arrays of the batch differ in their number of samples, where they do."""
    lengths = [shape[0] for shape in batch.shapes() if shape]
    if len(set(lengths)) > 1:
        error.args = (
            f"The arrays of the batch hold different numbers of samples, {', '.join(map(str, lengths))} in turn, where "
            f"inputs, targets and weights of the same samples are needed. {error}",
        )


def _one_batch_size(shapes: tuple[tuple[int, ...], ...]) -> bool:
    """Whether all arrays have the same first extent, which then may be symbolic."""
    return len({shape[0] for shape in shapes if shape}) == 1
