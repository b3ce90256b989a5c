"""Reading the CIFAR batches, which are pickles of plain arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pronghorn import config
from pronghorn.datasets._archive import Split, load_plain_pickle

SITE = "https://www.cs.toronto.edu/~kriz/"


def read_batch(path: Path, label_key: str) -> Split:
    """Return uint8 images of shape `(n, 3, 32, 32)` and labels of shape `(n, 1)`.

    Raises:
        ValueError: if the file holds anything but plain data, or not what a batch holds.
    """
    with open(path, "rb") as stream:
        batch = load_plain_pickle(stream)
    batch = {key.decode() if isinstance(key, bytes) else key: value for key, value in batch.items()}
    if "data" not in batch or label_key not in batch:
        raise ValueError(f"{path} is no CIFAR batch: it has no {'data' if 'data' not in batch else label_key}.")
    images = np.asarray(batch["data"], dtype="uint8").reshape(-1, 3, 32, 32)
    return images, np.asarray(batch[label_key]).reshape(-1, 1)


def in_data_format(images: np.ndarray) -> np.ndarray:
    """Move the colours last, unless the process prefers them first."""
    return images.transpose(0, 2, 3, 1) if config.image_data_format() == "channels_last" else images


def batch_folder(extracted: str, name: str) -> Path:
    """The folder of the batches: the archive's own, which may or may not be in the unpacked folder."""
    folder = Path(extracted)
    return folder / name if (folder / name).is_dir() else folder
