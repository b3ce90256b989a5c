"""Nested structures."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple

import pytest

from pronghorn import tree
from pronghorn.tree.tree import Container

Point = namedtuple("Point", "x y")
NEST = {"b": [1, (2, None)], "a": Point(3, deque([4]))}


def test_flatten_and_pack():
    assert tree.flatten(NEST) == [3, 4, 1, 2, None]
    packed = tree.pack_sequence_as(NEST, list("pqrst"))
    assert packed == {"b": ["r", ("s", "t")], "a": Point("p", deque(["q"]))} and list(packed) == ["b", "a"]


def test_ordered_and_default_dicts_keep_their_kind():
    ordered = tree.map_structure(lambda x: x + 1, OrderedDict([("z", 1), ("a", 2)]))
    assert list(ordered.items()) == [("z", 2), ("a", 3)] and isinstance(ordered, OrderedDict)
    assert tree.map_structure(str, defaultdict(int, a=1)).default_factory is int


def test_several_structures():
    assert tree.map_structure(lambda a, b: a * b, [1, (2,)], [3, (4,)]) == [3, (8,)]
    for other in ([1], (1, 2), {"a": 1, "b": 2}, [1, [2]]):
        with pytest.raises(ValueError):
            tree.map_structure(lambda a, b: a, [1, 2], other)


def test_paths():
    assert tree.flatten_with_path(NEST)[0] == (("a", 0), 3)
    tree.assert_same_paths([1, 2], (3, 4))
    with pytest.raises(ValueError, match="first only"):
        tree.assert_same_paths([1, 2], [3])


def test_traverse():
    seen = []
    tree.traverse(seen.append, [1, [2]], top_down=False)
    assert seen == [1, 2, [2], [1, [2]]]
    assert tree.traverse(lambda x: tree.MAP_TO_NONE if x == 1 else None, [1, 2]) == [None, 2]


def test_none_as_no_leaf():
    assert tree.map_structure(lambda x: x + 1, [1, None], none_is_leaf=False) == [2, None]


def test_shapes():
    assert tree.map_shape_structure(len, [(1, None), {"a": (2,)}]) == [2, {"a": 1}]
    assert tree.lists_to_tuples([1, [2]]) == (1, (2,))


def test_wrong_numbers_of_leaves():
    with pytest.raises(ValueError, match="1 leaves.*holds 3"):
        tree.pack_sequence_as([1, [2, 3]], [1])
    with pytest.raises(TypeError):
        tree.pack_sequence_as([1], 5)


def test_containers_of_a_type_of_their_own_keep_it():
    class Row(Container, list):
        """A list that is more than a list."""

    doubled = tree.map_structure(lambda x: 2 * x, {"a": Row([1, 2])})
    assert type(doubled["a"]) is Row and doubled == {"a": [2, 4]}
    with pytest.raises(ValueError, match="expected a Row"):
        tree.assert_same_structure(Row([1]), [1])
