"""`import tensorflow as tf` under `pronghorn run`: `tf.keras`, and the part of TensorFlow that Keras tutorials use.

Functions map to `pronghorn.ops` by a table; there is no TensorFlow here, so graphs, sessions and devices
are absent, and each says so when it is asked for. `tf.data.Dataset` is `pronghorn.data.Dataset`, on NumPy arrays.
"""

from __future__ import annotations

import functools
import importlib
import sys
from types import ModuleType
from typing import Any

import pronghorn_tensorflow.program.operators  # noqa: F401  (it gives tensors their operators)
from pronghorn import ops
from pronghorn._lazy import nearest_clause, not_there
from pronghorn.data.dataset import use_end
from pronghorn.data.element_types import OF_NAME
from pronghorn_tensorflow import names, private_names
from pronghorn_tensorflow.arrays.doubles import keeping_doubles
from pronghorn_tensorflow.arrays.tensor import have_tensors_answer
from pronghorn_tensorflow.calls import called_as_there
from pronghorn_tensorflow.program.errors import OutOfRangeError, with_causes
from pronghorn_tensorflow.rows.ragged import with_ragged
from pronghorn_tensorflow.strings.arrays import with_text

_RAISING = frozenset(names.OF_ARRAYS) | {"audio", "debugging", "io", "io.gfile", "strings"}
_WITH_DTYPES = ("", "dtypes", "experimental.numpy")
_OF_ANYTHING = ("is_tensor",)  # functions that see what they are given, and no tensors of it
_STANDARD = ("logging", "unittest")  # modules of Python that are as they are there


def _table(namespace: str) -> dict[str, str]:
    table: dict[str, str] = {}
    module = "pronghorn.ops.image" if namespace == "image" else "pronghorn.ops"
    for entry in names.OPS_OF_SAME_NAME.get(namespace, "").split():
        name, _, ours = entry.partition(":")
        table[name] = f"{module}:{ours or name}"
    for written, listed in {**names.WRITTEN_OUT, **private_names.WRITTEN_OUT}.get(namespace, {}).items():
        where = (
            written if written.startswith("pronghorn.") or written in _STANDARD else f"pronghorn_tensorflow.{written}"
        )
        for entry in listed.split():
            name, _, ours = entry.partition(":")
            table[name] = f"{where}:{ours or name}"
    if namespace == "experimental.numpy":
        table |= {
            name: f"pronghorn.ops:{name}"
            for name in dir(ops.numpy)
            if not name.startswith("_") and callable(getattr(ops, name, None))
        }
    if namespace.startswith("compat.v1"):
        table = _table(namespace.removeprefix("compat.v1").strip(".")) | table
    return {**table, **names.SPECIAL.get(namespace, {})}


class _Namespace(ModuleType):
    """A module of the stand-in for TensorFlow; `path` is its name after `tensorflow.`, empty for the root."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "The part of TensorFlow that Keras scripts use, provided by Pronghorn.")
        self.__path__: list[str] = []
        self._path = name.partition(".")[2]
        self._names = _table(self._path)
        if self._path in _WITH_DTYPES:
            vars(self).update(OF_NAME)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        if name in self._names:
            module_name, _, attribute = self._names[name].partition(":")
            value = getattr(importlib.import_module(module_name), attribute)
            if module_name == "pronghorn.ops" and self._path != "experimental.numpy":
                value = called_as_there(value)
            takes_arrays = self._path in names.OF_ARRAYS and name not in _OF_ANYTHING
            if takes_arrays and callable(value) and not isinstance(value, type):
                value = with_ragged(name, with_text(name, keeping_doubles(value)))
            if self._path in _RAISING and callable(value) and not isinstance(value, type):
                value = with_causes(value)
        elif f"{self._path.removeprefix('compat.v1.')}.{name}".strip(".") in _children():
            value = importlib.import_module(f"{self.__name__}.{name}")
        elif self._path in ("compat.v1", "compat.v2") and hasattr(root := importlib.import_module("tensorflow"), name):
            value = getattr(root, name)
        elif (public := self._public(name)) is not None:
            value = getattr(public, name)
        else:
            raise AttributeError(_absent_message(f"{self.__name__}.{name}", name, self._names))
        setattr(self, name, value)
        return value

    def _public(self, name: str) -> ModuleType | None:
        """Of a private module: the public one that has this name."""
        for path in private_names.SAME_AS.get(self._path, ()):
            module = importlib.import_module(f"tensorflow.{path}".rstrip("."))
            if hasattr(module, name):
                return module
        return None

    def __reduce__(self) -> Any:
        return _namespace, (self.__name__,)

    def __dir__(self) -> list[str]:
        below = (name[len(self._path) :].strip(".") for name in _children() if name.startswith(self._path))
        return sorted({*super().__dir__(), *self._names, *(name for name in below if name and "." not in name)})


def _namespace(name: str) -> ModuleType:
    """What a pickled namespace becomes: the module of this process or, where that is another TensorFlow, one more."""
    present = sys.modules.get(name)
    if isinstance(present, _Namespace):
        return present
    return submodule(name) if "." in name else TensorFlowAlias(name)


class TensorFlowAlias(_Namespace):
    """The module `tensorflow`: `keras`, the dtypes, and a table of functions."""

    #: Where TensorFlow is not installed, `model.export` takes this module's `write`.
    MODELS_WRITTEN_BY = "pronghorn_tensorflow.program.saved_model"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__version__ = names.VERSION
        have_tensors_answer()
        use_end(functools.partial(OutOfRangeError, None, None, "The data set has no more elements."))

    def __getattr__(self, name: str) -> Any:
        if name == "keras":
            return importlib.import_module("tensorflow.keras")
        if name in names.KERAS_TOO:
            return importlib.import_module(f"tensorflow.keras.{name}")
        return super().__getattr__(name)


@functools.cache
def _children() -> set[str]:
    own = (
        *(*names.OPS_OF_SAME_NAME, *names.WRITTEN_OUT, *names.SPECIAL, "compat.v2", "experimental.numpy"),
        *private_names.SAME_AS,
    )
    return {name for name in own if name}


def _absent_message(full_name: str, name: str, known: Any) -> str:
    mend = names.ABSENT.get(name)
    if mend:
        return f"{full_name} is not part of Pronghorn, which stands in for TensorFlow here: {mend}."
    return (
        f"{full_name} is not part of Pronghorn, which stands in for TensorFlow here{_nearest(name, known)}. "
        "keras.ops has most array functions."
    )


def _nearest(name: str, known: Any) -> str:
    """The nearest names in the namespace; else where the very name is."""
    paths = "", *sorted(_children(), key=lambda path: (path.startswith("compat."), path))  # older ones last
    places = [f"tf.{path}.{name}".replace("..", ".") for path in paths if name in _table(path)]
    return f"; there is {', '.join(places[:3])}" if places else nearest_clause(name, known)


def submodule(fullname: str) -> ModuleType:
    """Return the stand-in's module of that name.

    Raises:
        ImportError: if it has none.
    """
    path = fullname.partition(".")[2]
    if path in _children():
        return _Namespace(fullname)
    if path.startswith(("compat.v1.", "compat.v2.")) and (inner := path.split(".", 2)[2]) in _children():
        return importlib.import_module(f"tensorflow.{inner}")
    table = _table(path.rpartition(".")[0])
    first = path.partition(".")[0]
    raise not_there(
        fullname, _absent_message(fullname, first if first in names.ABSENT else path.rpartition(".")[2], table)
    )
