"""Where the files of the data sets are: in Keras's own cache, or downloaded into it once."""

from __future__ import annotations

import os

from pronghorn.utils.arguments import PATH, check
from pronghorn.utils.files import get_file

_KERAS_FILES = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


def fetch(name: str, file_hash: str | None = None, origin: str | None = None, extract: bool = False) -> str:
    """Return the path of a data set's file.

    Args:
        name: an absolute path, which is taken as it is, or the name in the cache.
        file_hash: its checksum, where the publisher's is known.
        origin: the URL; by default the one Keras publishes the file at.
        extract: whether to unpack it.
    """
    check("load_data", "path", name, PATH)
    if os.path.isabs(name):
        if not os.path.exists(name):
            raise FileNotFoundError(f"There is no file {name}.")
        return name
    return get_file(name, origin or _KERAS_FILES + name, file_hash=file_hash, extract=extract)
