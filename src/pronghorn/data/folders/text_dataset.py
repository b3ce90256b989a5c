"""Folders of text files as a data set."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from pronghorn.data import formats
from pronghorn.data.batching import stacked
from pronghorn.data.folders import directory as folders
from pronghorn.data.tensor_spec import TensorSpec
from pronghorn.utils.arguments import is_integer


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
    format: str | None = None,
    verbose: bool = True,
) -> Any:
    """Return a data set of the `.txt` files below a folder, labelled by their folders.

    Args:
        directory: the folder; with `labels="inferred"` it has a folder for each class.
        max_length: texts are cut after this many bytes; of `format="grain"`, characters.

    The other arguments are those of `image_dataset_from_directory`.

    Returns:
        A data set of arrays of strings with their labels; see `image_dataset_from_directory`. The strings are bytes, as
        TensorFlow's; batches of `format="grain"` are lists of `str`.

    Raises:
        ValueError: for arguments that do not fit together, or if there are no text files.

    Example:

    >>> import pathlib, tempfile
    >>> place = tempfile.TemporaryDirectory()
    >>> folder = pathlib.Path(place.name)
    >>> for kind in ("bad", "good"):
    ...     (folder / kind).mkdir()
    ...     _ = (folder / kind / "1.txt").write_text(kind)
    >>> data = text_dataset_from_directory(folder, shuffle=False, verbose=False)
    >>> data.class_names
    ['bad', 'good']
    >>> texts, labels = next(iter(data))
    >>> labels.tolist()
    [0, 1]
    """
    who = "text_dataset_from_directory"
    library = formats.library(format, who)
    if max_length is not None and (not is_integer(max_length) or max_length < 1):
        raise ValueError(f"{who}: `max_length` must be an integer above 0, or None; got max_length={max_length!r}.")
    folders.check_split(validation_split, subset, shuffle, seed, who)
    files = folders.find(directory, labels, label_mode, class_names, (".txt",), follow_links, who)
    load = _characters if format == "grain" else _bytes
    samples = folders.Samples(lambda path: load(path, max_length), TensorSpec((), "string"), _listed)
    return folders.datasets(
        files, samples, label_mode, batch_size, shuffle, seed, validation_split, subset, verbose, library
    )


def _bytes(path: str, length: int | None) -> bytes:
    with open(path, "rb") as stream:
        return stream.read() if length is None else stream.read(length)


def _characters(path: str, length: int | None) -> str:
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read() if length is None else stream.read(length)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8: {error}; format='tf' reads it as bytes.") from None


def _listed(rows: Sequence[Any]) -> Any:
    """Texts as a list, their labels as an array."""
    if not isinstance(rows[0], tuple):
        return list(rows)
    texts, labels = zip(*rows)
    return list(texts), stacked(labels)
