"""Callbacks that write files or talk to a server, against a model that only pretends."""

import http.server
import json
import struct
import threading
import urllib.parse

import numpy as np
import pytest

from pronghorn import callbacks, layers, models
from pronghorn.callbacks import event_file


class Value:
    def __init__(self, value, path="dense/kernel"):
        self.value, self.path = np.asarray(value, dtype="float32"), path

    def numpy(self):
        return self.value

    def assign(self, value):
        self.value = value


class Optimizer:
    learning_rate, iterations, use_ema = 0.5, 7, True

    def __init__(self):
        self._model_variables_moving_average = [Value([1.0])]


class Model:
    built = True

    def __init__(self):
        self.state = 0
        self.stop_training = False
        self.optimizer = Optimizer()
        self.weights = self.trainable_variables = [Value([5.0])]
        self.metrics = []
        self._initial_epoch = None

    def save(self, path, overwrite=True):
        with open(path, "w") as out:
            out.write(f"model {self.state}")

    def save_weights(self, path, overwrite=True):
        with open(path, "w") as out:
            out.write(str(self.state))

    def load_weights(self, path):
        with open(path) as stream:
            self.state = int(stream.read())


def train(callback, losses, model=None, start=0, batches=1, fail_at=None):
    model = model or Model()
    callback.set_model(model)
    callback.on_train_begin()
    for epoch in range(model._initial_epoch or start, len(losses)):
        callback.on_epoch_begin(epoch)
        for batch in range(batches):
            callback.on_train_batch_end(batch, {"loss": losses[epoch]})
        if epoch == fail_at:
            raise InterruptedError
        model.state = epoch + 1
        callback.on_epoch_end(epoch, {"loss": losses[epoch], "val_loss": losses[epoch]})
    callback.on_train_end()
    return model


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_checkpoint_after_each_epoch(tmp_path):
    train(callbacks.ModelCheckpoint(tmp_path / "new" / "{epoch:02d}-{val_loss:.1f}.keras"), [3, 2])
    assert names(tmp_path / "new") == ["01-3.0.keras", "02-2.0.keras"]


def test_checkpoint_of_the_best(tmp_path, capsys):
    path = tmp_path / "best.weights.h5"
    callback = callbacks.ModelCheckpoint(path, save_best_only=True, save_weights_only=True, verbose=1)
    train(callback, [3, 1, 2])
    assert path.read_text() == "2" and callback.best == 1
    assert "Epoch 3: val_loss is no better than 1.00000" in capsys.readouterr().out
    train(callbacks.ModelCheckpoint(tmp_path / "x.keras", save_best_only=True, initial_value_threshold=1), [3, 2])
    assert not (tmp_path / "x.keras").exists()


def test_checkpoint_every_so_many_batches(tmp_path):
    train(callbacks.ModelCheckpoint(tmp_path / "{epoch}-{batch}.keras", save_freq=2), [1, 1], batches=3)
    assert names(tmp_path) == ["1-2.keras", "2-1.keras", "2-3.keras"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filepath": "x.txt"}, ".keras or .h5"),
        ({"filepath": "x.keras", "save_weights_only": True}, ".weights.h5"),
        ({"filepath": "x.keras", "save_freq": "batch"}, "save_freq 'batch'"),
    ],
)
def test_checkpoint_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        callbacks.ModelCheckpoint(**arguments)


def test_checkpoint_names_the_unknown_result(tmp_path):
    with pytest.raises(KeyError, match="'mae', which is no result; there are: epoch, loss, val_loss"):
        train(callbacks.ModelCheckpoint(tmp_path / "{mae}.keras"), [1])


def test_swap_ema_weights():
    callback = callbacks.SwapEMAWeights()
    model = Model()
    callback.set_model(model)
    callback.on_test_begin()
    assert model.weights[0].value.tolist() == [1.0]
    callback.on_test_end()
    assert model.weights[0].value.tolist() == [5.0]
    callback = callbacks.SwapEMAWeights(swap_on_epoch=True)
    callback.set_model(model)
    callback.on_epoch_begin(0)
    callback.on_epoch_end(0)
    assert model.weights[0].value.tolist() == [1.0]
    callback.on_epoch_begin(1)
    assert model.weights[0].value.tolist() == [5.0]
    model.optimizer.use_ema = False
    with pytest.raises(ValueError, match="use_ema=True"):
        callback.on_test_begin()


@pytest.mark.parametrize("as_json", [False, True])
def test_remote_monitor(as_json):
    received = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            received.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    root = f"http://127.0.0.1:{server.server_port}"
    callbacks.RemoteMonitor(root, send_as_json=as_json).on_epoch_end(2, {"loss": np.float32(0.5), "cm": np.ones(2)})
    thread.join(10)
    server.server_close()
    body = received[0] if as_json else urllib.parse.parse_qs(received[0])["data"][0]
    assert json.loads(body) == {"epoch": 2, "loss": 0.5, "cm": [1.0, 1.0]}
    with pytest.warns(UserWarning, match="cannot reach"):
        callbacks.RemoteMonitor(root).on_epoch_end(0, {})


