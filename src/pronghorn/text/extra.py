"""The libraries of the extra `text`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from pronghorn._extras import install_command


@contextlib.contextmanager
def importing(library: str, who_needs: str) -> Iterator[None]:
    """A block that imports a library of the extra; where it is missing, the error says how to install it.

    Args:
        library: its name.
        who_needs: the beginning of the sentence, such as ``"GGUF files need"``.

    Raises:
        ImportError: if it is not installed.
    """
    try:
        yield
    except ImportError:
        raise ImportError(f"{who_needs} the library {library}; to install it: {install_command('text')}") from None
