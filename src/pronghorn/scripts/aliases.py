"""`keras` and `tensorflow.keras` under `pronghorn run`: an import hook that gives Pronghorn's modules instead.

A script imports `keras.layers`, `tensorflow.keras.layers` or `tf.keras.layers`, and gets `pronghorn.layers`, one and
the same module object under each name. What Pronghorn does not have raises an ImportError or an AttributeError with
the nearest names.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.metadata
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pronghorn
from pronghorn import _lazy
from pronghorn._version import KERAS_API_VERSION
from pronghorn.engine.backends import choice
from pronghorn.engine.backends import engine as engines
from pronghorn.engine.graph.user_code import warn
from pronghorn.scripts import older_names, private_names
from pronghorn.scripts.import_protocols import AnyNameLoader, list_what_is_public, listed_path
from pronghorn.scripts.remembered_words import RememberingFinder
from pronghorn_tensorflow.names import VERSION as TENSORFLOW_VERSION

# A folder with a `keras.py` and a `tensorflow.py` that install the hook in a new process.
FOR_CHILDREN = Path(__file__).resolve().parent / "for_children"
_PREFIXES = ("keras", "tensorflow.keras")
_PRIVATE = tuple(f"{prefix}.src" for prefix in _PREFIXES)
_AS_TENSORFLOWS = "keras._tf_keras"  # editors complete `keras._tf_keras.keras` for `tensorflow.keras`

# What Pronghorn has at its root besides Keras's names: not what `from keras import *` should bring.
_BESIDES = {"GradientTape", "grad", "interop", "jit", "load_ipython_extension", "value_and_grad"}

# Backends of Keras's that are no engines here: Pronghorn's own takes their place.
_OTHER_BACKENDS = ("numpy", "openvino", *choice.OWN_WAYS)

# TensorBoard works without TensorFlow where there is a module of this name, and asks for it first.
_NO_TENSORFLOW = "tensorboard.compat.notf"

# Names below `keras` that tutorials for older versions use, and what to write today.
_MOVED = {
    "utils.np_utils": "use keras.utils.to_categorical",
    "wrappers.scikit_learn": "use keras.wrappers.SKLearnClassifier or SKLearnRegressor",
    "preprocessing.image.ImageDataGenerator": (
        "use keras.utils.image_dataset_from_directory, or import it from tensorflow.keras.preprocessing.image"
    ),
    "preprocessing.text": "use the layer keras.layers.TextVectorization, or tensorflow.keras.preprocessing.text",
    "preprocessing.sequence.TimeseriesGenerator": "use keras.utils.timeseries_dataset_from_array",
    "layers.experimental": "its layers are in keras.layers now",
    "layers.CuDNNLSTM": "use keras.layers.LSTM",
    "layers.CuDNNGRU": "use keras.layers.GRU",
    "layers.core": "its layers are in keras.layers now",
    "layers.convolutional": "its layers are in keras.layers now",
    "layers.normalization": "its layers are in keras.layers now",
    "layers.embeddings": "its layers are in keras.layers now",
    "layers.recurrent": "its layers are in keras.layers now",
    "engine": "it was private; use keras.layers and keras.models",
    "estimator": "estimators are gone from Keras; use model.fit",
    "__internal__": "it is private to the Keras package; use the public names",
}


class KerasAlias(ModuleType):
    """The module `keras`: Pronghorn under the other name, with the version of the Keras API it follows."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "Keras, provided by Pronghorn.")
        self.__path__ = listed_path(pronghorn, _modules_of_keras)
        self.__file__ = pronghorn.__file__  # scripts print it, and `inspect` reads it
        self.__version__ = KERAS_API_VERSION

    def version(self) -> str:
        """Return the version of the Keras API, as `__version__` does."""
        return self.__version__

    def __reduce__(self) -> Any:
        return _keras, (self.__name__,)

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return sorted({*_lazy.public_names(pronghorn)} - _BESIDES)
        if name == "src":
            return importlib.import_module(f"{self.__name__}.src")
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        if self.__name__ == "tensorflow.keras" and older_names.has(name):
            return importlib.import_module(f"tensorflow.keras.{name}")
        value = getattr(pronghorn, name)
        if not isinstance(value, ModuleType):
            return value
        if name not in _lazy.modules_of(pronghorn):  # a stage of our own, which happens to have been imported
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        # In a process without our hook, where this came by pickle, the import would find another Keras.
        return importlib.import_module(f"{self.__name__}.{name}") if sys.modules.get(self.__name__) is self else value

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_lazy.public_names(pronghorn), "src"})

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        own = _lazy.own_dict(self)
        if "__complete__" not in own and (found := _lazy.load_all(self, self.__all__)) is not None:
            own.update({**found, **own, "__complete__": True})  # what a program has set stays
        return own