def records(path):
    data = path.read_bytes()
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        content = data[12 : 12 + length]
        assert data[: 16 + length] == event_file.record(content)
        yield content
        data = data[16 + length :]


def test_tensorboard_writes_event_files(tmp_path):
    callback = callbacks.TensorBoard(tmp_path, histogram_freq=1, update_freq=2, write_steps_per_second=True)
    train(callback, [0.5, 0.25], batches=2)
    assert names(tmp_path) == ["train", "validation"]
    (train_file,) = (tmp_path / "train").iterdir()
    contents = list(records(train_file))
    assert b"brain.Event:2" in contents[0]
    whole = b"".join(contents)
    for tag in (
        b"epoch_loss",
        b"batch_loss",
        b"epoch_learning_rate",
        b"epoch_steps_per_second",
        b"dense/kernel/histogram",
    ):
        assert tag in whole
    assert b"\x0a\x0aepoch_loss\x15" + struct.pack("<f", 0.25) in whole
    (validation_file,) = (tmp_path / "validation").iterdir()
    assert b"epoch_loss" in b"".join(records(validation_file))


def test_tensorboard_refuses():
    with pytest.raises(ValueError, match="update_freq='x'"):
        callbacks.TensorBoard(update_freq="x")


def test_orbax_names_the_other_way():
    with pytest.raises(NotImplementedError, match="ModelCheckpoint"):
        callbacks.OrbaxCheckpoint("x")


def test_tensorboard_writes_pictures_and_embeddings(tmp_path):
    from pronghorn import Input, Sequential, layers

    model = Sequential([Input((4,)), layers.Embedding(6, 3, name="words"), layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.zeros((4, 4)), np.zeros((4, 1))
    board = callbacks.TensorBoard(
        tmp_path, histogram_freq=1, write_images=True, embeddings_freq=1, embeddings_metadata={"words": "words.txt"}
    )
    model.fit(x, y, verbose=0, callbacks=[board])
    written = b"".join(file.read_bytes() for file in (tmp_path / "train").iterdir())
    assert written.count(b"IHDR") == written.count(b"/image") == len(model.weights)
    assert np.loadtxt(tmp_path / "words.tsv").shape == (6, 3)
    config = (tmp_path / "projector_config.pbtxt").read_text()
    for line in ('tensor_name: "words"', 'tensor_path: "words.tsv"', 'metadata_path: "words.txt"'):
        assert line in config
    with pytest.raises(ValueError, match="names 'letters', but the model's embedding layers are 'words'"):
        model.fit(
            x,
            y,
            verbose=0,
            callbacks=[callbacks.TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"letters": "x"})],
        )


def test_pictures_can_be_read(tmp_path):
    from pronghorn.callbacks.pictures import pictures_of, png

    image = pytest.importorskip("PIL.Image")
    picture = (np.arange(12).reshape(3, 4) * 20).astype("uint8")
    (tmp_path / "a.png").write_bytes(png(picture))
    np.testing.assert_array_equal(np.asarray(image.open(tmp_path / "a.png")), picture)
    assert [p.shape for p in pictures_of(np.ones((5, 2)))] == [(2, 5)]
    assert pictures_of(np.ones((0, 3))) == []


def test_the_names_that_a_callback_of_its_kind_asks_for(tmp_path):
    """Weights & Biases' callback saves and names files by these."""
    seen = []

    class Logged(callbacks.ModelCheckpoint):
        def on_train_batch_end(self, batch, logs=None):
            if self._should_save_on_batch(batch):
                self._save_model(epoch=self._current_epoch, batch=batch, logs=logs)
                seen.append(self._get_file_path(epoch=self._current_epoch, batch=batch, logs=logs))

    model = models.Sequential([layers.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.ones((8, 2), "float32")
    model.fit(
        x,
        x[:, :1],
        epochs=2,
        batch_size=2,
        verbose=0,
        callbacks=[Logged(tmp_path / "{epoch}-{batch}.keras", save_freq=2)],
    )
    assert [path.rpartition("/")[2] for path in seen] == ["1-2.keras", "1-4.keras", "2-2.keras", "2-4.keras"]
    assert {path.name for path in tmp_path.iterdir()} == {path.rpartition("/")[2] for path in seen}


def test_a_wrong_name_in_the_path_is_told_with_the_nearest(tmp_path):
    keep = callbacks.ModelCheckpoint(tmp_path / "{val_los:.2f}.keras")
    with pytest.raises(KeyError, match="'val_los', which is no result; nearest: val_loss[^;]*; there are"):
        keep._get_file_path(0, None, {"loss": 1.0, "val_loss": 1.0})
