"""Folders of text files as a data set."""

from __future__ import annotations

import os
from typing import Any

from pronghorn.utils import directory as folders


def text_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Any = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Return a data set of the `.txt` files below a folder, labelled by their folders.

    Args:
        directory: the folder; with `labels="inferred"` it has a folder for each class.
        max_length: texts are cut after this many bytes.

    The other arguments are those of `image_dataset_from_directory`.

    Returns:
        A data set of arrays of strings with their labels; see `image_dataset_from_directory`.

    Raises:
        ValueError: for arguments that do not fit together, or if there are no text files.
    """
    who = "text_dataset_from_directory"
    folders.check_format(format, who)
    folders.check_split(validation_split, subset, shuffle, seed, who)
    files = folders.find(directory, labels, label_mode, class_names, (".txt",), follow_links, who)

    def load(path: str) -> bytes:
        with open(path, "rb") as stream:
            data = stream.read() if max_length is None else stream.read(max_length)
        return data

    again = format != "grain"  # Keras's data sets of that kind have one order for all epochs
    return folders.datasets(
        files, load, label_mode, batch_size, shuffle, seed, validation_split, subset, verbose, reshuffle=again
    )
