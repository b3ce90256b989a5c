"""The module of a library: what its functions need, each once, and nothing that others could see."""

from __future__ import annotations

import re
from collections.abc import Collection

from pronghorn.engine.backends.aot.merging import merge
from pronghorn.engine.runtime.parts import Definitions

_FUNCTION = re.compile(r"^define (?!internal|private)[^@\n]*@([-\w.$]+)\(", re.MULTILINE)


def needed(text: str, exported: Collection[str]) -> str:
    """What exported functions need of a module, in which all others are its own.

    Args:
        text: LLVM IR.
        exported: the names of the functions.
    """

    def linkage(match: re.Match[str]) -> str:
        return match[0] if match[1] in exported else match[0].replace("define ", "define internal ", 1)

    definitions = Definitions()
    return merge(definitions.part(definitions.add(_FUNCTION.sub(linkage, text))).text)
