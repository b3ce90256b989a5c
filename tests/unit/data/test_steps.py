"""The steps of data sets that gather, mix and store elements; what is expected is what TensorFlow gives."""

import numpy as np
import pytest

from pronghorn import ops
from pronghorn.data import Dataset, RaggedTensor, TensorSpec
from pronghorn.data.tensor_spec import RaggedTensorSpec
from pronghorn.layers import StringLookup


def lists(dataset):
    return [x.to_list() if isinstance(x, RaggedTensor) else np.asarray(x).tolist() for x in dataset]


def rows(*lengths):
    return Dataset.from_generator(
        lambda: (np.arange(1, n + 1) for n in lengths), output_signature=TensorSpec((None,), "int32")
    )


@pytest.mark.parametrize("wrong", [{"cycle_length": 0}, {"block_length": 0}, {"cycle_length": -2}])
def test_interleave_takes_turns_of_something(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"interleave: {name} must be at least 1"):
        Dataset.range(2).interleave(Dataset.from_tensors, **wrong)


def test_interleave_takes_turns_and_opens_the_next_where_one_ends():
    data = Dataset.range(1, 6).interleave(lambda x: Dataset.from_tensors(x).repeat(6), cycle_length=2, block_length=4)
    turns = [1, 1, 1, 1, 2, 2, 2, 2, 1, 1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 3, 3, 4, 4, 5, 5, 5, 5, 5, 5]
    assert lists(data) == turns


def test_types_of_lists():
    numbers = [ops.convert_to_tensor(1, "float64"), ops.convert_to_tensor(2, "float64")]
    for values, dtype in (
        (numbers, "float64"),
        ([np.int64(1)], "int64"),
        ([[1]], "int32"),
        ([0.5], "float32"),
        ([], "float32"),
    ):
        assert next(iter(Dataset.from_tensors((values,))))[0].dtype == dtype
    assert Dataset.from_tensor_slices(numbers).element_spec.dtype == "float64"


def test_lists_in_what_a_function_gives_are_arrays():
    (element,) = Dataset.range(1).map(lambda x: (x, [x, x + 1], {"words": ["a", "b"]}))
    assert element[1].tolist() == [0, 1] and StringLookup(vocabulary=["b"])(element[2]["words"]).numpy().tolist() == [
        0,
        1,
    ]
    assert lists(next(iter(Dataset.range(1).map(lambda x: [x, x + 1])))) == [0, 1]  # an element of two parts


def test_flat_map_and_windows():
    data = Dataset.range(7).window(3, shift=2, drop_remainder=True)
    assert lists(data.flat_map(lambda window: window.batch(3))) == [[0, 1, 2], [2, 3, 4], [4, 5, 6]] and len(data) == 3
    assert [lists(window) for window in Dataset.range(7).window(3)] == [[0, 1, 2], [3, 4, 5], [6]]
    assert [lists(w) for w in Dataset.range(7).window(3, 1, 2, True)] == [[0, 2, 4], [1, 3, 5], [2, 4, 6]]
    pairs = Dataset.from_tensor_slices(([1, 2], [3, 4])).window(2)
    assert [(lists(a), lists(b)) for a, b in pairs] == [([1, 2], [3, 4])]


def test_batches_of_other_sizes():
    assert lists(Dataset.range(7).batch(3).rebatch(2)) == [[0, 1], [2, 3], [4, 5], [6]]
    assert lists(Dataset.range(7).batch(3).rebatch(2, drop_remainder=True)) == [[0, 1], [2, 3], [4, 5]]


