"""Write docs/saving.md: which kinds of models go between Pronghorn and Keras, in which formats, tried out here and now.

    KERAS_BACKEND=jax python docs/make_saving.py          writes the page
    KERAS_BACKEND=jax python docs/make_saving.py --check  writes nothing; exit status 1 if the page says otherwise

Each cell is a model that one library trains for two steps and saves and another loads: its predictions (within 1e-6 of
their size), how it is compiled, the optimizer's variables and the next training step must be the same.
"""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
sys.path.insert(0, str(Path(__file__).parent))

import keras
import numpy as np
from pages import write_or_check

import pronghorn

PAGE = Path(__file__).parent / "saving.md"

_HEAD = """\
# Which files go where

Made by `python docs/make_saving.py`, which tries each; do not edit. One library trains a model for two steps and saves
it, the other loads it; then the predictions (within 1e-6), what it was compiled with, the optimizer's variables and the
next training step must be the same. Keras is {version} on JAX. Besides these kinds of models, each layer and each
optimizer is tried in both directions by `tests/programs/test_files_of_parts_vs_keras.py`, and files that Keras 2 wrote
(`tests/data/keras2`) are read, with their optimizer's state, by `tests/unit/saving/test_legacy_files.py`.

What a file may not do, and how a stranger's is refused, is in `tests/unit/saving/test_loader_holes.py`.
"""


# -- kinds of models --------------------------------------------------------------------------------------------------
def sequential(k: Any) -> Any:
    """A convolutional classifier."""
    layers = k.layers
    return k.Sequential(
        [
            k.Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dense(2, kernel_regularizer=k.regularizers.L2(1e-3)),
        ]
    )


def functional(k: Any) -> Any:
    """A graph with a shortcut and functions."""
    x = k.Input((6,))
    y = k.layers.Dense(6, activation="gelu")(x)
    y = k.layers.LayerNormalization()(k.layers.Add()([x, y]) * 2.0)
    return k.Model(x, k.layers.Dense(2)(k.ops.concatenate([y, k.ops.mean(y, axis=-1, keepdims=True)], axis=-1)))


def nested(k: Any) -> Any:
    """Models in a model."""
    inner = k.Sequential([k.Input((6,)), k.layers.Dense(5, "tanh"), k.layers.BatchNormalization()], name="inner")
    x = k.Input((6,))
    y = k.layers.Dense(4, "relu")(inner(x))
    outer = k.Model(x, y, name="outer")
    z = k.Input((6,))
    return k.Model(z, k.layers.Dense(2)(outer(z)))


def shared(k: Any) -> Any:
    """A layer that is called twice."""
    a, b = k.Input((6,), name="a"), k.Input((6,), name="b")
    tower = k.layers.Dense(5, activation="tanh", name="tower")
    return k.Model([a, b], k.layers.Dense(2)(k.layers.Subtract()([tower(a), tower(b)])))


def several(k: Any) -> Any:
    """Two inputs and two outputs, by name."""
    a, b = k.Input((6,), name="a"), k.Input((5, 3), name="b")
    joined = k.layers.Concatenate()([a, k.layers.Bidirectional(k.layers.LSTM(3))(b)])
    return k.Model(
        {"a": a, "b": b}, {"p": k.layers.Dense(2, name="p")(joined), "q": k.layers.Dense(2, name="q")(joined)}
    )


def subclassed(k: Any) -> Any:
    """A registered class with a call of its own."""
    for library in (keras, pronghorn):  # a file is loaded by a program that has the class
        _class_of(library)
    model = _class_of(k)(4)
    model(np.zeros((1, 6), "float32"))
    return model


_classes: dict[str, type] = {}


