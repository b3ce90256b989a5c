"""`tf.Variable` of strings, for `pronghorn run`."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from pronghorn.data.element import Text, as_text, text_of
from pronghorn.data.element_types import OF_NAME


class TextVariable(Text):
    """Strings that can be assigned, in whole and in part.

    >>> words = TextVariable.of(["a", "b"])
    >>> words[0].assign("z").numpy().tolist(), words.assign(["x", "y"]).numpy().tolist()
    ([b'z', b'b'], [b'x', b'y'])
    """

    trainable = True
    dtype = OF_NAME["string"]
    name = "Variable:0"

    @classmethod
    def of(cls, value: Any, name: str | None = None) -> TextVariable:
        """Return a variable of strings."""
        made = as_text(value).copy().view(cls)
        made.name = f"{name or 'Variable'}:0"
        return made

    def assign(self, value: Any, *ignored: Any, **ignored_too: Any) -> Self:
        """Replace the strings.

        Raises:
            TypeError: for anything else.
            ValueError: for another shape.
        """
        fresh = as_text(value)
        if fresh.shape != self.shape:
            raise ValueError(f"assign: {self.name!r} has shape {self.shape}, the value {fresh.shape}; they must agree.")
        self.view(np.ndarray)[...] = fresh.view(np.ndarray)
        return self

    def value(self) -> Text:
        """Return the strings as they are now."""
        return text_of(self.view(np.ndarray).ravel().tolist(), self.shape)

    read_value = value

    def numpy(self) -> Any:
        """Return a copy as a plain array of bytes, or bytes for one string."""
        return self.value().numpy()

    def __getitem__(self, key: Any) -> Any:
        part = as_text(self.view(np.ndarray)[key]).copy().view(TextSlice)
        part.source = self, key
        return part

    def __str__(self) -> str:
        return repr(self)

    def __repr__(self) -> str:
        return f"<tf.Variable {self.name!r} shape={self.shape} dtype=string, numpy={self.numpy()!r}>"


class TextSlice(Text):
    """A part of a variable of strings, which can be assigned."""

    source: tuple[TextVariable, Any]

    def assign(self, value: Any, *ignored: Any, **ignored_too: Any) -> TextVariable:
        """Replace the part."""
        variable, key = self.source
        whole = variable.view(np.ndarray)
        whole[key] = as_text(value).item() if not self.ndim else as_text(value).view(np.ndarray)
        return variable
