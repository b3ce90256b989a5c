"""Data sets of TensorFlow and Grain, for `format`, where those are installed."""

from __future__ import annotations

import sys
import wave

import numpy as np
import pytest

from pronghorn import layers, losses, models, utils
from pronghorn.data import Dataset

QUIET = {"shuffle": False, "verbose": False}


@pytest.fixture
def sounds(tmp_path):
    """Two folders with three sounds in all, of different lengths."""
    for name, lengths in (("a", (4,)), ("b", (7, 5))):
        (tmp_path / name).mkdir()
        for number, length in enumerate(lengths):
            with wave.open(str(tmp_path / name / f"{number}.wav"), "wb") as out:
                out.setparams((1, 2, 1000, 0, "NONE", ""))
                out.writeframes(np.full(length, 2**12 * length, "<i2").tobytes())
    return tmp_path


@pytest.fixture
def texts(tmp_path):
    for number, text in enumerate(("one", "zwölf", "drei")):
        (tmp_path / f"{number}.txt").write_text(text, encoding="utf-8")
    return tmp_path


def flat(batches):
    """The arrays of some batches."""
    return [np.asarray(part) for batch in batches for part in (batch if isinstance(batch, tuple) else (batch,))]


def assert_same(found, expected):
    found, expected = flat(found), flat(expected)
    assert len(found) == len(expected)
    for one, other in zip(found, expected):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_a_library_that_is_missing(texts, monkeypatch):
    for name in ("tensorflow", "grain", "torch"):
        monkeypatch.setitem(sys.modules, name, None)
    read = utils.text_dataset_from_directory
    with pytest.raises(ImportError, match="text_dataset_from_directory: format='grain' .* pip install grain"):
        read(texts, labels=None, format="grain")
    with pytest.raises(ImportError, match="pip install grain"):
        utils.timeseries_dataset_from_array(np.arange(9), None, 2, format="grain")
    assert isinstance(read(texts, labels=None, format="tf", **QUIET), Dataset)
    with pytest.raises(ImportError, match="format='torch' .* pip install torch"):
        read(texts, labels=None, format="torch")
    with pytest.raises(ValueError, match="`format` should be 'tf', 'grain' or 'torch', or None .* got 'numpy'"):
        read(texts, labels=None, format="numpy")


@pytest.mark.parametrize("label_mode", ["int", "categorical", None])
@pytest.mark.parametrize("batch_size", [2, None])
def test_torch(sounds, label_mode, batch_size):
    torch = pytest.importorskip("torch")
    arguments = {"label_mode": label_mode, "batch_size": batch_size, **QUIET}
    ours = utils.audio_dataset_from_directory(sounds, **arguments)
    found = utils.audio_dataset_from_directory(sounds, format="torch", **arguments)
    assert isinstance(found, torch.utils.data.DataLoader) and len(found) == len(ours)
    assert found.class_names == ours.class_names and found.file_paths == ours.file_paths
    for _ in range(2):
        batches = list(found)
        assert_same([tuple(batch) if isinstance(batch, list | tuple) else batch for batch in batches], ours)
    assert all(isinstance(part, torch.Tensor) for part in (batches[0] if label_mode else [batches[0]]))


def test_torch_of_texts_and_series_and_training(texts):
    torch = pytest.importorskip("torch")
    assert list(utils.text_dataset_from_directory(texts, labels=None, format="torch", **QUIET)) == [
        ["one", "zwölf", "drei"]
    ]
    windows = utils.timeseries_dataset_from_array(np.arange(9.0), np.arange(9.0), 3, batch_size=4, format="torch")
    assert isinstance(windows, torch.utils.data.DataLoader)
    model = models.Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    assert len(model.fit(windows, epochs=2, verbose=0).history["loss"]) == 2


@pytest.mark.parametrize("label_mode", ["int", "binary", "categorical", None])
@pytest.mark.parametrize("batch_size", [2, None])
def test_tensorflow(sounds, label_mode, batch_size):
    tf = pytest.importorskip("tensorflow")
    arguments = {"label_mode": label_mode, "batch_size": batch_size, **QUIET}
    ours = utils.audio_dataset_from_directory(sounds, **arguments)
    found = utils.audio_dataset_from_directory(sounds, format="tf", **arguments)
    assert isinstance(found, tf.data.Dataset) and len(found) == len(ours)
    assert found.class_names == ours.class_names and found.file_paths == ours.file_paths
    for _ in range(2):
        assert_same(found, ours)
    specs = [(tuple(spec.shape), spec.dtype.name) for spec in tf.nest.flatten(found.element_spec)]
    assert specs[0] == ((None,) * (2 if batch_size is None else 3), "float32")
    inner = {"int": (), "binary": (1,), "categorical": (2,)}
    if label_mode is not None:
        assert specs[1][0] == (*(() if batch_size is None else (None,)), *inner[label_mode])


