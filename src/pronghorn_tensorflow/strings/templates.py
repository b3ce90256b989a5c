"""`tf.strings.format`, for `pronghorn run`: values written into a template, as TensorFlow writes them."""

from __future__ import annotations

import itertools
import re
from typing import Any

import ml_dtypes
import numpy as np

from pronghorn.data.element import Text, as_text
from pronghorn_tensorflow.arrays.shapes import Extents

_ESCAPED = {b"\n": b"\\n", b"\r": b"\\r", b"\t": b"\\t", b'"': b'\\"', b"'": b"\\'", b"\\": b"\\\\"}
_SPECIAL = re.compile(rb"[\x00-\x1f\x7f\"'\\]")


def format(template: str, inputs: Any, placeholder: str = "{}", summarize: int = 3, name: str | None = None) -> Any:
    """`tf.strings.format`: a string with values in the places that are kept for them.

    >>> format("{} is {}", [["a"], [[1], [2]]]).numpy()
    b'["a"] is [[1]\\n [2]]'

    Raises:
        ValueError: if there are not as many values as places.
    """
    several = isinstance(inputs, list | tuple) and not isinstance(inputs, Extents)  # a shape is one array
    inputs = list(inputs) if several else [inputs]
    parts = template.split(placeholder)
    if len(parts) != len(inputs) + 1:
        raise ValueError(f"tf.strings.format: {template!r} has {len(parts) - 1} places for {len(inputs)} values.")
    shown = [_shown(x, summarize) for x in inputs]
    pieces = itertools.zip_longest((part.encode() for part in parts), shown, fillvalue=b"")
    return as_text(b"".join(itertools.chain.from_iterable(pieces)))


def _shown(value: Any, summarize: int) -> bytes:
    """An array as text: the first and the last entries of each axis, all where `summarize` is negative."""
    if not isinstance(value, Text) and (isinstance(value, str | bytes) or np.asarray(value).dtype.kind in "OUS"):
        value = as_text(value)
    array = np.asarray(value)
    return _of_axis(array, 0, array.size if summarize < 0 else min(summarize, array.size))


def _of_axis(array: np.ndarray, axis: int, ends: int) -> bytes:
    """The entries along the first of the axes that are left, `ends` at each end; deeper axes are set further apart."""
    if not array.ndim:
        return _entry(array[()])
    between = b" " if array.ndim == 1 else b"\n" * (array.ndim - 1) + b" " * (axis + 1)
    count = len(array)
    shown = range(count) if count <= 2 * ends else [*range(ends), *range(count - ends, count)]
    entries = [_of_axis(array[i : i + 1].reshape(array.shape[1:]), axis + 1, ends) for i in shown]
    if count > 2 * ends:
        entries = [*(entries[:ends] or [b""]), b"...", *entries[ends:]]
    return b"[" + between.join(entries) + b"]"


def _entry(value: Any) -> bytes:
    """One value: strings in quotation marks, floats with as many digits as they need."""
    if isinstance(value, bytes):
        return b'"' + _SPECIAL.sub(lambda x: _ESCAPED.get(x[0], b"\\%03o" % x[0][0]), value) + b'"'
    if isinstance(value, bool | np.bool_):
        return b"%d" % value
    if not isinstance(value, np.floating | ml_dtypes.bfloat16):
        return str(value).encode()
    wide = isinstance(value, np.float64)
    kind: Any = np.float64 if wide else np.float32
    short, long = (15, 17) if wide else (6, 9)
    number = float(value)
    written = f"{number:.{short}g}"
    same = kind(written) == kind(number) or number != number
    return (written if same else f"{number:.{long}g}").encode()
