"""Keras's names, public and private, as Pronghorn's public ones: what Keras's own tests are run against.

A pytest plugin: with it, `keras` and everything below is Pronghorn. Only `keras.src.testing`, the tests' own helpers,
is loaded from the real package. A private name is what `private_equivalents.py` has for it; one that has no equivalent
becomes a placeholder, which can be imported and fails when it is used.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import json
import os
import sys
import types
import zlib
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import engine_meanings
import private_equivalents
import pytest

import pronghorn
import pronghorn.data
from pronghorn.engine.graph import dtypes
from pronghorn.trainers.trainer import Trainer

#: Where the real package's files are; `run.py` sets it.
SOURCE = os.environ.get("KERAS_SUITE_SOURCE", "")

#: Where the outcomes are noted, a line of JSON each; `run.py` sets it.
RESULTS = os.environ.get("KERAS_SUITE_RESULTS", "")

#: The message of a placeholder's error; `run.py` knows such failures by it.
NO_EQUIVALENT = "no public equivalent of"

# Frameworks that test files import at their top; what is not installed is a placeholder, and its tests are skipped.
_FRAMEWORKS = {
    *("PIL", "ai_edge_litert", "flax", "grain", "jax", "litert_torch", "onnx", "onnxruntime", "openvino", "pandas"),
    *("requests", "sklearn", "tensorflow", "tf_keras", "torch"),
}

_REAL = ("float16", "float32", "float64", "bfloat16")
_INTEGERS = (*dtypes.UNSIGNED, *dtypes.SIGNED)

# What `pronghorn run` gives scripts for a part of an absent framework, tests get as well: enough to make a data set.
_PROVIDED = {
    "tensorflow.TensorSpec": pronghorn.data.TensorSpec,
    "tensorflow.audio": types.SimpleNamespace(encode_wav=private_equivalents.encode_wav),
    "tensorflow.available": False,
    "tensorflow.data": pronghorn.data,
    "tensorflow.float32": "float32",
    "tensorflow.int32": "int32",
    "tensorflow.ones": pronghorn.ops.ones,
    "tensorflow.zeros": pronghorn.ops.zeros,
}


def _index_lookup(*arguments: Any, vocabulary_dtype: str = "int64", **options: Any) -> Any:
    """Keras's private base of two public layers, as the one of them that reads such a vocabulary."""
    layer = pronghorn.layers.StringLookup if vocabulary_dtype == "string" else pronghorn.layers.IntegerLookup
    return layer(*arguments, **options)


# What tests ask about Keras itself, and private names that have an equivalent of ours.
_CONSTANTS: dict[str, Any] = {
    # The libraries behind keras.tree. Tests know quirks of the first, so the one there is counts as the second.
    "dmtree": types.SimpleNamespace(available=False),
    "optree": types.SimpleNamespace(available=True),
    "TensorFlowTrainer": Trainer,
    "IndexLookup": _index_lookup,
    "convert_tf_tensor": lambda value, dtype=None: value,  # from a data set's array to what layers take: the same here
    "SUPPORTS_SPARSE_TENSORS": False,
    "SUPPORTS_RAGGED_TENSORS": False,
    "SUPPORTS_COMPLEX_DTYPES": True,
    "IS_THREAD_SAFE": True,
    "BOOL_TYPES": ("bool",),
    "INT_TYPES": _INTEGERS,
    "FLOAT_TYPES": ("bfloat16", "float16", "float32", "float64"),
    "FLOAT8_TYPES": ("float8_e4m3fn", "float8_e5m2"),
    "COMPLEX_TYPES": ("complex64", "complex128"),
    "WEAK_TYPES": ("int", "float"),
    "PYTHON_DTYPES_MAP": {bool: "bool", int: "int", float: "float", str: "string"},
    "ALLOWED_DTYPES": {
        *_REAL, *_INTEGERS, "bool", "string", "float8_e4m3fn", "float8_e5m2", "complex64", "complex128"
    },
}  # fmt: skip

# Folders of Keras's source to the public namespaces where their names are found, first choice first.
_PREFERRED = {
    "backend": ("ops", "config", "", "utils", "random"),
    "random": ("random",),
    "models": ("models", ""),
}

# A namespace whose names import another library, scikit-learn: only its own tests have these listed.
_SLOW = "wrappers"


