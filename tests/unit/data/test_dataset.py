"""Data sets made of steps."""

import pickle
import threading

import numpy as np
import pytest

from pronghorn import ops
from pronghorn.data import Dataset, RaggedTensor, TensorSpec
from pronghorn.data.structure import map_leaves


def values(dataset):
    return [element.tolist() if isinstance(element, np.ndarray) else element for element in dataset]


def test_slices_of_nested_arrays():
    data = Dataset.from_tensor_slices(({"a": np.arange(3), "b": np.ones((3, 2))}, [5, 6, 7]))
    (first, label), *rest = data
    assert first["a"] == 0 and first["b"].shape == (2,) and label == 5 and len(rest) == 2 and len(data) == 3
    with pytest.raises(ValueError, match=r"different lengths: \[2, 3\]"):
        Dataset.from_tensor_slices((np.ones(2), np.ones(3)))


def test_lists_become_float32():
    assert next(iter(Dataset.from_tensor_slices([1.5]))).dtype == np.float32
    assert next(iter(Dataset.from_tensor_slices(np.array([1.5])))).dtype == np.float64


def test_batches():
    data = Dataset.range(5)
    assert values(data.batch(2)) == [[0, 1], [2, 3], [4]] and len(data.batch(2)) == 3
    assert values(data.batch(2, drop_remainder=True)) == [[0, 1], [2, 3]]
    assert values(data.batch(2).unbatch()) == [0, 1, 2, 3, 4]
    pairs = Dataset.from_tensor_slices((np.arange(2), np.arange(2))).batch(2)
    assert [type(element) for element in pairs] == [tuple]
    with pytest.raises(ValueError, match="different shapes"):
        list(Dataset.from_generator(lambda: [np.ones(1), np.ones(2)]).batch(2))
    for size in (2.5, "2", None):
        with pytest.raises(TypeError, match=f"batch_size={size!r} must be an integer"):
            Dataset.range(3).batch(size)
    assert len(Dataset.range(3).batch(np.int64(2))) == 2
    with pytest.raises(ValueError, match="batch_size=0"):
        data.batch(0)


def test_map_takes_a_tuple_apart():
    data = Dataset.from_tensor_slices((np.arange(2), np.arange(2) * 10))
    assert list(data.map(lambda x, y: x + y)) == [0, 11]
    assert list(data.map(lambda x, y: (y, x), num_parallel_calls=-1)) == [(0, 0), (10, 1)]


@pytest.mark.parametrize("size", [0, -1, -3])
def test_shuffle_from_no_elements_is_refused(size):
    with pytest.raises(ValueError, match=rf"one at least, or -2 for all; got {size}"):
        Dataset.range(5).shuffle(size)


def test_shuffle_from_all_elements():
    assert sorted(Dataset.range(9).shuffle(-2)) == list(range(9))
    assert list(Dataset.range(9).shuffle(1)) == list(range(9))


def test_shuffle_is_another_order_each_time():
    data = Dataset.range(100).shuffle(100, seed=3)
    first, second = list(data), list(data)
    assert sorted(first) == sorted(second) == list(range(100)) and first != second and first != sorted(first)
    assert list(Dataset.range(100).shuffle(100, seed=3)) == first
    fixed = Dataset.range(100).shuffle(100, seed=3, reshuffle_each_iteration=False)
    assert list(fixed) == list(fixed)
    near = list(Dataset.range(100).shuffle(5, seed=0))
    assert max(abs(value - place) for place, value in enumerate(near) if value > place) <= 4
    assert list(Dataset.range(9).shuffle(1)) == list(range(9))  # one element to choose from


def test_parts_and_repetitions():
    data = Dataset.range(4)
    assert list(data.take(2)) == [0, 1] and list(data.skip(3)) == [3] and len(data.skip(9)) == 0
    assert list(data.repeat(2).take(6)) == [0, 1, 2, 3, 0, 1] and len(data.repeat(2)) == 8
    assert list(data.repeat().take(5)) == [0, 1, 2, 3, 0] and data.repeat().cardinality() == -1
    assert list(data.concatenate(data.take(1))) == [0, 1, 2, 3, 0]
    assert list(data.filter(lambda x: x % 2 == 0)) == [0, 2]
    assert list(Dataset.zip(data, data.skip(1))) == [(0, 1), (1, 2), (2, 3)]
    assert list(data.take(1).enumerate()) == [(0, 0)]
    with pytest.raises(TypeError, match="not known"):
        len(data.filter(bool))


