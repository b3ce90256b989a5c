"""tf.test.TestCase: what its assertions take and refuse."""

import collections
import os
import unittest

import numpy as np
import pytest

from pronghorn import ops
from pronghorn.data import RaggedTensor
from pronghorn_tensorflow.program import testing

TestCase = type("TestCase", (testing.TestCase, unittest.TestCase), {"runTest": lambda self: None})
CASE = TestCase()
Pair = collections.namedtuple("Pair", "first second")


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("assertAllEqual", ([1, 2], np.array([1, 2])), ([1, 2], [1, 3])),
        ("assertAllEqual", ([np.nan], [np.nan]), ([1, 2], [[1, 2]])),
        ("assertAllEqual", (["a", "b"], np.array([b"a", b"b"], object)), (["a"], ["b"])),
        ("assertAllEqual", (RaggedTensor.of([[1], [2, 3]]), [[1], [2, 3]]), (RaggedTensor.of([[1]]), [[2]])),
        ("assertAllClose", (ops.ones((2,)), [1, 1 + 1e-7]), (ops.ones((2,)), [1, 1.1])),
        ("assertAllClose", ({"a": (np.ones(2), [1.0])}, {"a": [np.ones(2), [1.0]]}), ({"a": 1}, {"b": 1})),
        ("assertAllClose", ([np.ones(2), np.ones(3)], [np.ones(2), np.ones(3)]), ([np.ones(2)], [np.zeros(2)])),
        ("assertAllClose", ([[1.0], [2, 3]], [[1], [2, 3]]), ([[1], [2, 3]], [[1], [2, 4]])),
        ("assertAllClose", ([[1], [2, 3]], RaggedTensor.of([[1], [2, 3]])), ([[1], [2, 3]], [[1, 2], [3]])),
        ("assertAllCloseAccordingToType", (np.float16([1]), np.float16([1.0009])), ([1.0], [1.0009])),
        ("assertNotAllClose", ([1.0], [2.0]), ([1.0], [1.0])),
        ("assertNotAllEqual", ([1], [2]), ([1], [1])),
        ("assertAllGreater", ([2, 3], 1), ([2, 1], 1)),
        ("assertAllGreaterEqual", ([2, 1], 1), ([2, 0], 1)),
        ("assertAllLess", ([], 1), ([1], 1)),
        ("assertAllLessEqual", ([1], 1), ([2], 1)),
        ("assertAllInRange", ([0, 1], 0, 1), ([0, np.nan], 0, 1)),
        ("assertAllInRange", ([0.5], 0, 1, True, True), ([0, 1], 0, 1, True)),
        ("assertAllInSet", ([1, 2], {1, 2}), ([3], {1, 2})),
        ("assertNear", (1.0, 1.05, 0.1), (1.0, 1.2, 0.1)),
        ("assertArrayNear", ([1.0], [1.05], 0.1), ([1.0], [1.2], 0.1)),
        ("assertDTypeEqual", (np.int32(1), "int32"), (np.int32(1), "float32")),
        ("assertShapeEqual", (np.ones(2), ops.ones(2)), (np.ones(2), ops.ones(3))),
    ],
)
def test_assertions(name, good, bad):
    getattr(CASE, name)(*good)
    with pytest.raises(AssertionError):
        getattr(CASE, name)(*bad)


def test_what_a_test_has(tmp_path):
    class Case(TestCase):
        def runTest(self):
            self.folders = [self.get_temp_dir(), self.get_temp_dir()]
            self.drawn = np.random.rand()
            with self.session() as session:
                self.values = session.evaluate({"a": [ops.ones(2), 3]})
            self.pair = self.evaluate(Pair(ops.ones(2), 3))

    cases = [Case(), Case()]
    for case in cases:
        assert case.run().wasSuccessful()
        assert case.folders[0] == case.folders[1] and not os.path.exists(case.folders[0])
        assert isinstance(case.values["a"][0], np.ndarray) and case.values["a"][1] == 3
        assert isinstance(case.pair.first, np.ndarray) and case.pair.second == 3
    assert cases[0].drawn == cases[1].drawn
