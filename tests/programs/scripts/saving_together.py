"""What `test_mpi_faults` runs in two processes: files that the first writes, and all read at once.

usage: saving_together.py FOLDER CASE [IDLE]
"""

import os
import sys
import time
from pathlib import Path

import numpy as np

import pronghorn as keras
from pronghorn.distribution import watch

folder, case = Path(sys.argv[1]), sys.argv[2]
if case in ("first alone", "others"):  # they wait until the watch ends them
    watch.IDLE = float(sys.argv[3])
keras.distribution.initialize()
keras.distribution.set_distribution(keras.distribution.DataParallel())
first = keras.distribution.distribution().data_shard_id == 0
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
model.compile("sgd", "mse")
x = np.ones((8, 3), "float32")

if case == "load":  # the first is slow to write
    write = keras.Sequential.get_config
    if first:
        keras.Sequential.get_config = lambda self: (time.sleep(0.7), write(self))[1]
    for _ in range(3):
        model.save(folder / "model.keras")
        keras.models.load_model(folder / "model.keras")
        model.save_weights(folder / "model.weights.h5")
        model.load_weights(folder / "model.weights.h5")
        if first:
            model.save(folder / "alone.keras")  # nobody waits for it
        model.save(folder / f"of_{'first' if first else 'other'}.keras")  # the others write nothing
    model.fit(x, x[:, :2], verbose=0)
    model.save(folder / f"last_of_{'first' if first else 'other'}.keras")
    assert (folder / "alone.keras").exists()
elif case in ("no folder", "checkpoint", "backup"):
    (folder / "file").write_text("")
    callbacks = {
        "no folder": [],
        "checkpoint": [keras.callbacks.ModelCheckpoint(folder / "file" / "model.keras")],
        "backup": [keras.callbacks.BackupAndRestore(folder / "file")],
    }[case]
    try:
        model.fit(x, x[:, :2], verbose=0, callbacks=callbacks)
        model.save(folder / "file" / "model.keras")
    except OSError as error:
        print(f"error in {os.getpid()}: {type(error).__name__} {error.errno}", flush=True)
    model.fit(x, x[:, :2], verbose=0)  # they go on together
    print("went on", flush=True)
elif case == "first alone":  # a callback of one process that all have to have
    backup = [keras.callbacks.BackupAndRestore(folder / "backup")] if first else []
    model.fit(x, x[:, :2], verbose=0, epochs=3, callbacks=backup)
elif case == "checkpoint alone":
    keep = [keras.callbacks.ModelCheckpoint(folder / "model.keras")] if first else []
    model.fit(x, x[:, :2], verbose=0, epochs=3, callbacks=keep)
elif case == "others":  # what the first never writes
    if not first:
        model.save(folder / "of_others.keras")
    model.fit(x, x[:, :2], verbose=0)
