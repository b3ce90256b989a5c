"""Pickled models: the bytes of the file that `model.save` writes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from pronghorn import saving


def to_bytes(model: Any) -> bytes:
    """Return what `model.save` would write."""
    with tempfile.TemporaryDirectory(prefix="pickling-") as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return path.read_bytes()


def from_bytes(data: bytes, safe_mode: bool = True) -> Any:
    """Return the model of such bytes.

    Args:
        data: what `to_bytes` returned.
        safe_mode: whether to refuse Python code in the model (the lambda of a `Lambda` layer).
    """
    with tempfile.TemporaryDirectory(prefix="pickling-") as folder:
        path = Path(folder) / "model.keras"
        path.write_bytes(data)
        return saving.load_model(path, safe_mode=safe_mode)
