"""What a data set's elements consist of: NumPy arrays that also answer as tensors do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn.data.tensor_spec import TensorShape

_extents, _set_extents = np.ndarray.shape.__get__, np.ndarray.shape.__set__  # type: ignore[attr-defined]


class Array(np.ndarray):
    """A NumPy array with a method `numpy`, which scripts for TensorFlow call on what they read from a data set.

    Its entries have it too: numbers stay arrays, without axes, which print, compare, index and hash as numbers do.

    >>> images = as_element(np.ones((2, 3)))
    >>> images[0].numpy()
    array([1., 1., 1.])
    >>> images[0][1].numpy()
    np.float64(1.0)
    """

    def numpy(self) -> Any:
        """Return a copy as a plain NumPy array, or a NumPy number for an array without axes.

        What a program writes into it changes neither the data set nor the array that it was made of.
        """
        return self.view(np.ndarray).copy()[()]

    @property
    def shape(self) -> TensorShape:
        """The shape, which answers as TensorFlow's do, as the method `numpy` does."""
        return tuple.__new__(TensorShape, _extents(self))

    @shape.setter
    def shape(self, wanted: Any) -> None:
        _set_extents(self, wanted)

    def set_shape(self, shape: Any) -> None:
        """Say what the shape is.

        Raises:
            ValueError: if it is another.
        """
        check_shape(self.shape, shape)

    def get_shape(self) -> TensorShape:
        """Return the shape."""
        return self.shape

    def __getitem__(self, key: Any) -> Any:
        return as_element(super().__getitem__(key))

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TypeError(
            "An element of a data set cannot be assigned to, as no tensor can: that would change the array behind it. "
            "Write into a copy: y = x.numpy(); y[key] = value."
        )

    def __truediv__(self, other: Any) -> Any:
        """Quotients of integers below 32 bits are float32, as TensorFlow's are; NumPy's would be float64 or float16."""
        if _is_short(self) and (_is_short(other) or type(other) is int):
            return as_element(np.true_divide(np.asarray(self), other, dtype="float32"))
        return super().__truediv__(other)

    def __rtruediv__(self, other: Any) -> Any:
        if _is_short(self) and (_is_short(other) or type(other) is int):
            return as_element(np.true_divide(other, np.asarray(self), dtype="float32"))
        return super().__rtruediv__(other)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """Have NumPy's functions see NumPy's arrays and so give such, as they do of TensorFlow's tensors.

        The strings of layers keep their class, and what ufuncs give is an element.
        """
        if any(issubclass(kind, Words) for kind in types):
            return super().__array_function__(func, types, args, kwargs)
        return func(*_plain(args), **_plain(kwargs))

    def __hash__(self) -> int:  # type: ignore[override]
        if self.ndim:
            raise TypeError(f"an array of shape {self.shape} is not hashable; convert it with tuple(x.tolist())")
        return hash(self.item())


def _out_of_place(self: Any, other: Any) -> Any:
    """Have `x += y` be `x = x + y`, as of tensors: NumPy's own would write into the array behind the data set."""
    return NotImplemented


_IN_PLACE = (
    *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"),
    *("and", "or", "xor", "lshift", "rshift"),
)
for _name in _IN_PLACE:
    setattr(Array, f"__i{_name}__", _out_of_place)


def _is_short(value: Any) -> bool:
    """Whether it is an array, or a number of NumPy's, of integers below 32 bits."""
    return isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "iu" and value.dtype.itemsize < 4


def _plain(value: Any) -> Any:
    """The arguments of a function of NumPy's, arrays in them without their class."""
    if isinstance(value, Array) and not isinstance(value, Words):
        return value.view(np.ndarray)
    if type(value) is dict:
        return {name: _plain(part) for name, part in value.items()}
    return type(value)(map(_plain, value)) if type(value) in (list, tuple) else value


class Text(Array):
    """An array of strings: of `bytes`, as TensorFlow's are, which compare with Python strings too.

    >>> words = as_text(["red", "blue"])
    >>> words[1].numpy(), (words == "red").tolist(), (words + "!").tolist()
    (b'blue', [True, False], [b'red!', b'blue!'])
    """

    def __repr__(self) -> str:
        return f"<Text shape={self.shape} {np.asarray(self)[()]!r}>"

    def __str__(self) -> str:
        return str(np.asarray(self)[()])

    def __eq__(self, other: Any) -> Any:
        return as_element(np.equal(np.asarray(self), _beside(other)))

    def __ne__(self, other: Any) -> Any:
        return as_element(np.not_equal(np.asarray(self), _beside(other)))

    def __add__(self, other: Any) -> Text:
        return as_text(np.add(np.asarray(self), _beside(other)))

    def __radd__(self, other: Any) -> Text:
        return as_text(np.add(_beside(other), np.asarray(self)))

    def __mul__(self, other: Any) -> Any:
        raise TypeError("strings cannot be multiplied; tf.strings.join puts several together.")

    __rmul__ = __mul__

    __hash__ = Array.__hash__


