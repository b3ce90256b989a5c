"""A traced function as machine code, ready to be called."""

from __future__ import annotations

import atexit
import functools
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pronghorn._wording import counted
from pronghorn.engine.backends.interpreter import bind_extents
from pronghorn.engine.backends.llvm import kept_steps, linking
from pronghorn.engine.backends.llvm.gathering import gathered_avals
from pronghorn.engine.backends.llvm.layout import Layout, address, make_layout
from pronghorn.engine.backends.llvm.preparing import Preparing
from pronghorn.engine.backends.numpy.executable import copied_into
from pronghorn.engine.compiler.rows import rows_apart
from pronghorn.engine.compiler.stages import skipped
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.derived import written
from pronghorn.engine.graph.dim import BATCH, Dim, SymbolicDimError
from pronghorn.engine.graph.ir import Graph
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.trace import Traced
from pronghorn.engine.graph.variable import moves
from pronghorn.engine.runtime import arena, debug, forks, pool
from pronghorn.engine.runtime.arena import aligned_copy
from pronghorn.engine.runtime.compile import CompilationError, CompiledModule, Stream, compile_ir
from pronghorn.engine.runtime.garbage import collect_meanwhile, uncollected
from pronghorn.engine.runtime.guard import guarded, guarded_copy, guarded_empty
from pronghorn.engine.runtime.host import Target, host_target
from pronghorn.engine.runtime.signals import is_from_handler
from pronghorn.engine.runtime.threads import get_num_threads

if TYPE_CHECKING:  # the compiler, which a step that was kept does without
    from pronghorn.engine.backends.llvm.build import Built
    from pronghorn.engine.backends.llvm.host_calls import HostCalls
    from pronghorn.engine.backends.llvm.profile import Profile

LEAST_ROWS, MOST_ROWS = 8, 512
MOST_LAYOUTS = 128  # a step is seldom called with as many sizes


