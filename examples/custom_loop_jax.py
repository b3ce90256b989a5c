"""A loop of JAX's own trains a model: `jax.value_and_grad` through the model's call, the whole step under `jax.jit`.

    KERAS_BACKEND=jax pronghorn run examples/custom_loop_jax.py [--epochs 3] [--images 60000]

The weights, the optimizer's and the metric's state are values that the step takes and returns; the model gets them in
the end, so that `evaluate`, `predict` and saving go on as usual. Expect 98.8 % on the test images.
"""

import argparse

import jax
import keras
import numpy as np
from keras import layers


def main():
    parser = argparse.ArgumentParser(description="Train a digits model by a loop of JAX's own.")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--images", type=int, default=60_000)
    options = parser.parse_args()

    keras.utils.set_random_seed(0)
    (x, y), (x_test, y_test) = keras.datasets.mnist.load_data()
    x, y = x[: options.images, ..., None].astype("float32") / 255, y[: options.images].astype("int32")
    x_test = x_test[..., None].astype("float32") / 255

    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(10),
        ]
    )
    optimizer = keras.optimizers.Adam(2e-3)
    optimizer.build(model.trainable_variables)
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    accuracy = keras.metrics.SparseCategoricalAccuracy()

    def loss_and_updates(weights, others, counts, images, labels):
        outputs, others = model.stateless_call(weights, others, images, training=True)
        return loss_of(labels, outputs), (others, accuracy.stateless_update_state(counts, labels, outputs))

    @jax.jit
    def step(state, images, labels):
        weights, others, slots, counts = state
        differentiated = jax.value_and_grad(loss_and_updates, has_aux=True)
        (loss, (others, counts)), gradients = differentiated(weights, others, counts, images, labels)
        weights, slots = optimizer.stateless_apply(slots, gradients, weights)
        return loss, (weights, others, slots, counts)

    variables = (model.trainable_variables, model.non_trainable_variables, optimizer.variables, accuracy.variables)
    state = tuple([variable.value for variable in group] for group in variables)
    rng = np.random.default_rng(0)
    for epoch in range(options.epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x) - 63, 64):
            rows = order[start : start + 64]
            loss, state = step(state, x[rows], y[rows])
        shown = float(accuracy.stateless_result(state[3]))
        print(f"epoch {epoch + 1}: loss {float(loss):.4f}, accuracy so far {100 * shown:.1f}%")

    for group, values in zip(variables, state):
        for variable, value in zip(group, values):
            variable.assign(value)
    right = np.argmax(model.predict(x_test, batch_size=1000, verbose=0), axis=-1) == y_test
    print(f"test accuracy {100 * right.mean():.2f}%")


if __name__ == "__main__":
    main()
