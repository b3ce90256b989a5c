"""Time series: windows by hand and by timeseries_dataset_from_array, a baseline and an LSTM."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

t = np.arange(200)
series = (np.sin(t / 10) + 0.1 * t / 200).astype("float32")
features = np.stack([series, np.cos(t / 10).astype("float32")], axis=1)
mean, std = features[:150].mean(0), features[:150].std(0)
features = (features - mean) / std
ds = keras.utils.timeseries_dataset_from_array(
    data=features[:-5], targets=features[14:, 0], sequence_length=10, sequence_stride=1, batch_size=32
)
for x, y in ds.take(1):
    print("batch", x.shape, y.shape, round(float(y[0]), 4))
print("batches", len(ds))


def windowed_dataset(series, window_size, batch_size):
    dataset = tf.data.Dataset.from_tensor_slices(series)
    dataset = dataset.window(window_size + 1, shift=1, drop_remainder=True)
    dataset = dataset.flat_map(lambda window: window.batch(window_size + 1))
    dataset = dataset.map(lambda window: (window[:-1], window[-1]))
    return dataset.batch(batch_size).prefetch(1)


windows = windowed_dataset(series, 20, 16)
for x, y in windows.take(1):
    print("window", x.shape, y.shape, round(float(x[0, -1]), 4), round(float(y[0]), 4))


class Baseline(keras.Model):
    def call(self, inputs):
        return inputs[:, -1, 0]


baseline = Baseline()
baseline.compile(loss=keras.losses.MeanSquaredError(), metrics=[keras.metrics.MeanAbsoluteError()])
print("baseline", [round(v, 4) for v in baseline.evaluate(ds, verbose=0)])
model = keras.Sequential([keras.Input((10, 2)), keras.layers.LSTM(8), keras.layers.Dense(1)])
rng = np.random.default_rng(0)
model.set_weights([rng.normal(0, 0.2, w.shape) for w in model.get_weights()])
early = keras.callbacks.EarlyStopping(monitor="loss", patience=2, mode="min")
model.compile(loss="mse", optimizer=keras.optimizers.Adam(0.01))
train = keras.utils.timeseries_dataset_from_array(features[:-5], features[14:, 0], 10, batch_size=32, shuffle=False)
history = model.fit(train, epochs=3, callbacks=[early], verbose=0)
print("loss", [round(v, 4) for v in history.history["loss"]])
print("forecast", model.predict(features[None, -10:], verbose=0).shape)
