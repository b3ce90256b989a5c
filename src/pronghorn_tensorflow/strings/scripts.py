"""`tf.strings.unicode_script`: which script characters belong to."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.data.ragged import RaggedTensor


@functools.cache
def _table() -> tuple[np.ndarray, np.ndarray]:
    """The code points at which another script begins, and which one, by Unicode's property of that name."""
    lines = Path(__file__).with_name("unicode_scripts.txt").read_text(encoding="utf-8").splitlines()[1:]
    pairs = [word.split(":") for line in lines for word in line.split()]
    return np.array([int(begin, 16) for begin, _ in pairs]), np.array([int(script) for _, script in pairs], "int32")


def unicode_script(input: Any, name: str | None = None) -> Any:
    """`tf.strings.unicode_script`: the numbers that ICU gives the scripts of code points; -1 where there is none.

    >>> unicode_script([ord("a"), ord("\u0436"), ord(" ")]).numpy()
    array([25,  8,  0], dtype=int32)
    """
    if isinstance(input, RaggedTensor):
        return input.with_values(unicode_script(input.values))
    points = np.asarray(ops.convert_to_tensor(input))
    if points.dtype.kind not in "iu":
        raise ValueError(
            f"tf.strings.unicode_script: code points are integers, such as unicode_decode gives; got {points.dtype}."
        )
    begins, scripts = _table()
    found = scripts[np.searchsorted(begins, points, side="right") - 1]
    return ops.convert_to_tensor(np.where((points >= 0) & (points < 0x110000), found, -1).astype("int32"))
