"""LLVM IR text to machine code: parse, optimise, generate, load; or load from the on-disk cache.

The code generator writes vector code with its loops already in place, so the middle of LLVM's usual pipeline has little
to add: a handful of scalar passes costs a small part of `-O2`'s time and gives kernels of the same speed. (Value
numbering would take three times as long as all of these, combining instructions twice as long, and each finds less than
a hundredth of the instructions needless: the builder folds constants, instruction selection combines what is left.)
Most of what remains is instruction selection, about 5 ms for a large kernel; loop strength reduction took nearly as
long where it could see how an address is made of all the loops around (`FunctionBuilder.opaque`). Large modules are cut
into parts (`parts`), which as many threads compile as compute, and begin before the whole is written (`Stream`).
"""

from __future__ import annotations

import concurrent.futures
import ctypes
import functools
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import llvmlite
import llvmlite.binding as llvm
from llvmlite.binding import ffi

from pronghorn.engine.runtime import cache, debug, forks, objects, parts
from pronghorn.engine.runtime.host import LEVEL, Target, host_target, initialize_llvm, target_machine
from pronghorn.engine.runtime.parts import Part
from pronghorn.engine.runtime.signals import is_from_handler
from pronghorn.engine.runtime.threads import get_num_threads

_PIPELINE = "always-inline,sroa,simplifycfg,globaldce"


class CompilationError(RuntimeError):
    """LLVM rejected generated code: a defect of this library, never of the model."""


class CompiledModule:
    """Machine code in memory.

    It must outlive every use of the addresses it gives.

    Attributes:
        name: what the module is, for messages.
        code: the machine code, object files that `parts.pack` has put together.
        from_cache: whether it came from the on-disk cache.
        seconds: how long it took to make.
    """

    def __init__(self, name: str, code: bytes, source: Callable[[], str], target: Target, from_cache: bool) -> None:
        self.name = name
        self.code = code
        self.from_cache = from_cache
        self.seconds = 0.0
        self._source = source
        self._target = target
        # The engine wants a module to begin with; the code itself comes as an object, cached or fresh.
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target_machine(target))
        for each in parts.unpack(code):
            self._engine.add_object_file(llvm.ObjectFileRef.from_data(each))
        self._engine.finalize_object()

    def address(self, name: str) -> int:
        """The address of an external function of the module.

        Raises:
            KeyError: the module defines no such function.
        """
        found = self._engine.get_function_address(name)
        if not found:
            raise KeyError(f"The compiled module {self.name!r} has no function {name!r}")
        return found

    def function(self, name: str, result: Any, *arguments: Any, keeps_lock: bool = False) -> Any:
        """An external function of the module as a ctypes function, which releases the GIL while it runs.

        Args:
            name: the function.
            result: its ctypes result type, or None.
            *arguments: its ctypes argument types.
            keeps_lock: whether it keeps the GIL instead: it is over before another thread would have it.
        """
        kind = ctypes.PYFUNCTYPE if keeps_lock else ctypes.CFUNCTYPE
        return kind(result, *arguments)(self.address(name))

    def ir(self) -> str:
        """The LLVM IR text that the module was made from."""
        return self._source()

    def assembly(self) -> str:
        """The module's code as assembly (compiled once more, since a cached module keeps only its object)."""
        tools = _tools(self._target)
        return tools.machine.emit_assembly(tools.optimised(Part(self._source()), self.name, False))


def compile_ir(
    source: str | Callable[[], str],
    *,
    name: str = "module",
    key: str | None = None,
    target: Target | None = None,
    verify: bool | None = None,
    use_cache: bool = True,
) -> CompiledModule:
    """Compile a module, or fetch its code from the on-disk cache.

    Args:
        source: LLVM IR text with opaque pointers and no target triple or data layout of its own. With `key`, it may be
            a function that makes the text; a cached module never calls it.
        name: what the module is, for messages and debugging output.
        key: stands for the text in the cache's key; the text itself by default. It must change whenever the text would.
        target: the CPU to compile for; the host by default.
        verify: whether to have LLVM verify the module; by default if `PRONGHORN_DEBUG` contains `llvm`.
        use_cache: whether to look in the on-disk cache and to write to it.

    Raises:
        CompilationError: LLVM does not accept the module.
    """
    start = time.perf_counter()
    initialize_llvm()
    target = target or host_target()
    make = source if callable(source) else lambda: source
    if verify is None:
        verify = debug.enabled("llvm")
    debug.emit("llvm", name, make)
    entry = cache_key(key if key is not None else make(), target) if use_cache else ""
    module = _load_cached(entry, name, make, target) if use_cache else None
    if module is None:
        code = _generate(make(), target, name, verify)
        if use_cache:
            cache.store(entry, code)
        module = CompiledModule(name, code, make, target, False)
    module.seconds = time.perf_counter() - start
    debug.emit("asm", name, module.assembly)
    origin = "from the cache" if module.from_cache else "compiled"
    debug.report_time(f"machine code of {name} ({origin})", module.seconds)
    return module


