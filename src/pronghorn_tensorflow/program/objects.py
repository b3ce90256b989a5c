"""TensorFlow's objects that hold something: `tf.Module`, `tf.TensorArray`, checkpoints, for `pronghorn run`."""

from __future__ import annotations

import functools
import glob
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import pronghorn
from pronghorn import ops, tree
from pronghorn.data.element import Text, as_plain, as_text
from pronghorn.data.storing import path_of, write_arrays
from pronghorn.layers import Layer
from pronghorn_tensorflow.strings.variables import TextVariable


# -- modules ----------------------------------------------------------------------------------------------------------
def _inside(value: Any, seen: set[int]) -> Iterator[Any]:
    """The variables in an object's attributes, its lists and dicts."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, pronghorn.Variable | TextVariable):
        yield value
    elif isinstance(value, Module):
        for _, attribute in sorted(vars(value).items()):
            yield from _inside(attribute, seen)
    elif isinstance(value, list | tuple | dict):
        for entry in value.values() if isinstance(value, dict) else value:
            yield from _inside(entry, seen)
    elif hasattr(value, "variables"):  # a layer, a model, an optimizer
        for variable in value.variables:
            yield from _inside(variable, seen)


#: Not where layers' names have them: TensorFlow parts a digit from a capital, too.
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?!^)(?=[A-Z][a-z])")


class Module:
    """`tf.Module`: an object whose variables can be listed.

    >>> type("MLPBlock2D", (Module,), {})().name
    'mlp_block2_d'
    """

    def __init__(self, name: str | None = None) -> None:
        self._name = name or _WORD_START.sub("_", type(self).__name__).lower()

    @property
    def name(self) -> str:
        """The name."""
        return self._name

    @property
    def name_scope(self) -> Any:
        """A scope of the module's name."""
        return pronghorn.name_scope(self._name)

    @property
    def variables(self) -> tuple[Any, ...]:
        """The variables, also of the modules and layers in it."""
        return tuple(_inside(self, set()))

    @property
    def trainable_variables(self) -> tuple[Any, ...]:
        """The variables that are trained."""
        return tuple(v for v in self.variables if v.trainable)

    @property
    def non_trainable_variables(self) -> tuple[Any, ...]:
        """The variables that are not trained."""
        return tuple(v for v in self.variables if not v.trainable)

    @classmethod
    def with_name_scope(cls, method: Callable[..., Any]) -> Callable[..., Any]:
        """Have a method run in a scope of the module's name."""

        @functools.wraps(method)
        def scoped(self: Module, *args: Any, **kwargs: Any) -> Any:
            with self.name_scope:
                return method(self, *args, **kwargs)

        return scoped

    @property
    def submodules(self) -> tuple[Any, ...]:
        """The modules and layers in it."""
        found = [x for x in tree.flatten(list(vars(self).values())) if isinstance(x, Module | Layer)]
        return (*found, *(inner for x in found if isinstance(x, Module) for inner in x.submodules))


