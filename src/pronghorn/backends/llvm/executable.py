"""A traced function as machine code, ready to be called."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pronghorn.codegen.program import COUNTER_BYTES, GRAIN_CYCLES, Emitted, emit_program
from pronghorn.compiler.memory import MemoryPlan, plan_memory
from pronghorn.compiler.schedule import copy_kernel
from pronghorn.compiler.stages import lower, rewrite
from pronghorn.graph import dtypes
from pronghorn.graph import primitives as P
from pronghorn.graph.dim import Dim, evaluate
from pronghorn.graph.ir import Aval, Graph, Value
from pronghorn.graph.rewrite import Rewriter
from pronghorn.graph.trace import Traced
from pronghorn.runtime import debug, native, pool
from pronghorn.runtime.arena import Arena
from pronghorn.runtime.callback import Callback
from pronghorn.runtime.compile import compile_ir
from pronghorn.runtime.host import host_target


class _Layout:
    """The tables of a step for one set of extents."""

    def __init__(self, bufs: np.ndarray, dims: np.ndarray, units: np.ndarray, nbytes: int):
        self.bufs, self.dims, self.units, self.nbytes = bufs, dims, units, nbytes
        self.temporaries: list[tuple[int, int]] = []  # (slot, byte offset in the arena)
        self.base = -1


class Executable:
    """Machine code for a traced function.

    Args:
        traced: the function. Variables that it read are read from their storage at each call, those that it assigned
            are updated in place.
        gathered: arguments that are given as a pair (array, int64 row numbers), whose rows are gathered natively.

    Calling it with NumPy arrays returns the function's results as a list of NumPy arrays.
    """

    def __init__(self, traced: Traced, gathered: Sequence[int] = ()):
        self.traced = traced
        self.gathered = frozenset(gathered)
        graph = _gather_rows(traced.graph, sorted(self.gathered)) if gathered else traced.graph
        graph = rewrite(graph)
        with debug.timed(f"kernels of {graph.name}"):
            self._compile(graph)
        self._lock = threading.Lock()
        self._arena = Arena()
        self._layouts: dict[tuple, _Layout] = {}

    # -- making it --------------------------------------------------------------------------------------------------
    def _compile(self, graph: Graph) -> None:
        program = lower(graph)
        self.inputs = list(graph.inputs)
        count = len(self.inputs) - len(self.traced.variables)
        self.arguments, self.variable_inputs = self.inputs[:count], self.inputs[count:]
        results = self.traced.num_results
        place = {v: i for i, v in enumerate(self.traced.variables)}
        storage = [self.variable_inputs[place[v]] for v in self.traced.updated]
        claimed: dict[Value, Value] = {}
        copies = []
        made_by = {v: n for n, k in enumerate(program.kernels) for v in k.writes}
        for out, target in zip(graph.outputs[results:], storage):
            root = program.aliases.get(out, out)
            if root is target:
                continue
            if root not in claimed and _may_update_in_place(program, root, target, made_by):
                claimed[root] = target
            else:
                fresh = Value(out.aval, graph)
                copies.append((copy_kernel(root, fresh), copy_kernel(fresh, target)))
        self.results = []
        for out in graph.outputs[:results]:
            root = program.aliases.get(out, out)
            if root in claimed or root.node is None or root in self.results or root not in made_by:
                fresh = Value(out.aval, graph)
                program.kernels.append(copy_kernel(root, fresh))
                root = fresh
            self.results.append(root)
        # reads of old values come before any variable is overwritten by a copy
        program.kernels += [a for a, _ in copies] + [b for _, b in copies]
        program.aliases.update(claimed)
        self._result_avals = [v.aval for v in graph.outputs[:results]]
        external = {*self.inputs, *self.results}
        target = host_target()
        emitted = emit_program(program, target, external)
        self.emitted: Emitted = emitted
        self.memory: MemoryPlan = plan_memory(emitted.lifetimes)
        self.symbols = _symbols(self.arguments)
        text = native.RUNTIME_IR + emitted.module.text()
        self.module = compile_ir(text, name=graph.name, target=target)
        self.address = self.module.address("step")
        self._constants = {v: np.ascontiguousarray(a) for v, a in emitted.constants.items()}
        self._callback = Callback(self._host_call, ctypes.c_int64, ctypes.c_void_p) if emitted.host_calls else None

    # -- running it -------------------------------------------------------------------------------------------------
    def __call__(self, *args: Any) -> list[np.ndarray]:
        arrays = self._arrays(args)
        with self._lock:
            return self._run(arrays)

    def _arrays(self, args: Sequence[Any]) -> list[np.ndarray]:
        arrays: list[np.ndarray] = []
        for i, a in enumerate(args):
            arrays.extend(a if i in self.gathered else (a,))
        if len(arrays) != len(self.arguments):
            raise TypeError(f"{self.traced.graph.name} takes {len(self.arguments)} arrays, got {len(arrays)}.")
        return [
            np.ascontiguousarray(a, dtypes.to_numpy(v.dtype)) if v.shape else np.asarray(a, dtypes.to_numpy(v.dtype))
            for a, v in zip(arrays, self.arguments)
        ]

    def _environment(self, arrays: Sequence[np.ndarray]) -> dict[str, int]:
        env: dict[str, int] = {}
        for name, (i, axis) in self.symbols.items():
            env[name] = arrays[i].shape[axis]
        for array, value in zip(arrays, self.arguments):
            expected = tuple(evaluate(e, env) for e in value.shape)
            if array.shape != expected:
                raise ValueError(f"{self.traced.graph.name}: an argument has shape {array.shape}, expected {expected}.")
        return env

    def _run(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        shapes = tuple(a.shape for a in arrays)
        layout = self._layouts.get(shapes)
        if layout is None:
            layout = self._layouts[shapes] = self._layout(self._environment(arrays))
        base = self._arena.reserve(layout.nbytes)
        bufs = layout.bufs
        if layout.base != base:
            for slot, offset in layout.temporaries:
                bufs[slot] = base + offset
            layout.base = base
        slots = self.emitted.tables.buffers
        storages = [v.storage() for v in self.traced.variables]
        results = [np.empty(shape, dtype) for shape, dtype in layout.results]  # type: ignore[attr-defined]
        for value, array in zip((*self.inputs, *self.results), (*arrays, *storages, *results)):
            slot = slots.get(value)
            if slot is not None:
                bufs[slot] = array.__array_interface__["data"][0]
        layout.counters.fill(0)  # type: ignore[attr-defined]
        self._current = layout
        status = pool.run(self.address, layout.args.__array_interface__["data"][0])  # type: ignore[attr-defined]
        if self._callback is not None:
            self._callback.raise_error()
        if status:
            raise RuntimeError(f"{self.traced.graph.name}: the compiled step reported failure {status}.")
        return results

    def _layout(self, env: Mapping[str, int]) -> _Layout:
        emitted, tables = self.emitted, self.emitted.tables
        dims = np.array([evaluate(e, env) for e in tables.extents] or [0], np.int64)
        sizes = dims.tolist()
        units = np.zeros(2 * len(emitted.launches) + 2, np.int64)
        for launch in emitted.launches:
            count = launch.units(env, sizes)
            grain = max(1, min(int(GRAIN_CYCLES / max(launch.cost, 1.0)), -(-count // 8)))
            units[2 * launch.slot : 2 * launch.slot + 2] = count, grain
        offsets, nbytes = self.memory.layout(env)
        bufs = np.zeros(max(1, len(tables.buffers)), np.int64)
        layout = _Layout(bufs, dims, units, nbytes)
        for value, offset in offsets.items():
            layout.temporaries.append((tables.buffers[value], offset))
        for value, array in self._constants.items():
            if value in tables.buffers:
                bufs[tables.buffers[value]] = array.__array_interface__["data"][0]
        if self._callback is not None and emitted.callback is not None:
            bufs[tables.buffers[emitted.callback]] = self._callback.address
        layout.counters = np.zeros(  # type: ignore[attr-defined]
            (len(emitted.launches) + 1) * COUNTER_BYTES, np.uint8
        )
        addresses = [a.__array_interface__["data"][0] for a in (bufs, dims, units, layout.counters)]  # type: ignore[attr-defined]
        layout.args = np.array([*addresses, len(bufs)], np.int64)  # type: ignore[attr-defined]
        layout.results = [  # type: ignore[attr-defined]
            (tuple(evaluate(e, env) for e in a.shape), dtypes.to_numpy(a.dtype)) for a in self._result_avals
        ]
        layout.env = dict(env)  # type: ignore[attr-defined]
        return layout

    def _host_call(self, number: int, bufs: int) -> None:
        """Run a matrix factorisation in NumPy, on arrays over the step's own memory."""
        from pronghorn.backends.numpy import IMPLEMENTATIONS

        call = self.emitted.host_calls[number]
        inputs = [self._view(v, bufs) for v in call.node.inputs]
        result = IMPLEMENTATIONS[call.node.prim.name](*inputs, **call.node.params)
        outputs = result if isinstance(result, (tuple, list)) else (result,)
        for value, array in zip(call.node.outputs, outputs):
            if self.emitted.tables.root(value) in self.emitted.tables.buffers:
                self._view(value, bufs)[...] = array

    def _view(self, value: Value, bufs: int) -> np.ndarray:
        slot = self.emitted.tables.buffer(value)
        address = ctypes.c_int64.from_address(bufs + 8 * slot).value
        env = self._current.env  # type: ignore[attr-defined]
        shape = tuple(evaluate(e, env) for e in value.shape)
        dtype = dtypes.to_numpy(value.dtype)
        nbytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        raw = (ctypes.c_uint8 * max(nbytes, 1)).from_address(address)
        return np.frombuffer(raw, np.uint8, nbytes).view(dtype).reshape(shape)


