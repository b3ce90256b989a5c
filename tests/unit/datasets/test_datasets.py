"""Loaders of data sets: MNIST from the package, the others from small files of the same layout."""

import gzip
import io
import os
import pickle
import tarfile

import numpy as np
import pytest

from pronghorn import config, datasets
from pronghorn.datasets import _archive, _source


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of downloads, and no network."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(_source, "_KERAS_FILES", (tmp_path / "no-network").as_uri() + "/")
    folder = tmp_path / "datasets"
    folder.mkdir()
    return folder


@pytest.fixture
def unchecked(monkeypatch):
    """Accept files whose checksum is not the publisher's."""
    from pronghorn.utils import files

    monkeypatch.setattr(files, "_fits", lambda *arguments: True)


def test_mnist():
    (x_train, y_train), (x_test, y_test) = datasets.mnist.load_data()
    assert x_train.shape == (60000, 28, 28) and x_test.shape == (10000, 28, 28)
    assert x_train.dtype == y_train.dtype == x_test.dtype == y_test.dtype == np.uint8
    assert y_train[:5].tolist() == [5, 0, 4, 1, 9] and y_test[:5].tolist() == [7, 2, 1, 0, 4]
    assert int(x_train.max()) == 255 and np.bincount(y_test).tolist()[:2] == [980, 1135]


def test_mnist_from_a_path_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"other\.npz"):
        datasets.mnist.load_data(str(tmp_path / "other.npz"))


def words(*lengths):
    rng = np.random.default_rng(0)
    texts = np.empty(len(lengths), dtype=object)
    texts[:] = [[1, *rng.integers(2, 50, length).tolist()] for length in lengths]
    return texts


def test_imdb(cache, unchecked):
    texts, labels = words(5, 9, 3, 12), np.array([0, 1, 1, 0])
    np.savez(cache / "imdb.npz", x_train=texts, y_train=labels, x_test=texts[:2], y_test=labels[:2])
    (x_train, y_train), (x_test, y_test) = datasets.imdb.load_data(num_words=20)
    assert x_train.shape == (4,) and x_test.shape == (2,) and sorted(y_train) == [0, 0, 1, 1]
    assert all(text[0] == 1 and max(text) < 20 for text in [*x_train, *x_test])
    (x_train, _), _ = datasets.imdb.load_data(num_words=20, oov_char=None, start_char=None, index_from=0)
    assert sorted(map(len, x_train)) == sorted(sum(word < 20 for word in text) for text in texts)
    (x_train, _), _ = datasets.imdb.load_data(maxlen=8)
    assert sorted(map(len, x_train)) == [5, 7]
    with pytest.raises(ValueError, match="maxlen=2"):
        datasets.imdb.load_data(maxlen=2)
    with pytest.raises(TypeError, match="nb_words"):
        datasets.imdb.load_data(nb_words=10)


def test_reuters(cache, unchecked):
    np.savez(cache / "reuters.npz", x=words(5, 9, 3, 12, 6), y=np.arange(5))
    (x_train, y_train), (x_test, y_test) = datasets.reuters.load_data()
    assert (x_train.shape, x_test.shape) == ((4,), (1,)) and sorted([*y_train, *y_test]) == [0, 1, 2, 3, 4]
    assert len(datasets.reuters.get_label_names()) == 46


def test_housing(cache, unchecked):
    rng = np.random.default_rng(0)
    np.savez(cache / "boston_housing.npz", x=rng.random((10, 13)), y=np.arange(10.0))
    np.savez(cache / "california_housing.npz", x=rng.random((700, 8)).astype("float32"), y=np.arange(700.0))
    (x_train, y_train), (x_test, _) = datasets.boston_housing.load_data()
    assert (x_train.shape, x_test.shape) == ((8, 13), (2, 13)) and y_train.tolist() != sorted(y_train)
    (x_train, _), (x_test, _) = datasets.california_housing.load_data(version="small")
    assert (x_train.shape, x_test.shape) == ((480, 8), (120, 8))
    with pytest.raises(ValueError, match="version='tiny'"):
        datasets.california_housing.load_data(version="tiny")
    with pytest.raises(ValueError, match="test_split=1"):
        datasets.boston_housing.load_data(test_split=1)


def add(archive, name, value):
    data = pickle.dumps(value, protocol=2)
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def cifar_batch(count, key):
    return {b"data": np.arange(count * 3072, dtype=np.uint64).astype(np.uint8).reshape(count, 3072), key: [3] * count}


def test_cifar10(cache, unchecked):
    with tarfile.open(cache / "cifar-10-batches-py.tar.gz", "w:gz") as archive:
        for number in range(1, 6):
            add(archive, f"cifar-10-batches-py/data_batch_{number}", cifar_batch(2, b"labels"))
        add(archive, "cifar-10-batches-py/test_batch", cifar_batch(1, b"labels"))
    (x_train, y_train), (x_test, y_test) = datasets.cifar10.load_data()
    assert x_train.shape == (10, 32, 32, 3) and x_train.dtype == y_train.dtype == np.uint8
    assert y_train.shape == (10, 1) and x_test.shape == (1, 32, 32, 3) and y_test.tolist() == [[3]]
    assert x_test[0, 0, 0].tolist() == [0, 1024 % 256, 2048 % 256] and x_test[0, 0, 1, 0] == 1


