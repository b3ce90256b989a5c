"""What to do about a file whose content is not what its name says."""

from __future__ import annotations

import os
from pathlib import Path

_POINTER = b"version https://git-lfs.github.com/spec/"


def mend(path: str | os.PathLike[str]) -> str:
    """Return how to get the real content, for the end of a message: by Git LFS where the file only points to it.

    Args:
        path: the file.
    """
    with Path(path).open("rb") as file:
        is_pointer = file.read(len(_POINTER)) == _POINTER
    return "it only points to the file: run 'git lfs pull' in its folder" if is_pointer else "fetch it again"
