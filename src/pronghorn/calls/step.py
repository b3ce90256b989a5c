"""The compiled step: a method of the model, traced once for each kind of batch and run as one function."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from math import prod
from typing import Any, Protocol

import numpy as np

from pronghorn import tree
from pronghorn.calls.batch import Batch
from pronghorn.calls.layout import take_apart
from pronghorn.calls.lengths import Lengths
from pronghorn.calls.plans import Plans
from pronghorn.calls.variants import Variants
from pronghorn.data.ragged import RaggedTensor
from pronghorn.engine.backends import choice
from pronghorn.engine.graph import dtypes, exactness
from pronghorn.engine.graph.active import TraceError
from pronghorn.engine.graph.dim import BATCH, Shape, SymbolicDimError, evaluate
from pronghorn.engine.graph.ir import Aval, Graph
from pronghorn.engine.graph.layout import Layout
from pronghorn.engine.graph.tensor import Tensor, as_tensor, tensor_of
from pronghorn.engine.graph.trace import Traced, trace
from pronghorn.engine.graph.user_code import warn
from pronghorn.engine.graph.variable import noted_assignments
from pronghorn.engine.runtime import arena
from pronghorn.engine.runtime.garbage import uncollected
from pronghorn.engine.runtime.signals import is_from_handler
from pronghorn.placement.active import Distribution, distribution
from pronghorn.utils import activity


class _Settings:
    run_eagerly = False


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Have what `jit` made, and calls of models, run as they are written, for debugging, or compiled again."""
    _Settings.run_eagerly = bool(run_eagerly)


def runs_eagerly() -> bool:
    """Whether `run_functions_eagerly` has switched compilation off."""
    return _Settings.run_eagerly


class Program:
    """A traced step, compiled, with the layout of its results."""

    __slots__ = ("_flat", "executable", "host_kinds", "is_single", "layout", "takes_shares", "traced")

    def __init__(self, traced: Traced, layout: Layout, executable: Any):
        self.traced = traced
        self.layout = layout
        is_flat = type(layout.structure) is dict and all(type(i) is int for i in layout.structure.values())
        self._flat: dict[Any, int] | None = layout.structure if is_flat else None
        self.executable = executable
        #: Whether what it gives is one array.
        self.is_single = type(layout.structure) is int
        self.takes_shares = getattr(executable, "takes_shares", False) and not traced.host
        place = traced.num_args - len(traced.host)
        self.host_kinds = [(v.dtype, v.shape) for v in traced.graph.inputs[place : traced.num_args]]

    def host_arrays(self, batch: Batch) -> list[np.ndarray]:
        """What the step computes from the batch's strings in front of the compiled part."""
        strings = batch.strings()
        return [compute(strings) for compute in self.traced.host]

    def takes(self, host_arrays: Sequence[np.ndarray], samples: int) -> bool:
        """Whether it was compiled for arrays of these types and extents, in a batch of so many samples."""
        numbers = {BATCH: samples}
        kinds = [(dtype, tuple(evaluate(n, numbers) for n in shape)) for dtype, shape in self.host_kinds]
        return [(dtypes.name_of(a.dtype), a.shape) for a in host_arrays] == kinds

    def __call__(self, batch: Batch, host_arrays: Sequence[np.ndarray] | None = None) -> Any:
        if batch.is_share and not self.takes_shares:
            batch = batch.whole()
        arguments = batch.arguments()
        if self.traced.host:
            arguments = [*arguments, *(self.host_arrays(batch) if host_arrays is None else host_arrays)]
        return self.structured(self.executable(*arguments))

    def in_pieces(self, pieces: Sequence[Batch]) -> Any:
        """The results for pieces of a batch, whose rows do not meet, one behind another.

        They are written where they stay: arrays for each piece, joined in the end, would be all of them twice.
        """
        numbers = {BATCH: sum(piece.size for piece in pieces)}
        avals = [v.aval for v in self.traced.graph.outputs[: self.traced.num_results]]
        shapes = [tuple(evaluate(n, numbers) for n in aval.shape) for aval in avals]
        kinds = [dtypes.to_numpy(aval.dtype) for aval in avals]
        arena.make_room(sum(prod(shape) * kind.itemsize for shape, kind in zip(shapes, kinds)))
        results = [np.empty(shape, kind) for shape, kind in zip(shapes, kinds)]
        start = 0
        for piece in pieces:
            stop = start + piece.size
            self.executable(*piece.arguments(), into=[array[start:stop] for array in results])
            start = stop
        return self.structured(results)

    def structured(self, results: Sequence[np.ndarray]) -> Any:
        """Flat results in the structure that the step gives them in."""
        if self._flat is not None:  # a step's logs, which are read in every step
            return {k: results[i] for k, i in self._flat.items()}
        return self.layout.pack(results)


