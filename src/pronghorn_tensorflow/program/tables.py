"""`tf.lookup`: what keys stand for, in tables that stay as they are and in those that change, for `pronghorn run`."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.data.element import Text, as_element, as_plain, as_text, encoded, text_of
from pronghorn.data.element_types import dtype_name
from pronghorn.data.ragged import RaggedTensor
from pronghorn.data.storing import path_of
from pronghorn.layers.preprocessing.fingerprint import fingerprint64
from pronghorn_tensorflow.program.errors import FailedPreconditionError
from pronghorn_tensorflow.strings.basic import on_strings


def _entries(values: Any) -> list[Any]:
    """Numbers, or bytes."""
    return np.asarray(as_element(np.asarray(values))).ravel().tolist()


class KeyValueTensorInitializer:
    """`tf.lookup.KeyValueTensorInitializer`."""

    def __init__(
        self, keys: Any, values: Any, key_dtype: Any = None, value_dtype: Any = None, name: str | None = None
    ) -> None:
        self.keys, self.values = _entries(keys), _entries(values)
        self.value_dtype = value_dtype or _dtype_of(values)
        self.key_dtype = key_dtype or _dtype_of(keys)


class TextFileIndex:
    """`tf.lookup.TextFileIndex`: what of a line is meant."""

    WHOLE_LINE, LINE_NUMBER = -2, -1


class TextFileInitializer:
    """`tf.lookup.TextFileInitializer`: a table out of the lines of a file."""

    def __init__(
        self,
        filename: Any,
        key_dtype: Any,
        key_index: int,
        value_dtype: Any,
        value_index: int,
        vocab_size: int | None = None,
        delimiter: str = "\t",
        **ignored: Any,
    ) -> None:
        with open(path_of(filename), "rb") as stream:
            lines = stream.read().splitlines()[:vocab_size]

        def column(index: int, dtype: Any) -> list[Any]:
            if index == TextFileIndex.LINE_NUMBER:
                return list(range(len(lines)))
            whole = index == TextFileIndex.WHOLE_LINE
            found = lines if whole else [line.split(delimiter.encode())[index] for line in lines]
            return found if dtype == "string" else [int(x) if "int" in dtype_name(dtype) else float(x) for x in found]

        self.key_dtype, self.value_dtype = key_dtype, value_dtype
        self.keys, self.values = column(key_index, key_dtype), column(value_index, value_dtype)


def _dtype_of(values: Any) -> str:
    array = as_element(np.asarray(as_plain(values)))
    if isinstance(array, Text):
        return "string"
    return values.dtype if hasattr(values, "dtype") else "float32" if array.dtype.kind == "f" else "int32"


def _paired(keys: list[Any], values: list[Any]) -> dict[Any, Any]:
    """The entries of a table.

    Raises:
        ValueError: if there are not as many values as keys.
        FailedPreconditionError: for a key with two values.
    """
    if len(keys) != len(values):
        raise ValueError(f"tf.lookup: there are {len(keys)} keys and {len(values)} values; each key needs one.")
    table: dict[Any, Any] = {}
    for key, value in zip(keys, values):
        if table.setdefault(key, value) != value:
            message = f"tf.lookup: key {key!r} has two values, {table[key]!r} and {value!r}; give each key one."
            raise FailedPreconditionError(None, None, message)
    return table


class StaticHashTable:
    """`tf.lookup.StaticHashTable`: what a key stands for, or a default."""

    def __init__(self, initializer: Any, default_value: Any, name: str | None = None, **ignored: Any) -> None:
        self._table = _paired(initializer.keys, initializer.values)
        self.key_dtype, self.value_dtype = initializer.key_dtype, initializer.value_dtype
        self._default = encoded(as_plain(default_value)) if self.value_dtype == "string" else default_value
        self.lookup = on_strings(self._lookup)

    def _lookup(self, keys: Any, name: str | None = None) -> Any:
        """What the keys stand for."""
        if isinstance(keys, RaggedTensor):
            return keys.with_flat_values(self._lookup(keys.flat_values))
        array = np.asarray(as_text(keys) if self.key_dtype == "string" else keys)
        found = [self._found(key) for key in array.ravel().tolist()]
        if self.value_dtype == "string":
            return text_of(found, array.shape)
        return ops.convert_to_tensor(np.asarray(found).reshape(array.shape), dtype=dtype_name(self.value_dtype))

    def _found(self, key: Any) -> Any:
        return self._table.get(key, self._default)

    __getitem__ = _lookup

    def export(self, name: str | None = None) -> tuple[Any, Any]:
        """Return the keys and their values."""
        keys, values = list(self._table), list(self._table.values())
        return tuple(
            as_text(part) if dtype == "string" else ops.convert_to_tensor(np.array(part), dtype=dtype_name(dtype))
            for part, dtype in ((keys, self.key_dtype), (values, self.value_dtype))
        )  # type: ignore[return-value]

    def size(self, name: str | None = None) -> Any:
        """Return the number of keys."""
        return ops.convert_to_tensor(np.int64(len(self._table)))


class StaticVocabularyTable(StaticHashTable):
    """`tf.lookup.StaticVocabularyTable`: other keys go into so many buckets behind the known ones, by their hashes."""

    def __init__(self, initializer: Any, num_oov_buckets: int, lookup_key_dtype: Any = None, **ignored: Any) -> None:
        super().__init__(initializer, -1)
        self.value_dtype, self._buckets = "int64", int(num_oov_buckets)

    def _found(self, key: Any) -> Any:
        if key in self._table:
            return self._table[key]
        data = key if isinstance(key, bytes) else str(key).encode()
        return len(self._table) + fingerprint64(data) % self._buckets

    def size(self, name: str | None = None) -> Any:
        """Return the number of keys and buckets."""
        return ops.convert_to_tensor(np.int64(len(self._table) + self._buckets))


class MutableHashTable:
    """`tf.lookup.experimental.MutableHashTable`: a table whose entries can be set and removed.

    Args:
        key_dtype: the type of keys: integers or strings.
        value_dtype: the type of values.
        default_value: what other keys stand for; its shape is that of each value.

    >>> table = MutableHashTable("string", "int64", -1)
    >>> table.insert(as_text(["a", "b"]), [1, 2])
    >>> table.lookup(as_text(["b", "c"])).tolist(), int(table.size())
    ([2, -1], 2)
    """

    def __init__(self, key_dtype: Any, value_dtype: Any, default_value: Any, name: str | None = None, **ignored: Any):
        self.key_dtype, self.value_dtype, self.name = key_dtype, value_dtype, name
        self._default = self._values(default_value)
        self._table: dict[Any, np.ndarray] = {}
        self.lookup = on_strings(self._lookup)
        self.insert = on_strings(self._insert)
        self.remove = on_strings(self._remove)

    def _keys(self, keys: Any) -> np.ndarray:
        return np.asarray(as_text(keys) if self.key_dtype == "string" else keys)

    def _values(self, values: Any) -> np.ndarray:
        if self.value_dtype == "string":
            return np.asarray(as_text(values))
        return np.asarray(ops.convert_to_tensor(values, dtype=dtype_name(self.value_dtype)))

    def _made(self, values: list[Any], shape: tuple[int, ...]) -> Any:
        if self.value_dtype == "string":
            return text_of([x.item() for x in values], shape)
        shape = (*shape, *self._default.shape)
        array = np.asarray(values, self._default.dtype).reshape(shape)
        return ops.convert_to_tensor(array, dtype=dtype_name(self.value_dtype))

    def _insert(self, keys: Any, values: Any, name: str | None = None) -> None:
        """Set what keys stand for."""
        keys, values = self._keys(keys), self._values(values)
        if values.shape != (*keys.shape, *self._default.shape):
            raise ValueError(
                f"{type(self).__name__}.insert: keys of shape {keys.shape} need values of shape "
                f"{(*keys.shape, *self._default.shape)}, as default_value has shape {self._default.shape}; got "
                f"{values.shape}."
            )
        self._check(keys)
        flat = values.reshape(keys.size, *self._default.shape)
        self._table.update(zip(keys.ravel().tolist(), [np.asarray(x) for x in flat]))

    def _check(self, keys: np.ndarray) -> None:
        """Refuse keys that the table cannot have."""

    def _lookup(self, keys: Any, dynamic_default_values: Any = None, name: str | None = None) -> Any:
        """What keys stand for; others, the default or what is given for each."""
        array = self._keys(keys)
        self._check(array)
        others = [self._default] * array.size
        if dynamic_default_values is not None:
            given = self._values(dynamic_default_values)
            others = list(
                np.broadcast_to(given, (*array.shape, *self._default.shape)).reshape(-1, *self._default.shape)
            )
        found = [self._table.get(key, np.asarray(x)) for key, x in zip(array.ravel().tolist(), others)]
        return self._made(found, array.shape)

    def __getitem__(self, keys: Any) -> Any:
        return self.lookup(keys)

    def _remove(self, keys: Any, name: str | None = None) -> None:
        """Forget keys; others are left out."""
        array = self._keys(keys)
        self._check(array)
        for key in array.ravel().tolist():
            self._table.pop(key, None)

    def size(self, name: str | None = None) -> Any:
        """Return the number of keys."""
        return ops.convert_to_tensor(np.int64(len(self._table)))

    def export(self, name: str | None = None) -> tuple[Any, Any]:
        """Return the keys and their values, in the order in which they came."""
        keys = list(self._table)
        known = text_of(keys, (len(keys),)) if self.key_dtype == "string" else None
        if known is None:
            known = ops.convert_to_tensor(np.asarray(keys, dtype_name(self.key_dtype)))
        return known, self._made(list(self._table.values()), (len(keys),))


class DenseHashTable(MutableHashTable):
    """`tf.lookup.experimental.DenseHashTable`: the same; two keys are not to be used."""

    def __init__(
        self,
        key_dtype: Any,
        value_dtype: Any,
        default_value: Any,
        empty_key: Any,
        deleted_key: Any,
        initial_num_buckets: int | None = None,
        name: str | None = None,
        **ignored: Any,
    ):
        super().__init__(key_dtype, value_dtype, default_value, name)
        self._kept = {"empty_key": self._keys(empty_key).item(), "deleted_key": self._keys(deleted_key).item()}

    def _check(self, keys: np.ndarray) -> None:
        for what, key in self._kept.items():
            if key in keys.ravel().tolist():
                raise ValueError(f"DenseHashTable: {key!r} is its {what} and cannot be a key of it.")
