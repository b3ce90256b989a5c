"""`tf.strings`; what is expected is what TensorFlow gives."""

import numpy as np
import pytest

import pronghorn
from pronghorn import layers
from pronghorn.data import RaggedTensor
from pronghorn_tensorflow.alias import TensorFlowAlias, submodule

tf = TensorFlowAlias("tensorflow")
S = submodule("tensorflow.strings")
ragged = submodule("tensorflow.ragged")


def plain(x):
    return x.to_list() if isinstance(x, RaggedTensor) else np.asarray(x).tolist()


E = b"\xc3\xa9"


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: S.split("a b"), [b"a", b"b"]),
        (lambda: S.split(["a  b", ""]), [[b"a", b"b"], []]),
        (lambda: S.split(["a,b,,c", ""], ","), [[b"a", b"b", b"", b"c"], [b""]]),
        (lambda: S.split(["a b c"], maxsplit=1), [[b"a", b"b c"]]),
        (lambda: S.split([["a b"], ["c"]]), [[[b"a", b"b"]], [[b"c"]]]),
        (lambda: S.split(tf.constant([], "string")), []),
        (lambda: S.length(["\u00e9", ""]), [2, 0]),
        (lambda: S.length(["\u00e9"], unit="UTF8_CHAR"), [1]),
        (lambda: S.substr(["hello", "w\u00f6rld"], 1, 3), [b"ell", b"\xc3\xb6r"]),
        (lambda: S.substr("w\u00f6rld", -4, 3, unit="UTF8_CHAR"), b"\xc3\xb6rl"),
        (lambda: S.substr("ab", 2, 1), b""),
        (lambda: S.substr("hello", [0, 1], [2, 2]), [b"he", b"el"]),
        (lambda: S.join(["a", ["b", "c"]], separator="-"), [b"a-b", b"a-c"]),
        (lambda: S.reduce_join([["a", "b"], ["c", "d"]], axis=-1, separator=" "), [b"a b", b"c d"]),
        (lambda: S.reduce_join([["a", "b"], ["c", "d"]]), b"abcd"),
        (lambda: S.reduce_join([["a", "b"], ["c", "d"]], axis=[0, 1]), b"acbd"),
        (lambda: S.reduce_join([["a", "b"]], axis=1, keepdims=True), [[b"ab"]]),
        (lambda: S.reduce_join(ragged.constant([["a", "b"], []]), axis=-1, separator="_"), [b"a_b", b""]),
        (lambda: S.unicode_split(["a\u00e9", ""], "UTF-8"), [[b"a", E], []]),
        (lambda: S.unicode_split("a\u00e9", "UTF-8"), [b"a", E]),
        (lambda: S.unicode_decode(["a\u00e9", b"\xff"], "UTF-8"), [[97, 233], [65533]]),
        (lambda: S.unicode_encode([[97, 233]], "UTF-8"), [b"a" + E]),
        (lambda: S.unicode_split_with_offsets("a\u00e9b", "UTF-8")[1], [0, 1, 3]),
        (lambda: S.unicode_transcode("\u00e9", "UTF-8", "UTF-16-BE"), b"\x00\xe9"),
        (lambda: S.bytes_split(["ab", ""]), [[b"a", b"b"], []]),
        (lambda: S.as_string([1, 2]), [b"1", b"2"]),
        (lambda: S.as_string([1.5, 1e-5]), [b"1.500000", b"0.000010"]),
        (lambda: S.as_string(3.14159, precision=2), b"3.14"),
        (lambda: S.as_string(True), b"true"),
        (lambda: S.as_string([1], width=3, fill="0"), [b"001"]),
        (lambda: S.as_string([1.5], scientific=True), [b"1.500000e+00"]),
        (lambda: S.as_string([1.5, 100000.0], shortest=True), [b"1.5", b"100000"]),
        (lambda: S.to_number(["1.5", " 2 "]), [1.5, 2.0]),
        (lambda: S.to_number("3", tf.int32), 3),
        (lambda: S.regex_replace("abc", "(b)", r"[\1\0]"), b"a[bb]c"),
        (lambda: S.regex_replace("aaa", "a", "b", replace_global=False), b"baa"),
        (lambda: S.regex_replace("a.b!\u00e9", "[[:punct:]]", ""), b"ab" + E),
        (lambda: S.regex_replace("a\u00e9[b]1.", "[^[:alpha:]]", "_"), b"a__b___"),
        (lambda: S.regex_replace("a\u00e9,", r"\pL", "x"), b"xx,"),
        (lambda: S.regex_replace("a\u00e9,", r"[^\P{L}]", "x"), b"xx,"),
        (lambda: S.regex_replace("\u00e91", r"\w", "x"), E + b"x"),
        (lambda: S.regex_replace("ab\n", "$", "_"), b"ab\n_"),
        (lambda: S.regex_replace("abc", "b*", "-"), b"-a-c-"),
        (lambda: S.regex_full_match(["ab", "abc"], "ab"), [True, False]),
        (lambda: S.ngrams(["a", "b", "c"], 2), [b"a b", b"b c"]),
        (lambda: S.ngrams([["a", "b", "c"]], [1, 2]), [[b"a", b"b", b"c", b"a b", b"b c"]]),
        (lambda: S.ngrams(ragged.constant([["a", "b", "c"], ["d"]]), 2), [[b"a b", b"b c"], []]),
        (lambda: S.ngrams(["a", "b"], 2, pad_values=("<", ">")), [b"< a", b"a b", b"b >"]),
        (lambda: S.ngrams(["a"], 2, preserve_short_sequences=True), [b"a"]),
        (lambda: S.ngrams(["a", "b"], 3, separator="+", pad_values=".", padding_width=1), [b".+a+b", b"a+b+."]),
        (lambda: S.strip([" a\t\n", "\x0b"]), [b"a", b""]),
        (lambda: S.upper("a\u00e9"), b"A" + E),
        (lambda: S.upper("a\u00e9", encoding="utf-8"), b"A\xc3\x89"),
        (lambda: S.lower(["\u00c0B"], encoding="utf-8"), [b"\xc3\xa0b"]),
        (lambda: S.lower(tf.constant([], "string")), []),
        (lambda: S.to_hash_bucket_fast(["a", ""], 10), [9, 3]),
        (lambda: S.to_hash_bucket_strong(["a"], 10, [1, 2]), [6]),
        (lambda: S.format("x {} y {}", (tf.constant([1, 2]), tf.constant("a"))), b'x [1 2] y "a"'),
        (lambda: S.format("{} {}", (tf.shape([[1, 2]]), tf.size([3]))), b"[1 2] 1"),
        (lambda: S.format("of {}", tf.shape([[1, 2]])), b"of [1 2]"),
        (lambda: S.lower(S.split(["A b", "C"])), [[b"a", b"b"], [b"c"]]),
    ],
)
def test_functions(call, expected):
    assert plain(call()) == expected


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: tf.concat([["a"], tf.constant(["b"])], axis=0), [b"a", b"b"]),
        (lambda: tf.stack(["a", "b"]), [b"a", b"b"]),
        (lambda: tf.reshape(["a", "b"], [2, 1]), [[b"a"], [b"b"]]),
        (lambda: tf.expand_dims(input=tf.constant("a"), axis=0), [b"a"]),
        (lambda: tf.gather(["a", "b"], [1, 1, 0]), [b"b", b"b", b"a"]),
        (lambda: tf.where([True, False], ["a", "b"], ""), [b"a", b""]),
        (lambda: tf.equal(["a", "b"], "b"), [False, True]),
        (lambda: tf.constant(["a", "b"]) != "b", [True, False]),
        (lambda: tf.unique(["b", "a", "b"]).y, [b"b", b"a"]),
        (lambda: tf.unique(["b", "a", "b"]).idx, [0, 1, 0]),
        (lambda: tf.fill([2], "x"), [b"x", b"x"]),
        (lambda: tf.boolean_mask(["a", "b"], [False, True]), [b"b"]),
        (lambda: tf.zeros_like(tf.constant(["a"])), [b""]),
        (lambda: tf.pad(tf.constant(["a"]), [[0, 1]]), [b"a", b""]),
        (lambda: tf.squeeze(tf.constant([["a"]])), b"a"),
        (lambda: tf.size(tf.constant(["a", "b"])), 2),
    ],
)
def test_functions_of_arrays(call, expected):
    assert plain(call()) == expected


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: S.length("a", unit="CHAR"), "unit='CHAR'; it must be 'BYTE' or 'UTF8_CHAR'"),
        (lambda: S.substr("a", 0, 1, unit="CHAR"), "unit='CHAR'"),
        (lambda: S.to_number("99999999999", "int32"), "b'99999999999' is no number of type int32"),
        (lambda: S.to_hash_bucket_fast("a", 0), "num_buckets=0 must be at least 1"),
        (lambda: S.to_hash_bucket_strong("a", -1, [1, 2]), "num_buckets=-1"),
    ],
)
def test_mistakes(call, message):
    with pytest.raises(submodule("tensorflow.errors").OpError, match=message):
        call()


