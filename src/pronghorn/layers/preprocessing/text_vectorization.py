"""`TextVectorization`: text to token numbers or vectors."""

from __future__ import annotations

import itertools
import math
from typing import Any, Unpack

import numpy as np

from pronghorn import ops
from pronghorn.data.padded_rows import PaddedRows
from pronghorn.data.ragged import RaggedTensor
from pronghorn.engine.graph.strings import OpenStrings, has_strings, on_host
from pronghorn.layers import settings
from pronghorn.layers.arguments import NamedArguments
from pronghorn.layers.preprocessing import encoding as encodings
from pronghorn.layers.preprocessing import strings, tokens
from pronghorn.layers.preprocessing.batches import batches_of
from pronghorn.layers.preprocessing.index_lookup import MODES
from pronghorn.layers.preprocessing.on_rows import rows_of
from pronghorn.layers.preprocessing.on_strings import StringLayer
from pronghorn.layers.preprocessing.string_lookup import StringLookup
from pronghorn.layers.preprocessing.vocabulary import refuse_path
from pronghorn.serialization.objects import deserialize_keras_object, serialize_keras_object
from pronghorn.symbolic.keras_tensor import KerasTensor

_OLD_MODES = {"binary": "multi_hot", "tf-idf": "tf_idf"}


class TextVectorization(StringLayer):
    """Texts, each split into tokens, as the tokens' numbers in a vocabulary, or as one vector for each text.

    Strings are no arrays of numbers: in a model this runs in front of the compiled step. In the
    mode ``"int"``, 0 stands for padding and 1 for tokens that are not in the vocabulary.

    Args:
        max_tokens: the vocabulary's size at most, special tokens included; no limit if None.
        standardize: ``"lower_and_strip_punctuation"``, ``"lower"``, ``"strip_punctuation"``, None, or a function of an
            array of strings.
        split: ``"whitespace"``, ``"character"``, None (inputs are tokens already; an array of one axis holds those of
            one text), or a function of an array of
            strings that returns tokens for each.
        ngrams: tokens are runs of up to this many parts, or of these numbers of parts.
        output_mode: ``"int"``, or a vector for each text: ``"multi_hot"``, ``"count"``, ``"tf_idf"``; ``"one_hot"``:
        one
            for each token.
        output_sequence_length: in the mode ``"int"``, how many numbers each text gives; that of the longest text of a
            call if None.
        pad_to_max_tokens: whether vectors have ``max_tokens`` entries even if the vocabulary is smaller.
        vocabulary: the tokens, if not learned with `adapt`: a list, an array, or the path of a file with one a line.
        idf_weights: a factor for each, for the mode ``"tf_idf"``.
        sparse: accepted as in Keras; the result is the same, in a dense array.
        ragged: whether several texts give rows of different lengths, a `data.RaggedTensor`, in place of an array with
            zeros. For texts that are there, as in a map of a data set, and not inside of functional models.
        encoding: that of bytes.
        name: a name; automatic if None.
        kwargs: those of `Layer`.

    Raises:
        ValueError: for arguments or inputs that do not fit.
        RuntimeError: when called without a vocabulary.

    Example:

    >>> layer = TextVectorization(output_sequence_length=4)
    >>> layer.adapt(["red sun", "sun set", "set sail early"])
    >>> layer(["Red, new sun!", "new set"]).tolist()
    [[5, 1, 2, 0], [1, 3, 0, 0]]
    """

    preferred_input_dtype = "string"
    _convert_input_args = False
    _allow_non_tensor_positional_args = True

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: Any = "lower_and_strip_punctuation",
        split: Any = "whitespace",
        ngrams: Any = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        **kwargs: Unpack[NamedArguments],
    ) -> None:
        output_mode = _OLD_MODES.get(output_mode, output_mode)
        settings.one_of(output_mode, MODES, "TextVectorization", "output_mode")
        if standardize is not None and not callable(standardize):
            settings.one_of(standardize, tokens.STANDARDIZE, "TextVectorization", "standardize")
        if split is not None and not callable(split):
            settings.one_of(split, tokens.SPLIT, "TextVectorization", "split")
        sizes = _ngram_sizes(ngrams)
        _check_length(output_sequence_length, output_mode)
        size = kwargs.pop("vocabulary_size", None)
        super().__init__(name=name, **kwargs)
        self.sparse = encodings.check_sparse(self, sparse, output_mode)
        if ragged and output_mode != "int":
            raise ValueError(f"TextVectorization: ragged=True goes with output_mode='int', not with {output_mode!r}.")
        self.ragged = bool(ragged)
        self._max_tokens, self._standardize, self._split = max_tokens, standardize, split
        self._ngrams_arg, self._ngrams = ngrams, sizes
        self._output_mode, self._output_sequence_length = output_mode, output_sequence_length
        self._encoding, self._pad_to_max_tokens = encoding, pad_to_max_tokens
        self.supports_jit = False
        self.built = True
        # Not tracked as a layer below this one: its vocabulary is saved as this layer's.
        self.__dict__["_lookup_layer"] = StringLookup(
            max_tokens=max_tokens,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            pad_to_max_tokens=pad_to_max_tokens,
            mask_token="",
            output_mode=output_mode,
            encoding=encoding,
            vocabulary_size=size,
            name=self.name,
            dtype=self.dtype_policy,
        )

    # -- the vocabulary ---------------------------------------------------------------------------------------------
    def build(self, input_shape: Any = None) -> None:
        self.built = True

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learn the vocabulary: the most frequent tokens, and for ``"tf_idf"`` in how many texts they occur.

        Args:
            data: an array or list of texts, a data set or another iterable of batches.
            batch_size: accepted for compatibility.
            steps: how many batches to take at most.

        Raises:
            ValueError: if the vocabulary was set already.
        """
        if self._lookup_layer._static:
            raise ValueError(
                f"Layer {self.name!r} was given its vocabulary, so there is nothing to adapt. Make one without it, "
                "which learns it from the data."
            )
        self.reset_state()
        try:
            for batch in batches_of(data, steps, "TextVectorization.adapt"):
                self.update_state(batch)
        except Exception as error:
            self._lookup_layer._failure = f"adapt() failed: {type(error).__name__}: {error}".rstrip(" .:")
            raise
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Count the tokens of more texts; `finalize_state` then makes the vocabulary."""
        if isinstance(data, RaggedTensor):
            self._lookup_layer._counts.add(self._tokens_in_rows(data))
            return
        text = strings.to_strings(data, self._encoding)
        self._lookup_layer._counts.add(self._token_rows(text.reshape(1) if text.ndim == 0 else text))

    def finalize_state(self) -> None:
        """Make the vocabulary from the tokens counted so far."""
        self._lookup_layer.finalize_state()

    def reset_state(self) -> None:
        """Forget the tokens counted so far."""
        self._lookup_layer.reset_state()

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """The vocabulary, most frequent tokens first.

        Args:
            include_special_tokens: whether with those for padding and unknown tokens, so that a token's place in the
                list is its number.
        """
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """How many places the vocabulary has, special ones included."""
        return self._lookup_layer.vocabulary_size()

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Set the vocabulary, in place of `adapt`; see `StringLookup.set_vocabulary`."""
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights=idf_weights)

    # -- computation ------------------------------------------------------------------------------------------------
    def _token_rows(self, text: np.ndarray) -> list[list[str]]:
        """The tokens of each text."""
        if self._split is not None and text.ndim > 1:
            if text.ndim > 2 or text.shape[-1] != 1:
                raise ValueError(
                    "TextVectorization: it splits one text a sample, so inputs have the shape (batch,) or (batch, 1), "
                    f"got {text.shape}. For tokens, use split=None."
                )
            text = text[:, 0]
        text = tokens.standardize(text, self._standardize)
        if self._split is None:
            rows = text.reshape(text.shape[0], math.prod(text.shape[1:])).tolist()
        else:
            rows = tokens.split(text, self._split)
        return rows if self._ngrams is None else [tokens.ngrams(row, self._ngrams) for row in rows]

    def call(self, inputs: Any) -> Any:
        lookup = self._lookup_layer
        lookup._require_vocabulary()
        text = strings.to_strings(inputs, self._encoding)
        alone = text.ndim == 0 or (text.ndim == 1 and self._split is None)  # one text, or its tokens
        rows = self._token_rows(text.reshape(1, -1) if alone else text)
        if self.ragged and not alone:
            return self._of_different_lengths(rows)
        places = self._padded(rows)
        return lookup._encode(ops.convert_to_tensor(places[0] if alone else places))

    def _of_rows_or_places(self, x: Any) -> Any:
        return self._of_rows(rows_of(x))

    def _of_rows(self, rows: RaggedTensor) -> Any:
        self._lookup_layer._require_vocabulary()
        found = self._tokens_in_rows(rows)
        if self.ragged:
            return self._of_different_lengths(found)
        return self._lookup_layer._encode(ops.convert_to_tensor(self._padded(found)))

    def _tokens_in_rows(self, rows: RaggedTensor) -> list[list[str]]:
        if self._split is not None or rows.ragged_rank > 1:
            raise ValueError(
                f"Layer {self.name!r} (TextVectorization): rows of different lengths are rows of tokens, for which "
                "split=None is needed; texts come in an array of shape (batch,)."
            )
        flat = tokens.standardize(strings.to_strings(rows.flat_values, self._encoding), self._standardize)
        found = [flat[start:end].tolist() for start, end in itertools.pairwise(rows.splits)]
        return found if self._ngrams is None else [tokens.ngrams(row, self._ngrams) for row in found]

    def _of_different_lengths(self, rows: list[list[str]]) -> RaggedTensor:
        rows = [row[: self._output_sequence_length] for row in rows]
        lengths, places = self._places(rows)
        return RaggedTensor.from_row_lengths(ops.convert_to_tensor(places.astype("int64"), dtype="int64"), lengths)

    def _places(self, rows: list[list[str]]) -> tuple[np.ndarray, np.ndarray]:
        """How many tokens each row has, and the places of all in the vocabulary."""
        lengths = np.array([len(row) for row in rows], "int64")
        flat = np.empty(int(lengths.sum()), object)
        flat[:] = [token for row in rows for token in row]
        return lengths, self._lookup_layer._places_of(flat)

    def _padded(self, rows: list[list[str]]) -> np.ndarray:
        """The tokens' places, each row filled up with what means nothing."""
        lengths, found = self._places(rows)
        width = int(lengths.max(initial=0))
        padded = np.full((len(rows), width), 0 if self._output_mode == "int" else -1, "int64")
        padded[np.arange(width) < lengths[:, None]] = found
        length = self._output_sequence_length
        if length is None:
            return padded
        return np.pad(padded, ((0, 0), (0, max(length - width, 0))))[:, :length]

    def compute_output_shape(self, input_shape: Any) -> Any:
        input_shape = tuple(input_shape)
        if self._output_mode == "int":
            return (*input_shape[:1], self._output_sequence_length)
        depth = self._lookup_layer._depth()
        return (*input_shape[:1], None, depth) if self._output_mode == "one_hot" else (*input_shape[:1], depth)

    def compute_output_spec(self, inputs: Any) -> Any:
        shape = self.compute_output_shape(inputs.shape)
        return KerasTensor(shape, dtype=self._lookup_layer._output_dtype(), ragged=self.ragged and len(shape) == 2)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self.ragged or not has_strings(*args) or isinstance(args[0], OpenStrings):
            return super().__call__(*args, **kwargs)
        numbers = on_host(self._counted_from_one, *args)  # 0 stands behind the end of a row
        inside = numbers > 0
        padded = ops.maximum(ops.where(inside, numbers, numbers[:, :1]) - 1, 0)
        return PaddedRows(padded, ops.sum(ops.cast(inside, "int32"), axis=1))

    def _counted_from_one(self, inputs: Any) -> np.ndarray:
        return (self.call(inputs) + 1).to_tensor().numpy()

    # -- saving -----------------------------------------------------------------------------------------------------
    def get_config(self) -> dict[str, Any]:
        lookup = self._lookup_layer.get_config()
        return {
            **super().get_config(),
            "max_tokens": self._max_tokens,
            "standardize": serialize_keras_object(self._standardize),
            "split": serialize_keras_object(self._split),
            "ngrams": self._ngrams_arg,
            "output_mode": self._output_mode,
            "output_sequence_length": self._output_sequence_length,
            "pad_to_max_tokens": self._pad_to_max_tokens,
            "sparse": self.sparse,
            "ragged": self.ragged,
            "vocabulary": lookup["vocabulary"],
            "idf_weights": lookup["idf_weights"],
            "encoding": self._encoding,
            "vocabulary_size": lookup["vocabulary_size"],
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        refuse_path(config, cls)
        functions = {
            k: deserialize_keras_object(config[k]) for k in ("standardize", "split") if isinstance(config.get(k), dict)
        }
        return cls(**{**config, **functions})

    def save_own_variables(self, store: Any) -> None:
        self._lookup_layer.save_own_variables(store)

    def load_own_variables(self, store: Any) -> None:
        self._lookup_layer.load_own_variables(store)

    def save_assets(self, dir_path: str) -> None:
        """Write the vocabulary into a folder, one token a line."""
        self._lookup_layer.save_assets(dir_path)

    def load_assets(self, dir_path: str) -> None:
        """Read the vocabulary that `save_assets` wrote."""
        self._lookup_layer.load_assets(dir_path)


def _ngram_sizes(ngrams: Any) -> tuple[int, ...] | None:
    if ngrams is None:
        return None
    if isinstance(ngrams, int) and not isinstance(ngrams, bool):
        return tuple(range(1, ngrams + 1))
    if isinstance(ngrams, (tuple, list)) and all(isinstance(n, int) for n in ngrams):
        return tuple(ngrams)
    raise ValueError(
        f"TextVectorization: `ngrams` is the longest length of word groups, or a tuple of lengths; got {ngrams!r}."
    )


def _check_length(length: Any, mode: str) -> None:
    if length is None:
        return
    if mode != "int":
        raise ValueError(
            f"TextVectorization: output_mode={mode!r} gives no sequences, so it has no output_sequence_length; got "
            f"{length}. Leave it out, or take output_mode='int'."
        )
    if not hasattr(length, "__index__"):
        raise ValueError(f"TextVectorization: `output_sequence_length` is a number of tokens, or None; got {length!r}.")
