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
        exported: for each of them the symbols that it defines for others.
        block: the file of weights, or of a new state; None where they are constants.
        checked: what the test program checks.
    """

    library: Library
    objects: dict[str, bytes]
    exported: dict[str, list[str]]
    block: bytes | None
    checked: Golden
