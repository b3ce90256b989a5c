"""A training step for PyTorch in a model's class: it learns from mixed pairs of images, with `backward()`.

    KERAS_BACKEND=torch pronghorn run examples/custom_step_torch.py [--epochs 3] [--images 60000]

Each image is blended with another one, and the labels in the same measure (mixup), by PyTorch's own functions and
distributions. `fit` gives the step tensors of PyTorch and does the rest. Expect 91 % on the test
images with `--epochs 1 --images 6400`, and more with more.
"""

import argparse

import keras
import torch
from keras import layers


class Mixing(keras.Model):
    """A model that learns from blended pairs of samples."""

    def __init__(self, *args, strength=0.2, **kwargs):
        super().__init__(*args, **kwargs)
        self.shares = torch.distributions.Beta(strength, strength)
        self.mean_loss = keras.metrics.Mean(name="mixed_loss")

    def train_step(self, data):
        images, labels = data
        share = self.shares.sample((len(images), 1))
        others = torch.randperm(len(images))
        wanted = torch.nn.functional.one_hot(labels, 10).float()
        wanted = share * wanted + (1 - share) * wanted[others]
        share = share.reshape(-1, 1, 1, 1)

        self.zero_grad()
        logits = self(share * images + (1 - share) * images[others], training=True)
        loss = torch.nn.functional.cross_entropy(logits, wanted)
        loss.backward()

        weights = self.trainable_weights
        gradients = [weight.value.grad for weight in weights]
        with torch.no_grad():
            self.optimizer.apply(gradients, weights)
        self.mean_loss.update_state(loss)
        return {"mixed_loss": self.mean_loss.result()}


def main():
    parser = argparse.ArgumentParser(description="Learn digits from blended images.")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--images", type=int, default=60_000)
    options = parser.parse_args()

    keras.utils.set_random_seed(0)
    torch.manual_seed(0)
    (x, y), (x_test, y_test) = keras.datasets.mnist.load_data()
    x, y = x[: options.images, ..., None].astype("float32") / 255, y[: options.images].astype("int64")
    x_test, y_test = x_test[..., None].astype("float32") / 255, y_test.astype("int64")

    inputs = keras.Input((28, 28, 1))
    hidden = layers.MaxPooling2D()(layers.Conv2D(16, 3, activation="relu")(inputs))
    hidden = layers.MaxPooling2D()(layers.Conv2D(32, 3, activation="relu")(hidden))
    model = Mixing(inputs, layers.Dense(10)(layers.Flatten()(hidden)))
    model.compile(
        optimizer=keras.optimizers.Adam(2e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(x, y, batch_size=64, epochs=options.epochs, verbose=2)
    scores = model.evaluate(x_test, y_test, batch_size=500, verbose=0, return_dict=True)
    print(f"test accuracy {100 * scores['accuracy']:.2f}%")


if __name__ == "__main__":
    main()
