"""`tf.io.gfile`: what its files take and give."""

import numpy as np
import pytest

from pronghorn_tensorflow.alias import TensorFlowAlias, submodule

tf = TensorFlowAlias("tensorflow")
io, gfile, errors = (submodule(f"tensorflow.{name}") for name in ("io", "io.gfile", "errors"))


@pytest.mark.parametrize(("mode", "content"), [("w", b"abc\xff"), ("wb", "abcé"), ("w", "a\nb"), ("wb", b"")])
def test_strings_and_bytes_are_written_in_any_mode(tmp_path, mode, content):
    path = str(tmp_path / "file")
    with gfile.GFile(path, mode) as file:
        file.write(content)
    expected = content if isinstance(content, bytes) else content.encode()
    assert (tmp_path / "file").read_bytes() == expected
    assert gfile.GFile(path).size() == len(expected) and gfile.GFile(path, "rb").read() == expected
    with pytest.raises(TypeError, match="a string or bytes are written; got int"):
        gfile.GFile(path, mode).write(3)


def test_text_is_read_as_it_stands(tmp_path):
    path = str(tmp_path / "file")
    (tmp_path / "file").write_bytes("hé\r\nb".encode())
    assert gfile.GFile(path).read() == "hé\r\nb" and list(gfile.GFile(path)) == ["hé\r\n", "b"]
    file = gfile.GFile(path, "rb")
    assert file.readline() == b"h\xc3\xa9\r\n" and file.tell() == 5 and file.readlines() == [b"b"]
    file.seek(0)
    assert file.read(1) == b"h" and file.seekable()


def test_arrays_are_saved_and_loaded(tmp_path):
    with gfile.GFile(str(tmp_path / "a.npy"), "wb") as file:
        np.save(file, np.arange(3))
    assert np.load(gfile.GFile(str(tmp_path / "a.npy"), "rb")).tolist() == [0, 1, 2]


def test_a_file_is_missed_once_it_is_read(tmp_path):
    file = gfile.GFile(str(tmp_path / "none"))
    for use in (file.read, file.size):
        with pytest.raises(errors.NotFoundError) as caught:
            use()
        assert isinstance(caught.value, errors.OpError)


def test_modes_are_kept(tmp_path):
    path = str(tmp_path / "file")
    with pytest.raises(errors.InvalidArgumentError, match="mode='q'"):
        gfile.GFile(path, "q")
    with pytest.raises(errors.PermissionDeniedError, match="not open for reading"):
        gfile.GFile(path, "w").read()
    with pytest.raises(errors.PermissionDeniedError, match="not open for writing"):
        gfile.GFile(path).write("a")
    assert not gfile.exists(path)


def test_folders(tmp_path):
    path = str(tmp_path / "folder")
    gfile.mkdir(path)
    gfile.mkdir(path)
    assert gfile.stat(path).is_directory
    gfile.GFile(path + "/a", "w").write("a")
    assert not gfile.stat(path + "/a").is_directory
    with pytest.raises(errors.NotFoundError):
        gfile.mkdir(path + "/x/y")


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("float16", "0813120812020801120208022204003e0040"),
        ("bfloat16", "080e120812020801120208022204c03f0040"),
        ("uint16", "081112081202080112020802220401000200"),
        ("uint32", "08161208120208011202080222080100000002000000"),
        ("uint64", "081712081202080112020802221001000000000000000200000000000000"),
        ("complex64", "08081208120208011202080222100000c03f000000000000004000000000"),
    ],
)
def test_tensors_of_all_types_are_written_as_tensorflow_writes_them(dtype, expected):
    tensor = tf.cast([[1.5, 2]], dtype)
    written = io.serialize_tensor(tensor)
    assert written.numpy().hex() == expected
    found = io.parse_tensor(written, dtype)
    assert found.dtype == dtype
    np.testing.assert_array_equal(np.asarray(found), np.asarray(tensor))
