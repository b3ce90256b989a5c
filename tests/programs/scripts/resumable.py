"""A training run that backs itself up; killed and started again, it ends with the same bits.

usage: resumable.py FOLDER SAVE_FREQ SECONDS_A_STEP
"""

import os
import sys
import time
from pathlib import Path

import numpy as np

import pronghorn as keras

folder, save_freq, pause = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
keras.utils.set_random_seed(3)
rng = np.random.default_rng(0)
x = rng.normal(size=(640, 20)).astype("float32")
y = (x[:, :1] > 0).astype("float32")
model = keras.Sequential(
    [
        keras.Input((20,)),
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dropout(0.3),
        keras.layers.BatchNormalization(),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])


class Pause(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        (folder / f"started{os.getpid()}").touch()
        time.sleep(pause)


folder.mkdir(exist_ok=True)
callbacks = [
    keras.callbacks.BackupAndRestore(folder / "backup", "epoch" if save_freq == "epoch" else int(save_freq)),
    keras.callbacks.EarlyStopping("loss", patience=20, restore_best_weights=True),
    keras.callbacks.ReduceLROnPlateau("loss", min_delta=0.02, patience=1, factor=0.7, cooldown=1),
    keras.callbacks.CSVLogger(folder / "log.csv", append=True),
    keras.callbacks.ModelCheckpoint(folder / "model.keras"),
    Pause(),
]
history = model.fit(x, y, batch_size=32, epochs=12, verbose=0, callbacks=callbacks)
state = [v.numpy() for v in [*model.variables, *model.optimizer.variables]]
np.savez(folder / "final.npz", *state, loss=history.history["loss"], rate=history.history["learning_rate"])
