"""A small transformer whose weights are cut over four devices, as large ones are over GPUs or TPUs.

    KERAS_BACKEND=jax pronghorn run examples/sharded_transformer.py

It learns to write ten digits in reverse. The devices form a mesh of two by two: along one axis each batch is shared,
along the other the weights of attention, of the dense layers and of the embeddings. A map says so by the names of the
weights; nothing else in the script knows of it. Where there are fewer than four GPUs or TPUs, the processor plays four
devices. Expect nine of ten digits in place, and the same predictions from the file on one device.
"""

import os

# Before JAX looks for devices:
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=4"

import keras
import numpy as np
from keras import distribution, layers, ops

LENGTH, WIDTH, HEADS = 10, 32, 4

# 1. The devices, and where weights lie on them.

kind = None if distribution.get_device_count() >= 4 else "cpu"
devices = distribution.list_devices(kind)[:4]
mesh = distribution.DeviceMesh((2, 2), ["batch", "model"], devices)
layouts = distribution.LayoutMap(mesh)
layouts[".*digits/embeddings"] = (None, "model")
layouts[".*attention.*/(query|key|value)/kernel"] = (None, "model", None)  # each device has some of the heads
layouts[".*attention.*/attention_output/kernel"] = ("model", None, None)
layouts[".*widen.*/kernel"] = (None, "model")
layouts[".*narrow.*/kernel"] = ("model", None)
distribution.set_distribution(distribution.ModelParallel(layout_map=layouts, batch_dim_name="batch"))
print(f"Devices: {', '.join(devices)}")

# 2. The data and the model, as on one device.

keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
lists = rng.integers(0, 10, size=(6_656, LENGTH)).astype("int32")
x_train, x_test = lists[:6_400], lists[6_400:]


@keras.saving.register_keras_serializable(package="sharded")
class DigitsAndPlaces(layers.Layer):
    """The vector of a digit plus the vector of its place."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.digits = layers.Embedding(10, WIDTH, name="digits")
        self.places = layers.Embedding(LENGTH, WIDTH, name="places")

    def build(self, input_shape):
        self.digits.build(input_shape)
        self.places.build((LENGTH,))

    def call(self, inputs):
        return self.digits(inputs) + self.places(ops.arange(LENGTH))


inputs = keras.Input((LENGTH,), dtype="int32")
x = DigitsAndPlaces()(inputs)
for number in range(2):
    attended = layers.MultiHeadAttention(HEADS, WIDTH // HEADS, name=f"attention_{number}")(x, x)
    x = layers.LayerNormalization()(x + attended)
    wide = layers.Dense(2 * WIDTH, activation="gelu", name=f"widen_{number}")(x)
    x = layers.LayerNormalization()(x + layers.Dense(WIDTH, name=f"narrow_{number}")(wide))
model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x))

whole = sum(w.value.nbytes for w in model.weights)
parts = sum(w.value.addressable_shards[0].data.nbytes for w in model.weights)
print(f"Weights: {whole / 1024:.0f} KiB, of which each device holds {parts / 1024:.0f}")

# 3. The training. Each batch of 64 is two of 32.

model.compile(keras.optimizers.Adam(0.003), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, x_train[:, ::-1], batch_size=64, epochs=4, verbose=2)
loss, accuracy = model.evaluate(x_test, x_test[:, ::-1], batch_size=64, verbose=0)
print(f"{accuracy:.1%} of the digits in place")

# 4. The file holds whole weights: it is read on any number of devices, here one.

model.save("sharded_transformer.keras")
answers = model.predict(x_test, batch_size=64, verbose=0)
distribution.set_distribution(None)
single = keras.models.load_model("sharded_transformer.keras")
same = np.allclose(single.predict(x_test, batch_size=64, verbose=0), answers, atol=1e-4)
print(f"On one device, from the file: {'the same predictions' if same else 'DIFFERENT'}")