def _modules_of_keras() -> list[str]:
    """The modules in Keras's package."""
    return sorted({*_lazy.modules_of(pronghorn), "_tf_keras", "src"} - _BESIDES)


def _keras(name: str) -> ModuleType:
    """What a pickled alias becomes: the module of this process or, where that is another Keras, one more alias."""
    present = sys.modules.get(name)
    return present if isinstance(present, KerasAlias) else KerasAlias(name)


class _Package(importlib.metadata.Distribution):
    """A package that is not installed: no files, a name and a version."""

    def __init__(self, name: str, version: str) -> None:
        self._text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"

    def read_text(self, filename: str) -> str | None:
        return self._text if filename == "METADATA" else None

    def locate_file(self, path: Any) -> Path:
        return Path(__file__).parent / path


class _AliasFinder(importlib.abc.MetaPathFinder, AnyNameLoader):
    """Finds `keras`, `tensorflow` and what is below them.

    Args:
        tops: the names whose modules are Pronghorn's, with what is below them.
    """

    def __init__(self, tops: Sequence[str]) -> None:
        self.tops = tuple(tops)
        # What modules of ours have, and the import system sets anew under another name: name, package and spec.
        self._kept: dict[str, tuple[str, str | None, ModuleSpec | None]] = {}

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        if fullname in self.tops:
            spec = ModuleSpec(fullname, self, is_package=True)
            if fullname in _PREFIXES:
                _describe(spec, pronghorn.__file__, listed_path(pronghorn, _modules_of_keras))
            return spec
        if fullname.startswith(tuple(f"{top}." for top in self.tops)) and not fullname.endswith("."):
            # Who imports what is not there is told what is nearest; who asks whether it is there hears that it is not.
            if sys._getframe(2).f_globals.get("__name__") == "importlib.util":
                return sys.modules[fullname].__spec__ if _has_module(fullname) else None
            spec = ModuleSpec(fullname, self, is_package=True)
            present = sys.modules.get(fullname)
            if present is not None:  # `reload` sets what the spec says
                _describe(spec, getattr(present, "__file__", None), getattr(present, "__path__", None))
            return spec
        if fullname == _NO_TENSORFLOW and "tensorflow" in self.tops:
            return ModuleSpec(fullname, self)
        return None

    def find_distributions(self, context: Any = None) -> Iterator[importlib.metadata.Distribution]:
        """What `importlib.metadata` tells of Keras and TensorFlow, whose versions scripts print and compare."""
        name = str(getattr(context, "name", None)).lower()
        version = {"keras": KERAS_API_VERSION, "tensorflow": TENSORFLOW_VERSION}.get(name)
        if version is not None and name in self.tops and list(context.path) == sys.path:
            yield _Package(name, version)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        if spec.name in _PREFIXES:
            return KerasAlias(spec.name)
        if spec.name == "tensorflow":
            from pronghorn_tensorflow.alias import TensorFlowAlias
            from pronghorn_tensorflow.printing.tensors import write_as_tensorflow

            write_as_tensorflow()
            return TensorFlowAlias(spec.name)
        if spec.name == _NO_TENSORFLOW:
            return None
        module = _module_for(spec.name)
        list_what_is_public(module)
        _describe(spec, getattr(module, "__file__", None), getattr(module, "__path__", None))
        present = module.__spec__
        # A module of several names tells of `keras.layers` rather than of one of the others.
        is_first = present is None or present.loader is not self
        is_better = is_first or spec.name.startswith("keras.") > present.name.startswith("keras.")  # type: ignore[union-attr]
        self._kept[spec.name] = module.__name__, module.__package__, spec if is_better else present
        return module

    def exec_module(self, module: ModuleType) -> None:
        name = module.__spec__.name if module.__spec__ else module.__name__
        if name == "keras":
            _heed_the_program()
        if name in self._kept:
            module.__name__, module.__package__, module.__spec__ = self._kept[name]