def test_padded_batches():
    assert lists(rows(1, 3).padded_batch(2)) == [[[1, 0, 0], [1, 2, 3]]]
    assert lists(rows(1, 3).padded_batch(2, padded_shapes=(4,), padding_values=-1)) == [
        [[1, -1, -1, -1], [1, 2, 3, -1]]
    ]
    with pytest.raises(ValueError, match=r"extents \[3\] are larger"):
        lists(rows(1, 3).padded_batch(2, padded_shapes=[2]))
    texts = Dataset.from_generator(lambda: iter([["a"], ["b", "c"]]), output_signature=TensorSpec((None,), "string"))
    assert lists(texts.padded_batch(2)) == [[[b"a", b""], [b"b", b"c"]]]
    (words,) = Dataset.from_tensor_slices(["x", "y"]).padded_batch(2)
    assert StringLookup(vocabulary=["x", "y"])(words).numpy().tolist() == [1, 2]
    pairs = Dataset.zip(rows(1, 2), Dataset.range(2)).padded_batch(2, ([None], []), (np.int32(9), np.int64(0)))
    assert [(x.tolist(), y.tolist()) for x, y in pairs] == [([[1, 9], [1, 2]], [0, 1])]


def test_ragged_batches_and_their_rows():
    data = rows(1, 0, 2).ragged_batch(2)
    assert lists(data) == [[[1], []], [[1, 2]]]
    assert lists(data.unbatch()) == [[1], [], [1, 2]]
    spec = RaggedTensorSpec([None, None], "int32")
    made = Dataset.from_generator(lambda: iter([[[1], [2, 3]]]), output_signature=spec)
    assert lists(made) == [[[1], [2, 3]]] and made.element_spec is spec


def test_buckets_by_length():
    data = rows(1, 5, 2, 6, 3, 1)
    found = data.bucket_by_sequence_length(len, [3, 6], [2, 1, 2])
    assert [np.shape(x) for x in lists(found)] == [(1, 5), (2, 2), (1, 3), (1, 1), (1, 6)]
    full = rows(1, 4).bucket_by_sequence_length(len, [3, 6], [2, 1, 2], pad_to_bucket_boundary=True)
    assert [np.shape(x) for x in lists(full)] == [(1, 5), (1, 2)]
    with pytest.raises(ValueError, match="need 3 bucket_batch_sizes; got 2"):
        data.bucket_by_sequence_length(len, [3, 6], [2, 1])


def test_groups():
    data = Dataset.range(10).group_by_window(lambda x: x % 2, lambda key, group: group.batch(3), window_size=3)
    assert lists(data) == [[0, 2, 4], [1, 3, 5], [6, 8], [7, 9]]


def test_mixing():
    a, b = Dataset.from_tensors(0).repeat(), Dataset.from_tensors(1).repeat()
    mixed = lists(Dataset.sample_from_datasets([a, b], [0.9, 0.1], seed=1).take(200))
    assert 3 < sum(mixed) < 50 and mixed == lists(Dataset.sample_from_datasets([a, b], [0.9, 0.1], seed=1).take(200))
    both = lists(Dataset.sample_from_datasets([Dataset.range(3), Dataset.range(10, 12)], seed=0))
    assert sorted(both) == [0, 1, 2, 10, 11]
    assert lists(Dataset.sample_from_datasets([Dataset.range(3), Dataset.range(9)], [1, 0], seed=0)) == [0, 1, 2]
    unlikely = lists(Dataset.sample_from_datasets([Dataset.range(3), Dataset.range(10, 12)], [1, 1e-300], seed=0))
    assert sorted(unlikely) == [0, 1, 2, 10, 11]
    for weights in [1.0], [0, 0], [-1, 2], [np.nan, 1]:
        with pytest.raises(ValueError, match="must be 2 numbers, one for each data set"):
            Dataset.sample_from_datasets([a, b], weights)
    choice = Dataset.range(2).repeat(2)
    assert lists(Dataset.choose_from_datasets([Dataset.range(3), Dataset.range(10, 12)], choice)) == [0, 10, 1, 11]
    with pytest.raises(ValueError, match="2 is no number of one of 2 data sets"):
        lists(Dataset.choose_from_datasets([Dataset.range(3), Dataset.range(10, 12)], Dataset.range(3)))


def test_rebatch_with_several_sizes():
    rows = Dataset.range(7).batch(3)
    assert lists(rows.rebatch([2, 1])) == [[0, 1], [2], [3, 4], [5], [6]]
    assert lists(rows.rebatch([2, 3], drop_remainder=True)) == [[0, 1], [2, 3, 4], [5, 6]]
    assert lists(Dataset.range(0).batch(3).rebatch([2, 3])) == []
    for sizes in [], [2, 0]:
        with pytest.raises(ValueError, match="batch_size"):
            rows.rebatch(sizes)
    with pytest.raises(TypeError, match=r"2\.5"):
        rows.rebatch([2.5])


