"""A layer, a loss and a metric of one's own: a network that knows how sure it is.

    pronghorn run examples/custom_layer_and_loss.py

The layer `Bells` answers with bell curves around centres that it learns. The loss `Quantiles` makes the network predict
not one value but three, with 10, 50 and 90 % of the data below them, so that the noise, which grows to the right, shows
as a band. The model is saved with its custom parts and loaded again. quantiles.png shows the band; expect about 80 % of
new points within.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(0)


@keras.saving.register_keras_serializable(package="examples")
class Bells(layers.Layer):
    """Bell curves: each unit answers most where its centre is, and less with the distance."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        spread = keras.initializers.RandomUniform(-1.2, 1.2, seed=1)
        self.centres = self.add_weight(shape=(input_shape[-1], self.units), initializer=spread, name="centres")
        self.sharpness = self.add_weight(shape=(self.units,), initializer="ones", name="sharpness")

    def call(self, inputs):
        apart = ops.sum(ops.square(ops.expand_dims(inputs, -1) - self.centres), axis=-2)
        return ops.exp(-8.0 * ops.softplus(self.sharpness) * apart)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(package="examples")
class Quantiles(keras.losses.Loss):
    """The pinball loss: to be above costs less than to be below where the quantile is high, and the other way round."""

    def __init__(self, quantiles, **kwargs):
        super().__init__(**kwargs)
        self.quantiles = list(quantiles)

    def call(self, y_true, y_pred):
        levels = ops.convert_to_tensor(self.quantiles, "float32")
        missing = y_true - y_pred
        return ops.mean(ops.maximum(levels * missing, (levels - 1) * missing), axis=-1)

    def get_config(self):
        return {**super().get_config(), "quantiles": self.quantiles}


@keras.saving.register_keras_serializable(package="examples")
class Coverage(keras.metrics.Metric):
    """How many points lie between the lowest and the highest quantile."""

    def __init__(self, name="coverage", **kwargs):
        super().__init__(name=name, **kwargs)
        self.inside = self.add_weight(name="inside", initializer="zeros")
        self.points = self.add_weight(name="points", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        within = ops.logical_and(y_true[:, 0] > y_pred[:, 0], y_true[:, 0] < y_pred[:, -1])
        within = ops.cast(within, "float32")
        self.inside.assign_add(ops.sum(within))
        self.points.assign_add(ops.sum(ops.ones_like(within)))

    def result(self):
        return self.inside / (self.points + 1e-7)


def measure(count, seed):
    """A wave with noise that grows from left to right."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, size=(count, 1))
    y = np.sin(5 * x) + (0.05 + 0.25 * (x + 1)) * rng.normal(size=(count, 1))
    return x.astype("float32"), y.astype("float32")


x_train, y_train = measure(4_000, seed=0)
x_test, y_test = measure(1_000, seed=1)

model = keras.Sequential([keras.Input((1,)), Bells(32), layers.Dense(3)])
rate = keras.optimizers.schedules.CosineDecay(0.02, decay_steps=15 * 63)
model.compile(keras.optimizers.Adam(rate), loss=Quantiles([0.1, 0.5, 0.9]), metrics=[Coverage()])
history = model.fit(x_train, y_train, batch_size=64, epochs=15, verbose=2)

loss, coverage = model.evaluate(x_test, y_test, batch_size=200, verbose=0)
print(f"Test loss {loss:.4f}; {coverage:.1%} of new points lie within the band, which is to hold 80 %")

model.save("quantiles.keras")
loaded = keras.models.load_model("quantiles.keras")
line = np.linspace(-1, 1, 200, dtype="float32")[:, np.newaxis]
low, middle, high = loaded.predict(line, batch_size=100, verbose=0).T
same = np.array_equal(np.stack([low, middle, high], axis=1), model.predict(line, batch_size=100, verbose=0))
print(f"Saved and loaded: the answers are {'the same' if same else 'DIFFERENT'}")
print(f"Width of the band: {high[0] - low[0]:.2f} at the left end, {high[-1] - low[-1]:.2f} at the right")

figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
axes.plot(x_test, y_test, ".", color="0.6", markersize=3, label="new points")
axes.fill_between(line[:, 0], low, high, alpha=0.3, label="10 to 90 %")
axes.plot(line, middle, label="median")
axes.set(xlabel="x", ylabel="y", title="The median, and the band for 80 % of the points")
axes.legend()
figure.savefig("quantiles.png", dpi=120)
