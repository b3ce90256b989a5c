"""LLVM IR text to machine code: parse, optimise, generate, load; or load from the on-disk cache.

The code generator writes vector code with its loops already in place, so the middle of LLVM's usual pipeline has little
to add: a handful of scalar passes costs a tenth of `-O2`'s time and gives kernels of the same speed. Most of what
remains is instruction selection and register allocation, about 5 ms for a large kernel.
"""

from __future__ import annotations

import ctypes
import functools
import os
import time
from collections.abc import Callable
from typing import Any

import llvmlite
import llvmlite.binding as llvm

from pronghorn.runtime import cache, debug
from pronghorn.runtime.host import Target, host_target, initialize_llvm, target_machine

_PIPELINE = "always-inline,sroa,instcombine,new-gvn,instcombine,simplifycfg,globaldce"


class CompilationError(RuntimeError):
    """LLVM rejected generated code: a defect of this library, never of the model."""


class CompiledModule:
    """Machine code in memory.

    It must outlive every use of the addresses it gives.

    Attributes:
        name: what the module is, for messages.
        code: the machine code, an object file.
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
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
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

    def function(self, name: str, result: Any, *arguments: Any) -> Any:
        """An external function of the module as a ctypes function, which releases the GIL while it runs.

        Args:
            name: the function.
            result: its ctypes result type, or None.
            *arguments: its ctypes argument types.
        """
        return ctypes.CFUNCTYPE(result, *arguments)(self.address(name))

    def ir(self) -> str:
        """The LLVM IR text that the module was made from."""
        return self._source()

    def assembly(self) -> str:
        """The module's code as assembly (compiled once more, since a cached module keeps only its object)."""
        machine = target_machine(self._target)
        return machine.emit_assembly(_optimised(self._source(), machine, self.name, False))


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
    return cache.key(text, _PIPELINE, repr(target), versions, os.name)


def _load_cached(entry: str, name: str, make: Callable[[], str], target: Target) -> CompiledModule | None:
    code = cache.load(entry)
    return None if code is None else CompiledModule(name, code, make, target, True)


def _generate(text: str, target: Target, name: str, verify: bool) -> bytes:
    """The module's object code."""
    machine = target_machine(target)
    return machine.emit_object(_optimised(text, machine, name, verify))


def _optimised(text: str, machine: Any, name: str, verify: bool) -> Any:
    try:
        module = llvm.parse_assembly(text)
        module.triple = machine.triple
        module.data_layout = str(machine.target_data)
        if verify:
            module.verify()
    except RuntimeError as error:
        raise CompilationError(
            f"LLVM does not accept the code generated for {name!r}: {error}\n"
            "This is a defect of Pronghorn; please report it with the output of PRONGHORN_DEBUG=kernels,llvm"
        ) from error
    _check_externals(module, name)
    _run_passes(module, machine)
    return module


def _check_externals(module: Any, name: str) -> None:
    """Refuse a module that calls a function which does not exist: the loader would end the process."""
    names = [function.name for function in module.functions if function.is_declaration]
    for missing in (n for n in names if not n.startswith("llvm.") and not _symbol_exists(n)):
        raise CompilationError(f"The code generated for {name!r} calls {missing!r}, which does not exist")


@functools.cache
def _symbol_exists(name: str) -> bool:
    _open_process_symbols()
    return bool(llvm.address_of_symbol(name))


@functools.cache
def _open_process_symbols() -> None:
    """Let LLVM see the functions of the libraries in this process, as it does once it has made an engine."""
    llvm.create_mcjit_compiler(llvm.parse_assembly(""), target_machine(host_target()))


def _run_passes(module: Any, machine: Any) -> None:
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=1))
    passes = llvm.create_new_module_pass_manager()  # in the order that _PIPELINE names them
    passes.add_always_inliner_pass()
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    passes.add_new_gvn_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.add_global_dead_code_eliminate_pass()
    passes.run(module, builder)