def test_parts():
    assert lists(Dataset.range(7).shard(3, 1)) == [1, 4] and len(Dataset.range(7).shard(3, 0)) == 3
    assert lists(Dataset.range(7).take_while(lambda x: x < 3)) == [0, 1, 2]
    assert lists(Dataset.from_tensor_slices(["a", "b", "a"]).unique()) == [b"a", b"b"]
    assert lists(Dataset.range(3).skip(-1)) == [] and lists(Dataset.range(2).repeat(0)) == []


def test_results():
    assert int(Dataset.range(5).reduce(np.int64(0), lambda state, x: state + x)) == 10
    assert lists(Dataset.range(4).scan(np.int64(0), lambda state, x: (state + x, state))) == [0, 0, 1, 3]
    assert int(Dataset.range(1).get_single_element()) == 0
    with pytest.raises(ValueError, match="more than one"):
        Dataset.range(2).get_single_element()
    assert Dataset.range(3).apply(len) == 3
    elements = iter(Dataset.range(1))
    assert elements.get_next() == 0
    with pytest.raises(StopIteration):
        elements.get_next()


def test_cardinality():
    endless = Dataset.range(3).repeat()
    assert endless.cardinality().numpy() == -1 and endless.batch(2).cardinality() == -1 and len(endless.take(5)) == 5
    with pytest.raises(TypeError, match="infinite"):
        len(endless)
    assert Dataset.range(3).filter(lambda x: x > 1).cardinality() == -2


def test_signatures_are_checked():
    data = Dataset.from_generator(lambda: iter([np.ones(3)]), output_signature=TensorSpec((2,), "float32"))
    with pytest.raises(ValueError, match=r"\(3,\), which is not \(2,\)"):
        list(data)
    old = Dataset.from_generator(lambda: iter([([1, 2], 3)]), ("int32", "float32"), ([None], []))
    ((x, y),) = old
    assert x.dtype == "int32" and y.dtype == "float32" and old.element_spec[1].dtype == "float32"


def test_files(tmp_path):
    reads = []

    def generate():
        reads.append(1)
        yield {"text": "a\0", "rows": RaggedTensor.of([[1], []]), "x": (np.float32(1.5), np.arange(3))}

    data = Dataset.from_generator(generate)
    cached = data.cache(str(tmp_path / "cache"))
    for dataset in (cached, cached, data.cache(str(tmp_path / "cache"))):
        (element,) = dataset
        assert element["text"].numpy() == b"a\0" and element["rows"].to_list() == [[1], []]
        assert element["x"][0] == 1.5 and element["x"][1].tolist() == [0, 1, 2]
    assert len(reads) == 1
    data.save(tmp_path / "saved")
    assert next(iter(Dataset.load(str(tmp_path / "saved"))))["text"] == "a\0"
    with pytest.raises(FileNotFoundError, match="no data set was saved"):
        Dataset.load(tmp_path / "other")
    (tmp_path / "bad.elements.npz").write_bytes(b"no archive")
    with pytest.raises(ValueError):
        list(data.cache(str(tmp_path / "bad")))


def test_errors_that_are_ignored_leave_out_their_elements_alone():
    def inverse(x):
        if x == 0:
            raise ValueError("no inverse")
        return 1.0 / x

    found = Dataset.from_tensor_slices([1.0, 0.0, 2.0, 0.0]).map(inverse).map(lambda x: 2 * x).ignore_errors()
    assert [float(x) for x in found] == [float(x) for x in found] == [2.0, 1.0]
    with pytest.raises(ValueError, match="no inverse"):
        list(Dataset.from_tensor_slices([0.0]).map(inverse))


def test_the_end_of_something_else_is_not_the_end_of_a_round():
    with pytest.raises(RuntimeError, match="StopIteration"):
        list(Dataset.from_tensor_slices([1, 2]).map(lambda x: next(iter([]))))
