"""The ``.keras`` files of Keras 2 (from its release 2.12 on): the archive of Keras 3 with configurations of Keras 2.

The weights lie where they lie in files of Keras 3, except that attributes keep their underscores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pronghorn.engine.graph.user_code import warn
from pronghorn.saving import state
from pronghorn.saving.archive import read_metadata
from pronghorn.saving.legacy.configs import modernise
from pronghorn.saving.legacy.optimizers import read_optimizer, training_arguments
from pronghorn.saving.weights_store import WeightsReader
from pronghorn.serialization.objects import deserialize_keras_object

_MEND = (
    "If there is no other mend, load it with Keras 2 (the package tf_keras), and save it there as '.h5', or, of a "
    "subclassed model, its weights."
)


def is_keras_2(folder: Path) -> bool:
    """Whether the files in a folder say that Keras 2 wrote them."""
    return str(read_metadata(folder).get("keras_version", "")).startswith("2.")


class OlderNames:
    """A `WeightsReader` that also finds what lies under a name with an underscore in front.

    Args:
        reader: an open file.
    """

    def __init__(self, reader: WeightsReader) -> None:
        self._reader = reader
        self.shown_as = reader.shown_as

    def get(self, path: str) -> Mapping[str, np.ndarray]:
        """Return the arrays of one object; see `WeightsReader.get`."""
        found = self._reader.get(path)
        head, slash, last = path.rpartition("/")
        return found if len(found) or not last else self._reader.get(f"{head}{slash}_{last}")


def load_weights(model: Any, path: Path, shown: str, skip_mismatch: bool, skipped: Sequence[Any]) -> None:
    """Set the weights of a model, but not its optimizer's state; see `state.read_weights`."""
    optimizer = getattr(model, "optimizer", None)
    with WeightsReader(path, shown) as reader:
        state.read_weights(
            model, OlderNames(reader), skip_mismatch, [*skipped, *([] if optimizer is None else [optimizer])]
        )


def load_model(
    config: dict[str, Any], reader: WeightsReader, custom_objects: Any, compile: bool, safe_mode: bool
) -> Any:
    """The model in a file.

    Args:
        config: its configuration.
        reader: its weights.
        custom_objects: the user's classes and functions by name.
        compile: whether to compile it as it was.
        safe_mode: whether to refuse Python code in the file.

    Raises:
        ValueError: if the file holds something that is not read, is damaged, or holds what it must not.
    """
    try:
        model = deserialize_keras_object(modernise(config), custom_objects, safe_mode=safe_mode)
        if not getattr(model, "_is_model", False):
            raise ValueError(f"it describes {type(model).__name__}, which is no model.")
        state.read_weights(model, OlderNames(reader))
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        raise ValueError(
            f"{reader.shown_as} was written by Keras 2, and something in it cannot be read: "
            f"{error if isinstance(error, (TypeError, ValueError)) else repr(error)} {_MEND}"
        ) from error
    if compile and isinstance(config.get("compile_config"), dict):
        _compile(model, config["compile_config"], reader, custom_objects)
    return model


def _compile(model: Any, training: dict[str, Any], reader: WeightsReader, custom_objects: Any) -> None:
    training = {**training, "optimizer_config": training.get("optimizer")}
    try:
        model.compile(**training_arguments(training, model, custom_objects))
    except (KeyError, TypeError, ValueError) as error:
        warn(f"{reader.shown_as}: the model was not compiled as it was ({error}). Call compile().")
        return
    stored = reader.get("optimizer")
    if model.optimizer is None or not len(stored):
        return
    model.optimizer.build(model.trainable_variables)
    values = [stored[str(i)] for i in range(len(stored))]
    names = ["iteration"] + ["state"] * (len(values) - 1)  # each weight's states together, so one kind
    if not read_optimizer(model.optimizer, names, values):
        warn(f"{reader.shown_as}: the state of its optimizer is of another kind; the optimizer starts afresh.")