def test_odd_cases():
    assert S.regex_replace("aba", "a", r"\9").numpy() == b"aba"  # there is no such group
    assert S.regex_replace("aba", "(a)", r"\\1").numpy() == rb"\1b\1"
    assert S.join([]).numpy() == b""


def test_errors_name_the_string():
    with pytest.raises(ValueError, match="pos=3 is outside of b'ab'"):
        S.substr("ab", 3, 1)
    with pytest.raises(ValueError, match="b'x' is no number"):
        S.to_number("x")
    with pytest.raises(ValueError, match="regular expression"):
        S.regex_replace("a", "(", "")
    with pytest.raises(AttributeError, match="nearest: lower"):
        _ = S.lowr


def clean(text):
    return S.regex_replace(S.lower(text), "<br />", " ")


def test_functions_of_a_text_vectorization():
    layer = layers.TextVectorization(standardize=clean, split=lambda text: S.split(text, "-"), output_sequence_length=3)
    layer.adapt(["Red<br />-sun", "sun-set"])
    assert layer.get_vocabulary()[2:] == ["sun", "set", "red "]
    assert layer(tf.constant(["SUN-x"])).tolist() == [[2, 1, 0]]


def test_in_a_model_that_is_compiled():
    layer = layers.TextVectorization(vocabulary=["a", "b"], output_sequence_length=2)
    inputs = pronghorn.Input((1,), dtype="string")
    x = layers.Lambda(lambda text: S.regex_replace(text, "[0-9]", ""), output_shape=(1,))(inputs)
    model = pronghorn.Model(inputs, layers.Embedding(4, 2)(layer(x)))
    assert model.predict(tf.constant([["a1 b"], ["2b"]]), verbose=0).shape == (2, 2, 2)


