"""Compiles IR text straight through llvmlite, so that codegen's tests need nothing of the runtime."""

from __future__ import annotations

import ctypes

import llvmlite.binding as llvm
import pytest

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
