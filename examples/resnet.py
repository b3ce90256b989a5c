"""A residual network reads digits: deep, and still easy to train.

    pronghorn run examples/resnet.py

Each block adds what it has learnt to what came in, so that even the first of its fourteen convolutions learns from the
very first step. Batch normalisation follows each. Expect 99 % on the test images after four epochs.
"""

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(0)

# 1. The data: 20,000 digits to learn from, each also a little moved and turned, so that the network sees more.

(x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
x_train = x_train[:20_000, ..., np.newaxis].astype("float32") / 255
y_train = y_train[:20_000]
x_test = x_test[..., np.newaxis].astype("float32") / 255


# 2. The network.


def convolve(x, filters, size, strides=1):
    """A convolution, normalised."""
    x = layers.Conv2D(filters, size, strides=strides, padding="same", use_bias=False)(x)
    return layers.BatchNormalization()(x)


def block(x, filters, strides=1):
    """Two convolutions around which the input finds a way of its own."""
    y = layers.ReLU()(convolve(x, filters, 3, strides))
    y = convolve(y, filters, 3)
    if strides > 1:
        x = convolve(x, filters, 1, strides)  # the short way has to fit
    return layers.ReLU()(layers.Add()([x, y]))


inputs = keras.Input((28, 28, 1))
x = layers.RandomTranslation(0.08, 0.08)(inputs)
x = layers.RandomRotation(0.03)(x)
x = layers.ReLU()(convolve(x, 16, 3, strides=2))
for filters, strides in ((16, 1), (16, 1), (32, 2), (32, 1), (64, 2), (64, 1)):
    x = block(x, filters, strides)
x = layers.GlobalAveragePooling2D()(x)
outputs = layers.Dense(10, activation="softmax")(x)
model = keras.Model(inputs, outputs, name="resnet")

convolutions = sum(isinstance(layer, layers.Conv2D) for layer in model.layers)
print(f"{convolutions} convolutions, {model.count_params():,} weights")

# 3. The training: stochastic gradient descent, with a rate that rises for a moment and then falls slowly.

epochs, batch_size = 4, 128
steps = epochs * len(x_train) // batch_size
rate = keras.optimizers.schedules.CosineDecay(0.0, steps, warmup_target=0.1, warmup_steps=steps // 20)
optimizer = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=1e-4)
model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=batch_size, epochs=epochs, verbose=2)

# 4. The test.

loss, accuracy = model.evaluate(x_test, y_test, batch_size=250, verbose=0)
print(f"Test loss {loss:.4f}, test accuracy {accuracy:.2%}")