class Words(Array):
    """Python's strings in an array, which layers give; as a plain array they are bytes, as TensorFlow's are.

    >>> np.array(["red"], object).view(Words).numpy()
    array([b'red'], dtype=object)
    """

    def numpy(self) -> Any:
        """Return a plain NumPy array of bytes, or bytes for an array without axes."""
        return as_text(np.asarray(self)).numpy()

    def __getitem__(self, key: Any) -> Any:
        found = np.asarray(self)[key]
        return found.view(Words) if isinstance(found, np.ndarray) else found


_strings: type[Array] = Words


def strings_of(tokens: Any) -> Array:
    """Return Python's strings, which a layer gives, as an array: of `Words`, or a `Text` in scripts for TensorFlow."""
    array = np.asarray(tokens, object)
    return array.view(Words) if _strings is Words else as_text(array)


def give_strings_as(kind: type[Array]) -> None:
    """Have layers give strings as `Words` or, in scripts for TensorFlow, as a `Text`, whose strings are bytes."""
    global _strings
    _strings = kind


def has_shape(found: Any, wanted: Any) -> bool:
    """Whether a shape is one in which None stands for any extent, or which is None for any shape."""
    if wanted is None:
        return True
    pairs = zip(found, wanted)
    return len(found) == len(wanted) and not any(isinstance(f, int) and w not in (None, f) for f, w in pairs)


def check_shape(found: Any, wanted: Any) -> None:
    """Check a shape as `has_shape` does.

    Raises:
        ValueError: if it is another.
    """
    if not has_shape(found, wanted):
        raise ValueError(f"set_shape: the shape is {tuple(found)}, which is not {tuple(wanted)}.")


def _beside(other: Any) -> Any:
    return other if other is None else np.asarray(as_text(other))


def encoded(value: Any) -> bytes:
    """Return a string as bytes; bytes as they are.

    >>> encoded("é")
    b'\\xc3\\xa9'
    """
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")


def entries_of(array: np.ndarray) -> list[Any]:
    """Return the entries of an array of objects; a string's array in a list, without axes, is the string.

    >>> entries_of(np.asarray([as_text("a"), "b"], object))
    [b'a', 'b']
    """
    return [x.item() if isinstance(x, np.ndarray) and not x.ndim else x for x in array.ravel().tolist()]


def as_objects(values: Any) -> np.ndarray:
    """Return strings as an array of objects: of an array's strings, or of nested lists' (see `entries_of`)."""
    array = np.asarray(values, object)
    if isinstance(values, np.ndarray):
        return array
    found = np.empty(array.size, object)
    found[:] = entries_of(array)
    return found.reshape(array.shape)


def as_text(value: Any) -> Text:
    """Return strings or bytes, one or nested lists or an array of them, as a `Text`.

    Raises:
        TypeError: if there is something else among them.
    """
    if isinstance(value, Text):
        return value
    array = np.asarray(value, object)
    flat = entries_of(array)
    other = next((x for x in flat if not isinstance(x, str | bytes)), None)
    if other is not None:
        raise TypeError(f"an array of strings was expected; got {other!r} of type {type(other).__name__} in it.")
    return text_of([encoded(x) for x in flat], array.shape)


def text_of(strings: list[bytes], shape: tuple[int, ...] | None = None) -> Text:
    """Return bytes as a `Text` of one axis, or of a shape."""
    array = np.empty(len(strings), object)
    array[:] = strings
    return array.reshape(len(strings) if shape is None else shape).view(Text)


def each(function: Callable[[bytes], Any], text: Text) -> list[Any]:
    """Return what a function gives for each of the strings, in order."""
    return [function(x) for x in text.ravel().tolist()]


def as_element(value: Any) -> Any:
    """Return an array or a NumPy number as an `Array` without a copy, strings as a `Text`; anything else as it is."""
    if isinstance(value, Array) and not isinstance(value, Words):
        return value
    if isinstance(value, str | bytes):
        return text_of([encoded(value)], ())
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype.kind in "US" or (array.dtype == object and _all_text(array)):
            return as_text(array)
        return array.view(Array)
    return value


def _all_text(array: np.ndarray) -> bool:
    return all(isinstance(x, str | bytes) for x in array.ravel().tolist())


def as_plain(value: Any) -> Any:
    """Return an `Array` as the plain array or number that it holds; anything else as it is."""
    return value.numpy() if isinstance(value, Array) else value
