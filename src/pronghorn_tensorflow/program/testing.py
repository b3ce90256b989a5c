"""`tf.test.TestCase`: assertions about arrays, alone or in lists, tuples and dicts, for `pronghorn run`."""

from __future__ import annotations

import contextlib
import random
import tempfile
import unittest
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from pronghorn import tree
from pronghorn.data import RaggedTensor

_SEED = 87654321  # what TensorFlow's tests begin with

try:
    from absl.testing.absltest import TestCase as _Base
except ImportError:
    _Base = unittest.TestCase


def _array(value: Any) -> np.ndarray:
    if isinstance(value, RaggedTensor):
        value = value.to_list()
    if hasattr(value, "numpy"):
        value = value.numpy()
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        array = np.asarray(value, object)
    if array.dtype.kind == "U" or (array.dtype == object and array.size and isinstance(array.flat[0], str)):
        return np.char.encode(array.astype(str), "utf-8")
    return array.astype(bytes) if array.dtype == object and array.size and isinstance(array.flat[0], bytes) else array


def _is_nest(value: Any) -> bool:
    """Whether a list or tuple holds more than one array would."""
    if isinstance(value, Mapping):
        return True
    if not isinstance(value, list | tuple):
        return False
    return any(_is_nest(part) or len(getattr(part, "shape", ())) for part in value)


def _is_ragged(value: Any) -> bool:
    """Whether a list or tuple has rows of different lengths, which are compared one by one."""
    if not isinstance(value, list | tuple) or not value:
        return False
    return any(isinstance(part, list | tuple) for part in value) and _array(value).dtype == object


