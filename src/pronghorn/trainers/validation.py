"""Checks of data and labels before any training; each error says what came, what was expected and how to mend it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pronghorn import losses
from pronghorn.data.ragged import RaggedTensor
from pronghorn.engine.graph.user_code import defined_in, warn
from pronghorn.losses.loss import LossFunctionWrapper
from pronghorn.losses.probabilistic import (
    binary_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    sparse_categorical_crossentropy,
)
from pronghorn.utils.arguments import is_integer, is_number

_ELEMENTWISE = "pronghorn.losses.regression"  # the module of the losses that compare element by element


def check_lengths(named: Sequence[tuple[str, np.ndarray]]) -> int:
    """The number of samples of all arrays.

    Raises:
        ValueError: if the arrays differ in it, or it is zero.
    """
    for name, array in named:
        if array.ndim == 0:
            raise ValueError(
                f"`{name}` is a single number; the data must have a first axis with one entry a sample. For one "
                "sample, wrap it in an array: np.array([value])."
            )
    lengths = {len(array) for _, array in named}
    if len(lengths) > 1:
        listed = ", ".join(f"`{name}` has {len(array)} (shape {array.shape})" for name, array in named)
        raise ValueError(
            f"Data cardinality is ambiguous: all arrays must hold the same number of samples, but {listed}. The first "
            "axis counts the samples; check that x and y come from the same rows."
        )
    size = lengths.pop() if lengths else 0
    if size == 0:
        listed = ", ".join(f"`{name}` has shape {array.shape}" for name, array in named) or "there are no arrays"
        raise ValueError(f"The data set is empty: {listed}. There must be at least one sample.")
    return size


def has_nan(array: np.ndarray) -> bool:
    """Whether an array holds NaN.

    >>> has_nan(np.array([1.0, np.nan])), has_nan(np.array([1, 2]))
    (True, False)
    """
    # the least element is NaN if any is; no temporary array
    return array.dtype.kind == "f" and array.size > 0 and bool(np.isnan(np.min(array)))


def where_nan(array: np.ndarray) -> str:
    """Where an array holds NaN, in words.

    >>> where_nan(np.array([[1.0, np.nan], [2.0, np.nan]]))
    '2 NaN among its 4 numbers, the first at index (0, 1), all in column 1'
    """
    where = np.isnan(array)
    first = tuple(int(i) for i in np.argwhere(where)[0])
    columns = np.flatnonzero(where.any(axis=0)) if array.ndim == 2 and array.shape[1] > 1 else []
    place = "" if not 0 < len(columns) <= 8 else f", all in column{'s' * (len(columns) > 1)} "
    return f"{int(where.sum())} NaN among its {array.size} numbers, the first at index {first}" + (
        place and place + ", ".join(map(str, columns))
    )


def warn_of_infinities(named: Sequence[tuple[str, np.ndarray]]) -> None:
    """Warn of arrays that hold infinities."""
    for name, array in named:
        if isinstance(array, RaggedTensor):
            array = np.asarray(array.flat_values)
        if array.dtype.kind == "f" and array.size and (np.isinf(np.min(array)) or np.isinf(np.max(array))):
            first = tuple(int(i) for i in np.argwhere(np.isinf(array))[0])
            warn(
                f"`{name}` holds infinite values, the first at index {first}; most models make NaN of them. Drop those "
                "samples, or limit the values, for example with np.clip."
            )


def check_target_shape(name: str, loss: Any, y_true: Any, y_pred: Any) -> None:
    """Raise a ValueError if labels do not fit a cross-entropy, by their shape or type.

    Args:
        name: the output's name.
        loss: the loss of the output.
        y_true: labels, with `shape` and `dtype`.
        y_pred: the output, with `shape`.
    """
    fn = _function_of(loss)
    true, pred = tuple(y_true.shape), tuple(y_pred.shape)
    if fn in (categorical_crossentropy, categorical_focal_crossentropy):
        numbers = len(true) == len(pred) - 1 or (true and pred and true[-1] == 1 and _differs(pred[-1], 1))
        if numbers:
            raise ValueError(
                f"The loss {fn.__name__} needs one-hot labels, of the shape {_shown(pred)} of the output {name!r}, but "
                f"the labels have shape {_shown(true)}, like class numbers. Use the loss "
                "sparse_categorical_crossentropy, or turn the labels into rows with "
                f"utils.to_categorical(y, {pred[-1]})."
            )
        _check_same_shape(name, fn, true, pred)
    elif fn is sparse_categorical_crossentropy:
        one_hot = len(true) == len(pred) and true and _differs(true[-1], 1)
        if one_hot:
            raise ValueError(
                f"The loss sparse_categorical_crossentropy needs class numbers, of shape {_shown(pred[:-1])} for the "
                f"output {name!r}, but the labels have shape {_shown(true)}, like one-hot rows. Use the loss "
                "categorical_crossentropy, or turn the rows into numbers with np.argmax(y, axis=-1)."
            )
        if true and len(true) < len(pred) - 1:
            raise ValueError(
                f"The loss sparse_categorical_crossentropy needs class numbers of shape {_shown(pred[:-1])} for the "
                f"output {name!r}, which has shape {_shown(pred)}, but the labels have shape {_shown(true)}."
                f"{_mend(pred, len(pred) - 1 - len(true))}"
            )
    elif fn is binary_crossentropy:
        expanded = (*true, 1) if len(true) == len(pred) - 1 else true
        mend = ""
        if len(true) == len(pred) - 1 and _differs(pred[-1], 1):
            mend = (
                " For one of several classes use the loss sparse_categorical_crossentropy and a softmax; for yes or no "
                "give the model one output, Dense(1, activation='sigmoid')."
            )
        _check_same_shape(name, fn, expanded, pred, mend, shown=true)
    elif defined_in(fn) == _ELEMENTWISE and not _broadcast(true, pred):
        raise ValueError(
            f"The loss {fn.__name__} compares each number of the output {name!r}, of shape {_shown(pred)}, with one of "
            f"the labels, but they have shape {_shown(true)}.{_mend(pred, len(pred) - max(len(true), 2))}"
        )


def _broadcast(true: tuple, pred: tuple) -> bool:
    """Whether labels and output make one shape, with a last axis of one put on or left out where that is needed."""
    if len(true) == len(pred) - 1 and not _differs(pred[-1], 1):
        true = (*true, 1)
    elif len(true) == len(pred) + 1 and not _differs(true[-1], 1):
        true = true[:-1]
    if len(true) != len(pred):
        return not true or not pred
    return not any(_differs(a, b) and 1 not in (a, b) for a, b in zip(true[1:], pred[1:]))


def _check_same_shape(name: str, fn: Any, true: tuple, pred: tuple, mend: str = "", shown: tuple | None = None) -> None:
    if len(true) == len(pred) and not any(_differs(a, b) for a, b in zip(true[1:], pred[1:])):
        return
    raise ValueError(
        f"The loss {fn.__name__} needs labels of the shape of the output {name!r}, {_shown(pred)}, but the labels have "
        f"shape {_shown(shown or true)}." + (mend or _mend(pred, len(pred) - len(true)))
    )


def _mend(pred: tuple, more: int) -> str:
    """What is likely wrong with an output that does not fit its labels, and has so many axes more than they."""
    if more > 0:
        pooling = {3: "GlobalAveragePooling1D()", 4: "GlobalAveragePooling2D()", 5: "GlobalAveragePooling3D()"}
        other = f" or {pooling[len(pred)]}" if len(pred) in pooling else ""
        last = " (or return_sequences=False in a recurrent one)" if len(pred) == 3 else ""
        return (
            f" The output has {more} {'axis' if more == 1 else 'axes'} more than the labels: a layer such as "
            f"Flatten(){other} is missing before the last layer{last}."
        )
    return f" Check the number of units of the last layer ({pred[-1] if pred else 1}) against the labels."


def _differs(a: Any, b: Any) -> bool:
    """Whether two extents are known to differ."""
    return isinstance(a, int) and isinstance(b, int) and a != b


def _shown(shape: tuple) -> str:
    """A shape with the number of samples left open."""
    if not shape:
        return "()"
    return "(" + ", ".join(["batch", *(str(d) for d in shape[1:])]) + ("," if len(shape) == 1 else "") + ")"


def _function_of(loss: Any) -> Any:
    return loss.fn if isinstance(loss, LossFunctionWrapper) else loss


def takes_class_numbers(loss: Any) -> bool:
    """Whether a loss takes the numbers of classes, rather than a number for each of the output's."""
    return _function_of(loss) is sparse_categorical_crossentropy


