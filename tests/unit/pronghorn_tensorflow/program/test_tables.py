"""`tf.lookup`: tables that stay as they are and those that change, beside what TensorFlow gives."""

import numpy as np
import pytest

from pronghorn.data.element import as_text
from pronghorn_tensorflow.program.errors import FailedPreconditionError
from pronghorn_tensorflow.program.tables import (
    DenseHashTable,
    KeyValueTensorInitializer,
    MutableHashTable,
    StaticHashTable,
)


def test_a_key_has_one_value():
    assert int(StaticHashTable(KeyValueTensorInitializer(["a", "a"], [1, 1]), -1).size()) == 1
    with pytest.raises(FailedPreconditionError, match="two values, 1 and 2"):
        StaticHashTable(KeyValueTensorInitializer(["a", "a"], [1, 2]), -1)
    with pytest.raises(ValueError, match="2 keys and 1 values"):
        StaticHashTable(KeyValueTensorInitializer(["a", "b"], [1]), -1)


def test_entries_are_set_and_removed():
    table = MutableHashTable("string", "int64", default_value=-1)
    assert table.lookup(as_text(["a"])).tolist() == [-1]
    table.insert(as_text(["a", "b"]), [1, 2])
    table.insert(as_text(["a"]), [3])
    found = table[as_text([["b", "z"], ["a", "a"]])]
    assert found.tolist() == [[2, -1], [3, 3]] and found.dtype == "int64"
    assert table.lookup(as_text(["z", "b"]), dynamic_default_values=[7, 8]).tolist() == [7, 2]
    table.remove(as_text(["a", "nobody"]))
    keys, values = table.export()
    assert keys.tolist() == [b"b"] and values.tolist() == [2] and int(table.size()) == 1
    table.insert(as_text([]), np.zeros(0, "int64"))
    assert table.lookup(as_text([])).shape == (0,)


def test_values_may_be_vectors_or_strings():
    table = MutableHashTable("int64", "float32", default_value=[0.0, 0.0])
    table.insert([5], [[1.0, 2.0]])
    assert table.lookup([5, 6]).tolist() == [[1.0, 2.0], [0.0, 0.0]]
    with pytest.raises(ValueError, match=r"need values of shape \(1, 2\)"):
        table.insert([5], [1.0])
    names = MutableHashTable("int64", "string", default_value="?")
    names.insert([1], as_text(["one"]))
    assert names.lookup([[1, 2]]).tolist() == [[b"one", b"?"]]
    assert [part.tolist() for part in names.export()] == [[1], [b"one"]]


def test_two_keys_of_a_dense_table_are_no_keys():
    table = DenseHashTable("int64", "int64", default_value=-1, empty_key=-1, deleted_key=-2)
    table.insert([1, 2], [10, 20])
    assert table.lookup([1, 3]).tolist() == [10, -1]
    with pytest.raises(ValueError, match="-1 is its empty_key"):
        table.insert([-1], [1])
    with pytest.raises(ValueError, match="-2 is its deleted_key"):
        table.lookup([-2])