class Executable:
    """Machine code for a traced function.

    Args:
        traced: the function. Variables that it read are read from their storage at each call, those that it assigned
            are updated in place. So are arguments that are given up: the results that take their places are these very
            arrays, or copies of those that are read-only or given twice.
        gathered: arguments that are given as a pair (array, int64 row numbers), whose rows are gathered natively.
        profile: whether to count what each kernel takes, in the attribute `profile`; by default with
            `PRONGHORN_DEBUG=time`, and then the table is printed when the process ends.

    Raises:
        SymbolicDimError: the code would depend on an extent that is not known; trace with numbers.
        CompilationError: the function cannot be compiled.

    Calling it with NumPy arrays (or Tensors) returns the function's results as a list of NumPy arrays.

    >>> from pronghorn.engine.graph import primitives as P
    >>> from pronghorn.engine.graph.ir import Aval
    >>> from pronghorn.engine.graph.trace import trace
    >>> double = Executable(trace(lambda x: [P.add(x, x)], [Aval((3,), "float32")]))
    >>> double(np.float32([1, 2, 3]))
    [array([2., 4., 6.], dtype=float32)]
    """

    def __init__(self, traced: Traced, gathered: Sequence[int] = (), profile: bool = False):
        self._is_profiled = profile or debug.enabled("time")
        self._shows_profile = self._is_profiled and not profile
        self.traced, self.name = traced, traced.graph.name
        self._target = host_target()
        self.gathered = frozenset(gathered)
        self._lock = threading.Lock()
        forks.renew(self)
        self._layouts: dict[tuple, list[Layout]] = {}  # those that no call is using, by the arguments' shapes
        self._given = gathered_avals(traced.graph.inputs[: traced.num_args], self.gathered)
        self._donated = traced.donated
        self._prepares = not (traced.updated or traced.donated or debug.enabled("poison"))
        self._prepares = self._prepares and not _calls_host(traced.graph)
        results = enumerate(traced.graph.outputs[: traced.num_results])
        self._result_avals = [v.aval for i, v in results if i not in self._donated]
        self._dtypes = [dtypes.to_numpy(aval.dtype) for aval in self._given]
        self._host_calls: HostCalls | None = None
        self.profile: Profile | None = None
        skipped(), get_num_threads()  # what is wrong in the environment is no defect of the compiler
        try:
            with uncollected():
                self._compile()
        except (SymbolicDimError, CompilationError):
            raise
        except Exception as error:
            if is_from_handler(error):
                raise
            raise CompilationError(
                f"{self.name} could not be compiled ({type(error).__name__}: {error}). This is a defect of Pronghorn, "
                "not of your program: please report it with the output of PRONGHORN_DEBUG=graph. Until it is mended, "
                "compile(run_eagerly=True) or PRONGHORN_BACKEND=numpy runs the same function, more slowly."
            ) from error
        # The finalizer holds what it is given. Python's collector ends everything in a cycle at once, and so would end
        # the code while a worker is in it: `outlive`, called by one thing in the cycle, comes too late for another.
        weakref.finalize(self, pool.outlive, (self.module, self._layouts)).atexit = False
        self._is_guarded = debug.enabled("poison")
        self._settles = not (traced.updated or traced.donated or self._is_guarded) and self._host_calls is None
        self._preparing = Preparing(self.plan, traced.variables) if self._settles and self.plan.prepared else None
        #: Whether calls have nothing in common but the variables' values, which they leave as they are.
        self.only_reads = self._settles and self.profile is None
        self._calls = 0
        self._rows_at_once: int | None = 0  # not known yet
        keep = guarded_copy if self._is_guarded else aligned_copy
        self._constants = {slot: keep(a) for slot, a in self.plan.constants.items()}
        self._step = self.module.address("step")

    # -- making it --------------------------------------------------------------------------------------------------
    def _compile(self) -> None:
        target = self._target
        linking.link(kept_steps.compiler())
        # what is to be looked at, or counted, has to be made
        shown = self._is_profiled or any(debug.enabled(flag) for flag in debug.PRINTED)
        name = None if shown else kept_steps.key(self.traced, self.gathered, target, self._prepares)
        kept = kept_steps.load(name) if name is not None else None
        text = functools.partial(_text, weakref.ref(self), target)  # the code, which a finalizer holds, holds no step
        if kept is not None:
            self.plan, code = kept
            self.module = CompiledModule(self.name, code, text, target, True)
            return
        if name is None or get_num_threads() == 1 or _calls_host(self.traced.graph):
            built = self._build(target)
            may_be_known = name is None or bool(built.emitted.host_calls)  # its text, where the step is not kept
            self.module = compile_ir(built.text, name=self.name, target=target, use_cache=may_be_known)
        else:
            with Stream(self.name, target, linking.declarations()) as stream:
                built = self._build(target, stream)
                collect_meanwhile()
                self.module = stream.finish(built.emitted.module.shared, text)
        self.plan = built.plan
        if name is not None and not built.emitted.host_calls:
            kept_steps.store(name, built.plan, self.module.code)
        self._attach(built)

    def _build(self, target: Target, stream: Stream | None = None) -> Built:
        from pronghorn.engine.backends.llvm.build import build

        return build(self.traced, self.gathered, target, self._is_profiled, stream, self._prepares)

    def _attach(self, built: Built) -> None:
        """What needs the compiler's own view of the step."""
        if built.emitted.host_calls:
            from pronghorn.engine.backends.llvm.host_calls import HostCalls

            self._host_calls = HostCalls(built.emitted)
        if self._is_profiled:
            from pronghorn.engine.backends.llvm.profile import Profile

            self.profile = Profile(self.name, built.emitted)
            if self._shows_profile:
                atexit.register(self.profile.show_at_end)

    def renew_in_child(self) -> None:
        if self._lock.locked():  # whoever has it may have been about to change a layout
            self._layouts.clear()
        self._lock = threading.Lock()

    @property
    def rows_at_once(self) -> int | None:
        """How many rows of a batch are best computed at a time: those whose intermediate results the caches hold.

        None where rows meet, so that a batch has to be computed as a whole, or their own length may be any.
        """
        if self._rows_at_once == 0:  # no `cached_property`: the lock that Python 3.11 gives it, forks copy as it is
            self._rows_at_once = self._find_rows_at_once()
        return self._rows_at_once

    def _find_rows_at_once(self) -> int | None:
        symbols = {BATCH, *(f"rows{i}" for i in self.gathered)}
        extents = [extent for aval in self._given for extent in aval.shape if isinstance(extent, Dim)]
        if self.traced.updated or self._donated or any(extent.symbols - symbols for extent in extents):
            return None
        if not rows_apart(self.traced.graph):
            return None
        few, many = (self.plan.memory.layout(dict.fromkeys(symbols, rows))[1] for rows in (64, 128))
        rows = self._target.cache_bytes * 64 // max(many - few, 1)
        return max(LEAST_ROWS, min(rows - rows % LEAST_ROWS, MOST_ROWS))

    # -- running it -------------------------------------------------------------------------------------------------
    def __call__(self, *args: Any, into: Sequence[np.ndarray | None] = ()) -> list[np.ndarray]:
        """Run it.

        Args:
            args: the arguments.
            into: for each result an array of its shape and type, in C order, that it is to be in; None for a new one.
        """
        arrays = self._arrays(args)
        shapes = tuple([a.shape for a in arrays])
        idle = self._layouts.get(shapes)
        if idle is None:
            idle = self._room_for(shapes)
        try:
            layout = idle.pop()
        except IndexError:  # the first call, or others are running
            layout = self._layout(arrays)
        memory = arena.borrow()
        try:
            if layout.is_small and self.only_reads:  # each thread runs it alone, side by side
                layout.move(memory.reserve(layout.nbytes))
                return self._run(layout, arrays, into)
            with self._lock:
                if self._is_guarded:
                    return copied_into(into, self._run_guarded(layout, arrays))
                layout.move(memory.reserve(layout.nbytes))
                return self._run(layout, arrays, into)
        finally:
            arena.give_back(memory)
            idle.append(layout)
            if self._layouts.get(shapes) is not idle:
                pool.outlive(layout)  # these shapes have been forgotten meanwhile

    def _room_for(self, shapes: tuple) -> list[Layout]:
        """The layouts for new shapes of arguments."""
        if len(self._layouts) >= MOST_LAYOUTS:
            pool.outlive(self._layouts.copy())
            self._layouts.clear()  # the finalizer holds this one
        return self._layouts.setdefault(shapes, [])

    def _arrays(self, args: Sequence[Any]) -> list[np.ndarray]:
        if self.gathered:
            args = [a for i, arg in enumerate(args) for a in (arg if i in self.gathered else (arg,))]
        if len(args) != len(self._dtypes):
            raise TypeError(f"{self.name} takes {counted(len(self._dtypes), 'array')}, got {len(args)}.")
        arrays = [
            a if type(a) is np.ndarray and a.dtype == dtype and a.flags.c_contiguous else _as_array(a, dtype)
            for a, dtype in zip(args, self._dtypes)
        ]
        return _apart(arrays, self._donated.values()) if self._donated else arrays

    def _run(
        self, layout: Layout, arrays: list[np.ndarray], into: Sequence[np.ndarray | None] = ()
    ) -> list[np.ndarray]:
        bufs = layout.bufs
        for slot, array in zip(self.plan.arguments, arrays):
            bufs[slot] = address(array)
        moved = self._find_variables(layout) if layout.seen is None or layout.seen != moves.last else ()
        results = [np.empty(shape, dtype) for shape, dtype in layout.results] if not into else _made(layout, into)
        for slot, array in zip(self.plan.results, results):
            bufs[slot] = address(array)
        if self._preparing is not None:
            self._preparing.run(self._call, layout, bool(moved))
        else:
            self._call(layout)
        if self.traced.updated:
            for i in moved:
                self.traced.variables[i].stored(layout.held[i])
            written(self.traced.updated)
        return self._with_donated(results, arrays)

    def _with_donated(self, results: list[np.ndarray], arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """All results, of which those lie in arguments that were given up for them."""
        if not self._donated:
            return results
        rest = iter(results)
        return [arrays[self._donated[i]] if i in self._donated else next(rest) for i in range(self.traced.num_results)]

    def _find_variables(self, layout: Layout) -> list[int]:
        """Have the tables say where the variables' values are now; returns the numbers of those that have moved."""
        seen = moves.last  # before looking: what moves meanwhile is seen the next time
        is_settled = self._settles
        moved: list[int] = []
        for i, variable in enumerate(self.traced.variables):
            storage = variable.readable() if self.only_reads else variable.storage()
            is_settled = is_settled and not variable.is_lent
            if storage is not layout.held[i]:
                moved.append(i)
                layout.held[i] = storage
                layout.bufs[self.plan.variables[i]] = address(storage)
        layout.seen = seen if is_settled else None
        return moved

    def _run_guarded(self, layout: Layout, arrays: list[np.ndarray]) -> list[np.ndarray]:
        """The same on copies of all arrays, every other time against the forbidden page before them."""
        memory = guarded(layout.nbytes)
        layout.move(address(memory))
        self._calls += 1
        at_end = self._calls % 2 == 1
        storages = [variable.storage() for variable in self.traced.variables]
        copies = [guarded_copy(array, at_end) for array in (*arrays, *storages)]
        results = [guarded_empty(shape, dtype, at_end) for shape, dtype in layout.results]
        slots = (*self.plan.arguments, *self.plan.variables, *self.plan.results)
        for slot, array in zip(slots, (*copies, *results), strict=True):
            layout.bufs[slot] = address(array)
        self._call(layout)
        for storage, copy in zip(storages, copies[len(arrays) :], strict=True):
            np.copyto(storage, copy)
        for variable, storage in zip(self.traced.variables, storages):
            variable.stored(storage)
        for i in self._donated.values():
            np.copyto(arrays[i], copies[i])
        return self._with_donated([array.copy() for array in results], arrays)

    def _call(self, layout: Layout, args: int = 0) -> None:
        """Runs the step with the tables of ``layout``; ``args`` is the address of those that take their place once."""
        if self._host_calls is not None:
            self._host_calls.env = layout.env
        if self.profile is None:
            run = pool.run if args or not layout.is_small else self._alone(layout)
            status = run(self._step, args or layout.args_address)
        else:
            status = self._run_profiled(self.profile, layout, args or layout.args_address)
        if self._host_calls is not None:
            self._host_calls.raise_error()
        if status:
            raise RuntimeError(f"{self.name}: the compiled step reported failure {status}.")

    def _alone(self, layout: Layout) -> Callable[[int, int], int]:
        """How a step runs that is too small for a second thread; NumPy may take any time."""
        return pool.run_briefly if layout.is_brief and self._host_calls is None else pool.run_alone

    def measuring(self) -> Executable:
        """The same function, compiled with a clock around each kernel, whose `profile` says what they take."""
        return Executable(self.traced, sorted(self.gathered), profile=True)

    def _run_profiled(self, profile: Profile, layout: Layout, args: int) -> int:
        start = time.perf_counter()
        status = pool.run(self._step, args)
        profile.record(layout.ticks, layout.units, layout.env, time.perf_counter() - start)
        return status

    def _layout(self, arrays: Sequence[np.ndarray]) -> Layout:
        env = self._extents(arrays)
        timed = 0 if self.profile is None else self.profile.rows
        layout = make_layout(self.plan, env, self._result_avals, timed)
        for slot, array in self._constants.items():
            layout.bufs[slot] = address(array)
        if self._host_calls is not None:
            layout.bufs[self._host_calls.slot] = self._host_calls.address
        return layout

    def _extents(self, arrays: Sequence[np.ndarray]) -> Mapping[str, int]:
        try:
            env = bind_extents([v.shape for v in self._given], [a.shape for a in arrays])
        except ValueError as error:
            shapes = ", ".join(str(v.shape) for v in self._given)
            raise ValueError(f"{self.name}: the arguments do not fit the shapes ({shapes}): {error}") from None
        guards = self.traced.guards
        if not guards.hold({**guards.hints, **env}):  # the code might read and write beyond its arrays
            numbers = ", ".join(f"{name} = {env[name]}" for name in guards.ranges if name in env)
            raise ValueError(
                f"{self.name} cannot run with {numbers}: it was traced for extents of 1 or more"
                f"{f' and {guards}' if guards else ''}. Trace it again with these, or ask `traced.guards.hold` first."
            )
        return env


def _made(layout: Layout, into: Sequence[np.ndarray | None]) -> list[np.ndarray]:
    """The arrays for results: those that are given, and new ones."""
    return [np.empty(shape, dtype) if a is None else a for a, (shape, dtype) in zip(into, layout.results, strict=True)]


def _apart(arrays: list[np.ndarray], written: Collection[int]) -> list[np.ndarray]:
    """The arrays, where those that are written over may be, and no other one lies in their memory."""
    count = Counter(map(address, arrays))
    return [
        a.copy() if i in written and (count[address(a)] > 1 or not a.flags.writeable) else a
        for i, a in enumerate(arrays)
    ]


def _text(executable: weakref.ref[Executable], target: Target) -> str:
    """The IR of a step whose code was kept, made anew, for whoever looks at it while the step is there."""
    found = executable()
    return "" if found is None else found._build(target).text


def _calls_host(graph: Graph) -> bool:
    """Whether a graph has nodes that call NumPy; steps that do are not kept, but their text may be known."""
    return any(node.prim.family == "linalg" for node in graph.nodes) or any(map(_calls_host, graph.subgraphs()))


def _as_array(x: Any, dtype: np.dtype) -> np.ndarray:
    """``x`` as a contiguous array of one type. (`numpy.ascontiguousarray` would make a scalar one-dimensional.)"""
    return np.asarray(x.data if isinstance(x, Tensor) else x, dtype, order="C")
