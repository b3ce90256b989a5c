"""Tables of named columns turned into what a model takes: each column by its kind, and crosses of columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pronghorn import layers as _layers
from pronghorn import ops, tree
from pronghorn._lazy import nearest_clause
from pronghorn.layers.preprocessing.batches import column_adapted
from pronghorn.saving import save_model
from pronghorn.serialization.objects import deserialize_keras_object, serialize_keras_object
from pronghorn.serialization.registration import register_keras_serializable
from pronghorn.utils.progbar import Progbar

_OUTPUT_MODES = ("float", "int", "one_hot")


class _Described:
    """Something that is described by the arguments it was made with."""

    _arguments: tuple[str, ...] = ()

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {name: getattr(self, name) for name in self._arguments}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make one of its arguments."""
        return cls(**config)


@register_keras_serializable(package="pronghorn.utils")
class Cross(_Described):
    """A cross of columns: their values together, hashed into a fixed number of bins.

    Args:
        feature_names: two columns or more.
        crossing_dim: the number of bins.
        output_mode: `"one_hot"` or `"int"`.
    """

    _arguments = ("feature_names", "crossing_dim", "output_mode")

    def __init__(self, feature_names: Sequence[str], crossing_dim: int, output_mode: str = "one_hot") -> None:
        if output_mode not in ("int", "one_hot"):
            raise ValueError(f"FeatureSpace.cross: output_mode={output_mode!r}; it must be 'int' or 'one_hot'.")
        self.feature_names = tuple(feature_names)
        self.crossing_dim = crossing_dim
        self.output_mode = output_mode

    @property
    def name(self) -> str:
        """The names of the columns with `_X_` between them."""
        return "_X_".join(self.feature_names)


