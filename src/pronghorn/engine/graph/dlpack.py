"""DLPack, by which libraries hand each other arrays in one memory: NumPy's, and the element types that NumPy lacks.

NumPy moves bfloat16 and eight-bit floats as integers of their width; in the capsule's description of the array the type
is then one byte, which is written here.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from pronghorn.engine.graph import dtypes

CPU = (1, 0)
"""DLPack's number for the processor's memory, and which."""

# The code of a type in DLPack, and of the integers in whose place NumPy reads and writes it.
_CODES = {"bfloat16": 4, "float8_e4m3fn": 10, "float8_e5m2": 12}
_NAMES = {(4, 16): "bfloat16", (10, 8): "float8_e4m3fn", (12, 8): "float8_e5m2"}
_SIGNED_INTEGER = 0

# Where the byte with the code lies in each of the two structures that a capsule can hold; the bits follow it.
_OFFSETS = {b"dltensor": 20, b"dltensor_versioned": 52}

_name_of = ctypes.pythonapi.PyCapsule_GetName
_name_of.restype, _name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
_pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
_pointer_of.restype, _pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


def capsule(array: np.ndarray, max_version: tuple[int, int] | None, copy: bool | None) -> Any:
    """A capsule with an array's memory.

    Args:
        array: it. One that may not be written to is copied for whoever cannot be told so.
        max_version: the newest version of DLPack that the taker knows; None for those before 1.0.
        copy: whether the memory has to be a copy; None for where there is no other way.

    Raises:
        BufferError: only a copy is possible, and ``copy`` is False.
    """
    name = dtypes.name_of(array.dtype)
    plain = array.view(f"i{array.itemsize}") if name in _CODES else array
    tells = max_version is not None and max_version[0] >= 1
    if not plain.flags.writeable and not tells and copy is None:
        plain = plain.copy()
    made = plain.__dlpack__(max_version=max_version, copy=copy)
    if name in _CODES:
        _type_in(made)[0] = _CODES[name]
    return made


def array_of(x: Any) -> np.ndarray:
    """The array that an object with ``__dlpack__`` hands over, in its memory where that is the processor's.

    Raises:
        BufferError: the object does not hand it over, for a reason that it says.
        TypeError: for an element type that we have not.
    """
    given = _Given(x)
    try:
        array = np.from_dlpack(given)
    except RuntimeError as error:  # a type that is not NumPy's
        raise TypeError(f"from_dlpack: arrays of this element type of DLPack cannot be taken ({error}).") from error
    array = array if given.name is None else array.view(dtypes.to_numpy(given.name))
    dtypes.name_of(array.dtype)
    return array


class _Given:
    """Somebody's array for NumPy, which sees integers in the place of types that it has not; ``name`` is the type."""

    def __init__(self, x: Any):
        self._x = x
        self.name: str | None = None

    def __dlpack_device__(self) -> tuple[int, int]:
        return CPU

    def __dlpack__(self, **wishes: Any) -> Any:
        here = self._x.__dlpack_device__()[0] == CPU[0]
        asked = {} if here else {"dl_device": CPU}
        try:
            found = self._x.__dlpack__(max_version=(1, 0), **asked)
        except TypeError:  # an object that knows DLPack as it was before 1.0
            if not here:
                raise BufferError(
                    "from_dlpack: the array is on another device; bring it to the processor first."
                ) from None
            found = self._x.__dlpack__()
        kind = _type_in(found)
        self.name = _NAMES.get((kind[0], kind[1]))
        if self.name is not None:
            kind[0] = _SIGNED_INTEGER
        return found


def _type_in(held: Any) -> Any:
    """The bytes of a capsule that say the type of elements: the code and the bits."""
    name = _name_of(held)
    return (ctypes.c_uint8 * 2).from_address(_pointer_of(held, name) + _OFFSETS[name])
