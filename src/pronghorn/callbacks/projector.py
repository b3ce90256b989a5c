"""Embeddings for TensorBoard's projector: tables of their vectors, and the file that names them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pronghorn.layers import Embedding


def embeddings_of(model: Any) -> list[Any]:
    """The embedding layers of a model, those of models in it too."""
    return [layer for layer in model._flatten_layers() if isinstance(layer, Embedding) and layer.built]


class Projector:
    """Writes the embeddings of a model where TensorBoard's projector finds them.

    Args:
        folder: the folder of the logs.
        metadata: a file with a label for each row: one for all embeddings, or a dict by the names of the layers.
    """

    def __init__(self, folder: str | os.PathLike[str], metadata: str | Mapping[str, str] | None = None) -> None:
        self._folder = Path(folder)
        self._metadata = metadata

    def check(self, model: Any) -> None:
        """Raise a ValueError for metadata of layers that are no embeddings of the model."""
        if not isinstance(self._metadata, Mapping):
            return
        known = [layer.name for layer in embeddings_of(model)]
        unknown = [name for name in self._metadata if name not in known]
        if unknown:
            raise ValueError(
                f"TensorBoard: embeddings_metadata names {', '.join(map(repr, unknown))}, but the model's embedding "
                f"layers are {', '.join(map(repr, known)) or 'none'}."
            )

    def write(self, model: Any) -> None:
        """Write the vectors as they are now."""
        self._folder.mkdir(parents=True, exist_ok=True)
        entries = []
        for layer in embeddings_of(model):
            table = f"{layer.name}.tsv"
            np.savetxt(self._folder / table, np.asarray(layer.embeddings.numpy(), "float32"), "%.6g", delimiter="\t")
            lines = {"tensor_name": layer.name, "tensor_path": table, "metadata_path": self._labels_of(layer.name)}
            body = "".join(f'  {name}: "{value}"\n' for name, value in lines.items() if value)
            entries.append(f"embeddings {{\n{body}}}\n")
        (self._folder / "projector_config.pbtxt").write_text("".join(entries), encoding="utf-8")

    def _labels_of(self, name: str) -> str | None:
        return self._metadata.get(name) if isinstance(self._metadata, Mapping) else self._metadata