def cache_key(text: str, target: Target) -> str:
    """The name of a module's entry in the on-disk cache: it depends on all that the module's code depends on."""
    versions = f"llvmlite {llvmlite.__version__}, LLVM {llvm.llvm_version_info}"
    return cache.key(text, f"{_PIPELINE}, level {LEVEL}", repr(target), versions, os.name)


def _load_cached(entry: str, name: str, make: Callable[[], str], target: Target) -> CompiledModule | None:
    code = cache.load(entry)
    return None if code is None else CompiledModule(name, code, make, target, True)


def _generate(text: str, target: Target, name: str, verify: bool) -> bytes:
    """The module's object code."""
    cuts = parts.cut(text, get_num_threads())

    def generate(part: Part) -> bytes:
        return _part_code(part, target, name, verify)

    if len(cuts) == 1:
        return parts.pack([generate(cuts[0])])
    with concurrent.futures.ThreadPoolExecutor(len(cuts)) as threads:
        return parts.pack(list(threads.map(generate, cuts)))


def _part_code(part: Part, target: Target, name: str, verify: bool) -> bytes:
    code = _tools(target).object_code(part, name, verify)
    # LLVM calls functions that its text does not name, such as memcpy: what counts is what the object file asks for.
    for missing in (n for n in objects.undefined(code) if n not in part.elsewhere and not _symbol_exists(n)):
        raise CompilationError(f"The code generated for {name!r} calls {missing!r}, which does not exist")
    return code


def object_code(text: str, machine: Any, name: str) -> bytes:
    """The object file of a module for any machine, which is neither loaded nor kept.

    Args:
        text: LLVM IR text, as `compile_ir` takes it.
        machine: LLVM's target machine.
        name: what the module is, for messages.

    Raises:
        CompilationError: LLVM does not accept it.
    """
    return _Tools(machine).object_code(Part(text), name, True)


class Stream:
    """A module that threads compile while it is still being written, part by part.

    Args:
        name: what the module is, for messages.
        target: the CPU to compile for.
        text: declarations that the module's functions need.

    Use it as a context: at its end no thread is at work any more.
    """

    def __init__(self, name: str, target: Target, text: str = "") -> None:
        self._name, self._target = name, target
        self._definitions = parts.Definitions()
        self._definitions.add(text)
        self._waiting: list[str] = []
        self._size = 0
        self._objects: list[concurrent.futures.Future[bytes]] = []
        self._threads = concurrent.futures.ThreadPoolExecutor(get_num_threads())
        self._start = time.perf_counter()
        initialize_llvm()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)

    def add(self, text: str, shared: Callable[[], str]) -> None:
        """Take in functions that are written.

        Args:
            text: their LLVM IR.
            shared: gives the constants and declarations of the module so far.
        """
        self._waiting += self._definitions.add(text)
        self._size += len(text)
        if self._size >= parts.PART:
            self._objects.append(self._threads.submit(_part_code, self._part(shared), self._target, self._name, False))

    def finish(self, shared: Callable[[], str], source: Callable[[], str]) -> CompiledModule:
        """The module, all of whose functions have been added.

        Args:
            shared: as `add` takes it.
            source: gives the whole text, for whoever asks for it.

        Raises:
            CompilationError: LLVM does not accept it.
        """
        last = [_part_code(self._part(shared), self._target, self._name, False)] if self._waiting else []
        code = parts.pack([*(each.result() for each in self._objects), *last])
        module = CompiledModule(self._name, code, source, self._target, False)
        module.seconds = time.perf_counter() - self._start
        return module

    def _part(self, shared: Callable[[], str]) -> Part:
        self._definitions.add(shared())
        part = self._definitions.part(self._waiting)
        self._waiting, self._size = [], 0
        return part