class PublicNames:
    """All public names of Pronghorn: namespace by path, and where each name occurs."""

    def __init__(self) -> None:
        self.namespaces: dict[str, types.ModuleType] = {}
        self._by_name: dict[str, list[tuple[str, Any]]] = {}
        self._slow_is_listed = False
        self._walk(pronghorn, "")

    def _walk(self, module: types.ModuleType, path: str) -> None:
        if module in self.namespaces.values():
            return
        self.namespaces[path] = module
        if path != _SLOW:
            self._list(module, path)

    def _list(self, module: types.ModuleType, path: str) -> None:
        for name, value in list(vars(module).items()):
            if name.startswith("_"):
                continue
            if isinstance(value, types.ModuleType):
                if value.__name__.startswith("pronghorn."):
                    self._walk(value, f"{path}.{name}" if path else name)
                continue
            self._by_name.setdefault(name, []).append((path, value))
            own = getattr(value, "__name__", name)
            if isinstance(own, str) and own != name and own.isidentifier():
                self._by_name.setdefault(own, []).append((path, value))

    def find(self, module: str, name: str) -> Any:
        """The public object that a name in one of Keras's modules is, or None."""
        parts = path_of(module)
        if parts[:1] == [_SLOW] and not self._slow_is_listed:
            self._slow_is_listed = True
            self._list(self.namespaces[_SLOW], _SLOW)
        found = self._by_name.get(name)
        if not found:
            return None
        prefixes = [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
        preferred = _PREFERRED.get(parts[0] if parts else "", ())
        for wanted in (*prefixes, *preferred, "", "config", "ops", "saving", "utils"):
            for namespace, value in found:
                if namespace == wanted:
                    return value
        # The order of what is left is that of imports: a namespace called as one of the module's folders comes first.
        return next((value for namespace, value in found if namespace.rpartition(".")[2] in parts), found[0][1])


def path_of(module: str) -> list[str]:
    """The parts of a module's name without `keras` or `keras.src`.

    >>> path_of("keras.src.layers.core")
    ['layers', 'core']
    """
    parts = module.split(".")[1:]
    return parts[1:] if parts[:1] == ["src"] else parts


def placeholder(name: str) -> type:
    """A class that can be imported, inherited from and named, but not used."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{NO_EQUIVALENT} {name}")

    class Meta(type):
        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            return refuse() if cls.__dict__.get("is_placeholder") else super().__call__(*args, **kwargs)

        def __getattr__(cls, attribute: str) -> Any:
            if attribute.startswith("__"):
                raise AttributeError(attribute)
            raise NotImplementedError(f"{NO_EQUIVALENT} {name}.{attribute}")

    return Meta(name.rpartition(".")[2], (), {"is_placeholder": True, "__init__": refuse})


class KerasModule(types.ModuleType):
    """One of Keras's modules, made of Pronghorn's public names."""

    names: PublicNames

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("__", "pytest", "setup", "setUp", "teardown", "tearDown", "collect_ignore")):
            raise AttributeError(name)
        full = f"{self.__name__}.{name}"
        if full in sys.modules:
            return sys.modules[full]
        if full == "keras.src.backend.backend":
            return _backend
        if full == "keras.src.utils.module_utils.tensorflow":
            return AbsentFramework(name)
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        if name in private_equivalents.EQUIVALENTS:
            return private_equivalents.EQUIVALENTS[name]
        path = ".".join(path_of(full))
        if path in self.names.namespaces or _is_module_of_keras(full):
            return importlib.import_module(full)
        found = self.names.find(self.__name__, name)
        if found is not None:
            return found
        for namespace in (name, f"ops.{name}"):  # backend.random, ops.numpy, ...
            if namespace in self.names.namespaces:
                return importlib.import_module(f"keras.{namespace}")
        return placeholder(full)


def _backend() -> str:
    """The backend's name; a file that picks its `Trainer` or a device by it, and knows no other, gets one it knows."""
    caller = sys._getframe(1).f_code
    if caller.co_name in ("<module>", "__getitem__") and caller.co_filename.endswith("trainer_test.py"):
        return "tensorflow"
    return pronghorn.config.backend()


def _is_module_of_keras(full: str) -> bool:
    if not full.startswith("keras.src."):
        return False
    place = os.path.join(SOURCE, *path_of(full))
    return os.path.isdir(place) or os.path.isfile(f"{place}.py")


class KerasFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `keras` and what is below it."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name.partition(".")[0] != "keras":
            return None
        place = os.path.join(SOURCE, *path_of(name))
        if name.startswith("keras.src.testing"):
            if os.path.isdir(place):
                init = os.path.join(place, "__init__.py")
                return importlib.util.spec_from_file_location(name, init, submodule_search_locations=[place])
            return importlib.util.spec_from_file_location(name, f"{place}.py")
        if name.endswith("_test"):
            return importlib.util.spec_from_file_location(name, f"{place}.py")
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: Any) -> types.ModuleType:
        module = KerasModule(spec.name)
        module.__path__ = []
        module.__file__ = f"<{spec.name}, provided by Pronghorn>"
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing to run."""


class AbsentFramework(types.ModuleType):
    """A framework that is not installed, while a test file imports it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        full = f"{self.__name__}.{name}"
        return _PROVIDED[full] if full in _PROVIDED else placeholder(full)


class FrameworkFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """The last resort: lets a test file, and nobody else, import a framework that is not installed."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name.partition(".")[0] not in _FRAMEWORKS:
            return None
        frame: Any = sys._getframe(1)
        while frame is not None and "importlib" in frame.f_code.co_filename:
            frame = frame.f_back
        if frame is None or not frame.f_code.co_filename.endswith("_test.py"):
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: Any) -> types.ModuleType:
        module = AbsentFramework(spec.name)
        module.__path__ = []
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing to run."""


def _forget_frameworks() -> None:
    for name in [name for name, module in sys.modules.items() if isinstance(module, AbsentFramework)]:
        del sys.modules[name]


# -- hooks of pytest ---------------------------------------------------------------------------------------------------
def pytest_configure(config: Any) -> None:
    """Put the names in place."""
    KerasModule.names = PublicNames()
    engine_meanings.install()
    for name in [name for name in sys.modules if name.partition(".")[0] == "keras"]:
        del sys.modules[name]
    sys.meta_path.insert(0, KerasFinder())
    sys.meta_path.append(FrameworkFinder())
    for marker in ("requires_trainable_backend", "multi_device"):
        config.addinivalue_line("markers", f"{marker}: of Keras's own")
    conftest = types.ModuleType("conftest")
    conftest.skip_if_backend = lambda backend, reason: pytest.mark.skipif(  # type: ignore[attr-defined]
        pronghorn.config.backend() == backend, reason=reason
    )
    sys.modules["conftest"] = conftest


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Leave the other parts' tests out, and skip what needs several devices."""
    part, parts = map(int, os.environ.get("KERAS_SUITE_PART", "0/1").split("/"))
    items[:] = items[part::parts]
    for item in items:
        if "multi_device" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="there is one device"))


def pytest_collection_finish() -> None:
    """Later imports of frameworks, by the code under test, must fail; what imports made is no garbage."""
    _forget_frameworks()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)  # by default, a fifth of the time of tests that build models


def pytest_pycollect_makemodule() -> None:
    """The next file asks again."""
    _forget_frameworks()


def pytest_runtest_setup(item: Any) -> None:
    """A test draws the same numbers each time, whatever ran before it."""
    pronghorn.utils.set_random_seed(zlib.crc32(item.nodeid.encode()))


def pytest_collectreport(report: Any) -> None:
    """A file that cannot be read is a failure by the file's name."""
    if report.failed:
        _note(report.nodeid, "failed", str(report.longrepr))


def pytest_runtest_logreport(report: Any) -> None:
    """Note what became of a test: failed where any of its three phases did."""
    if report.failed:
        crash = getattr(report.longrepr, "reprcrash", None)
        _note(report.nodeid, "failed", crash.message if crash else str(report.longrepr))
    elif report.skipped:
        _note(report.nodeid, "skipped", "")
    elif report.when == "call":
        _note(report.nodeid, "passed", "")


def _note(test: str, outcome: str, message: str) -> None:
    if RESULTS:
        with open(RESULTS, "a", encoding="utf-8") as file:
            file.write(json.dumps({"test": test, "outcome": outcome, "message": message[:4000]}) + "\n")


def asks_for_types(item: Any) -> bool:
    """Whether a test calls `jax.numpy` to learn of which type a result is: those that do are in classes named so."""
    code = getattr(inspect.unwrap(item.obj), "__code__", None)
    return code is not None and "jax.numpy" in code.co_names and "dtype" in item.cls.__name__.lower()


def without_compiling(item: Any, test: Callable[[], None]) -> Callable[[], None]:
    """A test in which JAX works out shapes and types alone, where it would compile each of thousands of calls.

    What fails so, as where JAX's numbers are needed, is run as it stands, and that is what counts.
    """

    def call() -> None:
        import jax

        try:
            jax.eval_shape(test)
        except Exception:
            pytest_runtest_setup(item)
            test()

    return call


def only_shapes(item: Any) -> bool:
    """Whether a test builds networks, some of hundreds of millions of weights, and looks at their shapes alone."""
    return "::ApplicationsTest::" in item.nodeid and not item.originalname.startswith("test_application_base")


@contextlib.contextmanager
def undrawn() -> Iterator[None]:
    """Initial values that nobody reads are zeros, whose memory is not touched; other tests look at drawn ones."""
    with contextlib.ExitStack() as stack:
        for initializer in vars(pronghorn.initializers).values():
            if inspect.isclass(initializer) and issubclass(initializer, pronghorn.initializers.VarianceScaling):
                stack.enter_context(mock.patch.object(initializer, "makes_zeros", True, create=True))
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: Any) -> Any:
    """Tests may save and load what their file defines."""
    if only_shapes(item):
        with undrawn():
            return (yield)
    if item.cls is not None and pronghorn.config.backend() == "pronghorn" and asks_for_types(item):
        item.obj = without_compiling(item, item.obj)
    with private_equivalents.classes_of(getattr(item, "module", None)):
        return (yield)
