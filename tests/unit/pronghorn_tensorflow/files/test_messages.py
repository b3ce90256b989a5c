"""`tf.train.Example` and its parts, beside what real protocol buffers write and print."""

import numpy as np
import pytest

from pronghorn_tensorflow.files.messages import BytesList, Example, Feature, Features, FloatList, Int64List


def test_they_print_as_protocol_buffers():
    assert str(Feature(bytes_list=BytesList(value=[b"x\n\t\"'\\\x00\xc3\xa9~ \x7f1"]))) == (
        'bytes_list {\n  value: "x\\n\\t\\"\\\'\\\\\\000\\303\\251~ \\1771"\n}\n'
    )
    numbers = [0.1, 1e10, 1e-7, np.nan, np.inf, -np.inf, 3.0, 1 / 3, 2.0**24, 123456789.0, -0.0]
    shown = "0.1 1e+10 1e-07 nan inf -inf 3 0.333333343 16777216 123456792 -0"
    assert repr(FloatList(value=numbers)) == "".join(f"value: {x}\n" for x in shown.split(" "))
    example = Example(features=Features(feature={"n": Feature(int64_list=Int64List(value=[-1]))}))
    assert str(example) == (
        'features {\n  feature {\n    key: "n"\n    value {\n      int64_list {\n        value: -1\n      }\n    }\n'
        "  }\n}\n"
    )
    assert str(Feature(int64_list=Int64List())) == "int64_list {\n}\n"
    assert str(Feature()) == str(Example()) == str(Int64List()) == ""
    assert str(Example(features=Features())) == "features {\n}\n"


def test_each_part_is_written_and_read():
    feature = Feature(int64_list=Int64List(value=[-1, 300]))
    data = feature.SerializeToString()
    assert data == b"\x1a\x0e\n\x0c" + b"\xff" * 9 + b"\x01\xac\x02"
    assert Feature.FromString(data) == feature != Feature(int64_list=Int64List(value=[300, -1]))
    assert feature.ByteSize() == len(data)
    copy = Feature(float_list=FloatList(value=[1.0]))
    copy.CopyFrom(feature)
    assert copy == feature and copy.HasField("int64_list") and not copy.HasField("float_list")
    empty = Example.FromString(b"")
    assert empty == Example() != Example(features=Features())
    with pytest.raises(ValueError, match="tf.train.Feature: The data is cut off"):
        Feature.FromString(data[:-1])
    with pytest.raises(TypeError):
        hash(feature)


def test_features_are_made_when_they_are_asked_for():
    example = Example()
    example.features.feature["a"].int64_list.value.append(np.int32(3))
    example.features.feature["b"].float_list.value.extend([1, 2.5])
    assert example.features.feature["c"].WhichOneof("kind") is None
    again = Example.FromString(example.SerializeToString())
    assert again == example and sorted(again.features.feature) == ["a", "b", "c"]
    assert again.features.feature["a"].int64_list.value == [3]
    assert again.features.feature["b"].WhichOneof("kind") == "float_list"


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: BytesList(value=["x"]), "bytes"),
        (lambda: BytesList(value=b"abc"), "in a list"),
        (lambda: BytesList().value.append("x"), "bytes"),
        (lambda: Int64List(value=[1.5]), "whole numbers"),
        (lambda: Int64List(value=["1"]), "whole numbers"),
        (lambda: FloatList(value=["1"]), "numbers"),
        (lambda: Feature(bytes_list=[b"a"]), "BytesList"),
        (lambda: Features(feature={"a": [1]}), "Feature"),
        (lambda: Example(features={"a": Feature()}), "Features"),
    ],
)
def test_what_is_of_another_kind_is_refused(make, error):
    with pytest.raises(TypeError, match=error):
        make()


def test_integers_have_64_bits():
    assert Int64List(value=[True, np.bool_(False), -(2**63)]).value == [1, 0, -(2**63)]
    with pytest.raises(ValueError, match="beyond the range"):
        Int64List(value=[2**63])