def test_short_sequences_are_kept_in_rows_of_rows_too():
    words = ragged.constant([[["a", "b", "c"], ["d"]]])
    found = S.ngrams(words, 2, preserve_short_sequences=True)
    assert plain(found) == [[[b"a b", b"b c"], [b"d"]]]


@pytest.mark.parametrize(
    ("args", "unit", "expected"),
    [
        (("abc", 1, -1), "BYTE", b"bc"),
        (("abc", -2, -5), "BYTE", b"bc"),
        (("abc", 3, -1), "BYTE", b""),
        (("", 0, -1), "BYTE", b""),
        (("héé", 1, -1), "UTF8_CHAR", b""),
    ],
)
def test_substr_of_negative_length(args, unit, expected):
    assert S.substr(*args, unit=unit).numpy() == expected


def test_substr_of_rows():
    rows = RaggedTensor.of([["ab", "c"], [], ["de"]])
    assert S.substr(rows, 0, 1).to_list() == [[b"a", b"c"], [], [b"d"]]


@pytest.mark.parametrize(
    ("number", "expected"), [(np.inf, b"   inf"), (-np.inf, b"  -inf"), (np.nan, b"   nan"), (-1.5, b"-1.500000")]
)
def test_no_zeros_stand_before_what_is_no_number(number, expected):
    assert S.as_string(number, fill="0", width=6).numpy() == expected


@pytest.mark.parametrize(
    ("number", "layout"),
    [
        (1, {"precision": 2}),
        (1, {"shortest": True}),
        (1.5, {"scientific": True, "shortest": True}),
        (1.5, {"fill": "x"}),
    ],
)
def test_as_string_refuses_layouts_that_there_are_not(number, layout):
    with pytest.raises(ValueError, match="tf.strings.as_string"):
        S.as_string(number, **layout)


def test_arrays_of_texts_are_split_cut_and_shuffled():
    assert [x.tolist() for x in tf.split(["a", "b", "c"], [1, -1])] == [[b"a"], [b"b", b"c"]]
    assert [x.tolist() for x in tf.split([["a", "b"]], 2, axis=1)] == [[[b"a"]], [[b"b"]]]
    assert tf.slice([["a", "b"], ["c", "d"]], [0, 1], [-1, 1]).tolist() == [[b"b"], [b"d"]]
    assert sorted(submodule("tensorflow.random").shuffle(["a", "b", "c"], seed=1).tolist()) == [b"a", b"b", b"c"]
    with pytest.raises(ValueError, match="do not add up"):
        tf.split(["a"], [2])
    with pytest.raises(ValueError, match="reach outside"):
        tf.slice(["a"], [0], [2])
