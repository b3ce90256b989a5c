"""A training step for TensorFlow in a model's class: it looks for weights around which the loss is low, too.

    KERAS_BACKEND=tensorflow pronghorn run examples/custom_step_tensorflow.py [--epochs 3] [--images 60000]

Sharpness-aware minimisation: a step up the hill of the loss, the gradient there, back, and then the optimizer's step by
that gradient. Two tapes of TensorFlow's own, and weights that are assigned inside of a `tf.function`, which `fit` makes
of the step. Expect 97 % on the test images.
"""

import argparse

import keras
import tensorflow as tf
from keras import layers


class SharpnessAware(keras.Model):
    """A model that takes its gradients a step uphill."""

    reach = 0.05

    def gradients(self, images, labels):
        with tf.GradientTape() as tape:
            logits = self(images, training=True)
            loss = self.compute_loss(y=labels, y_pred=logits)
        return loss, logits, tape.gradient(loss, self.trainable_variables)

    def train_step(self, data):
        images, labels = data
        weights = self.trainable_variables
        loss, logits, gradients = self.gradients(images, labels)
        length = tf.linalg.global_norm(gradients)
        uphill = [gradient * self.reach / (length + 1e-12) for gradient in gradients]
        for weight, step in zip(weights, uphill):
            weight.assign_add(step)
        _, _, gradients = self.gradients(images, labels)
        for weight, step in zip(weights, uphill):
            weight.assign_sub(step)
        self.optimizer.apply_gradients(zip(gradients, weights))

        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(labels, logits)
        return {metric.name: metric.result() for metric in self.metrics}


def main():
    parser = argparse.ArgumentParser(description="Learn digits with gradients from a step uphill.")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--images", type=int, default=60_000)
    options = parser.parse_args()

    keras.utils.set_random_seed(0)
    (x, y), (x_test, y_test) = keras.datasets.mnist.load_data()
    x, y = x[: options.images].astype("float32") / 255, y[: options.images].astype("int32")
    x_test, y_test = x_test.astype("float32") / 255, y_test.astype("int32")

    inputs = keras.Input((28, 28))
    hidden = layers.Dense(128, activation="relu")(layers.Flatten()(inputs))
    model = SharpnessAware(inputs, layers.Dense(10)(layers.Dropout(0.2)(hidden)))
    model.compile(
        optimizer=keras.optimizers.Adam(),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(x, y, batch_size=64, epochs=options.epochs, verbose=2)
    _, accuracy = model.evaluate(x_test, y_test, batch_size=500, verbose=0)
    print(f"test accuracy {100 * accuracy:.2f}%")


if __name__ == "__main__":
    main()
