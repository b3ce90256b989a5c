"""What is written of a library, before it is files."""

from __future__ import annotations

from dataclasses import dataclass

from pronghorn.export.native.description import Library
from pronghorn.export.native.golden import Golden


@dataclass
class Product:
    """A library.

    Attributes:
        library: what there is, for people.
        objects: the object files by name.
        block: the file of weights, or of a new state; None where they are constants.
        checked: what the test program checks.
    """

    library: Library
    objects: dict[str, bytes]
    block: bytes | None
    checked: Golden
