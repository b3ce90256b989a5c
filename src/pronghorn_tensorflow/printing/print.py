"""`tf.print`, for `pronghorn run`: what it writes is written as TensorFlow does."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn.data.element import Array, Text, as_element
from pronghorn.data.ragged import RaggedTensor
from pronghorn.engine.graph.active import TraceError, current_trace


def tf_print(
    *inputs: Any,
    output_stream: Any = None,
    summarize: int | None = 3,
    sep: str = " ",
    end: str = "\n",
    name: str | None = None,
) -> None:
    """`tf.print`: prints values, by default on the standard error stream, so that what uses it is not compiled.

    Args:
        inputs: tensors, structures of them, and anything else.
        output_stream: a stream such as `sys.stdout`, or `"file://"` and a path, to whose end it is written.
        summarize: how many elements are written of each end of an axis; -1 for all.
        sep: between the inputs.
        end: behind them.
        name: accepted as in TensorFlow.

    Raises:
        TraceError: where there are no values, inside of what is being compiled.

    >>> tf_print("loss", as_element(np.array([0.1, 2.5], "float32")), output_stream=sys.stdout)
    loss [0.1 2.5]
    """
    if current_trace() is not None:
        raise TraceError("tf.print shows values, and there are none while a function is compiled.")
    most = sys.maxsize if summarize is None or summarize < 0 else summarize
    texts = [x if type(x) is str else _shown(x, most) for x in inputs]
    if len(inputs) == 1 and isinstance(inputs[0], Text) and not inputs[0].ndim:
        texts = [texts[0][1:-1]]  # one string alone is written without quotes
    text = sep.join(texts) + end
    if isinstance(output_stream, str) and output_stream.startswith("file://"):
        with open(output_stream.removeprefix("file://"), "a", encoding="utf-8") as file:
            file.write(text)
    else:
        print(text, end="", file=output_stream if hasattr(output_stream, "write") else sys.stderr, flush=True)


def _shown(x: Any, most: int) -> str:
    if isinstance(x, RaggedTensor):
        return _in_rows(x.numpy(), most)
    if isinstance(x, Array) or (hasattr(x, "numpy") and callable(x.numpy)):
        return _in_lines(np.asarray(as_element(x.numpy())), most)
    if type(x) is dict:
        return "{" + ", ".join(f"{key!r}: {_shown(value, most)}" for key, value in x.items()) + "}"
    if type(x) is list:
        return f"[{', '.join(_shown(part, most) for part in x)}]"
    if type(x) is tuple:
        return f"({', '.join(_shown(part, most) for part in x)}{',' if len(x) == 1 else ''})"
    return repr(x)


def _some(parts: Any, most: int, write: Callable[[Any], str]) -> list[str]:
    """What is written of an axis: its parts, those in the middle left out where there are many."""
    if len(parts) <= 2 * most:
        return [write(part) for part in parts]
    return [*map(write, parts[:most]), "...", *map(write, parts[len(parts) - most :])]


def _in_lines(array: np.ndarray, most: int, depth: int = 1) -> str:
    """An array as TensorFlow writes it: numbers between spaces, rows below each other."""
    if not array.ndim:
        return _element(array[()])
    if not array.size:
        return "[]"
    between = "\n" * (array.ndim - 1) + " " * depth if array.ndim > 1 else " "
    return f"[{between.join(_some(array, most, lambda part: _in_lines(np.asarray(part), most, depth + 1)))}]"


def _in_rows(array: Any, most: int) -> str:
    """Rows of different lengths, as TensorFlow writes them: in one line."""
    if isinstance(array, np.ndarray):
        return f"[{', '.join(_some(array, most, lambda part: _in_rows(part, most)))}]"
    if isinstance(array, bytes):
        return f"'{array.decode('utf-8', 'replace')}'"
    if isinstance(array, np.bool_):
        return str(bool(array)).lower()
    return f"{array:f}" if isinstance(array, np.floating) else str(array)


def _element(x: Any) -> str:
    """A number with the fewest digits of two numbers of them that give it back; strings between quotes."""
    if isinstance(x, bytes):
        return f'"{x.decode("utf-8", "replace")}"'
    if isinstance(x, bool | np.bool_):
        return str(int(x))
    kind = getattr(x, "dtype", np.dtype(object))
    if kind.kind in "iu":
        return str(int(x))
    if kind.kind not in "fV":  # the smaller types of floats are among the latter
        return str(x)
    value, few, many = (float(x), 15, 17) if kind == np.float64 else (float(x), 6, 9)
    text = f"{value:.{few}g}"
    back = float(text) if kind == np.float64 else float(np.float32(text))
    return text if back == value or value != value else f"{value:.{many}g}"