def test_cache_reads_once():
    reads = []
    data = Dataset.from_generator(lambda: reads.append(1) or [1, 2]).cache()
    assert values(data) == values(data) == [1, 2] and len(reads) == 1


def test_prefetch_gives_the_same_and_hands_on_errors():
    assert list(Dataset.range(5).prefetch(2)) == [0, 1, 2, 3, 4]

    def broken():
        yield 1
        raise OSError("gone")

    elements = iter(Dataset.from_generator(broken).prefetch())
    next(elements)
    with pytest.raises(OSError, match="gone"):
        next(elements)


def test_prefetch_stops_its_thread_when_abandoned():
    before = threading.active_count()
    elements = iter(Dataset.range(10**9).prefetch(1))
    next(elements)
    elements.close()
    for thread in threading.enumerate():
        if thread.daemon and thread is not threading.current_thread():
            thread.join(1)
    assert threading.active_count() <= before


def test_elements_answer_numpy_like_tensors():
    data = Dataset.from_tensor_slices((np.ones((3, 2), "float32"), np.array([1, 0, 1]))).batch(2)
    images, labels = next(iter(data))
    assert type(images.numpy()) is np.ndarray and images[0].numpy().tolist() == [1, 1]
    label = labels[1]
    assert label.numpy() == 0 and ["cat", "dog"][label] == "cat" and {0: "cat"}[label] == "cat" and f"{label}" == "0"
    assert [type(x.numpy()) for x in labels] == [np.int64, np.int64]
    assert type(np.asarray(images)) is np.ndarray
    assert [type(x) for x in next(data.as_numpy_iterator())] == [np.ndarray, np.ndarray]


def test_elements_that_are_strings_are_bytes_that_compare_with_strings():
    data = Dataset.from_tensor_slices(np.array(["ab", "\u00e9"]))
    first, second = data
    assert first == "ab" and first.numpy() == b"ab" and second.numpy().decode() == "\u00e9"
    assert {first.numpy(): 1}[b"ab"] == 1 and hash(first) == hash(b"ab")
    (batch,) = data.batch(2)
    assert batch[0] == "ab" and batch.numpy().tolist() == [b"ab", b"\xc3\xa9"]
    assert (batch == ["ab", "x"]).tolist() == [True, False] and (batch + "!")[0].numpy() == b"ab!"
    assert list(data.as_numpy_iterator()) == [b"ab", b"\xc3\xa9"]


def test_objects_of_text_go_through_maps_and_generators():
    texts = np.array(["a b", "c"], object)
    shout = Dataset.from_tensor_slices((texts, [1, 2])).map(lambda text, label: (text + "!", label))
    assert [(x.numpy(), int(y)) for x, y in shout] == [(b"a b!", 1), (b"c!", 2)]
    made = Dataset.from_generator(lambda: iter(texts), output_signature=TensorSpec((), "string"))
    assert next(iter(made.batch(2))).numpy().tolist() == [b"a b", b"c"]


def test_from_generator_converts_to_the_signature():
    signature = (TensorSpec(shape=(2,), dtype="int32"), {"a": TensorSpec((), "float32")})
    data = Dataset.from_generator(
        lambda n: (([i, i], {"a": i}) for i in range(n)), output_signature=signature, args=(3,)
    )
    x, other = next(iter(data))
    assert (x.dtype, other["a"].dtype) == ("int32", "float32")
    assert len(list(data)) == 3
    x, y = next(iter(Dataset.from_generator(lambda: [(1, "a")], output_types=("uint8", "string"))))
    assert x.dtype == "uint8" and y == "a"
    (row,) = Dataset.from_generator(lambda: [[[1, 2], 3]], output_types=["int32", "int32"])
    assert [part.tolist() for part in row] == [[1, 2], 3]


@pytest.mark.parametrize(
    ("element", "signature", "reason"),
    [
        ((1, 2, 3), (TensorSpec((), "int32"),) * 2, r"is \(int, int, int\), nested in another way"),
        ((1,), (TensorSpec((), "int32"),) * 2, r"is \(int,\), nested"),
        (3, (TensorSpec((), "int32"),) * 2, "is int, nested"),
        ({"a": 1}, {"b": TensorSpec((), "int32")}, "is {'a': int}, nested"),
        ({"a": 1}, TensorSpec((), "int32"), "is {'a': int}, nested"),
        (
            [1],
            TensorSpec((2,), "int32"),
            r"is not what was said of it, Tensor.*: the shape is \(1,\), which",
        ),
        ("x", TensorSpec((), "int32"), "is not what was said of it, .*'x'"),
    ],
)
def test_from_generator_names_elements_that_are_not_as_was_said(element, signature, reason):
    good = map_leaves(lambda spec: np.zeros(spec.shape, spec.dtype), signature)
    data = iter(Dataset.from_generator(lambda: [good, element], output_signature=signature))
    next(data)
    with pytest.raises(ValueError, match=f"^from_generator: element 1 {reason}"):
        next(data)