class TestCase(_Base):
    """A test with TensorFlow's assertions; with absl installed, it has those of `absltest.TestCase` as well."""

    def setUp(self) -> None:
        super().setUp()
        random.seed(_SEED)
        np.random.seed(_SEED)

    def get_temp_dir(self) -> str:
        """A folder that is removed after the test, the same each time in a test."""
        if not hasattr(self, "_folder"):
            self._folder = tempfile.TemporaryDirectory()
            self.addCleanup(self._folder.cleanup)
        return self._folder.name

    def evaluate(self, tensors: Any) -> Any:
        """Tensors as NumPy arrays, nested as they are."""
        return tree.map_structure(lambda x: x.numpy() if hasattr(x, "numpy") else x, tensors)

    @contextlib.contextmanager
    def session(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """Nothing is to be opened: the test itself, which can `evaluate`."""
        yield self

    cached_session = session

    def test_session(self, *args: Any, **kwargs: Any) -> Any:
        """An older name of `session`, which runners take for a test."""
        if self.id().endswith(".test_session"):
            self.skipTest("a name of TensorFlow's, no test")
        return self.session(*args, **kwargs)

    # -- arrays against arrays ----------------------------------------------------------------------------------------
    def _each(self, a: Any, b: Any, check: Callable[[np.ndarray, np.ndarray, str], None], msg: Any, path: str) -> None:
        """Check the arrays of two equally nested structures."""
        if isinstance(a, Mapping):
            self.assertIsInstance(b, Mapping, f"{path or 'the second'} should be a dict")
            self.assertEqual(set(a), set(b), f"the keys of {path or 'the dicts'}")
            for key in a:
                self._each(a[key], b[key], check, msg, f"{path}[{key!r}]")
        elif isinstance(a, RaggedTensor) or isinstance(b, RaggedTensor):
            a, b = (rows.to_list() if isinstance(rows, RaggedTensor) else rows for rows in (a, b))
            self._each(a, b, check, msg, path)
        elif isinstance(b, list | tuple) and (_is_nest(a) or _is_ragged(a)):
            self.assertEqual(len(a), len(b), f"the lengths of {path or 'the sequences'}")
            for number, (first, second) in enumerate(zip(a, b)):
                self._each(first, second, check, msg, f"{path}[{number}]")
        else:
            words = " ".join(str(part) for part in (msg, path and f"at {path}") if part)
            first, second = _array(a), _array(b)
            self.assertEqual(first.shape, second.shape, f"the shapes. {words}")
            check(first, second, words)

    def assertAllEqual(self, a: Any, b: Any, msg: Any = None) -> None:
        """All elements are equal; NaN equals NaN."""
        self._each(a, b, lambda x, y, words: np.testing.assert_array_equal(x, y, words), msg, "")

    def assertAllClose(self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, msg: Any = None) -> None:
        """All elements are close: ``|a - b| <= atol + rtol * |b|``."""

        def check(x: np.ndarray, y: np.ndarray, words: str) -> None:
            x, y = (part.astype("float32") if part.dtype.name == "bfloat16" else part for part in (x, y))
            np.testing.assert_allclose(x, y, rtol=rtol, atol=atol, err_msg=words)

        self._each(a, b, check, msg, "")

    def assertAllCloseAccordingToType(
        self,
        a: Any,
        b: Any,
        rtol: float = 1e-6,
        atol: float = 1e-6,
        float_rtol: float = 1e-6,
        float_atol: float = 1e-6,
        half_rtol: float = 1e-3,
        half_atol: float = 1e-3,
        bfloat16_rtol: float = 1e-2,
        bfloat16_atol: float = 1e-2,
        msg: Any = None,
    ) -> None:
        """`assertAllClose`, with tolerances by the arrays' types."""
        kinds = {_array(a).dtype.name, _array(b).dtype.name}
        for kind, least in (
            ("float32", (float_rtol, float_atol)),
            ("float16", (half_rtol, half_atol)),
            ("bfloat16", (bfloat16_rtol, bfloat16_atol)),
        ):
            if kind in kinds:
                rtol, atol = max(rtol, least[0]), max(atol, least[1])
        self.assertAllClose(a, b, rtol, atol, msg)

    def _differ(self, assertion: Callable[..., None], a: Any, b: Any, how: str, **options: Any) -> None:
        try:
            assertion(a, b, **options)
        except AssertionError:
            return
        self.fail(f"all elements are {how}")

    def assertNotAllEqual(self, a: Any, b: Any, msg: Any = None) -> None:
        """Some elements differ, or the shapes."""
        self._differ(self.assertAllEqual, a, b, "equal")

    def assertNotAllClose(self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, msg: Any = None) -> None:
        """Some elements are not close, or the shapes differ."""
        self._differ(self.assertAllClose, a, b, "close", rtol=rtol, atol=atol)

    # -- arrays against numbers ---------------------------------------------------------------------------------------
    def _all(self, a: Any, holds: Callable[[np.ndarray], Any], words: str) -> None:
        array = _array(a)
        wrong = array[~np.asarray(holds(array), bool)] if array.size else array
        self.assertEqual(wrong.size, 0, f"{wrong.size} of {array.size} elements are not {words}, such as {wrong[:3]}")

    def assertAllGreater(self, a: Any, comparison_target: Any) -> None:
        """All elements are greater than a number."""
        self._all(a, lambda x: x > comparison_target, f"greater than {comparison_target}")

    def assertAllGreaterEqual(self, a: Any, comparison_target: Any) -> None:
        """All elements are a number or greater."""
        self._all(a, lambda x: x >= comparison_target, f"{comparison_target} or greater")

    def assertAllLess(self, a: Any, comparison_target: Any) -> None:
        """All elements are less than a number."""
        self._all(a, lambda x: x < comparison_target, f"less than {comparison_target}")

    def assertAllLessEqual(self, a: Any, comparison_target: Any) -> None:
        """All elements are a number or less."""
        self._all(a, lambda x: x <= comparison_target, f"{comparison_target} or less")

    def assertAllInRange(
        self,
        target: Any,
        lower_bound: Any,
        upper_bound: Any,
        open_lower_bound: bool = False,
        open_upper_bound: bool = False,
    ) -> None:
        """All elements are between two numbers, which count unless a bound is open."""

        def inside(x: np.ndarray) -> Any:
            above = x > lower_bound if open_lower_bound else x >= lower_bound
            return above & (x < upper_bound if open_upper_bound else x <= upper_bound)

        self._all(target, inside, f"in the range of {lower_bound} to {upper_bound}")

    def assertAllInSet(self, target: Any, expected_set: Any) -> None:
        """All elements are among some values."""
        self._all(target, lambda x: np.isin(x, list(expected_set)), f"among {expected_set}")

    def assertNear(self, f1: float, f2: float, err: float, msg: Any = None) -> None:
        """Two numbers differ by no more than `err`."""
        self.assertTrue(f1 == f2 or abs(f1 - f2) <= err, f"{f1} and {f2} differ by more than {err}. {msg or ''}")

    def assertArrayNear(self, farray1: Any, farray2: Any, err: float, msg: Any = None) -> None:
        """Two sequences of numbers differ by no more than `err`."""
        self.assertAllClose(farray1, farray2, rtol=0, atol=err, msg=msg)

    # -- types and shapes ---------------------------------------------------------------------------------------------
    def assertDTypeEqual(self, target: Any, expected_dtype: Any) -> None:
        """The elements have a type."""
        self.assertEqual(_array(target).dtype, np.dtype(getattr(expected_dtype, "as_numpy_dtype", expected_dtype)))

    def assertShapeEqual(self, input_a: Any, input_b: Any, msg: Any = None) -> None:
        """Two arrays have one shape."""
        self.assertEqual(tuple(np.shape(input_a)), tuple(np.shape(input_b)), msg)
