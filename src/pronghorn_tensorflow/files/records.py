"""Records in files, and the examples and lines that they hold: `tf.data.TFRecordDataset`, `tf.io.parse_example` and
their like, for `pronghorn run`.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import struct
import zlib
from collections import namedtuple
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn._wording import counted
from pronghorn.callbacks.event_file import masked, record
from pronghorn.data import Dataset, RaggedTensor
from pronghorn.data.element import Text, as_plain, as_text, text_of
from pronghorn.data.element_types import dtype_name
from pronghorn.data.storing import matching, path_of, paths_of
from pronghorn.engine.graph import dtypes
from pronghorn_tensorflow.files.messages import Example, Feature
from pronghorn_tensorflow.program.errors import DataLossError
from pronghorn_tensorflow.rows.sparse import SparseTensor

#: Records longer than this are not summed up byte by byte: a damaged one is for its decoder to find.
_CHECKED = 1 << 16
_PIECE = 1 << 20


# -- files ------------------------------------------------------------------------------------------------------------
class _Inflated(io.RawIOBase):
    """A file that zlib compressed, unpacked."""

    def __init__(self, stream: Any) -> None:
        self._stream, self._unpack, self._rest = stream, zlib.decompressobj(), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = b""
        while not data and not self._unpack.eof:
            packed = self._unpack.unconsumed_tail or self._stream.read(_PIECE)
            if not packed:
                break
            data = self._unpack.decompress(packed, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _opened(path: str, compression: Any) -> Any:
    kind = as_plain(compression) or ""
    kind = kind.decode() if isinstance(kind, bytes) else kind
    if kind == "GZIP":
        return gzip.open(path, "rb")
    stream = open(path, "rb")  # noqa: SIM115
    if kind == "ZLIB":
        return io.BufferedReader(_Inflated(stream))
    if kind:
        raise ValueError(f"compression_type={kind!r}; it must be '', 'GZIP' or 'ZLIB'.")
    return stream


def _whole(stream: Any, size: int, path: str) -> bytes:
    """So many bytes, read in pieces: no more memory is taken than there is data."""
    pieces = []
    while size:
        piece = stream.read(min(size, _PIECE))
        if not piece:
            raise _damaged(path, "the file is cut off within a record")
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def records(path: str, compression: Any = None) -> Iterator[bytes]:
    """The records of a file.

    Raises:
        DataLossError: for a file that is damaged, or none of records; it is a ValueError.
    """
    with _opened(path, compression) as stream:
        while (data := _next_record(stream, path)) is not None:
            yield data


class tf_record_iterator:
    """`tf.compat.v1.io.tf_record_iterator`: a file's records, and those that are written later when it is asked again.

    TensorBoard's slower loader follows a training by it.

    Raises:
        DataLossError: for a record that is damaged or not whole yet; the next call tries it again.
    """

    def __init__(self, path: Any, options: TFRecordOptions | None = None) -> None:
        self._path = os.fspath(as_plain(path))
        self._stream = _opened(self._path, options and options.compression_type)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        place = self._stream.tell() if self._stream.seekable() else None
        try:
            data = _next_record(self._stream, self._path)
        except DataLossError:
            if place is not None:
                self._stream.seek(place)
            raise
        if data is None:
            raise StopIteration
        return data

    def __del__(self) -> None:
        if hasattr(self, "_stream"):
            self._stream.close()


def _next_record(stream: Any, path: str) -> bytes | None:
    """The next record, or None behind the last."""
    try:
        head = stream.read(12)
        if not head:
            return None
        if head[8:] != masked(head[:8]):
            raise _damaged(path, "the file is damaged, or holds no TFRecords (or they are compressed)")
        data = _whole(stream, struct.unpack("<Q", head[:8])[0], path)
        total = _whole(stream, 4, path)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise _damaged(path, f"the file is damaged, or not compressed in this way: {error}") from None
    if len(data) <= _CHECKED and total != masked(data):
        raise _damaged(path, "a record is damaged: its checksum is another")
    return data


def _damaged(path: str, reason: str) -> DataLossError:
    return DataLossError(None, None, f"{path}: {reason}.")


class TFRecordOptions:
    """`tf.io.TFRecordOptions`."""

    def __init__(self, compression_type: Any = None, **ignored: Any) -> None:
        self.compression_type = compression_type


class TFRecordWriter:
    """`tf.io.TFRecordWriter`: writes records into a file."""

    def __init__(self, path: Any, options: Any = None) -> None:
        kind = getattr(options, "compression_type", options) or ""
        if kind not in ("", "GZIP", "ZLIB"):
            raise ValueError(f"tf.io.TFRecordWriter: compression {kind!r}; it must be '', 'GZIP' or 'ZLIB'.")
        path = path_of(path)
        self._stream: Any = gzip.open(path, "wb") if kind == "GZIP" else open(path, "wb")  # noqa: SIM115
        self._pack = zlib.compressobj() if kind == "ZLIB" else None

    def write(self, record_bytes: Any) -> None:
        """Write one record."""
        data = record(as_text(record_bytes).item())
        self._stream.write(self._pack.compress(data) if self._pack else data)

    def flush(self) -> None:
        """Make what was written visible to readers."""
        self._stream.flush()

    def close(self) -> None:
        """Close the file."""
        if self._pack and not self._stream.closed:
            self._stream.write(self._pack.flush())
        self._stream.close()

    def __enter__(self) -> TFRecordWriter:
        return self

    def __exit__(self, *ignored: Any) -> None:
        self.close()


def _of_files(read: Callable[[str], Iterator[bytes]], filenames: Any) -> Dataset:
    def elements() -> Iterator[Any]:
        for path in paths_of(filenames):
            for data in read(path):
                yield text_of([data], ())

    return Dataset(elements)


def TFRecordDataset(filenames: Any, compression_type: Any = None, *args: Any, **ignored: Any) -> Dataset:
    """`tf.data.TFRecordDataset`: the records of files."""
    return _of_files(lambda path: records(path, compression_type), filenames)


def TextLineDataset(filenames: Any, compression_type: Any = None, *args: Any, **ignored: Any) -> Dataset:
    """`tf.data.TextLineDataset`: the lines of files."""

    def lines(path: str) -> Iterator[bytes]:
        with _opened(path, compression_type) as stream:
            for line in stream:
                line = line[:-1] if line.endswith(b"\n") else line
                yield line[:-1] if line.endswith(b"\r") else line

    return _of_files(lines, filenames)


def FixedLengthRecordDataset(
    filenames: Any, record_bytes: int, header_bytes: int = 0, footer_bytes: int = 0, *args: Any, **ignored: Any
) -> Dataset:
    """`tf.data.FixedLengthRecordDataset`: parts of files that are equally long.

    Raises:
        ValueError: as it is read, for a file of which something is left over.
    """

    def parts(path: str) -> Iterator[bytes]:
        with open(path, "rb") as stream:
            stream.seek(header_bytes)
            whole = os.path.getsize(path)
            size = whole - header_bytes - footer_bytes
            if size < 0 or size % record_bytes:
                raise ValueError(
                    f"tf.data.FixedLengthRecordDataset: {path} has {whole} bytes, {size} without header_bytes="
                    f"{header_bytes} and footer_bytes={footer_bytes}; they must be records of record_bytes="
                    f"{record_bytes} each, with nothing left over."
                )
            for _ in range(size // record_bytes):
                yield _whole(stream, record_bytes, path)

    return _of_files(parts, filenames)


# -- examples ---------------------------------------------------------------------------------------------------------
FixedLenFeature = namedtuple("FixedLenFeature", ["shape", "dtype", "default_value"], defaults=[None])
FixedLenSequenceFeature = namedtuple(
    "FixedLenSequenceFeature", ["shape", "dtype", "allow_missing", "default_value"], defaults=[False, None]
)
VarLenFeature = namedtuple("VarLenFeature", ["dtype"])
RaggedFeature = namedtuple("RaggedFeature", ["dtype", "value_key"], defaults=[None])


def values_of_feature(feature: Feature | None, name: str, dtype: Any) -> Any:
    """The values of the feature of a name as one array, or None where there are none."""
    if feature is None or feature.list is None:
        return None
    wanted = {"string": "bytes_list", "int64": "int64_list", "float32": "float_list"}.get(dtype_name(dtype))
    if feature.WhichOneof("kind") != wanted:
        raise ValueError(
            f"parse_example: feature {name!r} is a {feature.WhichOneof('kind')}, but its dtype was given as {dtype}; "
            "examples hold string, int64 and float32."
        )
    values = feature.list.value
    return text_of(list(values)) if wanted == "bytes_list" else np.asarray(values, dtypes.to_numpy(dtype_name(dtype)))


def _fixed(name: str, values: Any, spec: Any) -> Any:
    shape = tuple(int(n) for n in spec.shape)
    count = int(np.prod(shape, dtype=int))
    if values is None:
        if spec.default_value is None:
            raise ValueError(
                f"parse_example: feature {name!r} is missing, and its FixedLenFeature has no default_value."
            )
        default = np.asarray(spec.default_value)
        values = as_text(default) if spec.dtype == "string" else default.astype(dtypes.to_numpy(dtype_name(spec.dtype)))
        values = values if values.size == count else np.broadcast_to(values, shape)
    if values.size != count:
        raise ValueError(f"parse_example: feature {name!r} has {values.size} values; shape={shape} needs {count}.")
    return values.reshape(shape)


def _parsed(example: Example, features: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for name, spec in sorted(features.items()):
        key = getattr(spec, "value_key", None) or name
        values = values_of_feature(example.features.feature.get(key), key, spec.dtype)
        if isinstance(spec, FixedLenFeature):
            found[name] = _fixed(name, values, spec)
            continue
        if values is None:
            values = text_of([]) if spec.dtype == "string" else np.zeros(0, dtypes.to_numpy(dtype_name(spec.dtype)))
        if isinstance(spec, FixedLenSequenceFeature):
            values = values.reshape(-1, *spec.shape)
        found[name] = values
    return found


def parse_single_example(serialized: Any, features: dict[str, Any], *args: Any, **ignored: Any) -> dict[str, Any]:
    """`tf.io.parse_single_example`: arrays by the names of features, in the order of these.

    Raises:
        ValueError: for data that is no example, or that lacks what is asked for.
    """
    return single_of(Example.FromString(serialized), features)


def single_of(example: Example, features: dict[str, Any]) -> dict[str, Any]:
    """What `parse_single_example` gives of an example."""
    found = _parsed(example, features)
    for name, spec in features.items():
        values = found[name]
        if isinstance(spec, VarLenFeature):
            found[name] = SparseTensor(np.arange(len(values))[:, None], values, [len(values)])
        else:
            found[name] = (
                values if isinstance(values, Text) else ops.convert_to_tensor(values, dtype=dtype_name(spec.dtype))
            )
    return found


def parse_example(serialized: Any, features: dict[str, Any], *args: Any, **ignored: Any) -> dict[str, Any]:
    """`tf.io.parse_example`: of a batch."""
    return batch_of([Example.FromString(x) for x in as_text(serialized).ravel().tolist()], features)


def batch_of(batch: list[Example], features: dict[str, Any]) -> dict[str, Any]:
    """What `parse_example` gives of examples."""
    examples = [_parsed(example, features) for example in batch]
    found: dict[str, Any] = {}
    for name, spec in sorted(features.items()):
        column = [example[name] for example in examples]
        if isinstance(spec, VarLenFeature | RaggedFeature | FixedLenSequenceFeature):
            joined: Any = np.concatenate([np.asarray(x) for x in column]) if column else np.zeros(0)
            rows = RaggedTensor.from_row_lengths(
                as_text(joined) if spec.dtype == "string" else joined, [len(x) for x in column]
            )
            if isinstance(spec, VarLenFeature):
                places = [[i, j] for i, x in enumerate(column) for j in range(len(x))]
                found[name] = SparseTensor(places, rows.values, [len(column), max(map(len, column), default=0)])
            else:
                found[name] = rows if isinstance(spec, RaggedFeature) else rows.to_tensor(spec.default_value)
        elif spec.dtype == "string":
            found[name] = as_text(np.stack([np.asarray(x) for x in column]))
        else:
            found[name] = ops.convert_to_tensor(np.stack(column), dtype=dtype_name(spec.dtype))
    return found


# -- tables -----------------------------------------------------------------------------------------------------------
def decode_csv(
    records: Any,
    record_defaults: Sequence[Any],
    field_delim: str = ",",
    use_quote_delim: bool = True,
    na_value: str = "",
    select_cols: Sequence[int] | None = None,
    name: str | None = None,
) -> list[Any]:
    """`tf.io.decode_csv`: a column for each default, of its type; a default without a value must be filled."""
    text = as_text(records)
    quoting = csv.QUOTE_MINIMAL if use_quote_delim else csv.QUOTE_NONE
    rows = list(csv.reader([x.decode() for x in text.ravel().tolist()], delimiter=field_delim, quoting=quoting))
    if select_cols is not None:
        rows = [[row[i] for i in select_cols if i < len(row)] for row in rows]
    for row in rows:
        if len(row) != len(record_defaults):
            raise ValueError(
                f"tf.io.decode_csv: expected {len(record_defaults)} fields, but a record has {len(row)}: {row}."
            )
    return [
        _column([row[i] for row in rows], default, i, na_value, text.shape) for i, default in enumerate(record_defaults)
    ]


def _column(cells: list[str], default: Any, place: int, na_value: str, shape: tuple[int, ...]) -> Any:
    if isinstance(default, str) and default in ("string", *dtypes.ALL):
        dtype, filler = default, None
    else:
        if isinstance(default, list | tuple) and len(default) == 1:
            (default,) = default
        flat = np.asarray(as_plain(default)).ravel()
        kind = flat.dtype.kind
        dtype = "string" if kind in "OUS" else "int32" if kind in "iu" else "float32"
        dtype = default.dtype if hasattr(default, "dtype") and kind in "iuf" else dtype
        filler = flat[0] if len(flat) else None

    def cell(value: str) -> Any:
        if value in ("", na_value):
            if filler is None:
                raise ValueError(f"tf.io.decode_csv: field {place} is required, but is empty in a record.")
            return filler
        return value

    values = [cell(value) for value in cells]
    if dtype == "string":
        return as_text(np.asarray(values, object).reshape(shape))
    dtype = dtype_name(dtype)
    numbers = [_number(value, dtype, f"field {place} in record {i}") for i, value in enumerate(values)]
    with np.errstate(over="ignore"):  # a float that is too large is infinite
        array = np.asarray(numbers, dtypes.to_numpy(dtype))
    return ops.convert_to_tensor(array.reshape(shape), dtype=dtype)


def _number(value: Any, dtype: str, where: str) -> Any:
    """A cell as a number; what is no cell is one already."""
    try:
        if isinstance(value, str) and "_" in value:  # Python's numbers have them
            raise ValueError
        number = float(value) if dtypes.is_float(dtype) else int(value)
    except ValueError:
        raise ValueError(f"tf.io.decode_csv: {where} is {value!r}, which is no {dtype}.") from None
    least, greatest = dtypes.limits(dtype)
    if dtypes.is_integer(dtype) and not least <= number <= greatest:
        raise ValueError(
            f"tf.io.decode_csv: {where} is {value}, which is not within {dtype}, {least} to {greatest}. A default of "
            "another type, such as tf.constant(0, tf.int64) or 0.0, gives the column that type."
        )
    return number


def make_csv_dataset(
    file_pattern: Any,
    batch_size: int,
    column_names: Any = None,
    column_defaults: Any = None,
    label_name: str | None = None,
    select_columns: Any = None,
    field_delim: str = ",",
    use_quote_delim: bool = True,
    na_value: str = "",
    header: bool = True,
    num_epochs: int | None = None,
    shuffle: bool = True,
    shuffle_buffer_size: int = 10000,
    shuffle_seed: int | None = None,
    prefetch_buffer_size: int | None = None,
    num_parallel_reads: int | None = None,
    sloppy: bool = False,
    num_rows_for_inference: int | None = 100,
    *args: Any,
    **ignored: Any,
) -> Dataset:
    """`tf.data.experimental.make_csv_dataset`: batches of columns by name, and labels.

    The first ``num_rows_for_inference`` rows say what the types are, all rows where it is None.

    Raises:
        ValueError: where no file matches, a row has another number of fields, a cell is not of its column's type, or
            there is no column of labels.
    """
    paths = matching(file_pattern)
    if not paths:
        raise ValueError(f"make_csv_dataset: no file matches {file_pattern!r}.")
    quoting = csv.QUOTE_MINIMAL if use_quote_delim else csv.QUOTE_NONE
    rows: list[list[str]] = []
    names = list(column_names) if column_names is not None else []
    for path in paths:
        with open(path, newline="", encoding="utf-8") as stream:
            lines = list(csv.reader(stream, delimiter=field_delim, quoting=quoting))
        if header and lines:
            names = names or lines[0]
            lines = lines[1:]
        rows += [line for line in lines if line]
    for number, row in enumerate(rows, 1):
        if len(row) != len(names):
            raise ValueError(
                f"make_csv_dataset: row {number} has {counted(len(row), 'field')}; there are {len(names)} columns. "
                "Check field_delim and use_quote_delim."
            )
    columns = {}
    for i, name in enumerate(names):
        if select_columns is not None and name not in select_columns and i not in select_columns:
            continue
        cells = [row[i] for row in rows]
        default = (
            column_defaults[len(columns)]
            if column_defaults is not None
            else _guessed(cells[:num_rows_for_inference], na_value)
        )
        columns[name] = _column(cells, default, i, na_value, (len(rows),))
    data: Any = dict(columns)
    if label_name is not None:
        if label_name not in data:
            raise ValueError(f"make_csv_dataset: label_name={label_name!r} is none of the columns {list(columns)}.")
        data = (data, data.pop(label_name))
    found = Dataset.from_tensor_slices(data)
    if shuffle:
        found = found.shuffle(shuffle_buffer_size, seed=shuffle_seed)
    return found.repeat(num_epochs).batch(batch_size, drop_remainder=num_epochs is None)


def CsvDataset(
    filenames: Any,
    record_defaults: Sequence[Any],
    compression_type: Any = None,
    buffer_size: Any = None,
    header: bool = False,
    field_delim: str = ",",
    use_quote_delim: bool = True,
    na_value: str = "",
    select_cols: Sequence[int] | None = None,
    exclude_cols: Sequence[int] | None = None,
    name: Any = None,
) -> Dataset:
    """`tf.data.experimental.CsvDataset`: each line as a tuple, a field for each default, of its type.

    Raises:
        ValueError: where a line has other fields than there are defaults, or one of them is not of its type.
    """
    if select_cols is not None and exclude_cols is not None:
        raise ValueError("CsvDataset: select_cols and exclude_cols were both given; give one of them.")
    quoting = csv.QUOTE_MINIMAL if use_quote_delim else csv.QUOTE_NONE
    rows: list[list[str]] = []
    for path in paths_of(filenames):
        with _opened(path, compression_type) as stream:
            lines = list(
                csv.reader(io.TextIOWrapper(stream, "utf-8", newline=""), delimiter=field_delim, quoting=quoting)
            )
        rows += [line for line in lines[1 if header else 0 :] if line]
    for i, row in enumerate(rows):
        left_out = exclude_cols if exclude_cols is not None else ()
        chosen = select_cols if select_cols is not None else [j for j in range(len(row)) if j not in left_out]
        if len(chosen) != len(record_defaults) or max(chosen, default=-1) >= len(row):
            raise ValueError(
                f"CsvDataset: record_defaults has {len(record_defaults)} entries, for the fields {list(chosen)} of a "
                f"line; but a line has {len(row)} fields: {row}."
            )
        rows[i] = [row[j] for j in chosen]
    columns = [
        _column([row[i] for row in rows], default, i, na_value, (len(rows),))
        for i, default in enumerate(record_defaults)
    ]
    return Dataset.from_tensor_slices(tuple(columns))


def _guessed(cells: list[str], na_value: str) -> Any:
    """The default of a column by what is in it: the first type of numbers that holds all, else strings.

    Texts that Python's `float` takes, too, such as "nan" and "Infinity", are strings, and so is a column of empty
    cells.
    """
    filled = [cell for cell in cells if cell not in ("", na_value)]
    for dtype in ("int32", "int64", "float32", "float64") if filled else ():
        if all(_is_within(cell, dtype) for cell in filled):
            return np.zeros(1, dtype)
    return [""]


def _is_within(cell: str, dtype: str) -> bool:
    """Whether a cell is a number in the range of a type."""
    least, greatest = dtypes.limits(dtype)
    try:
        return "_" not in cell and bool(least <= (float if dtypes.is_float(dtype) else int)(cell) <= greatest)
    except ValueError:
        return False
