"""`tf.strings`, for `pronghorn run`: functions of strings, of arrays of them, and of `RaggedTensor`s.

Strings are bytes, as TensorFlow's are. In a step that is compiled they run in front of the compiled part.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.data.element import Text, as_text, each, text_of
from pronghorn.data.element_types import dtype_name
from pronghorn.data.ragged import RaggedTensor
from pronghorn.engine.graph.strings import has_strings, on_host
from pronghorn.layers.preprocessing.fingerprint import fingerprint64, murmur64, siphash
from pronghorn_tensorflow.strings.characters import REPLACEMENT, characters, decoded, text_of_points
from pronghorn_tensorflow.strings.regex import compiled, rewritten

_WHITESPACE = b" \t\n\v\f\r"


def on_strings(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of strings that are known, also where a function is traced."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        if not has_strings(*bound.args, *bound.kwargs.values()):
            return function(*args, **kwargs)
        bound.apply_defaults()
        names = [name for name, value in bound.arguments.items() if has_strings(value)]

        def known(*values: Any) -> Any:
            return function(**{**bound.arguments, **dict(zip(names, values))})

        return on_host(known, *(bound.arguments[name] for name in names))

    return wrapper


def _text(value: Any) -> Any:
    """Strings as a `Text`, or rows of them as they are."""
    return value if isinstance(value, RaggedTensor) else as_text(value)


def _decoded(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _mapped(function: Callable[[bytes], Any], value: Any, dtype: str = "string") -> Any:
    """What a function gives for each string: strings, or a tensor of another type, of the same shape."""
    value = _text(value)
    if isinstance(value, RaggedTensor):
        return value.with_flat_values(_mapped(function, value.flat_values, dtype))
    found = each(function, value)
    if dtype == "string":
        return text_of(
            [x if isinstance(x, bytes) else x.encode("utf-8", "surrogateescape") for x in found], value.shape
        )
    return ops.convert_to_tensor(np.asarray(found, dtype).reshape(value.shape), dtype=dtype)


def _unicode(unit_or_encoding: str | None) -> bool:
    return bool(unit_or_encoding) and str(unit_or_encoding).upper().replace("-", "") in ("UTF8", "UTF8_CHAR")


def _check_unit(function: str, unit: str) -> None:
    if unit not in ("BYTE", "UTF8_CHAR"):
        raise ValueError(f"tf.strings.{function}: unit={unit!r}; it must be 'BYTE' or 'UTF8_CHAR'.")


# -- one string for one -----------------------------------------------------------------------------------------------
@on_strings
def lower(input: Any, encoding: str = "", name: str | None = None) -> Any:
    """`tf.strings.lower`: of ASCII letters, or with `encoding="utf-8"` of all.

    >>> lower(["Ab"]).tolist()
    [b'ab']
    """
    return _mapped((lambda x: _decoded(x).lower()) if _unicode(encoding) else bytes.lower, input)


@on_strings
def upper(input: Any, encoding: str = "", name: str | None = None) -> Any:
    """`tf.strings.upper`: of ASCII letters, or with `encoding="utf-8"` of all."""
    return _mapped((lambda x: _decoded(x).upper()) if _unicode(encoding) else bytes.upper, input)


@on_strings
def strip(input: Any, name: str | None = None) -> Any:
    """`tf.strings.strip`: without white space around."""
    return _mapped(lambda x: x.strip(_WHITESPACE), input)


@on_strings
def regex_replace(input: Any, pattern: Any, rewrite: Any, replace_global: bool = True, name: Any = None) -> Any:
    r"""`tf.strings.regex_replace`; `\1` in `rewrite` is the first group, `\0` the whole; others change nothing.

    >>> regex_replace("<b>", "[<>]", "").numpy()
    b'b'
    """
    expression = compiled(_decoded(as_text(pattern).item()))
    written = _decoded(as_text(rewrite).item())
    if any(x.isdigit() and int(x) > expression.groups for x in re.findall(r"\\(.)", written, re.DOTALL)):
        return _mapped(lambda x: x, input)
    template = rewritten(written)

    def replaced(x: bytes) -> str:
        end = -1

        def one(match: Any) -> str:
            nonlocal end
            if match.end() == match.start() == end:
                return ""  # nothing, right behind a match, is none
            end = match.end()
            return match.expand(template)

        return expression.sub(one, _decoded(x), count=0 if replace_global else 1)

    return _mapped(replaced, input)


@on_strings
def regex_full_match(input: Any, pattern: Any, name: str | None = None) -> Any:
    """`tf.strings.regex_full_match`."""
    expression = compiled(_decoded(as_text(pattern).item()))
    return _mapped(lambda x: expression.fullmatch(_decoded(x)) is not None, input, "bool")


@on_strings
def length(input: Any, unit: str = "BYTE", name: str | None = None) -> Any:
    """`tf.strings.length`, in bytes, or with `unit="UTF8_CHAR"` in characters.

    Raises:
        ValueError: for another unit.
    """
    _check_unit("length", unit)
    return _mapped((lambda x: len(_decoded(x))) if _unicode(unit) else len, input, "int32")


@on_strings
def substr(input: Any, pos: Any, len: Any, unit: str = "BYTE", name: str | None = None) -> Any:
    """`tf.strings.substr`: `len` bytes or characters from `pos` on; a negative `pos` counts from the end.

    A negative `len` stands for all bytes that follow, and for no character, as in TensorFlow.

    Raises:
        ValueError: where `pos` lies outside of a string.
    """
    _check_unit("substr", unit)
    if isinstance(input, RaggedTensor):
        pos, len = (x.flat_values if isinstance(x, RaggedTensor) else x for x in (pos, len))
        return input.mapped(lambda values: substr(values, input.beside(pos), input.beside(len), unit))
    text = as_text(input)
    starts, lengths = np.asarray(pos), np.asarray(len)
    shape = np.broadcast_shapes(text.shape, starts.shape)

    def cut(x: bytes, start: int, count: int) -> bytes:
        whole: Any = _decoded(x) if _unicode(unit) else x
        if not -whole.__len__() <= start <= whole.__len__():
            raise ValueError(f"tf.strings.substr: pos={start} is outside of {x!r}.")
        start = start + whole.__len__() if start < 0 else start
        part = whole[start : None if count < 0 and whole is x else start + max(count, 0)]
        return part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part

    every = (np.broadcast_to(np.asarray(a), shape).ravel().tolist() for a in (text, starts, lengths))
    return text_of([cut(*each) for each in zip(*every)], shape)


def _bucket(function: str, fingerprint: Callable[[bytes], int], num_buckets: int) -> Callable[[bytes], int]:
    """The function from a string to its bucket.

    Raises:
        ValueError: if there are no buckets.
    """
    if num_buckets < 1:
        raise ValueError(f"tf.strings.{function}: num_buckets={num_buckets} must be at least 1.")
    return lambda x: fingerprint(x) % num_buckets


@on_strings
def to_hash_bucket_fast(input: Any, num_buckets: int, name: str | None = None) -> Any:
    """`tf.strings.to_hash_bucket_fast`: the numbers that TensorFlow gives, too."""
    return _mapped(_bucket("to_hash_bucket_fast", fingerprint64, num_buckets), input, "int64")


@on_strings
def to_hash_bucket(input: Any, num_buckets: int, name: str | None = None) -> Any:
    """`tf.strings.to_hash_bucket`, by the older fingerprint; `to_hash_bucket_fast` is the usual one."""
    return _mapped(_bucket("to_hash_bucket", murmur64, num_buckets), input, "int64")


@on_strings
def to_hash_bucket_strong(input: Any, num_buckets: int, key: Any, name: str | None = None) -> Any:
    """`tf.strings.to_hash_bucket_strong`: the numbers that TensorFlow gives, too."""
    return _mapped(_bucket("to_hash_bucket_strong", lambda x: siphash(x, key), num_buckets), input, "int64")


@on_strings
def unicode_transcode(
    input: Any,
    input_encoding: str,
    output_encoding: str,
    errors: str = "replace",
    replacement_char: int = REPLACEMENT,
    replace_control_characters: bool = False,
    name: str | None = None,
) -> Any:
    """`tf.strings.unicode_transcode`."""
    options = (input_encoding, errors, replacement_char, replace_control_characters)
    return _mapped(lambda x: "".join(characters(x, *options)).encode(output_encoding), input)


# -- numbers ----------------------------------------------------------------------------------------------------------
@on_strings
def to_number(input: Any, out_type: Any = "float32", name: str | None = None) -> Any:
    """`tf.strings.to_number`.

    Raises:
        ValueError: for a string that is none, or one that the type does not reach.
    """
    dtype = dtype_name(out_type)

    def number(x: bytes) -> Any:
        try:
            if b"_" in x:
                raise ValueError
            return np.array(int(x), dtype) if "int" in dtype else float(x)
        except (ValueError, OverflowError):
            raise ValueError(f"tf.strings.to_number: {x!r} is no number of type {dtype}.") from None

    return _mapped(number, input, dtype)


@on_strings
def as_string(
    input: Any,
    precision: int = -1,
    scientific: bool = False,
    shortest: bool = False,
    width: int = -1,
    fill: str = "",
    name: str | None = None,
) -> Any:
    """`tf.strings.as_string`: numbers, written out.

    >>> as_string([1.5]).tolist(), as_string(7, width=3, fill="0").numpy()
    ([b'1.500000'], b'007')
    """
    if isinstance(input, RaggedTensor):
        flat = as_string(input.flat_values, precision, scientific, shortest, width, fill)
        return input.with_flat_values(flat)
    if isinstance(input, Text | str | bytes):
        return as_text(input)
    array = np.asarray(ops.convert_to_tensor(input))
    _check_layout(array.dtype, precision, scientific, shortest, fill)
    kind = "g" if shortest else "e" if scientific else "f"
    layout = f"%{fill}{'' if width < 0 else width}"
    real = layout + ("" if precision < 0 else f".{precision}") + kind

    def number(x: float) -> str:
        return (real if math.isfinite(x) else real.replace("%0", "%", 1)) % x  # no zeros before what is no number

    def written(x: Any) -> bytes:
        if isinstance(x, bool):
            return b"true" if x else b"false"
        if isinstance(x, complex):
            return f"({number(x.real)},{number(x.imag)})".encode()
        return ((layout + "d") % x if isinstance(x, int) else number(x)).encode()

    return text_of([written(x) for x in array.ravel().tolist()], array.shape)


def _check_layout(dtype: np.dtype, precision: int, scientific: bool, shortest: bool, fill: str) -> None:
    """Check how numbers are to be written out.

    Raises:
        ValueError: for what there is not, or not for the type.
    """
    if fill not in ("", " ", "+", "-", "0", "#"):
        raise ValueError(f"tf.strings.as_string: fill={fill!r}; it must be '', ' ', '+', '-', '0' or '#'.")
    if scientific and shortest:
        raise ValueError("tf.strings.as_string: scientific and shortest are two ways to write a number; choose one.")
    if dtype.kind in "biu" and (precision >= 0 or scientific or shortest):
        raise ValueError(
            f"tf.strings.as_string: precision, scientific and shortest are for real numbers; these are {dtype.name}."
        )


# -- several strings for one, and one for several ---------------------------------------------------------------------
@on_strings
def join(inputs: Any, separator: str = "", name: str | None = None) -> Any:
    """`tf.strings.join`: strings of several arrays, one behind the other.

    >>> join(["a", ["b", "c"]], separator="-").tolist()
    [b'a-b', b'a-c']
    """
    if any(isinstance(x, RaggedTensor) for x in inputs):
        like = next(x for x in inputs if isinstance(x, RaggedTensor))
        flat = [x.flat_values if isinstance(x, RaggedTensor) else x for x in inputs]
        return like.with_flat_values(join(flat, separator))
    texts = [as_text(x) for x in inputs] or [as_text("")]
    shape = max((x.shape for x in texts), key=len)
    if any(x.shape not in ((), shape) for x in texts):
        raise ValueError(f"tf.strings.join: shapes {[x.shape for x in texts]} differ.")
    between = as_text(separator).item()
    columns = [np.broadcast_to(np.asarray(x), shape).ravel().tolist() for x in texts]
    return text_of([between.join(row) for row in zip(*columns)], shape)


@on_strings
def reduce_join(
    inputs: Any, axis: Any = None, keepdims: bool = False, separator: str = "", name: str | None = None
) -> Any:
    """`tf.strings.reduce_join`: the strings along an axis as one, or along several, of which the first goes fastest.

    >>> reduce_join([["a", "b"], ["c", "d"]], axis=-1, separator=" ").tolist()
    [b'a b', b'c d']
    >>> reduce_join([["a", "b"], ["c", "d"]], axis=[0, 1]).numpy(), reduce_join([["a", "b"], ["c", "d"]]).numpy()
    (b'acbd', b'abcd')

    Raises:
        ValueError: for an axis that is there twice.
    """
    between = as_text(separator).item()
    if isinstance(inputs, RaggedTensor):
        return _joined_rows(inputs, axis, between)
    array = np.asarray(as_text(inputs))
    axes = range(array.ndim) if axis is None else np.atleast_1d(axis)[::-1].tolist()
    axes = [a % max(array.ndim, 1) for a in axes]
    if len(set(axes)) < len(axes):
        raise ValueError(f"tf.strings.reduce_join: axis={axis}; each axis may be there once.")
    rest = [a for a in range(array.ndim) if a not in axes]
    rows = array.transpose([*rest, *axes]).reshape(int(np.prod([array.shape[a] for a in rest], dtype=int)), -1)
    shape = tuple(1 if a in axes else n for a, n in enumerate(array.shape) if keepdims or a not in axes)
    return text_of([between.join(row) for row in rows.tolist()], shape)


def _joined_rows(rows: RaggedTensor, axis: Any, between: bytes) -> Any:
    """The strings of rows as one, along the innermost axis, or all."""
    if axis is None:
        return text_of([between.join(rows.flat_values.ravel().tolist())], ())
    if axis % rows.ndim == rows.ndim - 1:
        if isinstance(rows.values, RaggedTensor):
            return rows.with_values(_joined_rows(rows.values, -1, between))
        return text_of([between.join(row) for row in rows.to_list()])
    raise ValueError(f"tf.strings.reduce_join: axis={axis} of a RaggedTensor; the last axis can be joined.")


def _in_rows(function: Callable[[bytes], Any], value: Any, flat: Callable[[list[Any]], Any] = text_of) -> Any:
    """What a function gives for each string, several each, as one more axis, which varies."""
    value = _text(value)
    if isinstance(value, RaggedTensor):
        return value.with_flat_values(_in_rows(function, value.flat_values, flat))
    found = each(function, value)
    if value.ndim == 0:
        return flat(list(found[0]))
    rows = RaggedTensor.from_row_lengths(flat(list(itertools.chain.from_iterable(found))), [len(row) for row in found])
    for extent in value.shape[:0:-1]:
        rows = RaggedTensor(rows, np.arange(0, len(rows) + 1, extent) if extent else np.zeros(1, "int64"))
    return rows


@on_strings
def split(input: Any, sep: Any = None, maxsplit: int = -1, name: str | None = None) -> Any:
    """`tf.strings.split`: at white space, or at a separator; rows of different lengths, or an array for one string.

    >>> split(["a b", ""]).to_list()
    [[b'a', b'b'], []]
    """
    between = None if sep is None else as_text(sep).item()
    return _in_rows(lambda x: x.split(between or None, maxsplit), input)


@on_strings
def bytes_split(input: Any, name: str | None = None) -> Any:
    """`tf.strings.bytes_split`."""
    return _in_rows(lambda x: [x[i : i + 1] for i in range(len(x))], input)


@on_strings
def unicode_split(
    input: Any,
    input_encoding: str,
    errors: str = "replace",
    replacement_char: int = REPLACEMENT,
    name: str | None = None,
) -> Any:
    """`tf.strings.unicode_split`: characters."""
    options = (input_encoding, errors, replacement_char)
    return _in_rows(lambda x: [c.encode(input_encoding) for c in characters(x, *options)], input)


@on_strings
def unicode_split_with_offsets(
    input: Any, input_encoding: str, errors: str = "replace", *args: Any, **named: Any
) -> Any:
    """`tf.strings.unicode_split_with_offsets`: characters, and the byte at which each begins."""
    return unicode_split(input, input_encoding, errors, *args, **named), _offsets(input, input_encoding, errors)


def _offsets(input: Any, encoding: str, errors: str) -> Any:
    return _in_rows(lambda x: [start for start, _ in decoded(x, encoding, errors)], input, _numbers("int64"))


def _numbers(dtype: str) -> Callable[[list[Any]], Any]:
    return lambda found: ops.convert_to_tensor(np.asarray(found, dtype), dtype=dtype)


@on_strings
def unicode_decode(
    input: Any,
    input_encoding: str,
    errors: str = "replace",
    replacement_char: int = REPLACEMENT,
    replace_control_characters: bool = False,
    name: str | None = None,
) -> Any:
    """`tf.strings.unicode_decode`: the characters' code points."""
    options = (input_encoding, errors, replacement_char, replace_control_characters)
    return _in_rows(lambda x: list(map(ord, characters(x, *options))), input, _numbers("int32"))


