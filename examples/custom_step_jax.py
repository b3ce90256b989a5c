"""A training step for JAX in a model's class: each sample's gradient is clipped, which `jax.vmap` makes easy.

    KERAS_BACKEND=jax pronghorn run examples/custom_step_jax.py [--epochs 4] [--images 60000]

A tenth of the labels are wrong. Clipped one by one, the samples that carry them cannot pull hard; with noise added,
such gradients would be those of private learning. `train_step(state, data)` is a pure function, so `fit` compiles it
with `jax.jit` and does the rest: batches, metrics, the progress bar, validation. Expect 97 % on the test images.
"""

import argparse

import jax
import keras
import numpy as np
from keras import layers


class Clipping(keras.Model):
    """A model whose steps bound the length of each sample's gradient."""

    longest = 1.0

    def loss_of_one(self, trainable, others, image, label):
        outputs, _ = self.stateless_call(trainable, others, image[None], training=True)
        return self.compute_loss(y=label[None], y_pred=outputs), outputs[0]

    def train_step(self, state, data):
        trainable, others, slots, counts = state
        images, labels = data
        each = jax.vmap(jax.value_and_grad(self.loss_of_one, has_aux=True), in_axes=(None, None, 0, 0))
        (losses, outputs), gradients = each(trainable, others, images, labels)

        squares = sum((g.reshape(len(g), -1) ** 2).sum(axis=1) for g in gradients)
        factors = jax.numpy.minimum(1.0, self.longest / jax.numpy.sqrt(squares))
        gradients = [jax.numpy.einsum("i,i...->...", factors, g) / len(g) for g in gradients]
        trainable, slots = self.optimizer.stateless_apply(slots, gradients, trainable)

        logs, updated = {}, []
        for metric in self.metrics:
            held = counts[len(updated) : len(updated) + len(metric.variables)]
            seen = (losses,) if metric.name == "loss" else (labels, outputs)
            held = metric.stateless_update_state(held, *seen)
            result = metric.stateless_result(held)
            logs.update(result if isinstance(result, dict) else {metric.name: result})
            updated += held
        return logs, (trainable, others, slots, updated)


def main():
    parser = argparse.ArgumentParser(description="Learn digits from labels of which some are wrong.")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--images", type=int, default=60_000)
    options = parser.parse_args()

    keras.utils.set_random_seed(0)
    (x, y), (x_test, y_test) = keras.datasets.mnist.load_data()
    x, y = x[: options.images].astype("float32") / 255, y[: options.images].astype("int32")
    x_test, y_test = x_test.astype("float32") / 255, y_test.astype("int32")
    rng = np.random.default_rng(0)
    wrong = rng.random(len(y)) < 0.1
    y = np.where(wrong, rng.integers(0, 10, len(y)), y).astype("int32")

    inputs = keras.Input((28, 28))
    hidden = layers.Dense(128, activation="relu")(layers.Flatten()(inputs))
    model = Clipping(inputs, layers.Dense(10)(hidden))
    model.compile(
        optimizer=keras.optimizers.Adam(),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(x, y, batch_size=128, epochs=options.epochs, validation_data=(x_test, y_test), verbose=2)
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"test accuracy {100 * accuracy:.2f}%")


if __name__ == "__main__":
    main()
