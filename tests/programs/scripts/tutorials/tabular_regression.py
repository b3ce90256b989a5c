"""Regression with a normalizer, a table's histogram, callbacks and saving."""

import os
import tempfile

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

rng = np.random.default_rng(0)
horsepower = rng.uniform(50, 200, (80, 3)).astype("float32")
mpg = (50 - 0.15 * horsepower[:, 0] + rng.normal(0, 1, 80)).astype("float32")
normalizer = layers.Normalization(axis=-1)
normalizer.adapt(horsepower)
print(
    "mean",
    normalizer.mean.numpy().round(2).tolist()
    if hasattr(normalizer.mean, "numpy")
    else np.asarray(normalizer.mean).round(2).tolist(),
)
first = np.array(horsepower[:1])
print("normalized", np.asarray(normalizer(first)).round(2).tolist())
linear_model = keras.Sequential([normalizer, layers.Dense(units=1)])
print("output", linear_model.predict(horsepower[:10], verbose=0).shape)
linear_model.layers[1].set_weights([np.full((3, 1), 0.1), np.zeros(1)])
linear_model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.1), loss="mean_absolute_error")
folder = tempfile.mkdtemp()
callbacks = [
    keras.callbacks.ModelCheckpoint(os.path.join(folder, "best.keras"), save_best_only=True, monitor="val_loss"),
    keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=1),
    keras.callbacks.CSVLogger(os.path.join(folder, "log.csv")),
    keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print("epoch", epoch, sorted(logs))),
]
history = linear_model.fit(
    horsepower, mpg, epochs=3, verbose=0, validation_split=0.2, shuffle=False, callbacks=callbacks
)
print("loss", [round(v, 3) for v in history.history["loss"]])
print("rate", round(float(linear_model.optimizer.learning_rate), 4))
print("lines", len(open(os.path.join(folder, "log.csv")).readlines()))
reloaded = keras.models.load_model(os.path.join(folder, "best.keras"))
print("reloaded", reloaded.predict(horsepower[:2], verbose=0).shape)
schedule = keras.optimizers.schedules.InverseTimeDecay(0.001, decay_steps=100, decay_rate=1, staircase=False)
print("schedule", [round(float(schedule(s)), 6) for s in (0, 100, 300)])
print("histogram", tf.histogram_fixed_width(mpg, [10.0, 50.0], nbins=4).numpy().tolist())
