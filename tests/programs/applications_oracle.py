"""Real Keras as the oracle of `keras.applications`.

    python applications_oracle.py table                  writes tests/data/applications.json, by real Keras
    python applications_oracle.py files NASNetLarge ...  compares files and predictions, one network at a time

The table has what follows from the arguments: how many layers and parameters there are, and what layers and weights are
called and shaped like.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np

TABLE = Path(__file__).parents[1] / "data" / "applications.json"

#: The networks, and the smallest images that they take.
NETWORKS = {
    **dict.fromkeys(("VGG16", "VGG19"), 32),
    **dict.fromkeys(("ResNet50", "ResNet101", "ResNet152", "ResNet50V2", "ResNet101V2", "ResNet152V2"), 32),
    **{"Xception": 71, "InceptionV3": 75, "InceptionResNetV2": 75},
    **dict.fromkeys(("MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large"), 32),
    **dict.fromkeys(("DenseNet121", "DenseNet169", "DenseNet201", "NASNetMobile", "NASNetLarge"), 32),
    **{f"EfficientNetB{number}": 32 for number in range(8)},
    **{f"EfficientNetV2{size}": 32 for size in ("B0", "B1", "B2", "B3", "S", "M", "L")},
    **{f"ConvNeXt{size}": 32 for size in ("Tiny", "Small", "Base", "Large", "XLarge")},
}

#: One of each family, for what depends on the arguments.
_ONE_OF_EACH = (
    *("VGG16", "ResNet50", "ResNet50V2", "Xception", "InceptionV3", "InceptionResNetV2", "MobileNet", "MobileNetV2"),
    *("MobileNetV3Small", "MobileNetV3Large", "DenseNet121", "NASNetMobile", "EfficientNetB0", "EfficientNetV2B0"),
    "ConvNeXtTiny",
)


class Case(NamedTuple):
    """A network and its arguments, beside `weights=None`."""

    network: str
    arguments: dict[str, Any]

    @property
    def title(self) -> str:
        """What the case is called in the table."""
        return " ".join([self.network, *(f"{name}={value}" for name, value in self.arguments.items())])


def cases() -> list[Case]:
    """Return every network as it is by default, and others with other arguments."""
    found = [Case(name, {}) for name in NETWORKS]
    for name in _ONE_OF_EACH:
        found += [
            Case(name, {"include_top": False}),
            Case(name, {"include_top": False, "pooling": "avg", "input_shape": (96, 96, 3)}),
            Case(name, {"include_top": False, "pooling": "max", "input_shape": (96, 128, 1)}),
        ]
        if not name.startswith("EfficientNetV2"):  # which Keras cannot call otherwise
            more = {"classes": 10, "classifier_activation": None, "name": "other", "input_shape": (128, 128, 3)}
            found.append(Case(name, more))
    found.append(Case("MobileNet", {"alpha": 0.25, "depth_multiplier": 2, "dropout": 0.3}))
    found.append(Case("MobileNet", {"alpha": 0.7, "include_top": False}))
    found += [Case("MobileNetV2", {"alpha": alpha}) for alpha in (0.35, 0.5, 0.75, 0.9, 1.3, 1.4, 2.0)]
    for size in "Small", "Large":
        more = [{"alpha": 0.75}, {"minimalistic": True}, {"alpha": 1.3, "dropout_rate": 0}]
        more.append({"include_preprocessing": False, "dropout_rate": 0.5})
        more.append({"alpha": 0.5, "include_top": False, "minimalistic": True})
        found += [Case(f"MobileNetV3{size}", arguments) for arguments in more]
    return [*found, *(Case(name, {"include_preprocessing": False}) for name in ("EfficientNetV2B0", "ConvNeXtTiny"))]


def build(library: Any, case: Case) -> Any:
    """Return the network, its kernels zero, which takes no time, named as the first one of a session."""
    library.utils.clear_session()

    def zeros(self: Any, shape: Any, dtype: Any = None, **more: Any) -> np.ndarray:
        return np.zeros(shape, dtype or "float32")

    with warnings.catch_warnings(), mock.patch.object(library.initializers.VarianceScaling, "__call__", zeros):
        warnings.simplefilter("ignore")
        return getattr(library.applications, case.network)(weights=None, **case.arguments)


def _hash(value: Any) -> str:
    return hashlib.md5(json.dumps(value).encode()).hexdigest()[:12]


#: What of a layer's configuration says how it computes.
_SETTINGS = (
    *("kernel_size", "pool_size", "strides", "padding", "cropping", "depth_multiplier", "groups", "activation", "rate"),
    *("epsilon", "momentum", "scale", "offset", "max_value", "use_bias", "keepdims"),
)


def layer_facts(kind: str, name: str, shape: Any, config: dict[str, Any]) -> list[Any]:
    """Return what is compared of a layer."""
    return [kind, name, list(shape), [config[setting] for setting in _SETTINGS if setting in config]]


def facts(model: Any) -> list[Any]:
    """Return the name, numbers of layers, weights and trainable weights; what layers and weights are, as checksums."""
    layers = [
        layer_facts(type(layer).__name__, layer.name, layer.output.shape, layer.get_config()) for layer in model.layers
    ]
    trained = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    shapes = [list(weight.shape) for weight in model.weights]
    return [model.name, len(layers), model.count_params(), trained, _hash(layers), _hash(shapes)]


def write_table() -> None:
    """Write the table, by real Keras."""
    import keras

    rows = [f"{json.dumps(case.title)}: {json.dumps(facts(build(keras, case)))}" for case in cases()]
    TABLE.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")


def randomize(model: Any, seed: int = 0) -> None:
    """Give a model weights that differ from layer to layer and keep signals of about their size."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        shape, name = tuple(weight.shape), weight.name
        if "variance" in name or "gamma" in name or name == "variable":
            value = rng.uniform(0.7, 1.3, shape)
        elif len(shape) > 1:
            fan_in = np.prod(shape[:2]) if "depthwise" in name else np.prod(shape[:-1])
            value = rng.normal(0.0, (1.5 / fan_in) ** 0.5, shape)
        elif name == "count":
            continue
        else:
            value = rng.normal(0.0, 0.1, shape)
        weight.assign(value.astype(str(weight.dtype)))


