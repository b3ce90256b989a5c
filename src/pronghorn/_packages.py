"""The packages that are this project: their names and folders.

Code that asks whose a module, a class or a frame is asks here. The stand-in for TensorFlow is a package beside
``pronghorn``, in the same wheel.
"""

from __future__ import annotations

import os

NAMES = ("pronghorn", "pronghorn_tensorflow")
"""The packages' names."""

_BESIDE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

FOLDERS = tuple(os.path.join(_BESIDE, name, "") for name in NAMES)
"""The packages' folders, each with a separator at its end."""


def is_ours(module: str | None) -> bool:
    """Whether a module of this name belongs to the project.

    >>> is_ours("pronghorn.layers"), is_ours("pronghorn_addons"), is_ours(None)
    (True, False, False)
    """
    return module is not None and module.partition(".")[0] in NAMES