@on_strings
def unicode_decode_with_offsets(
    input: Any, input_encoding: str, errors: str = "replace", *args: Any, **named: Any
) -> Any:
    """`tf.strings.unicode_decode_with_offsets`."""
    return unicode_decode(input, input_encoding, errors, *args, **named), _offsets(input, input_encoding, errors)


def unicode_encode(
    input: Any,
    output_encoding: str,
    errors: str = "replace",
    replacement_char: int = REPLACEMENT,
    name: str | None = None,
) -> Any:
    """`tf.strings.unicode_encode`: strings of code points along the last axis.

    >>> unicode_encode([104, 105], "UTF-8").numpy()
    b'hi'
    """
    if isinstance(input, RaggedTensor):
        if isinstance(input.values, RaggedTensor):
            return input.with_values(unicode_encode(input.values, output_encoding, errors, replacement_char))
        rows, shape = input.to_list(), (len(input),)
    else:
        array = np.asarray(ops.convert_to_tensor(input))
        rows, shape = array.reshape(-1, array.shape[-1]).tolist(), array.shape[:-1]
    encoded = [text_of_points(row, errors, replacement_char).encode(output_encoding) for row in rows]
    return text_of(encoded, shape)


@on_strings
def ngrams(
    data: Any,
    ngram_width: Any,
    separator: str = " ",
    pad_values: Any = None,
    padding_width: int | None = None,
    preserve_short_sequences: bool = False,
    name: str | None = None,
) -> Any:
    """`tf.strings.ngrams`: runs of neighbours along the last axis.

    >>> ngrams(["a", "b", "c"], 2).tolist()
    [b'a b', b'b c']
    """
    widths = [ngram_width] if isinstance(ngram_width, int) else list(ngram_width)
    left, right = (pad_values, pad_values) if isinstance(pad_values, str | bytes) else pad_values or (None, None)
    between = as_text(separator).item()

    def runs(row: list[bytes]) -> list[bytes]:
        found: list[bytes] = []
        for width in widths:
            count = 0 if left is None else width - 1 if padding_width is None else min(padding_width, width - 1)
            filled = [as_text(left).item()] * count + row + [as_text(right).item()] * count if count else row
            found += [between.join(filled[i : i + width]) for i in range(len(filled) - width + 1)]
        if not found and preserve_short_sequences and row:
            found = [between.join(row)]
        return found

    data = _text(data)
    if isinstance(data, RaggedTensor):
        if isinstance(data.values, RaggedTensor):
            inner = ngrams(data.values, widths, separator, pad_values, padding_width, preserve_short_sequences)
            return data.with_values(inner)
        rows = [runs(row) for row in data.to_list()]
        return RaggedTensor.from_row_lengths(
            text_of(list(itertools.chain.from_iterable(rows))), [len(row) for row in rows]
        )
    rows = [runs(row) for row in data.reshape(-1, data.shape[-1]).tolist()]
    return text_of(list(itertools.chain.from_iterable(rows)), (*data.shape[:-1], len(rows[0]) if rows else 0))