def test_tensorflow_of_images_and_texts(texts):
    tf = pytest.importorskip("tensorflow")
    pytest.importorskip("PIL")
    found = utils.text_dataset_from_directory(texts, labels=None, format="tf", max_length=3, **QUIET)
    assert found.element_spec == tf.TensorSpec((None,), tf.string)
    assert [batch.numpy().tolist() for batch in found] == [[b"one", b"zw\xc3", b"dre"]]
    for kind in ("cats", "dogs"):
        (texts / kind).mkdir()
        utils.save_img(texts / kind / "1.png", np.full((4, 4, 3), 7.0), scale=False)
    arguments = {"image_size": (2, 3), "validation_split": 0.5, "subset": "both", "format": "tf", "verbose": False}
    training, validation = utils.image_dataset_from_directory(texts, seed=1, data_format="channels_first", **arguments)
    assert training.element_spec[0] == tf.TensorSpec((None, 3, 2, 3), tf.float32)
    assert training.file_paths != validation.file_paths and len(training) == len(validation) == 1
    np.testing.assert_array_equal(next(iter(validation))[0], np.full((1, 3, 2, 3), 7.0, "float32"))
    (texts / "cats" / "1.png").write_bytes(b"no image")
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"cats.1\.png cannot be read as an image"):
        list(utils.image_dataset_from_directory(texts, format="tf", **QUIET))


@pytest.mark.parametrize("label_mode", ["int", "binary", "categorical", None])
@pytest.mark.parametrize("batch_size", [2, None])
def test_grain(sounds, label_mode, batch_size):
    grain = pytest.importorskip("grain")
    arguments = {"label_mode": label_mode, "batch_size": batch_size, **QUIET}
    ours = utils.audio_dataset_from_directory(sounds, **arguments)
    found = utils.audio_dataset_from_directory(sounds, format="grain", **arguments)
    assert isinstance(found, grain.IterDataset)
    assert found.class_names == ours.class_names and found.file_paths == ours.file_paths
    for _ in range(2):
        assert_same(found, ours)
    shuffled = utils.audio_dataset_from_directory(sounds, format="grain", verbose=False, seed=3)
    assert_same(shuffled, list(shuffled))  # one order for all epochs


def test_grain_of_texts(texts):
    pytest.importorskip("grain")
    arguments = {"labels": None, "format": "grain", **QUIET}
    found = utils.text_dataset_from_directory(texts, batch_size=2, max_length=3, **arguments)
    assert list(found) == [["one", "zwö"], ["dre"]] and len(found.file_paths) == 3
    assert list(utils.text_dataset_from_directory(texts, batch_size=None, **arguments)) == ["one", "zwölf", "drei"]
    vectors = layers.TextVectorization()
    vectors.adapt(found)
    assert vectors.get_vocabulary()[2:] == ["zwö", "one", "dre"]
    (labelled,) = utils.text_dataset_from_directory(texts, **(arguments | {"labels": [1, 0, 1]}))
    assert labelled[0] == ["one", "zwölf", "drei"] and labelled[1].tolist() == [1, 0, 1]
    (texts / "3.txt").write_bytes(b"\xff")
    with pytest.raises(ValueError, match=r"3\.txt is no text in UTF-8"):
        list(utils.text_dataset_from_directory(texts, **arguments))


@pytest.mark.parametrize("library", ["tf", "grain"])
@pytest.mark.parametrize("batch_size", [4, None])
def test_windows(library, batch_size):
    pytest.importorskip({"tf": "tensorflow"}.get(library, library))
    series = np.arange(12.0).reshape(6, 2)
    for targets in (None, np.arange(6)):
        arguments = {"sequence_length": 2, "sampling_rate": 2, "batch_size": batch_size}
        ours = utils.timeseries_dataset_from_array(series, targets, **arguments)
        assert_same(utils.timeseries_dataset_from_array(series, targets, format=library, **arguments), ours)
    nothing = utils.timeseries_dataset_from_array(series, None, 6, sampling_rate=2, format=library)
    assert list(nothing) == []


@pytest.mark.parametrize("library", ["tf", "grain"])
def test_training(library):
    pytest.importorskip({"tf": "tensorflow"}.get(library, library))
    series = np.random.default_rng(0).normal(size=40).astype("float32")
    histories = []
    for format in (None, library):
        utils.set_random_seed(0)
        model = models.Sequential([layers.Dense(4), layers.Dense(1)])
        model.compile("sgd", losses.MeanSquaredError())
        data = utils.timeseries_dataset_from_array(series, series[5:], 5, batch_size=8, format=format)
        histories.append(model.fit(data, epochs=3, verbose=0).history["loss"])
    np.testing.assert_allclose(*histories, rtol=1e-6)
