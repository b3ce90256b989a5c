"""Who imports whom: rooms below know nothing of those above, and an import inside a function has its reason."""

import ast
import collections
import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pronghorn
from pronghorn import _packages
from pronghorn.engine.backends.engine import NAMES

SOURCE = Path(pronghorn.__file__).parents[1]
FILES = [file for folder in _packages.FOLDERS for file in sorted(Path(folder).rglob("*.py"))]
# Small modules of the package that the engine may use.
BESIDE = {"_extras", "_lazy", "_packages", "_version", "_wording", "tree"}

#: By module, what it imports inside functions. A package that need not be installed:
OPTIONAL = {
    "distribution.mpi": {"mpi4py"},
    "export.onnx.files": {"onnx"},
    "interop": {"pronghorn.interop", "pronghorn.layers.foreign"},  # what needs PyTorch
    "layers.state": {"pronghorn.layers.foreign"},
    "layers.foreign.flax_layer": {"flax"},
    "saving.memory_cap": {"resource"},  # Windows has none
    "saving.safetensors_store": {"safetensors"},
    "studio.callback": {"pronghorn.studio"},
    "text.gguf_files": {"gguf"},
    "text.tokenizer_libraries": {"sentencepiece", "tokenizers"},
    "studio.launch": {"pronghorn.studio.server", "uvicorn"},
    "utils.dot": {"IPython"},
    "utils.dot_drawing": {"matplotlib"},
    "legacy.preprocessing.affine": {"PIL", "scipy"},
    "pronghorn_tensorflow.math.special": {"scipy"},
    "data.folders.image": {"PIL"},
    "utils.windows": {"scipy"},
    "visualization.drawing": {"PIL"},
    "visualization.figures": {"matplotlib"},
    "visualization.galleries": {"matplotlib"},
}
#: What makes importing slow, and most programs, or most calls, do without:
SLOW = {
    "_extras": {"importlib", "json"},  # for errors
    "_lazy": {"difflib"},  # for errors
    "_tracebacks": {"opcode", "sysconfig"},  # for errors
    # the one that is chosen
    "engine.backends.choice": {"pronghorn.engine.backends.llvm", "pronghorn.engine.backends.table_executable"},
    # LLVM, for large arrays only
    "engine.backends.eager.kernels": {"pronghorn.engine.backends.llvm", "pronghorn.engine.runtime.compile"},
    "engine.backends.engine": {"importlib"},  # importlib.metadata, for the version of another engine
    "engine.backends.installed": {"importlib"},
    # The compiler and the code generator, where a step's machine code is not kept from before:
    "engine.backends.llvm.executable": {
        "pronghorn.engine.backends.llvm.build",
        "pronghorn.engine.backends.llvm.host_calls",
        "pronghorn.engine.backends.llvm.profile",
    },
    # for scripts that import tensorflow
    "scripts.aliases": {"pronghorn_tensorflow.alias", "pronghorn_tensorflow.printing.tensors"},
    "cli.main": {  # each command loads what it needs
        "pronghorn.cli",
        "pronghorn.cli.doctor",
        "pronghorn.cli.generate",
        "pronghorn.cli.info",
        "pronghorn.cli.inspect",
        "pronghorn.export.formats",
        "pronghorn.saving",
        "pronghorn.saving.conversion",
        "pronghorn.scripts",
        "pronghorn.studio",
    },
    "trainers.profiling": {"pronghorn.engine.backends.llvm"},
    "utils.summary": {"rich"},
}


def name_of(file):
    parts = file.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(file): ast.parse(file.read_text("utf-8")) for file in FILES}


def imports(tree):
    """The imports of a module that run: what is imported from where, and whether a function does it."""

    def walk(node, inside):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.Import):
                yield from ((alias.name, "", inside) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert not child.level, "imports are written from the root"
                yield from ((child.module, alias.name, inside) for alias in child.names)
            yield from walk(child, inside or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)))

    return walk(tree, False)


def named(tree):
    """All that a module imports, by any kind of import: of functions and for type checkers, too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@functools.cache
def rooms(package="pronghorn"):
    """By folder or module of a package: the others of it that it imports, in any way."""
    above = package.split(".")
    depth = len(above)
    found = collections.defaultdict(set)
    for module, tree in MODULES.items():
        if module.startswith(f"{package}."):
            paths = [name.split(".") for name in named(tree)]
            found[module.split(".")[depth]] |= {p[depth] for p in paths if p[:depth] == above and len(p) > depth}
    return {room: (others & found.keys()) - {room} for room, others in found.items()}


PACKAGES = sorted({name_of(file.parent / "__init__.py") for file in FILES if (file.parent / "__init__.py").exists()})


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_downwards(package):
    """No circle of the packages inside a package; at the root, its modules counted, too."""
    inside = rooms(package)
    if package != "pronghorn":
        inside = {room: inside[room] for room in inside if f"{package}.{room}" in PACKAGES}
    while inside:
        lowest = [room for room, others in inside.items() if not others & inside.keys()]
        assert lowest, f"a circle: { ({room: others & inside.keys() for room, others in inside.items()}) }"
        inside = {room: others for room, others in inside.items() if room not in lowest}


def test_only_the_program_knows_the_stand_in_for_tensorflow():
    found = {
        module
        for module, tree in MODULES.items()
        for base, _, _ in imports(tree)
        if base.partition(".")[0] == "pronghorn_tensorflow"
    }
    assert {
        module for module in found if not module.startswith(("pronghorn.scripts.", "pronghorn_tensorflow"))
    } == set()


def test_the_engine_knows_nothing_of_keras():
    assert rooms()["engine"] <= BESIDE


def test_imports_inside_functions_have_a_reason():
    found = collections.defaultdict(set)
    for module, tree in MODULES.items():
        for base, _, inside in imports(tree):
            if inside:
                target = base if _packages.is_ours(base) and "." in base else base.partition(".")[0]
                found[module.removeprefix("pronghorn.")].add(target)
    assert not OPTIONAL.keys() & SLOW.keys()
    assert dict(found) == {**OPTIONAL, **SLOW}


ALONE = """
import importlib, os, sys
import numpy, ml_dtypes, h5py, llvmlite.binding, click, rich.table  # what is not ours, once for all
for name in sys.argv[1:]:
    if not os.fork():
        try:
            importlib.import_module(name)
        except BaseException as error:
            print(name, repr(error), flush=True)
        os._exit(0)
    os.wait()
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_every_module_can_be_the_first_that_is_imported():
    engines = tuple(f"pronghorn.engine.backends.{name}" for name in NAMES)  # they may be missing
    engines += (
        "pronghorn.interop.torch",
        "pronghorn.layers.foreign.torch_methods",
        "pronghorn.interop.pytensor",
        "pronghorn.export.programs.",
    )
    names = [name for name in MODULES if not name.startswith(engines) and not name.endswith("__main__")]
    env = {"KERAS_BACKEND": "jax", **os.environ, "PYTHONPATH": str(SOURCE)}  # the one of the `test` extra
    result = subprocess.run([sys.executable, "-c", ALONE, *names], capture_output=True, text=True, env=env, timeout=900)
    assert (result.stdout, result.returncode) == ("", 0), result.stderr
