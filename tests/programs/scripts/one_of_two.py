"""One of two processes that train a model on JAX's devices of both; `test_sharding_processes.py` starts them.

Arguments: the folder for results, and what is odd about this run, or "nothing".
"""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

import pronghorn as keras
from pronghorn import distribution as D
from pronghorn import layers

folder, odd = Path(sys.argv[1]), sys.argv[2]
D.initialize()
rank = 0 if D.DataParallel().num_processes == 1 else D.DataParallel()._process_id
x = np.linspace(0, 1, 240, dtype="float32").reshape(40, 6)
if odd == "data" and rank:
    x = x[::-1].copy()


def sharded():
    layouts = D.LayoutMap(D.DeviceMesh((2, len(D.list_devices()) // 2), ["batch", "model"]))
    layouts[".*wide/kernel"] = (None, "model")
    return D.ModelParallel(layout_map=layouts, batch_dim_name="batch")


def across():
    layouts = D.LayoutMap(D.DeviceMesh((1, len(D.list_devices())), ["batch", "model"]))
    layouts[".*wide/kernel"] = (None, "model")
    return D.ModelParallel(layout_map=layouts)


class Leaves(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            time.sleep(0 if rank else 3)  # JAX aborts a process that sees the first one gone
            os._exit(3)


def backed_up(folder, callbacks):
    """The losses of four epochs, the ones of before a backup included."""
    keras.utils.set_random_seed(5)
    with across().scope():
        model = keras.Sequential(
            [keras.Input((6,)), layers.Dense(8, name="wide"), layers.Dropout(0.1), layers.Dense(4)]
        )
        model.compile("adam", "mse")
        callbacks = [keras.callbacks.BackupAndRestore(folder), *callbacks]
        return model.fit(x, x[:, :4], epochs=4, batch_size=16, verbose=0, callbacks=callbacks).history["loss"]


def run(name, distribution):
    with distribution.scope():
        model = keras.Sequential(
            [
                keras.Input((6,)),
                layers.Dense(8 + 4 * (odd == "model" and rank), use_bias=False, name="wide"),
                layers.BatchNormalization(),  # a bias before it would have gradients of rounding alone
                layers.ReLU(),
                layers.Dropout(0.2),
                layers.Dense(4),
            ]
        )
        model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
        history = model.fit(x, x[:, :4], epochs=2, batch_size=16, verbose=2 if name == "data" else 0).history
        checkpoint = keras.callbacks.ModelCheckpoint(folder / f"{name}-checkpoint.keras")
        more = model.fit(x, x[:, :4], epochs=1, batch_size=16, verbose=0, callbacks=[checkpoint]).history
        model.save(folder / f"{name}-{rank}.keras")
        return {
            "losses": history["loss"] + more["loss"],
            "mae": history["mae"],
            "prediction": float(model.predict(x, verbose=0).sum()),
            "evaluation": model.evaluate(x, x[:, :4], verbose=0),
            "parts": [list(s.data.shape) for s in model.layers[0].kernel.value.addressable_shards],
        }


if odd == "leaves":
    backed_up(folder / "backup", [Leaves()])
if odd == "goes on":
    losses = [backed_up(folder / "backup", []), backed_up(folder / "another", [])]
    (folder / f"losses-{rank}.json").write_text(json.dumps(losses))
    sys.exit()
keras.utils.set_random_seed(3)
results = {"devices": D.list_devices(), "data": run("data", D.DataParallel())}
if len(D.list_devices()) > 1:
    keras.utils.set_random_seed(3)
    results["sharded"] = run("sharded", sharded())
    keras.utils.set_random_seed(3)
    results["across"] = run("across", across())
(folder / f"results-{rank}.json").write_text(json.dumps(results))
