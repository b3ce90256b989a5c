"""A loop of PyTorch's own trains a model: its optimizer, its loss, its data loader, and `backward()`.

    KERAS_BACKEND=torch pronghorn run examples/custom_loop_torch.py [--epochs 3] [--images 60000]

The model's weights are PyTorch's parameters, so everything else goes on as usual: `evaluate`, `predict` and saving.
Expect 98.9 % on the test images.
"""

import argparse

import keras
import numpy as np
import torch
from keras import layers


def main():
    parser = argparse.ArgumentParser(description="Train a digits model by a loop of PyTorch's own.")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--images", type=int, default=60_000)
    options = parser.parse_args()

    keras.utils.set_random_seed(0)
    torch.manual_seed(0)
    (x, y), (x_test, y_test) = keras.datasets.mnist.load_data()
    x, y = x[: options.images, ..., None].astype("float32") / 255, y[: options.images].astype("int64")
    x_test = x_test[..., None].astype("float32") / 255
    pairs = torch.utils.data.TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
    loader = torch.utils.data.DataLoader(pairs, batch_size=64, shuffle=True)

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
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    loss_of = torch.nn.CrossEntropyLoss()

    for epoch in range(options.epochs):
        total = 0.0
        for images, labels in loader:
            loss = loss_of(model(images, training=True), labels)
            model.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch + 1}: loss {total / len(loader):.4f}")

    parts = [model.predict_on_batch(x_test[i : i + 1000]) for i in range(0, len(x_test), 1000)]
    right = np.argmax(np.concatenate(parts), axis=-1) == y_test
    print(f"test accuracy {100 * right.mean():.2f}%")


if __name__ == "__main__":
    main()