def test_from_generator_wants_a_function():
    with pytest.raises(TypeError, match=r"must be a function .*, got one of type list; pass lambda: it"):
        Dataset.from_generator([1, 2])


def test_element_spec_of_numbers_and_their_batches():
    numbers = Dataset.range(10)
    shapes = {
        "enumerate": [tuple(leaf.shape) for leaf in numbers.batch(1).enumerate().element_spec],
        "zip": [tuple(leaf.shape) for leaf in Dataset.zip((numbers.batch(1), numbers.batch(2))).element_spec],
        "batches of batches": tuple(numbers.batch(1).batch(2).element_spec.shape),
        "concatenate": tuple(numbers.batch(1).concatenate(numbers.batch(2)).element_spec.shape),
        "whole batches": tuple(numbers.batch(1, drop_remainder=True).element_spec.shape),
    }
    assert shapes == {
        "enumerate": [(), (None,)],
        "zip": [(None,), (None,)],
        "batches of batches": (None, None),
        "concatenate": (None,),
        "whole batches": (1,),
    }
    assert numbers.element_spec.dtype == "int64" and Dataset.range(0).batch(2).element_spec.shape[0] is None


def test_element_spec():
    spec = Dataset.from_tensor_slices((np.zeros((4, 2), "float32"), np.array(["a"] * 4))).element_spec
    assert spec == (TensorSpec((2,), "float32"), TensorSpec((), "string"))


def test_functions_of_numpy_give_its_arrays():
    numbers, words = next(iter(Dataset.from_tensor_slices(([3, 1, 2], ["a", "b", "c"])).batch(3)))
    for found in (np.concatenate([numbers, numbers]), np.split(numbers, 3)[0], *np.unique(numbers, return_counts=True)):
        assert type(found) is np.ndarray
    assert isinstance(np.mean(numbers), np.float64) and hasattr(numbers[0], "numpy") and hasattr(numbers + 1, "numpy")
    assert np.concatenate([words, words])[3] == b"a"


def test_functions_of_numpy_see_its_arrays():
    label = next(iter(Dataset.from_tensor_slices([3, 1])))
    for function in (np.zeros_like, np.ones_like, np.expand_dims, np.squeeze, np.transpose):
        found = function(label, 0) if function is np.expand_dims else function(label)
        assert type(found) is np.ndarray and found.dtype == label.dtype
    numbers = next(iter(Dataset.from_tensor_slices(np.arange(4.0).reshape(1, 2, 2))))
    np.squeeze(numbers[:1])[...] = 7  # a view, as of any array
    assert numbers.tolist() == [[7, 7], [2, 3]]
    assert {type(part) for part in np.linalg.svd(numbers)} == {np.ndarray}
    out = np.zeros(2)
    assert np.sum(numbers, axis=1, out=out) is out and out.tolist() == [14, 5]


@pytest.mark.parametrize("condition", [lambda x: x, lambda x: 1, lambda x: None, lambda x: [True], lambda x: x > [0]])
def test_conditions_are_bools(condition):
    data = Dataset.range(2)
    for refined in (data.filter(condition), data.take_while(condition)):
        with pytest.raises(ValueError, match="must give one bool"):
            list(refined)
    for fine in (lambda x: x > 0, lambda x: True, lambda x: np.bool_(True), lambda x: ops.greater(x, 0)):
        list(data.filter(fine))


@pytest.mark.parametrize("parts", [([Dataset.range(1)],), ((Dataset.range(1), [Dataset.range(1)]),), (3,), ()])
def test_only_data_sets_are_zipped(parts):
    with pytest.raises(TypeError, match=r"Dataset.zip: .*got (a list; pass them one by one|a int|none)"):
        Dataset.zip(*parts)


def test_a_compressed_data_set_is_loaded_as_such(tmp_path):
    path = str(tmp_path / "set")
    Dataset.range(3).save(path, compression="GZIP")
    assert [int(x) for x in Dataset.load(path, compression="GZIP")] == [0, 1, 2]
    with pytest.raises(ValueError, match="saved with compression='GZIP', not None; pass that"):
        list(Dataset.load(path))
    with pytest.raises(ValueError, match="compression='XX'"):
        Dataset.range(3).save(path, compression="XX")


