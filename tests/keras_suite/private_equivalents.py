"""Private names of Keras's that have an equivalent of ours, so that the tests that use them run.

Only what does the same, in the same words of arguments, belongs here: a test that is run with it tests Pronghorn.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from pronghorn import saving
from pronghorn.layers.rnn.conv_lstm import ConvLSTM, ConvLSTMCell
from pronghorn.layers.rnn.dropout_cell import DropoutRNNCell
from pronghorn.layers.tracking import TrackedDict, TrackedList, TrackedOrderedDict, TrackedSet
from pronghorn.models.infer import infer_spec
from pronghorn.models.keras_tensor import standardize_shape
from pronghorn.random import seed_generator
from pronghorn.regularizers import OrthogonalRegularizer
from pronghorn.trainers.compile_loss import CompileLoss
from pronghorn.trainers.compile_metrics import CompileMetrics
from pronghorn.utils.autocast import AutocastScope
from pronghorn.utils.masking import get_mask, set_mask


def _compute_output_spec(fn: Any, *arguments: Any, **options: Any) -> Any:
    return infer_spec(fn, arguments, options)


def _penalty_factor(value: Any, name: str) -> float:
    """What regularizers make of their arguments."""
    try:
        return OrthogonalRegularizer(factor=value).factor
    except ValueError as error:
        raise ValueError(str(error).replace("factor", name)) from error


EQUIVALENTS: dict[str, Any] = {
    "AutocastScope": AutocastScope,
    "CompileLoss": CompileLoss,
    "CompileMetrics": CompileMetrics,
    "ConvLSTM": ConvLSTM,
    "ConvLSTMCell": ConvLSTMCell,
    "DropoutRNNCell": DropoutRNNCell,
    "TrackedDict": TrackedDict,
    "TrackedList": TrackedList,
    "TrackedOrderedDict": TrackedOrderedDict,
    "TrackedSet": TrackedSet,
    "compute_output_spec": _compute_output_spec,
    "draw_seed": seed_generator.draw_seed,
    "get_keras_mask": get_mask,
    "in_symbolic_scope": lambda: (
        False
    ),  # a step is traced with the arguments it runs with, and never described otherwise
    "global_seed_generator": seed_generator.global_seed_generator,
    "random_seed_dtype": lambda: "uint32",
    "removesuffix": str.removesuffix,
    "set_keras_mask": set_mask,
    "standardize_shape": standardize_shape,
    "validate_float_arg": _penalty_factor,
}


@contextlib.contextmanager
def classes_of(module: Any) -> Iterator[None]:
    """Let configurations name the classes of a test file.

    Keras imports the classes of its own package by the module that a configuration names, and its test files lie in
    it. Pronghorn imports nothing because a configuration says so: in these tests they are custom objects.
    """
    name = getattr(module, "__name__", "")
    own = {key: value for key, value in vars(module).items() if isinstance(value, type) and value.__module__ == name}
    with saving.CustomObjectScope(own):
        yield
