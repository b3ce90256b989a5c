"""What `test_mpi_*` run in several processes: a small training in many ways. Process 0 writes what came out.

python distributed.py out.npz '{"data": "generator", "reproducible": true}'
"""

import importlib.util
import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

if "mixed" in sys.argv[2] and os.environ.get("OMPI_COMM_WORLD_RANK") == "1":
    os.environ["PRONGHORN_TARGET"] = "sse2"  # as on another machine
import pronghorn as keras
from pronghorn.distribution import watch

TARGET, SETTINGS = Path(sys.argv[1]), json.loads(sys.argv[2])
watch.SILENCE, watch.IDLE = SETTINGS.get("watch", (watch.SILENCE, watch.IDLE))
PLAIN, BATCH = SETTINGS.get("plain", False), SETTINGS.get("batch", 32)
if not PLAIN:
    keras.distribution.initialize()
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(
            reproducible=SETTINGS.get("reproducible", False), auto_shard_dataset=not SETTINGS.get("own_rows", False)
        )
    )
ACTIVE = keras.distribution.distribution()
RANK, COUNT = (0, 1) if PLAIN else (ACTIVE.data_shard_id, ACTIVE.num_processes)
FAULT = SETTINGS.get("fault")
keras.utils.set_random_seed(3)
keras.config.set_floatx(SETTINGS.get("floatx", "float32"))


def network():
    layers, parts = keras.layers, [keras.Input((8, 8, 3))]
    parts += [layers.Conv2D(6, 3, activation="relu"), layers.MaxPooling2D()]
    if SETTINGS.get("normalized"):
        parts.append(layers.BatchNormalization(synchronized=True))
    width = 8 + (FAULT == "model" and RANK)
    parts += [layers.Flatten(), layers.Dropout(0.3), layers.Dense(width, activation="relu")]
    if SETTINGS.get("whole"):  # asks for the number of rows, so that its rows are not shared
        parts.append(layers.Lambda(lambda x: x * (1.0 if int(x.shape[0] or 1) else 0.0)))
    model = keras.Sequential([*parts, layers.Dense(4, activation="softmax")])
    optimizer = keras.optimizers.SGD(0.06 if FAULT == "rate" and RANK else 0.05, momentum=0.9, global_clipnorm=1.0)
    metrics = ["accuracy", keras.metrics.AUC(multi_label=True, num_labels=4)]
    model.compile(optimizer, "categorical_crossentropy", metrics=metrics, run_eagerly=SETTINGS.get("eager", False))
    return model


def arrays(rows=150):
    rng = np.random.default_rng(RANK if FAULT == "data" else 0)
    return rng.normal(size=(rows, 8, 8, 3)).astype("float32"), np.eye(4, dtype="float32")[rng.integers(0, 4, rows)]