# -- arrays that are written step by step -----------------------------------------------------------------------------
class TensorArray:
    """`tf.TensorArray`: arrays of one shape by their numbers; each write gives the array to go on with.

    >>> array = TensorArray("float32", size=2)
    >>> array = array.write(1, 5.0).write(0, 4.0)
    >>> array.stack().numpy()
    array([4., 5.], dtype=float32)
    """

    def __init__(
        self,
        dtype: Any,
        size: Any = 0,
        dynamic_size: bool = False,
        clear_after_read: Any = None,
        element_shape: Any = None,
        **ignored: Any,
    ) -> None:
        self.dtype, self.element_shape, self.dynamic_size = dtype, element_shape, bool(dynamic_size)
        self._entries: list[Any] = [None] * int(size)

    def write(self, index: Any, value: Any, name: str | None = None) -> TensorArray:
        """Put an array in its place.

        Raises:
            IndexError: if there is no such place, and the size is fixed.
        """
        index = int(index)
        if index >= len(self._entries):
            if not self.dynamic_size:
                raise IndexError(
                    f"TensorArray: index {index} is beyond size={len(self._entries)}; pass dynamic_size=True."
                )
            self._entries += [None] * (index + 1 - len(self._entries))
        self._entries[index] = as_text(value) if self.dtype == "string" else ops.cast(value, self.dtype)
        return self

    def read(self, index: Any, name: str | None = None) -> Any:
        """Return the array at a place."""
        found = self._entries[int(index)]
        if found is None:
            raise ValueError(f"TensorArray: nothing was written at index {int(index)}.")
        return found

    def unstack(self, value: Any, name: str | None = None) -> TensorArray:
        """Put the rows of an array in their places."""
        self._entries = [row if self.dtype == "string" else ops.cast(row, self.dtype) for row in value]
        return self

    def stack(self, name: str | None = None) -> Any:
        """Return all as one array; zeros in the places that are empty."""
        if self.dtype == "string":
            return as_text([b"" if x is None else x.item() for x in self._entries])
        like = next((x for x in self._entries if x is not None), None)
        if like is None:
            shape = [n or 0 for n in self.element_shape or ()]
            return ops.zeros((len(self._entries), *shape), dtype=self.dtype)
        return ops.stack([ops.zeros_like(like) if x is None else x for x in self._entries])

    def gather(self, indices: Any, name: str | None = None) -> Any:
        """Return the arrays at places as one."""
        return ops.stack([self.read(index) for index in np.asarray(indices).tolist()])

    def scatter(self, indices: Any, value: Any, name: str | None = None) -> TensorArray:
        """Put the rows of an array in places."""
        for index, row in zip(np.asarray(indices).tolist(), value):
            self.write(index, row)
        return self

    def split(self, value: Any, lengths: Any, name: str | None = None) -> TensorArray:
        """Put the parts of an array, of these lengths, in their places."""
        ends = np.cumsum(np.asarray(lengths)).tolist()
        for index, (start, end) in enumerate(zip([0, *ends], ends)):
            self.write(index, value[start:end])
        return self

    def identity(self) -> TensorArray:
        """Return the array."""
        return self

    def concat(self, name: str | None = None) -> Any:
        """Return the arrays one behind the other."""
        return ops.concatenate([x for x in self._entries if x is not None], axis=0)

    def size(self, name: str | None = None) -> int:
        """Return the number of places."""
        return len(self._entries)


# -- checkpoints ------------------------------------------------------------------------------------------------------
class _Status:
    """What `Checkpoint.restore` returns; everything was restored, or an error said that it was not."""

    def expect_partial(self) -> _Status:
        """Return this."""
        return self

    assert_consumed = assert_existing_objects_matched = expect_partial


def _stored(variable: Any) -> np.ndarray:
    """What stands in the file for a variable; of strings their bytes in hexadecimal, since zeros at ends count."""
    array = np.asarray(variable)
    if not isinstance(variable, TextVariable):
        return array
    return np.array([text.hex() for text in array.ravel().tolist()], str).reshape(array.shape)


def _of_file(array: np.ndarray, variable: Any) -> np.ndarray:
    if not isinstance(variable, TextVariable):
        return array
    return np.array([bytes.fromhex(text) for text in array.ravel().tolist()], object).reshape(array.shape)


class Checkpoint:
    """`tf.train.Checkpoint`: the variables of models, optimizers and modules in a file, by what they are called here.

    The file is NumPy's and not TensorFlow's.
    """

    def __init__(self, root: Any = None, **objects: Any) -> None:
        self._objects = objects if root is None else {"root": root, **objects}
        for name, value in objects.items():
            setattr(self, name, value)
        self.save_counter = pronghorn.Variable(0, dtype="int64", trainable=False, name="save_counter")

    def _variables(self) -> dict[str, Any]:
        found = {"save_counter": self.save_counter}
        for name, value in self._objects.items():
            inside = [v for part in tree.flatten(value) for v in _inside(part, set())]
            found |= {f"{name}/{i}": variable for i, variable in enumerate(inside)}
        return found

    def write(self, file_prefix: Any, options: Any = None) -> str:
        """Write the variables into a file."""
        path = path_of(file_prefix)
        arrays = {name: _stored(variable) for name, variable in self._variables().items()}
        write_arrays(f"{path}.index", arrays)
        return path

    def save(self, file_prefix: Any, options: Any = None) -> str:
        """Write the variables into the next of a row of files."""
        self.save_counter.assign_add(1)
        path = self.write(f"{path_of(file_prefix)}-{int(self.save_counter)}")
        with open(os.path.join(os.path.dirname(path) or ".", "checkpoint"), "w", encoding="utf-8") as stream:
            stream.write(f'model_checkpoint_path: "{os.path.basename(path)}"\n')
        return path

    def read(self, save_path: Any, options: Any = None) -> _Status:
        """Set the variables to what is in a file.

        Raises:
            FileNotFoundError: if there is none.
            ValueError: if it has other variables.
        """
        path = path_of(save_path)
        if not os.path.exists(f"{path}.index"):
            raise FileNotFoundError(f"tf.train.Checkpoint: there is no checkpoint {path}.")
        with np.load(f"{path}.index", allow_pickle=False) as file:
            for name, variable in self._variables().items():
                if name not in file.files or file[name].shape != tuple(variable.shape):
                    raise ValueError(
                        f"tf.train.Checkpoint: {path} has no {name} of shape {tuple(variable.shape)}. Build models and "
                        "optimizers (optimizer.build(model.trainable_variables)) before the variables are restored."
                    )
                variable.assign(_of_file(file[name], variable))
        return _Status()

    def restore(self, save_path: Any, options: Any = None) -> _Status:
        """Set the variables to what is in a file; None for no file leaves them."""
        return _Status() if save_path is None else self.read(save_path)