def _describe(spec: ModuleSpec, file: str | None, path: Sequence[str] | None) -> None:
    """Have a spec tell where a module's source is, and where to look for what is below it."""
    spec.origin, spec.has_location = file, file is not None
    spec.submodule_search_locations = None if path is None else list(path)


def _has_module(fullname: str) -> bool:
    try:
        importlib.import_module(fullname)
    except ImportError:
        return False
    return True


def _module_for(fullname: str) -> ModuleType:
    """Return Pronghorn's module for a name such as `keras.layers` or `tensorflow.keras.layers`."""
    keras_name = fullname.removeprefix("tensorflow.")
    if f"{keras_name}.".startswith(f"{_AS_TENSORFLOWS}."):  # what `tensorflow.keras` is in Keras's package
        below = keras_name.removeprefix(_AS_TENSORFLOWS).removeprefix(".")
        return importlib.import_module(f"tensorflow.{below}") if below else _tensorflows()
    if not keras_name.startswith("keras."):
        from pronghorn_tensorflow.alias import submodule

        return submodule(fullname)
    if f"{fullname}.".startswith(tuple(f"{private}." for private in _PRIVATE)):
        return private_names.module(fullname)
    path = keras_name.partition(".")[2]
    if fullname.startswith("tensorflow.") and older_names.has(path):
        return older_names.module(path)
    parent_name, _, name = f"pronghorn.{path}".rpartition(".")
    parent = importlib.import_module(parent_name)
    # A module of ours may happen to have the name of one that Keras no longer has.
    value = None if path in _MOVED else getattr(parent, name, None)
    shown = _lazy.display_name(parent_name)
    if isinstance(value, ModuleType):
        if not isinstance(parent, _lazy.LazyModule) or name in _lazy.modules_of(parent):
            return value
        value = None  # one of our own, which happens to have been imported
    if value is not None:
        raise ModuleNotFoundError(f"{shown}.{name} is no module; write: from {shown} import {name}", name=fullname)
    raise _lazy.not_there(fullname, f"cannot import name {name!r} from {shown!r}{_lazy.missing_clause(parent, name)}")


def _tensorflows() -> ModuleType:
    """The module around `tensorflow.keras` in Keras's package."""
    module = ModuleType(_AS_TENSORFLOWS)
    module.__path__ = []
    return module


def install() -> None:
    """Make `keras` and `tensorflow.keras` mean Pronghorn in this process, also where the real ones are installed.

    Real ones that have been imported already are taken out of `sys.modules`, with a warning: names that a program has
    bound to them keep meaning them. Where TensorFlow is the engine, `tensorflow` is the real one with our
    `tensorflow.keras`, and it is imported now.

    Raises:
        ImportError: the engine that the environment names is not installed.
        EngineError: it is, but does not work.
    """
    with _installing:
        _install()


#: Threads of a child process may begin by importing `keras` and `tensorflow` at the same time.
_installing = threading.RLock()


def _install() -> None:
    _lazy.display_root = "keras"
    _lazy.moved.update(_MOVED | older_names.MOVED)
    if any(isinstance(finder, _AliasFinder) for finder in sys.meta_path):
        return
    is_real = choice.chosen() == "tensorflow"
    tops = _PREFIXES if is_real else ("keras", "tensorflow")
    _take_out_real_ones(tops)
    sys.meta_path[:0] = [_AliasFinder(tops), RememberingFinder()]
    engines.on_import(_heed_the_program)
    if is_real:
        _give_keras_to_tensorflow()