def _class_of(k: Any) -> type:
    if k.__name__ not in _classes:

        @k.saving.register_keras_serializable("docs")
        class Gated(k.Model):
            def __init__(self, units: int, **kwargs: Any) -> None:
                super().__init__(**kwargs)
                self.units = units
                self.blocks = [k.layers.Dense(units), k.layers.Dense(units, activation="sigmoid")]
                self.head = k.layers.Dense(2)

            def call(self, x: Any) -> Any:
                return self.head(self.blocks[0](x) * self.blocks[1](x))

            def get_config(self) -> dict[str, Any]:
                return {**super().get_config(), "units": self.units}

        _classes[k.__name__] = Gated
    return _classes[k.__name__]


KINDS: dict[str, Callable[[Any], Any]] = {
    "Sequential": sequential,
    "functional, with functions": functional,
    "nested": nested,
    "shared layers": shared,
    "several inputs and outputs": several,
    "subclassed, registered": subclassed,
}

# Ending to the directions in which it can go.
BOTH = ("Keras to Pronghorn", "Pronghorn to Keras", "Pronghorn to itself")
FORMATS = {
    ".keras": BOTH,
    ".weights.h5": BOTH,
    ".weights.json": BOTH,
    ".safetensors": BOTH[2:],
    ".h5": BOTH,
    "JSON": BOTH,
}


# -- trying one -------------------------------------------------------------------------------------------------------
def data_for(model: Any, seed: int) -> tuple[Any, Any]:
    """Inputs and targets of a model."""
    rng = np.random.default_rng(seed)
    named = {
        "a": rng.normal(size=(4, 6)).astype("float32"),
        "b": rng.normal(size=(4, 5, 3)).astype("float32"),
    }
    y = rng.normal(size=(4, 2)).astype("float32")
    kind = model.seen_as
    if kind == "several inputs and outputs":
        return named, {"p": y, "q": -y}
    if kind == "shared layers":
        return [named["a"], -named["a"]], y
    if kind == "Sequential":
        return rng.normal(size=(4, 8, 8, 1)).astype("float32"), y
    return named["a"], y


def _labelled(model: Any, kind: str) -> Any:
    object.__setattr__(model, "seen_as", kind)
    return model


def compile_model(k: Any, model: Any) -> None:
    """Compile with what a file has to bring back."""
    loss = k.losses.MeanSquaredError()
    metrics = None if model.seen_as.startswith("several") else [k.metrics.MeanAbsoluteError(name="mae")]
    model.compile(k.optimizers.SGD(0.01, momentum=0.9), loss, metrics=metrics)


def attempt(
    kind: str, ending: str, writer: ModuleType, reader: ModuleType, folder: Path, trains: bool = True
) -> str | None:
    """Save with one library and load with another; what went wrong, or None.

    With ``trains``, the next training step must be the same, too.
    """
    model = _labelled(KINDS[kind](writer), kind)
    compile_model(writer, model)
    for seed in range(2):
        model.train_on_batch(*data_for(model, seed))
    path = str(folder / f"file{ending}")
    if ending == "JSON":
        loaded = _labelled(reader.models.model_from_json(model.to_json()), kind)
        loaded.set_weights(model.get_weights())
        return _differs(model, loaded)
    if ending in (".keras", ".h5"):
        model.save(path)
        loaded = _labelled(reader.models.load_model(path), kind)
        return _differs(model, loaded) or (_trains_otherwise(model, loaded) if trains else None)
    model.save_weights(path, **({"max_shard_size": 2000 / (1 << 30)} if ending == ".weights.json" else {}))
    loaded = _labelled(KINDS[kind](reader), kind)
    compile_model(reader, loaded)
    loaded.optimizer.build(loaded.trainable_variables)
    loaded.load_weights(path)
    return _differs(model, loaded) or _trains_otherwise(model, loaded)


def _leaves(values: Any) -> list[np.ndarray]:
    if isinstance(values, dict):
        return [leaf for key in sorted(values) for leaf in _leaves(values[key])]
    return [np.asarray(values)]


