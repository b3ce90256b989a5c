"""`HashedCrossing`: one bin for a combination of features."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from pronghorn import ops, tree
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.strings import StringArray, on_host
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.layers import settings
from pronghorn.layers.arguments import NamedTypedArguments
from pronghorn.layers.layer import Layer
from pronghorn.layers.preprocessing import encoding, strings
from pronghorn.layers.preprocessing.fingerprint import cross, fingerprint64
from pronghorn.layers.preprocessing.hashing import output_dtype
from pronghorn.layers.preprocessing.traced_hashing import cross_integers
from pronghorn.symbolic.keras_tensor import KerasTensor


class HashedCrossing(Layer):
    """The bin, in ``range(num_bins)``, of each combination of two or more categorical features.

    Takes a tuple or list of arrays of strings or integers, each of shape ``()``, ``[batch]`` or ``[batch, 1]``, in
    front of a model or as a part of it.

    Args:
        num_bins: how many bins there are.
        output_mode: ``"int"`` (the bin) or ``"one_hot"``.
        sparse: accepted as in Keras; the result is the same, in a dense array.
        name: a name; automatic if None.
        dtype: the type of the results.
        kwargs: those of `Layer`.

    Raises:
        ValueError: for arguments or inputs that do not fit.

    Example:

    >>> import numpy as np
    >>> HashedCrossing(num_bins=5)((np.array(["A", "B"]), np.array([101, 101]))).tolist()
    [1, 4]
    """

    _looks_at_values = True
    _convert_input_args = False
    _allow_non_tensor_positional_args = True

    def __init__(
        self,
        num_bins: int,
        output_mode: str = "int",
        sparse: bool = False,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Unpack[NamedTypedArguments],
    ) -> None:
        settings.one_of(output_mode, ("int", "one_hot"), "HashedCrossing", "output_mode")
        super().__init__(name=name, dtype=output_dtype(output_mode, dtype, "HashedCrossing"), **kwargs)
        self.num_bins = settings.positive(num_bins, "HashedCrossing", "num_bins")
        self.output_mode = output_mode
        self.sparse = encoding.check_sparse(self, sparse, output_mode)
        self.built = True

    def call(self, inputs: Any) -> Any:
        columns = self._columns(inputs)
        if any(_is_traced(column) for column in columns):
            bins = cross_integers([_as_integers(column) for column in columns], self.num_bins)
            return encoding.encode(bins, self.output_mode, self.num_bins, self.compute_dtype)
        hashes = [_hashes(column) for column in columns]
        bins = [cross(row) % self.num_bins for row in zip(*hashes)]
        bins = np.array(bins, "int64").reshape(columns[0].shape)
        return encoding.encode(ops.convert_to_tensor(bins), self.output_mode, self.num_bins, self.compute_dtype)

    def _columns(self, inputs: Any) -> list[Any]:
        """The features, all of one shape: NumPy arrays, and what is traced as it is.

        Raises:
            ValueError: if there are fewer than two, or their shapes or types do not fit.
        """
        _check_count(inputs)
        columns = [x if _is_traced(x) else strings.raw(x) for x in inputs]
        first = columns[0].shape
        if any(c.shape != first for c in columns):
            raise ValueError(f"HashedCrossing: the features' shapes differ, got {[c.shape for c in columns]}.")
        if len(first) > 2 or (len(first) == 2 and first[1] != 1):
            raise ValueError(
                f"HashedCrossing: a feature has one value a sample, of shape (), (batch,) or (batch, 1), got {first}."
            )
        for column in columns:
            if not _is_category(column):
                raise ValueError(
                    f"HashedCrossing: what is crossed are categories, integers or strings, got {column.dtype}."
                )
        return columns

    def compute_output_shape(self, input_shape: Any) -> Any:
        _check_count(input_shape)
        return encoding.encoded_shape(input_shape[0], self.output_mode, self.num_bins)

    def compute_output_spec(self, inputs: Any) -> Any:
        shapes = tree.map_structure(lambda x: x.shape, list(inputs))
        return KerasTensor(self.compute_output_shape(shapes), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            "num_bins": self.num_bins,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "name": self.name,
            "dtype": self.dtype,
        }


def _check_count(inputs: Any) -> None:
    if not isinstance(inputs, (list, tuple)):
        raise ValueError(f"HashedCrossing: crosses several inputs, given as a list; got {type(inputs).__name__}.")
    if len(inputs) < 2:
        raise ValueError(
            f"HashedCrossing: a cross is of two features or more, got {len(inputs)}. For one feature, use Hashing."
        )


def _is_traced(x: Any) -> bool:
    return isinstance(x, StringArray) or (isinstance(x, Tensor) and x.is_traced)


def _is_category(column: Any) -> bool:
    if isinstance(column, Tensor):
        return dtypes.is_integer(column.dtype) or column.dtype == "bool"
    return isinstance(column, StringArray) or column.dtype.kind in "iub" or strings.is_text(column)


def _hashes(column: np.ndarray) -> list[int]:
    if column.dtype.kind in "iub":
        return [int(v) for v in column.ravel()]
    return [fingerprint64(s.encode("utf-8", "surrogateescape")) for s in strings.to_strings(column).ravel()]


def _as_integers(column: Any) -> Any:
    """A column as integers for `cross_integers`: itself, or the strings' hashes."""
    if isinstance(column, Tensor):
        return column

    def hashes(values: Any) -> np.ndarray:
        values = np.asarray(values)
        words = [h & 0xFFFFFFFFFFFFFFFF for h in _hashes(values)]
        return np.array(words, "uint64").view("int64").reshape(values.shape)

    return on_host(hashes, column) if isinstance(column, StringArray) else hashes(column)