@register_keras_serializable(package="pronghorn.utils")
class Feature(_Described):
    """A column: its dtype, the layer that prepares it, and what comes out.

    Args:
        dtype: `"float32"`, `"int32"`, `"int64"` or `"string"`.
        preprocessor: a preprocessing layer.
        output_mode: `"float"`, `"int"` or `"one_hot"`.
    """

    _arguments = ("dtype", "preprocessor", "output_mode")

    def __init__(self, dtype: str, preprocessor: Any, output_mode: str) -> None:
        if output_mode not in _OUTPUT_MODES:
            raise ValueError(
                f"FeatureSpace: output_mode={output_mode!r}; it must be one of {', '.join(_OUTPUT_MODES)}."
            )
        self.dtype = dtype
        self.preprocessor = deserialize_keras_object(preprocessor) if isinstance(preprocessor, dict) else preprocessor
        self.output_mode = output_mode

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, the layer as its configuration."""
        return {**super().get_config(), "preprocessor": serialize_keras_object(self.preprocessor)}


def _categories(preprocessor: Any) -> int:
    """How many numbers a layer that indexes gives."""
    if hasattr(preprocessor, "vocabulary_size"):
        return preprocessor.vocabulary_size()
    return preprocessor.num_bins or len(preprocessor.bin_boundaries) + 1


@register_keras_serializable(package="pronghorn.utils")
class FeatureSpace(_layers.Layer):
    """Prepares the columns of a table, each by its kind.

    Args:
        features: name of a column to its kind: a string such as `"float_normalized"`, or what one of the functions
            below returns.
        output_mode: `"concat"` for one vector of all columns, in the order of their names and with the crosses last;
            `"dict"` for a dict of them.
        crosses: tuples of column names, or what `FeatureSpace.cross` returns.
        crossing_dim: bins of a cross.
        hashing_dim: bins of a hashed column.
        num_discretization_bins: bins of a discretized column.
        name: the layer's name.

    Kinds: `float`, `float_rescaled`, `float_normalized`, `float_discretized`, `integer_categorical`,
    `string_categorical`, `integer_hashed`, `string_hashed`, and `feature` for a preprocessing layer of one's own.

    Raises:
        ValueError: for an unknown kind, a cross of unknown columns, or modes that do not fit together.

    Example:

    >>> import numpy as np
    >>> rows = {"area": np.array([50.0, 100.0]), "district": np.array(["hill", "harbour"])}
    >>> space = FeatureSpace({"area": "float_normalized", "district": "string_categorical"})
    >>> space.adapt(rows)
    >>> space(rows).shape  # a measure; two districts and a place for unknown ones
    (2, 4)
    """

    def __init__(
        self,
        features: Mapping[str, Any],
        output_mode: str = "concat",
        crosses: Sequence[Any] | None = None,
        crossing_dim: int = 32,
        hashing_dim: int = 32,
        num_discretization_bins: int = 32,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        if not features:
            raise ValueError(
                f"FeatureSpace: features={features!r} cannot be None or empty; name the columns and their kinds."
            )
        if output_mode not in ("concat", "dict"):
            raise ValueError(
                f"FeatureSpace: the value for argument `output_mode` must be 'concat' or 'dict', got {output_mode!r}."
            )
        self.crossing_dim = crossing_dim
        self.hashing_dim = hashing_dim
        self.num_discretization_bins = num_discretization_bins
        self.output_mode = output_mode
        self.features = {column: self._standardize(column, kind) for column, kind in features.items()}
        self.crosses = [self._standardize_cross(cross) for cross in crosses or ()]
        self.preprocessors = {column: feature.preprocessor for column, feature in self.features.items()}
        self.crossers = {
            cross.name: _layers.HashedCrossing(num_bins=cross.crossing_dim, name=cross.name) for cross in self.crosses
        }
        self._inputs: dict[str, Any] | None = None
        self._encoded: Any = None
        self.built = self._is_adapted = not self._adaptable()

    # -- kinds of columns ---------------------------------------------------------------------------------------------
    @classmethod
    def cross(cls, feature_names: Sequence[str], crossing_dim: int, output_mode: str = "one_hot") -> Cross:
        """Return a cross of columns."""
        return Cross(feature_names, crossing_dim, output_mode)

    @classmethod
    def feature(cls, dtype: str, preprocessor: Any, output_mode: str) -> Feature:
        """Return a column with a preprocessing layer of one's own."""
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float(cls, name: str | None = None) -> Feature:
        """Return a column of numbers that stay as they are."""
        return Feature("float32", _layers.Identity(dtype="float32", name=name), "float")

    @classmethod
    def float_rescaled(cls, scale: float = 1.0, offset: float = 0.0, name: str | None = None) -> Feature:
        """Return a column of numbers that are multiplied by `scale`, plus `offset`."""
        return Feature("float32", _layers.Rescaling(scale=scale, offset=offset, name=name), "float")

    @classmethod
    def float_normalized(cls, name: str | None = None) -> Feature:
        """Return a column of numbers that get mean 0 and variance 1."""
        return Feature("float32", _layers.Normalization(axis=-1, name=name), "float")

    @classmethod
    def float_discretized(
        cls, num_bins: int, bin_boundaries: Any = None, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """Return a column of numbers that are sorted into bins."""
        options: dict[str, Any] = {"num_bins": num_bins}
        if bin_boundaries is not None:
            options = {"bin_boundaries": bin_boundaries}
        return Feature("float32", _layers.Discretization(**options, name=name), output_mode)

    @classmethod
    def integer_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Return a column of integers that stand for categories."""
        layer = _layers.IntegerLookup(max_tokens=max_tokens, num_oov_indices=num_oov_indices, name=name)
        return Feature("int32", layer, output_mode)

    @classmethod
    def string_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Return a column of strings that stand for categories."""
        layer = _layers.StringLookup(max_tokens=max_tokens, num_oov_indices=num_oov_indices, name=name)
        return Feature("string", layer, output_mode)

    @classmethod
    def string_hashed(cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        """Return a column of strings that are hashed into bins."""
        return Feature("string", _layers.Hashing(num_bins=num_bins, name=name), output_mode)

    @classmethod
    def integer_hashed(cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        """Return a column of integers that are hashed into bins."""
        return Feature("int32", _layers.Hashing(num_bins=num_bins, name=name), output_mode)

    def _standardize(self, column: str, kind: Any) -> Feature:
        if isinstance(kind, Feature):
            return kind
        if isinstance(kind, dict):
            return deserialize_keras_object(kind)
        makers = {
            "float": self.float,
            "float_rescaled": self.float_rescaled,
            "float_normalized": self.float_normalized,
            "float_discretized": lambda name: self.float_discretized(self.num_discretization_bins, name=name),
            "integer_categorical": self.integer_categorical,
            "string_categorical": self.string_categorical,
            "integer_hashed": lambda name: self.integer_hashed(self.hashing_dim, name=name),
            "string_hashed": lambda name: self.string_hashed(self.hashing_dim, name=name),
        }
        if kind not in makers:
            raise ValueError(
                f"FeatureSpace: column {column!r} has the unknown kind {kind!r}{nearest_clause(str(kind), makers)}; "
                f"there are {', '.join(makers)}."
            )
        return makers[kind](name=f"{column}_preprocessor")

    def _standardize_cross(self, cross: Any) -> Cross:
        if isinstance(cross, dict):
            cross = deserialize_keras_object(cross)
        elif not isinstance(cross, Cross):
            if not isinstance(self.crossing_dim, int):
                raise ValueError(
                    f"FeatureSpace: `crossing_dim` must say how many bins the cross {tuple(cross)} has, got "
                    f"crossing_dim={self.crossing_dim!r}. Give it, or make the cross with FeatureSpace.cross."
                )
            cross = Cross(tuple(cross), self.crossing_dim)
        for column in cross.feature_names:
            if column not in self.features:
                raise ValueError(
                    f"FeatureSpace: what is crossed should be present in `features`, but {column!r} of {cross.name} "
                    f"is not{nearest_clause(column, self.features)}; `features` has {', '.join(self.features)}."
                )
            if self.features[column].output_mode == "float":
                raise ValueError(
                    f"FeatureSpace: column {column!r} of the cross {cross.name} comes out as floats; cross columns "
                    "that come out as categories, for example of kind 'float_discretized'."
                )
        return cross

    # -- adapting -----------------------------------------------------------------------------------------------------
    def _adaptable(self) -> list[str]:
        return [column for column, layer in self.preprocessors.items() if _needs_data(layer)]

    def adapt(self, dataset: Any, verbose: int = 0) -> None:
        """Learn vocabularies, means and bins from data.

        Args:
            dataset: a dict of columns, or an iterable of such dicts, of single rows or of batches.
            verbose: whether a bar shows how many elements were read; not by default, as in Keras 3.15.

        Raises:
            ValueError: if the elements are no dicts, or lack a column.
        """
        columns = {column: [] for column in self._adaptable()}
        elements = [dataset] if isinstance(dataset, Mapping) else dataset
        bar = Progbar(len(elements) if hasattr(elements, "__len__") else None, verbose=verbose)
        step = 0
        for step, element in enumerate(elements, 1):
            if not isinstance(element, Mapping):
                raise ValueError(
                    f"FeatureSpace.adapt: the elements must be dicts of columns; got {type(element).__name__}. Take "
                    "labels away first: dataset.map(lambda x, y: x)."
                )
            for column, values in columns.items():
                if column not in element:
                    raise ValueError(f"FeatureSpace.adapt: the data has no column {column!r}.")
                values.append(np.asarray(element[column]).reshape(-1, 1))
            bar.update(step, finalize=False)
        bar.update(step, finalize=True)
        for column, values in columns.items():
            token = column_adapted.set(column)
            try:
                self.preprocessors[column].adapt(np.concatenate(values))
            finally:
                column_adapted.reset(token)
        self._is_adapted = self.built = True
        self._inputs, self._encoded = None, None

    # -- encoding -----------------------------------------------------------------------------------------------------
    def get_inputs(self) -> dict[str, Any]:
        """Return an `Input` for each column, for a functional model."""
        self._check_adapted()
        if self._inputs is None:
            self._inputs = {
                column: _layers.Input(shape=(1,), dtype=feature.dtype, name=column)
                for column, feature in self.features.items()
            }
        return self._inputs

    def get_encoded_features(self) -> Any:
        """Return what comes out for `get_inputs()`."""
        if self._encoded is None:
            self._encoded = self._encode(self.get_inputs())
        return self._encoded

    def __call__(self, data: Mapping[str, Any]) -> Any:
        """Encode columns.

        Args:
            data: a dict of columns of shape `(batch,)` or `(batch, 1)`, or of single values.

        Returns:
            A tensor of shape `(batch, width)` or `(width,)`, or a dict of them.
        """
        self._check_adapted()
        if not isinstance(data, Mapping):
            raise ValueError(f"FeatureSpace takes a dict of columns; got {type(data).__name__}.")
        missing = [column for column in self.features if column not in data]
        if missing:
            raise ValueError(f"FeatureSpace: the data has no column {', '.join(missing)}.")
        columns = {column: _column(data[column]) for column in self.features}
        single = all(np.ndim(_as_is(value)) == 0 for column, value in data.items() if column in self.features)
        encoded = self._encode(columns)
        return tree.map_structure(lambda x: ops.squeeze(x, 0), encoded) if single else encoded

    def call(self, data: Mapping[str, Any]) -> Any:
        return self.__call__(data)

    def _check_adapted(self) -> None:
        if not self._is_adapted:
            raise ValueError(
                "FeatureSpace: You need to call `.adapt(data)` first; these columns must see data: "
                f"{', '.join(self._adaptable())}."
            )

    def _encode(self, columns: Mapping[str, Any]) -> Any:
        encoded = {}
        for name, values, categories, mode in self._prepared(columns):
            encoded[name] = _finish(values, categories, mode, self.output_mode == "concat", name)
        if self.output_mode == "dict":
            return encoded

        return ops.concatenate(list(encoded.values()), axis=-1)

    def _prepared(self, columns: Mapping[str, Any]) -> Iterator[tuple[str, Any, int, str]]:
        prepared = {column: feature.preprocessor(columns[column]) for column, feature in self.features.items()}
        for column, feature in sorted(self.features.items()):
            categories = _categories(feature.preprocessor) if feature.output_mode == "one_hot" else 0
            yield column, prepared[column], categories, feature.output_mode
        for cross in sorted(self.crosses, key=lambda cross: cross.name):
            values = self.crossers[cross.name](tuple(prepared[column] for column in cross.feature_names))
            yield cross.name, values, cross.crossing_dim, cross.output_mode

    # -- saving -------------------------------------------------------------------------------------------------------
    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            "features": {column: serialize_keras_object(feature) for column, feature in self.features.items()},
            "output_mode": self.output_mode,
            "crosses": [serialize_keras_object(cross) for cross in self.crosses],
            "crossing_dim": self.crossing_dim,
            "hashing_dim": self.hashing_dim,
            "num_discretization_bins": self.num_discretization_bins,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FeatureSpace:
        """Make one of what `get_config` returned."""
        return cls(**config)

    def get_build_config(self) -> dict[str, Any]:
        """Return the columns, which is all that building needs."""
        return {"columns": list(self.features)}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Take it that the layers get their state from the file."""
        self._is_adapted = self.built = True

    def save(self, filepath: Any) -> None:
        """Save to a `.keras` file; `load_model` loads it."""
        save_model(self, filepath)


def _needs_data(layer: Any) -> bool:
    if not hasattr(layer, "adapt"):
        return False
    if isinstance(layer, _layers.Discretization):
        return layer.input_bin_boundaries is None
    if isinstance(layer, _layers.Normalization):
        return layer.input_mean is None
    if hasattr(layer, "get_vocabulary"):
        return not layer.get_vocabulary(include_special_tokens=False)
    return True


def _as_is(value: Any) -> Any:
    return value if hasattr(value, "shape") else np.asarray(value)


def _column(value: Any) -> Any:
    """A column as `(batch, 1)`; single values are a batch of one."""
    values = _as_is(value)
    if isinstance(values, np.ndarray) or np.isscalar(values):
        array = np.asarray(values)
        array = array.astype("float32") if array.dtype == np.float64 else array
        return array.reshape(-1, 1) if array.ndim < 2 else array

    return ops.reshape(values, (-1, 1)) if len(values.shape) < 2 else values


def _finish(values: Any, categories: int, mode: str, concat: bool, name: str) -> Any:
    if mode == "one_hot":
        return ops.one_hot(ops.squeeze(ops.cast(values, "int32"), -1), categories)
    if not concat:
        return values
    if mode == "int":
        raise ValueError(
            f"FeatureSpace: column {name!r} comes out as integers, which do not go into one vector; give it the "
            "output_mode 'one_hot', or FeatureSpace output_mode='dict'."
        )
    return ops.cast(values, "float32")
