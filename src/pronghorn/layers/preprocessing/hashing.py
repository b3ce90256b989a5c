"""`Hashing`: strings and integers to a fixed number of bins."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from pronghorn import config, dtype_policies, ops
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.layers import settings
from pronghorn.layers.arguments import LayerArguments
from pronghorn.layers.preprocessing import encoding, strings
from pronghorn.layers.preprocessing.fingerprint import hash_strings
from pronghorn.layers.preprocessing.on_strings import StringLayer
from pronghorn.layers.preprocessing.traced_hashing import hash_integers
from pronghorn.symbolic.keras_tensor import KerasTensor


def output_dtype(mode: str, dtype: Any, layer: str) -> Any:
    """The dtype of a layer whose result is an index or a vector: ``int64`` or a float unless one was given.

    Raises:
        ValueError: if a float is asked for indices.
    """
    if dtype is None:
        return "int64" if mode == "int" else config.floatx()
    if isinstance(dtype, dict):  # from a configuration
        dtype = dtype_policies.get(dtype)
    if mode == "int" and not dtypes.is_integer(getattr(dtype, "name", dtype)):
        raise ValueError(f"{layer}: with output_mode='int' the `dtype` must be an integer type, got dtype={dtype!r}.")
    return dtype


class Hashing(StringLayer):
    """The bin, in ``range(num_bins)``, of each string or integer: always the same one, and evenly spread.

    Works in front of a model, for instance in ``Dataset.map``, and as a part of it. An integer is hashed as the string
    of its decimal digits.

    Args:
        num_bins: how many bins there are, that of ``mask_value`` included.
        mask_value: a value that goes to bin 0, which nothing else then does.
        salt: one or two integers that make a hash function (SipHash) of their own; FarmHash if None.
        output_mode: ``"int"`` (the bin), ``"one_hot"``, ``"multi_hot"`` or ``"count"``, as in `CategoryEncoding`.
        sparse: accepted as in Keras; the result is the same, in a dense array.
        kwargs: those of `Layer`.

    Raises:
        ValueError: for arguments that do not fit.

    Example:

    >>> Hashing(num_bins=3)([["A"], ["B"], ["C"], ["D"], ["E"]]).tolist()
    [[1], [0], [1], [1], [2]]
    """

    _convert_input_args = False
    _allow_non_tensor_positional_args = True

    def __init__(
        self,
        num_bins: int,
        mask_value: Any = None,
        salt: Any = None,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Unpack[LayerArguments],
    ) -> None:
        settings.one_of(output_mode, encoding.MODES, "Hashing", "output_mode")
        kwargs["dtype"] = output_dtype(output_mode, kwargs.get("dtype"), "Hashing")
        super().__init__(**kwargs)
        if num_bins is None or num_bins <= 0:
            raise ValueError(f"Hashing: `num_bins` cannot be `None`, zero or negative, got num_bins={num_bins}.")
        self.num_bins, self.mask_value, self.output_mode = num_bins, mask_value, output_mode
        self.salt = list(key) if (key := checked_salt(salt, "Hashing")) else None
        self.sparse = encoding.check_sparse(self, sparse, output_mode)
        self.built = True

    def call(self, inputs: Any) -> Any:
        if isinstance(inputs, Tensor) and inputs.is_traced:
            self._check_type(inputs.dtype, dtypes.is_float(inputs.dtype))
            bins = self._traced_bins(inputs)
        else:
            bins = ops.convert_to_tensor(self._indices_of(inputs))
        return encoding.encode(bins, self.output_mode, self.num_bins, self.compute_dtype)

    def _indices_of(self, values: Any) -> np.ndarray:
        array = strings.raw(values)
        self._check_type(array.dtype, array.dtype.kind == "f")
        return self._bins(array.astype("int64") if array.dtype == bool else array)

    def _vectors(self) -> tuple[int, str, Any]:
        return self.num_bins, self.compute_dtype, None

    def _check_type(self, dtype: Any, is_float: bool) -> None:
        if is_float:
            raise TypeError(
                f"Hashing: inputs must be strings or integers, got an array of {dtype}. Cast it to an integer type, or "
                "give the model an Input of dtype 'int64'."
            )

    def _bins(self, array: np.ndarray) -> np.ndarray:
        text = strings.to_strings(array)
        salt = tuple(self.salt) if self.salt else None
        if self.mask_value is None or self.num_bins == 1:
            return hash_strings(text, self.num_bins, salt)
        bins = hash_strings(text, self.num_bins - 1, salt) + 1
        return np.where(text == strings.to_strings(self.mask_value).item(), 0, bins)

    def _traced_bins(self, integers: Tensor) -> Tensor:
        """`_bins` in ops, for compiled functions."""
        if self.mask_value is None or self.num_bins == 1:
            return hash_integers(integers, self.num_bins, self.salt)
        bins = hash_integers(integers, self.num_bins - 1, self.salt) + 1
        mask = strings.to_strings(self.mask_value).item()
        if not mask.removeprefix("-").isdecimal() or str(int(mask)) != mask:
            return bins  # no integer looks like this
        return ops.where(ops.equal(ops.cast(integers, "int64"), int(mask)), 0, bins)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return encoding.encoded_shape(input_shape, self.output_mode, self.num_bins)

    def compute_output_spec(self, inputs: Any) -> Any:
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_bins": self.num_bins,
            "mask_value": self.mask_value,
            "salt": self.salt,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
        }


def checked_salt(salt: Any, layer: str) -> tuple[int, int] | None:
    """The key of SipHash that a ``salt`` argument means.

    Raises:
        ValueError: if it is neither one nor two integers.
    """
    if salt is None:
        return None
    if isinstance(salt, (list, tuple)) and len(salt) == 2 and all(hasattr(s, "__index__") for s in salt):
        return int(salt[0]), int(salt[1])
    if hasattr(salt, "__index__"):
        return int(salt), int(salt)
    raise ValueError(f"{layer}: `salt` is one integer, or two of them in a tuple or list; got salt={salt!r}.")
