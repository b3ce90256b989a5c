"""`IntegerLookup`: integers to their places in a vocabulary, and back."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from pronghorn import ops
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.layers import settings
from pronghorn.layers.arguments import NamedArguments
from pronghorn.layers.preprocessing.batches import to_array
from pronghorn.layers.preprocessing.fingerprint import hash_strings
from pronghorn.layers.preprocessing.hashing import checked_salt
from pronghorn.layers.preprocessing.index_lookup import IndexLookup
from pronghorn.layers.preprocessing.traced_hashing import hash_integers
from pronghorn.symbolic.keras_tensor import KerasTensor


class IntegerLookup(IndexLookup):
    """The place of each integer in a vocabulary that is given or learned with `adapt`.

    Works in front of a model and as a part of it.

    Args:
        max_tokens: how many places the vocabulary has at most, special ones included; no limit if None.
        num_oov_indices: how many places there are for integers that are not in it; with several, ``oov_method`` says
            which, with none, such integers are an error.
        mask_token: an integer that means nothing: place 0 in the mode ``"int"``, dropped in others; none if None.
        oov_token: what stands for unknown integers when places are turned into integers.
        vocabulary: the integers: a list, an array, or the path of a file with one a line.
        vocabulary_dtype: must be ``"int64"``.
        idf_weights: a factor for each, for the mode ``"tf_idf"``.
        invert: whether to turn places into integers.
        output_mode: ``"int"`` (the place), ``"one_hot"``, ``"multi_hot"``, ``"count"`` (vectors as in
            `CategoryEncoding`) or ``"tf_idf"`` (counts times factors).
        sparse: accepted as in Keras; the result is the same, in a dense array.
        pad_to_max_tokens: whether vectors have ``max_tokens`` entries even if the vocabulary is smaller.
        oov_method: ``"floormod"`` (the remainder) or ``"farmhash"`` (a hash) chooses among several OOV places.
        salt: one or two integers that make a hash function of their own.
        name: a name; automatic if None.
        kwargs: those of `Layer`.

    Raises:
        ValueError: for arguments that do not fit; when called, for unknown integers if there are no places for them.
        RuntimeError: when called without a vocabulary.

    Example:

    >>> import numpy as np
    >>> IntegerLookup(vocabulary=[12, 36])(np.array([[36, 7], [12, 36]])).tolist()
    [[2, 0], [1, 2]]
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: Any = None,
        name: str | None = None,
        **kwargs: Unpack[NamedArguments],
    ) -> None:
        settings.one_of(vocabulary_dtype, ("int64",), "IntegerLookup", "vocabulary_dtype")
        settings.one_of(oov_method, ("floormod", "farmhash"), "IntegerLookup", "oov_method")
        if salt is not None and oov_method != "farmhash":
            raise ValueError(
                f"IntegerLookup: `salt` changes a hash, but oov_method={oov_method!r} takes none; 'farmhash' does."
            )
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
            salt=checked_salt(salt, "IntegerLookup"),
            name=name,
            **kwargs,
        )
        self.vocabulary_dtype, self.oov_method = vocabulary_dtype, oov_method

    def _read_tokens(self, values: Any) -> list[int]:
        try:
            tokens = [(v, int(v)) for v in to_array(values).ravel().tolist()]
        except ValueError as error:
            raise ValueError(f"IntegerLookup: the vocabulary must be integers: {error}.") from None
        for given, token in tokens:
            if isinstance(given, float) and given != token:
                raise ValueError(
                    f"IntegerLookup: the vocabulary must be integers, got {given}. For bins of numbers, use "
                    "Discretization."
                )
        return [token for _, token in tokens]

    def _tokens_of(self, inputs: Any) -> np.ndarray:
        array = to_array(inputs)
        if array.dtype.kind not in "iubf":
            raise TypeError(
                f"IntegerLookup: inputs must be integers, got an array of {array.dtype}. For strings, use StringLookup."
            )
        return array.astype("int64")

    def _buckets(self, tokens: np.ndarray) -> np.ndarray:
        if self.oov_method == "farmhash":
            return hash_strings(tokens.astype("U").astype(object), self.num_oov_indices, self.salt)
        return tokens % self.num_oov_indices

    def _to_output(self, tokens: np.ndarray) -> Any:
        return ops.convert_to_tensor(tokens.astype("int64"))

    def call(self, inputs: Any) -> Any:
        if not (isinstance(inputs, Tensor) and inputs.is_traced):
            return super().call(inputs)
        self._require_vocabulary()
        if self.invert:
            table = ops.convert_to_tensor(np.array([*self.get_vocabulary(), self.oov_token], "int64"))
            inside = ops.logical_and(inputs >= 0, inputs < self.vocabulary_size())
            return ops.take(table, ops.where(inside, ops.cast(inputs, "int32"), self.vocabulary_size()))
        return self._encode(self._traced_places(ops.cast(inputs, "int64")))

    def _traced_places(self, tokens: Tensor) -> Tensor:
        """`_places_of` in ops, by binary search, for compiled functions."""
        known = np.array(sorted(self._places), "int64")
        places = np.array([self._places[token] for token in known.tolist()], "int64")
        at = ops.clip(ops.searchsorted(known, tokens), 0, len(known) - 1)
        if self.num_oov_indices > 1:
            hashed = self.oov_method == "farmhash"
            bucket = hash_integers(tokens, self.num_oov_indices, self.salt) if hashed else tokens % self.num_oov_indices
            unknown: Any = bucket + self._oov_start
        else:
            unknown = ops.full_like(tokens, self._oov_start if self.num_oov_indices else -1)
        return ops.where(ops.equal(ops.take(known, at), tokens), ops.take(places, at), unknown)

    def compute_output_spec(self, inputs: Any) -> Any:
        if self.invert:
            return KerasTensor(inputs.shape, dtype="int64")
        return super().compute_output_spec(inputs)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "vocabulary_dtype": self.vocabulary_dtype,
            "oov_method": self.oov_method,
        }