@on_strings
def unsorted_segment_join(
    inputs: Any, segment_ids: Any, num_segments: Any, separator: str = "", name: str | None = None
) -> Text:
    """`tf.strings.unsorted_segment_join`: the strings of each segment as one.

    >>> unsorted_segment_join(["a", "b", "c"], [0, 1, 0], 2).tolist()
    [b'ac', b'b']
    """
    text, segments = as_text(inputs), np.asarray(segment_ids)
    if text.shape[: segments.ndim] != segments.shape:
        raise ValueError(
            f"tf.strings.unsorted_segment_join: segment_ids has shape {segments.shape}, which is no beginning of the "
            f"shape of the strings, {text.shape}."
        )
    if segments.size and not 0 <= segments.min() <= segments.max() < int(num_segments):
        raise ValueError(
            f"tf.strings.unsorted_segment_join: segment_ids must be from 0 to {int(num_segments) - 1}; got "
            f"{segments.min()} to {segments.max()}."
        )
    tail = text.shape[segments.ndim :]
    rows = np.asarray(text).reshape(segments.size, int(np.prod(tail)))
    between = as_text(separator).item()
    joined = [
        between.join(column[segments.ravel() == segment]) for segment in range(int(num_segments)) for column in rows.T
    ]
    return text_of(joined, (int(num_segments), *tail))
