"""Draw the pictures of the documentation into docs/pictures.

    pip install -e '.[plot]' && python docs/make_pictures.py [NAME ...]

Trains the network of the tutorial for ten epochs first, which takes a quarter of a minute on two idle cores. Pictures
are drawn on white, so that they can be read in the dark mode of the site too. Look at them after a change.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("Agg")

import matplotlib.pyplot as plt

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src")]

import graph_picture  # noqa: E402
import make_compiler  # noqa: E402

import pronghorn as keras  # noqa: E402
from pronghorn import layers  # noqa: E402

FOLDER = ROOT / "docs" / "pictures"
ORANGE = "#d9601a"
plt.rcParams.update({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "savefig.dpi": 140})


@cache
def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """MNIST as the tutorial prepares it, labels as numbers."""
    (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
    x_train, x_test = (x[..., None].astype("float32") / 255 for x in (x_train, x_test))
    return x_train, y_train, x_test, y_test


@cache
def trained() -> tuple[Any, dict[str, list[float]]]:
    """The tutorial's network after ten epochs, and its history."""
    x_train, y_train, _, _ = digits()
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x_train, y_train, batch_size=128, epochs=10, validation_split=0.1, verbose=2)
    return model, history.history


def show(ax: Any, image: np.ndarray, title: str = "", cmap: str = "gray_r") -> None:
    """One picture without axes."""
    ax.imshow(image, cmap=cmap, interpolation="nearest")
    ax.set_title(title, fontsize=10)
    ax.axis("off")


def picture_of_digits() -> Any:
    """The first training pictures."""
    x_train, y_train, _, _ = digits()
    figure, axes = plt.subplots(1, 8, figsize=(8, 1.3))
    for ax, image, label in zip(axes, x_train, y_train):
        show(ax, image[..., 0], str(label))
    return figure


def picture_of_convolution() -> Any:
    """A window of a picture, a filter, and the sum that goes into the feature map."""
    image = digits()[2][0, ..., 0]
    kernel = np.array([[-1, -1, -1], [0, 0, 0], [1, 1, 1]], "float32")
    row, column = 6, 12
    window = image[row : row + 3, column : column + 3]
    feature = np.array([[(image[i : i + 3, j : j + 3] * kernel).sum() for j in range(26)] for i in range(26)])
    figure, axes = plt.subplots(1, 4, figsize=(8.4, 2.7), width_ratios=(2, 1, 1, 2))
    show(axes[0], image, "picture, 28 x 28\n")
    axes[0].add_patch(plt.Rectangle((column - 0.5, row - 0.5), 3, 3, fill=False, edgecolor=ORANGE, linewidth=2))
    for ax, numbers, title, cmap in (
        (axes[1], window, "window", "gray_r"),
        (axes[2], kernel, "× filter", "RdBu"),
    ):
        show(ax, numbers, title, cmap)
        ax.images[0].set_clim((0, 1) if cmap == "gray_r" else (-2.5, 2.5))
        for (i, j), number in np.ndenumerate(numbers):
            dark = cmap == "gray_r" and number > 0.5
            ax.text(
                j,
                i,
                f"{number:.2f}" if 0 < number < 1 else f"{number:.0f}",
                ha="center",
                va="center",
                fontsize=8,
                color="white" if dark else "black",
            )
    show(axes[3], np.maximum(feature, 0), f"feature map, 26 x 26\nhere {feature[row, column]:.1f}")
    axes[3].add_patch(plt.Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=ORANGE, linewidth=2))
    for ax in (axes[0], axes[3]):
        rows, columns = ax.images[0].get_array().shape
        ax.add_patch(plt.Rectangle((-0.5, -0.5), columns, rows, fill=False, edgecolor="0.7", linewidth=1))
    axes[2].text(1.06, 0.5, f"= {feature[row, column]:.1f}", va="center", transform=axes[2].transAxes)
    return figure


def picture_of_training_curves() -> Any:
    """Loss and accuracy of ten epochs."""
    return keras.visualization.plot_history(trained()[1], show=False)


def picture_of_mistakes() -> Any:
    """Test pictures that are read wrongly, those first of which the network was most certain."""
    _, _, x_test, y_test = digits()
    said = trained()[0].predict(x_test, verbose=0)
    return keras.visualization.plot_predictions(x_test, said, y_test, count=8, most_wrong=True, show=False)


def picture_of_confusion() -> Any:
    """Which digits are taken for which."""
    _, _, x_test, y_test = digits()
    said = trained()[0].predict(x_test, verbose=0)
    return keras.visualization.plot_confusion_matrix(y_test, said, show=False)


def picture_of_feature_maps() -> Any:
    """What the layers make of a seven."""
    return keras.visualization.plot_feature_maps(trained()[0], digits()[2][0], count=8, show=False)


def picture_of_training_graph() -> Any:
    """The graph of a training step of one dense layer, as the compiler prints it once it is simplified."""
    text = make_compiler.graph(make_compiler.printed()["graph: train_step: simplify"])
    nodes = graph_picture.parse(text, {"0": "x", "1": "y", "2": "weights", "3": "bias", "6": "rate"})
    for node in nodes.values():
        node.origin = _ORIGINS[node.origin][0]
    graph_picture.lay_out(nodes)
    return graph_picture.draw(nodes, dict(_ORIGINS.values()))


_ORIGINS = {
    "input": ("input", "#f2f2f2"),
    "dense": ("the layer", "#cfe1f5"),
    "mean_squared_error": ("the loss", "#fde3c8"),
    "mean_squared_error (gradient)": ("the loss's gradient", "#fbd0d0"),
    "dense (gradient)": ("the layer's gradient", "#d5efd2"),
    "sgd": ("the update", "#e3d8f3"),
}
PICTURES: dict[str, Callable[[], Any]] = {
    "digits": picture_of_digits,
    "convolution": picture_of_convolution,
    "training_curves": picture_of_training_curves,
    "mistakes": picture_of_mistakes,
    "confusion": picture_of_confusion,
    "feature_maps": picture_of_feature_maps,
    "training_graph": picture_of_training_graph,
}


def main() -> int:
    """The command."""
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or PICTURES:
        figure = PICTURES[name]()
        if figure.get_layout_engine() is None:
            figure.tight_layout()
        figure.savefig(FOLDER / f"{name}.png", facecolor="white", metadata={"Software": None})
        plt.close(figure)
    return 0


if __name__ == "__main__":
    sys.exit(main())
