"""`StringLookup`: strings to their places in a vocabulary, and back."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from pronghorn.data.element import strings_of
from pronghorn.engine.graph.strings import OpenStrings
from pronghorn.layers.arguments import NamedArguments
from pronghorn.layers.preprocessing import strings
from pronghorn.layers.preprocessing.fingerprint import hash_strings
from pronghorn.layers.preprocessing.hashing import checked_salt
from pronghorn.layers.preprocessing.index_lookup import IndexLookup
from pronghorn.symbolic.keras_tensor import KerasTensor


class StringLookup(IndexLookup):
    """The place of each string in a vocabulary that is given or learned with `adapt`.

    Strings are no arrays of numbers: in a model this runs in front of the compiled step.

    Args:
        max_tokens: how many places the vocabulary has at most, special ones included; no limit if None.
        num_oov_indices: how many places there are for strings that are not in it; with several, a hash of the string
            chooses one, with none, such strings are an error.
        mask_token: a string that means nothing: place 0 in the mode ``"int"``, dropped in others; none if None.
        oov_token: what stands for unknown strings when places are turned into strings.
        vocabulary: the strings: a list, an array, or the path of a file with one a line.
        idf_weights: a factor for each, for the mode ``"tf_idf"``.
        invert: whether to turn places into strings; the result is then a NumPy array.
        output_mode: ``"int"`` (the place), ``"one_hot"``, ``"multi_hot"``, ``"count"`` (vectors as in
            `CategoryEncoding`) or ``"tf_idf"`` (counts times factors).
        pad_to_max_tokens: whether vectors have ``max_tokens`` entries even if the vocabulary is smaller.
        sparse: accepted as in Keras; the result is the same, in a dense array.
        encoding: that of bytes.
        name: a name; automatic if None.
        salt: one or two integers that make a hash function of their own.
        kwargs: those of `Layer`.

    Raises:
        ValueError: for arguments that do not fit; when called, for unknown strings if there are no places for them.
        RuntimeError: when called without a vocabulary.

    Example:

    >>> StringLookup(vocabulary=["a", "b"])([["b", "?"], ["a", "b"]]).tolist()
    [[2, 0], [1, 2]]
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: Any = None,
        **kwargs: Unpack[NamedArguments],
    ) -> None:
        kwargs.pop("vocabulary_dtype", None)
        kwargs.pop("oov_method", None)
        self._encoding = encoding
        super().__init__(
            max_tokens=max_tokens,
            num_oov_indices=num_oov_indices,
            mask_token=mask_token,
            oov_token=oov_token,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            invert=invert,
            output_mode=output_mode,
            pad_to_max_tokens=pad_to_max_tokens,
            sparse=sparse,
            salt=checked_salt(salt, "StringLookup"),
            name=name,
            **kwargs,
        )
        self.encoding = encoding

    def _read_tokens(self, values: Any) -> list[str]:
        return strings.to_strings(values, self._encoding).ravel().tolist()

    def _tokens_of(self, inputs: Any) -> np.ndarray:
        return strings.to_strings(inputs, self._encoding)

    def _buckets(self, tokens: np.ndarray) -> np.ndarray:
        return hash_strings(tokens, self.num_oov_indices, self.salt)

    def _written_down(self, inputs: OpenStrings) -> Any:
        self._require_vocabulary()
        if self.num_oov_indices != 1:
            raise NotImplementedError(
                f"export: layer {self.name!r} (StringLookup) has num_oov_indices={self.num_oov_indices}; a table that "
                "is written down has one place for unknown strings. Use num_oov_indices=1."
            )
        return self._encode(inputs.looked_up(self._places, self._oov_start))

    def _to_output(self, tokens: np.ndarray) -> np.ndarray:
        return strings_of(tokens)

    @property
    def preferred_input_dtype(self) -> str | None:
        """The element type of the input of a model that begins with this layer."""
        return None if self.invert else "string"

    def compute_output_spec(self, inputs: Any) -> Any:
        if self.invert:
            return KerasTensor(inputs.shape, dtype="string")
        return super().compute_output_spec(inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "encoding": self.encoding}
