"""`tf.train.SequenceExample`, its parts, and the functions that read it, for `pronghorn run`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.callbacks.event_file import bytes_field
from pronghorn.data import RaggedTensor
from pronghorn.data.element import as_text, encoded, text_of
from pronghorn.data.element_types import dtype_name
from pronghorn.engine.graph import dtypes
from pronghorn_tensorflow.files.messages import BytesList, Example, Feature, Features, Message, checked, inside
from pronghorn_tensorflow.files.records import (
    FixedLenFeature,
    FixedLenSequenceFeature,
    RaggedFeature,
    VarLenFeature,
    batch_of,
    single_of,
    values_of_feature,
)
from pronghorn_tensorflow.files.wire import LENGTH, fields
from pronghorn_tensorflow.rows.sparse import SparseTensor


# -- messages ---------------------------------------------------------------------------------------------------------
class _Features(list[Feature]):
    """The features of a list, each checked when it comes."""

    def __init__(self, values: Any = ()) -> None:
        super().__init__(_feature(value) for value in values)

    def add(self) -> Feature:
        """Append an empty feature, and return it."""
        super().append(found := Feature())
        return found

    def append(self, value: Any) -> None:
        super().append(_feature(value))

    def extend(self, values: Any) -> None:
        super().extend(_feature(value) for value in values)


def _feature(value: Any) -> Feature:
    return checked(Feature, "FeatureList: feature", value)


class FeatureList(Message):
    """`tf.train.FeatureList`: a feature for each step."""

    def __init__(self, feature: Any = ()) -> None:
        self.feature = _Features(feature or ())

    def clear(self) -> None:
        self.feature.clear()

    def write(self) -> bytes:
        return b"".join(bytes_field(1, feature.write()) for feature in self.feature)

    def read(self, data: bytes) -> None:
        for number, kind, value in fields(data):
            if number == 1 and kind == LENGTH:
                self.feature.add().read(value)

    def lines(self) -> Iterator[str]:
        return (line for feature in self.feature for line in inside("feature", feature))


class _ByName(dict[str, FeatureList]):
    """Lists by name, made when they are first asked for."""

    def __missing__(self, name: str) -> FeatureList:
        self[name] = found = FeatureList()
        return found

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, checked(FeatureList, f"FeatureLists: {name!r}", value))


class FeatureLists(Message):
    """`tf.train.FeatureLists`: lists of features by name."""

    def __init__(self, feature_list: Mapping[str, FeatureList] | None = None) -> None:
        self.feature_list = _ByName()
        for name, value in (feature_list or {}).items():
            self.feature_list[name] = value

    def clear(self) -> None:
        self.feature_list.clear()

    def write(self) -> bytes:
        pairs = ((encoded(name), value.write()) for name, value in sorted(self.feature_list.items()))
        return b"".join(bytes_field(1, bytes_field(1, name) + bytes_field(2, value)) for name, value in pairs)

    def read(self, data: bytes) -> None:
        for number, kind, entry in fields(data):
            if number == 1 and kind == LENGTH:
                parts = {n: value for n, k, value in fields(entry) if k == LENGTH}
                found = self.feature_list[parts.get(1, b"").decode("utf-8", "replace")] = FeatureList()
                found.read(parts.get(2, b""))

    def lines(self) -> Iterator[str]:
        for name, value in sorted(self.feature_list.items()):
            yield "feature_list {"
            yield f"  key: {BytesList().shown(encoded(name))}"
            yield from (f"  {line}" for line in inside("value", value))
            yield "}"


class SequenceExample(Message):
    """`tf.train.SequenceExample`: features of the whole, and lists of features by step.

    >>> example = SequenceExample()
    >>> example.feature_lists.feature_list["n"].feature.add().int64_list.value.append(3)
    >>> SequenceExample.FromString(example.SerializeToString()).feature_lists.feature_list["n"].feature
    [int64_list {
      value: 3
    }
    ]
    """

    def __init__(self, context: Features | None = None, feature_lists: FeatureLists | None = None) -> None:
        self._given = {1: context is not None, 2: feature_lists is not None}
        self.context = checked(Features, "SequenceExample: context", context or Features())
        self.feature_lists = checked(
            FeatureLists, "SequenceExample: feature_lists", FeatureLists() if feature_lists is None else feature_lists
        )

    def _parts(self) -> Iterator[tuple[int, str, Any]]:
        """The number, the name and the message of each part that is there."""
        if self._given[1] or self.context.feature:
            yield 1, "context", self.context
        if self._given[2] or self.feature_lists.feature_list:
            yield 2, "feature_lists", self.feature_lists

    def clear(self) -> None:
        self._given = {1: False, 2: False}
        self.context.clear()
        self.feature_lists.clear()

    def write(self) -> bytes:
        return b"".join(bytes_field(number, part.write()) for number, _, part in self._parts())

    def read(self, data: bytes) -> None:
        for number, kind, value in fields(data):
            if number in self._given and kind == LENGTH:
                self._given[number] = True
                (self.context if number == 1 else self.feature_lists).read(value)

    def lines(self) -> Iterator[str]:
        return (line for _, name, part in self._parts() for line in inside(name, part))


# -- reading ----------------------------------------------------------------------------------------------------------
def parse_single_sequence_example(
    serialized: Any,
    context_features: dict[str, Any] | None = None,
    sequence_features: dict[str, Any] | None = None,
    example_name: Any = None,
    name: str | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """`tf.io.parse_single_sequence_example`: the context and the steps, by the names of features.

    A `FixedLenSequenceFeature` gives an array `[steps, *shape]`, a `VarLenFeature` a sparse one `[steps, longest]`, a
    `RaggedFeature` rows.

    Raises:
        ValueError: for data that is no such example, or that lacks what is asked for.
    """
    _check_asked("parse_single_sequence_example", context_features, sequence_features)
    example = SequenceExample.FromString(serialized)
    found = {}
    for key, spec in (sequence_features or {}).items():
        steps = _steps(example, key, spec)
        if isinstance(spec, FixedLenSequenceFeature):
            found[key] = _tensor(_padded([steps], spec)[0], spec)
        else:
            found[key] = _sparse(steps, spec.dtype) if isinstance(spec, VarLenFeature) else _rows(steps, spec)
    return single_of(Example(features=example.context), context_features or {}), found


def parse_sequence_example(
    serialized: Any,
    context_features: dict[str, Any] | None = None,
    sequence_features: dict[str, Any] | None = None,
    example_names: Any = None,
    name: str | None = None,
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """`tf.io.parse_sequence_example`: the context and the steps of a batch, and how many steps each example has.

    A `FixedLenSequenceFeature` gives an array `[batch, most steps, *shape]`, in which shorter examples are filled up
    with zeros or empty strings, and the numbers of steps, int64 `[batch]`. A `VarLenFeature` gives a sparse
    array `[batch, most steps, longest]`, a `RaggedFeature` rows of rows.

    Raises:
        ValueError: for data that are no such examples, or that lack what is asked for.
    """
    _check_asked("parse_sequence_example", context_features, sequence_features)
    examples = [SequenceExample.FromString(x) for x in as_text(serialized).ravel().tolist()]
    if not examples:
        raise ValueError("parse_sequence_example: the batch is empty; it must have one example or more.")
    found, lengths = {}, {}
    for key, spec in sorted((sequence_features or {}).items()):
        column = [_steps(example, key, spec) for example in examples]
        counts = np.asarray([len(steps) for steps in column], "int64")
        if isinstance(spec, FixedLenSequenceFeature):
            found[key] = _tensor(_padded(column, spec), spec)
            lengths[key] = ops.convert_to_tensor(counts)
        elif isinstance(spec, VarLenFeature):
            found[key] = SparseTensor.stacked([_sparse(steps, spec.dtype) for steps in column])
        else:
            rows = _rows([values for steps in column for values in steps], spec)
            found[key] = RaggedTensor.from_row_lengths(rows, counts)
    context = batch_of([Example(features=example.context) for example in examples], context_features or {})
    return context, found, lengths


def _check_asked(who: str, context_features: Any, sequence_features: Any) -> None:
    if not context_features and not sequence_features:
        raise ValueError(f"{who}: neither context_features nor sequence_features says what to read; give one of them.")


def _empty(dtype: Any, shape: Any) -> Any:
    """What stands where nothing is: empty strings, or zeros."""
    if dtype_name(dtype) == "string":
        return as_text(np.full(shape, b"", object))
    return np.zeros(shape, dtypes.to_numpy(dtype_name(dtype)))


def _steps(example: SequenceExample, key: str, spec: Any) -> list[Any]:
    """What each step has under a name."""
    if not isinstance(spec, FixedLenSequenceFeature | VarLenFeature | RaggedFeature):
        kind = "FixedLenFeature is for the context" if isinstance(spec, FixedLenFeature) else f"got {spec!r}"
        raise ValueError(
            f"parse_sequence_example: the feature {key!r} of a sequence must be a tf.io.FixedLenSequenceFeature, "
            f"VarLenFeature or RaggedFeature; {kind}."
        )
    if getattr(spec, "default_value", None) is not None:
        raise ValueError(
            f"parse_sequence_example: the feature {key!r} of a sequence has default_value={spec.default_value!r}; "
            "TensorFlow fills up with zeros and empty strings only. Leave it out."
        )
    key = getattr(spec, "value_key", None) or key
    steps = example.feature_lists.feature_list.get(key)
    if steps is None:
        if isinstance(spec, FixedLenSequenceFeature) and not spec.allow_missing:
            raise ValueError(
                f"parse_sequence_example: feature list {key!r} is missing; its FixedLenSequenceFeature may have "
                "allow_missing=True."
            )
        return []
    found = [values_of_feature(feature, key, spec.dtype) for feature in steps.feature]
    found = [_empty(spec.dtype, 0) if values is None else values for values in found]
    if not isinstance(spec, FixedLenSequenceFeature):
        return found
    shape = tuple(int(n) for n in spec.shape)
    count = int(np.prod(shape, dtype=int))
    for i, values in enumerate(found):
        if len(values) != count:
            raise ValueError(
                f"parse_sequence_example: feature list {key!r} has {len(values)} values in step {i}; shape={shape} "
                f"needs {count}."
            )
    return [values.reshape(shape) for values in found]


def _padded(column: list[list[Any]], spec: Any) -> Any:
    """The steps of each example as one array, filled up to the most steps."""
    most = max(map(len, column), default=0)
    found = np.array(_empty(spec.dtype, (len(column), most, *(int(n) for n in spec.shape))))
    for row, steps in zip(found, column):
        for i, values in enumerate(steps):
            row[i] = np.asarray(values)
    return found


def _tensor(array: np.ndarray, spec: Any) -> Any:
    dtype = dtype_name(spec.dtype)
    return as_text(array) if dtype == "string" else ops.convert_to_tensor(array, dtype=dtype)


def _joined(steps: list[Any], dtype: Any) -> Any:
    """All values, one behind the other."""
    if dtype_name(dtype) == "string":
        return text_of([value for values in steps for value in values.tolist()])
    return np.concatenate([_empty(dtype, 0), *steps])


def _rows(steps: list[Any], spec: Any) -> RaggedTensor:
    return RaggedTensor.from_row_lengths(_joined(steps, spec.dtype), [len(values) for values in steps])


def _sparse(steps: list[Any], dtype: Any) -> SparseTensor:
    places = np.asarray([[i, j] for i, values in enumerate(steps) for j in range(len(values))], "int64").reshape(-1, 2)
    return SparseTensor(places, _joined(steps, dtype), [len(steps), max(map(len, steps), default=0)])