def warn_of_probabilities(name: str, loss: Any, labels: np.ndarray) -> None:
    """Warn of labels that are no probabilities, where a binary cross-entropy takes them for such.

    Args:
        name: the output's name.
        loss: the loss of the output; only the binary cross-entropy is checked.
        labels: all labels.
    """
    if _function_of(loss) is not binary_crossentropy or labels.size == 0 or labels.dtype.kind not in "iuf":
        return
    lowest, highest = labels.min(), labels.max()
    if lowest < 0 or highest > 1:
        mend = (
            "For -1 and 1 use the loss hinge, or map them to 0 and 1."
            if lowest < 0
            else "For one of several classes use the loss sparse_categorical_crossentropy, a softmax and one unit a "
            "class; values such as those of pixels must be scaled to 0 to 1."
        )
        warn(
            f"The loss binary_crossentropy needs labels from 0 to 1, but those of the output {name!r} go from "
            f"{lowest.item()} to {highest.item()}, so it will make little sense. {mend}"
        )


def classes_of(output: tuple, label_axes: int) -> int | None:
    """How many classes an output has for labels with so many axes; None where that is not known before it runs.

    Losses drop a last axis of extent 1 that labels lack (`losses.reduction.same_rank`).

    >>> classes_of((None, 7, 10), 2), classes_of((None, 10, 1), 2), classes_of((None, 1), 1)
    (10, 10, 1)
    """
    if len(output) == label_axes + 1 > 2 and output[-1] == 1:
        output = output[:-1]
    return output[-1] if output and isinstance(output[-1], int) else None


