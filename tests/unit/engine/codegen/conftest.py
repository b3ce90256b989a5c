"""Compiles IR text straight through llvmlite, so that codegen's tests need nothing of the runtime."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import llvmlite.binding as llvm
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for contraction_problems

llvm.initialize_native_target()
llvm.initialize_native_asmprinter()


class Native:
    """A compiled module: ``call(name, *pointers_and_ints)``."""

    def __init__(self, text: str, cpu: str = "", features: str = "", level: int = 2) -> None:
        target = llvm.Target.from_default_triple()
        if not cpu:
            cpu, features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten() + ",-prefer-256-bit"
        self.machine = target.create_target_machine(cpu=cpu, features=features, opt=level, jit=True)
        self.module = llvm.parse_assembly(text)
        self.module.verify()
        options = llvm.create_pipeline_tuning_options(speed_level=level)
        options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = False
        builder = llvm.create_pass_builder(self.machine, options)
        builder.getModulePassManager().run(self.module, builder)
        self.engine = llvm.create_mcjit_compiler(self.module, self.machine)
        self.engine.finalize_object()

    def assembly(self) -> str:
        return self.machine.emit_assembly(self.module)

    def function(self, name: str, *argument_types: type, result: type | None = None):
        prototype = ctypes.CFUNCTYPE(result, *argument_types)
        function = prototype(self.engine.get_function_address(name))
        function.keep = self  # the code lives as long as the engine
        return function


@pytest.fixture(scope="session")
def native() -> type[Native]:
    """``native(text)`` compiles a module for this machine."""
    return Native


@pytest.fixture
def on_target(monkeypatch):
    """``on_target(name)`` has what follows compiled for it ("host": this machine). Skips what it cannot run."""
    from pronghorn.engine.runtime.host import named_target, native_target

    def choose(name):
        if name == "host":
            return
        machine = named_target(name)
        if machine.arch != native_target().arch or machine.register_bits > native_target().vector_bits:
            pytest.skip(f"this machine cannot run {name} code")
        monkeypatch.setenv("PRONGHORN_TARGET", name)

    return choose


@pytest.fixture(scope="session")
def kernel():
    """``kernel(module, target)`` compiles the kernel ``k``: ``run(buffers, dims, units, split)`` then calls it.

    ``split`` units go into each call; ``run.between(buffers, begin, end)`` makes a single one. Skips where this machine
    cannot run the target.
    """
    import numpy as np

    from pronghorn.engine.runtime.compile import compile_ir
    from pronghorn.engine.runtime.host import named_target, native_target

    def make(module, target="native"):
        machine = named_target(target)
        if machine.arch != native_target().arch or machine.register_bits > native_target().vector_bits:
            pytest.skip(f"this machine cannot run {target} code")
        compiled = compile_ir(module.text(), target=machine, use_cache=False, verify=True)
        function = compiled.function("k", None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)

        def run(buffers, dims, units, split=1 << 40):
            table = np.array([buffer.ctypes.data for buffer in buffers], np.int64)
            numbers = np.array([*dims, 0], np.int64)
            for begin in range(0, units, split):
                function(table.ctypes.data, numbers.ctypes.data, begin, min(units, begin + split))

        def between(buffers, begin, end):
            table = np.array([buffer.ctypes.data for buffer in buffers], np.int64)
            function(table.ctypes.data, None, begin, end)

        run.between = between
        run.compiled = compiled
        return run

    return make