def test_missing_names_are_answered_with_the_nearest():
    for owner in (Dataset, Dataset.range(1)):
        with pytest.raises(AttributeError, match="'from_tensor_slice'; nearest: from_tensor_s"):
            owner.from_tensor_slice  # noqa: B018
        assert not hasattr(owner, "foo")
    with pytest.raises(AttributeError, match="nearest: to_tensor"):
        RaggedTensor.of([[1]]).to_tensr  # noqa: B018
    with pytest.raises(AttributeError) as caught:
        Dataset.foo  # noqa: B018
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize(
    "said", [{}, {"output_types": "float32"}, {"output_types": ("float64"), "output_shapes": (2,)}]
)
def test_a_generator_may_use_its_array_again(said):
    def rows():
        row = np.zeros(2, "float32")
        for number in range(4):
            row[:] = number
            yield row

    data = Dataset.from_generator(rows, **said)
    assert [x.tolist() for x in data.batch(2)] == [[[0, 0], [1, 1]], [[2, 2], [3, 3]]]
    assert [x.tolist() for x in data.prefetch(3)] == [x.tolist() for x in data] == [[i, i] for i in range(4)]


def test_what_is_written_into_elements_changes_nothing_else():
    source = np.zeros((2, 2), "float32")
    for data in (
        Dataset.from_tensor_slices(source),
        Dataset.from_tensors(source),
        Dataset.from_tensor_slices(source).cache(),
    ):
        for _ in range(2):
            for element in data:
                element.numpy()[:] = 1
            for element in data.as_numpy_iterator():
                element[:] = 1
    assert not source.any() and not any(x.any() for x in data)


def test_pythons_numbers_in_elements():
    (batch,) = Dataset.range(2).map(lambda x: (x, 1, 1.5, True, 2**40, [1, 2])).batch(2)
    assert [x.dtype for x in batch] == ["int64", "int32", "float32", "bool", "int64", "int32"]
    count = Dataset.range(3).reduce(0, lambda state, x: state + 1)
    assert count.numpy() == 3 and count.dtype == "int32"
    total = Dataset.from_tensor_slices([1.5, 3.0]).reduce(ops.zeros((2,)), lambda state, x: ops.add(state, x))
    assert total.numpy().tolist() == [4.5, 4.5] and isinstance(total, type(ops.ones(())))
    assert [x.dtype for x in Dataset.range(2).scan(0, lambda state, x: (state + 1, state))] == ["int32"] * 2


def test_elements_are_not_changed_in_place():
    source = np.zeros((2, 2), "float32")

    def changed(x):
        x += 1
        x *= 2
        return x

    data = Dataset.from_tensor_slices(source).map(changed)
    for _ in range(2):
        assert [x.tolist() for x in data] == [[2, 2], [2, 2]]
    with pytest.raises(TypeError, match="cannot be assigned to"):
        next(iter(data))[0] = 1
    assert not source.any()


@pytest.mark.parametrize("make", [Dataset.from_tensor_slices, Dataset.from_tensors])
def test_what_is_written_into_the_array_later_does_not_count(make):
    rows = np.zeros((2, 2), "float32")
    read = rows.view()
    read.flags.writeable = False
    data = make({"own": rows, "view": rows[:, :1], "ints": rows.view("int32"), "read": read})
    rows[:] = 5
    for element in data:
        assert not any(np.any(leaf) for leaf in element.values())


def test_arrays_in_files_stay_there(tmp_path):
    mapped = np.memmap(tmp_path / "rows", "float32", "w+", shape=(4, 2))
    (element,) = Dataset.from_tensors(mapped)
    assert np.may_share_memory(np.asarray(element), mapped)


def test_what_elements_are_like_where_there_are_none():
    none = np.zeros((0, 3), "float32")
    assert Dataset.from_tensor_slices(none).element_spec == TensorSpec((3,), "float32")
    assert Dataset.from_tensor_slices(np.zeros((0,), object)).element_spec == TensorSpec((), "string")
    with pytest.raises(ValueError, match="no elements"):
        Dataset.from_tensor_slices(none).map(lambda x: x + 1).element_spec  # noqa: B018
    assert int(Dataset.counter().batch(2).cardinality()) == int(Dataset.counter().cardinality()) == -1


def test_a_generator_may_hand_out_a_view_that_it_cannot_write_into():
    def rows():
        buffer = np.zeros(2, "float32")
        view = buffer.view()
        view.flags.writeable = False
        for number in range(3):
            buffer[:] = number
            yield view

    assert [element.tolist() for element in list(Dataset.from_generator(rows))] == [[0, 0], [1, 1], [2, 2]]
