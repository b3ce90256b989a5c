"""What is only partly there, or not, of the public names of Keras 3: the facts behind `docs/compatibility.md`.

A name that works as documented needs no entry. What cannot be made at all says so itself (see `pronghorn._absent`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pronghorn
from pronghorn._absent import instead_of

_DENSE = "`sparse=True` is accepted and gives the same results, in dense arrays"
_RAGGED = (
    f"{_DENSE}; of `ragged=True`, compiled steps take rows padded to the longest of the batch, or of all where `x` is "
    "one `RaggedTensor`: `to_tensor()` is as wide"
)

_DATASET = "gives a pronghorn.data.Dataset unless `format` asks for another"
_FLASH = "recorded; the compiler decides how attention is computed"
_ONE_DEVICE = "our own engine has one device, the CPU; another engine has those of its library"

#: Name without "keras." to what is missing.
PARTLY: dict[str, str] = {
    "KerasTensor": _RAGGED,
    "Input": _RAGGED,
    "device": _ONE_DEVICE,
    "config.disable_flash_attention": _FLASH,
    "config.enable_flash_attention": _FLASH,
    "config.set_backend": 'there is no `"openvino"`; nothing is reloaded, and models that exist run on the new engine',
    "layers.CategoryEncoding": _DENSE,
    "layers.HashedCrossing": _DENSE,
    "layers.Hashing": _DENSE,
    "layers.Input": _RAGGED,
    "layers.InputLayer": _RAGGED,
    "layers.IntegerLookup": _DENSE,
    "layers.StringLookup": _DENSE,
    "layers.TextVectorization": _DENSE,
    "ops.bincount": _DENSE,
    "ops.convert_to_tensor": _DENSE,
    "ops.moments": "synchronized=True is for several devices",
    "ops.multi_hot": _DENSE,
    "ops.one_hot": _DENSE,
    "utils.audio_dataset_from_directory": f"{_DATASET}, which goes with no ragged batches",
    "utils.image_dataset_from_directory": _DATASET,
    "utils.text_dataset_from_directory": _DATASET,
    "utils.timeseries_dataset_from_array": _DATASET,
}

#: The same objects under other names.
_ALIASES: dict[str, str] = {
    "layers.Layer": "Layer",
    "models.Model": "Model",
    "preprocessing.image_dataset_from_directory": "utils.image_dataset_from_directory",
    "preprocessing.text_dataset_from_directory": "utils.text_dataset_from_directory",
    "preprocessing.timeseries_dataset_from_array": "utils.timeseries_dataset_from_array",
    "models.load_model": "saving.load_model",
    "models.save_model": "saving.save_model",
}

#: What does not resolve, or is not there for another reason than it says itself: name to (why).
NOT: dict[str, str] = {
    "src": "private to the Keras package; use the public names",
}

#: Namespace to a package that has to be installed for it.
NEEDS: dict[str, str] = {
    "visualization": "Matplotlib",
    "wrappers": "scikit-learn",
    "utils.plot_model": "Graphviz or Matplotlib",
}

#: Namespace to what is to be known of it, as it is in Keras.
AS_IN_KERAS: dict[str, str] = {
    "optimizers.legacy": "as in Keras 3, making one raises an ImportError that names the optimizer to use",
}


@dataclass(frozen=True)
class Status:
    """Whether a public name of Keras's is there.

    Attributes:
        kind: `"there"`, `"partly"`, `"not"`, or `"unexplained"` for a name that should be one of these and is none.
        words: what is missing, what to use instead, or what it needs.
    """

    kind: str
    words: str = ""


def status(name: str) -> Status:
    """Return whether a name such as `"keras.layers.Dense"` is there.

    >>> status("keras.layers.Dropout").kind, status("keras.device").kind, status("keras.src").kind
    ('there', 'partly', 'not')
    """
    short = name.removeprefix("keras.")
    if short in NOT:
        return Status("not", NOT[short])
    try:
        value = _resolve(short)
    except ImportError as error:
        optional = error.name in ("sklearn", "matplotlib", "PIL") and _needs(short)
        return Status("there", f"needs {_needs(short)}") if optional else Status("unexplained", str(error))
    except AttributeError as error:
        return Status("unexplained", str(error))
    instead = instead_of(value)
    if instead is not None:
        return Status("not", instead)
    missing = PARTLY.get(_ALIASES.get(short, short))
    if missing is not None:
        return Status("partly", missing)
    return Status("there", f"needs {_needs(short)}" if _needs(short) else _found(AS_IN_KERAS, short) or "")


def _resolve(path: str) -> Any:
    value: Any = pronghorn
    for part in path.split("."):
        value = getattr(value, part)
    return value


def _needs(short: str) -> str | None:
    return _found(NEEDS, short)


def _found(table: dict[str, str], short: str) -> str | None:
    """What a table of namespaces says of a name."""
    return next((what for place, what in table.items() if short == place or short.startswith(f"{place}.")), None)
