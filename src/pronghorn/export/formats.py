"""The table of formats, and `Model.export`, which looks into it."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Format:
    """One way of writing a model down for another runtime.

    Attributes:
        module: has ``write(model, path, input_signature, **options)``, which returns what was written in a few words.
        endings: of files' names, by which a command line tells the format.
        options: the keyword arguments that ``write`` takes beside these.
    """

    module: str
    endings: tuple[str, ...]
    options: tuple[str, ...] = ()


FORMATS: dict[str, Format] = {
    "onnx": Format("pronghorn.export.onnx", (".onnx",), ("opset_version",)),
}

#: Keras's other formats, and what to do instead.
NOT_THERE: dict[str, str] = {
    "tf_saved_model": "TensorFlow's tools read ONNX; or save model.keras and export it with Keras",
    "torch": "PyTorch's tools read ONNX; or save model.keras and export it with Keras on PyTorch",
    "openvino": "OpenVINO reads ONNX files as they are",
    "litert": "save model.keras and export it with Keras on TensorFlow",
}


def export_model(
    model: Any, filepath: Any, format: str = "tf_saved_model", verbose: Any = None, input_signature: Any = None,
    **kwargs: Any,
) -> None:  # fmt: skip
    """Write what a model computes in inference into a file that another runtime runs without Pronghorn.

    Args:
        model: a model that has been built: one with an `Input`, or one that has been called.
        filepath: of the file to write.
        format: `"onnx"`.
        verbose: whether to say what was written; None means yes.
        input_signature: nested `InputSpec`s, `KerasTensor`s or arrays in the structure of the model's inputs, whose
            shapes and types are taken in place of the model's own. None in a shape is any extent.
        kwargs: of the format; for ONNX, `opset_version`.

    Raises:
        ValueError: for a format that is not known, or a model whose inputs are not.
        NotImplementedError: for what the format cannot express, layer by layer; nothing is written then.
        ImportError: if the format needs a package that is not installed.
        TypeError: for a keyword argument that the format does not have.
    """
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
    path = Path(filepath)
    if path.is_dir():
        raise ValueError(f"export: filepath={str(filepath)!r} is a folder; give the name of the file to write.")
    written = importlib.import_module(found.module).write(model, path, input_signature, **kwargs)
    if verbose or verbose is None:
        print(f"Exported {model.name} to {str(filepath)!r}: {written}.")


def format_of(path: str) -> str:
    """The format that a file's ending tells.

    >>> format_of("model.onnx")
    'onnx'

    Raises:
        ValueError: if none has that ending.
    """
    for name, known in FORMATS.items():
        if path.lower().endswith(known.endings):
            return name
    endings = ", ".join(e for known in FORMATS.values() for e in known.endings)
    raise ValueError(f"{path!r}: the ending tells no format to export to; there are: {endings}.")
