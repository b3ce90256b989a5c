"""A traced function as machine code, ready to be called."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pronghorn.backends.llvm.gathering import gather_rows
from pronghorn.backends.llvm.host_calls import HostCalls
from pronghorn.backends.llvm.layout import Layout, address, make_layout
from pronghorn.backends.llvm.profile import Profile
from pronghorn.backends.numpy.interpreter import bind_extents
from pronghorn.codegen.launches import print_launches
from pronghorn.codegen.program import Emitted, emit_program
from pronghorn.compiler.complex_numbers import ComplexError
from pronghorn.compiler.memory import MemoryPlan, plan_memory
from pronghorn.compiler.outputs import place_outputs
from pronghorn.compiler.stages import lower, rewrite
from pronghorn.graph import dtypes
from pronghorn.graph.dim import SymbolicDimError
from pronghorn.graph.ir import Graph, Value
from pronghorn.graph.tensor import Tensor
from pronghorn.graph.trace import Traced
from pronghorn.runtime import arena, debug, native, pool
from pronghorn.runtime.arena import aligned_empty
from pronghorn.runtime.compile import CompilationError, compile_ir
from pronghorn.runtime.host import host_target


class Executable:
    """Machine code for a traced function.

    Args:
        traced: the function. Variables that it read are read from their storage at each call, those that it assigned
            are updated in place.
        gathered: arguments that are given as a pair (array, int64 row numbers), whose rows are gathered natively.
        profile: whether to count what each kernel takes, in the attribute `profile`; by default with
            `PRONGHORN_DEBUG=time`, and then the table is printed when the process ends.

    Raises:
        SymbolicDimError: the code would depend on an extent that is not known; trace with numbers.
        CompilationError: the function cannot be compiled.

    Calling it with NumPy arrays (or Tensors) returns the function's results as a list of NumPy arrays.

    >>> from pronghorn.graph import primitives as P
    >>> from pronghorn.graph.ir import Aval
    >>> from pronghorn.graph.trace import trace
    >>> double = Executable(trace(lambda x: [P.add(x, x)], [Aval((3,), "float32")]))
    >>> double(np.float32([1, 2, 3]))
    [array([2., 4., 6.], dtype=float32)]
    """

    def __init__(self, traced: Traced, gathered: Sequence[int] = (), profile: bool = False):
        self._is_profiled = profile or debug.enabled("time")
        self._shows_profile = self._is_profiled and not profile
        self.traced, self.name = traced, traced.graph.name
        self.gathered = frozenset(gathered)
        self._lock = threading.Lock()
        self._layouts: dict[tuple, Layout] = {}
        try:
            self._compile(gather_rows(traced.graph, gathered) if gathered else traced.graph)
        except (SymbolicDimError, CompilationError):
            raise
        except ComplexError as error:
            raise CompilationError(f"{self.name}: {error}") from None
        except Exception as error:
            raise CompilationError(
                f"{self.name} could not be compiled ({type(error).__name__}: {error}). This is a defect of Pronghorn, "
                "not of your program: please report it with the output of PRONGHORN_DEBUG=graph. Until it is mended, "
                "compile(run_eagerly=True) or PRONGHORN_BACKEND=numpy runs the same function, more slowly."
            ) from error

    # -- making it --------------------------------------------------------------------------------------------------
    def _compile(self, graph: Graph) -> None:
        with debug.timed(f"kernels of {self.name}"):
            count = len(graph.inputs) - len(self.traced.variables)
            # as the caller sees them: complex numbers are split by now in the graph below
            self._given, self._result_values = graph.inputs[:count], graph.outputs[: self.traced.num_results]
            graph = rewrite(graph)
            program = lower(graph)
            self.arguments, variables = graph.inputs[:count], graph.inputs[count:]
            by_variable = dict(zip(self.traced.variables, variables))
            updated = [by_variable[v] for v in self.traced.updated]
            self.results = place_outputs(program, self.traced.num_results, updated)
            target = host_target()
            emitted = emit_program(program, target, {*graph.inputs, *self.results}, self._is_profiled)
        debug.emit("kernels", self.name, lambda: print_launches(emitted))
        self.emitted: Emitted = emitted
        self.memory: MemoryPlan = plan_memory(emitted.lifetimes)
        self.module = compile_ir(native.RUNTIME_IR + emitted.module.text(), name=self.name, target=target)
        self._step = self.module.address("step")
        self._constants = {v: _aligned(a) for v, a in emitted.constants.items()}
        self._host_calls = HostCalls(emitted) if emitted.host_calls else None
        self.profile = Profile(self.name, emitted) if self._is_profiled else None
        if self.profile is not None and self._shows_profile:
            atexit.register(self.profile.show_at_end)
        self._dtypes = [dtypes.to_numpy(v.dtype) for v in self._given]
        self._place(variables)

    def _place(self, variables: Sequence[Value]) -> None:
        """Look up the slots of everything whose address changes from call to call; -1 for what the code never reads."""
        slots = self.emitted.tables.buffers
        self._argument_slots = [slots.get(v, -1) for v in self.arguments]
        self._result_slots = [slots.get(v, -1) for v in self.results]
        self._variable_slots = [slots.get(v, -1) for v in variables]

    # -- running it -------------------------------------------------------------------------------------------------
    def __call__(self, *args: Any) -> list[np.ndarray]:
        arrays = self._arrays(args)
        shapes = tuple([a.shape for a in arrays])
        memory = arena.borrow()
        try:
            with self._lock:
                layout = self._layouts.get(shapes)
                if layout is None:
                    layout = self._layouts[shapes] = self._layout(arrays)
                layout.move(memory.reserve(layout.nbytes))
                return self._run(layout, arrays)
        finally:
            arena.give_back(memory)

    def _arrays(self, args: Sequence[Any]) -> list[np.ndarray]:
        if self.gathered:
            args = [a for i, arg in enumerate(args) for a in (arg if i in self.gathered else (arg,))]
        if len(args) != len(self.arguments):
            raise TypeError(f"{self.name} takes {len(self.arguments)} arrays, got {len(args)}.")
        return [
            a if type(a) is np.ndarray and a.dtype == dtype and a.flags.c_contiguous else _as_array(a, dtype)
            for a, dtype in zip(args, self._dtypes)
        ]

    def _run(self, layout: Layout, arrays: list[np.ndarray]) -> list[np.ndarray]:
        bufs, held = layout.bufs, layout.held
        for slot, array in zip(self._argument_slots, arrays):
            bufs[slot] = array.__array_interface__["data"][0]
        for i, variable in enumerate(self.traced.variables):
            storage = variable.storage()
            if storage is not held[i]:
                held[i] = storage
                bufs[self._variable_slots[i]] = address(storage)
        results = [np.empty(shape, dtype) for shape, dtype in layout.results]
        for slot, array in zip(self._result_slots, results):
            bufs[slot] = array.__array_interface__["data"][0]
        layout.counters.fill(0)
        if self._host_calls is not None:
            self._host_calls.env = layout.env
        if self.profile is None:
            status = pool.run(self._step, layout.args_address)
        else:
            status = self._run_profiled(self.profile, layout)
        if self._host_calls is not None:
            self._host_calls.raise_error()
        if status:
            raise RuntimeError(f"{self.name}: the compiled step reported failure {status}.")
        return results

    def _run_profiled(self, profile: Profile, layout: Layout) -> int:
        start = time.perf_counter()
        status = pool.run(self._step, layout.args_address)
        profile.record(layout.ticks, layout.units, layout.env, time.perf_counter() - start)
        return status

    def _layout(self, arrays: Sequence[np.ndarray]) -> Layout:
        env = self._extents(arrays)
        layout = make_layout(self.emitted, self.memory, env, self._result_values, len(self.traced.variables))
        tables = self.emitted.tables
        for value, array in self._constants.items():
            if value in tables.buffers:
                layout.bufs[tables.buffers[value]] = address(array)
        if self._host_calls is not None and self.emitted.callback is not None:
            layout.bufs[tables.buffers[self.emitted.callback]] = self._host_calls.address
        return layout

    def _extents(self, arrays: Sequence[np.ndarray]) -> Mapping[str, int]:
        try:
            return bind_extents([v.shape for v in self._given], [a.shape for a in arrays])
        except ValueError as error:
            shapes = ", ".join(str(v.shape) for v in self._given)
            raise ValueError(f"{self.name}: the arguments do not fit the shapes ({shapes}): {error}") from None


def _as_array(x: Any, dtype: np.dtype) -> np.ndarray:
    """``x`` as a contiguous array of one type. (`numpy.ascontiguousarray` would make a scalar one-dimensional.)"""
    return np.asarray(x.data if isinstance(x, Tensor) else x, dtype, order="C")


def _aligned(array: np.ndarray) -> np.ndarray:
    copy = aligned_empty(array.shape, array.dtype)
    np.copyto(copy, array)
    return copy
