"""What a C library has trained, given back to the model in Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pronghorn.export.native.states import State
from pronghorn.export.native.training import make_variables


def read_state(path: Any, model: Any) -> None:
    """Give a model what a C library has trained: the weights, the optimizer's state, the metrics, random states.

    Args:
        path: of a file with the bytes of the library's state: ``NAME_state_size()`` of them.
        model: the model that was exported, or one that was made in the same way, compiled with the same optimizer and
            metrics. Metrics of targets that the loss does not ask for have variables once the model was fitted.

    Raises:
        ValueError: if the model was not compiled, or the file holds the state of another model or none.
        FileNotFoundError: if there is no such file.

    Example:

    >>> import os, tempfile
    >>> import pronghorn as keras
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    >>> model.compile("adam", "mse")
    >>> place = tempfile.TemporaryDirectory()
    >>> folder = os.path.join(place.name, "net")
    >>> model.export(folder, format="native", training=True, weights="file", verbose=False)
    >>> keras.export.read_state(os.path.join(folder, "net.state"), model)
    """
    if not getattr(model, "compiled", False):
        raise ValueError("read_state: the model has no optimizer yet; call compile() as before the export.")
    make_variables(model)
    content = Path(path).read_bytes()
    try:
        State(model).give(content)
    except ValueError as error:
        raise ValueError(f"read_state: {str(path)!r} does not fit {model.name!r}: {error}.") from None
