"""What files, tables, pictures and bytes hold at the edges of their types; expected is what TensorFlow gives."""

import io as streams

import numpy as np
import pytest
from PIL import Image

from pronghorn_tensorflow.alias import TensorFlowAlias, submodule

tf = TensorFlowAlias("tensorflow")
io, data, errors = (submodule(f"tensorflow.{name}") for name in ("io", "data", "errors"))


@pytest.mark.parametrize(
    ("cell", "default", "words"),
    [
        ("2147483648", 0, "field 0 in record 1 is 2147483648, which is not within int32"),
        ("-2147483649", 0, "not within int32, -2147483648 to 2147483647. A default of another type"),
        (str(2**63), np.int64(0), "not within int64"),
        ("1_0", 0, "is '1_0', which is no int32"),
        ("1_0", 0.0, "no float32"),
        ("1.5", 0, "no int32"),
    ],
)
def test_cells_that_are_no_numbers_of_their_type(cell, default, words):
    with pytest.raises(errors.InvalidArgumentError, match=words):
        io.decode_csv(["1", cell], [default])


def test_cells_at_the_edges(recwarn):
    assert io.decode_csv(["2147483647", "-2147483648"], [0])[0].numpy().tolist() == [2**31 - 1, -(2**31)]
    assert io.decode_csv([str(2**63 - 1)], [np.int64(0)])[0].numpy().tolist() == [2**63 - 1]
    assert io.decode_csv(["1e50", "nan", " 1.5 "], [0.0])[0].numpy().tolist()[::2] == [np.inf, 1.5]
    assert not recwarn.list


@pytest.mark.parametrize("dtype", ["int64", "float64", "int32", "float32"])
def test_a_default_gives_its_type(dtype):
    for default in (tf.constant(0, dtype), tf.constant([0], dtype), tf.constant([], dtype), np.zeros(1, dtype)):
        assert io.decode_csv(["1"], [default])[0].dtype == dtype
        assert io.decode_csv(["1"], [[default]])[0].dtype == dtype


@pytest.mark.parametrize("text", ["!!", "a", "YQ=", "YQ===", "YW=j", "+/+/", " YWJj", "YWJj\n", "====", "="])
def test_what_is_no_base64(text):
    with pytest.raises(errors.InvalidArgumentError, match="no base64 of the kind that is safe in addresses"):
        io.decode_base64(["YQ", text])


def test_base64():
    given = ["YQ", "YQ==", "YWI", "YWI=", "YWJj", "", "-_-_", "YR"]
    expected = [b"a", b"a", b"ab", b"ab", b"abc", b"", b"\xfb\xff\xbf", b"a"]
    assert io.decode_base64(given).tolist() == expected


@pytest.mark.parametrize(
    ("record_bytes", "around", "words"),
    [
        (2, {}, "has 5 bytes, 5 without header_bytes=0 and footer_bytes=0; they must be records of record_bytes=2"),
        (6, {}, "nothing left over"),
        (2, {"header_bytes": 2, "footer_bytes": 2}, "5 bytes, 1 without header_bytes=2"),
        (2, {"header_bytes": 9}, "-4 without"),
    ],
)
def test_records_with_something_left_over(tmp_path, record_bytes, around, words):
    path = tmp_path / "five.bin"
    path.write_bytes(b"abcde")
    records = data.FixedLengthRecordDataset(str(path), record_bytes, **around)
    with pytest.raises(errors.InvalidArgumentError, match=words) as raised:
        next(iter(records.take(1)))
    assert str(path) in str(raised.value)


def test_records_of_one_length(tmp_path):
    path, empty = tmp_path / "five.bin", tmp_path / "empty.bin"
    path.write_bytes(b"abcde")
    empty.write_bytes(b"")
    records = data.FixedLengthRecordDataset(str(path), 2, header_bytes=1)
    assert [x.numpy() for x in records] == [b"bc", b"de"]
    assert [x.numpy() for x in data.FixedLengthRecordDataset(str(empty), 2)] == []


def written(pixels, kind):
    stream = streams.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def test_pictures_as_other_types():
    gray = np.array([[0, 100, 255]], "uint8")
    png = written(gray, "PNG")
    assert io.decode_image(png, dtype="uint16").numpy().ravel().tolist() == [0, 25700, 65535]
    found = io.decode_image(png, dtype="float32").numpy().ravel()
    np.testing.assert_array_equal(found, np.array([0, 100 / 255, 1], "float32"))
    assert np.isfinite(io.decode_image(png, dtype="float16").numpy()).all()
    bmp = written(np.stack([gray] * 3, -1), "BMP")
    assert io.decode_image(bmp, dtype="uint16").numpy()[0, :, 0].tolist() == [0, 25600, 65280]


def test_pictures_of_16_bits():
    png = written(np.array([[0, 4000, 65535]], "uint16"), "PNG")
    assert io.decode_image(png).numpy().ravel().tolist() == [0, 15, 255]
    assert io.decode_image(png, dtype="uint16").numpy().ravel().tolist() == [0, 4000, 65535]
    assert io.decode_image(png, channels=3, dtype="uint16").numpy()[0, 1].tolist() == [4000] * 3
    assert io.decode_png(png, channels=4, dtype="uint16").numpy()[0, 1].tolist() == [4000, 4000, 4000, 65535]
    np.testing.assert_allclose(io.decode_image(png, dtype="float32").numpy().ravel(), [0, 4000 / 65535, 1], rtol=1e-6)