def check_class_numbers(name: str, loss: Any, labels: np.ndarray, classes: int) -> None:
    """Raise a ValueError for class numbers outside of the output's classes.

    Args:
        name: the output's name.
        loss: the loss of the output; only the sparse cross-entropy is checked.
        labels: all labels.
        classes: number of the output's classes.
    """
    fn = _function_of(loss)
    if fn is not sparse_categorical_crossentropy or labels.size == 0 or labels.dtype.kind not in "iufb":
        return
    if has_nan(labels):
        raise ValueError(
            f"The labels of the output {name!r} must be class numbers for the loss {fn.__name__}, but they hold "
            f"{where_nan(labels)}. Drop those samples; or give them a number that is no class, such as -1, and that "
            "number to ignore_class of the loss."
        )
    if labels.dtype.kind == "f" and not (labels == np.round(labels)).all():
        raise ValueError(
            f"The labels of the output {name!r} must be class numbers, 0 to {classes - 1}, for the loss {fn.__name__}, "
            f"but {labels[labels != np.round(labels)].flat[0].item()} is among them, which is no whole number. For "
            "numbers to predict use a loss such as mean_squared_error."
        )
    ignored = loss._fn_kwargs.get("ignore_class") if isinstance(loss, LossFunctionWrapper) else None
    lowest, highest = labels.min(), labels.max()
    if ignored is not None and (lowest == ignored or highest == ignored):
        labels = labels[labels != ignored]
        if labels.size == 0:
            return
        lowest, highest = labels.min(), labels.max()
    if lowest >= 0 and highest < classes:
        return
    bad = lowest if lowest < 0 else highest
    if lowest >= 1 and highest == classes:
        mend = "The labels seem to count from 1: subtract 1."
    elif lowest < 0:
        mend = "If that number marks samples without a label, say so with ignore_class of the loss."
    else:
        mend = f"Give the last layer {int(highest) + 1} units, or check the labels."
    raise ValueError(
        f"The labels of the output {name!r} hold the class number {bad.item()}, but the output has {classes} classes, "
        f"so the numbers must be 0 to {classes - 1}. {mend}"
    )


def check_class_weight(class_weight: Any, sample_weight: Any, y: Any) -> None:
    """Raise a ValueError where `class_weight` cannot be used."""
    if class_weight is None:
        return
    if sample_weight is not None:
        raise ValueError(
            "class_weight and sample_weight cannot both be given: multiply the sample weights by the weights of their "
            "classes and pass sample_weight only."
        )
    if not isinstance(class_weight, dict):
        raise ValueError(f"class_weight must be a dict from class numbers to weights, got {class_weight!r}.")
    for number, weight in class_weight.items():
        if not is_integer(number) or number < 0 or not is_number(weight):
            raise ValueError(
                "class_weight must be a dict from class numbers, integers from 0, to weights, got the entry "
                f"{number!r}: {weight!r}."
            )
    if y is None:
        raise ValueError("class_weight needs labels, but there is no y.")
    if isinstance(y, list | tuple | dict):
        raise ValueError(
            "class_weight is for models with one output; with several, pass a sample_weight for each output."
        )


def loss_object(identifier: Any) -> Any:
    """The loss function or object of a name."""
    return losses.get(identifier) if isinstance(identifier, str) else identifier