class _Tools:
    """What a thread compiles parts with, made once for all of them.

    After each call of LLVM a thread waits for the interpreter, some milliseconds while another writes code: two dozen
    short calls to set up what is alike for every part took longer than the compiling.
    """

    def __init__(self, machine: Any) -> None:
        self.machine = machine
        self._head = f'target datalayout = "{self.machine.target_data}"\ntarget triple = "{self.machine.triple}"\n'
        self._builder = llvm.create_pass_builder(self.machine, llvm.create_pipeline_tuning_options(speed_level=1))
        self._passes = _passes()

    def optimised(self, part: Part, name: str, verify: bool) -> Any:
        """A part as a module of LLVM's, after the passes.

        Args:
            part: the part.
            name: what its module is, for messages.
            verify: whether to have LLVM verify it.

        Raises:
            CompilationError: LLVM does not accept it.
        """
        try:
            module = _Module(self._head + part.text)
            if verify:
                module.verify()
        except RuntimeError as error:
            if is_from_handler(error):
                raise
            raise CompilationError(
                f"LLVM does not accept the code generated for {name!r}: {error}\n"
                "This is a defect of Pronghorn; please report it with the output of PRONGHORN_DEBUG=kernels,llvm"
            ) from error
        _unlocked(ffi.lib.LLVMPY_RunNewModulePassManager)(self._passes, module, self._builder)
        return module

    def object_code(self, part: Part, name: str, verify: bool) -> bytes:
        """The machine code of a part, an object file; see `optimised`."""
        with self.optimised(part, name, verify) as module:  # ended here: `__del__` would drop a Ctrl-C
            return self._emitted(module)

    def _emitted(self, module: Any) -> bytes:
        with ffi.OutputString() as problem:
            buffer = _unlocked(ffi.lib.LLVMPY_TargetMachineEmitToMemory)(self.machine, module, 1, problem)
            if not buffer:
                raise RuntimeError(str(problem))
        try:
            return ctypes.string_at(ffi.lib.LLVMPY_GetBufferStart(buffer), ffi.lib.LLVMPY_GetBufferSize(buffer))
        finally:
            ffi.lib.LLVMPY_DisposeMemoryBuffer(buffer)


class _OfThread(threading.local):
    """The tools of one thread, by their targets: LLVM has two threads share none."""

    def __init__(self) -> None:
        self.tools: dict[Target, _Tools] = {}


_of_thread = _OfThread()


def _tools(target: Target) -> _Tools:
    """This thread's tools for a target."""
    made = _of_thread.tools
    if target not in made:
        made[target] = _Tools(target_machine(target))
    return made[target]


class _Module(llvm.ModuleRef):  # type: ignore[misc]
    """LLVM IR as a module in a context of its own, which ends after it.

    An object for each of the two would not do: where an exception holds both, in a cycle, Python's collector ends them
    in any order, and a context that ends first takes the module with it.

    Raises:
        RuntimeError: LLVM does not accept the text.
    """

    _ptr = _home = None  # what one has that was interrupted

    def __init__(self, text: str) -> None:
        self._home = ffi.lib.LLVMPY_ContextCreate()
        with ffi.OutputString() as problem:
            parse = _unlocked(ffi.lib.LLVMPY_ParseAssembly)
            super().__init__(parse(self._home, ctypes.c_char_p(text.encode()), problem), None)
            if problem:
                raise RuntimeError(str(problem))

    def close(self) -> None:
        module, self._ptr = self._ptr, None
        home, self._home = self._home, None
        self._closed = True
        self.__dict__.pop("_as_parameter_", None)
        if module:
            ffi.lib.LLVMPY_DisposeModule(module)
        if home:
            ffi.lib.LLVMPY_ContextDispose(home)


def _unlocked(function: Any) -> Any:
    """One of llvmlite's functions without the lock that lets one thread at a time into LLVM.

    LLVM itself asks for no more than a context and a machine for each thread. Where llvmlite has it otherwise, threads
    wait for one another.
    """
    return functools.partial(forks.undisturbed, getattr(function, "_cfn", function))


# What the loader itself makes.
_LOADERS = frozenset(("_GLOBAL_OFFSET_TABLE_", "__ImageBase"))


@functools.cache
def _symbol_exists(name: str) -> bool:
    """Whether the process has a function: without one that code calls, the loader would end it."""
    _open_process_symbols()
    return name in _LOADERS or bool(llvm.address_of_symbol(name))


@functools.cache
def _open_process_symbols() -> None:
    """Let LLVM see the functions of the libraries in this process, as it does once it has made an engine."""
    llvm.create_mcjit_compiler(llvm.parse_assembly(""), target_machine(host_target()))


def _passes() -> Any:
    passes = llvm.create_new_module_pass_manager()  # in the order that _PIPELINE names them
    passes.add_always_inliner_pass()
    passes.add_sroa_pass()
    passes.add_simplify_cfg_pass()
    passes.add_global_dead_code_eliminate_pass()
    return passes