def _may_update_in_place(program: Any, root: Value, target: Value, made_by: Mapping[Value, int]) -> bool:
    """Whether ``root`` can be written straight over the variable ``target``: nothing reads the old value afterwards,
    and the kernel itself reads only the element that it is about to write."""
    from pronghorn.compiler.expr import Index, Load, walk
    from pronghorn.compiler.virtual import linear

    number = made_by.get(root)
    if number is None or root.shape != target.shape:
        return False
    kernel = program.kernels[number]
    for later in program.kernels[number + 1 :]:
        if target in later.reads:
            return False
    if target not in kernel.reads:
        return kernel.kind != "special"
    if kernel.kind != "map" or kernel.domain != root.shape:
        return False
    offset = linear(tuple(map(Index.of, kernel.vars)), kernel.domain)
    loads = [e for e in walk(*(s.expr for s in kernel.stores)) if isinstance(e, Load) and e.value is target]
    return all(e.offset == offset for e in loads)


def _symbols(arguments: Sequence[Value]) -> dict[str, tuple[int, int]]:
    """Where the value of each symbol is read off: (argument, axis)."""
    found: dict[str, tuple[int, int]] = {}
    for i, v in enumerate(arguments):
        for axis, extent in enumerate(v.shape):
            if isinstance(extent, Dim) and len(extent.symbols) == 1:
                (name,) = extent.symbols
                if extent == Dim.symbol(name):
                    found.setdefault(name, (i, axis))
    return found


def _gather_rows(graph: Graph, gathered: Sequence[int]) -> Graph:
    """The graph with the arguments ``gathered`` replaced by rows taken from a whole array."""
    rewriter = Rewriter(graph, {})
    new = rewriter.graph
    for i, old in enumerate(graph.inputs):
        if i in gathered:
            whole = new.add_input(Aval((Dim.symbol(f"rows{i}"), *old.shape[1:]), old.dtype))
            rows = new.add_input(Aval((old.shape[0],), "int64"))
            (rewriter.map[old],) = new.add_node(P.take, [whole, rows], {"axis": 0})
        else:
            rewriter.map[old] = new.add_input(old.aval)
    for node in graph.nodes:
        inputs = [rewriter.map[v] for v in node.inputs]
        rewriter.map.update(zip(node.outputs, new.add_node(node.prim, inputs, node.params, node.scope)))
    new.outputs = [rewriter.map[v] for v in graph.outputs]
    return new
