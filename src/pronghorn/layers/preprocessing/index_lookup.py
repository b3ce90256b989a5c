"""`IndexLookup`: the base of `StringLookup` and `IntegerLookup`, from tokens to their places in a vocabulary and
back."""

from __future__ import annotations

import itertools
import math
import os
from typing import Any

import numpy as np

from pronghorn import config as global_config
from pronghorn import ops
from pronghorn.data.ragged import RaggedTensor
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.layers import settings
from pronghorn.layers.preprocessing import encoding
from pronghorn.layers.preprocessing.batches import batches_of, to_array
from pronghorn.layers.preprocessing.on_rows import row_bounds
from pronghorn.layers.preprocessing.on_strings import StringLayer
from pronghorn.layers.preprocessing.vocabulary import TokenCounts, read_vocabulary, refuse_path, write_vocabulary
from pronghorn.symbolic.keras_tensor import KerasTensor

MODES = (*encoding.MODES, "tf_idf")
_OLD_MODES = {"binary": "multi_hot", "tf-idf": "tf_idf"}


class IndexLookup(StringLayer):
    """A vocabulary: the mask token's place, if any, places for tokens that are not in it (OOV), then its tokens.

    A subclass says how tokens are read (`_tokens_of`), looked up (`_lookup`) and returned (`_to_output`).

    Args:
        max_tokens: how many places there are at most; no limit if None.
        num_oov_indices: how many places there are for tokens that are not in the vocabulary.
        mask_token: a token that means nothing: place 0 in mode ``"int"``, dropped in others; none if None.
        oov_token: what stands for the OOV places when places are turned into tokens.
        vocabulary: the tokens: a list, an array, or the path of a file with one token a line.
        idf_weights: the tokens' factors for ``"tf_idf"``.
        invert: whether to turn places into tokens.
        output_mode: ``"int"``, ``"one_hot"``, ``"multi_hot"``, ``"count"`` or ``"tf_idf"``.
        pad_to_max_tokens: whether vectors have ``max_tokens`` entries even if the vocabulary is smaller.
        sparse: accepted as in Keras; the result is the same, in a dense array.
        kwargs: those of `Layer`.
    """

    _convert_input_args = False
    _allow_non_tensor_positional_args = True
    _token_kind = "a string"

    #: Why there is no vocabulary, where that is known.
    _failure = ""

    def __init__(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary: Any,
        idf_weights: Any,
        invert: bool,
        output_mode: str,
        pad_to_max_tokens: bool,
        sparse: bool,
        salt: tuple[int, int] | None,
        vocabulary_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        cls = type(self).__name__
        output_mode = _OLD_MODES.get(output_mode, output_mode)
        settings.one_of(output_mode, MODES, cls, "output_mode")
        _check_numbers(cls, max_tokens, num_oov_indices, pad_to_max_tokens)
        if invert and output_mode != "int":
            raise ValueError(
                f"{cls}: invert=True turns numbers into tokens, which output_mode={output_mode!r} does not go with; "
                "leave it at 'int'."
            )
        if idf_weights is not None and output_mode != "tf_idf":
            raise ValueError(
                f"{cls}: only output_mode='tf_idf' uses idf_weights; got output_mode={output_mode!r} with "
                f"idf_weights={idf_weights}."
            )
        super().__init__(**kwargs)
        self.sparse = encoding.check_sparse(self, sparse, output_mode)
        self.max_tokens, self.num_oov_indices = max_tokens, num_oov_indices
        self.mask_token, self.oov_token = mask_token, oov_token
        self.invert, self.output_mode, self.pad_to_max_tokens = invert, output_mode, pad_to_max_tokens
        self.salt = None if salt is None else list(salt)
        self.supports_jit = False
        self.built = True
        self._static = False  # whether the vocabulary was set rather than learned
        self._expected_size = vocabulary_size  # that of a saved vocabulary, before it is loaded
        self._counts = TokenCounts()
        self._input_vocabulary: Any = None
        self._set_tokens([], None)
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)
            if not isinstance(vocabulary, (str, os.PathLike)):  # what came from a file is saved in a file
                self._input_vocabulary = list(self._tokens)

    # -- the vocabulary ---------------------------------------------------------------------------------------------
    def _read_tokens(self, values: Any) -> list[Any]:
        """Tokens of a list, an array or the lines of a file, as the Python type that the lookup uses."""
        raise NotImplementedError

    @property
    def input_vocabulary(self) -> Any:
        """The tokens given to the constructor, or None."""
        return self._input_vocabulary

    def _special_tokens(self) -> list[Any]:
        mask = [self.mask_token] if self.mask_token is not None and self.output_mode == "int" else []
        return mask + [self.oov_token] * self.num_oov_indices

    @property
    def _oov_start(self) -> int:
        return len(self._special_tokens()) - self.num_oov_indices

    @property
    def _is_ready(self) -> bool:
        return bool(self._tokens)

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The vocabulary, most frequent tokens first.

        Args:
            include_special_tokens: whether with the mask and OOV tokens, so that a token's place in the list is what
                the layer gives for it.
        """
        return [*(self._special_tokens() if include_special_tokens else []), *self._tokens]

    def vocabulary_size(self) -> int:
        """How many places the vocabulary has, those for mask and OOV tokens included."""
        return len(self._special_tokens()) + len(self._tokens)

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Set the vocabulary, in place of `adapt`.

        Args:
            vocabulary: the tokens, without the special ones or with all of them in front: a list, an array, or the path
                of a file with one token a line.
            idf_weights: a factor for each, in the mode ``"tf_idf"``.

        Raises:
            ValueError: if it is empty, too long, has a token twice, or the factors do not fit.
        """
        if isinstance(vocabulary, (str, os.PathLike)):
            vocabulary = read_vocabulary(vocabulary)
        cls = type(self).__name__
        if isinstance(vocabulary, dict | set | frozenset):
            raise ValueError(
                f"{cls}: the vocabulary must be a list or an array, whose order gives the tokens their places, or the "
                f"path of a file; got a {type(vocabulary).__name__}. Pass list(vocabulary), or sorted(vocabulary)."
            )
        tokens = self._read_tokens(vocabulary)
        if idf_weights is not None and self.output_mode != "tf_idf":
            raise ValueError(
                f"{cls}: no mode but 'tf_idf' has a use for `idf_weights`; this layer's is {self.output_mode!r}."
            )
        if self.output_mode == "tf_idf" and idf_weights is None:
            raise ValueError(
                f"{cls}: `idf_weights` must be set along with the vocabulary if output_mode is 'tf_idf', for they tell "
                "what each token counts. Use adapt() to learn them."
            )
        if len(tokens) == 0:
            raise ValueError(f"{cls}: cannot set an empty vocabulary.")
        weights = None if idf_weights is None else np.asarray(to_array(idf_weights), "float32")
        if weights is not None and len(weights) != len(tokens):
            raise ValueError(
                f"{cls}: `idf_weights` has a weight for each token of the vocabulary; got {len(weights)} for "
                f"{len(tokens)} tokens."
            )
        tokens, weights = self._without_specials(tokens, weights)
        self._set_tokens(tokens, weights)
        self._static = True

    def _without_specials(self, tokens: list[Any], weights: Any) -> tuple[list[Any], Any]:
        """Tokens without the special ones in front, checked; weights with those of the special ones."""
        cls, specials = type(self).__name__, self._special_tokens()
        found = bool(specials) and tokens[: len(specials)] == specials
        own = tokens[len(specials) :] if found else tokens
        repeated = [t for t, n in _occurrences(own).items() if n > 1]
        if repeated:
            raise ValueError(
                f"{cls}: a token stands in the vocabulary once, but these come again: {repeated[:10]}. Leave out the "
                "repetitions, for instance with list(dict.fromkeys(vocabulary))."
            )
        for name, token in (("mask", self.mask_token), ("OOV", self.oov_token if self.invert else None)):
            if token is not None and token in own:
                raise ValueError(
                    f"{cls}: the {name} token {token!r}, which is reserved, stands among the words of `vocabulary`, "
                    f"index {tokens.index(token)}. Leave the reserved tokens out, or begin with all of them, "
                    f"in this order: {specials}."
                )
        size = len(specials) + len(own)
        if self.max_tokens is not None and size > self.max_tokens:
            raise ValueError(
                f"{cls}: the vocabulary takes {size} places with the special tokens, more than "
                f"max_tokens={self.max_tokens}. Shorten it, or raise max_tokens."
            )
        if weights is not None and not found:
            weights = np.concatenate([np.full(len(specials), weights.mean(), "float32"), weights])
        return own, weights

    def _set_tokens(self, tokens: list[Any], idf_weights: np.ndarray | None) -> None:
        self._tokens = tuple(tokens)
        self._places = {token: i for i, token in enumerate(tokens, len(self._special_tokens()))}
        if self.mask_token is not None:
            self._places[self.mask_token] = 0 if self.output_mode == "int" else -1
        self.idf_weights = None
        if idf_weights is not None:
            missing = self.max_tokens - len(idf_weights) if self.pad_to_max_tokens else 0
            self.idf_weights = np.pad(idf_weights, (0, missing))

    # -- learning ---------------------------------------------------------------------------------------------------
    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn the vocabulary: the most frequent tokens, and for ``"tf_idf"`` in how many rows they occur.

        Args:
            data: an array or list of tokens, a data set or another iterable of batches.
            steps: how many batches to take at most.

        Raises:
            ValueError: if the vocabulary was set already.
        """
        if self._static:
            raise ValueError(
                f"Layer {self.name!r} was given its vocabulary, so there is nothing to adapt. Make one without it, "
                "which learns it from the data."
            )
        self.reset_state()
        for batch in batches_of(data, steps, f"{type(self).__name__}.adapt"):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Count the tokens of more data; `finalize_state` then makes the vocabulary."""
        if isinstance(data, RaggedTensor):
            values = self._tokens_of(data.flat_values).tolist()
            self._counts.add(values[start:end] for start, end in itertools.pairwise(row_bounds(data)))
            return
        array = self._tokens_of(data)
        rows = array.reshape(-1, 1) if array.ndim < 2 else array.reshape(array.shape[0], math.prod(array.shape[1:]))
        self._counts.add(rows.tolist())

    def finalize_state(self) -> None:
        """Make the vocabulary from the tokens counted so far."""
        if self._static or not self._counts.tokens:
            return
        limit = None if self.max_tokens is None else self.max_tokens - len(self._special_tokens())
        tokens = self._counts.most_common(limit, {self.mask_token, self.oov_token})
        weights = None
        if self.output_mode == "tf_idf":
            own = self._counts.inverse_document_frequencies(tokens)
            mean = own.mean() if len(own) else 1.0
            weights = np.concatenate([np.full(self.num_oov_indices, mean, "float32"), own])
        self._set_tokens(tokens, weights)
        self.reset_state()

    def reset_state(self) -> None:
        """Forget the tokens counted so far."""
        self._counts = TokenCounts()

    # -- computation ------------------------------------------------------------------------------------------------
    def _tokens_of(self, inputs: Any) -> np.ndarray:
        """The inputs as an array of tokens."""
        raise NotImplementedError

    def _buckets(self, tokens: np.ndarray) -> np.ndarray:
        """In which of the OOV places tokens go that are not in the vocabulary."""
        raise NotImplementedError

    def _to_output(self, tokens: np.ndarray) -> Any:
        """What `invert` returns for an array of tokens."""
        raise NotImplementedError

    def call(self, inputs: Any) -> Any:
        self._require_vocabulary()
        if self.invert:
            return self._to_output(self._tokens_at(to_array(inputs)))
        places = self._places_of(self._tokens_of(inputs))
        return self._encode(ops.convert_to_tensor(places))

    def _indices_of(self, values: Any) -> np.ndarray:
        self._require_vocabulary()
        return self._places_of(self._tokens_of(values))

    def _vectors(self) -> tuple[int, str, Any]:
        return self._depth() or 0, self._output_dtype(), self.idf_weights

    def _require_vocabulary(self) -> None:
        if not self._is_ready:
            raise RuntimeError(
                f"Layer {self.name!r} ({type(self).__name__}) has no vocabulary yet"
                f"{f', since {self._failure}' if self._failure else ''}. Give it a `vocabulary`, or let it learn one "
                "with adapt(data), before you use it."
            )

    def _places_of(self, tokens: np.ndarray) -> np.ndarray:
        """The places of tokens in the vocabulary, ``int64``.

        Raises:
            ValueError: if a token is not in it and there are no places for such.
        """
        get = self._places.get
        flat = tokens.ravel().tolist()
        places = np.array([get(token, -2) for token in flat], "int64").reshape(tokens.shape)
        unknown = places == -2
        if not unknown.any():
            return places
        if self.num_oov_indices == 0:
            found = list(dict.fromkeys(tokens[unknown].tolist()))
            raise ValueError(
                f"{type(self).__name__}: {found[:10]} are not in the vocabulary, and num_oov_indices=0 leaves no "
                "number for them. Use num_oov_indices=1 if that may happen."
            )
        if self.num_oov_indices == 1:
            places[unknown] = self._oov_start
        else:
            places[unknown] = self._oov_start + self._buckets(tokens[unknown])
        return places

    def _tokens_at(self, places: np.ndarray) -> np.ndarray:
        table = np.empty(self.vocabulary_size() + 1, object)
        table[:] = [*self.get_vocabulary(), self.oov_token]
        inside = (places >= 0) & (places < self.vocabulary_size())
        return table[np.where(inside, places, self.vocabulary_size()).astype("int64")]

    def _encode(self, places: Tensor) -> Tensor:
        return encoding.encode(
            places, self.output_mode, self._depth() or 0, self._output_dtype(), idf_weights=self.idf_weights
        )

    def _depth(self) -> int | None:
        if self.pad_to_max_tokens:
            return self.max_tokens
        return self.vocabulary_size() if self._is_ready else self._expected_size

    def _output_dtype(self) -> str:
        if self.output_mode == "int":
            return "int64"
        return self.compute_dtype if self.compute_dtype != "string" else global_config.floatx()

    def compute_output_shape(self, input_shape: Any) -> Any:
        return encoding.encoded_shape(
            input_shape,
            "one_hot" if self.output_mode == "one_hot" else "int" if self.output_mode == "int" else "count",
            self._depth(),
        )

    def compute_output_spec(self, inputs: Any) -> Any:
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=self._output_dtype())

    # -- saving -----------------------------------------------------------------------------------------------------
    def get_config(self) -> dict[str, Any]:
        weights = (
            None
            if self.idf_weights is None or not self._static
            else self.idf_weights[: self.vocabulary_size()].tolist()
        )
        return {
            **super().get_config(),
            "invert": self.invert,
            "max_tokens": self.max_tokens,
            "num_oov_indices": self.num_oov_indices,
            "oov_token": self.oov_token,
            "mask_token": self.mask_token,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "pad_to_max_tokens": self.pad_to_max_tokens,
            "vocabulary": self._config_vocabulary(weights),
            "idf_weights": None if self._input_vocabulary is None else weights,
            "vocabulary_size": self._depth() if not self.pad_to_max_tokens else self.vocabulary_size(),
            "salt": self.salt,
        }

    def _config_vocabulary(self, weights: list[float] | None) -> Any:
        if self._input_vocabulary is None:
            return None
        # Weights cover the special tokens too, so these are written along with them.
        return self.get_vocabulary() if weights is not None else list(self._tokens)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        refuse_path(config, cls)
        return super().from_config(config)

    def save_own_variables(self, store: Any) -> None:
        if self.idf_weights is not None:
            store["idf_weights"] = np.asarray(self.idf_weights, "float32")

    def load_own_variables(self, store: Any) -> None:
        if self.output_mode == "tf_idf" and "idf_weights" in store:
            self.idf_weights = np.asarray(store["idf_weights"], "float32")

    def save_assets(self, dir_path: str) -> None:
        """Write the vocabulary into a folder, one token a line."""
        if self._input_vocabulary is None and self._is_ready:
            write_vocabulary(os.path.join(dir_path, "vocabulary.txt"), self.get_vocabulary(), self.name)

    def load_assets(self, dir_path: str) -> None:
        """Read the vocabulary that `save_assets` wrote."""
        path = os.path.join(dir_path, "vocabulary.txt")
        if self._input_vocabulary is not None or not os.path.isfile(path):
            return
        weights = self.idf_weights
        tokens, _ = self._without_specials(self._read_tokens(read_vocabulary(path)), None)
        self._set_tokens(tokens, None)
        self.idf_weights = weights


def _occurrences(tokens: list[Any]) -> dict[Any, int]:
    counts: dict[Any, int] = {}
    for token in tokens:
        counts[token] = counts.get(token, 0) + 1
    return counts


def _check_numbers(cls: str, max_tokens: int | None, num_oov_indices: int, pad_to_max_tokens: bool) -> None:
    if max_tokens is not None and max_tokens <= 1:
        raise ValueError(
            f"{cls}: `max_tokens` leaves no room for a token, got max_tokens={max_tokens}; 2 is the least."
        )
    if pad_to_max_tokens and max_tokens is None:
        raise ValueError(f"{cls}: if pad_to_max_tokens is True, `max_tokens` must be set.")
    if num_oov_indices < 0:
        raise ValueError(f"{cls}: `num_oov_indices` counts something and cannot be {num_oov_indices}.")