def _differs(model: Any, loaded: Any) -> str | None:
    x, _ = data_for(model, 7)
    for mine, theirs in zip(_leaves(loaded.predict(x, verbose=0)), _leaves(model.predict(x, verbose=0)), strict=True):
        if np.abs(mine - theirs).max() > 1e-6 * max(1.0, np.abs(theirs).max()):
            return f"predictions differ by {np.abs(mine - theirs).max():.1e}"
    return None


def _trains_otherwise(model: Any, loaded: Any) -> str | None:
    if not loaded.compiled or type(loaded.optimizer).__name__ != type(model.optimizer).__name__:
        return "it is not compiled as it was"
    for mine, theirs in zip(loaded.optimizer.variables, model.optimizer.variables, strict=True):
        if not np.allclose(np.asarray(mine), np.asarray(theirs), rtol=1e-6, atol=0):
            return "the optimizer's variables differ"
    logs = [m.train_on_batch(*data_for(model, 9), return_dict=True) for m in (model, loaded)]
    if set(logs[0]) != set(logs[1]):
        return f"metrics {sorted(logs[0])} became {sorted(logs[1])}"
    for mine, theirs in zip(loaded.get_weights(), model.get_weights(), strict=True):
        if not np.allclose(mine, theirs, rtol=1e-4, atol=2e-5):
            return "the next training step differs"
    return None


def try_all() -> dict[tuple[str, str, str], str]:
    """The outcome of each kind, format and direction: ``"pass"`` or what went wrong."""
    ways = {BOTH[0]: (keras, pronghorn), BOTH[1]: (pronghorn, keras), BOTH[2]: (pronghorn, pronghorn)}
    found = {}
    for kind in KINDS:
        for ending, directions in FORMATS.items():
            for way in directions:
                found[kind, ending, way] = _outcome(kind, ending, *ways[way])
    return found


def _outcome(kind: str, ending: str, writer: ModuleType, reader: ModuleType) -> str:
    if ending == ".h5" and kind.startswith("subclassed"):
        return "(2)"
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            wrong = attempt(kind, ending, writer, reader, Path(folder))
        except Exception as error:
            wrong = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:90]}"
        if wrong is None:
            return "pass"
        if reader is keras and ending == ".h5" and not _goes(kind, keras, Path(folder), trains=True):
            if _goes(kind, writer, Path(folder), trains=False):
                return "pass (1)"
            if not _goes(kind, keras, Path(folder), trains=False):
                return "(3)"
        return f"**{wrong}**"


def _goes(kind: str, writer: ModuleType, folder: Path, trains: bool) -> bool:
    """Whether Keras can read the `.h5` file of a library."""
    try:
        return attempt(kind, ".h5", writer, keras, folder, trains) is None
    except Exception:
        return False


# -- the page ---------------------------------------------------------------------------------------------------------
def page(found: dict[tuple[str, str, str], str]) -> str:
    """The page's text."""
    parts = [_HEAD.format(version=keras.__version__)]
    for way in BOTH:
        endings = [ending for ending, directions in FORMATS.items() if way in directions]
        parts.append(f"\n## {way}\n\n| model | {' | '.join(endings)} |\n|---|{'---|' * len(endings)}\n")
        for kind in KINDS:
            parts.append(f"| {kind} | {' | '.join(found[kind, ending, way] for ending in endings)} |\n")
    parts.append(
        "\nWith `mixed_float16`, Keras forgets the product of `Nadam`'s momenta; of its files we compute it, and of "
        "ours it does not\nrestore the state of that optimizer.\n"
    )
    parts.append("\n(1) Without the optimizer's state, which Keras does not restore from its own such files either.\n")
    parts.append("\n(2) The format of Keras 2 holds Sequential and functional models only; another is an error.\n")
    parts.append("\n(3) Keras cannot read such a file of its own either: it does not know functions in it.\n")
    return "".join(parts)


def main() -> int:
    """The command."""
    return write_or_check(PAGE, page(try_all()))


if __name__ == "__main__":
    sys.exit(main())
