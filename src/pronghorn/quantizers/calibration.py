"""The samples that modes look at which quantize by data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from pronghorn._wording import shown
from pronghorn.quantizers.calibrated import CalibratedConfig

_IDS = np.iinfo(np.int32)


def samples(config: CalibratedConfig) -> np.ndarray:
    """Pieces of a configuration's data set, ``[num_samples, 1, sequence_length]``, int32.

    All tokens are put in a row, which is repeated until it has as many as the pieces together; pieces begin at even
    distances. Keras has the first begin anywhere; here it begins at 0, so that the same data give the same weights.

    Raises:
        TypeError: if the data set is no iterable of strings or arrays.
        ValueError: if there is none, if it is empty, or if it has strings without a tokenizer, or numbers that are no
            token ids.

    Example:

    >>> from pronghorn.quantizers import AWQConfig
    >>> samples(AWQConfig([[1, 2, 3], [4, 5]], None, num_samples=2, sequence_length=2))[:, 0].tolist()
    [[1, 2], [3, 4]]
    """
    who, length, count = type(config).__name__, config.sequence_length, config.num_samples
    tokens = _row(_entries(config.dataset, who), config.tokenizer, who)
    tokens = np.tile(tokens, max(1, -(-length * count // len(tokens))))
    places = len(tokens) - length + 1
    starts = np.arange(count) * max(1, places // count) % places
    return tokens[starts[:, None, None] + np.arange(length)]


def _entries(dataset: Any, who: str) -> Iterable[Any]:
    if dataset is None:
        raise ValueError(
            f"{who}: there is no dataset, but the layers' inputs are to be looked at. Pass strings with a tokenizer, "
            "or arrays of token ids."
        )
    if (
        isinstance(dataset, str | bytes)
        or not (hasattr(dataset, "__iter__") or hasattr(dataset, "__array__"))
        or (getattr(dataset, "shape", None) == ())
    ):
        raise TypeError(
            f"{who}: a dataset is a list, a generator or an array, of strings or token ids; got {shown(dataset)} of "
            f"type {type(dataset).__name__}. Read it before, and put a single text into a list."
        )
    return dataset if hasattr(dataset, "__iter__") else np.asarray(dataset)


def _row(entries: Iterable[Any], tokenizer: Any, who: str) -> np.ndarray:
    """The tokens of all entries, int32."""
    pieces = [_tokens(entry, tokenizer, who) for entry in entries]
    row = np.concatenate(pieces) if pieces else np.zeros(0, np.int32)
    if not len(row):
        found = f"{len(pieces)} entries without a token" if pieces else "nothing in it"
        raise ValueError(
            f"{who}: the dataset has {found}, so there is nothing to look at. (A generator that was read before gives "
            "nothing the second time: make a list of it.)"
        )
    return row


def _tokens(entry: Any, tokenizer: Any, who: str) -> np.ndarray:
    texts = _array(entry)
    if texts.dtype.kind in "USO" and any(isinstance(text, str | bytes) for text in texts.ravel().tolist()):
        if tokenizer is None:
            raise ValueError(
                f"{who}: the dataset has strings, such as {shown(entry)}, but there is no tokenizer to make token ids "
                "of them. Pass one, or the token ids."
            )
        tokenize = getattr(tokenizer, "tokenize", tokenizer)
        words = [text.decode() if isinstance(text, bytes) else text for text in texts.ravel().tolist()]
        return np.concatenate([_ids(tokenize(text), who) for text in words])
    return _ids(entry, who)


def _ids(entry: Any, who: str) -> np.ndarray:
    ids = _array(entry).ravel()
    if not ids.size:
        return np.zeros(0, np.int32)
    if ids.dtype.kind not in "biuf" or not ((np.trunc(ids) == ids) & (ids >= _IDS.min) & (ids <= _IDS.max)).all():
        raise ValueError(
            f"{who}: token ids are whole numbers of type int32, but the dataset has {shown(entry)}. Pass strings, or "
            "what a tokenizer makes of them; sequences of several lengths as entries of their own."
        )
    return ids.astype(np.int32)


def _array(entry: Any) -> np.ndarray:
    """An entry as an array, of no numbers if it is a nest whose rows are not of one length."""
    try:
        return np.asarray(entry)
    except ValueError:
        return np.array(None)