def test_cifar100_channels_first(cache, unchecked, monkeypatch):
    monkeypatch.setattr(config.settings._settings, "image_data_format", "channels_first")
    with tarfile.open(cache / "cifar-100-python.tar.gz", "w:gz") as archive:
        add(archive, "cifar-100-python/train", cifar_batch(2, b"fine_labels"))
        add(archive, "cifar-100-python/test", cifar_batch(1, b"fine_labels"))
    (x_train, y_train), _ = datasets.cifar100.load_data()
    assert x_train.shape == (2, 3, 32, 32) and y_train.shape == (2, 1)
    with pytest.raises(ValueError, match="no coarse_labels"):
        datasets.cifar100.load_data("coarse")
    with pytest.raises(ValueError, match="label_mode='rough'"):
        datasets.cifar100.load_data("rough")


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(extent.to_bytes(4, "big") for extent in array.shape)
    return gzip.compress(header + array.tobytes())


def test_fashion_mnist_from_the_distribution(tmp_path, monkeypatch):
    images, labels = np.arange(2 * 784, dtype=np.uint16).astype(np.uint8).reshape(2, 28, 28), np.array([3, 4], np.uint8)
    for name, array in zip(datasets.fashion_mnist._FILES, (images, labels, images[:1], labels[:1])):
        (tmp_path / name).write_bytes(idx(array))
    monkeypatch.setattr(datasets.fashion_mnist, "_INSTALLED", (tmp_path,))
    (x_train, y_train), (x_test, y_test) = datasets.fashion_mnist.load_data()
    np.testing.assert_array_equal(x_train, images)
    assert y_train.tolist() == [3, 4] and x_test.shape == (1, 28, 28) and y_test.tolist() == [3]


@pytest.mark.parametrize("name", ["boston_housing", "imdb", "reuters", "california_housing", "fashion_mnist"])
def test_without_a_network_one_line_says_where_to_put_the_file(cache, monkeypatch, name):
    monkeypatch.setattr(datasets.fashion_mnist, "_INSTALLED", ())
    with pytest.raises(ConnectionError) as caught:
        getattr(datasets, name).load_data()
    assert str(cache) in str(caught.value) and "\n" not in str(caught.value)


class Evil:
    def __reduce__(self):
        return os.system, ("echo evil",)


@pytest.mark.parametrize(
    "value", [Evil(), {"a": [Evil()]}, print, np.random.default_rng], ids=["object", "nested", "print", "default_rng"]
)
def test_pickles_that_hold_more_than_data_are_refused(value):
    with pytest.raises(ValueError, match="more than plain data"):
        _archive.load_plain_pickle(io.BytesIO(pickle.dumps(value)))


def test_plain_pickles_are_read():
    value = {b"data": np.arange(3), "names": ["a", b"b"], 1: (1.5, None, np.float32(2))}
    read = _archive.load_plain_pickle(io.BytesIO(pickle.dumps(value)))
    assert read["names"] == ["a", b"b"] and read[1] == (1.5, None, 2)
    np.testing.assert_array_equal(read[b"data"], np.arange(3))


def test_hostile_text_file_is_refused(cache, unchecked):
    texts = np.empty(1, dtype=object)
    texts[0] = Evil()
    np.savez(cache / "reuters.npz", x=texts, y=np.zeros(1))
    with pytest.raises(ValueError, match="more than plain data"):
        datasets.reuters.load_data()


@pytest.mark.parametrize(
    "data",
    [b"", b"no gzip", gzip.compress(b"\0\0\x08\x01\0\0\0\x09abc"), gzip.compress(b"xx")],
    ids=["empty", "not gzip", "cut short", "not idx"],
)
def test_damaged_idx_files_are_refused(tmp_path, data):
    path = tmp_path / "x.gz"
    path.write_bytes(data)
    with pytest.raises(ValueError):
        _archive.load_idx(path)


def test_a_file_that_is_no_archive_is_refused(cache, unchecked):
    (cache / "boston_housing.npz").write_bytes(b"<html>")
    with pytest.raises(ValueError, match="delete it"):
        datasets.boston_housing.load_data()


@pytest.mark.parametrize(
    ("load", "message"),
    [
        (lambda: datasets.imdb.load_data(num_words="many"), r"imdb\.load_data.*`num_words`.*'many'"),
        (lambda: datasets.reuters.load_data(maxlen=2.5), r"reuters\.load_data.*`maxlen`.*2\.5"),
        (lambda: datasets.reuters.load_data(test_split=2), "test_split=2.*0 to 1"),
        (lambda: datasets.imdb.load_data(path=3), "`path`.*path=3"),
    ],
)
def test_arguments_are_checked_before_a_download(load, message):
    with pytest.raises(ValueError, match=message):
        load()
