"""Anomalies in a series: a convolutional autoencoder, a threshold, and what lies above it."""

import numpy as np
from tensorflow import keras
from tensorflow.keras import layers

t = np.arange(300)
train = np.sin(t / 8).astype("float32")
test = train.copy()
test[120:130] += 2.0
mean, std = train.mean(), train.std()


def create_sequences(values, time_steps=24):
    return np.stack([values[i : i + time_steps] for i in range(len(values) - time_steps + 1)])[..., None]


x_train = create_sequences((train - mean) / std)
print("training", x_train.shape)
model = keras.Sequential(
    [
        layers.Input(shape=(x_train.shape[1], x_train.shape[2])),
        layers.Conv1D(filters=8, kernel_size=7, padding="same", strides=2, activation="relu"),
        layers.Dropout(rate=0.0),
        layers.Conv1D(filters=4, kernel_size=7, padding="same", strides=2, activation="relu"),
        layers.Conv1DTranspose(filters=4, kernel_size=7, padding="same", strides=2, activation="relu"),
        layers.Conv1DTranspose(filters=8, kernel_size=7, padding="same", strides=2, activation="relu"),
        layers.Conv1DTranspose(filters=1, kernel_size=7, padding="same"),
    ]
)
rng = np.random.default_rng(1)
model.set_weights([rng.normal(0, 0.15, w.shape) for w in model.get_weights()])
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.001), loss="mse")
history = model.fit(x_train, x_train, epochs=3, batch_size=64, shuffle=False, verbose=0)
print("loss", [round(v, 3) for v in history.history["loss"]])
pred = model.predict(x_train, verbose=0)
mae = np.mean(np.abs(pred - x_train), axis=1)
x_test = create_sequences((test - mean) / std)
test_mae = np.mean(np.abs(model.predict(x_test, verbose=0) - x_test), axis=1)
print("threshold", round(float(mae.max()), 2), "errors", test_mae.shape)
print("anomalies", bool((test_mae > mae.max()).any()))
print("layers", [layer.output.shape[1] for layer in model.layers])