def latest_checkpoint(checkpoint_dir: Any, latest_filename: str | None = None) -> str | None:
    """`tf.train.latest_checkpoint`: the path of the last one in a folder, or None."""
    folder = path_of(checkpoint_dir)
    try:
        with open(os.path.join(folder, latest_filename or "checkpoint"), encoding="utf-8") as stream:
            name = stream.readline().partition('"')[2].partition('"')[0]
    except FileNotFoundError:
        return None
    return os.path.join(folder, name) if name else None


class CheckpointManager:
    """`tf.train.CheckpointManager`: keeps the last checkpoints of a folder."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        directory: Any,
        max_to_keep: int | None,
        checkpoint_name: str = "ckpt",
        **ignored: Any,
    ) -> None:
        self.checkpoint, self.directory = checkpoint, path_of(directory)
        self._most, self._name = max_to_keep, checkpoint_name

    @property
    def checkpoints(self) -> list[str]:
        """The paths of those that are there, oldest first."""
        found = glob.glob(os.path.join(glob.escape(self.directory), f"{glob.escape(self._name)}-*.index"))
        return sorted((path.removesuffix(".index") for path in found), key=lambda path: int(path.rpartition("-")[2]))

    @property
    def latest_checkpoint(self) -> str | None:
        """The path of the last, or None."""
        return latest_checkpoint(self.directory)

    def save(self, checkpoint_number: Any = None, **ignored: Any) -> str:
        """Write one more, and remove the oldest where there are too many."""
        if checkpoint_number is not None:
            self.checkpoint.save_counter.assign(int(checkpoint_number) - 1)
        path = self.checkpoint.save(os.path.join(self.directory, self._name))
        for old in self.checkpoints[: -self._most] if self._most else []:
            os.remove(f"{old}.index")
        return path

    def restore_or_initialize(self) -> str | None:
        """Set the variables to what is in the last, if there is one."""
        if self.latest_checkpoint is not None:
            self.checkpoint.restore(self.latest_checkpoint)
        return self.latest_checkpoint


# -- Python in the place of a function of TensorFlow ------------------------------------------------------------------
def py_function(
    func: Callable[..., Any] | None = None, inp: Any = None, Tout: Any = None, name: str | None = None
) -> Any:
    """`tf.py_function`: what a function of tensors gives, in the types that are said; without one, a decorator."""
    if func is None:
        return _decorator(py_function, Tout)
    return _typed(func(*[x if isinstance(x, Text) else ops.convert_to_tensor(x) for x in inp]), Tout)


def numpy_function(
    func: Callable[..., Any] | None = None,
    inp: Any = None,
    Tout: Any = None,
    stateful: bool = True,
    name: str | None = None,
) -> Any:
    """`tf.numpy_function`: what one of NumPy arrays gives, in the types that are said; without one, a decorator."""
    if func is None:
        return _decorator(numpy_function, Tout)
    return _typed(func(*[as_plain(x.copy()) if isinstance(x, np.ndarray) else np.array(x) for x in inp]), Tout)


def _decorator(run: Callable[..., Any], Tout: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return lambda func: functools.wraps(func)(lambda *inp: run(func, inp, Tout))


def _typed(found: Any, dtypes: Any) -> Any:
    def one(value: Any, dtype: Any) -> Any:
        return as_text(as_plain(value)) if dtype == "string" else ops.cast(ops.convert_to_tensor(value), dtype)

    if isinstance(dtypes, list | tuple):
        values = found if isinstance(found, list | tuple) else [found]
        return [one(value, dtype) for value, dtype in zip(values, dtypes)]
    return one(found, dtypes)