def _give_keras_to_tensorflow() -> None:
    """Import the real TensorFlow, and have its `keras` be ours."""
    if _is_stand_in(sys.modules.get("tensorflow")):
        del sys.modules["tensorflow"]
    before = sys.path[:]
    sys.path[:] = [p for p in before if p != str(FOR_CHILDREN)]
    try:
        engines.engine("tensorflow")
    finally:
        sys.path[:] = before
    sys.modules["tensorflow"].keras = importlib.import_module("tensorflow.keras")  # type: ignore[attr-defined]


def _take_out_real_ones(tops: Sequence[str]) -> None:
    below = tuple(f"{top}." for top in tops)
    real = [
        name
        for name, module in list(sys.modules.items())
        if (name in tops or name.startswith(below)) and not _is_stand_in(module)
    ]
    for name in real:
        del sys.modules[name]
    found = [name for name in ("keras", "tensorflow") if name in real]
    if found:
        warn(
            f"{' and '.join(found)} had been imported already when Pronghorn took the name: what was imported before "
            "is still the real one, what is imported from now on is Pronghorn's. Import pronghorn.as_keras first, or "
            "start the program by `pronghorn run`.",
        )


def _is_stand_in(module: Any) -> bool:
    file = getattr(module, "__file__", None)
    is_of_another_installation = "pronghorn_child" in getattr(module, "__dict__", {})
    return is_of_another_installation or (bool(file) and Path(file).resolve().parent == FOR_CHILDREN)


def install_in_children() -> None:
    """Have Python processes that this one starts import Pronghorn for `keras` too, unless PRONGHORN_CHILDREN=0.

    Those that multiprocessing and joblib start afresh get the path of this process, others its environment.
    """
    place = str(FOR_CHILDREN)
    if place not in sys.path:
        sys.path.insert(1, place)  # behind the script's own folder
    if os.environ.get("PRONGHORN_CHILDREN") == "0":
        return
    others = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p and p != place]
    os.environ["PYTHONPATH"] = os.pathsep.join([place, *others])


def _heed_the_program() -> None:
    """Take the engine that a program itself has put into `KERAS_BACKEND`, as Keras's guides do, before `import keras`.

    It counts where the program imports that library, too, before Keras or until its first variable: it is written for
    it then. Other programs name a backend and run on any.

    Raises:
        EngineError: the engine does not work.
    """
    wanted = os.environ.get("KERAS_BACKEND")
    if wanted not in engines.NAMES or os.environ.get(choice.VARIABLE):
        return
    library = engines.LIBRARIES[wanted]
    if library in sys.modules and not engines.is_stand_in(library):
        engines.untried(wanted)
        os.environ[choice.VARIABLE] = wanted


def take_the_name() -> None:
    """Have `import keras` mean Pronghorn from now on, here and in processes that this one starts.

    `KERAS_BACKEND` names the engine, as it does for Keras, where it is one that Pronghorn runs on.

    Raises:
        ImportError, ValueError, EngineError: the engine that the environment names is not there or cannot be imported.
    """
    wanted = os.environ.get("KERAS_BACKEND")
    if wanted in engines.NAMES and not os.environ.get(choice.VARIABLE):
        os.environ[choice.VARIABLE] = wanted
    elif wanted and wanted not in (*engines.NAMES, *_OTHER_BACKENDS):
        near = _lazy.nearest_clause(wanted, engines.NAMES)
        warn(f"KERAS_BACKEND={wanted!r} is no backend{near}. Pronghorn's own engine computes.", about_a_line=False)
    install()
    name = choice.named()
    if name is not None:
        # One that is not there says so before the program begins. It computes nothing yet: programs set their library
        # up first, as by XLA_FLAGS.
        engines.untried(name)
    install_in_children()


def load_ipython_extension(ipython: Any) -> None:
    """Have `import keras` mean Pronghorn in a notebook, for `%load_ext pronghorn`; see `pronghorn.as_keras`."""
    take_the_name()