made = []  # samples or batches that this process has made


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return -(-len(X) // BATCH)

    def __getitem__(self, index):
        made.append(index)
        return X[index * BATCH : (index + 1) * BATCH], Y[index * BATCH : (index + 1) * BATCH]


def batches():
    while True:
        for index in range(len(Batches())):
            yield Batches()[index]


class Odd(keras.callbacks.Callback):
    """What only process 1 does, after two epochs; and the sign that they are over."""

    def on_epoch_end(self, epoch, logs=None):
        time.sleep(SETTINGS.get("pause", 0))
        if epoch == 1 and (0 if FAULT == "first stopped" else COUNT - 1) == RANK:
            if FAULT == "later rate":
                self.model.optimizer.learning_rate = 0.06
            if FAULT == "stop":
                self.model.stop_training = True
            if FAULT == "error":
                raise ValueError("something of the script's own")
            if FAULT == "exit":
                sys.exit(3)
            if FAULT == "sleep":
                time.sleep(1000)
            if FAULT in ("stopped", "first stopped"):
                os.kill(os.getpid(), signal.SIGSTOP)

    def on_train_batch_end(self, batch, logs=None):
        time.sleep(SETTINGS.get("pause", 0))


def workload(name):
    """One of those of bench/workloads.py, with less data.

    With SGD: Adam makes steps of one size of gradients that are rounding alone, as those of attention's key biases.
    """
    spec = importlib.util.spec_from_file_location("w", Path(__file__).parents[3] / "bench" / "workloads.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = module.WORKLOADS[name](keras, np.random.default_rng(0))
    plain = keras.optimizers.serialize(keras.optimizers.SGD(0.05))
    made.model.compile_from_config({**made.model.get_compile_config(), "optimizer": plain})
    x = [part[:70] for part in made.x] if isinstance(made.x, list) else made.x[:70]
    return made.model, x, made.y[:70]


def data():
    """The arguments of `fit` for the kind of data that is asked for."""
    kind = SETTINGS.get("data", "arrays")
    if kind == "arrays":
        x, y = X[RANK::COUNT] if SETTINGS.get("own_rows") else X, Y[RANK::COUNT] if SETTINGS.get("own_rows") else Y
        shuffle = SETTINGS.get("shuffle", True)
        return {"x": x, "y": y, "batch_size": BATCH // COUNT if SETTINGS.get("own_rows") else BATCH, "shuffle": shuffle}
    if kind == "weighted":
        return {"x": X, "y": Y, "batch_size": BATCH, "sample_weight": np.linspace(0, 2, len(X)).astype("float32")}
    if kind == "generator":
        return {"x": batches(), "steps_per_epoch": len(Batches())}
    if kind == "py_dataset":
        return {"x": Batches()}
    from pronghorn.data import Dataset

    if kind == "dataset":
        rows = Dataset.from_tensor_slices((X, Y)).shuffle(150, seed=1)
        return {"x": rows.map(lambda x, y: (made.append(0), (x, y))[1]).batch(BATCH).prefetch(2)}
    folder = keras.utils.image_dataset_from_directory(
        SETTINGS["folder"], image_size=(8, 8), batch_size=BATCH, seed=1, label_mode="categorical", verbose=False
    )
    return {"x": folder.map(lambda x, y: (x / 255.0, y)) if kind == "mapped folder" else folder}


if "workload" in SETTINGS:
    model, X, Y = workload(SETTINGS["workload"])
else:
    model, (X, Y) = network(), arrays(SETTINGS.get("rows", 150))
if FAULT == "leave" and RANK == COUNT - 1:
    sys.exit(0)
if FAULT == "length" and RANK == COUNT - 1:
    X, Y = X[:40], Y[:40]
folder = TARGET.parent
callbacks = [Odd()]
if SETTINGS.get("callbacks"):
    callbacks += [
        keras.callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=0.5),
        keras.callbacks.EarlyStopping("val_loss", patience=3, restore_best_weights=True),
        keras.callbacks.CSVLogger(folder / "log.csv"),
        keras.callbacks.ModelCheckpoint(folder / "best.keras", "loss", save_best_only=True),
        keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs["loss"])),
    ]
if SETTINGS.get("backup"):
    callbacks += [
        keras.callbacks.BackupAndRestore(folder / "backup", save_freq=2, delete_checkpoint=False),
        keras.callbacks.ModelCheckpoint(folder / "last.keras", save_freq=3),
    ]
seen = []
held_out = {"validation_data": (X[:50], Y[:50])} if SETTINGS.get("callbacks") else {}
verbose = 2 if SETTINGS.get("verbose") else 0
if verbose:
    model.summary()
history = model.fit(
    **data(), epochs=SETTINGS.get("epochs", 3), verbose=verbose, callbacks=callbacks, **held_out
).history
if FAULT == "steps":
    (model.evaluate if RANK == COUNT - 1 else model.predict)(X)
evaluated = model.evaluate(X[:77], Y[:77], batch_size=32, verbose=0) if not isinstance(X, list) else 0.0
predicted = model.predict(X[:77] if not isinstance(X, list) else X, batch_size=32, verbose=0)
weights = {f"w{i}": w for i, w in enumerate(model.get_weights())}
everyones, everyones_made = [weights], [len(made)]
if not PLAIN and COUNT > 1:
    from pronghorn.placement.processes import processes

    everyones = processes().communicator.allgather(weights)
    everyones_made = processes().communicator.allgather(len(made))
alike = all(
    np.array_equal(first[name], other[name]) for other in everyones for first in everyones[:1] for name in first
)
if RANK == 0:
    logs = {f"log_{name}": np.array(values) for name, values in history.items()}
    fresh = TARGET.with_suffix(".new.npz")
    TARGET.with_suffix(".made.json").write_text(json.dumps(everyones_made))
    np.savez(fresh, **weights, **logs, evaluated=evaluated, predicted=predicted, alike=alike)
    fresh.replace(TARGET)
