"""Folders of text files as a data set."""

from __future__ import annotations

import os
from typing import Any

from pronghorn.data.dataset import Dataset, Elements
from pronghorn.data.element import encoded, python_strings
from pronghorn.data.structure import map_leaves
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
        max_length: texts are cut after this many bytes; of `format="grain"`, characters.
        format: `"tf"`, or `"grain"` for Python's strings and the same order in every epoch; a
            `pronghorn.data.Dataset` either way.

    The other arguments are those of `image_dataset_from_directory`.

    Returns:
        A data set of arrays of strings with their labels; see `image_dataset_from_directory`. The strings are bytes, as
        TensorFlow's, or `str` for `format="grain"`.

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
    folders.check_format(format, who)
    folders.check_split(validation_split, subset, shuffle, seed, who)
    files = folders.find(directory, labels, label_mode, class_names, (".txt",), follow_links, who)

    grain = format == "grain"  # Keras's data sets of that kind have one order for all epochs, and Python's strings
    load = _characters if grain else _bytes
    found = folders.datasets(
        files,
        lambda path: load(path, max_length),
        label_mode,
        batch_size,
        shuffle,
        seed,
        validation_split,
        subset,
        verbose,
        reshuffle=not grain,
    )
    if not grain:
        return found
    return tuple(map(Strings, found)) if isinstance(found, tuple) else Strings(found)


def _bytes(path: str, length: int | None) -> bytes:
    with open(path, "rb") as stream:
        return stream.read() if length is None else stream.read(length)


def _characters(path: str, length: int | None) -> bytes:
    try:
        with open(path, encoding="utf-8") as stream:
            return encoded(stream.read() if length is None else stream.read(length))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8: {error}; format='tf' reads it as bytes.") from None


class Strings(Dataset):
    """A data set of files whose strings are Python's; after a further step they are bytes again.

    Args:
        dataset: what it reads.
    """

    def __init__(self, dataset: Dataset) -> None:
        super().__init__(dataset._source, dataset._length)
        self.__dict__.update(dataset.__dict__)

    def __iter__(self) -> Elements:
        return _StringElements(self)


class _StringElements(Elements):
    def __next__(self) -> Any:
        return map_leaves(python_strings, super().__next__())