class _Program(Protocol):
    """A step that is a program of an engine's library; see `pronghorn.trainers.library_steps`."""

    def __call__(self, batch: Batch) -> Any: ...

    def build(self, batch: Batch) -> None: ...


class _Programs(Protocol):
    """What tells which programs a step is; see `pronghorn.trainers.library_steps`."""

    def __call__(self, chosen: str) -> _Program | None:
        """What runs it as a program of an engine's library; None where it is traced."""

    def after(self, error: AttributeError, chosen: str) -> _Program | None:
        """The same after it has asked an object for what it does not have."""


class StepFunction:
    """A step as a function of a batch.

    Args:
        step: from nested tensors to nested tensors, such as `model.train_step`.
        name: what graphs, profiles and errors call it.
        state_key: tells apart states of the model that need different compiled steps, such as what is trainable.
        run_eagerly: whether to run it as it is, primitive by primitive, rather than compiled.
        engine: what runs it; by default what is chosen at the time of each call.
        jit: whether an engine's library is to compile it further than it does by itself.
        as_program: gives what runs it as a program of an engine's library; None where it is traced.
        is_shared: whether its batches are those of a model, which a distribution shares among devices or processes.
        fewest_shapes: so many shapes of batches make a program for any lengths; by default as many as `Lengths` has.
    """

    def __init__(
        self,
        step: Callable[[Any], Any],
        name: str,
        state_key: Callable[[], Hashable] | None = None,
        run_eagerly: bool = False,
        engine: str | None = None,
        jit: bool = False,
        as_program: _Programs | None = None,
        is_shared: bool = False,
        fewest_shapes: int | None = None,
    ):
        self._step = step
        self._as_program = as_program
        self._own: _Program | None = None  # the program that it is
        self._has_run = False  # eagerly
        self.name = name
        self.run_eagerly = run_eagerly
        self._state_key = state_key
        self._engine, self._jit = engine, jit
        self._is_shared = is_shared
        self._fewest_shapes = fewest_shapes
        self.given_up: Sequence[int] = ()  # the numbers of a batch's arrays whose memory results may take
        self._distribution: Distribution | None = None
        self._state: Hashable = None
        self.plans = Plans(self)
        self._variants: dict[Hashable, Variants] = {}  # by kinds of batches
        self._lengths: dict[Hashable, Lengths] = {}  # by kinds of batches, but for extents

    @property
    def engine(self) -> str:
        """What runs it now: ``llvm``, ``numpy`` or the name of an engine."""
        return self._engine or choice.chosen()

    @property
    def way(self) -> tuple[Hashable, ...]:
        """What programs depend on beside the batch: the model's state, the engine and settings of the compiler."""
        return self._state, self.engine, exactness.in_force()

    @property
    def has_compiled(self) -> bool:
        """Whether there are programs for some batches."""
        return any(made.programs() for made in (*self._variants.values(), *self._lengths.values()))

    @property
    def is_library_program(self) -> bool:
        """Whether it is a program of an engine's library."""
        return self._own is not None

    def refresh(self) -> None:
        """Look again at the model's state and at the engine; called at the start of a run."""
        if self._is_shared:
            self._distribution = distribution()
        if self._state_key is not None:
            self._state = self._state_key(), self._distribution
        if self._as_program is not None:
            self._own = self._as_program(self.engine)

    def __call__(self, batch: Batch) -> Any:
        """Run the step; results are NumPy arrays."""
        try:
            return self._run(batch)
        except ValueError as error:
            _explain_lengths(error, batch)
            raise

    def rows_at_once(self, batch: Batch) -> int | None:
        """How many samples of such a batch are best computed at a time; None where all have to be."""
        if self.run_eagerly or self._own is not None or batch.is_share:
            return None
        try:
            program = self._program(batch)
        except ValueError as error:
            _explain_lengths(error, batch)
            raise
        if program is None or program.traced.host or program.traced.guards:
            return None  # other numbers of rows may need another program
        return program.executable.rows_at_once

    def in_pieces(self, pieces: Sequence[Batch]) -> Any:
        """The outputs for pieces of one kind, as `rows_at_once` lets them be, one behind another."""
        program = self._program(pieces[0])
        assert program is not None, "there is one where rows_at_once gives a number"
        return program.in_pieces(pieces)

    def found(self, batch: Batch) -> Program | None:
        """The program that has been compiled for such a batch, or None."""
        variants = self._variants.get((*self.way, batch.key))
        return None if variants is None else variants.find(batch.extents, None)

    def _program(self, batch: Batch) -> Program | None:
        program = self.found(batch)
        return self.prepare(batch) if program is None else program

    def _run(self, batch: Batch) -> Any:
        if self._own is not None:
            return self._own(batch)
        program = None if self.run_eagerly else self._program(batch)
        if program is None:
            return self._run_eagerly(batch) if self._own is None else self._own(batch)
        if program.traced.host:
            return self._run_with_strings(program, batch)
        return program(batch)

    def _run_with_strings(self, program: Program, batch: Batch) -> Any:
        """Run a step that makes arrays of the batch's strings, for their extents, such as the words of a text."""
        host_arrays = program.host_arrays(batch)
        fitting: Program | None = program
        size = batch.size
        if not program.takes(host_arrays, size):
            kinds = tuple((a.dtype, a.shape[:1] == (size,), a.shape[1:]) for a in host_arrays)
            fitting = self.prepare(batch, kinds)
            if fitting is not None and not fitting.takes(host_arrays, size):
                fitting = None  # what it makes of the strings depends on something else
        return self._run_eagerly(batch) if fitting is None else fitting(batch, host_arrays)

    @exactness.settled
    def prepare(self, batch: Batch, host_kinds: Hashable = None) -> Program | None:
        """Compile the step for batches like this one, or return None where it is to run eagerly.

        Args:
            batch: a batch.
            host_kinds: types and extents of what is made of its strings, where they are known.
        """
        if self._own is not None:
            self._own.build(batch)
            return None
        key: Hashable = (*self.way, batch.key)
        if host_kinds is not None:
            key = (*key, host_kinds)
        variants = self._variants.get(key)
        program = None if variants is None else variants.find(batch.extents, batch.common_size)
        if program is not None or self.run_eagerly:
            return program
        lengths = self._lengths_of(batch)
        program = None if lengths is None else lengths.find(batch)
        if program is not None and lengths is not None and not lengths.come_often(batch.key):
            return program
        try:
            with activity.doing("compiling"), uncollected():
                if program is None and lengths is not None:
                    program = self._compile_for_any_length(batch, lengths)
                    if program is not None:
                        return program
                program = self._compile(batch, self._variants.setdefault(key, Variants()))
        except TraceError as error:
            self._fall_back(error)
            return None
        except AttributeError as error:
            self._take_up(error).build(batch)
            return None
        if lengths is not None:
            lengths.note(batch.shapes())
        return program

    def note_extents(self, batch: Batch) -> None:
        """Remember the extents of a batch that ran without this: those of later ones may vary from them."""
        lengths = self._lengths_of(batch)
        if lengths is not None:
            lengths.note(batch.shapes())

    def takes_any_length(self, batch: Batch) -> bool:
        """Whether there is a program for any lengths that suits a batch, or one might be made.

        There is none where another library runs it, which compiles it anew for each length.
        """
        lengths = self._lengths_of(batch) if self.engine in choice.OWN_WAYS else None
        return lengths is not None and (lengths.may_vary(batch.shapes()) or lengths.find(batch) is not None)

    @exactness.settled
    def prepare_for_any_length(self, batch: Batch) -> Program | None:
        """The program for any lengths that suits a batch, compiled if need be; None where there can be none."""
        lengths = self._lengths_of(batch)
        program = None if lengths is None else lengths.find(batch)
        if program is not None or lengths is None:
            return program
        with activity.doing("compiling"), uncollected():
            return self._compile_for_any_length(batch, lengths)

    def _lengths_of(self, batch: Batch) -> Lengths | None:
        """What knows batches that differ in extents alone; None where each needs a program of its own."""
        if self._distribution is not None or batch.texts or not batch.common_size:
            return None
        return self._lengths.setdefault((*self.way, batch.kind), Lengths(self._fewest_shapes))

    def _compile(self, batch: Batch, variants: Variants) -> Program | None:
        """Compile the step for a batch: for any number of samples, if that is possible, or for that of the batch."""
        if variants.may_be_symbolic(batch.common_size):
            program = self._compile_for_any_size(batch, variants)
            if program is not None:
                variants.add_symbolic(batch.extents, program)
                return program
        if not variants.may_compile(batch.extents):
            return None
        program = self._assembled(batch, *self.trace(batch, batch.shapes()))
        variants.add_concrete(batch.extents, program)
        return program

    def _compile_for_any_size(self, batch: Batch, variants: Variants) -> Program | None:
        return self._symbolic(batch, batch.symbolic_shapes(), {BATCH: batch.size}, variants)

    def _compile_for_any_length(self, batch: Batch, lengths: Lengths) -> Program | None:
        shapes = batch.shapes()
        asked = lengths.symbolic(shapes, batch.size) if lengths.may_vary(shapes) else None
        if asked is None:
            return None
        program = self._symbolic(batch, *asked, lengths, lengths.check)
        if program is not None:
            lengths.add(asked[0], program)
        return program

    def _symbolic(
        self,
        batch: Batch,
        shapes: Sequence[Shape],
        numbers: Mapping[str, int],
        kept: Variants | Lengths,
        check: Callable[[Traced, Mapping[str, int]], None] | None = None,
    ) -> Program | None:
        """The program for shapes with symbols, which are these numbers in the batch; None where one has to be known.

        ``check`` raises what keeps a trace from becoming one.
        """
        try:
            traced, layout = self.trace(batch, shapes, numbers)
            if check is not None:
                check(traced, numbers)
        except Exception as error:
            if is_from_handler(error):
                raise
            # The step asks for a symbol's number, or is wrong: a trace with numbers tells which.
            kept.failed(error)
            return None
        try:
            return self._assembled(batch, traced, layout)
        except SymbolicDimError as error:  # the compiler asks
            kept.failed(error)
            return None

    def _assembled(self, batch: Batch, traced: Traced, layout: Layout) -> Program:
        gathered = tuple(range(len(batch.numbers))) if batch.rows is not None else ()
        compiled = choice.executable if self._distribution is None else self._distribution.executable
        return Program(traced, layout, compiled(self.engine, traced, gathered, self._jit))

    def start_profiles(self) -> list[tuple[Program, Any]]:
        """Have the programs that are compiled for the own engine measure their kernels from now on.

        Returns:
            What `stop_profiles` takes.
        """
        kept = []
        for made in (*self._variants.values(), *self._lengths.values()):
            for program in made.programs():
                if hasattr(program.executable, "measuring"):
                    kept.append((program, program.executable))
                    program.executable = program.executable.measuring()
        return kept

    @staticmethod
    def stop_profiles(kept: list[tuple[Program, Any]]) -> list[Any]:
        """End what `start_profiles` began, and return a `Profile` for each program that ran."""
        profiles = []
        for program, executable in kept:
            profiles.append(program.executable.profile)
            program.executable = executable
        return [profile for profile in profiles if profile is not None and profile.steps]

    def trace(
        self, batch: Batch, shapes: Sequence[Shape], numbers: Mapping[str, int] | None = None
    ) -> tuple[Traced, Layout]:
        """The step as a graph to be compiled, with its results' layout.

        Args:
            batch: a batch.
            shapes: of its arrays; extents may be symbols.
            numbers: what the symbols are in this batch.
        """
        return self._traced(batch, shapes, numbers)

    def graph(self, batch: Batch) -> Graph:
        """The step's graph for the extents of a batch, to be looked at."""
        return self._traced(batch, batch.shapes())[0].graph

    def _traced(
        self, batch: Batch, shapes: Sequence[Shape], numbers: Mapping[str, int] | None = None
    ) -> tuple[Traced, Layout]:
        avals = [Aval(shapes[i], dtypes.name_of(batch.arrays[i].dtype)) for i in batch.numbers]
        layout: Any = None

        def flat(*tensors: Tensor) -> list[Any]:
            nonlocal layout
            leaves = batch.traced_leaves(tensors, shapes)
            layout, results = take_apart(self._step(batch.layout.pack(leaves)), lambda leaf: isinstance(leaf, str))
            return [as_tensor(result) for result in results]

        traced = trace(flat, avals, self.name, numbers)
        traced.donated = _places_given_up(traced, [batch.numbers.index(i) for i in self.given_up])
        return traced, layout

    def _run_eagerly(self, batch: Batch) -> Any:
        tensors = [tensor_of(np.asarray(a)) if a.dtype != object else a for a in batch.gather()]
        if self._as_program is None or self._has_run:
            return tree.map_structure(_as_numpy, self._step(batch.layout.pack(tensors)))
        with noted_assignments() as noted:  # in the first run alone, which may show that it is a program
            try:
                result = self._step(batch.layout.pack(tensors))
            except AttributeError as error:
                program = self._take_up(error)
                for variable, before in noted.items():
                    variable.replace(before)
                return program(batch)
        self._has_run = True
        return tree.map_structure(_as_numpy, result)

    def _take_up(self, error: AttributeError) -> _Program:
        """What runs the step that asked for what arrays of ours do not have; raises the error where nothing does."""
        self._own = None if self._as_program is None else self._as_program.after(error, self.engine)
        if self._own is None:
            raise error
        return self._own

    def _fall_back(self, error: TraceError) -> None:
        self.run_eagerly = True
        warn(f"{self.name} cannot be compiled, so it runs eagerly, primitive by primitive: {error}")


def _places_given_up(traced: Traced, arguments: Sequence[int]) -> dict[int, int]:
    """For results, in their order, the arguments among those that are given up whose memory they take."""
    places: dict[int, int] = {}
    left = list(arguments)
    for i, result in enumerate(traced.graph.outputs[: traced.num_results]):
        found = next((a for a in left if traced.graph.inputs[a].aval == result.aval), None)
        if found is not None:
            left.remove(found)
            places[i] = found
    return places


def _as_numpy(x: Any) -> Any:
    return x if isinstance(x, RaggedTensor) or not hasattr(x, "numpy") else x.numpy()


def _explain_lengths(error: ValueError, batch: Batch) -> None:
    """Add to an error's message that the arrays of the batch differ in their number of samples, where they do."""
    lengths = [shape[0] for shape in batch.shapes() if shape]
    if len(set(lengths)) > 1:
        error.args = (
            f"The arrays of the batch hold different numbers of samples, {', '.join(map(str, lengths))} in turn, where "
            f"inputs, targets and weights of the same samples are needed. {error}",
        )
