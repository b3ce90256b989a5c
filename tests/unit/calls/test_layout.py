"""Arguments taken apart and put together again."""

import numpy as np
import pytest

from pronghorn import tree
from pronghorn.calls.layout import has_rows, known_arrays, take_apart
from pronghorn.data.ragged import RaggedTensor
from pronghorn.engine.graph import layout as layouts
from pronghorn.engine.graph.dtypes import to_numpy
from pronghorn.engine.graph.layout import Layout, has_numbers
from pronghorn.engine.graph.tensor import Tensor


def is_plain(x):
    return not isinstance(x, np.ndarray | Tensor)


@pytest.mark.parametrize(
    "data",
    [
        np.ones(2),
        [],
        {},
        (),
        [np.ones(2), {"b": np.zeros(0), "a": (np.ones(()), None)}],
        {"deep": [[[np.ones(1)]]], "none": None},
    ],
    ids=str,
)
def test_what_is_taken_apart_is_put_together(data):
    layout, leaves = take_apart(data)
    assert all(isinstance(leaf, np.ndarray) for leaf in leaves)
    packed = layout.pack(leaves)
    tree.assert_same_structure(packed, data)
    for a, b in zip(tree.flatten(packed), tree.flatten(data), strict=True):
        assert a is b


def test_constants_are_told_apart_by_type_and_value():
    def key(*data):
        return take_apart(data, is_plain)[0].key

    x = np.ones(2)
    assert key(x, 1, "a") == key(np.zeros(3), 1, "a")
    assert len({key(x, 1), key(x, 1.0), key(x, True), key(x, "1"), key(x, None), key(x), key(1, x)}) == 7
    kept, other = {1}, {1}  # which cannot be hashed, so that only the very object is the same
    assert key(x, kept) == key(x, kept) != key(x, other)


def test_keys_of_floats():
    def key(x):
        return take_apart([x], is_plain)[0].key

    assert len({key(0.0), key(-0.0), key(0), key(False), key(0j), key(complex(0, -0.0))}) == 6
    assert key(float("nan")) == key(float("nan"))


def test_a_key_holds_what_it_knows_by_identity():
    keys = [take_apart([{number}], is_plain)[0].key for number in range(50)]  # the sets are gone
    assert len(set(keys)) == 50


def test_what_comes_twice_has_one_number():
    x, y = np.ones(2), np.zeros(2)
    layout, leaves = layouts.take_apart([x, {"b": y, "a": x}, 3], is_plain, once=True)
    assert [id(leaf) for leaf in leaves] == [id(x), id(y)]
    assert layout.pack(["x", "y"]) == ["x", {"b": "y", "a": "x"}, 3]
    for once in (False, True):
        layout, leaves = layouts.take_call_apart((x, x), {}, lambda leaf: leaf is x, once=once)
        assert len(leaves) == (1 if once else 2) and layout.pack(leaves) == ((x, x), {})


def test_a_constant_is_no_leaf_and_comes_back():
    layout, leaves = take_apart([np.ones(2), "text", 3, None], is_plain)
    assert len(leaves) == 1
    assert layout.pack(["new"]) == ["new", "text", 3, None]


def test_rows_of_different_lengths_are_two_leaves():
    rows = RaggedTensor.of([[1, 2], [3], []])
    layout, leaves = take_apart({"rows": rows, "x": np.ones(3)})
    assert len(leaves) == 3 and has_rows(layout)
    assert layout.pack([np.asarray(leaf) for leaf in leaves])["rows"].to_list() == [[1, 2], [3], []]
    assert not has_rows(take_apart(np.ones(3))[0])


def test_layouts_of_other_containers_differ():
    x = np.ones(2)
    keys = {take_apart(data)[0].key for data in (x, [x], (x,), {"a": x}, {"b": x}, [[x]], [x, x], [x, None])}
    assert len(keys) == 8


def test_a_layout_that_was_sent_is_the_same():
    layout, _ = take_apart([np.ones(2), None])
    assert Layout(layout.structure).key == layout.key


def test_arrays_of_numbers():
    numbers = [np.ones(2), np.float32(1), np.ones(2, "bool"), np.ones(2, complex), np.ones(2, to_numpy("bfloat16"))]
    assert all(map(has_numbers, numbers))
    others = [np.array(["a"]), np.array([b"a"]), np.array([None]), np.array(["2020"], "M8[Y]"), np.array([1], "m8[s]")]
    assert not any(map(has_numbers, [*others, 1.0, "a", None, Tensor(np.ones(2))]))


@pytest.mark.parametrize(
    "data",
    [[], None, [None], [np.ones(2), "a"], [np.array(["a"])], [np.ones(2), 1.0], {"x": RaggedTensor.of([[1], [2, 3]])}],
    ids=str,
)
def test_what_is_not_known_arrays_alone(data):
    assert known_arrays(data) is None


def test_known_arrays():
    x = np.ones((2, 3))
    layout, arrays = known_arrays({"a": Tensor(x), "b": [x, None]})
    assert all(array is x for array in arrays) and len(arrays) == 2
    assert layout.pack([1, 2]) == {"a": 1, "b": [2, None]}


def test_the_layout_of_words_is_made_once_and_is_that_of_the_long_way():
    x, y = np.ones(2), np.ones(3)

    def apart(**kwargs):
        return layouts.take_call_apart((x, y), kwargs, lambda leaf: isinstance(leaf, np.ndarray), once=True)

    for kwargs in ({"training": True}, {"b": None, "a": "same", "n": 3}):
        layout, leaves = apart(**kwargs)
        again, _ = layouts.take_apart(((x, y), kwargs), lambda leaf: not isinstance(leaf, np.ndarray))
        assert layout.key == again.key and layout.is_plain and apart(**kwargs)[0] is layout
        assert leaves[0] is x and leaves[1] is y
        args, words = layout.pack(leaves)
        assert args[0] is x and args[1] is y and words == kwargs
    assert apart(n=1)[0].key != apart(n=True)[0].key != apart(n=1.0)[0].key
    assert apart(n=0.0)[0].key != apart(n=-0.0)[0].key