def predictions_of_keras(model: Any, images: np.ndarray) -> np.ndarray:
    """Return what a model of Keras on JAX predicts: as one program, as op by op it compiles hundreds of functions."""
    import jax

    def predict(trained: list[Any], others: list[Any], images: Any) -> Any:
        return model.stateless_call(trained, others, images, training=False)[0]

    states = [[v.value for v in group] for group in (model.trainable_variables, model.non_trainable_variables)]
    return np.asarray(jax.jit(predict)(*states, images))


def compare_files(network: str, **arguments: Any) -> dict[str, float]:
    """Save by real Keras in every format, load here, and return how far the predictions are apart, by format.

    The differences are relative to the largest of Keras's numbers. By name, the classifier is another one, and stays.
    One model of ours loads all files; between them, its weights are what they were before the first.
    """
    import h5py
    import keras
    from keras.src.legacy.saving import legacy_h5_format

    import pronghorn

    side = NETWORKS[network]
    case = Case(network, {"input_shape": (side, side, 3), "classes": 7, "classifier_activation": None, **arguments})
    images = np.random.default_rng(1).uniform(0, 255, (2, *case.arguments["input_shape"])).astype("float32")
    if network.startswith(("VGG", "ResNet", "Dense", "Xcep", "Incep", "NASNet")) or network in (
        "MobileNet",
        "MobileNetV2",
    ):
        images = images / 127.5 - 1
    theirs = build(keras, case)
    randomize(theirs)
    expected = predictions_of_keras(theirs, images)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        new, old = Path(folder) / "new.weights.h5", Path(folder) / "old.h5"
        theirs.save_weights(new)
        with h5py.File(old, "w") as file:
            legacy_h5_format.save_weights_to_hdf5_group(file, theirs)
        last = theirs.layers[-1].name if theirs.layers[-1].weights else theirs.layers[-3].name
        keras.utils.clear_session()
        del theirs
        ours = build(pronghorn, case)
        untrained = ours.get_weights()
        for title, path, options in (
            ("weights.h5", new, {}),
            ("legacy h5", old, {}),
            ("legacy h5 by name", old, {"by_name": True}),
        ):
            ours.set_weights(untrained)
            ours.load_weights(path, **options)
            found[title] = _distance(ours.predict(images, verbose=0), expected)
        other = build(pronghorn, Case(network, {**case.arguments, "classes": 5}))
        head = [weight.numpy().copy() for weight in other.get_layer(last).weights]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            other.load_weights(old, by_name=True, skip_mismatch=True)
        same = all(np.array_equal(before, after.numpy()) for before, after in zip(head, other.get_layer(last).weights))
        found["head kept"] = 0.0 if same else 1.0
    return found


def _distance(ours: Any, expected: np.ndarray) -> float:
    return float(np.abs(np.asarray(ours) - expected).max() / np.abs(expected).max())


if __name__ == "__main__":
    if sys.argv[1] == "table":
        write_table()
    for each in sys.argv[2:]:
        print(each, {title: f"{value:.1e}" for title, value in compare_files(each).items()}, flush=True)
