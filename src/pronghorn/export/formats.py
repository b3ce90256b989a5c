"""The table of formats, and `Model.export`, which looks into it."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pronghorn.engine.backends import engine as engines


@dataclass(frozen=True)
class Format:
    """One way of writing a model down for another runtime.

    Attributes:
        module: has ``write(model, path, input_signature, **options)``, which returns what was written in a few words.
        endings: of files' names, by which a command line tells the format.
        options: the keyword arguments that ``write`` takes beside these.
        engine: the engine whose library it needs, and whose table writes it.
    """

    module: str
    endings: tuple[str, ...]
    options: tuple[str, ...] = ()
    engine: str | None = None


_NATIVE = ("target", "weights", "training", "target_signature", "sample_weight", "parallel")

FORMATS: dict[str, Format] = {
    "onnx": Format("pronghorn.export.onnx", (".onnx",), ("opset_version",)),
    "tf_saved_model": Format("pronghorn.export.programs.tensorflow", (".savedmodel",), (), "tensorflow"),
    "torch": Format("pronghorn.export.programs.torch", (".pt2",), (), "torch"),
    "jax": Format("pronghorn.export.programs.jax", (".jax",), ("platforms",), "jax"),
    "native": Format("pronghorn.export.native", (), _NATIVE),
}

#: Keras's other formats, and what to do instead.
NOT_THERE: dict[str, str] = {
    "openvino": "OpenVINO reads ONNX files as they are",
    "litert": "TensorFlow's converter makes it of a SavedModel: export with format='tf_saved_model'",
}


def export_model(
    model: Any, filepath: Any, format: str = "tf_saved_model", verbose: Any = None, input_signature: Any = None,
    **kwargs: Any,
) -> None:  # fmt: skip
    """Write what a model computes in inference into a file that another runtime runs without Pronghorn.

    Args:
        model: a model that has been built: one with an `Input`, or one that has been called.
        filepath: of the file to write; of the folder for `"tf_saved_model"` and `"native"`.
        format: `"tf_saved_model"`, `"onnx"`, `"torch"`, `"jax"` or `"native"`.
        verbose: whether to say what was written; None means yes.
        input_signature: nested `InputSpec`s, `KerasTensor`s or arrays in the structure of the model's inputs, whose
            shapes and types are taken in place of the model's own. None in a shape is any extent.
        kwargs: of the format; for ONNX, `opset_version`; for JAX, `platforms`; for native, `target`, `weights`,
            `training`, `target_signature`, `sample_weight` and `parallel`.

    Raises:
        ValueError: for a format that is not known, a model whose inputs are not, or a path that something else has.
        NotImplementedError: for what the format cannot express, layer by layer; nothing is written then.
        ImportError: if the format needs a package that is not installed.
        TypeError: for what is no model, or a keyword argument that the format does not have.

    Example:

    >>> import os, tempfile
    >>> from pronghorn import layers, models
    >>> model = models.Sequential([layers.Input((3,)), layers.Dense(2)])
    >>> place = tempfile.TemporaryDirectory()
    >>> export_model(model, os.path.join(place.name, "model.onnx"), format="onnx", verbose=False)
    >>> os.listdir(place.name)
    ['model.onnx']
    """
    if not (callable(model) and hasattr(model, "variables")):
        raise TypeError(f"export: a model is expected, got {model!r}.")
    found = FORMATS.get(format)
    if found is None:
        there = ", ".join(map(repr, FORMATS))
        if format in NOT_THERE:
            raise NotImplementedError(
                f"export: format={format!r} is not there yet: {NOT_THERE[format]}. There: {there}."
            )
        raise ValueError(f"export: format={format!r} is not known. Formats: {there}.")
    unknown = sorted(set(kwargs) - set(found.options))
    if unknown:
        takes = f"takes {', '.join(found.options)}" if found.options else "takes none"
        raise TypeError(f"export: format={format!r} has no option {unknown[0]!r}; it {takes}.")
    module = found.module
    if found.engine is not None:
        try:
            engines.engine(found.engine)  # says what to do where its library is not there
        except ImportError:
            # Under `pronghorn run`, a stand-in for the library writes what it reads itself.
            stand_in = getattr(sys.modules.get(found.engine), "MODELS_WRITTEN_BY", None)
            if stand_in is None:
                raise
            module = stand_in
    written = importlib.import_module(module).write(model, Path(filepath), input_signature, **kwargs)
    if verbose or verbose is None:
        print(f"Exported {model.name} to {str(filepath)!r}: {written}.")


def format_of(path: str) -> str:
    """The format that a file's ending tells; a name without one is that of a folder, a SavedModel's.

    >>> format_of("model.onnx"), format_of("folder/model")
    ('onnx', 'tf_saved_model')

    Raises:
        ValueError: if none has that ending.
    """
    if not Path(path).suffix:
        return "tf_saved_model"
    for name, known in FORMATS.items():
        if path.lower().endswith(known.endings):
            return name
    endings = ", ".join(e for known in FORMATS.values() for e in known.endings)
    raise ValueError(f"{path!r}: the ending tells no format to export to; there are: {endings}.")
